/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef MMUSCOPE_SUPPORT_ERROR_H
#define MMUSCOPE_SUPPORT_ERROR_H

#include <errno.h>

/* -errno of the call that just failed; never 0, so that no failure can pass for success. */
static inline int error__last(void)
{
	int err = 0 - errno; /* not -errno: the analyzer of clang 14 loses track of a unary minus */

	return err < 0 ? err : -EIO;
}

#endif
