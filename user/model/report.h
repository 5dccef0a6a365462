/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that a view needs to print one histogram. Plain data: filled by a command, read by view/.
 */
#ifndef MMUSCOPE_MODEL_REPORT_H
#define MMUSCOPE_MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accounting.h"
#include "histogram.h"

struct report_event {
	const char *name;
	uint64_t period; /* 0: sampled by frequency */
	uint64_t freq;   /* Hz, 0: sampled by period */
	struct accounting accounting;
};

/* What the operand resolver did since the start of the run. */
struct report_operands {
	bool on;
	uint64_t late;      /* samples whose code was new: resolved and walked by the loader */
	uint64_t installed; /* recipes made */
	uint64_t evicted;   /* given up for newer ones */
	uint64_t expired;   /* given up because their code was rewritten */
};

struct report {
	const char *version;
	const char *kernel;
	const char *arch;
	uint64_t base_page; /* bytes */
	uint64_t duration_ns;
	const struct report_event *events;
	size_t n_events;
	struct accounting accounting; /* sum over the events */
	struct report_operands operands;
	struct histogram *histogram;
	const char *const *warnings;
	size_t n_warnings;
	bool show_walk; /* --source */
	bool show_kernel;
};

#endif
