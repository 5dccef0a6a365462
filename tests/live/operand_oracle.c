/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Compares the memory operands that the resolver sees with those of a second decoder, Capstone.
 *
 * operand_oracle [--max-bytes N] [--third LIST] FILE …
 *
 * Decodes the executable sections of the ELF files forward, of each file at most N bytes. Differences are explained by
 * operand_known.c, or they are not: then each kind is printed with an example. What Capstone does not know is added to LIST,
 * for a third decoder: bytes, a tab, and our operand as llvm-mc would write it; operand_oracle.sh asks it. Exits with 0 when
 * all is explained, 1 when not, 2 when it cannot work. What is no x86-64 ELF file is skipped.
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

#include <Zydis/Zydis.h>

#include "operand/decode.h"
#include "operand_known.h"

#define MAX_KINDS 4096

static const char *const difference_names[] = {"same",      "length",  "only-capstone",
					       "only-ours", "operand", "unsupported"};

/* Differences that nothing explains. */
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
	uint64_t max_bytes;
	FILE *third;
	uint64_t asked; /* of the third decoder */
	uint64_t files;
	uint64_t instructions;
	uint64_t operands;
	uint64_t explained;
	uint64_t unexplained;
} oracle = {.max_bytes = UINT64_MAX};

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

static unsigned int segment_of(x86_reg reg)
{
	return reg == X86_REG_FS ? MMU_REG_FS : reg == X86_REG_GS ? MMU_REG_GS : MMU_REG_ZERO;
}

static bool matches(const struct insn_access *access, const x86_op_mem *mem, unsigned int length,
		    const struct correction *correction)
{
	unsigned int base = number_of(mem->base), index = number_of(mem->index), segment = segment_of(mem->segment);
	int64_t disp = mem->disp;

	if (correction->vector_index && mem->index >= X86_REG_XMM0 && mem->index <= X86_REG_XMM15)
		index = mem->index == X86_REG_XMM4 ? MMU_REG_ZERO : mem->index - X86_REG_XMM0;
	if (correction->segment)
		segment = correction->segment;
	if (correction->disp32)
		disp = access->disp + (int32_t)((uint64_t)disp - (uint64_t)access->disp);
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

static enum difference compare(const struct insn *insn, const struct correction *correction)
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
			if (!is_implicit(insn, k) &&
			    matches(&access, &x86->operands[i].mem, insn->length, correction)) {
				found++;
				break;
			}
		}
	}
	if (!correction->any)
		oracle.operands += theirs;
	if (insn->unsupported && theirs)
		return NOT_SUPPORTED;
	return ours == theirs && found == theirs ? SAME : OPERAND;
}

static const char *mnemonic_of(enum difference difference, const uint8_t *bytes, size_t size)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zydis;
	ZydisDecoder decoder;

	if (difference != ONLY_OURS)
		return oracle.cs->mnemonic;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, size, &zydis, operands)))
		return "?";
	return ZydisMnemonicGetString(zydis.mnemonic);
}

/* Counts a difference that nothing explains under its mnemonic. */
static void note(enum difference difference, const char *mnemonic, const char *file, uint64_t address,
		 const uint8_t *bytes, unsigned int n)
{
	struct kind *kind = oracle.kinds;
	int length;

	oracle.unexplained++;
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

/* Returns whether a known habit of Capstone's explains it, and counts it there. */
static bool explain(enum difference difference, const struct known_case *at, const struct insn *insn)
{
	for (struct known_difference *known = known_differences; known->reason; known++) {
		struct correction correction = {.any = true};

		if (known->difference != difference || !known->is_it(at, &correction))
			continue;
		if (difference == OPERAND && compare(insn, &correction) != SAME)
			continue;
		known->n++;
		oracle.explained++;
		return true;
	}
	return false;
}

/* The operand in AT&T syntax: "-" for none, "!" for a form that we do not describe. */
static void print_operand(FILE *out, const struct insn *insn)
{
	static const char *const wide[] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8",
					   "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip"};
	static const char *const half[] = {"eax", "ecx",  "edx",  "ebx",  "esp",  "ebp",  "esi",  "edi", "r8d",
					   "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d", "eip"};
	const struct insn_access *access = &insn->accesses[0];
	const char *const *names = access->addr32 ? half : wide;
	int64_t disp = access->disp - (access->base == MMU_REG_IP ? insn->length : 0);

	if (!insn->n_accesses) {
		fputs(insn->unsupported ? "!" : "-", out);
		return;
	}
	if (access->segment != MMU_REG_ZERO)
		fputs(access->segment == MMU_REG_FS ? "%fs:" : "%gs:", out);
	if (disp || (access->base == MMU_REG_ZERO && access->index == MMU_REG_ZERO))
		fprintf(out, "%" PRId64, disp);
	if (access->base == MMU_REG_ZERO && access->index == MMU_REG_ZERO)
		return;
	fputc('(', out);
	if (access->base != MMU_REG_ZERO)
		fprintf(out, "%%%s", names[access->base]);
	if (access->index != MMU_REG_ZERO)
		fprintf(out, ",%%%s", names[access->index]);
	if (access->index != MMU_REG_ZERO && access->scale)
		fprintf(out, ",%d", 1 << access->scale);
	fputc(')', out);
}

