/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every difference between kernel versions that the BPF programs meet, each with its commit.
 *
 * A field that a kernel lacks, or did not fill, is absent from mmu_kernel_sample.valid. It is never a silent zero.
 */
#ifndef MMUSCOPE_KERNEL_COMPAT_H
#define MMUSCOPE_KERNEL_COMPAT_H

#include <bpf/bpf_core_read.h>

/* include/uapi/linux/perf_event.h; spelled out because older vmlinux.h lack the later ones. */
#define MMU_SAMPLE_IP (1ULL << 0)
#define MMU_SAMPLE_ADDR (1ULL << 3)
#define MMU_SAMPLE_PERIOD (1ULL << 8)
#define MMU_SAMPLE_WEIGHT (1ULL << 14)
#define MMU_SAMPLE_DATA_SRC (1ULL << 15)
#define MMU_SAMPLE_PHYS_ADDR (1ULL << 19)
#define MMU_SAMPLE_DATA_PAGE_SIZE (1ULL << 22)
#define MMU_SAMPLE_CODE_PAGE_SIZE (1ULL << 23)
#define MMU_SAMPLE_WEIGHT_STRUCT (1ULL << 24)

/*
 * The object is compiled twice: as it stands, and with MMUSCOPE_NO_KFUNC for kernels without /sys/kernel/btf, where libbpf
 * refuses every object that names a kfunc, called or not.
 */
#ifndef MMUSCOPE_NO_KFUNC
/*
 * From 6.2 on (fd264ca02094 "bpf: Add a kfunc to type cast from bpf uapi ctx to kernel ctx"). The call must be guarded by
 * `cfg_cast`: a kernel without it refuses the program unless the branch is dead.
 */
extern void *bpf_cast_to_kern_ctx(void *obj) __ksym __weak;
#endif

/* Data symbols; 0 where kallsyms lists none (CONFIG_KALLSYMS_ALL off). */
extern const void page_offset_base __ksym __weak;
extern const void physical_mask __ksym __weak;
extern const void init_mm __ksym __weak;

/* Set by the loader: BTF of the running kernel has bpf_cast_to_kern_ctx. */
const volatile __u8 cfg_cast = 0;

/*
 * A field behind a pointer that came from mmu_kernel_context(): one load through BTF where the context could be cast, a
 * probe read where it could not.
 */
#ifndef MMUSCOPE_NO_KFUNC
#define MMU_FIELD(pointer, field) (cfg_cast ? (pointer)->field : BPF_CORE_READ(pointer, field))
#else
#define MMU_FIELD(pointer, field) BPF_CORE_READ(pointer, field)
#endif

struct mmu_kernel_context {
	struct perf_sample_data *data;
	struct perf_event *event;
};

/* The kernel's own view of a perf_event program's context: {regs, data, event} in 5.10 to 7.3. Returns 0 or < 0. */
static __always_inline int mmu_kernel_context(void *ctx, struct mmu_kernel_context *kernel)
{
	struct bpf_perf_event_data_kern copy = {};

#ifndef MMUSCOPE_NO_KFUNC
	if (cfg_cast) {
		struct bpf_perf_event_data_kern *cast = bpf_cast_to_kern_ctx(ctx);

		kernel->data = cast->data;
		kernel->event = cast->event;
		return 0;
	}
#endif
	if (bpf_probe_read_kernel(&copy, sizeof(copy), ctx))
		return -1;
	kernel->data = copy.data;
	kernel->event = copy.event;
	return 0;
}

/*
 * The task at hand, for MMU_FIELD(). bpf_get_current_task_btf() came with 5.11 (3ca1032ab7ab), so where the context can be
 * cast it is there.
 */
static __always_inline struct task_struct *mmu_current_task(void)
{
#ifndef MMUSCOPE_NO_KFUNC
	if (cfg_cast)
		return bpf_get_current_task_btf();
#endif
	return (struct task_struct *)bpf_get_current_task();
}

/*
 * Beside its pid, what tells a process from the one that had the pid before, and from itself before an exec. A thread group
 * starts and execs as one. self_exec_id has 64 bits from 5.7 on (d1e7fd6462ca).
 */
static __always_inline __u64 mmu_process_identity(struct task_struct *task)
{
	struct task_struct *leader = MMU_FIELD(task, group_leader);

	return MMU_FIELD(leader, start_boottime) + (MMU_FIELD(leader, self_exec_id) << 56);
}

/*
 * The event a user opened, also when the sample comes from the copy that a child inherited: a child's copy has an id of
 * its own, and no cookie (not copied in 6.1 to 7.3).
 */
static __always_inline __u64 mmu_event_id(struct perf_event *event)
{
	struct perf_event *parent = MMU_FIELD(event, parent);

	return parent ? MMU_FIELD(parent, id) : MMU_FIELD(event, id);
}

/*
 * The bits of the sample's fields that are true.
 *
 * Until 6.0 there is no sample_flags: perf_sample_data_init() stores addr always, and nothing else that we read is filled
 * before BPF runs. From 6.1 on (7b0846301531 "perf: Use sample_flags for addr") a field whose bit is clear is
 * uninitialised stack. Page sizes have theirs set before BPF runs from 6.3 on (0eed28220598 "perf/core: Call
 * perf_prepare_sample() before running BPF").
 */
static __always_inline __u64 mmu_sample_valid(struct perf_sample_data *data)
{
	if (!bpf_core_field_exists(data->sample_flags))
		return MMU_SAMPLE_ADDR;
	return MMU_FIELD(data, sample_flags);
}

/* Both page sizes came with 5.11 (8d97e71811aa). Only for a field whose bit is in mmu_sample_valid(). */
static __always_inline __u64 mmu_sample_data_page(struct perf_sample_data *data)
{
	if (!bpf_core_field_exists(data->data_page_size))
		return 0;
	return MMU_FIELD(data, data_page_size);
}

static __always_inline __u64 mmu_sample_code_page(struct perf_sample_data *data)
{
	if (!bpf_core_field_exists(data->code_page_size))
		return 0;
	return MMU_FIELD(data, code_page_size);
}

/* A u64 until 5.11, then a union (2a6c6b7d7ad3 "perf/core: Add PERF_SAMPLE_WEIGHT_STRUCT"): the same eight bytes. */
static __always_inline __u64 mmu_sample_weight(struct perf_sample_data *data)
{
	__u64 weight = 0;

	bpf_core_read(&weight, sizeof(weight), &data->weight);
	return weight;
}

#endif
