// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The page walk over arm64 tables of every granule and geometry that Linux has.
 *
 * The tables are built from a flat list of regions, by this file's own literals and arithmetic; the reference looks an address up in
 * that list, and has never heard of a table. MMUSCOPE_SEED repeats a run.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "page_walk.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n) (1ULL << (n))

#define DEFAULT_SEED 20201203ULL
#define ROUNDS 200 /* of each geometry and kind of kernel */
#define ADDRESSES 200
#define REGIONS_MAX 12
#define FRAMES_MAX 128
#define READS_MAX 5

/* The swapper's top table lies in the kernel's image, not in the direct map. */
#define IMAGE 0xffffffc010a40000ULL

/* arch/arm64/Kconfig: CONFIG_ARM64_VA_BITS_…, CONFIG_PGTABLE_LEVELS. */
static const struct geometry {
	const char *name;
	unsigned int page_shift, levels, va_bits;
	unsigned int top_entries;
	__u64 pfn_mask;
	unsigned int pa_bits;
	unsigned int cont_pte, cont_pmd; /* entries in a run */
} geometries[] = {
	{"4K, 39 bits", 12, 3, 39, 512, 0x0000fffffffff000, 48, 16, 16},
	{"4K, 48 bits", 12, 4, 48, 512, 0x0000fffffffff000, 48, 16, 16},
	{"4K, 52 bits (LPA2)", 12, 5, 52, 16, 0x0003fffffffff300, 52, 16, 16},
	{"4K, 48 of 52 bits", 12, 4, 48, 512, 0x0000fffffffff000, 48, 16, 16},
	{"16K, 36 bits", 14, 2, 36, 2048, 0x0000ffffffffc000, 48, 128, 32},
	{"16K, 47 bits", 14, 3, 47, 2048, 0x0000ffffffffc000, 48, 128, 32},
	{"16K, 48 bits", 14, 4, 48, 2, 0x0000ffffffffc000, 48, 128, 32},
	{"16K, 52 bits (LPA2)", 14, 4, 52, 32, 0x0003ffffffffc300, 52, 128, 32},
	{"64K, 42 bits", 16, 2, 42, 8192, 0x0000ffffffff0000, 48, 32, 32},
	{"64K, 48 bits", 16, 3, 48, 64, 0x0000ffffffff0000, 48, 32, 32},
	{"64K, 52 bits (LPA)", 16, 3, 52, 1024, 0x0000fffffffff000, 52, 32, 32},
	{"64K, 48 of 52 bits", 16, 3, 48, 1024, 0x0000ffffffff0000, 48, 32, 32},
};

/* Kernels before and after PTE_PROT_NONE was given up. */
enum kernel { OLDER, NEWER, KERNELS };

struct frame {
	__u64 physical;
	int hidden;
	__u64 *entries;
};

struct world {
	const struct geometry *geometry;
	enum kernel kernel;
	struct mmu_layout layout;
	struct frame frames[FRAMES_MAX]; /* 0: the process's top table, 1: the kernel's */
	unsigned int n_frames;
	unsigned int reads;
	__u64 random;
};

enum kind { PRESENT, PROT_NONE, SWAPPED, HIDDEN, BEYOND, KINDS };

struct region {
	enum kind kind;
	int level; /* of its entries */
	int run;   /* contiguous */
	__u64 start, size, physical;
	__u16 flags;
};

struct plan {
	unsigned int n;
	struct region regions[REGIONS_MAX];
};

