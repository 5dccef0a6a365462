// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "operand/code_image.h"

#define MAX_BYTES (1u << 20)

/*
 * A file of headers, code at 0x200 and data at 0x400. Its addresses are 0x10000 higher, those of its data another
 * 0x1000.
 */
#define CODE 0x200
#define CODE_SIZE 0x100
#define DATA 0x400
#define DATA_SIZE 0x100
#define SECTIONS 0x600
#define FILE_SIZE 0x800
#define CODE_ADDRESS 0x10200
#define DATA_ADDRESS 0x11400

struct file {
	Elf64_Ehdr ehdr;
	Elf64_Phdr phdrs[3];
	uint8_t pad[CODE - sizeof(Elf64_Ehdr) - 3 * sizeof(Elf64_Phdr)];
	uint8_t code[CODE_SIZE];
	uint8_t pad2[DATA - CODE - CODE_SIZE];
	uint8_t data[DATA_SIZE];
	Elf64_Sym symbols[4];
	uint8_t pad3[SECTIONS - DATA - DATA_SIZE - 4 * sizeof(Elf64_Sym)];
	Elf64_Shdr sections[4];
	uint8_t pad4[FILE_SIZE - SECTIONS - 4 * sizeof(Elf64_Shdr)];
};
_Static_assert(sizeof(struct file) == FILE_SIZE, "layout");

/* Where what is in the code. */
#define AT_START 0x00   /* jne to AT_TARGET; call to AT_FUNCTION */
#define AT_RETURN 0x07  /* behind the call */
#define AT_TARGET 0x10  /* lea table(%rip), %rax; movslq (%rax,%rcx,4), %rdx; add %rax, %rdx; jmp *%rdx */
#define AT_CASE 0x40    /* named by the table alone */
#define AT_POINTED 0x48 /* named by a pointer in data alone */
#define AT_JUNK 0x5c    /* the first bytes of a long instruction, which ends in the next function */
#define AT_FUNCTION 0x60
#define AT_SYMBOL 0x80   /* named by a symbol alone */
#define AT_UNWIND 0xa0   /* named by the unwind table alone */
#define AT_COMPUTED 0xc0 /* jmp *(%rax): nobody knows where to */

static void put32(uint8_t *bytes, int32_t value)
{
	memcpy(bytes, &value, sizeof(value));
}

static void make_code(uint8_t *code)
{
	static const uint8_t start[] = {0x75, AT_TARGET - 2, 0xe8, AT_FUNCTION - 7, 0, 0, 0, 0xc3};
	static const uint8_t table[] = {0x48, 0x8d, 0x05, 0,    0,    0,    0,    0x48,
					0x63, 0x14, 0x88, 0x48, 0x01, 0xc2, 0xff, 0xe2};
	static const uint8_t junk[] = {0x48, 0xb8, 1, 2};

	memset(code, 0x90, CODE_SIZE);
	memcpy(code + AT_START, start, sizeof(start));
	memcpy(code + AT_TARGET, table, sizeof(table));
	put32(code + AT_TARGET + 3, DATA_ADDRESS - (CODE_ADDRESS + AT_TARGET + 7));
	memcpy(code + AT_JUNK, junk, sizeof(junk));
	code[AT_COMPUTED] = 0xff;
	code[AT_COMPUTED + 1] = 0x20;
}

static void make_data(uint8_t *data)
{
	uint64_t pointer = CODE_ADDRESS + AT_POINTED;
	static const uint8_t unwind[] = {1, 0x1b, 0x03, 0x3b, 0, 0, 0, 0, 1, 0, 0, 0};

	put32(data, CODE_ADDRESS + AT_CASE - DATA_ADDRESS);
	put32(data + 4, CODE_ADDRESS + AT_CASE + 1 - DATA_ADDRESS);
	put32(data + 8, 0x7fffffff);
	memcpy(data + 0x20, &pointer, sizeof(pointer));
	memcpy(data + 0x40, unwind, sizeof(unwind));
	put32(data + 0x4c, CODE_ADDRESS + AT_UNWIND - (DATA_ADDRESS + 0x40));
}

