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
 * Copies a name that came from a traced process so that no terminal obeys it: control characters, and bytes that are not
 * UTF-8, become \xNN. Truncates to `size`; returns buf.
 */
const char *view__escape(const char *text, char *buf, size_t size);

#endif
