/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view_names.h"

#include <stdlib.h>
#include <string.h>

struct view_names {
	size_t n;
	const char *texts[]; /* paths, by their last part */
};

struct view_names *view_names__new(size_t n)
{
	return calloc(1, sizeof(struct view_names) + n * sizeof(const char *));
}

void view_names__free(struct view_names *names)
{
	free(names);
}

/* NULL: it is no path, or ends in a slash. */
static const char *last_part(const char *text)
{
	const char *slash = strrchr(text, '/');

	return *text == '/' && slash[1] ? slash + 1 : NULL;
}

void view_names__add(struct view_names *names, const char *text)
{
	if (last_part(text))
		names->texts[names->n++] = text;
}

static int compare_parts(const void *pa, const void *pb)
{
	return strcmp(last_part(*(const char *const *)pa), last_part(*(const char *const *)pb));
}

static int compare(const void *pa, const void *pb)
{
	int order = compare_parts(pa, pb);

	return order ? order : strcmp(*(const char *const *)pa, *(const char *const *)pb);
}

void view_names__sort(struct view_names *names)
{
	size_t kept = 0;

	qsort(names->texts, names->n, sizeof(names->texts[0]), compare);
	for (size_t i = 0; i < names->n; i++)
		if (!kept || strcmp(names->texts[i], names->texts[kept - 1]) != 0)
			names->texts[kept++] = names->texts[i];
	names->n = kept;
}

const char *view_names__short(const struct view_names *names, const char *text)
{
	const char *const *found, *const *end = names->texts + names->n;

	if (!last_part(text))
		return text;
	found = bsearch(&text, names->texts, names->n, sizeof(names->texts[0]), compare_parts);
	if (!found || (found > names->texts && !compare_parts(found - 1, found)) ||
	    (found + 1 < end && !compare_parts(found, found + 1)))
		return text;
	return last_part(text);
}
