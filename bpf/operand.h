/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data address of a sample that has none: from the registers, by the recipe of the code around it.
 */
#ifndef MMUSCOPE_OPERAND_H
#define MMUSCOPE_OPERAND_H

#include "recipe.h"

/* Bits of cfg_operand: which accesses may serve. */
#define MMU_USE_PREVIOUS 1
#define MMU_USE_NEXT 2

const volatile __u8 cfg_operand[MMU_MAX_EVENTS] = {};
const volatile __u64 cfg_operand_key = 0;
const volatile __u32 cfg_operand_mask = 0; /* places of mmu_operands - 1 */

#define MMU_CODE_ROOM 64 /* a power of two beyond MMU_CODE_BEFORE */

/* Written by the loader through its mapping of the map: an update by system call would cost this CPU's samples. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct mmu_operand_slot);
} mmu_operands SEC(".maps");

/* Room that the stack has not. Programs on perf events do not nest on a CPU. */
struct mmu_scratch {
	__u64 regs[MMU_REG_COUNT];
	__u64 code[MMU_CODE_BYTES / 8];
	__u8 room
		[MMU_CODE_ROOM]; /* for the verifier, which knows bounds of a place and a length, but not of their sum */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct mmu_scratch);
} mmu_scratches SEC(".maps");

/* What became of a sample's operand. */
struct mmu_resolved {
	struct mmu_scratch *scratch;
	__u64 addr;     /* valid when none is 0 */
	__u64 identity; /* valid when late: see struct mmu_code */
	__u8 none;      /* enum mmu_none, or 0 */
	__u8 origin;    /* enum mmu_origin */
	__u8 distance;  /* see struct mmu_recipe */
	__u8 late;      /* the loader must resolve it */
};

/* The code around ip. Of what lies before it, only ip's own block counts where not all can be read (MMU_CODE_BLOCK). */
static __always_inline int mmu_read_code(__u64 ip, void *code)
{
	__u32 before = ip % MMU_CODE_BLOCK, skip = 0;

	if (!bpf_probe_read_user(code, MMU_CODE_BYTES, (const void *)(ip - MMU_CODE_BEFORE)))
		return 0;
	if (before < MMU_CODE_BEFORE)
		skip = MMU_CODE_BEFORE - before;
	__builtin_memset(code, 0, MMU_CODE_BYTES);
	/* The verifier knows a bound for a bit mask only; the compiler must not see that it changes nothing. */
	asm volatile("" : "+r"(skip));
	skip &= MMU_CODE_ROOM - 1;
	return bpf_probe_read_user(code + skip, MMU_CODE_BYTES - skip, (const void *)(ip - MMU_CODE_BEFORE + skip));
}

/*
 * The same through the direct map, by the walk of ip, where the whole window lies in its block. A read through the user's
 * mapping cost 400 ns on a machine where the kernel has page tables of its own (no TLB knows the page there), this one 100.
 * What is no memory (special) is left alone.
 */
static __always_inline int mmu_read_mapped_code(__u64 ip, const struct mmu_layout *layout, const struct mmu_walk *walk,
						void *code)
{
	__u32 at = ip % MMU_CODE_BLOCK;
	__u64 page = walk->pfn << layout->page_shift;

	if (!mmu_outcome_is_size(walk->outcome) || walk->flags & MMU_FLAG_SPECIAL || page >= layout->phys_limit)
		return -1;
	if (at < MMU_CODE_BEFORE || at > MMU_CODE_BLOCK - MMU_CODE_AFTER)
		return -1;
	page += ip & ((1ULL << layout->page_shift) - 1);
	return bpf_probe_read_kernel(code, MMU_CODE_BYTES, (const void *)(layout->direct_map + page - MMU_CODE_BEFORE));
}

static __always_inline int mmu_code_equal(const __u8 *a, const __u64 *b)
{
	const __u64 *x = (const __u64 *)a;
	__u64 differ = 0;

#pragma unroll
	for (__u32 i = 0; i < MMU_CODE_BYTES / 8; i++)
		differ |= x[i] ^ b[i];
	return !differ;
}

