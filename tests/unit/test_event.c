// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * event__parse(): names, modifiers, breakpoints, rates, lists, refusals. No privileges, no PMU.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/event.h"
#include "capture/target.h"
#include "event_fixture.h"
#include "support/log.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int reallocs_left = INT_MAX;

void *__real_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size);

void *__wrap_realloc(void *memory, size_t size)
{
	if (reallocs_left-- <= 0)
		return NULL;
	return __real_realloc(memory, size);
}

void __wrap_log__print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

void __wrap_log__print(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fixture__log(level, format, args);
	va_end(args);
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
		const struct event *event = fixture__one("bare", cases[i].spec);

		assert_string_equal(event->name, cases[i].spec);
		assert_int_equal(event->attr.type, PERF_TYPE_SOFTWARE);
		assert_int_equal(event->attr.config, cases[i].config);
		assert_int_equal(event->origin, cases[i].origin);
		assert_int_equal(event->is_clock, cases[i].is_clock);
		assert_int_equal(event->attr.exclude_guest, 0);
		assert_int_equal(event->attr.precise_ip, 0);
		assert_int_equal(event->attr.wakeup_events, 0);
	}
	assert_string_equal(fixture__one("bare", "cpu-clock:P")->name, "cpu-clock:P");
	assert_int_equal(fixture.list.events[0].attr.precise_ip, 0);
}

static void test_faults(void **state)
{
	fixture__many("bare", "faults:u", 2);
	assert_string_equal(fixture.list.events[0].name, "minor-faults:u");
	assert_string_equal(fixture.list.events[1].name, "major-faults:u");
	assert_int_equal(fixture.list.events[0].attr.config, PERF_COUNT_SW_PAGE_FAULTS_MIN);
	assert_int_equal(fixture.list.events[1].attr.config, PERF_COUNT_SW_PAGE_FAULTS_MAJ);
	assert_int_equal(fixture.list.events[1].attr.exclude_kernel, 1);
	fixture__many("bare", "faults", 2);
	assert_string_equal(fixture.list.events[0].name, "minor-faults");
	assert_null(fixture.list.note);
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
		const struct event *event = fixture__one("intel", cases[i].spec);

		if (event->attr.type != cases[i].type || event->attr.config != cases[i].config)
			fail_msg("%s: type %u config %#llx", cases[i].spec, event->attr.type,
				 (unsigned long long)event->attr.config);
		assert_string_equal(event->name, cases[i].spec);
		assert_int_equal(event->attr.exclude_guest, 1);
		assert_int_equal(event->origin, MMU_ORIGIN_NONE);
	}
	fixture__refused("bare", "cycles", -ENOTSUP, "doctor");
	fixture__refused("bare", "dTLB-load-misses", -ENOTSUP, "no PMU \"cpu\"");
	fixture__refused("bare", "r1a8", -ENOTSUP, "it has: msr, software");
	fixture__refused("intel", "iTLB-stores", -EINVAL, "did you mean");
	fixture__refused("intel", "r", -EINVAL, "unknown event");
	fixture__refused("intel", "r11112222333344445", -EINVAL, "unknown event");
	fixture__refused("intel", "L1-dcache-loads-loads", -EINVAL, "unknown event");
	fixture__refused("intel", "dTLB-", -EINVAL, "unknown event");
	/* Without sysfs nothing is known, and the kernel decides. */
	assert_int_equal(fixture__one("nowhere", "cycles")->attr.type, PERF_TYPE_HARDWARE);
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
		const struct event *event = fixture__one("bare", cases[i].spec);

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
	assert_int_equal(fixture__one("bare", "mem:0x1000/8:rw:u")->attr.exclude_kernel, 1);
	assert_int_equal(fixture.list.events[0].attr.exclude_hv, 1);
	fixture__many("bare", "mem:0x1000/8:rw,mem:0x2000/8:w,cs", 3);
}

