/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a walk of an address range found: neighbours that are mapped alike are one range.
 */
#ifndef MMUSCOPE_MODEL_WALK_REPORT_H
#define MMUSCOPE_MODEL_WALK_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"

struct walk_range {
	uint64_t start;
	uint64_t last;   /* inclusive: the last range may end with the address space */
	uint64_t pfn;    /* frame of `start`; 0 without a leaf */
	uint64_t leaves; /* of this size in the range; 0 without a leaf */
	uint16_t flags;  /* enum mmu_flag */
	uint8_t outcome; /* size or reason */
	uint8_t level;   /* enum mmu_level */
};

struct walk_report {
	uint32_t pid;
	bool one_address; /* then `addr` is it, and `entries` its path */
	uint64_t addr;
	uint64_t entries[MMU_LEVEL_PGD + 1]; /* by enum mmu_level */
	unsigned int entries_seen;           /* bit n: entries[n] was read */
	unsigned int page_shift;
	struct walk_range *ranges;
	size_t n;
	size_t room;
};

/* Appends a piece, or grows the last range by it. Frames need not be neighbours. Returns 0 or -ENOMEM. */
int walk_report__add(struct walk_report *report, const struct walk_range *piece);
void walk_report__free(struct walk_report *report);

#endif
