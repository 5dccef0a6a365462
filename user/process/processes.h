/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The traced processes and their mappings, by PID and start time, so that a PID used again is another process.
 *
 * A process is read at its first sample. From then on each mapping that samples fall into is looked at again once a round
 * (a round is one drain of the rings), by PROCMAP_QUERY where the kernel has it, else by reading the list anew. What has
 * been read serves on when the process is gone. Time spent on reading is bounded, whatever the processes do.
 */
#ifndef MMUSCOPE_PROCESS_PROCESSES_H
#define MMUSCOPE_PROCESS_PROCESSES_H

#include <stdint.h>

#include "model/name.h"
#include "process/maps.h"

struct processes;

enum lookup {
	LOOKUP_FOUND,
	LOOKUP_GONE,       /* the process ended, or did exec, before this mapping was seen */
	LOOKUP_UNMAPPED,   /* nothing is mapped there by now, and nothing was known to be */
	LOOKUP_UNREADABLE, /* no right to read its mappings */
	LOOKUP_UNKNOWN,    /* no time, or no memory, to look */
	LOOKUP_COUNT,
};

struct processes_config {
	struct names *names;
	const char *proc;       /* where procfs is mounted */
	uint64_t burst_ns;      /* of reading that may be done at once; 0: default */
	unsigned int max_known; /* processes that are kept; 0: default */
};

struct processes_counts {
	uint64_t reads;      /* of a whole list */
	uint64_t queries;    /* of one address */
	uint64_t reading_ns; /* time taken by both */
	uint64_t refused;    /* not read, for lack of time */
};

/* NULL with errno set. */
struct processes *processes__new(const struct processes_config *config);
void processes__free(struct processes *processes);

/* A new round: what was seen before may have changed. */
void processes__next_round(struct processes *processes);

/*
 * The mapping of a process (a tgid; `tid` is one of its threads) that holds a user address; start_ns is CLOCK_BOOTTIME,
 * 0: not known. *map is NULL unless found, and good until the next call.
 */
enum lookup processes__find(struct processes *processes, pid_t pid, pid_t tid, uint64_t start_ns, uint64_t address,
			    const struct map **map);

const struct processes_counts *processes__counts(const struct processes *processes);

#endif
