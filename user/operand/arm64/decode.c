/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>

#include "a64.h"

/* Hints that change a register: signing and authentication of x30, or of x17 (PACIA1716 …). Others do nothing (Arm ARM C4.1). */
static uint32_t written_by_hint(uint32_t word)
{
	switch (a64__field(word, 11, 5)) {
	case 8: /* PACIA1716, PACIB1716, AUTIA1716, AUTIB1716 */
	case 10:
	case 12:
	case 14:
		return 1u << 17;
	case 7:         /* XPACLRI */
	case 24 ... 31: /* PACIAZ … AUTIBSP */
		return 1u << A64_LINK;
	case 40: /* CHKFEAT */
		return 1u << 16;
	default:
		return 0;
	}
}

static void set_flow(const struct a64_branch *branch, struct insn *insn)
{
	insn->flow = branch->flow;
	insn->has_target = branch->has_target;
	insn->target = branch->target;
	if (branch->flow != INSN_FLOW_CALL)
		return;
	insn->writes = 1u << A64_LINK;
	insn->n_effects = 1;
	insn->effects[0] = (struct insn_effect){.reg = A64_LINK, .n_ops = 1};
	insn->effects[0].ops[0] =
		(struct mmu_op){.code = MMU_OP_MOV, .dst = INSN_RESULT, .src = MMU_REG_IP, .imm = A64_BYTES};
}

int insn__decode(const uint8_t *bytes, size_t n, struct insn *insn)
{
	struct a64_branch branch;
	uint32_t word;

	memset(insn, 0, sizeof(*insn));
	if (n < A64_BYTES)
		return -ENODATA;
	word = a64__word(bytes);
	if (a64__is_undefined(word))
		return -EILSEQ;
	insn->length = A64_BYTES;
	if (a64__branch(word, &branch))
		set_flow(&branch, insn);
	else if (a64__is_memory(word))
		a64__load_store(word, insn);
	else if (a64__is(word, 0xfffff01f, 0xd503201f))
		insn->writes = written_by_hint(word);
	else
		a64__compute(bytes, insn);
	return 0;
}

/* A return reads no memory; what the function did to the registers is not known. */
bool insn__return(struct insn *insn)
{
	(void)insn;
	return false;
}
