/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire format between the BPF programs and the loader. Both compilers include this very file.
 *
 * Every type has a fixed width, every pad byte has a name, and sizes and offsets are asserted on both sides. All numbers
 * named here reach recordings and JSON: append, never renumber.
 */
#ifndef MMUSCOPE_RECORD_H
#define MMUSCOPE_RECORD_H

#ifndef __VMLINUX_H__
#include <linux/types.h>
#endif

#include "arch/arch.h"
#if defined(__TARGET_ARCH_arm64)
#include "arch/arm64_numbers.h"
#else
#include "arch/x86_numbers.h"
#endif

#define MMU_MAX_EVENTS 64 /* perf events of one run that keep accounts of their own */
#define MMU_COMM_LEN 16   /* TASK_COMM_LEN */

/* What a record in a ring is. */
enum mmu_kind {
	MMU_KIND_SAMPLE = 1,
	MMU_KIND_LATE = 2, /* a sample whose operand the loader resolves: the code around it is new */
};

/* Where the CPU was when the sample was taken. */
enum mmu_mode {
	MMU_MODE_USER = 1,
	MMU_MODE_KERNEL = 2,
	MMU_MODE_IDLE = 3, /* kernel mode of the idle task (pid 0) */
};

/* Who named the data address. */
enum mmu_origin {
	MMU_ORIGIN_NONE = 0,
	MMU_ORIGIN_PMU = 1,
	MMU_ORIGIN_BREAKPOINT = 2,
	MMU_ORIGIN_FAULT = 3,
	MMU_ORIGIN_OPERAND_PREVIOUS = 4,
	MMU_ORIGIN_OPERAND_NEXT = 5,
};

/* Page-table level a walk ended at, counted from the base page up. */
enum mmu_level {
	MMU_LEVEL_NONE = 0,
	MMU_LEVEL_PTE = 1,
	MMU_LEVEL_PMD = 2,
	MMU_LEVEL_PUD = 3,
	MMU_LEVEL_P4D = 4,
	MMU_LEVEL_PGD = 5,
};

/* Why there is no page size. Names: page_size__none_name(). */
enum mmu_none {
	MMU_NONE_NO_ADDRESS = 1,    /* the sample carries no address */
	MMU_NONE_NOT_MAPPED = 2,    /* a hole; the level says where the walk ended */
	MMU_NONE_SWAPPED = 3,       /* non-present entry: swap, migration, poison, marker */
	MMU_NONE_NO_MM = 4,         /* user address, but the task has no address space */
	MMU_NONE_READ_FAULT = 5,    /* a table could not be read, or lies outside physical memory */
	MMU_NONE_NOT_CANONICAL = 6, /* the MMU could never translate this address */
	MMU_NONE_NOT_REPORTED = 7,  /* the kernel was asked and gave no size */
	MMU_NONE_UNSUPPORTED = 8,   /* this kernel cannot say, or this source is off */

	/* No address, because the operand resolver found none. */
	MMU_NONE_NO_OPERAND = 9,        /* no memory access near the sampled instruction */
	MMU_NONE_OVERWRITTEN = 10,      /* there is one, but its registers changed and cannot be rebuilt */
	MMU_NONE_CODE_UNREADABLE = 11,  /* the code bytes could not be read */
	MMU_NONE_UNDECODABLE = 12,      /* they are no instructions, or their bounds are not known */
	MMU_NONE_UNSUPPORTED_FORM = 13, /* gather, scatter, masked, state save: more than one address, or none */
	MMU_NONE_GONE = 14,             /* the address was known too late to walk it: the process had ended */
	MMU_NONE_MAX,
};

/*
 * One source's answer for one address, in a byte: a page size as log2 of its bytes (1 … 63), or 128 + enum mmu_none.
 * Zero is neither, so a byte that nobody wrote is recognised.
 */
#define MMU_OUTCOME_NONE_BASE 128

static inline __u8 mmu_outcome_none(__u8 reason)
{
	return MMU_OUTCOME_NONE_BASE + reason;
}

static inline int mmu_outcome_is_size(__u8 outcome)
{
	return outcome > 0 && outcome < 64;
}

static inline int mmu_outcome_is_none(__u8 outcome)
{
	return outcome > MMU_OUTCOME_NONE_BASE && outcome < MMU_OUTCOME_NONE_BASE + MMU_NONE_MAX;
}

/* What the leaf entry says; names: page_size__flag_name(). */
enum mmu_flag {
	MMU_FLAG_WRITE = 1 << 0,
	MMU_FLAG_USER = 1 << 1,
	MMU_FLAG_EXEC = 1 << 2,
	MMU_FLAG_ACCESSED = 1 << 3,
	MMU_FLAG_DIRTY = 1 << 4,
	MMU_FLAG_GLOBAL = 1 << 5,
	MMU_FLAG_SPECIAL = 1 << 6, /* no struct page behind it: PFN map or zero page */
	MMU_FLAG_PROT_NONE = 1 << 7,
	MMU_FLAG_SOFT_DIRTY = 1 << 8,
	MMU_FLAG_UFFD_WP = 1 << 9,
	MMU_FLAG_CONTIGUOUS = 1 << 10, /* arm64 contiguous bit, riscv NAPOT */
};
#define MMU_FLAG_COUNT 11

