/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Opens, configures and loads the BPF object: with the sampler, or with the on-demand walk.
 */
#ifndef MMUSCOPE_CAPTURE_BPF_OBJECT_H
#define MMUSCOPE_CAPTURE_BPF_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/event.h"

struct mmuscope_bpf;

struct bpf_object_config {
	const struct event_list *events;
	size_t n_perf_fds;
	uint32_t highest_cpu;
	unsigned int sections;
	bool walk;
	bool kernel;
	uint64_t buffer;        /* ring bytes per CPU */
	unsigned int operand;   /* accesses that may name the address of a clock's sample (operands.h); 0: none */
	uint32_t operand_slots; /* recipes that mmu_operands holds, a power of two */
	uint64_t operand_key;   /* secret of this run */
	const char *btf;        /* NULL: the running kernel's */
};

/* Loads mmuscope_sample, mmuscope_check and, to resolve operands late, mmuscope_walk where it can be. NULL with errno set, with a message logged. mmuscope_bpf__destroy() frees. */
struct mmuscope_bpf *bpf_object__open_sampler(const struct bpf_object_config *config);

/* Loads mmuscope_walk and mmuscope_check. As above. */
struct mmuscope_bpf *bpf_object__open_walker(const char *btf);

#endif
