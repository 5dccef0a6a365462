// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * event__parse() against sysfs trees of machines that need not exist. No privileges, no PMU.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/event.h"
#include "capture/target.h"
#include "support/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char root[] = "/tmp/mmuscope-event-XXXXXX";
static char sysfs[128];
static char message[4096];
static int messages;
static int allocations_left = INT_MAX;

void __wrap_log__print(enum log_level level, const char *format, ...);
void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void __wrap_log__print(enum log_level level, const char *format, ...)
{
	va_list args;

	assert_int_equal(level, LOG_ERROR);
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	messages++;
}

void *__wrap_realloc(void *memory, size_t size)
{
	if (allocations_left-- <= 0)
		return NULL;
	return __real_realloc(memory, size);
}

/* The files of a machine: "path below its tree", "content", …, NULL. */
static const char *const intel[] = {
	"cpu/type",
	"4\n",
	"cpu/format/event",
	"config:0-7\n",
	"cpu/format/umask",
	"config:8-15\n",
	"cpu/format/edge",
	"config:18\n",
	"cpu/format/cmask",
	"config:24-31\n",
	"cpu/format/ldlat",
	"config1:0-15\n",
	"cpu/format/split",
	"config2:0-3,8,60-63\n",
	"cpu/format/whole",
	"config2\n",
	"cpu/format/new",
	"config3:0-7\n",
	"cpu/format/broken",
	"config:8-3\n",
	"cpu/format/beyond",
	"config:60-64\n",
	"cpu/format/empty",
	"\n",
	"cpu/events/mem-loads",
	"event=0xcd,umask=0x1,ldlat=3\n",
	"cpu/events/mem-stores",
	"event=0xd0,umask=0x82\n",
	"cpu/events/mem-stores.scale",
	"2\n",
	"cpu/events/cpu-cycles",
	"event=0x3c\n",
	"cpu/events/wants",
	"event=0x3c,umask=?\n",
	"cpu/events/nested",
	"cpu-cycles\n",
	"cpu/events/hollow",
	"\n",
	"cpu/caps/max_precise",
	"3\n",
	"msr/type",
	"11\n",
	"software/type",
	"1\n",
	"tracepoint/type",
	"2\n",
	"breakpoint/type",
	"5\n",
	"uprobe/type",
	"9\n",
	"silly/type",
	"4x\n",
	NULL,
};

static const char *const spr[] = {
	"cpu/type",
	"4\n",
	"cpu/format/event",
	"config:0-7\n",
	"cpu/format/umask",
	"config:8-15\n",
	"cpu/format/ldlat",
	"config1:0-15\n",
	"cpu/events/mem-loads",
	"event=0xcd,umask=0x1,ldlat=3\n",
	"cpu/events/mem-loads-aux",
	"event=0x03,umask=0x82\n",
	"cpu/events/mem-stores",
	"event=0xcd,umask=0x2\n",
	"cpu/caps/max_precise",
	"2\n",
	NULL,
};

static const char *const hybrid[] = {
	"cpu_core/type",
	"4\n",
	"cpu_core/cpus",
	"0-7\n",
	"cpu_core/format/event",
	"config:0-7\n",
	"cpu_core/format/umask",
	"config:8-15\n",
	"cpu_core/format/ldlat",
	"config1:0-15\n",
	"cpu_core/events/mem-loads",
	"event=0xcd,umask=0x1,ldlat=3\n",
	"cpu_core/events/mem-loads-aux",
	"event=0x03,umask=0x82\n",
	"cpu_core/events/mem-stores",
	"event=0xcd,umask=0x2\n",
	"cpu_core/caps/max_precise",
	"3\n",
	"cpu_atom/type",
	"10\n",
	"cpu_atom/cpus",
	"8-15\n",
	"cpu_atom/format/event",
	"config:0-7\n",
	"cpu_atom/format/umask",
	"config:8-15\n",
	"cpu_atom/format/ldlat",
	"config1:0-15\n",
	"cpu_atom/events/mem-loads",
	"event=0xd0,umask=0x5,ldlat=3\n",
	"cpu_atom/events/mem-stores",
	"event=0xd0,umask=0x6\n",
	"cpu_atom/caps/max_precise",
	"3\n",
	NULL,
};

#define AMD                                                                                                            \
	"cpu/type", "4\n", "cpu/format/event", "config:0-7,32-35\n", "cpu/format/umask", "config:8-15\n",              \
		"cpu/caps/max_precise", "0\n", "ibs_op/type", "9\n", "ibs_op/format/cnt_ctl", "config:19\n",           \
		"ibs_fetch/type", "8\n", "ibs_fetch/format/rand_en", "config:57\n"

static const char *const amd[] = {AMD, NULL};
static const char *const amd_swfilt[] = {
	AMD, "ibs_op/format/swfilt", "config2:0\n", "ibs_fetch/format/swfilt", "config2:0\n", NULL,
};

static const char *const arm[] = {
	"armv8_pmuv3/type",
	"8\n",
	"armv8_pmuv3/cpus",
	"0-3\n",
	"armv8_pmuv3/format/event",
	"config:0-15\n",
	"armv8_pmuv3/events/cpu_cycles",
	"event=0x0011\n",
	NULL,
};

/* A guest whose kernel shows the names and whose PMU has no PEBS. */
static const char *const guest[] = {
	"cpu/type",
	"4\n",
	"cpu/format/event",
	"config:0-7\n",
	"cpu/format/umask",
	"config:8-15\n",
	"cpu/format/ldlat",
	"config1:0-15\n",
	"cpu/events/mem-loads",
	"event=0xcd,umask=0x1,ldlat=3\n",
	"cpu/caps/max_precise",
	"0\n",
	NULL,
};

static const char *const powerpc[] = {
	"cpu/type", "4\n", "cpu/format/event", "config:0-49\n", "cpu/events/mem-loads", "event=0x34340401e0\n", NULL,
};

static const char *const bare[] = {"software/type", "1\n", "msr/type", "6\n", NULL};

static const struct machine {
	const char *name;
	const char *const *files;
} machines[] = {
	{"intel", intel}, {"spr", spr},         {"hybrid", hybrid}, {"amd", amd},   {"amd_swfilt", amd_swfilt},
	{"arm", arm},     {"powerpc", powerpc}, {"guest", guest},   {"bare", bare},
};

static void put_file(const char *machine, const char *file, const char *content)
{
	char path[256];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s/%s", root, machine, file);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	stream = fopen(path, "w");
	assert_non_null(stream);
	assert_true(fputs(content, stream) >= 0);
	assert_int_equal(fclose(stream), 0);
}