static void make_file(struct file *file)
{
	memset(file, 0, sizeof(*file));
	memcpy(file->ehdr.e_ident, ELFMAG, SELFMAG);
	file->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
	file->ehdr.e_ident[EI_DATA] = ELFDATA2LSB;
	file->ehdr.e_ident[EI_VERSION] = EV_CURRENT;
	file->ehdr.e_type = ET_DYN;
	file->ehdr.e_machine = EM_X86_64;
	file->ehdr.e_version = EV_CURRENT;
	file->ehdr.e_entry = CODE_ADDRESS;
	file->ehdr.e_phoff = sizeof(Elf64_Ehdr);
	file->ehdr.e_shoff = SECTIONS;
	file->ehdr.e_ehsize = sizeof(Elf64_Ehdr);
	file->ehdr.e_phentsize = sizeof(Elf64_Phdr);
	file->ehdr.e_phnum = 3;
	file->ehdr.e_shentsize = sizeof(Elf64_Shdr);
	file->ehdr.e_shnum = 4;
	file->phdrs[0] = (Elf64_Phdr){.p_type = PT_LOAD,
				      .p_flags = PF_R | PF_X,
				      .p_offset = CODE,
				      .p_vaddr = CODE_ADDRESS,
				      .p_filesz = CODE_SIZE,
				      .p_memsz = CODE_SIZE};
	file->phdrs[1] = (Elf64_Phdr){.p_type = PT_LOAD,
				      .p_flags = PF_R,
				      .p_offset = DATA,
				      .p_vaddr = DATA_ADDRESS,
				      .p_filesz = DATA_SIZE,
				      .p_memsz = DATA_SIZE};
	file->phdrs[2] = (Elf64_Phdr){.p_type = PT_GNU_EH_FRAME,
				      .p_flags = PF_R,
				      .p_offset = DATA + 0x40,
				      .p_vaddr = DATA_ADDRESS + 0x40,
				      .p_filesz = 20,
				      .p_memsz = 20};
	make_code(file->code);
	make_data(file->data);
	file->symbols[1] = (Elf64_Sym){
		.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), .st_shndx = 1, .st_value = CODE_ADDRESS + AT_SYMBOL};
	file->symbols[2] = (Elf64_Sym){.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT),
				       .st_shndx = 1,
				       .st_value = CODE_ADDRESS + AT_SYMBOL + 1};
	file->sections[1] = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
					 .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
					 .sh_addr = CODE_ADDRESS,
					 .sh_offset = CODE,
					 .sh_size = CODE_SIZE};
	file->sections[2] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
					 .sh_offset = DATA + DATA_SIZE,
					 .sh_size = sizeof(file->symbols),
					 .sh_entsize = sizeof(Elf64_Sym),
					 .sh_link = 3};
	file->sections[3] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = DATA, .sh_size = 1};
}

static int file_of(const void *bytes, size_t n)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	return fd;
}

static struct code_image *image_of(const void *bytes, size_t n)
{
	int fd = file_of(bytes, n);
	struct code_image *image = code_image__from_file(fd, MAX_BYTES, NULL);

	/* It has a descriptor of its own. */
	close(fd);
	return image;
}

/* The window around a place in the code of a good file. */
static void window_at(const struct file *file, unsigned int at, struct code_window *window)
{
	memset(window, 0, sizeof(*window));
	memset(window->marks, 0xff, sizeof(window->marks));
	for (int i = 0; i < MMU_CODE_BYTES; i++) {
		int offset = (int)at - MMU_CODE_BEFORE + i;

		if (offset >= 0 && offset < CODE_SIZE)
			window->code[i] = file->code[offset];
	}
}

static unsigned int mark_at(const struct code_image *image, const struct file *file, unsigned int at)
{
	struct code_window window;

	window_at(file, at, &window);
	assert_int_equal(code_image__mark(image, CODE + at, &window), 0);
	return window.marks[MMU_CODE_BEFORE];
}

static void good_file_is_understood(void **state)
{
	static const struct {
		unsigned int at;
		unsigned int marks;
	} expected[] = {
		{AT_START, CODE_START | CODE_LEADER},
		{AT_START + 2, CODE_START},
		{AT_RETURN, CODE_START},
		{AT_RETURN + 1, CODE_START},
		{AT_TARGET, CODE_START | CODE_LEADER},
		{AT_TARGET + 7, CODE_START},
		{AT_CASE, CODE_START | CODE_LEADER},
		{AT_CASE + 1, CODE_START | CODE_LEADER},
		{AT_CASE + 2, CODE_START},
		{AT_POINTED, CODE_START | CODE_LEADER},
		{AT_POINTED + 1, CODE_START},
		{AT_FUNCTION, CODE_START | CODE_LEADER},
		{AT_SYMBOL, CODE_START | CODE_LEADER},
		{AT_SYMBOL + 1, CODE_START},
		{AT_UNWIND, CODE_START | CODE_LEADER},
		{AT_UNWIND + 1, CODE_START},
		{AT_COMPUTED, CODE_START},
		{CODE_SIZE - 1, CODE_START},
	};
	const struct code_image_facts *facts;
	struct code_image *image;
	struct file file;
	uint8_t bytes[15];

	(void)state;
	make_file(&file);
	image = image_of(&file, sizeof(file));
	assert_non_null(image);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		unsigned int marks = mark_at(image, &file, expected[i].at);

		if (marks != expected[i].marks)
			fail_msg("at %x: %u, expected %u", expected[i].at, marks, expected[i].marks);
	}
	assert_int_equal(code_image__read(image, CODE + AT_COMPUTED, bytes, sizeof(bytes)), sizeof(bytes));
	assert_memory_equal(bytes, file.code + AT_COMPUTED, sizeof(bytes));
	assert_int_equal(code_image__read(image, CODE + CODE_SIZE - 1, bytes, sizeof(bytes)), 1);
	assert_int_equal(code_image__read(image, CODE + CODE_SIZE, bytes, sizeof(bytes)), 0);
	facts = code_image__facts(image);
	assert_int_equal(facts->code_bytes, CODE_SIZE);
	assert_int_equal(facts->functions, 3);
	assert_int_equal(facts->computed_jumps, 2);
	assert_int_equal(facts->tables_read, 1);
	assert_int_equal(facts->unread_jumps, 1);
	assert_true(code_image__size(image) > CODE_SIZE / 4);
	code_image__free(image);
}

