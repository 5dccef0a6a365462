/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One sample as everything above capture/ sees it: no wire format, no libbpf.
 */
#ifndef MMUSCOPE_MODEL_SAMPLE_H
#define MMUSCOPE_MODEL_SAMPLE_H

#include <stdint.h>

#include "name.h"
#include "record.h"

/* What the two sources said of one address. Outcomes: see record.h. */
struct page_answer {
	uint8_t walk;   /* outcome of our walk */
	uint8_t kernel; /* outcome of the kernel's sample */
	uint8_t level;  /* enum mmu_level at which the walk ended */
};

struct sample {
	struct page_answer data;
	struct page_answer code;
	uint8_t event;    /* index into the run's events */
	uint8_t mode;     /* enum mmu_mode */
	uint8_t origin;   /* enum mmu_origin */
	uint8_t distance; /* instructions between access and sample, operand origins only */
	uint8_t sections; /* enum mmu_section: which of the fields below were recorded; the others are 0 */
	uint16_t cpu;
	uint32_t pid;
	uint32_t tid;
	uint64_t start_ns;       /* of the process, CLOCK_BOOTTIME, ns; 0: unknown */
	char comm[MMU_COMM_LEN]; /* always terminated */
	uint64_t time_ns;        /* CLOCK_MONOTONIC */
	uint64_t ip;
	uint64_t addr;
	uint64_t cgroup;
	uint64_t period;
	uint64_t weight;
	uint64_t data_src;
	/* Where a sort key asks for them, else NULL: see process/attribution.h. */
	const struct name *data_map; /* what is mapped at addr */
	const struct name *code_map; /* and at ip */
	const struct name *cgroup_path;
};

#endif
