// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Are the numbers true? A subject reads a word a known number of times in memory of a known page size; every read must
 * be there, once, with that size, by our walk and by the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"

#define READS 1000
#define MIB (1UL << 20)
#define GIB (1UL << 30)

/* --- breakpoints: exactly N --- */

struct memory {
	enum subject_memory kind;
	uint64_t bytes;
	uint64_t page;
	const char *size;
	const char *perf_size; /* as perf spells it */
};

static const struct memory small = {MEMORY_4K, 2 * MIB, 4096, "4K", "4K"};
static const struct memory thp = {MEMORY_THP, 4 * MIB, 2 * MIB, "2M", "2M"};
static const struct memory huge2m = {MEMORY_HUGE2M, 2 * MIB, 2 * MIB, "2M", "2M"};
static const struct memory huge1g = {MEMORY_HUGE1G, GIB, GIB, "1G", "1024M"};

/* A subject with this memory, and the address of a word in the midst of it. */
static struct subject *start_subject(const struct memory *memory, uint64_t *word)
{
	struct subject *subject;
	uint64_t addr;

	if (memory->kind == MEMORY_HUGE1G)
		machine__need_1g("memory of 1G pages");
	if (memory->kind == MEMORY_HUGE2M || memory->kind == MEMORY_HUGE1G)
		assert_return_code(machine__hugepages(memory->bytes, 1), 0);
	subject = subject__new();
	addr = subject__call(subject, subject_map, memory->kind, memory->bytes);
	if (subject_failed(addr))
		fail_msg("no memory of %s: %s", memory->size, strerror(-(int)addr));
	*word = addr + memory->bytes / 2 + 4096 + 8;
	return subject;
}

/* The same for a debug register to watch. */
static struct subject *start_watched(const struct memory *memory, uint64_t *word)
{
	machine__need_breakpoints("reads of a word, one by one");
	return start_subject(memory, word);
}

static void assert_all(json_t *root, const char *size, const char *origin, int64_t n)
{
	char path[64];

	json__assert_exact(root);
	assert_int_equal(json__int(root, "accounting.seen"), n);
	assert_int_equal(json__int(root, "accounting.lost"), 0);
	assert_int_equal(json__int(root, "data.samples"), n);
	assert_int_equal(json__size(root, "data", size, "walk"), n);
	assert_int_equal(json__size(root, "data", size, "kernel"), n);
	assert_int_equal(json__int(root, "data.compared"), n);
	assert_int_equal(json__int(root, "data.agree"), n);
	assert_int_equal(json__int(root, "data.differ"), 0);
	snprintf(path, sizeof(path), "data.origins.%s", origin);
	assert_int_equal(json__int(root, path), n);
	assert_int_equal(json__int(root, "data.longest_failure_run"), 0);
	assert_int_equal(json__int(root, "events.0.accounting.counted"), n);
	assert_int_equal(json__int(root, "events.0.accounting.missed"), 0);
}

static struct run *start_mem(uint64_t word, pid_t pid)
{
	struct run *run = run__start("hist -e mem:%#" PRIx64 "/8:rw:u -c 1 -p %d -j", word, pid);

	if (!run->ready) {
		run__finish(run);
		fail_msg("mmuscope did not start: %s", run->err);
	}
	return run;
}

static void check_reads(const struct memory *memory)
{
	uint64_t word;
	struct subject *subject = start_watched(memory, &word);
	struct run *run = start_mem(word, subject->pid);

	subject__call(subject, subject_read, word, READS);
	assert_int_equal(run__stop(run), 0);
	assert_non_null(run->json);
	assert_all(run->json, memory->size, "breakpoint", READS);
	assert_string_equal(run->err, "");
	run__free(run);
	subject__free(subject);
}

static void test_reads_of_4k(void **state)
{
	check_reads(&small);
}

static void test_reads_of_thp(void **state)
{
	check_reads(&thp);
}

static void test_reads_of_hugetlb_2m(void **state)
{
	check_reads(&huge2m);
}

static void test_reads_of_hugetlb_1g(void **state)
{
	check_reads(&huge1g);
}

/* Neither the words beside it nor the time before and after count. */
static void test_nothing_but_the_word(void **state)
{
	uint64_t word;
	struct subject *subject = start_watched(&small, &word);
	struct run *run;

	subject__call(subject, subject_read, word, READS);
	run = start_mem(word, subject->pid);
	subject__call(subject, subject_read, word - 8, READS);
	subject__call(subject, subject_read, word + 8, READS);
	subject__call(subject, subject_read, word, 1);
	assert_int_equal(run__stop(run), 0);
	subject__call(subject, subject_read, word, READS);
	assert_all(run->json, "4K", "breakpoint", 1);
	run__free(run);
	subject__free(subject);
}

