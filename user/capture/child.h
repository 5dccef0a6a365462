/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * COMMAND: forked at once, so that events can be opened on it, and started only when the tracer is attached.
 */
#ifndef MMUSCOPE_CAPTURE_CHILD_H
#define MMUSCOPE_CAPTURE_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

struct child;

/* Forks a child that waits. NULL with errno set on failure, with a message logged. */
struct child *child__new(char **command);

/* Kills a child that never ran; closes everything. One that runs is left alone. */
void child__free(struct child *child);

pid_t child__pid(const struct child *child);
int child__pidfd(const struct child *child); /* readable once it has exited */

/*
 * Lets it exec. Returns 0, or -errno of the exec (ENOENT: not found, …), with a message logged.
 */
int child__start(struct child *child);

/* Reaps it without waiting. True when it has exited; *status as of waitpid(2). */
bool child__reap(struct child *child, int *status);

/* Asks a running child to end (SIGTERM), as perf does when it is interrupted. */
void child__terminate(struct child *child);

#endif
