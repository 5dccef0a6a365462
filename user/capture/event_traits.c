// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What is peculiar to the PMUs that report data addresses: Intel's PEBS and AMD's IBS.
 */
#include "capture/event_internal.h"

#include <errno.h>
#include <string.h>

/* arch/x86/events/intel/ds.c: event and umask, the low 16 bits of config, of what PEBS gives a data address for. */
#define INTEL_MEM_LOADS 0x01cd
#define INTEL_MEM_STORES_SPR 0x02cd
#define INTEL_MEM_LOADS_ATOM 0x05d0
#define INTEL_MEM_STORES_ATOM 0x06d0

static bool is_ibs(const char *pmu)
{
	return !strcmp(pmu, "ibs_op") || !strcmp(pmu, "ibs_fetch");
}

/*
 * AMD has no PEBS: arch/x86/events/amd/ibs.c core_pmu_ibs_config() takes cycles (0x76) and micro-ops (0xc1) with
 * precise_ip 1 or 2 over to IBS op.
 */
static bool goes_to_ibs(const struct event_job *job, const struct event *event, const char *pmu)
{
	const struct perf_event_attr *attr = &event->attr;
	bool cycles = (attr->type == PERF_TYPE_HARDWARE && attr->config == PERF_COUNT_HW_CPU_CYCLES) ||
		      (attr->type == PERF_TYPE_RAW && (attr->config == 0x76 || attr->config == 0xc1));

	return cycles && !strcmp(pmu, "cpu") && !event_pmu__has(job->sysfs, "cpu", "format/ldlat") &&
	       event_pmu__exists(job->sysfs, "ibs_op");
}

/* The PMU's highest precise_ip; *best is what :P means, where the PMU does not say. */
static unsigned int precise_limit(const struct event_job *job, const struct event *event, const char *pmu,
				  unsigned int *best)
{
	uint64_t max;

	if (is_ibs(pmu) || goes_to_ibs(job, event, pmu)) {
		*best = 2;
		return 2;
	}
	if (!event_pmu__number(job->sysfs, pmu, "caps/max_precise", 3, &max)) {
		*best = (unsigned int)max;
		return *best;
	}
	/* Only Intel's PMU has ldlat; it takes 3 where the machine has it, and the opener goes down from there. */
	*best = event_pmu__has(job->sysfs, pmu, "format/ldlat") ? 3 : 0;
	return 3;
}

static bool is_raw(const struct event *event)
{
	return event->attr.type != PERF_TYPE_HARDWARE && event->attr.type != PERF_TYPE_HW_CACHE;
}

int event_traits__precise(struct event_job *job, struct event *event, const struct event_source *source)
{
	const struct event_modifiers *modifiers = &job->modifiers;
	unsigned int wanted = modifiers->precise ?: event->attr.precise_ip; /* libpfm4 may have set it */
	unsigned int limit, best;

	if (!source->pmu[0]) {
		if (wanted)
			return event__refuse(job, -EINVAL,
					     "only hardware events can be precise; leave out the modifier p");
		return 0;
	}
	if (!wanted && !modifiers->precise_max)
		return 0;
	limit = precise_limit(job, event, source->pmu, &best);
	if (source->memory && !limit)
		return event__refuse(job, -ENOTSUP,
				     "PMU %s cannot report data addresses here (caps/max_precise is 0: no PEBS); "
				     "`mmuscope doctor` says what this machine can do",
				     source->pmu);
	if (wanted > limit)
		return event__refuse(job, -ENOTSUP,
				     "precise level %u is more than PMU %s has (%u, in caps/max_precise); write P for "
				     "its best",
				     wanted, source->pmu, limit);
	event->attr.precise_ip = modifiers->precise_max ? best : wanted;
	return 0;
}

/*
 * IBS cannot leave out a mode in hardware. Where it has swfilt, the kernel does it in its interrupt handler; elsewhere
 * it refuses every exclude_* flag (PERF_PMU_CAP_NO_EXCLUDE), exclude_guest among them, and our BPF program filters.
 */
