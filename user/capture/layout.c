// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/layout.h"
#include "capture/layout_machine.h"
#include "capture/perf_link.h"
#include "capture/perf_set.h"
#include "mmuscope.skel.h"
#include "model/page_size.h"
#include "support/error.h"
#include "support/log.h"

#define GIB (1ULL << 30)
#define HUGE_BYTES (2UL << 20)
#define TRIGGER_PAGES 64 /* pages to fault on, one a question, before they are given back and used again */
#define RING_BYTES(page) (2 * (page))

/*
 * The instrument: a minor-fault event on ourselves, with a ring, and mmuscope_check on it. To ask something, fill
 * mmu_check and touch a fresh page: the program has run when the store returns.
 */
struct instrument {
	struct mmuscope_bpf *bpf;
	volatile struct mmu_check *check; /* shared with the program */
	size_t page;
	int fd;
	int link_fd;
	void *ring;
	char *pages; /* TRIGGER_PAGES + 3: trigger pages, then the subjects of the checks */
	size_t next;
	char *huge; /* two huge pages' room, of which one aligned one is used */
};

static void instrument__close(struct instrument *tool)
{
	if (tool->ring)
		munmap(tool->ring, RING_BYTES(tool->page));
	if (tool->pages)
		munmap(tool->pages, (TRIGGER_PAGES + 3) * tool->page);
	if (tool->huge)
		munmap(tool->huge, 2 * HUGE_BYTES);
	if (tool->link_fd >= 0)
		close(tool->link_fd);
	if (tool->fd >= 0)
		close(tool->fd);
}

