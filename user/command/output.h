/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * -o FILE, or standard output.
 */
#ifndef MMUSCOPE_COMMAND_OUTPUT_H
#define MMUSCOPE_COMMAND_OUTPUT_H

#include <stdio.h>

/*
 * Opens `path` for writing (0600: names and addresses of other users' processes go there), or standard output for NULL.
 * Returns 0 or -errno, with a message logged.
 */
int output__open(const char *path, FILE **out);

/* Logs why writing failed. A closed pipe is nobody's fault and is passed over. */
void output__explain(const char *path, int err);

/*
 * Flushes, and closes a file of ours. Returns `err` if that is an error already, else 0 or -errno of what was still to be
 * written, with a message logged.
 */
int output__close(const char *path, FILE *out, int err);

#endif
