/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The register file of an evaluation on x86-64: general registers by their hardware number (rax rcx rdx rbx rsp rbp rsi rdi
 * r8 … r15), the sampled IP, a zero, segment bases, and temporaries.
 */
#ifndef MMUSCOPE_ARCH_X86_NUMBERS_H
#define MMUSCOPE_ARCH_X86_NUMBERS_H

#define MMU_REG_SP 4
#define MMU_REG_IP 16
#define MMU_REG_ZERO 17
#define MMU_REG_FS 18
#define MMU_REG_GS 19
#define MMU_REG_TEMP 20
#define MMU_REG_COUNT 32 /* a power of two */

#define MMU_REGS_SAVED 20 /* those that a record carries: the first ones */

/* What the MMU makes of an address before it looks at any table. */
#define MMU_ARCH_UNTAGGED(address) (address)

#endif
