/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the targets of event names share.
 */
#ifndef MMUSCOPE_TESTS_FUZZ_EVENTS_H
#define MMUSCOPE_TESTS_FUZZ_EVENTS_H

#include "capture/event.h"
#include "fuzz.h"

/* Parses `spec` twice, into an empty list and behind another event, and checks what event.h promises. */
void fuzz__parse_event(const char *spec, const struct event_defaults *defaults, const char *sysfs);

#endif
