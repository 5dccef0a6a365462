/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What `doctor` found: one row per feature of the machine, in groups, and whether hist can work.
 */
#ifndef MMUSCOPE_MODEL_FEATURE_H
#define MMUSCOPE_MODEL_FEATURE_H

#include <stdbool.h>
#include <stddef.h>

enum feature_state {
	FEATURE_OK,
	FEATURE_LIMITED, /* there, but not all of it */
	FEATURE_MISSING,
	FEATURE_INFO, /* neither good nor bad */
	FEATURE_STATE_COUNT,
};

struct feature {
	const char *group; /* heading; static */
	char *name;
	enum feature_state state;
	char *value;
	char *remedy; /* what to change to get it; NULL: nothing is to be changed */
};

/* Zeroed is empty. */
struct feature_list {
	struct feature *features;
	size_t n;
	size_t room;
	const char *group; /* of the rows that follow */
	bool hist;         /* hist can work */
	char *verdict;     /* how, or what is missing */
	int err;           /* sticky -ENOMEM: a row could not be kept, so the list is not to be shown */
};

/* "ok", "limited", "missing", "info". */
const char *feature__state_name(enum feature_state state);

/* Rows from now on stand below `group`, which is static. */
void feature_list__group(struct feature_list *list, const char *group);

/* Appends a row; copies name and remedy (NULL: none) and formats the value. Out of memory shows in list->err. */
void feature_list__add(struct feature_list *list, enum feature_state state, const char *name, const char *remedy,
		       const char *format, ...) __attribute__((format(printf, 5, 6)));

void feature_list__conclude(struct feature_list *list, bool hist, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void feature_list__free(struct feature_list *list);

#endif
