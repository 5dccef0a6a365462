/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of accounting and life cycle share: runs over subject_storm, and the proof that a run left nothing
 * behind.
 */
#ifndef MMUSCOPE_TESTS_LIVE_STORM_H
#define MMUSCOPE_TESTS_LIVE_STORM_H

#include "live.h"
#include "subject_storm.h"
#include "watched.h"

/* --- runs over subject_storm --- */

/* mmuscope OPTIONS -- subject_storm OPERATIONS, ended with status 0, its JSON read and exact; *truth filled in. */
struct run *storm__run(struct storm_truth *truth, const char *options, const char *operations);
/* The same without any assertion but that it ran, for runs that are to fail or print no single object. */
struct run *storm__run_any(struct storm_truth *truth, const char *options, const char *operations);
/* Path of the program. */
const char *storm__program(void);
/* json__int() of events.N.accounting.WHAT. */
int64_t storm__event(struct run *run, unsigned int event, const char *what);
/* The event that each read of the watched word is, and nothing else of a subject: see watched.h. */
const char *storm__watch(void);
/* The origin of its samples: "breakpoint" or "fault". */
const char *storm__watch_origin(void);
/* Maps the watched word in a subject (subject_fn, arguments unused). 0 or -errno. */
uint64_t storm__map_watched(uint64_t a, uint64_t b);
/* subject_fn: touches n fresh pages. 0 or -errno. */
uint64_t storm__touch(uint64_t n, uint64_t unused);
/* subject_fn: stays on this CPU. 0 or -errno. */
uint64_t storm__pin_to(uint64_t cpu, uint64_t unused);

/* A shell's background job ignores SIGINT, and mmuscope honours that: not what these tests are about. */
void storm__reset_signals(void);

/* --- nothing left behind --- */

/* Remembers our children and the BPF objects of the machine; orphans of a run become children of ours from here on. */
void remains__remember(void);
/*
 * Fails when there is a child that was not there before (it has ten seconds to end by itself: a COMMAND that was told
 * to), or a BPF program or map of mmuscope's that no process holds. Other runs of mmuscope may be going on.
 */
void remains__assert_none(void);
/* Waits until our child has ended, which run__finish() shows too, but only once nobody holds its output open. */
void process__await_end(pid_t pid);
/* Waits until the process has stopped (SIGSTOP), or no longer catches the signal. */
void process__await_stop(pid_t pid);
void process__await_uncaught(pid_t pid, int signal);

/* --- a cgroup --- */

/* Makes a cgroup below the cgroup2 mount, removed with all in it when the test program ends. NULL: no mount. */
const char *cgroup__make(void);
/* The cgroup2 mount. */
const char *cgroup__mount(void);
void cgroup__remove(void);

#endif
