// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Which events are opened on whom, what is asked of the kernel, and what is said when it refuses.
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/perf_set.h"
#include "fake_kernel.h"
#include "wrap.h"

#define SIZES (PERF_SAMPLE_DATA_PAGE_SIZE | PERF_SAMPLE_CODE_PAGE_SIZE)

static uint32_t online_ids[] = {0, 2};
static struct cpus online = {.ids = online_ids, .n = 2, .highest = 2};
static struct event events[2];
static struct event_list list;
static struct target target;
static struct perf_set_config config;
static uint32_t ids[4], cpu_list[4];
static char root[] = "/tmp/mmuscope-perf-XXXXXX";
static char tasks[64], cgroups[64], mounts[160];

/* What the last run saw, before it freed the set. */
static size_t n_fds;
static struct perf_fd fds[FAKE_OPENED_MAX];
static void (*meanwhile)(struct perf_set *set);

static int life(void)
{
	struct perf_set *set = perf_set__new(&config);
	size_t i;

	n_fds = 0;
	if (!set)
		return -errno;
	n_fds = perf_set__n(set);
	for (i = 0; i < n_fds; i++)
		fds[i] = *perf_set__at(set, i);
	if (meanwhile)
		meanwhile(set);
	perf_set__free(set);
	return 0;
}

static void reset(enum target_kind kind)
{
	fake_kernel__reset();
	wrap__directory("/proc/100/task", tasks);
	wrap__directory("/proc/200/task", "/nonexistent");
	wrap__file("/proc/self/mounts", mounts);
	memset(events, 0, sizeof(events));
	strcpy(events[0].name, "minor-faults");
	events[0].origin = MMU_ORIGIN_FAULT;
	events[0].attr.type = PERF_TYPE_SOFTWARE;
	events[0].attr.config = PERF_COUNT_SW_PAGE_FAULTS_MIN;
	events[0].attr.sample_period = 1;
	strcpy(events[1].name, "timer");
	events[1].attr.type = PERF_TYPE_SOFTWARE;
	events[1].attr.config = PERF_COUNT_SW_CPU_CLOCK;
	events[1].attr.freq = 1;
	events[1].attr.sample_freq = 999;
	list = (struct event_list){.events = events, .n = 1};
	target = (struct target){.kind = kind};
	config = (struct perf_set_config){
		.events = &list, .target = &target, .online = &online, .child = -1, .kernel_sizes = true};
	meanwhile = NULL;
}

static void expect(int result, const char *message)
{
	int got = wrap__run(life, NULL);

	if (got != result || wrap_n_messages != (message ? 1 : 0))
		fail_msg("%d, %d messages: %s", got, wrap_n_messages, wrap_messages);
	if (message && !strstr(wrap_messages, message))
		fail_msg("\"%s\" does not say \"%s\"", wrap_messages, message);
}

static void watch(void)
{
	events[0].attr.type = PERF_TYPE_BREAKPOINT;
	strcpy(events[0].name, "mem:0x1000/8:rw");
}

/* A machine whose debug registers report nothing must not report "nobody touched it". */
static void test_breakpoints_that_never_hit(void **state)
{
	reset(TARGET_ALL);
	watch();
	fake_kernel.count = 0;
	expect(-ENOTSUP, "event mem:0x1000/8:rw: this machine takes breakpoints but reports no hit");
	assert_int_equal(fake_kernel.n_opened, 1); /* the probe's */
}

static void test_breakpoints_that_hit(void **state)
{
	reset(TARGET_ALL);
	watch();
	fake_kernel.count = 1;
	expect(0, NULL);
	assert_int_equal(n_fds, 2);
	assert_int_equal(fake_kernel.n_opened, 3);
	assert_int_equal(fake_kernel.opened[0].attr.type, PERF_TYPE_BREAKPOINT);
	assert_int_equal(fake_kernel.opened[0].attr.exclude_kernel, 1);
	assert_int_equal(fake_kernel.opened[0].pid, 0);
}

/* What the probe cannot open, the event cannot either, and says why. */
static void cannot_open(void)
{
	wrap__fail(WRAP_PERF_EVENT_OPEN, 1, ENOSPC);
	wrap__fail(WRAP_PERF_EVENT_OPEN, 2, ENOSPC);
}

static void test_breakpoints_all_taken(void **state)
{
	int got;

	reset(TARGET_ALL);
	watch();
	got = wrap__run(life, cannot_open);
	assert_int_equal(got, -ENOSPC);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "no debug register is free"));
}

