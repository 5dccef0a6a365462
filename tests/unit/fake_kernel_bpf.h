/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Between the two halves of the fake kernel; tests include fake_kernel.h.
 */
#ifndef MMUSCOPE_TESTS_FAKE_KERNEL_BPF_H
#define MMUSCOPE_TESTS_FAKE_KERNEL_BPF_H

#include <stdbool.h>
#include <stdint.h>

#include "record.h"

#define FAKE_RING_FRAME 0x777ULL
#define FAKE_TABLE_FRAME 0x1234ULL
#define FAKE_HUGE_FRAME 0x80000ULL

/* mmuscope_check, on a page fault of the loader's at `addr`. Runs in a signal handler. */
void fake_bpf__run_check(uint64_t addr);

/* mmuscope_walk, over all tasks. */
bool fake_bpf__is_iterator(int fd);
void fake_bpf__iterate(void);

/* What maps `addr` of the loader; 0 for a frame that is none. */
void fake_kernel__truth(uint64_t addr, struct mmu_walk *walk);
uint64_t fake_kernel__frame(uint64_t addr);
uint64_t fake_kernel__fault_frame(uint64_t addr);
struct fake_event *fake_kernel__event(int fd);

#endif
