/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "operand/decode.h"

#include <errno.h>
#include <string.h>

#include <Zydis/Zydis.h>

#include "effect.h"

#define NO_REG 0xff

/* More than a vector register holds: state saves, of which only parts are touched (SDM Vol. 1, 13.4). */
#define WIDEST_ACCESS 64

/* The general register that `reg` is a part of, or NO_REG. */
static uint8_t general(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		reg = ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
		return (uint8_t)ZydisRegisterGetId(reg);
	default:
		return NO_REG;
	}
}

static bool is_system_flow(const ZydisDecodedInstruction *zydis)
{
	switch (zydis->meta.category) {
	case ZYDIS_CATEGORY_INTERRUPT:
	case ZYDIS_CATEGORY_SYSCALL:
	case ZYDIS_CATEGORY_SYSRET:
	case ZYDIS_CATEGORY_RDWRFSGS:
	case ZYDIS_CATEGORY_UINTR:
	case ZYDIS_CATEGORY_VTX:
	case ZYDIS_CATEGORY_SGX:
		return true;
	default:
		break;
	}
	switch (zydis->mnemonic) {
	case ZYDIS_MNEMONIC_HLT:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
	case ZYDIS_MNEMONIC_UD2:
	case ZYDIS_MNEMONIC_SWAPGS:
	case ZYDIS_MNEMONIC_WRMSR:
	case ZYDIS_MNEMONIC_XABORT:
	case ZYDIS_MNEMONIC_XEND:
	case ZYDIS_MNEMONIC_RSM:
	case ZYDIS_MNEMONIC_VMRUN:
	case ZYDIS_MNEMONIC_VMMCALL:
		return true;
	default:
		return false;
	}
}

static enum insn_flow flow_of(const ZydisDecodedInstruction *zydis)
{
	switch (zydis->meta.category) {
	case ZYDIS_CATEGORY_COND_BR:
		return INSN_FLOW_BRANCH;
	case ZYDIS_CATEGORY_UNCOND_BR:
		return INSN_FLOW_JUMP;
	case ZYDIS_CATEGORY_CALL:
		return INSN_FLOW_CALL;
	case ZYDIS_CATEGORY_RET:
		return INSN_FLOW_RETURN;
	default:
		return is_system_flow(zydis) ? INSN_FLOW_STOP : INSN_FLOW_NEXT;
	}
}

/* A memory operand is named, but nothing is loaded or stored through it. */
static bool is_hint(const ZydisDecodedInstruction *zydis)
{
	switch (zydis->meta.category) {
	case ZYDIS_CATEGORY_NOP:
	case ZYDIS_CATEGORY_WIDENOP:
	case ZYDIS_CATEGORY_PREFETCH:
	case ZYDIS_CATEGORY_PREFETCHWT1:
	case ZYDIS_CATEGORY_CLDEMOTE:
	case ZYDIS_CATEGORY_MPX: /* no-operations where Linux runs today */
		return true;
	default:
		break;
	}
	switch (zydis->mnemonic) {
	case ZYDIS_MNEMONIC_CLFLUSH:
	case ZYDIS_MNEMONIC_CLFLUSHOPT:
	case ZYDIS_MNEMONIC_CLWB:
	case ZYDIS_MNEMONIC_INVLPG:
	case ZYDIS_MNEMONIC_INVLPGA:
	case ZYDIS_MNEMONIC_INVLPGB:
	case ZYDIS_MNEMONIC_MONITOR:
	case ZYDIS_MNEMONIC_MONITORX:
	case ZYDIS_MNEMONIC_UMONITOR:
	case ZYDIS_MNEMONIC_UD0:
	case ZYDIS_MNEMONIC_UD1:
		return true;
	default:
		return false;
	}
}

/*
 * Forms whose address depends on more than base, index and displacement, or which may touch nothing at all. Of the masked
 * forms of EVEX, stores belong to them: glibc's memset() of 0 bytes has a mask of 0. Loads do not: its string functions mask
 * what lies behind the end, and in stepped programs no mask of a load was 0. Gathers are told by their operand.
 */
