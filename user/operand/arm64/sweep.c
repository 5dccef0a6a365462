/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Looks at every word of the code for the targets of branches. All instructions are words: where they start is no question,
 * but for constants among them, which control never reaches.
 */
#include <errno.h>

#include "operand/code_internal.h"
#include "support/clock.h"

#include "a64.h"

/* How far before a computed jump to look for what computes it, in instructions. */
#define REACH 40
#define TABLE_MAX 4096

struct sweep {
	struct code_image *image;
	struct code_span *span;
	const struct code_elf *elf;
	const atomic_bool *stop; /* may be NULL */
};

/* A jump through a table: to = base + (entry << shift). */
struct table {
	uint64_t address;
	uint64_t base;
	unsigned int entry_bytes;
	unsigned int shift;
	bool sign;
	uint64_t entries; /* at most */
};

static uint32_t word_at(const struct code_span *span, uint64_t offset)
{
	return a64__word(span->bytes + offset);
}

/* The last instruction before `offset` that matches and whose lowest register field is `reg`. Returns false if there is none. */
static bool find_before(const struct sweep *sweep, uint64_t *offset, uint32_t mask, uint32_t value, uint32_t reg)
{
	uint64_t at = *offset;

	for (unsigned int i = 0; i < REACH && at >= A64_BYTES; i++) {
		at -= A64_BYTES;
		if (a64__is(word_at(sweep->span, at), mask | 31, value | reg)) {
			*offset = at;
			return true;
		}
	}
	return false;
}

/* What ADRP and ADD make of a register. */
static bool find_address(const struct sweep *sweep, uint64_t before, uint32_t reg, uint64_t *address)
{
	uint64_t at = before, page;
	uint32_t add, adrp;

	if (!find_before(sweep, &at, 0xffc00000, 0x91000000, reg)) /* ADD Xd, Xn, #imm */
		return false;
	add = word_at(sweep->span, at);
	if (!find_before(sweep, &at, 0x9f000000, 0x90000000, a64__field(add, 9, 5)))
		return false;
	adrp = word_at(sweep->span, at);
	page = (sweep->span->address + at) & ~UINT64_C(4095);
	page += (uint64_t)(a64__signed(adrp, 23, 5) << 2 | a64__field(adrp, 30, 29)) << 12;
	*address = page + a64__field(add, 21, 10);
	return true;
}

/* What ADR makes of a register; *at is where it stands. */
static bool find_adr(const struct sweep *sweep, uint64_t *at, uint32_t reg, uint64_t *address)
{
	uint32_t adr;

	if (!find_before(sweep, at, 0x9f000000, 0x10000000, reg))
		return false;
	adr = word_at(sweep->span, *at);
	*address = sweep->span->address + *at + (uint64_t)(a64__signed(adr, 23, 5) << 2 | a64__field(adr, 30, 29));
	return true;
}

/* The last comparison with a constant: of the index with the table's last, most likely. */
static uint64_t find_bound(const struct sweep *sweep, uint64_t before)
{
	uint64_t at = before;

	if (!find_before(sweep, &at, 0x7fc00000, 0x71000000, 31)) /* CMP Rn, #imm */
		return TABLE_MAX;
	return a64__field(word_at(sweep->span, at), 21, 10) + 1;
}

/* LDRB, LDRH, LDR, LDRSW … with a register offset. */
static bool read_load(uint32_t load, struct table *table)
{
	uint32_t size = a64__field(load, 31, 30), opc = a64__field(load, 23, 22);

	if (!a64__is(load, 0x3f200c00, 0x38200800) || !opc || size == 3)
		return false;
	table->entry_bytes = 1u << size;
	table->sign = opc & 2;
	return true;
}

/* How the ADD before the jump extends what was loaded. */
static bool read_add(uint32_t add, struct table *table)
{
	uint32_t option = a64__field(add, 15, 13);

	if (a64__is(add, 0xffe00000, 0x8b200000)) { /* extended register */
		table->shift = a64__field(add, 12, 10);
		if (option & 4)
			table->sign = true;
		return table->shift <= 4;
	}
	table->shift = a64__field(add, 15, 10);
	return a64__is(add, 0xffe00000, 0x8b000000) && table->shift <= 4;
}

/* The table that `entry` is loaded from, and the base that is added to it. */
static bool find_parts(const struct sweep *sweep, uint64_t add, uint32_t base, uint32_t entry, struct table *table)
{
	uint64_t at = add, adr = add;
	uint32_t load, from;

	if (!find_before(sweep, &at, 0x3f200c00, 0x38200800, entry))
		return false;
	load = word_at(sweep->span, at);
	from = a64__field(load, 9, 5);
	table->entries = find_bound(sweep, at);
	if (!read_load(load, table) || !read_add(word_at(sweep->span, add), table) ||
	    !find_address(sweep, at, from, &table->address))
		return false;
	/* The same register may hold the table first and the base then. */
	if (find_adr(sweep, &adr, base, &table->base) && (base != from || adr > at))
		return true;
	table->base = table->address;
	return base == from;
}

