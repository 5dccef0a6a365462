// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `walk` over ranges of a process: every piece is compared with what the test mapped and with /proc/PID/pagemap. And
 * the mapping that neither pagemap nor smaps shows: the ring of a perf event.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"

#define PAGE 4096UL
#define MIB (1UL << 20)
#define GIB (1UL << 30)
#define PAGEMAP_PFN ((1ULL << 55) - 1)

/* One expected range: `pages` of `size`, or a hole. */
struct piece {
	uint64_t start, end;
	const char *size; /* NULL: none */
	const char *none;
	uint64_t pages;
};

static uint64_t pagemap(pid_t pid, uint64_t addr)
{
	uint64_t entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, &entry, sizeof(entry), addr / PAGE * 8), sizeof(entry));
	close(fd);
	return entry;
}

static uint64_t hex(json_t *range, const char *key)
{
	return strtoull(json__string(range, key), NULL, 16);
}

static bool has_flag(json_t *range, const char *flag)
{
	json_t *name;
	size_t i;

	json_array_foreach (json__at(range, "flags"), i, name) {
		if (!strcmp(json_string_value(name), flag))
			return true;
	}
	return false;
}

static struct run *walk(pid_t pid, uint64_t start, uint64_t end)
{
	return run__complete(0, "walk %d %#" PRIx64 "-%#" PRIx64 " -j", pid, start, end);
}

static uint64_t map(struct subject *subject, enum subject_memory kind, uint64_t bytes)
{
	uint64_t addr = subject__call(subject, subject_map, kind, bytes);

	if (subject_failed(addr))
		fail_msg("no memory: %s", strerror(-(int)addr));
	return addr;
}

static void forget_accessed(json_t *range)
{
	json_t *flags = json__at(range, "flags");
	size_t i;

	for (i = json_array_size(flags); i-- > 0;) {
		if (!strcmp(json_string_value(json_array_get(flags, i)), "accessed"))
			json_array_remove(flags, i);
	}
}

/*
 * The kernel takes the accessed bit from pages when it ages them (reclaim, DAMON), at any time: joins neighbours that
 * differ in nothing else.
 */
static void join_ranges(json_t *ranges)
{
	static const char *const same[] = {"size", "none", "level", "flags"};
	size_t i, k;

	for (i = json_array_size(ranges); i-- > 0;) {
		json_t *range = json_array_get(ranges, i), *next = json_array_get(ranges, i + 1);

		forget_accessed(range);
		for (k = 0; next && k < 4; k++) {
			if (!json_equal(json__at(range, same[k]), json__at(next, same[k])))
				break;
		}
		if (!next || k < 4 || hex(range, "end") != hex(next, "start"))
			continue;
		json_object_set(range, "end", json__at(next, "end"));
		json_object_set_new(range, "pages", json_integer(json__int(range, "pages") + json__int(next, "pages")));
		json_array_remove(ranges, i + 1);
	}
}

static void check_pieces(json_t *root, pid_t pid, const struct piece *pieces, size_t n)
{
	json_t *ranges = json__at(root, "ranges"), *range;
	size_t i;

	join_ranges(ranges);
	if (json_array_size(ranges) != n)
		fail_msg("%zu ranges, not %zu: %s", json_array_size(ranges), n, json_dumps(ranges, JSON_COMPACT));
	json_array_foreach (ranges, i, range) {
		assert_int_equal(hex(range, "start"), pieces[i].start);
		assert_int_equal(hex(range, "end"), pieces[i].end);
		assert_int_equal(json__int(range, "pages"), pieces[i].pages);
		if (pieces[i].size) {
			assert_string_equal(json__string(range, "size"), pieces[i].size);
			assert_int_equal(json__int(range, "pfn"), pagemap(pid, pieces[i].start) & PAGEMAP_PFN);
			assert_true(json_is_null(json__at(range, "none")));
		} else {
			assert_string_equal(json__string(range, "none"), pieces[i].none);
			assert_true(json_is_null(json__at(range, "size")));
			assert_true(json_is_null(json__at(range, "bytes")));
			assert_true(json_is_null(json__at(range, "pfn")));
		}
	}
}

/* --- sizes and frames --- */

static uint64_t protect_every_other(uint64_t addr, uint64_t bytes)
{
	uint64_t at;

	for (at = addr; at < addr + bytes; at += 2 * PAGE) {
		if (mprotect((void *)at, PAGE, PROT_READ))
			return -errno;
	}
	return 0;
}

