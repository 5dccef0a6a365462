// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The BPF side of mmuscope: one program per sample (mmuscope_sample), one that lets the loader calibrate and check itself
 * (mmuscope_check), one that walks the pages of any process on demand (mmuscope_walk).
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "record.h"
#include "kernel_compat.h"
#include "page_walk.h"
#include "arch/x86_regs.h"
#include "operand.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Configuration: constants to the verifier, so what a run does not ask for is not in its program. */
const volatile __u32 cfg_sections = MMU_SECTION_ALL;
const volatile __u32 cfg_record_size = MMU_RECORD_MAX;
const volatile __u32 cfg_late_sections = 0;
const volatile __u32 cfg_late_size = 0;
const volatile __u32 cfg_n_events = 1;
const volatile __u8 cfg_walk = 1;
const volatile __u8 cfg_kernel = 1;
const volatile __u64 cfg_wake_bytes = 1 << 17; /* fill at which a ring wakes the loader out of turn */
const volatile __u8 cfg_origin[MMU_MAX_EVENTS] = {};
const volatile __u8 cfg_exclude[MMU_MAX_EVENTS] = {}; /* bit n: samples of enum mmu_mode n are filtered */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 65536);
		});
} mmu_samples SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, MMU_MAX_EVENTS + 1);
	__type(key, __u32);
	__type(value, struct mmu_counts);
} mmu_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mmu_layout);
} mmu_layout SEC(".maps");

/* Perf event id to index, for runs of several events. Preallocated: it is read in NMI. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u64);
	__type(value, __u32);
} mmu_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MMU_WALK_PIECES);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct mmu_walk_piece);
} mmu_walks SEC(".maps");

#define MMU_WALK_TRIES 6

struct mmu_check mmu_check = {};
struct mmu_walk_request mmu_request = {};

static int mmu_read_kernel(void *ctx, __u64 address, __u64 *value)
{
	(void)ctx;
	return bpf_probe_read_kernel(value, sizeof(*value), (const void *)address);
}

static __always_inline const struct mmu_layout *mmu_get_layout(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&mmu_layout, &zero);
}

/* Kernel address of a task's top table; 0 for a task without an address space of its own. */
static __always_inline __u64 mmu_task_pgd(struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	return mm ? (__u64)BPF_CORE_READ(mm, pgd) : 0;
}

/* A size in bytes from the kernel to an outcome. The kernel says 0 where it found no page. */
static __always_inline __u8 mmu_outcome_kernel(__u64 bytes)
{
	__u32 shift = 0;

	if (bytes == 0 || bytes & (bytes - 1))
		return mmu_outcome_none(MMU_NONE_NOT_REPORTED);
	if (bytes == 1ULL << 12)
		return 12;
	if (bytes == 1ULL << 21)
		return 21;
#pragma unroll
	for (__u32 bit = 32; bit; bit >>= 1) {
		if (bytes >> bit) {
			bytes >>= bit;
			shift += bit;
		}
	}
	return shift;
}

/* One sample on its way through the program. */
struct mmu_sampled {
	struct mmu_kernel_context kernel;
	struct mmu_counts *counts;
	__u64 valid; /* mmu_sample_valid() */
	__u64 ip;
	__u64 addr;
	__u32 event;
	__u32 cpu;
	__u64 pid_tgid;
	__u64 pgd;            /* of the task, when there are walks */
	__u8 mode;            /* enum mmu_mode */
	__u8 origin;          /* enum mmu_origin of addr */
	struct mmu_walk code; /* of ip; outcome 0: not walked */
	struct mmu_resolved operand;
};

static __always_inline __u8 mmu_mode(struct mmu_context *ctx, const struct mmu_sampled *sample)
{
	if (mmu_context_is_user(ctx))
		return MMU_MODE_USER;
	return sample->pid_tgid ? MMU_MODE_KERNEL : MMU_MODE_IDLE;
}

/* Reads the addresses that the kernel attached to the sample. */
static __always_inline void mmu_sample_addresses(struct mmu_context *ctx, struct mmu_sampled *sample)
{
	struct perf_sample_data *data = sample->kernel.data;

	sample->valid = mmu_sample_valid(data);
	sample->addr = sample->valid & MMU_SAMPLE_ADDR ? ctx->addr : 0;
	sample->ip = sample->valid & MMU_SAMPLE_IP ? MMU_FIELD(data, ip) : mmu_context_ip(ctx);
	if (sample->addr)
		sample->origin = cfg_origin[sample->event & (MMU_MAX_EVENTS - 1)];
}

