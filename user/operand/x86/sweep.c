/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Decodes code from front to end for the bounds of instructions and the targets of branches.
 *
 * Only length and encoding are asked of the decoder, which is faster than having operands too. Opcodes are those of SDM
 * Vol. 2, Appendix A.
 */
#include <errno.h>
#include <stdlib.h>

#include <Zydis/Zydis.h>

#include "operand/code_internal.h"
#include "support/clock.h"

/* How far before a computed jump the address of its table may be loaded, in instructions. */
#define TABLE_REACH 24
#define TABLE_MAX 65536

/* An address in data that the code forms: perhaps that of a jump table. */
struct table {
	uint64_t address;
	uint64_t instruction; /* number of the one that forms it */
	uint64_t jump;        /* number of the computed jump that follows, counted from 1 */
	bool read;
};

struct sweep {
	struct code_image *image;
	struct code_span *span;
	const struct code_elf *elf;
	struct table *tables;
	size_t n_tables;
	size_t room;
	uint64_t absolute_jumps; /* through tables of addresses */
	const atomic_bool *stop; /* may be NULL */
	ZydisDecoder decoder;
};

static void mark_leader(struct sweep *sweep, uint64_t address)
{
	code_image__mark_leader(sweep->image, sweep->span, address);
}

/*
 * Behind a call. In a file the call itself says so, and what else leads there is a leader. In a snapshot it helps to find
 * where instructions start, and what made the code may have other ways back.
 */
static void mark_return(struct sweep *sweep, uint64_t address)
{
	if (!sweep->elf)
		mark_leader(sweep, address);
}

static int add_table(struct sweep *sweep, uint64_t address)
{
	if (sweep->n_tables == sweep->room) {
		size_t room = sweep->room ? 2 * sweep->room : 1024;
		struct table *tables = realloc(sweep->tables, room * sizeof(*tables));

		if (!tables)
			return -ENOMEM;
		sweep->tables = tables;
		sweep->room = room;
	}
	sweep->tables[sweep->n_tables++] =
		(struct table){.address = address, .instruction = sweep->image->facts.instructions};
	return 0;
}

/* JMP *table(,%reg,8) of position-dependent code: code_elf__mark_pointers() reads its table as it reads all data. */
static bool has_absolute_table(const struct sweep *sweep, const ZydisDecodedInstruction *zydis)
{
	uint64_t offset;
	int32_t first;

	return sweep->elf && zydis->raw.modrm.mod == 0 && zydis->raw.modrm.rm == 4 && zydis->raw.sib.base == 5 &&
	       code_elf__read_s32(sweep->elf, sweep->image, (uint64_t)zydis->raw.disp.value, &first) &&
	       code_image__span_at(sweep->image, (uint32_t)first, &offset);
}

static void computed_jump(struct sweep *sweep, const ZydisDecodedInstruction *zydis)
{
	struct code_image_facts *facts = &sweep->image->facts;

	facts->computed_jumps++;
	if (has_absolute_table(sweep, zydis)) {
		sweep->absolute_jumps++;
		facts->tables_read++;
		return;
	}
	for (size_t i = sweep->n_tables; i-- > 0;) {
		if (facts->instructions - sweep->tables[i].instruction > TABLE_REACH || sweep->tables[i].jump)
			break;
		sweep->tables[i].jump = facts->computed_jumps;
	}
}

static bool is_rip_relative(const ZydisDecodedInstruction *zydis)
{
	return zydis->raw.modrm.mod == 0 && zydis->raw.modrm.rm == 5;
}

static int one_byte_opcode(struct sweep *sweep, const ZydisDecodedInstruction *zydis, uint64_t behind)
{
	switch (zydis->opcode) {
	case 0x70 ... 0x7f: /* Jcc rel8 */
	case 0xe0 ... 0xe3: /* LOOPcc, JrCXZ */
	case 0xe9:          /* JMP rel32 */
	case 0xeb:          /* JMP rel8 */
		mark_leader(sweep, behind + (uint64_t)zydis->raw.imm[0].value.s);
		break;
	case 0xe8: /* CALL rel32 */
		mark_leader(sweep, behind + (uint64_t)zydis->raw.imm[0].value.s);
		mark_return(sweep, behind);
		break;
	case 0xc7: /* XBEGIN rel32 */
		if (zydis->raw.modrm.mod == 3 && zydis->raw.modrm.reg == 7)
			mark_leader(sweep, behind + (uint64_t)zydis->raw.imm[0].value.s);
		break;
	case 0xff:
		if (zydis->raw.modrm.reg == 2 || zydis->raw.modrm.reg == 3) /* CALL */
			mark_return(sweep, behind);
		else if (zydis->raw.modrm.reg == 4 && !is_rip_relative(zydis)) /* JMP; a PLT is no computed jump */
			computed_jump(sweep, zydis);
		break;
	case 0x8d: /* LEA */
		if (sweep->elf && is_rip_relative(zydis))
			return add_table(sweep, behind + (uint64_t)zydis->raw.disp.value);
		break;
	default:
		break;
	}
	return 0;
}