static int build_machines(void **state)
{
	assert_non_null(mkdtemp(root));
	for (size_t i = 0; i < COUNT(machines); i++)
		for (const char *const *file = machines[i].files; *file; file += 2)
			put_file(machines[i].name, file[0], file[1]);
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
	return remove(path);
}

static int remove_machines(void **state)
{
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static struct event_list list;
static struct event_defaults defaults;

static int fresh(void **state)
{
	memset(&list, 0, sizeof(list));
	memset(&defaults, 0, sizeof(defaults));
	allocations_left = INT_MAX;
	return 0;
}

static int drop(void **state)
{
	event_list__free(&list);
	assert_null(list.events);
	assert_int_equal(list.n, 0);
	return 0;
}

static int parse(const char *machine, const char *spec)
{
	struct event_paths paths = {.sysfs_devices = sysfs};

	snprintf(sysfs, sizeof(sysfs), "%s/%s", root, machine);
	messages = 0;
	message[0] = '\0';
	return event__parse(spec, &defaults, &paths, &list);
}

/* Parses into an empty list and returns its one event. */
static const struct event *one(const char *machine, const char *spec)
{
	event_list__free(&list);
	if (parse(machine, spec))
		fail_msg("%s on %s: %s", spec, machine, message);
	assert_int_equal(messages, 0);
	assert_int_equal(list.n, 1);
	assert_int_equal(list.events[0].attr.size, sizeof(struct perf_event_attr));
	assert_int_equal(list.events[0].attr.sample_type, 0);
	assert_int_equal(list.events[0].attr.disabled, 0);
	assert_int_equal(list.events[0].attr.inherit, 0);
	return &list.events[0];
}

static void many(const char *machine, const char *spec, size_t n)
{
	event_list__free(&list);
	if (parse(machine, spec))
		fail_msg("%s on %s: %s", spec, machine, message);
	assert_int_equal(list.n, n);
}

/* Refused with `err`, in one sentence that quotes the event and holds `part`; the list stays as it was. */
static void refused(const char *machine, const char *spec, int err, const char *part)
{
	struct event_list before;
	struct event first;
	int got;

	event_list__free(&list);
	assert_int_equal(parse("bare", "cs"), 0);
	before = list;
	first = list.events[0];
	got = parse(machine, spec);
	if (got != err || messages != 1 || !strstr(message, part))
		fail_msg("%s on %s: got %d (%d messages): %s", spec, machine, got, messages, message);
	if (strncmp(message, "event \"", 7) != 0)
		fail_msg("the message names no event: %s", message);
	assert_memory_equal(&before, &list, sizeof(list));
	assert_memory_equal(&first, &list.events[0], sizeof(first));
}

static void test_software(void **state)
{
	static const struct {
		const char *spec;
		uint64_t config;
		enum mmu_origin origin;
		bool is_clock;
	} cases[] = {
		{"cpu-clock", PERF_COUNT_SW_CPU_CLOCK, MMU_ORIGIN_NONE, true},
		{"task-clock", PERF_COUNT_SW_TASK_CLOCK, MMU_ORIGIN_NONE, true},
		{"timer", PERF_COUNT_SW_CPU_CLOCK, MMU_ORIGIN_NONE, true},
		{"page-faults", PERF_COUNT_SW_PAGE_FAULTS, MMU_ORIGIN_FAULT, false},
		{"minor-faults", PERF_COUNT_SW_PAGE_FAULTS_MIN, MMU_ORIGIN_FAULT, false},
		{"major-faults", PERF_COUNT_SW_PAGE_FAULTS_MAJ, MMU_ORIGIN_FAULT, false},
		{"context-switches", PERF_COUNT_SW_CONTEXT_SWITCHES, MMU_ORIGIN_NONE, false},
		{"cs", PERF_COUNT_SW_CONTEXT_SWITCHES, MMU_ORIGIN_NONE, false},
		{"cpu-migrations", PERF_COUNT_SW_CPU_MIGRATIONS, MMU_ORIGIN_NONE, false},
		{"migrations", PERF_COUNT_SW_CPU_MIGRATIONS, MMU_ORIGIN_NONE, false},
		{"alignment-faults", PERF_COUNT_SW_ALIGNMENT_FAULTS, MMU_ORIGIN_FAULT, false},
		{"emulation-faults", PERF_COUNT_SW_EMULATION_FAULTS, MMU_ORIGIN_NONE, false},
		{"cgroup-switches", PERF_COUNT_SW_CGROUP_SWITCHES, MMU_ORIGIN_NONE, false},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct event *event = one("bare", cases[i].spec);

		assert_string_equal(event->name, cases[i].spec);
		assert_int_equal(event->attr.type, PERF_TYPE_SOFTWARE);
		assert_int_equal(event->attr.config, cases[i].config);
		assert_int_equal(event->origin, cases[i].origin);
		assert_int_equal(event->is_clock, cases[i].is_clock);
		assert_int_equal(event->attr.exclude_guest, 0);
		assert_int_equal(event->attr.precise_ip, 0);
		assert_int_equal(event->attr.wakeup_events, 0);
	}
	assert_string_equal(one("bare", "cpu-clock:P")->name, "cpu-clock:P");
	assert_int_equal(list.events[0].attr.precise_ip, 0);
}

static void test_faults(void **state)
{
	many("bare", "faults:u", 2);
	assert_string_equal(list.events[0].name, "minor-faults:u");
	assert_string_equal(list.events[1].name, "major-faults:u");
	assert_int_equal(list.events[0].attr.config, PERF_COUNT_SW_PAGE_FAULTS_MIN);
	assert_int_equal(list.events[1].attr.config, PERF_COUNT_SW_PAGE_FAULTS_MAJ);
	assert_int_equal(list.events[1].attr.exclude_kernel, 1);
	many("bare", "faults", 2);
	assert_string_equal(list.events[0].name, "minor-faults");
	assert_null(list.note);
}

static void test_hardware(void **state)
{
	static const struct {
		const char *spec;
		uint32_t type;
		uint64_t config;
	} cases[] = {
		{"cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
		{"cpu-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
		{"instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
		{"cache-references", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_REFERENCES},
		{"cache-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
		{"branches", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
		{"branch-instructions", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_INSTRUCTIONS},
		{"branch-misses", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
		{"bus-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_BUS_CYCLES},
		{"ref-cycles", PERF_TYPE_HARDWARE, PERF_COUNT_HW_REF_CPU_CYCLES},
		{"stalled-cycles-frontend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_FRONTEND},
		{"stalled-cycles-backend", PERF_TYPE_HARDWARE, PERF_COUNT_HW_STALLED_CYCLES_BACKEND},
		/* cache | operation << 8 | result << 16 */
		{"L1-dcache-load-misses", PERF_TYPE_HW_CACHE, 0x10000},
		{"L1-dcache-loads", PERF_TYPE_HW_CACHE, 0x00000},
		{"l1d-misses-write", PERF_TYPE_HW_CACHE, 0x10100},
		{"L1-icache-load-misses", PERF_TYPE_HW_CACHE, 0x10001},
		{"LLC-prefetch-misses", PERF_TYPE_HW_CACHE, 0x10202},
		{"LLC-speculative-read", PERF_TYPE_HW_CACHE, 0x00202},
		{"dTLB-load-misses", PERF_TYPE_HW_CACHE, 0x10003},
		{"dTLB-stores", PERF_TYPE_HW_CACHE, 0x00103},
		{"iTLB-load-misses", PERF_TYPE_HW_CACHE, 0x10004},
		{"branch-load-misses", PERF_TYPE_HW_CACHE, 0x10005},
		{"node-store-misses", PERF_TYPE_HW_CACHE, 0x10106},
		{"r1a8", PERF_TYPE_RAW, 0x1a8},
		{"r0x1A8", PERF_TYPE_RAW, 0x1a8},
		{"rffffffffffffffff", PERF_TYPE_RAW, UINT64_MAX},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct event *event = one("intel", cases[i].spec);

		if (event->attr.type != cases[i].type || event->attr.config != cases[i].config)
			fail_msg("%s: type %u config %#llx", cases[i].spec, event->attr.type,
				 (unsigned long long)event->attr.config);
		assert_string_equal(event->name, cases[i].spec);
		assert_int_equal(event->attr.exclude_guest, 1);
		assert_int_equal(event->origin, MMU_ORIGIN_NONE);
	}
	refused("bare", "cycles", -ENOTSUP, "doctor");
	refused("bare", "dTLB-load-misses", -ENOTSUP, "no PMU \"cpu\"");
	refused("bare", "r1a8", -ENOTSUP, "it has: msr, software");
	refused("intel", "iTLB-stores", -EINVAL, "did you mean");
	refused("intel", "r", -EINVAL, "unknown event");
	refused("intel", "r11112222333344445", -EINVAL, "unknown event");
	refused("intel", "L1-dcache-loads-loads", -EINVAL, "unknown event");
	refused("intel", "dTLB-", -EINVAL, "unknown event");
	/* Without sysfs nothing is known, and the kernel decides. */
	assert_int_equal(one("nowhere", "cycles")->attr.type, PERF_TYPE_HARDWARE);
}

static void test_breakpoints(void **state)
{
	static const struct {
		const char *spec;
		uint64_t address, len;
		uint32_t access;
	} cases[] = {
		{"mem:0x1000", 0x1000, 4, HW_BREAKPOINT_RW},
		{"mem:4096", 0x1000, 4, HW_BREAKPOINT_RW},
		{"mem:0x1001/1:w", 0x1001, 1, HW_BREAKPOINT_W},
		{"mem:0x1002/2:rw", 0x1002, 2, HW_BREAKPOINT_RW},
		{"mem:0x1008/8:wr:u", 0x1008, 8, HW_BREAKPOINT_RW},
		{"mem:0x1003:x", 0x1003, sizeof(long), HW_BREAKPOINT_X},
		{"mem:0x1000:u", 0x1000, 4, HW_BREAKPOINT_RW},
		{"mem:0xffffffffffffffff/1:w:k", UINT64_MAX, 1, HW_BREAKPOINT_W},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct event *event = one("bare", cases[i].spec);

		assert_string_equal(event->name, cases[i].spec);
		assert_int_equal(event->attr.type, PERF_TYPE_BREAKPOINT);
		assert_true(event->attr.bp_addr == cases[i].address);
		assert_int_equal(event->attr.bp_len, cases[i].len);
		assert_int_equal(event->attr.bp_type, cases[i].access);
		assert_int_equal(event->attr.sample_period, 1);
		assert_int_equal(event->attr.freq, 0);
		assert_int_equal(event->attr.exclude_guest, 0);
		assert_int_equal(event->origin, MMU_ORIGIN_BREAKPOINT);
	}
	assert_int_equal(one("bare", "mem:0x1000/8:rw:u")->attr.exclude_kernel, 1);
	assert_int_equal(list.events[0].attr.exclude_hv, 1);
	many("bare", "mem:0x1000/8:rw,mem:0x2000/8:w,cs", 3);
}

static void test_breakpoints_refused(void **state)
{
#if defined(__x86_64__) || defined(__i386__)
	refused("bare", "mem:0x1000:r", -EINVAL, "use rw or w");
#endif
	refused("bare", "mem:0x1002", -EINVAL, "mem:0x1000/4");
	refused("bare", "mem:0x1004/8", -EINVAL, "not aligned to the length 8");
	refused("bare", "mem:0x1000/3", -EINVAL, "write 1, 2, 4 or 8");
	refused("bare", "mem:0x1000/16", -EINVAL, "write 1, 2, 4 or 8");
	refused("bare", "mem:0x1000/", -EINVAL, "write 1, 2, 4 or 8");
	refused("bare", "mem:0x1000/4x", -EINVAL, "\"4x\"");
	refused("bare", "mem:0x1000/4:x", -EINVAL, "leave the length out");
	refused("bare", "mem:0x1000:rwx", -EINVAL, "use x or rw");
	refused("bare", "mem:0x1000:rr", -EINVAL, "twice");
	refused("bare", "mem:0x1000:", -EINVAL, "no modifier behind the colon");
	refused("bare", "mem:0x1000:rw:", -EINVAL, "no modifier behind the colon");
	refused("bare", "mem:0x1000:rw:u:u", -EINVAL, "unknown modifier \":\"");
	refused("bare", "mem:0x1000:rq", -EINVAL, "unknown modifier \"r\"");
	refused("bare", "mem:0x1000:p", -EINVAL, "only hardware events");
	refused("bare", "mem:", -EINVAL, "is no address");
	refused("bare", "mem:main", -EINVAL, "\"main\" is no address");
	refused("bare", "mem:-1", -EINVAL, "is no address");
	refused("bare", "mem:0x10000000000000000", -EINVAL, "ERANGE");
	refused("bare", "mem:0xffffffff81000000:u", -EINVAL, "kernel address");
	defaults.all_user = true;
	refused("bare", "mem:0xffffffff81000000", -EINVAL, "--all-user");
}

static void test_modifiers(void **state)
{
	static const struct {
		const char *spec;
		bool user, kernel, hv; /* excluded */
	} cases[] = {
		{"cycles", 0, 0, 0},    {"cycles:u", 0, 1, 1},  {"cycles:k", 1, 0, 1},   {"cycles:h", 1, 1, 0},
		{"cycles:uk", 0, 0, 1}, {"cycles:ku", 0, 0, 1}, {"cycles:ukh", 0, 0, 0}, {"cycles:pp", 0, 0, 0},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct perf_event_attr *attr = &one("intel", cases[i].spec)->attr;

		assert_int_equal(attr->exclude_user, cases[i].user);
		assert_int_equal(attr->exclude_kernel, cases[i].kernel);
		assert_int_equal(attr->exclude_hv, cases[i].hv);
		assert_int_equal(attr->exclude_idle, 0);
	}
	assert_int_equal(one("intel", "cycles:G")->attr.exclude_host, 1);
	assert_int_equal(list.events[0].attr.exclude_guest, 0);
	assert_int_equal(one("intel", "cycles:GH")->attr.exclude_host, 0);
	assert_int_equal(list.events[0].attr.exclude_guest, 0);
	assert_int_equal(one("intel", "cycles:HI")->attr.exclude_idle, 1);
	assert_int_equal(list.events[0].attr.exclude_guest, 1);

	defaults.all_user = true;
	assert_int_equal(one("intel", "cycles")->attr.exclude_kernel, 1);
	assert_int_equal(list.events[0].attr.exclude_user, 0);
	assert_int_equal(one("intel", "cycles:k")->attr.exclude_kernel, 0);
	assert_int_equal(list.events[0].attr.exclude_user, 1);
	assert_int_equal(one("intel", "mem:0x1000")->attr.exclude_kernel, 1);
	defaults.all_user = false;
	defaults.all_kernel = true;
	assert_int_equal(one("intel", "timer")->attr.exclude_user, 1);
	assert_int_equal(list.events[0].attr.exclude_kernel, 0);
	defaults.all_user = true;
	refused("intel", "mem:0x1000", -EINVAL, "--all-user and --all-kernel");
}

static void test_modifiers_refused(void **state)
{
	refused("intel", "cycles:", -EINVAL, "no modifier behind the colon");
	refused("intel", "cycles:uu", -EINVAL, "\"u\" is given twice");
	refused("intel", "cycles:pppp", -EINVAL, "p, pp, ppp or P");
	refused("intel", "cycles:pP", -EINVAL, "p, pp, ppp or P");
	refused("intel", "cycles:z", -EINVAL, "unknown modifier \"z\"");
	refused("intel", "cycles:S", -EINVAL, "perf's modifier \"S\"");
	refused("intel", "cycles:u:k", -EINVAL, "unknown modifier \":\"");
	refused("intel", "cpu/cpu-cycles/x", -EINVAL, "unknown modifier \"x\"");
	refused("intel", "cpu/cpu-cycles/:", -EINVAL, "no modifier behind the colon");
	refused("intel", "cpu-clock:p", -EINVAL, "only hardware events");
	refused("intel", "data:p", -EINVAL, "leave out p and P");
}

static void test_precise(void **state)
{
	const struct event *event = one("intel", "cycles:pp");

	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->attr.wakeup_events, 1);
	assert_int_equal(event->attr.watermark, 0);
	assert_int_equal(event->origin, MMU_ORIGIN_NONE);
	assert_int_equal(one("intel", "cycles:P")->attr.precise_ip, 3);
	assert_int_equal(one("spr", "cycles:P")->attr.precise_ip, 2);
	assert_int_equal(one("guest", "cycles:P")->attr.precise_ip, 0);
	assert_int_equal(one("arm", "cycles:P")->attr.precise_ip, 0);
	assert_int_equal(one("intel", "cpu/cpu-cycles/Pu")->attr.precise_ip, 3);
	assert_int_equal(one("intel", "cpu/cpu-cycles/:Pu")->attr.exclude_kernel, 1);
	refused("spr", "cycles:ppp", -ENOTSUP, "precise level 3");
	refused("guest", "cycles:p", -ENOTSUP, "max_precise");
	refused("guest", "cpu/mem-loads,ldlat=30/P", -ENOTSUP, "no PEBS");
	refused("guest", "cpu/mem-loads/p", -ENOTSUP, "doctor");
}

static void test_pmu_terms(void **state)
{
	const struct perf_event_attr *attr = &one("intel", "cpu/event=0xcd,umask=0x1,ldlat=30/p")->attr;

	assert_int_equal(attr->type, 4);
	assert_int_equal(attr->config, 0x1cd);
	assert_int_equal(attr->config1, 30);
	assert_int_equal(attr->exclude_guest, 1);
	assert_int_equal(list.events[0].origin, MMU_ORIGIN_PMU);
	assert_string_equal(list.events[0].name, "cpu/event=0xcd,umask=0x1,ldlat=30/p");

	assert_int_equal(one("intel", "cpu/edge,cmask=1/")->attr.config, 1 << 18 | 1 << 24);
	assert_int_equal(one("intel", "cpu/edge=0,config=0xff,umask=2/")->attr.config, 0x2ff);
	assert_true(one("intel", "cpu/split=0x1ff/")->attr.config2 == 0xf00000000000010fULL);
	assert_true(one("intel", "cpu/split=0x110/")->attr.config2 == 0x8000000000000100ULL);
	assert_true(one("intel", "cpu/whole=0xffffffffffffffff/")->attr.config2 == UINT64_MAX);
	assert_int_equal(one("intel", "cpu/config1=7,config2=8/")->attr.config1, 7);
	assert_int_equal(list.events[0].attr.config2, 8);
	assert_int_equal(one("intel", "cpu/r1a8/")->attr.config, 0x1a8);
	assert_int_equal(one("intel", "cpu//")->attr.config, 0);
	assert_int_equal(one("intel", "msr/config=1/")->attr.type, 11);
	assert_int_equal(one("amd", "cpu/event=0x1cd,umask=1/")->attr.config, 0x1000001cdULL);
	assert_int_equal(list.events[0].origin, MMU_ORIGIN_NONE);

	/* An alias gives way to what stands beside it, on whichever side. */
	assert_int_equal(one("intel", "cpu/ldlat=30,mem-loads/P")->attr.config1, 30);
	assert_int_equal(one("intel", "cpu/mem-loads,ldlat=30/P")->attr.config1, 30);
	assert_int_equal(one("intel", "cpu/mem-loads/P")->attr.config1, 3);
	assert_int_equal(one("intel", "cpu/cycles/")->attr.type, PERF_TYPE_HARDWARE);
	assert_int_equal(one("intel", "cpu/dTLB-load-misses/")->attr.config, 0x10003);
	assert_int_equal(one("arm", "armv8_pmuv3/cpu_cycles/")->attr.config, 0x11);
	assert_int_equal(list.events[0].attr.type, 8);
	assert_int_equal(one("arm", "armv8_pmuv3/cycles/")->attr.type, PERF_TYPE_HARDWARE);
	assert_int_equal(one("arm", "cycles")->attr.config, 0);

	assert_string_equal(one("intel", "cpu/mem-loads,name=loads/P")->name, "loads");
	assert_string_equal(one("intel", "cpu/mem-loads,name='a/b,c'/P")->name, "a/b,c");
	assert_string_equal(one("intel", "cs/name=switches/u")->name, "switches");
	assert_string_equal(one("intel", " cs ")->name, "cs");
}

static void test_pmu_refused(void **state)
{
	char many_terms[512] = "cpu/";

	refused("intel", "cpu/mem-loads,ldlat=30x/P", -EINVAL, "ldlat=30x: the value is not a number");
	refused("intel", "cpu/mem-loads,ldlat=0x10000/P", -EINVAL, "0 to 0xffff");
	refused("intel", "cpu/mem-loads,ldlat=-1/P", -EINVAL, "not a number");
	refused("intel", "cpu/mem-loads,ldlat/P", -EINVAL, "needs a value");
	refused("intel", "cpu/mem-loads,ldlat=/P", -EINVAL, "empty term or value");
	refused("intel", "cpu/mem-loads,/P", -EINVAL, "empty term or value");
	refused("intel", "cpu/,/", -EINVAL, "empty term or value");
	refused("intel", "cpu/edge=2/", -EINVAL, "0 to 0x1");
	refused("intel", "cpu/mem-loads,ldlt=30/P", -EINVAL, "did you mean \"ldlat\"");
	refused("intel", "cpu/mem-load/P", -EINVAL, "did you mean \"mem-loads\"");
	refused("intel", "cpu/quux/", -EINVAL, "beyond, broken, cmask");
	refused("intel", "cpu/mem-loads=1/", -EINVAL, "knows no term");
	refused("intel", "cpu/mem-stores.scale/", -EINVAL, "knows no term");
	refused("intel", "cpu/../", -EINVAL, "");
	refused("intel", "cpu/mem-loads,mem-stores/", -EINVAL, "are two events");
	refused("intel", "cpu/cycles,umask=1/", -EINVAL, "generic event");
	refused("intel", "cpu/cycles,mem-loads/", -EINVAL, "generic event");
	refused("intel", "cpu/umask=1,umask=2/", -EINVAL, "given twice");
	refused("intel", "cpu/wants/", -EINVAL, "wants a value for \"umask\"");
	refused("intel", "cpu/nested/", -EINVAL, "knows no term \"cpu-cycles\"");
	refused("intel", "cpu/hollow/", -EINVAL, "cannot be read");
	refused("intel", "cpu/broken=1/", -EINVAL, "cannot be read as a format");
	refused("intel", "cpu/beyond=1/", -EINVAL, "cannot be read as a format");
	refused("intel", "cpu/empty=1/", -EINVAL, "cannot be read as a format");
#ifndef PERF_ATTR_SIZE_VER8
	refused("intel", "cpu/new=1/", -ENOTSUP, "config3");
#endif
	refused("intel", "cpu/period=0/", -EINVAL, "period=0 is out of range");
	refused("intel", "cpu/period=0x8000000000000000/", -EINVAL, "out of range");
	refused("intel", "cpu/freq=1k/", -EINVAL, "not a number");
	refused("intel", "cpu/freq=1,period=1/", -EINVAL, "exclude each other");
	refused("intel", "cpu/name=/", -EINVAL, "empty term or value");
	refused("intel", "cpu/name=''/", -EINVAL, "name= needs a name");
	refused("intel", "cpu/name='x/", -EINVAL, "slash that ends its terms is missing");
	refused("intel", "cpu/mem-loads", -EINVAL, "slash that ends its terms is missing");
	refused("intel", "cpu/mem-loads/P/", -EINVAL, "slash that ends its terms is missing");
	refused("intel", "cpu/mem-loads/P/x/", -EINVAL, "unknown modifier");
	refused("intel", "cs/umask=1/", -EINVAL, "is for a PMU");
	refused("intel", "silly//", -EINVAL, "silly/type cannot be read");
	refused("intel", "software/config=1/", -EINVAL, "without slashes");
	refused("intel", "breakpoint/config=1/", -EINVAL, "mem:ADDR");
	refused("intel", "tracepoint/config=1/", -EINVAL, "no source of page sizes");
	refused("intel", "uprobe//", -EINVAL, "no source of page sizes");
	refused("intel", "cpu_core/mem-loads/P", -ENOTSUP, "it has: breakpoint, cpu, msr");
	refused("intel", "cpo/mem-loads/P", -ENOTSUP, "did you mean \"cpu\"");
	refused("intel", "ibs_op//", -ENOTSUP, "doctor");
	refused("intel", "../cpu//", -EINVAL, "slash that ends");
	refused("intel", "..//", -ENOTSUP, "no PMU");
	for (int i = 0; i < 40; i++)
		sprintf(many_terms + strlen(many_terms), "%st%d=1", i ? "," : "", i);
	strcat(many_terms, "/");
	refused("intel", many_terms, -EINVAL, "more than 32 terms");
}

static void test_memory_events(void **state)
{
	const struct event *event = one("intel", "cpu/mem-loads,ldlat=30/P");

	assert_int_equal(event->attr.config, 0x1cd);
	assert_int_equal(event->attr.precise_ip, 3);
	assert_int_equal(event->attr.wakeup_events, 1);
	assert_int_equal(event->attr.freq, 1);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	assert_false(event->needs_leader);
	assert_false(event->needs_addr);
	assert_false(event->cannot_exclude);
	/* No PEBS record, no address. */
	assert_int_equal(one("intel", "cpu/mem-loads,ldlat=30/")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(one("intel", "cpu/mem-stores/p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(one("intel", "mem-loads:p")->origin, MMU_ORIGIN_PMU);
	assert_string_equal(list.events[0].name, "mem-loads:p");
	assert_int_equal(one("intel", "r82d0:p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(one("intel", "r82d0")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(one("intel", "r1c0:p")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(one("powerpc", "cpu/mem-loads/")->origin, MMU_ORIGIN_PMU);

	event = one("spr", "cpu/mem-loads,ldlat=30/P");
	assert_int_equal(event->attr.precise_ip, 2);
	assert_true(event->needs_leader);
	assert_int_equal(event->leader_config, 0x8203);
	assert_true(one("spr", "r1cd:p")->needs_leader);
	assert_false(one("spr", "cpu/mem-stores/P")->needs_leader);
	assert_int_equal(list.events[0].origin, MMU_ORIGIN_PMU);
	assert_false(one("spr", "cycles:p")->needs_leader);
}

static void test_hybrid(void **state)
{
	many("hybrid", "cycles:u", 2);
	assert_string_equal(list.events[0].name, "cpu_atom/cycles/u");
	assert_int_equal(list.events[0].attr.type, PERF_TYPE_HARDWARE);
	assert_int_equal(list.events[0].attr.config, 10ULL << 32);
	assert_string_equal(list.events[1].name, "cpu_core/cycles/u");
	assert_int_equal(list.events[1].attr.config, 4ULL << 32);
	many("hybrid", "r6d0:p", 2);
	assert_int_equal(list.events[0].attr.type, 10);
	assert_int_equal(list.events[0].attr.config, 0x6d0);
	assert_int_equal(list.events[0].origin, MMU_ORIGIN_PMU);
	assert_int_equal(one("hybrid", "cpu_atom/cycles/")->attr.config, 10ULL << 32);
	many("hybrid", "mem-loads:P", 2);
	assert_string_equal(list.events[0].name, "cpu_atom/mem-loads/P");
	assert_int_equal(list.events[0].attr.config, 0x5d0);
	assert_false(list.events[0].needs_leader);
	assert_true(list.events[1].needs_leader);
	refused("hybrid", "cpu/mem-loads/P", -ENOTSUP, "cpu_atom, cpu_core");
}

static void test_ibs(void **state)
{
	const struct event *event = one("amd", "ibs_op//");

	assert_int_equal(event->attr.type, 9);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	assert_true(event->needs_addr);
	assert_true(event->cannot_exclude);
	assert_int_equal(event->attr.exclude_guest, 0);
	assert_int_equal(event->attr.freq, 1);
	assert_int_equal(event->attr.sample_freq, 4000);
	assert_int_equal(event->attr.wakeup_events, 0);

	event = one("amd", "ibs_op/cnt_ctl/u");
	assert_int_equal(event->attr.config, 1 << 19);
	assert_true(event->cannot_exclude);
	assert_int_equal(event->attr.exclude_kernel, 1);
	assert_int_equal(event->attr.exclude_hv, 0);
	assert_int_equal(event->attr.config2, 0);

	event = one("amd_swfilt", "ibs_op//u");
	assert_false(event->cannot_exclude);
	assert_int_equal(event->attr.config2, 1);
	assert_int_equal(event->attr.exclude_kernel, 1);
	assert_int_equal(event->attr.exclude_guest, 0);
	assert_int_equal(one("amd_swfilt", "ibs_op//")->attr.config2, 0);
	assert_false(list.events[0].cannot_exclude);
	defaults.all_kernel = true;
	assert_int_equal(one("amd_swfilt", "ibs_op//")->attr.config2, 1);
	assert_int_equal(list.events[0].attr.exclude_user, 1);
	defaults.all_kernel = false;

	event = one("amd", "ibs_fetch//");
	assert_int_equal(event->origin, MMU_ORIGIN_NONE);
	assert_false(event->needs_addr);
	assert_true(event->cannot_exclude);

	/* The kernel takes precise cycles over to IBS op. */
	event = one("amd", "cycles:P");
	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	assert_true(event->needs_addr);
	assert_false(one("amd", "cycles")->needs_addr);
	assert_true(one("amd", "r76:p")->needs_addr);

	assert_int_equal(one("amd", "ibs_op/period=100000/")->attr.sample_period, 100000);
	refused("amd", "ibs_op/period=100001/", -EINVAL, "-c 100016");
	refused("amd", "ibs_op//G", -EINVAL, "leave out G, H and I");
	refused("amd", "instructions:p", -ENOTSUP, "precise level 1");
	refused("amd", "ibs_op//ppp", -ENOTSUP, "precise level 3");
	defaults.period = 1;
	refused("amd", "ibs_op//", -EINVAL, "-c 16");
}

static void test_data(void **state)
{
	many("intel", "data", 2);
	assert_string_equal(list.events[0].name, "cpu/mem-loads,ldlat=30/P");
	assert_string_equal(list.events[1].name, "cpu/mem-stores/P");
	assert_int_equal(list.events[0].attr.config1, 30);
	assert_int_equal(list.events[0].attr.precise_ip, 3);
	assert_int_equal(list.events[1].origin, MMU_ORIGIN_PMU);
	assert_null(list.note);

	many("hybrid", "data:u", 4);
	assert_string_equal(list.events[0].name, "cpu_atom/mem-loads,ldlat=30/Pu");
	assert_string_equal(list.events[3].name, "cpu_core/mem-stores/Pu");
	assert_int_equal(list.events[3].attr.exclude_kernel, 1);

	assert_string_equal(one("amd", "data:u")->name, "ibs_op//u");
	assert_true(list.events[0].cannot_exclude);
	assert_null(list.note);

	assert_int_equal(one("amd", "data/period=160/")->attr.sample_period, 160);
	refused("amd", "data/name=x/", -EINVAL, "one name");

	many("bare", "data:u", 2);
	assert_string_equal(list.events[0].name, "minor-faults:u");
	assert_non_null(list.note);
	assert_non_null(strstr(list.note, "sampling page faults instead"));
	/* Said once, however often it is asked for. */
	assert_int_equal(parse("bare", "data"), 0);
	assert_ptr_equal(strstr(list.note, "data:"), list.note);
	assert_null(strstr(list.note + 1, "data:"));
	free(list.note);
	list.note = strdup("before");
	assert_int_equal(parse("bare", "data"), 0);
	assert_non_null(strstr(list.note, "before; data:"));

	/* PEBS by name only is none. */
	many("guest", "data", 2);
	assert_non_null(list.note);
	many("nowhere", "data", 2);
	assert_non_null(list.note);
}

static void test_sampling(void **state)
{
	static const struct {
		const char *spec;
		uint64_t freq, period; /* -F, -c */
		bool is_freq;
		uint64_t value;
	} cases[] = {
		{"timer", 0, 0, true, 999},
		{"task-clock", 0, 0, true, 999},
		{"timer", 97, 0, true, 97},
		{"timer", 0, 1000000, false, 1000000},
		{"timer/period=50000/", 97, 0, false, 50000},
		{"timer/freq=50/", 0, 7, true, 50},
		{"minor-faults", 0, 0, false, 1},
		{"minor-faults", 97, 0, true, 97},
		{"minor-faults", 0, 7, false, 7},
		{"cs", 0, 0, false, 1},
		{"mem:0x1000", 0, 0, false, 1},
		{"mem:0x1000", 97, 0, true, 97},
		{"mem:0x1000", 0, 7, false, 7},
		{"cycles", 0, 0, true, 4000},
		{"cycles", 97, 0, true, 97},
		{"cycles/period=5/", 97, 0, false, 5},
		{"r1a8", 0, 0, true, 4000},
		{"cpu/mem-loads/P", 0, 0, true, 4000},
		{"cpu/mem-loads/P", 0, 7, false, 7},
		{"cpu/mem-loads,period=5/P", 0, 7, false, 5},
		{"cpu/mem-loads,freq=5/P", 0, 7, true, 5},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct perf_event_attr *attr;

		defaults.freq = cases[i].freq;
		defaults.period = cases[i].period;
		attr = &one("intel", cases[i].spec)->attr;
		if (attr->freq != cases[i].is_freq || attr->sample_period != cases[i].value)
			fail_msg("%s -F %d -c %d: freq %d value %d", cases[i].spec, (int)cases[i].freq,
				 (int)cases[i].period, attr->freq, (int)attr->sample_period);
	}
	defaults.freq = 1;
	defaults.period = 1;
	assert_int_equal(parse("intel", "timer"), -EINVAL);
	assert_non_null(strstr(message, "-F and -c exclude each other"));
	defaults.freq = 0;
	defaults.period = UINT64_MAX;
	assert_int_equal(parse("intel", "timer"), -EINVAL);
}

static void test_unknown(void **state)
{
	refused("bare", "", -EINVAL, "missing before or behind a comma");
	refused("bare", "minor-fault", -EINVAL, "did you mean \"minor-faults\"");
	refused("bare", "tiemr", -EINVAL, "did you mean \"timer\"");
	refused("bare", "dtlb-load-misses", -EINVAL, "did you mean \"dTLB-load-misses\"");
	refused("bare", "L1-dcache-prefetche", -EINVAL, "did you mean \"L1-dcache-prefetches\"");
	refused("bare", "cyles:u", -EINVAL, "did you mean \"cycles\"");
	refused("bare", "quuxquux", -EINVAL, "doctor");
	refused("bare", "NO_SUCH_EVENT:ANY", -EINVAL, "libpfm4");
	refused("bare", "dummy", -EINVAL, "never samples");
	refused("bare", "bpf-output:u", -EINVAL, "no samples of its own");
	refused("bare", "sched:sched_switch", -EINVAL, "tracepoints are no source of page sizes");
	refused("bare", "{cs,minor-faults}", -EINVAL, "leave the braces");
	refused("bare", "cs}", -EINVAL, "leave the braces");
	refused("bare", "cs\x1b[2J", -EINVAL, "");
}

static void test_hostile_text(void **state)
{
	char *text = malloc(20001);
	char long_name[256];

	memset(text, 'a', 20000);
	text[20000] = '\0';
	assert_int_equal(parse("bare", text), -EINVAL);
	assert_non_null(strstr(message, "longer than"));
	text[8000] = '\0';
	refused("intel", text, -EINVAL, "...\": unknown event");
	text[3] = '/';
	text[7999] = '/';
	refused("intel", text, -ENOTSUP, "no PMU \"aaa\"");
	memcpy(text, "cpu", 3);
	refused("intel", text, -EINVAL, "knows no term");
	memset(text, ',', 8000);
	refused("intel", text, -EINVAL, "missing before or behind");
	free(text);

	assert_int_equal(parse("bare", "cs\n"), -EINVAL);
	assert_non_null(strstr(message, "byte 2 (0x0a)"));
	assert_int_equal(parse("bare", "\xff"), -EINVAL);
	assert_non_null(strstr(message, "byte 0 (0xff)"));

	/* 95 characters fit a name, 96 do not. */
	snprintf(long_name, sizeof(long_name), "cpu/config=0x%080d/", 1);
	assert_int_equal(strlen(long_name), 94);
	assert_int_equal(one("intel", long_name)->attr.config, 1);
	snprintf(long_name, sizeof(long_name), "cpu/config=0x%082d/", 1);
	refused("intel", long_name, -EINVAL, "longer than the 95 characters");
	snprintf(long_name, sizeof(long_name), "cpu/config=0x%082d,name=short/", 1);
	assert_string_equal(one("intel", long_name)->name, "short");
}

static void test_lists(void **state)
{
	char spec[64 * 3 + 4] = "cs";

	many("intel", "minor-faults,cs", 2);
	assert_string_equal(list.events[0].name, "minor-faults");
	assert_string_equal(list.events[1].name, "cs");
	many("intel", "cpu/mem-loads,ldlat=30/P,cpu/mem-stores/P,faults:u,mem:0x1000/8:rw:u,r1a8", 6);
	assert_string_equal(list.events[0].name, "cpu/mem-loads,ldlat=30/P");
	assert_string_equal(list.events[2].name, "minor-faults:u");
	assert_string_equal(list.events[4].name, "mem:0x1000/8:rw:u");

	/* All or nothing. */
	refused("intel", "cs,minor-faults,quux", -EINVAL, "event \"quux\"");
	refused("intel", "cs,cpu/mem-loads,ldlat=30x/P,timer", -EINVAL, "event \"cpu/mem-loads,ldlat=30x/P\"");
	refused("intel", "cs,", -EINVAL, "missing");
	refused("intel", ",cs", -EINVAL, "missing");
	refused("intel", "cs,,cs", -EINVAL, "missing");
	refused("bare", "data,quux", -EINVAL, "event \"quux\"");
	assert_null(list.note);

	event_list__free(&list);
	for (int i = 1; i < 64; i++)
		strcat(spec, ",cs");
	assert_int_equal(parse("bare", spec), 0);
	assert_int_equal(list.n, MMU_MAX_EVENTS);
	assert_int_equal(parse("bare", "cs"), -E2BIG);
	assert_non_null(strstr(message, "more than 64 events"));
	assert_int_equal(list.n, MMU_MAX_EVENTS);
	list.n = 63;
	assert_int_equal(parse("bare", "faults"), -E2BIG);
	assert_int_equal(list.n, 63);
}

static void test_out_of_memory(void **state)
{
	assert_int_equal(parse("bare", "cs"), 0);
	allocations_left = 0;
	assert_int_equal(parse("bare", "data"), -ENOMEM);
	allocations_left = INT_MAX;
	assert_non_null(strstr(message, "ENOMEM"));
	assert_int_equal(list.n, 1);
	assert_null(list.note);
}

/* main() has libpfm4 take this machine for a Skylake. */
static void test_libpfm4(void **state)
{
	const struct event *event = one("intel", "INST_RETIRED:ANY_P");

	assert_int_equal(event->attr.type, PERF_TYPE_RAW);
	assert_int_equal(event->attr.config, 0xc0);
	assert_int_equal(event->attr.sample_freq, 4000);
	assert_int_equal(event->attr.exclude_guest, 1);
	assert_int_equal(event->attr.exclude_user, 0);
	assert_string_equal(event->name, "INST_RETIRED:ANY_P");
	event = one("intel", "skl::INST_RETIRED:ANY_P:u");
	assert_int_equal(event->attr.exclude_kernel, 1);
	assert_int_equal(event->attr.exclude_hv, 1);
	event = one("intel", "INST_RETIRED:ANY_P:kpp");
	assert_int_equal(event->attr.exclude_user, 1);
	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->attr.wakeup_events, 1);
	event = one("intel", "INST_RETIRED:ANY_P:freq=100");
	assert_int_equal(event->attr.freq, 1);
	assert_int_equal(event->attr.sample_freq, 100);
	assert_int_equal(one("intel", "INST_RETIRED:ANY_P:period=100")->attr.sample_period, 100);
	event = one("intel", "MEM_TRANS_RETIRED:LOAD_LATENCY:ldlat=30:precise=2");
	assert_int_equal(event->attr.config, 0x1cd);
	assert_int_equal(event->attr.config1, 30);
	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	many("intel", "INST_RETIRED:ANY_P,cs", 2);
	refused("bare", "INST_RETIRED:ANY_P", -ENOTSUP, "no PMU \"cpu\"");
	refused("intel", "INST_RETIRED:BOGUS", -EINVAL, "libpfm4 knows the event");
	refused("guest", "INST_RETIRED:ANY_P:pp", -ENOTSUP, "precise level 2");
}

static uint64_t random_state;

/* xorshift64: the same on every machine, so a failure can be had again. */
static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % limit;
}

static void mangle(char *text, size_t room)
{
	static const char alphabet[] = ",:/='{}pukPrwx0x19fF-_.? \x7f\x01\xc2memcycles";

	for (uint32_t changes = 1 + random_below(4); changes; changes--) {
		size_t len = strlen(text);
		size_t at = random_below((uint32_t)len + 1);
		char letter = alphabet[random_below(sizeof(alphabet) - 1)];

		switch (random_below(4)) {
		case 0:
			if (len)
				text[at < len ? at : len - 1] = letter;
			break;
		case 1:
			if (at < len)
				memmove(text + at, text + at + 1, len - at);
			break;
		case 2:
			if (len + 1 < room) {
				memmove(text + at + 1, text + at, len - at + 1);
				text[at] = letter;
			}
			break;
		default:
			/* A part of it twice. */
			if (2 * len - at < room) {
				char copy[512];

				strcpy(copy, text + at);
				strcat(text, copy);
			}
		}
	}
}

static void test_mangled(void **state)
{
	static const char *const valid[] = {
		"timer",
		"faults:u",
		"data:k",
		"cpu-clock/freq=100/",
		"mem:0x7f0000001000/8:rw:u",
		"cpu/mem-loads,ldlat=30/P",
		"cpu/event=0xcd,umask=0x1,ldlat=30/p",
		"ibs_op/cnt_ctl,period=160,name='x,y'/u",
		"armv8_pmuv3/cycles/",
		"L1-dcache-load-misses:ppp",
		"r1a8:u",
		"cpu_core/cycles/,cs,minor-faults:u,mem:0x1000",
		"INST_RETIRED:ANY_P:precise=1",
	};

	random_state = 0x6d6d7573636f7065;
	for (int i = 0; i < 20000; i++) {
		const char *machine = machines[random_below(COUNT(machines))].name;
		char spec[512];
		int err;

		strcpy(spec, valid[random_below(COUNT(valid))]);
		mangle(spec, sizeof(spec));
		event_list__free(&list);
		err = parse(machine, spec);
		assert_true(err == 0 || err == -EINVAL || err == -ENOTSUP || err == -E2BIG);
		assert_int_equal(messages, err ? 1 : 0);
		assert_int_equal(list.n > 0, !err);
		for (size_t n = 0; n < list.n; n++) {
			assert_true(memchr(list.events[n].name, 0, EVENT_NAME_LEN) != NULL);
			assert_true(list.events[n].name[0] != '\0');
			assert_true(list.events[n].attr.sample_period > 0);
		}
	}
}

/* What sysfs says is no more to be trusted. */
static void test_mangled_sysfs(void **state)
{
	char content[512];

	random_state = 0x73797366732e2e2e;
	for (int i = 0; i < 4000; i++) {
		size_t at = 2 * random_below(COUNT(spr) / 2);

		strcpy(content, spr[at + 1]);
		mangle(content, sizeof(content));
		put_file("mangled", "cpu/type", "4\n");
		for (const char *const *file = spr; *file; file += 2)
			put_file("mangled", file[0], file == &spr[at] ? content : file[1]);
		event_list__free(&list);
		parse("mangled", "cpu/mem-loads,ldlat=30/P,r1cd:p,cpu/event=1,umask=2/");
		event_list__free(&list);
		parse("mangled", "data:u");
	}
	memset(content, 'e', sizeof(content) - 1);
	content[sizeof(content) - 1] = '\0';
	for (int i = 0; i < 2; i++) {
		put_file("mangled", "cpu/events/mem-loads", content);
		refused("mangled", "cpu/mem-loads/P", -EINVAL, "knows no term");
	}
}

static void test_target_free(void **state)
{
	struct target target = {.kind = TARGET_PIDS, .ids = calloc(2, sizeof(uint32_t)), .n_ids = 2};

	target.cpus = calloc(1, sizeof(uint32_t));
	target__free(&target);
	assert_null(target.ids);
	assert_null(target.cpus);
	assert_int_equal(target.n_ids, 0);
	target__free(&target);
	target__free(NULL);
	event_list__free(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fresh, drop)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(test_software),
		TEST(test_faults),
		TEST(test_hardware),
		TEST(test_breakpoints),
		TEST(test_breakpoints_refused),
		TEST(test_modifiers),
		TEST(test_modifiers_refused),
		TEST(test_precise),
		TEST(test_pmu_terms),
		TEST(test_pmu_refused),
		TEST(test_memory_events),
		TEST(test_hybrid),
		TEST(test_ibs),
		TEST(test_data),
		TEST(test_sampling),
		TEST(test_unknown),
		TEST(test_hostile_text),
		TEST(test_lists),
		TEST(test_out_of_memory),
		TEST(test_libpfm4),
		TEST(test_mangled),
		TEST(test_mangled_sysfs),
		TEST(test_target_free),
	};

	setenv("LIBPFM_FORCE_PMU", "skl", 1);
	setenv("LIBPFM_ENCODE_INACTIVE", "1", 1);
	return cmocka_run_group_tests(tests, build_machines, remove_machines);
}
