/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How names of files and cgroups are shown in a table, where width is dear: a path by its last part, as perf shows it,
 * but whole where another path of the same table ends in the same.
 */
#ifndef MMUSCOPE_VIEW_VIEW_NAMES_H
#define MMUSCOPE_VIEW_VIEW_NAMES_H

#include <stddef.h>

struct view_names;

/* Of values that are shown beside each other; they must outlive it. NULL with errno ENOMEM. */
struct view_names *view_names__new(size_t n);
void view_names__free(struct view_names *names);

/* All of them, at most n, and then once: */
void view_names__add(struct view_names *names, const char *text);
void view_names__sort(struct view_names *names);

/* The part of a text that was added which is to be shown. */
const char *view_names__short(const struct view_names *names, const char *text);

#endif
