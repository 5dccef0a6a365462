/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as an instruction: user/operand/ insn__decode().
 */
#include <errno.h>

#include "fuzz.h"
#include "operand/decode.h"

#define LONGEST_INSN 15

static void check_ops(const struct insn_effect *effect)
{
	FUZZ_CHECK(effect->n_ops >= 1 && effect->n_ops <= INSN_EFFECT_OPS);
	for (unsigned int i = 0; i < effect->n_ops; i++) {
		const struct mmu_op *op = &effect->ops[i];

		FUZZ_CHECK(op->code >= MMU_OP_MOV && op->code <= MMU_OP_SX32);
		FUZZ_CHECK(op->dst == INSN_RESULT);
		FUZZ_CHECK(op->src <= MMU_REG_ZERO || op->src == INSN_RESULT);
		FUZZ_CHECK(op->shift < 64);
	}
}

static void check(const struct insn *insn, size_t size)
{
	FUZZ_CHECK(insn->length >= 1 && insn->length <= LONGEST_INSN && insn->length <= size);
	FUZZ_CHECK(insn->flow <= INSN_FLOW_STOP);
	FUZZ_CHECK(insn->n_accesses <= INSN_ACCESSES && insn->n_effects <= INSN_EFFECTS);
	FUZZ_CHECK(!insn->unsupported || !insn->n_accesses);
	FUZZ_CHECK(insn->writes < 1U << MMU_REG_IP);
	for (unsigned int i = 0; i < insn->n_accesses; i++) {
		const struct insn_access *access = &insn->accesses[i];

		FUZZ_CHECK(access->base <= MMU_REG_ZERO);
		FUZZ_CHECK(access->index < MMU_REG_IP || access->index == MMU_REG_ZERO);
		FUZZ_CHECK(access->scale <= 3);
		FUZZ_CHECK(access->segment >= MMU_REG_ZERO && access->segment <= MMU_REG_GS);
		FUZZ_CHECK(access->load || access->store);
		FUZZ_CHECK(access->bytes);
	}
	for (unsigned int i = 0; i < insn->n_effects; i++) {
		FUZZ_CHECK(insn->writes >> insn->effects[i].reg & 1);
		check_ops(&insn->effects[i]);
	}
	for (unsigned int reg = 0; reg < MMU_REG_COUNT; reg++) {
		const struct insn_effect *effect = insn__effect(insn, reg);

		FUZZ_CHECK(!effect || effect->reg == reg);
	}
}

/* The instruction is the same without what stands behind it, and none when it is cut off. */
static void check_bounds(const uint8_t *data, const struct insn *insn)
{
	for (size_t length = 0; length <= insn->length; length++) {
		uint8_t *exact = fuzz__copy(data, length);
		struct insn again;
		int err = insn__decode(exact, length, &again);

		if (length == insn->length)
			FUZZ_CHECK(!err && !memcmp(&again, insn, sizeof(again)));
		else
			FUZZ_CHECK(err == -ENODATA);
		free(exact);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		struct insn insn;
		int err = insn__decode(data, size, &insn);

		FUZZ_CHECK(!err || err == -ENODATA || err == -EILSEQ);
		FUZZ_CHECK(err != -ENODATA || size < LONGEST_INSN);
		if (!err) {
			check(&insn, size);
			check_bounds(data, &insn);
		}
		data += err ? 1 : insn.length;
		size -= err ? 1 : insn.length;
	}
	return 0;
}
