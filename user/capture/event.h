/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Event names to perf_event_attr. Knows perf's spelling, our own names (data, timer, faults), sysfs PMUs and libpfm4.
 */
#ifndef MMUSCOPE_CAPTURE_EVENT_H
#define MMUSCOPE_CAPTURE_EVENT_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define EVENT_NAME_LEN 96

struct event {
	char name[EVENT_NAME_LEN]; /* as reported: "timer", "minor-faults", "mem:0x7f…/8:rw" */
	struct perf_event_attr
		attr;           /* type, config*, bp_*, exclude_*, precise_ip, sampling; sample_type is capture's */
	enum mmu_origin origin; /* of its data addresses; MMU_ORIGIN_NONE: it has none */
	bool is_clock;          /* cpu-clock, task-clock: `expected` can be estimated */
	bool needs_leader;      /* Sapphire Rapids mem-loads: opened in a group led by mem-loads-aux (leader_config) */
	uint64_t leader_config;
	/*
	 * PERF_PMU_CAP_NO_EXCLUDE (IBS): attr.exclude_user and exclude_kernel are the wish; the opener must clear
	 * them, as the kernel refuses them, and the mode filter is done in BPF.
	 */
	bool cannot_exclude;
	bool needs_addr; /* IBS: PERF_SAMPLE_ADDR itself must be asked for */
};

/* What the command line says about sampling, for events that say nothing themselves. */
struct event_defaults {
	uint64_t freq;   /* 0: not given */
	uint64_t period; /* 0: not given */
	bool all_user;
	bool all_kernel;
};

/* Roots to read from; all NULL for the real machine. Tests point them at synthetic trees. */
struct event_paths {
	const char *sysfs_devices; /* default /sys/bus/event_source/devices */
};

struct event_list {
	struct event *events;
	size_t n;
	char *note; /* what a person should know of the choice made ("data: no PMU with …, using faults"), or NULL */
};

/*
 * Appends the event or events that `spec` names to *list. On failure logs a sentence that names the event, the part that
 * is wrong and the remedy, and returns -EINVAL (unknown, malformed), -ENOTSUP (this machine has no such PMU), -E2BIG
 * (more than MMU_MAX_EVENTS) or -ENOMEM; *list is as it was.
 */
int event__parse(const char *spec, const struct event_defaults *defaults, const struct event_paths *paths,
		 struct event_list *list);
void event_list__free(struct event_list *list);

#endif
