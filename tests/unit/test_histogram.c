/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Needs -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc: memory runs out where a test says so.
 */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/histogram.h"
#include "model/page_size.h"

#define NONE(reason) ((uint8_t)(128 + MMU_NONE_##reason))

/* Allocations that still succeed; negative: all do. Then each fails, until it is reset. */
static int allowed = -1;
static size_t allocated;

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int may_allocate(size_t size)
{
	if (!allowed) {
		errno = ENOMEM;
		return 0;
	}
	if (allowed > 0)
		allowed--;
	allocated += size;
	return 1;
}

void *__wrap_malloc(size_t size)
{
	return may_allocate(size) ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return may_allocate(n * size) ? __real_calloc(n, size) : NULL;
}

void *__wrap_realloc(void *old, size_t size)
{
	return may_allocate(size) ? __real_realloc(old, size) : NULL;
}

static uint64_t random_next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed * 0x2545f4914f6cdd1dull >> 20;
}

/* What compare must say, drawn up by hand: rows walk, columns kernel; S same size, O another size. */
static void compares_by_the_table(void **state)
{
	static const struct {
		uint8_t walk;
		uint8_t kernel;
		int verdict;
	} cases[] = {
		{12, 12, 1},
		{21, 12, 0},
		{12, NONE(NOT_REPORTED), 0},
		{12, NONE(UNSUPPORTED), -1},
		{12, NONE(NO_ADDRESS), -1},
		{12, 0, -1},
		{12, 64, -1},
		{12, 255, -1},
		{NONE(NOT_MAPPED), 12, 0},
		{NONE(SWAPPED), 12, 0},
		{NONE(NO_MM), 12, 0},
		{NONE(READ_FAULT), 12, 0},
		{NONE(NOT_CANONICAL), 12, 0},
		{NONE(NOT_MAPPED), NONE(NOT_REPORTED), 1},
		{NONE(SWAPPED), NONE(NOT_REPORTED), 1},
		{NONE(NO_MM), NONE(NOT_REPORTED), 1},
		{NONE(READ_FAULT), NONE(NOT_REPORTED), 1},
		{NONE(NOT_CANONICAL), NONE(NOT_REPORTED), 1},
		{NONE(NOT_MAPPED), NONE(UNSUPPORTED), -1},
		{NONE(NOT_MAPPED), NONE(NO_ADDRESS), -1},
		{NONE(NO_ADDRESS), 12, -1},
		{NONE(NO_ADDRESS), NONE(NOT_REPORTED), -1},
		{NONE(NO_ADDRESS), NONE(NO_ADDRESS), -1},
		{NONE(UNSUPPORTED), 12, -1},
		{NONE(UNSUPPORTED), NONE(NOT_REPORTED), -1},
		{NONE(UNSUPPORTED), NONE(UNSUPPORTED), -1},
		{0, 12, -1},
		{0, 0, -1},
		{128, 12, -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct page_answer answer = {.walk = cases[i].walk, .kernel = cases[i].kernel};

		if (page_answer__compare(&answer) != cases[i].verdict)
			fail_msg("case %zu: walk %u kernel %u gives %d", i, answer.walk, answer.kernel,
				 page_answer__compare(&answer));
	}
}

static struct histogram *new_histogram(const enum sort_key *keys, size_t n_keys)
{
	struct histogram *histogram = histogram__new(keys, n_keys);

	assert_non_null(histogram);
	return histogram;
}

static void refuses_too_many_keys(void **state)
{
	static const enum sort_key keys[SORT_KEY_MAX + 1];

	(void)state;
	errno = 0;
	assert_null(histogram__new(keys, SORT_KEY_MAX + 1));
	assert_int_equal(errno, EINVAL);
	histogram__free(new_histogram(keys, SORT_KEY_MAX));
	histogram__free(NULL);
}

static void empty_has_no_rows(void **state)
{
	static const enum sort_key keys[] = {SORT_PID};
	struct histogram *histogram = new_histogram(keys, 1);
	size_t n = 99;

	(void)state;
	errno = EIO;
	assert_null(histogram__rows(histogram, &n));
	assert_int_equal(n, 0);
	assert_int_equal(errno, 0);
	assert_int_equal(histogram__n_keys(histogram), 1);
	assert_int_equal(histogram__key(histogram, 0), SORT_PID);
	assert_int_equal(histogram__key(histogram, 1), SORT_KEY_COUNT);
	assert_int_equal(histogram__data(histogram)->samples, 0);
	histogram__free(histogram);
}

static void add_walk(struct histogram *histogram, uint16_t cpu, uint8_t data, uint8_t code)
{
	struct sample sample = {.cpu = cpu, .data = {.walk = data}, .code = {.walk = code}};

	assert_int_equal(histogram__add(histogram, &sample), 0);
}

static void follows_runs_per_cpu(void **state)
{
	struct histogram *histogram = new_histogram(NULL, 0);

	(void)state;
	for (int i = 0; i < 5; i++) {
		add_walk(histogram, 0, NONE(NOT_MAPPED), 12);
		add_walk(histogram, UINT16_MAX, 12, NONE(READ_FAULT)); /* must not break CPU 0's run */
		add_walk(histogram, 0, NONE(NO_ADDRESS), 0);           /* neither breaks nor lengthens */
		add_walk(histogram, 0, NONE(UNSUPPORTED), NONE(NOT_REPORTED));
	}
	assert_int_equal(histogram__data(histogram)->longest_failure_run, 5);
	assert_int_equal(histogram__code(histogram)->longest_failure_run, 5);
	add_walk(histogram, 0, 12, 12);
	for (int i = 0; i < 4; i++)
		add_walk(histogram, 0, NONE(SWAPPED), 12);
	assert_int_equal(histogram__data(histogram)->longest_failure_run, 5);

	/* The run of four goes on over the reset. */
	histogram__reset(histogram);
	assert_int_equal(histogram__data(histogram)->longest_failure_run, 0);
	assert_int_equal(histogram__data(histogram)->samples, 0);
	add_walk(histogram, 0, NONE(NO_MM), 12);
	assert_int_equal(histogram__data(histogram)->longest_failure_run, 5);
	assert_int_equal(histogram__code(histogram)->longest_failure_run, 0);
	histogram__free(histogram);
}

static void suspects_only_what_chance_cannot_do(void **state)
{
	(void)state;
	assert_false(histogram__run_is_suspicious(0, 0, 0));
	assert_false(histogram__run_is_suspicious(1000, 1000, 1000));
	assert_false(histogram__run_is_suspicious(1000, 0, 1000));
	assert_false(histogram__run_is_suspicious(1000000, 1000, 16));
	assert_true(histogram__run_is_suspicious(1000000, 1000, 17));
	/* p = 1/2: 1e6 / 2 * 2^-L is below 1e-6 from L = 39 on. */
	assert_false(histogram__run_is_suspicious(1000000, 500000, 38));
	assert_true(histogram__run_is_suspicious(1000000, 500000, 39));
	/* p = 0.99: 1e6 * 0.01 * 0.99^L crosses between L = 2291 and 2292. */
	assert_false(histogram__run_is_suspicious(1000000, 990000, 2291));
	assert_true(histogram__run_is_suspicious(1000000, 990000, 2292));
	assert_true(histogram__run_is_suspicious(UINT64_MAX, 1, UINT64_MAX));
}

/* A recount that shares nothing with the histogram but the wire format. */
struct naive {
	uint64_t samples;
	uint64_t walk[256];
	uint64_t kernel[256];
	uint64_t origins[256];
	uint64_t verdicts[3]; /* -1, 0, 1 */
	uint64_t run[64];
	uint64_t longest;
};

static int is_failure(uint8_t outcome)
{
	return outcome >= 130 && outcome <= 134;
}

static void naive_add(struct naive *naive, const struct page_answer *answer, const struct sample *sample)
{
	uint8_t walk = answer->walk, kernel = answer->kernel;
	int verdict = -1;

	naive->samples++;
	naive->walk[walk]++;
	naive->kernel[kernel]++;
	naive->origins[sample->origin]++;
	if ((walk >= 1 && walk <= 63) || is_failure(walk)) {
		if (kernel >= 1 && kernel <= 63)
			verdict = walk == kernel;
		else if (kernel == 135)
			verdict = is_failure(walk);
		naive->run[sample->cpu] = is_failure(walk) ? naive->run[sample->cpu] + 1 : 0;
		if (naive->run[sample->cpu] > naive->longest)
			naive->longest = naive->run[sample->cpu];
	}
	naive->verdicts[verdict + 1]++;
}

static void same_source(const uint64_t *naive, const uint64_t *sizes, const uint64_t *none)
{
	uint64_t expected_sizes[HISTOGRAM_SHIFTS] = {0}, expected_none[MMU_NONE_MAX] = {0};

	for (int outcome = 0; outcome < 256; outcome++) {
		if (outcome >= 1 && outcome <= 63)
			expected_sizes[outcome] += naive[outcome];
		else
			expected_none[outcome > 128 && outcome < 128 + MMU_NONE_MAX ? outcome - 128 : 8] +=
				naive[outcome];
	}
	assert_memory_equal(expected_sizes, sizes, sizeof(expected_sizes));
	assert_memory_equal(expected_none, none, sizeof(expected_none));
}

static void same(const struct naive *naive, const struct size_counts *counts, int is_data)
{
	assert_int_equal(naive->samples, counts->samples);
	same_source(naive->walk, counts->walk, counts->walk_none);
	same_source(naive->kernel, counts->kernel, counts->kernel_none);
	assert_int_equal(naive->verdicts[1] + naive->verdicts[2], counts->compared);
	assert_int_equal(naive->verdicts[1], counts->differ);
	assert_int_equal(naive->verdicts[2], counts->agree);
	for (int origin = 1; is_data && origin < HISTOGRAM_ORIGINS; origin++)
		assert_int_equal(naive->origins[origin], counts->origins[origin]);
}

/* Contradictions are told apart by what the two said, as far as there is room; all of them are in `differ`. */
static void differences_are_told_apart(void **state)
{
	struct histogram *histogram = histogram__new(NULL, 0);
	const struct size_counts *counts;

	assert_non_null(histogram);
	counts = histogram__data(histogram);
	for (unsigned int i = 0; i < 3; i++)
		histogram__add(histogram, &(struct sample){.data = {12, 21, 1}, .code = {12, 12, 1}});
	histogram__add(histogram, &(struct sample){.data = {mmu_outcome_none(MMU_NONE_NOT_MAPPED), 12, 1}});
	histogram__add(histogram, &(struct sample){.data = {12, 12, 1}});
	assert_int_equal(counts->differ, 4);
	assert_int_equal(counts->n_differences, 2);
	assert_int_equal(counts->differences[0].walk, 12);
	assert_int_equal(counts->differences[0].kernel, 21);
	assert_int_equal(counts->differences[0].samples, 3);
	assert_int_equal(counts->differences[1].walk, mmu_outcome_none(MMU_NONE_NOT_MAPPED));
	assert_int_equal(counts->differences[1].samples, 1);
	assert_int_equal(histogram__code(histogram)->n_differences, 0);
	for (uint8_t shift = 13; shift < 40; shift++)
		histogram__add(histogram, &(struct sample){.data = {shift, 12, 1}});
	assert_int_equal(counts->differ, 4 + 27);
	assert_int_equal(counts->n_differences, HISTOGRAM_DIFFERENCES);
	histogram__reset(histogram);
	assert_int_equal(counts->n_differences, 0);
	histogram__free(histogram);
}

static uint8_t random_outcome(uint64_t *seed)
{
	static const uint8_t usual[] = {12, 12, 12, 21, 21, 30};
	uint64_t r = random_next(seed);

	if (r % 8 < 6)
		return usual[r % 8];
	return r % 8 == 6 ? (uint8_t)(129 + r / 8 % 8) : (uint8_t)(r / 8);
}

static struct sample random_sample(uint64_t *seed)
{
	struct sample sample = {
		.data = {.walk = random_outcome(seed), .kernel = random_outcome(seed)},
		.code = {.walk = random_outcome(seed), .kernel = random_outcome(seed)},
		.mode = (uint8_t)(random_next(seed) % 4),
		.origin = (uint8_t)(random_next(seed) % 16),
		.cpu = (uint16_t)(random_next(seed) % 64),
		.pid = (uint32_t)(random_next(seed) % 100),
	};

	sample.comm[0] = (char)('a' + sample.pid % 7);
	return sample;
}

/* The part of struct size_counts that is numbers, one like the other. */
#define NUMBERS offsetof(struct size_counts, differences)

static void add_counts(struct size_counts *sum, const struct size_counts *counts)
{
	const uint64_t *from = (const uint64_t *)counts;
	uint64_t *into = (uint64_t *)sum;

	for (size_t i = 0; i < NUMBERS / sizeof(*into); i++)
		into[i] += from[i];
}

static int in_order(const struct sort_value *a, const struct sort_value *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].number != b[i].number)
			return a[i].number < b[i].number;
		if (strcmp(a[i].text, b[i].text))
			return strcmp(a[i].text, b[i].text) < 0;
	}
	return 0; /* one key twice */
}