static bool is_unsupported(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands)
{
	bool masked = zydis->avx.mask.mode > ZYDIS_MASK_MODE_DISABLED;

	if (zydis->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR || zydis->meta.category == ZYDIS_CATEGORY_PADLOCK)
		return true;
	if (masked && operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY)
		return true;
	switch (zydis->mnemonic) {
	case ZYDIS_MNEMONIC_BT:
	case ZYDIS_MNEMONIC_BTC:
	case ZYDIS_MNEMONIC_BTR:
	case ZYDIS_MNEMONIC_BTS:
		/* A bit offset in a register reaches beyond the operand (SDM Vol. 2, 3.1.1.9). */
		return operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER;
	case ZYDIS_MNEMONIC_ENTER:
	case ZYDIS_MNEMONIC_IRET:
	case ZYDIS_MNEMONIC_IRETD:
	case ZYDIS_MNEMONIC_IRETQ:
	case ZYDIS_MNEMONIC_XLAT:
	case ZYDIS_MNEMONIC_MASKMOVQ:
	case ZYDIS_MNEMONIC_MASKMOVDQU:
	case ZYDIS_MNEMONIC_VMASKMOVDQU:
	case ZYDIS_MNEMONIC_VMASKMOVPS:
	case ZYDIS_MNEMONIC_VMASKMOVPD:
	case ZYDIS_MNEMONIC_VPMASKMOVD:
	case ZYDIS_MNEMONIC_VPMASKMOVQ:
	case ZYDIS_MNEMONIC_MOVDIR64B:
	case ZYDIS_MNEMONIC_ENQCMD:
	case ZYDIS_MNEMONIC_ENQCMDS:
		return true;
	default:
		return false;
	}
}

/*
 * Sets base, index, scale, segment and disp as they stand in the encoding. Returns false for a form that is not
 * described.
 */
static bool describe(const ZydisDecodedOperandMem *mem, const struct insn *insn, struct insn_access *access)
{
	access->base = MMU_REG_ZERO;
	access->index = MMU_REG_ZERO;
	access->segment = MMU_REG_ZERO;
	access->disp = mem->disp.value;
	if (mem->base == ZYDIS_REGISTER_RIP || mem->base == ZYDIS_REGISTER_EIP) {
		access->base = MMU_REG_IP;
		access->disp += insn->length;
	} else if (mem->base != ZYDIS_REGISTER_NONE) {
		access->base = general(mem->base);
	}
	if (mem->index != ZYDIS_REGISTER_NONE) {
		access->index = general(mem->index);
		access->scale = mem->scale > 1 ? (uint8_t)__builtin_ctz(mem->scale) : 0;
	}
	/* The bases of the other segments are 0 in 64-bit mode (SDM Vol. 1, 3.3.4). */
	if (mem->segment == ZYDIS_REGISTER_FS)
		access->segment = MMU_REG_FS;
	else if (mem->segment == ZYDIS_REGISTER_GS)
		access->segment = MMU_REG_GS;
	return access->base != NO_REG && access->index != NO_REG;
}

/* Returns false for a form that is not described. */
static bool add_access(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operand, struct insn *insn)
{
	struct insn_access *access = &insn->accesses[insn->n_accesses];
	uint16_t bytes = operand->size / 8;

	if (insn->n_accesses == INSN_ACCESSES || operand->mem.type != ZYDIS_MEMOP_TYPE_MEM || bytes > WIDEST_ACCESS ||
	    !describe(&operand->mem, insn, access))
		return false;
	access->bytes = bytes;
	access->load = operand->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
	access->store = operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
	access->addr32 = zydis->address_width == 32;
	if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand->mem.base == ZYDIS_REGISTER_RSP) {
		/* PUSH and CALL write below the stack pointer; 67h does not reach the stack (SDM Vol. 1, 6.2.3). */
		access->addr32 = false;
		if (access->store)
			access->disp -= bytes;
	} else if (zydis->mnemonic == ZYDIS_MNEMONIC_POP && access->base == ZYDIS_REGISTER_RSP - ZYDIS_REGISTER_RAX) {
		/* The address is computed after the increment (SDM Vol. 2, POP). */
		access->disp += bytes;
	}
	insn->n_accesses++;
	return true;
}