/*
 * A function of its own: between samples the caches forget us, and the walk of the data address then runs on instructions
 * that the walk of the code address brought back.
 */
static __noinline void mmu_walk_now(const struct mmu_layout *layout, __u64 pgd, __u64 addr, struct mmu_walk *walk)
{
	mmu_walk_address(layout, mmu_read_kernel, NULL, pgd, addr, walk, NULL);
}

static __always_inline void mmu_sample_code(struct mmu_sampled *sample)
{
	const struct mmu_layout *layout = mmu_get_layout();

	if (!cfg_walk || !layout)
		return;
	sample->pgd = mmu_task_pgd(mmu_current_task());
	mmu_walk_now(layout, sample->pgd, sample->ip, &sample->code);
}

/* Without an address of the kernel's: the operand's, for events and modes that have registers to tell it from. */
static __always_inline void mmu_sample_operand(struct mmu_context *ctx, struct mmu_sampled *sample)
{
	struct task_struct *task = mmu_current_task();
	__u8 use = cfg_operand[sample->event & (MMU_MAX_EVENTS - 1)];

	sample->operand.none = MMU_NONE_NO_ADDRESS;
	if (!use || sample->addr || sample->mode != MMU_MODE_USER)
		return;
	mmu_resolve_operand(ctx, task, sample->pid_tgid >> 32, use, mmu_get_layout(), &sample->code, &sample->operand);
	if (sample->operand.none)
		return;
	sample->addr = sample->operand.addr;
	sample->origin = sample->operand.origin;
}

static __always_inline void mmu_answer_walk(const struct mmu_sampled *sample, struct mmu_head *head)
{
	const struct mmu_layout *layout = mmu_get_layout();
	struct mmu_walk walk;

	if (!cfg_walk || !layout)
		return;
	head->code_walk = sample->code.outcome;
	head->code_level = sample->code.level;
	if (!sample->addr)
		return;
	mmu_walk_now(layout, sample->pgd, sample->addr, &walk);
	head->data_walk = walk.outcome;
	head->data_level = walk.level;
}

static __always_inline void mmu_answer_kernel(const struct mmu_sampled *sample, struct mmu_head *head)
{
	struct perf_sample_data *data = sample->kernel.data;

	if (!cfg_kernel)
		return;
	if (sample->valid & MMU_SAMPLE_CODE_PAGE_SIZE)
		head->code_kernel = mmu_outcome_kernel(mmu_sample_code_page(data));
	/* The kernel sizes addresses of its own alone. */
	if (sample->addr && !sample->operand.origin && sample->valid & MMU_SAMPLE_DATA_PAGE_SIZE)
		head->data_kernel = mmu_outcome_kernel(mmu_sample_data_page(data));
}

static __always_inline void mmu_fill_head(const struct mmu_sampled *sample, __u32 sections, struct mmu_head *head)
{
	__u8 unsupported = mmu_outcome_none(MMU_NONE_UNSUPPORTED);
	__u8 no_address = mmu_outcome_none(MMU_NONE_NO_ADDRESS);
	__u8 has_address = sample->addr != 0;

	*head = (struct mmu_head){
		.kind = sections & MMU_SECTION_CODE ? MMU_KIND_LATE : MMU_KIND_SAMPLE,
		.sections = sections,
		.event = sample->event,
		.mode = sample->mode,
		.origin = sample->origin,
		.distance = sample->operand.distance,
		.data_walk = has_address ? unsupported : mmu_outcome_none(sample->operand.none),
		.data_kernel = has_address && !sample->operand.origin ? unsupported : no_address,
		.code_walk = unsupported,
		.code_kernel = unsupported,
		.cpu = sample->cpu,
	};
	mmu_answer_walk(sample, head);
	mmu_answer_kernel(sample, head);
}

static __always_inline void mmu_fill_task(const struct mmu_sampled *sample, struct mmu_task *task)
{
	struct task_struct *current_task = (struct task_struct *)bpf_get_current_task();

	task->pid = sample->pid_tgid >> 32;
	task->tid = (__u32)sample->pid_tgid;
	task->start_ns = BPF_CORE_READ(current_task, group_leader, start_boottime);
	if (bpf_get_current_comm(task->comm, sizeof(task->comm)))
		__builtin_memset(task->comm, 0, sizeof(task->comm));
}