/* splitmix64 (Steele, Lea, Flood 2014) */
static __u64 draw(struct world *world)
{
	__u64 z = world->random += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

static __u64 below(struct world *world, __u64 bound)
{
	return draw(world) % bound;
}

static unsigned int entries_of(const struct geometry *geometry)
{
	return 1U << geometry->page_shift >> 3;
}

/* Bytes that an entry of a level covers. */
static __u64 covered(const struct geometry *geometry, int level)
{
	__u64 bytes = BIT(geometry->page_shift);

	while (--level)
		bytes *= entries_of(geometry);
	return bytes;
}

static int name_of(const struct geometry *geometry, int level)
{
	return level == (int)geometry->levels ? MMU_LEVEL_PGD : level;
}

static struct frame *add_frame(struct world *world)
{
	struct frame *frame = &world->frames[world->n_frames++];

	assert_true(world->n_frames <= FRAMES_MAX);
	/* Below 1 TiB, where phys_limit is, and no two in the same place. */
	frame->physical = (draw(world) % BIT(40) & ~(BIT(24) - 1)) | (__u64)world->n_frames << 16;
	frame->entries = calloc(entries_of(world->geometry), sizeof(__u64));
	assert_non_null(frame->entries);
	return frame;
}

static struct frame *frame_at(struct world *world, __u64 physical)
{
	for (unsigned int i = 0; i < world->n_frames; i++)
		if (world->frames[i].physical == physical)
			return &world->frames[i];
	return NULL;
}

static __u64 encode_address(const struct geometry *geometry, __u64 physical)
{
	if (geometry->pa_bits == 52 && geometry->page_shift == 16)
		return physical % BIT(48) | physical / BIT(48) * BIT(12);
	if (geometry->pa_bits == 52)
		return physical % BIT(50) | physical / BIT(50) * BIT(8);
	return physical;
}

/* What stands beside the address of a table is for the hardware: AF, and rubbish. */
static __u64 encode_table(struct world *world, __u64 physical)
{
	return encode_address(world->geometry, physical) | 3 | (draw(world) & 0xf8000000000000f0ULL) | BIT(10);
}

static struct world *world_new(const struct geometry *geometry, enum kernel kernel, __u64 seed)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	world->geometry = geometry;
	world->kernel = kernel;
	world->random = seed;
	world->layout = (struct mmu_layout){
		/* PAGE_OFFSET, less where memory starts. */
		.direct_map = -BIT(geometry->va_bits) - 0x40000000,
		.pfn_mask = geometry->pfn_mask,
		.phys_limit = BIT(40) + BIT(30),
		.levels = geometry->levels,
		.page_shift = geometry->page_shift,
		.va_bits = (__u8)geometry->va_bits,
		.top_bits = (__u8)__builtin_ctz(geometry->top_entries),
		.prot_none_bit = kernel == OLDER ? 58 : 11,
		.kernel_pgd = IMAGE,
	};
	add_frame(world);
	add_frame(world);
	return world;
}

static void world_free(struct world *world)
{
	for (unsigned int i = 0; i < world->n_frames; i++)
		free(world->frames[i].entries);
	free(world);
}

static int read_entry(void *ctx, __u64 kernel_address, __u64 *value)
{
	struct world *world = ctx;
	__u64 page = BIT(world->geometry->page_shift);
	struct frame *frame;
	__u64 inside;

	if (++world->reads > READS_MAX)
		fail_msg("a walk that does not end");
	if (kernel_address >= IMAGE && kernel_address < IMAGE + page) {
		frame = &world->frames[1];
		inside = kernel_address - IMAGE;
	} else {
		__u64 physical = kernel_address - world->layout.direct_map;

		frame = frame_at(world, physical / page * page);
		inside = physical % page;
	}
	/* A failing read leaves a plausible leaf, for whoever does not look. */
	*value = 3;
	if (!frame || frame->hidden || inside % 8)
		return -EFAULT;
	*value = frame->entries[inside / 8];
	return 0;
}

/* The entry of a level that covers an address; tables missing on the way are made. */
static __u64 *slot(struct world *world, __u64 addr, int level)
{
	struct frame *frame = &world->frames[addr >> 55 & 1];
	int here = (int)world->geometry->levels;
	unsigned int n = world->geometry->top_entries;

	for (;; here--, n = entries_of(world->geometry)) {
		__u64 *entry = &frame->entries[addr / covered(world->geometry, here) % n];

		if (here == level)
			return entry;
		if (!*entry) {
			frame = add_frame(world);
			*entry = encode_table(world, frame->physical);
		} else {
			for (unsigned int i = 0;; i++) {
				assert_true(i < world->n_frames);
				frame = &world->frames[i];
				if (((*entry ^ encode_address(world->geometry, frame->physical)) &
				     world->geometry->pfn_mask) == 0)
					break;
			}
		}
	}
}

