// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Operand addresses of timer samples against programs that know how long they spent on which memory: shares of samples are
 * shares of time.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "live.h"
#include "live_storm.h"
#include "subject_operand.h"

#define LARGE (128UL << 20)
#define PAGE 4096UL
#define MS 1500
#define ROUNDS 3

/* --- in the subject --- */

static uint64_t small_array, huge_array, bytes_of_each;

/* Memory of both kinds, of so many bytes each, a power of two. 0 or -errno. */
static uint64_t map_both(uint64_t bytes, uint64_t unused)
{
	(void)unused;
	bytes_of_each = bytes;
	small_array = subject_map(MEMORY_4K, bytes);
	huge_array = subject_map(MEMORY_THP, bytes);
	if (subject_failed(small_array))
		return small_array;
	return subject_failed(huge_array) ? huge_array : 0;
}

static uint64_t spend_hash(uint64_t huge, uint64_t ms)
{
	return operand_spend(operand_hash, huge ? huge_array : small_array, bytes_of_each, 0, ms);
}

/* ns for `n` rounds of a load from slow memory and one from fast. */
static uint64_t time_pair(uint64_t slow, uint64_t slow_bytes, uint64_t fast, uint64_t n)
{
	uint64_t start = operand_clock();

	for (uint64_t i = 0; i < n; i++)
		operand_pair(slow, slow_bytes - 8, OPERAND_CHUNK, fast, OPERAND_SEED + i);
	return operand_clock() - start;
}

static uint64_t n_rounds, copied;

/* Spends `ms` on loads that take turns: slow ones all over one memory, fast ones on a page of the other. Returns ns. */
static uint64_t spend_pairs(uint64_t slow_is_huge, uint64_t ms)
{
	uint64_t slow = slow_is_huge ? huge_array : small_array, fast = slow_is_huge ? small_array : huge_array;
	uint64_t spent = 0;

	for (n_rounds = 0; spent < ms * 1000000; n_rounds += 20)
		spent += time_pair(slow, bytes_of_each, fast, 20);
	return spent;
}

/* What as many fast loads take. */
static uint64_t time_fast(uint64_t slow_is_huge, uint64_t unused)
{
	uint64_t fast = slow_is_huge ? small_array : huge_array;

	(void)unused;
	return time_pair(fast, PAGE, fast, n_rounds) / 2;
}

/* A copy of operand_hash at the very start of a mapping that nothing lies before; 0 or -errno. */
static uint64_t map_copy(uint64_t unused, uint64_t too)
{
	uint8_t *pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	(void)too;
	if (pages == MAP_FAILED)
		return (uint64_t)-errno;
	memcpy(pages + PAGE, (const void *)(uintptr_t)operand_hash,
	       (size_t)(operand_hash_end - (const uint8_t *)operand_hash));
	if (munmap(pages, PAGE) || mprotect(pages + PAGE, 2 * PAGE, PROT_READ | PROT_EXEC))
		return (uint64_t)-errno;
	copied = (uintptr_t)pages + PAGE;
	return 0;
}

static uint64_t spend_copy(uint64_t huge, uint64_t ms)
{
	return operand_spend((operand_code)copied, huge ? huge_array : small_array, bytes_of_each, 0, ms);
}

/* --- the test --- */

static struct subject *start(uint64_t bytes)
{
	struct subject *subject = subject__new();
	uint64_t failed;

	assert_int_equal(subject__call(subject, storm__pin_to, 0, 0), 0);
	failed = subject__call(subject, map_both, bytes, 0);
	if (failed)
		fail_msg("no memory of both kinds: %s", strerror(-(int)failed));
	return subject;
}

static struct run *sample(const struct subject *subject)
{
	struct run *run = run__start("hist -j -e timer -F 2000 --all-user -p %d", subject->pid);

	if (!run->ready) {
		run__finish(run);
		fail_msg("mmuscope did not start: %s", run->err);
	}
	return run;
}

/* Of 100 samples with an address, how many lie on 2M pages. */
static double huge_share(struct run *run)
{
	double huge = (double)json__size(run->json, "data", "2M", "walk");
	double small = (double)json__size(run->json, "data", "4K", "walk");

	return 100 * huge / (huge + small);
}

