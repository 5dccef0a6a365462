/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/page_size.h"

static void sizes_have_names(void **state)
{
	static const struct {
		unsigned int shift;
		const char *name;
	} cases[] = {
		{0, "1"},     {9, "512"}, {10, "1K"}, {12, "4K"},  {14, "16K"},  {16, "64K"},
		{19, "512K"}, {20, "1M"}, {21, "2M"}, {25, "32M"}, {29, "512M"}, {30, "1G"},
		{34, "16G"},  {40, "1T"}, {50, "1P"}, {60, "1E"},  {63, "8E"},
	};
	char buf[PAGE_SIZE_NAME_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_ptr_equal(page_size__name(cases[i].shift, buf), buf);
		assert_string_equal(buf, cases[i].name);
	}
	for (unsigned int shift = 0; shift < 64; shift++)
		assert_in_range(strlen(page_size__name(shift, buf)), 1, 4);
}

static void reasons_have_names(void **state)
{
	static const char *const names[MMU_NONE_MAX] = {
		"unknown",     "no-address",      "not-mapped",   "swapped",          "no-mm",
		"read-fault",  "not-canonical",   "not-reported", "unsupported",      "no-operand",
		"overwritten", "code-unreadable", "undecodable",  "unsupported-form", "gone",
	};

	(void)state;
	for (unsigned int reason = 0; reason < MMU_NONE_MAX; reason++)
		assert_string_equal(page_size__none_name(reason), names[reason]);
	assert_string_equal(page_size__none_name(MMU_NONE_MAX), "unknown");
	assert_string_equal(page_size__none_name(~0u), "unknown");
}

static void failures_are_walks_that_failed(void **state)
{
	(void)state;
	for (unsigned int reason = 0; reason < 300; reason++) {
		int failure = reason >= MMU_NONE_NOT_MAPPED && reason <= MMU_NONE_NOT_CANONICAL;

		assert_int_equal(page_size__none_is_failure(reason), failure);
	}
}

static void every_byte_has_a_meaning(void **state)
{
	(void)state;
	for (unsigned int outcome = 0; outcome < 256; outcome++) {
		unsigned int reason = page_size__reason((uint8_t)outcome);

		if (outcome > 128 && outcome < 128 + MMU_NONE_MAX)
			assert_int_equal(reason, outcome - 128);
		else
			assert_int_equal(reason, MMU_NONE_UNSUPPORTED);
	}
}

static void other_names(void **state)
{
	static const char *const flags[] = {"write",   "user",      "exec",       "accessed", "dirty",     "global",
					    "special", "prot-none", "soft-dirty", "uffd-wp",  "contiguous"};
	static const char *const levels[] = {"none", "pte", "pmd", "pud", "p4d", "pgd", "unknown"};
	static const char *const origins[] = {"none",         "pmu",    "breakpoint", "fault", "operand-previous",
					      "operand-next", "unknown"};
	static const char *const modes[] = {"unknown", "user", "kernel", "idle", "unknown"};

	(void)state;
	for (unsigned int i = 0; i < MMU_FLAG_COUNT; i++)
		assert_string_equal(page_size__flag_name(i), flags[i]);
	assert_null(page_size__flag_name(MMU_FLAG_COUNT));
	for (unsigned int i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		assert_string_equal(page_size__level_name(i), levels[i]);
	for (unsigned int i = 0; i < sizeof(origins) / sizeof(origins[0]); i++)
		assert_string_equal(page_size__origin_name(i), origins[i]);
	for (unsigned int i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		assert_string_equal(page_size__mode_name(i), modes[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_names),
		cmocka_unit_test(reasons_have_names),
		cmocka_unit_test(failures_are_walks_that_failed),
		cmocka_unit_test(every_byte_has_a_meaning),
		cmocka_unit_test(other_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
