/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "accounting.h"

void accounting__init(struct accounting *accounting)
{
	*accounting = (struct accounting){
		.counted = COUNT_UNKNOWN,
		.expected = COUNT_UNKNOWN,
		.throttled = COUNT_UNKNOWN,
	};
}

static int64_t add_known(int64_t a, int64_t b)
{
	int64_t sum;

	if (a == COUNT_UNKNOWN || b == COUNT_UNKNOWN || __builtin_add_overflow(a, b, &sum))
		return COUNT_UNKNOWN;
	return sum;
}

void accounting__add(struct accounting *into, const struct accounting *from)
{
	into->seen += from->seen;
	into->emitted += from->emitted;
	into->filtered += from->filtered;
	into->ring_full += from->ring_full;
	into->ring_busy += from->ring_busy;
	into->received += from->received;
	into->counted = add_known(into->counted, from->counted);
	into->expected = add_known(into->expected, from->expected);
	into->throttled = add_known(into->throttled, from->throttled);
}

uint64_t accounting__lost(const struct accounting *accounting)
{
	return accounting->ring_full + accounting->ring_busy;
}

int64_t accounting__missed(const struct accounting *accounting)
{
	/*
	 * More runs than events is no count of anything: the counters were read at different times, or the event was
	 * not one sample per event after all. A negative count must not reach a report.
	 */
	if (accounting->counted < 0 || (uint64_t)accounting->counted < accounting->seen)
		return COUNT_UNKNOWN;
	return (int64_t)((uint64_t)accounting->counted - accounting->seen);
}

bool accounting__is_exact(const struct accounting *accounting)
{
	return accounting->seen == accounting->emitted + accounting->filtered + accounting__lost(accounting);
}

static int64_t known_since(int64_t now, int64_t earlier)
{
	if (now == COUNT_UNKNOWN || earlier == COUNT_UNKNOWN)
		return COUNT_UNKNOWN;
	return now > earlier ? now - earlier : 0; /* an estimate may go back a little */
}

struct accounting accounting__since(const struct accounting *now, const struct accounting *earlier)
{
	return (struct accounting){
		.seen = now->seen - earlier->seen,
		.emitted = now->emitted - earlier->emitted,
		.filtered = now->filtered - earlier->filtered,
		.ring_full = now->ring_full - earlier->ring_full,
		.ring_busy = now->ring_busy - earlier->ring_busy,
		.received = now->received - earlier->received,
		.counted = known_since(now->counted, earlier->counted),
		.expected = known_since(now->expected, earlier->expected),
		.throttled = known_since(now->throttled, earlier->throttled),
	};
}
