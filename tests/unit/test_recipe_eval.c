// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "recipe.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define A UINT64_C(0x8899aabbccddeeff)
#define B UINT64_C(0x0123456789abcdef)

static void operations(void **state)
{
	static const struct {
		struct mmu_op op;
		uint64_t result;
	} cases[] = {
		/* dst is register 0 with A, src is register 1 with B */
		{{MMU_OP_MOV, 0, 1, 0, 0}, B},
		{{MMU_OP_MOV, 0, 1, 4, -1}, (B << 4) - 1},
		{{MMU_OP_MOV, 0, MMU_REG_ZERO, 0, INT32_MIN}, 0xffffffff80000000},
		{{MMU_OP_ADD, 0, 1, 0, 5}, A + B + 5},
		{{MMU_OP_ADD, 0, 0, 1, 0}, 3 * A},
		{{MMU_OP_SUB, 0, 1, 3, -5}, A - (B << 3) + 5},
		{{MMU_OP_AND, 0, 1, 0, 0}, A & B},
		{{MMU_OP_AND, 0, MMU_REG_ZERO, 0, -16}, A & ~UINT64_C(15)},
		{{MMU_OP_OR, 0, 1, 0, 0}, A | B},
		{{MMU_OP_XOR, 0, 1, 0, 0}, A ^ B},
		{{MMU_OP_SHL, 0, MMU_REG_ZERO, 0, 12}, A << 12},
		{{MMU_OP_SHL, 0, 1, 0, 0}, A << (B & 63)},
		{{MMU_OP_SHL, 0, MMU_REG_ZERO, 0, 64}, A},
		{{MMU_OP_SHR, 0, MMU_REG_ZERO, 0, 63}, 1},
		{{MMU_OP_SHR, 0, MMU_REG_ZERO, 0, -1}, 1},
		{{MMU_OP_SAR, 0, MMU_REG_ZERO, 0, 63}, UINT64_MAX},
		{{MMU_OP_SAR, 0, MMU_REG_ZERO, 0, 8}, 0xff8899aabbccddee},
		{{MMU_OP_MUL, 0, 1, 0, 0}, A * B},
		{{MMU_OP_MUL, 0, MMU_REG_ZERO, 0, -3}, A * (uint64_t)-3},
		{{MMU_OP_NEG, 0, 1, 0, 0}, 0 - A},
		{{MMU_OP_NOT, 0, 1, 0, 0}, ~A},
		{{MMU_OP_ZX8, 0, 1, 0, 0}, 0xff},
		{{MMU_OP_ZX16, 0, 1, 0, 0}, 0xeeff},
		{{MMU_OP_ZX32, 0, 1, 0, 0}, 0xccddeeff},
		{{MMU_OP_SX8, 0, 1, 0, 0}, UINT64_MAX},
		{{MMU_OP_SX16, 0, 1, 0, 0}, 0xffffffffffffeeff},
		{{MMU_OP_SX32, 0, 1, 0, 0}, 0xffffffffccddeeff},
		{{0, 0, 1, 0, 0}, A},
		{{MMU_OP_SX32 + 1, 0, 1, 0, 0}, A},
		{{255, 0, 1, 0, 0}, A},
		/* Numbers out of range are cut. */
		{{MMU_OP_MOV, MMU_REG_COUNT, 1 + MMU_REG_COUNT, 64, 0}, B},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		__u64 regs[MMU_REG_COUNT] = {A, B};

		mmu_op_run(regs, &cases[i].op);
		if (regs[0] != cases[i].result)
			fail_msg("case %zu: %llx, expected %llx", i, (unsigned long long)regs[0],
				 (unsigned long long)cases[i].result);
		assert_int_equal(regs[1], B);
	}
}

static void addresses(void **state)
{
	struct mmu_recipe recipe = {.base = 0, .index = 1, .scale = 3, .segment = MMU_REG_FS, .disp = -8, .n_ops = 1};
	__u64 regs[MMU_REG_COUNT] = {0x1000, 0x20, [MMU_REG_FS] = 0x7f0000000000};

	(void)state;
	recipe.ops[0] = (struct mmu_op){.code = MMU_OP_ADD, .dst = 1, .src = MMU_REG_ZERO, .imm = 1};
	assert_int_equal(mmu_recipe_run(regs, &recipe), 0x7f0000000000 + 0x1000 + 0x21 * 8 - 8);

	/* The segment's base is added behind the cut to 32 bits. */
	recipe = (struct mmu_recipe){
		.base = 0, .index = MMU_REG_ZERO, .segment = MMU_REG_FS, .flags = MMU_RECIPE_ADDR32, .disp = -0x1001};
	assert_int_equal(mmu_recipe_run(regs, &recipe), 0x7f0000000000 + 0xffffffff);

	recipe = (struct mmu_recipe){
		.base = MMU_REG_ZERO, .index = MMU_REG_ZERO, .segment = MMU_REG_ZERO, .disp = INT64_MIN};
	assert_int_equal(mmu_recipe_run(regs, &recipe), (uint64_t)INT64_MIN);
}

/* A recipe comes out of a map that others may write: any bytes give an address, and nothing else. */
static void any_bytes_give_an_address(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		__u64 regs[MMU_REG_COUNT + 2];
		struct mmu_recipe recipe;
		uint8_t *bytes = (uint8_t *)&recipe;

		for (size_t k = 0; k < sizeof(recipe); k++) {
			random = random * 6364136223846793005 + 1442695040888963407;
			bytes[k] = (uint8_t)(random >> 56);
		}
		memset(regs, 0x5a, sizeof(regs));
		mmu_recipe_run(regs + 1, &recipe);
		assert_int_equal(regs[0], 0x5a5a5a5a5a5a5a5a);
		assert_int_equal(regs[MMU_REG_COUNT + 1], 0x5a5a5a5a5a5a5a5a);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operations),
		cmocka_unit_test(addresses),
		cmocka_unit_test(any_bytes_give_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
