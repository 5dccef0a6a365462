/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "attribution.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "process/cgroups.h"
#include "support/error.h"
#include "support/log.h"

/* Names of what is no mapping of a process. Mappings and cgroups may look like it, but for [anon:…] none starts with [. */
enum label {
	LABEL_NO_ADDRESS,
	LABEL_KERNEL,
	LABEL_DIRECT_MAP,
	LABEL_VSYSCALL,
	LABEL_GONE,
	LABEL_UNMAPPED,
	LABEL_UNREADABLE,
	LABEL_UNKNOWN,
	LABEL_COUNT,
};

static const char *const labels[LABEL_COUNT] = {
	[LABEL_NO_ADDRESS] = "[no address]", [LABEL_KERNEL] = "[kernel]",   [LABEL_DIRECT_MAP] = "[kernel direct map]",
	[LABEL_VSYSCALL] = "[vsyscall]",     [LABEL_GONE] = "[gone]",       [LABEL_UNMAPPED] = "[unmapped]",
	[LABEL_UNREADABLE] = "[unreadable]", [LABEL_UNKNOWN] = "[unknown]",
};

static const enum label lookup_labels[LOOKUP_COUNT] = {
	[LOOKUP_GONE] = LABEL_GONE,
	[LOOKUP_UNMAPPED] = LABEL_UNMAPPED,
	[LOOKUP_UNREADABLE] = LABEL_UNREADABLE,
	[LOOKUP_UNKNOWN] = LABEL_UNKNOWN,
};

/* The lower half is the process's, the upper half the kernel's, on every architecture that the walk knows. */
#define KERNEL_HALF (UINT64_C(1) << 63)
#define DIRECT_MAP_MAX (UINT64_C(64) << 40)   /* a larger figure is the most there could be, not what there is */
#define VSYSCALL UINT64_C(0xffffffffff600000) /* x86: the one page up there that is the process's */

struct attribution {
	struct attribution_config config;
	struct names *names;
	struct processes *processes;
	struct cgroups *cgroups;
	const struct name *labels[LABEL_COUNT];
	const struct name *held; /* the last sample's data_map */
};

static int fill(struct attribution *attribution)
{
	struct processes_config config = {.proc = "/proc"};
	char mount[PATH_MAX];

	attribution->names = config.names = names__new();
	if (!attribution->names)
		return -ENOMEM;
	for (int label = 0; label < LABEL_COUNT; label++) {
		attribution->labels[label] = names__get(attribution->names, labels[label], strlen(labels[label]));
		if (!attribution->labels[label])
			return -ENOMEM;
	}
	if (attribution->config.maps) {
		attribution->processes = processes__new(&config);
		if (!attribution->processes)
			return -ENOMEM;
	}
	if (attribution->config.cgroups) {
		attribution->cgroups =
			cgroups__new(attribution->names, cgroups__mount(mount, sizeof(mount)) ? NULL : mount);
		if (!attribution->cgroups)
			return -ENOMEM;
	}
	return 0;
}

struct attribution *attribution__new(const struct attribution_config *config)
{
	struct attribution *attribution = calloc(1, sizeof(*attribution));

	if (attribution)
		attribution->config = *config;
	if (attribution && !fill(attribution))
		return attribution;
	log_error("names of mappings and cgroups: %s", log__errstr(ENOMEM));
	attribution__free(attribution);
	errno = ENOMEM;
	return NULL;
}

void attribution__free(struct attribution *attribution)
{
	if (!attribution)
		return;
	processes__free(attribution->processes);
	cgroups__free(attribution->cgroups);
	for (int label = 0; label < LABEL_COUNT; label++)
		name__put(attribution->labels[label]);
	name__put(attribution->held);
	names__free(attribution->names);
	free(attribution);
}

void attribution__next_round(struct attribution *attribution)
{
	if (attribution->processes)
		processes__next_round(attribution->processes);
}

const struct processes_counts *attribution__counts(const struct attribution *attribution)
{
	static const struct processes_counts none;

	return attribution->processes ? processes__counts(attribution->processes) : &none;
}

static enum label kernel_label(const struct attribution *attribution, uint64_t address)
{
	const struct attribution_config *config = &attribution->config;

#ifdef __x86_64__
	if ((address & ~UINT64_C(0xfff)) == VSYSCALL)
		return LABEL_VSYSCALL;
#endif
	if (config->direct_map && config->direct_map_size <= DIRECT_MAP_MAX && address >= config->direct_map &&
	    address - config->direct_map < config->direct_map_size)
		return LABEL_DIRECT_MAP;
	return LABEL_KERNEL;
}

static const struct name *name_of(struct attribution *attribution, const struct sample *sample, uint64_t address)
{
	const struct map *map;
	enum lookup found;

	if (!address)
		return attribution->labels[LABEL_NO_ADDRESS];
	if (address & KERNEL_HALF)
		return attribution->labels[kernel_label(attribution, address)];
	found = processes__find(attribution->processes, (pid_t)sample->pid, (pid_t)sample->tid, sample->start_ns,
				address, &map);
	return found == LOOKUP_FOUND ? map->name : attribution->labels[lookup_labels[found]];
}

int attribution__name(struct attribution *attribution, struct sample *sample)
{
	if (attribution->config.maps) {
		/* The second look-up may forget what the first one found: a mapping that was replaced, or a process. */
		sample->data_map = name_of(attribution, sample, sample->addr);
		name__hold(sample->data_map);
		name__put(attribution->held);
		attribution->held = sample->data_map;
		sample->code_map = name_of(attribution, sample, sample->ip);
	}
	if (!attribution->cgroups)
		return 0;
	sample->cgroup_path = cgroups__find(attribution->cgroups, sample->cgroup);
	return sample->cgroup_path ? 0 : -ENOMEM;
}
