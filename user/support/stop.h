/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wish to stop: the first SIGINT, SIGTERM or SIGHUP asks for a clean end, the second one kills.
 */
#ifndef MMUSCOPE_SUPPORT_STOP_H
#define MMUSCOPE_SUPPORT_STOP_H

#include <stdbool.h>

/* Installs the handlers. Returns 0 or -errno. */
int stop__install(void);

bool stop__wanted(void);

#endif