static __always_inline void mmu_fill_place(const struct mmu_sampled *sample, struct mmu_place *place)
{
	place->time_ns = bpf_ktime_get_ns();
	place->ip = sample->ip;
	place->addr = sample->addr;
}

static __always_inline void mmu_fill_detail(struct mmu_context *ctx, const struct mmu_sampled *sample,
					    struct mmu_detail *detail)
{
	struct perf_sample_data *data = sample->kernel.data;

	detail->cgroup = bpf_get_current_cgroup_id();
	detail->period = ctx->sample_period;
	detail->weight = 0;
	detail->data_src = 0;
	if (sample->valid & (MMU_SAMPLE_WEIGHT | MMU_SAMPLE_WEIGHT_STRUCT))
		detail->weight = mmu_sample_weight(data);
	if (sample->valid & MMU_SAMPLE_DATA_SRC)
		detail->data_src = MMU_FIELD(data, data_src.val);
}

/* The registers and code bytes by which the loader resolves an operand that is new to it. */
static __always_inline void mmu_fill_code(const struct mmu_resolved *operand, struct mmu_code *code)
{
	code->identity = operand->identity;
	__builtin_memcpy(code->regs, operand->scratch->regs, sizeof(code->regs));
	__builtin_memcpy(code->bytes, operand->scratch->code, sizeof(code->bytes));
}

/*
 * Wakes the loader once when a ring fills past the mark, and for code that is new to it: the process must still be there
 * when it looks. For the rest it drains by the clock.
 */
static __always_inline __u64 mmu_submit_flags(void *ring, __u32 sections, __u32 size)
{
	__u64 filled = bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA);

	size += BPF_RINGBUF_HDR_SZ;
	if (sections & MMU_SECTION_CODE)
		return BPF_RB_FORCE_WAKEUP;
	return filled >= cfg_wake_bytes && filled - size < cfg_wake_bytes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

/* Writes the sections, in their order, behind the head. `sections` is a constant to the verifier. */
static __always_inline void mmu_fill_record(struct mmu_context *ctx, const struct mmu_sampled *sample, __u32 sections,
					    void *record)
{
	__u32 at = sizeof(struct mmu_head);

	mmu_fill_head(sample, sections, record);
	if (sections & MMU_SECTION_TASK) {
		mmu_fill_task(sample, record + at);
		at += sizeof(struct mmu_task);
	}
	if (sections & MMU_SECTION_PLACE) {
		mmu_fill_place(sample, record + at);
		at += sizeof(struct mmu_place);
	}
	if (sections & MMU_SECTION_DETAIL) {
		mmu_fill_detail(ctx, sample, record + at);
		at += sizeof(struct mmu_detail);
	}
	if (sections & MMU_SECTION_CODE && sample->operand.scratch)
		mmu_fill_code(&sample->operand, record + at);
}

/* A reserve that failed: for lack of room, or because the ring's lock was held? */
static __always_inline void mmu_count_loss(void *ring, __u32 size, struct mmu_counts *counts)
{
	__u64 need = size + BPF_RINGBUF_HDR_SZ;
	__u64 room = bpf_ringbuf_query(ring, BPF_RB_RING_SIZE);

	if (bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) + need > room)
		counts->ring_full++;
	else
		counts->ring_busy++;
}

static __always_inline void mmu_emit(struct mmu_context *ctx, const struct mmu_sampled *sample, void *ring,
				     __u32 sections, __u32 size)
{
	void *record = bpf_ringbuf_reserve(ring, size, 0);

	if (!record) {
		mmu_count_loss(ring, size, sample->counts);
		return;
	}
	mmu_fill_record(ctx, sample, sections, record);
	sample->counts->emitted++;
	bpf_ringbuf_submit(record, mmu_submit_flags(ring, sections, size));
}

/* Which event of the run is this? MMU_UNATTRIBUTED when the kernel's context, or the event's id, tells nothing. */
static __always_inline __u32 mmu_find_event(struct mmu_context *ctx, struct mmu_kernel_context *kernel)
{
	__u32 *index;
	__u64 id;

	if (mmu_kernel_context(ctx, kernel))
		return MMU_UNATTRIBUTED;
	if (cfg_n_events == 1)
		return 0;
	id = mmu_event_id(kernel->event);
	index = bpf_map_lookup_elem(&mmu_events, &id);
	return index ? *index : MMU_UNATTRIBUTED;
}

