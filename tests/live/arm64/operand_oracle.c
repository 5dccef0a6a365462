/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compares what the resolver thinks of arm64 instructions with a disassembler's text, from the standard input:
 *
 *   llvm-objdump -d --mattr=+v8.7a,+sve2,+mte,+ls64 FILE | operand_oracle_arm64
 *
 * GNU objdump's text will do as well. Of each instruction: is there an access, is it a load or a store, of how many bytes, base,
 * index, extension, scale, displacement, which general registers are written, and where a branch goes. Prints each kind of
 * difference once, with an example, and last a line of totals. Exits with 0 when there is no other difference than forms that
 * are named unsupported, and words that the disassembler does not know; with 2 when there was nothing to read.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "operand/decode.h"

#define MAX_KINDS 512

enum difference {
	SAME,
	NOT_SUPPORTED, /* an access that is named unsupported */
	ACCESS,        /* there is one, or there is none */
	DIRECTION,
	BYTES,
	ADDRESS,
	WRITES,
	FLOW,
	ONLY_THEIRS,
	ONLY_OURS, /* no instruction to the disassembler: data among code, or it is too old */
	DIFFERENCES,
};

static const char *const difference_names[DIFFERENCES] = {
	"same", "unsupported", "access", "direction", "bytes", "address", "writes", "flow", "only-theirs", "only-ours"};

struct kind {
	enum difference difference;
	char mnemonic[24];
	char example[96];
	uint64_t n;
};

/* One line of the disassembler. */
struct line {
	uint64_t address;
	uint32_t word;
	char mnemonic[24];
	char operands[160];
	const char *memory; /* in operands: '[', or NULL */
};

static struct {
	uint64_t instructions, accesses, by_difference[DIFFERENCES];
	struct kind kinds[MAX_KINDS];
	unsigned int n_kinds;
} oracle;

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool is_one_of(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (starts(text, *list))
			return true;
	return false;
}

/* x0 … x30, w0 … w30, sp, wsp, xzr, wzr; or -1. *end is behind it. */
static int general(const char *text, const char **end)
{
	char *behind;
	long number;

	*end = text;
	if (starts(text, "sp") || starts(text, "wsp")) {
		*end = text + (*text == 'w' ? 3 : 2);
		return MMU_REG_SP;
	}
	if (starts(text, "xzr") || starts(text, "wzr")) {
		*end = text + 3;
		return MMU_REG_ZERO;
	}
	if ((*text != 'x' && *text != 'w') || !isdigit((unsigned char)text[1]))
		return -1;
	number = strtol(text + 1, &behind, 10);
	*end = behind;
	return isalnum((unsigned char)*behind) || *behind == '.' || number > 30 ? -1 : (int)number;
}

static const char *skip_to(const char *text, const char *wanted)
{
	text += strcspn(text, wanted);
	return text;
}

static int64_t immediate(const char *text)
{
	text = skip_to(text, "#-0123456789");
	return strtoll(*text == '#' ? text + 1 : text, NULL, 0);
}

/* Reads what is in the brackets, and whether the base is written back. */
static bool parse_memory(const struct line *line, struct insn_access *access, bool *writes_back)
{
	const char *at = line->memory + 1, *close = strchr(at, ']');
	int reg = general(at, &at);
	const char *extension;

	*access = (struct insn_access){.index = MMU_REG_ZERO, .segment = MMU_REG_ZERO};
	if (reg < 0 || !close)
		return false;
	access->base = (uint8_t)reg;
	*writes_back = close[1] == '!' || close[1] == ',';
	if (*at != ',')
		return at == close;
	at += 1 + strspn(at + 1, " ");
	if (*at == '#' || *at == '-' || isdigit((unsigned char)*at)) {
		access->disp = immediate(at);
		return !strstr(at, "mul vl");
	}
	reg = general(at, &at);
	if (reg < 0)
		return false;
	access->index = (uint8_t)reg;
	extension = at + strspn(at, ", ");
	if (starts(extension, "uxtw"))
		access->extend = MMU_OP_ZX32;
	else if (starts(extension, "sxtw"))
		access->extend = MMU_OP_SX32;
	if (memchr(extension, '#', (size_t)(close - extension)))
		access->scale = (uint8_t)immediate(strchr(extension, '#'));
	return true;
}

static const char *const atomics[] = {"ldadd",  "ldclr",  "ldeor", "ldset", "ldsmax", "ldsmin", "ldumax",
				      "ldumin", "stadd",  "stclr", "steor", "stset",  "stsmax", "stsmin",
				      "stumax", "stumin", "swp",   "cas",   NULL};

static bool is_atomic(const char *mnemonic)
{
	return is_one_of(mnemonic, atomics);
}

