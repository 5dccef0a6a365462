// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hist --sort map and cgroup: a subject touches a known number of new pages in each kind of mapping, and each row must hold
 * exactly those faults, with their page size.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"
#include "live_storm.h"

#define MIB (1UL << 20)
#define HOSTILE "mmuscope-\x1b[2J\n,\"q\" \xff\xe2\x80\xae"
#define HOSTILE_SHOWN "mmuscope-\\x1b[2J\\012,\"q\" \\xff\\xe2\\x80\\xae"

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d61
#define PR_SET_VMA_ANON_NAME 0
#endif

enum kind {
	HEAP,
	STACK,
	FILE_MAPPING,
	DELETED,
	HOSTILE_FILE,
	MEMFD,
	SHM,
	SHARED,
	HUGETLB,
	HUGE_MEMFD,
	THP,
	NAMED,
	KINDS
};

/* Pages touched, no two alike, so that none passes for another. */
static const struct {
	const char *name; /* the row's; NULL: known when it is made */
	const char *size;
	uint64_t n;
} kinds[KINDS] = {
	[HEAP] = {"[heap]", "4K", 1009},
	[STACK] = {"[stack]", "4K", 97},
	[FILE_MAPPING] = {NULL, "4K", 503},
	[DELETED] = {NULL, "4K", 401},
	[HOSTILE_FILE] = {NULL, "4K", 61},
	[MEMFD] = {"memfd:a b\\x1b[2J/c", "4K", 307},
	[SHM] = {"/SYSV00000000 (deleted)", "4K", 211},
	[SHARED] = {"/dev/zero (deleted)", "4K", 53},
	[HUGETLB] = {"/anon_hugepage (deleted)", "2M", 5},
	[HUGE_MEMFD] = {"memfd:huge", "2M", 3},
	[THP] = {"[anon:thp]", "2M", 7},
	[NAMED] = {"[anon:glibc: arena]", "4K", 113},
};

static char directory[] = "/var/tmp/mmuscope-map-XXXXXX";
static char paths[KINDS][128];

static uint64_t touch(char *at, uint64_t n, uint64_t step)
{
	if (at == MAP_FAILED)
		return -errno;
	for (uint64_t i = 0; i < n; i++)
		*(volatile char *)(at + i * step) = 1;
	return 0;
}

/* Below what the subject's stack ever was: n pages and no more, for each is touched at its start. */
__attribute__((noinline)) static uint64_t touch_stack(uint64_t n)
{
	volatile char *here = __builtin_frame_address(0);
	char *page = (char *)((uintptr_t)here & ~4095UL) - 64 * 4096;
	uint64_t i;

	/* The kernel grows the stack down to any address above its limit. */
	for (i = 0; i < n; i++)
		*(volatile char *)(page - i * 4096) = 1;
	return 0;
}

static uint64_t touch_heap(uint64_t n)
{
	uintptr_t end = (uintptr_t)sbrk(0), start = (end + 4095) & ~4095UL;

	if (sbrk((intptr_t)(start - end + n * 4096)) == (void *)-1)
		return -errno;
	return touch((char *)start, n, 4096);
}

/* A private mapping: each page written to is a fault of its own. */
static uint64_t touch_file(const char *path, uint64_t n, bool deleted)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || ftruncate(fd, (off_t)(n * 4096)) || (deleted && unlink(path)))
		return -errno;
	return touch(mmap(NULL, n * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0), n, 4096);
}

static uint64_t touch_memfd(const char *name, unsigned int flags, uint64_t n, uint64_t step)
{
	int fd = memfd_create(name, flags);

	if (fd < 0 || ftruncate(fd, (off_t)(n * step)))
		return -errno;
	return touch(mmap(NULL, n * step, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), n, step);
}

static uint64_t touch_shm(uint64_t n)
{
	int id = shmget(IPC_PRIVATE, n * 4096, IPC_CREAT | 0600);
	char *at = id < 0 ? MAP_FAILED : shmat(id, NULL, 0);
	uint64_t err = touch(at, n, 4096);

	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
	return err;
}

/* 5.17, 9a10064f5625, where CONFIG_ANON_VMA_NAME is set. */
static bool has_anon_names(void)
{
	char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool has = !prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, 4096, "x");

	munmap(at, 4096);
	return has;
}

/* The name is given before the first touch; `huge` aligns to 2M and asks for THP. */
static uint64_t touch_anon(const char *name, uint64_t n, bool huge)
{
	uint64_t step = huge ? 2 * MIB : 4096;
	char *at = mmap(NULL, (n + 1) * step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	at = (char *)(((uintptr_t)at + step - 1) & ~(step - 1));
	if (madvise(at, n * step, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) ||
	    (has_anon_names() && prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, n * step, name)))
		return -errno;
	return touch(at, n, step);
}

