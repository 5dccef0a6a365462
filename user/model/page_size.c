/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "page_size.h"

#include <stdio.h>

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static const char *const none_names[] = {
	[MMU_NONE_NO_ADDRESS] = "no-address",
	[MMU_NONE_NOT_MAPPED] = "not-mapped",
	[MMU_NONE_SWAPPED] = "swapped",
	[MMU_NONE_NO_MM] = "no-mm",
	[MMU_NONE_READ_FAULT] = "read-fault",
	[MMU_NONE_NOT_CANONICAL] = "not-canonical",
	[MMU_NONE_NOT_REPORTED] = "not-reported",
	[MMU_NONE_UNSUPPORTED] = "unsupported",
	[MMU_NONE_NO_OPERAND] = "no-operand",
	[MMU_NONE_OVERWRITTEN] = "overwritten",
	[MMU_NONE_CODE_UNREADABLE] = "code-unreadable",
	[MMU_NONE_UNDECODABLE] = "undecodable",
	[MMU_NONE_UNSUPPORTED_FORM] = "unsupported-form",
	[MMU_NONE_GONE] = "gone",
};
_Static_assert(ARRAY_SIZE(none_names) == MMU_NONE_MAX, "every reason has a name");

static const char *const level_names[] = {
	[MMU_LEVEL_NONE] = "none", [MMU_LEVEL_PTE] = "pte", [MMU_LEVEL_PMD] = "pmd",
	[MMU_LEVEL_PUD] = "pud",   [MMU_LEVEL_P4D] = "p4d", [MMU_LEVEL_PGD] = "pgd",
};

static const char *const flag_names[] = {
	"write",   "user",      "exec",       "accessed", "dirty",      "global",
	"special", "prot-none", "soft-dirty", "uffd-wp",  "contiguous",
};
_Static_assert(ARRAY_SIZE(flag_names) == MMU_FLAG_COUNT, "every flag has a name");

static const char *const origin_names[] = {
	[MMU_ORIGIN_NONE] = "none",
	[MMU_ORIGIN_PMU] = "pmu",
	[MMU_ORIGIN_BREAKPOINT] = "breakpoint",
	[MMU_ORIGIN_FAULT] = "fault",
	[MMU_ORIGIN_OPERAND_PREVIOUS] = "operand-previous",
	[MMU_ORIGIN_OPERAND_NEXT] = "operand-next",
};

static const char *const mode_names[] = {
	[MMU_MODE_USER] = "user",
	[MMU_MODE_KERNEL] = "kernel",
	[MMU_MODE_IDLE] = "idle",
};

static const char *name_of(const char *const *names, size_t n, unsigned int i)
{
	return i < n && names[i] ? names[i] : "unknown";
}

const char *page_size__name(unsigned int shift, char buf[PAGE_SIZE_NAME_LEN])
{
	static const char units[] = "\0KMGTPE";

	shift &= 63;
	/* A unit of '\0' ends the string: bytes have none. */
	snprintf(buf, PAGE_SIZE_NAME_LEN, "%u%c", 1u << shift % 10, units[shift / 10]);
	return buf;
}

const char *page_size__none_name(unsigned int reason)
{
	return name_of(none_names, ARRAY_SIZE(none_names), reason);
}

int page_size__none_is_without_address(unsigned int reason)
{
	switch (reason) {
	case MMU_NONE_NO_ADDRESS:
	case MMU_NONE_NO_OPERAND:
	case MMU_NONE_OVERWRITTEN:
	case MMU_NONE_CODE_UNREADABLE:
	case MMU_NONE_UNDECODABLE:
	case MMU_NONE_UNSUPPORTED_FORM:
		return 1;
	default:
		return 0;
	}
}

int page_size__none_is_failure(unsigned int reason)
{
	switch (reason) {
	case MMU_NONE_NOT_MAPPED:
	case MMU_NONE_SWAPPED:
	case MMU_NONE_NO_MM:
	case MMU_NONE_READ_FAULT:
	case MMU_NONE_NOT_CANONICAL:
		return 1;
	default:
		return 0;
	}
}

unsigned int page_size__reason(uint8_t outcome)
{
	return mmu_outcome_is_none(outcome) ? outcome - MMU_OUTCOME_NONE_BASE : MMU_NONE_UNSUPPORTED;
}

const char *page_size__outcome_name(uint8_t outcome, char buf[PAGE_SIZE_NAME_LEN])
{
	return mmu_outcome_is_size(outcome) ? page_size__name(outcome, buf)
					    : page_size__none_name(page_size__reason(outcome));
}

const char *page_size__level_name(unsigned int level)
{
	return name_of(level_names, ARRAY_SIZE(level_names), level);
}

const char *page_size__flag_name(unsigned int bit)
{
	return bit < ARRAY_SIZE(flag_names) ? flag_names[bit] : NULL;
}

const char *page_size__origin_name(unsigned int origin)
{
	return name_of(origin_names, ARRAY_SIZE(origin_names), origin);
}

const char *page_size__mode_name(unsigned int mode)
{
	return name_of(mode_names, ARRAY_SIZE(mode_names), mode);
}
