/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "a64.h"

static bool set(struct a64_branch *branch, enum insn_flow flow)
{
	branch->flow = (uint8_t)flow;
	return true;
}

static bool set_target(struct a64_branch *branch, enum insn_flow flow, int64_t words)
{
	branch->has_target = true;
	branch->target = words * A64_BYTES;
	return set(branch, flow);
}

/* Unconditional branch (register): opc, of which the highest bit is set when a modifier authenticates the address. */
static bool branch_to_register(uint32_t word, struct a64_branch *branch)
{
	switch (a64__field(word, 23, 21)) {
	case 0:
		return set(branch, INSN_FLOW_JUMP);
	case 1:
		return set(branch, INSN_FLOW_CALL);
	case 2:
		return set(branch, INSN_FLOW_RETURN);
	default: /* ERET, DRPS */
		return set(branch, INSN_FLOW_STOP);
	}
}

bool a64__branch(uint32_t word, struct a64_branch *branch)
{
	*branch = (struct a64_branch){.flow = INSN_FLOW_NEXT};
	if (a64__is(word, 0x7c000000, 0x14000000)) /* B, BL */
		return set_target(branch, word >> 31 ? INSN_FLOW_CALL : INSN_FLOW_JUMP, a64__signed(word, 25, 0));
	if (a64__is(word, 0xff000000, 0x54000000)) /* B.cond, BC.cond */
		return set_target(branch, INSN_FLOW_BRANCH, a64__signed(word, 23, 5));
	if (a64__is(word, 0x7e000000, 0x34000000)) /* CBZ, CBNZ */
		return set_target(branch, INSN_FLOW_BRANCH, a64__signed(word, 23, 5));
	if (a64__is(word, 0x7e000000, 0x36000000)) /* TBZ, TBNZ */
		return set_target(branch, INSN_FLOW_BRANCH, a64__signed(word, 18, 5));
	if (a64__is(word, 0xfe000000, 0xd6000000))
		return branch_to_register(word, branch);
	if (a64__is(word, 0xff000000, 0xd4000000)) /* SVC, BRK, HLT … */
		return set(branch, INSN_FLOW_STOP);
	return false;
}