/* Rows: in order, each key once, and in sum the totals. */
static void check_rows(struct histogram *histogram, size_t n_keys)
{
	struct size_counts data = {0}, code = {0}, row_data, row_code, total;
	const struct histogram_row *const *rows;
	size_t n;

	rows = histogram__rows(histogram, &n);
	assert_non_null(rows);
	for (size_t i = 0; i < n; i++) {
		histogram_row__counts(rows[i], &row_data, &row_code);
		assert_int_equal(histogram_row__samples(rows[i]), row_data.samples);
		assert_int_equal(histogram_row__samples(rows[i]), row_code.samples);
		assert_int_equal(row_data.longest_failure_run, 0);
		add_counts(&data, &row_data);
		add_counts(&code, &row_code);
		assert_null(histogram_row__value(rows[i], n_keys));
		if (!i)
			continue;
		assert_true(histogram_row__samples(rows[i - 1]) >= histogram_row__samples(rows[i]));
		if (histogram_row__samples(rows[i - 1]) == histogram_row__samples(rows[i]))
			assert_true(in_order(histogram_row__value(rows[i - 1], 0), histogram_row__value(rows[i], 0),
					     n_keys));
	}
	total = *histogram__data(histogram);
	total.longest_failure_run = 0;
	assert_memory_equal(&total, &data, NUMBERS);
	total = *histogram__code(histogram);
	total.longest_failure_run = 0;
	assert_memory_equal(&total, &code, NUMBERS);
}