static void walk(struct world *world, __u64 addr, struct mmu_walk *result)
{
	__u64 pgd = world->layout.direct_map + world->frames[0].physical;
	struct mmu_trace trace = {0};

	world->reads = 0;
	memset(result, 0xa5, sizeof(*result));
	mmu_walk_address(&world->layout, read_entry, world, pgd, addr, result, &trace);
}

/* 1. Planned tables. */

static __u64 canonical(struct world *world, __u64 addr)
{
	__u64 inside = addr % BIT(world->geometry->va_bits);

	return addr >> 63 ? inside - BIT(world->geometry->va_bits) : inside;
}

static int overlaps(const struct plan *plan, __u64 start, __u64 size)
{
	for (unsigned int i = 0; i < plan->n; i++)
		if (start <= plan->regions[i].start + plan->regions[i].size - 1 &&
		    plan->regions[i].start <= start + size - 1)
			return 1;
	return 0;
}

/* Anywhere, or near one of the regions, so that they share tables. */
static __u64 pick_address(const struct plan *plan, struct world *world)
{
	const struct region *near;

	if (!plan->n || !below(world, 8))
		return canonical(world, draw(world));
	near = &plan->regions[below(world, plan->n)];
	switch (below(world, 4)) {
	case 0:
		return canonical(world, near->start - below(world, 2));
	case 1:
		return canonical(world, near->start + near->size - below(world, 2));
	case 2:
		return canonical(world, near->start + below(world, near->size));
	default:
		return canonical(world, near->start ^ below(world, 8)
							      << (world->geometry->page_shift + below(world, 36)));
	}
}

static __u64 encode_flags(struct world *world, const struct region *region)
{
	__u16 flags = region->flags;
	__u64 entry = draw(world) & 0xe20000000000003cULL; /* bits that mean nothing to us */

	entry |= flags & MMU_FLAG_WRITE ? BIT(51) : 0;
	entry |= flags & MMU_FLAG_USER ? BIT(6) : 0;
	entry |= flags & MMU_FLAG_ACCESSED ? BIT(10) : 0;
	entry |= flags & MMU_FLAG_SPECIAL ? BIT(56) : 0;
	entry |= flags & MMU_FLAG_CONTIGUOUS ? BIT(52) : 0;
	if (!(flags & MMU_FLAG_DIRTY)) {
		entry |= flags & MMU_FLAG_WRITE ? BIT(7) : draw(world) & BIT(7);
	} else if (flags & MMU_FLAG_WRITE && below(world, 2)) {
		entry |= draw(world) & BIT(55); /* by the hardware: writable, and not read-only */
	} else {
		entry |= BIT(55) | (draw(world) & BIT(7));
	}
	if (world->kernel == NEWER)
		entry |= flags & MMU_FLAG_UFFD_WP ? BIT(58) : 0;
	if (world->geometry->pa_bits != 52 || world->geometry->page_shift == 16)
		entry |= draw(world) & 0x300; /* shareability */
	if (world->geometry->page_shift == 16 && world->geometry->pa_bits != 52)
		entry |= draw(world) & 0xf000;
	if (region->kind == PROT_NONE) {
		entry |= draw(world) & (BIT(53) | BIT(54) | BIT(1));
		if (world->kernel == NEWER)
			return entry | BIT(11);
		entry |= draw(world) & BIT(11);
		return entry | (region->level == MMU_LEVEL_PMD && below(world, 2) ? BIT(59) : BIT(58));
	}
	entry |= flags & MMU_FLAG_GLOBAL ? 0 : BIT(11);
	entry |= flags & MMU_FLAG_EXEC ? BIT(53 + below(world, 2)) : BIT(53) | BIT(54);
	if (world->kernel == OLDER)
		entry |= draw(world) & BIT(58);
	return entry | 1 | (region->level == MMU_LEVEL_PTE ? 2 : 0);
}

static __u64 encode_swap(struct world *world, int level)
{
	__u64 entry = (draw(world) & ~3ULL) | BIT(20);

	entry &= world->kernel == NEWER ? ~BIT(11) : ~BIT(58);
	return world->kernel == OLDER && level == MMU_LEVEL_PMD ? entry & ~BIT(59) : entry;
}

