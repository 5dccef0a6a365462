/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Code, functions and code pointers of an ELF file.
 *
 * The file is read, never mapped: its owner may cut it off at any time. Segments rule where they exist; section headers
 * are asked for symbols only.
 */
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "code_internal.h"
#include "decode.h"

#define MAX_SEGMENTS 256
#define MAX_SECTIONS 65536

/* DWARF exception header (LSB Core, 10.6.2): encodings of what every linker writes. */
#define EH_PE_UDATA4 0x03
#define EH_PE_DATAREL_SDATA4 0x3b

/* `size` bytes at `offset` of the file on the heap, or NULL with errno. */
static uint8_t *read_file(struct code_elf *elf, uint64_t offset, uint64_t size)
{
	uint64_t done = 0;
	uint8_t *bytes;

	if (!size || offset > elf->file_size || size > elf->file_size - offset) {
		errno = ENOEXEC;
		return NULL;
	}
	if (size > elf->left) {
		errno = EFBIG;
		return NULL;
	}
	elf->left -= size;
	bytes = malloc(size);
	while (bytes && done < size) {
		ssize_t n = pread(elf->fd, bytes + done, size - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			if (!n)
				errno = ENOEXEC;
			free(bytes);
			return NULL;
		}
		done += (uint64_t)n;
	}
	return bytes;
}

static const uint8_t *bytes_at(const struct code_elf *elf, const struct code_image *image, uint64_t address,
			       uint64_t size)
{
	for (unsigned int i = 0; i < elf->n_data; i++) {
		const struct code_data *data = &elf->data[i];
		uint64_t offset = address - data->address;

		if (offset < data->size && size <= data->size - offset)
			return data->bytes + offset;
	}
	/* Linkers may put constants into the same segment as code. */
	for (unsigned int i = 0; i < image->n_spans; i++) {
		const struct code_span *span = &image->spans[i];
		uint64_t offset = address - span->address;

		if (offset < span->size && size <= span->size - offset)
			return span->bytes + offset;
	}
	return NULL;
}

bool code_elf__read_bytes(const struct code_elf *elf, const struct code_image *image, uint64_t address, void *to,
			  size_t n)
{
	const uint8_t *bytes = bytes_at(elf, image, address, n);

	if (bytes)
		memcpy(to, bytes, n);
	return bytes;
}

bool code_elf__read_s32(const struct code_elf *elf, const struct code_image *image, uint64_t address, int32_t *value)
{
	return code_elf__read_bytes(elf, image, address, value, sizeof(*value));
}

static int read_segment(struct code_elf *elf, struct code_image *image, const GElf_Phdr *phdr)
{
	uint64_t size = phdr->p_filesz;
	uint8_t *bytes;

	if (phdr->p_type != PT_LOAD || !size)
		return 0;
	/* A segment may reach beyond a file that was cut off. */
	if (phdr->p_offset < elf->file_size && size > elf->file_size - phdr->p_offset)
		size = elf->file_size - phdr->p_offset;
	if (phdr->p_vaddr + size < phdr->p_vaddr)
		return -ENOEXEC;
	bytes = read_file(elf, phdr->p_offset, size);
	if (!bytes)
		return phdr->p_flags & PF_X || errno == ENOMEM ? -errno : 0;
	if (phdr->p_flags & PF_X)
		return code_image__add_span(image, phdr->p_offset, phdr->p_vaddr, size, bytes);
	if (elf->n_data == CODE_MAX_SPANS)
		free(bytes);
	else
		elf->data[elf->n_data++] = (struct code_data){.address = phdr->p_vaddr, .size = size, .bytes = bytes};
	return 0;
}

/* Function starts from the sorted table of .eh_frame_hdr, which stripping leaves. */
static void read_unwind_table(struct code_elf *elf, struct code_image *image, const GElf_Phdr *phdr)
{
	uint64_t n, size = phdr->p_filesz;
	uint8_t *bytes = read_file(elf, phdr->p_offset, size);
	uint32_t count;

	if (!bytes)
		return;
	if (size >= 12 && bytes[0] == 1 && bytes[2] == EH_PE_UDATA4 && bytes[3] == EH_PE_DATAREL_SDATA4) {
		memcpy(&count, bytes + 8, sizeof(count));
		n = (size - 12) / 8;
		if (count < n)
			n = count;
		for (uint64_t i = 0; i < n; i++) {
			int32_t start;

			memcpy(&start, bytes + 12 + 8 * i, sizeof(start));
			code_image__mark_function(image, phdr->p_vaddr + (uint64_t)(int64_t)start);
		}
	}
	free(bytes);
}

