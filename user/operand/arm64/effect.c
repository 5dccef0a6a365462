/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What instructions that access no memory make of the general registers. Decoded by Capstone, of which identity and operands
 * are asked; its lists of registers that are read and written have gaps in 4.0 (it lets CMP write its operand) and are not.
 *
 * Only operations whose result is exact. Results of 32 bits are zero-extended (Arm ARM C1.2.5).
 */
#include <capstone/capstone.h>

#include "a64.h"

#define NO_REG 0xff

struct program {
	struct insn_effect effect;
	bool narrow; /* the result has 32 bits */
	bool failed; /* it cannot be expressed */
};

struct source {
	uint8_t reg;
	bool narrow;
	arm64_shifter shift;
	arm64_extender extend;
	unsigned int amount;
};

/* One a thread: cs_open() makes tables. They live as long as the program. */
struct decoder {
	csh capstone;
	cs_insn *insn;
};

static struct decoder *decoder_get(void)
{
	static _Thread_local struct decoder decoder;

	if (decoder.insn)
		return &decoder;
	if (cs_open(CS_ARCH_ARM64, CS_MODE_ARM, &decoder.capstone) != CS_ERR_OK)
		return NULL;
	cs_option(decoder.capstone, CS_OPT_DETAIL, CS_OPT_ON);
	decoder.insn = cs_malloc(decoder.capstone);
	if (decoder.insn)
		return &decoder;
	cs_close(&decoder.capstone);
	return NULL;
}

/* The number in recipes of a general register; *narrow tells its lower half. */
static uint8_t general(unsigned int reg, bool *narrow)
{
	*narrow = true;
	if (reg >= ARM64_REG_W0 && reg <= ARM64_REG_W30)
		return (uint8_t)(reg - ARM64_REG_W0);
	if (reg == ARM64_REG_WSP)
		return MMU_REG_SP;
	if (reg == ARM64_REG_WZR)
		return MMU_REG_ZERO;
	*narrow = false;
	if (reg >= ARM64_REG_X0 && reg <= ARM64_REG_X28)
		return (uint8_t)(reg - ARM64_REG_X0);
	switch (reg) {
	case ARM64_REG_X29:
		return 29;
	case ARM64_REG_X30:
		return 30;
	case ARM64_REG_SP:
		return MMU_REG_SP;
	case ARM64_REG_XZR:
		return MMU_REG_ZERO;
	default:
		return NO_REG;
	}
}

static void emit(struct program *program, enum mmu_op_code code, uint8_t src, unsigned int shift, int64_t imm)
{
	struct insn_effect *effect = &program->effect;

	if (effect->n_ops == INSN_EFFECT_OPS || imm != (int32_t)imm) {
		program->failed = true;
		return;
	}
	effect->ops[effect->n_ops++] = (struct mmu_op){
		.code = (uint8_t)code, .dst = INSN_RESULT, .src = src, .shift = (uint8_t)shift, .imm = (int32_t)imm};
}

static void emit_constant_op(struct program *program, enum mmu_op_code code, int64_t imm)
{
	emit(program, code, MMU_REG_ZERO, 0, imm);
}

static void emit_unary(struct program *program, enum mmu_op_code code)
{
	emit(program, code, MMU_REG_ZERO, 0, 0);
}

static void emit_constant(struct program *program, int64_t value)
{
	int32_t low = (int32_t)value;

	if (value == low) {
		emit_constant_op(program, MMU_OP_MOV, low);
		return;
	}
	/* The upper half makes up for the sign of the lower one. */
	emit_constant_op(program, MMU_OP_MOV, (int32_t)(((uint64_t)value - (uint64_t)(int64_t)low) >> 32));
	emit(program, MMU_OP_MOV, INSN_RESULT, 32, low);
}

static bool read_source(const cs_arm64_op *operand, struct source *source)
{
	if (operand->type != ARM64_OP_REG || operand->vector_index != -1)
		return false;
	source->reg = general(operand->reg, &source->narrow);
	source->shift = operand->shift.type;
	source->extend = operand->ext;
	source->amount = operand->shift.value;
	return source->reg != NO_REG;
}

