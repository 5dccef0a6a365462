// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/operands.h"
#include "mmuscope.skel.h"
#include "operand/resolver.h"
#include "support/clock.h"
#include "support/log.h"

struct operands {
	struct resolver *resolver;
	struct page_walker *walker;
	struct mmu_operand_slot *slots; /* mmu_operands, shared with the BPF program */
	uint64_t *sources;              /* of each slot: what it was made by, 0 if that cannot change */
	uint32_t n_slots;
	uint64_t tended_ns;
	uint64_t key;
	unsigned int use;
	struct operands_counts counts;
};

static size_t map_bytes(uint32_t n_slots)
{
	size_t page = sysconf(_SC_PAGESIZE);

	return (n_slots * sizeof(struct mmu_operand_slot) + page - 1) / page * page;
}

struct operands *operands__new(struct mmuscope_bpf *bpf, struct page_walker *walker, uint32_t slots, uint64_t key,
			       unsigned int use)
{
	struct operands *operands = calloc(1, sizeof(*operands));
	void *at;
	int err;

	if (!operands)
		return NULL;
	operands->walker = walker;
	operands->n_slots = slots;
	operands->key = key;
	operands->use = use;
	operands->tended_ns = clock__now();
	operands->sources = calloc(slots, sizeof(*operands->sources));
	operands->resolver = resolver__new(0);
	if (operands->resolver && resolver__use_thread(operands->resolver)) {
		resolver__free(operands->resolver);
		operands->resolver = NULL;
		errno = ENOMEM;
	}
	at = mmap(NULL, map_bytes(slots), PROT_READ | PROT_WRITE, MAP_SHARED, bpf_map__fd(bpf->maps.mmu_operands), 0);
	if (at != MAP_FAILED)
		operands->slots = at;
	if (operands->resolver && operands->slots && operands->sources)
		return operands;
	err = errno;
	log_error("operand resolver: %s", log__errstr(err));
	operands__free(operands);
	errno = err;
	return NULL;
}

void operands__free(struct operands *operands)
{
	if (!operands)
		return;
	if (operands->slots)
		munmap(operands->slots, map_bytes(operands->n_slots));
	resolver__free(operands->resolver);
	free(operands->sources);
	free(operands);
}

static bool is_for(const struct mmu_operand_slot *slot, const uint8_t *code, uint32_t hash,
		   const struct mmu_scope *scope)
{
	return slot->tag == hash && slot->pid == scope->pid && slot->place == scope->place &&
	       !memcmp(slot->code, code, MMU_CODE_BYTES);
}

/* The slot of a window: its own, a free one, or, when all are taken, one that is given up for it. */
static struct mmu_operand_slot *find_slot(struct operands *operands, const uint8_t *code, uint32_t hash,
					  const struct mmu_scope *scope)
{
	uint32_t first = mmu_operand_slot_of(hash, scope);
	struct mmu_operand_slot *slot, *free_slot = NULL;
	uint32_t i;

	for (i = 0; i < MMU_OPERAND_PROBES; i++) {
		slot = &operands->slots[(first + i) & (operands->n_slots - 1)];
		if (slot->version && is_for(slot, code, hash, scope))
			return slot;
		if (!free_slot && (!slot->version || slot->pid == MMU_NOBODY))
			free_slot = slot;
		if (!slot->version)
			break;
	}
	if (free_slot)
		return free_slot;
	operands->counts.evicted++;
	/* Any of them: the count spreads the choice without a clock or a random number. */
	return &operands->slots[(first + operands->counts.evicted % MMU_OPERAND_PROBES) & (operands->n_slots - 1)];
}

/*
 * `source` as of resolver__source(), 0 for what holds for good. The version is odd while the slot is written; the BPF program
 * looks at it before and after.
 */
static void install(struct operands *operands, const uint8_t *code, const struct mmu_scope *scope,
		    const struct mmu_operand *operand, uint64_t source)
{
	uint32_t hash = mmu_code_hash(code, operands->key);
	struct mmu_operand_slot *slot = find_slot(operands, code, hash, scope);
	uint64_t version = slot->version;

	operands->sources[slot - operands->slots] = source;
	if (version && !memcmp(&slot->operand, operand, sizeof(*operand)) && is_for(slot, code, hash, scope))
		return;
	__atomic_store_n(&slot->version, version + 1, __ATOMIC_SEQ_CST);
	slot->tag = hash;
	slot->pid = scope->pid;
	slot->place = scope->place;
	memcpy(slot->code, code, MMU_CODE_BYTES);
	slot->operand = *operand;
	__atomic_store_n(&slot->version, version + 2, __ATOMIC_SEQ_CST);
	operands->counts.installed++;
}