/* Neighbours that are mapped alike are one range: so no two are, and every page shows its frame. */
static void test_frames(void **state)
{
	const uint64_t n = 600; /* more than the walker takes in one go */
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, MEMORY_4K, n * PAGE), i;
	struct run *run;

	assert_int_equal(subject__call(subject, protect_every_other, addr, n * PAGE), 0);
	run = walk(subject->pid, addr, addr + n * PAGE);
	assert_int_equal(json_array_size(json__at(run->json, "ranges")), n);
	for (i = 0; i < n; i++) {
		json_t *range = json_array_get(json__at(run->json, "ranges"), i);
		uint64_t entry = pagemap(subject->pid, addr + i * PAGE);

		assert_int_equal(hex(range, "start"), addr + i * PAGE);
		assert_int_equal(hex(range, "end"), addr + (i + 1) * PAGE);
		assert_string_equal(json__string(range, "size"), "4K");
		assert_int_equal(json__int(range, "pfn"), entry & PAGEMAP_PFN);
		assert_true(json__int(range, "pfn") > 0);
		assert_int_equal(has_flag(range, "write"), i % 2);
		assert_true(has_flag(range, "dirty"));
	}
	run__free(run);
	subject__free(subject);
}

static void check_uniform(enum subject_memory kind, uint64_t bytes, const char *size, uint64_t pages)
{
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, kind, bytes);
	const struct piece all = {addr, addr + bytes, size, NULL, pages};
	struct run *run = walk(subject->pid, addr, addr + bytes);

	check_pieces(run->json, subject->pid, &all, 1);
	run__free(run);
	subject__free(subject);
}

static void test_uniform_ranges(void **state)
{
	assert_return_code(machine__hugepages(2 * MIB, 2), 0);
	check_uniform(MEMORY_4K, 8 * MIB, "4K", 2048);
	check_uniform(MEMORY_THP, 8 * MIB, "2M", 4);
	check_uniform(MEMORY_HUGE2M, 4 * MIB, "2M", 2);
}

static void test_range_of_1g(void **state)
{
	machine__need_1g("a range of hugetlb 1G");
	assert_return_code(machine__hugepages(GIB, 1), 0);
	check_uniform(MEMORY_HUGE1G, GIB, "1G", 1);
}

/* An address shows its whole leaf; a range is cut to what was asked for, wherever in a leaf that is. */
static void test_parts_of_a_huge_page(void **state)
{
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, MEMORY_THP, 4 * MIB);
	const struct piece leaf = {addr + 2 * MIB, addr + 4 * MIB, "2M", NULL, 1};
	const struct piece part = {addr + 5 * PAGE, addr + 2 * MIB + 3 * PAGE, "2M", NULL, 2};
	struct run *run = run__complete(0, "walk %d %#" PRIx64 " -j", subject->pid, addr + 3 * MIB + 123);

	check_pieces(run->json, subject->pid, &leaf, 1);
	run__free(run);
	run = walk(subject->pid, part.start, part.end);
	check_pieces(run->json, subject->pid, &part, 1);
	run__free(run);
	subject__free(subject);
}

/* From `at`: a THP, two 4K pages and a hole, a hugetlb page, a PROT_NONE page, a page never touched. */
static uint64_t map_mixed(uint64_t a, uint64_t b)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	uint64_t at = (uint64_t)mmap(NULL, 16 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t i;

	at = (at + 2 * MIB - 1) & ~(2 * MIB - 1);
	mprotect((void *)at, 4 * MIB, PROT_READ | PROT_WRITE);
	if (madvise((void *)at, 2 * MIB, MADV_HUGEPAGE) || madvise((void *)(at + 2 * MIB), 2 * MIB, MADV_NOHUGEPAGE))
		return -errno;
	for (i = 0; i < 2 * MIB + 2 * PAGE; i += PAGE)
		*(volatile char *)(at + i) = 1;
	if (mmap((void *)(at + 4 * MIB), 2 * MIB, PROT_READ | PROT_WRITE, flags | MAP_HUGETLB | 21 << MAP_HUGE_SHIFT,
		 -1, 0) == MAP_FAILED)
		return -errno;
	*(volatile char *)(at + 4 * MIB) = 1;
	mprotect((void *)(at + 6 * MIB), 2 * PAGE, PROT_READ | PROT_WRITE);
	*(volatile char *)(at + 6 * MIB) = 1;
	mprotect((void *)(at + 6 * MIB), PAGE, PROT_NONE);
	if (smaps__kb(getpid(), at, "AnonHugePages") != 2048)
		return -EAGAIN;
	return at;
}

