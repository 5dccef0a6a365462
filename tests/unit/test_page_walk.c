// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The page walk over tables laid out by hand: every kind of entry at every level, every bit of an entry, every edge.
 *
 * Entries are written as the numbers that Linux puts into the tables, not with the names of arch/x86.h: a wrong name
 * there must not be able to agree with itself here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "synthetic_tables.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define NX (1ULL << 63)
#define BIT(n) (1ULL << (n))

#define PTE (1U << MMU_LEVEL_PTE)
#define PMD (1U << MMU_LEVEL_PMD)
#define PUD (1U << MMU_LEVEL_PUD)
#define TOP (1U << MMU_LEVEL_P4D | 1U << MMU_LEVEL_PGD)
#define ALL (PTE | PMD | PUD | TOP)

#define W MMU_FLAG_WRITE
#define U MMU_FLAG_USER
#define X MMU_FLAG_EXEC
#define A MMU_FLAG_ACCESSED
#define D MMU_FLAG_DIRTY

/* What the leaf behind a table entry is in these tests. */
#define LEAF_PHYSICAL 0x123456000ULL
#define LEAF_BITS 0x067ULL
#define LEAF_FLAGS (W | U | X | A | D)

/* Machines and addresses; no index of any level is like another, or 0, or 511. */
static const struct world {
	const char *name;
	__u32 levels;
	__u64 direct_map;
	__u64 addr;
} worlds[] = {
	{"4 levels, user", 4, SYNTHETIC_BASE_4, 0x00007f5a9c6e3d28},
	{"4 levels, kernel, KASLR", 4, SYNTHETIC_BASE_4_KASLR, 0xffffb2d4e5f61738},
	{"5 levels, user, KASLR", 5, SYNTHETIC_BASE_5_KASLR, 0x00a5c3965a3c7e18},
	{"5 levels, kernel", 5, SYNTHETIC_BASE_5, 0xff5a3c96a5c381e8},
	{.name = NULL},
};

static const int all_levels[] = {MMU_LEVEL_PGD, MMU_LEVEL_P4D, MMU_LEVEL_PUD, MMU_LEVEL_PMD, MMU_LEVEL_PTE, 0};

static int has_level(__u32 levels, int level)
{
	return levels == 5 || level != MMU_LEVEL_P4D;
}

/* An aligned frame for a leaf of each level, with a high and a low bit in it. */
static __u64 leaf_physical(int level)
{
	static const __u64 physical[MMU_LEVEL_PGD + 1] = {0, LEAF_PHYSICAL, 0x8123400000, 0x84c0000000};

	return physical[level];
}

static void expect(const char *what, const struct world *world, struct synthetic_tables *tables,
		   const struct synthetic_answer *answer, const struct mmu_walk *right)
{
	const struct mmu_walk *walk = &answer->walk;
	const char *complaint = synthetic_tables__complaint(tables, answer);

	if (complaint)
		fail_msg("%s, %s: %s", what, world->name, complaint);
	if (walk->outcome != right->outcome || walk->level != right->level || walk->flags != right->flags ||
	    walk->pfn != right->pfn)
		fail_msg("%s, %s: outcome %u level %u flags %#x pfn %#llx, not %u %u %#x %#llx", what, world->name,
			 walk->outcome, walk->level, walk->flags, walk->pfn, right->outcome, right->level, right->flags,
			 right->pfn);
}

static void expect_size(const char *what, const struct world *world, struct synthetic_tables *tables, int level,
			__u64 physical, __u16 flags, __u64 addr)
{
	int shift = synthetic_tables__shift(tables, level);
	struct mmu_walk right = {
		.outcome = shift,
		.level = level,
		.flags = flags,
		.pfn = physical / 4096 + addr % BIT(shift) / 4096,
	};
	struct synthetic_answer answer;

	synthetic_tables__walk(tables, tables->top, addr, &answer);
	expect(what, world, tables, &answer, &right);
}

