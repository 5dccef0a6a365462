// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * `walk` over kernel addresses: text, a kernel stack, the direct map; seen from a process and from a kernel thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"

#define PAGE 4096UL
#define MIB (1UL << 20)
#define KTHREADD 2
#define STACK_BYTES (16UL << 10)
#define REG_SP 7 /* PERF_REG_X86_SP */
#define SAMPLES 500
#define RING_PAGES 64
#define DIRECT_MAP 0xffff888000000000UL /* of four levels without KASLR */
#define DIRECT_MAP_END 0xffffc88000000000UL

static uint64_t kallsyms(const char *symbol)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	char line[512], name[256], type;
	uint64_t value = 0, at;

	assert_non_null(file);
	while (!value && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 " %c %255s", &at, &type, name) == 3 && !strcmp(name, symbol))
			value = at;
	}
	fclose(file);
	assert_true(value != 0); /* root sees them unless kptr_restrict is 2 */
	return value;
}

static uint64_t hex(json_t *range, const char *key)
{
	return strtoull(json__string(range, key), NULL, 16);
}

/* The range of a walk that holds the address, NULL for none. */
static json_t *find(json_t *root, uint64_t addr)
{
	json_t *range;
	size_t i;

	json_array_foreach (json__at(root, "ranges"), i, range) {
		if (addr >= hex(range, "start") && addr < hex(range, "end"))
			return range;
	}
	return NULL;
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

static bool file_has(const char *path, const char *text)
{
	FILE *file = fopen(path, "re");
	char line[4096];
	bool found = false;

	assert_non_null(file);
	while (!found && fgets(line, sizeof(line), file))
		found = strstr(line, text);
	fclose(file);
	return found;
}

/* The kernel said so when it booted. */
static bool runs_under_pvm(void)
{
	int size = klogctl(10, NULL, 0); /* SYSLOG_ACTION_SIZE_BUFFER */
	char *log = calloc(1, size > 0 ? (size_t)size + 1 : 1);
	bool found;

	assert_non_null(log);
	found = klogctl(3, log, size) > 0 && memmem(log, (size_t)size, "Hypervisor detected: PVM", 24);
	free(log);
	return found;
}

/*
 * Only the kernel may look at its own pages. But in a guest of PVM (a hypervisor without hardware's help) the kernel runs in
 * user mode, on page tables of its own: there each of its pages is the user's, and none is not.
 */
static void check_user_flag(json_t *range)
{
	static int pvm = -1;

	if (pvm < 0)
		pvm = runs_under_pvm();
	assert_int_equal(has_flag(range, "user"), pvm);
}

/* --- what the kernel says of itself: samples of our own in kernel mode --- */

struct kernel_sample {
	struct perf_event_header header;
	uint64_t ip;
	uint64_t abi;
	uint64_t sp;
	uint64_t code_page_size;
};

struct sampler {
	int fd;
	struct perf_event_mmap_page *ring;
	size_t bytes;
};

static void sampler__open(struct sampler *sampler)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = 50000, /* ns */
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_REGS_INTR | PERF_SAMPLE_CODE_PAGE_SIZE,
		.sample_regs_intr = 1 << REG_SP,
		.exclude_user = 1,
	};

	sampler->bytes = (1 + RING_PAGES) * PAGE;
	sampler->fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	assert_return_code(sampler->fd, errno);
	sampler->ring = mmap(NULL, sampler->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, sampler->fd, 0);
	assert_ptr_not_equal(sampler->ring, MAP_FAILED);
}

/* Has the kernel work for us until it was sampled n times at that. Returns the samples, to free(). */
static struct kernel_sample *sampler__take(struct sampler *sampler, size_t n)
{
	struct kernel_sample *samples = calloc(n, sizeof(*samples));
	const char *data = (const char *)sampler->ring + PAGE;
	static char zeros[64 << 10];
	uint64_t tail = 0;
	size_t taken = 0, i;
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	assert_non_null(samples);
	while (taken < n) {
		assert_int_equal(read(fd, zeros, sizeof(zeros)), sizeof(zeros));
		while (taken < n && tail < *(volatile __u64 *)&sampler->ring->data_head) {
			/* A record may run over the ring's end. */
			for (i = 0; i < sizeof(*samples); i++)
				((char *)&samples[taken])[i] = data[(tail + i) % (RING_PAGES * PAGE)];
			tail += samples[taken].header.size;
			taken += samples[taken].header.type == PERF_RECORD_SAMPLE;
		}
		sampler->ring->data_tail = tail;
	}
	close(fd);
	return samples;
}