static void test_breakpoints_refused(void **state)
{
#if defined(__x86_64__) || defined(__i386__)
	fixture__refused("bare", "mem:0x1000:r", -EINVAL, "use rw or w");
#endif
	fixture__refused("bare", "mem:0x1002", -EINVAL, "mem:0x1000/4");
	fixture__refused("bare", "mem:0x1004/8", -EINVAL, "not aligned to the length 8");
	fixture__refused("bare", "mem:0x1000/3", -EINVAL, "write 1, 2, 4 or 8");
	fixture__refused("bare", "mem:0x1000/16", -EINVAL, "write 1, 2, 4 or 8");
	fixture__refused("bare", "mem:0x1000/", -EINVAL, "write 1, 2, 4 or 8");
	fixture__refused("bare", "mem:0x1000/4x", -EINVAL, "\"4x\"");
	fixture__refused("bare", "mem:0x1000/4:x", -EINVAL, "leave the length out");
	fixture__refused("bare", "mem:0x1000:rwx", -EINVAL, "use x or rw");
	fixture__refused("bare", "mem:0x1000:rr", -EINVAL, "twice");
	fixture__refused("bare", "mem:0x1000:", -EINVAL, "no modifier behind the colon");
	fixture__refused("bare", "mem:0x1000:rw:", -EINVAL, "no modifier behind the colon");
	fixture__refused("bare", "mem:0x1000:rw:u:k", -EINVAL, "unknown modifier \":\"");
	fixture__refused("bare", "mem:0x1000:rq", -EINVAL, "unknown modifier \"r\"");
	fixture__refused("bare", "mem:0x1000:p", -EINVAL, "only hardware events");
	fixture__refused("bare", "mem:", -EINVAL, "is no address");
	fixture__refused("bare", "mem:main", -EINVAL, "\"main\" is no address");
	fixture__refused("bare", "mem:-1", -EINVAL, "is no address");
	fixture__refused("bare", "mem:0x10000000000000000", -EINVAL, "ERANGE");
	fixture__refused("bare", "mem:0xffffffff81000000:u", -EINVAL, "kernel address");
	fixture.defaults.all_user = true;
	fixture__refused("bare", "mem:0xffffffff81000000", -EINVAL, "--all-user");
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
		const struct perf_event_attr *attr = &fixture__one("intel", cases[i].spec)->attr;

		assert_int_equal(attr->exclude_user, cases[i].user);
		assert_int_equal(attr->exclude_kernel, cases[i].kernel);
		assert_int_equal(attr->exclude_hv, cases[i].hv);
		assert_int_equal(attr->exclude_idle, 0);
	}
	assert_int_equal(fixture__one("intel", "cycles:G")->attr.exclude_host, 1);
	assert_int_equal(fixture.list.events[0].attr.exclude_guest, 0);
	assert_int_equal(fixture__one("intel", "cycles:GH")->attr.exclude_host, 0);
	assert_int_equal(fixture.list.events[0].attr.exclude_guest, 0);
	assert_int_equal(fixture__one("intel", "cycles:HI")->attr.exclude_idle, 1);
	assert_int_equal(fixture.list.events[0].attr.exclude_guest, 1);

	fixture.defaults.all_user = true;
	assert_int_equal(fixture__one("intel", "cycles")->attr.exclude_kernel, 1);
	assert_int_equal(fixture.list.events[0].attr.exclude_user, 0);
	assert_int_equal(fixture__one("intel", "cycles:k")->attr.exclude_kernel, 0);
	assert_int_equal(fixture.list.events[0].attr.exclude_user, 1);
	assert_int_equal(fixture__one("intel", "mem:0x1000")->attr.exclude_kernel, 1);
	fixture.defaults.all_user = false;
	fixture.defaults.all_kernel = true;
	assert_int_equal(fixture__one("intel", "timer")->attr.exclude_user, 1);
	assert_int_equal(fixture.list.events[0].attr.exclude_kernel, 0);
	fixture.defaults.all_user = true;
	assert_int_equal(fixture__parse("intel", "mem:0x1000"), -EINVAL);
	assert_non_null(strstr(fixture.message, "--all-user and --all-kernel"));
}

