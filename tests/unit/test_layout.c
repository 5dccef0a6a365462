// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Calibration and self-check against a machine that answers, that lies, and that says nothing.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/layout.h"
#include "capture/layout_machine.h"
#include "fake_kernel.h"
#include "mmuscope.skel.h"
#include "wrap.h"

static struct layout_result result;

static int prepare_layout(void)
{
	struct mmuscope_bpf *bpf = fake_kernel__object();
	int err = layout__prepare(bpf, &result);

	mmuscope_bpf__destroy(bpf);
	return err;
}

static void expect_on(unsigned int source)
{
	assert_int_equal(wrap__run(prepare_layout, NULL), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_string_equal(result.why, "");
	assert_int_equal(result.layout.levels, 4);
	assert_int_equal(result.layout.page_shift, 12);
	assert_int_equal(result.layout.source, source);
	assert_int_equal(result.layout.direct_map, FAKE_DIRECT_MAP);
	assert_memory_equal(&fake_kernel.layout, &result.layout, sizeof(result.layout));
	assert_int_equal(result.n_checks, FAKE_SUBJECTS);
}

/* Off: the map says so too, and the reason holds `why`. */
static void expect_off(const char *why)
{
	assert_int_equal(wrap__run(prepare_layout, NULL), 0);
	if (wrap_n_messages)
		fail_msg("message: %s", wrap_messages);
	assert_int_equal(result.layout.levels, 0);
	assert_true(fake_kernel.layout_stores > 0);
	assert_int_equal(fake_kernel.layout.levels, 0);
	if (!strstr(result.why, why))
		fail_msg("\"%s\" does not say \"%s\"", result.why, why);
}

static void test_anchor(void **state)
{
	size_t i;

	fake_kernel__reset();
	expect_on(MMU_LAYOUT_ANCHOR);
	assert_true(result.kernel_sizes);
	assert_int_equal(result.layout.phys_limit, 64ULL << 30);
	for (i = 0; i < result.n_checks; i++)
		assert_true(result.checks[i].checked && result.checks[i].passed);
	assert_int_equal(fake_kernel.n_opened, 1);
	assert_int_equal(fake_kernel.opened[0].pid, 0);
	assert_int_equal(fake_kernel.opened[0].cpu, -1);
	assert_true(fake_kernel.opened[0].flags & PERF_FLAG_FD_CLOEXEC);
	assert_int_equal(fake_kernel.opened[0].enabled, 1);
}

static void test_symbol(void **state)
{
	fake_kernel__reset();
	fake_kernel.symbol = FAKE_DIRECT_MAP;
	expect_on(MMU_LAYOUT_SYMBOLS);
}

/* A symbol that is not the direct map (its frames lead elsewhere) is not believed. */
static void test_wrong_symbol(void **state)
{
	fake_kernel__reset();
	fake_kernel.symbol = FAKE_DIRECT_MAP - (1ULL << 30);
	expect_on(MMU_LAYOUT_ANCHOR);
}

/* So much memory that there are more questions than fresh pages to ask them with. */
static void test_large_machine(void **state)
{
	fake_kernel__reset();
	wrap__file("/proc/zoneinfo", "Node 0, zone Normal\n spanned 1073741824\n start_pfn: 0\n");
	expect_on(MMU_LAYOUT_ANCHOR);
	assert_int_equal(result.layout.phys_limit, 4ULL << 40);
	assert_true(fake_kernel.runs > 120);
}

static void tell_dontneed(void)
{
	wrap__fail(WRAP_MADVISE, 2, EAGAIN);
}

static void test_pages_not_given_back(void **state)
{
	fake_kernel__reset();
	wrap__file("/proc/zoneinfo", "Node 0, zone Normal\n spanned 1073741824\n start_pfn: 0\n");
	assert_int_equal(wrap__run(prepare_layout, tell_dontneed), -EAGAIN);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "self-check: Resource temporarily unavailable (EAGAIN)"));
}

static void test_no_base(void **state)
{
	fake_kernel__reset();
	fake_kernel.no_base = true;
	expect_off("no base of the direct map leads from our perf ring back to itself");
	fake_kernel__reset();
	fake_kernel.no_base = true;
	fake_kernel.symbol = FAKE_DIRECT_MAP;
	expect_off("no base of the direct map");
}

static void test_no_ring_address(void **state)
{
	fake_kernel__reset();
	fake_kernel.no_ring_address = true;
	expect_off("address of a perf ring could not be read");
}

static void test_levels(void **state)
{
	fake_kernel__reset();
	fake_kernel.task_size = (1ULL << 56) - 4096;
	assert_int_equal(wrap__run(prepare_layout, NULL), 0);
	assert_int_equal(result.layout.levels, 5);
	assert_string_equal(result.why, "");
	fake_kernel__reset();
	fake_kernel.task_size = 0xc0000000;
	expect_off("the address space ends at 0xc0000000");
}

