/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "operand_known.h"

#include <string.h>

#include "recipe.h"

/* What stands before the opcode. */
struct prefixes {
	bool lock;
	bool operand16;
	bool address32;
	uint8_t segment; /* the last of 64h (FS) and 65h (GS); 0: none */
	bool null_segment;
	const uint8_t *opcode; /* behind the prefixes, REX too */
	size_t left;
};

static void read_prefixes(const struct known_case *at, struct prefixes *prefixes)
{
	size_t i = 0;

	*prefixes = (struct prefixes){0};
	for (; i < at->size; i++) {
		uint8_t byte = at->bytes[i];

		if (byte == 0xf0)
			prefixes->lock = true;
		else if (byte == 0x66)
			prefixes->operand16 = true;
		else if (byte == 0x67)
			prefixes->address32 = true;
		else if (byte == 0x64 || byte == 0x65)
			prefixes->segment = byte;
		else if (byte == 0x26 || byte == 0x2e || byte == 0x36 || byte == 0x3e)
			prefixes->null_segment = true;
		else if ((byte & 0xf0) != 0x40 && byte != 0xf2 && byte != 0xf3)
			break;
	}
	prefixes->opcode = at->bytes + i;
	prefixes->left = at->size - i;
}

static bool is_evex(const struct prefixes *prefixes)
{
	return prefixes->left >= 6 && prefixes->opcode[0] == 0x62;
}

static bool is_ud(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return prefixes.left >= 3 && prefixes.opcode[0] == 0x0f &&
	       (prefixes.opcode[1] == 0xb9 || prefixes.opcode[1] == 0xff);
}

static bool is_short_branch(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return prefixes.operand16 && prefixes.left && (prefixes.opcode[0] == 0xe8 || prefixes.opcode[0] == 0xe9);
}

/* EVEX.b with registers, and 3 where the vector length would stand. */
static bool is_rounding(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return is_evex(&prefixes) && (prefixes.opcode[3] & 0x70) == 0x70 && (prefixes.opcode[5] & 0xc0) == 0xc0;
}

static bool may_be_locked(unsigned int id)
{
	static const unsigned int lockable[] = {
		X86_INS_ADD, X86_INS_ADC,     X86_INS_AND,  X86_INS_BTC,        X86_INS_BTR,
		X86_INS_BTS, X86_INS_CMPXCHG, X86_INS_DEC,  X86_INS_INC,        X86_INS_NEG,
		X86_INS_NOT, X86_INS_OR,      X86_INS_SBB,  X86_INS_CMPXCHG8B,  X86_INS_SUB,
		X86_INS_XOR, X86_INS_XADD,    X86_INS_XCHG, X86_INS_CMPXCHG16B,
	};

	for (size_t i = 0; i < sizeof(lockable) / sizeof(lockable[0]); i++)
		if (lockable[i] == id)
			return true;
	return false;
}

static bool is_bad_lock(const struct known_case *at, struct correction *correction)
{
	const cs_x86 *x86 = &at->cs->detail->x86;
	bool memory = x86->op_count && x86->operands[0].type == X86_OP_MEM;
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return prefixes.lock && !(memory && may_be_locked(at->cs->id));
}

static bool is_move_to_cs(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return prefixes.left >= 2 && prefixes.opcode[0] == 0x8e && (prefixes.opcode[1] >> 3 & 7) == 1;
}

static bool is_bound(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return prefixes.left >= 3 && prefixes.opcode[0] == 0x0f &&
	       (prefixes.opcode[1] == 0x1a || prefixes.opcode[1] == 0x1b);
}

static bool is_evex_index(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	read_prefixes(at, &prefixes);
	correction->vector_index = true;
	return is_evex(&prefixes) && !(prefixes.opcode[3] & 8);
}

static bool is_short_offset(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	read_prefixes(at, &prefixes);
	correction->disp32 = true;
	return prefixes.address32 && prefixes.left && (prefixes.opcode[0] & 0xfc) == 0xa0;
}