static void test_all_cpus(void **state)
{
	reset(TARGET_ALL);
	list.n = 2;
	expect(0, NULL);
	assert_int_equal(n_fds, 4);
	for (size_t i = 0; i < 4; i++) {
		const struct fake_event *opened = &fake_kernel.opened[i];

		assert_int_equal(fds[i].event, i / 2);
		assert_int_equal(fds[i].cpu, online_ids[i % 2]);
		assert_int_equal(fds[i].tid, -1);
		assert_int_equal(fds[i].id, 1000 + i);
		assert_int_equal(fds[i].leader_fd, -1);
		assert_int_equal(opened->cpu, online_ids[i % 2]);
		assert_int_equal(opened->pid, -1);
		assert_int_equal(opened->flags, PERF_FLAG_FD_CLOEXEC);
		assert_int_equal(opened->attr.disabled, 1);
		assert_int_equal(opened->attr.inherit, 0);
		assert_int_equal(opened->attr.enable_on_exec, 0);
	}
}

static void test_sample_type(void **state)
{
	reset(TARGET_ALL);
	list.n = 2;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[0].attr.sample_type, PERF_SAMPLE_IP | PERF_SAMPLE_ADDR | SIZES);
	assert_int_equal(fake_kernel.opened[2].attr.sample_type,
			 PERF_SAMPLE_IP | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CODE_PAGE_SIZE);
	reset(TARGET_ALL);
	config.kernel_sizes = false;
	config.detail = true;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[0].attr.sample_type, PERF_SAMPLE_IP | PERF_SAMPLE_ADDR);
	events[0].origin = MMU_ORIGIN_PMU;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[2].attr.sample_type,
			 PERF_SAMPLE_IP | PERF_SAMPLE_ADDR | PERF_SAMPLE_WEIGHT | PERF_SAMPLE_DATA_SRC);
}

/* Kernels before 5.11 refuse the page sizes: asked for less, they open it. */
static void test_old_kernel(void **state)
{
	reset(TARGET_ALL);
	fake_kernel.page_sizes_from = SIZES;
	expect(0, NULL);
	assert_int_equal(n_fds, 2);
	assert_int_equal(fake_kernel.opened[0].attr.sample_type, PERF_SAMPLE_IP | PERF_SAMPLE_ADDR);
}

static void tell_imprecise(void)
{
	wrap__fail(WRAP_PERF_EVENT_OPEN, 1, EOPNOTSUPP);
	wrap__fail(WRAP_PERF_EVENT_OPEN, 2, EINVAL);
}

static void test_precision(void **state)
{
	reset(TARGET_ALL);
	config.kernel_sizes = false;
	events[0].attr.precise_ip = 3;
	assert_int_equal(wrap__run(life, tell_imprecise), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_int_equal(fake_kernel.opened[0].attr.precise_ip, 1);
	assert_int_equal(fake_kernel.opened[1].attr.precise_ip, 3);
}

static void test_cannot_exclude(void **state)
{
	reset(TARGET_ALL);
	events[0].attr.exclude_kernel = 1;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[0].attr.exclude_kernel, 1);
	events[0].cannot_exclude = true;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[2].attr.exclude_kernel, 0);
}

static void enable_disable(struct perf_set *set)
{
	assert_int_equal(perf_set__enable(set), 0);
	assert_int_equal(perf_set__disable(set), 0);
}

static void test_enable(void **state)
{
	reset(TARGET_ALL);
	meanwhile = enable_disable;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[0].enabled, 1);
	assert_int_equal(fake_kernel.opened[1].enabled, 1);
	assert_int_equal(fake_kernel.opened[1].disabled, 1);
}

/* The first failure is the result, but every event is tried. */
static void enable_badly(struct perf_set *set)
{
	wrap__fail(WRAP_IOCTL, 1, EBADFD);
	assert_int_equal(perf_set__enable(set), -EBADFD);
	wrap__fail(WRAP_IOCTL, 1, EIO);
	wrap__fail(WRAP_IOCTL, 2, EBADFD);
	assert_int_equal(perf_set__disable(set), -EIO);
}

static void test_enable_fails(void **state)
{
	reset(TARGET_ALL);
	meanwhile = enable_badly;
	expect(0, NULL);
	assert_int_equal(fake_kernel.opened[0].enabled, 0);
	assert_int_equal(fake_kernel.opened[1].enabled, 1);
}

