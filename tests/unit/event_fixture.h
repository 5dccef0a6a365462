/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * event__parse() on machines that need not exist: sysfs trees in a directory of their own, and the messages caught.
 */
#ifndef MMUSCOPE_TESTS_EVENT_FIXTURE_H
#define MMUSCOPE_TESTS_EVENT_FIXTURE_H

#include <stdarg.h>

#include "capture/event.h"
#include "support/log.h"

struct event_machine {
	const char *name;
	const char *const *lines; /* "cpu/type 4", …, NULL */
};

/* Ends with a machine without name. */
extern const struct event_machine event_machines[];

extern struct event_fixture {
	struct event_list list;
	struct event_defaults defaults;
	char message[4096]; /* the last one */
	int messages;       /* since fixture__parse() began */
} fixture;

/* For the test's __wrap_log__print(), which has to stand in the test's own source. */
void fixture__log(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Of the group, and of each test. */
int fixture__build(void **state);
int fixture__remove(void **state);
int fixture__fresh(void **state);
int fixture__drop(void **state);

void fixture__put(const char *machine, const char *file, const char *content);
void fixture__put_line(const char *machine, const char *line);

int fixture__parse(const char *machine, const char *spec);
/* Parses into an empty list and returns its one event. */
const struct event *fixture__one(const char *machine, const char *spec);
/* Parses into an empty list, which then has n events. */
void fixture__many(const char *machine, const char *spec, size_t n);
/* Refused with `err`, in one sentence that quotes the event and holds `part`; the list stays as it was. */
void fixture__refused(const char *machine, const char *spec, int err, const char *part);

/* Pseudo-random, the same for the same seed. */
void fixture__seed(uint64_t seed);
uint32_t fixture__random(uint32_t limit);
/* A few bytes changed, lost, added or doubled, in a buffer of `room` (up to 512) bytes. */
void fixture__mangle(char *text, size_t room);

#define FIXTURE_TEST(function) cmocka_unit_test_setup_teardown(function, fixture__fresh, fixture__drop)

#endif
