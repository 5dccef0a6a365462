// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How many samples a clock should have given: idle time left out, and unknown where it cannot be told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/clock_estimate.h"
#include "model/accounting.h"
#include "support/clock.h"
#include "wrap.h"

static struct target all = {.kind = TARGET_ALL};
static struct event timer;

static void proc_stat(const char *text)
{
	wrap__forget_files();
	wrap__file("/proc/stat", text);
}

static void reset(void)
{
	memset(&timer, 0, sizeof(timer));
	timer.attr.freq = 1;
	timer.attr.sample_freq = 1000;
	timer.is_clock = true;
	proc_stat("cpu  9 9 9 900 90\ncpu0 1 2 3 100 10 7\ncpu1 1 2 3 200 20 7\ncpu10 0 0 0 300 30\nintr 1 2 3\n");
}

static uint64_t ticks(uint64_t n)
{
	return n * (NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK));
}

static void test_idle_is_left_out(void **state)
{
	struct clock_estimate *estimate;

	reset();
	estimate = clock_estimate__new(&all);
	assert_non_null(estimate);
	/* Until it is stopped, the idle time of now counts. */
	assert_int_equal(clock_estimate__samples(estimate, &timer, 3 * NSEC_PER_SEC), 3000);
	proc_stat("cpu0 0 0 0 130 30\ncpu1 0 0 0 200 20\ncpu10 0 0 0 300 80\n");
	clock_estimate__stop(estimate);
	assert_int_equal(clock_estimate__samples(estimate, &timer, ticks(300)),
			 (ticks(300) - ticks(100)) / (NSEC_PER_SEC / 1000));
	/* It was noted: what comes later does not count. */
	proc_stat("cpu0 0 0 0 9000 30\n");
	assert_int_equal(clock_estimate__samples(estimate, &timer, ticks(300)),
			 (ticks(300) - ticks(100)) / (NSEC_PER_SEC / 1000));
	/* More idle than counted. */
	assert_int_equal(clock_estimate__samples(estimate, &timer, ticks(50)), 0);
	clock_estimate__free(estimate);
}

/* I/O wait may go backwards: no idle time then, not 584 years of it. */
static void test_backwards(void **state)
{
	struct clock_estimate *estimate;

	reset();
	estimate = clock_estimate__new(&all);
	proc_stat("cpu0 0 0 0 100 9\ncpu1 0 0 0 200 20\ncpu10 0 0 0 300 30\n");
	clock_estimate__stop(estimate);
	assert_int_equal(clock_estimate__samples(estimate, &timer, NSEC_PER_SEC), 1000);
	clock_estimate__free(estimate);
}

static void test_cpus_of_target(void **state)
{
	uint32_t one[] = {1};
	struct target target = {.kind = TARGET_ALL, .cpus = one, .n_cpus = 1};
	struct clock_estimate *estimate;

	reset();
	estimate = clock_estimate__new(&target);
	proc_stat("cpu0 0 0 0 9000 10\ncpu1 0 0 0 260 20\ncpu10 0 0 0 9000 30\n");
	clock_estimate__stop(estimate);
	assert_int_equal(clock_estimate__samples(estimate, &timer, ticks(100)), ticks(40) / (NSEC_PER_SEC / 1000));
	clock_estimate__free(estimate);
}

static void test_period(void **state)
{
	struct target one = {.kind = TARGET_PIDS};
	struct clock_estimate *estimate;

	reset();
	proc_stat(NULL); /* a process is counted only while it runs: nobody asks */
	estimate = clock_estimate__new(&one);
	assert_non_null(estimate);
	timer.attr.freq = 0;
	timer.attr.sample_period = 1000000;
	clock_estimate__stop(estimate);
	assert_int_equal(clock_estimate__samples(estimate, &timer, 5999999), 5);
	timer.attr.sample_period = 0;
	assert_int_equal(clock_estimate__samples(estimate, &timer, 5999999), COUNT_UNKNOWN);
	clock_estimate__free(estimate);
}

static void test_unknown(void **state)
{
	struct clock_estimate *estimate;

	reset();
	assert_int_equal(clock_estimate__samples(NULL, &timer, 1), COUNT_UNKNOWN);
	clock_estimate__stop(NULL);
	estimate = clock_estimate__new(&all);
	timer.attr.exclude_user = 1;
	assert_int_equal(clock_estimate__samples(estimate, &timer, 1), COUNT_UNKNOWN);
	timer.attr.exclude_user = 0;
	timer.attr.exclude_kernel = 1;
	assert_int_equal(clock_estimate__samples(estimate, &timer, 1), COUNT_UNKNOWN);
	timer.attr.exclude_kernel = 0;
	timer.attr.exclude_idle = 1;
	assert_int_equal(clock_estimate__samples(estimate, &timer, 1), COUNT_UNKNOWN);
	timer.attr.exclude_idle = 0;
	proc_stat(NULL);
	clock_estimate__stop(estimate);
	assert_int_equal(clock_estimate__samples(estimate, &timer, 1), COUNT_UNKNOWN);
	clock_estimate__free(estimate);
	assert_null(clock_estimate__new(&all));
}

static void test_no_memory(void **state)
{
	reset();
	wrap__begin();
	wrap__fail(WRAP_CALLOC, 1, ENOMEM);
	assert_null(clock_estimate__new(&all));
	wrap__fail(WRAP_FOPEN, 1, EMFILE);
	assert_null(clock_estimate__new(&all));
	assert_null(wrap__end());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle_is_left_out), cmocka_unit_test(test_backwards),
		cmocka_unit_test(test_cpus_of_target),   cmocka_unit_test(test_period),
		cmocka_unit_test(test_unknown),          cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
