// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The page walk against two references over random tables.
 *
 * Planned: tables are built from a flat list of regions, and the reference looks an address up in that list; it has
 * never heard of a table. Garbage: tables hold random numbers, and the reference decodes them by a list of bit
 * patterns. MMUSCOPE_SEED repeats a run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "synthetic_tables.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (1ULL << (n))

#define DEFAULT_SEED 20201203ULL
#define TABLES 2048 /* each of planned and garbage; half of them with 5 levels */
#define ADDRESSES 256
#define REGIONS_MAX 16
#define GARBAGE_FRAMES 12

/* splitmix64 (Steele, Lea, Flood 2014): small, and good from any seed. */
static __u64 draw(__u64 *random)
{
	__u64 z = *random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static __u64 below(__u64 *random, __u64 bound)
{
	return draw(random) % bound;
}

static int one_in(__u64 *random, __u64 bound)
{
	return !below(random, bound);
}

static __u64 canonical(__u32 levels, __u64 addr)
{
	__u64 half = levels == 5 ? BIT(56) : BIT(47);

	addr %= 2 * half;
	return addr < half ? addr : addr - 2 * half;
}

/* The two halves as intervals, which is not how the walk asks. */
static int is_canonical(__u32 levels, __u64 addr)
{
	__u64 half = levels == 5 ? BIT(56) : BIT(47);

	return addr < half || addr >= -half;
}

/* How often each outcome was right at each level: so that a run can show that its tables were not all dull. */
struct tally {
	unsigned int seen[2][MMU_LEVEL_PGD + 1][256]; /* [5 levels?][level][outcome] */
};

static void expect_all_seen(const struct tally *tally)
{
	static const __u8 reasons[] = {MMU_NONE_NOT_MAPPED, MMU_NONE_READ_FAULT, MMU_NONE_SWAPPED};
	int five, level;
	size_t i;

	for (five = 0; five < 2; five++) {
		assert_true(tally->seen[five][MMU_LEVEL_NONE][128 + MMU_NONE_NOT_CANONICAL] > 0);
		for (level = MMU_LEVEL_PTE; level <= MMU_LEVEL_PGD; level++) {
			if (level == MMU_LEVEL_P4D && !five)
				continue;
			for (i = 0; i < (level <= MMU_LEVEL_PUD ? 3 : 2); i++)
				assert_true(tally->seen[five][level][128 + reasons[i]] > 0);
			if (level <= MMU_LEVEL_PUD)
				assert_true(tally->seen[five][level][12 + 9 * (level - 1)] > 0);
		}
	}
}

static void compare(const char *what, __u64 seed, struct tally *tally, const struct synthetic_tables *tables,
		    __u64 addr, const struct synthetic_answer *answer, const struct mmu_walk *right)
{
	const struct mmu_walk *walk = &answer->walk;
	const char *complaint = synthetic_tables__complaint(tables, answer);

	if (!complaint && tables->reads && (tables->read_at[0] & ~0xfffULL) != tables->top)
		complaint = "the first read is not in the top table";
	tally->seen[tables->layout.levels == 5][right->level][right->outcome]++;
	if (!complaint && walk->outcome == right->outcome && walk->level == right->level && walk->pfn == right->pfn &&
	    walk->flags == right->flags)
		return;
	print_error("%s, MMUSCOPE_SEED=%llu, %u levels, address %#llx, entry %#llx: %s\n", what, seed,
		    tables->layout.levels, addr, walk->entry, complaint ? complaint : "not what the reference says");
	fail_msg("outcome %u level %u flags %#x pfn %#llx, reference %u %u %#x %#llx", walk->outcome, walk->level,
		 walk->flags, walk->pfn, right->outcome, right->level, right->flags, right->pfn);
}

/* 1. Planned tables. */

enum region_kind {
	PRESENT,
	PROT_NONE,
	SPLITTING, /* a THP that is neither present nor gone */
	SWAPPED,
	DENIED, /* 1G PROT_NONE, which the kernel takes for a hole */
	HIDDEN, /* under a table that cannot be read */
	BEYOND, /* under a table that lies beyond memory */
	REGION_KINDS,
};

struct region {
	enum region_kind kind;
	int level; /* of the entry that stands for it */
	__u64 start;
	__u64 last;
	__u64 physical;
	__u16 flags;
};

struct plan {
	__u32 levels;
	unsigned int regions;
	struct region region[REGIONS_MAX];
};

static const struct {
	__u16 flag;
	__u64 bit;
} flag_bits[] = {
	{MMU_FLAG_WRITE, 0x002},   {MMU_FLAG_USER, 0x004},       {MMU_FLAG_ACCESSED, 0x020},
	{MMU_FLAG_DIRTY, 0x040},   {MMU_FLAG_DIRTY, 1ULL << 58}, {MMU_FLAG_SPECIAL, 0x200},
	{MMU_FLAG_UFFD_WP, 0x400}, {MMU_FLAG_SOFT_DIRTY, 0x800},
};

/* The levels that a kind of entry can stand at. */
static int pick_level(enum region_kind kind, __u64 *random)
{
	static const int lowest[REGION_KINDS] = {
		[PRESENT] = MMU_LEVEL_PTE, [PROT_NONE] = MMU_LEVEL_PTE, [SPLITTING] = MMU_LEVEL_PMD,
		[SWAPPED] = MMU_LEVEL_PTE, [DENIED] = MMU_LEVEL_PUD,    [HIDDEN] = MMU_LEVEL_PMD,
		[BEYOND] = MMU_LEVEL_PMD,
	};
	static const int highest[REGION_KINDS] = {
		[PRESENT] = MMU_LEVEL_PUD, [PROT_NONE] = MMU_LEVEL_PMD, [SPLITTING] = MMU_LEVEL_PMD,
		[SWAPPED] = MMU_LEVEL_PUD, [DENIED] = MMU_LEVEL_PUD,    [HIDDEN] = MMU_LEVEL_PGD,
		[BEYOND] = MMU_LEVEL_PGD,
	};

	return lowest[kind] + (int)below(random, highest[kind] - lowest[kind] + 1);
}

/* An address of interest: anywhere, or near one of the regions so that they share tables. */
static __u64 pick_address(const struct plan *plan, __u64 *random)
{
	const struct region *near;
	__u64 addr;

	if (!plan->regions || one_in(random, 8))
		return canonical(plan->levels, draw(random));
	near = &plan->region[below(random, plan->regions)];
	switch (below(random, 4)) {
	case 0:
		addr = near->start - below(random, 2);
		break;
	case 1:
		addr = near->last + below(random, 2);
		break;
	case 2:
		addr = near->start + below(random, near->last - near->start + 1);
		break;
	default:
		addr = near->start ^ below(random, 8) << (12 + below(random, 40));
		break;
	}
	return canonical(plan->levels, addr);
}

static int overlaps(const struct plan *plan, __u64 start, __u64 last)
{
	unsigned int i;

	for (i = 0; i < plan->regions; i++) {
		if (start <= plan->region[i].last && last >= plan->region[i].start)
			return 1;
	}
	return 0;
}

/* The entry of a leaf from its description, with rubbish in all bits that mean nothing. */
static __u64 encode_leaf(const struct synthetic_tables *tables, const struct region *region, __u64 encryption,
			 __u64 *random)
{
	__u64 size = region->last - region->start + 1;
	__u64 address = region->kind == PRESENT ? region->physical : ~region->physical;
	__u64 entry = draw(random) & 0x7a00000000000018ULL;
	unsigned int i;

	entry |= address & tables->layout.pfn_mask & ~(size - 1);
	entry |= size > 4096 ? 0x80 | (draw(random) & 0x1000) : draw(random) & 0x80;
	/* Without PRESENT the bit means nothing. */
	entry |= region->kind == PRESENT ? (region->flags & MMU_FLAG_EXEC ? 0 : BIT(63)) : draw(random) & BIT(63);
	entry |= region->kind == PRESENT ? 0x1 : 0;
	entry |= region->flags & (MMU_FLAG_GLOBAL | MMU_FLAG_PROT_NONE) || region->kind == DENIED ? 0x100 : 0;
	for (i = 0; i < ARRAY_SIZE(flag_bits); i++)
		entry |= region->flags & flag_bits[i].flag ? flag_bits[i].bit : 0;
	/* Either bit alone makes it dirty. */
	if (region->flags & MMU_FLAG_DIRTY && !one_in(random, 3))
		entry &= one_in(random, 2) ? ~BIT(6) : ~BIT(58);
	return entry | (one_in(random, 2) ? encryption : 0);
}

static __u64 encode(struct synthetic_tables *tables, const struct region *region, __u64 encryption, __u64 *random)
{
	struct synthetic_frame *frame;

	switch (region->kind) {
	case SWAPPED:
		return synthetic_swap_entry(below(random, 32), draw(random) >> 15) | below(random, 8) << 1;
	case HIDDEN:
		frame = synthetic_tables__add(tables);
		frame->hidden = 1;
		return frame->physical | tables->table_bits;
	case BEYOND:
		return ((tables->layout.phys_limit + (draw(random) >> 18)) & SYNTHETIC_ADDRESS_BITS & ~encryption) |
		       tables->table_bits;
	default:
		return encode_leaf(tables, region, encryption, random);
	}
}

static void add_region(struct plan *plan, struct synthetic_tables *tables, __u64 encryption, __u64 *random)
{
	struct region *region = &plan->region[plan->regions];
	__u64 size;

	*region = (struct region){.kind = below(random, REGION_KINDS)};
	region->level = pick_level(region->kind, random);
	if (region->level == MMU_LEVEL_P4D && plan->levels == 4)
		region->level = MMU_LEVEL_PGD;
	size = BIT(synthetic_tables__shift(tables, region->level));
	region->start = pick_address(plan, random) & ~(size - 1);
	region->last = region->start + size - 1;
	if (overlaps(plan, region->start, region->last))
		return;
	if (region->kind <= SPLITTING) {
		region->physical = draw(random) & tables->layout.pfn_mask & ~(size - 1);
		region->flags = draw(random) & (BIT(MMU_FLAG_COUNT) - 1) & ~(MMU_FLAG_PROT_NONE | MMU_FLAG_CONTIGUOUS);
		if (region->kind != PRESENT)
			region->flags &= ~(MMU_FLAG_GLOBAL | MMU_FLAG_EXEC);
		if (region->kind == PROT_NONE)
			region->flags |= MMU_FLAG_PROT_NONE;
	}
	tables->table_bits = 0x1 | (draw(random) & 0xfff0000000000f7eULL) | (one_in(random, 2) ? encryption : 0);
	*synthetic_tables__slot(tables, region->start, region->level) = encode(tables, region, encryption, random);
	plan->regions++;
}

/* The list knows where a walk into nothing ends: at the largest aligned piece around it without any region. */
static int hole_level(const struct plan *plan, const struct synthetic_tables *tables, __u64 addr)
{
	int level = MMU_LEVEL_PGD;
	__u64 piece;

	for (;;) {
		piece = BIT(synthetic_tables__shift(tables, level)) - 1;
		if (!overlaps(plan, addr & ~piece, addr | piece))
			return level;
		level = synthetic_tables__below(tables, level);
	}
}

static struct mmu_walk look_up(const struct plan *plan, const struct synthetic_tables *tables, __u64 addr)
{
	static const enum mmu_none reason[REGION_KINDS] = {
		[SWAPPED] = MMU_NONE_SWAPPED,
		[DENIED] = MMU_NONE_NOT_MAPPED,
		[HIDDEN] = MMU_NONE_READ_FAULT,
		[BEYOND] = MMU_NONE_READ_FAULT,
	};
	struct mmu_walk right = {.outcome = 128 + MMU_NONE_NOT_CANONICAL};
	const struct region *region;

	if (!is_canonical(plan->levels, addr))
		return right;
	for (region = plan->region; region < plan->region + plan->regions; region++) {
		if (addr < region->start || addr > region->last)
			continue;
		right.level = region->level;
		right.outcome = 128 + reason[region->kind];
		if (region->kind == HIDDEN)
			right.level = synthetic_tables__below(tables, region->level);
		if (region->kind <= SPLITTING) {
			right.outcome = synthetic_tables__shift(tables, region->level);
			right.flags = region->flags;
			right.pfn = (region->physical + (addr - region->start)) / 4096;
		}
		return right;
	}
	right.outcome = 128 + MMU_NONE_NOT_MAPPED;
	right.level = hole_level(plan, tables, addr);
	return right;
}

/* A run may be repeated with the seed that the failure names. */
static __u64 first_seed(void)
{
	const char *text = getenv("MMUSCOPE_SEED");
	unsigned long long seed;
	char *end;

	if (!text)
		return DEFAULT_SEED;
	errno = 0;
	seed = strtoull(text, &end, 0);
	if (errno || end == text || *end)
		fail_msg("MMUSCOPE_SEED: '%s' is not a number", text);
	return seed;
}

/* A machine with an odd physical memory and, half of the time, an encryption bit; *encryption gets that bit. */
static struct synthetic_tables *random_machine(__u32 levels, __u64 *encryption, __u64 *random)
{
	static const __u64 base[] = {SYNTHETIC_BASE_4, SYNTHETIC_BASE_4_KASLR, SYNTHETIC_BASE_5,
				     SYNTHETIC_BASE_5_KASLR};
	struct synthetic_tables *tables;

	tables = synthetic_tables__new(levels, base[(levels == 5 ? 2 : 0) + below(random, 2)]);
	*encryption = one_in(random, 2) ? 0 : BIT(one_in(random, 2) ? 47 : 51);
	tables->layout.pfn_mask &= ~*encryption;
	return tables;
}

static void check_planned(__u64 seed, struct tally *tally)
{
	__u64 random = seed;
	__u64 encryption, addr;
	struct synthetic_tables *tables;
	struct synthetic_answer answer;
	struct mmu_walk right;
	struct plan plan = {.levels = 4 + seed % 2};
	unsigned int i;

	tables = random_machine(plan.levels, &encryption, &random);
	for (i = 0; i < REGIONS_MAX; i++)
		add_region(&plan, tables, encryption, &random);
	for (i = 0; i < ADDRESSES; i++) {
		addr = pick_address(&plan, &random);
		if (one_in(&random, 16))
			addr ^= BIT(47 + below(&random, 17));
		right = look_up(&plan, tables, addr);
		synthetic_tables__walk(tables, tables->top, addr, &answer);
		compare("planned tables", seed, tally, tables, addr, &answer, &right);
	}
	synthetic_tables__free(tables);
}

static void test_planned_tables(void **state)
{
	struct tally tally = {};
	__u64 seed = first_seed();
	unsigned int i;

	(void)state;
	print_message("planned tables: MMUSCOPE_SEED=%llu\n", seed);
	for (i = 0; i < TABLES; i++)
		check_planned(seed + i, &tally);
	expect_all_seen(&tally);
}

/* 2. Garbage. */

enum meaning { HOLE, SWAP, TABLE, LEAF };

#define AT(level) (1U << (level))
#define TOP (AT(MMU_LEVEL_PGD) | AT(MMU_LEVEL_P4D))

/* The first pattern that fits says what an entry is. */
static const struct pattern {
	enum meaning meaning;
	unsigned int levels;
	__u64 mask;
	__u64 value;
} patterns[] = {
	{HOLE, ~0U, ~0x60ULL, 0},
	{LEAF, AT(MMU_LEVEL_PTE), 0x001, 0x001},
	{LEAF, AT(MMU_LEVEL_PTE), 0x100, 0x100},
	{LEAF, AT(MMU_LEVEL_PMD), 0x080, 0x080},
	{TABLE, AT(MMU_LEVEL_PMD), 0x001, 0x001},
	{LEAF, AT(MMU_LEVEL_PUD), 0x081, 0x081},
	{TABLE, AT(MMU_LEVEL_PUD), 0x001, 0x001},
	{HOLE, AT(MMU_LEVEL_PUD), 0x180, 0x180},
	{TABLE, TOP, 0x001, 0x001},
	{HOLE, TOP, 0, 0},
	{SWAP, ~0U, 0, 0},
};

static enum meaning meaning_of(int level, __u64 entry)
{
	const struct pattern *p = patterns;

	while (!(p->levels & AT(level)) || (entry & p->mask) != p->value)
		p++;
	return p->meaning;
}

static __u16 flags_of(__u64 entry)
{
	__u16 flags = entry >> 63 || entry % 2 == 0 ? 0 : MMU_FLAG_EXEC;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flag_bits); i++) {
		if (entry / flag_bits[i].bit % 2)
			flags |= flag_bits[i].flag;
	}
	if (entry & 0x100)
		flags |= entry % 2 ? MMU_FLAG_GLOBAL : MMU_FLAG_PROT_NONE;
	return flags;
}