static void expect_none(const char *what, const struct world *world, struct synthetic_tables *tables, int level,
			enum mmu_none reason, __u64 addr)
{
	struct mmu_walk right = {.outcome = 128 + reason, .level = level};
	struct synthetic_answer answer;

	synthetic_tables__walk(tables, tables->top, addr, &answer);
	expect(what, world, tables, &answer, &right);
}

/* A whole path to a 4K leaf at `addr`. */
static struct synthetic_tables *tables_with_leaf(const struct world *world, __u64 addr)
{
	struct synthetic_tables *tables = synthetic_tables__new(world->levels, world->direct_map);

	*synthetic_tables__slot(tables, addr, MMU_LEVEL_PTE) = LEAF_PHYSICAL | LEAF_BITS;
	return tables;
}

/* 1. Every kind of entry at every level. */

enum becomes {
	HOLE,
	SWAP,
	TABLE,    /* `entry` is what stands beside the address of the next table */
	LEAF,     /* `entry` is what stands beside the address of the page */
	INVERTED, /* likewise, with all bits of the address inverted (pgtable-invert.h) */
};

static const struct entry_case {
	const char *name;
	unsigned int levels;
	__u64 entry;
	enum becomes becomes;
	__u16 flags;
} entry_cases[] = {
	{"nothing", ALL, 0, HOLE, 0},
	{"stray A", ALL, 0x20, HOLE, 0},
	{"stray D", ALL, 0x40, HOLE, 0},
	{"stray A and D", ALL, 0x60, HOLE, 0},
	{"present only", ALL & ~PTE, 0x001, TABLE, 0},
	{"_PAGE_TABLE", ALL & ~PTE, 0x067, TABLE, 0},
	{"_KERNPG_TABLE", ALL & ~PTE, 0x063, TABLE, 0},
	{"not accessed", ALL & ~PTE, 0x007, TABLE, 0},
	{"read-only table", ALL & ~PTE, 0x025, TABLE, 0},
	{"NX table, as KPTI has in the PGD", ALL & ~PTE, NX | 0x067, TABLE, 0},
	{"uncached table", ALL & ~PTE, 0x07f, TABLE, 0},
	{"G in a table", ALL & ~PTE, 0x167, TABLE, 0},
	{"software bits in a table", ALL & ~PTE, 0x7ff0000000000e67, TABLE, 0},
	{"reserved PSE above the PUD", TOP, 0x0e7, TABLE, 0},
	{"not present above the PUD", TOP, 0x123456066, HOLE, 0},
	{"not present with G above the PUD", TOP, 0x1234561e6, HOLE, 0},
	{"user page", PTE, 0x067, LEAF, W | U | X | A | D},
	{"present only", PTE, 0x001, LEAF, X},
	{"clean read-only page", PTE, NX | 0x025, LEAF, U | A},
	{"PAT is bit 7 here", PTE, NX | 0x0e7, LEAF, W | U | A | D},
	{"zero page", PTE, NX | 0x225, LEAF, U | A | MMU_FLAG_SPECIAL},
	{"kernel data", PTE, NX | 0x163, LEAF, W | A | D | MMU_FLAG_GLOBAL},
	{"kernel text", PTE, 0x161, LEAF, X | A | D | MMU_FLAG_GLOBAL},
	{"SAVED_DIRTY", PTE, 0x0400000000000025, LEAF, U | X | A | D},
	{"protection key 15", PTE, 0x7800000000000027, LEAF, W | U | X | A},
	{"write-protected by userfaultfd", PTE, NX | 0x425, LEAF, U | A | MMU_FLAG_UFFD_WP},
	{"soft dirty", PTE, NX | 0x867, LEAF, W | U | A | D | MMU_FLAG_SOFT_DIRTY},
	{"PAGE_NONE", PTE, 0x120, INVERTED, A | MMU_FLAG_PROT_NONE},
	{"NUMA hint, with PAT", PTE, NX | 0x1e0, INVERTED, A | D | MMU_FLAG_PROT_NONE},
	{"huge page", PMD | PUD, 0x0e7, LEAF, W | U | X | A | D},
	{"PSE and present only", PMD | PUD, 0x081, LEAF, X},
	{"PAT_LARGE is not address", PMD | PUD, NX | 0x10e7, LEAF, W | U | A | D},
	{"kernel direct map", PMD | PUD, NX | 0x1e3, LEAF, W | A | D | MMU_FLAG_GLOBAL},
	{"huge zero page", PMD, NX | 0x2a5, LEAF, U | A | MMU_FLAG_SPECIAL},
	{"huge PAGE_NONE", PMD, 0x1a0, INVERTED, A | MMU_FLAG_PROT_NONE},
	{"huge PAGE_NONE with PAT_LARGE", PMD, NX | 0x11a0, INVERTED, A | MMU_FLAG_PROT_NONE},
	{"THP being split", PMD, NX | 0x8e6, INVERTED, W | U | A | D | MMU_FLAG_SOFT_DIRTY},
	{"THP being split, PSE only", PMD, 0x080, INVERTED, 0},
	{"1G PAGE_NONE, which pud_present() denies", PUD, 0x000ffff7c00001a0, HOLE, 0},
	{"1G PAGE_NONE with NX", PUD, 0x800ffff7c00001a0, HOLE, 0},
	{"1G, PSE without present", PUD, 0x000ffff7c00000e6, SWAP, 0},
	{"PROT_NONE bit without PSE", PMD | PUD, 0x000ffffedcbaa120, SWAP, 0},
	/* Whole entries as the kernel writes them: type << 59 | ~offset << 9, flags below. */
	{"swap, type 0, offset 1", PTE | PMD | PUD, 0x07fffffffffffc00, SWAP, 0},
	{"swap, type 1, offset 0x12345, soft dirty", PTE, 0x0ffffffffdb97402, SWAP, 0},
	{"swap, exclusive and uffd-wp", PTE, 0x0ffffffffdb9740c, SWAP, 0},
	{"hwpoison of pfn 0x123456", PTE | PMD | PUD, 0xbfffffffdb975200, SWAP, 0},
	{"migration, read, of pfn 0x123400", PTE | PMD | PUD, 0xc7ffffffdb97fe00, SWAP, 0},
	{"migration, write, of pfn 0x123400", PTE | PMD | PUD, 0xd7ffffffdb97fe00, SWAP, 0},
	{"migration, soft dirty", PTE | PMD | PUD, 0xd7ffffffdb97fe02, SWAP, 0},
	{"device private page", PTE | PMD, 0xdfffffffdb975200, SWAP, 0},
	{"marker: uffd-wp", PTE | PMD | PUD, 0xfffffffffffffc00, SWAP, 0},
	{"marker: poisoned", PTE | PMD | PUD, 0xfffffffffffffa00, SWAP, 0},
	{"marker: guard", PTE, 0xfffffffffffff600, SWAP, 0},
	{.name = NULL},
};