static void test_mixed_range(void **state)
{
	struct subject *subject;
	struct run *run;
	uint64_t at;

	assert_return_code(machine__hugepages(2 * MIB, 1), 0);
	subject = subject__new();
	at = subject__call(subject, map_mixed, 0, 0);
	assert_false(subject_failed(at));
	{
		const struct piece pieces[] = {
			{at, at + 2 * MIB, "2M", NULL, 1},
			{at + 2 * MIB, at + 2 * MIB + 2 * PAGE, "4K", NULL, 2},
			{at + 2 * MIB + 2 * PAGE, at + 4 * MIB, NULL, "not-mapped", 0},
			{at + 4 * MIB, at + 6 * MIB, "2M", NULL, 1},
			{at + 6 * MIB, at + 6 * MIB + PAGE, "4K", NULL, 1},
			{at + 6 * MIB + PAGE, at + 7 * MIB, NULL, "not-mapped", 0},
		};

		run = walk(subject->pid, at, at + 7 * MIB);
		check_pieces(run->json, subject->pid, pieces, 6);
	}
	assert_true(has_flag(json__at(run->json, "ranges.4"), "prot-none"));
	assert_false(has_flag(json__at(run->json, "ranges.1"), "prot-none"));
	run__free(run);
	subject__free(subject);
}

/* The whole of it, from the first address to the last: no byte is left out and none is told twice. */
static void test_whole_address_space(void **state)
{
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, MEMORY_THP, 4 * MIB), at = 0;
	struct run *run = run__complete(0, "walk %d 0x0-0x7ffffffff000 -j", subject->pid);
	bool seen = false;
	json_t *range;
	size_t i;

	json_array_foreach (json__at(run->json, "ranges"), i, range) {
		assert_int_equal(hex(range, "start"), at);
		at = hex(range, "end");
		if (!json_is_null(json__at(range, "size")))
			assert_int_equal(json__int(range, "pages") * json__int(range, "bytes"),
					 at - hex(range, "start"));
		seen |= hex(range, "start") == addr && !strcmp(json__string(range, "size"), "2M");
	}
	assert_int_equal(at, 0x7ffffffff000);
	assert_true(seen);
	run__free(run);
	subject__free(subject);
}

/* --- forms of output --- */

static void check_keys(json_t *object, const char *const *keys, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		assert_non_null(json_object_get(object, keys[i]));
}

static void test_json(void **state)
{
	static const char *const root_keys[] = {"schema", "pid", "ranges", "entries"};
	static const char *const keys[] = {"start", "end", "size", "bytes", "level", "pfn", "flags", "none"};
	static const char *const levels[] = {"pgd", "pud", "pmd", "pte"};
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, MEMORY_4K, 2 * MIB), value = 0;
	struct run *run = run__complete(0, "walk %d %#" PRIx64 " --json", subject->pid, addr);
	json_t *range = json__at(run->json, "ranges.0"), *entry;
	size_t i, n = json_array_size(json__at(run->json, "entries"));

	check_keys(run->json, root_keys, 4);
	check_keys(range, keys, 8);
	assert_string_equal(json__string(run->json, "schema"), "mmuscope.walk/1");
	assert_int_equal(json__int(run->json, "pid"), subject->pid);
	assert_string_equal(json__string(range, "level"), "pte");
	assert_int_equal(json__int(range, "bytes"), PAGE);
	/* Four levels, or five with a p4d between the first two. */
	assert_in_range(n, 4, 5);
	json_array_foreach (json__at(run->json, "entries"), i, entry) {
		assert_string_equal(json__string(entry, "level"),
				    n == 5 && i == 1 ? "p4d" : levels[i && n == 5 ? i - 1 : i]);
		value = hex(entry, "value");
		assert_int_equal(value & 1, 1);
	}
	assert_int_equal((value & 0x000ffffffffff000) / PAGE, pagemap(subject->pid, addr) & PAGEMAP_PFN);
	run__free(run);
	run = walk(subject->pid, addr, addr + 2 * PAGE);
	assert_int_equal(json_array_size(json__at(run->json, "entries")), 0);
	run__free(run);
	subject__free(subject);
}

