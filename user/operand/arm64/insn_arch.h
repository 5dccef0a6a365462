/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A64. "Arm ARM" in these files is the Arm Architecture Reference Manual for A-profile architecture (DDI 0487).
 */
#ifndef MMUSCOPE_OPERAND_ARM64_INSN_ARCH_H
#define MMUSCOPE_OPERAND_ARM64_INSN_ARCH_H

#include <elf.h>

#define INSN_ELF_MACHINE EM_AARCH64
#define INSN_ALIGN 4
#define INSN_LONGEST 4
#define INSN_EFFECT_OPS 5

#endif