static void windows_are_compared(void **state)
{
	struct code_window window;
	struct code_image *image;
	struct file file;

	(void)state;
	make_file(&file);
	image = image_of(&file, sizeof(file));
	assert_non_null(image);
	for (int i = 0; i < MMU_CODE_BYTES; i++) {
		window_at(&file, 0x80, &window);
		window.code[i] ^= 1;
		assert_int_equal(code_image__mark(image, CODE + 0x80, &window), -ESTALE);
	}
	window_at(&file, 0x80, &window);
	assert_int_equal(code_image__mark(image, CODE - 1, &window), -ERANGE);
	assert_int_equal(code_image__mark(image, CODE + CODE_SIZE, &window), -ERANGE);
	assert_int_equal(code_image__mark(image, UINT64_MAX, &window), -ERANGE);

	/* What lies outside the code is neither compared nor marked. */
	window_at(&file, 0, &window);
	window.code[0] = 0x5a;
	assert_int_equal(code_image__mark(image, CODE, &window), 0);
	for (int i = 0; i < MMU_CODE_BEFORE; i++)
		assert_int_equal(window.marks[i], 0);
	code_image__free(image);
}

static void file_that_shrinks_is_stale(void **state)
{
	struct code_window window;
	struct code_image *image;
	struct file file;
	int fd;

	(void)state;
	make_file(&file);
	fd = file_of(&file, sizeof(file));
	image = code_image__from_file(fd, MAX_BYTES, NULL);
	assert_non_null(image);
	assert_int_equal(ftruncate(fd, CODE + 0x10), 0);
	window_at(&file, 0x80, &window);
	assert_int_equal(code_image__mark(image, CODE + 0x80, &window), -ESTALE);
	code_image__free(image);
	close(fd);
}

/* Marks every place there is, so that bounds are seen to be kept. */
static void use(struct code_image *image)
{
	struct file file;

	make_file(&file);
	for (unsigned int at = 0; image && at < FILE_SIZE; at += 7) {
		struct code_window window;

		window_at(&file, at - CODE, &window);
		code_image__mark(image, at, &window);
	}
	code_image__free(image);
}

static void cut_off_at_every_byte(void **state)
{
	struct file file;

	(void)state;
	make_file(&file);
	for (size_t n = 0; n <= sizeof(file); n++) {
		struct code_image *image;

		errno = 0;
		image = image_of(&file, n);
		if (!image)
			assert_int_equal(errno, ENOEXEC);
		/* Code that is there is used, whatever else is missing. */
		if (n > CODE + 16)
			assert_non_null(image);
		if (n <= sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr))
			assert_null(image);
		use(image);
	}
}

static void every_byte_made_extreme(void **state)
{
	static const uint8_t values[] = {0x00, 0x7f, 0x80, 0xff};
	struct file good;

	(void)state;
	make_file(&good);
	for (size_t i = 0; i < sizeof(good); i++) {
		for (size_t k = 0; k < sizeof(values); k++) {
			struct file bad = good;

			((uint8_t *)&bad)[i] = values[k];
			use(image_of(&bad, sizeof(bad)));
		}
	}
}

static void random_damage(void **state)
{
	uint64_t random = 1;
	struct file good;

	(void)state;
	make_file(&good);
	for (int i = 0; i < 3000; i++) {
		struct file bad = good;

		for (int k = 0; k < 8; k++) {
			random = random * 6364136223846793005 + 1442695040888963407;
			((uint8_t *)&bad)[(random >> 33) % sizeof(bad)] = (uint8_t)(random >> 25);
		}
		use(image_of(&bad, sizeof(bad)));
	}
}

