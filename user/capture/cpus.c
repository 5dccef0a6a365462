// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cpus.h"
#include "support/parse.h"
#include "support/error.h"

static int read_list(const char *path, uint32_t **ids, size_t *n)
{
	char line[4096];
	FILE *file = fopen(path, "re");
	int err = 0;

	if (!file)
		return error__last();
	if (!fgets(line, sizeof(line), file))
		err = -EIO;
	fclose(file);
	if (err)
		return err;
	line[strcspn(line, "\n")] = '\0';
	return parse__list(line, 0, CPUS_MAX - 1, 1, ids, n);
}

int cpus__online(struct cpus *cpus)
{
	uint32_t *possible = NULL;
	size_t n = 0;
	int err;

	*cpus = (struct cpus){0};
	err = read_list("/sys/devices/system/cpu/online", &cpus->ids, &cpus->n);
	if (err)
		return err;
	cpus->highest = cpus->ids[cpus->n - 1];
	if (!read_list("/sys/devices/system/cpu/possible", &possible, &n) && possible[n - 1] > cpus->highest)
		cpus->highest = possible[n - 1];
	free(possible);
	return 0;
}

void cpus__free(struct cpus *cpus)
{
	free(cpus->ids);
	*cpus = (struct cpus){0};
}

bool cpus__has(const struct cpus *cpus, uint32_t id)
{
	size_t i;

	for (i = 0; i < cpus->n; i++) {
		if (cpus->ids[i] == id)
			return true;
	}
	return false;
}