static void test_leader(void **state)
{
	reset(TARGET_ALL);
	events[0].needs_leader = true;
	events[0].leader_config = 0x8203;
	events[0].attr.config = 0x1cd;
	events[0].attr.config1 = 3;
	events[0].attr.precise_ip = 2;
	meanwhile = enable_disable;
	expect(0, NULL);
	assert_int_equal(fake_kernel.n_opened, 4);
	assert_int_equal(fake_kernel.opened[0].attr.config, 0x8203);
	assert_int_equal(fake_kernel.opened[0].attr.config1, 0);
	assert_int_equal(fake_kernel.opened[0].attr.sample_type, 0);
	assert_int_equal(fake_kernel.opened[0].attr.precise_ip, 0);
	assert_int_equal(fake_kernel.opened[0].attr.disabled, 1);
	assert_int_equal(fake_kernel.opened[1].attr.disabled, 0);
	assert_int_equal(fake_kernel.opened[1].group_fd, fake_kernel.opened[0].fd);
	assert_int_equal(fds[0].leader_fd, fake_kernel.opened[0].fd);
	/* The group is switched by its leader. */
	assert_int_equal(fake_kernel.opened[0].enabled_as_group, 1);
	assert_int_equal(fake_kernel.opened[1].enabled, 0);
}

static void read_both(struct perf_set *set)
{
	uint64_t count, ns;

	assert_int_equal(perf_set__read(set, 0, &count, &ns), 0);
	assert_int_equal(count, 2 * 7);
	assert_int_equal(ns, 2 * 100);
	assert_int_equal(perf_set__read(set, 5, &count, &ns), 0);
	assert_int_equal(count, 0);
	wrap__fail(WRAP_READ, 2, ENXIO);
	assert_int_equal(perf_set__read(set, 0, &count, &ns), -ENXIO);
	/* An event in error state reads as nothing, and sets no errno. */
	fake_kernel.short_reads = true;
	errno = ENOTTY;
	assert_int_equal(perf_set__read(set, 0, &count, &ns), -EIO);
}

static void test_read(void **state)
{
	reset(TARGET_ALL);
	list.n = 2;
	fake_kernel.count = 7;
	fake_kernel.enabled_ns = 100;
	meanwhile = read_both;
	expect(0, NULL);
}

static void test_cpu_list(void **state)
{
	reset(TARGET_ALL);
	target.cpus = cpu_list;
	target.n_cpus = 1;
	cpu_list[0] = 2;
	expect(0, NULL);
	assert_int_equal(n_fds, 1);
	assert_int_equal(fds[0].cpu, 2);
	cpu_list[0] = 1;
	expect(-ENODEV, "CPU 1: not online; /sys/devices/system/cpu/online lists those that are");
}

static void test_process(void **state)
{
	reset(TARGET_PIDS);
	target.ids = ids;
	target.n_ids = 1;
	ids[0] = 100;
	expect(0, NULL);
	assert_int_equal(n_fds, 2);
	assert_int_equal(fds[0].tid + fds[1].tid, 100 + 101);
	assert_int_equal(fds[0].cpu, -1);
	assert_int_equal(fake_kernel.opened[0].attr.inherit, 1);
	assert_int_equal(fake_kernel.opened[0].attr.enable_on_exec, 0);
	/* On some CPUs only: one event a thread and CPU. */
	target.cpus = online_ids;
	target.n_cpus = 2;
	expect(0, NULL);
	assert_int_equal(n_fds, 4);
}

/* So many threads that the list grows. */
static void test_many(void **state)
{
	reset(TARGET_TIDS);
	static uint32_t many[40];

	for (uint32_t i = 0; i < 40; i++)
		many[i] = 1000 + i;
	target.ids = many;
	target.n_ids = 40;
	expect(0, NULL);
	assert_int_equal(n_fds, 40);
	assert_int_equal(fds[39].tid, 1039);
}

static void test_gone(void **state)
{
	reset(TARGET_PIDS);
	target.ids = ids;
	target.n_ids = 2;
	ids[0] = 100;
	ids[1] = 200;
	expect(-ESRCH, "process 200: there is no such process; ps -e lists those that are");
	/* Its threads end while they are looked at. */
	target.n_ids = 1;
	fake_kernel.dead_tasks = true;
	expect(-ESRCH, "process 100: there is no such process");
	reset(TARGET_TIDS);
	target.ids = ids;
	target.n_ids = 1;
	fake_kernel.dead_tasks = true;
	expect(-ESRCH, "thread 100: there is no such thread; ps -eL lists those that are");
}

