/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Numbers and lists from text, with end pointer and range: "10abc", "-1" and overflow are errors, never a value.
 */
#ifndef MMUSCOPE_SUPPORT_PARSE_H
#define MMUSCOPE_SUPPORT_PARSE_H

#include <stddef.h>
#include <stdint.h>

/* Decimal, or hexadecimal with 0x. Returns 0, -EINVAL (not a number) or -ERANGE (outside min … max). */
int parse__u64(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* Bytes: a number with an optional K, M or G (powers of 1024). Returns as parse__u64. */
int parse__size(const char *text, uint64_t min, uint64_t max, uint64_t *bytes);

/* Seconds with an optional fraction ("0.5") to nanoseconds. Returns as parse__u64, limits in nanoseconds. */
int parse__seconds(const char *text, uint64_t min_ns, uint64_t max_ns, uint64_t *ns);

/*
 * "1,4-7" to a sorted array without duplicates; ranges only where `ranges` is set. *list is malloc()ed. Returns 0,
 * -EINVAL, -ERANGE or -ENOMEM.
 */
int parse__list(const char *text, uint32_t min, uint32_t max, int ranges, uint32_t **list, size_t *n);

#endif
