/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compares the memory operands that the resolver sees with those of a second decoder, Capstone.
 *
 * operand_oracle FILE …
 *
 * Decodes every executable section of the ELF files forward and prints, by kind and mnemonic, what differs, with an
 * example of each; the last line has the totals. What is no ELF file is skipped. Exits with 0, or 2 if nothing was
 * decoded.
 */
#include <capstone/capstone.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <libelf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operand/decode.h"

#define MAX_KINDS 4096

enum difference {
	SAME,
	LENGTH,        /* they disagree about the length */
	ONLY_CAPSTONE, /* we see no instruction */
	ONLY_OURS,     /* capstone sees none */
	OPERAND,       /* base, index, scale, displacement or segment */
	NOT_SUPPORTED, /* we name it unsupported, capstone has an operand */
};

static const char *const difference_names[] = {"same",      "length",  "only-capstone",
					       "only-ours", "operand", "unsupported"};

struct kind {
	enum difference difference;
	char mnemonic[32];
	uint64_t n;
	char example[160];
};

static struct {
	csh capstone;
	cs_insn *cs;
	struct kind kinds[MAX_KINDS];
	unsigned int n_kinds;
	uint64_t files;
	uint64_t instructions;
	uint64_t operands;
	uint64_t by_difference[6];
} oracle;

static unsigned int number_of(x86_reg reg)
{
	static const x86_reg wide[16] = {X86_REG_RAX, X86_REG_RCX, X86_REG_RDX, X86_REG_RBX, X86_REG_RSP, X86_REG_RBP,
					 X86_REG_RSI, X86_REG_RDI, X86_REG_R8,  X86_REG_R9,  X86_REG_R10, X86_REG_R11,
					 X86_REG_R12, X86_REG_R13, X86_REG_R14, X86_REG_R15};
	static const x86_reg half[16] = {X86_REG_EAX,  X86_REG_ECX,  X86_REG_EDX,  X86_REG_EBX,
					 X86_REG_ESP,  X86_REG_EBP,  X86_REG_ESI,  X86_REG_EDI,
					 X86_REG_R8D,  X86_REG_R9D,  X86_REG_R10D, X86_REG_R11D,
					 X86_REG_R12D, X86_REG_R13D, X86_REG_R14D, X86_REG_R15D};

	if (reg == X86_REG_INVALID || reg == X86_REG_RIZ || reg == X86_REG_EIZ)
		return MMU_REG_ZERO;
	if (reg == X86_REG_RIP || reg == X86_REG_EIP)
		return MMU_REG_IP;
	for (unsigned int i = 0; i < 16; i++)
		if (wide[i] == reg || half[i] == reg)
			return i;
	return MMU_REG_COUNT;
}

static bool matches(const struct insn_access *access, const x86_op_mem *mem, unsigned int length)
{
	unsigned int segment = mem->segment == X86_REG_FS   ? MMU_REG_FS
			       : mem->segment == X86_REG_GS ? MMU_REG_GS
							    : MMU_REG_ZERO;
	int64_t disp = mem->disp;
	unsigned int base = number_of(mem->base), index = number_of(mem->index);

	if (base == MMU_REG_IP)
		disp += length;
	return access->base == base && access->index == index && access->segment == segment && access->disp == disp &&
	       (index == MMU_REG_ZERO || 1 << access->scale == mem->scale);
}

/* Capstone lists no accesses of the stack but those that are written out. */
static bool is_implicit(const struct insn *insn, unsigned int i)
{
	const struct insn_access *access = &insn->accesses[i];

	switch (oracle.cs->id) {
	case X86_INS_PUSH:
	case X86_INS_PUSHF:
	case X86_INS_PUSHFQ:
	case X86_INS_CALL:
		return access->base == 4 && access->store && i + 1 == insn->n_accesses;
	case X86_INS_POP:
	case X86_INS_POPF:
	case X86_INS_POPFQ:
	case X86_INS_RET:
		return access->base == 4 && access->load && !access->store && i + 1 == insn->n_accesses;
	case X86_INS_LEAVE:
		return access->base == 5;
	default:
		return false;
	}
}

static bool is_no_access(void)
{
	switch (oracle.cs->id) {
	case X86_INS_LEA:
	case X86_INS_NOP:
	case X86_INS_PREFETCH:
	case X86_INS_PREFETCHNTA:
	case X86_INS_PREFETCHT0:
	case X86_INS_PREFETCHT1:
	case X86_INS_PREFETCHT2:
	case X86_INS_PREFETCHW:
	case X86_INS_CLFLUSH:
	case X86_INS_CLFLUSHOPT:
	case X86_INS_CLWB:
	case X86_INS_INVLPG:
		return true;
	default:
		return false;
	}
}

static enum difference compare(const struct insn *insn)
{
	const cs_x86 *x86 = &oracle.cs->detail->x86;
	unsigned int ours = 0, theirs = 0, found = 0;