static void test_writes_alone(void **state)
{
	uint64_t word;
	struct subject *subject = start_watched(&thp, &word);
	struct run *run = run__start("hist -e mem:%#" PRIx64 "/8:w:u -c 1 -p %d -j", word, subject->pid);

	subject__call(subject, subject_read, word, READS);
	subject__call(subject, subject_write, word, READS);
	assert_int_equal(run__stop(run), 0);
	assert_all(run->json, "2M", "breakpoint", READS);
	run__free(run);
	subject__free(subject);
}

static void test_every_tenth_read(void **state)
{
	uint64_t word;
	struct subject *subject = start_watched(&small, &word);
	struct run *run = run__start("hist -e mem:%#" PRIx64 "/8:rw:u -c 10 -p %d -j", word, subject->pid);

	subject__call(subject, subject_read, word, READS);
	assert_int_equal(run__stop(run), 0);
	json__assert_exact(run->json);
	assert_int_equal(json__int(run->json, "data.samples"), READS / 10);
	assert_int_equal(json__size(run->json, "data", "4K", "walk"), READS / 10);
	assert_int_equal(json__int(run->json, "events.0.accounting.counted"), -1);
	run__free(run);
	subject__free(subject);
}

static void check_followed(const struct memory *memory)
{
	uint64_t word;
	struct subject *subject = start_watched(memory, &word);
	struct run *run = start_mem(word, subject->pid);

	assert_int_equal(subject__call(subject, subject_read, word, READS), 0);
	assert_int_equal(subject__call(subject, subject_read_in_thread, word, READS), 0);
	assert_int_equal(subject__call(subject, subject_read_in_child, word, READS), 0);
	assert_int_equal(run__stop(run), 0);
	assert_all(run->json, memory->size, "breakpoint", 3 * READS);
	run__free(run);
	subject__free(subject);
}

static void test_threads_and_children_4k(void **state)
{
	check_followed(&small);
}

static void test_threads_and_children_thp(void **state)
{
	check_followed(&thp);
}

/* --- the same of perf --- */

struct perf_run {
	struct run *run;
	int control_fd;
	int ack_fd;
};

static void tell_perf(const struct perf_run *perf, const char *command)
{
	char ack[16] = "";

	assert_int_equal(write(perf->control_fd, command, strlen(command)), strlen(command));
	assert_true(read(perf->ack_fd, ack, sizeof(ack) - 1) > 0);
	assert_int_equal(strncmp(ack, "ack", 3), 0);
}

static void start_perf(struct perf_run *perf, const char *file, const char *event, pid_t pid)
{
	int control[2], ack[2];

	assert_return_code(pipe2(control, O_CLOEXEC), errno);
	assert_return_code(pipe2(ack, O_CLOEXEC), errno);
	fcntl(control[0], F_SETFD, 0);
	fcntl(ack[1], F_SETFD, 0);
	perf->run = run__spawn("perf record -q -o %s -D -1 --control=fd:%d,%d -e %s -c 1 -d --data-page-size -p %d",
			       file, control[0], ack[1], event, pid);
	close(control[0]);
	close(ack[1]);
	perf->control_fd = control[1];
	perf->ack_fd = ack[0];
	tell_perf(perf, "enable\n");
}

static int count_lines(const char *text, const char *wanted)
{
	int n = 0;

	while (*text) {
		size_t length;

		text += strspn(text, " \n");
		length = strcspn(text, " \n");
		if (length && (strlen(wanted) != length || strncmp(text, wanted, length)))
			fail_msg("perf gave the size %.*s, not %s", (int)length, text, wanted);
		n += length > 0;
		text += length;
	}
	return n;
}

/* What the subject does, counted by perf record: as many samples, all of this size. */
static void check_perf(const struct memory *memory, const char *event, struct subject *subject, subject_fn act,
		       uint64_t a, uint64_t b)
{
	char file[] = "/tmp/mmuscope-perf-XXXXXX";
	struct perf_run perf;
	struct run *script;
	int fd = mkstemp(file);

	assert_return_code(fd, errno);
	close(fd);
	machine__unlink_later(file);
	start_perf(&perf, file, event, subject->pid);
	assert_int_equal(subject__call(subject, act, a, b), 0);
	tell_perf(&perf, "disable\n");
	run__stop(perf.run);
	close(perf.control_fd);
	close(perf.ack_fd);
	script = run__spawn("perf script -i %s -F data_page_size", file);
	if (run__finish(script))
		fail_msg("perf script: %s (perf record: %s)", script->err, perf.run->err);
	assert_int_equal(count_lines(script->out, memory->perf_size), READS);
	run__free(script);
	run__free(perf.run);
	subject__free(subject);
}

