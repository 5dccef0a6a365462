// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "stderr_capture.h"
#include "wrap.h"

#define MAX_FDS 4096
#define MAX_LIVE 65536
#define MAX_PLANS 8
#define MAX_FILES 16
#define MAX_KINDS 8
#define MAX_CALLS 5000 /* no scenario is as long as that: one that does not end is an error of its own */

char wrap_messages[1 << 16];
int wrap_n_messages;

struct plan {
	enum wrap_call call;
	unsigned int nth;
	int err;
};

static const struct {
	const char *name;
	int err;
} calls[WRAP_COUNT] = {
#define WRAP_ROW(call, name, err) [WRAP_##call] = {name, err},
	WRAP_CALLS(WRAP_ROW)
#undef WRAP_ROW
};

static struct {
	bool on;
	unsigned int n[WRAP_COUNT];
	unsigned int n_all;
	unsigned int any; /* fail_any */
	struct plan plans[MAX_PLANS];
	size_t n_plans;
	bool failed;
	char what[512];
	int failed_errno;
	bool failed_optional;
	int optional;
	unsigned int bad_closes;
	bool open_before[MAX_FDS];
	void *live[MAX_LIVE];
	size_t n_live;
	struct {
		const char *kind;
		int n;
	} notes[MAX_KINDS];
} state;

static struct {
	const char *path;
	const char *text; /* of a file, or the other path of a directory */
} files[MAX_FILES];
static size_t n_files;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *memory);
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__real_fdopen(int fd, const char *mode);
DIR *__real_opendir(const char *path);
FILE *__real_setmntent(const char *path, const char *mode);
int __real_pipe2(int fds[2], int flags);
pid_t __real_fork(void);
int __real_epoll_create1(int flags);
int __real_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __real_sigaction(int number, const struct sigaction *action, struct sigaction *old);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__wrap_fdopen(int fd, const char *mode);
DIR *__wrap_opendir(const char *path);
FILE *__wrap_setmntent(const char *path, const char *mode);
int __wrap_pipe2(int fds[2], int flags);
pid_t __wrap_fork(void);
int __wrap_epoll_create1(int flags);
int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event);
int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old);