SEC("perf_event")
int mmuscope_sample(struct mmu_context *ctx)
{
	struct mmu_sampled sample = {};
	void *ring;

	sample.event = mmu_find_event(ctx, &sample.kernel);
	sample.counts = bpf_map_lookup_elem(&mmu_counters, &sample.event);
	if (!sample.counts)
		return 0; /* not reached: the index is in range */
	sample.counts->seen++;
	if (sample.event == MMU_UNATTRIBUTED)
		return 0;
	sample.cpu = bpf_get_smp_processor_id();
	sample.pid_tgid = bpf_get_current_pid_tgid();

	sample.mode = mmu_mode(ctx, &sample);
	if (cfg_exclude[sample.event & (MMU_MAX_EVENTS - 1)] & (1 << sample.mode)) {
		sample.counts->filtered++;
		return 0;
	}
	ring = bpf_map_lookup_elem(&mmu_samples, &sample.cpu);
	if (!ring) {
		/* A CPU that came up after the rings were made: there is no room for it anywhere. */
		sample.counts->ring_full++;
		return 0;
	}
	mmu_sample_addresses(ctx, &sample);
	mmu_sample_code(&sample);
	mmu_sample_operand(ctx, &sample);
	if (cfg_late_size && sample.operand.late)
		mmu_emit(ctx, &sample, ring, cfg_late_sections, cfg_late_size);
	else
		mmu_emit(ctx, &sample, ring, cfg_sections, cfg_record_size);
	return 0;
}

/* A data symbol's value, 0 where kallsyms does not list it. */
static __always_inline __u64 mmu_symbol(const void *symbol)
{
	__u64 value = 0;

	if (symbol)
		bpf_probe_read_kernel(&value, sizeof(value), symbol);
	return value;
}

static __always_inline void mmu_check_facts(struct perf_event *event)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();

	mmu_check.ring_page = (__u64)BPF_CORE_READ(event, rb, user_page);
	mmu_check.pgd = mmu_task_pgd(task);
	mmu_check.task_size = BPF_CORE_READ(task, mm, task_size);
	mmu_check.page_offset_base = mmu_symbol(&page_offset_base);
	mmu_check.physical_mask = mmu_symbol(&physical_mask);
	mmu_check.init_pgd = 0;
	if (&init_mm)
		mmu_check.init_pgd = (__u64)BPF_CORE_READ((struct mm_struct *)&init_mm, pgd);
}

static __always_inline void mmu_check_sample(struct mmu_context *ctx, struct mmu_kernel_context *kernel)
{
	struct perf_sample_data *data = kernel->data;
	__u64 valid = mmu_sample_valid(data);

	mmu_check.sample_flags = valid;
	mmu_check.addr = valid & MMU_SAMPLE_ADDR ? ctx->addr : 0;
	mmu_check.phys_addr = valid & MMU_SAMPLE_PHYS_ADDR ? MMU_FIELD(data, phys_addr) : 0;
	mmu_check.data_page_size = valid & MMU_SAMPLE_DATA_PAGE_SIZE ? mmu_sample_data_page(data) : 0;
	mmu_check.code_page_size = valid & MMU_SAMPLE_CODE_PAGE_SIZE ? mmu_sample_code_page(data) : 0;
}

/*
 * Is `base` the direct map? Then the walk of our ring's control page ends at a 4K leaf whose frame, seen through the
 * direct map, is the very page that the kernel writes to. A global function: verified once, not once a candidate.
 */
__noinline int mmu_try_base(__u64 base)
{
	struct mmu_layout layout = mmu_check.trial;
	struct mmu_walk walk;

	layout.direct_map = base;
	mmu_walk_table(&layout, mmu_read_kernel, NULL, mmu_check.pgd, mmu_check.ring_address, &walk, NULL);
	return walk.outcome == layout.page_shift && base + (walk.pfn << layout.page_shift) == mmu_check.ring_page;
}

