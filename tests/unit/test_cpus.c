// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "capture/cpus.h"
#include "wrap.h"

#define ONLINE "/sys/devices/system/cpu/online"
#define POSSIBLE "/sys/devices/system/cpu/possible"

static struct cpus cpus;

static void files(const char *online, const char *possible)
{
	wrap__forget_files();
	wrap__file(ONLINE, online);
	wrap__file(POSSIBLE, possible);
}

static void test_gaps(void **state)
{
	files("0-1,4,8-9\n", "0-127\n");
	assert_int_equal(cpus__online(&cpus), 0);
	assert_int_equal(cpus.n, 5);
	assert_int_equal(cpus.ids[2], 4);
	assert_int_equal(cpus.ids[4], 9);
	assert_int_equal(cpus.highest, 127);
	assert_true(cpus__has(&cpus, 8));
	assert_false(cpus__has(&cpus, 2));
	assert_false(cpus__has(&cpus, 127));
	cpus__free(&cpus);
	assert_int_equal(cpus.n, 0);
	assert_null(cpus.ids);
}

/* Without the list of the possible ones the highest online one has to do, and never less than that. */
static void test_possible(void **state)
{
	static const char *const texts[] = {NULL, "", "\n", "rubbish\n", "0\n", "0-70000\n"};
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		files("3\n", texts[i]);
		assert_int_equal(cpus__online(&cpus), 0);
		assert_int_equal(cpus.highest, 3);
		cpus__free(&cpus);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int err;
	} cases[] = {
		{NULL, -ENOENT},  {"", -EIO},         {"\n", -EINVAL},      {"0-\n", -EINVAL},
		{"a\n", -EINVAL}, {"5-3\n", -EINVAL}, {"65536\n", -ERANGE}, {"0,99999999999999999999\n", -ERANGE},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		files(cases[i].text, "0-3\n");
		assert_int_equal(cpus__online(&cpus), cases[i].err);
		assert_null(cpus.ids);
	}
	files("65535\n", "0\n");
	assert_int_equal(cpus__online(&cpus), 0);
	assert_int_equal(cpus.highest, CPUS_MAX - 1);
	cpus__free(&cpus);
}

static int life(void)
{
	int err = cpus__online(&cpus);

	if (!err)
		cpus__free(&cpus);
	return err;
}

/* Only the caller speaks. */
static void test_each_call_fails(void **state)
{
	unsigned int nth;

	files("0-3\n", "0-7\n");
	for (nth = 1;; nth++) {
		const char *leaks;
		int err;

		wrap__begin();
		wrap__fail_any(nth);
		err = life();
		leaks = wrap__end();
		assert_null(leaks);
		if (!wrap__failed())
			break;
		/* The list of the possible ones is a bonus. */
		assert_int_equal(err, nth == 1 ? -EIO : nth <= 3 ? -ENOMEM : 0);
	}
	assert_int_equal(nth, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_possible),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
