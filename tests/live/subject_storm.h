/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What subject_storm tells of itself.
 */
#ifndef MMUSCOPE_TESTS_SUBJECT_STORM_H
#define MMUSCOPE_TESTS_SUBJECT_STORM_H

#include <stdint.h>

/*
 * Written to --truth FD at the end. The kernel's own counts are bounds: rusage counts faults of get_user_pages() and
 * from before exec as well, and cannot be read in the very moment the events end.
 */
struct storm_truth {
	uint64_t user_faults;   /* pages touched from user mode; there are others: of start-up, of copy-on-write */
	uint64_t kernel_faults; /* pages touched by the kernel for it */
	uint64_t faults_high;   /* all minor faults by rusage */
	uint64_t reads;         /* of the watched word: exact */
	uint64_t switches_low;
	uint64_t switches_high;
	uint64_t children;
	uint64_t cpu_ms;
};

#endif