static void check_entry(const struct entry_case *c, const struct world *world, int level)
{
	struct synthetic_tables *tables = tables_with_leaf(world, world->addr);
	__u64 *slot = synthetic_tables__slot(tables, world->addr, level);
	__u64 size = BIT(synthetic_tables__shift(tables, level));
	__u64 physical = c->becomes == LEAF || c->becomes == INVERTED ? leaf_physical(level) : 0;

	switch (c->becomes) {
	case HOLE:
	case SWAP:
		*slot = c->entry;
		expect_none(c->name, world, tables, level, c->becomes == HOLE ? MMU_NONE_NOT_MAPPED : MMU_NONE_SWAPPED,
			    world->addr);
		break;
	case TABLE:
		*slot = (*slot & SYNTHETIC_ADDRESS_BITS) | c->entry;
		expect_size(c->name, world, tables, MMU_LEVEL_PTE, LEAF_PHYSICAL, LEAF_FLAGS, world->addr);
		break;
	case LEAF:
		*slot = physical | c->entry;
		expect_size(c->name, world, tables, level, physical, c->flags, world->addr);
		break;
	case INVERTED:
		*slot = (~physical & SYNTHETIC_ADDRESS_BITS & ~(size - 1)) | c->entry;
		expect_size(c->name, world, tables, level, physical, c->flags, world->addr);
		break;
	}
	synthetic_tables__free(tables);
}

