/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a sampled address and the code around it to the recipes for it.
 */
#ifndef MMUSCOPE_OPERAND_RESOLVER_H
#define MMUSCOPE_OPERAND_RESOLVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "recipe.h"

struct resolver;

/* How well founded a verdict is; a better one replaces a worse one, never the other way round. */
enum resolver_basis {
	RESOLVER_WINDOW = 0,    /* the window's own bytes: `next` only */
	RESOLVER_ANONYMOUS = 1, /* a snapshot of the process's memory */
	RESOLVER_FILE = 2,      /* the file that is mapped there */
};

struct resolver_counts {
	uint64_t resolved;
	uint64_t by_basis[3];
	uint64_t conflicts; /* windows that got two different verdicts of the same basis: next only from then on */
	uint64_t images;    /* made so far */
	uint64_t evicted;   /* images given up for room */
	uint64_t refused;   /* files that could not be used */
	uint64_t swept;     /* bytes */
	uint64_t sweep_ns;
};

/*
 * Files with more code than a few hundred KiB are looked at by another thread from now on; until it is done, their code gets
 * verdicts by window, which nobody should keep. Returns 0 or -ENOMEM.
 */
int resolver__use_thread(struct resolver *resolver);

/* `max_bytes` bounds the memory of images and verdicts; 0 means 256 MiB. NULL with errno. */
struct resolver *resolver__new(size_t max_bytes);
void resolver__free(struct resolver *resolver);

/*
 * Finds out where `ip` of process `pid` lies and makes the recipes. `start_ns` is the start time of the process (0:
 * unknown), which tells a pid from its next user. `code` are the bytes around ip as they were at the sample; only code that
 * is still the same is used. A process that is gone gives a verdict by window. The verdict is never taken back by a later
 * one of less basis; *basis is that of the verdict given. Returns 0 or -ENOMEM, with `none` set in both recipes.
 */
int resolver__resolve(struct resolver *resolver, pid_t pid, uint64_t start_ns, uint64_t ip,
		      const uint8_t code[MMU_CODE_BYTES], struct mmu_operand *operand, enum resolver_basis *basis);

const struct resolver_counts *resolver__counts(const struct resolver *resolver);

#endif
