/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The page walk: from an address and a top table to the leaf that maps it.
 *
 * No architecture is in here (see arch/), and no kernel either: the reader of table entries is an argument, so the same
 * lines run in BPF over bpf_probe_read_kernel() and in cmocka over synthetic tables. The algorithm is that of
 * perf_get_pgtable_size() (kernel/events/core.c, commit 8af26be06272): lockless, without a look at page frames.
 */
#ifndef MMUSCOPE_PAGE_WALK_H
#define MMUSCOPE_PAGE_WALK_H

#include "record.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* What one table entry is, to the walk. */
enum mmu_entry {
	MMU_ENTRY_HOLE,  /* maps nothing */
	MMU_ENTRY_TABLE, /* names the next table */
	MMU_ENTRY_LEAF,
	MMU_ENTRY_SWAP, /* non-present, but not empty */
};

#if defined(__TARGET_ARCH_arm64)
#include "arch/arm64.h"
#else
#include "arch/x86.h"
#endif

/* Reads 8 bytes at a kernel address in one load. Returns 0, or < 0 when there is nothing to read. */
typedef int (*mmu_read_fn)(void *ctx, __u64 kernel_address, __u64 *value);

/* The entries that a walk read, by level (index enum mmu_level); for display. */
struct mmu_trace {
	__u64 entry[MMU_LEVEL_PGD + 1];
	__u32 seen; /* bit n: entry[n] was read */
	__u32 reserved;
};

static __always_inline void mmu_walk_none(struct mmu_walk *walk, int level, enum mmu_none reason)
{
	walk->outcome = mmu_outcome_none(reason);
	walk->level = level;
}

static __always_inline void mmu_walk_leaf(const struct mmu_layout *layout, __u64 addr, int level, __u64 entry,
					  struct mmu_walk *walk)
{
	int shift = mmu_arch_leaf_shift(layout, level, entry);
	__u64 inside = addr & ((1ULL << shift) - 1);

	walk->outcome = shift;
	walk->flags = mmu_arch_flags(layout, level, entry);
	walk->pfn = (mmu_arch_leaf_address(layout, level, entry) + inside) >> layout->page_shift;
}

/*
 * Reads the entry of one level and follows it. Returns 1 to go on with *table replaced by the next one, 0 when *walk
 * holds the result. `name` is the level to report: that of the table's geometry, or PGD for a folded top.
 */
static __always_inline int mmu_walk_step(const struct mmu_layout *layout, mmu_read_fn read, void *ctx, __u64 addr,
					 int level, int name, __u64 *table, struct mmu_walk *walk,
					 struct mmu_trace *trace)
{
	__u32 shift = layout->page_shift + (level - 1) * mmu_arch_index_bits(layout);
	__u32 bits = name == MMU_LEVEL_PGD ? mmu_arch_top_bits(layout) : mmu_arch_index_bits(layout);
	__u64 index = (addr >> shift) & ((1ULL << bits) - 1);
	__u64 entry = 0;
	__u64 next;

	if (read(ctx, *table + index * 8, &entry)) {
		mmu_walk_none(walk, name, MMU_NONE_READ_FAULT);
		return 0;
	}
	walk->entry = entry;
	if (trace) {
		trace->entry[name] = entry;
		trace->seen |= 1U << name;
	}

	switch (mmu_arch_entry(layout, level, entry)) {
	case MMU_ENTRY_LEAF:
		mmu_walk_leaf(layout, addr, level, entry, walk);
		walk->level = name;
		return 0;
	case MMU_ENTRY_HOLE:
		mmu_walk_none(walk, name, MMU_NONE_NOT_MAPPED);
		return 0;
	case MMU_ENTRY_SWAP:
		mmu_walk_none(walk, name, MMU_NONE_SWAPPED);
		return 0;
	case MMU_ENTRY_TABLE:
		break;
	}
	next = mmu_arch_table(layout, entry);
	if (next >= layout->phys_limit) {
		/* No table lies there: the memory was a table a moment ago, and is something else now. */
		mmu_walk_none(walk, name, MMU_NONE_READ_FAULT);
		return 0;
	}
	*table = layout->direct_map + next;
	return 1;
}

