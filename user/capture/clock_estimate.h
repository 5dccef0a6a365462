/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How many samples a clock event should have given: an estimate, for the account's `expected`. A machine that is traced as
 * a whole does not sample idle CPUs reliably, so their idle time (/proc/stat) is left out.
 */
#ifndef MMUSCOPE_CAPTURE_CLOCK_ESTIMATE_H
#define MMUSCOPE_CAPTURE_CLOCK_ESTIMATE_H

#include <stdint.h>

#include "capture/event.h"
#include "capture/target.h"

struct clock_estimate;

/* Notes the time from which idle time is left out. NULL when it cannot be told: then nothing is estimated. */
struct clock_estimate *clock_estimate__new(const struct target *target);
void clock_estimate__free(struct clock_estimate *estimate);

/* Notes the time up to which. */
void clock_estimate__stop(struct clock_estimate *estimate);

/*
 * Samples expected of `event`, whose own count is `counted_ns`. COUNT_UNKNOWN with a mode excluded, or without /proc/stat.
 */
int64_t clock_estimate__samples(const struct clock_estimate *estimate, const struct event *event, uint64_t counted_ns);

#endif
