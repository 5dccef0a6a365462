// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "stderr_capture.h"
#include "support/log.h"

static char text[1 << 18];

static int log_all_levels(enum log_level level)
{
	struct stderr_capture capture;
	int writes;

	log__set_level(level);
	stderr_capture__begin(&capture);
	log_error("e");
	log_warn("w");
	log_info("i");
	log_debug("d");
	writes = stderr_capture__end(&capture, text, sizeof(text));
	log__set_level(LOG_INFO);
	return writes;
}

static void test_default_level(void **state)
{
	(void)state;
	assert_int_equal(log__level(), LOG_INFO);
}

static void test_levels(void **state)
{
	(void)state;
	assert_int_equal(log_all_levels(LOG_ERROR), 1);
	assert_string_equal(text, "mmuscope: e\n");
	assert_int_equal(log_all_levels(LOG_WARN), 2);
	assert_string_equal(text, "mmuscope: e\nmmuscope: w\n");
	assert_int_equal(log_all_levels(LOG_INFO), 3);
	assert_string_equal(text, "mmuscope: e\nmmuscope: w\nmmuscope: i\n");
	assert_int_equal(log_all_levels(LOG_DEBUG), 4);
	assert_string_equal(text, "mmuscope: e\nmmuscope: w\nmmuscope: i\nmmuscope: d\n");
}

/* Around the size of the buffer on the stack, byte by byte, and far beyond it. */
static void test_one_write_of_any_length(void **state)
{
	static char message[1 << 17];
	struct stderr_capture capture;

	(void)state;
	for (size_t len = 0; len < sizeof(message); len = len < 1100 ? len + 1 : len * 3) {
		memset(message, 'x', len);
		message[len] = '\0';
		stderr_capture__begin(&capture);
		log_error("%s", message);
		assert_int_equal(stderr_capture__end(&capture, text, sizeof(text)), 1);
		assert_int_equal(strlen(text), strlen("mmuscope: ") + len + 1);
		assert_memory_equal(text, "mmuscope: ", 10);
		assert_memory_equal(text + 10, message, len);
		assert_int_equal(text[10 + len], '\n');
	}
}

static void test_terminal_does_not_obey(void **state)
{
	struct stderr_capture capture;

	(void)state;
	stderr_capture__begin(&capture);
	log_error("a\033[2Jb\rc\x7f\td\ne\xc2\x9b"
		  "f \xc3\xa9");
	stderr_capture__end(&capture, text, sizeof(text));
	assert_string_equal(text, "mmuscope: a?[2Jb?c?\td\ne??f \xc3\xa9\n");
}

static void test_errno_survives(void **state)
{
	struct stderr_capture capture;
	int saved = dup(STDERR_FILENO);
	int err;

	(void)state;
	stderr_capture__begin(&capture);
	errno = ENOENT;
	log_error("shown");
	assert_int_equal(errno, ENOENT);
	log_debug("not shown");
	assert_int_equal(errno, ENOENT);
	/* Nobody reads, nobody listens: still no change. */
	close(STDERR_FILENO);
	errno = ENOENT;
	log_error("lost");
	err = errno;
	dup2(saved, STDERR_FILENO);
	close(saved);
	stderr_capture__end(&capture, text, sizeof(text));
	assert_int_equal(err, ENOENT);
}

static void test_errstr(void **state)
{
	(void)state;
	assert_string_equal(log__errstr(EACCES), "Permission denied (EACCES)");
	assert_string_equal(log__errstr(-EACCES), "Permission denied (EACCES)");
	assert_string_equal(log__errstr(-E2BIG), "Argument list too long (E2BIG)");
	assert_string_equal(log__errstr(-524), "Not supported by this kernel (ENOTSUPP)");
	assert_string_equal(log__errstr(0), "Success");
	assert_string_equal(log__errstr(9999), "Unknown error 9999");
	assert_string_equal(log__errstr(INT_MIN), "Unknown error 2147483647");
}

static void *other_errstr(void *arg)
{
	(void)arg;
	return (void *)log__errstr(ENOENT);
}

static void test_errstr_is_per_thread(void **state)
{
	const char *mine = log__errstr(EPERM);
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, other_errstr, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_string_equal(mine, "Operation not permitted (EPERM)");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_level),           cmocka_unit_test(test_levels),
		cmocka_unit_test(test_one_write_of_any_length), cmocka_unit_test(test_terminal_does_not_obey),
		cmocka_unit_test(test_errno_survives),          cmocka_unit_test(test_errstr),
		cmocka_unit_test(test_errstr_is_per_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
