// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/walk_report.h"
#include "wrap.h"

#define HOLE ((uint8_t)(MMU_OUTCOME_NONE_BASE + MMU_NONE_NOT_MAPPED))
#define SWAPPED ((uint8_t)(MMU_OUTCOME_NONE_BASE + MMU_NONE_SWAPPED))

static struct walk_report report;

static void add(uint64_t start, uint64_t last, uint8_t outcome, uint8_t level, uint16_t flags)
{
	struct walk_range piece = {.start = start,
				   .last = last,
				   .pfn = start >> 12,
				   .leaves = mmu_outcome_is_size(outcome),
				   .flags = flags,
				   .outcome = outcome,
				   .level = level};

	assert_int_equal(walk_report__add(&report, &piece), 0);
}

static void expect(size_t i, uint64_t start, uint64_t last, uint64_t leaves, uint8_t level)
{
	assert_true(i < report.n);
	assert_int_equal(report.ranges[i].start, start);
	assert_int_equal(report.ranges[i].last, last);
	assert_int_equal(report.ranges[i].leaves, leaves);
	assert_int_equal(report.ranges[i].level, level);
	assert_int_equal(report.ranges[i].pfn, start >> 12);
}

static void test_neighbours(void **state)
{
	add(0x1000, 0x1fff, 12, MMU_LEVEL_PTE, 3);
	add(0x2000, 0x2fff, 12, MMU_LEVEL_PTE, 3);
	add(0x3000, 0x3fff, 12, MMU_LEVEL_PTE, 1);     /* other flags */
	add(0x5000, 0x5fff, 12, MMU_LEVEL_PTE, 1);     /* no neighbour */
	add(0x200000, 0x3fffff, 21, MMU_LEVEL_PMD, 1); /* other size */
	add(0x400000, 0x5fffff, 21, MMU_LEVEL_PMD, 1);
	assert_int_equal(report.n, 4);
	expect(0, 0x1000, 0x2fff, 2, MMU_LEVEL_PTE);
	expect(1, 0x3000, 0x3fff, 1, MMU_LEVEL_PTE);
	expect(2, 0x5000, 0x5fff, 1, MMU_LEVEL_PTE);
	expect(3, 0x200000, 0x5fffff, 2, MMU_LEVEL_PMD);
	walk_report__free(&report);
}

/* One size, two levels (a run of small entries, and a large one): no run. Holes of any level are one hole. */
static void test_levels(void **state)
{
	add(0x0, 0xffff, 16, MMU_LEVEL_PTE, 0);
	add(0x10000, 0x1ffff, 16, MMU_LEVEL_PMD, 0);
	assert_int_equal(report.n, 2);
	walk_report__free(&report);
	add(0x1000, 0x1fff, HOLE, MMU_LEVEL_PTE, 0);
	add(0x2000, 0x1fffff, HOLE, MMU_LEVEL_PMD, 0);
	add(0x200000, 0x200fff, HOLE, MMU_LEVEL_PTE, 0);
	add(0x201000, 0x201fff, SWAPPED, MMU_LEVEL_PTE, 0);
	assert_int_equal(report.n, 2);
	expect(0, 0x1000, 0x200fff, 0, MMU_LEVEL_PMD);
	expect(1, 0x201000, 0x201fff, 0, MMU_LEVEL_PTE);
	walk_report__free(&report);
}

static void test_grows(void **state)
{
	uint64_t i;

	for (i = 0; i < 1000; i++)
		add(i << 12, (i << 12) + 0xfff, 12, MMU_LEVEL_PTE, i & 1);
	assert_int_equal(report.n, 1000);
	for (i = 0; i < 1000; i++)
		expect(i, i << 12, (i << 12) + 0xfff, 1, MMU_LEVEL_PTE);
	walk_report__free(&report);
	assert_null(report.ranges);
	assert_int_equal(report.n, 0);
	walk_report__free(&report);
}

/* What is there stays, and the next piece finds memory again. */
static void test_no_memory(void **state)
{
	struct walk_range piece = {.start = 0x9000, .last = 0x9fff, .outcome = 12, .leaves = 1};
	uint64_t i;

	wrap__begin();
	wrap__fail(WRAP_REALLOC, 2, ENOMEM);
	for (i = 0; i < 64; i++)
		add(i << 20, (i << 20) + 0xfff, 12, MMU_LEVEL_PTE, 0);
	piece.start = 1ULL << 40;
	piece.last = piece.start + 0xfff;
	assert_int_equal(walk_report__add(&report, &piece), -ENOMEM);
	assert_int_equal(report.n, 64);
	assert_int_equal(walk_report__add(&report, &piece), 0);
	assert_int_equal(report.n, 65);
	expect(63, 63ULL << 20, (63ULL << 20) + 0xfff, 1, MMU_LEVEL_PTE);
	walk_report__free(&report);
	assert_null(wrap__end());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_grows),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