/*
 * Walks from the top table at kernel address `pgd` to the leaf that maps `addr`. `layout->levels` must be
 * MMU_ARCH_LEVELS_MIN … 5; upper levels that are missing are folded into the PGD, and the top table goes by that name.
 * `trace` may be NULL. The result is always complete: a size, or a reason, never neither.
 */
static __always_inline void mmu_walk_table(const struct mmu_layout *layout, mmu_read_fn read, void *ctx, __u64 pgd,
					   __u64 addr, struct mmu_walk *walk, struct mmu_trace *trace)
{
	__u64 table = pgd;

	*walk = (struct mmu_walk){};
	if (layout->levels == 0) {
		mmu_walk_none(walk, MMU_LEVEL_NONE, MMU_NONE_UNSUPPORTED);
		return;
	}
	if (!mmu_arch_canonical(layout, addr)) {
		mmu_walk_none(walk, MMU_LEVEL_NONE, MMU_NONE_NOT_CANONICAL);
		return;
	}
	if (layout->levels == 5) {
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_PGD, MMU_LEVEL_PGD, &table, walk, trace))
			return;
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_P4D, MMU_LEVEL_P4D, &table, walk, trace))
			return;
	} else if (MMU_ARCH_LEVELS_MIN == 4 || layout->levels == 4) {
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_P4D, MMU_LEVEL_PGD, &table, walk, trace))
			return;
	}
	if (MMU_ARCH_LEVELS_MIN < 4 && layout->levels == 3) {
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_PUD, MMU_LEVEL_PGD, &table, walk, trace))
			return;
	} else if (MMU_ARCH_LEVELS_MIN == 4 || layout->levels > 3) {
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_PUD, MMU_LEVEL_PUD, &table, walk, trace))
			return;
	}
	if (MMU_ARCH_LEVELS_MIN < 3 && layout->levels == 2) {
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_PMD, MMU_LEVEL_PGD, &table, walk, trace))
			return;
	} else {
		if (!mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_PMD, MMU_LEVEL_PMD, &table, walk, trace))
			return;
	}
	if (mmu_walk_step(layout, read, ctx, addr, MMU_LEVEL_PTE, MMU_LEVEL_PTE, &table, walk, trace))
		mmu_walk_none(walk, MMU_LEVEL_PTE, MMU_NONE_READ_FAULT); /* not reached: no PTE names a table */
}

/*
 * Chooses the top table, then walks. `mm_pgd` is the kernel address of the task's own top table, 0 for a task without an
 * address space; for its kernel addresses the layout's kernel table serves, as init_mm does in perf_get_page_size(). Where no
 * process's tables have the kernel's half, it serves for those of all tasks.
 */
static __always_inline void mmu_walk_address(const struct mmu_layout *layout, mmu_read_fn read, void *ctx, __u64 mm_pgd,
					     __u64 addr, struct mmu_walk *walk, struct mmu_trace *trace)
{
	__u64 pgd = mm_pgd;

	if (MMU_ARCH_KERNEL_APART && mmu_arch_is_kernel(layout, addr))
		pgd = 0;
	if (!pgd && layout->levels) {
		if (!mmu_arch_is_kernel(layout, addr)) {
			*walk = (struct mmu_walk){};
			mmu_walk_none(walk, MMU_LEVEL_NONE, MMU_NONE_NO_MM);
			return;
		}
		pgd = layout->kernel_pgd;
		if (MMU_ARCH_KERNEL_APART && !pgd) {
			*walk = (struct mmu_walk){};
			mmu_walk_none(walk, MMU_LEVEL_NONE, MMU_NONE_UNSUPPORTED);
			return;
		}
	}
	mmu_walk_table(layout, read, ctx, pgd, addr, walk, trace);
}

/*
 * Bytes that the end of a walk speaks for: what the leaf maps, or how far the empty entry reaches. 0 when the walk never
 * began (not canonical, no mm).
 */
static __always_inline __u64 mmu_walk_span(const struct mmu_layout *layout, const struct mmu_walk *walk)
{
	__u32 level = walk->level;

	if (mmu_outcome_is_size(walk->outcome))
		return 1ULL << walk->outcome;
	if (level == MMU_LEVEL_NONE)
		return 0;
	if (level == MMU_LEVEL_PGD)
		level = layout->levels; /* upper levels may be folded */
	return 1ULL << (layout->page_shift + (level - 1) * mmu_arch_index_bits(layout));
}

#endif