static void equals_a_naive_recount(void **state)
{
	static const enum sort_key keys[] = {SORT_PID, SORT_MODE, SORT_COMM};
	static struct naive data, code, by_pid[100];
	struct histogram *histogram = new_histogram(keys, 3), *pids = new_histogram(keys, 1);
	const struct histogram_row *const *rows;
	struct size_counts row_data, row_code;
	uint64_t seed = 0x6d6d7573636f7065;
	size_t n;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		struct sample sample = random_sample(&seed);

		assert_int_equal(histogram__add(histogram, &sample), 0);
		assert_int_equal(histogram__add(pids, &sample), 0);
		naive_add(&data, &sample.data, &sample);
		naive_add(&code, &sample.code, &sample);
		naive_add(&by_pid[sample.pid], &sample.data, &sample);
	}
	same(&data, histogram__data(histogram), 1);
	same(&code, histogram__code(histogram), 0);
	assert_int_equal(data.longest, histogram__data(histogram)->longest_failure_run);
	assert_int_equal(code.longest, histogram__code(histogram)->longest_failure_run);
	check_rows(histogram, 3);
	check_rows(pids, 1);
	rows = histogram__rows(pids, &n);
	assert_int_equal(n, 100);
	for (size_t i = 0; i < n; i++) {
		histogram_row__counts(rows[i], &row_data, &row_code);
		same(&by_pid[histogram_row__value(rows[i], 0)->number], &row_data, 1);
	}
	histogram__reset(histogram);
	assert_null(histogram__rows(histogram, &n));
	histogram__free(histogram);
	histogram__free(pids);
}

