/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>

#include "code.h"

#define MAX_QUESTIONS 8

struct spot {
	const struct code_image *image;
	uint64_t place;
};

static size_t read_beyond(const void *ctx, int64_t offset, uint8_t *bytes, size_t n)
{
	const struct spot *spot = ctx;

	return code_image__read(spot->image, spot->place + (uint64_t)offset, bytes, n);
}

static void fill(struct code_window *window, const uint8_t *bytes, size_t n, size_t at)
{
	for (size_t i = 0; i < MMU_CODE_BYTES; i++)
		if (at + i >= MMU_CODE_BEFORE && at + i - MMU_CODE_BEFORE < n)
			window->code[i] = bytes[at + i - MMU_CODE_BEFORE];
}

static void ask(const struct code_image *image, const uint8_t *bytes, size_t n, uint64_t place, size_t at)
{
	const struct spot spot = {.image = image, .place = place + at};
	const struct code_beyond beyond = {.read = read_beyond, .ctx = &spot};
	struct code_window window = {0};
	struct mmu_operand operand;
	int err;

	fill(&window, bytes, n, at);
	err = code_image__mark(image, spot.place, &window);
	FUZZ_CHECK(!err || err == -ERANGE || err == -ESTALE);
	for (size_t i = 0; i < MMU_CODE_BYTES; i++)
		FUZZ_CHECK(!(window.marks[i] & ~(CODE_START | CODE_LEADER)));
	recipe__build(&window, &beyond, &operand);
}

void fuzz__ask_image(const struct code_image *image, const uint8_t *bytes, size_t n, uint64_t place)
{
	const struct code_image_facts *facts = code_image__facts(image);
	size_t step = n / MAX_QUESTIONS + 1;

	FUZZ_CHECK(facts->instructions + facts->bad_bytes <= facts->code_bytes);
	FUZZ_CHECK(facts->unread_jumps <= facts->computed_jumps);
	FUZZ_CHECK(code_image__size(image) > facts->code_bytes / 4);
	for (size_t at = 0; at < n; at += step)
		ask(image, bytes, n, place, at);
	/* Its ends, and what lies outside. */
	ask(image, bytes, n, place, n - 1);
	ask(image, bytes, n, place, n);
	ask(image, bytes, n, place, SIZE_MAX);
}
