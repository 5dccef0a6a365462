/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * x86-64, decoded by Zydis. "SDM" in these files is Intel's Software Developer's Manual.
 */
#ifndef MMUSCOPE_OPERAND_X86_INSN_ARCH_H
#define MMUSCOPE_OPERAND_X86_INSN_ARCH_H

#include <elf.h>

#define INSN_ELF_MACHINE EM_X86_64
#define INSN_ALIGN 1
#define INSN_LONGEST 15
#define INSN_EFFECT_OPS 4

#endif
