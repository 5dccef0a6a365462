// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * event__parse(): PMUs in sysfs, PEBS, IBS and `data`. No privileges, no PMU.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/event.h"
#include "event_fixture.h"
#include "support/log.h"

void __wrap_log__print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

void __wrap_log__print(enum log_level level, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fixture__log(level, format, args);
	va_end(args);
}

static void test_precise(void **state)
{
	const struct event *event = fixture__one("intel", "cycles:pp");

	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->attr.wakeup_events, 1);
	assert_int_equal(event->attr.watermark, 0);
	assert_int_equal(event->origin, MMU_ORIGIN_NONE);
	assert_int_equal(fixture__one("intel", "cycles:P")->attr.precise_ip, 3);
	assert_int_equal(fixture__one("spr", "cycles:P")->attr.precise_ip, 2);
	assert_int_equal(fixture__one("guest", "cycles:P")->attr.precise_ip, 0);
	assert_int_equal(fixture__one("arm", "cycles:P")->attr.precise_ip, 0);
	assert_int_equal(fixture__one("intel", "cpu/cpu-cycles/Pu")->attr.precise_ip, 3);
	assert_int_equal(fixture__one("intel", "cpu/cpu-cycles/:Pu")->attr.exclude_kernel, 1);
	fixture__refused("spr", "cycles:ppp", -ENOTSUP, "precise level 3");
	fixture__refused("guest", "cycles:p", -ENOTSUP, "max_precise");
	fixture__refused("guest", "cpu/mem-loads,ldlat=30/P", -ENOTSUP, "no PEBS");
	fixture__refused("guest", "cpu/mem-loads/p", -ENOTSUP, "doctor");
}

static void test_pmu_terms(void **state)
{
	const struct perf_event_attr *attr = &fixture__one("intel", "cpu/event=0xcd,umask=0x1,ldlat=30/p")->attr;

	assert_int_equal(attr->type, 4);
	assert_int_equal(attr->config, 0x1cd);
	assert_int_equal(attr->config1, 30);
	assert_int_equal(attr->exclude_guest, 1);
	assert_int_equal(fixture.list.events[0].origin, MMU_ORIGIN_PMU);
	assert_string_equal(fixture.list.events[0].name, "cpu/event=0xcd,umask=0x1,ldlat=30/p");

	assert_int_equal(fixture__one("intel", "cpu/edge,cmask=1/")->attr.config, 1 << 18 | 1 << 24);
	assert_int_equal(fixture__one("intel", "cpu/edge=0,config=0xff,umask=2/")->attr.config, 0x2ff);
	assert_true(fixture__one("intel", "cpu/split=0x1ff/")->attr.config2 == 0xf00000000000010fULL);
	assert_true(fixture__one("intel", "cpu/split=0x110/")->attr.config2 == 0x8000000000000100ULL);
	assert_true(fixture__one("intel", "cpu/whole=0xffffffffffffffff/")->attr.config2 == UINT64_MAX);
	assert_int_equal(fixture__one("intel", "cpu/config1=7,config2=8/")->attr.config1, 7);
	assert_int_equal(fixture.list.events[0].attr.config2, 8);
	assert_int_equal(fixture__one("intel", "cpu/r1a8/")->attr.config, 0x1a8);
	assert_int_equal(fixture__one("intel", "cpu//")->attr.config, 0);
	assert_int_equal(fixture__one("intel", "msr/config=1/")->attr.type, 11);
	assert_int_equal(fixture__one("amd", "cpu/event=0x1cd,umask=1/")->attr.config, 0x1000001cdULL);
	assert_int_equal(fixture.list.events[0].origin, MMU_ORIGIN_NONE);

	/* An alias gives way to what stands beside it, on whichever side. */
	assert_int_equal(fixture__one("intel", "cpu/ldlat=30,mem-loads/P")->attr.config1, 30);
	assert_int_equal(fixture__one("intel", "cpu/mem-loads,ldlat=30/P")->attr.config1, 30);
	assert_int_equal(fixture__one("intel", "cpu/mem-loads/P")->attr.config1, 3);
	assert_int_equal(fixture__one("intel", "cpu/cycles/")->attr.type, PERF_TYPE_HARDWARE);
	assert_int_equal(fixture__one("intel", "cpu/dTLB-load-misses/")->attr.config, 0x10003);
	assert_int_equal(fixture__one("arm", "armv8_pmuv3/cpu_cycles/")->attr.config, 0x11);
	assert_int_equal(fixture.list.events[0].attr.type, 8);
	assert_int_equal(fixture__one("arm", "armv8_pmuv3/cycles/")->attr.type, PERF_TYPE_HARDWARE);
	assert_int_equal(fixture__one("arm", "cycles")->attr.config, 0);

	assert_string_equal(fixture__one("intel", "cpu/mem-loads,name=loads/P")->name, "loads");
	assert_string_equal(fixture__one("intel", "cpu/mem-loads,name='a/b,c'/P")->name, "a/b,c");
	assert_string_equal(fixture__one("intel", "cs/name=switches/u")->name, "switches");
	assert_string_equal(fixture__one("intel", " cs ")->name, "cs");
}

