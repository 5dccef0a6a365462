// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "support/parse.h"

#define UNTOUCHED 0xdeadbeefULL
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

typedef int (*scalar_parser)(const char *text, uint64_t min, uint64_t max, uint64_t *value);

struct scalar_case {
	const char *text;
	uint64_t min, max;
	int err;
	uint64_t value;
};

static void run_cases(scalar_parser parse, const struct scalar_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct scalar_case *c = &cases[i];
		uint64_t value = UNTOUCHED;
		int err = parse(c->text, c->min, c->max, &value);

		if (err != c->err || value != (err ? UNTOUCHED : c->value))
			fail_msg("\"%s\": returned %d, value %llu", c->text, err, (unsigned long long)value);
	}
}

/* What is a number in no syntax. */
static const char *const garbage[] = {"",
				      " ",
				      "10abc",
				      "-1",
				      "+1",
				      " 1",
				      "1 ",
				      "\t1",
				      "1\n",
				      "abc",
				      "0x",
				      "x10",
				      "0x1z",
				      "1_",
				      "1e3",
				      "--1",
				      "0b1",
				      "1,2",
				      "\xd9\xa1",
				      "nan",
				      "inf",
				      "-",
				      "0x-1",
				      "99999999999999999999abc",
				      "0xfffffffffffffffff-"};

static void test_garbage(void **state)
{
	const scalar_parser parsers[] = {parse__u64, parse__size, parse__seconds};

	(void)state;
	for (size_t p = 0; p < COUNT_OF(parsers); p++) {
		for (size_t i = 0; i < COUNT_OF(garbage); i++) {
			uint64_t value = UNTOUCHED;

			if (parsers[p](garbage[i], 0, UINT64_MAX, &value) != -EINVAL || value != UNTOUCHED)
				fail_msg("parser %zu took \"%s\"", p, garbage[i]);
		}
	}
}

