/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Only operations whose result is exact: 32-bit results are zero-extended (SDM Vol. 1, 3.4.1.1), 8- and 16-bit ones
 * would be merged with the old value and are left out.
 */
#include "effect.h"

struct program {
	struct insn_effect effect;
	unsigned int width; /* of the result */
};

struct source {
	uint8_t reg; /* MMU_REG_ZERO for an immediate */
	unsigned int width;
	bool high_byte;
	int64_t imm;
};

static void emit(struct program *program, enum mmu_op_code code, uint8_t src, uint8_t shift, int32_t imm)
{
	program->effect.ops[program->effect.n_ops++] =
		(struct mmu_op){.code = code, .dst = INSN_RESULT, .src = src, .shift = shift, .imm = imm};
}

static void emit_unary(struct program *program, enum mmu_op_code code)
{
	emit(program, code, MMU_REG_ZERO, 0, 0);
}

static void emit_constant(struct program *program, int64_t value)
{
	int32_t low = (int32_t)value;

	if (value == low) {
		emit(program, MMU_OP_MOV, MMU_REG_ZERO, 0, low);
		return;
	}
	/* The upper half makes up for the sign of the lower one. */
	emit(program, MMU_OP_MOV, MMU_REG_ZERO, 0, (int32_t)(((uint64_t)value - (uint64_t)(int64_t)low) >> 32));
	emit(program, MMU_OP_MOV, INSN_RESULT, 32, low);
}

static bool is_general(const ZydisDecodedOperand *operand, uint8_t *reg, unsigned int *width)
{
	ZydisRegisterClass class;

	if (operand->type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	class = ZydisRegisterGetClass(operand->reg.value);
	if (class != ZYDIS_REGCLASS_GPR8 && class != ZYDIS_REGCLASS_GPR16 && class != ZYDIS_REGCLASS_GPR32 &&
	    class != ZYDIS_REGCLASS_GPR64)
		return false;
	*reg = (uint8_t)ZydisRegisterGetId(
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand->reg.value));
	*width = operand->size;
	return true;
}

static bool read_source(const ZydisDecodedOperand *operand, struct source *source)
{
	*source = (struct source){.reg = MMU_REG_ZERO};
	if (operand->type == ZYDIS_OPERAND_TYPE_IMMEDIATE) {
		source->imm = operand->imm.value.s;
		return true;
	}
	if (!is_general(operand, &source->reg, &source->width))
		return false;
	source->high_byte = operand->reg.value >= ZYDIS_REGISTER_AH && operand->reg.value <= ZYDIS_REGISTER_BH;
	return true;
}

/* Starts the program of the register that `operand` is. */
static bool start(const ZydisDecodedOperand *operand, struct program *program)
{
	*program = (struct program){0};
	return is_general(operand, &program->effect.reg, &program->width) && program->width >= 32;
}

static void finish(struct program *program, struct insn *insn)
{
	insn->effects[insn->n_effects++] = program->effect;
}

static void narrow(struct program *program)
{
	if (program->width == 32)
		emit_unary(program, MMU_OP_ZX32);
}

static void effect_of_move(const ZydisDecodedOperand *operands, struct insn *insn)
{
	struct program program;
	struct source source;

	if (!start(&operands[0], &program) || !read_source(&operands[1], &source))
		return;
	if (source.reg == MMU_REG_ZERO) {
		emit_constant(&program, program.width == 32 ? (int64_t)(uint32_t)source.imm : source.imm);
	} else {
		emit(&program, MMU_OP_MOV, source.reg, 0, 0);
		narrow(&program);
	}
	finish(&program, insn);
}

