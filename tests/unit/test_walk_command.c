// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * walk over the fake kernel: whole runs, and runs in which each call in turn fails.
 */
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

#include "capture/page_walker.h"
#include "command/command.h"
#include "fake_kernel.h"
#include "wrap.h"

#define HOLE ((uint8_t)(MMU_OUTCOME_NONE_BASE + MMU_NONE_NOT_MAPPED))

static struct options options;
static char directory[] = "/tmp/mmuscope-walk-XXXXXX";
static char output[64];
static char printed[1 << 20];

static const struct fake_piece pieces[] = {
	{.start = 0, .outcome = HOLE, .level = MMU_LEVEL_PGD},
	{.start = 0x10000000, .outcome = 12, .level = MMU_LEVEL_PTE, .pfn = 0x100, .entry = 0x100067, .flags = 3},
	{.start = 0x10400000, .outcome = 21, .level = MMU_LEVEL_PMD, .pfn = 0x80000, .entry = 0x800000e7, .flags = 3},
	{.start = 0x10800000, .outcome = HOLE, .level = MMU_LEVEL_PTE},
};

static void reset(uint64_t start, uint64_t end)
{
	fake_kernel__reset();
	fake_kernel.pieces = pieces;
	fake_kernel.n_pieces = 4;
	fake_kernel.task = 4711;
	options = (struct options){
		.subcommand = SUBCOMMAND_WALK,
		.walk_pid = 4711,
		.walk_start = start,
		.walk_end = end,
		.format = VIEW_JSON,
		.output = output,
		.ready_fd = -1,
	};
	unlink(output);
}