static void test_modifiers_refused(void **state)
{
	fixture__refused("intel", "cycles:", -EINVAL, "no modifier behind the colon");
	fixture__refused("intel", "cycles:uu", -EINVAL, "\"u\" is given twice");
	fixture__refused("intel", "cycles:pppp", -EINVAL, "p, pp, ppp or P");
	fixture__refused("intel", "cycles:pP", -EINVAL, "p, pp, ppp or P");
	fixture__refused("intel", "cycles:z", -EINVAL, "unknown modifier \"z\"");
	fixture__refused("intel", "cycles:S", -EINVAL, "perf's modifier \"S\"");
	fixture__refused("intel", "cycles:u:k", -EINVAL, "unknown modifier \":\"");
	fixture__refused("intel", "cpu/cpu-cycles/x", -EINVAL, "unknown modifier \"x\"");
	fixture__refused("intel", "cpu/cpu-cycles/:", -EINVAL, "no modifier behind the colon");
	fixture__refused("intel", "cpu-clock:p", -EINVAL, "only hardware events");
	fixture__refused("intel", "data:p", -EINVAL, "leave out p and P");
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

		fixture.defaults.freq = cases[i].freq;
		fixture.defaults.period = cases[i].period;
		attr = &fixture__one("intel", cases[i].spec)->attr;
		if (attr->freq != cases[i].is_freq || attr->sample_period != cases[i].value)
			fail_msg("%s -F %d -c %d: freq %d value %d", cases[i].spec, (int)cases[i].freq,
				 (int)cases[i].period, attr->freq, (int)attr->sample_period);
	}
	fixture.defaults.freq = 1;
	fixture.defaults.period = 1;
	assert_int_equal(fixture__parse("intel", "timer"), -EINVAL);
	assert_non_null(strstr(fixture.message, "-F and -c exclude each other"));
	fixture.defaults.freq = 0;
	fixture.defaults.period = UINT64_MAX;
	assert_int_equal(fixture__parse("intel", "timer"), -EINVAL);
}

static void test_unknown(void **state)
{
	fixture__refused("bare", "", -EINVAL, "missing before or behind a comma");
	fixture__refused("bare", "minor-fault", -EINVAL, "did you mean \"minor-faults\"");
	fixture__refused("bare", "tiemr", -EINVAL, "did you mean \"timer\"");
	fixture__refused("bare", "dtlb-load-misses", -EINVAL, "did you mean \"dTLB-load-misses\"");
	fixture__refused("bare", "L1-dcache-prefetche", -EINVAL, "did you mean \"L1-dcache-prefetches\"");
	fixture__refused("bare", "cyles:u", -EINVAL, "did you mean \"cycles\"");
	fixture__refused("bare", "quuxquux", -EINVAL, "doctor");
	fixture__refused("bare", "NO_SUCH_EVENT:ANY", -EINVAL, "libpfm4");
	fixture__refused("bare", "dummy", -EINVAL, "never samples");
	fixture__refused("bare", "bpf-output:u", -EINVAL, "no samples of its own");
	fixture__refused("bare", "sched:sched_switch", -EINVAL, "tracepoints are no source of page sizes");
	fixture__refused("bare", "{cs,minor-faults}", -EINVAL, "leave the braces");
	fixture__refused("bare", "cs}", -EINVAL, "leave the braces");
}