static int map_pages(struct instrument *tool)
{
	size_t bytes = (TRIGGER_PAGES + 3) * tool->page;

	tool->pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (tool->pages == MAP_FAILED) {
		tool->pages = NULL;
		return error__last();
	}
	/* Small pages even where THP is `always`. EINVAL where the kernel knows no THP: as good. */
	if (madvise(tool->pages, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		return error__last();
	return 0;
}

static int open_event(struct instrument *tool)
{
	const uint64_t sizes = PERF_SAMPLE_DATA_PAGE_SIZE | PERF_SAMPLE_CODE_PAGE_SIZE;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_PAGE_FAULTS_MIN,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_ADDR | PERF_SAMPLE_PHYS_ADDR | sizes,
		.exclude_kernel = 1,
		.disabled = 1,
	};

	tool->fd = perf_set__open_one(&attr, 0, -1, -1, 0);
	if (tool->fd == -EINVAL) {
		attr.sample_type &= ~sizes; /* < 5.11 */
		tool->fd = perf_set__open_one(&attr, 0, -1, -1, 0);
	}
	if (tool->fd == -EACCES) {
		attr.sample_type &= ~(uint64_t)PERF_SAMPLE_PHYS_ADDR; /* perf_allow_kernel() */
		tool->fd = perf_set__open_one(&attr, 0, -1, -1, 0);
	}
	return tool->fd < 0 ? tool->fd : 0;
}

static int instrument__open(struct instrument *tool, struct mmuscope_bpf *bpf)
{
	int err;

	*tool = (struct instrument){
		.bpf = bpf, .check = &bpf->bss->mmu_check, .page = sysconf(_SC_PAGESIZE), .fd = -1, .link_fd = -1};
	err = map_pages(tool);
	if (err) {
		log_error("self-check: memory for its pages: %s", log__errstr(err));
		return err;
	}
	err = open_event(tool);
	if (err) {
		log_error("self-check: a page-fault event on mmuscope itself: %s; run as root, or with CAP_BPF and "
			  "CAP_PERFMON",
			  log__errstr(err));
		return err;
	}
	tool->ring = mmap(NULL, RING_BYTES(tool->page), PROT_READ | PROT_WRITE, MAP_SHARED, tool->fd, 0);
	if (tool->ring == MAP_FAILED) {
		err = error__last();
		tool->ring = NULL;
		log_error("self-check: mmap of a perf ring: %s; raise kernel.perf_event_mlock_kb, or give CAP_IPC_LOCK",
			  log__errstr(err));
		return err;
	}
	*(volatile char *)tool->ring; /* before 6.14 the ring's pages are mapped by their first touch */
	tool->link_fd = perf_link__create(bpf_program__fd(bpf->progs.mmuscope_check), tool->fd);
	if (tool->link_fd == PERF_LINK_NONE)
		tool->link_fd = -1;
	else if (tool->link_fd < 0) {
		err = tool->link_fd;
		tool->link_fd = -1;
		log_error("self-check: attach of mmuscope_check: %s", log__errstr(err));
		return err;
	}
	err = ioctl(tool->fd, PERF_EVENT_IOC_ENABLE, 0) ? error__last() : 0;
	if (err)
		log_error("self-check: cannot enable its event: %s", log__errstr(err));
	return err;
}

/* Runs the program once over what stands in mmu_check, by touching `at`. Returns 0, or -EIO when it did not run. */
static int ask_at(struct instrument *tool, enum mmu_check_command command, char *at)
{
	uint64_t before = tool->check->runs;

	tool->check->command = command;
	*(volatile char *)at = 1;
	tool->check->command = 0;
	return tool->check->runs == before ? -EIO : 0;
}

static int ask(struct instrument *tool, enum mmu_check_command command)
{
	if (tool->next == TRIGGER_PAGES) {
		if (madvise(tool->pages, TRIGGER_PAGES * tool->page, MADV_DONTNEED))
			return error__last();
		tool->next = 0;
	}
	return ask_at(tool, command, tool->pages + tool->page * tool->next++);
}

static void turn_off(struct layout_result *result, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void turn_off(struct layout_result *result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(result->why, sizeof(result->why), format, args);
	va_end(args);
	result->layout.levels = 0;
}

/*
 * The direct map is aligned to 1 GiB (arch/x86/mm/kaslr.c) and holds both the ring and our top table, so its base lies at
 * most all of physical memory below the lower of the two. Upwards from there: a base that is too low reads below true
 * memory, never beyond its end, where device memory might lie.
 */
static int search_base(struct instrument *tool, uint64_t ring_page, uint64_t pgd, uint64_t phys_limit)
{
	uint64_t top = (ring_page < pgd ? ring_page : pgd) & ~(GIB - 1);
	uint64_t base = top - phys_limit;
	int err;

	for (; base <= top && !tool->check->found; base += MMU_CHECK_BASES_A_RUN * GIB) {
		uint64_t left = (top - base) / GIB + 1;

		tool->check->first_base = base;
		tool->check->n_bases = left < MMU_CHECK_BASES_A_RUN ? left : MMU_CHECK_BASES_A_RUN;
		err = ask(tool, MMU_CHECK_BASES);
		if (err)
			return err;
	}
	return 0;
}

/* Fills result->layout, or says why not. */
static int calibrate(struct instrument *tool, struct layout_result *result)
{
	volatile struct mmu_check *check = tool->check;
	struct mmu_layout *layout = &result->layout;
	uint64_t symbol;
	int err = ask(tool, MMU_CHECK_FACTS);

	if (err)
		return err;
	symbol = check->page_offset_base;
	layout_machine__fill(layout, check->task_size, check->physical_mask);
	layout->kernel_pgd = check->init_pgd ? check->init_pgd : check->pgd;
	result->kernel_sizes = check->sample_flags & PERF_SAMPLE_DATA_PAGE_SIZE;
	if (!layout->levels) {
		turn_off(result, "the address space ends at %#" PRIx64 ", which is neither 4- nor 5-level paging",
			 (uint64_t)check->task_size);
		return 0;
	}
	if (!check->ring_page || !check->pgd) {
		turn_off(result, "the kernel's address of a perf ring could not be read");
		return 0;
	}

	memcpy((void *)&check->trial, layout, sizeof(*layout));
	check->ring_address = (uint64_t)(uintptr_t)tool->ring;
	check->found = 0;
	layout->source = symbol ? MMU_LAYOUT_SYMBOLS : MMU_LAYOUT_ANCHOR;
	if (symbol) {
		check->first_base = symbol;
		check->n_bases = 1;
		err = ask(tool, MMU_CHECK_BASES);
		if (!err && check->found != symbol)
			check->found = 0;
	}
	if (!err && !check->found) {
		layout->source = MMU_LAYOUT_ANCHOR;
		err = search_base(tool, check->ring_page, check->pgd, layout->phys_limit);
	}
	if (err)
		return err;
	layout->direct_map = check->found;
	if (!check->found)
		turn_off(result, "no base of the direct map leads from our perf ring back to itself");
	return 0;
}

static struct layout_check *add_check(struct layout_result *result, const char *what)
{
	struct layout_check *check = &result->checks[result->n_checks++];

	*check = (struct layout_check){.what = what};
	return check;
}

/* The pages the checks ask for, in the order of mmu_check.walks. */
enum subject {
	SUBJECT_SMALL,
	SUBJECT_PROT_NONE,
	SUBJECT_UNTOUCHED,
	SUBJECT_RING,
	SUBJECT_HUGE,
	SUBJECT_KERNEL_RING,
	SUBJECT_KERNEL_TABLE,
	SUBJECT_NO_MM,
	SUBJECT_NOT_CANONICAL,
	SUBJECT_COUNT,
};

/* What is known of a subject without our walk. */
struct truth {
	const char *what;
	uint64_t addr;
	uint64_t pfn;    /* 0: not known */
	uint8_t outcome; /* 0: any size */
	uint8_t flag;    /* enum mmu_flag that must be set, or 0 */
	bool missing;    /* could not be had */
	bool without_mm; /* walked as for a kernel thread: from layout.kernel_pgd */
};

/* Touches a page and takes its frame from the kernel's sample of that very fault. */
static int touch(struct instrument *tool, char *at, uint64_t *pfn, uint64_t *size)
{
	volatile struct mmu_check *check = tool->check;
	int err = ask_at(tool, MMU_CHECK_FACTS, at);

	*pfn = 0;
	*size = 0;
	if (err || check->addr != (uint64_t)(uintptr_t)at)
		return err ? err : -EIO;
	if (check->sample_flags & PERF_SAMPLE_PHYS_ADDR)
		*pfn = check->phys_addr / tool->page;
	if (check->sample_flags & PERF_SAMPLE_DATA_PAGE_SIZE)
		*size = check->data_page_size;
	return 0;
}

/* A 2M page by THP, where the machine gives one. The truth is smaps', not ours. */
static void get_huge(struct instrument *tool, struct truth *truth)
{
	uint64_t size;
	char *at;

	truth->missing = true;
	tool->huge = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (tool->huge == MAP_FAILED) {
		tool->huge = NULL;
		return;
	}
	at = (char *)(((uintptr_t)tool->huge + HUGE_BYTES - 1) & ~(HUGE_BYTES - 1));
	if (madvise(at, HUGE_BYTES, MADV_HUGEPAGE) || touch(tool, at, &truth->pfn, &size))
		return;
	if (layout_machine__huge_bytes(at) != HUGE_BYTES)
		return;
	truth->missing = false;
	truth->addr = (uint64_t)(uintptr_t)at + 5 * tool->page;
	if (truth->pfn)
		truth->pfn += 5;
}

static int know_truths(struct instrument *tool, const struct mmu_layout *layout, struct truth *truths)
{
	volatile struct mmu_check *check = tool->check;
	char *subjects = tool->pages + TRIGGER_PAGES * tool->page;
	uint64_t ring_pfn, pgd_pfn, size;
	int err;

	err = ask(tool, MMU_CHECK_FACTS);
	ring_pfn = (check->ring_page - layout->direct_map) / tool->page;
	pgd_pfn = (check->pgd - layout->direct_map) / tool->page;
	truths[SUBJECT_KERNEL_RING] =
		(struct truth){.what = "a direct-map page (our ring)", .addr = check->ring_page, .pfn = ring_pfn};
	truths[SUBJECT_KERNEL_TABLE] =
		(struct truth){.what = "a direct-map page (our top table)", .addr = check->pgd, .pfn = pgd_pfn};
	truths[SUBJECT_NO_MM] = truths[SUBJECT_KERNEL_RING];
	truths[SUBJECT_NO_MM].what = "a direct-map page (as a kernel thread)";
	truths[SUBJECT_NO_MM].without_mm = true;

	truths[SUBJECT_SMALL] = (struct truth){
		.what = "a 4K page", .addr = (uint64_t)(uintptr_t)subjects, .outcome = layout->page_shift};
	truths[SUBJECT_PROT_NONE] = (struct truth){.what = "a PROT_NONE page",
						   .addr = (uint64_t)(uintptr_t)subjects + tool->page,
						   .outcome = layout->page_shift,
						   .flag = MMU_FLAG_PROT_NONE};
	truths[SUBJECT_UNTOUCHED] = (struct truth){.what = "a page never touched",
						   .addr = (uint64_t)(uintptr_t)subjects + 2 * tool->page,
						   .outcome = mmu_outcome_none(MMU_NONE_NOT_MAPPED)};
	truths[SUBJECT_RING] = (struct truth){.what = "a perf ring's control page",
					      .addr = (uint64_t)(uintptr_t)tool->ring,
					      .pfn = ring_pfn,
					      .outcome = layout->page_shift};
	truths[SUBJECT_HUGE] = (struct truth){.what = "a 2M page", .outcome = 21};
	truths[SUBJECT_NOT_CANONICAL] = (struct truth){.what = "an address that is not canonical",
						       .addr = 1ULL << 62,
						       .outcome = mmu_outcome_none(MMU_NONE_NOT_CANONICAL)};
	if (!err)
		err = touch(tool, subjects, &truths[SUBJECT_SMALL].pfn, &size);
	if (!err)
		err = touch(tool, subjects + tool->page, &truths[SUBJECT_PROT_NONE].pfn, &size);
	if (!err && mprotect(subjects + tool->page, tool->page, PROT_NONE))
		err = error__last();
	if (!err)
		get_huge(tool, &truths[SUBJECT_HUGE]);
	return err;
}

static bool judge(const struct truth *truth, const struct mmu_walk *walk, struct layout_check *check)
{
	char size[PAGE_SIZE_NAME_LEN] = "none";

	if (mmu_outcome_is_size(walk->outcome))
		page_size__name(walk->outcome, size);
	snprintf(check->note, sizeof(check->note), "walk: %s at %s, frame %#" PRIx64 "%s",
		 mmu_outcome_is_none(walk->outcome) ? page_size__none_name(walk->outcome - MMU_OUTCOME_NONE_BASE)
						    : size,
		 page_size__level_name(walk->level), (uint64_t)walk->pfn, truth->pfn ? ", known" : "");
	if (truth->outcome ? walk->outcome != truth->outcome : !mmu_outcome_is_size(walk->outcome))
		return false;
	if (truth->pfn && walk->pfn != truth->pfn)
		return false;
	return (walk->flags & truth->flag) == truth->flag;
}

/* Walks all subjects by the layout that is in the map, and compares. */
static int self_check(struct instrument *tool, struct layout_result *result)
{
	struct truth truths[SUBJECT_COUNT] = {0};
	volatile struct mmu_check *check = tool->check;
	int err = know_truths(tool, &result->layout, truths);
	size_t i;

	if (err)
		return err;
	check->without_mm = 0;
	for (i = 0; i < SUBJECT_COUNT; i++) {
		check->walks[i].addr = truths[i].addr;
		check->without_mm |= (uint32_t)truths[i].without_mm << i;
	}
	err = ask(tool, MMU_CHECK_WALKS);
	for (i = 0; i < SUBJECT_COUNT && !err; i++) {
		struct layout_check *verdict = add_check(result, truths[i].what);
		struct mmu_walk walk;

		if (truths[i].missing) {
			snprintf(verdict->note, sizeof(verdict->note), "this machine gave none");
			continue;
		}
		memcpy(&walk, (const void *)&check->walks[i].walk, sizeof(walk));
		verdict->checked = true;
		verdict->passed = judge(&truths[i], &walk, verdict);
		if (!verdict->passed && !result->why[0])
			turn_off(result, "the self-check failed on %s (%s)", verdict->what, verdict->note);
	}
	return err;
}

static int store(struct mmuscope_bpf *bpf, const struct mmu_layout *layout)
{
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(bpf->maps.mmu_layout), &zero, layout, BPF_ANY);
}

int layout__prepare(struct mmuscope_bpf *bpf, struct layout_result *result)
{
	struct instrument tool;
	int err;

	*result = (struct layout_result){0};
	err = instrument__open(&tool, bpf);
	if (err)
		goto cleanup;
	err = calibrate(&tool, result);
	if (!err && result->layout.levels)
		err = store(bpf, &result->layout);
	if (!err && result->layout.levels)
		err = self_check(&tool, result);
	if (!err && !result->layout.levels)
		err = store(bpf, &result->layout);
	if (err == -EIO) {
		/* The program did not run on our own fault: the walk cannot be proved, so it is off. */
		turn_off(result, "mmuscope_check did not run on a page fault of our own");
		err = store(bpf, &result->layout);
	}
	if (err)
		log_error("self-check: %s", log__errstr(err));
cleanup:
	instrument__close(&tool);
	return err;
}

const char *layout__source_name(unsigned int source)
{
	switch (source) {
	case MMU_LAYOUT_SYMBOLS:
		return "symbols";
	case MMU_LAYOUT_ANCHOR:
		return "ring anchor";
	default:
		return "none";
	}
}
