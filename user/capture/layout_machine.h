/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the machine says of itself about paging, without any help from BPF.
 */
#ifndef MMUSCOPE_CAPTURE_LAYOUT_MACHINE_H
#define MMUSCOPE_CAPTURE_LAYOUT_MACHINE_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

/*
 * Fills page_shift, levels, pfn_mask and phys_limit. `task_size` is mm->task_size of a 64-bit task (2^47 - 4096 with
 * 4 levels, 2^56 - 4096 with 5: arch/x86/include/asm/page_64_types.h); `physical_mask` is the kernel's symbol, or 0.
 * levels is 0 when task_size is neither.
 */
void layout_machine__fill(struct mmu_layout *layout, uint64_t task_size, uint64_t physical_mask);

/*
 * Address bits of a page-table entry from CPUID: MAXPHYADDR (leaf 80000008H), without the SEV/SME encryption bit (leaf
 * 8000001FH, AMD APM vol. 3 E.4.17) and, in a TDX guest, without the shared bit (leaf 21H).
 */
uint64_t layout_machine__pfn_mask(void);

/* End of physical memory in bytes, from the zones of /proc/zoneinfo, rounded up to 1 GiB; 0 when unreadable. */
uint64_t layout_machine__phys_end(const char *zoneinfo);

/* Bytes of huge pages (AnonHugePages) in our own mapping that holds `at`, from /proc/self/smaps; 0 when there are none. */
size_t layout_machine__huge_bytes(const void *at);

#endif
