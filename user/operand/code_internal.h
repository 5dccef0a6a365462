/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The inside of a code image, for the files that make it.
 */
#ifndef MMUSCOPE_OPERAND_CODE_INTERNAL_H
#define MMUSCOPE_OPERAND_CODE_INTERNAL_H

#include "code_image.h"

#define CODE_MAX_SPANS 16

/* A run of executable bytes. Bitmaps have a bit per byte. */
struct code_span {
	uint64_t place;   /* file offset, or the address of a snapshot */
	uint64_t address; /* as its own code counts */
	uint64_t size;
	uint8_t *bytes;      /* NULL for a file once it is swept */
	uint64_t *starts;    /* of instructions */
	uint64_t *leaders;   /* control may come here from elsewhere */
	uint64_t *functions; /* NULL once it is swept */
};

struct code_image {
	int fd; /* -1: a snapshot */
	unsigned int n_spans;
	struct code_span spans[CODE_MAX_SPANS];
	struct code_image_facts facts;
};

/* A piece of a file that is not code, while the image is made. */
struct code_data {
	uint64_t address;
	uint64_t size;
	uint8_t *bytes;
};

struct code_elf {
	int fd;
	uint64_t file_size;
	uint64_t left; /* bytes that may still be read */
	unsigned int n_data;
	struct code_data data[CODE_MAX_SPANS];
};

/* Adds a span with empty bitmaps; takes over `bytes`, also when it fails. Returns 0, -E2BIG or -ENOMEM. */
int code_image__add_span(struct code_image *image, uint64_t place, uint64_t address, uint64_t size, uint8_t *bytes);

/* The span that holds an address, or NULL; *offset is counted from its start. */
struct code_span *code_image__span_at(struct code_image *image, uint64_t address, uint64_t *offset);

void code_image__mark_function(struct code_image *image, uint64_t address);

/* Control may come to this address from elsewhere; `span` is that where it probably lies. */
void code_image__mark_leader(struct code_image *image, struct code_span *span, uint64_t address);

/*
 * Fills spans and functions from the file, and `elf` with its data. Returns 0 or -errno; code_elf__free() in any case.
 */
int code_elf__read(struct code_elf *elf, struct code_image *image, int fd, uint64_t max_bytes);
void code_elf__free(struct code_elf *elf);

/* Marks what pointers in the data and relocations name, once instruction starts are known. */
void code_elf__mark_pointers(const struct code_elf *elf, struct code_image *image);

/* Bytes at an address, of code or of data. Return false when there are none. */
bool code_elf__read_bytes(const struct code_elf *elf, const struct code_image *image, uint64_t address, void *to,
			  size_t n);
bool code_elf__read_s32(const struct code_elf *elf, const struct code_image *image, uint64_t address, int32_t *value);

/* Of the architecture. Decodes all spans; `elf` is NULL for a snapshot. Returns 0, -ENOMEM or -ECANCELED. */
int code_sweep__run(struct code_image *image, const struct code_elf *elf, const atomic_bool *stop);

static inline bool bitmap_test(const uint64_t *bitmap, uint64_t bit)
{
	return bitmap[bit / 64] >> (bit % 64) & 1;
}

static inline void bitmap_set(uint64_t *bitmap, uint64_t bit)
{
	bitmap[bit / 64] |= UINT64_C(1) << (bit % 64);
}

#endif
