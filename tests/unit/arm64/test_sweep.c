// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Targets and jump tables of an ELF file made here.
 */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "operand/code_image.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define CODE 0x1000 /* offset and address */
#define DATA 0x2000
#define NOP 0xd503201f
#define WORDS 256

struct file {
	Elf64_Ehdr header;
	Elf64_Phdr segments[2];
	uint8_t padding[CODE - sizeof(Elf64_Ehdr) - 2 * sizeof(Elf64_Phdr)];
	uint32_t code[WORDS];
	uint8_t padding_behind[DATA - CODE - 4 * WORDS];
	uint8_t data[256];
};

_Static_assert(offsetof(struct file, data) == DATA, "as the segments say");

static struct file *make_file(void)
{
	struct file *file = calloc(1, sizeof(*file));

	assert_non_null(file);
	memcpy(file->header.e_ident, ELFMAG, SELFMAG);
	file->header.e_ident[EI_CLASS] = ELFCLASS64;
	file->header.e_ident[EI_DATA] = ELFDATA2LSB;
	file->header.e_ident[EI_VERSION] = EV_CURRENT;
	file->header.e_type = ET_DYN;
	file->header.e_machine = EM_AARCH64;
	file->header.e_version = EV_CURRENT;
	file->header.e_ehsize = sizeof(Elf64_Ehdr);
	file->header.e_phentsize = sizeof(Elf64_Phdr);
	file->header.e_phoff = offsetof(struct file, segments);
	file->header.e_phnum = 2;
	file->segments[0] = (Elf64_Phdr){.p_type = PT_LOAD,
					 .p_flags = PF_R | PF_X,
					 .p_offset = CODE,
					 .p_vaddr = CODE,
					 .p_filesz = sizeof(file->code)};
	file->segments[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R, .p_offset = DATA, .p_vaddr = DATA, .p_filesz = sizeof(file->data)};
	for (size_t i = 0; i < WORDS; i++)
		file->code[i] = NOP;
	return file;
}

static struct code_image *image_of(const struct file *file)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	struct code_image *image;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, file, sizeof(*file)), sizeof(*file));
	image = code_image__from_file(fd, 1 << 20, NULL);
	close(fd);
	return image;
}

static uint8_t mark_of(const struct file *file, const struct code_image *image, unsigned int word)
{
	struct code_window window = {0};

	memcpy(window.code, (const uint8_t *)&file->code[word] - MMU_CODE_BEFORE, MMU_CODE_BYTES);
	assert_int_equal(code_image__mark(image, CODE + 4 * word, &window), 0);
	return window.marks[MMU_CODE_BEFORE];
}

static void expect_leaders(const struct file *file, const unsigned int *leaders, size_t n)
{
	struct code_image *image = image_of(file);

	assert_non_null(image);
	for (unsigned int word = 16; word < WORDS - 16; word++) {
		uint8_t expected = CODE_START;

		for (size_t i = 0; i < n; i++)
			if (leaders[i] == word)
				expected |= CODE_LEADER;
		if (mark_of(file, image, word) != expected)
			fail_msg("word %u: marks %d, expected %d", word, mark_of(file, image, word), expected);
	}
	code_image__free(image);
}

static void targets_of_branches_are_leaders(void **state)
{
	static const unsigned int leaders[] = {24, 40, 60, 80, 100};
	struct file *file = make_file();

	file->code[20] = 0x14000000 | (40 - 20);                  /* b */
	file->code[30] = 0x94000000 | (60 - 30);                  /* bl; behind it is no leader in a file */
	file->code[31] = 0x54000001 | ((24 - 31) & 0x7ffff) << 5; /* b.ne */
	file->code[32] = 0xb4000001 | (80 - 32) << 5;             /* cbz */
	file->code[33] = 0x37180003 | (100 - 33) << 5;            /* tbnz */
	expect_leaders(file, leaders, COUNT_OF(leaders));
	free(file);
}

/* As GCC writes it: a byte for each case, scaled by 4, from a place in the code. */
static void tables_of_bytes_are_read(void **state)
{
	static const unsigned int leaders[] = {34, 70, 71, 66};
	static const uint32_t jump[] = {
		0x71000c1f, /* cmp w0, #3 */
		0x54000088, /* b.hi .+16: word 34 */
		0xb0000001, /* adrp x1, DATA */
		0x91004021, /* add x1, x1, #16 */
		0x38604820, /* ldrb w0, [x1, w0, uxtw] */
		0x10000461, /* adr x1, .+140: word 70 */
		0x8b208820, /* add x0, x1, w0, sxtb #2 */
		0xd61f0000, /* br x0 */
	};
	struct file *file = make_file();

	memcpy(&file->code[29], jump, sizeof(jump));
	memcpy(file->data + 16, (const int8_t[]){0, 1, -4, 0, 50 /* beyond the bound */}, 5);
	/* adr is word 34, and its base word 70 */
	file->code[34] = 0x10000001 | (70 - 34) << 5;
	expect_leaders(file, leaders, COUNT_OF(leaders));
	free(file);
}

