// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <cap-ng.h>
#include <dirent.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/host_facts.h"
#include "model/page_size.h"
#include "support/parse.h"

#define DEFAULT_TIMER_HZ 999 /* of event timer */
#define SELF_CHECK_RING_KB 8 /* two pages, the only perf ring of ours */

/* Reads one line of root/name, without its end. False, and an empty text, when there is none. */
static bool read_line(const char *root, const char *name, char *line, size_t size)
{
	char path[PATH_MAX];
	bool found = false;
	FILE *file;

	line[0] = '\0';
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", root, name) >= sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file)
		return false;
	if (fgets(line, (int)size, file)) {
		line[strcspn(line, "\n")] = '\0';
		found = true;
	}
	fclose(file);
	return found;
}

static struct host_number read_number(const char *root, const char *name)
{
	struct host_number number = {0};
	char line[HOST_TEXT_LEN];
	bool negative;
	uint64_t value;

	if (!read_line(root, name, line, sizeof(line)))
		return number;
	negative = line[0] == '-';
	if (parse__u64(line + negative, 0, INT64_MAX, &value))
		return number;
	number.known = true;
	number.value = negative ? -(int64_t)value : (int64_t)value;
	return number;
}

/* The word in brackets of "always [madvise] never"; a line without brackets is taken whole. */
static void read_choice(const char *root, const char *name, char choice[HOST_TEXT_LEN])
{
	char line[256];
	char *start, *end;

	choice[0] = '\0';
	if (!read_line(root, name, line, sizeof(line)))
		return;
	start = strchr(line, '[');
	end = start ? strchr(start, ']') : NULL;
	if (end) {
		*end = '\0';
		start++;
	} else {
		start = line;
	}
	snprintf(choice, HOST_TEXT_LEN, "%.*s", HOST_TEXT_LEN - 1, start);
}

static bool exists(const char *root, const char *name)
{
	char path[PATH_MAX];

	return (size_t)snprintf(path, sizeof(path), "%s/%s", root, name) < sizeof(path) && !access(path, F_OK);
}

static void read_cpuinfo(struct host_facts *facts, const char *proc)
{
	char path[PATH_MAX];
	char *line = NULL;
	size_t size = 0;
	FILE *file;

	if ((size_t)snprintf(path, sizeof(path), "%s/cpuinfo", proc) >= sizeof(path))
		return;
	file = fopen(path, "re");
	/* The first processor speaks for all: its lines end with an empty one. */
	while (file && getline(&line, &size, file) > 1) {
		if (!strncmp(line, "vendor_id", 9)) {
			if (strstr(line, "GenuineIntel"))
				facts->vendor = HOST_VENDOR_INTEL;
			else if (strstr(line, "AuthenticAMD") || strstr(line, "HygonGenuine"))
				facts->vendor = HOST_VENDOR_AMD;
		} else if (!strncmp(line, "CPU implementer", 15)) {
			facts->vendor = HOST_VENDOR_ARM;
		} else if (!strncmp(line, "flags", 5)) {
			line[strcspn(line, "\n")] = ' ';
			facts->is_virtual = strstr(line, " hypervisor ") != NULL;
		}
	}
	free(line);
	if (file)
		fclose(file);
}

static void read_pmus(struct host_facts *facts, const char *sys)
{
	static const char *const cores[] = {"cpu", "cpu_core", "cpu_atom"};
	char devices[PATH_MAX], name[HOST_TEXT_LEN];
	size_t length = 0;
	size_t i;

	if ((size_t)snprintf(devices, sizeof(devices), "%s/bus/event_source/devices", sys) >= sizeof(devices))
		return;
	facts->ibs_op = exists(devices, "ibs_op");
	facts->spe = exists(devices, "arm_spe_0");
	for (i = 0; i < sizeof(cores) / sizeof(cores[0]); i++) {
		snprintf(name, sizeof(name), "%s/events/mem-loads", cores[i]);
		if (!exists(devices, name))
			continue;
		if (!length) {
			snprintf(name, sizeof(name), "%s/caps/max_precise", cores[i]);
			facts->max_precise = read_number(devices, name);
		}
		length += (size_t)snprintf(facts->pebs_pmu + length, sizeof(facts->pebs_pmu) - length, "%s%s",
					   length ? ", " : "", cores[i]);
	}
}

