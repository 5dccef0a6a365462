/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <errno.h>

#include "events.h"

static void check_event(const struct event *event)
{
	FUZZ_CHECK(event->name[0] && memchr(event->name, '\0', sizeof(event->name)));
	FUZZ_CHECK(event->attr.size == sizeof(event->attr));
	FUZZ_CHECK(event->attr.precise_ip <= 3);
	FUZZ_CHECK(event->attr.sample_period);
	FUZZ_CHECK(event->origin <= MMU_ORIGIN_FAULT);
	FUZZ_CHECK(!event->attr.sample_type && !event->attr.disabled && !event->attr.inherit);
	/* The kernel refuses a period with bit 63 set. */
	FUZZ_CHECK(event->attr.freq || event->attr.sample_period <= INT64_MAX);
}

static int parse(const char *spec, const struct event_defaults *defaults, const char *sysfs, struct event_list *list)
{
	const struct event_paths paths = {.sysfs_devices = sysfs};
	struct event_list before = *list;
	int err;

	fuzz_messages.errors = 0;
	err = event__parse(spec, defaults, &paths, list);
	FUZZ_CHECK(err == 0 || err == -EINVAL || err == -ENOTSUP || err == -E2BIG);
	if (err) {
		FUZZ_CHECK(!memcmp(&before, list, sizeof(before)));
		FUZZ_CHECK(fuzz_messages.errors == 1);
		/* It quotes the name, where that can be printed. */
		FUZZ_CHECK(!strncmp(fuzz_messages.last, "event", 5));
		return err;
	}
	FUZZ_CHECK(!fuzz_messages.errors);
	FUZZ_CHECK(list->n > before.n && list->n <= MMU_MAX_EVENTS);
	for (size_t i = 0; i < list->n; i++)
		check_event(&list->events[i]);
	return 0;
}

void fuzz__parse_event(const char *spec, const struct event_defaults *defaults, const char *sysfs)
{
	struct event_list alone = {0}, second = {0};
	int err = parse(spec, defaults, sysfs, &alone);

	FUZZ_CHECK(!parse("page-faults", defaults, sysfs, &second));
	if (parse(spec, defaults, sysfs, &second) != err)
		FUZZ_CHECK(alone.n == MMU_MAX_EVENTS);
	event_list__free(&alone);
	event_list__free(&second);
}
