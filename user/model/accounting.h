/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The accounts of an event, or of a whole run: nothing is dropped without being counted.
 */
#ifndef MMUSCOPE_MODEL_ACCOUNTING_H
#define MMUSCOPE_MODEL_ACCOUNTING_H

#include <stdbool.h>
#include <stdint.h>

/* A count that may not be known. JSON: null. */
#define COUNT_UNKNOWN (-1)

struct accounting {
	uint64_t seen;      /* runs of the BPF program */
	uint64_t emitted;   /* records put into a ring */
	uint64_t filtered;  /* left out on purpose */
	uint64_t ring_full; /* lost: no room */
	uint64_t ring_busy; /* lost: the ring was locked */
	uint64_t received;  /* records that reached the loader; after a clean stop equal to emitted */
	int64_t counted;    /* the perf event's own count, COUNT_UNKNOWN where it is not one sample per event */
	int64_t expected;   /* clocks: samples that the time on CPU would give, an estimate */
	int64_t throttled;  /* PERF_RECORD_THROTTLE seen */
};

/* All zero counts, all unknowns unknown. */
void accounting__init(struct accounting *accounting);

/* Adds `from` to `into`; an unknown on either side makes the sum unknown. */
void accounting__add(struct accounting *into, const struct accounting *from);

/* What came to `earlier` since: now - earlier, unknowns staying unknown. */
struct accounting accounting__since(const struct accounting *now, const struct accounting *earlier);

/* ring_full + ring_busy. */
uint64_t accounting__lost(const struct accounting *accounting);

/*
 * counted - seen: samples that the program never saw (recursion, throttling). COUNT_UNKNOWN when `counted` is, and when
 * it is below `seen`.
 */
int64_t accounting__missed(const struct accounting *accounting);

/* seen == emitted + filtered + lost. */
bool accounting__is_exact(const struct accounting *accounting);

#endif