static void test_text(void **state)
{
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, MEMORY_THP, 2 * MIB);
	struct run *run = run__complete(0, "walk %d %#" PRIx64, subject->pid, addr);
	char wanted[256];

	snprintf(wanted, sizeof(wanted),
		 "\n0x%016" PRIx64 "-0x%016" PRIx64 "  2M                  1  0x%-10llx  write,user,", addr,
		 addr + 2 * MIB - 1, pagemap(subject->pid, addr) & PAGEMAP_PFN);
	assert_non_null(strstr(run->out, wanted));
	assert_int_equal(strncmp(run->out, "PGD  0x", 7), 0);
	assert_non_null(strstr(run->out, "\nPUD  0x"));
	assert_non_null(strstr(run->out, "  leaf of 2M\n\n"));
	assert_null(strstr(run->out, "PTE"));
	run__free(run);
	run = run__complete(0, "walk %d %#" PRIx64 "-%#" PRIx64, subject->pid, addr, addr + 2 * MIB);
	assert_null(strstr(run->out, "PGD"));
	assert_non_null(strstr(run->out, wanted));
	run__free(run);
	subject__free(subject);
}

/* --- processes that are not there, or not for long --- */

static void test_no_such_process(void **state)
{
	struct run *run = run__complete(1, "walk 4194304 0x1000");

	assert_string_equal(run->out, "");
	assert_non_null(strstr(run->err, "process 4194304: there is no such process"));
	run__free(run);
}

static void test_zombie(void **state)
{
	struct subject *subject = subject__new();
	struct run *run;
	siginfo_t info;

	kill(subject->pid, SIGKILL);
	assert_return_code(waitid(P_PID, subject->pid, &info, WEXITED | WNOWAIT), errno);
	run = run__complete(0, "walk %d 0x400000-0x800000 -j", subject->pid);
	assert_int_equal(json_array_size(json__at(run->json, "ranges")), 1);
	assert_string_equal(json__string(run->json, "ranges.0.none"), "no-mm");
	run__free(run);
	subject__free(subject);
}

/* Is the process in the midst of a walk? Then it has an iterator open. */
static bool is_walking(pid_t pid)
{
	char path[64], target[64];
	struct dirent *entry;
	bool found = false;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		target[n > 0 ? n : 0] = '\0';
		found = !!strstr(target, "bpf_iter");
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return waitid(P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG) || info.si_pid == pid;
}

/* What is told of a range whose owner went away: pages as they were, then that there are none. Never another size. */
static bool check_cut(json_t *root, uint64_t start, uint64_t end)
{
	bool cut = false;
	json_t *range;
	size_t i;

	json_array_foreach (json__at(root, "ranges"), i, range) {
		assert_int_equal(hex(range, "start"), start);
		start = hex(range, "end");
		if (json_is_null(json__at(range, "size")))
			cut = true;
		else
			assert_string_equal(json__string(range, "size"), "4K");
	}
	assert_int_equal(start, end);
	return cut;
}

/* Kills the subject in the midst of a walk over it. Returns whether the walk was cut short by that. */
static bool kill_while_walked(void)
{
	const uint64_t bytes = 512 * MIB;
	struct subject *subject = subject__new();
	uint64_t addr = map(subject, MEMORY_4K, bytes);
	struct run *run = run__start("walk %d %#" PRIx64 "-%#" PRIx64 " -j", subject->pid, addr, addr + bytes);
	bool cut = true;

	while (!is_walking(run->pid) && !has_ended(run->pid))
		;
	kill(subject->pid, SIGKILL);
	if (run__finish(run)) {
		assert_int_equal(WEXITSTATUS(run->status), 1);
		assert_string_equal(run->out, "");
		assert_non_null(strstr(run->err, "there is no such process"));
	} else {
		cut = check_cut(run->json, addr, addr + bytes);
	}
	run__free(run);
	subject__free(subject);
	return cut;
}

static void test_exit_while_walked(void **state)
{
	int cut = 0, i;

	for (i = 0; i < 20 && cut < 3; i++)
		cut += kill_while_walked();
	assert_int_equal(cut, 3);
}

/* --- the ring of a perf event --- */

#define RING_PAGES 9

static uint64_t map_ring(uint64_t a, uint64_t b)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.disabled = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	void *at;

	if (fd < 0)
		return -errno;
	at = mmap(NULL, RING_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return at == MAP_FAILED ? (uint64_t)-errno : (uint64_t)at;
}

static uint64_t write_tail(uint64_t ring, uint64_t tail)
{
	((volatile struct perf_event_mmap_page *)ring)->data_tail = tail;
	return 0;
}