/*
 * Goes down into the table at `physical`, which covers `span` bytes; `inside` is where the address lies in them. The
 * recursion is five deep at most: no entry of the lowest level is a table.
 */
/* NOLINTNEXTLINE(misc-no-recursion) */
static struct mmu_walk descend(const struct synthetic_tables *tables, int level, __u64 physical, __u64 span,
			       __u64 inside)
{
	const struct synthetic_frame *frame = synthetic_tables__frame(tables, physical);
	struct mmu_walk right = {.level = level, .outcome = 128 + MMU_NONE_READ_FAULT};
	__u64 slice = span / 512;
	__u64 entry, address;

	if (!frame || frame->hidden)
		return right;
	entry = frame->entry[inside / slice];
	switch (meaning_of(level, entry)) {
	case HOLE:
		right.outcome = 128 + MMU_NONE_NOT_MAPPED;
		break;
	case SWAP:
		right.outcome = 128 + MMU_NONE_SWAPPED;
		break;
	case LEAF:
		/* Address bits are the mask's; what does not reach a whole leaf is none. */
		address = (entry % 2 ? entry : entry ^ ~0ULL) & tables->layout.pfn_mask;
		right.pfn = (address / slice * slice + inside % slice) / 4096;
		right.flags = flags_of(entry);
		for (right.outcome = 0; slice > 1; slice /= 2)
			right.outcome++;
		break;
	case TABLE:
		address = entry & tables->layout.pfn_mask;
		if (address < tables->layout.phys_limit)
			return descend(tables, synthetic_tables__below(tables, level), address, slice, inside % slice);
		break;
	}
	return right;
}