static void test_u64(void **state)
{
	static const struct scalar_case cases[] = {
		{"0", 0, UINT64_MAX, 0, 0},
		{"10", 0, UINT64_MAX, 0, 10},
		{"010", 0, UINT64_MAX, 0, 10},
		{"0x10", 0, UINT64_MAX, 0, 16},
		{"0XfF", 0, UINT64_MAX, 0, 255},
		{"18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX},
		{"0xffffffffffffffff", 0, UINT64_MAX, 0, UINT64_MAX},
		{"00000000000000000000000000007", 0, UINT64_MAX, 0, 7},
		{"18446744073709551616", 0, UINT64_MAX, -ERANGE, 0},
		{"99999999999999999999999", 0, UINT64_MAX, -ERANGE, 0},
		{"0x10000000000000000", 0, UINT64_MAX, -ERANGE, 0},
		{"1", 1, 5, 0, 1},
		{"5", 1, 5, 0, 5},
		{"0", 1, 5, -ERANGE, 0},
		{"6", 1, 5, -ERANGE, 0},
		{"1K", 0, UINT64_MAX, -EINVAL, 0},
		{"1.5", 0, UINT64_MAX, -EINVAL, 0},
		{"0x1.8", 0, UINT64_MAX, -EINVAL, 0},
	};

	(void)state;
	run_cases(parse__u64, cases, COUNT_OF(cases));
}

static void test_size(void **state)
{
	static const struct scalar_case cases[] = {
		{"4096", 0, UINT64_MAX, 0, 4096},
		{"4K", 0, UINT64_MAX, 0, 4096},
		{"4k", 0, UINT64_MAX, 0, 4096},
		{"2M", 0, UINT64_MAX, 0, 2097152},
		{"1g", 0, UINT64_MAX, 0, 1073741824},
		{"0x10K", 0, UINT64_MAX, 0, 16384},
		{"17179869183G", 0, UINT64_MAX, 0, 17179869183ULL << 30},
		{"17179869184G", 0, UINT64_MAX, -ERANGE, 0},
		{"18446744073709551616K", 0, UINT64_MAX, -ERANGE, 0},
		{"1G", 4096, 1ULL << 30, 0, 1ULL << 30},
		{"2G", 4096, 1ULL << 30, -ERANGE, 0},
		{"4095", 4096, 1ULL << 30, -ERANGE, 0},
		{"4KB", 0, UINT64_MAX, -EINVAL, 0},
		{"4KK", 0, UINT64_MAX, -EINVAL, 0},
		{"4T", 0, UINT64_MAX, -EINVAL, 0},
		{"4 K", 0, UINT64_MAX, -EINVAL, 0},
		{"K", 0, UINT64_MAX, -EINVAL, 0},
		{"1.5M", 0, UINT64_MAX, -EINVAL, 0},
	};

	(void)state;
	run_cases(parse__size, cases, COUNT_OF(cases));
}

static void test_seconds(void **state)
{
	static const struct scalar_case cases[] = {
		{"1", 0, UINT64_MAX, 0, 1000000000},
		{"0.5", 0, UINT64_MAX, 0, 500000000},
		{".25", 0, UINT64_MAX, 0, 250000000},
		{"1.000000001", 0, UINT64_MAX, 0, 1000000001},
		{"0.0000000019", 0, UINT64_MAX, 0, 1},
		{"18446744073.709551615", 0, UINT64_MAX, 0, UINT64_MAX},
		{"18446744073.709551616", 0, UINT64_MAX, -ERANGE, 0},
		{"18446744074", 0, UINT64_MAX, -ERANGE, 0},
		{"99999999999999999999.5", 0, UINT64_MAX, -ERANGE, 0},
		{"0", 1, UINT64_MAX, -ERANGE, 0},
		{"0.0000000001", 1, UINT64_MAX, -ERANGE, 0},
		{"0.01", 10000000, UINT64_MAX, 0, 10000000},
		{"0.009999999", 10000000, UINT64_MAX, -ERANGE, 0},
		{".", 0, UINT64_MAX, -EINVAL, 0},
		{"5.", 0, UINT64_MAX, -EINVAL, 0},
		{"5s", 0, UINT64_MAX, -EINVAL, 0},
		{"1.5.5", 0, UINT64_MAX, -EINVAL, 0},
		{"1,5", 0, UINT64_MAX, -EINVAL, 0},
		{"0x10", 0, UINT64_MAX, -EINVAL, 0},
		{"-0.5", 0, UINT64_MAX, -EINVAL, 0},
	};

	(void)state;
	run_cases(parse__seconds, cases, COUNT_OF(cases));
}

struct list_case {
	const char *text;
	int ranges;
	uint32_t min, max;
	int err;
	const char *list; /* as "%u %u " */
};

static void test_list(void **state)
{
	static const struct list_case cases[] = {
		{"1", 0, 1, 100, 0, "1 "},
		{"3,1,2", 0, 1, 100, 0, "1 2 3 "},
		{"7,7,1,7", 0, 1, 100, 0, "1 7 "},
		{"0x10,16", 0, 1, 100, 0, "16 "},
		{"1,4-7", 1, 0, 100, 0, "1 4 5 6 7 "},
		{"4-7,5-9,6", 1, 0, 100, 0, "4 5 6 7 8 9 "},
		{"1-9,3-4,6", 1, 0, 100, 0, "1 2 3 4 5 6 7 8 9 "},
		{"5-5", 1, 0, 100, 0, "5 "},
		{"0,100", 1, 0, 100, 0, "0 100 "},
		{"4294967294-4294967295", 1, 0, UINT32_MAX, 0, "4294967294 4294967295 "},
		{"4-7", 0, 0, 100, -EINVAL, NULL},
		{"7-4", 1, 0, 100, -EINVAL, NULL},
		{"", 1, 0, 100, -EINVAL, NULL},
		{",", 1, 0, 100, -EINVAL, NULL},
		{"1,", 1, 0, 100, -EINVAL, NULL},
		{",1", 1, 0, 100, -EINVAL, NULL},
		{"1,,2", 1, 0, 100, -EINVAL, NULL},
		{"1, 2", 1, 0, 100, -EINVAL, NULL},
		{"1-", 1, 0, 100, -EINVAL, NULL},
		{"-1", 1, 0, 100, -EINVAL, NULL},
		{"1-2-3", 1, 0, 100, -EINVAL, NULL},
		{"1x", 1, 0, 100, -EINVAL, NULL},
		{"all", 1, 0, 100, -EINVAL, NULL},
		{"0", 1, 1, 100, -ERANGE, NULL},
		{"1,101", 1, 1, 100, -ERANGE, NULL},
		{"99-101", 1, 1, 100, -ERANGE, NULL},
		{"4294967296", 1, 0, UINT32_MAX, -ERANGE, NULL},
		{"99999999999999999999", 1, 0, 100, -ERANGE, NULL},
		{"1-99999999999999999999", 1, 0, 100, -ERANGE, NULL},
		{"101,x", 1, 0, 100, -EINVAL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		const struct list_case *c = &cases[i];
		uint32_t *list = NULL;
		size_t n = 99, len = 0;
		char text[256] = "";
		int err = parse__list(c->text, c->min, c->max, c->ranges, &list, &n);

		if (err != c->err)
			fail_msg("\"%s\": returned %d", c->text, err);
		if (err) {
			assert_null(list);
			assert_int_equal(n, 99);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%u ", list[k]);
		assert_string_equal(text, c->list);
		free(list);
	}
}

/* Overlapping ranges cost memory once: 2000 × 65536 numbers would be half a gigabyte. */
static void test_list_is_bounded(void **state)
{
	enum { SPANS = 2000 };
	const char span[] = "0-65535,";
	char *text = malloc(SPANS * (sizeof(span) - 1) + 1);
	uint32_t *list;
	size_t n;

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < SPANS; i++)
		memcpy(text + i * (sizeof(span) - 1), span, sizeof(span));
	text[SPANS * (sizeof(span) - 1) - 1] = '\0';
	assert_int_equal(parse__list(text, 0, 65535, 1, &list, &n), 0);
	assert_int_equal(n, 65536);
	assert_int_equal(list[65535], 65535);
	free(list);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage), cmocka_unit_test(test_u64),  cmocka_unit_test(test_size),
		cmocka_unit_test(test_seconds), cmocka_unit_test(test_list), cmocka_unit_test(test_list_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
