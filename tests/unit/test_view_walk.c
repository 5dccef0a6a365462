// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What walk prints, against golden files in TEST_DATA_DIR/walk; UPDATE_GOLDEN=1 in the environment writes them anew.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "view/view_walk.h"
#include "wrap.h"

#define NONE(reason) ((uint8_t)(MMU_OUTCOME_NONE_BASE + MMU_NONE_##reason))
#define USER_FLAGS (MMU_FLAG_WRITE | MMU_FLAG_USER | MMU_FLAG_ACCESSED | MMU_FLAG_DIRTY)

static struct walk_range leaf[] = {
	{.start = 0x7f0000001000,
	 .last = 0x7f0000001fff,
	 .pfn = 0x12345,
	 .leaves = 1,
	 .flags = USER_FLAGS,
	 .outcome = 12,
	 .level = MMU_LEVEL_PTE},
};

static struct walk_range hole[] = {
	{.start = 0x7f0000000000, .last = 0x7f003fffffff, .outcome = NONE(NOT_MAPPED), .level = MMU_LEVEL_PUD},
};

static struct walk_range mixed[] = {
	{.start = 0x0, .last = 0xfff, .outcome = NONE(NO_MM)},
	{.start = 0x1000, .last = 0x1fffff, .outcome = NONE(NOT_MAPPED), .level = MMU_LEVEL_PTE},
	{.start = 0x200000,
	 .last = 0x5fffff,
	 .pfn = 0x80000,
	 .leaves = 2,
	 .flags = USER_FLAGS | MMU_FLAG_EXEC,
	 .outcome = 21,
	 .level = MMU_LEVEL_PMD},
	{.start = 0x600000, .last = 0x600fff, .outcome = NONE(SWAPPED), .level = MMU_LEVEL_PTE},
	{.start = 0x601000, .last = 0x601fff, .outcome = NONE(READ_FAULT), .level = MMU_LEVEL_PMD},
	{.start = 0x602000,
	 .last = 0x602fff,
	 .pfn = 1,
	 .leaves = 1,
	 .flags = (1 << MMU_FLAG_COUNT) - 1,
	 .outcome = 12,
	 .level = MMU_LEVEL_PTE},
	{.start = 0xffffffffc0000000,
	 .last = 0xffffffffffffffff,
	 .pfn = 0xfffffffff,
	 .leaves = 262144,
	 .outcome = 30,
	 .level = MMU_LEVEL_PUD},
};

static const struct walk_report leaf_report = {
	.pid = 4711,
	.one_address = true,
	.addr = 0x7f0000001234,
	.entries = {0, 0x8000000012345867, 0x10a063067, 0x10a062067, 0, 0x10a061067},
	.entries_seen = 1 << MMU_LEVEL_PTE | 1 << MMU_LEVEL_PMD | 1 << MMU_LEVEL_PUD | 1 << MMU_LEVEL_PGD,
	.page_shift = 12,
	.ranges = leaf,
	.n = 1,
};

static const struct walk_report hole_report = {
	.pid = 1,
	.one_address = true,
	.addr = 0x7f0000001234,
	.entries = {0, 0, 0, 0, 0x10a062067, 0x10a061067},
	.entries_seen = 1 << MMU_LEVEL_PUD | 1 << MMU_LEVEL_P4D | 1 << MMU_LEVEL_PGD,
	.page_shift = 12,
	.ranges = hole,
	.n = 1,
};

/* Entries of the first address are not those of a range. */
static const struct walk_report range_report = {
	.pid = 4294967295,
	.addr = 0,
	.entries = {0, 1, 2, 3, 4, 5},
	.entries_seen = 0x3e,
	.page_shift = 12,
	.ranges = mixed,
	.n = sizeof(mixed) / sizeof(mixed[0]),
};