/* Mostly entries that lead on, or no walk would see the lower levels; any table may be any other's, itself included. */
static __u64 garbage_entry(const struct synthetic_tables *tables, __u64 *random)
{
	__u64 entry = draw(random);
	__u64 address = tables->frame[below(random, tables->frames)]->physical;

	switch (below(random, 16)) {
	case 0:
		return entry & 0x60;
	case 1:
		return entry;
	case 2:
		return BIT(entry % 64);
	case 3:
		return synthetic_swap_entry(entry % 32, entry >> 32);
	case 4:
		return (entry & ~0x0ffULL) | 0x1; /* a table just anywhere */
	case 5:
		return (entry & ~0x001ULL) | 0x80;
	default:
		entry = (entry & ~tables->layout.pfn_mask) | address | 0x1;
		return one_in(random, 4) ? entry : entry & ~0x80ULL;
	}
}

static void check_garbage(__u64 seed, struct tally *tally)
{
	__u64 random = seed ^ 0x6172626167ULL;
	__u32 levels = 4 + seed % 2;
	__u64 span = levels == 5 ? BIT(57) : BIT(48);
	__u64 encryption, addr;
	struct synthetic_tables *tables;
	struct synthetic_answer answer;
	struct mmu_walk right;
	unsigned int i, n;

	tables = random_machine(levels, &encryption, &random);
	while (tables->frames < GARBAGE_FRAMES)
		synthetic_tables__add(tables);
	tables->frame[1]->hidden = one_in(&random, 2);
	tables->layout.phys_limit -= one_in(&random, 2) ? below(&random, SYNTHETIC_PHYS_LIMIT) : 0;
	for (i = 0; i < GARBAGE_FRAMES; i++) {
		for (n = 0; n < 512; n++)
			tables->frame[i]->entry[n] = garbage_entry(tables, &random);
	}
	for (i = 0; i < ADDRESSES; i++) {
		addr = draw(&random);
		right = (struct mmu_walk){.outcome = 128 + MMU_NONE_NOT_CANONICAL};
		if (!one_in(&random, 16))
			addr = canonical(levels, addr);
		if (is_canonical(levels, addr))
			right = descend(tables, MMU_LEVEL_PGD, tables->top - tables->layout.direct_map, span,
					addr % span);
		synthetic_tables__walk(tables, tables->top, addr, &answer);
		compare("garbage", seed, tally, tables, addr, &answer, &right);
	}
	synthetic_tables__free(tables);
}

static void test_garbage(void **state)
{
	struct tally tally = {};
	__u64 seed = first_seed();
	unsigned int i;

	(void)state;
	print_message("garbage: MMUSCOPE_SEED=%llu\n", seed);
	for (i = 0; i < TABLES; i++)
		check_garbage(seed + i, &tally);
	expect_all_seen(&tally);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_planned_tables),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests_name("page walk, random tables", tests, NULL, NULL);
}