static int ibs_traits(struct event_job *job, struct event *event, const char *pmu)
{
	struct perf_event_attr *attr = &event->attr;

	if (job->modifiers.guest || job->modifiers.host || job->modifiers.idle)
		return event__refuse(job, -EINVAL, "IBS cannot tell guest, host and idle apart; leave out G, H and I");
	/* ibs.c perf_ibs_init(): the counter has no lower four bits. */
	if (!attr->freq && attr->sample_period & 0xf)
		return event__refuse(
			job, -EINVAL,
			"IBS takes only periods that are multiples of 16, and %llu is none; use -F, or -c %llu",
			(unsigned long long)attr->sample_period, (unsigned long long)(attr->sample_period | 0xf) + 1);
	attr->exclude_guest = 0;
	attr->exclude_host = 0;
	if (!strcmp(pmu, "ibs_op")) {
		event->origin = MMU_ORIGIN_PMU;
		event->needs_addr = true;
	}
	if (!event_pmu__has(job->sysfs, pmu, "format/swfilt")) {
		event->cannot_exclude = true;
		attr->exclude_hv = 0;
		return 0;
	}
	if (attr->exclude_user || attr->exclude_kernel || attr->exclude_hv)
		return event_pmu__set_flag(job, event, pmu, "swfilt");
	return 0;
}

/*
 * What the tables of PEBS constraints in ds.c (intel_hsw_…, skl, icl, glc, lnc) call DATALA: MEM_INST_RETIRED 0xd0 by
 * kind of load or store, and the whole of MEM_LOAD_*_RETIRED, 0xd1 to 0xd4.
 */
static bool intel_memory_encoding(uint64_t config)
{
	if ((config & 0xff) > 0xd0 && (config & 0xff) <= 0xd4)
		return true;
	switch (config & 0xffff) {
	case INTEL_MEM_LOADS:
	case INTEL_MEM_STORES_SPR:
	case INTEL_MEM_LOADS_ATOM:
	case INTEL_MEM_STORES_ATOM:
	case 0x11d0: /* STLB_MISS_LOADS */
	case 0x12d0: /* STLB_MISS_STORES */
	case 0x21d0: /* LOCK_LOADS */
	case 0x41d0: /* SPLIT_LOADS */
	case 0x42d0: /* SPLIT_STORES */
	case 0x81d0: /* ALL_LOADS */
	case 0x82d0: /* ALL_STORES, which mem-stores was until Sapphire Rapids */
		return true;
	default:
		return false;
	}
}

/* arch/x86/events/intel/core.c intel_pmu_hw_config(): without that leader, mem-loads with DATA_SRC gives ENODATA. */
static int find_leader(struct event_job *job, struct event *event, const char *pmu)
{
	int err;

	if ((event->attr.config & 0xffff) != INTEL_MEM_LOADS ||
	    !event_pmu__has(job->sysfs, pmu, "events/mem-loads-aux"))
		return 0;
	err = event_pmu__alias_config(job, pmu, "mem-loads-aux", &event->leader_config);
	if (err)
		return err;
	event->needs_leader = true;
	return 0;
}

int event_traits__apply(struct event_job *job, struct event *event, const struct event_source *source)
{
	const char *pmu = source->pmu;
	bool memory, intel;

	if (!pmu[0])
		return 0;
	if (is_ibs(pmu))
		return ibs_traits(job, event, pmu);
	if (event->attr.precise_ip && goes_to_ibs(job, event, pmu))
		return ibs_traits(job, event, "ibs_op");
	if (!is_raw(event))
		return 0;
	/* AMD's numbers mean other things, and its PMU has no event of that name. */
	intel = event_pmu__has(job->sysfs, pmu, "events/mem-loads") ||
		event_pmu__has(job->sysfs, pmu, "events/mem-stores");
	memory = source->memory || (intel && intel_memory_encoding(event->attr.config));
	/* powerpc has events of that name too, and its SDAR no precise levels. */
	if (memory && (event->attr.precise_ip || (!event_pmu__has(job->sysfs, pmu, "format/ldlat") &&
						  !event_pmu__has(job->sysfs, pmu, "caps/max_precise"))))
		event->origin = MMU_ORIGIN_PMU;
	return intel ? find_leader(job, event, pmu) : 0;
}