static void test_hostile_text(void **state)
{
	char *text = malloc(20001);
	char long_name[256];

	memset(text, 'a', 20000);
	text[20000] = '\0';
	assert_int_equal(fixture__parse("bare", text), -EINVAL);
	assert_non_null(strstr(fixture.message, "longer than"));
	text[8000] = '\0';
	fixture__refused("intel", text, -EINVAL, "...\": unknown event");
	text[3] = '/';
	text[7999] = '/';
	fixture__refused("intel", text, -ENOTSUP, "no PMU \"aaa\"");
	memcpy(text, "cpu", 3);
	fixture__refused("intel", text, -EINVAL, "knows no term");
	memset(text, ',', 8000);
	fixture__refused("intel", text, -EINVAL, "missing before or behind");
	free(text);

	assert_int_equal(fixture__parse("bare", "cs\n"), -EINVAL);
	assert_non_null(strstr(fixture.message, "byte 2 (0x0a)"));
	assert_int_equal(fixture__parse("bare", "\xff"), -EINVAL);
	assert_non_null(strstr(fixture.message, "byte 0 (0xff)"));

	/* 95 characters fit a name, 96 do not. */
	snprintf(long_name, sizeof(long_name), "cpu/config=0x%080d/", 1);
	assert_int_equal(strlen(long_name), 94);
	assert_int_equal(fixture__one("intel", long_name)->attr.config, 1);
	snprintf(long_name, sizeof(long_name), "cpu/config=0x%082d/", 1);
	fixture__refused("intel", long_name, -EINVAL, "longer than the 95 characters");
	snprintf(long_name, sizeof(long_name), "cpu/config=0x%082d,name=short/", 1);
	assert_string_equal(fixture__one("intel", long_name)->name, "short");
}

static void test_lists(void **state)
{
	char spec[64 * 3 + 4] = "cs";

	fixture__many("intel", "minor-faults,cs", 2);
	assert_string_equal(fixture.list.events[0].name, "minor-faults");
	assert_string_equal(fixture.list.events[1].name, "cs");
	fixture__many("intel", "cpu/mem-loads,ldlat=30/P,cpu/mem-stores/P,faults:u,mem:0x1000/8:rw:u,r1a8", 6);
	assert_string_equal(fixture.list.events[0].name, "cpu/mem-loads,ldlat=30/P");
	assert_string_equal(fixture.list.events[2].name, "minor-faults:u");
	assert_string_equal(fixture.list.events[4].name, "mem:0x1000/8:rw:u");

	/* All or nothing. */
	fixture__refused("intel", "cs,minor-faults,quux", -EINVAL, "event \"quux\"");
	fixture__refused("intel", "cs,cpu/mem-loads,ldlat=30x/P,timer", -EINVAL, "event \"cpu/mem-loads,ldlat=30x/P\"");
	fixture__refused("intel", "cs,", -EINVAL, "missing");
	fixture__refused("intel", ",cs", -EINVAL, "missing");
	fixture__refused("intel", "cs,,cs", -EINVAL, "missing");
	fixture__refused("bare", "data,quux", -EINVAL, "event \"quux\"");
	assert_null(fixture.list.note);

	event_list__free(&fixture.list);
	for (int i = 1; i < 64; i++)
		strcat(spec, ",cs");
	assert_int_equal(fixture__parse("bare", spec), 0);
	assert_int_equal(fixture.list.n, MMU_MAX_EVENTS);
	assert_int_equal(fixture__parse("bare", "cs"), -E2BIG);
	assert_non_null(strstr(fixture.message, "more than 64 events"));
	assert_int_equal(fixture.list.n, MMU_MAX_EVENTS);
	fixture.list.n = 63;
	assert_int_equal(fixture__parse("bare", "faults"), -E2BIG);
	assert_int_equal(fixture.list.n, 63);
}

static void test_out_of_memory(void **state)
{
	assert_int_equal(fixture__parse("bare", "cs"), 0);
	reallocs_left = 0;
	assert_int_equal(fixture__parse("bare", "data"), -ENOMEM);
	reallocs_left = INT_MAX;
	assert_non_null(strstr(fixture.message, "ENOMEM"));
	assert_int_equal(fixture.list.n, 1);
	assert_null(fixture.list.note);
}

