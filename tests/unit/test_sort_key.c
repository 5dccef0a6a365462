/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/sort_key.h"

static void names_go_both_ways(void **state)
{
	static const char *const names[SORT_KEY_COUNT] = {"size", "comm", "pid",    "tid",    "cpu",
							  "mode", "map",  "cgroup", "origin", "level"};

	(void)state;
	for (int key = 0; key < SORT_KEY_COUNT; key++) {
		assert_string_equal(sort_key__name((enum sort_key)key), names[key]);
		assert_int_equal(sort_key__by_name(names[key]), key);
	}
	assert_int_equal(sort_key__by_name("symbol"), -EINVAL);
	assert_int_equal(sort_key__by_name(""), -EINVAL);
	assert_int_equal(sort_key__by_name("PID"), -EINVAL);
	assert_string_equal(sort_key__name(SORT_KEY_COUNT), "unknown");
}

static void sections_that_a_key_needs(void **state)
{
	(void)state;
	for (int key = 0; key < SORT_KEY_COUNT; key++) {
		unsigned int sections = 0;

		if (key == SORT_COMM || key == SORT_PID || key == SORT_TID)
			sections = MMU_SECTION_TASK;
		if (key == SORT_MAP)
			sections = MMU_SECTION_TASK | MMU_SECTION_PLACE;
		if (key == SORT_CGROUP)
			sections = MMU_SECTION_DETAIL;
		assert_int_equal(sort_key__sections((enum sort_key)key), sections);
		assert_int_equal(sort_key__is_split((enum sort_key)key), key == SORT_MAP);
	}
}

static void expect(enum sort_key key, const struct sample *sample, const char *text, int64_t number, int is_number)
{
	struct sort_value value;

	memset(&value, 0xff, sizeof(value));
	sort_key__value(key, sample, &value);
	assert_string_equal(value.text, text);
	assert_int_equal(value.number, number);
	assert_int_equal(value.is_number, is_number);
}

static void values_of_a_sample(void **state)
{
	struct sample sample = {
		.data = {.walk = 21, .kernel = 12, .level = MMU_LEVEL_PMD},
		.mode = MMU_MODE_KERNEL,
		.origin = MMU_ORIGIN_OPERAND_NEXT,
		.cpu = UINT16_MAX,
		.pid = UINT32_MAX,
		.tid = 0,
		.comm = "redis-server",
	};

	(void)state;
	expect(SORT_SIZE, &sample, "2M", 21, 0);
	expect(SORT_COMM, &sample, "redis-server", 0, 0);
	expect(SORT_PID, &sample, "4294967295", UINT32_MAX, 1);
	expect(SORT_TID, &sample, "0", 0, 1);
	expect(SORT_CPU, &sample, "65535", 65535, 1);
	expect(SORT_MODE, &sample, "kernel", MMU_MODE_KERNEL, 0);
	expect(SORT_ORIGIN, &sample, "operand-next", MMU_ORIGIN_OPERAND_NEXT, 0);
	expect(SORT_LEVEL, &sample, "pmd", MMU_LEVEL_PMD, 0);
}

static void size_takes_the_best_answer(void **state)
{
	struct sample sample = {.data = {.walk = mmu_outcome_none(MMU_NONE_SWAPPED), .kernel = 12}};

	(void)state;
	expect(SORT_SIZE, &sample, "4K", 12, 0);
	sample.data.kernel = mmu_outcome_none(MMU_NONE_NOT_REPORTED);
	expect(SORT_SIZE, &sample, "swapped", 131, 0);
	/* A walk that is off has no reason worth a name when the kernel has one. */
	sample.data.walk = mmu_outcome_none(MMU_NONE_UNSUPPORTED);
	expect(SORT_SIZE, &sample, "not-reported", 135, 0);
	sample.data.kernel = 0;
	expect(SORT_SIZE, &sample, "unsupported", 136, 0);
	sample.data.walk = 0;
	expect(SORT_SIZE, &sample, "unsupported", 136, 0);
}

static const char *text_of(enum sort_key key, const struct sample *sample, bool code)
{
	static struct sort_value value;

	memset(&value, 0xff, sizeof(value));
	if (code)
		sort_key__code_value(key, sample, &value);
	else
		sort_key__value(key, sample, &value);
	assert_int_equal(value.number, key == SORT_CPU ? 7 : 0);
	return sort_value__text(&value);
}

static void data_and_code_have_maps_of_their_own(void **state)
{
	struct names *names = names__new();
	struct sample sample = {
		.data_map = names__get(names, "[heap]", 6),
		.code_map = names__get(names, "/usr/bin/redis-server", 21),
		.cgroup_path = names__get(names, "/system.slice", 13),
		.cpu = 7,
	};

	(void)state;
	assert_string_equal(text_of(SORT_MAP, &sample, false), "[heap]");
	assert_string_equal(text_of(SORT_MAP, &sample, true), "/usr/bin/redis-server");
	assert_string_equal(text_of(SORT_CGROUP, &sample, false), "/system.slice");
	assert_string_equal(text_of(SORT_CGROUP, &sample, true), "/system.slice");
	assert_string_equal(text_of(SORT_CPU, &sample, true), "7");
	name__put(sample.data_map);
	name__put(sample.code_map);
	name__put(sample.cgroup_path);
	assert_int_equal(names__count(names), 0);
	names__free(names);
	sample = (struct sample){.cpu = 7};
	assert_string_equal(text_of(SORT_MAP, &sample, false), "");
	assert_string_equal(text_of(SORT_CGROUP, &sample, true), "");
}

static void bytes_behind_the_text_are_zero(void **state)
{
	struct sample sample = {.comm = "fifteen-letters"};
	struct sort_value a, b;

	(void)state;
	memset(&a, 0xff, sizeof(a));
	memset(&b, 0x11, sizeof(b));
	for (int key = 0; key < SORT_KEY_COUNT; key++) {
		sort_key__value((enum sort_key)key, &sample, &a);
		sort_key__value((enum sort_key)key, &sample, &b);
		assert_memory_equal(&a, &b, sizeof(a));
	}
	/* What stood behind the terminator in the record must not make two keys of one name. */
	sort_key__value(SORT_COMM, &sample, &a);
	memset(sample.comm, 'x', sizeof(sample.comm));
	memcpy(sample.comm, "fifteen-letters", 16);
	sort_key__value(SORT_COMM, &sample, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	memcpy(sample.comm, "ab\0junk", 8);
	sort_key__value(SORT_COMM, &sample, &a);
	memcpy(sample.comm, "ab\0JUNK", 8);
	sort_key__value(SORT_COMM, &sample, &b);
	assert_memory_equal(&a, &b, sizeof(a));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_go_both_ways),
		cmocka_unit_test(sections_that_a_key_needs),
		cmocka_unit_test(values_of_a_sample),
		cmocka_unit_test(size_takes_the_best_answer),
		cmocka_unit_test(data_and_code_have_maps_of_their_own),
		cmocka_unit_test(bytes_behind_the_text_are_zero),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
