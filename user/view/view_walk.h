/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prints what `walk` found.
 */
#ifndef MMUSCOPE_VIEW_VIEW_WALK_H
#define MMUSCOPE_VIEW_VIEW_WALK_H

#include <stdio.h>

#include "model/walk_report.h"
#include "view/view.h"

/* VIEW_TEXT or VIEW_JSON (schema mmuscope.walk/1). Returns 0, -ENOMEM, -EINVAL for another format, or -errno. */
int view_walk__print(enum view_format format, const struct walk_report *report, FILE *out);

#endif
