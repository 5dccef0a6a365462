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
	"x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10", "x11",
	"x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23",
	"x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc",  "0",   "it",
};

#include "../insn_text.h"

struct form {
	const char *assembly;
	uint32_t word;
	const char *facts;
};

static const struct form forms[] = {
#include "decode_forms.h"
};

static void to_bytes(uint32_t word, uint8_t bytes[4])
{
	for (unsigned int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(word >> (8 * i));
}

static void forms_are_decoded(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT_OF(forms); i++) {
		const struct form *form = &forms[i];
		struct text text = {0};
		struct insn insn;
		uint8_t bytes[4];

		to_bytes(form->word, bytes);
		assert_int_equal(insn__decode(bytes, sizeof(bytes), &insn), 0);
		assert_int_equal(insn.length, 4);
		describe(&insn, &text);
		if (!strcmp(text.bytes, form->facts))
			continue;
		print_error("%s: \"%s\"\n", form->assembly, text.bytes);
		failed++;
	}
	assert_int_equal(failed, 0);
}

static void cut_off_is_told_from_nonsense(void **state)
{
	static const uint8_t undefined[2][4] = {{0}, {0xff, 0xff, 0, 0}};
	struct insn insn;
	uint8_t bytes[4];

	to_bytes(forms[0].word, bytes);
	for (size_t n = 0; n < 4; n++)
		assert_int_equal(insn__decode(bytes, n, &insn), -ENODATA);
	for (size_t i = 0; i < COUNT_OF(undefined); i++)
		assert_int_equal(insn__decode(undefined[i], 4, &insn), -EILSEQ);
}

/* Whatever the word is, what is said of it can be used as indices and shift counts. */
static void random_words_stay_in_range(void **state)
{
	uint64_t random = 1;

	for (int i = 0; i < 1000000; i++) {
		uint8_t bytes[4];
		struct insn insn;

		random = random * 6364136223846793005 + 1442695040888963407;
		to_bytes((uint32_t)(random >> 32), bytes);
		if (insn__decode(bytes, 4, &insn))
			continue;
		assert_int_equal(insn.length, 4);
		assert_true(insn.n_accesses <= INSN_ACCESSES && insn.n_effects <= INSN_EFFECTS);
		assert_false(insn.unsupported && insn.n_accesses);
		for (unsigned int k = 0; k < insn.n_accesses; k++) {
			const struct insn_access *access = &insn.accesses[k];

			assert_true(access->base <= MMU_REG_ZERO && access->index <= MMU_REG_ZERO);
			assert_int_equal(access->segment, MMU_REG_ZERO);
			assert_in_range(access->scale, 0, 4);
			assert_in_range(access->bytes, 1, 64);
			assert_true(access->load || access->store);
			assert_true(!access->extend || access->extend == MMU_OP_ZX32 || access->extend == MMU_OP_SX32);
		}
		for (unsigned int k = 0; k < insn.n_effects; k++) {
			const struct insn_effect *effect = &insn.effects[k];

			assert_in_range(effect->reg, 0, 31);
			assert_true(insn.writes >> effect->reg & 1);
			assert_in_range(effect->n_ops, 1, INSN_EFFECT_OPS);
			for (unsigned int op = 0; op < effect->n_ops; op++)
				assert_true(effect->ops[op].shift < 64 && effect->ops[op].src <= INSN_RESULT);
		}
	}
}

/* Behind a call nothing is known but the stack pointer's promise, which is none. */
static void a_return_says_nothing(void **state)
{
	struct insn insn = {.flow = INSN_FLOW_CALL};

	assert_false(insn__return(&insn));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_are_decoded),
		cmocka_unit_test(cut_off_is_told_from_nonsense),
		cmocka_unit_test(random_words_stay_in_range),
		cmocka_unit_test(a_return_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