/* True if the source can be an operand of an op as it is, at least of one whose upper half is cut off. */
static bool is_plain(const struct program *program, const struct source *source)
{
	bool extends = source->extend != ARM64_EXT_INVALID && source->extend != ARM64_EXT_UXTX &&
		       source->extend != ARM64_EXT_SXTX;
	bool same = (source->extend == ARM64_EXT_UXTW || source->extend == ARM64_EXT_SXTW) && program->narrow;

	return (!extends || same) && (source->shift == ARM64_SFT_INVALID || source->shift == ARM64_SFT_LSL);
}

static void take_extended(struct program *program, const struct source *source)
{
	static const enum mmu_op_code codes[] = {
		[ARM64_EXT_UXTB] = MMU_OP_ZX8, [ARM64_EXT_UXTH] = MMU_OP_ZX16, [ARM64_EXT_UXTW] = MMU_OP_ZX32,
		[ARM64_EXT_SXTB] = MMU_OP_SX8, [ARM64_EXT_SXTH] = MMU_OP_SX16, [ARM64_EXT_SXTW] = MMU_OP_SX32,
	};

	if (source->extend >= sizeof(codes) / sizeof(codes[0]) || !codes[source->extend]) {
		program->failed = true; /* 64 bits wide, and shifted otherwise than to the left */
		return;
	}
	emit(program, MMU_OP_MOV, source->reg, 0, 0);
	emit_unary(program, codes[source->extend]);
	if (source->amount)
		emit_constant_op(program, MMU_OP_SHL, source->amount);
}

/* Starts with a source, shifted or extended. */
static void take(struct program *program, const struct source *source)
{
	if (is_plain(program, source)) {
		emit(program, MMU_OP_MOV, source->reg, source->amount, 0);
		return;
	}
	if (source->extend != ARM64_EXT_INVALID) {
		take_extended(program, source);
		return;
	}
	if (source->shift != ARM64_SFT_LSR && source->shift != ARM64_SFT_ASR) {
		program->failed = true; /* ROR */
		return;
	}
	emit(program, MMU_OP_MOV, source->reg, 0, 0);
	if (program->narrow)
		emit_unary(program, source->shift == ARM64_SFT_LSR ? MMU_OP_ZX32 : MMU_OP_SX32);
	emit_constant_op(program, source->shift == ARM64_SFT_LSR ? MMU_OP_SHR : MMU_OP_SAR, source->amount);
}

static void finish(struct program *program, struct insn *insn)
{
	if (program->narrow)
		emit_unary(program, MMU_OP_ZX32);
	if (!program->failed)
		insn->effects[insn->n_effects++] = program->effect;
}

static int64_t immediate(const cs_arm64_op *operand)
{
	return operand->shift.type == ARM64_SFT_LSL ? (int64_t)((uint64_t)operand->imm << operand->shift.value)
						    : operand->imm;
}

static void add_immediate(struct program *program, const struct source *left, int64_t imm)
{
	emit(program, MMU_OP_MOV, left->reg, 0, imm);
}

static void combine_immediate(struct program *program, enum mmu_op_code code, const struct source *left, int64_t imm)
{
	if (program->narrow)
		imm = (int32_t)imm;
	if (imm == (int32_t)imm) {
		emit(program, MMU_OP_MOV, left->reg, 0, 0);
		emit_constant_op(program, code, imm);
		return;
	}
	emit_constant(program, imm);
	if (left->reg != MMU_REG_ZERO || code == MMU_OP_AND)
		emit(program, code, left->reg, 0, 0);
}

/* dst = left OP right; `inverted`: of NOT right. */
static void effect_of_binary(struct program *program, enum mmu_op_code code, bool inverted, const cs_arm64 *arm,
			     struct insn *insn)
{
	bool sum = code == MMU_OP_ADD || code == MMU_OP_SUB;
	struct source left, right;

