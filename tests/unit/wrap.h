/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Calls of the code under test, replaced by the linker (--wrap): each passes through to the real one unless a test has
 * said that it fails, and what it opened or allocated is remembered until it is given back. Include behind cmocka.h.
 */
#ifndef MMUSCOPE_TESTS_WRAP_H
#define MMUSCOPE_TESTS_WRAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

/* What can be made to fail, and the errno it fails with when a test names none. */
#define WRAP_CALLS(X)                                                                                                  \
	X(MALLOC, "malloc", ENOMEM)                                                                                    \
	X(CALLOC, "calloc", ENOMEM)                                                                                    \
	X(REALLOC, "realloc", ENOMEM)                                                                                  \
	X(REALLOCARRAY, "reallocarray", ENOMEM)                                                                        \
	X(STRDUP, "strdup", ENOMEM)                                                                                    \
	X(OPEN, "open", EROFS)                                                                                         \
	X(FOPEN, "fopen", EIO)                                                                                         \
	X(FDOPEN, "fdopen", ENOMEM)                                                                                    \
	X(OPENDIR, "opendir", EMFILE)                                                                                  \
	X(SETMNTENT, "setmntent", EMFILE)                                                                              \
	X(PIPE2, "pipe2", ENFILE)                                                                                      \
	X(FORK, "fork", EAGAIN)                                                                                        \
	X(EPOLL_CREATE1, "epoll_create1", ENFILE)                                                                      \
	X(EPOLL_CTL, "epoll_ctl", ENOSPC)                                                                              \
	X(SIGACTION, "sigaction", EINVAL)                                                                              \
	X(PERF_EVENT_OPEN, "perf_event_open", ENOMEM)                                                                  \
	X(PIDFD_OPEN, "pidfd_open", EINVAL)                                                                            \
	X(IOCTL, "ioctl", EBADFD)                                                                                      \
	X(READ, "read", ENXIO)                                                                                         \
	X(MMAP, "mmap", EAGAIN)                                                                                        \
	X(MADVISE, "madvise", EBUSY)                                                                                   \
	X(MPROTECT, "mprotect", EACCES)                                                                                \
	X(MKDIR, "mkdir", EROFS)                                                                                       \
	X(STATFS, "statfs", EOVERFLOW)                                                                                 \
	X(BTF, "btf__load_vmlinux_btf", ENOENT)                                                                        \
	X(OPEN_SKELETON, "bpf_object__open_skeleton", ENOTSUP)                                                         \
	X(LOAD_SKELETON, "bpf_object__load_skeleton", E2BIG)                                                           \
	X(SET_AUTOLOAD, "bpf_program__set_autoload", EINVAL)                                                           \
	X(SET_MAX_ENTRIES, "bpf_map__set_max_entries", EBUSY)                                                          \
	X(MAP_CREATE, "bpf_map_create", EPERM)                                                                         \
	X(MAP_UPDATE, "bpf_map_update_elem", E2BIG)                                                                    \
	X(MAP_LOOKUP, "bpf_map_lookup_elem", EBADFD)                                                                   \
	X(LINK_CREATE, "bpf_link_create", EOPNOTSUPP)                                                                  \
	X(OBJ_PIN, "bpf_obj_pin", EPERM)                                                                               \
	X(ITER_CREATE, "bpf_iter_create", ENFILE)                                                                      \
	X(RING_NEW, "ring_buffer__new", ENFILE)                                                                        \
	X(RING_ADD, "ring_buffer__add", ENFILE)                                                                        \
	X(RING_CONSUME, "ring_buffer__consume", EIO)                                                                   \
	X(NUM_CPUS, "libbpf_num_possible_cpus", ENODATA)

#define WRAP_ENUMERATOR(call, name, err) WRAP_##call,
enum wrap_call { WRAP_CALLS(WRAP_ENUMERATOR) WRAP_COUNT };
#undef WRAP_ENUMERATOR

/*
 * Between the two, calls fail as they were told to, and what they leave behind is noticed. wrap__end() returns a sentence
 * on what was left (descriptors, memory, mappings, …), or on a close of what is not open; NULL when all is well.
 */
void wrap__begin(void);
const char *wrap__end(void);

/* After wrap__begin(): the nth call from now on fails with `err`; several may be told so. */
void wrap__fail(enum wrap_call call, unsigned int nth, int err);
/* The nth of all calls, whichever it is, fails with its usual errno. */
void wrap__fail_any(unsigned int nth);
/* Calls of one kind since wrap__begin(). */
unsigned int wrap__calls(enum wrap_call call);

/* What failed last, "fopen /proc/stat" or, without a name, "calloc #3"; NULL when nothing did. */
const char *wrap__failed(void);

/* Code that a run can do without stands between wrap__optional(1) and wrap__optional(-1). */
void wrap__optional(int step);

/* Files for fopen() and setmntent(): `path` reads as `text`, or is not there for NULL. `text` must stay. */
void wrap__file(const char *path, const char *text);
/* A directory for opendir(): `path` is really `other`. `other` must stay. */
void wrap__directory(const char *path, const char *other);
void wrap__forget_files(void);

/* For wrappers: counts a call on `what` (may be NULL); returns the errno with which it must fail, set as well, or 0. */
int wrap__enter(enum wrap_call call, const char *what);
/* For wrappers: `n` more (or fewer) things of a kind that wrap__end() wants to be gone. */
void wrap__note(const char *kind, int n);

/* For wrappers: a call that makes no sense. Standard error is caught: says so to the real one, and exits. */
void wrap__broken(const char *what) __attribute__((noreturn));

/* A life from start to end, in which each wrapped call is made to fail in turn. */
struct wrap_scenario {
	void (*prepare)(void); /* before each run, unwatched */
	int (*run)(void);      /* 0: all went well; < 0: -errno; > 0: exit status */
	/* Must a run in which this failed go well all the same? May be NULL: no. */
	bool (*is_harmless)(const char *what);
	/* Does the message say it in words of its own, without the errno? May be NULL: no. */
	bool (*has_own_words)(const char *what);
	bool leaves_child; /* a COMMAND that has started is left alone */
};

/*
 * Runs it with the first, the second, … call failing, until none is left to fail. Every run must end with the errno of
 * that call (or an exit status), exactly one message, which names it, and nothing left behind. Returns how many failed.
 */
unsigned int wrap__each(const struct wrap_scenario *scenario);

/* The messages of the last run by wrap__each() or wrap__run(), and how many they were. */
extern char wrap_messages[1 << 16];
extern int wrap_n_messages;

/* One run, with messages caught; `told` (may be NULL) says what fails. Fails the test when something is left behind. */
int wrap__run(int (*run)(void), void (*told)(void));

#endif
