/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code of known bytes and known accesses, for test_operand and subject_operand. It is position-independent, so that it
 * can be copied and run elsewhere.
 */
#ifndef MMUSCOPE_TESTS_SUBJECT_OPERAND_H
#define MMUSCOPE_TESTS_SUBJECT_OPERAND_H

#include <stdint.h>
#include <time.h>

/* Loads n words at random places: of `array`; other code here takes some from `other`. Places are x & mask. */
typedef uint64_t (*operand_code)(uint64_t array, uint64_t mask, uint64_t n, uint64_t other, uint64_t seed);

/* Arguments: rdi, rsi, rdx, rcx, r8. The sum is in r11, x in r8. */
#define OPERAND_NEXT_X                                                                                                 \
	"	mov %r8, %r9\n	shl $13, %r9\n	xor %r9, %r8\n"                                                                \
	"	mov %r8, %r9\n	shr $7, %r9\n	xor %r9, %r8\n"                                                                 \
	"	mov %r8, %r9\n	shl $17, %r9\n	xor %r9, %r8\n"
/* The load overwrites its own base. */
#define OPERAND_LOAD(base) "	mov %r8, %rax\n	and %rsi, %rax\n	add " base ", %rax\n	mov (%rax), %rax\n"

uint64_t operand_hash(uint64_t array, uint64_t mask, uint64_t n, uint64_t other, uint64_t seed);
extern const uint8_t operand_hash_end[];

/* One word of `array`, then one of the page `other`, each at a place that the load before decides: no two overlap. */
uint64_t operand_pair(uint64_t array, uint64_t mask, uint64_t n, uint64_t other, uint64_t seed);

/* clang-format off */
asm(	".text\n"
	".p2align 6\n"
	".type operand_hash, @function\n"
	"operand_hash:\n"
	"	xor %r11d, %r11d\n"
	"1:\n"
	OPERAND_NEXT_X
	OPERAND_LOAD("%rdi")
	"	add %rax, %r11\n"
	"	dec %rdx\n"
	"	jnz 1b\n"
	"	mov %r11, %rax\n"
	"	ret\n"
	".size operand_hash, . - operand_hash\n"
	"operand_hash_end:\n"
	".p2align 6\n"
	".type operand_pair, @function\n"
	"operand_pair:\n"
	"1:\n"
	OPERAND_NEXT_X
	OPERAND_LOAD("%rdi")
	"	xor %rax, %r8\n"
	OPERAND_NEXT_X
	"	mov %r8, %rax\n	and $0xff8, %eax\n	add %rcx, %rax\n	mov (%rax), %rax\n"
	"	xor %rax, %r8\n"
	"	dec %rdx\n"
	"	jnz 1b\n"
	"	mov %r8, %rax\n"
	"	ret\n"
	".size operand_pair, . - operand_pair\n");
/* clang-format on */

#define OPERAND_SEED 88172645463325252UL
#define OPERAND_CHUNK 20000UL

/* CPU time of this thread. */
static inline uint64_t operand_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Runs `code` for so much CPU time at least. Returns how much it was. */
static inline uint64_t operand_spend(operand_code code, uint64_t array, uint64_t bytes, uint64_t other, uint64_t ms)
{
	uint64_t start = operand_clock(), now = start, seed = OPERAND_SEED;

	while (now - start < ms * 1000000) {
		code(array, bytes - 8, OPERAND_CHUNK, other, seed);
		seed = seed * 6364136223846793005 + 1442695040888963407;
		now = operand_clock();
	}
	return now - start;
}

#endif
