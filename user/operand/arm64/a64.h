/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A64 instruction words, for the files of this folder. Names of fields and groups are those of the Arm ARM, C4.1.
 */
#ifndef MMUSCOPE_OPERAND_ARM64_A64_H
#define MMUSCOPE_OPERAND_ARM64_A64_H

#include <string.h>

#include "operand/decode.h"

#define A64_BYTES 4
#define A64_LINK 30 /* register that calls put the return address into */

static inline uint32_t a64__word(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

/* Bits high … low. */
static inline uint32_t a64__field(uint32_t word, unsigned int high, unsigned int low)
{
	return word << (31 - high) >> (31 - high + low);
}

static inline int64_t a64__signed(uint32_t word, unsigned int high, unsigned int low)
{
	return (int32_t)(word << (31 - high)) >> (31 - high + low);
}

static inline bool a64__is(uint32_t word, uint32_t mask, uint32_t value)
{
	return (word & mask) == value;
}

/* Number 31 of a field that names a general register, but never SP, is the zero register. */
static inline uint8_t a64__source(uint32_t field)
{
	return field == 31 ? MMU_REG_ZERO : (uint8_t)field;
}

/* Notes that such a register is written. */
static inline void a64__write(struct insn *insn, uint32_t field)
{
	if (field != 31)
		insn->writes |= 1u << field;
}

/* Of one of the groups "Branches, Exception generating and System instructions". */
struct a64_branch {
	uint8_t flow; /* enum insn_flow */
	bool has_target;
	int64_t target; /* from the instruction */
};

/* Returns false for what is no branch and generates no exception. */
bool a64__branch(uint32_t word, struct a64_branch *branch);

/* Permanently undefined (UDF), as the zeros are with which linkers fill gaps. */
static inline bool a64__is_undefined(uint32_t word)
{
	return !(word >> 16);
}

bool a64__is_memory(uint32_t word);

/* Fills accesses, writes and effects of an instruction that a64__is_memory(). */
void a64__load_store(uint32_t word, struct insn *insn);

/* Fills writes and effects of the others. */
void a64__compute(const uint8_t *bytes, struct insn *insn);

#endif