static void ask_third(const uint8_t *bytes, const struct insn *insn)
{
	for (unsigned int i = 0; i < insn->length; i++)
		fprintf(oracle.third, "%s0x%02x", i ? " " : "", bytes[i]);
	fputc('\t', oracle.third);
	print_operand(oracle.third, insn);
	fputc('\n', oracle.third);
	oracle.asked++;
}

/* Decodes what is at `bytes` in both ways. Returns how far to go. */
static size_t compare_one(const char *file, const uint8_t *bytes, size_t size, uint64_t address)
{
	const struct correction none = {.any = false};
	const uint8_t *code = bytes;
	size_t left = size > 15 ? 15 : size;
	struct known_case at = {.bytes = bytes, .size = left, .cs = oracle.cs};
	enum difference difference = SAME;
	uint64_t place = address;
	struct insn insn;
	bool ours = !insn__decode(bytes, size, &insn);
	bool theirs = cs_disasm_iter(oracle.capstone, &code, &left, &place, oracle.cs);

	oracle.instructions += ours || theirs;
	if (ours && theirs)
		difference = compare(&insn, &none);
	else if (ours || theirs)
		difference = ours ? ONLY_OURS : ONLY_CAPSTONE;
	if (difference == ONLY_OURS && oracle.third) {
		ask_third(bytes, &insn);
	} else if (difference != SAME) {
		at.mnemonic = mnemonic_of(difference, bytes, size);
		if (!explain(difference, &at, &insn))
			note(difference, at.mnemonic, file, address, bytes, ours ? insn.length : oracle.cs->size);
	}
	return ours ? insn.length : 1;
}

static void compare_code(const char *file, const uint8_t *bytes, size_t size, uint64_t address)
{
	while (size) {
		size_t step = compare_one(file, bytes, size, address);

		bytes += step;
		size -= step;
		address += step;
	}
}

static void compare_file(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
	uint64_t left = oracle.max_bytes;
	Elf_Scn *section = NULL;
	GElf_Ehdr header;
	GElf_Shdr shdr;

	if (elf && elf_kind(elf) == ELF_K_ELF && gelf_getehdr(elf, &header) && header.e_machine == EM_X86_64) {
		oracle.files++;
		while ((section = elf_nextscn(elf, section))) {
			Elf_Data *data;
			size_t size;

			if (!gelf_getshdr(section, &shdr) || !(shdr.sh_flags & SHF_EXECINSTR) ||
			    shdr.sh_type != SHT_PROGBITS)
				continue;
			data = elf_getdata(section, NULL);
			if (!data || !data->d_buf)
				continue;
			size = data->d_size < left ? data->d_size : left;
			compare_code(file, data->d_buf, size, shdr.sh_addr);
			left -= size;
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

static void report(void)
{
	qsort(oracle.kinds, oracle.n_kinds, sizeof(*oracle.kinds), by_number);
	for (struct known_difference *known = known_differences; known->reason; known++)
		if (known->n)
			printf("%-14s %8" PRIu64 "  %s\n", difference_names[known->difference], known->n,
			       known->reason);
	for (unsigned int i = 0; i < oracle.n_kinds; i++)
		printf("UNEXPLAINED %s %" PRIu64 "  %s %s\n", difference_names[oracle.kinds[i].difference],
		       oracle.kinds[i].n, oracle.kinds[i].mnemonic, oracle.kinds[i].example);
	printf("%" PRIu64 " files, %" PRIu64 " instructions, %" PRIu64 " operands: %" PRIu64
	       " differences explained, %" PRIu64 " unexplained, %" PRIu64 " asked of a third decoder\n",
	       oracle.files, oracle.instructions, oracle.operands, oracle.explained, oracle.unexplained, oracle.asked);
}

static int read_options(int argc, char **argv)
{
	int i = 1;

	for (; i + 1 < argc && !strncmp(argv[i], "--", 2); i += 2) {
		if (!strcmp(argv[i], "--max-bytes"))
			oracle.max_bytes = strtoull(argv[i + 1], NULL, 0);
		else if (!strcmp(argv[i], "--third"))
			oracle.third = fopen(argv[i + 1], "ae");
		else
			return -1;
		if (!strcmp(argv[i], "--third") && !oracle.third)
			return -1;
	}
	return i;
}

int main(int argc, char **argv)
{
	int first = read_options(argc, argv);

	if (first < 0 || elf_version(EV_CURRENT) == EV_NONE ||
	    cs_open(CS_ARCH_X86, CS_MODE_64, &oracle.capstone) != CS_ERR_OK)
		return 2;
	cs_option(oracle.capstone, CS_OPT_DETAIL, CS_OPT_ON);
	oracle.cs = cs_malloc(oracle.capstone);
	for (int i = first; i < argc; i++)
		compare_file(argv[i]);
	report();
	cs_free(oracle.cs, 1);
	cs_close(&oracle.capstone);
	if (oracle.third && fclose(oracle.third))
		return 2;
	return oracle.unexplained ? 1 : 0;
}
