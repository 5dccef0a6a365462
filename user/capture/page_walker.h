/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Walks the page tables of any process on demand, through the BPF iterator program mmuscope_walk.
 */
#ifndef MMUSCOPE_CAPTURE_PAGE_WALKER_H
#define MMUSCOPE_CAPTURE_PAGE_WALKER_H

#include <stdint.h>

#include "capture/layout.h"
#include "record.h"

struct mmuscope_bpf;
struct page_walker;

/* The entries read on the way to the first address of a range, by level. */
struct page_path {
	uint64_t entry[MMU_LEVEL_PGD + 1];
	unsigned int seen; /* bit n: entry[n] was read */
};

/* One leaf, or one hole, of a range: from `start` to the end of what it maps or leaves out. Return 0 to go on. */
typedef int (*page_walker_fn)(void *ctx, uint64_t start, const struct mmu_walk *walk);

/* NULL with errno set on failure, with a message logged. `btf`: NULL for the running kernel's. */
struct page_walker *page_walker__new(const char *btf);

/*
 * Over an object that is loaded already, with mmuscope_walk in it, and whose layout is in force; it is borrowed. NULL with
 * errno set, with a message logged.
 */
struct page_walker *page_walker__over(struct mmuscope_bpf *bpf);
void page_walker__free(struct page_walker *walker);

const struct layout_result *page_walker__layout(const struct page_walker *walker);

/*
 * Walks [start, last] of the address space of process or thread `tid`, piece by piece in ascending order; holes are passed
 * over in one step each. *path gets the entries of the first address. Returns 0, the callback's value, -ESRCH (no such
 * task), or -errno.
 */
int page_walker__range(struct page_walker *walker, uint32_t tid, uint64_t start, uint64_t last, page_walker_fn on_piece,
		       void *ctx, struct page_path *path);

#endif
