/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "histogram.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Without memory an element stays outside, its hh.tbl NULL, and the table is as it was. The default is to exit. */
#define HASH_NONFATAL_OOM 1
/* Keys are whole words; uthash's own function goes by bytes, and clang dislikes its switch. */
#define HASH_FUNCTION(key, size, hash) ((hash) = hash_words((key), (size)))
#include <uthash.h>

#include "page_size.h"

_Static_assert(sizeof(struct sort_value) % sizeof(uint64_t) == 0, "a key is hashed by words");

enum kind { KIND_DATA, KIND_CODE };

/* How often one pair of outcomes was seen. A row has a handful of them; a struct size_counts has 1.2 KiB. */
struct cell {
	uint64_t count;
	uint8_t kind;
	uint8_t walk;
	uint8_t kernel;
	uint8_t origin; /* data only */
};

struct histogram_row {
	UT_hash_handle hh;
	struct cell *cells;
	uint64_t samples; /* of data */
	uint64_t code_samples;
	uint16_t n_cells; /* 9 * 71 * 71 pairs at most, whatever a record says: see known() */
	uint16_t n_keys;
	uint32_t capacity;
	struct sort_value key[];
};

/* Failed walks under way on one CPU. */
struct run {
	uint64_t data;
	uint64_t code;
};

struct histogram {
	enum sort_key keys[SORT_KEY_MAX];
	size_t n_keys;
	bool is_split;
	struct size_counts data;
	struct size_counts code;
	struct run *runs; /* by CPU id */
	size_t n_runs;
	struct histogram_row *rows; /* hash by key */
	const struct histogram_row **sorted;
};

static unsigned int hash_words(const void *key, size_t size)
{
	const char *bytes = key;
	uint64_t hash = size;

	for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
		uint64_t word;

		memcpy(&word, bytes + i, sizeof(word));
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 32;
	}
	return (unsigned int)hash;
}

struct histogram *histogram__new(const enum sort_key *keys, size_t n_keys)
{
	struct histogram *histogram;

	if (n_keys > SORT_KEY_MAX) {
		errno = EINVAL;
		return NULL;
	}
	histogram = calloc(1, sizeof(*histogram));
	if (!histogram)
		return NULL;
	if (n_keys)
		memcpy(histogram->keys, keys, n_keys * sizeof(*keys));
	histogram->n_keys = n_keys;
	for (size_t i = 0; i < n_keys; i++)
		histogram->is_split |= sort_key__is_split(keys[i]);
	return histogram;
}

static void row_free(struct histogram_row *row)
{
	for (size_t i = 0; row && i < row->n_keys; i++)
		name__put(row->key[i].name);
	if (row)
		free(row->cells);
	free(row);
}

static void free_rows(struct histogram *histogram)
{
	struct histogram_row *row = histogram->rows, *next;

	/* Clearing the table leaves the links between the rows alone. */
	HASH_CLEAR(hh, histogram->rows);
	for (; row; row = next) {
		next = row->hh.next;
		row_free(row);
	}
	free(histogram->sorted);
	histogram->sorted = NULL;
}

void histogram__free(struct histogram *histogram)
{
	if (!histogram)
		return;
	free_rows(histogram);
	free(histogram->runs);
	free(histogram);
}

void histogram__reset(struct histogram *histogram)
{
	free_rows(histogram);
	memset(&histogram->data, 0, sizeof(histogram->data));
	memset(&histogram->code, 0, sizeof(histogram->code));
}

static void count_outcome(uint64_t *sizes, uint64_t *none, uint8_t outcome, uint64_t n)
{
	if (mmu_outcome_is_size(outcome))
		sizes[outcome] += n;
	else
		none[page_size__reason(outcome)] += n;
}

static void count_difference(struct size_counts *counts, const struct page_answer *answer, uint64_t n)
{
	struct size_difference *difference = counts->differences;
	uint32_t i;

	counts->differ += n;
	for (i = 0; i < counts->n_differences; i++, difference++) {
		if (difference->walk == answer->walk && difference->kernel == answer->kernel) {
			difference->samples += n;
			return;
		}
	}
	if (i == HISTOGRAM_DIFFERENCES)
		return;
	*difference = (struct size_difference){answer->walk, answer->kernel, n};
	counts->n_differences++;
}

