// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hist over the fake kernel: whole runs, and runs in which each call in turn fails.
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
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "command/command.h"
#include "fake_kernel.h"
#include "support/clock.h"
#include "wrap.h"

static struct options options;
static char directory[] = "/tmp/mmuscope-hist-XXXXXX";
static char output[64], pins[64];
static char printed[1 << 16];
static char *command[4];

static struct {
	struct mmu_head head;
	struct mmu_task task;
} records[8];

static void reset(void)
{
	size_t i;

	fake_kernel__reset();
	memset(records, 0, sizeof(records));
	for (i = 0; i < 8; i++) {
		records[i].head = (struct mmu_head){.kind = MMU_KIND_SAMPLE,
						    .sections = MMU_SECTION_TASK,
						    .mode = MMU_MODE_USER,
						    .origin = MMU_ORIGIN_FAULT,
						    .data_walk = i < 6 ? 12 : 21,
						    .data_kernel = 12,
						    .code_walk = 12,
						    .code_kernel = 12,
						    .data_level = MMU_LEVEL_PTE,
						    .code_level = MMU_LEVEL_PTE};
		records[i].task.pid = 1;
		records[i].task.comm[0] = (char)('a' + i);
	}
	fake_kernel__emit(0, records, sizeof(records[0]), 8);
	fake_kernel.count = 8;
	options = (struct options){
		.events = {"minor-faults"},
		.n_events = 1,
		.period = 1,
		.duration_ns = 1,
		.source_walk = true,
		.source_kernel = true,
		.format = VIEW_JSON,
		.sort = {SORT_COMM},
		.n_sort = 1,
		.output = output,
		.ready_fd = -1,
	};
	unlink(output);
}

static int run(void)
{
	return command_hist(&options);
}

static void read_output(void)
{
	FILE *file = fopen(output, "r");
	size_t n = 0;

	if (file) {
		n = fread(printed, 1, sizeof(printed) - 1, file);
		fclose(file);
	}
	printed[n] = '\0';
}

/* Runs; the status must be this, and the one message hold that (NULL: no message). Returns what was printed. */
static json_t *expect(int status, const char *message, void (*told)(void))
{
	int got = wrap__run(run, told);

	read_output();
	if (got != status || wrap_n_messages != (message ? 1 : 0))
		fail_msg("status %d, %d messages: %s", got, wrap_n_messages, wrap_messages);
	if (message && !strstr(wrap_messages, message))
		fail_msg("\"%s\" does not say \"%s\"", wrap_messages, message);
	return json_loads(printed, 0, NULL);
}

static int64_t number(const json_t *root, const char *one, const char *two)
{
	json_t *value = json_object_get(json_object_get(root, one), two);

	assert_true(json_is_integer(value));
	return json_integer_value(value);
}

static bool warns(const json_t *root, const char *text)
{
	json_t *warning;
	size_t i;

	json_array_foreach (json_object_get(root, "warnings"), i, warning) {
		if (strstr(json_string_value(warning), text))
			return true;
	}
	return false;
}

static void test_run(void **state)
{
	json_t *root, *event;

	reset();
	root = expect(EXIT_DONE, NULL, NULL);
	assert_non_null(root);
	assert_int_equal(number(root, "data", "samples"), 8);
	assert_int_equal(number(root, "data", "agree"), 6);
	assert_int_equal(number(root, "data", "differ"), 2);
	assert_int_equal(number(root, "accounting", "seen"), 8);
	assert_int_equal(number(root, "accounting", "lost"), 0);
	event = json_array_get(json_object_get(root, "events"), 0);
	assert_string_equal(json_string_value(json_object_get(event, "event")), "minor-faults");
	assert_int_equal(json_integer_value(json_object_get(event, "period")), 1);
	assert_int_equal(number(event, "accounting", "counted"), 16);
	assert_int_equal(number(event, "accounting", "missed"), 8);
	assert_int_equal(json_array_size(json_object_get(root, "rows")), 8);
	assert_int_equal(json_array_size(json_object_get(root, "warnings")), 0);
	json_decref(root);
}

static void test_loss(void **state)
{
	json_t *root;

	reset();
	fake_kernel.counts[0][1] = (struct mmu_counts){.seen = 5, .ring_full = 3, .ring_busy = 2};
	root = expect(EXIT_DONE, NULL, NULL);
	assert_int_equal(number(root, "accounting", "lost"), 5);
	assert_true(warns(root, "5 samples were lost: a larger --buffer"));
	json_decref(root);
	options.fail_on_loss = true;
	json_decref(expect(EXIT_LOST, NULL, NULL));
	reset();
	options.fail_on_loss = true;
	json_decref(expect(EXIT_DONE, NULL, NULL));
}