/* LDR and STR of one register, of whatever kind; 0: not told here. */
static unsigned int bytes_of(const struct line *line)
{
	static const char *const plain[] = {"ldr",  "str",   "ldur",   "stur",  "ldtr",
					    "sttr", "ldapr", "ldapur", "stlur", NULL};
	const char *suffix = line->mnemonic + strlen(line->mnemonic) - 1;

	if (!is_one_of(line->mnemonic, plain))
		return 0;
	if (*suffix == 'b')
		return 1;
	if (*suffix == 'h')
		return 2;
	if (*suffix == 'w')
		return 4;
	switch (*line->operands) {
	case 'b':
		return 1;
	case 'h':
		return 2;
	case 'w':
	case 's':
		return 4;
	case 'x':
	case 'd':
		return 8;
	case 'q':
		return 16;
	default:
		return 0;
	}
}

/* General registers before the brackets, as a bit each; *first is the bit of the first one. */
static uint32_t named(const struct line *line, uint32_t *first, uint32_t *last)
{
	const char *end = line->memory ? line->memory : line->operands + strlen(line->operands), *at = line->operands;
	uint32_t all = 0;

	*first = *last = 0;
	while (at < end) {
		const char *behind;
		int reg = general(at, &behind);

		if (reg >= 0) {
			*last = reg <= MMU_REG_SP ? 1u << reg : 0;
			if (at == line->operands)
				*first = *last;
			all |= *last;
		}
		at = skip_to(at, ",");
		at += strspn(at, ", ");
	}
	return all;
}

static uint32_t written_by_access(const struct line *line, uint8_t base, bool writes_back)
{
	uint32_t first, last, all = named(line, &first, &last), writes = writes_back ? 1u << base : 0;
	const char *mnemonic = line->mnemonic;

	if (starts(mnemonic, "casp"))
		return writes | first | first << 1;
	if (starts(mnemonic, "cas"))
		return writes | first;
	if (is_atomic(mnemonic))
		return writes | (starts(mnemonic, "st") ? 0 : last);
	if (starts(mnemonic, "ld"))
		return writes | all;
	if (starts(mnemonic, "stxr") || starts(mnemonic, "stlxr") || starts(mnemonic, "stxp") ||
	    starts(mnemonic, "stlxp"))
		return writes | first;
	return writes;
}

static enum difference compare_access(const struct line *line, const struct insn *insn)
{
	const char *mnemonic = line->mnemonic;
	bool load = starts(mnemonic, "ld") || is_atomic(mnemonic), writes_back = false;
	bool store = starts(mnemonic, "st") || is_atomic(mnemonic);
	const struct insn_access *ours = &insn->accesses[0];
	struct insn_access theirs = {.base = MMU_REG_IP, .index = MMU_REG_ZERO, .segment = MMU_REG_ZERO};

	oracle.accesses++;
	if (insn->unsupported)
		return NOT_SUPPORTED;
	if (insn->n_accesses != 1)
		return ACCESS;
	if (ours->load != load || ours->store != store)
		return DIRECTION;
	if (bytes_of(line) && bytes_of(line) != ours->bytes)
		return BYTES;
	if (!line->memory) {
		const char *target = line->operands + strcspn(line->operands, ",") + 1;

		target += strspn(target, " #");
		theirs.disp = (int64_t)(strtoull(target, NULL, 16) - line->address);
	} else if (!parse_memory(line, &theirs, &writes_back)) {
		return ADDRESS;
	}
	if (ours->base != theirs.base || ours->index != theirs.index || ours->extend != theirs.extend ||
	    ours->disp != theirs.disp || (ours->index != MMU_REG_ZERO && ours->scale != theirs.scale))
		return ADDRESS;
	return insn->writes == written_by_access(line, theirs.base, writes_back) ? SAME : WRITES;
}

/* Instructions that do not write the general register that they name first. */
static const char *const readers[] = {"cmp", "cmn", "tst",  "ccmp", "ccmn",    "cb",      "tb",   "br",   "ret",
				      "msr", "b.",  "setf", "rmif", "ctermeq", "ctermne", "wfet", "wfit", NULL};

static enum difference compare_others(const struct line *line, const struct insn *insn)
{
	static const char *const branches[] = {"b", "bl", "cbz", "cbnz", "tbz", "tbnz"};
	uint32_t first, last;
	bool branch = starts(line->mnemonic, "b.");

	if (insn->n_accesses || insn->unsupported)
		return ACCESS;
	for (unsigned int i = 0; i < 6; i++)
		branch = branch || !strcmp(line->mnemonic, branches[i]);
	if (branch != insn->has_target)
		return FLOW;
	if (branch) {
		const char *target = strrchr(line->operands, ',');

		target = target ? target + 1 : line->operands;
		target += strspn(target, " #");
		if (strtoull(target, NULL, 16) != line->address + (uint64_t)insn->target)
			return FLOW;
	}
	named(line, &first, &last);
	if (starts(line->mnemonic, "bl") && !(insn->writes & 1u << 30) && strcmp(line->mnemonic, "bl") <= 0)
		return WRITES;
	if (!is_one_of(line->mnemonic, readers) && !starts(line->mnemonic, "blr") && first & ~insn->writes)
		return WRITES;
	return SAME;
}

