/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What access_plugin.c, inside QEMU, tells step_truth.c: the accesses of the instruction that was executed last, in a file that
 * both map. Whoever steps the program sets n to 0 before a step and reads after it; QEMU stands still in between.
 */
#ifndef MMUSCOPE_TEST_ACCESS_LOG_H
#define MMUSCOPE_TEST_ACCESS_LOG_H

#include <stdint.h>

#define ACCESS_LOG_MAX 64

struct access_log {
	volatile uint64_t n; /* may be more than fit */
	struct {
		uint64_t ip;
		uint64_t address;
	} accesses[ACCESS_LOG_MAX];
};

#endif
