// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * COMMAND: started, not found, killed before its start, never started.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/child.h"
#include "fake_kernel.h"
#include "wrap.h"

static char **command;
static int status;

static void wait_for_end(const struct child *child)
{
	struct pollfd end = {.fd = child__pidfd(child), .events = POLLIN};

	while (poll(&end, 1, -1) < 1)
		continue;
}

static int make_and_free(void)
{
	struct child *child = child__new(command);

	if (!child)
		return -errno;
	child__free(child);
	return 0;
}

static int run_to_end(void)
{
	struct child *child = child__new(command);
	int err = child ? child__start(child) : -errno;

	if (!err) {
		wait_for_end(child);
		err = child__reap(child, &status) ? 0 : -ECHILD;
	}
	/* What was reaped stays so. */
	if (!err && !child__reap(child, &status))
		err = -ECHILD;
	child__free(child);
	return err;
}

static void use(const char **argv)
{
	fake_kernel__reset();
	command = (char **)(uintptr_t)argv; /* exec takes what it never changes */
	status = -1;
}

static void test_runs(void **state)
{
	const char *argv[] = {"sh", "-c", "exit 7", NULL};

	use(argv);
	assert_int_equal(wrap__run(run_to_end, NULL), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void test_not_found(void **state)
{
	const char *argv[] = {"/nonexistent/command", NULL};
	const char *directory[] = {"/", NULL};

	use(argv);
	assert_int_equal(wrap__run(run_to_end, NULL), -ENOENT);
	assert_string_equal(wrap_messages, "mmuscope: /nonexistent/command: No such file or directory (ENOENT); give a "
					   "command that can be run, or its path\n");
	use(directory);
	assert_int_equal(wrap__run(run_to_end, NULL), -EACCES);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* It never runs, and is gone with its owner. */
static void test_never_started(void **state)
{
	const char *argv[] = {"sh", "-c", "echo it ran >&2", NULL};

	use(argv);
	assert_int_equal(wrap__run(make_and_free, NULL), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int kill_then_start(void)
{
	struct child *child = child__new(command);
	int err;

	kill(child__pid(child), SIGKILL);
	wait_for_end(child);
	child__terminate(child); /* not started: nobody to ask */
	err = child__start(child);
	child__free(child);
	return err;
}

static void test_killed_before_start(void **state)
{
	const char *argv[] = {"true", NULL};

	signal(SIGPIPE, SIG_IGN);
	use(argv);
	assert_int_equal(wrap__run(kill_then_start, NULL), -EPIPE);
	assert_string_equal(wrap_messages, "mmuscope: true: ended before it was started: Broken pipe (EPIPE)\n");
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static int terminate(void)
{
	struct child *child = child__new(command);
	int err = child__start(child);
	int before;

	if (child__reap(child, &before))
		err = -EEXIST;
	child__terminate(child);
	wait_for_end(child);
	if (!child__reap(child, &status))
		err = -ECHILD;
	child__terminate(child); /* reaped: its number may be another's */
	child__free(child);
	return err;
}

static void test_terminate(void **state)
{
	const char *argv[] = {"sleep", "1000", NULL};

	use(argv);
	assert_int_equal(wrap__run(terminate, NULL), 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void handler(int number)
{
	(void)number;
}

/* The tracer's handlers are not the command's. */
static void test_signals_are_default(void **state)
{
	const char *argv[] = {"sh", "-c", "kill -PIPE $$", NULL};

	signal(SIGPIPE, handler);
	use(argv);
	assert_int_equal(wrap__run(run_to_end, NULL), 0);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static void test_each_call_fails(void **state)
{
	static const char *argv[] = {"true", NULL};
	const struct wrap_scenario scenario = {.run = run_to_end};

	use(argv);
	assert_int_equal(wrap__each(&scenario), 5);
	child__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_not_found),
		cmocka_unit_test(test_never_started),
		cmocka_unit_test(test_killed_before_start),
		cmocka_unit_test(test_terminate),
		cmocka_unit_test(test_signals_are_default),
		cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