static void extend(struct program *program, const struct source *source, bool sign)
{
	emit(program, MMU_OP_MOV, source->reg, 0, 0);
	if (source->high_byte)
		emit(program, MMU_OP_SHR, MMU_REG_ZERO, 0, 8);
	switch (source->width) {
	case 8:
		emit_unary(program, sign ? MMU_OP_SX8 : MMU_OP_ZX8);
		break;
	case 16:
		emit_unary(program, sign ? MMU_OP_SX16 : MMU_OP_ZX16);
		break;
	default:
		emit_unary(program, sign ? MMU_OP_SX32 : MMU_OP_ZX32);
		break;
	}
	if (sign)
		narrow(program);
}

static void effect_of_extension(const ZydisDecodedOperand *operands, struct insn *insn, bool sign)
{
	struct program program;
	struct source source;

	if (!start(&operands[0], &program) || !read_source(&operands[1], &source) || source.reg == MMU_REG_ZERO)
		return;
	extend(&program, &source, sign);
	finish(&program, insn);
}

/* CWDE and CDQE: the lower half of rax, sign-extended. */
static void effect_of_rax_extension(unsigned int width, struct insn *insn)
{
	struct program program = {.width = width};
	struct source source = {.width = width / 2};

	extend(&program, &source, true);
	finish(&program, insn);
}

static void effect_of_lea(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands, struct insn *insn)
{
	const ZydisDecodedOperandMem *mem = &operands[1].mem;
	ZydisDecodedOperand base = {.type = ZYDIS_OPERAND_TYPE_REGISTER, .reg.value = mem->base};
	ZydisDecodedOperand index = {.type = ZYDIS_OPERAND_TYPE_REGISTER, .reg.value = mem->index};
	int64_t disp = mem->disp.value;
	struct program program;
	unsigned int width;
	uint8_t reg = MMU_REG_ZERO;

	if (!start(&operands[0], &program))
		return;
	if (mem->base == ZYDIS_REGISTER_RIP || mem->base == ZYDIS_REGISTER_EIP) {
		reg = MMU_REG_IP;
		disp += insn->length;
	} else if (mem->base != ZYDIS_REGISTER_NONE && !is_general(&base, &reg, &width)) {
		return;
	}
	if (disp != (int32_t)disp)
		return;
	emit(&program, MMU_OP_MOV, reg, 0, (int32_t)disp);
	if (mem->index != ZYDIS_REGISTER_NONE) {
		if (!is_general(&index, &reg, &width))
			return;
		emit(&program, MMU_OP_ADD, reg, mem->scale > 1 ? (uint8_t)__builtin_ctz(mem->scale) : 0, 0);
	}
	if (zydis->address_width == 32)
		program.width = 32;
	narrow(&program);
	finish(&program, insn);
}

static void effect_of_binary(enum mmu_op_code code, const ZydisDecodedOperand *operands, struct insn *insn)
{
	struct program program;
	struct source source;
	bool zero_extended;

	if (!start(&operands[0], &program) || !read_source(&operands[1], &source))
		return;
	if (source.reg == program.effect.reg && (code == MMU_OP_XOR || code == MMU_OP_SUB)) {
		emit_constant(&program, 0);
		finish(&program, insn);
		return;
	}
	/* A positive mask leaves nothing in the upper half. */
	zero_extended = code == MMU_OP_AND && source.reg == MMU_REG_ZERO && (int32_t)source.imm >= 0;
	if (code == MMU_OP_ADD && source.reg == MMU_REG_ZERO) {
		emit(&program, MMU_OP_MOV, program.effect.reg, 0, (int32_t)source.imm);
	} else if (code == MMU_OP_SUB && source.reg == MMU_REG_ZERO && (int32_t)source.imm != INT32_MIN) {
		emit(&program, MMU_OP_MOV, program.effect.reg, 0, -(int32_t)source.imm);
	} else {
		emit(&program, MMU_OP_MOV, program.effect.reg, 0, 0);
		emit(&program, code, source.reg, 0, source.reg == MMU_REG_ZERO ? (int32_t)source.imm : 0);
	}
	if (!zero_extended)
		narrow(&program);
	finish(&program, insn);
}

