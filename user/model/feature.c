// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "feature.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *feature__state_name(enum feature_state state)
{
	static const char *const names[FEATURE_STATE_COUNT] = {
		[FEATURE_OK] = "ok",
		[FEATURE_LIMITED] = "limited",
		[FEATURE_MISSING] = "missing",
		[FEATURE_INFO] = "info",
	};

	return state < FEATURE_STATE_COUNT ? names[state] : "unknown";
}

void feature_list__group(struct feature_list *list, const char *group)
{
	list->group = group;
}

static struct feature *new_row(struct feature_list *list)
{
	size_t room = list->room ? list->room * 2 : 64;
	struct feature *features;

	if (list->n == list->room) {
		features = realloc(list->features, room * sizeof(*features));
		if (!features)
			return NULL;
		list->features = features;
		list->room = room;
	}
	return &list->features[list->n];
}

static void free_row(struct feature *row)
{
	free(row->name);
	free(row->value);
	free(row->remedy);
}

static char *format_text(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

static char *format_text(const char *format, va_list args)
{
	va_list again;
	char *text;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, args);
	text = n < 0 ? NULL : malloc((size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, format, again);
	va_end(again);
	return text;
}

void feature_list__add(struct feature_list *list, enum feature_state state, const char *name, const char *remedy,
		       const char *format, ...)
{
	struct feature *row = new_row(list);
	va_list args;

	if (!row) {
		list->err = -ENOMEM;
		return;
	}
	va_start(args, format);
	*row = (struct feature){
		.group = list->group,
		.name = strdup(name),
		.state = state,
		.value = format_text(format, args),
		.remedy = remedy ? strdup(remedy) : NULL,
	};
	va_end(args);
	if (row->name && row->value && (row->remedy || !remedy)) {
		list->n++;
		return;
	}
	list->err = -ENOMEM;
	free_row(row);
}

void feature_list__conclude(struct feature_list *list, bool hist, const char *format, ...)
{
	va_list args;

	free(list->verdict);
	va_start(args, format);
	list->verdict = format_text(format, args);
	va_end(args);
	list->hist = hist;
	if (!list->verdict)
		list->err = -ENOMEM;
}

void feature_list__free(struct feature_list *list)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		free_row(&list->features[i]);
	free(list->features);
	free(list->verdict);
	*list = (struct feature_list){0};
}
