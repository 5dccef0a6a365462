// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * How a run begins and ends: who is sampled from when on, what ends a run and how, and that nothing of it stays behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live_storm.h"

/* A tmpfs lies over it, in a mount namespace of our own: gone with this process, however that ends. */
static const char scratch[] = "/sys/fs/bpf";

/* Settings that a tracer might be tempted to touch. */
static const char *const settings[] = {
	"/proc/sys/kernel/perf_event_paranoid",
	"/proc/sys/kernel/kptr_restrict",
	"/proc/sys/kernel/bpf_stats_enabled",
	"/proc/sys/kernel/unprivileged_bpf_disabled",
	"/proc/sys/kernel/perf_event_mlock_kb",
	"/proc/sys/kernel/perf_event_max_stack",
	"/proc/sys/kernel/perf_cpu_time_max_percent",
	"/proc/sys/fs/pipe-max-size",
	"/proc/self/mounts",
};
#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static char *settings_before[SETTINGS];

static char *read_all(const char *path)
{
	size_t room = 65536;
	char *text = malloc(room);
	FILE *file = fopen(path, "re");

	assert_non_null(text);
	text[file ? fread(text, 1, room - 1, file) : 0] = '\0';
	if (file)
		fclose(file);
	return text;
}

/* "SCRATCH/NAME", until it is called the next time but two. */
static const char *in_scratch(const char *name)
{
	static char paths[3][PATH_MAX];
	static unsigned int turn;
	char *path = paths[turn++ % 3];

	snprintf(path, PATH_MAX, "%s/%s", scratch, name);
	return path;
}

static bool exists(const char *path)
{
	struct stat stat;

	return !lstat(path, &stat);
}

static int make_scratch(void **state)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", scratch, "tmpfs", 0, "mode=700") || mkdir(in_scratch("bpf"), 0700) ||
	    mount("bpf", in_scratch("bpf"), "bpf", 0, NULL))
		return -1;
	for (size_t i = 0; i < SETTINGS; i++)
		settings_before[i] = read_all(settings[i]);
	return 0;
}

static int forget_settings(void **state)
{
	for (size_t i = 0; i < SETTINGS; i++)
		free(settings_before[i]);
	return 0;
}

static int remember(void **state)
{
	remains__remember();
	return 0;
}

static int nothing_left(void **state)
{
	live__teardown(state);
	remains__assert_none();
	for (size_t i = 0; i < SETTINGS; i++) {
		char *now = read_all(settings[i]);

		assert_string_equal(now, settings_before[i]);
		free(now);
	}
	return 0;
}

static struct subject *new_subject(void)
{
	struct subject *subject = subject__new();

	assert_int_equal(subject__call(subject, storm__map_watched, 0, 0), 0);
	return subject;
}

static void read_watched(struct subject *subject, uint64_t n)
{
	assert_int_equal(subject__call(subject, subject_read, WATCHED_ADDR, n), 0);
}

/* The run is over, its report is whole, and it saw so many reads of the watched word. */
static void assert_reads(struct run *run, int64_t n)
{
	if (run__finish(run) || !run->json)
		fail_msg("status %d: %s%s", run__finish(run), run->err, run->out);
	json__assert_exact(run->json);
	assert_int_equal(storm__event(run, 0, "counted"), n);
	assert_int_equal(storm__event(run, 0, "seen"), n);
}

/* --- COMMAND --- */

/* It is held back until all is attached, so the faults of its exec are there; and none of ours is. */
static void command_is_seen_from_exec_on(void **state)
{
	struct run *run = run__complete(0, "-e minor-faults -j -s comm,mode -- /bin/true");
	int64_t by_kernel = 0, by_user = 0;
	json_t *row;
	size_t i;

	json__assert_exact(run->json);
	json_array_foreach (json__at(run->json, "rows"), i, row) {
		assert_string_equal(json__string(row, "key.comm"), "true");
		if (!strcmp(json__string(row, "key.mode"), "kernel"))
			by_kernel += json__int(row, "data.samples");
		else
			by_user += json__int(row, "data.samples");
	}
	assert_true(by_kernel > 0); /* exec clears the end of .bss */
	assert_true(by_user > 10);  /* the dynamic linker */
	assert_int_equal(storm__event(run, 0, "missed"), 0);
	run__free(run);
}

