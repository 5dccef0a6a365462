// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Settings of the machine, put back when the test program ends: by itself, or, when it was killed, by a guardian
 * process that waits for that.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"

#define MAX_UNDO 64

enum undo_kind { UNDO_NONE, UNDO_WRITE, UNDO_UNLINK, UNDO_SWAPOFF };

struct undo {
	enum undo_kind kind;
	char path[192];
	char value[64];
};

/* Shared with the guardian, a process that puts everything back when this one ends without having done so. */
struct undo_list {
	volatile unsigned int n;
	struct undo undo[MAX_UNDO];
};

static struct undo_list *undo_list;
static pid_t guardian;
static int guardian_fd = -1; /* the guardian waits for its other end to close */
static int lock_fd = -1;     /* one test at a time changes the machine */

static int write_file(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return -errno;
	n = write(fd, value, strlen(value));
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

/* The setting, or its chosen word where it shows all in the manner of "always [madvise] never". */
static int read_setting(const char *path, char *value, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *open_bracket, *close_bracket;
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, value, size - 1);
	close(fd);
	if (n < 0)
		return -EIO;
	value[n] = '\0';
	value[strcspn(value, "\n")] = '\0';
	open_bracket = strchr(value, '[');
	close_bracket = open_bracket ? strchr(open_bracket, ']') : NULL;
	if (close_bracket) {
		*close_bracket = '\0';
		memmove(value, open_bracket + 1, close_bracket - open_bracket);
	}
	return 0;
}

static void undo_all(void)
{
	while (undo_list && undo_list->n) {
		const struct undo *undo = &undo_list->undo[undo_list->n - 1];

		if (undo->kind == UNDO_WRITE && write_file(undo->path, undo->value))
			fprintf(stderr, "cannot put %s back to %s\n", undo->path, undo->value);
		if (undo->kind == UNDO_SWAPOFF)
			swapoff(undo->path); /* EINVAL where it never came so far that it was swapped on */
		if (undo->kind == UNDO_SWAPOFF || undo->kind == UNDO_UNLINK)
			unlink(undo->path);
		undo_list->n--;
	}
}

static void run_guardian(int fd)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	char byte;
	size_t i;

	setsid();
	for (i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	undo_all();
	_exit(0);
}

static void start_guardian(void)
{
	int fds[2];

	if (guardian_fd >= 0)
		return;
	lock_fd = open("/sys/kernel/mm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock_fd < 0 || flock(lock_fd, LOCK_EX))
		fail_msg("lock of /sys/kernel/mm: %s", strerror(errno));
	undo_list = mmap(NULL, sizeof(*undo_list), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (undo_list == MAP_FAILED || pipe2(fds, O_CLOEXEC))
		fail_msg("guardian: %s", strerror(errno));
	fflush(NULL);
	guardian = fork();
	if (guardian < 0)
		fail_msg("fork of the guardian: %s", strerror(errno));
	if (guardian == 0) {
		close(fds[1]);
		run_guardian(fds[0]);
	}
	close(fds[0]);
	guardian_fd = fds[1];
}

void machine__forget(void)
{
	if (guardian_fd >= 0)
		close(guardian_fd);
	if (lock_fd >= 0)
		close(lock_fd);
	guardian_fd = lock_fd = -1;
	undo_list = NULL;
}

static void undo_later(enum undo_kind kind, const char *path, const char *value)
{
	struct undo *undo;

	start_guardian();
	if (undo_list->n == MAX_UNDO)
		fail_msg("more than %d settings to put back", MAX_UNDO);
	undo = &undo_list->undo[undo_list->n];
	undo->kind = kind;
	snprintf(undo->path, sizeof(undo->path), "%s", path);
	snprintf(undo->value, sizeof(undo->value), "%s", value);
	undo_list->n++;
}

int machine__set(const char *path, const char *value)
{
	char old[256];
	int err;

	start_guardian(); /* it holds the lock: read no value that another test is about to put back */
	err = read_setting(path, old, sizeof(old));
	if (err)
		return err;
	undo_later(UNDO_WRITE, path, old);
	return write_file(path, value);
}

static long hugepages_number(uint64_t bytes, const char *name)
{
	char path[128], value[64];

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s", bytes >> 10, name);
	return read_setting(path, value, sizeof(value)) ? -1 : strtol(value, NULL, 10);
}

int machine__hugepages(uint64_t bytes, unsigned int n)
{
	char path[128], value[32];
	long free_pages, reserved, total;
	int err;

	start_guardian();
	free_pages = hugepages_number(bytes, "free_hugepages");
	reserved = hugepages_number(bytes, "resv_hugepages");
	total = hugepages_number(bytes, "nr_hugepages");
	if (free_pages < 0 || reserved < 0 || total < 0)
		return -ENOENT;
	if (free_pages - reserved >= (long)n)
		return 0;
	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages", bytes >> 10);
	snprintf(value, sizeof(value), "%ld", total + n - (free_pages - reserved));
	err = machine__set(path, value);
	if (!err && hugepages_number(bytes, "free_hugepages") - hugepages_number(bytes, "resv_hugepages") < (long)n)
		err = -ENOMEM;
	return err;
}

void machine__unlink_later(const char *path)
{
	undo_later(UNDO_UNLINK, path, "");
}

void machine__swapoff_later(const char *path)
{
	undo_later(UNDO_SWAPOFF, path, "");
}

void machine__restore(void)
{
	undo_all();
	if (guardian_fd >= 0) {
		close(guardian_fd);
		waitpid(guardian, NULL, 0);
	}
	if (lock_fd >= 0)
		close(lock_fd);
	if (undo_list)
		munmap(undo_list, sizeof(*undo_list));
	guardian_fd = lock_fd = -1;
	undo_list = NULL;
}

bool machine__breakpoints(void)
{
	static volatile uint64_t word;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_W,
		.bp_addr = (uint64_t)&word,
		.bp_len = HW_BREAKPOINT_LEN_8,
		.exclude_kernel = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	uint64_t count = 0;

	word = 1;
	if (fd >= 0 && read(fd, &count, sizeof(count)) != sizeof(count))
		count = 0;
	if (fd >= 0)
		close(fd);
	return count == 1;
}

void machine__need_breakpoints(const char *what)
{
	if (machine__breakpoints())
		return;
	print_message("skipped: %s (no debug register of this machine reports anything)\n", what);
	skip();
}

bool machine__has_1g(void)
{
	return !access("/sys/kernel/mm/hugepages/hugepages-1048576kB", F_OK);
}

void machine__need_1g(const char *what)
{
	if (machine__has_1g())
		return;
	print_message("skipped: %s (the processor has no pages of 1G)\n", what);
	skip();
}

bool machine__has(const char *program)
{
	const char *path = getenv("PATH");
	char file[512];
	size_t length;

	for (; path && *path; path += length + (path[length] == ':')) {
		length = strcspn(path, ":");
		snprintf(file, sizeof(file), "%.*s/%s", (int)length, path, program);
		if (!access(file, X_OK))
			return true;
	}
	return false;
}
