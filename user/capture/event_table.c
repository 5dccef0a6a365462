// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The names that every machine has, as perf spells them (tools/perf/util/parse-events.c and evsel.c), and the search
 * for the name that a misspelt one was meant to be.
 */
#include "capture/event_internal.h"

#include <stdio.h>
#include <string.h>

#include "support/parse.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Origins: page, minor and major faults and alignment faults hand the faulting address to perf_sw_event(), the others
 * hand it 0. "faults" is missing on purpose: perf means page-faults by it, mmuscope minor- and major-faults, which are
 * sampled after the fault was handled, when there is a page size (mm/memory.c mm_account_fault).
 */
static const struct event_software software[] = {
	{"cpu-clock", NULL, PERF_COUNT_SW_CPU_CLOCK, MMU_ORIGIN_NONE, true, NULL},
	{"task-clock", NULL, PERF_COUNT_SW_TASK_CLOCK, MMU_ORIGIN_NONE, true, NULL},
	{"page-faults", NULL, PERF_COUNT_SW_PAGE_FAULTS, MMU_ORIGIN_FAULT, false, NULL},
	{"context-switches", "cs", PERF_COUNT_SW_CONTEXT_SWITCHES, MMU_ORIGIN_NONE, false, NULL},
	{"cpu-migrations", "migrations", PERF_COUNT_SW_CPU_MIGRATIONS, MMU_ORIGIN_NONE, false, NULL},
	{"minor-faults", NULL, PERF_COUNT_SW_PAGE_FAULTS_MIN, MMU_ORIGIN_FAULT, false, NULL},
	{"major-faults", NULL, PERF_COUNT_SW_PAGE_FAULTS_MAJ, MMU_ORIGIN_FAULT, false, NULL},
	{"alignment-faults", NULL, PERF_COUNT_SW_ALIGNMENT_FAULTS, MMU_ORIGIN_FAULT, false, NULL},
	{"emulation-faults", NULL, PERF_COUNT_SW_EMULATION_FAULTS, MMU_ORIGIN_NONE, false, NULL},
	{"dummy", NULL, PERF_COUNT_SW_DUMMY, MMU_ORIGIN_NONE, false,
	 "it never counts and never samples; use timer or faults"},
	{"bpf-output", NULL, PERF_COUNT_SW_BPF_OUTPUT, MMU_ORIGIN_NONE, false,
	 "it has no samples of its own, only what a BPF program writes to it; use timer or faults"},
	{"cgroup-switches", NULL, PERF_COUNT_SW_CGROUP_SWITCHES, MMU_ORIGIN_NONE, false, NULL},
};

