/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where Capstone 4.0 and the resolver differ, and why: for operand_oracle.c. Every entry was judged against Intel's manual
 * ("SDM") and llvm-mc 14, some on a CPU.
 */
#ifndef MMUSCOPE_TESTS_OPERAND_KNOWN_H
#define MMUSCOPE_TESTS_OPERAND_KNOWN_H

#include <capstone/capstone.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum difference {
	SAME,
	LENGTH,        /* they disagree about the length */
	ONLY_CAPSTONE, /* we see no instruction */
	ONLY_OURS,     /* capstone sees none */
	OPERAND,       /* base, index, scale, displacement or segment */
	NOT_SUPPORTED, /* we name it unsupported, capstone has an operand */
};

/* How to read Capstone's operands, if the entry is what explains the difference. */
struct correction {
	bool any;             /* false: as they are */
	bool vector_index;    /* an xmm index means the general register of that number */
	bool disp32;          /* displacements count modulo 2^32 */
	unsigned int segment; /* MMU_REG_FS or MMU_REG_GS instead of theirs; 0: theirs */
};

struct known_case {
	const uint8_t *bytes;
	size_t size;
	const cs_insn *cs;    /* not for ONLY_OURS */
	const char *mnemonic; /* capstone's; Zydis's for ONLY_OURS */
};

struct known_difference {
	enum difference difference;
	bool (*is_it)(const struct known_case *at, struct correction *correction);
	const char *reason;
	uint64_t n; /* how often */
};

/* Ends with one without reason. */
extern struct known_difference known_differences[];

#endif