static void command_that_is_not_there(void **state)
{
	struct run *run = run__complete(1, "-e minor-faults -j -- /nonexistent/command --with arguments");

	assert_string_equal(run->out, "");
	assert_non_null(strstr(run->err, "/nonexistent/command: No such file or directory (ENOENT); give"));
	assert_false(run->ready);
	run__free(run);
}

static void assert_command_status(const char *script, const char *sentence)
{
	const char *arguments[] = {"-e", "minor-faults", "-j", "--", "/bin/sh", "-c", script, NULL};
	struct run *run = run__start_argv(arguments);

	assert_int_equal(run__finish(run), 0);
	json__assert_exact(run->json);
	assert_non_null(strstr(run->err, sentence));
	run__free(run);
}

static void command_status_is_reported(void **state)
{
	assert_command_status("exit 7", "/bin/sh exited with status 7");
	assert_command_status("kill -9 $$", "/bin/sh was ended by signal 9 (Killed)");
}

/* --duration ends the run, and the COMMAND that the run was about with it. */
static void duration_ends_the_command(void **state)
{
	struct run *run = run__start("-e minor-faults --duration 0.2 -j -- %s spin:600000", storm__program());

	process__await_end(run->pid);
	remains__assert_none();
	assert_int_equal(run__finish(run), 0);
	json__assert_exact(run->json);
	run__free(run);
}

/* --- who is followed --- */

static void threads_and_children(void **state)
{
	struct subject *subject = new_subject();
	struct run *run = run__start("-e %s -j -s pid,tid -p %d", storm__watch(), subject->pid);

	read_watched(subject, 11);
	assert_int_equal(subject__call(subject, subject_read_in_thread, WATCHED_ADDR, 23), 0);
	assert_int_equal(subject__call(subject, subject_read_in_child, WATCHED_ADDR, 37), 0);
	assert_int_equal(run__stop(run), 0);
	assert_reads(run, 11 + 23 + 37);
	assert_int_equal(json_array_size(json__at(run->json, "rows")), 3);
	run__free(run);
	subject__free(subject);
}

/* A thread that was there before, and reads when it is told to. Runs in the subject, as all that follows it. */
static struct {
	pthread_t thread;
	int go[2], done[2];
	pid_t tid;
} lasting;

static void *lasting_thread(void *unused)
{
	uint64_t reads = 0;

	lasting.tid = (pid_t)syscall(SYS_gettid);
	do {
		subject_read(WATCHED_ADDR, reads);
		if (write(lasting.done[1], "", 1) != 1)
			break;
	} while (read(lasting.go[0], &reads, sizeof(reads)) == sizeof(reads));
	return NULL;
}

static uint64_t start_lasting(uint64_t a, uint64_t b)
{
	char byte;

	if (pipe2(lasting.go, O_CLOEXEC) || pipe2(lasting.done, O_CLOEXEC))
		return -errno;
	if (pthread_create(&lasting.thread, NULL, lasting_thread, NULL) || read(lasting.done[0], &byte, 1) != 1)
		return -EAGAIN;
	return lasting.tid;
}

static uint64_t read_in_lasting(uint64_t n, uint64_t unused)
{
	char byte;

	if (write(lasting.go[1], &n, sizeof(n)) != sizeof(n) || read(lasting.done[0], &byte, 1) != 1)
		return -EPIPE;
	return 0;
}

