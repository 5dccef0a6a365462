// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "operand/decode.h"
#include "operand/recipe_build.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define R(n) (UINT64_C(0x5a0000100000) + (n)*UINT64_C(0x1000)) /* of the sample */
#define SP R(31)
#define PC UINT64_C(0xaaaab0001238)

struct expected {
	int none;
	uint64_t address;
	int distance;
};

/* Words in hexadecimal; behind a star, one that control may come to from elsewhere. */
struct build_case {
	const char *name;
	const char *before;
	const char *after;
	struct expected previous, next;
};

#define NO_OPERAND                                                                                                     \
	{                                                                                                              \
		MMU_NONE_NO_OPERAND, 0, 0                                                                              \
	}
#define OVERWRITTEN                                                                                                    \
	{                                                                                                              \
		MMU_NONE_OVERWRITTEN, 0, 0                                                                             \
	}
#define UNSUPPORTED                                                                                                    \
	{                                                                                                              \
		MMU_NONE_UNSUPPORTED_FORM, 0, 0                                                                        \
	}

static const struct build_case cases[] = {
	{"ldr x0, [x1, #8]; ldr w2, [x3, x4, lsl #2]",
	 "f9400420",
	 "b8647862",
	 {0, R(1) + 8, 1},
	 {0, R(3) + R(4) * 4, 0}},
	{"ldr q0, [x1, x2, lsl #4]", "3ce27820", "d65f03c0", {0, R(1) + R(2) * 16, 1}, NO_OPERAND},
	{"ldr w0, [x1, w2, uxtw #2]", "", "b8625820", NO_OPERAND, {0, R(1) + (R(2) & 0xffffffff) * 4, 0}},
	{"mov w2, #-4; ldr w0, [x1, w2, sxtw #2]", "", "12800062 b862d820", NO_OPERAND, {0, R(1) - 16, 1}},
	{"ldr x0, [x1, #8]!: the base is undone", "f8408c20", "d65f03c0", {0, R(1), 1}, NO_OPERAND},
	{"ldr x0, [x1], #8: likewise", "f8408420", "d65f03c0", {0, R(1) - 8, 1}, NO_OPERAND},
	{"stp x29, x30, [sp, #-32]!; mov x29, sp", "a9be7bfd 910003fd", "d65f03c0", {0, SP, 2}, NO_OPERAND},
	{"ld1 {v0.16b}, [x0], x4", "4cc47000", "d65f03c0", {0, R(0) - R(4), 1}, NO_OPERAND},
	{"ldr x0, [x0]", "f9400000", "d65f03c0", OVERWRITTEN, NO_OPERAND},
	{"add x0, x1, x2, lsl #3; ldr x0, [x0]", "8b020c20 f9400000", "d65f03c0", {0, R(1) + R(2) * 8, 1}, NO_OPERAND},
	{"and x0, x1, #0xff; ldr x0, [x2, x0, lsl #3]",
	 "92401c20 f8607840",
	 "d65f03c0",
	 {0, R(2) + (R(1) & 0xff) * 8, 1},
	 NO_OPERAND},
	{"ubfx x0, x1, #12, #8; ldr x0, [x2, x0, lsl #3]",
	 "d34c4c20 f8607840",
	 "d65f03c0",
	 {0, R(2) + (R(1) >> 12 & 0xff) * 8, 1},
	 NO_OPERAND},
	{"lsr w0, w1, #3; strb w3, [x2, x0]",
	 "",
	 "53037c20 38206843",
	 NO_OPERAND,
	 {0, R(2) + ((R(1) & 0xffffffff) >> 3), 1}},
	{"eor x1, x1, x2; ldr x0, [x1]; eor x1, x1, x2",
	 "f9400020 ca020021",
	 "d65f03c0",
	 {0, R(1) ^ R(2), 2},
	 NO_OPERAND},
	{"madd x0, x1, x2, x3; ldr x0, [x0]", "", "9b020c20 f9400000", NO_OPERAND, {0, R(1) * R(2) + R(3), 1}},
	{"adrp x0, .+4096; ldr x0, [x0, #16]",
	 "b0000000 f9400800",
	 "d65f03c0",
	 {0, (PC & ~0xfffull) + 4096 + 16, 1},
	 NO_OPERAND},
	{"ldr x0, .-8", "58ffffc0", "d65f03c0", {0, PC - 12, 1}, NO_OPERAND},
	{"movz w0, #1; movk w0, #2, lsl #16; ldr x1, [x0]",
	 "",
	 "52800020 72a00040 f9400001",
	 NO_OPERAND,
	 {0, 0x20001, 2}},
	{"csel x0, x1, x2, eq; ldr x3, [x0]", "", "9a820020 f9400003", NO_OPERAND, OVERWRITTEN},
	{"mrs x0, tpidr_el0; ldr x3, [x0]", "", "d53bd040 f9400003", NO_OPERAND, OVERWRITTEN},
	{"ldadd x0, x1, [x2]", "f8200041", "d65f03c0", {0, R(2), 1}, NO_OPERAND},
	{"casp x0, x1, x2, x3, [x4]", "48207c82", "d65f03c0", {0, R(4), 1}, NO_OPERAND},
	{"ldxr x0, [x1]; add x0, x0, #1; stxr w2, x0, [x1]",
	 "c85f7c20 91000400",
	 "c8027c20",
	 {0, R(1), 2},
	 {0, R(1), 0}},
	{"prfm pldl1keep, [x1]; ldr x0, [x2]", "f9800020", "f9400040", NO_OPERAND, {0, R(2), 0}},
	{"dc zva, x3", "d50b7423", "d50b7a23", {0, R(3), 1}, NO_OPERAND},
	{"ldraa x0, [x1]", "", "f8200420", NO_OPERAND, UNSUPPORTED},
	{"ld1d {z0.d}, p0/z, [x0, z1.d]", "c5c1c000", "d65f03c0", UNSUPPORTED, NO_OPERAND},
	{"behind a call: ldr; bl", "f9400420 94000040", "b9400062", NO_OPERAND, {0, R(3), 0}},
	{"a branch comes here: ldr", "f9400420", "*b9400062", NO_OPERAND, {0, R(3), 0}},
	{"a branch comes between: ldr; nop", "f9400420 *d503201f", "b9400062", NO_OPERAND, {0, R(3), 0}},
	{"across a branch that was not taken: ldr; cbz", "f9400420 b4000040", "d65f03c0", {0, R(1) + 8, 2}, NO_OPERAND},
	{"paciasp; ldr x0, [x30]: the link register is signed", "f94003c0 d503233f", "d65f03c0", OVERWRITTEN,
	 NO_OPERAND},
	{"movk x1, #0xff00, lsl #48 is not followed", "", "f2ffe001 f9400020", NO_OPERAND, OVERWRITTEN},
	{"and x1, x2, #0xffffffffffff; add x1, x1, x3, lsl #56: a tag is taken off",
	 "",
	 "9240bc41 8b03e021 f9400020",
	 NO_OPERAND,
	 {0, R(2), 2}},
	{"svc: nothing is derived across it", "f9400420 d4000001", "b9400062", NO_OPERAND, {0, R(3), 0}},
};

