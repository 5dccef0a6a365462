/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Gives samples the names of what their addresses and their tasks belong to.
 */
#ifndef MMUSCOPE_PROCESS_ATTRIBUTION_H
#define MMUSCOPE_PROCESS_ATTRIBUTION_H

#include <stdbool.h>
#include <stdint.h>

#include "model/sample.h"
#include "process/processes.h"

struct attribution;

struct attribution_config {
	bool maps;                /* sample.data_map and code_map; takes the sections TASK and PLACE */
	bool cgroups;             /* sample.cgroup_path; takes the section DETAIL */
	uint64_t direct_map;      /* kernel address of physical address 0; 0: not known */
	uint64_t direct_map_size; /* bytes */
};

/* NULL with errno ENOMEM, with a message logged. */
struct attribution *attribution__new(const struct attribution_config *config);
/* What holds names of samples must have been freed. NULL is allowed. */
void attribution__free(struct attribution *attribution);

/* Before each drain of the rings: what was looked up before may have changed. */
void attribution__next_round(struct attribution *attribution);

/*
 * Fills the names that were asked for. They live until the next call; name__hold() keeps them. Returns 0 or -ENOMEM, then
 * a name may be NULL.
 */
int attribution__name(struct attribution *attribution, struct sample *sample);

const struct processes_counts *attribution__counts(const struct attribution *attribution);

#endif
