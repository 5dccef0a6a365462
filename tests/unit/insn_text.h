/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that is known about an instruction, in a line; for the tests of decoders. Whoever includes this defines
 * reg_names[] before, by the numbers of recipe.h, and has included cmocka.h.
 */
#ifndef MMUSCOPE_TEST_INSN_TEXT_H
#define MMUSCOPE_TEST_INSN_TEXT_H

#include <inttypes.h>
#include <stdio.h>

#include "operand/decode.h"

struct text {
	char bytes[512];
	size_t n;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	text->n += (size_t)vsnprintf(text->bytes + text->n, sizeof(text->bytes) - text->n, format, list);
	va_end(list);
	assert_true(text->n < sizeof(text->bytes));
}

static void put_access(struct text *text, const struct insn_access *access)
{
	put(text, " %s%s%u:", access->load ? "L" : "", access->store ? "S" : "", access->bytes);
	if (access->segment != MMU_REG_ZERO)
		put(text, "%s:", reg_names[access->segment]);
	put(text, "[%s", reg_names[access->base]);
	if (access->index != MMU_REG_ZERO)
		put(text, "+%s%s*%d", reg_names[access->index],
		    !access->extend                 ? ""
		    : access->extend == MMU_OP_ZX32 ? "zx32"
						    : "sx32",
		    1 << access->scale);
	put(text, "%+" PRId64 "]%s", access->disp, access->addr32 ? "a32" : "");
}

static void put_effect(struct text *text, const struct insn_effect *effect)
{
	static const char *const codes[] = {"?", "=",   "+",   "-",   "&",    "|",    "^",   "<<",   ">>",  "sar",
					    "*", "neg", "not", "zx8", "zx16", "zx32", "sx8", "sx16", "sx32"};

	put(text, " %s:", reg_names[effect->reg]);
	for (unsigned int i = 0; i < effect->n_ops; i++) {
		const struct mmu_op *op = &effect->ops[i];

		assert_int_equal(op->dst, INSN_RESULT);
		assert_in_range(op->code, MMU_OP_MOV, MMU_OP_SX32);
		put(text, "%s", codes[op->code]);
		if (op->code >= MMU_OP_NEG)
			continue;
		if (op->src != MMU_REG_ZERO)
			put(text, "%s", reg_names[op->src]);
		if (op->shift)
			put(text, "<%d", op->shift);
		if (op->imm || op->src == MMU_REG_ZERO)
			put(text, "%+d", op->imm);
	}
}

static void describe(const struct insn *insn, struct text *text)
{
	static const char *const flows[] = {"next", "branch", "jump", "call", "return", "stop"};

	text->n = 0;
	put(text, "%s", flows[insn->flow]);
	if (insn->has_target)
		put(text, "%+" PRId64, insn->target);
	put(text, "%s%s", insn->repeats ? " rep" : "", insn->unsupported ? " unsupported" : "");
	for (unsigned int i = 0; i < insn->n_accesses; i++)
		put_access(text, &insn->accesses[i]);
	if (insn->writes)
		put(text, " w");
	for (unsigned int reg = 0; reg < 32; reg++)
		if (insn->writes >> reg & 1)
			put(text, ",%s", reg_names[reg]);
	for (unsigned int i = 0; i < insn->n_effects; i++) {
		put_effect(text, &insn->effects[i]);
		assert_true(insn->writes >> insn->effects[i].reg & 1);
		assert_ptr_equal(insn__effect(insn, insn->effects[i].reg), &insn->effects[i]);
	}
}

#endif
