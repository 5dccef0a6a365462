/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What rows are split by.
 */
#ifndef MMUSCOPE_MODEL_SORT_KEY_H
#define MMUSCOPE_MODEL_SORT_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sample.h"

#define SORT_KEY_MAX 8
#define SORT_VALUE_TEXT 32

enum sort_key {
	SORT_SIZE, /* data page size of the walk, else of the kernel; else the reason of the first that is supported */
	SORT_COMM,
	SORT_PID,
	SORT_TID,
	SORT_CPU,
	SORT_MODE,
	SORT_MAP, /* what is mapped there: at the data address for data, at the code's for code */
	SORT_CGROUP,
	SORT_ORIGIN,
	SORT_LEVEL, /* at which the data walk ended */
	SORT_KEY_COUNT,
};

/*
 * A key's value: always a text, and a number where the value is one (is_number). Where it is not, `number` is what
 * names are ordered by: 4K before 2M, sizes before reasons; 0 for comm. Long texts are names, and `text` is empty then:
 * see sort_value__text().
 */
struct sort_value {
	char text[SORT_VALUE_TEXT];
	const struct name *name;
	int64_t number;
	int is_number;
};

#define SORT_VALUE_TEXT_MAX NAME_TEXT_MAX /* bytes of any value's text */
const char *sort_value__text(const struct sort_value *value);

const char *sort_key__name(enum sort_key key);

/* Returns the key of that name, or -EINVAL. */
int sort_key__by_name(const char *name);

/*
 * The value of a sample's data, or of its code, under a key. Bytes behind the text are zero, so values compare with memcmp().
 * Names are not held.
 */
void sort_key__value(enum sort_key key, const struct sample *sample, struct sort_value *value);
void sort_key__code_value(enum sort_key key, const struct sample *sample, struct sort_value *value);

/* Can the two differ? Then data and code of one sample may be in different rows. */
bool sort_key__is_split(enum sort_key key);

/* The sections of enum mmu_section that a record must have for this key. */
unsigned int sort_key__sections(enum sort_key key);

#endif