static size_t assemble(const char *text, uint8_t *code, uint8_t *marks)
{
	size_t n = 0;

	while (*text) {
		uint8_t mark = CODE_START;
		uint32_t word;
		char *end;

		while (*text == ' ' || *text == '*')
			if (*text++ == '*')
				mark |= CODE_LEADER;
		word = (uint32_t)strtoul(text, &end, 16);
		assert_int_equal(end - text, 8);
		memcpy(code + n, &word, sizeof(word));
		marks[n] = mark;
		n += sizeof(word);
		text = end;
	}
	return n;
}

/* What the instructions leave of the window is BRK, across which nothing is derived. */
static void make_window(const struct build_case *c, struct code_window *window)
{
	uint8_t code[MMU_CODE_BEFORE], marks[MMU_CODE_BEFORE] = {0};
	const uint32_t trap = 0xd4200000;
	size_t n = assemble(c->before, code, marks);

	memset(window->marks, 0, sizeof(window->marks));
	for (size_t i = 0; i < MMU_CODE_BYTES; i += sizeof(trap)) {
		memcpy(window->code + i, &trap, sizeof(trap));
		window->marks[i] = CODE_START;
	}
	memcpy(window->code + MMU_CODE_BEFORE - n, code, n);
	memcpy(window->marks + MMU_CODE_BEFORE - n, marks, n);
	assemble(c->after, window->code + MMU_CODE_BEFORE, window->marks + MMU_CODE_BEFORE);
}