static void read_symbols(Elf *libelf, struct code_image *image)
{
	Elf_Scn *section = NULL;

	for (unsigned int i = 0; i < MAX_SECTIONS && (section = elf_nextscn(libelf, section)); i++) {
		GElf_Shdr header;
		Elf_Data *data;
		GElf_Sym symbol;

		if (!gelf_getshdr(section, &header))
			continue;
		if (header.sh_flags & SHF_EXECINSTR)
			code_image__mark_function(image, header.sh_addr);
		if (header.sh_type != SHT_SYMTAB && header.sh_type != SHT_DYNSYM)
			continue;
		data = elf_getdata(section, NULL);
		for (int k = 0; data && gelf_getsym(data, k, &symbol); k++) {
			int type = GELF_ST_TYPE(symbol.st_info);

			if (symbol.st_shndx != SHN_UNDEF && symbol.st_shndx != SHN_ABS &&
			    (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE))
				code_image__mark_function(image, symbol.st_value);
		}
	}
}

static int read_elf(struct code_elf *elf, struct code_image *image, Elf *libelf)
{
	GElf_Ehdr header;
	size_t n;
	int err;

	if (elf_kind(libelf) != ELF_K_ELF || !gelf_getehdr(libelf, &header) || header.e_machine != INSN_ELF_MACHINE ||
	    gelf_getclass(libelf) != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
	    elf_getphdrnum(libelf, &n) || n > MAX_SEGMENTS)
		return -ENOEXEC;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr phdr;

		if (!gelf_getphdr(libelf, (int)i, &phdr))
			return -ENOEXEC;
		err = read_segment(elf, image, &phdr);
		if (err)
			return err;
	}
	if (!image->n_spans)
		return -ENOEXEC;
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr phdr;

		if (gelf_getphdr(libelf, (int)i, &phdr) && phdr.p_type == PT_GNU_EH_FRAME)
			read_unwind_table(elf, image, &phdr);
	}
	code_image__mark_function(image, header.e_entry);
	read_symbols(libelf, image);
	return 0;
}

int code_elf__read(struct code_elf *elf, struct code_image *image, int fd, uint64_t max_bytes)
{
	struct stat stat;
	Elf *libelf;
	int err;

	*elf = (struct code_elf){.fd = fd, .left = max_bytes};
	if (fstat(fd, &stat))
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -ENOEXEC;
	elf->file_size = (uint64_t)stat.st_size;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	libelf = elf_begin(fd, ELF_C_READ, NULL);
	if (!libelf)
		return -ENOEXEC;
	err = read_elf(elf, image, libelf);
	elf_end(libelf);
	return err;
}

void code_elf__free(struct code_elf *elf)
{
	for (unsigned int i = 0; i < elf->n_data; i++)
		free(elf->data[i].bytes);
	elf->n_data = 0;
}

static void mark_pointers(struct code_image *image, uint64_t address, uint64_t size, const uint8_t *bytes)
{
	for (uint64_t at = -address & 7; at < size && size - at >= 8; at += 8) {
		struct code_span *span;
		uint64_t word, offset;

		memcpy(&word, bytes + at, sizeof(word));
		span = code_image__span_at(image, word, &offset);
		if (span && bitmap_test(span->starts, offset))
			bitmap_set(span->leaders, offset);
	}
}

/*
 * Any word with the address of an instruction is taken for a pointer: jump tables of position-dependent code, packed
 * relocations, and the addends of others, which are words of .rela.dyn (System V ABI, AMD64, 4.4; ELF for the Arm 64-bit Architecture, 5.7).
 */
void code_elf__mark_pointers(const struct code_elf *elf, struct code_image *image)
{
	for (unsigned int i = 0; i < elf->n_data; i++)
		mark_pointers(image, elf->data[i].address, elf->data[i].size, elf->data[i].bytes);
	for (unsigned int i = 0; i < image->n_spans; i++)
		mark_pointers(image, image->spans[i].address, image->spans[i].size, image->spans[i].bytes);
}