static void count_answer(struct size_counts *counts, const struct page_answer *answer, uint64_t n)
{
	int verdict = page_answer__compare(answer);

	counts->samples += n;
	count_outcome(counts->walk, counts->walk_none, answer->walk, n);
	count_outcome(counts->kernel, counts->kernel_none, answer->kernel, n);
	if (verdict < 0)
		return;
	counts->compared += n;
	if (verdict)
		counts->agree += n;
	else
		count_difference(counts, answer, n);
}

static void count_cell(struct size_counts *counts, const struct cell *cell)
{
	struct page_answer answer = {.walk = cell->walk, .kernel = cell->kernel};

	count_answer(counts, &answer, cell->count);
	if (cell->kind == KIND_DATA)
		counts->origins[cell->origin] += cell->count;
}

/* An outcome as it is counted, so that bytes which mean nothing do not multiply the cells. */
static uint8_t known(uint8_t outcome)
{
	return mmu_outcome_is_size(outcome) ? outcome : mmu_outcome_none(page_size__reason(outcome));
}

static struct cell data_cell(const struct sample *sample)
{
	return (struct cell){
		.kind = KIND_DATA,
		.walk = known(sample->data.walk),
		.kernel = known(sample->data.kernel),
		.origin = sample->origin < HISTOGRAM_ORIGINS ? sample->origin : MMU_ORIGIN_NONE,
	};
}

static struct cell code_cell(const struct sample *sample)
{
	return (struct cell){
		.kind = KIND_CODE,
		.walk = known(sample->code.walk),
		.kernel = known(sample->code.kernel),
	};
}

static void follow_run(uint64_t *run, uint64_t *longest, uint8_t walk)
{
	if (mmu_outcome_is_size(walk))
		*run = 0;
	else if (page_size__none_is_failure(page_size__reason(walk)) && ++*run > *longest)
		*longest = *run;
}

static int follow_runs(struct histogram *histogram, const struct sample *sample)
{
	struct run *run;

	if (sample->cpu >= histogram->n_runs) {
		size_t n = histogram->n_runs ? histogram->n_runs : 16;
		struct run *runs;

		while (n <= sample->cpu)
			n *= 2;
		runs = realloc(histogram->runs, n * sizeof(*runs));
		if (!runs)
			return -ENOMEM;
		memset(runs + histogram->n_runs, 0, (n - histogram->n_runs) * sizeof(*runs));
		histogram->runs = runs;
		histogram->n_runs = n;
	}
	run = &histogram->runs[sample->cpu];
	follow_run(&run->data, &histogram->data.longest_failure_run, sample->data.walk);
	follow_run(&run->code, &histogram->code.longest_failure_run, sample->code.walk);
	return 0;
}

