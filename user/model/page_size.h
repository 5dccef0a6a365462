/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page sizes, the reasons why there is none, and the names a person reads for both.
 */
#ifndef MMUSCOPE_MODEL_PAGE_SIZE_H
#define MMUSCOPE_MODEL_PAGE_SIZE_H

#include <stddef.h>
#include <stdint.h>

#include "record.h"

#define PAGE_SIZE_NAME_LEN 8

/* Writes "4K", "2M", "1G", … for a page of 1 << shift bytes (shift 0 … 63) into buf; returns buf. Powers of 1024. */
const char *page_size__name(unsigned int shift, char buf[PAGE_SIZE_NAME_LEN]);

/* Name of a reason of enum mmu_none ("not-mapped"), as JSON spells it. An unknown number gives "unknown". */
const char *page_size__none_name(unsigned int reason);

/* True for the reasons that mean "there was no address to walk": no-address, and those of the operand resolver. */
int page_size__none_is_without_address(unsigned int reason);

/* True for the reasons that mean "an address was walked and the walk failed": not no-address, not-reported, unsupported. */
int page_size__none_is_failure(unsigned int reason);

/*
 * The reason in an outcome that is not a size. A byte that nobody wrote, or that this version does not know, counts as
 * unsupported.
 */
unsigned int page_size__reason(uint8_t outcome);

/* The size of an outcome, or the reason why there is none; `buf` may be used for it. */
const char *page_size__outcome_name(uint8_t outcome, char buf[PAGE_SIZE_NAME_LEN]);

/* "pte", "pmd", "pud", "p4d", "pgd", "none" for enum mmu_level. */
const char *page_size__level_name(unsigned int level);

/* "write", "user", … for bit `bit` (0 … MMU_FLAG_COUNT - 1) of enum mmu_flag; NULL beyond. */
const char *page_size__flag_name(unsigned int bit);

/* "pmu", "breakpoint", … for enum mmu_origin; "none" for MMU_ORIGIN_NONE. */
const char *page_size__origin_name(unsigned int origin);

/* "user", "kernel", "idle" for enum mmu_mode. */
const char *page_size__mode_name(unsigned int mode);

#endif
