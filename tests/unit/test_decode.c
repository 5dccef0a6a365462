// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "operand/decode.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const reg_names[MMU_REG_COUNT] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
	"r11", "r12", "r13", "r14", "r15", "ip",  "0",   "fs",  "gs", "it",
};

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
		put(text, "+%s*%d", reg_names[access->index], 1 << access->scale);
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

/* Everything that is known about an instruction, in a line. */
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

struct form {
	const char *assembly;
	uint8_t bytes[16];
	uint8_t length;
	const char *facts;
};

static const struct form forms[] = {
#include "decode_forms.h"
};

static void forms_are_decoded(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		const struct form *form = &forms[i];
		struct text text = {0};
		struct insn insn;

		assert_int_equal(insn__decode(form->bytes, sizeof(form->bytes), &insn), 0);
		describe(&insn, &text);
		if (insn.length == form->length && !strcmp(text.bytes, form->facts))
			continue;
		print_error("%s: %u bytes, \"%s\"\n", form->assembly, insn.length, text.bytes);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void cut_off_is_told_from_nonsense(void **state)
{
	static const uint8_t nonsense[][2] = {{0x06, 0}, {0x0f, 0x04}, {0x27, 0}, {0xd6, 0}};
	struct insn insn;

	for (size_t i = 0; i < COUNT_OF(forms); i++)
		for (uint8_t n = 0; n < forms[i].length; n++)
			assert_int_equal(insn__decode(forms[i].bytes, n, &insn), -ENODATA);
	for (size_t i = 0; i < COUNT_OF(nonsense); i++)
		assert_int_equal(insn__decode(nonsense[i], 2, &insn), -EILSEQ);
}

/* Whatever the bytes are, what is said of them can be used as indices. */
static void random_bytes_stay_in_range(void **state)
{
	uint64_t random = 1;

	for (int i = 0; i < 300000; i++) {
		uint8_t bytes[16];
		struct insn insn;
		size_t n;

		for (size_t k = 0; k < sizeof(bytes); k++) {
			random = random * 6364136223846793005 + 1442695040888963407;
			bytes[k] = (uint8_t)(random >> 56);
		}
		n = random >> 40 & 15;
		if (insn__decode(bytes, n, &insn))
			continue;
		assert_in_range(insn.length, 1, n);
		assert_true(insn.n_accesses <= INSN_ACCESSES && insn.n_effects <= INSN_EFFECTS && !(insn.writes >> 16));
		assert_false(insn.unsupported && insn.n_accesses);
		for (unsigned int k = 0; k < insn.n_accesses; k++) {
			assert_true(insn.accesses[k].base <= MMU_REG_ZERO && insn.accesses[k].index <= MMU_REG_ZERO);
			assert_in_range(insn.accesses[k].segment, MMU_REG_ZERO, MMU_REG_GS);
			assert_in_range(insn.accesses[k].scale, 0, 3);
		}
		for (unsigned int k = 0; k < insn.n_effects; k++) {
			assert_in_range(insn.effects[k].reg, 0, 15);
			assert_in_range(insn.effects[k].n_ops, 1, INSN_EFFECT_OPS);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_decoded),
		cmocka_unit_test(cut_off_is_told_from_nonsense),
		cmocka_unit_test(random_bytes_stay_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
