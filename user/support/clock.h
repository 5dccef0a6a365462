/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MMUSCOPE_SUPPORT_CLOCK_H
#define MMUSCOPE_SUPPORT_CLOCK_H

#include <stdint.h>

#define NSEC_PER_SEC 1000000000ULL
#define NSEC_PER_MSEC 1000000ULL

/* CLOCK_MONOTONIC in ns: clock jumps do not reach it. */
uint64_t clock__now(void);

/* CPU time of the calling thread in ns. */
uint64_t clock__thread_cpu(void);

#endif