static uint64_t touch_kind(uint64_t kind, uint64_t n)
{
	switch (kind) {
	case HEAP:
		return touch_heap(n);
	case STACK:
		return touch_stack(n);
	case FILE_MAPPING:
	case HOSTILE_FILE:
	case DELETED:
		return touch_file(paths[kind], n, kind == DELETED);
	case MEMFD:
		return touch_memfd("a b\x1b[2J/c", 0, n, 4096);
	case SHM:
		return touch_shm(n);
	case SHARED:
		return touch(mmap(NULL, n * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), n, 4096);
	case HUGETLB:
		return touch(mmap(NULL, n * 2 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
				  -1, 0),
			     n, 2 * MIB);
	case HUGE_MEMFD:
		return touch_memfd("huge", MFD_HUGETLB, n, 2 * MIB);
	case THP:
		return touch_anon("thp", n, true);
	case NAMED:
		return touch_anon("glibc: arena", n, false);
	}
	return -EINVAL;
}

/* Code and stack that the test and its fork share become the subject's own before faults are counted. */
static uint64_t warm_up(uint64_t a, uint64_t b)
{
	volatile char deep[16384];

	for (size_t i = 0; i < sizeof(deep); i += 1024)
		deep[i] = 1;
	for (uint64_t kind = 0; kind < KINDS; kind++) {
		if (kind == FILE_MAPPING || kind == HOSTILE_FILE || kind == DELETED || kind == HUGE_MEMFD)
			continue;
		(void)touch_kind(kind, kind == STACK ? 0 : 1);
	}
	return a + b;
}

static void row_counts(json_t *root, const char *key, const char *name, const char *section, const char *size,
		       int64_t *samples, int64_t *of_size)
{
	json_t *row, *entry;
	size_t i, k;

	*samples = *of_size = 0;
	json_array_foreach (json_object_get(root, "rows"), i, row) {
		json_t *value = json_object_get(json_object_get(row, "key"), key);

		if (!json_is_string(value) || strcmp(json_string_value(value), name))
			continue;
		*samples += json__int(row, section[0] == 'd' ? "data.samples" : "code.samples");
		json_array_foreach (json_object_get(json_object_get(row, section), "sizes"), k, entry) {
			if (!strcmp(json__string(entry, "size"), size))
				*of_size += json__int(entry, "walk");
		}
	}
}

static void assert_rows_add_up(json_t *root)
{
	int64_t data = 0, code = 0;
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(root, "rows"), i, row) {
		data += json__int(row, "data.samples");
		code += json__int(row, "code.samples");
	}
	assert_int_equal(data, json__int(root, "data.samples"));
	assert_int_equal(code, json__int(root, "code.samples"));
}

static void make_paths(void)
{
	if (!mkdtemp(directory))
		fail_msg("%s: %s", directory, strerror(errno));
	snprintf(paths[FILE_MAPPING], sizeof(paths[0]), "%s/table.db", directory);
	snprintf(paths[DELETED], sizeof(paths[0]), "%s/gone.db", directory);
	snprintf(paths[HOSTILE_FILE], sizeof(paths[0]), "%s/" HOSTILE, directory);
}

static void remove_paths(void)
{
	unlink(paths[FILE_MAPPING]);
	unlink(paths[HOSTILE_FILE]);
	rmdir(directory);
}

static const char *row_name(int kind, char *name, size_t size)
{
	if (kind == HOSTILE_FILE)
		snprintf(name, size, "%s/%s", directory, HOSTILE_SHOWN);
	else if (kind == DELETED)
		snprintf(name, size, "%s (deleted)", paths[kind]);
	else if ((kind == THP || kind == NAMED) && !has_anon_names())
		snprintf(name, size, "[anon]");
	else
		snprintf(name, size, "%s", kinds[kind].name ?: paths[kind]);
	return name;
}

static void check_kind(json_t *root, int kind, int64_t *named)
{
	int64_t samples, of_size, others = 0;
	char name[2048];

	row_name(kind, name, sizeof(name));
	if (!strcmp(name, "[anon]")) /* one row for both of them */
		others = (int64_t)kinds[kind == THP ? NAMED : THP].n;
	row_counts(root, "map", name, "data", kinds[kind].size, &samples, &of_size);
	print_message("%-48s %4" PRId64 " %s of %4" PRIu64 "\n", name, of_size, kinds[kind].size, kinds[kind].n);
	assert_int_equal(of_size, kinds[kind].n);
	assert_int_equal(samples, (int64_t)kinds[kind].n + others);
	*named += of_size;
}

