// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "support/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NSEC_PER_SEC 1000000000ULL

/* -1 for what is no digit of that base. Without <ctype.h>: no locale has a say in numbers. */
static int digit_value(char c, unsigned int base)
{
	int value = -1;

	if (c >= '0' && c <= '9')
		value = c - '0';
	else if (c >= 'a' && c <= 'f')
		value = c - 'a' + 10;
	else if (c >= 'A' && c <= 'F')
		value = c - 'A' + 10;
	return value < (int)base ? value : -1;
}

/*
 * Reads the digits at *text and moves *text behind them. -EINVAL: there were none; -ERANGE: too many for 64 bits, *text
 * moved all the same, so that the caller can still tell "too large" from "not a number".
 */
static int scan_digits(const char **text, unsigned int base, uint64_t *value)
{
	const char *start = *text;
	bool overflow = false;
	int digit;

	*value = 0;
	for (; (digit = digit_value(**text, base)) >= 0; (*text)++) {
		overflow |= __builtin_mul_overflow(*value, (uint64_t)base, value);
		overflow |= __builtin_add_overflow(*value, (uint64_t)digit, value);
	}
	if (*text == start)
		return -EINVAL;
	return overflow ? -ERANGE : 0;
}

static int scan_number(const char **text, uint64_t *value)
{
	if ((*text)[0] == '0' && ((*text)[1] == 'x' || (*text)[1] == 'X')) {
		*text += 2;
		return scan_digits(text, 16, value);
	}
	return scan_digits(text, 10, value);
}

/* Common end of the scalar parsers: trailing text makes it no number, whatever its size. Errors leave *out alone. */
static int finish(int err, const char *rest, uint64_t number, uint64_t min, uint64_t max, uint64_t *out)
{
	if (*rest)
		return -EINVAL;
	if (err)
		return err;
	if (number < min || number > max)
		return -ERANGE;
	*out = number;
	return 0;
}

int parse__u64(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	uint64_t number;
	int err = scan_number(&text, &number);

	return finish(err, text, number, min, max, value);
}

int parse__size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes)
{
	uint64_t number, unit = 1;
	int err = scan_number(&text, &number);

	if (err == -EINVAL)
		return err;
	switch (*text) {
	case 'K':
	case 'k':
		unit = 1ULL << 10;
		break;
	case 'M':
	case 'm':
		unit = 1ULL << 20;
		break;
	case 'G':
	case 'g':
		unit = 1ULL << 30;
		break;
	}
	if (unit > 1)
		text++;
	if (!err && __builtin_mul_overflow(number, unit, &number))
		err = -ERANGE;
	return finish(err, text, number, min, max, bytes);
}

int parse__seconds(const char *text, uint64_t min_ns, uint64_t max_ns, uint64_t *ns)
{
	uint64_t number = 0, fraction = 0, unit = NSEC_PER_SEC / 10;
	int err = 0;

	/* ".5" is a number, "5." and "." are not. */
	if (*text != '.')
		err = scan_digits(&text, 10, &number);
	if (err == -EINVAL)
		return err;
	if (*text == '.') {
		text++;
		if (digit_value(*text, 10) < 0)
			return -EINVAL;
		/* Digits below the nanosecond are dropped. */
		for (; digit_value(*text, 10) >= 0; text++, unit /= 10)
			fraction += (uint64_t)digit_value(*text, 10) * unit;
	}
	if (!err && (__builtin_mul_overflow(number, NSEC_PER_SEC, &number) ||
		     __builtin_add_overflow(number, fraction, &number)))
		err = -ERANGE;
	return finish(err, text, number, min_ns, max_ns, ns);
}

struct span {
	uint32_t first;
	uint32_t last; /* inclusive */
};

/* "N" or "N-M" at *text, which moves to the comma or the end behind it. */
static int scan_span(const char **text, uint32_t min, uint32_t max, int ranges, struct span *span)
{
	uint64_t first, last;
	int err, last_err;

	err = scan_number(text, &first);
	if (err == -EINVAL)
		return err;
	last = first;
	if (**text == '-' && ranges) {
		(*text)++;
		last_err = scan_number(text, &last);
		if (last_err == -EINVAL)
			return last_err;
		err = err ? err : last_err;
	}
	if (**text && **text != ',')
		return -EINVAL;
	if (err)
		return err;
	if (first > last)
		return -EINVAL;
	if (first < min || last > max)
		return -ERANGE;
	span->first = (uint32_t)first;
	span->last = (uint32_t)last;
	return 0;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *left = a, *right = b;

	return (left->first > right->first) - (left->first < right->first);
}

/* Sorted spans to the numbers in them, each once. Overlaps melt first: max - min bounds the memory, not the text. */
static int expand_spans(struct span *spans, size_t n_spans, uint32_t **list, size_t *n)
{
	size_t merged = 0, total = 0, at = 0;
	uint32_t *numbers;

	for (size_t i = 1; i < n_spans; i++) {
		if (spans[i].first > spans[merged].last)
			spans[++merged] = spans[i];
		else if (spans[i].last > spans[merged].last)
			spans[merged].last = spans[i].last;
	}
	for (size_t i = 0; i <= merged; i++)
		total += (size_t)(spans[i].last - spans[i].first) + 1;

	numbers = reallocarray(NULL, total, sizeof(*numbers));
	if (!numbers)
		return -ENOMEM;
	for (size_t i = 0; i <= merged; i++)
		for (uint64_t number = spans[i].first; number <= spans[i].last; number++)
			numbers[at++] = (uint32_t)number;
	*list = numbers;
	*n = total;
	return 0;
}

int parse__list(const char *text, uint32_t min, uint32_t max, int ranges, uint32_t **list, size_t *n)
{
	struct span *spans;
	size_t n_spans = 1, read = 0;
	int err, range_err = 0;

	for (const char *c = text; *c; c++)
		n_spans += *c == ',';
	spans = reallocarray(NULL, n_spans, sizeof(*spans));
	if (!spans)
		return -ENOMEM;

	/* A number out of range does not end the scan: a later "abc" makes the whole no list. */
	for (;;) {
		err = scan_span(&text, min, max, ranges, &spans[read]);
		if (err == -ERANGE)
			range_err = err;
		else if (err)
			goto cleanup;
		read++;
		if (!*text)
			break;
		text++;
	}
	err = range_err;
	if (err)
		goto cleanup;
	qsort(spans, n_spans, sizeof(*spans), compare_spans);
	err = expand_spans(spans, n_spans, list, n);
cleanup:
	free(spans);
	return err;
}