static void sizes_are_ordered_by_size(void **state)
{
	static const enum sort_key keys[] = {SORT_SIZE};
	static const uint8_t outcomes[] = {NONE(SWAPPED), 21, 30, 12, 16, NONE(NO_ADDRESS), 25};
	static const char *const order[] = {"4K", "64K", "2M", "32M", "1G", "no-address", "swapped"};
	struct histogram *histogram = new_histogram(keys, 1);
	const struct histogram_row *const *rows;
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(outcomes); i++)
		add_walk(histogram, 0, outcomes[i], 12);
	rows = histogram__rows(histogram, &n);
	assert_int_equal(n, sizeof(outcomes));
	for (size_t i = 0; i < n; i++)
		assert_string_equal(histogram_row__value(rows[i], 0)->text, order[i]);
	histogram__free(histogram);
}

/* A key that sees every outcome there is, in every combination: the cells of one row at their most. */
static void one_row_of_everything(void **state)
{
	static const enum sort_key keys[] = {SORT_CPU};
	struct histogram *histogram = new_histogram(keys, 1);

	(void)state;
	for (int walk = 0; walk < 256; walk++) {
		for (int kernel = 0; kernel < 256; kernel++) {
			struct sample sample = {
				.data = {.walk = (uint8_t)walk, .kernel = (uint8_t)kernel},
				.code = {.walk = (uint8_t)kernel, .kernel = (uint8_t)walk},
			};

			assert_int_equal(histogram__add(histogram, &sample), 0);
		}
	}
	check_rows(histogram, 1);
	histogram__free(histogram);
}