static void test_every_entry_at_every_level(void **state)
{
	const struct entry_case *c;
	const struct world *world;
	const int *level;

	(void)state;
	for (c = entry_cases; c->name; c++) {
		for (world = worlds; world->name; world++) {
			for (level = all_levels; *level; level++) {
				if (c->levels & 1U << *level && has_level(world->levels, *level))
					check_entry(c, world, *level);
			}
		}
	}
}

/* Every type, and offsets that set or clear many bits: whatever they hold, the low bits say "not present". */
static void test_every_swap_type(void **state)
{
	static const __u64 offsets[] = {1, 2, 0x123456, 0x5555555555555, 0x2aaaaaaaaaaaa, BIT(50) - 2, BIT(49)};
	static const int levels[] = {MMU_LEVEL_PTE, MMU_LEVEL_PMD, MMU_LEVEL_PUD};
	const struct world *world;
	unsigned int type, flags;
	size_t i, l;

	(void)state;
	assert_true(synthetic_swap_entry(31, 4) == 0xfffffffffffff600);
	for (world = worlds; world->name; world++) {
		struct synthetic_tables *tables = synthetic_tables__new(world->levels, world->direct_map);

		for (l = ARRAY_SIZE(levels); l--;) {
			__u64 *slot = synthetic_tables__slot(tables, world->addr, levels[l]);

			for (type = 0; type < 32; type++) {
				for (i = 0; i < ARRAY_SIZE(offsets) * 8; i++) {
					flags = i % 8 << 1; /* soft dirty, uffd-wp, exclusive */
					*slot = synthetic_swap_entry(type, offsets[i / 8]) | flags;
					expect_none("swap entry", world, tables, levels[l], MMU_NONE_SWAPPED,
						    world->addr);
				}
			}
			*slot = 0;
		}
		synthetic_tables__free(tables);
	}
}

/* 2. Every bit of an entry, one by one. */

static const __u16 flag_of_bit[64] = {
	[1] = W,
	[2] = U,
	[5] = A,
	[6] = D,
	[8] = MMU_FLAG_GLOBAL,
	[9] = MMU_FLAG_SPECIAL,
	[10] = MMU_FLAG_UFFD_WP,
	[11] = MMU_FLAG_SOFT_DIRTY,
	[58] = D,
};

/* Toggles each bit of a leaf that maps physical address 0 with no flag at all. */
static void check_leaf_bits(const struct world *world, int level, int present)
{
	struct synthetic_tables *tables = synthetic_tables__new(world->levels, world->direct_map);
	__u64 *slot = synthetic_tables__slot(tables, world->addr, level);
	int shift = synthetic_tables__shift(tables, level);
	__u64 base = NX | (level == MMU_LEVEL_PTE ? 0 : 0x80) | (present ? 0x1 : 0x100);
	__u16 always = present ? 0 : MMU_FLAG_PROT_NONE;
	int bit;

	if (!present)
		base |= SYNTHETIC_ADDRESS_BITS & ~(BIT(shift) - 1);
	for (bit = 1; bit < 64; bit++) {
		__u16 flags = always | flag_of_bit[bit] | (bit == 63 && present ? X : 0);

		if ((bit == 7 && level != MMU_LEVEL_PTE) || (bit == 8 && !present))
			continue; /* another kind of entry: see entry_cases */
		*slot = base ^ BIT(bit);
		expect_size("leaf bit", world, tables, level, bit >= shift && bit < 52 ? BIT(bit) : 0, flags,
			    world->addr);
	}
	synthetic_tables__free(tables);
}

