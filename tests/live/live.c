// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"
#include "watched.h"

#define PATIENCE_MS 60000
#define MAX_ARGUMENTS 64
#define MIB (1UL << 20)
#define MAX_OPEN 64

/* What is open: a test that failed half-way left it so. */
static struct run *runs[MAX_OPEN];
static struct subject *subjects[MAX_OPEN];

static void remember(void **list, void *object)
{
	size_t i;

	for (i = 0; i < MAX_OPEN; i++) {
		if (!list[i]) {
			list[i] = object;
			return;
		}
	}
	fail_msg("more than %d runs or subjects at a time", MAX_OPEN);
}

static void forget(void **list, const void *object)
{
	size_t i;

	for (i = 0; i < MAX_OPEN; i++) {
		if (list[i] == object)
			list[i] = NULL;
	}
}

int live__teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < MAX_OPEN; i++)
		run__free(runs[i]);
	for (i = 0; i < MAX_OPEN; i++) {
		if (subjects[i])
			kill(subjects[i]->pid, SIGKILL);
		subject__free(subjects[i]);
	}
	machine__restore();
	return 0;
}

int live__prepare(void)
{
	const char *mmuscope = getenv("MMUSCOPE");

	if (geteuid()) {
		printf("skipped: the live tests need root\n");
		return LIVE_SKIPPED;
	}
	if (!mmuscope || access(mmuscope, X_OK)) {
		printf("skipped: $MMUSCOPE does not name the program under test\n");
		return LIVE_SKIPPED;
	}
	if (!machine__breakpoints())
		setenv(WATCHED_VARIABLE, "1", 1);
	signal(SIGPIPE, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	atexit(machine__restore);
	return 0;
}

/* --- runs --- */

/* Reads what there is. Returns its length, 0 at the end. The sign that we waited for has to come within a minute. */
static ssize_t read_patiently(int fd, void *buf, size_t size, const char *what)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	do
		n = poll(&poll_fd, 1, PATIENCE_MS);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		fail_msg("no %s within a minute", what);
	do
		n = read(fd, buf, size);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		fail_msg("read of %s: %s", what, strerror(errno));
	return n;
}