static void need_perf(void)
{
	if (machine__has("perf"))
		return;
	print_message("skipped: the same by perf record (perf is not installed)\n");
	skip();
}

static void check_perf_reads(const struct memory *memory)
{
	struct subject *subject;
	char event[64];
	uint64_t word;

	need_perf();
	subject = start_watched(memory, &word);
	snprintf(event, sizeof(event), "mem:%#" PRIx64 "/8:rw:u", word);
	check_perf(memory, event, subject, subject_read, word, READS);
}

static void test_perf_reads_of_4k(void **state)
{
	check_perf_reads(&small);
}

static void test_perf_reads_of_thp(void **state)
{
	check_perf_reads(&thp);
}

static void test_perf_reads_of_hugetlb_2m(void **state)
{
	check_perf_reads(&huge2m);
}

static void test_perf_reads_of_hugetlb_1g(void **state)
{
	check_perf_reads(&huge1g);
}

/* --- faults: exactly N, on every machine --- */

/* READS times: drops the page at addr, of so many bytes, and touches it, which is a fault. */
static uint64_t drop_and_touch(uint64_t addr, uint64_t bytes)
{
	unsigned int i;

	for (i = 0; i < READS; i++) {
		if (madvise((void *)addr, bytes, MADV_DONTNEED))
			return -errno;
		*(volatile uint64_t *)addr = i;
	}
	return 0;
}

/* A subject with memory of this kind at *page, which has done it all once: what it needs for that itself is mapped. */
static struct subject *start_dropper(const struct memory *memory, uint64_t *page)
{
	struct subject *subject = start_subject(memory, page);

	*page &= ~(memory->page - 1);
	assert_int_equal(subject__call(subject, drop_and_touch, *page, memory->page), 0);
	return subject;
}

static void check_faults(const struct memory *memory)
{
	uint64_t page;
	struct subject *subject = start_dropper(memory, &page);
	struct run *run = run__start("hist -e minor-faults:u -c 1 -p %d -j", subject->pid);

	if (!run->ready)
		fail_msg("mmuscope did not start: %d, %s", run__finish(run), run->err);
	assert_int_equal(subject__call(subject, drop_and_touch, page, memory->page), 0);
	assert_int_equal(run__stop(run), 0);
	assert_all(run->json, memory->size, "fault", READS);
	assert_string_equal(run->err, "");
	run__free(run);
	subject__free(subject);
}

static void test_faults_on_4k(void **state)
{
	check_faults(&small);
}

static void test_faults_on_thp(void **state)
{
	check_faults(&thp);
}

static void test_faults_on_hugetlb_2m(void **state)
{
	check_faults(&huge2m);
}

static void check_perf_faults(const struct memory *memory)
{
	struct subject *subject;
	uint64_t page;

	need_perf();
	subject = start_dropper(memory, &page);
	check_perf(memory, "minor-faults:u", subject, drop_and_touch, page, memory->page);
}

static void test_perf_faults_on_4k(void **state)
{
	check_perf_faults(&small);
}

static void test_perf_faults_on_thp(void **state)
{
	check_perf_faults(&thp);
}

static void test_perf_faults_on_hugetlb_2m(void **state)
{
	check_perf_faults(&huge2m);
}

/* --- faults: as many as the kernel says, of the sizes that were mapped --- */

static uint64_t count_faults(uint64_t a, uint64_t b)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_minflt + usage.ru_majflt;
}

/* Touches what was reserved: every page a fault. */
static uint64_t touch(uint64_t addr, uint64_t bytes)
{
	uint64_t i;

	for (i = 0; i < bytes; i += 4096)
		*(volatile uint64_t *)(addr + i) = 1;
	return 0;
}

static uint64_t reserve(uint64_t advice, uint64_t bytes)
{
	uint64_t addr =
		(uint64_t)mmap(NULL, bytes + 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if ((void *)addr == MAP_FAILED)
		return -errno;
	addr = (addr + 2 * MIB - 1) & ~(2 * MIB - 1);
	return madvise((void *)addr, bytes, advice) ? (uint64_t)-errno : addr;
}

static uint64_t reserve_hugetlb(uint64_t shift, uint64_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int)shift << MAP_HUGE_SHIFT, -1, 0);

	return at == MAP_FAILED ? (uint64_t)-errno : (uint64_t)at;
}