static void what_is_no_code_is_refused(void **state)
{
	struct file good, bad;
	int fds[2];

	(void)state;
	make_file(&good);
	errno = 0;
	assert_null(code_image__from_file(-1, MAX_BYTES, NULL));
	assert_int_equal(errno, EBADF);
	assert_int_equal(pipe(fds), 0);
	assert_null(code_image__from_file(fds[0], MAX_BYTES, NULL));
	assert_int_equal(errno, ENOEXEC);
	close(fds[0]);
	close(fds[1]);

	bad = good;
	bad.ehdr.e_machine = EM_AARCH64;
	assert_null(image_of(&bad, sizeof(bad)));
	assert_int_equal(errno, ENOEXEC);
	bad = good;
	bad.phdrs[0].p_flags = PF_R;
	assert_null(image_of(&bad, sizeof(bad)));
	assert_int_equal(errno, ENOEXEC);
	bad = good;
	bad.phdrs[0].p_vaddr = UINT64_MAX - 8;
	assert_null(image_of(&bad, sizeof(bad)));
	assert_int_equal(errno, ENOEXEC);
}

static void size_is_bounded(void **state)
{
	struct file file;
	int fd;

	(void)state;
	make_file(&file);
	fd = file_of(&file, sizeof(file));
	assert_null(code_image__from_file(fd, CODE_SIZE - 1, NULL));
	assert_int_equal(errno, EFBIG);
	close(fd);
}

static void snapshots_are_voted_on(void **state)
{
	/* jmp over data that looks like the start of a long instruction; then instructions of several bytes. */
	static const uint8_t island[] = {0xeb, 0x02, 0x48, 0xb8, 0x48, 0x89, 0xd0, 0x48, 0x83, 0xe0, 0x0f, 0x48, 0x8b,
					 0x0c, 0xc3, 0x48, 0x01, 0xca, 0x75, 0xf0, 0x48, 0xff, 0xc0, 0x90, 0x90};
	uint8_t bytes[160];
	struct code_window window = {0};
	struct code_image *image;
	const uint8_t *marks = window.marks + MMU_CODE_BEFORE - 16; /* of the island from its 4th byte on */

	(void)state;
	memset(bytes, 0x90, sizeof(bytes));
	memcpy(bytes + 80, island, sizeof(island));
	image = code_image__from_bytes(bytes, sizeof(bytes), 0x7f1234560000);
	assert_non_null(image);
	memcpy(window.code, bytes + 100 - MMU_CODE_BEFORE, MMU_CODE_BYTES);
	assert_int_equal(code_image__mark(image, 0x7f1234560000 + 100, &window), 0);
	assert_int_equal(marks[0], CODE_START | CODE_LEADER); /* mov rax, rdx: target of the jmp */
	assert_int_equal(marks[3], CODE_START);
	assert_int_equal(marks[4], 0);
	assert_int_equal(marks[7], CODE_START);
	assert_int_equal(marks[8] & CODE_START, 0);
	assert_int_equal(marks[11], CODE_START);
	assert_int_equal(marks[14], CODE_START);
	assert_int_equal(marks[16], CODE_START);
	assert_int_equal(code_image__mark(image, 0x7f1234560000 - 1, &window), -ERANGE);
	window.code[0] ^= 1;
	assert_int_equal(code_image__mark(image, 0x7f1234560000 + 100, &window), -ESTALE);
	code_image__free(image);

	/* Where the sampler could not read what lies before the block, the rest of the window tells. */
	image = code_image__from_bytes(bytes, sizeof(bytes), 0x7f1234560000 - 90);
	assert_non_null(image);
	window.code[0] ^= 1;
	memset(window.code, 0, MMU_CODE_BEFORE - 10);
	assert_int_equal(code_image__mark(image, 0x7f1234560000 + 10, &window), 0);
	for (int i = 0; i < MMU_CODE_BEFORE - 10; i++)
		assert_int_equal(window.marks[i], 0);
	assert_int_equal(marks[11], CODE_START);
	assert_int_equal(marks[14], CODE_START);
	assert_int_equal(code_image__mark(image, 0x7f1234560000 + 11, &window), -ESTALE);
	for (int i = 0; i < MMU_CODE_BYTES; i++) {
		window.code[i] ^= 1;
		assert_int_equal(code_image__mark(image, 0x7f1234560000 + 10, &window), -ESTALE);
		window.code[i] ^= 1;
	}
	code_image__free(image);

	assert_null(code_image__from_bytes(bytes, 0, 0));
	assert_int_equal(errno, EINVAL);
	assert_null(code_image__from_bytes(bytes, sizeof(bytes), UINT64_MAX - 8));
	assert_int_equal(errno, EINVAL);
	code_image__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_file_is_understood),    cmocka_unit_test(windows_are_compared),
		cmocka_unit_test(file_that_shrinks_is_stale), cmocka_unit_test(cut_off_at_every_byte),
		cmocka_unit_test(every_byte_made_extreme),    cmocka_unit_test(random_damage),
		cmocka_unit_test(what_is_no_code_is_refused), cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(snapshots_are_voted_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
