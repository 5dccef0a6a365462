// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A capture over the fake kernel, phase by phase.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/session.h"
#include "fake_kernel.h"
#include "mmuscope.skel.h"
#include "support/clock.h"
#include "wrap.h"

static struct event events[2];
static struct event_list list;
static struct target target;
static struct session_config config;
static uint32_t ids[2];
static char name[] = "true";
static char *command[] = {name, NULL};
static char pins[] = "/tmp/mmuscope-session-XXXXXX";
static struct mmu_head records[4];
static unsigned int n_samples;
static int sample_result;
static int (*meanwhile)(struct session *session);

static int on_sample(void *ctx, const struct sample *sample)
{
	assert_ptr_equal(ctx, &config);
	assert_int_equal(sample->data.walk, 12);
	n_samples++;
	return sample_result;
}

static int life(void)
{
	struct session *session = session__new(&config);
	int err;

	if (!session)
		return -errno;
	err = meanwhile(session);
	session__free(session);
	return err;
}

static int nothing(struct session *session)
{
	(void)session;
	return 0;
}

static void reset(enum target_kind kind)
{
	size_t i;

	fake_kernel__reset();
	memset(events, 0, sizeof(events));
	strcpy(events[0].name, "minor-faults");
	events[0].origin = MMU_ORIGIN_FAULT;
	events[0].attr.sample_period = 1;
	strcpy(events[1].name, "timer");
	events[1].attr.freq = 1;
	events[1].attr.sample_freq = 1000;
	events[1].is_clock = true;
	list = (struct event_list){.events = events, .n = 2};
	target = (struct target){.kind = kind, .ids = ids, .n_ids = 2};
	ids[0] = ids[1] = (uint32_t)getpid();
	if (kind == TARGET_COMMAND)
		target.command = command;
	config = (struct session_config){.events = &list,
					 .target = &target,
					 .walk = true,
					 .kernel = true,
					 .on_sample = on_sample,
					 .ctx = &config};
	for (i = 0; i < 4; i++)
		records[i] = (struct mmu_head){.kind = MMU_KIND_SAMPLE,
					       .event = i == 3,
					       .mode = MMU_MODE_USER,
					       .origin = MMU_ORIGIN_FAULT,
					       .data_walk = 12,
					       .data_kernel = 12,
					       .code_walk = 12,
					       .code_kernel = 12};
	n_samples = 0;
	sample_result = 0;
	meanwhile = nothing;
}

static void expect(int result, const char *message)
{
	int got = wrap__run(life, NULL);

	if (got != result || wrap_n_messages != (message ? 1 : 0))
		fail_msg("%d, %d messages: %s", got, wrap_n_messages, wrap_messages);
	if (message && !strstr(wrap_messages, message))
		fail_msg("\"%s\" does not say \"%s\"", wrap_messages, message);
}

static void test_configuration(void **state)
{
	const struct mmuscope_bpf__rodata *rodata = fake_kernel__rodata();

	reset(TARGET_ALL);
	config.sections = MMU_SECTION_TASK;
	config.buffer = 1 << 16;
	events[1].cannot_exclude = true;
	events[1].attr.exclude_kernel = 1;
	expect(0, NULL);
	assert_int_equal(rodata->cfg_sections, MMU_SECTION_TASK);
	assert_int_equal(rodata->cfg_record_size, sizeof(struct mmu_head) + sizeof(struct mmu_task));
	assert_int_equal(rodata->cfg_n_events, 2);
	assert_int_equal(rodata->cfg_walk, 1);
	assert_int_equal(rodata->cfg_kernel, 1);
	assert_int_equal(rodata->cfg_cast, 1);
	assert_int_equal(rodata->cfg_wake_bytes, 1 << 14);
	assert_int_equal(rodata->cfg_origin[0], MMU_ORIGIN_FAULT);
	assert_int_equal(rodata->cfg_exclude[0], 0);
	assert_int_equal(rodata->cfg_exclude[1], 1 << MMU_MODE_KERNEL | 1 << MMU_MODE_IDLE);
	assert_int_equal(fake_kernel.ring_bytes, 1 << 16);
	assert_int_equal(fake_kernel.max_entries_samples, 4); /* the highest possible CPU is 3 */
	assert_int_equal(fake_kernel.max_entries_events, 4);
	events[1].attr.exclude_kernel = 0;
	events[1].attr.exclude_user = 1;
	fake_kernel.has_cast = false;
	config.buffer = 0;
	expect(0, NULL);
	assert_int_equal(rodata->cfg_exclude[1], 1 << MMU_MODE_USER);
	assert_int_equal(rodata->cfg_cast, 0);
	assert_int_equal(fake_kernel.ring_bytes, 1 << 20);
}