static bool is_string(const ZydisDecodedInstruction *zydis)
{
	return zydis->meta.category == ZYDIS_CATEGORY_STRINGOP || zydis->meta.category == ZYDIS_CATEGORY_IOSTRINGOP;
}

static void find_accesses(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands, struct insn *insn)
{
	bool touches = false;

	if (is_hint(zydis))
		return;
	for (unsigned int i = 0; i < zydis->operand_count; i++) {
		if (operands[i].type != ZYDIS_OPERAND_TYPE_MEMORY || operands[i].mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		touches = true;
		if (!add_access(zydis, &operands[i], insn))
			insn->unsupported = true;
	}
	if (touches && is_unsupported(zydis, operands))
		insn->unsupported = true;
	if (insn->unsupported)
		insn->n_accesses = 0;
	if (insn->n_accesses == 2 && is_string(zydis) && !insn->accesses[0].load) {
		struct insn_access destination = insn->accesses[0];

		insn->accesses[0] = insn->accesses[1];
		insn->accesses[1] = destination;
	}
}

static void find_writes(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands, struct insn *insn)
{
	for (unsigned int i = 0; i < zydis->operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		uint8_t reg = NO_REG;

		if (operand->type == ZYDIS_OPERAND_TYPE_REGISTER &&
		    operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) {
			reg = general(operand->reg.value);
			if (ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_SEGMENT &&
			    insn->flow == INSN_FLOW_NEXT)
				insn->flow = INSN_FLOW_STOP;
		} else if (operand->type == ZYDIS_OPERAND_TYPE_MEMORY && is_string(zydis)) {
			/* Zydis 4.0 does not list the index registers of CMPS, INS and OUTS. */
			reg = general(operand->mem.base);
		}
		if (reg != NO_REG)
			insn->writes |= 1u << reg;
	}
}

static void find_target(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands, struct insn *insn)
{
	const ZydisDecodedOperand *operand = &operands[0];

	if (insn->flow != INSN_FLOW_BRANCH && insn->flow != INSN_FLOW_JUMP && insn->flow != INSN_FLOW_CALL)
		return;
	if (!zydis->operand_count || operand->type != ZYDIS_OPERAND_TYPE_IMMEDIATE || !operand->imm.is_relative)
		return;
	insn->has_target = true;
	insn->target = operand->imm.value.s + insn->length;
}

int insn__decode(const uint8_t *bytes, size_t n, struct insn *insn)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zydis;
	ZydisDecoder decoder;
	ZyanStatus status;

	memset(insn, 0, sizeof(*insn));
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	status = ZydisDecoderDecodeFull(&decoder, bytes, n, &zydis, operands);
	if (!ZYAN_SUCCESS(status))
		return status == ZYDIS_STATUS_NO_MORE_DATA ? -ENODATA : -EILSEQ;
	insn->length = zydis.length;
	insn->flow = flow_of(&zydis);
	insn->repeats = is_string(&zydis) &&
			zydis.attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
	find_target(&zydis, operands, insn);
	find_accesses(&zydis, operands, insn);
	find_writes(&zydis, operands, insn);
	insn__find_effects(&zydis, operands, insn);
	return 0;
}

/* What the function did to other registers than the stack pointer is not known. */
bool insn__return(struct insn *insn)
{
	*insn = (struct insn){
		.flow = INSN_FLOW_RETURN,
		.n_accesses = 1,
		.n_effects = 1,
		.writes = UINT16_MAX,
		.accesses = {{.base = MMU_REG_SP,
			      .index = MMU_REG_ZERO,
			      .segment = MMU_REG_ZERO,
			      .load = true,
			      .bytes = 8}},
		.effects = {{.reg = MMU_REG_SP,
			     .n_ops = 1,
			     .ops = {{.code = MMU_OP_MOV, .dst = INSN_RESULT, .src = MMU_REG_SP, .imm = 8}}}},
	};
	return true;
}
