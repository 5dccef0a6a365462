/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What an instruction computes, for decode.c only.
 */
#ifndef MMUSCOPE_OPERAND_EFFECT_H
#define MMUSCOPE_OPERAND_EFFECT_H

#include <Zydis/Zydis.h>

#include "operand/decode.h"

/* Fills insn->effects; length and writes are there already. */
void insn__find_effects(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands, struct insn *insn);

#endif