/*
 * ADRP, ADD, LDR entry, [table, index]; ADR base; ADD to, base, entry; BR to: as GCC does it; with the table itself for the base,
 * as Clang does it.
 */
static bool find_table(const struct sweep *sweep, uint64_t jump, struct table *table)
{
	uint32_t to = a64__field(word_at(sweep->span, jump), 9, 5), add, first, second;
	uint64_t at = jump;

	*table = (struct table){0};
	if (!find_before(sweep, &at, 0xff000000, 0x8b000000, to))
		return false;
	add = word_at(sweep->span, at);
	first = a64__field(add, 9, 5);
	second = a64__field(add, 20, 16);
	return find_parts(sweep, at, first, second, table) ||
	       (!a64__field(add, 15, 10) && find_parts(sweep, at, second, first, table));
}

static int64_t extend(uint32_t entry, const struct table *table)
{
	unsigned int unused = 32 - 8 * table->entry_bytes;

	if (table->sign)
		return (int32_t)(entry << unused) >> unused;
	return entry;
}

/* Marks what a table names; it ends at the first entry that is no instruction. Returns false when none is. */
static bool read_table(const struct sweep *sweep, const struct table *table)
{
	uint64_t n, to;

	for (n = 0; n < table->entries; n++) {
		struct code_span *span;
		uint32_t entry = 0;

		if (!code_elf__read_bytes(sweep->elf, sweep->image, table->address + n * table->entry_bytes, &entry,
					  table->entry_bytes))
			break;
		to = table->base + ((uint64_t)extend(entry, table) << table->shift);
		span = code_image__span_at(sweep->image, to, &to);
		if (!span || (span->address + to) % A64_BYTES)
			break;
		bitmap_set(span->leaders, to);
	}
	return n;
}

/* BR x16 and x17 are of a PLT, or of a veneer: the linker's (Procedure Call Standard for the Arm 64-bit Architecture, 6.1.1). */
static bool is_computed_jump(uint32_t word)
{
	return a64__is(word, 0xfffffc1f, 0xd61f0000) && a64__field(word, 9, 5) != 16 && a64__field(word, 9, 5) != 17;
}

static void computed_jump(struct sweep *sweep, uint64_t offset)
{
	struct code_image_facts *facts = &sweep->image->facts;
	struct table table;

	facts->computed_jumps++;
	if (sweep->elf && find_table(sweep, offset, &table) && read_table(sweep, &table))
		facts->tables_read++;
	else
		facts->unread_jumps++;
}

static void look_at(struct sweep *sweep, uint64_t offset)
{
	uint32_t word = word_at(sweep->span, offset);
	uint64_t address = sweep->span->address + offset;
	struct a64_branch branch;

	if (a64__is_undefined(word)) {
		sweep->image->facts.bad_bytes += A64_BYTES;
		return;
	}
	bitmap_set(sweep->span->starts, offset);
	sweep->image->facts.instructions++;
	if (!a64__branch(word, &branch))
		return;
	if (branch.has_target)
		code_image__mark_leader(sweep->image, sweep->span, address + (uint64_t)branch.target);
	/* Behind a call: in a file the call itself says so. */
	if (branch.flow == INSN_FLOW_CALL && !sweep->elf)
		code_image__mark_leader(sweep->image, sweep->span, address + A64_BYTES);
	if (branch.flow == INSN_FLOW_JUMP && is_computed_jump(word))
		computed_jump(sweep, offset);
}

static int sweep_span(struct sweep *sweep)
{
	const struct code_span *span = sweep->span;

	for (uint64_t at = -span->address % A64_BYTES; at + A64_BYTES <= span->size; at += A64_BYTES) {
		if (sweep->stop && !(at & 0xfffc) && atomic_load(sweep->stop))
			return -ECANCELED;
		look_at(sweep, at);
	}
	return 0;
}

int code_sweep__run(struct code_image *image, const struct code_elf *elf, const atomic_bool *stop)
{
	struct sweep sweep = {.image = image, .elf = elf, .stop = stop};
	uint64_t start = clock__thread_cpu();
	int err = 0;

	for (unsigned int i = 0; !err && i < image->n_spans; i++) {
		sweep.span = &image->spans[i];
		err = sweep_span(&sweep);
	}
	image->facts.sweep_ns = clock__thread_cpu() - start;
	return err;
}
