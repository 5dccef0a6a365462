// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "capture/clock_estimate.h"
#include "model/accounting.h"
#include "support/clock.h"

struct clock_estimate {
	const struct target *target;
	bool whole_machine;
	bool stopped;
	uint64_t idle_start_ns;
	uint64_t idle_stop_ns;
};

static bool is_wanted(const struct target *target, uint32_t cpu)
{
	size_t i;

	for (i = 0; i < target->n_cpus; i++) {
		if (target->cpus[i] == cpu)
			return true;
	}
	return !target->cpus;
}

/* Idle and I/O-wait time of the CPUs of the target since boot, from /proc/stat (proc(5)), in ns. */
static int read_idle(const struct target *target, uint64_t *idle_ns)
{
	uint64_t tick_ns = NSEC_PER_SEC / sysconf(_SC_CLK_TCK);
	FILE *file = fopen("/proc/stat", "re");
	uint64_t idle, wait;
	char line[512];
	uint32_t cpu;

	if (!file)
		return -1;
	*idle_ns = 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "cpu%" SCNu32 " %*u %*u %*u %" SCNu64 " %" SCNu64, &cpu, &idle, &wait) == 3 &&
		    is_wanted(target, cpu))
			*idle_ns += (idle + wait) * tick_ns;
	}
	fclose(file);
	return 0;
}

struct clock_estimate *clock_estimate__new(const struct target *target)
{
	struct clock_estimate *estimate = calloc(1, sizeof(*estimate));

	if (!estimate)
		return NULL;
	estimate->target = target;
	estimate->whole_machine = target->kind == TARGET_ALL;
	if (estimate->whole_machine && read_idle(target, &estimate->idle_start_ns)) {
		free(estimate);
		return NULL;
	}
	return estimate;
}

void clock_estimate__free(struct clock_estimate *estimate)
{
	free(estimate);
}

void clock_estimate__stop(struct clock_estimate *estimate)
{
	if (estimate && estimate->whole_machine && !read_idle(estimate->target, &estimate->idle_stop_ns))
		estimate->stopped = true;
}

int64_t clock_estimate__samples(const struct clock_estimate *estimate, const struct event *event, uint64_t counted_ns)
{
	uint64_t idle = 0, stop = 0;

	if (!estimate || event->attr.exclude_user || event->attr.exclude_kernel || event->attr.exclude_idle)
		return COUNT_UNKNOWN;
	if (estimate->whole_machine) {
		stop = estimate->idle_stop_ns;
		if (!estimate->stopped && read_idle(estimate->target, &stop))
			return COUNT_UNKNOWN;
		/* The kernel's I/O wait may go backwards (proc(5)). */
		idle = stop > estimate->idle_start_ns ? stop - estimate->idle_start_ns : 0;
	}
	counted_ns = counted_ns > idle ? counted_ns - idle : 0;
	if (event->attr.freq)
		return (int64_t)((double)counted_ns * event->attr.sample_freq / NSEC_PER_SEC);
	return event->attr.sample_period ? (int64_t)(counted_ns / event->attr.sample_period) : COUNT_UNKNOWN;
}