static void single_thread(void **state)
{
	struct subject *subject = new_subject();
	uint64_t tid = subject__call(subject, start_lasting, 0, 0);
	struct run *whole, *one;

	assert_false(subject_failed(tid));
	whole = run__start("-e %s -j -p %d", storm__watch(), subject->pid);
	one = run__start("-e %s -j -s tid -t %" PRIu64, storm__watch(), tid);
	read_watched(subject, 100);
	assert_int_equal(subject__call(subject, read_in_lasting, 30, 0), 0);
	run__stop(one);
	read_watched(subject, 5);
	run__stop(whole);
	assert_reads(one, 30);
	assert_int_equal(json__int(one->json, "rows.0.key.tid"), (int64_t)tid);
	assert_reads(whole, 135);
	run__free(one);
	run__free(whole);
	subject__free(subject);
}

static void one_cpu(void **state)
{
	struct subject *subject = new_subject();
	int64_t reads = 0;
	struct run *run;
	json_t *row;
	size_t i;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip();
	run = run__start("-C 0 -e %s -j -s cpu,pid", storm__watch());
	assert_int_equal(subject__call(subject, storm__pin_to, 1, 0), 0);
	read_watched(subject, 50);
	assert_int_equal(subject__call(subject, storm__pin_to, 0, 0), 0);
	read_watched(subject, 21);
	assert_int_equal(run__stop(run), 0);
	json__assert_exact(run->json);
	/* Where reads are seen by faults, others' faults on that CPU are there too. */
	json_array_foreach (json__at(run->json, "rows"), i, row) {
		assert_int_equal(json__int(row, "key.cpu"), 0);
		if (json__int(row, "key.pid") == subject->pid)
			reads += json__int(row, "data.samples");
	}
	assert_int_equal(reads, 21);
	run__free(run);
	subject__free(subject);
}

/* subject_fn: moves into the cgroup of cgroup__make(), which it inherited the path of. */
static uint64_t enter_cgroup(uint64_t path, uint64_t unused)
{
	char file[PATH_MAX], pid[16];
	ssize_t n = snprintf(pid, sizeof(pid), "%d", (int)getpid());
	int fd;

	snprintf(file, sizeof(file), "%s/cgroup.procs", (const char *)path);
	fd = open(file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, pid, n) != n)
		return -errno;
	close(fd);
	return 0;
}

/* As a user would give it: the directory, or its name below the mount, with a slash before it or not. */
static void one_cgroup(void **state)
{
	const char *path = cgroup__make(), *name;
	struct subject *inside, *outside;

	if (!path) {
		print_message("skipped: cgroup v2 is not mounted here\n");
		skip();
	}
	inside = new_subject();
	outside = new_subject();
	assert_int_equal(subject__call(inside, enter_cgroup, (uint64_t)path, 0), 0);
	name = path + strlen(cgroup__mount());
	for (int way = 0; way < 3; way++) {
		const char *spelled = way == 0 ? path : way == 1 ? name : name + 1;
		struct run *run = run__start("-G %s -e %s -j", spelled, storm__watch());

		if (!run->ready)
			fail_msg("no run in way %d: %d, %s", way, run__finish(run), run->err);
		read_watched(inside, 19);
		read_watched(outside, 40);
		assert_int_equal(subject__call(inside, subject_read_in_child, WATCHED_ADDR, 8), 0);
		assert_int_equal(run__stop(run), 0);
		assert_reads(run, 27);
		run__free(run);
	}
	subject__free(outside); /* the newest first: it holds the pipes of the others open */
	subject__free(inside);
}

static int leave_cgroup(void **state)
{
	live__teardown(state); /* the cgroup's warden waits for all that were forked after it */
	cgroup__remove();
	return nothing_left(state);
}

static void two_runs_at_a_time(void **state)
{
	struct subject *subject = new_subject();
	struct run *first, *second;

	first = run__start("-e %s -j -p %d", storm__watch(), subject->pid);
	read_watched(subject, 10);
	second = run__start("-e %s -j -p %d", storm__watch(), subject->pid);
	read_watched(subject, 20);
	assert_int_equal(run__stop(first), 0);
	read_watched(subject, 40);
	assert_int_equal(run__stop(second), 0);
	assert_reads(first, 30);
	assert_reads(second, 60);
	run__free(first);
	run__free(second);
	subject__free(subject);
}