	if (insn->length != oracle.cs->size)
		return LENGTH;
	for (unsigned int i = 0; i < insn->n_accesses; i++)
		ours += !is_implicit(insn, i);
	for (unsigned int i = 0; i < x86->op_count && !is_no_access(); i++) {
		if (x86->operands[i].type != X86_OP_MEM)
			continue;
		theirs++;
		for (unsigned int k = 0; k < insn->n_accesses; k++) {
			struct insn_access access = insn->accesses[k];

			/* POP computes its address behind the increment; Capstone prints the encoding. */
			if (oracle.cs->id == X86_INS_POP && access.base == 4 && access.store)
				access.disp -= access.bytes;
			if (!is_implicit(insn, k) && matches(&access, &x86->operands[i].mem, insn->length)) {
				found++;
				break;
			}
		}
	}
	oracle.operands += theirs;
	if (insn->unsupported && theirs)
		return NOT_SUPPORTED;
	return ours == theirs && found == theirs ? SAME : OPERAND;
}

static void note(enum difference difference, const char *file, uint64_t address, const uint8_t *bytes, unsigned int n)
{
	const char *mnemonic = difference == ONLY_OURS ? "" : oracle.cs->mnemonic;
	struct kind *kind = oracle.kinds;
	int length;

	oracle.by_difference[difference]++;
	if (difference == SAME)
		return;
	while (kind < oracle.kinds + oracle.n_kinds &&
	       (kind->difference != difference || strcmp(kind->mnemonic, mnemonic) != 0))
		kind++;
	if (kind == oracle.kinds + MAX_KINDS)
		return;
	if (kind == oracle.kinds + oracle.n_kinds) {
		oracle.n_kinds++;
		kind->difference = difference;
		snprintf(kind->mnemonic, sizeof(kind->mnemonic), "%s", mnemonic);
		length = snprintf(kind->example, sizeof(kind->example), "%s %s:%" PRIx64 ":",
				  difference == ONLY_OURS ? "" : oracle.cs->op_str,
				  strrchr(file, '/') ? strrchr(file, '/') + 1 : file, address);
		for (unsigned int i = 0; i < n && length > 0 && (size_t)length + 4 < sizeof(kind->example); i++)
			length += snprintf(kind->example + length, sizeof(kind->example) - (size_t)length, " %02x",
					   bytes[i]);
	}
	kind->n++;
}

static void compare_code(const char *file, const uint8_t *bytes, size_t size, uint64_t address)
{
	while (size) {
		const uint8_t *code = bytes;
		uint64_t at = address;
		size_t left = size > 15 ? 15 : size;
		struct insn insn;
		bool ours = !insn__decode(bytes, size, &insn);
		bool theirs = cs_disasm_iter(oracle.capstone, &code, &left, &at, oracle.cs);
		size_t step = ours ? insn.length : 1;

		oracle.instructions += ours || theirs;
		if (ours && theirs)
			note(compare(&insn), file, address, bytes, insn.length);
		else if (ours)
			note(ONLY_OURS, file, address, bytes, insn.length);
		else if (theirs)
			note(ONLY_CAPSTONE, file, address, bytes, oracle.cs->size);
		bytes += step;
		size -= step;
		address += step;
	}
}

static void compare_file(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	Elf_Scn *section = NULL;
	GElf_Ehdr header;
	GElf_Shdr shdr;

	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) && header.e_machine == EM_X86_64) {
		oracle.files++;
		while ((section = elf_nextscn(elf, section))) {
			Elf_Data *data;

			if (!gelf_getshdr(section, &shdr) || !(shdr.sh_flags & SHF_EXECINSTR) ||
			    shdr.sh_type != SHT_PROGBITS)
				continue;
			data = elf_getdata(section, NULL);
			if (data && data->d_buf)
				compare_code(file, data->d_buf, data->d_size, shdr.sh_addr);
		}
	}
	if (elf)
		elf_end(elf);
	if (fd >= 0)
		close(fd);
}

static int by_number(const void *a, const void *b)
{
	const struct kind *left = a, *right = b;

	if (left->difference != right->difference)
		return left->difference < right->difference ? -1 : 1;
	return left->n > right->n ? -1 : left->n < right->n;
}

int main(int argc, char **argv)
{
	if (elf_version(EV_CURRENT) == EV_NONE || cs_open(CS_ARCH_X86, CS_MODE_64, &oracle.capstone) != CS_ERR_OK)
		return 2;
	cs_option(oracle.capstone, CS_OPT_DETAIL, CS_OPT_ON);
	oracle.cs = cs_malloc(oracle.capstone);
	for (int i = 1; i < argc; i++)
		compare_file(argv[i]);
	qsort(oracle.kinds, oracle.n_kinds, sizeof(*oracle.kinds), by_number);
	for (unsigned int i = 0; i < oracle.n_kinds; i++)
		printf("%-14s %8" PRIu64 "  %s %s\n", difference_names[oracle.kinds[i].difference], oracle.kinds[i].n,
		       oracle.kinds[i].mnemonic, oracle.kinds[i].example);
	printf("files %" PRIu64 " instructions %" PRIu64 " operands %" PRIu64, oracle.files, oracle.instructions,
	       oracle.operands);
	for (unsigned int i = 0; i < 6; i++)
		printf(" %s %" PRIu64, difference_names[i], oracle.by_difference[i]);
	printf("\n");
	cs_free(oracle.cs, 1);
	cs_close(&oracle.capstone);
	return oracle.instructions ? 0 : 2;
}