static const struct {
	const char *name;
	uint64_t config;
} hardware[] = {
	{"cycles", PERF_COUNT_HW_CPU_CYCLES},
	{"cpu-cycles", PERF_COUNT_HW_CPU_CYCLES},
	{"instructions", PERF_COUNT_HW_INSTRUCTIONS},
	{"cache-references", PERF_COUNT_HW_CACHE_REFERENCES},
	{"cache-misses", PERF_COUNT_HW_CACHE_MISSES},
	{"branches", PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-instructions", PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
	{"branch-misses", PERF_COUNT_HW_BRANCH_MISSES},
	{"bus-cycles", PERF_COUNT_HW_BUS_CYCLES},
	{"stalled-cycles-frontend", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
	{"idle-cycles-frontend", PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
	{"stalled-cycles-backend", PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
	{"idle-cycles-backend", PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
	{"ref-cycles", PERF_COUNT_HW_REF_CPU_CYCLES},
};

/* Our own names; event.c gives them their meaning. */
static const char *const own[] = {"data", "timer", "faults"};

#define READ (1u << PERF_COUNT_HW_CACHE_OP_READ)
#define WRITE (1u << PERF_COUNT_HW_CACHE_OP_WRITE)
#define PREFETCH (1u << PERF_COUNT_HW_CACHE_OP_PREFETCH)

/* Which operations a cache has: evsel.c evsel__hw_cache_stat. */
static const struct {
	const char *names[5];
	unsigned int operations;
} caches[PERF_COUNT_HW_CACHE_MAX] = {
	[PERF_COUNT_HW_CACHE_L1D] = {{"L1-dcache", "l1-d", "l1d", "L1-data"}, READ | WRITE | PREFETCH},
	[PERF_COUNT_HW_CACHE_L1I] = {{"L1-icache", "l1-i", "l1i", "L1-instruction"}, READ | PREFETCH},
	[PERF_COUNT_HW_CACHE_LL] = {{"LLC", "L2"}, READ | WRITE | PREFETCH},
	[PERF_COUNT_HW_CACHE_DTLB] = {{"dTLB", "d-tlb", "Data-TLB"}, READ | WRITE | PREFETCH},
	[PERF_COUNT_HW_CACHE_ITLB] = {{"iTLB", "i-tlb", "Instruction-TLB"}, READ},
	[PERF_COUNT_HW_CACHE_BPU] = {{"branch", "branches", "bpu", "btb", "bpc"}, READ},
	[PERF_COUNT_HW_CACHE_NODE] = {{"node"}, READ | WRITE | PREFETCH},
};

static const char *const cache_operations[PERF_COUNT_HW_CACHE_OP_MAX][4] = {
	[PERF_COUNT_HW_CACHE_OP_READ] = {"load", "loads", "read"},
	[PERF_COUNT_HW_CACHE_OP_WRITE] = {"store", "stores", "write"},
	[PERF_COUNT_HW_CACHE_OP_PREFETCH] = {"prefetch", "prefetches", "speculative-read", "speculative-load"},
};

static const char *const cache_results[PERF_COUNT_HW_CACHE_RESULT_MAX][4] = {
	[PERF_COUNT_HW_CACHE_RESULT_ACCESS] = {"refs", "Reference", "ops", "access"},
	[PERF_COUNT_HW_CACHE_RESULT_MISS] = {"misses", "miss"},
};

const struct event_software *event_table__software(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(software); i++)
		if (!strcmp(name, software[i].name) || (software[i].alias && !strcmp(name, software[i].alias)))
			return &software[i];
	return NULL;
}

const struct event_software *event_table__software_config(uint64_t config)
{
	for (size_t i = 0; i < ARRAY_SIZE(software); i++)
		if (software[i].config == config)
			return &software[i];
	return NULL;
}

/* Length of `part` when `text` starts with it and a '-' or the end follows; 0 otherwise. */
static size_t part_length(const char *text, const char *part)
{
	size_t len = part ? strlen(part) : 0;

	return len && !strncmp(text, part, len) && (text[len] == '\0' || text[len] == '-') ? len : 0;
}

/* The longest of `n` names that `text` starts with: "speculative-read" over nothing, "L1-data" over nothing. */
static size_t longest_part(const char *text, const char *const *names, size_t n)
{
	size_t longest = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = part_length(text, names[i]);

		longest = len > longest ? len : longest;
	}
	return longest;
}

/* "-load-misses", "-loads", "-misses", "": each part once, in perf's either order. */
static bool cache_suffix(const char *text, int *operation, int *result)
{
	*operation = -1;
	*result = -1;
	while (*text == '-') {
		size_t len = 0;

		text++;
		for (int i = 0; !len && i < PERF_COUNT_HW_CACHE_OP_MAX && *operation < 0; i++) {
			len = longest_part(text, cache_operations[i], 4);
			if (len)
				*operation = i;
		}
		for (int i = 0; !len && i < PERF_COUNT_HW_CACHE_RESULT_MAX && *result < 0; i++) {
			len = longest_part(text, cache_results[i], 4);
			if (len)
				*result = i;
		}
		if (!len)
			return false;
		text += len;
	}
	if (*text)
		return false;
	/* As in perf: a cache alone means its loads, an operation alone means every access. */
	*operation = *operation < 0 ? PERF_COUNT_HW_CACHE_OP_READ : *operation;
	*result = *result < 0 ? PERF_COUNT_HW_CACHE_RESULT_ACCESS : *result;
	return true;
}

static bool cache_event(const char *name, uint64_t *config)
{
	for (unsigned int i = 0; i < PERF_COUNT_HW_CACHE_MAX; i++) {
		size_t len = longest_part(name, caches[i].names, 5);
		int operation, result;

		if (!len || !cache_suffix(name + len, &operation, &result))
			continue;
		if (!(caches[i].operations & (1u << operation)))
			return false;
		*config = i | (uint64_t)operation << 8 | (uint64_t)result << 16;
		return true;
	}
	return false;
}

bool event_table__hardware(const char *name, uint32_t *type, uint64_t *config)
{
	for (size_t i = 0; i < ARRAY_SIZE(hardware); i++) {
		if (strcmp(name, hardware[i].name) != 0)
			continue;
		*type = PERF_TYPE_HARDWARE;
		*config = hardware[i].config;
		return true;
	}
	*type = PERF_TYPE_HW_CACHE;
	return cache_event(name, config);
}

bool event_table__raw(const char *name, uint64_t *config)
{
	char number[2 + 16 + 1];

	if (name[0] != 'r')
		return false;
	name += strncmp(name, "r0x", 3) ? 1 : 3;
	/* parse__u64 has the last word on the digits; this only keeps it to the 16 that perf takes. */
	return snprintf(number, sizeof(number), "0x%s", name) < (int)sizeof(number) &&
	       parse__u64(number, 0, UINT64_MAX, config) == 0;
}

/* Levenshtein's distance without regard to case, for names that fit EVENT_NAME_LEN. */
static size_t distance(const char *a, const char *b)
{
	size_t row[EVENT_NAME_LEN + 1];
	size_t width = strlen(b);

	for (size_t j = 0; j <= width; j++)
		row[j] = j;
	for (size_t i = 0; a[i]; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < width; j++) {
			size_t best = diagonal + ((a[i] | 0x20) != (b[j] | 0x20));

			diagonal = row[j + 1];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j + 1] = best < diagonal + 1 ? best : diagonal + 1;
		}
	}
	return row[width];
}

void event_near__try(struct event_near *near, const char *wrong, const char *candidate)
{
	size_t len = strlen(wrong);
	size_t steps;

	if (len >= EVENT_NAME_LEN || strlen(candidate) >= EVENT_NAME_LEN)
		return;
	/* Two changes in three letters are another word, not a slip. */
	steps = distance(wrong, candidate);
	if (steps < near->distance && 2 * steps <= len) {
		near->distance = steps;
		snprintf(near->name, sizeof(near->name), "%s", candidate);
	}
}

static void near_cache(struct event_near *near, const char *wrong, unsigned int cache)
{
	static const char *const results[] = {"s", "-misses"};
	char name[EVENT_NAME_LEN];

	for (unsigned int operation = 0; operation < PERF_COUNT_HW_CACHE_OP_MAX; operation++) {
		if (!(caches[cache].operations & (1u << operation)))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
			const char *plural = operation == PERF_COUNT_HW_CACHE_OP_PREFETCH && i == 0 ? "e" : "";

			snprintf(name, sizeof(name), "%s-%s%s%s", caches[cache].names[0],
				 cache_operations[operation][0], plural, results[i]);
			event_near__try(near, wrong, name);
		}
	}
}

void event_near__table(struct event_near *near, const char *wrong)
{
	for (size_t i = 0; i < ARRAY_SIZE(own); i++)
		event_near__try(near, wrong, own[i]);
	for (size_t i = 0; i < ARRAY_SIZE(software); i++) {
		if (!software[i].refusal)
			event_near__try(near, wrong, software[i].name);
		if (software[i].alias)
			event_near__try(near, wrong, software[i].alias);
	}
	for (size_t i = 0; i < ARRAY_SIZE(hardware); i++)
		event_near__try(near, wrong, hardware[i].name);
	for (unsigned int i = 0; i < PERF_COUNT_HW_CACHE_MAX; i++)
		near_cache(near, wrong, i);
}