/* The place that holds this window for this scope, with its version; NULL when there is none. */
static __always_inline struct mmu_operand_slot *mmu_find_operand(const __u64 *code, __u32 hash,
								 const struct mmu_scope *scope, __u64 *version)
{
	__u32 first = mmu_operand_slot_of(hash, scope);

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i < MMU_OPERAND_PROBES; i++) {
		__u32 index = (first + i) & cfg_operand_mask;
		struct mmu_operand_slot *slot = bpf_map_lookup_elem(&mmu_operands, &index);

		if (!slot)
			return NULL;
		*version = *(volatile __u64 *)&slot->version;
		if (!*version)
			return NULL; /* never used: nothing is behind it */
		if (slot->tag == hash && slot->place == scope->place && slot->pid == scope->pid && !(*version & 1) &&
		    mmu_code_equal(slot->code, code))
			return slot;
	}
	return NULL;
}

static __always_inline void mmu_use_operand(struct task_struct *task, struct mmu_operand_slot *slot, __u8 use,
					    struct mmu_resolved *resolved)
{
	const struct mmu_recipe *recipe = NULL;

	if (use & MMU_USE_PREVIOUS && !slot->operand.previous.none) {
		recipe = &slot->operand.previous;
		resolved->origin = MMU_ORIGIN_OPERAND_PREVIOUS;
	} else if (use & MMU_USE_NEXT && !slot->operand.next.none) {
		recipe = &slot->operand.next;
		resolved->origin = MMU_ORIGIN_OPERAND_NEXT;
	}
	if (!recipe) {
		resolved->none = use & MMU_USE_NEXT ? slot->operand.next.none : slot->operand.previous.none;
		return;
	}
	if (recipe->segment != MMU_REG_ZERO)
		mmu_context_segments(task, resolved->scratch->regs);
	resolved->none = 0;
	resolved->distance = recipe->distance;
	resolved->addr = mmu_recipe_run(resolved->scratch->regs, recipe);
}

/* What serves all comes first: most code is of that kind. */
static __always_inline struct mmu_operand_slot *mmu_find_scoped(struct task_struct *task, __u32 pid, __u64 ip,
								struct mmu_resolved *resolved, __u64 *version)
{
	const __u64 *code = resolved->scratch->code;
	__u32 hash = mmu_code_hash((const __u8 *)code, cfg_operand_key);
	struct mmu_scope scope = mmu_scope_all();
	struct mmu_operand_slot *slot = mmu_find_operand(code, hash, &scope, version);

	if (slot)
		return slot;
	resolved->identity = mmu_process_identity(task);
	scope = mmu_scope_own(pid, resolved->identity, ip);
	return mmu_find_operand(code, hash, &scope, version);
}

/* Resolves the operand of a user-mode sample, whose ip was walked with result `walk`. `late` is set for a window that the loader has yet to decode. */
static __always_inline void mmu_resolve_operand(struct mmu_context *ctx, struct task_struct *task, __u32 pid, __u8 use,
						const struct mmu_layout *layout, const struct mmu_walk *walk,
						struct mmu_resolved *resolved)
{
	struct mmu_operand_slot *slot;
	__u64 ip = mmu_context_ip(ctx);
	__u64 version = 0;
	__u32 zero = 0;

	resolved->none = MMU_NONE_CODE_UNREADABLE;
	resolved->scratch = bpf_map_lookup_elem(&mmu_scratches, &zero);
	if (!resolved->scratch)
		return;
	if ((!layout || mmu_read_mapped_code(ip, layout, walk, resolved->scratch->code)) &&
	    mmu_read_code(ip, resolved->scratch->code))
		return;
	mmu_context_registers(ctx, resolved->scratch->regs);
	slot = mmu_find_scoped(task, pid, ip, resolved, &version);
	if (slot) {
		mmu_use_operand(task, slot, use, resolved);
		/* Rewritten meanwhile? Then the recipe was half of one and half of another. */
		if (*(volatile __u64 *)&slot->version == version)
			return;
		mmu_context_registers(ctx, resolved->scratch->regs);
		resolved->identity = mmu_process_identity(task);
	}
	mmu_context_segments(task, resolved->scratch->regs);
	resolved->none = MMU_NONE_NO_OPERAND;
	resolved->late = 1;
}

#endif
