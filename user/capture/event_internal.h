/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the files of the event parser share: event.c takes a spec apart, event_table.c knows the names that every
 * machine has, event_pmu.c reads sysfs, event_traits.c knows PEBS and IBS, event_pfm.c asks libpfm4. Nobody else
 * includes this.
 */
#ifndef MMUSCOPE_CAPTURE_EVENT_INTERNAL_H
#define MMUSCOPE_CAPTURE_EVENT_INTERNAL_H

#include "capture/event.h"

/* NAME_MAX of a directory in sysfs is 255; no PMU comes near this, and a longer name is refused. */
#define EVENT_PMU_NAME_LEN 64
/* Core PMUs of one machine: one, or one for each kind of core (Intel hybrids 2 or 3, big.LITTLE 2 to 4). */
#define EVENT_MAX_CORES 16

/* What stands behind the last colon or slash, as in perf: "u", "kpp", "P". */
struct event_modifiers {
	const char *text; /* as typed, without the colon; never NULL */
	bool user, kernel, hv, guest, host, idle;
	bool precise_max;
	unsigned int precise;
};

/* Terms that perf keeps for itself instead of passing them to the PMU. */
struct event_own_terms {
	uint64_t freq;
	uint64_t period;
	char name[EVENT_NAME_LEN]; /* "" without a name= */
};

/* One call of event__parse(). */
struct event_job {
	const struct event_defaults *defaults;
	const char *sysfs;
	struct event *events; /* room for MMU_MAX_EVENTS */
	size_t n, room;
	char *note;
	/* Of the piece at hand: */
	const char *spec; /* as typed, between two commas */
	struct event_modifiers modifiers;
	struct event_own_terms own;
};

/* Where an event comes from, for what only that source knows. */
struct event_source {
	const char *pmu; /* name in sysfs, "" for software events and breakpoints */
	bool memory;     /* named by an alias (mem-loads, mem-stores) that stands for data addresses */
};

/* event.c */

/* Logs "event "SPEC": " + the sentence and returns err, for `return event__refuse(…)`. */
int event__refuse(const struct event_job *job, int err, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* A zeroed event at the end of the job's, with attr.size set. NULL, with a message: no room, so return -E2BIG. */
struct event *event__add(struct event_job *job);
/* Reads "ukp…" into job->modifiers; `text` may be NULL. */
int event__modifiers(struct event_job *job, const char *text);
/* Modes, guests, precision, sampling and name, once attr.type and attr.config* stand. `name`: NULL for the spec. */
int event__finish(struct event_job *job, struct event *event, const struct event_source *source, const char *name);

/* event_table.c */

struct event_software {
	const char *name, *alias;
	uint64_t config;
	enum mmu_origin origin;
	bool is_clock;
	const char *refusal; /* why it can be no source, or NULL */
};

const struct event_software *event_table__software(const char *name);
const struct event_software *event_table__software_config(uint64_t config);
/* Generic hardware and cache events: type and config. */
bool event_table__hardware(const char *name, uint32_t *type, uint64_t *config);
/* "r1a8", "r0x1a8": perf's raw encoding. */
bool event_table__raw(const char *name, uint64_t *config);

/* The candidate nearest to a misspelt name. */
struct event_near {
	char name[EVENT_NAME_LEN];
	size_t distance;
};

#define EVENT_NEAR_INIT                                                                                                \
	{                                                                                                              \
		.name = "", .distance = 3                                                                              \
	}

void event_near__try(struct event_near *near, const char *wrong, const char *candidate);
/* Tries every name of the tables. */
void event_near__table(struct event_near *near, const char *wrong);

/* event_pmu.c */

struct event_cores {
	char names[EVENT_MAX_CORES][EVENT_PMU_NAME_LEN];
	size_t n;
};

/* Fails with -ENOENT where sysfs cannot be listed at all; a machine without hardware PMU has n = 0. */
int event_pmu__cores(const char *sysfs, struct event_cores *cores);
bool event_pmu__exists(const char *sysfs, const char *pmu);
/* Is there such a file below the PMU's directory? "events/mem-loads" */
bool event_pmu__has(const char *sysfs, const char *pmu, const char *file);
/* Has the PMU an alias of that name? Any text will do for a name. */
bool event_pmu__has_event(const char *sysfs, const char *pmu, const char *name);
/* Does it give data addresses by mem-loads? */
bool event_pmu__reports_data(const char *sysfs, const char *pmu);
/* Its perf type; refuses those that mmuscope names otherwise (software, breakpoint) or not at all (tracepoint). */
int event_pmu__type(const struct event_job *job, const char *pmu, uint32_t *type);
/* Name of the PMU with that perf type, or "" in name[0]. */
void event_pmu__by_type(const char *sysfs, uint32_t type, char name[EVENT_PMU_NAME_LEN]);
/* Adds PMU/TERMS/; destroys `terms`. */
int event_pmu__add(struct event_job *job, const char *pmu, char *terms, const char *name);
/* Reads period=, freq= and name= for an event that has no format (cycles/period=1000/); destroys `terms`. */
int event_pmu__own_terms(struct event_job *job, char *terms);
/* Sets a term of one bit, as `flag` alone between the slashes does. */
int event_pmu__set_flag(struct event_job *job, struct event *event, const char *pmu, const char *flag);
/* attr.config of an alias. */
int event_pmu__alias_config(struct event_job *job, const char *pmu, const char *alias, uint64_t *config);
/* The number in a file of the PMU, at most `max`. Logs nothing. */
int event_pmu__number(const char *sysfs, const char *pmu, const char *file, uint64_t max, uint64_t *value);
/* -ENOTSUP: a PMU of that name is not there; the sentence lists those that are. */
int event_pmu__missing(const struct event_job *job, const char *pmu);

/* event_traits.c */

/* attr.precise_ip, from the modifiers and what the PMU can do. */
int event_traits__precise(struct event_job *job, struct event *event, const struct event_source *source);
/* Origin, group leader and the peculiarities of IBS, once precise_ip and exclude_* stand. */
int event_traits__apply(struct event_job *job, struct event *event, const struct event_source *source);

/* event_pfm.c */

/* Adds an event by its libpfm4 name. -ENOENT, with nothing logged: libpfm4 does not know it. */
int event_pfm__add(struct event_job *job, const char *text);

#endif