static void test_every_bit_of_a_leaf(void **state)
{
	const struct world *world;

	(void)state;
	for (world = worlds; world->name; world++) {
		check_leaf_bits(world, MMU_LEVEL_PTE, 1);
		check_leaf_bits(world, MMU_LEVEL_PTE, 0);
		check_leaf_bits(world, MMU_LEVEL_PMD, 1);
		check_leaf_bits(world, MMU_LEVEL_PMD, 0);
		check_leaf_bits(world, MMU_LEVEL_PUD, 1);
	}
}

/* Bits that are not address change nothing; each address bit leads to the table that lies there. */
static void check_table_bit(const struct world *world, int level, int bit)
{
	struct synthetic_tables *tables = tables_with_leaf(world, world->addr);
	__u64 *slot = synthetic_tables__slot(tables, world->addr, level);
	struct synthetic_frame *moved;

	tables->layout.phys_limit = BIT(52);
	if (bit >= 12 && bit < 52) {
		/* Nothing else lies at a power of two: whoever drops the bit finds no table. */
		moved = synthetic_tables__frame(tables, *slot & SYNTHETIC_ADDRESS_BITS);
		moved->physical = BIT(bit);
		*slot = BIT(bit) | SYNTHETIC_TABLE_BITS;
	} else {
		*slot ^= BIT(bit);
	}
	expect_size("table bit", world, tables, MMU_LEVEL_PTE, LEAF_PHYSICAL, LEAF_FLAGS, world->addr);
	synthetic_tables__free(tables);
}

static void test_every_bit_of_a_table(void **state)
{
	const struct world *world;
	const int *level;
	int bit;

	(void)state;
	for (world = worlds; world->name; world++) {
		for (level = all_levels; *level; level++) {
			if (*level == MMU_LEVEL_PTE || !has_level(world->levels, *level))
				continue;
			for (bit = 1; bit < 64; bit++) {
				if (bit != 7 || *level > MMU_LEVEL_PUD)
					check_table_bit(world, *level, bit);
			}
		}
	}
}

/* The encryption bit stands in every entry of a SEV, SME or TDX guest, and is never address: nor is it inverted. */
static void test_encryption_bit(void **state)
{
	static const int bits[] = {47, 51};
	static const int levels[] = {MMU_LEVEL_PTE, MMU_LEVEL_PMD, MMU_LEVEL_PUD};
	struct synthetic_tables *tables;
	const struct world *world;
	size_t b, l;

	(void)state;
	for (world = worlds; world->name; world++) {
		for (b = 0; b < ARRAY_SIZE(bits); b++) {
			__u64 encrypted = BIT(bits[b]);

			tables = synthetic_tables__new(world->levels, world->direct_map);
			tables->layout.pfn_mask &= ~encrypted;
			tables->table_bits |= encrypted;
			for (l = 0; l < ARRAY_SIZE(levels); l++) {
				__u64 *slot = synthetic_tables__slot(tables, world->addr, levels[l]);
				__u64 physical = leaf_physical(levels[l]);

				*slot = physical | encrypted | 0xe7;
				expect_size("encrypted leaf", world, tables, levels[l], physical, LEAF_FLAGS,
					    world->addr);
			}
			*synthetic_tables__slot(tables, ~world->addr, MMU_LEVEL_PTE) =
				(~LEAF_PHYSICAL & SYNTHETIC_ADDRESS_BITS) | encrypted | 0x120;
			expect_size("encrypted PAGE_NONE", world, tables, MMU_LEVEL_PTE, LEAF_PHYSICAL,
				    A | MMU_FLAG_PROT_NONE, ~world->addr);

			/* With the bit taken for address, the tables would lie where no memory is. */
			tables->layout.pfn_mask |= encrypted;
			expect_none("encryption bit in the mask", world, tables, MMU_LEVEL_PGD, MMU_NONE_READ_FAULT,
				    world->addr);
			synthetic_tables__free(tables);
		}
	}
}

/* 3. Places: inside a leaf, its edges, first and last index. */