static void tell_one_thread_gone(void)
{
	wrap__fail(WRAP_PERF_EVENT_OPEN, 1, ESRCH);
}

static void test_one_thread_gone(void **state)
{
	reset(TARGET_PIDS);
	target.ids = ids;
	target.n_ids = 1;
	ids[0] = 100;
	assert_int_equal(wrap__run(life, tell_one_thread_gone), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_int_equal(n_fds, 1);
}

static void test_command(void **state)
{
	char *command[] = {(char[]){"redis-server"}, NULL};

	reset(TARGET_COMMAND);
	target.command = command;
	config.child = 4242;
	meanwhile = enable_disable;
	expect(0, NULL);
	assert_int_equal(n_fds, 1);
	assert_int_equal(fake_kernel.opened[0].pid, 4242);
	assert_int_equal(fake_kernel.opened[0].cpu, -1);
	assert_int_equal(fake_kernel.opened[0].attr.inherit, 1);
	assert_int_equal(fake_kernel.opened[0].attr.enable_on_exec, 1);
	assert_int_equal(fake_kernel.opened[0].enabled, 0);
	fake_kernel.dead_tasks = true;
	expect(-ESRCH, "redis-server: ended before it was started: No such process (ESRCH)");
}

static void test_cgroup(void **state)
{
	reset(TARGET_CGROUP);
	target.cgroup = cgroups;
	expect(0, NULL);
	assert_int_equal(n_fds, 2);
	assert_int_equal(fds[0].tid, -1);
	assert_int_equal(fake_kernel.opened[0].flags, PERF_FLAG_PID_CGROUP | PERF_FLAG_FD_CLOEXEC);
	assert_int_equal(fake_kernel.opened[0].attr.inherit, 0);
	/* A name below the mount. */
	target.cgroup = "cgroup";
	expect(0, NULL);
	assert_int_equal(n_fds, 2);
	target.cgroup = "none";
	expect(-ENOENT, "cgroup none: No such file or directory (ENOENT); give the path of a cgroup directory, or its "
			"name below the cgroup2 mount");
	target.cgroup = "cgroup";
	wrap__file("/proc/self/mounts", "none /x cgroup rw 0 0\n");
	expect(-ENOENT, "cgroup cgroup: No such file or directory (ENOENT)");
	wrap__file("/proc/self/mounts", NULL);
	expect(-ENOENT, "cgroup cgroup: No such file or directory (ENOENT)");
}

static int refusal;

static void tell_refusal(void)
{
	wrap__fail(WRAP_PERF_EVENT_OPEN, 2, refusal);
	wrap__fail(WRAP_PERF_EVENT_OPEN, 3, refusal); /* asked again for less */
}

static void test_refusals(void **state)
{
	static const struct {
		int err;
		const char *words;
	} cases[] = {
		{EACCES,
		 "Permission denied (EACCES); kernel.perf_event_paranoid is 3: run as root, or with CAP_PERFMON"},
		{EPERM, "Operation not permitted (EPERM); kernel.perf_event_paranoid is 3: run as root"},
		{ENOENT, "this machine has no such event (No such file or directory (ENOENT)); mmuscope doctor"},
		{ENODEV, "this machine has no such event (No such device (ENODEV))"},
		{EOPNOTSUPP, "this machine has no such event (Operation not supported (EOPNOTSUPP))"},
		{ENOSPC, "no debug register is free for the breakpoint; end the debugger"},
		{EMFILE, "too many open files; raise the limit (ulimit -n)"},
		{EBUSY, "another tool holds the PMU exclusively; end it and try again"},
		{EINVAL, "perf_event_open: Invalid argument (EINVAL)"},
		{E2BIG, "perf_event_open: Argument list too long (E2BIG)"},
		{ENOMEM, "perf_event_open: Cannot allocate memory (ENOMEM)"},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		reset(TARGET_ALL);
		refusal = cases[i].err;
		assert_int_equal(wrap__run(life, tell_refusal), -cases[i].err);
		assert_int_equal(wrap_n_messages, 1);
		assert_non_null(strstr(wrap_messages, "mmuscope: event minor-faults on CPU 2: "));
		if (!strstr(wrap_messages, cases[i].words))
			fail_msg("%s", wrap_messages);
	}
}

static void tell_first(void)
{
	wrap__fail(WRAP_PERF_EVENT_OPEN, 1, refusal);
	wrap__fail(WRAP_PERF_EVENT_OPEN, 2, refusal);
}

static void test_refusals_elsewhere(void **state)
{
	refusal = EACCES;
	reset(TARGET_TIDS);
	target.ids = ids;
	target.n_ids = 1;
	ids[0] = 100;
	wrap__file("/proc/sys/kernel/perf_event_paranoid", "rubbish");
	assert_int_equal(wrap__run(life, tell_first), -EACCES);
	assert_non_null(strstr(wrap_messages, "event minor-faults for task 100: "));
	assert_non_null(strstr(wrap_messages, "perf_event_paranoid is -1"));
	/* A cgroup's descriptor is no task. */
	reset(TARGET_CGROUP);
	target.cgroup = cgroups;
	wrap__file("/proc/sys/kernel/perf_event_paranoid", NULL);
	assert_int_equal(wrap__run(life, tell_first), -EACCES);
	assert_non_null(strstr(wrap_messages, "event minor-faults on CPU 0: "));
	refusal = EINVAL;
	reset(TARGET_ALL);
	wrap__file("/proc/sys/kernel/perf_event_max_sample_rate", "500\n");
	events[0] = events[1];
	assert_int_equal(wrap__run(life, tell_first), -EINVAL);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "999 Hz is above kernel.perf_event_max_sample_rate (500)"));
}