/* --- what ends a run --- */

/* Reads off n intervals, and adds up what they counted. The run goes on: there is no end of the output. */
static int64_t take_intervals(struct run *run, unsigned int n)
{
	int64_t counted = 0;

	while (n--) {
		char *line = run__line(run);
		json_t *json;

		if (!line)
			fail_msg("the run has ended");
		json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(json);
		counted += json__int(json, "accounting.seen");
		json_decref(json);
		free(line);
	}
	return counted;
}

static void ends_with_its_process(void **state)
{
	struct subject *last = new_subject();
	struct subject *first = new_subject();
	struct run *run = run__start("-e %s -j -I 0.05 -p %d,%d", storm__watch(), first->pid, last->pid);
	int64_t seen = 0;
	char *line, *rest;

	read_watched(first, 9);
	subject__free(first);
	seen += take_intervals(run, 3); /* the end of one is not that of the run: by now it would have seen it */
	read_watched(last, 5);
	subject__free(last);
	assert_int_equal(run__finish(run), 0);
	rest = run->out;
	while ((line = strsep(&rest, "\n")) && *line) {
		json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

		assert_non_null(json);
		seen += json__int(json, "accounting.seen");
		json_decref(json);
	}
	assert_int_equal(seen, 14);
	run__free(run);
}

static void ends_with_a_signal(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	for (size_t i = 0; i < 3; i++) {
		struct subject *subject = new_subject();
		struct run *run = run__start("-e %s -j -p %d", storm__watch(), subject->pid);

		read_watched(subject, 12);
		run__signal(run, signals[i]);
		assert_reads(run, 12);
		assert_string_equal(run->err, "");
		run__free(run);
		subject__free(subject);
	}
}

/* Ctrl-C ends COMMAND, too, even one in a background process group that the terminal does not reach. */
static void signal_ends_the_command(void **state)
{
	struct run *run = run__start("-e minor-faults -j -- %s spin:600000", storm__program());

	run__signal(run, SIGINT);
	process__await_end(run->pid);
	remains__assert_none();
	assert_int_equal(run__finish(run), 0);
	json__assert_exact(run->json);
	run__free(run);
}