/* As Clang writes it: words, from the table itself. */
static void tables_of_words_are_read(void **state)
{
	static const unsigned int leaders[] = {50, 51};
	static const uint32_t jump[] = {
		0x7100041f, /* cmp w0, #1 */
		0xb0000008, /* adrp x8, DATA */
		0x91008108, /* add x8, x8, #32 */
		0xb8a07909, /* ldrsw x9, [x8, x0, lsl #2] */
		0x8b080129, /* add x9, x9, x8: the base comes second */
		0xd61f0120, /* br x9 */
	};
	const int32_t entries[] = {CODE + 4 * 50 - (DATA + 32), CODE + 4 * 51 - (DATA + 32),
				   CODE + 4 * 52 - (DATA + 32)};
	struct file *file = make_file();

	memcpy(&file->code[20], jump, sizeof(jump));
	memcpy(file->data + 32, entries, sizeof(entries));
	expect_leaders(file, leaders, COUNT_OF(leaders));
	/* The same with the operands of the ADD exchanged. */
	file->code[24] = 0x8b090109;
	expect_leaders(file, leaders, COUNT_OF(leaders));
	free(file);
}

static void unread_jumps_are_counted(void **state)
{
	struct file *file = make_file();
	struct code_image *image;

	file->code[20] = 0xd61f0060; /* br x3 */
	file->code[30] = 0xd61f0220; /* br x17: of a PLT */
	file->code[40] = 0;          /* udf */
	image = image_of(file);
	assert_non_null(image);
	assert_int_equal(code_image__facts(image)->computed_jumps, 1);
	assert_int_equal(code_image__facts(image)->unread_jumps, 1);
	assert_int_equal(code_image__facts(image)->tables_read, 0);
	assert_int_equal(code_image__facts(image)->bad_bytes, 4);
	assert_int_equal(code_image__facts(image)->instructions, WORDS - 1);
	assert_int_equal(mark_of(file, image, 40),
			 CODE_START); /* sampled there: so it is one, whatever it was taken for */
	code_image__free(image);
	free(file);
}

static void other_machines_are_refused(void **state)
{
	struct file *file = make_file();

	file->header.e_machine = EM_X86_64;
	errno = 0;
	assert_null(image_of(file));
	assert_int_equal(errno, ENOEXEC);
	free(file);
}

/* A snapshot: words start at multiples of 4, wherever it begins, and a call comes back to the next one. */
static void snapshots_are_swept(void **state)
{
	uint32_t code[64];
	struct code_window window = {0};
	struct code_image *image;

	for (size_t i = 0; i < COUNT_OF(code); i++)
		code[i] = NOP;
	code[20] = 0x94000000 | 10; /* bl word 30 */
	image = code_image__from_bytes((const uint8_t *)code + 2, sizeof(code) - 2, 0x10002);
	assert_non_null(image);
	memcpy(window.code, (const uint8_t *)&code[25] - MMU_CODE_BEFORE, MMU_CODE_BYTES);
	assert_int_equal(code_image__mark(image, 0x10000 + 4 * 25, &window), 0);
	assert_int_equal(window.marks[MMU_CODE_BEFORE], CODE_START);
	assert_int_equal(window.marks[MMU_CODE_BEFORE - 4], CODE_START);
	assert_int_equal(window.marks[MMU_CODE_BEFORE - 2], 0);
	assert_int_equal(window.marks[MMU_CODE_BEFORE - 16] & CODE_LEADER, CODE_LEADER);
	assert_int_equal(window.marks[MMU_CODE_BEFORE + 20] & CODE_LEADER, CODE_LEADER);
	code_image__free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_of_branches_are_leaders), cmocka_unit_test(tables_of_bytes_are_read),
		cmocka_unit_test(tables_of_words_are_read),        cmocka_unit_test(unread_jumps_are_counted),
		cmocka_unit_test(other_machines_are_refused),      cmocka_unit_test(snapshots_are_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
