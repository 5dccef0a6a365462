/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The register file of an evaluation on arm64: x0 … x30 by their number, SP as the 31 that it is in a base field, the
 * sampled PC, a zero, and temporaries. There are no segments.
 */
#ifndef MMUSCOPE_ARCH_ARM64_NUMBERS_H
#define MMUSCOPE_ARCH_ARM64_NUMBERS_H

#define MMU_REG_SP 31
#define MMU_REG_IP 32
#define MMU_REG_ZERO 33
#define MMU_REG_TEMP 34
#define MMU_REG_COUNT 64 /* a power of two */

#define MMU_REGS_SAVED 34 /* those that a record carries: the first ones */

/*
 * Linux lets programs use the top byte of a pointer for themselves (TCR_EL1.TBI0; Documentation/arch/arm64/tagged-pointers.rst):
 * the MMU does not look at it. Addresses of the kernel, of which bit 55 is set, keep theirs.
 */
#define MMU_ARCH_UNTAGGED(address) ((address) >> 55 & 1 ? (address) : (address) & ~(0xffULL << 56))

#endif