static bool is_null_segment(const struct known_case *at, struct correction *correction)
{
	struct prefixes prefixes;

	read_prefixes(at, &prefixes);
	correction->segment = prefixes.segment == 0x64 ? MMU_REG_FS : MMU_REG_GS;
	return prefixes.segment && prefixes.null_segment;
}

static bool has_word(const char *mnemonic, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strstr(mnemonic, words[i]))
			return true;
	return false;
}

#define HAS_WORD(at, words) has_word((at)->mnemonic, words, sizeof(words) / sizeof((words)[0]))

static bool is_vector_of_addresses(const struct known_case *at, struct correction *correction)
{
	static const char *const words[] = {"gather", "scatter"};

	(void)correction;
	return HAS_WORD(at, words);
}

static bool is_masked(const struct known_case *at, struct correction *correction)
{
	static const char *const words[] = {"maskmov"};
	const cs_x86 *x86 = &at->cs->detail->x86;
	struct prefixes prefixes;

	(void)correction;
	read_prefixes(at, &prefixes);
	return HAS_WORD(at, words) ||
	       (is_evex(&prefixes) && prefixes.opcode[3] & 7 && x86->operands[0].type == X86_OP_MEM);
}

static bool is_bit_string(const struct known_case *at, struct correction *correction)
{
	const cs_x86 *x86 = &at->cs->detail->x86;
	unsigned int id = at->cs->id;

	(void)correction;
	return (id == X86_INS_BT || id == X86_INS_BTC || id == X86_INS_BTR || id == X86_INS_BTS) &&
	       x86->op_count == 2 && x86->operands[1].type == X86_OP_REG;
}

static bool is_far(const struct known_case *at, struct correction *correction)
{
	(void)correction;
	return at->cs->id == X86_INS_LCALL || at->cs->id == X86_INS_LJMP;
}

static bool is_state(const struct known_case *at, struct correction *correction)
{
	static const char *const words[] = {"save", "rstor"};

	(void)correction;
	return HAS_WORD(at, words);
}

struct known_difference known_differences[] = {
	{LENGTH, is_ud, "UD0 and UD1 have a ModRM byte (SDM Vol. 2, UD); Capstone reads none", 0},
	{LENGTH, is_short_branch,
	 "66h does not shorten a near branch in 64-bit mode (SDM Vol. 2, JMP); Capstone follows AMD's manual", 0},
	{LENGTH, is_rounding, "{rz-sae} is read as {ru-sae}, with another length, by Capstone; llvm-mc agrees with us",
	 0},
	{ONLY_CAPSTONE, is_bad_lock, "LOCK raises #UD before this (SDM Vol. 2, LOCK)", 0},
	{ONLY_CAPSTONE, is_move_to_cs, "MOV to CS raises #UD (SDM Vol. 2, MOV)", 0},
	{ONLY_CAPSTONE, is_bound,
	 "BNDLDX or BNDSTX with a bound register that there is not: #UD, or no access without MPX", 0},
	{OPERAND, is_evex_index,
	 "EVEX.V' extends an index only in VSIB addressing (SDM Vol. 2, 2.7.2); Capstone reads a vector register", 0},
	{OPERAND, is_short_offset, "an offset of 32 bits, zero- or sign-extended: the address is cut to 32 bits", 0},
	{OPERAND, is_null_segment,
	 "CS, DS, ES and SS prefixes do nothing, FS or GS before them stays (SDM Vol. 1, 3.3.4; tried on a CPU)", 0},
	{NOT_SUPPORTED, is_vector_of_addresses, "gather or scatter: named unsupported", 0},
	{NOT_SUPPORTED, is_masked, "masked store, or vector load by a mask in a vector: named unsupported", 0},
	{NOT_SUPPORTED, is_bit_string, "bit offset in a register: named unsupported", 0},
	{NOT_SUPPORTED, is_far, "far branch: named unsupported", 0},
	{NOT_SUPPORTED, is_state, "state save or restore: named unsupported", 0},
	{SAME, NULL, NULL, 0},
};
