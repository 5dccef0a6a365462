/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a sampled address and the code around it to the recipes for it.
 */
#ifndef MMUSCOPE_OPERAND_RESOLVER_H
#define MMUSCOPE_OPERAND_RESOLVER_H

#include <stdbool.h>
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
	RESOLVER_SYSTEM = 3,    /* likewise, one of the system's own (trust.h): good for all processes */
};

struct resolver_counts {
	uint64_t resolved;
	uint64_t by_basis[4];
	uint64_t conflicts; /* windows that system files gave two different verdicts: next only from then on */
	uint64_t images;    /* made so far */
	uint64_t evicted;   /* images given up for room */
	uint64_t refused;   /* files that could not be used */
	uint64_t swept;     /* bytes */
	uint64_t sweep_ns;
	uint64_t rewritten; /* snapshots and files that were found to have changed */
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
 * Finds out where `ip` of process `pid` lies and makes the recipes. `identity` tells the process from others that have or had
 * the pid (0: unknown). `code` are the bytes around ip as they were at the sample; only code that is still the same is used.
 * A process that is gone gives a verdict by window. Returns 0 or -ENOMEM, with `none` set in both recipes.
 *
 * A verdict of RESOLVER_SYSTEM holds for this window in all processes, and is never taken back by one of less basis. All
 * others hold for this place of this process: who writes or maps code of its own must not speak for others.
 */
int resolver__resolve(struct resolver *resolver, pid_t pid, uint64_t identity, uint64_t ip,
		      const uint8_t code[MMU_CODE_BYTES], struct mmu_operand *operand, enum resolver_basis *basis);

/*
 * What the last verdict of RESOLVER_ANONYMOUS or RESOLVER_FILE was made by. Such a verdict is good as long as that holds: code
 * that is written anew may jump to places that nothing jumped to before.
 */
uint64_t resolver__source(const struct resolver *resolver);
bool resolver__holds(const struct resolver *resolver, uint64_t source);

/* Compares snapshots with the memory, and files with the state, that they were made of; gives up those that differ. */
void resolver__recheck(struct resolver *resolver);

const struct resolver_counts *resolver__counts(const struct resolver *resolver);

#endif