static void exec_child(const char *const *argv, const int out[2], const int err[2])
{
	static const int defaults[] = {SIGPIPE, SIGINT, SIGTERM, SIGHUP};
	size_t i;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/*
	 * As a terminal starts it; a background job of a script would have SIGINT ignored, and could not be stopped by
	 * it.
	 */
	for (i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		signal(defaults[i], SIG_DFL);
	dup2(out[1], STDOUT_FILENO);
	dup2(err[1], STDERR_FILENO);
	execvp(argv[0], (char *const *)argv);
	dprintf(STDERR_FILENO, "exec of %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static struct run *spawn(const char *const *argv)
{
	struct run *run = calloc(1, sizeof(*run));
	int out[2], err[2];

	if (!run || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		fail_msg("start of %s: %s", argv[0], strerror(errno));
	/* So that a program whose output nobody reads yet goes on all the same. */
	fcntl(out[1], F_SETPIPE_SZ, MIB);
	fcntl(err[1], F_SETPIPE_SZ, MIB);
	fflush(NULL);
	run->pid = fork();
	if (run->pid < 0)
		fail_msg("fork: %s", strerror(errno));
	if (run->pid == 0)
		exec_child(argv, out, err);
	close(out[1]);
	close(err[1]);
	run->out_fd = out[0];
	run->err_fd = err[0];
	remember((void **)runs, run);
	return run;
}

/* Cuts `line` at its spaces into argv. */
static void split(char *line, const char **argv)
{
	size_t n = 0;
	char *rest = line, *word;

	while ((word = strsep(&rest, " "))) {
		assert_true(n < MAX_ARGUMENTS);
		argv[n++] = word;
	}
	argv[n] = NULL;
}

/* Only hist samples, and so only it knows when it does. */
static bool tells_when_ready(const char *subcommand)
{
	return subcommand && (subcommand[0] == '-' || !strcmp(subcommand, "hist"));
}

struct run *run__start_argv(const char *const *arguments)
{
	const char *argv[MAX_ARGUMENTS + 4] = {getenv("MMUSCOPE")};
	size_t n = 1, i = 0;
	struct run *run;
	char option[32], byte;
	int ready[2];

	if (!tells_when_ready(arguments[0])) {
		for (; arguments[i] && n < MAX_ARGUMENTS; i++)
			argv[n++] = arguments[i];
		return spawn(argv);
	}
	if (pipe2(ready, O_CLOEXEC))
		fail_msg("pipe: %s", strerror(errno));
	fcntl(ready[1], F_SETFD, 0);
	snprintf(option, sizeof(option), "--ready-fd=%d", ready[1]);
	if (arguments[0][0] != '-')
		argv[n++] = arguments[i++];
	argv[n++] = option;
	for (; arguments[i] && n < MAX_ARGUMENTS; i++)
		argv[n++] = arguments[i];
	run = spawn(argv);
	close(ready[1]);
	run->ready = read_patiently(ready[0], &byte, 1, "ready byte") == 1;
	close(ready[0]);
	return run;
}

struct run *run__start(const char *format, ...)
{
	const char *argv[MAX_ARGUMENTS + 1];
	char line[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	split(line, argv);
	return run__start_argv(argv);
}

struct run *run__spawn(const char *format, ...)
{
	const char *argv[MAX_ARGUMENTS + 1];
	char line[4096];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	split(line, argv);
	return spawn(argv);
}

char *run__line(struct run *run)
{
	size_t length = 0, room = 0;
	char *line = NULL, byte;

	/* By single bytes: what lies behind the line stays in the pipe. */
	while (read_patiently(run->out_fd, &byte, 1, "line of output") == 1) {
		if (length + 1 >= room) {
			room = room ? room * 2 : 4096;
			line = realloc(line, room);
			assert_non_null(line);
		}
		if (byte == '\n')
			byte = '\0';
		line[length++] = byte;
		if (!byte)
			return line;
	}
	if (line)
		line[length] = '\0';
	return line;
}

void run__signal(const struct run *run, int signal_number)
{
	if (!run->ended)
		kill(run->pid, signal_number);
}

struct text {
	char *bytes;
	size_t length;
	int fd;
};

static void take_in(struct text *text)
{
	char *bytes = realloc(text->bytes, text->length + 65536 + 1);
	ssize_t n;

	assert_non_null(bytes);
	text->bytes = bytes;
	n = read(text->fd, bytes + text->length, 65536);
	if (n < 0 && errno == EINTR)
		n = 0;
	else if (n <= 0)
		text->fd = -1;
	text->length += n > 0 ? n : 0;
	bytes[text->length] = '\0';
}

/* Reads both pipes side by side to their ends: a full one must not hold up the other. */
static void collect(struct run *run)
{
	struct text out = {.fd = run->out_fd}, err = {.fd = run->err_fd};

	while (out.fd >= 0 || err.fd >= 0) {
		struct pollfd fds[2] = {{.fd = out.fd, .events = POLLIN}, {.fd = err.fd, .events = POLLIN}};
		int n = poll(fds, 2, PATIENCE_MS);

		if (n == 0)
			fail_msg("process %d: neither output nor an end within a minute", run->pid);
		if (n < 0)
			continue;
		if (fds[0].revents)
			take_in(&out);
		if (fds[1].revents)
			take_in(&err);
	}
	run->out = out.bytes ? out.bytes : strdup("");
	run->err = err.bytes ? err.bytes : strdup("");
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run__finish(struct run *run)
{
	if (run->ended)
		return exit_status(run->status);
	collect(run);
	if (run->out_fd >= 0)
		close(run->out_fd);
	close(run->err_fd);
	while (waitpid(run->pid, &run->status, 0) < 0 && errno == EINTR)
		;
	run->ended = true;
	run->json = json_loads(run->out, JSON_REJECT_DUPLICATES, NULL);
	return exit_status(run->status);
}

int run__stop(struct run *run)
{
	run__signal(run, SIGINT);
	return run__finish(run);
}

void run__free(struct run *run)
{
	if (!run)
		return;
	if (!run->ended) {
		kill(run->pid, SIGKILL);
		waitpid(run->pid, &run->status, 0);
		if (run->out_fd >= 0)
			close(run->out_fd);
		close(run->err_fd);
	}
	forget((void **)runs, run);
	json_decref(run->json);
	free(run->out);
	free(run->err);
	free(run);
}

struct run *run__complete(int status, const char *format, ...)
{
	const char *argv[MAX_ARGUMENTS + 1];
	char line[4096];
	struct run *run;
	va_list args;
	int got;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	split(line, argv);
	run = run__start_argv(argv);
	got = run__finish(run);
	if (got != status)
		fail_msg("mmuscope %s …: status %d, not %d: %s%s", argv[0], got, status, run->err, run->out);
	return run;
}

/* --- subjects --- */

struct command {
	subject_fn fn;
	uint64_t a, b;
};

static void run_subject(int command_fd, int result_fd)
{
	struct command command;
	uint64_t result;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	machine__forget();
	while (read(command_fd, &command, sizeof(command)) == sizeof(command)) {
		result = command.fn(command.a, command.b);
		if (write(result_fd, &result, sizeof(result)) != sizeof(result))
			break;
	}
	_exit(0);
}

struct subject *subject__new(void)
{
	struct subject *subject = calloc(1, sizeof(*subject));
	int command[2], result[2];

	if (!subject || pipe2(command, O_CLOEXEC) || pipe2(result, O_CLOEXEC))
		fail_msg("subject: %s", strerror(errno));
	fflush(NULL);
	subject->pid = fork();
	if (subject->pid < 0)
		fail_msg("fork of a subject: %s", strerror(errno));
	if (subject->pid == 0) {
		close(command[1]);
		close(result[0]);
		run_subject(command[0], result[1]);
	}
	close(command[0]);
	close(result[1]);
	subject->command_fd = command[1];
	subject->result_fd = result[0];
	remember((void **)subjects, subject);
	return subject;
}

void subject__begin(struct subject *subject, subject_fn fn, uint64_t a, uint64_t b)
{
	struct command command = {.fn = fn, .a = a, .b = b};

	if (write(subject->command_fd, &command, sizeof(command)) != sizeof(command))
		fail_msg("subject %d is gone", subject->pid);
}

uint64_t subject__result(struct subject *subject)
{
	uint64_t result = 0;

	if (read_patiently(subject->result_fd, &result, sizeof(result), "answer of a subject") != sizeof(result))
		fail_msg("subject %d ended instead of answering", subject->pid);
	return result;
}

uint64_t subject__call(struct subject *subject, subject_fn fn, uint64_t a, uint64_t b)
{
	subject__begin(subject, fn, a, b);
	return subject__result(subject);
}

void subject__free(struct subject *subject)
{
	char byte;

	if (!subject)
		return;
	close(subject->command_fd);
	/* The end of its answers is the end of its life; one that is stuck is killed. */
	if (poll(&(struct pollfd){.fd = subject->result_fd, .events = POLLIN}, 1, PATIENCE_MS) != 1 ||
	    read(subject->result_fd, &byte, 1) > 0)
		kill(subject->pid, SIGKILL);
	waitpid(subject->pid, NULL, 0);
	close(subject->result_fd);
	forget((void **)subjects, subject);
	free(subject);
}

int64_t smaps__kb(pid_t pid, uint64_t addr, const char *field)
{
	size_t length = strlen(field);
	int64_t kb = -ENOENT;
	uint64_t start, end;
	char path[64], line[512];
	bool inside = false;
	FILE *smaps;

	snprintf(path, sizeof(path), "/proc/%d/smaps", pid);
	smaps = fopen(path, "re");
	if (!smaps)
		return -errno;
	while (kb < 0 && fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			inside = addr >= start && addr < end;
		else if (inside && !strncmp(line, field, length) && line[length] == ':')
			kb = strtoll(line + length + 1, NULL, 10);
	}
	fclose(smaps);
	return kb;
}

static uint64_t map_at(uint64_t addr, uint64_t bytes, int flags)
{
	void *at = mmap((void *)addr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	return at == MAP_FAILED ? (uint64_t)-errno : (uint64_t)at;
}

/* Aligned to 2M: a reserve of that much more, and the mapping in its midst. */
static uint64_t map_aligned(uint64_t bytes)
{
	uint64_t at = map_at(0, bytes + 4 * MIB, MAP_NORESERVE);

	if (subject_failed(at))
		return at;
	munmap((void *)at, bytes + 4 * MIB);
	return map_at((at + 2 * MIB) & ~(2 * MIB - 1), bytes, MAP_FIXED_NOREPLACE);
}

uint64_t subject_map(uint64_t kind, uint64_t bytes)
{
	uint64_t addr = 0, i;

	switch ((enum subject_memory)kind) {
	case MEMORY_4K:
	case MEMORY_THP:
		addr = map_aligned(bytes);
		if (!subject_failed(addr) &&
		    madvise((void *)addr, bytes, kind == MEMORY_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
			return -errno;
		break;
	case MEMORY_HUGE2M:
		addr = map_at(0, bytes, MAP_HUGETLB | 21 << MAP_HUGE_SHIFT);
		break;
	case MEMORY_HUGE1G:
		addr = map_at(0, bytes, MAP_HUGETLB | 30 << MAP_HUGE_SHIFT);
		break;
	}
	if (subject_failed(addr))
		return addr;
	for (i = 0; i < bytes; i += 4096)
		*(volatile uint64_t *)(addr + i) = i + 1;
	if (kind == MEMORY_THP && smaps__kb(getpid(), addr, "AnonHugePages") != (int64_t)(bytes >> 10))
		return -EAGAIN;
	return addr;
}

int (*subject_around_read)(void);

uint64_t subject_read(uint64_t addr, uint64_t n)
{
	int err = 0;

	while (n-- && !err) {
		if (subject_around_read)
			err = subject_around_read();
		(void)*(volatile uint64_t *)addr;
		if (subject_around_read && !err)
			err = subject_around_read();
	}
	return (uint64_t)(int64_t)err;
}

uint64_t subject_write(uint64_t addr, uint64_t n)
{
	while (n--)
		*(volatile uint64_t *)addr = n;
	return 0;
}

static void *read_as_told(void *told)
{
	const struct command *command = told;

	return (void *)subject_read(command->a, command->b);
}

uint64_t subject_read_in_thread(uint64_t addr, uint64_t n)
{
	struct command command = {.a = addr, .b = n};
	pthread_t thread;
	void *result = NULL;
	int err = pthread_create(&thread, NULL, read_as_told, &command);

	if (!err)
		err = pthread_join(thread, &result);
	return err ? (uint64_t)-err : (uint64_t)result;
}

uint64_t subject_read_in_child(uint64_t addr, uint64_t n)
{
	pid_t pid = fork();
	int status = 0;

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(subject_read(addr, n) != 0);
	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return status ? (uint64_t)-ECHILD : 0;
}