static int run(void)
{
	return command_walk(&options);
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

/* Runs; the status and the message must be these. */
static void expect(int status, const char *message, void (*told)(void))
{
	int got = wrap__run(run, told);

	read_output();
	if (got != status || wrap_n_messages != (message ? 1 : 0))
		fail_msg("status %d, %d messages: %s", got, wrap_n_messages, wrap_messages);
	if (message && !strstr(wrap_messages, message))
		fail_msg("\"%s\" does not say \"%s\"", wrap_messages, message);
}

static void test_one_address(void **state)
{
	reset(0x10400123, 0x10400123);
	expect(EXIT_DONE, NULL, NULL);
	/* The whole leaf that holds it, with its entry. */
	assert_non_null(strstr(printed, "\"start\":\"0x10400000\",\"end\":\"0x10600000\",\"size\":\"2M\""));
	assert_non_null(strstr(printed, "\"pfn\":524288,"));
	assert_non_null(strstr(printed, "\"entries\":[{\"level\":\"pmd\",\"value\":\"0x800000e7\"}]"));
	reset(0x10402123, 0x10402123);
	expect(EXIT_DONE, NULL, NULL);
	assert_non_null(strstr(printed, "\"start\":\"0x10400000\",\"end\":\"0x10600000\",\"size\":\"2M\""));
	assert_non_null(strstr(printed, "\"pfn\":524288,"));
	options.format = VIEW_TEXT;
	expect(EXIT_DONE, NULL, NULL);
	assert_non_null(strstr(printed, "leaf of 2M"));
}

/* More pieces than one run of the program returns; alike ones are one range, cut at the ends that were asked for. */
static void test_range(void **state)
{
	json_t *root, *range;

	reset(0x10000800, 0x10500000);
	expect(EXIT_DONE, NULL, NULL);
	root = json_loads(printed, 0, NULL);
	assert_non_null(root);
	assert_int_equal(json_array_size(json_object_get(root, "ranges")), 2);
	assert_int_equal(json_array_size(json_object_get(root, "entries")), 0);
	range = json_array_get(json_object_get(root, "ranges"), 0);
	assert_string_equal(json_string_value(json_object_get(range, "start")), "0x10000800");
	assert_string_equal(json_string_value(json_object_get(range, "end")), "0x10400000");
	assert_int_equal(json_integer_value(json_object_get(range, "pages")), 1024);
	range = json_array_get(json_object_get(root, "ranges"), 1);
	assert_string_equal(json_string_value(json_object_get(range, "end")), "0x10500000");
	json_decref(root);
	assert_true(wrap__calls(WRAP_ITER_CREATE) >= 4);
	assert_int_equal(wrap__calls(WRAP_LINK_CREATE), 2); /* the self-check's, and one */
}

/* Kernels before 6.1 cannot narrow the iterator. */
static void test_all_tasks(void **state)
{
	reset(0x10000000, 0x10002000);
	fake_kernel.no_task_iterator = true;
	expect(EXIT_DONE, NULL, NULL);
	assert_int_equal(wrap__calls(WRAP_LINK_CREATE), 3);
}

static void test_no_such_process(void **state)
{
	static const char message[] = "process 4711: there is no such process; ps -e lists those that are";

	reset(0x10000000, 0x10000000);
	fake_kernel.task = 1;
	expect(EXIT_FAILED, message, NULL);
	fake_kernel.no_task_iterator = true;
	expect(EXIT_FAILED, message, NULL);
	/* It ends while it is walked. */
	reset(0x10000000, 0x10800000);
	fake_kernel.task_ends_in = 2;
	expect(EXIT_FAILED, message, NULL);
	assert_string_equal(printed, "");
}

static void test_program_writes_nothing(void **state)
{
	reset(0x10000000, 0x10000000);
	fake_kernel.writes_nothing = true;
	expect(EXIT_FAILED, "walk of process 4711: Input/output error (EIO)", NULL);
}

static void tell_interrupt(void)
{
	wrap__fail(WRAP_READ, 1, EINTR);
	wrap__fail(WRAP_READ, 2, EAGAIN);
}

static void test_interrupted_read(void **state)
{
	reset(0x10000000, 0x10000000);
	expect(EXIT_DONE, NULL, tell_interrupt);
}

static void test_stopped(void **state)
{
	reset(0x10000000, 0x10800000);
	fake_kernel.stop_in = 5;
	expect(EXIT_FAILED, "interrupted", NULL);
}

static void test_wrong_addresses(void **state)
{
	reset(1ULL << 62, 1ULL << 62);
	expect(EXIT_USAGE, "address 0x4000000000000000: not canonical: with 4-level paging the upper 17 bits", NULL);
	reset(0x1000, 1ULL << 50);
	expect(EXIT_USAGE, "address 0x3ffffffffffff: not canonical", NULL);
	reset(0x1000, 0xffff888000001000);
	expect(EXIT_USAGE, "range 0x1000-0xffff888000001000: runs from user into kernel addresses", NULL);
}

static void test_off(void **state)
{
	reset(0x1000, 0x1000);
	fake_kernel.no_base = true;
	expect(EXIT_FAILED, "the walk is off: no base of the direct map", NULL);
	reset(0x1000, 0x1000);
	fake_kernel.lie = FAKE_LIE_FRAME;
	fake_kernel.liar = FAKE_RING;
	expect(EXIT_FAILED, "the walk is off: the self-check failed on a perf ring's control page", NULL);
}

static void test_btf(void **state)
{
	reset(0x10000000, 0x10000000);
	fake_kernel.no_btf = true;
	expect(EXIT_FAILED,
	       "BTF of the running kernel (/sys/kernel/btf/vmlinux): No such file or directory (ENOENT); give", NULL);
	options.btf = "/boot/vmlinux";
	expect(EXIT_FAILED, "walk: a BPF iterator needs the BTF that the kernel itself has", NULL);
	fake_kernel.no_btf = false;
	expect(EXIT_DONE, NULL, NULL);
}

static void tell_permission(void)
{
	wrap__fail(WRAP_LOAD_SKELETON, 1, EPERM);
}

static void test_no_permission(void **state)
{
	reset(0x1000, 0x1000);
	expect(EXIT_FAILED, "Operation not permitted (EPERM); run as root, or with CAP_BPF and CAP_PERFMON",
	       tell_permission);
}

static void test_output(void **state)
{
	reset(0x10000000, 0x10000000);
	options.output = "/dev/full";
	expect(EXIT_FAILED, "/dev/full: cannot write: No space left on device (ENOSPC)", NULL);
	options.output = "/nonexistent/file";
	expect(EXIT_FAILED, "-o /nonexistent/file: No such file or directory (ENOENT); name a file", NULL);
}

static struct page_walker *walker;

static int count_piece(void *ctx, uint64_t start, const struct mmu_walk *walk)
{
	(void)start;
	(void)walk;
	++*(unsigned int *)ctx;
	return 0;
}

static int two_tasks(void)
{
	struct page_path path;
	unsigned int n = 0;
	int err;

	walker = page_walker__new(NULL);
	err = page_walker__range(walker, 4711, 0x10000000, 0x10001fff, count_piece, &n, &path);
	if (!err)
		err = page_walker__range(walker, 4711, 0x10000000, 0x10000fff, count_piece, &n, &path);
	fake_kernel.task = 4712;
	if (!err)
		err = page_walker__range(walker, 4712, 0x10000000, 0x10000fff, count_piece, &n, &path);
	if (!err && page_walker__range(walker, 4711, 0x10000000, 0x10000fff, count_piece, &n, &path) != -ESRCH)
		err = -EEXIST;
	page_walker__free(walker);
	return err ? err : n == 4 ? 0 : -ERANGE;
}

/* The link of one task is kept for it, and closed for the next. */
static void test_two_tasks(void **state)
{
	reset(0, 0);
	assert_int_equal(wrap__run(two_tasks, NULL), 0);
	assert_int_equal(wrap__calls(WRAP_LINK_CREATE), 4);
	page_walker__free(NULL);
}

static enum view_format each_format;

static void prepare_each(void)
{
	reset(0x10000000, 0x10800000);
	options.format = each_format;
}

static bool is_harmless(const char *what)
{
	return !strcmp(what, "fopen /proc/zoneinfo") || !strcmp(what, "fopen /proc/self/smaps") ||
	       !strcmp(what, "mmap for a huge page") || !strcmp(what, "madvise MADV_HUGEPAGE");
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.prepare = prepare_each, .run = run, .is_harmless = is_harmless};

	for (each_format = VIEW_TEXT; each_format <= VIEW_JSON; each_format++) {
		assert_in_range(wrap__each(&scenario), 40, 200);
		read_output();
		assert_non_null(strstr(printed, "2M"));
	}
}

static int setup(void **state)
{
	json_set_alloc_funcs(malloc, free);
	if (!mkdtemp(directory))
		return -1;
	snprintf(output, sizeof(output), "%s/out", directory);
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
		cmocka_unit_test(test_one_address),
		cmocka_unit_test(test_range),
		cmocka_unit_test(test_all_tasks),
		cmocka_unit_test(test_no_such_process),
		cmocka_unit_test(test_program_writes_nothing),
		cmocka_unit_test(test_interrupted_read),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_wrong_addresses),
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_btf),
		cmocka_unit_test(test_no_permission),
		cmocka_unit_test(test_output),
		cmocka_unit_test(test_two_tasks),
		cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
