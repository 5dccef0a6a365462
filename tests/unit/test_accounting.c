/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/accounting.h"

static void starts_with_nothing_known(void **state)
{
	struct accounting accounting;

	(void)state;
	memset(&accounting, 0x5a, sizeof(accounting));
	accounting__init(&accounting);
	assert_int_equal(accounting.seen, 0);
	assert_int_equal(accounting.emitted, 0);
	assert_int_equal(accounting.filtered, 0);
	assert_int_equal(accounting.received, 0);
	assert_int_equal(accounting__lost(&accounting), 0);
	assert_int_equal(accounting.counted, COUNT_UNKNOWN);
	assert_int_equal(accounting.expected, COUNT_UNKNOWN);
	assert_int_equal(accounting.throttled, COUNT_UNKNOWN);
	assert_int_equal(accounting__missed(&accounting), COUNT_UNKNOWN);
	assert_true(accounting__is_exact(&accounting));
}

static void sums_every_count(void **state)
{
	struct accounting a = {.seen = 10, .emitted = 5, .filtered = 2, .ring_full = 2, .ring_busy = 1, .received = 4};
	struct accounting b = {.seen = 7, .emitted = 7, .received = 7, .counted = 9, .expected = 8, .throttled = 1};

	(void)state;
	accounting__add(&a, &b);
	assert_int_equal(a.seen, 17);
	assert_int_equal(a.emitted, 12);
	assert_int_equal(a.filtered, 2);
	assert_int_equal(a.ring_full, 2);
	assert_int_equal(a.ring_busy, 1);
	assert_int_equal(a.received, 11);
	assert_int_equal(a.counted, 9);
	assert_int_equal(a.expected, 8);
	assert_int_equal(a.throttled, 1);
	assert_int_equal(accounting__lost(&a), 3);
	assert_true(accounting__is_exact(&a));
}

static void unknown_stays_unknown(void **state)
{
	struct accounting known = {.counted = 5, .expected = 6, .throttled = INT64_MAX}, unknown, sum;

	(void)state;
	accounting__init(&unknown);
	sum = known;
	accounting__add(&sum, &unknown);
	assert_int_equal(sum.counted, COUNT_UNKNOWN);
	sum = unknown;
	accounting__add(&sum, &known);
	assert_int_equal(sum.counted, COUNT_UNKNOWN);
	assert_int_equal(sum.expected, COUNT_UNKNOWN);
	sum = known;
	accounting__add(&sum, &known);
	assert_int_equal(sum.counted, 10);
	assert_int_equal(sum.throttled, COUNT_UNKNOWN);
}

static void missed_is_never_negative(void **state)
{
	struct accounting accounting = {.seen = 10, .counted = 12};

	(void)state;
	assert_int_equal(accounting__missed(&accounting), 2);
	accounting.counted = 10;
	assert_int_equal(accounting__missed(&accounting), 0);
	accounting.counted = 5;
	assert_int_equal(accounting__missed(&accounting), COUNT_UNKNOWN);
}

static void finds_what_is_missing(void **state)
{
	struct accounting accounting = {.seen = 10, .emitted = 5, .filtered = 2, .ring_full = 2, .ring_busy = 1};

	(void)state;
	assert_true(accounting__is_exact(&accounting));
	accounting.ring_busy = 0;
	assert_false(accounting__is_exact(&accounting));
}

static void counts_since_an_earlier_time(void **state)
{
	struct accounting earlier = {10, 5, 2, 2, 1, 4, 12, COUNT_UNKNOWN, 1}, now = {17, 10, 3, 2, 2, 9, 20, 8, 1};
	struct accounting since = accounting__since(&now, &earlier);

	(void)state;
	assert_int_equal(since.counted, 8);
	assert_int_equal(since.expected, COUNT_UNKNOWN);
	assert_int_equal(since.throttled, 0);
	assert_true(accounting__is_exact(&since));
	since.expected = 0;
	earlier.expected = 8;
	accounting__add(&since, &earlier);
	assert_memory_equal(&since, &now, sizeof(now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_with_nothing_known), cmocka_unit_test(sums_every_count),
		cmocka_unit_test(unknown_stays_unknown),     cmocka_unit_test(missed_is_never_negative),
		cmocka_unit_test(finds_what_is_missing),     cmocka_unit_test(counts_since_an_earlier_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