static double with_address(struct run *run)
{
	return 100 *
	       (double)(json__size(run->json, "data", "2M", "walk") + json__size(run->json, "data", "4K", "walk")) /
	       (double)json__int(run->json, "data.samples");
}

static void finish(struct run *run, int64_t samples)
{
	assert_int_equal(run__stop(run), 0);
	assert_non_null(run->json);
	json__assert_exact(run->json);
	assert_in_range(json__int(run->json, "data.samples"), samples, INT64_MAX);
}

static void test_own_base(void **state)
{
	struct subject *subject = start(LARGE);
	struct run *run = sample(subject);

	subject__call(subject, spend_hash, 1, MS);
	finish(run, MS);
	printf("    %.1f %% of %" PRId64 " samples have an address, %.1f %% of those on 2M; late %" PRId64 "\n",
	       with_address(run), json__int(run->json, "data.samples"), huge_share(run),
	       json__int(run->json, "operands.late"));
	assert_true(with_address(run) >= 70);
	assert_true(huge_share(run) >= 99);
	run__free(run);
	subject__free(subject);
}

static void test_start_of_mapping(void **state)
{
	struct subject *subject = start(LARGE);
	struct run *run;
	int64_t late;

	assert_int_equal(subject__call(subject, map_copy, 0, 0), 0);
	run = sample(subject);
	subject__call(subject, spend_copy, 1, MS);
	finish(run, MS);
	late = json__int(run->json, "operands.late");
	printf("    %.1f %% of %" PRId64 " samples have an address, %.1f %% of those on 2M; late %" PRId64 "\n",
	       with_address(run), json__int(run->json, "data.samples"), huge_share(run), late);
	assert_true(with_address(run) >= 70);
	assert_true(huge_share(run) >= 99);
	/* Each place is new once, and again where memory was found to have changed; no sample after sample. */
	assert_in_range(late, 1, json__int(run->json, "data.samples") / 10);
	run__free(run);
	subject__free(subject);
}

static void test_phases(void **state)
{
	struct subject *subject = start(LARGE);
	struct run *run = sample(subject);
	double huge = 0, small = 0, truth;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		huge += (double)subject__call(subject, spend_hash, 1, MS / 3);
		small += (double)subject__call(subject, spend_hash, 0, MS);
	}
	finish(run, ROUNDS * MS);
	truth = 100 * huge / (huge + small);
	printf("    2M: %.2f %% of the time, %.2f %% of %" PRId64 " samples, %.1f %% of them with an address\n", truth,
	       huge_share(run), json__int(run->json, "data.samples"), with_address(run));
	assert_true(fabs(huge_share(run) - truth) <= 3);
	run__free(run);
	subject__free(subject);
}

static void check_pairs(uint64_t slow_is_huge, uint64_t bytes)
{
	struct subject *subject = start(bytes);
	struct run *run = sample(subject);
	double spent = (double)subject__call(subject, spend_pairs, slow_is_huge, 2 * MS);
	double share, truth;

	finish(run, MS);
	truth = 100 - 100 * (double)subject__call(subject, time_fast, slow_is_huge, 0) / spent;
	share = slow_is_huge ? huge_share(run) : 100 - huge_share(run);
	printf("    slow %s, fast %s, %" PRIu64 " MiB: %.2f %% of the time, %.2f %% of %" PRId64
	       " samples, %.1f %% of them with an address\n",
	       slow_is_huge ? "2M" : "4K", slow_is_huge ? "4K" : "2M", bytes >> 20, truth, share,
	       json__int(run->json, "data.samples"), with_address(run));
	assert_true(fabs(share - truth) <= 8);
	run__free(run);
	subject__free(subject);
}

static void test_slow_4k(void **state)
{
	check_pairs(0, LARGE);
}

static void test_slow_2m(void **state)
{
	check_pairs(1, LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("a load that overwrites its own base has its address", test_own_base),
		LIVE_TEST("code at the start of a mapping is like other code", test_start_of_mapping),
		LIVE_TEST("phases have their shares of the time", test_phases),
		LIVE_TEST("slow loads from 4K among fast ones from 2M have theirs", test_slow_4k),
		LIVE_TEST("slow loads from 2M among fast ones from 4K have theirs", test_slow_2m),
	};
	int skipped = live__prepare();

	return skipped ? skipped : cmocka_run_group_tests_name("operand shares", tests, NULL, NULL);
}