static void effect_of_unary(ZydisMnemonic mnemonic, const ZydisDecodedOperand *operands, struct insn *insn)
{
	struct program program;
	int32_t step = mnemonic == ZYDIS_MNEMONIC_INC ? 1 : mnemonic == ZYDIS_MNEMONIC_DEC ? -1 : 0;

	if (!start(&operands[0], &program))
		return;
	emit(&program, MMU_OP_MOV, program.effect.reg, 0, step);
	if (!step)
		emit_unary(&program, mnemonic == ZYDIS_MNEMONIC_NEG ? MMU_OP_NEG : MMU_OP_NOT);
	narrow(&program);
	finish(&program, insn);
}

/*
 * SHL, SHR, SAR: operands[value] by operands[count]. The count is taken modulo the width (SDM Vol. 2, SAL/SAR/SHL/SHR).
 */
static void effect_of_shift(enum mmu_op_code code, const ZydisDecodedOperand *operands, unsigned int value,
			    unsigned int count, struct insn *insn)
{
	struct source source, by;
	struct program program;

	if (!start(&operands[0], &program) || !read_source(&operands[value], &source) || source.reg == MMU_REG_ZERO ||
	    !read_source(&operands[count], &by) || by.high_byte || (program.width == 32 && by.reg != MMU_REG_ZERO))
		return;
	by.imm &= program.width - 1;
	emit(&program, MMU_OP_MOV, source.reg, 0, 0);
	if (program.width == 32 && code != MMU_OP_SHL)
		emit_unary(&program, code == MMU_OP_SHR ? MMU_OP_ZX32 : MMU_OP_SX32);
	emit(&program, code, by.reg, 0, (int32_t)by.imm);
	if (code != MMU_OP_SHR)
		narrow(&program);
	finish(&program, insn);
}

/* IMUL with two or three operands. */
static void effect_of_multiplication(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands,
				     struct insn *insn)
{
	unsigned int first = zydis->operand_count_visible == 3 ? 1 : 0;
	struct source a, b;
	struct program program;

	if (zydis->operand_count_visible < 2 || !start(&operands[0], &program) || !read_source(&operands[first], &a) ||
	    !read_source(&operands[first + 1], &b))
		return;
	emit(&program, MMU_OP_MOV, a.reg, 0, 0);
	emit(&program, MMU_OP_MUL, b.reg, 0, b.reg == MMU_REG_ZERO ? (int32_t)b.imm : 0);
	narrow(&program);
	finish(&program, insn);
}

static void effect_of_exchange(const ZydisDecodedOperand *operands, struct insn *insn)
{
	struct program a, b;

	if (!start(&operands[0], &a) || !start(&operands[1], &b) || a.effect.reg == b.effect.reg)
		return;
	emit(&a, MMU_OP_MOV, b.effect.reg, 0, 0);
	emit(&b, MMU_OP_MOV, a.effect.reg, 0, 0);
	narrow(&a);
	narrow(&b);
	finish(&a, insn);
	finish(&b, insn);
}

static void set_sum(struct insn *insn, uint8_t reg, uint8_t from, int32_t add)
{
	struct program program = {.effect.reg = reg};

	emit(&program, MMU_OP_MOV, from, 0, add);
	finish(&program, insn);
}

#define RBP 5
#define RSP 4

/* The stack pointer of PUSH, POP, LEAVE …, and what string instructions add to their index registers. */
static void effect_on_pointers(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands,
			       struct insn *insn)
{
	bool into_rsp = zydis->operand_count_visible && operands[0].type == ZYDIS_OPERAND_TYPE_REGISTER &&
			(operands[0].reg.value == ZYDIS_REGISTER_RSP || operands[0].reg.value == ZYDIS_REGISTER_SP);