static void give_up(struct operands *operands, uint32_t i)
{
	struct mmu_operand_slot *slot = &operands->slots[i];

	__atomic_store_n(&slot->version, slot->version + 1, __ATOMIC_SEQ_CST);
	slot->pid = MMU_NOBODY;
	__atomic_store_n(&slot->version, slot->version + 1, __ATOMIC_SEQ_CST);
	operands->sources[i] = 0;
	operands->counts.expired++;
}

void operands__tend(struct operands *operands)
{
	uint64_t now = clock__now();

	if (now - operands->tended_ns < OPERANDS_RECHECK_NS)
		return;
	operands->tended_ns = now;
	resolver__recheck(operands->resolver);
	for (uint32_t i = 0; i < operands->n_slots; i++)
		if (operands->sources[i] && !resolver__holds(operands->resolver, operands->sources[i]))
			give_up(operands, i);
}

static int keep_walk(void *ctx, uint64_t start, const struct mmu_walk *walk)
{
	struct page_answer *answer = ctx;

	(void)start;
	answer->walk = walk->outcome;
	answer->level = walk->level;
	return 0;
}

/* Walks now what the BPF program could not yet: the address was not known. A task that is gone has no pages any more. */
static void walk_late(struct operands *operands, struct sample *sample)
{
	struct page_path path;
	int err;

	if (!operands->walker)
		return;
	err = page_walker__range(operands->walker, sample->tid, sample->addr, sample->addr, keep_walk, &sample->data,
				 &path);
	if (err || sample->data.walk == mmu_outcome_none(MMU_NONE_NO_MM))
		sample->data.walk = mmu_outcome_none(MMU_NONE_GONE);
}

static void use_recipe(struct sample *sample, const struct mmu_code *code, const struct mmu_recipe *recipe,
		       enum mmu_origin origin)
{
	__u64 regs[MMU_REG_COUNT] = {0};

	memcpy(regs, code->regs, sizeof(code->regs));
	sample->addr = mmu_recipe_run(regs, recipe);
	sample->origin = origin;
	sample->distance = recipe->distance;
}

/* Only the system's files speak for all processes, and what is known by the window alone is for this sample. */
static void keep(struct operands *operands, const struct sample *sample, const struct mmu_code *code,
		 const struct mmu_operand *operand, enum resolver_basis basis)
{
	struct mmu_scope own = mmu_scope_own(sample->pid, code->identity, sample->ip), all = mmu_scope_all();

	if (basis == RESOLVER_SYSTEM)
		install(operands, code->bytes, &all, operand, 0);
	else if (basis != RESOLVER_WINDOW)
		install(operands, code->bytes, &own, operand, resolver__source(operands->resolver));
}

int operands__resolve(struct operands *operands, struct sample *sample, const struct mmu_code *code)
{
	enum resolver_basis basis;
	struct mmu_operand operand;
	uint8_t none;
	int err;

	operands->counts.late++;
	err = resolver__resolve(operands->resolver, sample->pid, code->identity, sample->ip, code->bytes, &operand,
				&basis);
	if (err)
		return err;
	keep(operands, sample, code, &operand, basis);

	if (operands->use & OPERANDS_PREVIOUS && !operand.previous.none) {
		use_recipe(sample, code, &operand.previous, MMU_ORIGIN_OPERAND_PREVIOUS);
	} else if (operands->use & OPERANDS_NEXT && !operand.next.none) {
		use_recipe(sample, code, &operand.next, MMU_ORIGIN_OPERAND_NEXT);
	} else {
		none = operands->use & OPERANDS_NEXT ? operand.next.none : operand.previous.none;
		sample->data.walk = mmu_outcome_none(none);
		return 0;
	}
	sample->data.walk = mmu_outcome_none(MMU_NONE_UNSUPPORTED);
	walk_late(operands, sample);
	return 0;
}

const struct operands_counts *operands__counts(const struct operands *operands)
{
	return &operands->counts;
}