/* Held at a full pipe, in the middle of its report: the second signal finds it there, and kills. */
static void second_signal_kills(void **state)
{
	const char *fifo = in_scratch("fifo");
	struct subject *subject = new_subject();
	char block[4096] = {0};
	struct run *run;
	int fd;

	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = open(fifo, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	run = run__start("-e %s -j -o %s -p %d", storm__watch(), fifo, subject->pid);
	assert_true(run->ready);
	run__signal(run, SIGINT);
	process__await_uncaught(run->pid, SIGINT);
	assert_int_equal(waitpid(run->pid, NULL, WNOHANG), 0);
	run__signal(run, SIGINT);
	assert_int_equal(run__finish(run), 128 + SIGINT);
	run__free(run);
	close(fd);
	subject__free(subject);
}

/* --- output --- */

static void reader_that_went_away(void **state)
{
	struct subject *subject = new_subject();
	struct run *run = run__start("-e %s -j -p %d", storm__watch(), subject->pid);

	close(run->out_fd);
	run->out_fd = -1;
	run__signal(run, SIGINT);
	assert_int_equal(run__finish(run), 1);
	assert_string_equal(run->err, "");
	run__free(run);
	subject__free(subject);

	/* In the middle of a run over a COMMAND, which is not left running. */
	run = run__start("-e minor-faults -I 0.05 -j -- %s spin:600000", storm__program());
	close(run->out_fd);
	run->out_fd = -1;
	process__await_end(run->pid);
	remains__assert_none();
	assert_int_equal(run__finish(run), 1);
	run__free(run);
}

static void full_disk(void **state)
{
	struct run *run = run__complete(1, "-e minor-faults -o /dev/full -j -- /bin/true");

	assert_non_null(strstr(run->err, "/dev/full: cannot write: No space left on device (ENOSPC)"));
	assert_string_equal(run->out, "");
	run__free(run);
	run = run__start("-e minor-faults -I 0.05 -o /dev/full -- %s spin:600000", storm__program());
	process__await_end(run->pid);
	remains__assert_none();
	assert_int_equal(run__finish(run), 1);
	assert_non_null(strstr(run->err, "ENOSPC"));
	run__free(run);
}

static void output_file(void **state)
{
	const char *path = in_scratch("report.json");
	mode_t mask = umask(0);
	struct run *run = run__complete(0, "-e minor-faults -o %s -j -- /bin/true", path);
	struct stat stat;
	json_t *json;

	umask(mask);
	assert_string_equal(run->out, "");
	assert_int_equal(lstat(path, &stat), 0);
	assert_int_equal(stat.st_mode, S_IFREG | 0600);
	json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(json);
	json__assert_exact(json);
	json_decref(json);
	run__free(run);
}

/* A run that cannot start leaves no file, and an earlier result as it was. */
static void failed_run_and_its_output_file(void **state)
{
	const char *path = in_scratch("kept.json"), *never = in_scratch("never.json");
	FILE *file = fopen(path, "we");
	char *text;

	assert_non_null(file);
	fputs("an earlier result\n", file);
	fclose(file);
	run__free(run__complete(1, "-e minor-faults -o %s -p 4194304", path));
	text = read_all(path);
	assert_string_equal(text, "an earlier result\n");
	free(text);
	run__free(run__complete(1, "-e minor-faults -o %s -p 4194304", never));
	assert_false(exists(never));
}

/* --- pins --- */

static char *output_of(const char *command)
{
	struct run *run = run__spawn("%s", command);
	char *text;

	if (run__finish(run))
		fail_msg("%s: %s%s", command, run->err, run->out);
	text = strdup(run->out);
	run__free(run);
	return text;
}

static void assert_pins_are_there(void)
{
	static const char *const names[] = {"mmuscope_sample", "mmuscope_link_0", "mmu_counters",
					    "mmu_samples",     "mmu_layout",      "mmu_events"};
	static const char *const fields[] = {"\"seen\"", "\"emitted\"", "\"filtered\"", "\"ring_full\"",
					     "\"ring_busy\""};
	char path[128], *text;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "bpf/run/%s", names[i]);
		if (!exists(in_scratch(path)))
			fail_msg("%s is not there", path);
	}
	text = output_of("bpftool map dump pinned /sys/fs/bpf/bpf/run/mmu_counters");
	for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!strstr(text, fields[i]))
			fail_msg("bpftool map dump shows no %s: %s", fields[i], text);
	free(text);
	text = output_of("bpftool prog show name mmuscope_sample");
	assert_non_null(strstr(text, "perf_event"));
	assert_non_null(strstr(text, "name mmuscope_sample"));
	free(text);
	text = output_of("bpftool link show pinned /sys/fs/bpf/bpf/run/mmuscope_link_0");
	assert_non_null(strstr(text, "perf_event"));
	free(text);
}

static void pins_while_it_runs(void **state)
{
	const char *dir = in_scratch("bpf/run");
	struct subject *subject = new_subject();
	struct run *run;

	if (!machine__has("bpftool")) {
		print_message("skipped: no bpftool here\n");
		skip();
	}
	run = run__start("-e %s -j --pin %s -p %d", storm__watch(), dir, subject->pid);
	if (!run->ready)
		fail_msg("no run: %d, %s", run__finish(run), run->err);
	assert_pins_are_there();
	read_watched(subject, 3);
	run__signal(run, SIGINT);
	assert_reads(run, 3);
	assert_false(exists(dir));
	run__free(run);
	subject__free(subject);
}