static void check_edges(const struct world *world, __u64 addr, int level)
{
	struct synthetic_tables *tables = synthetic_tables__new(world->levels, world->direct_map);
	__u64 *slot = synthetic_tables__slot(tables, addr, level);
	__u64 size = BIT(synthetic_tables__shift(tables, level));
	__u64 start = addr & ~(size - 1);
	__u64 physical = leaf_physical(level);
	const __u64 inside[] = {0, 1, 0xfff, 0x1000 % size, 0x1fffff % size, 0x200000 % size, size / 2, size - 1};
	unsigned int i, depth = 0;
	struct synthetic_answer answer;

	*slot = physical | 0xe7;
	for (i = 0; i < ARRAY_SIZE(inside); i++)
		expect_size("inside a leaf", world, tables, level, physical, LEAF_FLAGS, start + inside[i]);
	for (i = 0; i < 2; i++) {
		synthetic_tables__walk(tables, tables->top, i ? start + size : start - 1, &answer);
		assert_null(synthetic_tables__complaint(tables, &answer));
		assert_int_equal(answer.walk.outcome, 128 + MMU_NONE_NOT_MAPPED);
	}

	/* Each read is at the very entry: table, plus eight bytes an index. */
	synthetic_tables__walk(tables, tables->top, addr, &answer);
	for (i = MMU_LEVEL_PGD; i >= (unsigned int)level; i = synthetic_tables__below(tables, i), depth++) {
		__u64 index = (addr >> synthetic_tables__shift(tables, i)) % 512;

		assert_true(depth < tables->reads);
		assert_true((tables->read_at[depth] & 0xfff) == index * 8);
		assert_true(answer.trace.entry[i] == *synthetic_tables__slot(tables, addr, i));
	}
	assert_int_equal(tables->reads, depth);
	synthetic_tables__free(tables);
}

static void test_first_and_last_index(void **state)
{
	static const int leaves[] = {MMU_LEVEL_PTE, MMU_LEVEL_PMD, MMU_LEVEL_PUD};
	static const __u64 indices[] = {0, 1, 255, 256, 510, 511};
	const struct world *world;
	size_t l, i;
	int depth;

	(void)state;
	for (world = worlds; world->name; world++) {
		int top_bit = world->levels == 5 ? 56 : 47;

		/* Depth counted from the base page: each index in turn is a first or last one. */
		for (depth = 0; depth < (int)world->levels; depth++) {
			for (i = 0; i < ARRAY_SIZE(indices); i++) {
				int shift = 12 + 9 * depth;
				__u64 addr = (world->addr & ~(511ULL << shift)) | indices[i] << shift;

				/* The top index decides which half it is; the bits above repeat it. */
				addr &= BIT(top_bit + 1) - 1;
				if (addr & BIT(top_bit))
					addr |= ~(BIT(top_bit + 1) - 1);
				for (l = 0; l < ARRAY_SIZE(leaves); l++)
					check_edges(world, addr, leaves[l]);
			}
		}
	}
}

static void test_canonical_boundaries(void **state)
{
	static const struct {
		__u32 levels;
		int canonical;
		__u64 addr;
	} cases[] = {
		{4, 1, 0},
		{4, 1, 0x00007fffffffffff},
		{4, 0, 0x0000800000000000},
		{4, 0, 0x0000ffffffffffff},
		{4, 0, 0x0001000000000000},
		{4, 0, 0x00a5c3965a3c7e18},
		{4, 0, 0x7fffffffffffffff},
		{4, 0, 0x8000000000000000},
		{4, 0, 0xff11000000000000},
		{4, 0, 0xffff000000000000},
		{4, 0, 0xffff7fffffffffff},
		{4, 1, 0xffff800000000000},
		{4, 1, 0xffffffffffffffff},
		{5, 1, 0},
		{5, 1, 0x0000800000000000},
		{5, 1, 0x00ffffffffffffff},
		{5, 0, 0x0100000000000000},
		{5, 0, 0x01ffffffffffffff},
		{5, 0, 0x0200000000000000},
		{5, 0, 0x7fffffffffffffff},
		{5, 0, 0x8000000000000000},
		{5, 0, 0xfe00000000000000},
		{5, 0, 0xfeffffffffffffff},
		{5, 1, 0xff00000000000000},
		{5, 1, 0xffff7fffffffffff},
		{5, 1, 0xffffffffffffffff},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct world world = {.name = "boundary", .levels = cases[i].levels};
		struct synthetic_tables *tables = synthetic_tables__new(cases[i].levels, SYNTHETIC_BASE_5);

		if (cases[i].canonical)
			expect_none("canonical", &world, tables, MMU_LEVEL_PGD, MMU_NONE_NOT_MAPPED, cases[i].addr);
		else
			expect_none("not canonical", &world, tables, MMU_LEVEL_NONE, MMU_NONE_NOT_CANONICAL,
				    cases[i].addr);
		assert_int_equal(tables->reads, cases[i].canonical);
		synthetic_tables__free(tables);
	}
}