/* main() has libpfm4 take this machine for a Skylake. */
static void test_libpfm4(void **state)
{
	const struct event *event = fixture__one("intel", "INST_RETIRED:ANY_P");

	assert_int_equal(event->attr.type, PERF_TYPE_RAW);
	assert_int_equal(event->attr.config, 0xc0);
	assert_int_equal(event->attr.sample_freq, 4000);
	assert_int_equal(event->attr.exclude_guest, 1);
	assert_int_equal(event->attr.exclude_user, 0);
	assert_int_equal(event->attr.exclude_kernel, 0);
	assert_string_equal(event->name, "INST_RETIRED:ANY_P");
	event = fixture__one("intel", "skl::INST_RETIRED:ANY_P:u");
	assert_int_equal(event->attr.exclude_kernel, 1);
	assert_int_equal(event->attr.exclude_hv, 1);
	event = fixture__one("intel", "INST_RETIRED:ANY_P:kpp");
	assert_int_equal(event->attr.exclude_user, 1);
	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->attr.wakeup_events, 1);
	event = fixture__one("intel", "INST_RETIRED:ANY_P:freq=100");
	assert_int_equal(event->attr.freq, 1);
	assert_int_equal(event->attr.sample_freq, 100);
	assert_int_equal(fixture__one("intel", "INST_RETIRED:ANY_P:period=100")->attr.sample_period, 100);
	event = fixture__one("intel", "MEM_TRANS_RETIRED:LOAD_LATENCY:ldlat=30:precise=2");
	assert_int_equal(event->attr.config, 0x1cd);
	assert_int_equal(event->attr.config1, 30);
	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	fixture__many("intel", "INST_RETIRED:ANY_P,cs", 2);
	fixture__refused("bare", "INST_RETIRED:ANY_P", -ENOTSUP, "no PMU \"cpu\"");
	fixture__refused("intel", "INST_RETIRED:BOGUS", -EINVAL, "libpfm4 knows the event");
	fixture__refused("guest", "INST_RETIRED:ANY_P:pp", -ENOTSUP, "precise level 2");
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

	uint32_t n_machines = 0;

	while (event_machines[n_machines].name)
		n_machines++;
	fixture__seed(0x6d6d7573636f7065);
	for (int i = 0; i < 20000; i++) {
		const char *machine = event_machines[fixture__random(n_machines)].name;
		char spec[512];
		int err;

		strcpy(spec, valid[fixture__random(COUNT(valid))]);
		fixture__mangle(spec, sizeof(spec));
		event_list__free(&fixture.list);
		err = fixture__parse(machine, spec);
		assert_true(err == 0 || err == -EINVAL || err == -ENOTSUP || err == -E2BIG);
		assert_int_equal(fixture.messages, err ? 1 : 0);
		assert_int_equal(fixture.list.n > 0, !err);
		for (size_t n = 0; n < fixture.list.n; n++) {
			assert_true(memchr(fixture.list.events[n].name, 0, EVENT_NAME_LEN) != NULL);
			assert_true(fixture.list.events[n].name[0] != '\0');
			assert_true(fixture.list.events[n].attr.sample_period > 0);
		}
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_software),
		FIXTURE_TEST(test_faults),
		FIXTURE_TEST(test_hardware),
		FIXTURE_TEST(test_breakpoints),
		FIXTURE_TEST(test_breakpoints_refused),
		FIXTURE_TEST(test_modifiers),
		FIXTURE_TEST(test_modifiers_refused),
		FIXTURE_TEST(test_sampling),
		FIXTURE_TEST(test_unknown),
		FIXTURE_TEST(test_hostile_text),
		FIXTURE_TEST(test_lists),
		FIXTURE_TEST(test_out_of_memory),
		FIXTURE_TEST(test_libpfm4),
		FIXTURE_TEST(test_mangled),
		FIXTURE_TEST(test_target_free),
	};

	setenv("LIBPFM_FORCE_PMU", "skl", 1);
	setenv("LIBPFM_ENCODE_INACTIVE", "1", 1);
	return cmocka_run_group_tests(tests, fixture__build, fixture__remove);
}