/*
 * A record is a head and then, in this order, the sections that the run asked for. All records of one run have the same
 * sections and so the same size.
 */
enum mmu_section {
	MMU_SECTION_TASK = 1 << 0,
	MMU_SECTION_PLACE = 1 << 1,
	MMU_SECTION_DETAIL = 1 << 2,
	MMU_SECTION_CODE = 1 << 3, /* MMU_KIND_LATE only */
};
#define MMU_SECTION_ALL 7 /* that a run can ask for */

struct mmu_head {
	__u8 kind;     /* enum mmu_kind */
	__u8 sections; /* enum mmu_section */
	__u8 event;    /* index of the event in this run */
	__u8 mode;     /* enum mmu_mode */
	__u8 origin;   /* enum mmu_origin */
	__u8 distance; /* operand origins: instructions between access and sample */
	__u8 data_level;
	__u8 code_level;
	__u8 data_walk; /* outcomes */
	__u8 data_kernel;
	__u8 code_walk;
	__u8 code_kernel;
	__u16 cpu;
	__u16 reserved;
};

struct mmu_task {
	__u32 pid; /* tgid */
	__u32 tid;
	__u64 start_ns; /* of the process, CLOCK_BOOTTIME; 0: unknown */
	char comm[MMU_COMM_LEN];
};

struct mmu_place {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 ip;
	__u64 addr; /* 0 when origin is none */
};

struct mmu_detail {
	__u64 cgroup; /* cgroup v2 id */
	__u64 period; /* events this sample stands for; 0: not known */
	__u64 weight; /* PERF_SAMPLE_WEIGHT, where the PMU gives it */
	__u64 data_src;
};

/* The code bytes around a sampled address that name it: so many before it, so many from it on. */
#define MMU_CODE_BEFORE 48
#define MMU_CODE_AFTER 24
#define MMU_CODE_BYTES (MMU_CODE_BEFORE + MMU_CODE_AFTER)

/*
 * Where those before it cannot be read (the first code of a mapping, a neighbour that is not resident), only those count
 * that lie in the sampled address's own block of this size, and the others read as zeros. Pages are whole blocks everywhere.
 */
#define MMU_CODE_BLOCK 4096

struct mmu_code {
	__u64 identity; /* of the process, beside its pid: differs from one that had the pid before, and from one exec to the next */
	__u64 regs[MMU_REGS_SAVED];
	__u8 bytes[MMU_CODE_BYTES];
};

#define MMU_RECORD_MAX                                                                                                 \
	(sizeof(struct mmu_code) + sizeof(struct mmu_head) + sizeof(struct mmu_task) + sizeof(struct mmu_place) +      \
	 sizeof(struct mmu_detail))

_Static_assert(sizeof(struct mmu_head) == 16, "wire format");
_Static_assert(sizeof(struct mmu_task) == 32, "wire format");
_Static_assert(sizeof(struct mmu_place) == 24, "wire format");
_Static_assert(sizeof(struct mmu_detail) == 32, "wire format");
_Static_assert(sizeof(struct mmu_code) == 8 + 8 * MMU_REGS_SAVED + 72, "wire format");
_Static_assert(MMU_CODE_BYTES % 8 == 0, "compared by words");
_Static_assert(__builtin_offsetof(struct mmu_head, data_walk) == 8, "wire format");
_Static_assert(__builtin_offsetof(struct mmu_head, cpu) == 12, "wire format");
_Static_assert(__builtin_offsetof(struct mmu_task, comm) == 16, "wire format");

/*
 * Accounts of one event on one CPU (map mmu_counters). seen = emitted + filtered + ring_full + ring_busy, exactly: each
 * run of mmuscope_sample adds one to `seen` and one to exactly one of the others.
 */
struct mmu_counts {
	__u64 seen;
	__u64 emitted;
	__u64 filtered;  /* left out on purpose: the mode that the user excluded */
	__u64 ring_full; /* reserve failed for lack of room */
	__u64 ring_busy; /* reserve failed although there was room */
};

/* How the loader learned where physical memory is mapped. */
enum mmu_layout_source {
	MMU_LAYOUT_NONE = 0,
	MMU_LAYOUT_SYMBOLS = 1, /* page_offset_base from kallsyms */
	MMU_LAYOUT_ANCHOR = 2,  /* calibrated against a perf ring of our own */
};

/*
 * Where page tables are and how to read them (map mmu_layout, one element). Written by the loader once the self-check
 * has passed; `levels` is 0 until then, and the walk is off.
 */
