/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CPU ids of the machine: ids, never counts (they have gaps), and which of them are online.
 */
#ifndef MMUSCOPE_CAPTURE_CPUS_H
#define MMUSCOPE_CAPTURE_CPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPUS_MAX 65536 /* a record keeps a CPU in 16 bits */

struct cpus {
	uint32_t *ids; /* sorted */
	size_t n;
	uint32_t highest; /* highest possible id, for arrays indexed by CPU */
};

/* The online CPUs (/sys/devices/system/cpu/online). Returns 0 or -errno; cpus__free() after success. */
int cpus__online(struct cpus *cpus);
void cpus__free(struct cpus *cpus);
bool cpus__has(const struct cpus *cpus, uint32_t id);

#endif