static void test_pmu_refused(void **state)
{
	char many_terms[512] = "cpu/";

	fixture__refused("intel", "cpu/mem-loads,ldlat=30x/P", -EINVAL, "ldlat=30x: the value is not a number");
	fixture__refused("intel", "cpu/mem-loads,ldlat=0x10000/P", -EINVAL, "0 to 0xffff");
	fixture__refused("intel", "cpu/mem-loads,ldlat=-1/P", -EINVAL, "not a number");
	fixture__refused("intel", "cpu/mem-loads,ldlat/P", -EINVAL, "needs a value");
	fixture__refused("intel", "cpu/mem-loads,ldlat=/P", -EINVAL, "empty term or value");
	fixture__refused("intel", "cpu/mem-loads,/P", -EINVAL, "empty term or value");
	fixture__refused("intel", "cpu/,/", -EINVAL, "empty term or value");
	fixture__refused("intel", "cpu/edge=2/", -EINVAL, "0 to 0x1");
	fixture__refused("intel", "cpu/mem-loads,ldlt=30/P", -EINVAL, "did you mean \"ldlat\"");
	fixture__refused("intel", "cpu/mem-load/P", -EINVAL, "did you mean \"mem-loads\"");
	fixture__refused("intel", "cpu/quux/", -EINVAL, "beyond, broken, cmask");
	fixture__refused("intel", "cpu/mem-loads=1/", -EINVAL, "knows no term");
	fixture__refused("intel", "cpu/mem-stores.scale/", -EINVAL, "knows no term");
	fixture__refused("intel", "cpu/../", -EINVAL, "");
	fixture__refused("intel", "cpu/mem-loads,mem-stores/", -EINVAL, "are two events");
	fixture__refused("intel", "cpu/cycles,umask=1/", -EINVAL, "generic event");
	fixture__refused("intel", "cpu/cycles,mem-loads/", -EINVAL, "generic event");
	fixture__refused("intel", "cpu/umask=1,umask=2/", -EINVAL, "given twice");
	fixture__refused("intel", "cpu/wants/", -EINVAL, "wants a value for \"umask\"");
	fixture__refused("intel", "cpu/nested/", -EINVAL, "knows no term \"cpu-cycles\"");
	fixture__refused("intel", "cpu/hollow/", -EINVAL, "cannot be read");
	fixture__refused("intel", "cpu/broken=1/", -EINVAL, "cannot be read as a format");
	fixture__refused("intel", "cpu/beyond=1/", -EINVAL, "cannot be read as a format");
	fixture__refused("intel", "cpu/empty=1/", -EINVAL, "cannot be read as a format");
#ifndef PERF_ATTR_SIZE_VER8
	fixture__refused("intel", "cpu/new=1/", -ENOTSUP, "config3");
#endif
	fixture__refused("intel", "cpu/period=0/", -EINVAL, "period=0 is out of range");
	fixture__refused("intel", "cpu/period=0x8000000000000000/", -EINVAL, "out of range");
	fixture__refused("intel", "cpu/freq=1k/", -EINVAL, "not a number");
	fixture__refused("intel", "cpu/freq=1,period=1/", -EINVAL, "exclude each other");
	fixture__refused("intel", "cpu/name=/", -EINVAL, "empty term or value");
	fixture__refused("intel", "cpu/name=''/", -EINVAL, "name= needs a name");
	fixture__refused("intel", "cpu/name='x/", -EINVAL, "slash that ends its terms is missing");
	fixture__refused("intel", "cpu/mem-loads", -EINVAL, "slash that ends its terms is missing");
	fixture__refused("intel", "cpu/mem-loads/P/", -EINVAL, "slash that ends its terms is missing");
	fixture__refused("intel", "cpu/mem-loads/P/x/", -EINVAL, "unknown modifier");
	fixture__refused("intel", "cs/umask=1/", -EINVAL, "is for a PMU");
	fixture__refused("intel", "silly//", -EINVAL, "silly/type cannot be read");
	fixture__refused("intel", "software/config=1/", -EINVAL, "without slashes");
	fixture__refused("intel", "breakpoint/config=1/", -EINVAL, "mem:ADDR");
	fixture__refused("intel", "tracepoint/config=1/", -EINVAL, "no source of page sizes");
	fixture__refused("intel", "uprobe//", -EINVAL, "no source of page sizes");
	fixture__refused("intel", "cpu_core/mem-loads/P", -ENOTSUP, "it has: breakpoint, cpu, msr");
	fixture__refused("intel", "cpo/mem-loads/P", -ENOTSUP, "did you mean \"cpu\"");
	fixture__refused("intel", "ibs_op//", -ENOTSUP, "doctor");
	fixture__refused("intel", "../cpu//", -EINVAL, "slash that ends");
	fixture__refused("intel", "..//", -ENOTSUP, "no PMU");
	for (int i = 0; i < 40; i++)
		sprintf(many_terms + strlen(many_terms), "%st%d=1", i ? "," : "", i);
	strcat(many_terms, "/");
	fixture__refused("intel", many_terms, -EINVAL, "more than 32 terms");
}