static void sampler__close(struct sampler *sampler)
{
	munmap(sampler->ring, sampler->bytes);
	close(sampler->fd);
}

/* --- text --- */

static void check_text(pid_t pid)
{
	uint64_t text = kallsyms("_stext");
	struct run *run = run__complete(0, "walk %d %#" PRIx64 " -j", pid, text);
	json_t *range = json__at(run->json, "ranges.0");

	assert_true(has_flag(range, "exec"));
	/* Page-table isolation takes the bit from text (pti_set_kernel_image_nonglobal()). */
	if (!file_has("/proc/cpuinfo", " pti "))
		assert_true(has_flag(range, "global"));
	check_user_flag(range);
	assert_false(has_flag(range, "write"));
	assert_true(json_is_null(json__at(range, "none")));
	run__free(run);
}

static void test_text(void **state)
{
	check_text(getpid());
	check_text(KTHREADD);
}

/* Wherever the kernel was sampled in its own text, the page there has the size that the kernel gave the sample. */
static void test_text_as_sampled(void **state)
{
	uint64_t start = kallsyms("_stext") & ~(2 * MIB - 1);
	uint64_t end = (kallsyms("_etext") + 2 * MIB - 1) & ~(2 * MIB - 1);
	struct run *run = run__complete(0, "walk %d %#" PRIx64 "-%#" PRIx64 " -j", KTHREADD, start, end);
	struct kernel_sample *samples;
	struct sampler sampler;
	int in_text = 0, i;

	sampler__open(&sampler);
	samples = sampler__take(&sampler, SAMPLES);
	sampler__close(&sampler);
	for (i = 0; i < SAMPLES; i++) {
		json_t *range = find(run->json, samples[i].ip);

		if (!range)
			continue; /* in a module */
		in_text++;
		assert_true(has_flag(range, "exec"));
		assert_int_equal(json__int(range, "bytes"), samples[i].code_page_size);
	}
	print_message("%d samples in kernel text\n", in_text);
	assert_in_range(in_text, SAMPLES / 2, SAMPLES);
	free(samples);
	run__free(run);
}

/* --- vmalloc: our own kernel stack --- */

static uint64_t kernel_stack(void)
{
	struct kernel_sample *samples;
	struct sampler sampler;
	uint64_t stack = 0, other;
	int votes = 0, i;

	sampler__open(&sampler);
	samples = sampler__take(&sampler, SAMPLES);
	sampler__close(&sampler);
	/* Now and then an interrupt's stack is among them: the majority is ours. */
	for (i = 0; i < SAMPLES; i++) {
		other = samples[i].sp & ~(STACK_BYTES - 1);
		if (!votes)
			stack = other;
		votes += other == stack ? 1 : -1;
	}
	free(samples);
	return stack;
}

/* Four pages of 4K that hang together by their addresses alone, with a guard page below. */
static void test_kernel_stack(void **state)
{
	uint64_t stack = kernel_stack();
	struct run *run =
		run__complete(0, "walk %d %#" PRIx64 "-%#" PRIx64 " -j", KTHREADD, stack - PAGE, stack + STACK_BYTES);
	json_t *range;
	uint64_t at;

	assert_true(stack >> 63);
	assert_string_equal(json__string(find(run->json, stack - PAGE), "none"), "not-mapped");
	for (at = stack; at < stack + STACK_BYTES; at += PAGE) {
		range = find(run->json, at);
		assert_string_equal(json__string(range, "size"), "4K");
		assert_true(has_flag(range, "write"));
		assert_false(has_flag(range, "exec"));
		check_user_flag(range);
	}
	run__free(run);
}

/* --- the direct map --- */

static uint64_t pagemap_frame(pid_t pid, uint64_t addr)
{
	uint64_t entry = 0;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_return_code(fd, errno);
	assert_int_equal(pread(fd, &entry, sizeof(entry), addr / PAGE * 8), sizeof(entry));
	close(fd);
	return entry & ((1ULL << 55) - 1);
}

