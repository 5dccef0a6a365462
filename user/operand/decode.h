/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One instruction, as far as a recipe needs to know it. Each architecture has a decoder of its own, in a folder named as it
 * is; cmake/Arch.cmake chooses. Registers are numbered as in recipe.h.
 */
#ifndef MMUSCOPE_OPERAND_DECODE_H
#define MMUSCOPE_OPERAND_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "insn_arch.h" /* of the architecture */
#include "recipe.h"

enum insn_flow {
	INSN_FLOW_NEXT,   /* goes on behind it */
	INSN_FLOW_BRANCH, /* conditional jump: behind it, or at the target */
	INSN_FLOW_JUMP,
	INSN_FLOW_CALL,
	INSN_FLOW_RETURN,
	INSN_FLOW_STOP, /* system calls, traps, halts, changes of a segment: nothing is derived across it */
};

/*
 * Address = segment + base + (index << scale) + disp, of registers as they are before the instruction, cut to 32 bits with
 * addr32. Of the index, `extend` makes something else first: 0, or MMU_OP_ZX32 or MMU_OP_SX32 (arm64). With the base MMU_REG_IP, disp counts from the first byte of the instruction.
 *
 * Of a load under a mask register (EVEX), the mask suppresses elements, in theory all of them; it never moves the address.
 * `bytes` is what a full mask touches.
 */
struct insn_access {
	uint8_t base;
	uint8_t index;
	uint8_t scale;
	uint8_t segment;
	uint8_t extend;
	bool addr32;
	bool load;
	bool store;
	uint16_t bytes;
	int64_t disp;
};

/*
 * What an instruction makes of a register, exactly: a little program over INSN_RESULT, which starts as 0 and is the new
 * value of `reg` at the end. Sources are registers as they are before the instruction.
 */
#define INSN_RESULT MMU_REG_TEMP

struct insn_effect {
	uint8_t reg;
	uint8_t n_ops;
	struct mmu_op ops[INSN_EFFECT_OPS];
};

#define INSN_ACCESSES 2
#define INSN_EFFECTS 2

struct insn {
	uint8_t length;
	uint8_t flow;     /* enum insn_flow */
	bool has_target;  /* direct jumps, branches and calls */
	bool repeats;     /* REP string instruction: an interrupt may stand in the middle of it */
	bool unsupported; /* accesses memory in a form that is not described: gathers, masked stores, state saves … */
	uint8_t n_accesses;
	uint8_t n_effects;
	uint32_t writes; /* bit per general register that is changed, or may be */
	int64_t target;  /* from the first byte of the instruction */
	/*
	 * The explicit operand comes before the stack's, the source of a copy before its destination. Empty when
	 * `unsupported`.
	 */
	struct insn_access accesses[INSN_ACCESSES];
	/* A register of `writes` without an effect here got a value that cannot be computed (from memory, flags …). */
	struct insn_effect effects[INSN_EFFECTS];
};

/* Decodes the instruction at `bytes`. Returns 0, -ENODATA (cut off by the end) or -EILSEQ (no instruction). */
int insn__decode(const uint8_t *bytes, size_t n, struct insn *insn);

/*
 * What was executed last when control comes back from a call: the return of the function that was called. Returns false when
 * nothing is known of it.
 */
bool insn__return(struct insn *insn);

/* The effect on a register, or NULL. */
const struct insn_effect *insn__effect(const struct insn *insn, unsigned int reg);

#endif