static enum target_kind each_kind;

static void prepare_each(void)
{
	static char name[] = "true";
	static char *command[] = {name, NULL};

	reset(each_kind);
	list.n = 2;
	events[0].needs_leader = true;
	target.ids = ids;
	target.n_ids = each_kind == TARGET_PIDS || each_kind == TARGET_TIDS ? 2 : 0;
	ids[0] = ids[1] = 100;
	target.cgroup = "cgroup";
	target.command = command;
	config.child = each_kind == TARGET_COMMAND ? 4242 : -1;
}

/* The path alone is none: the name below the mount is tried, with the errno of the first. */
static bool is_harmless(const char *what)
{
	return !strcmp(what, "open cgroup");
}

static int life_of_each(void)
{
	int err = life();

	/* open_cgroup() reports why the path that was given cannot be opened. */
	if (each_kind == TARGET_CGROUP && err == -ENOENT && wrap__failed())
		return -(strstr(wrap__failed(), "setmntent") ? EMFILE : EROFS);
	return err;
}

static bool has_own_words(const char *what)
{
	return !strncmp(what, "setmntent ", 10) || !strncmp(what, "open ", 5);
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.prepare = prepare_each,
					       .run = life_of_each,
					       .is_harmless = is_harmless,
					       .has_own_words = has_own_words};

	for (each_kind = TARGET_ALL; each_kind <= TARGET_COMMAND; each_kind++)
		assert_in_range(wrap__each(&scenario), 6, 60);
	perf_set__free(NULL);
}

static int setup(void **state)
{
	char path[128];
	int tid;

	if (!mkdtemp(root))
		return -1;
	snprintf(tasks, sizeof(tasks), "%s/task", root);
	snprintf(cgroups, sizeof(cgroups), "%s/cgroup", root);
	snprintf(mounts, sizeof(mounts), "sysfs /sys sysfs rw 0 0\ncgroup2 %s cgroup2 rw 0 0\n", root);
	if (mkdir(tasks, 0700) || mkdir(cgroups, 0700))
		return -1;
	for (tid = 100; tid <= 101; tid++) {
		snprintf(path, sizeof(path), "%s/%d", tasks, tid);
		if (mkdir(path, 0700))
			return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	char path[128];
	int tid;

	for (tid = 100; tid <= 101; tid++) {
		snprintf(path, sizeof(path), "%s/%d", tasks, tid);
		rmdir(path);
	}
	rmdir(tasks);
	rmdir(cgroups);
	return rmdir(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_breakpoints_that_never_hit),
		cmocka_unit_test(test_breakpoints_that_hit),
		cmocka_unit_test(test_breakpoints_all_taken),
		cmocka_unit_test(test_all_cpus),
		cmocka_unit_test(test_sample_type),
		cmocka_unit_test(test_old_kernel),
		cmocka_unit_test(test_precision),
		cmocka_unit_test(test_cannot_exclude),
		cmocka_unit_test(test_enable),
		cmocka_unit_test(test_enable_fails),
		cmocka_unit_test(test_leader),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_cpu_list),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_one_thread_gone),
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_refusals_elsewhere),
		cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
