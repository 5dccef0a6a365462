/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The perf events of a run: every event of the list on every CPU or task of the target, opened but not yet enabled.
 */
#ifndef MMUSCOPE_CAPTURE_PERF_SET_H
#define MMUSCOPE_CAPTURE_PERF_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "capture/cpus.h"
#include "capture/event.h"
#include "capture/target.h"

/* One opened perf event. */
struct perf_fd {
	int fd;
	int leader_fd;  /* the auxiliary leader it was opened under, or -1 */
	uint32_t event; /* index into the event list */
	int32_t cpu;    /* -1: any */
	int32_t tid;    /* -1: any */
	uint64_t id;    /* PERF_EVENT_IOC_ID */
};

/* Attaches a program to an event that was just opened. Returns 0, or -errno with a message logged. */
typedef int (*perf_set_fn)(void *ctx, const struct perf_fd *fd);

struct perf_set_config {
	perf_set_fn
		on_open; /* called for each event at once: what a task forks from then on inherits the program too */
	void *ctx;
	const struct event_list *events;
	const struct target *target;
	const struct cpus *online;
	pid_t child;       /* of target COMMAND, stopped before its exec */
	bool kernel_sizes; /* ask the kernel for page sizes */
	bool detail;       /* ask for weight and data source too */
};

struct perf_set;

/*
 * How many events perf_set__new() will open at most, with room for threads that appear meanwhile. For sizing maps.
 */
size_t perf_set__estimate(const struct perf_set_config *config);

/*
 * Opens all of it. On failure logs a sentence that names the event, what refused it and the remedy, and returns NULL with
 * errno set.
 */
struct perf_set *perf_set__new(const struct perf_set_config *config);
void perf_set__free(struct perf_set *set);

size_t perf_set__n(const struct perf_set *set);
const struct perf_fd *perf_set__at(const struct perf_set *set, size_t i);

/* Starts and stops counting. Return 0 or -errno of the first failure (a task that is gone is none). */
int perf_set__enable(struct perf_set *set);
int perf_set__disable(struct perf_set *set);

/*
 * The event's own count over all its CPUs and tasks, and how long it was enabled there, in ns. Returns 0 or -errno.
 */
int perf_set__read(const struct perf_set *set, uint32_t event, uint64_t *count, uint64_t *enabled_ns);

/* perf_event_open(2) with PERF_FLAG_FD_CLOEXEC: a descriptor or -errno. */
int perf_set__open_one(struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags);

#endif
