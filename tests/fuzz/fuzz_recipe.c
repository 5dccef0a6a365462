/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any window, any marks, any registers: user/operand/recipe_build.c and the evaluator of bpf/recipe.h.
 *
 * Input: code, marks (one byte each), registers, what lies beyond the window.
 */
#include <stdbool.h>

#include "fuzz.h"
#include "operand/recipe_build.h"

static void check_ops(const struct mmu_recipe *recipe)
{
	FUZZ_CHECK(recipe->n_ops <= MMU_RECIPE_OPS);
	for (unsigned int i = 0; i < recipe->n_ops; i++) {
		const struct mmu_op *op = &recipe->ops[i];

		FUZZ_CHECK(op->code >= MMU_OP_MOV && op->code <= MMU_OP_SX32);
		FUZZ_CHECK(op->dst >= MMU_REG_TEMP && op->dst < MMU_REG_COUNT);
		FUZZ_CHECK(op->src < MMU_REG_COUNT && op->shift < 64);
	}
}

static void check(const struct mmu_recipe *recipe, bool is_previous)
{
	static const struct mmu_recipe empty;
	struct mmu_recipe rest = *recipe;

	if (recipe->none) {
		FUZZ_CHECK(recipe->none >= MMU_NONE_NO_OPERAND && recipe->none < MMU_NONE_GONE);
		rest.none = 0;
		FUZZ_CHECK(!memcmp(&rest, &empty, sizeof(rest)));
		return;
	}
	check_ops(recipe);
	FUZZ_CHECK(recipe->base < MMU_REG_COUNT && recipe->index < MMU_REG_COUNT && recipe->scale <= 3);
	FUZZ_CHECK(recipe->segment >= MMU_REG_ZERO && recipe->segment <= MMU_REG_GS);
	FUZZ_CHECK(!is_previous || (recipe->distance > 0 && recipe->distance <= RECIPE_FAR_DISTANCE));
}

/* As the BPF program holds them: MMU_REG_COUNT places and not one more. */
static uint64_t run(const uint64_t saved[MMU_REGS_SAVED], const struct mmu_recipe *recipe)
{
	__u64 *regs = calloc(MMU_REG_COUNT, sizeof(*regs));
	uint64_t address;

	FUZZ_CHECK(regs);
	memcpy(regs, saved, MMU_REGS_SAVED * sizeof(*saved));
	regs[MMU_REG_ZERO] = 0;
	address = mmu_recipe_run(regs, recipe);
	free(regs);
	return address;
}

static size_t read_beyond(const void *ctx, int64_t offset, uint8_t *bytes, size_t n)
{
	struct fuzz_input beyond = *(const struct fuzz_input *)ctx;
	uint64_t at = (uint64_t)offset - MMU_CODE_AFTER;

	if (at >= beyond.size)
		return 0;
	if (n > beyond.size - at)
		n = beyond.size - at;
	memcpy(bytes, beyond.data + at, n);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.data = data, .size = size};
	const struct code_beyond beyond = {.read = read_beyond, .ctx = &input};
	struct code_window window;
	struct mmu_operand operand, again, alone;
	uint64_t regs[MMU_REGS_SAVED];
	struct mmu_recipe raw;

	/* The evaluator promises a defined result for any recipe, ours or not. */
	if (size >= sizeof(raw)) {
		memcpy(&raw, data, sizeof(raw));
		run((uint64_t[MMU_REGS_SAVED]){0}, &raw);
	}

	fuzz__take(&input, window.code, sizeof(window.code));
	fuzz__take(&input, window.marks, sizeof(window.marks));
	fuzz__take(&input, regs, sizeof(regs));

	memset(&operand, 0xa5, sizeof(operand));
	memset(&again, 0x5a, sizeof(again));
	recipe__build(&window, &beyond, &operand);
	recipe__build(&window, &beyond, &again);
	FUZZ_CHECK(!memcmp(&operand, &again, sizeof(operand)));
	check(&operand.previous, true);
	check(&operand.next, false);
	if (!operand.previous.none)
		run(regs, &operand.previous);
	if (!operand.next.none)
		run(regs, &operand.next);

	recipe__build(&window, NULL, &alone);
	check(&alone.previous, true);
	check(&alone.next, false);
	return 0;
}
