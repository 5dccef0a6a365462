/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sort_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "page_size.h"

static const struct {
	const char *name;
	unsigned int sections;
} keys[SORT_KEY_COUNT] = {
	[SORT_SIZE] = {"size", 0},
	[SORT_COMM] = {"comm", MMU_SECTION_TASK},
	[SORT_PID] = {"pid", MMU_SECTION_TASK},
	[SORT_TID] = {"tid", MMU_SECTION_TASK},
	[SORT_CPU] = {"cpu", 0},
	[SORT_MODE] = {"mode", 0},
	[SORT_MAP] = {"map", MMU_SECTION_TASK | MMU_SECTION_PLACE},
	[SORT_CGROUP] = {"cgroup", MMU_SECTION_DETAIL},
	[SORT_ORIGIN] = {"origin", 0},
	[SORT_LEVEL] = {"level", 0},
};

const char *sort_key__name(enum sort_key key)
{
	return (unsigned int)key < SORT_KEY_COUNT ? keys[key].name : "unknown";
}

int sort_key__by_name(const char *name)
{
	for (int key = 0; key < SORT_KEY_COUNT; key++) {
		if (!strcmp(keys[key].name, name))
			return key;
	}
	return -EINVAL;
}

unsigned int sort_key__sections(enum sort_key key)
{
	return (unsigned int)key < SORT_KEY_COUNT ? keys[key].sections : 0;
}

bool sort_key__is_split(enum sort_key key)
{
	return key == SORT_MAP;
}

const char *sort_value__text(const struct sort_value *value)
{
	return value->name ? name__text(value->name) : value->text;
}

static void set_number(struct sort_value *value, uint32_t number)
{
	char digits[10];
	size_t n = 0;

	/* By hand: this runs for every sample, and snprintf() takes four times as long. */
	value->number = number;
	value->is_number = 1;
	do {
		digits[n++] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	for (char *to = value->text; n;)
		*to++ = digits[--n];
}

static void set_name(struct sort_value *value, const char *name, int64_t order)
{
	value->number = order;
	memcpy(value->text, name, strnlen(name, sizeof(value->text) - 1));
}

static void set_size(struct sort_value *value, const struct page_answer *answer)
{
	uint8_t outcome = answer->walk;
	char name[PAGE_SIZE_NAME_LEN];

	if (!mmu_outcome_is_size(outcome) &&
	    (mmu_outcome_is_size(answer->kernel) || page_size__reason(outcome) == MMU_NONE_UNSUPPORTED))
		outcome = answer->kernel;
	if (mmu_outcome_is_size(outcome))
		set_name(value, page_size__name(outcome, name), outcome);
	else
		set_name(value, page_size__none_name(page_size__reason(outcome)),
			 mmu_outcome_none(page_size__reason(outcome)));
}

void sort_key__value(enum sort_key key, const struct sample *sample, struct sort_value *value)
{
	memset(value, 0, sizeof(*value));
	switch (key) {
	case SORT_SIZE:
		set_size(value, &sample->data);
		break;
	case SORT_COMM:
		memcpy(value->text, sample->comm, strnlen(sample->comm, sizeof(sample->comm)));
		break;
	case SORT_PID:
		set_number(value, sample->pid);
		break;
	case SORT_TID:
		set_number(value, sample->tid);
		break;
	case SORT_CPU:
		set_number(value, sample->cpu);
		break;
	case SORT_MODE:
		set_name(value, page_size__mode_name(sample->mode), sample->mode);
		break;
	case SORT_MAP:
		value->name = sample->data_map;
		break;
	case SORT_CGROUP:
		value->name = sample->cgroup_path;
		break;
	case SORT_ORIGIN:
		set_name(value, page_size__origin_name(sample->origin), sample->origin);
		break;
	case SORT_LEVEL:
		set_name(value, page_size__level_name(sample->data.level), sample->data.level);
		break;
	case SORT_KEY_COUNT:
		break;
	}
}

void sort_key__code_value(enum sort_key key, const struct sample *sample, struct sort_value *value)
{
	sort_key__value(key, sample, value);
	if (key == SORT_MAP)
		value->name = sample->code_map;
}