static void test_every_kind_of_mapping(void **state)
{
	struct subject *subject;
	char self[1024] = "";
	int64_t samples, of_size, named = 0;
	struct run *run;

	assert_return_code(machine__hugepages(2 * MIB, 16), 0);
	make_paths();
	subject = subject__new();
	subject__call(subject, warm_up, 0, 0);
	run = run__start("hist -e faults -p %d -s map -j", subject->pid);
	for (int kind = 0; kind < KINDS; kind++) {
		uint64_t err = subject__call(subject, touch_kind, (uint64_t)kind, kinds[kind].n);

		if (err)
			fail_msg("%d: %s", kind, strerror(-(int)err));
	}
	assert_int_equal(run__stop(run), 0);
	assert_non_null(run->json);
	json__assert_exact(run->json);
	assert_rows_add_up(run->json);
	assert_int_equal(json__int(run->json, "accounting.lost"), 0);
	if (!has_anon_names())
		print_message("this kernel cannot name anonymous memory: it is all [anon]\n");
	for (int kind = 0; kind < KINDS; kind++)
		check_kind(run->json, kind, &named);
	/* The code that touched them is this program's. */
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	row_counts(run->json, "map", self, "code", "4K", &samples, &of_size);
	assert_true(samples >= named);
	run__free(run);
	subject__free(subject);
	remove_paths();
}

/* --- changes while it runs --- */

static uint64_t remap_at;

/* The same addresses, of one memfd and of another. */
static uint64_t remap(uint64_t is_second, uint64_t n)
{
	int fd = memfd_create(is_second ? "second" : "first", 0);
	char *at;

	if (fd < 0 || ftruncate(fd, (off_t)(n * 4096)))
		return -errno;
	at = mmap((void *)remap_at, n * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | (remap_at ? MAP_FIXED : 0), fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	remap_at = (uint64_t)at;
	return touch(at, n, 4096);
}

/* With a report between the two, which the rings are drained for, nothing old may be taken for new. */
static void test_addresses_that_change_hands(void **state)
{
	struct subject *subject = subject__new();
	int64_t first[2] = {0}, second[2] = {0};
	struct run *run;
	int stage = 0;

	subject__call(subject, warm_up, 0, 0);
	run = run__start("hist -e faults -p %d -s map -j -I 0.2", subject->pid);
	assert_int_equal(subject__call(subject, remap, 0, 300), 0);
	while (stage < 2) {
		char *line = run__line(run);
		json_t *root = line ? json_loads(line, 0, NULL) : NULL;
		int64_t samples, of_size;

		assert_non_null(root);
		row_counts(root, "map", "memfd:first", "data", "4K", &samples, &of_size);
		first[stage] += of_size;
		row_counts(root, "map", "memfd:second", "data", "4K", &samples, &of_size);
		second[stage] += of_size;
		json_decref(root);
		free(line);
		if (stage == 0 && first[0] == 300) {
			stage = 1;
			assert_int_equal(subject__call(subject, remap, 1, 200), 0);
		} else if (second[1] == 200) {
			stage = 2;
		}
	}
	assert_int_equal(second[0], 0);
	assert_int_equal(first[1], 0);
	assert_int_equal(run__stop(run), 0);
	run__free(run);
	subject__free(subject);
}

/* --- cgroups --- */

static uint64_t enter(uint64_t path, uint64_t unused)
{
	char procs[600];
	int fd;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", (const char *)path);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		return -errno;
	return unused;
}

static void test_cgroups_by_path(void **state)
{
	const char *mount = cgroup__mount();
	struct subject *subject;
	int64_t samples, of_size;
	const char *path;
	struct run *run;

	if (!mount) {
		print_message("skipped: cgroup v2 is not mounted\n");
		skip();
	}
	path = cgroup__make();
	subject = subject__new();
	assert_int_equal(subject__call(subject, enter, (uint64_t)(uintptr_t)path, 0), 0);
	subject__call(subject, warm_up, 0, 0);
	run = run__start("hist -e faults -p %d -s cgroup,map -j", subject->pid);
	assert_int_equal(subject__call(subject, touch_kind, HEAP, 1000), 0);
	assert_int_equal(run__stop(run), 0);
	assert_rows_add_up(run->json);
	row_counts(run->json, "cgroup", strrchr(path, '/'), "data", "4K", &samples, &of_size);
	assert_int_equal(samples, json__int(run->json, "data.samples"));
	assert_true(samples >= 1000);
	row_counts(run->json, "map", "[heap]", "data", "4K", &samples, &of_size);
	assert_int_equal(samples, 1000);
	run__free(run);
	subject__free(subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("every kind of mapping has its faults, under its name", test_every_kind_of_mapping),
		LIVE_TEST("addresses that change hands change names", test_addresses_that_change_hands),
		LIVE_TEST("cgroups are named by their path", test_cgroups_by_path),
	};
	int err = live__prepare();

	return err ? err : cmocka_run_group_tests(tests, NULL, NULL);
}