struct mmu_layout {
	__u64 direct_map; /* kernel address of physical address 0 */
	__u64 pfn_mask;   /* bits of an entry that hold an address; the encryption bit is not among them */
	__u64 phys_limit; /* first physical address that cannot hold a table */
	__u64 kernel_pgd; /* top table for kernel addresses of tasks without an mm */
	__u32 levels;     /* 2 … 5; 0: walk off */
	__u32 page_shift; /* of the base page */
	__u32 source;     /* enum mmu_layout_source */
	/* Of arm64 alone: */
	__u8 va_bits;       /* of an address that translates */
	__u8 top_bits;      /* log2 of the entries of the top table */
	__u8 prot_none_bit; /* tells entries that are mapped but not valid; 0: not learned */
	__u8 reserved;
};

/* What a walk found. */
struct mmu_walk {
	__u64 pfn;    /* frame of the base page that holds the address; 0 without a leaf */
	__u64 entry;  /* last entry read, as it stands in the table */
	__u16 flags;  /* enum mmu_flag of the leaf; inherited bits of upper levels are not folded in */
	__u8 outcome; /* size or reason */
	__u8 level;   /* where it ended */
	__u32 reserved;
};

/*
 * One place behind the events' own in mmu_counters: `seen` counts the samples whose event could not be told. None of the
 * other counters is used.
 */
#define MMU_UNATTRIBUTED MMU_MAX_EVENTS

/*
 * What the loader asks of mmuscope_check, and what it answers (global `mmu_check`). The program runs on a perf event of
 * the loader's own, in the loader's context, so the loader knows the truth about every address it asks for.
 */
enum mmu_check_command {
	MMU_CHECK_FACTS = 1, /* report what this task and its ring look like from inside the kernel */
	MMU_CHECK_BASES = 2, /* find the direct map among candidates */
	MMU_CHECK_WALKS = 3, /* walk addresses by mmu_layout */
};

#define MMU_CHECK_MAX_WALKS 16
#define MMU_CHECK_BASES_A_RUN 32

struct mmu_check_walk {
	__u64 addr; /* asked */
	struct mmu_walk walk;
};

struct mmu_check {
	__u32 command;
	__u32 reserved;
	__u64 runs; /* of the program so far: the sign that an answer is there */

	/* MMU_CHECK_FACTS */
	__u64 ring_page;        /* kernel address of the control page of the event's ring */
	__u64 pgd;              /* kernel address of the task's top table */
	__u64 task_size;        /* mm->task_size: tells 4 from 5 levels */
	__u64 page_offset_base; /* symbol's value, or 0 */
	__u64 physical_mask;    /* symbol's value, or 0 */
	__u64 init_pgd;         /* init_mm.pgd, or 0 */

	/* What the kernel said of the sample at hand; a field counts only if its bit is in sample_flags. */
	__u64 sample_flags;
	__u64 addr;
	__u64 phys_addr;
	__u64 data_page_size;
	__u64 code_page_size;

	/* MMU_CHECK_BASES: candidates first, first + 1 GiB, …; `found` is 0 when none fits */
	struct mmu_layout trial;
	__u64 ring_address; /* where the loader has the control page mapped */
	__u64 first_base;
	__u64 n_bases; /* at most MMU_CHECK_BASES_A_RUN */
	__u64 found;

	/* MMU_CHECK_WALKS */
	__u32 without_mm; /* bit n: walks[n] is walked as for a task without an address space */
	__u32 reserved_too;
	struct mmu_check_walk walks[MMU_CHECK_MAX_WALKS];
};

/* A piece of an address range that is mapped in one way (map mmu_walks), and what mmuscope_walk is asked for. */
#define MMU_WALK_PIECES 256

struct mmu_walk_piece {
	__u64 start; /* page-aligned but for the first piece of a range */
	struct mmu_walk walk;
};

struct mmu_walk_request {
	__u32 tid;
	__u32 found;                      /* set when the task was met */
	__u64 next;                       /* in: where to start; out: where to go on */
	__u64 last;                       /* last address wanted, inclusive */
	__u32 n;                          /* pieces written */
	__u32 done;                       /* the range is complete */
	__u64 entries[MMU_LEVEL_PGD + 1]; /* of the first address, by level */
	__u32 entries_seen;               /* bit n: entries[n] was read */
	__u32 narrowed;                   /* in: the kernel shows this task alone */
};

_Static_assert(sizeof(struct mmu_check_walk) == 32, "wire format");
_Static_assert(sizeof(struct mmu_walk_piece) == 32, "wire format");
_Static_assert(sizeof(struct mmu_counts) == 40, "wire format");
_Static_assert(sizeof(struct mmu_layout) == 48, "wire format");
_Static_assert(sizeof(struct mmu_walk) == 24, "wire format");

#endif