static void read_kallsyms(struct host_facts *facts, const char *proc)
{
	char path[PATH_MAX], line[512], name[256];
	uint64_t address;
	FILE *file;

	if ((size_t)snprintf(path, sizeof(path), "%s/kallsyms", proc) >= sizeof(path))
		return;
	file = fopen(path, "re");
	facts->kallsyms = file != NULL;
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 " %*c %255s", &address, name) != 2 || !address)
			continue;
		facts->kallsyms_addresses = true;
		if (!strcmp(name, "page_offset_base"))
			facts->page_offset_base = true;
	}
	if (file)
		fclose(file);
}

static int compare_pools(const void *a, const void *b)
{
	const struct host_pool *left = a, *right = b;

	return (left->bytes > right->bytes) - (left->bytes < right->bytes);
}

static void read_pools(struct host_facts *facts, const char *sys)
{
	char path[PATH_MAX], name[320];
	struct dirent *entry;
	uint64_t kib;
	int end;
	DIR *dir;

	if ((size_t)snprintf(path, sizeof(path), "%s/kernel/mm/hugepages", sys) >= sizeof(path))
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && facts->n_pools < HOST_POOLS_MAX) {
		struct host_number pages, free_pages;

		end = 0;
		if (sscanf(entry->d_name, "hugepages-%" SCNu64 "kB%n", &kib, &end) != 1 || !end || entry->d_name[end] ||
		    !kib)
			continue;
		snprintf(name, sizeof(name), "%s/nr_hugepages", entry->d_name);
		pages = read_number(path, name);
		snprintf(name, sizeof(name), "%s/free_hugepages", entry->d_name);
		free_pages = read_number(path, name);
		facts->pools[facts->n_pools++] = (struct host_pool){
			.bytes = kib * 1024, .pages = (uint64_t)pages.value, .free = (uint64_t)free_pages.value};
	}
	if (dir)
		closedir(dir);
	qsort(facts->pools, facts->n_pools, sizeof(facts->pools[0]), compare_pools);
}

