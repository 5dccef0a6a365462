/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any text as a number or a list: support/parse.c. Input: one byte that chooses the reader, then the text.
 */
#include <errno.h>
#include <stdbool.h>

#include "fuzz.h"
#include "support/parse.h"

/* As large as lists of PIDs get (/proc/sys/kernel/pid_max, 64-bit). */
#define MAX_ID 4194304

static void check_error(int err)
{
	FUZZ_CHECK(err == 0 || err == -EINVAL || err == -ERANGE);
}

/* The C library agrees about every number that is one. */
static void parse_number(const char *text)
{
	uint64_t value = 0, within = 42;
	int err = parse__u64(text, 0, UINT64_MAX, &value);

	check_error(err);
	if (!err) {
		bool hexadecimal = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');

		FUZZ_CHECK(value == strtoull(text, NULL, hexadecimal ? 16 : 10));
	}
	err = parse__u64(text, 10, 1000, &within);
	check_error(err);
	FUZZ_CHECK(err ? within == 42 : within == value && value >= 10 && value <= 1000);
}

static void parse_scaled(const char *text, int (*parse)(const char *, uint64_t, uint64_t, uint64_t *))
{
	uint64_t value = 0, within = 42;
	int err = parse(text, 0, UINT64_MAX, &value);

	check_error(err);
	check_error(parse(text, 4096, 1 << 30, &within));
	FUZZ_CHECK(within == 42 || (!err && within == value && value >= 4096 && value <= 1 << 30));
}

static void parse_list(const char *text, int ranges)
{
	uint32_t *list = NULL;
	size_t n = 0;
	int err = parse__list(text, 1, MAX_ID, ranges, &list, &n);

	check_error(err);
	FUZZ_CHECK(err ? !list : list && n >= 1 && n <= MAX_ID);
	for (size_t i = 0; i < n; i++)
		FUZZ_CHECK(list[i] >= 1 && list[i] <= MAX_ID && (!i || list[i - 1] < list[i]));
	free(list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.data = data, .size = size};
	unsigned int which = fuzz__byte(&input) % 5;
	char *text = fuzz__string(input.data, input.size);

	switch (which) {
	case 0:
		parse_number(text);
		break;
	case 1:
		parse_scaled(text, parse__size);
		break;
	case 2:
		parse_scaled(text, parse__seconds);
		break;
	default:
		parse_list(text, which == 3);
		break;
	}
	free(text);
	return 0;
}
