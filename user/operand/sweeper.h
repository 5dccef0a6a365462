/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Makes images of large files in a thread of its own: a compiler's text takes a second, and rings fill meanwhile.
 */
#ifndef MMUSCOPE_OPERAND_SWEEPER_H
#define MMUSCOPE_OPERAND_SWEEPER_H

#include <stdbool.h>
#include <stdint.h>

#include "code_image.h"

struct sweeper;
struct sweep_job;

/* The thread starts with the first job. NULL with errno ENOMEM. */
struct sweeper *sweeper__new(void);

/* Stops the thread within a few thousand instructions, and frees the jobs that were never fetched. */
void sweeper__free(struct sweeper *sweeper);

/* Has an image made of a file; the descriptor is duplicated. NULL with errno. */
struct sweep_job *sweeper__add(struct sweeper *sweeper, int fd, uint64_t max_bytes);

/*
 * Is the job done? Then *image is what became of it (NULL: the file cannot be used), the caller's, and the job is gone.
 */
bool sweeper__fetch(struct sweeper *sweeper, struct sweep_job *job, struct code_image **image);

#endif
