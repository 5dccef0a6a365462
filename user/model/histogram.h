/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Counts page sizes and reasons, for data and for code, over all samples and by key. Memory grows with the number of
 * distinct keys, not with the number of samples.
 */
#ifndef MMUSCOPE_MODEL_HISTOGRAM_H
#define MMUSCOPE_MODEL_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "record.h"
#include "sample.h"
#include "sort_key.h"

#define HISTOGRAM_SHIFTS 64
#define HISTOGRAM_ORIGINS 8

/* What walk and kernel said where they contradict each other: outcomes as in record.h. */
struct size_difference {
	uint8_t walk;
	uint8_t kernel;
	uint64_t samples;
};

/* Kinds of contradiction that are told apart; more are in `differ` alone. */
#define HISTOGRAM_DIFFERENCES 8

/* What one kind of address (data or code) was mapped by. samples = Σ sizes + Σ none, for either source. */
struct size_counts {
	uint64_t samples;
	uint64_t walk[HISTOGRAM_SHIFTS]; /* by log2 of the page size */
	uint64_t kernel[HISTOGRAM_SHIFTS];
	uint64_t walk_none[MMU_NONE_MAX]; /* by enum mmu_none */
	uint64_t kernel_none[MMU_NONE_MAX];
	uint64_t compared; /* both sources could speak: see page_answer__compare() */
	uint64_t agree;
	uint64_t differ;
	uint64_t origins[HISTOGRAM_ORIGINS]; /* enum mmu_origin; data only */
	/* Consecutive failed walks on one CPU; samples that were not walked neither break a run nor lengthen it. */
	uint64_t longest_failure_run;
	/* What is in `differ`, in the order in which it came. */
	struct size_difference differences[HISTOGRAM_DIFFERENCES];
	uint32_t n_differences;
};

/*
 * One line of the table by key. It holds only the counts that are not 0: see histogram_row__counts(). Data and code of a
 * sample count in the same row, unless a key tells them apart (sort_key__is_split()).
 */
struct histogram_row;

struct histogram;

/*
 * keys[0 … n_keys - 1] split the samples into rows; n_keys 0 gives totals only. Returns NULL with errno ENOMEM, or EINVAL
 * for more than SORT_KEY_MAX keys.
 */
struct histogram *histogram__new(const enum sort_key *keys, size_t n_keys);
void histogram__free(struct histogram *histogram);

/*
 * Returns 0, or -ENOMEM; the totals count the sample in either case, and the histogram stays good. What -ENOMEM leaves
 * out is the sample's row, or its part in a failure run.
 */
int histogram__add(struct histogram *histogram, const struct sample *sample);

/* Back to empty, keys kept: the next interval. Failure runs that are under way go on. */
void histogram__reset(struct histogram *histogram);

const struct size_counts *histogram__data(const struct histogram *histogram);
const struct size_counts *histogram__code(const struct histogram *histogram);
size_t histogram__n_keys(const struct histogram *histogram);
bool histogram__is_split(const struct histogram *histogram); /* does a key tell data and code apart? */
enum sort_key histogram__key(const struct histogram *histogram, size_t i);

/*
 * The rows, most data samples first, then most code samples, ties by key; *n is their number. The array belongs to the histogram and is good until the
 * next add or reset. NULL with *n 0 when there are none, NULL with errno ENOMEM and *n 0 when there is no memory.
 */
const struct histogram_row *const *histogram__rows(struct histogram *histogram, size_t *n);

/* The same of the rows that have a sample of data, or of code, most of these first. In place of the former array. */
const struct histogram_row *const *histogram__rows_of(struct histogram *histogram, bool code, size_t *n);

/* The row's value under key i of the histogram. Belongs to the histogram. */
const struct sort_value *histogram_row__value(const struct histogram_row *row, size_t i);
uint64_t histogram_row__samples(const struct histogram_row *row); /* of data */
uint64_t histogram_row__code_samples(const struct histogram_row *row);

/* The counts of a row. longest_failure_run is 0: runs are followed per CPU, not per key. */
void histogram_row__counts(const struct histogram_row *row, struct size_counts *data, struct size_counts *code);

/* Addresses that our walk was run on, and how many of these walks failed. */
void size_counts__walks(const struct size_counts *counts, uint64_t *walks, uint64_t *failures);

/*
 * Would chance explain a run of `run` failures among `samples` walks of which `failures` failed? True when it would not
 * (the expected number of such runs is below one in a million, and the run is longer than 16).
 */
int histogram__run_is_suspicious(uint64_t samples, uint64_t failures, uint64_t run);

/*
 * 1 agree, 0 differ, -1 not comparable (a side was unsupported, or had no address to speak of). The kernel knows but one
 * reason, not-reported: it agrees with every failure of the walk.
 */
int page_answer__compare(const struct page_answer *answer);

#endif