static void place(struct world *world, const struct region *region)
{
	__u64 step = covered(world->geometry, region->level);
	struct frame *frame;

	for (__u64 at = 0; at < region->size; at += step) {
		__u64 *entry = slot(world, region->start + at, region->level);

		switch (region->kind) {
		case SWAPPED:
			*entry = encode_swap(world, region->level);
			break;
		case HIDDEN:
			frame = add_frame(world);
			frame->hidden = 1;
			*entry = encode_table(world, frame->physical);
			break;
		case BEYOND:
			*entry = encode_table(world,
					      world->layout.phys_limit + (draw(world) % BIT(40) & ~(BIT(16) - 1)));
			break;
		default:
			*entry = encode_address(world->geometry, region->physical + at) | encode_flags(world, region);
			break;
		}
	}
}

static void add_region(struct plan *plan, struct world *world)
{
	const struct geometry *geometry = world->geometry;
	struct region *region = &plan->regions[plan->n];
	int highest = geometry->levels < MMU_LEVEL_PUD || geometry->page_shift == 16 ? MMU_LEVEL_PMD : MMU_LEVEL_PUD;

	*region = (struct region){.kind = below(world, KINDS)};
	if (region->kind >= HIDDEN)
		region->level = MMU_LEVEL_PMD + (int)below(world, geometry->levels - 1);
	else
		region->level = MMU_LEVEL_PTE + (int)below(world, highest);
	region->run = region->kind <= PROT_NONE && region->level <= MMU_LEVEL_PMD && below(world, 2);
	region->size = covered(geometry, region->level);
	if (region->run)
		region->size *= region->level == MMU_LEVEL_PTE ? geometry->cont_pte : geometry->cont_pmd;
	region->start = pick_address(plan, world) / region->size * region->size;
	if (overlaps(plan, region->start, region->size))
		return;
	if (region->kind <= PROT_NONE) {
		region->physical = draw(world) % BIT(geometry->pa_bits) / region->size * region->size;
		region->flags = draw(world) & (BIT(MMU_FLAG_COUNT) - 1) &
				~(MMU_FLAG_PROT_NONE | MMU_FLAG_CONTIGUOUS | MMU_FLAG_SOFT_DIRTY);
		region->flags |= region->run ? MMU_FLAG_CONTIGUOUS : 0;
		if (region->kind == PROT_NONE)
			region->flags = (region->flags | MMU_FLAG_PROT_NONE) & ~(MMU_FLAG_GLOBAL | MMU_FLAG_EXEC);
		if (world->kernel == OLDER)
			region->flags &= ~MMU_FLAG_UFFD_WP;
	}
	plan->n++;
	place(world, region);
}

/* Where a walk into nothing ends: at the largest aligned piece around it without any region. */
static int hole_level(const struct plan *plan, const struct geometry *geometry, __u64 addr)
{
	int level = (int)geometry->levels;

	while (overlaps(plan, addr / covered(geometry, level) * covered(geometry, level), covered(geometry, level)))
		level--;
	return level;
}

static struct mmu_walk look_up(const struct plan *plan, const struct world *world, __u64 addr)
{
	static const enum mmu_none reasons[KINDS] = {
		[SWAPPED] = MMU_NONE_SWAPPED, [HIDDEN] = MMU_NONE_READ_FAULT, [BEYOND] = MMU_NONE_READ_FAULT};
	const struct geometry *geometry = world->geometry;
	__u64 half = BIT(geometry->va_bits);
	struct mmu_walk right = {.outcome = 128 + MMU_NONE_NOT_CANONICAL};

	if (!(addr & BIT(55)))
		addr %= BIT(56); /* the top byte is the program's */
	if (addr >= half && addr < -half)
		return right;
	for (const struct region *region = plan->regions; region < plan->regions + plan->n; region++) {
		if (addr < region->start || addr > region->start + region->size - 1)
			continue;
		right.level = (__u8)name_of(geometry, region->level - (region->kind == HIDDEN));
		right.outcome = (__u8)(128 + reasons[region->kind]);
		if (region->kind <= PROT_NONE) {
			right.outcome = (__u8)__builtin_ctzll(region->size);
			right.flags = region->flags;
			right.pfn = (region->physical + (addr - region->start)) / BIT(geometry->page_shift);
		}
		return right;
	}
	right.outcome = 128 + MMU_NONE_NOT_MAPPED;
	right.level = (__u8)name_of(geometry, hole_level(plan, geometry, addr));
	return right;
}