static void test_attach(void **state)
{
	size_t i;

	reset(TARGET_ALL);
	expect(0, NULL);
	/* The self-check's own, then two events on two CPUs. */
	assert_int_equal(fake_kernel.n_event_ids, 4);
	for (i = 0; i < 4; i++) {
		assert_int_equal(fake_kernel.event_ids[i], 1001 + i);
		assert_int_equal(fake_kernel.event_of[i], i / 2);
		assert_true(fake_kernel.opened[i + 1].prog_fd >= 0);
		assert_int_equal(fake_kernel.opened[i + 1].enabled, 0);
	}
	assert_int_equal(fake_kernel.links, 5);
	reset(TARGET_ALL);
	fake_kernel.no_perf_links = true;
	expect(0, NULL);
	assert_int_equal(fake_kernel.links, 0);
	for (i = 0; i < 5; i++)
		assert_true(fake_kernel.opened[i + 1].prog_fd >= 0);
}

static int look_at_layout(struct session *session)
{
	const struct layout_result *layout = session__layout(session);

	assert_int_equal(layout->layout.levels, config.walk ? 4 : 0);
	if (!config.walk)
		assert_string_equal(layout->why, "not asked for (--source)");
	return 0;
}

static void test_layout(void **state)
{
	reset(TARGET_ALL);
	meanwhile = look_at_layout;
	expect(0, NULL);
	config.walk = false;
	fake_kernel.runs = 0;
	expect(0, NULL);
	assert_int_equal(fake_kernel.runs, 0);
}

static int whole_run(struct session *session)
{
	struct accounting accounting;
	int status, err;

	if (session__start(session) || session__wait(session, 0) != SESSION_TIMEOUT)
		return -EEXIST;
	err = session__drain(session);
	if (!err)
		err = session__stop(session);
	if (!err)
		err = session__drain(session);
	if (!err)
		err = session__accounting(session, 0, &accounting);
	if (err)
		return err;
	assert_true(accounting__is_exact(&accounting));
	assert_int_equal(accounting.seen, 10);
	assert_int_equal(accounting.emitted, 3);
	assert_int_equal(accounting.filtered, 2);
	assert_int_equal(accounting.ring_full, 4);
	assert_int_equal(accounting.ring_busy, 1);
	assert_int_equal(accounting.received, 3);
	assert_int_equal(accounting.counted, 2 * 3000000);
	assert_int_equal(accounting.expected, COUNT_UNKNOWN);
	assert_int_equal(session__accounting(session, 1, &accounting), 0);
	assert_int_equal(accounting.received, 1);
	assert_int_equal(accounting.counted, COUNT_UNKNOWN);
	assert_int_equal(accounting.expected, 6); /* 1000 Hz for 6 ms */
	assert_false(session__command_status(session, &status));
	session__terminate_command(session);
	return 0;
}

static void test_whole_run(void **state)
{
	reset(TARGET_ALL);
	fake_kernel__emit(0, records, sizeof(records[0]), 4);
	fake_kernel.counts[0][0] = (struct mmu_counts){.seen = 4, .emitted = 2, .filtered = 1, .ring_full = 1};
	fake_kernel.counts[0][1] =
		(struct mmu_counts){.seen = 6, .emitted = 1, .filtered = 1, .ring_full = 3, .ring_busy = 1};
	fake_kernel.count = 3000000;
	meanwhile = whole_run;
	expect(0, NULL);
	assert_int_equal(n_samples, 4);
	assert_int_equal(fake_kernel.opened[1].enabled, 1);
	assert_int_equal(fake_kernel.opened[1].disabled, 1);
}