	if (arm->op_count < 3 || !read_source(&arm->operands[1], &left))
		return;
	if (arm->operands[2].type == ARM64_OP_IMM) {
		int64_t imm = immediate(&arm->operands[2]);

		if (sum)
			add_immediate(program, &left, code == MMU_OP_ADD ? imm : -imm);
		else
			combine_immediate(program, code, &left, inverted ? ~imm : imm);
		finish(program, insn);
		return;
	}
	if (!read_source(&arm->operands[2], &right))
		return;
	if (is_plain(program, &right) && !inverted) {
		emit(program, MMU_OP_MOV, left.reg, 0, 0);
		emit(program, code, right.reg, right.amount, 0);
		finish(program, insn);
		return;
	}
	take(program, &right);
	if (inverted)
		emit_unary(program, MMU_OP_NOT);
	if (code == MMU_OP_SUB)
		emit_unary(program, MMU_OP_NEG);
	emit(program, code == MMU_OP_SUB ? MMU_OP_ADD : code, left.reg, 0, 0);
	finish(program, insn);
}

/* MOV, MVN, NEG of a register; MOV of a constant, as later versions of Capstone name MOVZ, MOVN and ORR. */
static void effect_of_move(struct program *program, enum mmu_op_code code, const cs_arm64 *arm, struct insn *insn)
{
	struct source source;

	if (arm->op_count < 2)
		return;
	if (arm->operands[1].type == ARM64_OP_IMM && code == MMU_OP_MOV) {
		int64_t imm = immediate(&arm->operands[1]);

		emit_constant(program, program->narrow ? (int64_t)(uint32_t)imm : imm);
		program->narrow = false;
		finish(program, insn);
		return;
	}
	if (!read_source(&arm->operands[1], &source))
		return;
	take(program, &source);
	if (code != MMU_OP_MOV)
		emit_unary(program, code);
	finish(program, insn);
}

static void effect_of_move_wide(struct program *program, bool inverted, const cs_arm64 *arm, struct insn *insn)
{
	int64_t imm;

	if (arm->op_count < 2 || arm->operands[1].type != ARM64_OP_IMM)
		return;
	imm = immediate(&arm->operands[1]);
	if (inverted)
		imm = ~imm;
	emit_constant(program, program->narrow ? (int64_t)(uint32_t)imm : imm);
	program->narrow = false;
	finish(program, insn);
}

/* Replaces 16 bits. Only where what stays needs no mask of more than 32 bits. */
static void effect_of_move_keep(struct program *program, const cs_arm64 *arm, struct insn *insn)
{
	unsigned int shift = arm->operands[1].shift.type == ARM64_SFT_LSL ? arm->operands[1].shift.value : 0;

	if (arm->op_count < 2 || arm->operands[1].type != ARM64_OP_IMM)
		return;
	emit(program, MMU_OP_MOV, program->effect.reg, 0, 0);
	if (!shift) {
		emit_constant_op(program, MMU_OP_AND, -65536);
		emit_constant_op(program, MMU_OP_OR, arm->operands[1].imm);
	} else if (shift == 16 && program->narrow) {
		emit_unary(program, MMU_OP_ZX16);
		emit_constant_op(program, MMU_OP_OR, (int32_t)(uint32_t)immediate(&arm->operands[1]));
	} else {
		return;
	}
	finish(program, insn);
}

/* `width` bits from bit `from` on of the source, to bit `to` on. */
static void move_bits(struct program *program, uint8_t reg, unsigned int from, unsigned int to, unsigned int width,
		      bool sign)
{
	unsigned int left = 64 - from - width, right = 64 - to - width;

	if (!from && !to && (width == 8 || width == 16 || width == 32)) {
		static const enum mmu_op_code codes[2][3] = {{MMU_OP_ZX8, MMU_OP_ZX16, MMU_OP_ZX32},
							     {MMU_OP_SX8, MMU_OP_SX16, MMU_OP_SX32}};

		emit(program, MMU_OP_MOV, reg, 0, 0);
		emit_unary(program, codes[sign][width / 16]);
	} else if (!right) { /* what is above gets lost by itself */
		emit(program, MMU_OP_MOV, reg, left, 0);
	} else {
		emit(program, MMU_OP_MOV, reg, left, 0);
		emit_constant_op(program, sign ? MMU_OP_SAR : MMU_OP_SHR, right);
	}
	if (!sign)
		program->narrow = false; /* nothing is left above */
}

