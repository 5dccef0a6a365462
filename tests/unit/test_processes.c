/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is known of processes: over a procfs made of files, which cannot be queried, and over real ones.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/processes.h"
#include "support/clock.h"

#define TICK_NS 10000000ULL /* USER_HZ is 100 everywhere */

static char proc[] = "/tmp/mmuscope-proc-XXXXXX";
static struct names *names;
static struct processes *processes;
static int refuse_maps; /* an errno */
static int full_once;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
	bool is_maps = strlen(path) > 5 && !strcmp(path + strlen(path) - 5, "/maps");

	if (is_maps && (refuse_maps || full_once)) {
		errno = refuse_maps ? refuse_maps : EMFILE;
		full_once = 0;
		return -1;
	}
	return __real_open(path, flags, 0600);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
	(void)stat, (void)type, (void)ftw;
	return remove(path);
}

static void clear(void)
{
	nftw(proc, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void start(const struct processes_config *config)
{
	struct processes_config with = config ? *config : (struct processes_config){0};

	names = names__new();
	assert_non_null(names);
	with.names = names;
	with.proc = with.proc ? with.proc : proc;
	if (!with.burst_ns)
		with.burst_ns = 3600 * NSEC_PER_SEC; /* but for the test of it, a slow machine has time enough */
	processes = processes__new(&with);
	assert_non_null(processes);
}

static int setup(void **state)
{
	(void)state;
	strcpy(proc + strlen(proc) - 6, "XXXXXX");
	return !mkdtemp(proc);
}

/* Ends what start() began: no name may be left. */
static void finish(void)
{
	processes__free(processes);
	assert_int_equal(names__count(names), 0);
	names__free(names);
	processes = NULL;
	names = NULL;
}

static int teardown(void **state)
{
	(void)state;
	clear();
	refuse_maps = full_once = 0;
	return 0;
}

static FILE *create(int pid, const char *file)
{
	char path[128];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%d", proc, pid);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/%d/%s", proc, pid, file);
	out = fopen(path, "w");
	assert_non_null(out);
	return out;
}

static void make_process(int pid, uint64_t ticks, const char *maps)
{
	FILE *file = create(pid, "stat");

	/* A process may call itself anything. */
	fprintf(file, "%d (a) R 1 ) x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 %llu 20 21\n", pid,
		(unsigned long long)ticks);
	fclose(file);
	file = create(pid, "maps");
	fputs(maps, file);
	fclose(file);
}

static void expect(pid_t pid, uint64_t ticks, uint64_t address, enum lookup result, const char *name)
{
	const struct map *map;
	enum lookup got = processes__find(processes, pid, pid, ticks * TICK_NS + 4567, address, &map);

	if (got != result || (got == LOOKUP_FOUND) != (map != NULL))
		fail_msg("%d at %lx: got %d, not %d", (int)pid, address, got, result);
	if (map && strcmp(name__text(map->name), name))
		fail_msg("%d at %lx: \"%s\", not \"%s\"", (int)pid, address, name__text(map->name), name);
	if (map)
		assert_true(map->start <= address && address < map->end);
}

static void mappings_are_found(void **state)
{
	(void)state;
	start(NULL);
	make_process(7, 100,
		     "1000-3000 r-xp 00000000 fe:01 12 /usr/bin/it\n"
		     "3000-5000 rw-p 00000000 00:00 0 \n"
		     "8000-9000 rw-p 00000000 00:00 0 [heap]\n");
	expect(7, 100, 0x1000, LOOKUP_FOUND, "/usr/bin/it");
	expect(7, 100, 0x2fff, LOOKUP_FOUND, "/usr/bin/it");
	expect(7, 100, 0x3000, LOOKUP_FOUND, "[anon]");
	expect(7, 100, 0x8fff, LOOKUP_FOUND, "[heap]");
	expect(7, 100, 0x5000, LOOKUP_UNMAPPED, NULL);
	expect(7, 100, 0xfff, LOOKUP_UNMAPPED, NULL);
	expect(7, 100, 0x9000, LOOKUP_UNMAPPED, NULL);
	expect(8, 100, 0x1000, LOOKUP_GONE, NULL);
	finish();
}

static void changes_are_seen_in_the_next_round(void **state)
{
	(void)state;
	start(NULL);
	make_process(7, 100, "1000-3000 rw-p 0 00:00 0 [heap]\n4000-5000 rw-p 0 00:00 0 [anon:old]\n");
	expect(7, 100, 0x1000, LOOKUP_FOUND, "[heap]");
	make_process(7, 100, "1000-3000 rw-p 0 00:00 0 [anon:new]\n6000-7000 rw-p 0 00:00 0 [anon:more]\n");
	expect(7, 100, 0x1000, LOOKUP_FOUND, "[heap]");
	expect(7, 100, 0x6000, LOOKUP_UNMAPPED, NULL); /* one reading a round */
	assert_int_equal(processes__counts(processes)->reads, 1);
	processes__next_round(processes);
	expect(7, 100, 0x6000, LOOKUP_FOUND, "[anon:more]");
	expect(7, 100, 0x1000, LOOKUP_FOUND, "[anon:new]");
	/* Samples that were under way are older than the list. */
	expect(7, 100, 0x4000, LOOKUP_FOUND, "[anon:old]");
	assert_int_equal(processes__counts(processes)->reads, 2);
	processes__next_round(processes);
	processes__next_round(processes);
	expect(7, 100, 0x4000, LOOKUP_UNMAPPED, NULL);
	finish();
}

static void a_pid_used_again_is_another_process(void **state)
{
	(void)state;
	start(NULL);
	make_process(7, 100, "1000-3000 rw-p 0 00:00 0 [anon:first]\n");
	expect(7, 100, 0x1000, LOOKUP_FOUND, "[anon:first]");
	make_process(7, 101, "1000-3000 rw-p 0 00:00 0 [anon:second]\n");
	/* Same round, another CPU's ring. */
	expect(7, 101, 0x1000, LOOKUP_FOUND, "[anon:second]");
	expect(7, 100, 0x1000, LOOKUP_GONE, NULL);
	expect(7, 101, 0x1000, LOOKUP_FOUND, "[anon:second]");
	/* A sample that comes when another has the PID already. */
	expect(9, 50, 0x1000, LOOKUP_GONE, NULL);
	make_process(9, 60, "1000-3000 rw-p 0 00:00 0 [heap]\n");
	processes__next_round(processes);
	expect(9, 50, 0x1000, LOOKUP_GONE, NULL);
	expect(9, 60, 0x1000, LOOKUP_FOUND, "[heap]");
	finish();
}

static void what_was_known_outlives_the_process(void **state)
{
	char path[128];

	(void)state;
	start(NULL);
	make_process(7, 100, "1000-3000 rw-p 0 00:00 0 [heap]\n");
	expect(7, 100, 0x1000, LOOKUP_FOUND, "[heap]");
	create(7, "maps"); /* empty: no address space */
	snprintf(path, sizeof(path), "%s/7/maps", proc);
	unlink(path);
	for (int i = 0; i < 5; i++) {
		processes__next_round(processes);
		expect(7, 100, 0x1000, LOOKUP_FOUND, "[heap]");
		expect(7, 100, 0x4000, LOOKUP_GONE, NULL);
	}
	finish();
}

static void a_main_thread_may_end_before_its_process(void **state)
{
	const struct map *map;
	FILE *file;
	char path[128];

	(void)state;
	start(NULL);
	make_process(7, 100, "");
	snprintf(path, sizeof(path), "%s/7/task", proc);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/7/task/8", proc);
	mkdir(path, 0700);
	file = create(7, "task/8/maps");
	fputs("1000-2000 rw-p 0 00:00 0 [heap]\n", file);
	fclose(file);
	assert_int_equal(processes__find(processes, 7, 8, 100 * TICK_NS, 0x1000, &map), LOOKUP_FOUND);
	assert_string_equal(name__text(map->name), "[heap]");
	finish();
}

static void rights_and_descriptors_may_be_missing(void **state)
{
	(void)state;
	start(NULL);
	make_process(7, 100, "1000-3000 rw-p 0 00:00 0 [heap]\n");
	make_process(8, 100, "1000-3000 rw-p 0 00:00 0 [stack]\n");
	refuse_maps = EACCES;
	expect(7, 100, 0x1000, LOOKUP_UNREADABLE, NULL);
	refuse_maps = 0;
	expect(8, 100, 0x1000, LOOKUP_FOUND, "[stack]");
	/* Descriptors of others are given up, and had anew where they are wanted. */
	make_process(9, 100, "1000-3000 rw-p 0 00:00 0 [anon:nine]\n");
	full_once = 1;
	expect(9, 100, 0x1000, LOOKUP_FOUND, "[anon:nine]");
	make_process(8, 100, "1000-3000 rw-p 0 00:00 0 [anon:eight]\n");
	processes__next_round(processes);
	expect(8, 100, 0x1000, LOOKUP_FOUND, "[anon:eight]");
	finish();
}

static void reading_takes_only_its_share_of_the_time(void **state)
{
	const struct processes_config config = {.burst_ns = 1};
	uint64_t begun = clock__now(), reads = 0;

	(void)state;
	start(&config);
	make_process(7, 100, "1000-3000 rw-p 0 00:00 0 [heap]\n");
	while (reads < 50) {
		const struct map *map;
		enum lookup got = processes__find(processes, 7, 7, 100 * TICK_NS, 0x1000, &map);

		assert_true(got == LOOKUP_FOUND || got == LOOKUP_UNKNOWN);
		processes__next_round(processes);
		reads = processes__counts(processes)->reads;
	}
	assert_true(processes__counts(processes)->refused > 0);
	/* The one reading under way may be too much. */
	assert_true(processes__counts(processes)->reading_ns < (clock__now() - begun) / 8 * 11 / 10 + NSEC_PER_MSEC);
	finish();
}

static size_t open_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(directory);
	while (readdir(directory))
		n++;
	closedir(directory);
	return n;
}