static void pins_go_when_it_fails(void **state)
{
	const char *dir = in_scratch("bpf/run"), *other = in_scratch("bpf/other");
	char *text;

	/* COMMAND cannot be started: by then all is pinned. */
	run__free(run__complete(1, "-e minor-faults --pin %s -- /nonexistent/command", dir));
	assert_false(exists(dir));
	run__free(run__complete(1, "-e minor-faults --pin %s -o /dev/full -- /bin/true", dir));
	assert_false(exists(dir));
	run__free(run__complete(0, "-e minor-faults --pin %s -- /bin/true", dir));
	assert_false(exists(dir));

	/* A directory that was there stays, and what it held. */
	assert_int_equal(mkdir(other, 0700), 0);
	run__free(run__complete(0, "-e minor-faults --pin %s -- /bin/true", other));
	assert_true(exists(other));
	text = output_of("ls -A /sys/fs/bpf/bpf/other");
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(rmdir(other), 0);
}

/* The second run is told so, and the pins of the first are left to it. */
static void pins_of_another_run(void **state)
{
	const char *dir = in_scratch("bpf/run");
	struct subject *subject = new_subject();
	struct run *run = run__start("-e %s -j --pin %s -p %d", storm__watch(), dir, subject->pid), *second;

	assert_true(run->ready);
	second = run__complete(1, "-e %s -j --pin %s -p %d", storm__watch(), dir, subject->pid);
	assert_non_null(strstr(second->err, "pins of another run"));
	run__free(second);
	assert_true(exists(in_scratch("bpf/run/mmuscope_sample")));
	assert_true(exists(in_scratch("bpf/run/mmuscope_link_0")));
	assert_int_equal(run__stop(run), 0);
	assert_false(exists(dir));
	run__free(run);
	subject__free(subject);
}

/* --- the ready descriptor --- */

/* One byte, and nothing after it; COMMAND does not have it. */
static void ready_descriptor(void **state)
{
	char option[32], bytes[8];
	int ready[2];
	struct run *run;

	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	fcntl(ready[1], F_SETFD, 0);
	snprintf(option, sizeof(option), "%d", ready[1]);
	run = run__spawn("%s hist -e minor-faults -j --ready-fd %s -- /bin/true", getenv("MMUSCOPE"), option);
	close(ready[1]);
	assert_int_equal(run__finish(run), 0);
	assert_int_equal(read(ready[0], bytes, sizeof(bytes)), 1);
	close(ready[0]);
	run__free(run);
}

#define LIFE_TEST(name) cmocka_unit_test_setup_teardown(name, remember, nothing_left)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIFE_TEST(command_is_seen_from_exec_on),
		LIFE_TEST(command_that_is_not_there),
		LIFE_TEST(command_status_is_reported),
		LIFE_TEST(duration_ends_the_command),
		LIFE_TEST(threads_and_children),
		LIFE_TEST(single_thread),
		LIFE_TEST(one_cpu),
		cmocka_unit_test_setup_teardown(one_cgroup, remember, leave_cgroup),
		LIFE_TEST(two_runs_at_a_time),
		LIFE_TEST(ends_with_its_process),
		LIFE_TEST(ends_with_a_signal),
		LIFE_TEST(signal_ends_the_command),
		LIFE_TEST(second_signal_kills),
		LIFE_TEST(reader_that_went_away),
		LIFE_TEST(full_disk),
		LIFE_TEST(output_file),
		LIFE_TEST(failed_run_and_its_output_file),
		LIFE_TEST(pins_while_it_runs),
		LIFE_TEST(pins_go_when_it_fails),
		LIFE_TEST(pins_of_another_run),
		LIFE_TEST(ready_descriptor),
	};
	int status = live__prepare();

	storm__reset_signals();
	return status ? status : cmocka_run_group_tests_name("life cycle", tests, make_scratch, forget_settings);
}