static void effect_of_field(struct program *program, unsigned int id, const cs_arm64 *arm, struct insn *insn)
{
	bool sign = id == ARM64_INS_SBFX || id == ARM64_INS_SBFIZ;
	bool extract = id == ARM64_INS_SBFX || id == ARM64_INS_UBFX;
	unsigned int lsb, width, most = program->narrow ? 32 : 64;
	struct source source;

	if (arm->op_count < 4 || !read_source(&arm->operands[1], &source))
		return;
	lsb = (unsigned int)arm->operands[2].imm;
	width = (unsigned int)arm->operands[3].imm;
	if (!width || lsb >= most || width > most - lsb)
		return;
	move_bits(program, source.reg, extract ? lsb : 0, extract ? 0 : lsb, width, sign);
	finish(program, insn);
}

static void effect_of_extension(struct program *program, unsigned int width, bool sign, const cs_arm64 *arm,
				struct insn *insn)
{
	struct source source;

	if (arm->op_count < 2 || !read_source(&arm->operands[1], &source))
		return;
	move_bits(program, source.reg, 0, 0, width, sign);
	finish(program, insn);
}

static void shift_by_register(struct program *program, enum mmu_op_code code, const struct source *source,
			      const cs_arm64_op *operand)
{
	struct source amount;

	/* 32-bit shifts count modulo 32. */
	if (program->narrow || !read_source(operand, &amount)) {
		program->failed = true;
		return;
	}
	emit(program, MMU_OP_MOV, source->reg, 0, 0);
	emit(program, code, amount.reg, 0, 0);
}

static void effect_of_shift(struct program *program, unsigned int id, const cs_arm64 *arm, struct insn *insn)
{
	enum mmu_op_code code = id == ARM64_INS_LSL ? MMU_OP_SHL : id == ARM64_INS_LSR ? MMU_OP_SHR : MMU_OP_SAR;
	unsigned int amount, width = program->narrow ? 32 : 64;
	struct source source;

	if (arm->op_count < 3 || !read_source(&arm->operands[1], &source))
		return;
	if (arm->operands[2].type != ARM64_OP_IMM) {
		shift_by_register(program, code, &source, &arm->operands[2]);
		finish(program, insn);
		return;
	}
	amount = (unsigned int)arm->operands[2].imm;
	if (amount >= width)
		return;
	if (code == MMU_OP_SHL)
		emit(program, MMU_OP_MOV, source.reg, amount, 0);
	else
		move_bits(program, source.reg, amount, 0, width - amount, code == MMU_OP_SAR);
	finish(program, insn);
}

/* MADD, MSUB, MUL, MNEG */
static void effect_of_multiplication(struct program *program, bool negate, const cs_arm64 *arm, struct insn *insn)
{
	struct source left, right, sum = {.reg = MMU_REG_ZERO};

	if (arm->op_count < 3 || !read_source(&arm->operands[1], &left) || !read_source(&arm->operands[2], &right) ||
	    (arm->op_count > 3 && !read_source(&arm->operands[3], &sum)))
		return;
	emit(program, MMU_OP_MOV, left.reg, 0, 0);
	emit(program, MMU_OP_MUL, right.reg, 0, 0);
	if (negate)
		emit_unary(program, MMU_OP_NEG);
	if (sum.reg != MMU_REG_ZERO)
		emit(program, MMU_OP_ADD, sum.reg, 0, 0);
	finish(program, insn);
}

static void effect_of_address(struct program *program, bool page, const cs_arm64 *arm, struct insn *insn)
{
	if (arm->op_count < 2 || arm->operands[1].type != ARM64_OP_IMM)
		return;
	/* Decoded at address 0: what is left is the offset. */
	if (page) {
		emit(program, MMU_OP_MOV, MMU_REG_IP, 0, 0);
		emit_constant_op(program, MMU_OP_AND, -4096);
		emit_constant_op(program, MMU_OP_ADD, arm->operands[1].imm);
	} else {
		emit(program, MMU_OP_MOV, MMU_REG_IP, 0, arm->operands[1].imm);
	}
	finish(program, insn);
}

