/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the machine says of itself in /proc and /sys, and the capabilities held: read without BPF or privileges, and
 * put into words for `doctor`.
 */
#ifndef MMUSCOPE_CAPTURE_HOST_FACTS_H
#define MMUSCOPE_CAPTURE_HOST_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/feature.h"

#define HOST_POOLS_MAX 16
#define HOST_TEXT_LEN 64

/* Roots to read from; NULL for the real machine. Tests point them at synthetic trees. */
struct host_paths {
	const char *proc; /* default /proc */
	const char *sys;  /* default /sys */
};

enum host_vendor {
	HOST_VENDOR_OTHER,
	HOST_VENDOR_INTEL,
	HOST_VENDOR_AMD,
	HOST_VENDOR_ARM,
};

/* A setting that may be absent or unreadable. */
struct host_number {
	bool known;
	int64_t value;
};

struct host_pool {
	uint64_t bytes; /* of one page */
	uint64_t pages;
	uint64_t free;
};

/* Do BPF maps count against RLIMIT_MEMLOCK? */
enum host_memlock {
	HOST_MEMLOCK_UNKNOWN,
	HOST_MEMLOCK_COUNTED,
	HOST_MEMLOCK_NOT_COUNTED, /* from 5.11 on they are charged to the cgroup */
};

struct host_facts {
	enum host_vendor vendor;
	bool is_virtual;
	char pebs_pmu[HOST_TEXT_LEN];   /* core PMUs with mem-loads, "cpu_core, cpu_atom"; empty: none */
	struct host_number max_precise; /* of the first of them */
	bool ibs_op;
	bool spe;

	uint64_t capabilities;     /* effective, bit 1 << CAP_X */
	bool in_user_namespace;    /* then they do not count for BPF and perf */
	enum host_memlock memlock; /* filled by the caller, by a probe */

	struct host_number perf_event_paranoid;
	struct host_number kptr_restrict;
	struct host_number perf_event_mlock_kb;
	struct host_number perf_event_max_sample_rate;
	bool securityfs;
	char lockdown[HOST_TEXT_LEN]; /* "none", "integrity", "confidentiality"; empty: no such file */

	bool kallsyms;           /* readable at all */
	bool kallsyms_addresses; /* and not with zeros for addresses */
	bool page_offset_base;   /* listed, with an address */

	char thp_enabled[HOST_TEXT_LEN]; /* the word chosen; empty: no THP */
	char thp_defrag[HOST_TEXT_LEN];
	struct host_pool pools[HOST_POOLS_MAX]; /* by size */
	size_t n_pools;
	char bpf_fs[PATH_MAX]; /* where one is mounted; empty: nowhere */
	bool bpf_fs_writable;
};

/* Reads all but `memlock`. What cannot be read is left unknown: nothing here fails. `paths` may be NULL. */
void host_facts__read(struct host_facts *facts, const struct host_paths *paths);

bool host_facts__has_capability(const struct host_facts *facts, unsigned int capability);

/*
 * Are CAP_BPF and CAP_PERFMON held, or CAP_SYS_ADMIN in their stead (bpf_capable(), perfmon_capable() in
 * include/linux/capability.h), where they count?
 */
bool host_facts__may_trace(const struct host_facts *facts);

/* Rows of doctor. */
void host_facts__add_sources(const struct host_facts *facts, struct feature_list *list);
void host_facts__add_capabilities(const struct host_facts *facts, struct feature_list *list);
void host_facts__add_settings(const struct host_facts *facts, struct feature_list *list);
void host_facts__add_memory(const struct host_facts *facts, struct feature_list *list);
void host_facts__add_bpf_fs(const struct host_facts *facts, struct feature_list *list);

#endif