static void list_open(bool is_open[MAX_FDS])
{
	DIR *dir = __real_opendir("/proc/self/fd");
	struct dirent *entry;

	memset(is_open, 0, MAX_FDS * sizeof(*is_open));
	while (dir && (entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (entry->d_name[0] != '.' && fd < MAX_FDS && fd != dirfd(dir))
			is_open[fd] = true;
	}
	if (dir)
		closedir(dir);
}

void wrap__begin(void)
{
	memset(&state, 0, sizeof(state));
	list_open(state.open_before);
	state.on = true;
}

const char *wrap__end(void)
{
	static char complaint[256];
	static bool is_open[MAX_FDS];
	size_t i;
	int fd;

	state.on = false;
	complaint[0] = '\0';
	list_open(is_open);
	for (fd = 0; fd < MAX_FDS; fd++) {
		if (is_open[fd] && !state.open_before[fd])
			snprintf(complaint, sizeof(complaint), "descriptor %d is still open", fd);
		if (!is_open[fd] && state.open_before[fd])
			snprintf(complaint, sizeof(complaint), "descriptor %d of the test was closed", fd);
	}
	if (state.n_live)
		snprintf(complaint, sizeof(complaint), "%zu allocations are left", state.n_live);
	if (state.bad_closes)
		snprintf(complaint, sizeof(complaint), "%u descriptors were closed that are not open",
			 state.bad_closes);
	for (i = 0; i < MAX_KINDS && state.notes[i].kind; i++) {
		if (state.notes[i].n)
			snprintf(complaint, sizeof(complaint), "%d of %s are left", state.notes[i].n,
				 state.notes[i].kind);
	}
	state.n_live = 0;
	return complaint[0] ? complaint : NULL;
}

void wrap__fail(enum wrap_call call, unsigned int nth, int err)
{
	assert_true(state.n_plans < MAX_PLANS);
	state.plans[state.n_plans++] = (struct plan){call, state.n[call] + nth, err};
}

void wrap__fail_any(unsigned int nth)
{
	state.any = state.n_all + nth;
}

unsigned int wrap__calls(enum wrap_call call)
{
	return state.n[call];
}

const char *wrap__failed(void)
{
	return state.failed ? state.what : NULL;
}

void wrap__optional(int step)
{
	state.optional += step;
}

void wrap__file(const char *path, const char *text)
{
	assert_true(n_files < MAX_FILES);
	files[n_files].path = path;
	files[n_files++].text = text;
}

void wrap__directory(const char *path, const char *other)
{
	wrap__file(path, other);
}

void wrap__forget_files(void)
{
	n_files = 0;
}

int wrap__enter(enum wrap_call call, const char *what)
{
	int err = 0;
	size_t i;

	if (!state.on)
		return 0;
	state.n[call]++;
	state.n_all++;
	if (state.any && state.n_all == state.any)
		err = calls[call].err;
	for (i = 0; i < state.n_plans && !err; i++) {
		if (state.plans[i].call == call && state.plans[i].nth == state.n[call])
			err = state.plans[i].err;
	}
	if (!err)
		return 0;
	state.failed = true;
	state.failed_errno = err;
	state.failed_optional = state.optional > 0;
	if (what)
		snprintf(state.what, sizeof(state.what), "%s %s", calls[call].name, what);
	else
		snprintf(state.what, sizeof(state.what), "%s #%u", calls[call].name, state.n[call]);
	errno = err;
	return err;
}

void wrap__note(const char *kind, int n)
{
	size_t i;

	if (!state.on)
		return;
	for (i = 0; i < MAX_KINDS; i++) {
		if (!state.notes[i].kind)
			state.notes[i].kind = kind;
		if (!strcmp(state.notes[i].kind, kind)) {
			state.notes[i].n += n;
			return;
		}
	}
}

static void *keep(void *memory)
{
	if (state.n_live == MAX_LIVE)
		wrap__broken("more allocations than can be watched");
	if (state.on && memory)
		state.live[state.n_live++] = memory;
	return memory;
}

static bool forget(const void *memory)
{
	size_t i;

	for (i = state.n_live; i-- > 0;) {
		if (state.live[i] == memory) {
			state.live[i] = state.live[--state.n_live];
			return true;
		}
	}
	return false;
}

void *__wrap_malloc(size_t size)
{
	return wrap__enter(WRAP_MALLOC, NULL) ? NULL : keep(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return wrap__enter(WRAP_CALLOC, NULL) ? NULL : keep(__real_calloc(n, size));
}

static void *replace(void *old, void *grown)
{
	/* What was there before wrap__begin() stays unwatched. */
	if (grown && (!old || forget(old)))
		keep(grown);
	return grown;
}

void *__wrap_realloc(void *old, size_t size)
{
	return wrap__enter(WRAP_REALLOC, NULL) ? NULL : replace(old, __real_realloc(old, size));
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
	return wrap__enter(WRAP_REALLOCARRAY, NULL) ? NULL : replace(old, __real_reallocarray(old, n, size));
}

char *__wrap_strdup(const char *text)
{
	return wrap__enter(WRAP_STRDUP, NULL) ? NULL : keep(__real_strdup(text));
}

void __wrap_free(void *memory)
{
	if (memory)
		forget(memory);
	__real_free(memory);
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	int mode = 0;

	if (flags & O_CREAT) {
		va_start(args, flags);
		mode = va_arg(args, int);
		va_end(args);
	}
	return wrap__enter(WRAP_OPEN, path) ? -1 : __real_open(path, flags, mode);
}

int __wrap_close(int fd)
{
	int ret = __real_close(fd);

	if (ret && state.on)
		state.bad_closes++;
	return ret;
}

static bool find_file(const char *path, const char **text)
{
	size_t i;

	for (i = n_files; i-- > 0;) {
		if (!strcmp(files[i].path, path)) {
			*text = files[i].text;
			return true;
		}
	}
	return false;
}

/* The text as a stream, or NULL with ENOENT. */
static FILE *open_text(const char *text)
{
	if (!text) {
		errno = ENOENT;
		return NULL;
	}
	return fmemopen((char *)(uintptr_t)text, strlen(text), "r");
}

FILE *__wrap_fopen(const char *path, const char *mode)
{
	const char *text;

	if (wrap__enter(WRAP_FOPEN, path))
		return NULL;
	return find_file(path, &text) ? open_text(text) : __real_fopen(path, mode);
}

FILE *__wrap_fdopen(int fd, const char *mode)
{
	return wrap__enter(WRAP_FDOPEN, NULL) ? NULL : __real_fdopen(fd, mode);
}

DIR *__wrap_opendir(const char *path)
{
	const char *other;

	if (wrap__enter(WRAP_OPENDIR, path))
		return NULL;
	return __real_opendir(find_file(path, &other) ? other : path);
}

FILE *__wrap_setmntent(const char *path, const char *mode)
{
	const char *text;

	if (wrap__enter(WRAP_SETMNTENT, path))
		return NULL;
	return find_file(path, &text) ? open_text(text) : __real_setmntent(path, mode);
}

int __wrap_pipe2(int fds[2], int flags)
{
	return wrap__enter(WRAP_PIPE2, NULL) ? -1 : __real_pipe2(fds, flags);
}

pid_t __wrap_fork(void)
{
	pid_t pid = wrap__enter(WRAP_FORK, NULL) ? -1 : __real_fork();

	/* The child's calls do not fail. Not all are ours: gcov writes its counts before exec. */
	if (pid == 0)
		state.on = false;
	return pid;
}

int __wrap_epoll_create1(int flags)
{
	return wrap__enter(WRAP_EPOLL_CREATE1, NULL) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int epoll_fd, int op, int fd, struct epoll_event *event)
{
	return wrap__enter(WRAP_EPOLL_CTL, NULL) ? -1 : __real_epoll_ctl(epoll_fd, op, fd, event);
}

int __wrap_sigaction(int number, const struct sigaction *action, struct sigaction *old)
{
	return wrap__enter(WRAP_SIGACTION, NULL) ? -1 : __real_sigaction(number, action, old);
}

/* Children that are left: 0 none, 1 one that runs, 2 one that nobody waited for. Reaps it. */
static int reap_children(void)
{
	pid_t pid = waitpid(-1, NULL, WNOHANG);

	if (pid < 0)
		return 0;
	if (pid > 0)
		return 2;
	waitpid(-1, NULL, 0);
	return 1;
}

static struct stderr_capture capture;
static const char *leaks;
static int children;

void wrap__broken(const char *what)
{
	dprintf(capture.saved, "wrapped call: %s\n", what);
	_exit(EXIT_FAILURE);
}

/* gcov, before the exec of a COMMAND, of counts that an older build has left: "libgcov profiling error: …", a write each. */
static void drop_profiling_messages(void)
{
	char *line, *end;

	while ((line = strstr(wrap_messages, "libgcov profiling error:")) &&
	       (line == wrap_messages || line[-1] == '\n')) {
		end = strchr(line, '\n');
		if (end)
			memmove(line, end + 1, strlen(end + 1) + 1);
		else
			*line = '\0';
		wrap_n_messages--;
	}
}

static int run_watched(int (*run)(void), unsigned int any, void (*told)(void))
{
	int result;

	stderr_capture__begin(&capture);
	wrap__begin();
	if (any)
		wrap__fail_any(any);
	if (told)
		told();
	result = run();
	leaks = wrap__end();
	children = reap_children();
	wrap_n_messages = stderr_capture__end(&capture, wrap_messages, sizeof(wrap_messages));
	drop_profiling_messages();
	return result;
}

int wrap__run(int (*run)(void), void (*told)(void))
{
	int result = run_watched(run, 0, told);

	if (leaks)
		fail_msg("%s; messages:\n%s", leaks, wrap_messages);
	return result;
}

static bool is_harmless(const struct wrap_scenario *scenario, const char *what)
{
	return state.failed_optional || (scenario->is_harmless && scenario->is_harmless(what));
}

/* What is wrong with the end of a run in which `what` failed; NULL for nothing. */
static const char *judge(const struct wrap_scenario *scenario, const char *what, int result)
{
	const char *name = strerrorname_np(state.failed_errno);

	if (leaks)
		return leaks;
	if (children && !scenario->leaves_child)
		return "a child is left behind";
	if (is_harmless(scenario, what))
		return result ? "a run that can do without it failed" : NULL;
	if (!result)
		return "the run went on as if nothing had happened";
	if (result < 0 && result != -state.failed_errno)
		return "the errno is another one";
	if (wrap_n_messages != 1)
		return wrap_n_messages ? "there is more than one message" : "there is no message";
	if (strncmp(wrap_messages, "mmuscope: ", 10))
		return "the message is not one of ours";
	if (!strstr(wrap_messages, name) && !(scenario->has_own_words && scenario->has_own_words(what)))
		return "the message does not name the errno";
	return NULL;
}

unsigned int wrap__each(const struct wrap_scenario *scenario)
{
	unsigned int nth;

	for (nth = 1; nth < MAX_CALLS; nth++) {
		const char *what, *wrong;
		int result;

		if (scenario->prepare)
			scenario->prepare();
		result = run_watched(scenario->run, nth, NULL);
		what = wrap__failed();
		if (!what) {
			if (result || leaks)
				fail_msg("with no call failing: result %d, %s; messages:\n%s", result,
					 leaks ? leaks : "no leak", wrap_messages);
			return nth - 1;
		}
		wrong = judge(scenario, what, result);
		if (getenv("WRAP_VERBOSE"))
			print_message("%4u %s: %d; %s%s", nth, what, result, wrong ? wrong : "good",
				      wrap_n_messages ? "" : "\n");
		if (getenv("WRAP_VERBOSE") && wrap_n_messages)
			print_message("; %s", wrap_messages);
		if (wrong && !getenv("WRAP_VERBOSE"))
			fail_msg("call %u, %s, failing with %s: %s; result %d, messages:\n%s", nth, what,
				 strerrorname_np(state.failed_errno), wrong, result, wrap_messages);
	}
	fail_msg("the scenario makes more than %d calls", MAX_CALLS);
	return 0;
}