static void fill_registers(__u64 regs[MMU_REG_COUNT])
{
	memset(regs, 0, MMU_REG_COUNT * sizeof(*regs));
	for (unsigned int i = 0; i <= MMU_REG_SP; i++)
		regs[i] = R((__u64)i);
	regs[MMU_REG_IP] = PC;
	for (unsigned int i = MMU_REG_TEMP; i < MMU_REG_COUNT; i++)
		regs[i] = 0xdeaddeaddeaddead;
}

static int check(const char *name, const char *which, const struct expected *expected, const struct mmu_recipe *recipe)
{
	uint64_t right = MMU_ARCH_UNTAGGED(expected->address), address = 0;
	__u64 regs[MMU_REG_COUNT];

	if (!recipe->none) {
		fill_registers(regs);
		address = mmu_recipe_run(regs, recipe);
	}
	if (recipe->none == expected->none &&
	    (recipe->none || (address == right && recipe->distance == expected->distance)))
		return 0;
	print_error("%s: %s: none %d, %llx at %d; expected %d, %llx at %d\n", name, which, recipe->none,
		    (unsigned long long)address, recipe->distance, expected->none, (unsigned long long)right,
		    expected->distance);
	return 1;
}

static void recipes_give_the_address(void **state)
{
	int failed = 0;

	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct code_window window;
		struct mmu_operand operand;

		make_window(&cases[i], &window);
		recipe__build(&window, NULL, &operand);
		failed += check(cases[i].name, "previous", &cases[i].previous, &operand.previous);
		failed += check(cases[i].name, "next", &cases[i].next, &operand.next);
	}
	assert_int_equal(failed, 0);
}

static void sizes_and_stores_are_told(void **state)
{
	static const struct build_case stp = {"stp q0, q1, [x0]", "", "ad000400", NO_OPERAND, NO_OPERAND};
	struct code_window window;
	struct mmu_operand operand;

	make_window(&stp, &window);
	recipe__build(&window, NULL, &operand);
	assert_int_equal(MMU_RECIPE_BYTES(operand.next.flags), 32);
	assert_true(operand.next.flags & MMU_RECIPE_STORE);
}

static void tags_are_of_user_addresses_only(void **state)
{
	assert_true(MMU_ARCH_UNTAGGED(0xab00ffff12345678) == 0x0000ffff12345678);
	assert_true(MMU_ARCH_UNTAGGED(0x0000ffff12345678) == 0x0000ffff12345678);
	assert_true(MMU_ARCH_UNTAGGED(0xffff800012345678) == 0xffff800012345678);
}

/* Windows of random words, half of them loads and stores: results can be used whatever the code is. */
static void random_windows_stay_in_range(void **state)
{
	uint64_t random = 1;

	for (int i = 0; i < 20000; i++) {
		struct code_window window = {0};
		struct mmu_operand operand;
		const struct mmu_recipe *recipes[] = {&operand.previous, &operand.next};

		for (size_t k = 0; k < MMU_CODE_BYTES; k += 4) {
			uint32_t word;

			random = random * 6364136223846793005 + 1442695040888963407;
			word = (uint32_t)(random >> 32);
			if (random & 1 << 20)
				word = (word & 0xf5ffffff) | 0x08000000;
			memcpy(window.code + k, &word, sizeof(word));
			window.marks[k] = CODE_START;
		}
		recipe__build(&window, NULL, &operand);
		for (size_t k = 0; k < COUNT_OF(recipes); k++) {
			assert_true(recipes[k]->none < MMU_NONE_MAX && recipes[k]->n_ops <= MMU_RECIPE_OPS);
			assert_true(recipes[k]->base < MMU_REG_COUNT && recipes[k]->index < MMU_REG_COUNT);
			assert_in_range(recipes[k]->scale, 0, 4);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recipes_give_the_address),
		cmocka_unit_test(sizes_and_stores_are_told),
		cmocka_unit_test(tags_are_of_user_addresses_only),
		cmocka_unit_test(random_windows_stay_in_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