static void a_row_is_small(void **state)
{
	static const enum sort_key keys[] = {SORT_COMM, SORT_PID};
	struct histogram *histogram = new_histogram(keys, 2);
	size_t before = allocated;

	(void)state;
	for (uint32_t pid = 0; pid < 20000; pid++) {
		struct sample sample = {.pid = pid, .comm = "worker", .data = {12, 12, 1}, .code = {12, 12, 1}};

		assert_int_equal(histogram__add(histogram, &sample), 0);
		sample.data.walk = sample.data.kernel = 21;
		assert_int_equal(histogram__add(histogram, &sample), 0);
	}
	/* All that was ever asked for, freed or not: more than what is held. */
	assert_in_range((allocated - before) / 20000, 1, 400);
	check_rows(histogram, 2);
	histogram__free(histogram);
}

/*
 * Memory ends after each possible number of allocations, for 200 samples with a row each: the totals are complete, the
 * rows are whole, and with memory back everything works.
 */
static void survives_without_memory(void **state)
{
	static const enum sort_key keys[] = {SORT_PID, SORT_CPU};
	int failures = 1;

	(void)state;
	for (int limit = 1; failures; limit++) {
		struct histogram *histogram;
		const struct histogram_row *const *rows;
		uint64_t in_rows = 0;
		size_t n;

		allowed = limit;
		histogram = histogram__new(keys, 2);
		assert_non_null(histogram);
		failures = 0;
		for (uint32_t i = 0; i < 400; i++) {
			struct sample sample = {.pid = i % 200, .cpu = (uint16_t)(i % 200), .data = {12, 12, 1}};
			int err;

			sample.data.walk = (uint8_t)(12 + i / 100);
			err = histogram__add(histogram, &sample);
			assert_true(!err || err == -ENOMEM);
			failures += err != 0;
		}
		assert_int_equal(histogram__data(histogram)->samples, 400);
		if (!allowed && histogram__rows(histogram, &n) == NULL)
			assert_true(!n);
		allowed = -1;
		rows = histogram__rows(histogram, &n);
		for (size_t i = 0; i < n; i++) {
			struct size_counts data, code;

			histogram_row__counts(rows[i], &data, &code);
			assert_int_equal(data.samples, code.samples);
			assert_true(data.samples > 0);
			in_rows += data.samples;
		}
		/* A failure may be a run's and not a row's. */
		assert_in_range(in_rows, 400 - failures, 400);
		for (uint32_t i = 0; i < 200; i++) {
			struct sample sample = {.pid = i, .cpu = (uint16_t)i, .data = {12, 12, 1}};

			assert_int_equal(histogram__add(histogram, &sample), 0);
		}
		assert_non_null(histogram__rows(histogram, &n));
		assert_int_equal(n, 200);
		histogram__free(histogram);
	}
	allowed = 0;
	errno = 0;
	assert_null(histogram__new(keys, 2));
	assert_int_equal(errno, ENOMEM);
	allowed = -1;
}

