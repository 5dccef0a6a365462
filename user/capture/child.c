// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/child.h"
#include "support/error.h"
#include "support/log.h"

#define PATIENCE_MS 2000 /* for COMMAND to end */

struct child {
	char **command;
	pid_t pid;
	int pidfd;
	int go_fd;    /* a byte here lets the child exec */
	int error_fd; /* the child writes errno here when exec fails; close-on-exec ends it otherwise */
	bool started;
	bool reaped;
	int status;
};

/*
 * Runs in the child. Signals need no care: exec turns handlers into the default action, and what was ignored on purpose
 * (nohup) stays ignored. The parent's death before the start must not leave it waiting for ever: read() then returns 0.
 */
static void run_child(char **command, int go_fd, int error_fd)
{
	char byte;
	int err;

	if (read(go_fd, &byte, 1) != 1)
		_exit(127);
	execvp(command[0], command);
	err = errno;
	if (write(error_fd, &err, sizeof(err)) != sizeof(err))
		_exit(126);
	_exit(127);
}

static int fork_child(struct child *child)
{
	int go[2] = {-1, -1}, error[2] = {-1, -1};

	if (pipe2(go, O_CLOEXEC) || pipe2(error, O_CLOEXEC))
		goto fail;
	child->pid = fork();
	if (child->pid < 0)
		goto fail;
	if (child->pid == 0) {
		close(go[1]);
		close(error[0]);
		run_child(child->command, go[0], error[1]);
	}
	close(go[0]);
	close(error[1]);
	child->go_fd = go[1];
	child->error_fd = error[0];
	child->pidfd = syscall(SYS_pidfd_open, child->pid, 0);
	if (child->pidfd < 0)
		return error__last();
	fcntl(child->pidfd, F_SETFD, FD_CLOEXEC);
	return 0;
fail:
	child->pid = -1;
	if (go[0] >= 0) {
		close(go[0]);
		close(go[1]);
	}
	if (error[0] >= 0) {
		close(error[0]);
		close(error[1]);
	}
	return error__last();
}

struct child *child__new(char **command)
{
	struct child *child = calloc(1, sizeof(*child));
	int err;

	if (!child) {
		log_error("%s: %s", command[0], log__errstr(ENOMEM));
		return NULL;
	}
	child->command = command;
	child->go_fd = child->error_fd = child->pidfd = -1;
	err = fork_child(child);
	if (err) {
		log_error("%s: cannot fork: %s", command[0], log__errstr(err));
		child__free(child);
		errno = -err;
		return NULL;
	}
	return child;
}

/* No run of ours, however it ended, leaves its COMMAND behind, unless that refuses to go. */
static void end_command(struct child *child)
{
	struct pollfd exited = {.fd = child->pidfd, .events = POLLIN};

	if (!child->started || child->reaped)
		return;
	child__terminate(child);
	if (poll(&exited, 1, PATIENCE_MS) > 0)
		waitpid(child->pid, NULL, 0);
	else
		log_warn("%s does not end when asked to (SIGTERM), and runs on as process %d", child->command[0],
			 (int)child->pid);
}

void child__free(struct child *child)
{
	if (!child)
		return;
	if (child->go_fd >= 0)
		close(child->go_fd);
	if (child->pid > 0 && !child->started) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	end_command(child);
	if (child->error_fd >= 0)
		close(child->error_fd);
	if (child->pidfd >= 0)
		close(child->pidfd);
	free(child);
}

pid_t child__pid(const struct child *child)
{
	return child->pid;
}

int child__pidfd(const struct child *child)
{
	return child->pidfd;
}

int child__start(struct child *child)
{
	ssize_t n;
	int err = 0;

	if (write(child->go_fd, "", 1) != 1) {
		err = error__last();
		log_error("%s: ended before it was started: %s", child->command[0], log__errstr(err));
		return err;
	}
	do
		n = read(child->error_fd, &err, sizeof(err));
	while (n < 0 && errno == EINTR);
	if (n == sizeof(err)) {
		log_error("%s: %s; give a command that can be run, or its path", child->command[0], log__errstr(err));
		return -err;
	}
	child->started = true;
	return 0;
}

bool child__reap(struct child *child, int *status)
{
	if (!child->reaped && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->reaped = true;
	*status = child->status;
	return child->reaped;
}

void child__terminate(struct child *child)
{
	if (child->started && !child->reaped)
		kill(child->pid, SIGTERM);
}
