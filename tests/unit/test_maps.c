/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Mappings against a table with an entry for each page.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "process/maps.h"

#define PAGES 512

static int fail_realloc;
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_realloc(void *old, size_t size)
{
	return fail_realloc ? NULL : __real_realloc(old, size);
}

static struct names *names;

static const struct name *name_of(const char *text)
{
	const struct name *name = names__get(names, text, strlen(text));

	assert_non_null(name);
	return name;
}

static int setup(void **state)
{
	(void)state;
	names = names__new();
	return !names;
}

static int teardown(void **state)
{
	size_t left = names__count(names);

	(void)state;
	names__free(names);
	return left != 0;
}

static void equals_a_table_of_pages(void **state)
{
	static uint64_t offset[PAGES];
	static uint32_t owner[PAGES];
	struct maps maps = {0};
	uint64_t seed = 42;

	(void)state;
	for (uint32_t round = 1; round <= 20000; round++) {
		uint64_t start, n;
		struct map map;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		start = (seed >> 33) % PAGES;
		n = 1 + (seed >> 45) % (round % 8 ? 8 : PAGES - start);
		n = start + n > PAGES ? PAGES - start : n;
		map = (struct map){.start = start * 4096,
				   .end = (start + n) * 4096,
				   .offset = round * (UINT64_C(1) << 20),
				   .inode = round % 3,
				   .round = round,
				   .name = name_of(round % 2 ? "odd" : "even")};
		assert_int_equal(maps__put(&maps, &map), 0);
		for (uint64_t page = start; page < start + n; page++) {
			owner[page] = round;
			offset[page] = map.offset + (map.inode ? (page - start) * 4096 : 0);
		}
		if (round % 64)
			continue;
		for (uint64_t page = 0; page < PAGES; page++) {
			const struct map *found = maps__find(&maps, page * 4096 + 77);

			if (!owner[page]) {
				assert_null(found);
				continue;
			}
			assert_non_null(found);
			assert_int_equal(found->round, owner[page]);
			assert_string_equal(name__text(found->name), owner[page] % 2 ? "odd" : "even");
			assert_int_equal(found->offset + (found->inode ? page * 4096 - found->start : 0), offset[page]);
		}
	}
	for (size_t i = 1; i < maps.n; i++)
		assert_true(maps.maps[i - 1].end <= maps.maps[i].start);
	maps__free(&maps);
}

static void without_memory_nothing_changes(void **state)
{
	struct maps maps = {0};
	struct map map = {.end = 4096};

	(void)state;
	fail_realloc = 1;
	map.name = name_of("a");
	assert_int_equal(maps__put(&maps, &map), -ENOMEM);
	fail_realloc = 0;
	assert_null(maps__find(&maps, 0));
	assert_int_equal(names__count(names), 0);
	for (map.start = 0; map.start < 63 * 8192; map.start += 8192) {
		map.end = map.start + 4096;
		map.name = name_of("a");
		assert_int_equal(maps__put(&maps, &map), 0);
	}
	fail_realloc = 1;
	map = (struct map){.start = 1024, .end = 2048, .name = name_of("b")};
	assert_int_equal(maps__put(&maps, &map), -ENOMEM);
	fail_realloc = 0;
	assert_string_equal(name__text(maps__find(&maps, 1500)->name), "a");
	assert_int_equal(maps.n, 63);
	maps__free(&maps);
}

static void names_are_shared_and_cut(void **state)
{
	char longer[NAME_TEXT_MAX + 100];
	const struct name *a = name_of("one"), *b = name_of("one"), *c = names__get(names, "one\0two", 7), *d;

	(void)state;
	assert_ptr_equal(a, b);
	assert_ptr_equal(a, c);
	assert_int_equal(names__count(names), 1);
	name__put(a);
	name__put(b);
	assert_string_equal(name__text(c), "one");
	name__put(c);
	assert_int_equal(names__count(names), 0);
	memset(longer, 'x', sizeof(longer));
	d = names__get(names, longer, sizeof(longer));
	assert_int_equal(strlen(name__text(d)), NAME_TEXT_MAX);
	name__put(d);
	name__put(NULL);
	d = names__get(names, "", 0);
	assert_string_equal(name__text(d), "");
	name__put(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(equals_a_table_of_pages, setup, teardown),
		cmocka_unit_test_setup_teardown(without_memory_nothing_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(names_are_shared_and_cut, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
