// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "capture/target.h"

#include <stdlib.h>
#include <string.h>

void target__free(struct target *target)
{
	if (!target)
		return;
	free(target->ids);
	free(target->cpus);
	/* cgroup and command point into argv. */
	memset(target, 0, sizeof(*target));
}