/* One address, by the layout in force. A global function, like mmu_try_base(). */
__noinline int mmu_check_one(__u32 slot)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	const struct mmu_layout *layout = mmu_get_layout();
	struct mmu_walk walk;
	__u64 addr, pgd;

	if (!layout || slot >= MMU_CHECK_MAX_WALKS)
		return 0;
	addr = mmu_check.walks[slot].addr;
	pgd = mmu_check.without_mm >> slot & 1 ? 0 : mmu_task_pgd(task);
	mmu_walk_address(layout, mmu_read_kernel, NULL, pgd, addr, &walk, NULL);
	mmu_check.walks[slot].walk = walk;
	return 0;
}

SEC("perf_event")
int mmuscope_check(struct mmu_context *ctx)
{
	struct mmu_kernel_context kernel;
	__u32 i;

	if (mmu_kernel_context(ctx, &kernel))
		return 0;
	mmu_check_sample(ctx, &kernel);
	switch (mmu_check.command) {
	case MMU_CHECK_FACTS:
		mmu_check_facts(kernel.event);
		break;
	case MMU_CHECK_BASES:
		for (i = 0; i < MMU_CHECK_BASES_A_RUN && i < mmu_check.n_bases && !mmu_check.found; i++) {
			__u64 base = mmu_check.first_base + ((__u64)i << 30);

			if (mmu_try_base(base))
				mmu_check.found = base;
		}
		break;
	case MMU_CHECK_WALKS:
		for (i = 0; i < MMU_CHECK_MAX_WALKS; i++)
			mmu_check_one(i);
		break;
	}
	mmu_check.runs++;
	return 0;
}

/* Do two walks say the same? Accessed and dirty bits may come and go between them. */
static __always_inline int mmu_walk_equal(const struct mmu_walk *a, const struct mmu_walk *b)
{
	return a->outcome == b->outcome && a->level == b->level && a->pfn == b->pfn;
}

/*
 * Walks mmu_request.next and stores the piece. Nothing holds the tables of another process while we read: so the walk is
 * made until two in a row say the same, and is a read fault if MMU_WALK_TRIES do not. Returns 1 to go on, 0 at the end.
 */
__noinline int mmu_walk_next(__u64 pgd, __u32 slot)
{
	const struct mmu_layout *layout = mmu_get_layout();
	struct mmu_trace trace = {};
	struct mmu_walk_piece *piece;
	struct mmu_walk walk, again;
	__u64 addr = mmu_request.next;
	__u64 span, i;

	piece = bpf_map_lookup_elem(&mmu_walks, &slot);
	if (!layout || !piece)
		return 0;
	mmu_walk_address(layout, mmu_read_kernel, NULL, pgd, addr, &again, NULL);
	for (i = 0; i < MMU_WALK_TRIES; i++) {
		mmu_walk_address(layout, mmu_read_kernel, NULL, pgd, addr, &walk, &trace);
		if (mmu_walk_equal(&walk, &again))
			break;
		again = walk;
	}
	if (i == MMU_WALK_TRIES)
		mmu_walk_none(&walk, walk.level, MMU_NONE_READ_FAULT);
	piece->start = addr;
	piece->walk = walk;
	mmu_request.n = slot + 1;
	if (slot == 0) {
		for (i = 0; i <= MMU_LEVEL_PGD; i++)
			mmu_request.entries[i] = trace.entry[i];
		mmu_request.entries_seen = trace.seen;
	}
	span = mmu_walk_span(layout, &walk);
	addr = (addr | (span - 1)) + 1; /* 0 for a span of 0, and past the last byte of all */
	if (addr == 0 || addr > mmu_request.last) {
		mmu_request.done = 1;
		return 0;
	}
	mmu_request.next = addr;
	return 1;
}

/*
 * Has the kernel shown us the one task that the loader named? Before 6.1 (f0d74c4da1f0) it takes the wish and passes over it;
 * then, or when nothing was wished, the task is known by its number in the first PID namespace.
 */
static __always_inline int mmu_is_requested(struct task_struct *task)
{
	if (mmu_request.narrowed && bpf_core_type_exists(enum bpf_iter_task_type))
		return 1;
	return (__u32)task->pid == mmu_request.tid;
}

SEC("iter/task")
int mmuscope_walk(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	__u64 pgd;
	__u32 i;

	if (!task || !mmu_is_requested(task))
		return 0;
	mmu_request.found = 1;
	for (i = 0; i < MMU_WALK_PIECES; i++) {
		pgd = mmu_task_pgd(task); /* anew for each: an exec puts another in its place */
		if (!mmu_walk_next(pgd, i))
			break;
	}
	return 0;
}
