/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What lies below the loader, in memory: perf events, BPF objects, maps, links and rings are made of descriptors that
 * anybody may open (memfd, eventfd), and the BPF programs are played by C. The page faults that mmuscope_check runs on
 * are real ones: trigger pages are mapped without access, and the handler of SIGSEGV is "the kernel".
 *
 * Include behind cmocka.h and wrap.h: every call that is replaced can be made to fail, too.
 */
#ifndef MMUSCOPE_TESTS_FAKE_KERNEL_H
#define MMUSCOPE_TESTS_FAKE_KERNEL_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "record.h"

#define FAKE_CPUS 2
#define FAKE_EVENTS 2
#define FAKE_OPENED_MAX 64
#define FAKE_DIRECT_MAP 0xffff9c3ac0000000ULL
#define FAKE_TASK_SIZE_4 ((1ULL << 47) - 4096)

/* The subjects of the self-check, in the order in which the loader asks for them. */
enum fake_subject {
	FAKE_SMALL,
	FAKE_PROT_NONE,
	FAKE_UNTOUCHED,
	FAKE_RING,
	FAKE_HUGE,
	FAKE_KERNEL_RING,
	FAKE_KERNEL_TABLE,
	FAKE_NO_MM,
	FAKE_NOT_CANONICAL,
	FAKE_SUBJECTS,
};

/* How the answer for one subject is wrong. */
enum fake_lie {
	FAKE_NO_LIE,
	FAKE_LIE_SIZE,  /* another page size, or a size where there is none */
	FAKE_LIE_NONE,  /* no page size at all */
	FAKE_LIE_FRAME, /* the next frame */
	FAKE_LIE_FLAGS, /* none of the leaf's flags */
};

/* A perf event as it was opened. */
struct fake_event {
	struct perf_event_attr attr;
	pid_t pid;
	int cpu;
	int group_fd;
	unsigned long flags;
	int fd;
	unsigned long inode;
	unsigned int enabled; /* times */
	unsigned int enabled_as_group;
	unsigned int disabled;
	int prog_fd; /* attached, or -1 */
};

/* A stretch of the address space that mmuscope_walk finds mapped, or left out, in one way. */
struct fake_piece {
	uint64_t start;
	uint64_t pfn;
	uint64_t entry;
	uint16_t flags;
	uint8_t outcome;
	uint8_t level;
};

struct fake_kernel {
	/* What the machine is like; fake_kernel__reset() makes it a good one. */
	uint64_t symbol; /* page_offset_base, 0: not listed */
	uint64_t task_size;
	uint64_t page_sizes_from; /* bits of sample_type that it refuses */
	bool refuses_phys;        /* EACCES for PERF_SAMPLE_PHYS_ADDR */
	bool no_perf_links;
	bool no_task_iterator; /* cannot narrow an iterator to one task */
	bool program_never_runs;
	bool no_ring_address;
	bool no_base; /* none is right */
	bool no_huge_page;
	bool shows_no_sizes; /* to BPF */
	bool no_btf;
	bool has_cast;   /* kfunc */
	bool dead_tasks; /* perf_event_open says ESRCH to every pid */
	enum fake_lie lie;
	enum fake_subject liar;
	/* Samples: what rings hold, and the accounts. */
	const void *records;
	size_t record_size;
	size_t n_records;
	struct mmu_counts counts[FAKE_EVENTS][FAKE_CPUS];
	__u64 unattributed;
	uint64_t count; /* of each perf event */
	uint64_t enabled_ns;
	bool short_reads; /* of perf events: 0 bytes */
	/* mmuscope_walk */
	const struct fake_piece *pieces; /* ascending; the last one reaches to the end */
	size_t n_pieces;
	uint32_t task;         /* the only one there is */
	uint32_t task_ends_in; /* runs of the program after which it is gone; 0: never */
	bool writes_nothing;
	/* Time and signals. */
	uint64_t now_ns;
	uint64_t step_ns;     /* by which each look at the clock moves it */
	unsigned int stop_in; /* looks at the stop flag until it is set; 0: never */
	bool real_waits;      /* epoll_wait(2) may sleep */
	bool rings_wake;      /* …or says that a ring filled, without sleeping */
	bool interrupts;      /* …or fails with EINTR */
	/* What was done. */
	struct fake_event opened[FAKE_OPENED_MAX]; /* all that ever were */
	size_t n_opened;
	struct mmu_layout layout; /* in the map */
	unsigned int layout_stores;
	unsigned int runs; /* of mmuscope_check */
	unsigned int links;
	unsigned int iterations;
	uint32_t ring_bytes;
	uint32_t max_entries_samples, max_entries_events;
	uint64_t event_ids[FAKE_OPENED_MAX]; /* in mmu_events */
	uint32_t event_of[FAKE_OPENED_MAX];
	size_t n_event_ids;
};

extern struct fake_kernel fake_kernel;

void fake_kernel__reset(void);

/* The configuration of the BPF programs as they were loaded last. */
struct mmuscope_bpf__rodata;
const struct mmuscope_bpf__rodata *fake_kernel__rodata(void);

/* Fills the counters of an event with `samples` that were seen and emitted, on CPU 0. */
void fake_kernel__emit(uint32_t event, const void *records, size_t record_size, size_t n);

/* An object that is opened and loaded, for the parts of the loader that want one; free with mmuscope_bpf__destroy(). */
struct mmuscope_bpf *fake_kernel__object(void);

#endif