static uint64_t read_pages(uint64_t addr, uint64_t n)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		subject_read(addr + i * PAGE, 1);
	return 0;
}

/* Since 6.14, b709eb872e19 "perf: map pages in advance". */
static bool rings_are_mapped_in_advance(void)
{
	int major = 0, minor = 0;
	struct utsname machine;

	uname(&machine);
	assert_int_equal(sscanf(machine.release, "%d.%d", &major, &minor), 2);
	return major > 6 || (major == 6 && minor >= 14);
}

/* The leaf of each page of the ring; range 0 of a walk of that page alone. */
static struct run *walk_page(const struct subject *subject, uint64_t ring, uint64_t page)
{
	return run__complete(0, "walk %d %#" PRIx64 " -j", subject->pid, ring + page * PAGE);
}

static void check_ring_page(const struct subject *subject, uint64_t ring, uint64_t page, bool writable)
{
	struct run *run = walk_page(subject, ring, page);
	json_t *range = json__at(run->json, "ranges.0");

	assert_string_equal(json__string(range, "size"), "4K");
	assert_string_equal(json__string(range, "level"), "pte");
	assert_true(has_flag(range, "special"));
	assert_true(has_flag(range, "user"));
	assert_false(has_flag(range, "exec"));
	assert_int_equal(has_flag(range, "write"), writable);
	assert_true(json__int(range, "pfn") > 0);
	assert_int_equal(pagemap(subject->pid, ring + page * PAGE), 0);
	run__free(run);
}

static void check_advance_ring(struct subject *subject, uint64_t ring)
{
	uint64_t page;

	for (page = 0; page < RING_PAGES; page++)
		check_ring_page(subject, ring, page, false);
	subject__call(subject, read_pages, ring, RING_PAGES);
	check_ring_page(subject, ring, 0, false);
	subject__call(subject, write_tail, ring, 0);
	for (page = 0; page < RING_PAGES; page++)
		check_ring_page(subject, ring, page, page == 0);
}

/* Before: each page is there from its first touch on. */
static void check_lazy_ring(struct subject *subject, uint64_t ring)
{
	uint64_t touched, page;

	for (touched = 0; touched <= RING_PAGES; touched += RING_PAGES) {
		subject__call(subject, read_pages, ring, touched);
		for (page = 0; page < RING_PAGES; page++) {
			struct run *run = walk_page(subject, ring, page);
			json_t *range = json__at(run->json, "ranges.0");

			if (touched)
				assert_string_equal(json__string(range, "size"), "4K");
			else
				assert_string_equal(json__string(range, "none"), "not-mapped");
			assert_false(has_flag(range, "special"));
			run__free(run);
		}
	}
}

static void test_ring(void **state)
{
	struct subject *subject = subject__new();
	uint64_t ring = subject__call(subject, map_ring, 0, 0);

	assert_false(subject_failed(ring));
	if (rings_are_mapped_in_advance())
		check_advance_ring(subject, ring);
	else
		check_lazy_ring(subject, ring);
	assert_int_equal(smaps__kb(subject->pid, ring, "Size"), RING_PAGES * 4);
	subject__free(subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("600 pages of 4K: every frame is the one in pagemap", test_frames),
		LIVE_TEST("ranges of 4K, THP and hugetlb 2M: pages counted, frame as in pagemap", test_uniform_ranges),
		LIVE_TEST("a range of hugetlb 1G: one page, frame as in pagemap", test_range_of_1g),
		LIVE_TEST("an address shows its whole leaf, a range no more than asked", test_parts_of_a_huge_page),
		LIVE_TEST("a range of mixed sizes, holes and PROT_NONE: piece by piece", test_mixed_range),
		LIVE_TEST("the whole address space: no gap, no overlap", test_whole_address_space),
		LIVE_TEST("JSON: the keys of the design, and a path that leads to the frame", test_json),
		LIVE_TEST("text: path and leaf", test_text),
		LIVE_TEST("no such process: status 1, and a message", test_no_such_process),
		LIVE_TEST("a zombie has no memory: no-mm", test_zombie),
		LIVE_TEST("a process killed while it is walked: never a false size", test_exit_while_walked),
		LIVE_TEST("a perf ring is mapped in advance: 9 pages of 4K, special, that pagemap does not show",
			  test_ring),
	};
	int err = live__prepare();

	return err ? err : cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
