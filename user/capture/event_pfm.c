// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Event names of libpfm4: those of the processors' manuals.
 */
#include "capture/event_internal.h"

#include <errno.h>
#include <perfmon/pfmlib_perf_event.h>
#include <stdio.h>
#include <string.h>

/* The longest name with all its attributes is half of that. */
#define PFM_TEXT_LEN 256

/* libpfm4 finds the processor's tables by CPUID, and does so once. */
static bool initialized(void)
{
	static int state = -1;

	if (state < 0)
		state = pfm_initialize() == PFM_SUCCESS;
	return state;
}

static int encode(const char *text, struct perf_event_attr *attr)
{
	pfm_perf_encode_arg_t arg = {.attr = attr, .size = sizeof(arg)};

	/* It sets exclude_* for the levels that are not asked for, so ask for all; "EVENT:u" narrows that itself. */
	return pfm_get_os_event_encoding(text, PFM_PLM0 | PFM_PLM3 | PFM_PLMH, PFM_OS_PERF_EVENT_EXT, &arg);
}

/* Cuts perf's modifiers off ("EVENT:upp"), which libpfm4 does not know beyond u, k and h. */
static char *cut_modifiers(char *text)
{
	char *colon = strrchr(text, ':');

	if (!colon || !colon[1] || colon[1 + strspn(colon + 1, "ukhpPGHI")])
		return NULL;
	*colon = '\0';
	return colon + 1;
}

static int finish(struct event_job *job, struct event *event)
{
	struct perf_event_attr *attr = &event->attr;
	struct event_source source = {.pmu = ""};
	struct event_cores cores;
	char name[EVENT_PMU_NAME_LEN] = "cpu";

	switch (attr->type) {
	case PERF_TYPE_SOFTWARE:
	case PERF_TYPE_TRACEPOINT:
		return event__finish(job, event, &source, NULL);
	case PERF_TYPE_HARDWARE:
	case PERF_TYPE_HW_CACHE:
	case PERF_TYPE_RAW:
		/* CPUID names the processor in a virtual machine too, where its PMU may be hidden. */
		if (!event_pmu__cores(job->sysfs, &cores)) {
			if (!cores.n)
				return event_pmu__missing(job, "cpu");
			snprintf(name, sizeof(name), "%s", cores.names[0]);
		}
		break;
	default:
		event_pmu__by_type(job->sysfs, attr->type, name);
		if (!name[0])
			return event__refuse(job, -ENOTSUP,
					     "libpfm4 knows it, but no PMU of this machine has its type %u; "
					     "`mmuscope doctor` says what can be sampled here",
					     attr->type);
	}
	source.pmu = name;
	return event__finish(job, event, &source, NULL);
}

int event_pfm__add(struct event_job *job, const char *text)
{
	struct perf_event_attr attr = {.size = sizeof(attr)};
	char base[PFM_TEXT_LEN];
	struct event *event;
	char *modifiers = NULL;
	int status, err;

	if (strlen(text) >= sizeof(base) || !initialized())
		return -ENOENT;
	snprintf(base, sizeof(base), "%s", text);
	status = encode(base, &attr);
	if (status != PFM_SUCCESS) {
		modifiers = cut_modifiers(base);
		memset(&attr, 0, sizeof(attr));
		attr.size = sizeof(attr);
		if (modifiers)
			status = encode(base, &attr);
	}
	if (status == PFM_ERR_NOTFOUND || status == PFM_ERR_NOTSUPP || status == PFM_ERR_NOINIT)
		return -ENOENT;
	if (status != PFM_SUCCESS)
		return event__refuse(job, -EINVAL,
				     "libpfm4 knows the event, but not all behind its name: %s; see its showevtinfo",
				     pfm_strerror(status));
	err = event__modifiers(job, modifiers);
	if (err)
		return err;
	event = event__add(job);
	if (!event)
		return -E2BIG;
	event->attr = attr;
	return finish(job, event);
}