/* Rows of a key that tells data and code apart, against a count by hand; and what they hold when memory ends. */
static void data_and_code_may_be_in_two_rows(void **state)
{
	static const enum sort_key keys[] = {SORT_MAP, SORT_PID};
	static const char *const texts[] = {"[heap]", "[stack]", "/usr/lib/libc.so.6", "/usr/bin/sort"};
	uint64_t data_of[4] = {0}, code_of[4] = {0}, seed = 11;
	struct names *names = names__new();
	struct histogram *histogram = new_histogram(keys, 2);
	const struct histogram_row *const *rows;
	const struct name *name[4];
	size_t n;

	(void)state;
	for (int i = 0; i < 4; i++)
		name[i] = names__get(names, texts[i], strlen(texts[i]));
	for (int i = 0; i < 10000; i++) {
		uint64_t data = random_next(&seed) % 3, code = 1 + random_next(&seed) % 3;
		struct sample sample = random_sample(&seed);

		sample.pid = 42;
		sample.data_map = name[data];
		sample.code_map = name[code];
		assert_int_equal(histogram__add(histogram, &sample), 0);
		data_of[data]++;
		code_of[code]++;
	}
	assert_true(histogram__is_split(histogram));
	rows = histogram__rows(histogram, &n);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		const char *text = sort_value__text(histogram_row__value(rows[i], 0));
		struct size_counts data, code;

		histogram_row__counts(rows[i], &data, &code);
		for (int k = 0; k < 4; k++) {
			if (strcmp(text, texts[k]))
				continue;
			assert_int_equal(data.samples, data_of[k]);
			assert_int_equal(code.samples, code_of[k]);
			assert_int_equal(histogram_row__samples(rows[i]), data_of[k]);
			assert_int_equal(histogram_row__code_samples(rows[i]), code_of[k]);
		}
	}
	/* sort has no data, the heap no code. */
	assert_string_equal(sort_value__text(histogram_row__value(rows[3], 0)), texts[3]);
	rows = histogram__rows_of(histogram, true, &n);
	assert_int_equal(n, 3);
	for (size_t i = 1; i < n; i++)
		assert_true(histogram_row__code_samples(rows[i - 1]) >= histogram_row__code_samples(rows[i]));
	histogram__rows_of(histogram, false, &n);
	assert_int_equal(n, 3);

	/* The rows hold the names. */
	for (int i = 0; i < 4; i++)
		name__put(name[i]);
	assert_int_equal(names__count(names), 4);
	histogram__reset(histogram);
	assert_int_equal(names__count(names), 0);
	histogram__free(histogram);
	names__free(names);
}

static void two_rows_count_both_or_neither(void **state)
{
	static const enum sort_key keys[] = {SORT_MAP};
	struct names *names = names__new();
	struct sample sample = {.data = {12, 12, 1},
				.code = {21, 21, 1},
				.data_map = names__get(names, "a", 1),
				.code_map = names__get(names, "b", 1)};
	int err = -ENOMEM;

	(void)state;
	for (int limit = 1; err; limit++) {
		struct histogram *histogram = new_histogram(keys, 1);
		const struct histogram_row *const *rows;
		size_t n;

		allowed = limit;
		err = histogram__add(histogram, &sample);
		allowed = -1;
		rows = histogram__rows(histogram, &n);
		assert_int_equal(n, err ? 0 : 2);
		assert_true(!rows == !!err);
		/* With memory back, the row that stayed empty is as good as a new one. */
		assert_int_equal(histogram__add(histogram, &sample), 0);
		rows = histogram__rows(histogram, &n);
		assert_int_equal(n, 2);
		assert_int_equal(histogram_row__samples(rows[0]), err ? 1 : 2);
		assert_int_equal(histogram_row__code_samples(rows[1]), err ? 1 : 2);
		histogram__free(histogram);
	}
	name__put(sample.data_map);
	name__put(sample.code_map);
	assert_int_equal(names__count(names), 0);
	names__free(names);
}

static void rows_say_when_memory_is_out(void **state)
{
	static const enum sort_key keys[] = {SORT_PID};
	struct histogram *histogram = new_histogram(keys, 1);
	size_t n = 99;

	(void)state;
	add_walk(histogram, 0, 12, 12);
	allowed = 0;
	assert_null(histogram__rows(histogram, &n));
	allowed = -1;
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(n, 0);
	check_rows(histogram, 1);
	histogram__free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compares_by_the_table),          cmocka_unit_test(differences_are_told_apart),
		cmocka_unit_test(refuses_too_many_keys),          cmocka_unit_test(empty_has_no_rows),
		cmocka_unit_test(follows_runs_per_cpu),           cmocka_unit_test(suspects_only_what_chance_cannot_do),
		cmocka_unit_test(equals_a_naive_recount),         cmocka_unit_test(sizes_are_ordered_by_size),
		cmocka_unit_test(one_row_of_everything),          cmocka_unit_test(a_row_is_small),
		cmocka_unit_test(survives_without_memory),        cmocka_unit_test(data_and_code_may_be_in_two_rows),
		cmocka_unit_test(two_rows_count_both_or_neither), cmocka_unit_test(rows_say_when_memory_is_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