/* How often each outcome was right: to show that the tables were not all dull. */
struct tally {
	unsigned int seen[256];
};

static void check_planned(const struct geometry *geometry, enum kernel kernel, __u64 seed, struct tally *tally)
{
	struct world *world = world_new(geometry, kernel, seed);
	struct plan plan = {0};

	for (unsigned int i = 0; i < REGIONS_MAX; i++)
		add_region(&plan, world);
	for (unsigned int i = 0; i < ADDRESSES; i++) {
		__u64 addr = pick_address(&plan, world);
		struct mmu_walk right, result;

		if (!below(world, 8))
			addr ^= BIT(geometry->va_bits - 1 + below(world, 65 - geometry->va_bits));
		right = look_up(&plan, world, addr);
		walk(world, addr, &result);
		tally->seen[right.outcome]++;
		if (result.outcome != right.outcome || result.level != right.level || result.pfn != right.pfn ||
		    result.flags != right.flags || result.reserved)
			fail_msg("%s, kernel %d, MMUSCOPE_SEED=%llu, %#llx, entry %#llx: outcome %u level %u flags %#x "
				 "pfn %#llx, reference %u %u %#x %#llx",
				 geometry->name, kernel, seed, addr, result.entry, result.outcome, result.level,
				 result.flags, result.pfn, right.outcome, right.level, right.flags, right.pfn);
	}
	world_free(world);
}

static __u64 first_seed(void)
{
	const char *text = getenv("MMUSCOPE_SEED");

	return text ? strtoull(text, NULL, 0) : DEFAULT_SEED;
}

static void planned_tables(void **state)
{
	/* Kernel facts: 64K and 32M on 4K, 2M and 1G on 16K, 2M and 16G on 64K; blocks of 2M, 32M, 512M, 1G and 64G. */
	static const __u8 sizes[3][5] = {{12, 16, 21, 25, 30}, {14, 21, 25, 30, 36}, {16, 21, 29, 34, 34}};
	static const __u8 reasons[] = {MMU_NONE_NOT_MAPPED, MMU_NONE_SWAPPED, MMU_NONE_READ_FAULT,
				       MMU_NONE_NOT_CANONICAL};
	__u64 seed = first_seed();

	print_message("planned tables: MMUSCOPE_SEED=%llu\n", (unsigned long long)seed);
	for (size_t i = 0; i < COUNT_OF(geometries); i++) {
		const struct geometry *geometry = &geometries[i];
		struct tally tally = {0};

		for (unsigned int k = 0; k < ROUNDS * KERNELS; k++)
			check_planned(geometry, k % KERNELS, seed + k, &tally);
		for (size_t k = 0; k < COUNT_OF(reasons); k++)
			assert_true(tally.seen[128 + reasons[k]] > 0);
		for (size_t k = 0; k < 5; k++)
			if (k < 4 || geometry->levels > 2)
				assert_true(tally.seen[sizes[(geometry->page_shift - 12) / 2][k]] > 0);
	}
}

/* 2. Tables of garbage: a walk ends, with a size or a reason, and never reads more than there are levels. */

static void garbage_is_survived(void **state)
{
	for (size_t i = 0; i < COUNT_OF(geometries) * 20; i++) {
		const struct geometry *geometry = &geometries[i % COUNT_OF(geometries)];
		struct world *world = world_new(geometry, i & 1, i);

		while (world->n_frames < 8)
			add_frame(world);
		for (unsigned int k = 0; k < world->n_frames; k++)
			for (unsigned int n = 0; n < entries_of(geometry); n++)
				world->frames[k].entries[n] =
					below(world, 4) ? encode_table(world, world->frames[below(world, 8)].physical)
							: draw(world);
		for (unsigned int k = 0; k < ADDRESSES; k++) {
			struct mmu_walk result;

			walk(world, canonical(world, draw(world)), &result);
			assert_true(mmu_outcome_is_size(result.outcome) != mmu_outcome_is_none(result.outcome));
			assert_in_range(world->reads, 1, geometry->levels);
			assert_true(mmu_outcome_is_size(result.outcome) || (!result.pfn && !result.flags));
		}
		world_free(world);
	}
}

/* 3. What has no region. */