static void the_longest_unused_is_forgotten(void **state)
{
	const struct processes_config config = {.max_known = 3};
	size_t before = open_descriptors();

	(void)state;
	start(&config);
	for (int pid = 1; pid <= 9; pid++)
		make_process(pid, 100, "1000-3000 rw-p 0 00:00 0 [heap]\n");
	for (int pid = 1; pid <= 9; pid++) {
		expect(1, 100, 0x1000, LOOKUP_FOUND, "[heap]");
		expect(pid, 100, 0x1000, LOOKUP_FOUND, "[heap]");
		processes__next_round(processes);
		assert_in_range(open_descriptors(), before, before + 3);
	}
	clear();
	expect(1, 100, 0x1000, LOOKUP_FOUND, "[heap]"); /* it was always in use */
	expect(2, 100, 0x1000, LOOKUP_GONE, NULL);
	finish();
	assert_int_equal(open_descriptors(), before);
}

static void sixty_thousand_mappings(void **state)
{
	enum { LINES = 60000, LOOKUPS = 1000000 };
	const struct map *map;
	uint64_t seed = 3, begun;
	FILE *file;

	(void)state;
	start(NULL);
	make_process(7, 100, "");
	file = create(7, "maps");
	for (uint64_t i = 1; i <= LINES; i++)
		fprintf(file, "%lx-%lx rw-p 00000000 00:00 0                          [anon:%lu]\n", i << 16,
			(i << 16) + 0x8000, i);
	fclose(file);
	begun = clock__now();
	expect(7, 100, 1 << 16, LOOKUP_FOUND, "[anon:1]");
	print_message("60,000 mappings read in %.1f ms\n", (double)(clock__now() - begun) / 1e6);
	for (int i = 0; i < 20000; i++) {
		char name[32];
		uint64_t which;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		which = 1 + (seed >> 33) % LINES;
		snprintf(name, sizeof(name), "[anon:%lu]", which);
		expect(7, 100, (which << 16) + 0x7fff, LOOKUP_FOUND, name);
		expect(7, 100, (which << 16) + 0x8000, LOOKUP_UNMAPPED, NULL);
	}
	begun = clock__now();
	for (int i = 0; i < LOOKUPS; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if (processes__find(processes, 7, 7, 100 * TICK_NS + 4567, (1 + (seed >> 33) % LINES) << 16, &map))
			fail();
	}
	print_message("a look-up among them takes %.0f ns\n", (double)(clock__now() - begun) / LOOKUPS);
	assert_int_equal(processes__counts(processes)->reads, 1);
	finish();
}

