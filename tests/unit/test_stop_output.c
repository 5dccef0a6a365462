// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The wish to stop, and where the report goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "command/output.h"
#include "support/stop.h"
#include "wrap.h"

static char path[] = "/tmp/mmuscope-output-XXXXXX";

/* In a process of its own: handlers and flag last. Its exit status is `test`'s. */
static int in_child(int (*test)(int signal), int signal)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(test(signal));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int first_signal(int signal)
{
	if (stop__wanted() || stop__install() || stop__wanted())
		return 1;
	raise(signal);
	return stop__wanted() ? 0 : 2;
}

static int second_signal(int signal)
{
	if (stop__install())
		return 1;
	raise(signal);
	raise(signal);
	return 2;
}

/* nohup(1) ignores SIGHUP: it stays so. */
static int ignored_signal(int number)
{
	signal(number, SIG_IGN);
	if (stop__install())
		return 1;
	raise(number);
	return stop__wanted() ? 2 : 0;
}

static void test_stop(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	size_t i;

	for (i = 0; i < 3; i++) {
		int status = in_child(first_signal, signals[i]);

		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
		status = in_child(second_signal, signals[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		status = in_child(ignored_signal, signals[i]);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	assert_false(stop__wanted());
}

static int install(void)
{
	return stop__install();
}

static int nth;

static void tell_sigaction(void)
{
	wrap__fail(WRAP_SIGACTION, (unsigned int)nth, EINVAL);
}

static void test_stop_refused(void **state)
{
	struct sigaction before[3];

	sigaction(SIGINT, NULL, &before[0]);
	sigaction(SIGTERM, NULL, &before[1]);
	sigaction(SIGHUP, NULL, &before[2]);
	for (nth = 1; nth <= 6; nth++) {
		assert_int_equal(wrap__run(install, tell_sigaction), -EINVAL);
		sigaction(SIGINT, &before[0], NULL);
		sigaction(SIGTERM, &before[1], NULL);
		sigaction(SIGHUP, &before[2], NULL);
	}
}

static const char *where;
static int earlier;

static int print(void)
{
	FILE *out;
	int err = output__open(where, &out);

	if (err)
		return out ? -EEXIST : err;
	fprintf(out, "hello\n");
	return output__close(where, out, earlier);
}

static void expect(int result, const char *message)
{
	int got = wrap__run(print, NULL);

	if (got != result || wrap_n_messages != (message ? 1 : 0))
		fail_msg("%d, %d messages: %s", got, wrap_n_messages, wrap_messages);
	if (message)
		assert_string_equal(wrap_messages, message);
}

static void test_file(void **state)
{
	char text[64] = "";
	struct stat file;
	int fd;

	where = path;
	earlier = 0;
	expect(0, NULL);
	assert_int_equal(stat(path, &file), 0);
	assert_int_equal(file.st_mode & 07777, 0600);
	fd = open(path, O_RDWR | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "longer than before", 18), 18);
	expect(0, NULL); /* what was there is gone */
	assert_int_equal(pread(fd, text, sizeof(text) - 1, 0), 6);
	assert_string_equal(text, "hello\n");
	close(fd);
}

static void test_cannot_open(void **state)
{
	earlier = 0;
	where = "/nonexistent/file";
	expect(-ENOENT,
	       "mmuscope: -o /nonexistent/file: No such file or directory (ENOENT); name a file in a directory "
	       "that can be written\n");
	where = "/";
	expect(-EISDIR, "mmuscope: -o /: Is a directory (EISDIR); name a file in a directory that can be written\n");
}

static void test_cannot_write(void **state)
{
	where = "/dev/full";
	earlier = 0;
	expect(-ENOSPC, "mmuscope: /dev/full: cannot write: No space left on device (ENOSPC)\n");
	/* What went wrong before was said before. */
	earlier = -EBADMSG;
	expect(-EBADMSG, NULL);
	earlier = 0;
}

/* Standard output into a pipe that nobody reads: no message. */
static void test_standard_output(void **state)
{
	int saved = dup(STDOUT_FILENO);
	int ends[2], result;

	fflush(stdout);
	where = NULL;
	earlier = 0;
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDOUT_FILENO);
	result = wrap__run(print, NULL);
	close(ends[0]);
	signal(SIGPIPE, SIG_IGN);
	if (!result)
		result = wrap__run(print, NULL) == -EPIPE && !wrap_n_messages ? 0 : -1;
	clearerr(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(ends[1]);
	assert_int_equal(result, 0);
}

static int explain(void)
{
	output__explain(NULL, -EIO);
	output__explain("file", -EPIPE);
	return 0;
}

static void test_explain(void **state)
{
	assert_int_equal(wrap__run(explain, NULL), 0);
	assert_string_equal(wrap_messages, "mmuscope: standard output: cannot write: Input/output error (EIO)\n");
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.run = print};

	where = path;
	earlier = 0;
	assert_int_equal(wrap__each(&scenario), 2);
}

static int setup(void **state)
{
	int fd = mkstemp(path);

	if (fd < 0)
		return -1;
	close(fd);
	return unlink(path);
}

static int teardown(void **state)
{
	return unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stop),         cmocka_unit_test(test_stop_refused),
		cmocka_unit_test(test_file),         cmocka_unit_test(test_cannot_open),
		cmocka_unit_test(test_cannot_write), cmocka_unit_test(test_standard_output),
		cmocka_unit_test(test_explain),      cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
