/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Finds where the kernel keeps page tables, and proves it before the first sample.
 *
 * Two ways, both confirmed in the same manner: the symbol page_offset_base where kallsyms lists data symbols, else the
 * ring anchor: a perf ring of our own is mapped here and known to the kernel by a direct-map address, so the one base
 * under which a walk of our mapping leads back to that address is the true one.
 */
#ifndef MMUSCOPE_CAPTURE_LAYOUT_H
#define MMUSCOPE_CAPTURE_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "record.h"

struct mmuscope_bpf;

#define LAYOUT_CHECKS_MAX 12
#define LAYOUT_WHY_LEN 256

/* One page of ours whose truth is known, and what the walk said. */
struct layout_check {
	const char *what; /* "a 4K page", "a PROT_NONE page", … */
	bool checked;     /* false: could not be had on this machine; why not is in `note` */
	bool passed;
	char note[96];
};

struct layout_result {
	struct mmu_layout layout; /* levels 0 when the walk is off */
	bool kernel_sizes;        /* page sizes of the kernel reach BPF here */
	char why[LAYOUT_WHY_LEN]; /* why the walk is off; empty otherwise */
	struct layout_check checks[LAYOUT_CHECKS_MAX];
	size_t n_checks;
};

/*
 * Calibrates, checks and, when every check passed, writes the map mmu_layout, so that the walk is on. Needs the loaded
 * skeleton with program mmuscope_check. Returns 0 also when the walk stays off (see why); -errno when the machine refused
 * the attempt itself, with a message logged.
 */
int layout__prepare(struct mmuscope_bpf *bpf, struct layout_result *result);

/* "symbols", "ring anchor", "none". */
const char *layout__source_name(unsigned int source);

#endif