static void read_mounts(struct host_facts *facts, const char *proc)
{
	char path[PATH_MAX];
	struct mntent *mount;
	FILE *mounts;

	if ((size_t)snprintf(path, sizeof(path), "%s/self/mounts", proc) >= sizeof(path))
		return;
	mounts = setmntent(path, "re");
	while (mounts && (mount = getmntent(mounts))) {
		if (!strcmp(mount->mnt_type, "securityfs"))
			facts->securityfs = true;
		/* The first one that can be written, else the first. */
		if (strcmp(mount->mnt_type, "bpf") != 0 || facts->bpf_fs_writable)
			continue;
		facts->bpf_fs_writable = !access(mount->mnt_dir, W_OK | X_OK);
		if (!facts->bpf_fs[0] || facts->bpf_fs_writable)
			snprintf(facts->bpf_fs, sizeof(facts->bpf_fs), "%s", mount->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
}

/* The initial namespace maps every user to itself: "0 0 4294967295" (Documentation: user_namespaces(7)). */
static bool in_user_namespace(const char *proc)
{
	uint64_t inside, outside, count;
	char line[HOST_TEXT_LEN];

	if (!read_line(proc, "self/uid_map", line, sizeof(line)))
		return false;
	return sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &inside, &outside, &count) != 3 || inside || outside ||
	       count != UINT32_MAX;
}

static uint64_t read_capabilities(void)
{
	uint64_t held = 0;
	unsigned int i;

	if (capng_get_caps_process())
		return 0;
	for (i = 0; i <= CAP_LAST_CAP; i++) {
		if (capng_have_capability(CAPNG_EFFECTIVE, i))
			held |= 1ULL << i;
	}
	return held;
}

void host_facts__read(struct host_facts *facts, const struct host_paths *paths)
{
	const char *proc = paths && paths->proc ? paths->proc : "/proc";
	const char *sys = paths && paths->sys ? paths->sys : "/sys";

	*facts = (struct host_facts){0};
	read_cpuinfo(facts, proc);
	read_pmus(facts, sys);
	facts->capabilities = read_capabilities();
	facts->in_user_namespace = in_user_namespace(proc);
	facts->perf_event_paranoid = read_number(proc, "sys/kernel/perf_event_paranoid");
	facts->kptr_restrict = read_number(proc, "sys/kernel/kptr_restrict");
	facts->perf_event_mlock_kb = read_number(proc, "sys/kernel/perf_event_mlock_kb");
	facts->perf_event_max_sample_rate = read_number(proc, "sys/kernel/perf_event_max_sample_rate");
	read_choice(sys, "kernel/security/lockdown", facts->lockdown);
	read_kallsyms(facts, proc);
	read_choice(sys, "kernel/mm/transparent_hugepage/enabled", facts->thp_enabled);
	read_choice(sys, "kernel/mm/transparent_hugepage/defrag", facts->thp_defrag);
	read_pools(facts, sys);
	read_mounts(facts, proc);
}

bool host_facts__has_capability(const struct host_facts *facts, unsigned int capability)
{
	return facts->capabilities >> capability & 1;
}

static bool has_or_admin(const struct host_facts *facts, unsigned int capability)
{
	return host_facts__has_capability(facts, capability) || host_facts__has_capability(facts, CAP_SYS_ADMIN);
}

bool host_facts__may_trace(const struct host_facts *facts)
{
	return !facts->in_user_namespace && has_or_admin(facts, CAP_BPF) && has_or_admin(facts, CAP_PERFMON);
}

static const char *pmu_remedy(const struct host_facts *facts)
{
	return facts->is_virtual
		       ? "this is a virtual machine: have its host hand the PMU through; until then -e timer "
			 "and -e faults name addresses"
		       : "see whether the firmware turns it off (the kernel log says which PMU was found); until "
			 "then -e timer and -e faults name addresses";
}

static void add_pebs(const struct host_facts *facts, struct feature_list *list)
{
	static const char name[] = "Intel PEBS";
	const struct host_number *precise = &facts->max_precise;

	if (facts->pebs_pmu[0] && precise->known && !precise->value)
		feature_list__add(list, FEATURE_MISSING, name, pmu_remedy(facts),
				  "PMU %s has mem-loads, but caps/max_precise is 0", facts->pebs_pmu);
	else if (facts->pebs_pmu[0] && precise->known)
		feature_list__add(list, FEATURE_OK, name, NULL, "mem-loads of PMU %s, precise level %" PRId64,
				  facts->pebs_pmu, precise->value);
	else if (facts->pebs_pmu[0])
		feature_list__add(list, FEATURE_OK, name, NULL, "mem-loads of PMU %s, precise level not told",
				  facts->pebs_pmu);
	else if (facts->vendor == HOST_VENDOR_INTEL)
		feature_list__add(list, FEATURE_MISSING, name, pmu_remedy(facts),
				  "no PMU cpu or cpu_core with event mem-loads");
	else
		feature_list__add(list, FEATURE_INFO, name, NULL, "not an Intel processor");
}

void host_facts__add_sources(const struct host_facts *facts, struct feature_list *list)
{
	add_pebs(facts, list);
	if (facts->ibs_op)
		feature_list__add(list, FEATURE_OK, "AMD IBS", NULL, "PMU ibs_op");
	else if (facts->vendor == HOST_VENDOR_AMD)
		feature_list__add(list, FEATURE_MISSING, "AMD IBS", pmu_remedy(facts), "no PMU ibs_op");
	else
		feature_list__add(list, FEATURE_INFO, "AMD IBS", NULL, "not an AMD processor");
	if (facts->spe)
		feature_list__add(list, FEATURE_LIMITED, "Arm SPE",
				  "perf record -e arm_spe// reads them; no kernel hands them to BPF",
				  "has addresses, but writes them to its own buffer, past BPF");
	else
		feature_list__add(list, FEATURE_INFO, "Arm SPE", NULL,
				  facts->vendor == HOST_VENDOR_ARM ? "no PMU arm_spe_0" : "not an Arm processor");
}

static const struct capability {
	const char *name;
	unsigned int number;
	bool by_admin; /* CAP_SYS_ADMIN stands for it */
	const char *cost;
} capabilities[] = {
	{"CAP_BPF", CAP_BPF, true, "no BPF program can be loaded: neither hist nor walk works"},
	{"CAP_PERFMON", CAP_PERFMON, true,
	 "BPF may not read kernel memory, nor perf sample others: neither hist nor walk works"},
	{"CAP_SYS_PTRACE", CAP_SYS_PTRACE, false, "mappings of other users' processes stay unnamed"},
	{"CAP_SYSLOG", CAP_SYSLOG, false, "kernel addresses and those in /proc/kallsyms are hidden"},
	{"CAP_IPC_LOCK", CAP_IPC_LOCK, false, "perf rings end at kernel.perf_event_mlock_kb"},
	{"CAP_SYS_RESOURCE", CAP_SYS_RESOURCE, false, "BPF maps end at the limit of locked memory (ulimit -l)"},
	{"CAP_SYS_NICE", CAP_SYS_NICE, false, "memory of other processes cannot be promoted"},
	{"CAP_SYS_ADMIN", CAP_SYS_ADMIN, false,
	 "perf is shut where kernel.perf_event_paranoid is 3 or more, and pagemap shows no frames"},
};

static void add_capability(const struct host_facts *facts, const struct capability *what, struct feature_list *list)
{
	if (host_facts__has_capability(facts, what->number) && facts->in_user_namespace) {
		feature_list__add(list, what->by_admin ? FEATURE_MISSING : FEATURE_LIMITED, what->name,
				  "run outside of the user namespace (the rootless container)",
				  "held in a user namespace only; elsewhere %s", what->cost);
		return;
	}
	if (host_facts__has_capability(facts, what->number)) {
		feature_list__add(list, FEATURE_OK, what->name, NULL, "held");
		return;
	}
	if (what->by_admin && has_or_admin(facts, what->number) && !facts->in_user_namespace) {
		feature_list__add(list, FEATURE_OK, what->name, NULL, "not held; CAP_SYS_ADMIN stands for it");
		return;
	}
	if (what->number == CAP_SYS_RESOURCE && facts->memlock != HOST_MEMLOCK_COUNTED) {
		feature_list__add(list, FEATURE_INFO, what->name, NULL, "%s",
				  facts->memlock == HOST_MEMLOCK_UNKNOWN
					  ? "not held; only kernels before 5.11 need it"
					  : "not held, and this kernel does not need it");
		return;
	}
	feature_list__add(list, FEATURE_MISSING, what->name,
			  "run as root, or add it with setcap or AmbientCapabilities=", "not held: %s", what->cost);
}

void host_facts__add_capabilities(const struct host_facts *facts, struct feature_list *list)
{
	size_t i;

	for (i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++)
		add_capability(facts, &capabilities[i], list);
}

static void add_paranoid(const struct host_facts *facts, struct feature_list *list)
{
	static const char name[] = "kernel.perf_event_paranoid";
	int64_t value = facts->perf_event_paranoid.value;
	bool admin = host_facts__has_capability(facts, CAP_SYS_ADMIN) && !facts->in_user_namespace;

	if (!facts->perf_event_paranoid.known)
		feature_list__add(list, FEATURE_MISSING, name, "mount /proc, or run a kernel with CONFIG_PERF_EVENTS",
				  "not there");
	else if (value >= 3 && !admin)
		feature_list__add(list, FEATURE_LIMITED, name, "sysctl kernel.perf_event_paranoid=2, or CAP_SYS_ADMIN",
				  "%" PRId64 ": shuts perf, on Debian also for holders of CAP_PERFMON", value);
	else
		feature_list__add(list, FEATURE_OK, name, NULL, "%" PRId64 "%s", value,
				  value >= 3 ? ", and CAP_SYS_ADMIN is held" : "");
}

static void add_kptr_restrict(const struct host_facts *facts, struct feature_list *list)
{
	static const char name[] = "kernel.kptr_restrict";
	int64_t value = facts->kptr_restrict.value;

	if (!facts->kptr_restrict.known)
		feature_list__add(list, FEATURE_INFO, name, NULL, "not there");
	else if (value >= 2)
		feature_list__add(list, FEATURE_LIMITED, name, "sysctl kernel.kptr_restrict=1",
				  "%" PRId64 ": kernel symbols have no addresses, for root neither", value);
	else
		feature_list__add(list, FEATURE_OK, name, NULL, "%" PRId64, value);
}

static void add_lockdown(const struct host_facts *facts, struct feature_list *list)
{
	static const char name[] = "lockdown";

	if (!strcmp(facts->lockdown, "confidentiality"))
		feature_list__add(list, FEATURE_MISSING, name,
				  "boot without lockdown=confidentiality (integrity will do)",
				  "confidentiality: bpf_probe_read_kernel is refused, so nothing can be walked");
	else if (facts->lockdown[0])
		feature_list__add(list, FEATURE_OK, name, NULL, "%s", facts->lockdown);
	else if (facts->securityfs)
		feature_list__add(list, FEATURE_OK, name, NULL, "none: not in this kernel");
	else
		feature_list__add(
			list, FEATURE_INFO, name, NULL,
			"not told: securityfs is not mounted (mount -t securityfs none /sys/kernel/security)");
}

static void add_ring_limits(const struct host_facts *facts, struct feature_list *list)
{
	int64_t kib = facts->perf_event_mlock_kb.value;
	int64_t rate = facts->perf_event_max_sample_rate.value;

	if (!facts->perf_event_mlock_kb.known)
		feature_list__add(list, FEATURE_INFO, "kernel.perf_event_mlock_kb", NULL, "not there");
	else if (kib < SELF_CHECK_RING_KB && !host_facts__has_capability(facts, CAP_IPC_LOCK))
		feature_list__add(list, FEATURE_LIMITED, "kernel.perf_event_mlock_kb",
				  "sysctl kernel.perf_event_mlock_kb=516, or CAP_IPC_LOCK",
				  "%" PRId64 ": too little for the self-check's perf ring", kib);
	else
		feature_list__add(list, FEATURE_OK, "kernel.perf_event_mlock_kb", NULL, "%" PRId64, kib);

	if (!facts->perf_event_max_sample_rate.known)
		feature_list__add(list, FEATURE_INFO, "kernel.perf_event_max_sample_rate", NULL, "not there");
	else if (rate < DEFAULT_TIMER_HZ)
		feature_list__add(list, FEATURE_LIMITED, "kernel.perf_event_max_sample_rate",
				  "sysctl kernel.perf_event_max_sample_rate=100000, or -F with less",
				  "%" PRId64 " Hz: less than the %d of event timer", rate, DEFAULT_TIMER_HZ);
	else
		feature_list__add(list, FEATURE_OK, "kernel.perf_event_max_sample_rate", NULL, "%" PRId64 " Hz", rate);
}

static void add_symbols(const struct host_facts *facts, struct feature_list *list)
{
	static const char name[] = "data symbols in kallsyms";

	if (facts->page_offset_base)
		feature_list__add(list, FEATURE_OK, name, NULL, "page_offset_base is listed");
	else
		feature_list__add(list, FEATURE_INFO, name, NULL, "%s: not needed, the ring anchor serves",
				  !facts->kallsyms             ? "no /proc/kallsyms"
				  : !facts->kallsyms_addresses ? "addresses are hidden"
							       : "page_offset_base is not listed");
}

void host_facts__add_settings(const struct host_facts *facts, struct feature_list *list)
{
	add_paranoid(facts, list);
	add_kptr_restrict(facts, list);
	add_lockdown(facts, list);
	add_ring_limits(facts, list);
	add_symbols(facts, list);
}

void host_facts__add_memory(const struct host_facts *facts, struct feature_list *list)
{
	char size[PAGE_SIZE_NAME_LEN], name[32];
	size_t i;

	if (!facts->thp_enabled[0])
		feature_list__add(list, FEATURE_MISSING, "transparent huge pages",
				  "a kernel built with CONFIG_TRANSPARENT_HUGEPAGE", "not in this kernel");
	else if (!strcmp(facts->thp_enabled, "never"))
		feature_list__add(list, FEATURE_LIMITED, "transparent huge pages",
				  "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
				  "never: programs get none by themselves");
	else
		feature_list__add(list, FEATURE_OK, "transparent huge pages", NULL, "%s", facts->thp_enabled);
	feature_list__add(list, FEATURE_INFO, "THP defrag", NULL, "%s",
			  facts->thp_defrag[0] ? facts->thp_defrag : "not there");
	for (i = 0; i < facts->n_pools; i++) {
		const struct host_pool *pool = &facts->pools[i];

		snprintf(name, sizeof(name), "hugetlb pool %s",
			 page_size__name((unsigned int)__builtin_ctzll(pool->bytes), size));
		feature_list__add(list, FEATURE_INFO, name, NULL, "%" PRIu64 " pages, %" PRIu64 " free", pool->pages,
				  pool->free);
	}
	if (!facts->n_pools)
		feature_list__add(list, FEATURE_INFO, "hugetlb pools", NULL, "none");
}

void host_facts__add_bpf_fs(const struct host_facts *facts, struct feature_list *list)
{
	static const char name[] = "BPF file system for --pin";

	if (facts->bpf_fs[0] && facts->bpf_fs_writable)
		feature_list__add(list, FEATURE_OK, name, NULL, "%s", facts->bpf_fs);
	else if (facts->bpf_fs[0])
		feature_list__add(list, FEATURE_LIMITED, name, "run as its owner, or mount one of your own",
				  "%s, not writable by this user", facts->bpf_fs);
	else
		feature_list__add(list, FEATURE_MISSING, name, "mount -t bpf bpf /sys/fs/bpf", "none is mounted");
}
