/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page tables of a made-up machine, for tests of the page walk: scattered frames of "physical memory" on the host's
 * heap, which the walk sees through a direct map as BPF does.
 *
 * Nothing of arch/x86.h is used to build them: entries are the tests' own literals, so that the two can disagree. Lack
 * of memory, or a test that builds its tables wrong, ends the program.
 */
#ifndef MMUSCOPE_TEST_SYNTHETIC_TABLES_H
#define MMUSCOPE_TEST_SYNTHETIC_TABLES_H

#include "page_walk.h"

/* Where Linux maps physical memory: without KASLR (Documentation/arch/x86/x86_64/mm.rst), and moved by whole GiB. */
#define SYNTHETIC_BASE_4 0xffff888000000000ULL
#define SYNTHETIC_BASE_4_KASLR 0xffff9c3ac0000000ULL
#define SYNTHETIC_BASE_5 0xff11000000000000ULL
#define SYNTHETIC_BASE_5_KASLR 0xff2a7c8140000000ULL

#define SYNTHETIC_PHYS_LIMIT (1ULL << 40)
#define SYNTHETIC_ADDRESS_BITS 0x000ffffffffff000ULL
#define SYNTHETIC_TABLE_BITS 0x067 /* _KERNPG_TABLE and USER: P RW US A D */
#define SYNTHETIC_FRAMES_MAX 128
#define SYNTHETIC_READS_MAX 8 /* more than any walk may do */

struct synthetic_frame {
	__u64 physical;
	int hidden; /* reads of it fail */
	__u64 entry[512];
};

struct synthetic_tables {
	struct mmu_layout layout;
	__u64 top;        /* kernel address of the top table */
	__u64 table_bits; /* what __slot() puts beside the address of a table that it makes */
	struct synthetic_frame *frame[SYNTHETIC_FRAMES_MAX];
	unsigned int frames;
	__u64 read_at[SYNTHETIC_READS_MAX]; /* addresses that the last walk read at, in order */
	unsigned int reads;
};

struct synthetic_answer {
	struct mmu_walk walk;
	struct mmu_trace trace;
};

/* An empty top table under a direct map; it is the layout's kernel table as well. `levels` is 4 or 5. */
struct synthetic_tables *synthetic_tables__new(__u32 levels, __u64 direct_map);
void synthetic_tables__free(struct synthetic_tables *tables);

/* Adds an empty frame; __add() chooses a place below SYNTHETIC_PHYS_LIMIT. */
struct synthetic_frame *synthetic_tables__add(struct synthetic_tables *tables);
struct synthetic_frame *synthetic_tables__add_at(struct synthetic_tables *tables, __u64 physical);
/* NULL when no frame lies there. */
struct synthetic_frame *synthetic_tables__frame(const struct synthetic_tables *tables, __u64 physical);

/* log2 of the bytes that one entry of `level` covers. With 4 levels the top table is named PGD, and there is no P4D. */
int synthetic_tables__shift(const struct synthetic_tables *tables, int level);
/* The level below, over the P4D when there is none; PTE gives NONE. */
int synthetic_tables__below(const struct synthetic_tables *tables, int level);
/* The entry of `level` that covers `addr`; tables missing on the way are made. */
__u64 *synthetic_tables__slot(struct synthetic_tables *tables, __u64 addr, int level);

/* An mmu_read_fn; ctx is the tables. A failing read leaves a plausible leaf in *value, for whoever does not look. */
int synthetic_tables__read(void *ctx, __u64 kernel_address, __u64 *value);

/* mmu_walk_address() over the tables, into an answer that holds rubbish before. */
void synthetic_tables__walk(struct synthetic_tables *tables, __u64 mm_pgd, __u64 addr, struct synthetic_answer *answer);

/*
 * What is wrong with the answer of the last walk no matter what the tables hold; NULL when nothing is: each read lies
 * in the page that the entry before names, the trace has the entries that were read, and the result is complete.
 */
const char *synthetic_tables__complaint(const struct synthetic_tables *tables, const struct synthetic_answer *answer);

/* A swap entry as __swp_entry() encodes it (arch/x86/include/asm/pgtable_64.h): type above, inverted offset below. */
__u64 synthetic_swap_entry(unsigned int type, __u64 offset);

#endif
