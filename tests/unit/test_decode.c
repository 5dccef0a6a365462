// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "operand/decode.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static const char *const reg_names[MMU_REG_COUNT] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10",
	"r11", "r12", "r13", "r14", "r15", "ip",  "0",   "fs",  "gs", "it",
};

#include "insn_text.h"

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