static void prot_none_is_learned(void **state)
{
	/* PAGE_NONE of 6.1: PTE_PROT_NONE, RDONLY, nG, PXN, UXN; of 6.12: nG stands for it. */
	static const __u64 older = BIT(58) | BIT(7) | BIT(11) | BIT(53) | BIT(54) | BIT(10) | 0x12345000;
	static const __u64 newer = BIT(7) | BIT(11) | BIT(53) | BIT(54) | BIT(10) | 0x12345000;
	static const struct {
		__u64 entry;
		__u8 bit;
	} pages[] = {{older, 58}, {newer, 11}, {newer | 3, 0}, {older | 1, 0}, {0, 0}, {0x12345000, 0}};

	for (size_t i = 0; i < COUNT_OF(pages); i++)
		assert_int_equal(mmu_arch_learn(pages[i].entry), pages[i].bit);
	for (size_t i = 0; i < 2; i++) {
		struct world *world = world_new(&geometries[1], OLDER, 1);
		struct mmu_walk result;

		/* Before it is learned, such a page is not known to be one; after, it is. */
		world->layout.prot_none_bit = 0;
		*slot(world, 0x7000, MMU_LEVEL_PTE) = pages[i].entry;
		walk(world, 0x7000, &result);
		assert_int_equal(result.outcome, 128 + MMU_NONE_SWAPPED);
		world->layout.prot_none_bit = mmu_arch_learn(result.entry);
		walk(world, 0x7000, &result);
		assert_int_equal(result.outcome, 12);
		assert_int_equal(result.pfn, 0x12345);
		assert_int_equal(result.flags, MMU_FLAG_PROT_NONE | MMU_FLAG_ACCESSED);
		world_free(world);
	}
}

static void halves_have_tables_of_their_own(void **state)
{
	struct world *world = world_new(&geometries[1], NEWER, 1);
	struct mmu_walk result;
	struct mmu_trace trace = {0};

	*slot(world, 0xffff800000007000, MMU_LEVEL_PMD) = 0x40200000 | 1 | BIT(10);
	*slot(world, 0x0000800000007000, MMU_LEVEL_PTE) = 0x12345000 | 3 | BIT(10) | BIT(11);
	walk(world, 0xffff800000007000, &result);
	assert_int_equal(result.outcome, 21);
	walk(world, 0x0000800000007000, &result);
	assert_int_equal(result.outcome, 12);
	walk(world, 0xab00800000007000, &result);
	assert_int_equal(result.outcome, 12);
	walk(world, 0xff7f800000007000, &result);
	assert_int_equal(result.outcome, 128 + MMU_NONE_NOT_CANONICAL);
	/* A task without an address space, and then without a table of the kernel either. */
	mmu_walk_address(&world->layout, read_entry, world, 0, 0xffff800000007000, &result, &trace);
	assert_int_equal(result.outcome, 21);
	mmu_walk_address(&world->layout, read_entry, world, 0, 0x7000, &result, &trace);
	assert_int_equal(result.outcome, 128 + MMU_NONE_NO_MM);
	world->layout.kernel_pgd = 0;
	walk(world, 0xffff800000007000, &result);
	assert_int_equal(result.outcome, 128 + MMU_NONE_UNSUPPORTED);
	assert_int_equal(world->reads, 0);
	world_free(world);
}

static void spans_are_those_of_the_geometry(void **state)
{
	for (size_t i = 0; i < COUNT_OF(geometries); i++) {
		const struct geometry *geometry = &geometries[i];
		struct world *world = world_new(geometry, NEWER, 1);
		struct mmu_walk result;

		walk(world, 0, &result);
		assert_int_equal(result.outcome, 128 + MMU_NONE_NOT_MAPPED);
		assert_int_equal(result.level, MMU_LEVEL_PGD);
		assert_true(mmu_walk_span(&world->layout, &result) == covered(geometry, (int)geometry->levels));
		world_free(world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(planned_tables),
		cmocka_unit_test(garbage_is_survived),
		cmocka_unit_test(prot_none_is_learned),
		cmocka_unit_test(halves_have_tables_of_their_own),
		cmocka_unit_test(spans_are_those_of_the_geometry),
	};

	return cmocka_run_group_tests_name("page walk, arm64", tests, NULL, NULL);
}