static enum difference compare(const struct line *line)
{
	static const char *const no_access[] = {"prf", "rprfm", "adr", NULL};
	uint8_t bytes[4];
	struct insn insn;
	bool access = line->memory || starts(line->mnemonic, "ldr");

	memcpy(bytes, &line->word, sizeof(bytes));
	if (insn__decode(bytes, sizeof(bytes), &insn))
		return starts(line->mnemonic, "udf") || starts(line->mnemonic, ".") ? SAME : ONLY_THEIRS;
	if (strchr("<.", *line->mnemonic))
		return ONLY_OURS;
	if (starts(line->mnemonic, "sys") && starts(line->operands, "#3, c7, c4,")) /* DC ZVA, GVA, GZVA */
		return insn.n_accesses == 1 && insn.accesses[0].store ? SAME : ACCESS;
	if (starts(line->mnemonic, "dc") && (strstr(line->operands, "zva") || strstr(line->operands, "gva")))
		return insn.n_accesses == 1 && insn.accesses[0].store ? SAME : ACCESS;
	return access && !is_one_of(line->mnemonic, no_access) ? compare_access(line, &insn)
							       : compare_others(line, &insn);
}

static void note(enum difference difference, const struct line *line)
{
	struct kind *kind = oracle.kinds;

	oracle.instructions++;
	oracle.by_difference[difference]++;
	if (difference == SAME)
		return;
	while (kind < oracle.kinds + oracle.n_kinds &&
	       (kind->difference != difference || strcmp(kind->mnemonic, line->mnemonic) != 0))
		kind++;
	if (kind == oracle.kinds + MAX_KINDS)
		return;
	if (kind == oracle.kinds + oracle.n_kinds) {
		oracle.n_kinds++;
		kind->difference = difference;
		memcpy(kind->mnemonic, line->mnemonic, sizeof(kind->mnemonic));
		snprintf(kind->example, sizeof(kind->example), "%08x %.80s", line->word, line->operands);
	}
	kind->n++;
}

/* "  ADDRESS: BYTES <tab> MNEMONIC <tab> OPERANDS", with bytes as LLVM writes them or the word as GNU does. */
static bool parse(char *text, struct line *line)
{
	char *at, *end, *comment;

	line->address = strtoull(text, &at, 16);
	if (at == text || *at != ':')
		return false;
	at += 1 + strspn(at + 1, " \t");
	line->word = (uint32_t)strtoul(at, &end, 16);
	if (end - at == 2) {
		line->word = 0;
		for (unsigned int i = 0; i < 4; i++, at = end)
			line->word |= (uint32_t)strtoul(at, &end, 16) << (8 * i);
	} else if (end - at != 8) {
		return false;
	}
	end += strspn(end, " \t");
	comment = strstr(end, "//");
	if (comment)
		*comment = 0;
	end[strcspn(end, "\n")] = 0;
	line->operands[0] = 0;
	if (sscanf(end, "%23s %159[^\n]", line->mnemonic, line->operands) < 1)
		return false;
	line->memory = NULL;
	for (char *c = line->operands; *c && !line->memory; c++)
		if (*c == '[' && (c[1] == 'x' || c[1] == 's' || c[1] == 'z'))
			line->memory = c;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct kind *left = a, *right = b;

	if (left->difference != right->difference)
		return left->difference < right->difference ? -1 : 1;
	return left->n > right->n ? -1 : left->n < right->n;
}

int main(void)
{
	char text[512];
	struct line line;
	uint64_t wrong;

	while (fgets(text, sizeof(text), stdin))
		if (parse(text, &line))
			note(compare(&line), &line);
	qsort(oracle.kinds, oracle.n_kinds, sizeof(*oracle.kinds), by_number);
	for (unsigned int i = 0; i < oracle.n_kinds; i++)
		printf("%-12s %8" PRIu64 "  %s %s\n", difference_names[oracle.kinds[i].difference], oracle.kinds[i].n,
		       oracle.kinds[i].mnemonic, oracle.kinds[i].example);
	printf("instructions %" PRIu64 " accesses %" PRIu64, oracle.instructions, oracle.accesses);
	for (unsigned int i = 0; i < DIFFERENCES; i++)
		printf(" %s %" PRIu64, difference_names[i], oracle.by_difference[i]);
	printf("\n");
	wrong = oracle.instructions - oracle.by_difference[SAME] - oracle.by_difference[NOT_SUPPORTED] -
		oracle.by_difference[ONLY_OURS];
	return !oracle.instructions ? 2 : wrong != 0;
}
