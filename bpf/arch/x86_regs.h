/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a perf_event program is given on x86-64: the user-visible pt_regs of arch/x86/include/uapi/asm/ptrace.h, then
 * sample_period and addr (include/uapi/linux/bpf_perf_event.h). Spelled out because vmlinux.h shows the kernel's own
 * pt_regs, in which FRED made `cs` a 16-bit member of a union (commit ee63291aa8287): the verifier wants whole words.
 */
#ifndef MMUSCOPE_ARCH_X86_REGS_H
#define MMUSCOPE_ARCH_X86_REGS_H

#include "recipe.h"

struct mmu_context {
	__u64 r15, r14, r13, r12, bp, bx;
	__u64 r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
	__u64 sample_period;
	__u64 addr;
};

_Static_assert(__builtin_offsetof(struct mmu_context, sample_period) == 168, "uapi pt_regs");

static __always_inline int mmu_context_is_user(struct mmu_context *ctx)
{
	return (ctx->cs & 3) != 0; /* privilege level, as user_mode() reads it */
}

static __always_inline __u64 mmu_context_ip(struct mmu_context *ctx)
{
	return ctx->ip;
}

/* Bases of FS and GS, from the task: few recipes take them. */
static __always_inline void mmu_context_segments(struct task_struct *task, __u64 *regs)
{
	regs[MMU_REG_FS] = BPF_CORE_READ(task, thread.fsbase);
	regs[MMU_REG_GS] = BPF_CORE_READ(task, thread.gsbase);
}

/* General registers by hardware number, as recipes name them (MMU_REG_…). */
static __always_inline void mmu_context_registers(struct mmu_context *ctx, __u64 *regs)
{
	regs[0] = ctx->ax;
	regs[1] = ctx->cx;
	regs[2] = ctx->dx;
	regs[3] = ctx->bx;
	regs[4] = ctx->sp;
	regs[5] = ctx->bp;
	regs[6] = ctx->si;
	regs[7] = ctx->di;
	regs[8] = ctx->r8;
	regs[9] = ctx->r9;
	regs[10] = ctx->r10;
	regs[11] = ctx->r11;
	regs[12] = ctx->r12;
	regs[13] = ctx->r13;
	regs[14] = ctx->r14;
	regs[15] = ctx->r15;
	regs[MMU_REG_IP] = ctx->ip;
	regs[MMU_REG_ZERO] = 0;
}

#endif