	if (zydis->mnemonic == ZYDIS_MNEMONIC_LEAVE) {
		set_sum(insn, RSP, RBP, 8);
		return;
	}
	for (unsigned int i = 0; i < insn->n_accesses; i++) {
		const struct insn_access *access = &insn->accesses[i];

		switch (zydis->meta.category) {
		case ZYDIS_CATEGORY_PUSH:
			if (access->base == RSP && access->disp == -(int64_t)access->bytes && access->store)
				set_sum(insn, RSP, RSP, -(int32_t)access->bytes);
			break;
		case ZYDIS_CATEGORY_POP:
			if (access->base == RSP && access->load && !into_rsp)
				set_sum(insn, RSP, RSP, access->bytes);
			break;
		case ZYDIS_CATEGORY_STRINGOP:
			/* Upwards: the direction flag is clear between functions (System V ABI, 3.2.1). */
			if (!insn->repeats && !access->addr32)
				set_sum(insn, access->base, access->base, access->bytes);
			break;
		default:
			break;
		}
	}
}

static const struct {
	ZydisMnemonic mnemonic;
	enum mmu_op_code code;
} binaries[] =
	{
		{ZYDIS_MNEMONIC_ADD, MMU_OP_ADD}, {ZYDIS_MNEMONIC_SUB, MMU_OP_SUB}, {ZYDIS_MNEMONIC_AND, MMU_OP_AND},
		{ZYDIS_MNEMONIC_OR, MMU_OP_OR},   {ZYDIS_MNEMONIC_XOR, MMU_OP_XOR},
},
  shifts[] =
	  {
		  {ZYDIS_MNEMONIC_SHL, MMU_OP_SHL},
		  {ZYDIS_MNEMONIC_SHR, MMU_OP_SHR},
		  {ZYDIS_MNEMONIC_SAR, MMU_OP_SAR},
},
  long_shifts[] = {
	  {ZYDIS_MNEMONIC_SHLX, MMU_OP_SHL},
	  {ZYDIS_MNEMONIC_SHRX, MMU_OP_SHR},
	  {ZYDIS_MNEMONIC_SARX, MMU_OP_SAR},
};

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static void effect_of_listed(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands,
			     struct insn *insn)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(binaries); i++)
		if (binaries[i].mnemonic == zydis->mnemonic)
			effect_of_binary(binaries[i].code, operands, insn);
	for (unsigned int i = 0; i < ARRAY_SIZE(shifts); i++) {
		if (shifts[i].mnemonic == zydis->mnemonic)
			effect_of_shift(shifts[i].code, operands, 0, 1, insn);
		else if (long_shifts[i].mnemonic == zydis->mnemonic)
			effect_of_shift(long_shifts[i].code, operands, 1, 2, insn);
	}
}

void insn__find_effects(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands, struct insn *insn)
{
	if (insn->flow != INSN_FLOW_NEXT)
		return;
	switch (zydis->mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
		effect_of_move(operands, insn);
		break;
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		effect_of_extension(operands, insn, zydis->mnemonic != ZYDIS_MNEMONIC_MOVZX);
		break;
	case ZYDIS_MNEMONIC_CWDE:
	case ZYDIS_MNEMONIC_CDQE:
		effect_of_rax_extension(zydis->mnemonic == ZYDIS_MNEMONIC_CWDE ? 32 : 64, insn);
		break;
	case ZYDIS_MNEMONIC_LEA:
		effect_of_lea(zydis, operands, insn);
		break;
	case ZYDIS_MNEMONIC_INC:
	case ZYDIS_MNEMONIC_DEC:
	case ZYDIS_MNEMONIC_NEG:
	case ZYDIS_MNEMONIC_NOT:
		effect_of_unary(zydis->mnemonic, operands, insn);
		break;
	case ZYDIS_MNEMONIC_IMUL:
		effect_of_multiplication(zydis, operands, insn);
		break;
	case ZYDIS_MNEMONIC_XCHG:
		effect_of_exchange(operands, insn);
		break;
	default:
		effect_of_listed(zydis, operands, insn);
		effect_on_pointers(zydis, operands, insn);
		break;
	}
}
