// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The truth about every kind of mapping a process can have: what `walk` says of an address, and, where the process can
 * read it, what a breakpoint there gives by our walk and by the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/memfd.h>
#include <linux/mount.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"

#define READS 20
#define MIB (1UL << 20)
#define BYTES (64UL << 10)
#define SWAP_BYTES (32 * MIB)

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* 6.13, 662df3e5c376 */
#endif

struct mapping {
	subject_fn make;     /* returns an address of it */
	uint64_t a, b;       /* passed to make() */
	const char *size;    /* NULL: there is none, … */
	const char *none;    /* … for this reason */
	const char *with;    /* flags that the leaf has, separated by spaces */
	const char *without; /* flags that it has not */
	const char *smaps;   /* field that must be more than 0 kB: the kernel's word for the size */
	bool cannot_be_read;
};

/* --- how they are made, each in a subject --- */

static uint64_t fill(void *at, uint64_t bytes)
{
	uint64_t i;

	if (at == MAP_FAILED)
		return -errno;
	for (i = 0; i < bytes; i += 4096)
		*(volatile uint64_t *)((char *)at + i) = i + 1;
	return (uint64_t)at;
}

static void *map_anonymous(uint64_t bytes, int protection)
{
	return mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Deeper than any function that the subject calls later on will reach. */
static uint64_t make_stack(uint64_t a, uint64_t b)
{
	volatile char deep[256 << 10];
	uint64_t i;

	for (i = 0; i < sizeof(deep); i += 4096)
		deep[i] = 1;
	return ((uint64_t)deep + 4096) & ~7UL;
}

static uint64_t make_heap(uint64_t a, uint64_t b)
{
	return fill(sbrk(BYTES), BYTES);
}

static uint64_t make_text(uint64_t a, uint64_t b)
{
	return (uint64_t)make_text & ~7UL;
}

/* `how`: MAP_PRIVATE or MAP_SHARED; with `write`, each page is written to, else read. */
static uint64_t make_file(uint64_t how, uint64_t write)
{
	char name[] = "/tmp/mmuscope-file-XXXXXX";
	static char block[BYTES];
	volatile char *at;
	uint64_t i;
	int fd = mkstemp(name);

	if (fd < 0)
		return -errno;
	unlink(name);
	if (pwrite(fd, block, sizeof(block), 0) != sizeof(block))
		return -EIO;
	at = mmap(NULL, BYTES, PROT_READ | (write ? PROT_WRITE : 0), how, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	if (write)
		return fill((void *)at, BYTES);
	for (i = 0; i < BYTES; i += 4096)
		(void)at[i];
	return (uint64_t)at;
}

static uint64_t make_memfd(uint64_t flags, uint64_t bytes)
{
	int fd = memfd_create("mapping", flags);

	if (fd < 0 || ftruncate(fd, bytes))
		return -errno;
	return fill(mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), bytes);
}

/* A tmpfs of huge pages that is mounted nowhere. */
static int open_huge_tmpfs(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
	int mount = -1, fd = -1;

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "huge", "always", 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -errno;
	mount = syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, 0);
	if (mount >= 0)
		fd = openat(mount, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -errno : fd;
}

static uint64_t make_huge_shmem(uint64_t a, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(8 * MIB, PROT_NONE);
	int fd = open_huge_tmpfs();

	if (fd < 0)
		return (int64_t)fd;
	at = (at + 2 * MIB - 1) & ~(2 * MIB - 1);
	if (ftruncate(fd, 4 * MIB))
		return -errno;
	return fill(mmap((void *)at, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0), 4 * MIB);
}

static uint64_t make_prot_none(uint64_t memory, uint64_t bytes)
{
	uint64_t at = subject_map(memory, bytes);

	if (subject_failed(at))
		return at;
	return mprotect((void *)at, bytes, PROT_NONE) ? (uint64_t)-errno : at;
}

/* Only ever read: mapped to the page of zeros. With `huge`, to the huge one. */
static uint64_t make_zero_page(uint64_t huge, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(6 * MIB, PROT_READ | PROT_WRITE);

	at = (at + 2 * MIB - 1) & ~(2 * MIB - 1);
	if (madvise((void *)at, 4 * MIB, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		return -errno;
	subject_read(at, 1);
	return at;
}

static uint64_t make_untouched(uint64_t a, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(4 * MIB, PROT_READ | PROT_WRITE);

	at = (at + 2 * MIB - 1) & ~(2 * MIB - 1);
	fill((void *)at, 4096);
	return at + 4096;
}

static uint64_t make_unmapped(uint64_t a, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(BYTES, PROT_READ | PROT_WRITE);

	fill((void *)at, BYTES);
	return munmap((void *)(at + 4096), 4096) ? (uint64_t)-errno : at + 4096;
}

static uint64_t make_guard(uint64_t a, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(BYTES, PROT_READ | PROT_WRITE);

	fill((void *)at, BYTES);
	return madvise((void *)(at + 4096), 4096, MADV_GUARD_INSTALL) ? (uint64_t)-errno : at + 4096;
}

static uint64_t make_vdso(uint64_t a, uint64_t b)
{
	uint64_t at = getauxval(AT_SYSINFO_EHDR);

	subject_read(at, 1);
	return at;
}

static uint64_t make_vvar(uint64_t a, uint64_t b)
{
	uint64_t start = 0;
	char line[512];
	FILE *maps = fopen("/proc/self/maps", "re");

	if (!maps)
		return -errno;
	while (!start && fgets(line, sizeof(line), maps)) {
		if (strstr(line, " [vvar]"))
			start = strtoull(line, NULL, 16);
	}
	fclose(maps);
	if (!start)
		return -ENOENT;
	subject_read(start, 1);
	return start;
}

/* Folios of 64K, which x86 maps page by page. */
static uint64_t make_mthp(uint64_t a, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(BYTES * 4, PROT_READ | PROT_WRITE);

	at = (at + BYTES - 1) & ~(BYTES - 1);
	if (madvise((void *)at, BYTES, MADV_HUGEPAGE))
		return -errno;
	return fill((void *)at, BYTES);
}

static uint64_t pagemap_entry(pid_t pid, uint64_t addr)
{
	uint64_t entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, &entry, sizeof(entry), addr / 4096 * 8) != sizeof(entry))
		entry = 0;
	close(fd);
	return entry;
}

/* Out to the swap file; the kernel may need asking twice when it has just looked at the page. */
static uint64_t make_swapped(uint64_t a, uint64_t b)
{
	uint64_t at = (uint64_t)map_anonymous(BYTES, PROT_READ | PROT_WRITE);
	int i;

	madvise((void *)at, BYTES, MADV_NOHUGEPAGE);
	fill((void *)at, BYTES);
	for (i = 0; i < 100; i++) {
		if (madvise((void *)at, BYTES, MADV_PAGEOUT))
			return -errno;
		if (pagemap_entry(getpid(), at) & 1ULL << 62)
			return at;
	}
	return -EAGAIN;
}

/* --- what is said of them --- */

static bool has_flag(json_t *range, const char *flag, size_t length)
{
	json_t *name;
	size_t i;

	json_array_foreach (json__at(range, "flags"), i, name) {
		if (!strncmp(json_string_value(name), flag, length) && !json_string_value(name)[length])
			return true;
	}
	return false;
}

static void check_flags(json_t *range, const char *flags, bool wanted)
{
	size_t length;

	for (; flags && *flags; flags += length + strspn(flags + length, " ")) {
		length = strcspn(flags, " ");
		if (has_flag(range, flags, length) != wanted)
			fail_msg("flag %.*s: %s in %s", (int)length, flags, wanted ? "missing" : "unexpected",
				 json_dumps(range, JSON_COMPACT));
	}
}

static void check_walk(const struct mapping *mapping, pid_t pid, uint64_t addr)
{
	struct run *run = run__complete(0, "walk %d %#" PRIx64 " -j", pid, addr);
	json_t *range = json__at(run->json, "ranges.0");

	assert_int_equal(json_array_size(json__at(run->json, "ranges")), 1);
	if (mapping->size) {
		assert_string_equal(json__string(range, "size"), mapping->size);
		assert_true(json_is_null(json__at(range, "none")));
	} else {
		assert_true(json_is_null(json__at(range, "size")));
		assert_string_equal(json__string(range, "none"), mapping->none);
	}
	check_flags(range, mapping->with, true);
	check_flags(range, mapping->without, false);
	run__free(run);
}

static void check_reads(const struct mapping *mapping, struct subject *subject, uint64_t addr)
{
	struct run *run = run__start("hist -e mem:%#" PRIx64 "/8:rw:u -p %d -j", addr & ~7UL, subject->pid);

	if (!run->ready) {
		run__finish(run);
		fail_msg("mmuscope did not start: %s", run->err);
	}
	subject__call(subject, subject_read, addr & ~7UL, READS);
	assert_int_equal(run__stop(run), 0);
	json__assert_exact(run->json);
	assert_int_equal(json__int(run->json, "data.samples"), READS);
	assert_int_equal(json__size(run->json, "data", mapping->size, "walk"), READS);
	assert_int_equal(json__size(run->json, "data", mapping->size, "kernel"), READS);
	assert_int_equal(json__int(run->json, "data.agree"), READS);
	run__free(run);
}

static void check(const struct mapping *mapping)
{
	struct subject *subject = subject__new();
	uint64_t addr = subject__call(subject, mapping->make, mapping->a, mapping->b);

	if (subject_failed(addr))
		fail_msg("cannot make it: %s", strerror(-(int)addr));
	if (mapping->smaps)
		assert_true(smaps__kb(subject->pid, addr, mapping->smaps) > 0);
	if (mapping->size && !mapping->cannot_be_read && machine__breakpoints())
		check_reads(mapping, subject, addr);
	check_walk(mapping, subject->pid, addr);
	subject__free(subject);
}

/* --- the tests --- */

/* Where no debug register reports anything, the walk alone is looked at: this says so, and is counted. */
static void test_reads_are_seen(void **state)
{
	machine__need_breakpoints("each read of each of these mappings, by walk and by kernel");
}

static void test_stack(void **state)
{
	check(&(struct mapping){.make = make_stack,
				.size = "4K",
				.with = "write user accessed dirty",
				.without = "exec special prot-none"});
}

static void test_heap(void **state)
{
	check(&(struct mapping){
		.make = make_heap, .size = "4K", .with = "write user dirty", .without = "exec special"});
}

static void test_text(void **state)
{
	check(&(struct mapping){.make = make_text, .size = "4K", .with = "user exec", .without = "write dirty"});
}

static void test_private_file(void **state)
{
	check(&(struct mapping){
		.make = make_file, .a = MAP_PRIVATE, .size = "4K", .with = "user", .without = "write exec special"});
	check(&(struct mapping){.make = make_file,
				.a = MAP_PRIVATE,
				.b = true,
				.size = "4K",
				.with = "write user dirty",
				.without = "special"});
}

static void test_shared_file(void **state)
{
	check(&(struct mapping){.make = make_file, .a = MAP_SHARED, .size = "4K", .with = "user", .without = "write"});
	check(&(struct mapping){
		.make = make_file, .a = MAP_SHARED, .b = true, .size = "4K", .with = "write user dirty"});
}

static void test_shmem(void **state)
{
	check(&(struct mapping){.make = make_memfd, .b = BYTES, .size = "4K", .with = "write user dirty"});
}

static void test_huge_shmem(void **state)
{
	check(&(struct mapping){
		.make = make_huge_shmem, .size = "2M", .with = "write user dirty", .smaps = "ShmemPmdMapped"});
}

static void test_shared_hugetlb(void **state)
{
	assert_return_code(machine__hugepages(2 * MIB, 1), 0);
	check(&(struct mapping){.make = make_memfd,
				.a = MFD_HUGETLB | MFD_HUGE_2MB,
				.b = 2 * MIB,
				.size = "2M",
				.with = "write user dirty",
				.smaps = "Private_Hugetlb"});
}

static void test_mthp(void **state)
{
	static const char stat[] = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/stats/anon_fault_alloc";
	static const char enabled[] = "/sys/kernel/mm/transparent_hugepage/hugepages-64kB/enabled";
	struct run *before, *after;

	if (access(enabled, W_OK)) {
		print_message("skipped: folios of 64K (this kernel has none)\n");
		skip();
	}
	assert_return_code(machine__set(enabled, "madvise"), 0);
	before = run__spawn("cat %s", stat);
	assert_int_equal(run__finish(before), 0);
	check(&(struct mapping){.make = make_mthp, .size = "4K", .with = "write user dirty"});
	after = run__spawn("cat %s", stat);
	assert_int_equal(run__finish(after), 0);
	/* It really was such a folio. */
	assert_true(strtoul(after->out, NULL, 10) > strtoul(before->out, NULL, 10));
	run__free(before);
	run__free(after);
}

static void test_prot_none(void **state)
{
	check(&(struct mapping){.make = make_prot_none,
				.a = MEMORY_4K,
				.b = BYTES,
				.size = "4K",
				.with = "prot-none",
				.without = "global",
				.cannot_be_read = true});
	check(&(struct mapping){.make = make_prot_none,
				.a = MEMORY_THP,
				.b = 2 * MIB,
				.size = "2M",
				.with = "prot-none",
				.without = "global",
				.cannot_be_read = true});
}

/* Memory that was only read counts for nothing, unless each reader is given a page of its own. */
static void need_zero_page(const char *what)
{
	struct subject *subject = subject__new();
	uint64_t addr = subject__call(subject, make_zero_page, false, 0);
	int64_t rss = smaps__kb(subject->pid, addr, "Rss");

	subject__free(subject);
	assert_false(subject_failed(addr));
	if (!rss)
		return;
	print_message("skipped: %s (this kernel maps no page of zeros)\n", what);
	skip();
}

static void test_zero_page(void **state)
{
	need_zero_page("the zero page");
	check(&(struct mapping){
		.make = make_zero_page, .size = "4K", .with = "user special", .without = "write dirty"});
}

static void test_huge_zero_page(void **state)
{
	need_zero_page("the huge zero page");
	assert_return_code(machine__set("/sys/kernel/mm/transparent_hugepage/use_zero_page", "1"), 0);
	check(&(struct mapping){
		.make = make_zero_page, .a = true, .size = "2M", .with = "user", .without = "write dirty"});
}

static void test_vdso(void **state)
{
	check(&(struct mapping){.make = make_vdso, .size = "4K", .with = "user exec", .without = "write"});
}

static void test_vvar(void **state)
{
	check(&(struct mapping){.make = make_vvar, .size = "4K", .with = "user special", .without = "write exec"});
}

static void test_holes(void **state)
{
	check(&(struct mapping){.make = make_untouched, .none = "not-mapped"});
	check(&(struct mapping){.make = make_unmapped, .none = "not-mapped"});
}

/* The kernel's own marks in page tables are neither pages nor holes. */
static void test_guard(void **state)
{
	struct subject *subject = subject__new();
	uint64_t addr = subject__call(subject, make_guard, 0, 0);

	subject__free(subject);
	if (addr == (uint64_t)-EINVAL) {
		print_message("skipped: guard regions (this kernel has none)\n");
		skip();
	}
	check(&(struct mapping){.make = make_guard, .none = "swapped"});
}

/* Without mkswap: a swap file is its size, a version and a signature. */
static int write_swap_file(int fd)
{
	static char page[4096];
	uint32_t header[3] = {1, SWAP_BYTES / 4096 - 1, 0};
	uint64_t at;

	memcpy(page + 1024, header, sizeof(header));
	memcpy(page + sizeof(page) - 10, "SWAPSPACE2", 10);
	for (at = 0; at < SWAP_BYTES; at += sizeof(page)) {
		if (pwrite(fd, page, sizeof(page), at) != sizeof(page))
			return -errno;
		memset(page, 0, sizeof(page));
	}
	return fsync(fd) ? -errno : 0;
}

static void test_swapped(void **state)
{
	char file[] = "/tmp/mmuscope-swap-XXXXXX";
	int fd = mkstemp(file);

	assert_return_code(fd, errno);
	machine__swapoff_later(file);
	assert_int_equal(write_swap_file(fd), 0);
	close(fd);
	if (swapon(file, 0)) {
		print_message("skipped: pages swapped out (no swap file can be made in /tmp: %s)\n", strerror(errno));
		skip();
	}
	check(&(struct mapping){.make = make_swapped, .none = "swapped", .smaps = "Swap"});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("reads of these mappings are seen one by one", test_reads_are_seen),
		LIVE_TEST("the stack: 4K", test_stack),
		LIVE_TEST("the heap: 4K", test_heap),
		LIVE_TEST("executable text: 4K, exec", test_text),
		LIVE_TEST("a private file mapping, read and written: 4K", test_private_file),
		LIVE_TEST("a shared file mapping, read and written: 4K", test_shared_file),
		LIVE_TEST("shared memory: 4K", test_shmem),
		LIVE_TEST("shared memory in huge pages: 2M", test_huge_shmem),
		LIVE_TEST("shared hugetlb: 2M", test_shared_hugetlb),
		LIVE_TEST("a folio of 64K is mapped by 4K pages", test_mthp),
		LIVE_TEST("PROT_NONE is still mapped: 4K and 2M, prot-none", test_prot_none),
		LIVE_TEST("the zero page: 4K, special", test_zero_page),
		LIVE_TEST("the huge zero page: 2M", test_huge_zero_page),
		LIVE_TEST("the vDSO: 4K, exec", test_vdso),
		LIVE_TEST("the vDSO's data: 4K, special", test_vvar),
		LIVE_TEST("never touched, and unmapped: not-mapped", test_holes),
		LIVE_TEST("a guard region: swapped, which is what markers are called", test_guard),
		LIVE_TEST("swapped out: swapped", test_swapped),
	};
	int err = live__prepare();

	return err ? err : cmocka_run_group_tests_name("mappings", tests, NULL, NULL);
}