static int look_at(struct sweep *sweep, const ZydisDecodedInstruction *zydis, uint64_t behind)
{
	if (zydis->encoding != ZYDIS_INSTRUCTION_ENCODING_LEGACY)
		return 0;
	if (zydis->opcode_map == ZYDIS_OPCODE_MAP_DEFAULT)
		return one_byte_opcode(sweep, zydis, behind);
	if (zydis->opcode_map == ZYDIS_OPCODE_MAP_0F && (zydis->opcode & 0xf0) == 0x80) /* Jcc rel32 */
		mark_leader(sweep, behind + (uint64_t)zydis->raw.imm[0].value.s);
	return 0;
}

/* How many of the bytes at `at` lie before the next function; at most `length`. */
static unsigned int before_function(const struct code_span *span, uint64_t at, unsigned int length)
{
	uint64_t bits = span->functions[(at + 1) / 64] >> ((at + 1) % 64);
	unsigned int distance;

	if ((at + 1) % 64)
		bits |= span->functions[(at + 1) / 64 + 1] << (64 - (at + 1) % 64);
	if (!bits)
		return length;
	distance = (unsigned int)__builtin_ctzll(bits) + 1;
	return distance < length ? distance : length;
}

static int sweep_span(struct sweep *sweep)
{
	struct code_image_facts *facts = &sweep->image->facts;
	struct code_span *span = sweep->span;
	uint64_t at = 0;

	while (at < span->size) {
		ZydisDecodedInstruction zydis;
		unsigned int length;
		int err;

		if (!ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(&sweep->decoder, ZYAN_NULL, span->bytes + at,
								span->size - at, &zydis))) {
			facts->bad_bytes++;
			at++;
			continue;
		}
		length = before_function(span, at, zydis.length);
		if (length < zydis.length) {
			facts->bad_bytes += length;
			at += length;
			continue;
		}
		bitmap_set(span->starts, at);
		facts->instructions++;
		at += length;
		if (sweep->stop && !(facts->instructions & 4095) && atomic_load(sweep->stop))
			return -ECANCELED;
		err = look_at(sweep, &zydis, span->address + at);
		if (err)
			return err;
	}
	return 0;
}

static int by_address(const void *a, const void *b)
{
	const struct table *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/*
 * Jump tables of position-independent code: offsets from the table itself. What is no table ends at its first word,
 * which names no instruction.
 */
static bool read_table(struct sweep *sweep, uint64_t address)
{
	int32_t offset;
	uint64_t n = 0;

	while (n < TABLE_MAX && code_elf__read_s32(sweep->elf, sweep->image, address + 4 * n, &offset)) {
		uint64_t to;
		struct code_span *span = code_image__span_at(sweep->image, address + (uint64_t)(int64_t)offset, &to);

		if (!span || !bitmap_test(span->starts, to))
			break;
		bitmap_set(span->leaders, to);
		n++;
	}
	return n;
}

static int read_tables(struct sweep *sweep)
{
	struct code_image_facts *facts = &sweep->image->facts;
	uint8_t *known = calloc(1, facts->computed_jumps + 1);

	if (!known)
		return -ENOMEM;
	if (sweep->n_tables)
		qsort(sweep->tables, sweep->n_tables, sizeof(*sweep->tables), by_address);
	for (size_t i = 0; i < sweep->n_tables; i++) {
		struct table *table = &sweep->tables[i];

		if (i && table[-1].address == table->address) {
			table->read = table[-1].read;
		} else {
			table->read = read_table(sweep, table->address);
			facts->tables_read += table->read;
		}
		if (table->read)
			known[table->jump] = 1;
	}
	for (uint64_t i = 1; i <= facts->computed_jumps; i++)
		facts->unread_jumps += !known[i];
	facts->unread_jumps -= sweep->absolute_jumps;
	free(known);
	return 0;
}

int code_sweep__run(struct code_image *image, const struct code_elf *elf, const atomic_bool *stop)
{
	struct sweep sweep = {.image = image, .elf = elf, .stop = stop};
	uint64_t start = clock__thread_cpu();
	int err = 0;

	ZydisDecoderInit(&sweep.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	ZydisDecoderEnableMode(&sweep.decoder, ZYDIS_DECODER_MODE_MINIMAL, ZYAN_TRUE);
	for (unsigned int i = 0; !err && i < image->n_spans; i++) {
		sweep.span = &image->spans[i];
		err = sweep_span(&sweep);
	}
	if (!err)
		read_tables(&sweep);
	free(sweep.tables);
	image->facts.sweep_ns = clock__thread_cpu() - start;
	return err;
}
