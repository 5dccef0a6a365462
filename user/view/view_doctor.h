/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Prints what `doctor` found.
 */
#ifndef MMUSCOPE_VIEW_VIEW_DOCTOR_H
#define MMUSCOPE_VIEW_VIEW_DOCTOR_H

#include <stdio.h>

#include "model/feature.h"
#include "view/view.h"

/*
 * VIEW_TEXT (80 columns, the verdict in the last line) or VIEW_JSON (schema mmuscope.doctor/1). Returns 0, -ENOMEM,
 * -EINVAL for another format, or -errno.
 */
int view_doctor__print(enum view_format format, const struct feature_list *list, FILE *out);

#endif
