/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the live tests share: runs of mmuscope and of other programs, subjects (forked children that touch memory when
 * they are told to), settings of the machine that are put back whatever happens, and a look into the JSON.
 *
 * All of these functions fail the running cmocka test by themselves when something goes wrong that no test is about;
 * what has a result worth testing returns it. Nothing waits for time: every wait ends with a sign, and a test whose
 * sign has not come after a minute fails.
 */
#ifndef MMUSCOPE_TESTS_LIVE_H
#define MMUSCOPE_TESTS_LIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LIVE_SKIPPED 77 /* exit status of a test program that cannot run here */

/*
 * For main(): 0 when this machine can run the live tests at all (root, and $MMUSCOPE names the program), else
 * LIVE_SKIPPED with the reason printed. Everything that was set on the machine is put back when the program ends, in
 * whatever way.
 */
int live__prepare(void);
/*
 * The teardown of every live test: kills and frees the runs and subjects that it left open when it failed, and puts the
 * machine's settings back.
 */
int live__teardown(void **state);
/* A row of a table of struct CMUnitTest whose name says in words what the test shows. */
/* clang-format off */
#define LIVE_TEST(words, function) {(words), (function), NULL, live__teardown, NULL}
/* clang-format on */

/* --- runs of programs --- */

struct run {
	pid_t pid;
	bool ready;   /* mmuscope wrote its ready byte: it samples */
	int status;   /* as of waitpid(), valid after run__finish() */
	char *out;    /* standard output, less the lines taken by run__line(); valid after run__finish() */
	char *err;    /* standard error, likewise */
	json_t *json; /* `out` as JSON, NULL if it is none */
	int out_fd;   /* the read end of standard output: close it to be a reader that went away */
	int err_fd;
	bool ended;
};

/*
 * Starts mmuscope with these arguments, separated by single spaces, and returns once it samples or has ended. A traced
 * COMMAND holds back until then by itself.
 */
struct run *run__start(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* As run__start(), but for arguments with spaces in them. NULL ends the list; the program's name is not in it. */
struct run *run__start_argv(const char *const *arguments);
/* Starts any program, found by PATH, and returns at once. Descriptors without O_CLOEXEC pass to it. */
struct run *run__spawn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The next line of standard output, without its '\n', to free(); NULL at the end. */
char *run__line(struct run *run);
void run__signal(const struct run *run, int signal);
/* Collects all output, waits for the end. Returns the exit status, or 128 + the signal that killed it. */
int run__finish(struct run *run);
/* SIGINT, then run__finish(). */
int run__stop(struct run *run);
/* Kills what still runs. NULL is allowed, here and in all other __free(). */
void run__free(struct run *run);
/* run__start() of mmuscope, run__finish(), and an assertion on the exit status. To be freed. */
struct run *run__complete(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- subjects --- */

struct subject {
	pid_t pid;
	int command_fd;
	int result_fd;
};

/*
 * Runs in the subject's process, where no cmocka assertion may be made: return a failure instead. The functions of a
 * test may keep state in static variables: each subject has its own.
 */
typedef uint64_t (*subject_fn)(uint64_t a, uint64_t b);

struct subject *subject__new(void);
/* Has the subject run fn(a, b), and returns its value when it is done. */
uint64_t subject__call(struct subject *subject, subject_fn fn, uint64_t a, uint64_t b);
/* The same in two halves. */
void subject__begin(struct subject *subject, subject_fn fn, uint64_t a, uint64_t b);
uint64_t subject__result(struct subject *subject);
/* Tells it to exit, waits until it has, frees it. Killed after a failed test, it is gone all the same. */
void subject__free(struct subject *subject);

/* subject_map() and many others return -errno, cast, when they fail. */
static inline bool subject_failed(uint64_t value)
{
	return value > (uint64_t)-4096;
}

enum subject_memory {
	MEMORY_4K,     /* anonymous, MADV_NOHUGEPAGE */
	MEMORY_THP,    /* anonymous, 2M-aligned, MADV_HUGEPAGE; smaps says that all of it is huge, else -EAGAIN */
	MEMORY_HUGE2M, /* hugetlb: see machine__hugepages() */
	MEMORY_HUGE1G,
};

/* subject_fn: maps `bytes` of enum subject_memory `kind`, writes to each page, returns the address. */
uint64_t subject_map(uint64_t kind, uint64_t bytes);
/*
 * subject_fn: exactly n loads of the 8 bytes at `addr`: by the process, by a new thread of it, by a forked child. 0 or
 * -errno.
 */
uint64_t subject_read(uint64_t addr, uint64_t n);
uint64_t subject_read_in_thread(uint64_t addr, uint64_t n);
uint64_t subject_read_in_child(uint64_t addr, uint64_t n);
/* Called before and behind each of these loads when it is set, in the subject; a failure of it is returned. */
extern int (*subject_around_read)(void);
/* subject_fn: exactly n stores. */
uint64_t subject_write(uint64_t addr, uint64_t n);
/* kB of the smaps field, as in "AnonHugePages", of the mapping that holds addr; -ENOENT for none. For any process. */
int64_t smaps__kb(pid_t pid, uint64_t addr, const char *field);

/* --- the machine --- */

/* Writes a setting (sysfs, procfs) and remembers what it was. Returns 0 or -errno. */
int machine__set(const char *path, const char *value);
/* Makes room for n free huge pages of this size, 2M or 1G. Returns 0 or -errno. */
int machine__hugepages(uint64_t bytes, unsigned int n);
/* Has the file removed, or taken out of the swap files and removed, by machine__restore(). */
void machine__unlink_later(const char *path);
void machine__swapoff_later(const char *path);
/* Puts everything back, in reverse order. Also done when the test program ends, SIGKILL included. */
void machine__restore(void);
/* In a fork of the test that runs on by itself (a subject does it): what was set is the test's to put back. */
void machine__forget(void);
/*
 * Does a debug register report what it watches, and has the processor pages of 1G? Some virtual machines have no such
 * thing. The second and the fourth skip the running test, with the reason: `what` cannot be seen here.
 */
bool machine__breakpoints(void);
void machine__need_breakpoints(const char *what);
bool machine__has_1g(void);
void machine__need_1g(const char *what);
/* Is this program in $PATH? */
bool machine__has(const char *program);

/* --- JSON --- */

/* By a path of keys and indices, as in "events.0.accounting.counted". A path that leads nowhere fails the test. */
json_t *json__at(json_t *root, const char *path);
/* The integer there; JSON's null is -1, and nothing in our output is negative. */
int64_t json__int(json_t *root, const char *path);
const char *json__string(json_t *root, const char *path);
/*
 * Samples of this size ("2M"), by "walk" or by "kernel", in a section: root, "data" or "code". 0 for a size not listed.
 */
int64_t json__size(json_t *root, const char *section, const char *size, const char *source);
/* Samples without a size for this reason. 0 for a reason not listed. */
int64_t json__none(json_t *root, const char *section, const char *reason, const char *source);
/* Fails unless all accounts of a `hist -j` object add up: seen, lost, sums of events, samples, sizes, agree. */
void json__assert_exact(json_t *root);

#endif