/* 4. Failures of the walk itself. */

static void test_table_beyond_memory(void **state)
{
	const struct world *world;
	const int *level;

	(void)state;
	for (world = worlds; world->name; world++) {
		for (level = all_levels; *level; level++) {
			struct synthetic_tables *tables;
			struct synthetic_frame *next;
			__u64 *slot;

			if (*level == MMU_LEVEL_PTE || !has_level(world->levels, *level))
				continue;
			tables = tables_with_leaf(world, world->addr);
			slot = synthetic_tables__slot(tables, world->addr, *level);
			next = synthetic_tables__frame(tables, *slot & SYNTHETIC_ADDRESS_BITS);
			next->physical = SYNTHETIC_PHYS_LIMIT - 4096;
			*slot = next->physical | SYNTHETIC_TABLE_BITS;
			expect_size("last frame of memory", world, tables, MMU_LEVEL_PTE, LEAF_PHYSICAL, LEAF_FLAGS,
				    world->addr);
			/* It could be read there: that must not even be tried. */
			next->physical = SYNTHETIC_PHYS_LIMIT;
			*slot = next->physical | SYNTHETIC_TABLE_BITS;
			expect_none("first frame beyond memory", world, tables, *level, MMU_NONE_READ_FAULT,
				    world->addr);
			*slot = SYNTHETIC_ADDRESS_BITS | SYNTHETIC_TABLE_BITS;
			expect_none("highest frame", world, tables, *level, MMU_NONE_READ_FAULT, world->addr);
			synthetic_tables__free(tables);
		}
	}
}

static void test_unreadable_table(void **state)
{
	const struct world *world;
	const int *level;

	(void)state;
	for (world = worlds; world->name; world++) {
		struct synthetic_tables *tables = tables_with_leaf(world, world->addr);
		unsigned int depth = 0;

		for (level = all_levels; *level; level++) {
			if (!has_level(world->levels, *level))
				continue;
			/* tables_with_leaf() adds the frames from the top down. */
			tables->frame[depth]->hidden = 1;
			expect_none("unreadable table", world, tables, *level, MMU_NONE_READ_FAULT, world->addr);
			assert_int_equal(tables->reads, depth + 1);
			tables->frame[depth++]->hidden = 0;
		}
		synthetic_tables__free(tables);
	}
}

