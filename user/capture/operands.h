/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Data addresses without a PMU, the loader's part: decodes code that is new to the BPF program, writes its recipe into
 * mmu_operands, and resolves the very sample that brought it.
 */
#ifndef MMUSCOPE_CAPTURE_OPERANDS_H
#define MMUSCOPE_CAPTURE_OPERANDS_H

#include <stdint.h>

#include "capture/page_walker.h"
#include "model/sample.h"
#include "recipe.h"

struct mmuscope_bpf;
struct operands;

/* Accesses that may serve: MMU_USE_PREVIOUS, MMU_USE_NEXT or both. */
#define OPERANDS_PREVIOUS 1
#define OPERANDS_NEXT 2

#define OPERANDS_DEFAULT_SLOTS 16384
#define OPERANDS_MAX_SLOTS (1U << 20)

struct operands_counts {
	uint64_t late;      /* samples resolved here, because their code was new */
	uint64_t installed; /* recipes written */
	uint64_t evicted;   /* recipes given up for newer ones */
	uint64_t expired;   /* given up because the code that they were made by is not the same any more */
};

/* So often is looked whether it still is. */
#define OPERANDS_RECHECK_NS 1000000000

/*
 * `key` is that of cfg_operand_key, `slots` (a power of two) the size of mmu_operands, `use` the accesses that may serve.
 * The walker is borrowed. NULL with errno set, with a message logged.
 */
struct operands *operands__new(struct mmuscope_bpf *bpf, struct page_walker *walker, uint32_t slots, uint64_t key,
			       unsigned int use);
void operands__free(struct operands *operands);

/*
 * Completes a late sample: its origin, address and walk, or the reason why there is none. Installs the recipe. Returns 0 or
 * -ENOMEM.
 */
int operands__resolve(struct operands *operands, struct sample *sample, const struct mmu_code *code);

/* To be called now and then: gives up recipes of code that was rewritten, once in OPERANDS_RECHECK_NS. */
void operands__tend(struct operands *operands);

const struct operands_counts *operands__counts(const struct operands *operands);

#endif
