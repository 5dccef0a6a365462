/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes recipes from the code around a sampled address.
 */
#ifndef MMUSCOPE_OPERAND_RECIPE_BUILD_H
#define MMUSCOPE_OPERAND_RECIPE_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "recipe.h"

/* What is known about a byte of a window. */
#define CODE_START 1  /* an instruction starts here */
#define CODE_LEADER 2 /* control may come here from elsewhere: target of a branch, function; not for a return alone */

/* Everything that recipes are made from: the sampled instruction starts at code[MMU_CODE_BEFORE]. */
struct code_window {
	uint8_t code[MMU_CODE_BYTES];
	uint8_t marks[MMU_CODE_BYTES]; /* only those before and at the sampled instruction count */
};

/*
 * Reads code beyond a window, where what follows it is known by something better than the window itself: up to `n` bytes at
 * an offset from the sampled instruction. Returns how many there are.
 */
struct code_beyond {
	size_t (*read)(const void *ctx, int64_t offset, uint8_t *bytes, size_t n);
	const void *ctx;
};

/* How far before the sampled instruction the access may lie, in instructions; the second when there is no next either. */
#define RECIPE_MAX_DISTANCE 8
#define RECIPE_FAR_DISTANCE 16

/*
 * Makes both recipes; where there is none, recipe.none says why. Without CODE_START at the sampled instruction nothing is
 * known about the code before it, and `previous` is MMU_NONE_UNDECODABLE.
 *
 * previous: the nearest access that was executed before the sampled instruction, provided control came straight from it.
 * Behind a call that is the load of the return address by the function's last instruction.
 * next: the access of the sampled instruction, or the first one that is executed behind it for certain: along the straight
 * line and unconditional jumps. They end with the window when `beyond` is NULL.
 */
void recipe__build(const struct code_window *window, const struct code_beyond *beyond, struct mmu_operand *operand);

#endif