static void test_accounts_do_not_add_up(void **state)
{
	json_t *root;

	reset();
	fake_kernel.counts[0][1].seen = 1;
	root = expect(EXIT_DONE, NULL, NULL);
	assert_true(warns(root, "event minor-faults: the accounts do not add up: this is a bug of mmuscope"));
	json_decref(root);
}

static void test_malformed_record(void **state)
{
	reset();
	records[1].head.kind = 9;
	assert_int_equal(wrap__run(run, NULL), EXIT_FAILED);
	assert_int_equal(wrap_n_messages, 2);
	assert_non_null(strstr(wrap_messages, "a record of 48 bytes in the ring is malformed"));
	assert_non_null(strstr(wrap_messages, "cannot take in the samples: Bad message (EBADMSG)"));
}

static void test_walk_off(void **state)
{
	json_t *root;

	reset();
	fake_kernel.program_never_runs = true;
	root = expect(EXIT_DONE, NULL, NULL);
	assert_true(warns(root, "the walk is off: mmuscope_check did not run on a page fault of our own"));
	/* Nor was it learned whether the kernel shows its sizes: nothing is claimed. */
	assert_int_equal(json_array_size(json_object_get(root, "warnings")), 1);
	json_decref(root);
	reset();
	fake_kernel.shows_no_sizes = true;
	root = expect(EXIT_DONE, NULL, NULL);
	assert_true(warns(root, "this kernel does not show its page sizes to BPF (it does from 6.3 on)"));
	json_decref(root);
	/* Not asked for: not missed. */
	reset();
	options.source_walk = false;
	root = expect(EXIT_DONE, NULL, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "warnings")), 0);
	json_decref(root);
}

static void test_intervals(void **state)
{
	size_t flags = JSON_DISABLE_EOF_CHECK;
	uint64_t samples = 0, seen = 0;
	const char *at;
	size_t lines = 0;

	reset();
	options.duration_ns = 40 * NSEC_PER_MSEC;
	options.interval_ns = 10 * NSEC_PER_MSEC;
	fake_kernel.program_never_runs = true; /* a lasting warning stands in every report */
	json_decref(expect(EXIT_DONE, NULL, NULL));
	for (at = printed; *at; at = strchr(at, '\n') + 1) {
		json_t *root = json_loads(at, flags, NULL);

		assert_non_null(root);
		samples += (uint64_t)number(root, "data", "samples");
		seen += (uint64_t)number(root, "accounting", "seen");
		assert_int_equal(json_array_size(json_object_get(root, "warnings")), 1);
		json_decref(root);
		lines++;
	}
	assert_true(lines >= 3);
	/* Each sample and each account is in one report. */
	assert_int_equal(samples, 8);
	assert_int_equal(seen, 8);
}

static void test_stop(void **state)
{
	json_t *root;

	reset();
	options.duration_ns = 0;
	fake_kernel.stop_in = 3;
	root = expect(EXIT_DONE, NULL, NULL);
	assert_int_equal(number(root, "data", "samples"), 8);
	json_decref(root);
}

static void use_command(const char *first, const char *second, const char *third)
{
	const char *const words[] = {first, second, third};
	size_t i;

	reset();
	for (i = 0; i < 3; i++)
		command[i] = (char *)(uintptr_t)words[i]; /* exec takes what it never changes */
	options.target = (struct target){.kind = TARGET_COMMAND, .command = command};
	options.duration_ns = 0;
	fake_kernel.real_waits = true;
}

static void test_command(void **state)
{
	use_command("true", NULL, NULL);
	json_decref(expect(EXIT_DONE, NULL, NULL));
	/* Its status is told, and is not ours. */
	use_command("sh", "-c", "exit 7");
	json_decref(expect(EXIT_DONE, "sh exited with status 7", NULL));
	use_command("sh", "-c", "kill -9 $$");
	json_decref(expect(EXIT_DONE, "sh was ended by signal 9 (Killed)", NULL));
	use_command("/nonexistent/command", NULL, NULL);
	json_decref(
		expect(EXIT_FAILED, "/nonexistent/command: No such file or directory (ENOENT); give a command", NULL));
}

/* Ctrl-C ends it too: it would sleep longer than this test may take. */
static void test_command_is_terminated(void **state)
{
	use_command("sleep", "1000", NULL);
	fake_kernel.stop_in = 2;
	assert_int_equal(wrap__run(run, NULL), EXIT_DONE);
	assert_true(wrap_n_messages <= 1); /* "ended by signal 15", when it was quick */
}