static void test_task_without_mm(void **state)
{
	const struct world *world;
	struct synthetic_answer answer;

	(void)state;
	for (world = worlds; world->name; world++) {
		struct synthetic_tables *tables = tables_with_leaf(world, world->addr);
		__u64 empty = tables->layout.direct_map + synthetic_tables__add(tables)->physical;
		int kernel = world->addr >> 63;

		/* The kernel's table serves a task without one of its own, for kernel addresses only. */
		synthetic_tables__walk(tables, 0, world->addr, &answer);
		assert_null(synthetic_tables__complaint(tables, &answer));
		assert_int_equal(answer.walk.outcome, kernel ? 12 : 128 + MMU_NONE_NO_MM);
		assert_int_equal(answer.walk.level, kernel ? MMU_LEVEL_PTE : MMU_LEVEL_NONE);
		assert_int_equal(tables->reads, kernel ? world->levels : 0);

		/* With a table of its own, the kernel's one is not looked at, not even for kernel addresses. */
		synthetic_tables__walk(tables, empty, world->addr, &answer);
		assert_null(synthetic_tables__complaint(tables, &answer));
		assert_int_equal(answer.walk.outcome, 128 + MMU_NONE_NOT_MAPPED);
		assert_true((tables->read_at[0] & ~0xfffULL) == empty);

		tables->layout.kernel_pgd = empty;
		expect_size("own table", world, tables, MMU_LEVEL_PTE, LEAF_PHYSICAL, LEAF_FLAGS, world->addr);
		synthetic_tables__free(tables);
	}
}

static void test_walk_is_off(void **state)
{
	const struct world *world;
	struct synthetic_answer answer;
	int own;

	(void)state;
	for (world = worlds; world->name; world++) {
		struct synthetic_tables *tables = tables_with_leaf(world, world->addr);

		tables->layout.levels = 0;
		for (own = 0; own < 2; own++) {
			synthetic_tables__walk(tables, own ? tables->top : 0, world->addr, &answer);
			assert_null(synthetic_tables__complaint(tables, &answer));
			assert_int_equal(answer.walk.outcome, 128 + MMU_NONE_UNSUPPORTED);
			assert_int_equal(tables->reads, 0);
		}
		synthetic_tables__free(tables);
	}
}

/* 5. What a walk leaves behind. */

static void test_trace(void **state)
{
	const struct world *world;
	struct synthetic_answer answer;
	struct mmu_walk untraced;
	const int *level;

	(void)state;
	for (world = worlds; world->name; world++) {
		struct synthetic_tables *tables = tables_with_leaf(world, world->addr);

		synthetic_tables__walk(tables, tables->top, world->addr, &answer);
		assert_int_equal(answer.trace.seen, world->levels == 5 ? 0x3e : 0x2e);
		for (level = all_levels; *level; level++) {
			__u64 right = 0;

			if (has_level(world->levels, *level))
				right = *synthetic_tables__slot(tables, world->addr, *level);
			assert_true(answer.trace.entry[*level] == right);
		}
		assert_true(answer.walk.entry == (LEAF_PHYSICAL | LEAF_BITS));

		/* A walk without a trace, which is how BPF calls it, finds the same. */
		tables->reads = 0;
		mmu_walk_address(&tables->layout, synthetic_tables__read, tables, tables->top, world->addr, &untraced,
				 NULL);
		assert_memory_equal(&untraced, &answer.walk, sizeof(untraced));

		/* A hole ends the trace. */
		*synthetic_tables__slot(tables, world->addr, MMU_LEVEL_PUD) = 0x60;
		synthetic_tables__walk(tables, tables->top, world->addr, &answer);
		assert_int_equal(answer.trace.seen, world->levels == 5 ? 0x38 : 0x28);
		assert_true(answer.trace.entry[MMU_LEVEL_PUD] == 0x60 && answer.walk.entry == 0x60);
		synthetic_tables__free(tables);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_entry_at_every_level),
		cmocka_unit_test(test_every_swap_type),
		cmocka_unit_test(test_every_bit_of_a_leaf),
		cmocka_unit_test(test_every_bit_of_a_table),
		cmocka_unit_test(test_encryption_bit),
		cmocka_unit_test(test_first_and_last_index),
		cmocka_unit_test(test_canonical_boundaries),
		cmocka_unit_test(test_table_beyond_memory),
		cmocka_unit_test(test_unreadable_table),
		cmocka_unit_test(test_task_without_mm),
		cmocka_unit_test(test_walk_is_off),
		cmocka_unit_test(test_trace),
	};

	return cmocka_run_group_tests_name("page walk", tests, NULL, NULL);
}
