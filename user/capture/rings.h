/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One BPF ring buffer per CPU, and the loader's side of them.
 */
#ifndef MMUSCOPE_CAPTURE_RINGS_H
#define MMUSCOPE_CAPTURE_RINGS_H

#include <stddef.h>
#include <stdint.h>

#include "capture/cpus.h"

struct rings;

/* One record. Return 0 to go on, < 0 to stop the drain at once (the record counts as consumed). */
typedef int (*rings_fn)(void *ctx, const void *bytes, size_t size);

/*
 * Makes a ring of `bytes` (a power of two, at least a page) for each online CPU and puts it into the array of maps
 * `outer_fd`. On failure logs a sentence and returns NULL with errno set.
 */
struct rings *rings__new(int outer_fd, const struct cpus *cpus, uint64_t bytes, rings_fn on_record, void *ctx);
void rings__free(struct rings *rings);

/*
 * Hands every record that is there to the callback. Returns 0, or the callback's negative value when it stopped the drain,
 * or -errno.
 */
int rings__drain(struct rings *rings);

/*
 * Adds the rings to an epoll set, edge-triggered with data.u64 = `tag`: an event means that a ring filled past its mark.
 * Returns 0 or -errno.
 */
int rings__watch(const struct rings *rings, int epoll_fd, uint64_t tag);

#endif