static void test_ready(void **state)
{
	char byte = 'x';
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	reset();
	options.ready_fd = ends[1];
	json_decref(expect(EXIT_DONE, NULL, NULL));
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(byte, '\0');
	close(ends[0]);
	close(ends[1]);
	reset();
	options.ready_fd = 4000;
	json_decref(expect(EXIT_DONE, "--ready-fd 4000: Bad file descriptor (EBADF)", NULL));
}

static void test_wrong_event(void **state)
{
	reset();
	options.events[0] = "no-such-event";
	json_decref(expect(EXIT_USAGE, "no-such-event", NULL));
}

static void test_output(void **state)
{
	static const enum view_format formats[] = {VIEW_TEXT, VIEW_JSON, VIEW_CSV};
	size_t i;

	for (i = 0; i < 3; i++) {
		reset();
		options.format = formats[i];
		options.output = "/dev/full";
		json_decref(expect(EXIT_FAILED, "/dev/full: cannot write: No space left on device (ENOSPC)", NULL));
	}
	/* The same in the middle. */
	reset();
	options.output = "/dev/full";
	options.duration_ns = 40 * NSEC_PER_MSEC;
	options.interval_ns = 10 * NSEC_PER_MSEC;
	json_decref(expect(EXIT_FAILED, "/dev/full: cannot write", NULL));
}

/* A reader that went away (head(1)) needs no message, but the run was not whole. */
static void test_broken_pipe(void **state)
{
	int saved = dup(STDOUT_FILENO);
	int ends[2], result;

	signal(SIGPIPE, SIG_IGN);
	fflush(stdout);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	dup2(ends[1], STDOUT_FILENO);
	close(ends[1]);
	reset();
	options.output = NULL;
	result = wrap__run(run, NULL);
	clearerr(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	assert_int_equal(result, EXIT_FAILED);
	assert_int_equal(wrap_n_messages, 0);
}

static bool is_harmless(const char *what)
{
	return !strcmp(what, "fopen /proc/zoneinfo") || !strcmp(what, "fopen /proc/self/smaps") ||
	       !strcmp(what, "fopen /proc/stat") || !strcmp(what, "mmap for a huge page") ||
	       !strcmp(what, "madvise MADV_HUGEPAGE") || !strcmp(what, "fopen /sys/devices/system/cpu/possible") ||
	       !strcmp(what, "reallocarray #3") || !strcmp(what, "reallocarray #4");
}

static const struct wrap_scenario each = {.prepare = reset, .run = run, .is_harmless = is_harmless};

static void test_each_call_fails(void **state)
{
	assert_in_range(wrap__each(&each), 80, 300);
}

static void prepare_rich(void)
{
	reset();
	options.events[1] = "cpu-clock";
	options.n_events = 2;
	options.sort[1] = SORT_SIZE;
	options.n_sort = 2;
	options.pin = pins;
	options.format = VIEW_TEXT;
	options.duration_ns = 40 * NSEC_PER_MSEC;
	options.interval_ns = 10 * NSEC_PER_MSEC;
	fake_kernel.no_perf_links = true;
}

static void test_each_call_fails_in_a_rich_run(void **state)
{
	struct wrap_scenario scenario = each;

	scenario.prepare = prepare_rich;
	assert_in_range(wrap__each(&scenario), 100, 500);
	assert_int_equal(access(pins, F_OK), -1);
}

static void prepare_command(void)
{
	use_command("true", NULL, NULL);
	options.format = VIEW_CSV;
}

static void test_each_call_fails_with_a_command(void **state)
{
	struct wrap_scenario scenario = each;

	scenario.prepare = prepare_command;
	scenario.leaves_child = true;
	assert_in_range(wrap__each(&scenario), 80, 300);
}

static int setup(void **state)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(output, sizeof(output), "%s/out", directory);
	snprintf(pins, sizeof(pins), "%s/pins", directory);
	return 0;
}

static int teardown(void **state)
{
	unlink(output);
	return rmdir(directory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_loss),
		cmocka_unit_test(test_accounts_do_not_add_up),
		cmocka_unit_test(test_malformed_record),
		cmocka_unit_test(test_walk_off),
		cmocka_unit_test(test_intervals),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_command_is_terminated),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_wrong_event),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_each_call_fails_in_a_rich_run),
		cmocka_unit_test(test_each_call_fails_with_a_command),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