/* --- a real one --- */

static uint64_t ticks_of(pid_t pid)
{
	char path[64], text[1024] = "", *rest, *field = NULL;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	rest = strrchr(text, ')');
	for (int i = 2; i <= 22; i++)
		field = strsep(&rest, " ");
	return strtoull(field, NULL, 10);
}

/* The address of the first mapping with that name. */
static uint64_t address_of(pid_t pid, const char *name)
{
	char path[64], line[4096];
	uint64_t address = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "r");
	assert_non_null(file);
	while (!address && fgets(line, sizeof(line), file))
		if (strstr(line, name))
			address = strtoull(line, NULL, 16);
	fclose(file);
	return address;
}

static void child(void *at, int in, int out)
{
	static char memfd[] = "a b";
	char byte;
	int fd;

	(void)!write(out, "", 1);
	(void)!read(in, &byte, 1);
	fd = memfd_create(memfd, 0);
	munmap(at, 8192);
	if (ftruncate(fd, 8192) || mmap(at, 8192, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED)
		_exit(1);
	(void)!write(out, "", 1);
	(void)!read(in, &byte, 1);
	dup2(in, 0);
	dup2(out, 1);
	execl("/bin/cat", "cat", NULL);
	_exit(1);
}

static void wait_for(int fd)
{
	char byte;

	assert_int_equal(read(fd, &byte, 1), 1);
}

static void remaps_execs_and_exits(void **state)
{
	const struct processes_config config = {.proc = "/proc"};
	char *at = mmap(NULL, 3 * 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const uint64_t address = (uint64_t)(uintptr_t)at + 8192;
	char cat[4096] = "";
	int in[2], out[2];
	uint64_t ticks;
	pid_t pid;

	(void)state;
	start(&config);
	assert_true(realpath("/bin/cat", cat) != NULL);
	assert_int_equal(mprotect(at, 8192, PROT_NONE) | mprotect(at + 16384, 8192, PROT_READ), 0);
	assert_int_equal(pipe(in) | pipe(out), 0);
	pid = fork();
	if (!pid)
		child(at + 8192, in[0], out[1]);
	assert_true(pid > 0);
	wait_for(out[0]);
	ticks = ticks_of(pid);
	expect(pid, ticks, address, LOOKUP_FOUND, "[anon]");
	expect(pid, ticks, address_of(pid, "[stack]"), LOOKUP_FOUND, "[stack]");
	expect(pid, ticks + 1, address, LOOKUP_GONE, NULL); /* no such process ever */
	expect(pid, ticks, address, LOOKUP_GONE, NULL);     /* and the other is the older one now */
	finish();

	start(&config);
	expect(pid, ticks, address, LOOKUP_FOUND, "[anon]");
	assert_int_equal(write(in[1], "", 1), 1);
	wait_for(out[0]);
	processes__next_round(processes);
	expect(pid, ticks, address, LOOKUP_FOUND, "memfd:a b");
	expect(pid, ticks, address + 8191, LOOKUP_FOUND, "memfd:a b");

	/* exec: `cat` echoes when it runs. Its predecessor's mappings serve for what was under way, not for long. */
	assert_int_equal(write(in[1], "ab", 2), 2);
	wait_for(out[0]);
	processes__next_round(processes);
	expect(pid, ticks, address_of(pid, cat), LOOKUP_FOUND, cat);
	expect(pid, ticks, address, LOOKUP_FOUND, "memfd:a b");
	processes__next_round(processes);
	processes__next_round(processes);
	expect(pid, ticks, address, LOOKUP_UNMAPPED, NULL);

	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	processes__next_round(processes);
	expect(pid, ticks, address, LOOKUP_GONE, NULL);
	finish();
	for (int i = 0; i < 2; i++)
		close(in[i]), close(out[i]);
	munmap(at, 3 * 8192);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mappings_are_found),
		TEST(changes_are_seen_in_the_next_round),
		TEST(a_pid_used_again_is_another_process),
		TEST(what_was_known_outlives_the_process),
		TEST(a_main_thread_may_end_before_its_process),
		TEST(rights_and_descriptors_may_be_missing),
		TEST(reading_takes_only_its_share_of_the_time),
		TEST(the_longest_unused_is_forgotten),
		TEST(sixty_thousand_mappings),
		TEST(remaps_execs_and_exits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