static int never_exact(struct session *session)
{
	struct accounting accounting;

	assert_int_equal(session__accounting(session, 0, &accounting), 0);
	assert_false(accounting__is_exact(&accounting));
	return 0;
}

/* A sum that does not hold is read again, and shown as it is when it never does. */
static void test_never_exact(void **state)
{
	reset(TARGET_ALL);
	fake_kernel.counts[0][1].seen = 1;
	meanwhile = never_exact;
	expect(0, NULL);
	assert_true(wrap__calls(WRAP_MAP_LOOKUP) > 100);
}

static int drain(struct session *session)
{
	return session__drain(session);
}

static void test_bad_records(void **state)
{
	static struct mmu_head bad;

	reset(TARGET_ALL);
	meanwhile = drain;
	fake_kernel__emit(0, records, sizeof(records[0]) - 1, 1);
	expect(-EBADMSG, "a record of 15 bytes in the ring is malformed: this is a bug of mmuscope");
	bad = records[0];
	bad.event = 2; /* there are two */
	fake_kernel__emit(0, &bad, sizeof(bad), 1);
	expect(-EBADMSG, "malformed");
	assert_int_equal(n_samples, 0);
	sample_result = -ENOMEM;
	fake_kernel__emit(0, records, sizeof(records[0]), 4);
	expect(-ENOMEM, NULL);
	assert_int_equal(n_samples, 1);
}

static int wake_kinds(struct session *session)
{
	fake_kernel.rings_wake = true;
	assert_int_equal(session__wait(session, NSEC_PER_SEC), SESSION_DATA);
	fake_kernel.rings_wake = false;
	fake_kernel.interrupts = true;
	assert_int_equal(session__wait(session, NSEC_PER_SEC), SESSION_SIGNAL);
	fake_kernel.interrupts = false;
	assert_int_equal(session__wait(session, NSEC_PER_SEC), SESSION_TIMEOUT);
	return 0;
}

static void test_wake(void **state)
{
	reset(TARGET_ALL);
	meanwhile = wake_kinds;
	expect(0, NULL);
}

static int wait_for_command(struct session *session)
{
	int status = -1;
	int err = session__start(session);

	fake_kernel.real_waits = true;
	while (!err && session__wait(session, NSEC_PER_SEC) != SESSION_TARGET_GONE)
		continue;
	if (!err && !session__command_status(session, &status))
		err = -ECHILD;
	assert_true(err || WIFEXITED(status));
	session__terminate_command(session); /* gone: nobody to ask */
	return err;
}

static void test_command(void **state)
{
	reset(TARGET_COMMAND);
	meanwhile = wait_for_command;
	expect(0, NULL);
	/* Started by exec, not by us. */
	assert_int_equal(fake_kernel.opened[1].attr.enable_on_exec, 1);
	assert_int_equal(fake_kernel.opened[1].enabled, 0);
	strcpy(name, "t/\r");
	expect(-ENOENT, "t/?: No such file or directory (ENOENT)");
	strcpy(name, "true");
}

static pid_t others[2];

static void start_others(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		others[i] = fork();
		if (others[i] == 0) {
			pause();
			_exit(0);
		}
		ids[i] = (uint32_t)others[i];
	}
}

static void end_other(int i)
{
	kill(others[i], SIGKILL);
	waitpid(others[i], NULL, 0);
}

static int wait_for_others(struct session *session)
{
	assert_int_equal(session__wait(session, 0), SESSION_TIMEOUT);
	end_other(1);
	assert_int_equal(session__wait(session, 0), SESSION_TIMEOUT);
	end_other(0);
	assert_int_equal(session__wait(session, 0), SESSION_TARGET_GONE);
	return 0;
}

static void test_processes(void **state)
{
	reset(TARGET_PIDS);
	start_others();
	meanwhile = wait_for_others;
	expect(0, NULL);
}

static void tell_gone(void)
{
	wrap__fail(WRAP_PIDFD_OPEN, 1, ESRCH);
	wrap__fail(WRAP_PIDFD_OPEN, 2, ESRCH);
}

static int is_over(struct session *session)
{
	fake_kernel.real_waits = true; /* a wait for nothing would last */
	return session__wait(session, 3600 * NSEC_PER_SEC) == SESSION_TARGET_GONE ? 0 : -EEXIST;
}

