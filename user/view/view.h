/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prints a report. A view reads the model and knows nothing else.
 */
#ifndef MMUSCOPE_VIEW_VIEW_H
#define MMUSCOPE_VIEW_VIEW_H

#include <stdbool.h>
#include <stdio.h>

#include "model/report.h"

enum view_format {
	VIEW_TEXT,
	VIEW_JSON, /* one object on one line */
	VIEW_CSV,
};

/* Returns the format of that name, or -EINVAL. */
int view__by_name(const char *name);

/*
 * Prints one report. `first`: nothing was printed to `out` before (CSV prints its header then). Returns 0, -ENOMEM, or
 * -errno of the write.
 */
int view__print(enum view_format format, const struct report *report, bool first, FILE *out);

int view_text__print(const struct report *report, FILE *out);
int view_json__print(const struct report *report, FILE *out);
int view_csv__print(const struct report *report, bool first, FILE *out);

/*
 * Copies a name that came from a traced process so that no terminal obeys it: control characters, and bytes that are
 * not UTF-8, become \xNN; so do the characters that turn the direction of the text around them. Truncates to `size`, at
 * whole sequences; returns buf. VIEW_ESCAPED_LEN(n) bytes hold any text of n bytes whole.
 */
#define VIEW_ESCAPED_LEN(n) (4 * (n) + 1)
const char *view__escape(const char *text, char *buf, size_t size);

/* The same into memory of its own; NULL with errno ENOMEM. */
char *view__escape_new(const char *text);

/* For the views: flushes. Returns 0 or -errno of the first write that failed; errno was 0 when the view began. */
int view__finish(FILE *out);

/*
 * For the views: what there is to say about the longest run of failed walks of `kind` ("data" or "code"). False, and an
 * empty text, when chance explains it.
 */
bool view__run_warning(const struct size_counts *counts, const char *kind, char *buf, size_t size);

#endif