static void test_program_never_runs(void **state)
{
	fake_kernel__reset();
	fake_kernel.program_never_runs = true;
	expect_off("mmuscope_check did not run on a page fault of our own");
}

static void tell_store(void)
{
	wrap__fail(WRAP_MAP_UPDATE, 1, EPERM);
}

static void test_off_cannot_be_stored(void **state)
{
	fake_kernel__reset();
	fake_kernel.program_never_runs = true;
	assert_int_equal(wrap__run(prepare_layout, tell_store), -EPERM);
	assert_int_equal(wrap_n_messages, 1);
	fake_kernel__reset();
	fake_kernel.no_base = true;
	assert_int_equal(wrap__run(prepare_layout, tell_store), -EPERM);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "(EPERM)"));
}

/* Each subject, each way to be wrong about it that the loader can know. */
static void test_each_lie(void **state)
{
	static const struct {
		enum fake_subject subject;
		const char *what;
		unsigned int lies; /* bit n: enum fake_lie n is found out */
	} cases[] = {
		{FAKE_SMALL, "a 4K page", 1 << FAKE_LIE_SIZE | 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME},
		{FAKE_PROT_NONE, "a PROT_NONE page",
		 1 << FAKE_LIE_SIZE | 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME | 1 << FAKE_LIE_FLAGS},
		{FAKE_UNTOUCHED, "a page never touched", 1 << FAKE_LIE_SIZE | 1 << FAKE_LIE_NONE},
		{FAKE_RING, "a perf ring's control page",
		 1 << FAKE_LIE_SIZE | 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME},
		{FAKE_HUGE, "a 2M page", 1 << FAKE_LIE_SIZE | 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME},
		{FAKE_KERNEL_RING, "a direct-map page (our ring)", 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME},
		{FAKE_KERNEL_TABLE, "a direct-map page (our top table)", 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME},
		{FAKE_NO_MM, "a direct-map page (as a kernel thread)", 1 << FAKE_LIE_NONE | 1 << FAKE_LIE_FRAME},
		{FAKE_NOT_CANONICAL, "an address that is not canonical", 1 << FAKE_LIE_SIZE | 1 << FAKE_LIE_NONE},
	};
	char why[128];
	size_t i, j;
	int lie;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (lie = FAKE_LIE_SIZE; lie <= FAKE_LIE_FLAGS; lie++) {
			if (!(cases[i].lies & 1U << lie))
				continue;
			fake_kernel__reset();
			fake_kernel.liar = cases[i].subject;
			fake_kernel.lie = (enum fake_lie)lie;
			snprintf(why, sizeof(why), "the self-check failed on %s (walk: ", cases[i].what);
			expect_off(why);
			assert_int_equal(fake_kernel.layout_stores, 2);
			assert_int_equal(result.n_checks, FAKE_SUBJECTS);
			for (j = 0; j < result.n_checks; j++)
				assert_int_equal(result.checks[j].passed, j != i);
		}
	}
}

/* Where the kernel gives no huge page, that check is left out, and said to be. */
static void test_no_huge_page(void **state)
{
	fake_kernel__reset();
	fake_kernel.no_huge_page = true;
	expect_on(MMU_LAYOUT_ANCHOR);
	assert_false(result.checks[FAKE_HUGE].checked);
	assert_string_equal(result.checks[FAKE_HUGE].note, "this machine gave none");
}

/* Without frames from the kernel (perf_event_paranoid) what is left of the checks is made. */
static void test_no_frames(void **state)
{
	fake_kernel__reset();
	fake_kernel.refuses_phys = true;
	expect_on(MMU_LAYOUT_ANCHOR);
	assert_int_equal(fake_kernel.n_opened, 1);
	assert_false(fake_kernel.opened[0].attr.sample_type & PERF_SAMPLE_PHYS_ADDR);
}

static void test_old_kernels(void **state)
{
	const uint64_t sizes = PERF_SAMPLE_DATA_PAGE_SIZE | PERF_SAMPLE_CODE_PAGE_SIZE;

	fake_kernel__reset();
	fake_kernel.page_sizes_from = sizes;
	fake_kernel.shows_no_sizes = true;
	fake_kernel.no_perf_links = true;
	expect_on(MMU_LAYOUT_ANCHOR);
	assert_false(result.kernel_sizes);
	assert_false(fake_kernel.opened[0].attr.sample_type & sizes);
	assert_int_equal(fake_kernel.links, 0);
	assert_true(fake_kernel.opened[0].prog_fd >= 0);
}

static void tell_no_thp(void)
{
	wrap__fail(WRAP_MADVISE, 1, EINVAL);
}