static void test_memory_events(void **state)
{
	const struct event *event = fixture__one("intel", "cpu/mem-loads,ldlat=30/P");

	assert_int_equal(event->attr.config, 0x1cd);
	assert_int_equal(event->attr.precise_ip, 3);
	assert_int_equal(event->attr.wakeup_events, 1);
	assert_int_equal(event->attr.freq, 1);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	assert_false(event->needs_leader);
	assert_false(event->needs_addr);
	assert_false(event->cannot_exclude);
	/* No PEBS record, no address. */
	assert_int_equal(fixture__one("intel", "cpu/mem-loads,ldlat=30/")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(fixture__one("intel", "cpu/mem-stores/p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("intel", "mem-loads:p")->origin, MMU_ORIGIN_PMU);
	assert_string_equal(fixture.list.events[0].name, "mem-loads:p");
	assert_int_equal(fixture__one("intel", "r82d0:p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("intel", "r82d0")->origin, MMU_ORIGIN_NONE);
	/* Loads that missed the second TLB, or came from memory: those one wants to see most. */
	assert_int_equal(fixture__one("intel", "r11d0:p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("intel", "r81d0:P")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("intel", "r20d1:p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("intel", "r1d4:p")->origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("intel", "r1d0:p")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(fixture__one("intel", "r1d5:p")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(fixture__one("amd", "r20d1")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(fixture__one("intel", "r1c0:p")->origin, MMU_ORIGIN_NONE);
	assert_int_equal(fixture__one("powerpc", "cpu/mem-loads/")->origin, MMU_ORIGIN_PMU);

	event = fixture__one("spr", "cpu/mem-loads,ldlat=30/P");
	assert_int_equal(event->attr.precise_ip, 2);
	assert_true(event->needs_leader);
	assert_int_equal(event->leader_config, 0x8203);
	assert_true(fixture__one("spr", "r1cd:p")->needs_leader);
	assert_false(fixture__one("spr", "cpu/mem-stores/P")->needs_leader);
	assert_int_equal(fixture.list.events[0].origin, MMU_ORIGIN_PMU);
	assert_false(fixture__one("spr", "cycles:p")->needs_leader);
}

static void test_hybrid(void **state)
{
	fixture__many("hybrid", "cycles:u", 2);
	assert_string_equal(fixture.list.events[0].name, "cpu_atom/cycles/u");
	assert_int_equal(fixture.list.events[0].attr.type, PERF_TYPE_HARDWARE);
	assert_int_equal(fixture.list.events[0].attr.config, 10ULL << 32);
	assert_string_equal(fixture.list.events[1].name, "cpu_core/cycles/u");
	assert_int_equal(fixture.list.events[1].attr.config, 4ULL << 32);
	fixture__many("hybrid", "r6d0:p", 2);
	assert_int_equal(fixture.list.events[0].attr.type, 10);
	assert_int_equal(fixture.list.events[0].attr.config, 0x6d0);
	assert_int_equal(fixture.list.events[0].origin, MMU_ORIGIN_PMU);
	assert_int_equal(fixture__one("hybrid", "cpu_atom/cycles/")->attr.config, 10ULL << 32);
	fixture__many("hybrid", "mem-loads:P", 2);
	assert_string_equal(fixture.list.events[0].name, "cpu_atom/mem-loads/P");
	assert_int_equal(fixture.list.events[0].attr.config, 0x5d0);
	assert_false(fixture.list.events[0].needs_leader);
	assert_true(fixture.list.events[1].needs_leader);
	fixture__refused("hybrid", "cpu/mem-loads/P", -ENOTSUP, "cpu_atom, cpu_core");
}

static void test_ibs(void **state)
{
	const struct event *event = fixture__one("amd", "ibs_op//");

	assert_int_equal(event->attr.type, 9);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	assert_true(event->needs_addr);
	assert_true(event->cannot_exclude);
	assert_int_equal(event->attr.exclude_guest, 0);
	assert_int_equal(event->attr.freq, 1);
	assert_int_equal(event->attr.sample_freq, 4000);
	assert_int_equal(event->attr.wakeup_events, 0);

	event = fixture__one("amd", "ibs_op/cnt_ctl/u");
	assert_int_equal(event->attr.config, 1 << 19);
	assert_true(event->cannot_exclude);
	assert_int_equal(event->attr.exclude_kernel, 1);
	assert_int_equal(event->attr.exclude_hv, 0);
	assert_int_equal(event->attr.config2, 0);

	event = fixture__one("amd_swfilt", "ibs_op//u");
	assert_false(event->cannot_exclude);
	assert_int_equal(event->attr.config2, 1);
	assert_int_equal(event->attr.exclude_kernel, 1);
	assert_int_equal(event->attr.exclude_guest, 0);
	assert_int_equal(fixture__one("amd_swfilt", "ibs_op//")->attr.config2, 0);
	assert_false(fixture.list.events[0].cannot_exclude);
	fixture.defaults.all_kernel = true;
	assert_int_equal(fixture__one("amd_swfilt", "ibs_op//")->attr.config2, 1);
	assert_int_equal(fixture.list.events[0].attr.exclude_user, 1);
	fixture.defaults.all_kernel = false;

	event = fixture__one("amd", "ibs_fetch//");
	assert_int_equal(event->origin, MMU_ORIGIN_NONE);
	assert_false(event->needs_addr);
	assert_true(event->cannot_exclude);

	/* The kernel takes precise cycles over to IBS op. */
	event = fixture__one("amd", "cycles:P");
	assert_int_equal(event->attr.precise_ip, 2);
	assert_int_equal(event->origin, MMU_ORIGIN_PMU);
	assert_true(event->needs_addr);
	assert_false(fixture__one("amd", "cycles")->needs_addr);
	assert_true(fixture__one("amd", "r76:p")->needs_addr);

	assert_int_equal(fixture__one("amd", "ibs_op/period=100000/")->attr.sample_period, 100000);
	fixture__refused("amd", "ibs_op/period=100001/", -EINVAL, "-c 100016");
	fixture__refused("amd", "ibs_op//G", -EINVAL, "leave out G, H and I");
	fixture__refused("amd", "instructions:p", -ENOTSUP, "precise level 1");
	fixture__refused("amd", "ibs_op//ppp", -ENOTSUP, "precise level 3");
	fixture.defaults.period = 1;
	fixture__refused("amd", "ibs_op//", -EINVAL, "-c 16");
}

static void test_data(void **state)
{
	fixture__many("intel", "data", 2);
	assert_string_equal(fixture.list.events[0].name, "cpu/mem-loads,ldlat=30/P");
	assert_string_equal(fixture.list.events[1].name, "cpu/mem-stores/P");
	assert_int_equal(fixture.list.events[0].attr.config1, 30);
	assert_int_equal(fixture.list.events[0].attr.precise_ip, 3);
	assert_int_equal(fixture.list.events[1].origin, MMU_ORIGIN_PMU);
	assert_null(fixture.list.note);

	fixture__many("hybrid", "data:u", 4);
	assert_string_equal(fixture.list.events[0].name, "cpu_atom/mem-loads,ldlat=30/Pu");
	assert_string_equal(fixture.list.events[3].name, "cpu_core/mem-stores/Pu");
	assert_int_equal(fixture.list.events[3].attr.exclude_kernel, 1);

	assert_string_equal(fixture__one("amd", "data:u")->name, "ibs_op//u");
	assert_true(fixture.list.events[0].cannot_exclude);
	assert_null(fixture.list.note);

	assert_int_equal(fixture__one("amd", "data/period=160/")->attr.sample_period, 160);
	fixture__refused("amd", "data/name=x/", -EINVAL, "one name");

	assert_string_equal(fixture__one("bare", "data:u")->name, "timer:u");
	assert_true(fixture.list.events[0].is_clock);
	assert_non_null(fixture.list.note);
	assert_non_null(strstr(fixture.list.note, "timer samples instead"));
	/* Said once, however often it is asked for. */
	assert_int_equal(fixture__parse("bare", "data"), 0);
	assert_ptr_equal(strstr(fixture.list.note, "data:"), fixture.list.note);
	assert_null(strstr(fixture.list.note + 1, "data:"));
	free(fixture.list.note);
	fixture.list.note = strdup("before");
	assert_int_equal(fixture__parse("bare", "data"), 0);
	assert_non_null(strstr(fixture.list.note, "before; data:"));

	/* PEBS by name only is none. */
	fixture__many("guest", "data", 1);
	assert_non_null(fixture.list.note);
	fixture__many("nowhere", "data", 1);
	assert_non_null(fixture.list.note);
}

/* What sysfs says is no more to be trusted. */
static void test_mangled_sysfs(void **state)
{
	const struct event_machine *spr = event_machines;
	char content[2000];
	uint32_t n;

	fixture__seed(0x73797366732e2e2e);
	while (strcmp(spr->name, "spr") != 0)
		spr++;
	for (n = 0; spr->lines[n]; n++)
		fixture__put_line("mangled", spr->lines[n]);
	for (int i = 0; i < 2000; i++) {
		const char *line = spr->lines[fixture__random(n)];
		char file[64];

		snprintf(file, sizeof(file), "%.*s", (int)strcspn(line, " "), line);
		strcpy(content, line + strlen(file) + 1);
		fixture__mangle(content, 512);
		fixture__put("mangled", file, content);
		event_list__free(&fixture.list);
		fixture__parse("mangled", "cpu/mem-loads,ldlat=30/P,r1cd:p,cpu/event=1,umask=2/");
		event_list__free(&fixture.list);
		fixture__parse("mangled", "data:u");
		fixture__put_line("mangled", line);
	}
	memset(content, 'e', sizeof(content));
	content[1000] = '\0';
	fixture__put("mangled", "cpu/events/mem-loads", content);
	fixture__refused("mangled", "cpu/mem-loads/P", -EINVAL, "knows no term");
	content[1000] = 'e';
	content[1500] = '\0';
	fixture__put("mangled", "cpu/events/mem-loads", content);
	fixture__refused("mangled", "cpu/mem-loads/P", -EINVAL, "EFBIG");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_precise),       FIXTURE_TEST(test_pmu_terms),     FIXTURE_TEST(test_pmu_refused),
		FIXTURE_TEST(test_memory_events), FIXTURE_TEST(test_hybrid),        FIXTURE_TEST(test_ibs),
		FIXTURE_TEST(test_data),          FIXTURE_TEST(test_mangled_sysfs),
	};

	return cmocka_run_group_tests(tests, fixture__build, fixture__remove);
}
