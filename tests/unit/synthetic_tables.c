// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "synthetic_tables.h"

static void give_up(const char *reason)
{
	fprintf(stderr, "synthetic tables: %s\n", reason);
	abort();
}

struct synthetic_frame *synthetic_tables__frame(const struct synthetic_tables *tables, __u64 physical)
{
	unsigned int i;

	for (i = 0; i < tables->frames; i++) {
		if (tables->frame[i]->physical == physical)
			return tables->frame[i];
	}
	return NULL;
}

struct synthetic_frame *synthetic_tables__add_at(struct synthetic_tables *tables, __u64 physical)
{
	struct synthetic_frame *frame;

	if (tables->frames == SYNTHETIC_FRAMES_MAX || synthetic_tables__frame(tables, physical))
		give_up("no room for the frame");
	/* One allocation each, so that the address sanitizer stands between any two. */
	frame = calloc(1, sizeof(*frame));
	if (!frame)
		give_up("out of memory");
	frame->physical = physical;
	tables->frame[tables->frames++] = frame;
	return frame;
}

struct synthetic_frame *synthetic_tables__add(struct synthetic_tables *tables)
{
	/* Multiples of the golden ratio lie far apart and use every address bit. */
	__u64 scattered = (tables->frames + 1) * 0x9e3779b97f4a7c15ULL;

	return synthetic_tables__add_at(tables, scattered & (SYNTHETIC_PHYS_LIMIT - 1) & SYNTHETIC_ADDRESS_BITS);
}

struct synthetic_tables *synthetic_tables__new(__u32 levels, __u64 direct_map)
{
	struct synthetic_tables *tables = calloc(1, sizeof(*tables));

	if (!tables)
		give_up("out of memory");
	tables->layout.direct_map = direct_map;
	tables->layout.pfn_mask = SYNTHETIC_ADDRESS_BITS;
	tables->layout.phys_limit = SYNTHETIC_PHYS_LIMIT;
	tables->layout.levels = levels;
	tables->layout.page_shift = 12;
	tables->table_bits = SYNTHETIC_TABLE_BITS;
	tables->top = direct_map + synthetic_tables__add(tables)->physical;
	tables->layout.kernel_pgd = tables->top;
	return tables;
}

void synthetic_tables__free(struct synthetic_tables *tables)
{
	if (!tables)
		return;
	while (tables->frames)
		free(tables->frame[--tables->frames]);
	free(tables);
}

int synthetic_tables__shift(const struct synthetic_tables *tables, int level)
{
	static const int shift[] = {0, 12, 21, 30, 39, 48};

	return level == MMU_LEVEL_PGD && tables->layout.levels == 4 ? 39 : shift[level];
}

int synthetic_tables__below(const struct synthetic_tables *tables, int level)
{
	return level == MMU_LEVEL_PGD && tables->layout.levels == 4 ? MMU_LEVEL_PUD : level - 1;
}

__u64 *synthetic_tables__slot(struct synthetic_tables *tables, __u64 addr, int level)
{
	struct synthetic_frame *frame = tables->frame[0];
	struct synthetic_frame *next;
	int here = MMU_LEVEL_PGD;
	__u64 *entry;

	for (;;) {
		entry = &frame->entry[(addr >> synthetic_tables__shift(tables, here)) % 512];
		if (here == level)
			return entry;
		if (!*entry) {
			next = synthetic_tables__add(tables);
			*entry = next->physical | tables->table_bits;
		} else {
			next = synthetic_tables__frame(tables, *entry & tables->layout.pfn_mask);
		}
		here = synthetic_tables__below(tables, here);
		if (!next || here == MMU_LEVEL_NONE)
			give_up("the slot lies under an entry that names no table");
		frame = next;
	}
}

int synthetic_tables__read(void *ctx, __u64 kernel_address, __u64 *value)
{
	struct synthetic_tables *tables = ctx;
	__u64 physical = kernel_address - tables->layout.direct_map;
	const struct synthetic_frame *frame = synthetic_tables__frame(tables, physical & ~0xfffULL);

	if (tables->reads == SYNTHETIC_READS_MAX)
		give_up("a walk that does not end");
	tables->read_at[tables->reads++] = kernel_address;
	if (!frame || frame->hidden || kernel_address % 8) {
		*value = 0xe7;
		return -EFAULT;
	}
	*value = frame->entry[physical % 4096 / 8];
	return 0;
}

void synthetic_tables__walk(struct synthetic_tables *tables, __u64 mm_pgd, __u64 addr, struct synthetic_answer *answer)
{
	memset(&answer->walk, 0xa5, sizeof(answer->walk));
	memset(&answer->trace, 0, sizeof(answer->trace));
	tables->reads = 0;
	mmu_walk_address(&tables->layout, synthetic_tables__read, tables, mm_pgd, addr, &answer->walk, &answer->trace);
}

/* The reads one after another: each in the table that the entry before names, each in the trace under its level. */
static const char *reads_complaint(const struct synthetic_tables *tables, const struct synthetic_answer *answer)
{
	const struct mmu_walk *walk = &answer->walk;
	int level = MMU_LEVEL_PGD;
	__u64 table = tables->read_at[0] & ~0xfffULL;
	__u64 entry = 0;
	__u32 seen = 0;
	unsigned int i;

	for (i = 0; i < tables->reads; i++) {
		if (level == MMU_LEVEL_NONE)
			return "more reads than levels";
		if ((tables->read_at[i] & ~0xfffULL) != table || tables->read_at[i] % 8)
			return "a read outside the table that was named";
		if (i + 1 == tables->reads && walk->level != level)
			return "the level is not that of the last read";
		if (!(answer->trace.seen & 1U << level)) {
			/* Only a failing read may be missing, and nothing comes after it. */
			if (i + 1 < tables->reads || walk->outcome != mmu_outcome_none(MMU_NONE_READ_FAULT))
				return "a read without a trace";
			break;
		}
		seen |= 1U << level;
		entry = answer->trace.entry[level];
		table = tables->layout.direct_map + (entry & tables->layout.pfn_mask);
		level = synthetic_tables__below(tables, level);
	}
	if (answer->trace.seen != seen)
		return "a trace of what was not read";
	if (walk->entry != entry)
		return "the entry is not the last one read";
	return NULL;
}

const char *synthetic_tables__complaint(const struct synthetic_tables *tables, const struct synthetic_answer *answer)
{
	const struct mmu_walk *walk = &answer->walk;
	int level;

	if (mmu_outcome_is_size(walk->outcome) == mmu_outcome_is_none(walk->outcome))
		return "neither a size nor a reason";
	if (mmu_outcome_is_none(walk->outcome) && (walk->pfn || walk->flags))
		return "a frame or flags without a leaf";
	if (walk->reserved)
		return "rubbish in the padding";
	for (level = MMU_LEVEL_NONE; level <= MMU_LEVEL_PGD; level++) {
		if (!(answer->trace.seen & 1U << level) && answer->trace.entry[level])
			return "an entry in the trace that is not marked as seen";
	}
	if (!tables->reads)
		return walk->level || walk->entry || answer->trace.seen ? "a level without a read" : NULL;
	return reads_complaint(tables, answer);
}

__u64 synthetic_swap_entry(unsigned int type, __u64 offset)
{
	return (__u64)type << 59 | ~offset << 14 >> 5;
}
