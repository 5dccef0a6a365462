/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where instructions start in a piece of code, and where control may come from elsewhere.
 *
 * All of the code is decoded once, from front to end, starting anew at each function. Files and snapshots may be made to
 * mislead: nothing in them is trusted but as a hint about their own code.
 */
#ifndef MMUSCOPE_OPERAND_CODE_IMAGE_H
#define MMUSCOPE_OPERAND_CODE_IMAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recipe_build.h"

struct code_image;

struct code_image_facts {
	uint64_t code_bytes;
	uint64_t instructions;
	uint64_t bad_bytes; /* skipped, because they are no instruction */
	uint64_t functions; /* starts known from symbols and unwind tables */
	uint64_t leaders;
	uint64_t computed_jumps; /* jump somewhere that is computed */
	uint64_t tables_read;    /* jump tables found and read */
	uint64_t unread_jumps;   /* computed jumps without a table that could be read */
	uint64_t sweep_ns;       /* CPU time */
};

/*
 * From an ELF file. The descriptor is duplicated and kept. `max_bytes` bounds the executable bytes that are looked at.
 * NULL with errno: ENOEXEC (no ELF file of this architecture with code), EFBIG (more code than that), ENOMEM, ECANCELED (`stop`, which may
 * be NULL, became true), or that of a read.
 */
struct code_image *code_image__from_file(int fd, uint64_t max_bytes, const atomic_bool *stop);

/* From a copy of memory at `address`; the bytes are copied. Functions are not known. NULL with errno ENOMEM or EINVAL. */
struct code_image *code_image__from_bytes(const uint8_t *bytes, size_t n, uint64_t address);

void code_image__free(struct code_image *image);

/* Bytes of memory it takes. */
size_t code_image__size(const struct code_image *image);

/* Of the file, the image's own; -1 for a snapshot. */
int code_image__fd(const struct code_image *image);

const struct code_image_facts *code_image__facts(const struct code_image *image);

/*
 * Compares the image at `place` (an offset into the file, or an address in the snapshot) with the window's code; where
 * they are the same, sets the window's marks and returns 0. -ERANGE: not in this image's code; -ESTALE: other bytes there.
 * Bytes of the window that lie outside the code are not compared and get no marks; nor do those before the block of `place`
 * (MMU_CODE_BLOCK), if the window has zeros for them, because it could not be read as a whole.
 */
int code_image__mark(const struct code_image *image, uint64_t place, struct code_window *window);

/* Reads up to `n` bytes of code at `place`; returns how many there are. */
size_t code_image__read(const struct code_image *image, uint64_t place, uint8_t *bytes, size_t n);

#endif