/* Each page of it maps the frame of its number, and all memory is there. */
static void check_direct_map(json_t *root)
{
	FILE *iomem = fopen("/proc/iomem", "re");
	uint64_t start, end, at;
	json_t *range;
	char line[256];
	size_t i;
	int n = 0;

	json_array_foreach (json__at(root, "ranges"), i, range) {
		if (json_is_null(json__at(range, "none")))
			assert_int_equal(json__int(range, "pfn"), (hex(range, "start") - DIRECT_MAP) / PAGE);
	}
	assert_non_null(iomem);
	while (fgets(line, sizeof(line), iomem)) {
		if (line[0] == ' ' || !strstr(line, "System RAM") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		n++;
		for (at = DIRECT_MAP + start; at < DIRECT_MAP + end; at = hex(range, "end")) {
			range = find(root, at);
			assert_non_null(range);
			assert_true(json_is_null(json__at(range, "none")));
			check_user_flag(range);
		}
	}
	fclose(iomem);
	assert_true(n > 0);
}

static void test_direct_map(void **state)
{
	struct subject *subject = subject__new();
	uint64_t addr = subject__call(subject, subject_map, MEMORY_4K, PAGE), frame;
	struct run *run;

	assert_false(subject_failed(addr));
	if (kallsyms("_text") != 0xffffffff81000000UL) {
		print_message("skipped: the direct map (KASLR: it is not where this test would know it to be)\n");
		subject__free(subject);
		skip();
	}
	run = run__complete(0, "walk %d %#lx-%#lx -j", KTHREADD, DIRECT_MAP, DIRECT_MAP_END);
	check_direct_map(run->json);
	run__free(run);
	frame = pagemap_frame(subject->pid, addr);
	run = run__complete(0, "walk %d %#" PRIx64 "-%#" PRIx64 " -j", subject->pid, DIRECT_MAP + frame * PAGE,
			    DIRECT_MAP + (frame + 1) * PAGE);
	assert_int_equal(json__int(run->json, "ranges.0.pfn"), frame);
	assert_true(json__int(run->json, "ranges.0.bytes") >= (int64_t)PAGE);
	run__free(run);
	subject__free(subject);
}

/* --- what is no address --- */

static void test_kernel_thread(void **state)
{
	struct run *run = run__complete(0, "walk %d 0x400000 -j", KTHREADD);

	assert_string_equal(json__string(run->json, "ranges.0.none"), "no-mm");
	assert_string_equal(json__string(run->json, "ranges.0.level"), "none");
	assert_int_equal(json_array_size(json__at(run->json, "entries")), 0);
	run__free(run);
}

static void test_not_canonical(void **state)
{
	static const char *const addresses[] = {"0x8000000000000000", "0x0100000000000000", "0xfe00000000000000",
						"0x1000-0x8000000000000000"};
	size_t i;

	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct run *run = run__complete(2, "walk %d %s -j", getpid(), addresses[i]);

		assert_string_equal(run->out, "");
		assert_non_null(strstr(run->err, "not canonical"));
		run__free(run);
	}
}

static void test_from_user_to_kernel(void **state)
{
	struct run *run = run__complete(2, "walk %d 0x1000-0xffffffff81000000 -j", getpid());

	assert_string_equal(run->out, "");
	assert_non_null(strstr(run->err, "from user into kernel addresses"));
	run__free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("kernel text from a process and from a kernel thread: exec, global, not user", test_text),
		LIVE_TEST("kernel text: the size that the kernel gives its own samples", test_text_as_sampled),
		LIVE_TEST("a kernel stack: pages of 4K above a guard page", test_kernel_stack),
		LIVE_TEST("the direct map: each page maps the frame of its number, and all memory is there",
			  test_direct_map),
		LIVE_TEST("user addresses of a kernel thread: no-mm", test_kernel_thread),
		LIVE_TEST("addresses that are not canonical: refused with status 2", test_not_canonical),
		LIVE_TEST("a range from user into kernel addresses: refused with status 2", test_from_user_to_kernel),
	};
	int err = live__prepare();

	return err ? err : cmocka_run_group_tests_name("kernel addresses", tests, NULL, NULL);
}