/* Room for n more cells. */
static int row_reserve(struct histogram_row *row, uint32_t n)
{
	uint32_t capacity = row->capacity ? row->capacity : 2;
	struct cell *cells;

	if (row->n_cells + n <= row->capacity)
		return 0;
	while (capacity < row->n_cells + n)
		capacity *= 2;
	cells = realloc(row->cells, capacity * sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	row->cells = cells;
	row->capacity = capacity;
	return 0;
}

static struct cell *row_find(struct histogram_row *row, const struct cell *like)
{
	for (uint32_t i = 0; i < row->n_cells; i++) {
		struct cell *cell = &row->cells[i];

		if (cell->kind == like->kind && cell->walk == like->walk && cell->kernel == like->kernel &&
		    cell->origin == like->origin)
			return cell;
	}
	return NULL;
}

/* There is room for it. */
static void row_count(struct histogram_row *row, const struct cell *like)
{
	struct cell *found = row_find(row, like);

	if (!found) {
		found = &row->cells[row->n_cells++];
		*found = *like;
	}
	found->count++;
	if (like->kind == KIND_DATA)
		row->samples++;
	else
		row->code_samples++;
}

/* With room for a sample's two cells: a row that is new has them for certain. */
static struct histogram_row *row_new(const struct sort_value *key, size_t n_keys)
{
	struct histogram_row *row = calloc(1, sizeof(*row) + n_keys * sizeof(*key));

	if (!row)
		return NULL;
	if (row_reserve(row, 2)) {
		free(row);
		return NULL;
	}
	memcpy(row->key, key, n_keys * sizeof(*key));
	row->n_keys = (uint16_t)n_keys;
	for (size_t i = 0; i < n_keys; i++)
		if (key[i].name)
			name__hold(key[i].name);
	return row;
}

/* The row of this key, made if it is new. NULL: no memory. */
static struct histogram_row *row_of(struct histogram *histogram, const struct sort_value *key)
{
	size_t size = histogram->n_keys * sizeof(*key);
	struct histogram_row *row;

	HASH_FIND(hh, histogram->rows, key, size, row);
	if (row)
		return row;
	row = row_new(key, histogram->n_keys);
	if (!row)
		return NULL;
	HASH_ADD_KEYPTR(hh, histogram->rows, row->key, size, row);
	if (!row->hh.tbl) {
		row_free(row);
		return NULL;
	}
	return row;
}

static struct histogram_row *code_row_of(struct histogram *histogram, const struct sample *sample,
					 struct histogram_row *data_row)
{
	struct sort_value key[SORT_KEY_MAX];

	if (!histogram->is_split)
		return data_row;
	for (size_t i = 0; i < histogram->n_keys; i++)
		sort_key__code_value(histogram->keys[i], sample, &key[i]);
	return row_of(histogram, key);
}

/* Room for the cells that the rows, which may be one, do not have yet. */
static int make_room(struct histogram_row *data_row, const struct cell *data, struct histogram_row *code_row,
		     const struct cell *code)
{
	uint32_t n_data = !row_find(data_row, data), n_code = !row_find(code_row, code);
	int err = 0;

	if (data_row == code_row)
		return n_data + n_code ? row_reserve(data_row, n_data + n_code) : 0;
	if (n_data)
		err = row_reserve(data_row, n_data);
	if (n_code && !err)
		err = row_reserve(code_row, n_code);
	return err;
}

/* Counts data and code or neither, so that rows never show half a sample. */
static int count_row(struct histogram *histogram, const struct sample *sample)
{
	struct cell data = data_cell(sample), code = code_cell(sample);
	struct histogram_row *data_row, *code_row;
	struct sort_value key[SORT_KEY_MAX];

	for (size_t i = 0; i < histogram->n_keys; i++)
		sort_key__value(histogram->keys[i], sample, &key[i]);
	data_row = row_of(histogram, key);
	if (!data_row)
		return -ENOMEM;
	code_row = code_row_of(histogram, sample, data_row);
	if (!code_row || make_room(data_row, &data, code_row, &code))
		return -ENOMEM;
	row_count(data_row, &data);
	row_count(code_row, &code);
	return 0;
}

int histogram__add(struct histogram *histogram, const struct sample *sample)
{
	struct cell data = data_cell(sample);
	int err, row_err = 0;

	count_answer(&histogram->data, &sample->data, 1);
	histogram->data.origins[data.origin]++;
	count_answer(&histogram->code, &sample->code, 1);
	err = follow_runs(histogram, sample);
	if (histogram->n_keys)
		row_err = count_row(histogram, sample);
	return err ? err : row_err;
}

const struct size_counts *histogram__data(const struct histogram *histogram)
{
	return &histogram->data;
}

const struct size_counts *histogram__code(const struct histogram *histogram)
{
	return &histogram->code;
}

size_t histogram__n_keys(const struct histogram *histogram)
{
	return histogram->n_keys;
}

bool histogram__is_split(const struct histogram *histogram)
{
	return histogram->is_split;
}

enum sort_key histogram__key(const struct histogram *histogram, size_t i)
{
	return i < histogram->n_keys ? histogram->keys[i] : SORT_KEY_COUNT;
}

static int compare_values(const struct sort_value *a, const struct sort_value *b)
{
	if (a->number != b->number)
		return a->number < b->number ? -1 : 1;
	return strcmp(sort_value__text(a), sort_value__text(b));
}

static int compare_counts(uint64_t a, uint64_t b)
{
	return a == b ? 0 : a > b ? -1 : 1;
}

static int compare_keys(const struct histogram_row *a, const struct histogram_row *b)
{
	for (size_t i = 0; i < a->n_keys; i++) {
		int order = compare_values(&a->key[i], &b->key[i]);

		if (order)
			return order;
	}
	return 0;
}

static int compare_rows(const void *pa, const void *pb)
{
	const struct histogram_row *a = *(const struct histogram_row *const *)pa;
	const struct histogram_row *b = *(const struct histogram_row *const *)pb;
	int order = compare_counts(a->samples, b->samples);

	if (!order)
		order = compare_counts(a->code_samples, b->code_samples);
	return order ? order : compare_keys(a, b);
}

static int compare_rows_of_code(const void *pa, const void *pb)
{
	const struct histogram_row *a = *(const struct histogram_row *const *)pa;
	const struct histogram_row *b = *(const struct histogram_row *const *)pb;
	int order = compare_counts(a->code_samples, b->code_samples);

	return order ? order : compare_keys(a, b);
}

/* `data` and `code`: the rows that have a sample of it. A row has none at all after a lack of memory. */
static const struct histogram_row *const *sort_rows(struct histogram *histogram, bool data, bool code,
						    int (*compare)(const void *, const void *), size_t *n)
{
	size_t n_rows = HASH_COUNT(histogram->rows), i = 0;
	const struct histogram_row **sorted;

	*n = 0;
	errno = 0;
	if (!n_rows)
		return NULL;
	sorted = realloc(histogram->sorted, n_rows * sizeof(struct histogram_row *));
	if (!sorted) {
		errno = ENOMEM;
		return NULL;
	}
	histogram->sorted = sorted;
	for (struct histogram_row *row = histogram->rows; row; row = row->hh.next)
		if ((data && row->samples) || (code && row->code_samples))
			sorted[i++] = row;
	qsort(sorted, i, sizeof(*sorted), compare);
	*n = i;
	return i ? sorted : NULL;
}

const struct histogram_row *const *histogram__rows(struct histogram *histogram, size_t *n)
{
	return sort_rows(histogram, true, true, compare_rows, n);
}

const struct histogram_row *const *histogram__rows_of(struct histogram *histogram, bool code, size_t *n)
{
	return sort_rows(histogram, !code, code, code ? compare_rows_of_code : compare_rows, n);
}

const struct sort_value *histogram_row__value(const struct histogram_row *row, size_t i)
{
	return i < row->n_keys ? &row->key[i] : NULL;
}

uint64_t histogram_row__samples(const struct histogram_row *row)
{
	return row->samples;
}

uint64_t histogram_row__code_samples(const struct histogram_row *row)
{
	return row->code_samples;
}

void histogram_row__counts(const struct histogram_row *row, struct size_counts *data, struct size_counts *code)
{
	memset(data, 0, sizeof(*data));
	memset(code, 0, sizeof(*code));
	for (uint32_t i = 0; i < row->n_cells; i++)
		count_cell(row->cells[i].kind == KIND_DATA ? data : code, &row->cells[i]);
}

void size_counts__walks(const struct size_counts *counts, uint64_t *walks, uint64_t *failures)
{
	*walks = *failures = 0;
	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++)
		*walks += counts->walk[shift];
	for (unsigned int reason = 0; reason < MMU_NONE_MAX; reason++) {
		if (page_size__none_is_failure(reason))
			*failures += counts->walk_none[reason];
	}
	*walks += *failures;
}

static double power(double base, uint64_t exponent)
{
	double result = 1;

	for (; exponent; exponent >>= 1, base *= base) {
		if (exponent & 1)
			result *= base;
	}
	return result;
}

int histogram__run_is_suspicious(uint64_t samples, uint64_t failures, uint64_t run)
{
	double p;

	/* Where every walk failed, one long run is just what to expect. */
	if (run <= 16 || !failures || failures >= samples)
		return 0;
	p = (double)failures / (double)samples;
	return (double)samples * (1 - p) * power(p, run) < 1e-6;
}

int page_answer__compare(const struct page_answer *answer)
{
	int walk_failed = page_size__none_is_failure(page_size__reason(answer->walk));

	if (mmu_outcome_is_size(answer->kernel)) {
		if (mmu_outcome_is_size(answer->walk))
			return answer->walk == answer->kernel;
		return walk_failed ? 0 : -1;
	}
	if (page_size__reason(answer->kernel) != MMU_NONE_NOT_REPORTED)
		return -1;
	if (mmu_outcome_is_size(answer->walk))
		return 0;
	return walk_failed ? 1 : -1;
}