static void test_faults_of_every_size(void **state)
{
	const uint64_t sizes[] = {2 * MIB, 32 * MIB, 16 * MIB, GIB};
	const int kinds = machine__has_1g() ? 4 : 3;
	struct subject *subject;
	uint64_t at[4], before, faults;
	struct run *run;
	json_t *root;
	int i;

	assert_return_code(machine__hugepages(2 * MIB, 8), 0);
	if (kinds == 4)
		assert_return_code(machine__hugepages(GIB, 1), 0);
	subject = subject__new();
	at[0] = subject__call(subject, reserve, MADV_NOHUGEPAGE, sizes[0]);
	at[1] = subject__call(subject, reserve, MADV_HUGEPAGE, sizes[1]);
	at[2] = subject__call(subject, reserve_hugetlb, 21, sizes[2]);
	if (kinds == 4)
		at[3] = subject__call(subject, reserve_hugetlb, 30, sizes[3]);
	before = subject__call(subject, count_faults, 0, 0);
	run = run__start("hist -e faults -p %d -j", subject->pid);
	assert_true(run->ready);
	for (i = 0; i < kinds; i++) {
		assert_false(subject_failed(at[i]));
		subject__call(subject, touch, at[i], sizes[i]);
	}
	faults = subject__call(subject, count_faults, 0, 0) - before;
	assert_int_equal(run__stop(run), 0);
	root = run->json;
	json__assert_exact(root);
	/* What else it did (its own stack, its functions) was all on small pages. */
	assert_in_range(faults, 512 + 16 + 8 + (kinds - 3), 512 + 16 + 8 + (kinds - 3) + 100);
	assert_int_equal(json__int(root, "data.samples"), faults);
	assert_int_equal(json__int(root, "data.origins.fault"), faults);
	assert_int_equal(json__int(root, "data.compared"), faults);
	assert_int_equal(json__int(root, "data.agree"), faults);
	assert_int_equal(json__size(root, "data", "1G", "walk"), kinds - 3);
	assert_int_equal(json__size(root, "data", "2M", "walk"), 16 + 8);
	assert_int_equal(json__size(root, "data", "4K", "walk"), faults - 24 - (kinds - 3));
	run__free(run);
	subject__free(subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("1000 reads of a word on a 4K page are 1000 samples of 4K, by walk and by kernel",
			  test_reads_of_4k),
		LIVE_TEST("1000 reads of a word in a THP are 1000 samples of 2M, by walk and by kernel",
			  test_reads_of_thp),
		LIVE_TEST("1000 reads of a word in hugetlb of 2M are 1000 samples of 2M, by walk and by kernel",
			  test_reads_of_hugetlb_2m),
		LIVE_TEST("1000 reads of a word in hugetlb of 1G are 1000 samples of 1G, by walk and by kernel",
			  test_reads_of_hugetlb_1g),
		LIVE_TEST("reads beside the word, before the start and after the end are not samples",
			  test_nothing_but_the_word),
		LIVE_TEST("a breakpoint on writes sees 1000 writes and none of 1000 reads", test_writes_alone),
		LIVE_TEST("-c 10 makes 100 samples of 1000 reads", test_every_tenth_read),
		LIVE_TEST("a thread and a child that start later are followed: 3000 samples of 4K",
			  test_threads_and_children_4k),
		LIVE_TEST("a thread and a child that start later are followed: 3000 samples of 2M",
			  test_threads_and_children_thp),
		LIVE_TEST("perf record of the same reads: 1000 samples of 4K", test_perf_reads_of_4k),
		LIVE_TEST("perf record of the same reads: 1000 samples of 2M, in a THP", test_perf_reads_of_thp),
		LIVE_TEST("perf record of the same reads: 1000 samples of 2M, in hugetlb",
			  test_perf_reads_of_hugetlb_2m),
		LIVE_TEST("perf record of the same reads: 1000 samples of 1G", test_perf_reads_of_hugetlb_1g),
		LIVE_TEST("1000 faults on a 4K page are 1000 samples of 4K, by walk and by kernel", test_faults_on_4k),
		LIVE_TEST("1000 faults on a THP are 1000 samples of 2M, by walk and by kernel", test_faults_on_thp),
		LIVE_TEST("1000 faults on hugetlb of 2M are 1000 samples of 2M, by walk and by kernel",
			  test_faults_on_hugetlb_2m),
		LIVE_TEST("perf record of the same faults: 1000 samples of 4K", test_perf_faults_on_4k),
		LIVE_TEST("perf record of the same faults: 1000 samples of 2M, in a THP", test_perf_faults_on_thp),
		LIVE_TEST("perf record of the same faults: 1000 samples of 2M, in hugetlb",
			  test_perf_faults_on_hugetlb_2m),
		LIVE_TEST(
			"faults: as many samples as the process had, 16 THP, 8 hugetlb 2M, one 1G where there are such",
			test_faults_of_every_size),
	};
	int err = live__prepare();

	return err ? err : cmocka_run_group_tests_name("truth", tests, NULL, NULL);
}