/* A kernel without transparent huge pages says EINVAL to MADV_NOHUGEPAGE, and has none to forbid. */
static void test_no_thp(void **state)
{
	fake_kernel__reset();
	assert_int_equal(wrap__run(prepare_layout, tell_no_thp), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_int_equal(result.layout.levels, 4);
}

static bool is_harmless(const char *what)
{
	return !strcmp(what, "fopen /proc/zoneinfo") || !strcmp(what, "fopen /proc/self/smaps") ||
	       !strcmp(what, "mmap for a huge page") || !strcmp(what, "madvise MADV_HUGEPAGE");
}

/* The object is the test's: a failure of layout__prepare() alone. */
static struct mmuscope_bpf *object;

static int prepare_only(void)
{
	return layout__prepare(object, &result);
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.run = prepare_only, .is_harmless = is_harmless};

	fake_kernel__reset();
	object = fake_kernel__object();
	assert_in_range(wrap__each(&scenario), 12, 100);
	assert_int_equal(result.layout.levels, 4);
	mmuscope_bpf__destroy(object);
}

static void test_zoneinfo(void **state)
{
	static const struct {
		const char *text;
		uint64_t end;
	} cases[] = {
		{"", 0},
		{"Node 0, zone DMA\n", 0},
		{"Node 0, zone DMA\n  spanned  4095\n  start_pfn:           1\n", 1ULL << 30},
		{"Node 0, zone DMA\n  spanned 0\n  start_pfn: 9999999\n", 0},
		{"Node 0, zone N\n  spanned 262144\n  start_pfn: 0\nNode 1, zone N\n  spanned 1\n  start_pfn: 262144\n",
		 2ULL << 30},
		/* The span of one zone is not that of the next. */
		{"Node 0, zone N\n  spanned 262144\n  start_pfn: 0\nNode 1, zone N\n  start_pfn: 262144\n", 1ULL << 30},
		{"Node 1, zone N\n spanned 1\n start_pfn: 524288\nNode 0, zone N\n spanned 2\n start_pfn: 0\n",
		 3ULL << 30},
		{"spanned x\nstart_pfn: y\n\n\n", 0},
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		wrap__forget_files();
		wrap__file("/zones", cases[i].text);
		assert_int_equal(layout_machine__phys_end("/zones"), cases[i].end);
	}
	wrap__file("/zones", NULL);
	assert_int_equal(layout_machine__phys_end("/zones"), 0);
}

static void test_fill(void **state)
{
	struct mmu_layout layout = {0};

	fake_kernel__reset();
	layout_machine__fill(&layout, FAKE_TASK_SIZE_4, 0xfffffffffffffULL);
	assert_int_equal(layout.pfn_mask, 0xffffffffff000ULL);
	wrap__file("/proc/zoneinfo", NULL);
	layout_machine__fill(&layout, 0, 0);
	assert_int_equal(layout.levels, 0);
	assert_int_equal(layout.pfn_mask, layout_machine__pfn_mask());
	assert_int_equal(layout.phys_limit, layout.pfn_mask + 4096);
	assert_int_equal(layout.pfn_mask & 0xfff0000000000fffULL, 0);
	assert_int_equal(layout.pfn_mask & 0xfffff000, 0xfffff000);
}

static void test_smaps(void **state)
{
	void *at = (void *)(uintptr_t)0x200000; /* NOLINT */

	wrap__forget_files();
	wrap__file("/proc/self/smaps", "100000-200000 rw-p\nAnonHugePages: 8 kB\n200000-400000 rw-p\nRss: 1 kB\n"
				       "AnonHugePages:  2048 kB\n400000-500000 rw-p\nAnonHugePages: 16 kB\n");
	assert_int_equal(layout_machine__huge_bytes(at), 2 << 20);
	wrap__file("/proc/self/smaps", "200000-400000 rw-p\nRss: 1 kB\n");
	assert_int_equal(layout_machine__huge_bytes(at), 0);
	wrap__file("/proc/self/smaps", NULL);
	assert_int_equal(layout_machine__huge_bytes(at), 0);
}

static void test_source_names(void **state)
{
	assert_string_equal(layout__source_name(MMU_LAYOUT_SYMBOLS), "symbols");
	assert_string_equal(layout__source_name(MMU_LAYOUT_ANCHOR), "ring anchor");
	assert_string_equal(layout__source_name(MMU_LAYOUT_NONE), "none");
	assert_string_equal(layout__source_name(77), "none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_anchor),
		cmocka_unit_test(test_symbol),
		cmocka_unit_test(test_wrong_symbol),
		cmocka_unit_test(test_large_machine),
		cmocka_unit_test(test_pages_not_given_back),
		cmocka_unit_test(test_no_base),
		cmocka_unit_test(test_no_ring_address),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_program_never_runs),
		cmocka_unit_test(test_off_cannot_be_stored),
		cmocka_unit_test(test_each_lie),
		cmocka_unit_test(test_no_huge_page),
		cmocka_unit_test(test_no_frames),
		cmocka_unit_test(test_old_kernels),
		cmocka_unit_test(test_no_thp),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_zoneinfo),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_smaps),
		cmocka_unit_test(test_source_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