static char *print(enum view_format format, const struct walk_report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(view_walk__print(format, report, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static void golden(const char *name, char *text)
{
	static char expected[1 << 16];
	char path[512];
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/walk/%s", TEST_DATA_DIR, name);
	if (getenv("UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		assert_int_equal(fclose(file), 0);
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: no such golden file", path);
	n = fread(expected, 1, sizeof(expected) - 1, file);
	expected[n] = '\0';
	fclose(file);
	if (strcmp(text, expected))
		fail_msg("%s: differs; got:\n%s", name, text);
	free(text);
}

static void test_leaf(void **state)
{
	golden("leaf.txt", print(VIEW_TEXT, &leaf_report));
	golden("leaf.json", print(VIEW_JSON, &leaf_report));
}

static void test_hole(void **state)
{
	golden("hole.txt", print(VIEW_TEXT, &hole_report));
	golden("hole.json", print(VIEW_JSON, &hole_report));
}

static void test_range(void **state)
{
	golden("range.txt", print(VIEW_TEXT, &range_report));
	golden("range.json", print(VIEW_JSON, &range_report));
}

/* The keys that users rely on, whatever the golden files say. */
static void test_schema(void **state)
{
	char *text = print(VIEW_JSON, &range_report);
	json_t *root = json_loads(text, 0, NULL);
	json_t *ranges = json_object_get(root, "ranges");
	json_t *range = json_array_get(ranges, 2);

	assert_non_null(root);
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	assert_string_equal(json_string_value(json_object_get(root, "schema")), "mmuscope.walk/1");
	assert_int_equal(json_integer_value(json_object_get(root, "pid")), 4294967295);
	assert_int_equal(json_array_size(json_object_get(root, "entries")), 0);
	assert_int_equal(json_array_size(ranges), 7);
	assert_string_equal(json_string_value(json_object_get(range, "start")), "0x200000");
	assert_string_equal(json_string_value(json_object_get(range, "end")), "0x600000");
	assert_string_equal(json_string_value(json_object_get(range, "size")), "2M");
	assert_int_equal(json_integer_value(json_object_get(range, "bytes")), 2097152);
	assert_string_equal(json_string_value(json_object_get(range, "level")), "pmd");
	assert_int_equal(json_integer_value(json_object_get(range, "pfn")), 0x80000);
	assert_true(json_is_null(json_object_get(range, "none")));
	range = json_array_get(ranges, 3);
	assert_string_equal(json_string_value(json_object_get(range, "none")), "swapped");
	assert_true(json_is_null(json_object_get(range, "size")));
	assert_true(json_is_null(json_object_get(range, "bytes")));
	assert_true(json_is_null(json_object_get(range, "pfn")));
	json_decref(root);
	free(text);
}

static void test_no_such_format(void **state)
{
	assert_int_equal(view_walk__print(VIEW_CSV, &leaf_report, stdout), -EINVAL);
}

static void test_full_disk(void **state)
{
	static const enum view_format formats[] = {VIEW_TEXT, VIEW_JSON};
	FILE *full;
	size_t i;

	for (i = 0; i < 2; i++) {
		full = fopen("/dev/full", "w");
		assert_non_null(full);
		assert_int_equal(view_walk__print(formats[i], &range_report, full), -ENOSPC);
		fclose(full);
	}
}

/* Each allocation of the JSON library fails in turn; what it had until then is given back. */
static void test_no_memory(void **state)
{
	static const struct walk_report *const reports[] = {&leaf_report, &hole_report, &range_report};
	FILE *out = fopen("/dev/null", "w");
	unsigned int nth;
	size_t i;

	assert_non_null(out);
	for (i = 0; i < 3; i++) {
		for (nth = 1;; nth++) {
			const char *leaks;
			int err;

			wrap__begin();
			json_set_alloc_funcs(malloc, free);
			wrap__fail(WRAP_MALLOC, nth, ENOMEM);
			err = view_walk__print(VIEW_JSON, reports[i], out);
			leaks = wrap__end();
			if (leaks)
				fail_msg("allocation %u of report %zu: %s", nth, i, leaks);
			if (!wrap__failed()) {
				assert_int_equal(err, 0);
				break;
			}
			if (err != -ENOMEM)
				fail_msg("allocation %u of report %zu: %d", nth, i, err);
		}
		assert_true(nth > 30);
	}
	fclose(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaf),           cmocka_unit_test(test_hole),
		cmocka_unit_test(test_range),          cmocka_unit_test(test_schema),
		cmocka_unit_test(test_no_such_format), cmocka_unit_test(test_full_disk),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