/* They ended behind the opening of their events: the run is over, not endless. */
static void test_all_gone_already(void **state)
{
	reset(TARGET_PIDS);
	meanwhile = is_over;
	assert_int_equal(wrap__run(life, tell_gone), 0);
	assert_int_equal(wrap_n_messages, 0);
}

/* Events, links and rings may be more than the soft limit of descriptors. */
static void test_limit_of_files(void **state)
{
	struct rlimit before, now;

	reset(TARGET_ALL);
	getrlimit(RLIMIT_NOFILE, &before);
	now = before;
	now.rlim_cur = 100;
	setrlimit(RLIMIT_NOFILE, &now);
	expect(0, NULL);
	getrlimit(RLIMIT_NOFILE, &now);
	setrlimit(RLIMIT_NOFILE, &before);
	assert_true(now.rlim_cur == before.rlim_max);
}

static void tell_refused(void)
{
	wrap__fail(WRAP_LOAD_SKELETON, 1, EACCES);
}

static void test_refused(void **state)
{
	reset(TARGET_ALL);
	assert_int_equal(wrap__run(life, tell_refused), -EACCES);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "the kernel refused the BPF programs: Permission denied (EACCES); run as "
					      "root, or with CAP_BPF and CAP_PERFMON"));
	wrap__file("/sys/devices/system/cpu/online", NULL);
	expect(-ENOENT, "/sys/devices/system/cpu/online: No such file or directory (ENOENT); mount sysfs");
}

static bool is_harmless(const char *what)
{
	return !strcmp(what, "fopen /proc/zoneinfo") || !strcmp(what, "fopen /proc/self/smaps") ||
	       !strcmp(what, "mmap for a huge page") || !strcmp(what, "madvise MADV_HUGEPAGE") ||
	       !strcmp(what, "fopen /sys/devices/system/cpu/possible") || !strcmp(what, "reallocarray #3") ||
	       !strcmp(what, "reallocarray #4");
}

/* Whichever way the kernel's BTF is not there. */
static bool is_harmless_without_btf(const char *what)
{
	return is_harmless(what) || !strcmp(what, "btf__load_vmlinux_btf #1");
}

/* A kernel without BTF of its own: another's is named, and no kfunc is called. */
static void prepare_without_btf(void)
{
	reset(TARGET_ALL);
	fake_kernel.no_btf = true;
	config.btf = "/boot/vmlinux";
}

static void test_without_btf(void **state)
{
	const struct wrap_scenario scenario = {
		.prepare = prepare_without_btf, .run = life, .is_harmless = is_harmless_without_btf};

	prepare_without_btf();
	expect(0, NULL);
	assert_int_equal(fake_kernel__rodata()->cfg_cast, 0);
	assert_in_range(wrap__each(&scenario), 60, 200);
	config.btf = NULL;
	expect(-ENOENT, "/sys/kernel/btf/vmlinux): No such file or directory (ENOENT); give its BTF with --btf FILE");
}

static enum target_kind each_kind;

static void prepare_each(void)
{
	reset(each_kind);
	config.pin = pins;
	assert_int_equal(access(pins, F_OK), -1);
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.prepare = prepare_each, .run = life, .is_harmless = is_harmless};

	for (each_kind = TARGET_ALL; each_kind <= TARGET_COMMAND; each_kind++) {
		if (each_kind != TARGET_CGROUP)
			assert_in_range(wrap__each(&scenario), 80, 200);
	}
	assert_int_equal(access(pins, F_OK), -1);
	session__free(NULL);
}

static int setup(void **state)
{
	/* A name that nobody else has; the directory itself is the run's to make. */
	return mkdtemp(pins) ? rmdir(pins) : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_configuration),  cmocka_unit_test(test_attach),
		cmocka_unit_test(test_layout),         cmocka_unit_test(test_whole_run),
		cmocka_unit_test(test_never_exact),    cmocka_unit_test(test_bad_records),
		cmocka_unit_test(test_wake),           cmocka_unit_test(test_command),
		cmocka_unit_test(test_processes),      cmocka_unit_test(test_all_gone_already),
		cmocka_unit_test(test_limit_of_files), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_without_btf),    cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