static void find_bit_effect(unsigned int id, struct program *program, const cs_arm64 *arm, struct insn *insn)
{
	switch (id) {
	case ARM64_INS_UBFX:
	case ARM64_INS_SBFX:
	case ARM64_INS_UBFIZ:
	case ARM64_INS_SBFIZ:
		effect_of_field(program, id, arm, insn);
		break;
	case ARM64_INS_UXTB:
		effect_of_extension(program, 8, false, arm, insn);
		break;
	case ARM64_INS_UXTH:
		effect_of_extension(program, 16, false, arm, insn);
		break;
	case ARM64_INS_SXTB:
		effect_of_extension(program, 8, true, arm, insn);
		break;
	case ARM64_INS_SXTH:
		effect_of_extension(program, 16, true, arm, insn);
		break;
	case ARM64_INS_SXTW:
		effect_of_extension(program, 32, true, arm, insn);
		break;
	case ARM64_INS_LSL:
	case ARM64_INS_LSR:
	case ARM64_INS_ASR:
		effect_of_shift(program, id, arm, insn);
		break;
	default:
		break;
	}
}

static void find_effect(unsigned int id, struct program *program, const cs_arm64 *arm, struct insn *insn)
{
	switch (id) {
	case ARM64_INS_ADD:
		effect_of_binary(program, MMU_OP_ADD, false, arm, insn);
		break;
	case ARM64_INS_SUB:
		effect_of_binary(program, MMU_OP_SUB, false, arm, insn);
		break;
	case ARM64_INS_AND:
	case ARM64_INS_BIC:
		effect_of_binary(program, MMU_OP_AND, id == ARM64_INS_BIC, arm, insn);
		break;
	case ARM64_INS_ORR:
	case ARM64_INS_ORN:
		effect_of_binary(program, MMU_OP_OR, id == ARM64_INS_ORN, arm, insn);
		break;
	case ARM64_INS_EOR:
	case ARM64_INS_EON:
		effect_of_binary(program, MMU_OP_XOR, id == ARM64_INS_EON, arm, insn);
		break;
	case ARM64_INS_MOV:
		effect_of_move(program, MMU_OP_MOV, arm, insn);
		break;
	case ARM64_INS_MVN:
		effect_of_move(program, MMU_OP_NOT, arm, insn);
		break;
	case ARM64_INS_NEG:
		effect_of_move(program, MMU_OP_NEG, arm, insn);
		break;
	case ARM64_INS_MOVZ:
	case ARM64_INS_MOVN:
		effect_of_move_wide(program, id == ARM64_INS_MOVN, arm, insn);
		break;
	case ARM64_INS_MOVK:
		effect_of_move_keep(program, arm, insn);
		break;
	case ARM64_INS_MADD:
	case ARM64_INS_MUL:
		effect_of_multiplication(program, false, arm, insn);
		break;
	case ARM64_INS_MSUB:
	case ARM64_INS_MNEG:
		effect_of_multiplication(program, true, arm, insn);
		break;
	case ARM64_INS_ADR:
	case ARM64_INS_ADRP:
		effect_of_address(program, id == ARM64_INS_ADRP, arm, insn);
		break;
	default:
		find_bit_effect(id, program, arm, insn);
		break;
	}
}

/* Of instructions that access no memory, these have a general register first and do not write it. */
static bool only_reads(unsigned int id)
{
	return id == ARM64_INS_CMP || id == ARM64_INS_CMN || id == ARM64_INS_TST || id == ARM64_INS_CCMP ||
	       id == ARM64_INS_CCMN;
}

void a64__compute(const uint8_t *bytes, struct insn *insn)
{
	struct decoder *decoder = decoder_get();
	struct program program = {0};
	size_t n = A64_BYTES;
	uint64_t address = 0;
	const cs_arm64 *arm;
	uint8_t reg;

	if (!decoder || !cs_disasm_iter(decoder->capstone, &bytes, &n, &address, decoder->insn)) {
		/* Whatever it is: a general register that it writes is named in the lowest bits, where 31 may be SP. */
		insn->writes = 1u << (a64__word(bytes) & 31);
		return;
	}
	arm = &decoder->insn->detail->arm64;
	if (!arm->op_count || arm->operands[0].type != ARM64_OP_REG || only_reads(decoder->insn->id))
		return;
	reg = general(arm->operands[0].reg, &program.narrow);
	if (reg == NO_REG || reg == MMU_REG_ZERO)
		return;
	insn->writes = 1u << reg;
	program.effect.reg = reg;
	find_effect(decoder->insn->id, &program, arm, insn);
}
