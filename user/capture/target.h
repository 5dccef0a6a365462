/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is sampled.
 */
#ifndef MMUSCOPE_CAPTURE_TARGET_H
#define MMUSCOPE_CAPTURE_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum target_kind {
	TARGET_ALL,     /* -a, the default: every CPU */
	TARGET_PIDS,    /* -p */
	TARGET_TIDS,    /* -t */
	TARGET_CGROUP,  /* -G */
	TARGET_COMMAND, /* COMMAND … */
};

struct target {
	enum target_kind kind;
	uint32_t *ids; /* PIDs or TIDs; malloc()ed */
	size_t n_ids;
	uint32_t *cpus; /* -C, malloc()ed; NULL: every online CPU */
	size_t n_cpus;
	const char *cgroup; /* path of a cgroup directory, or its name below the cgroup2 mount */
	char **command;     /* NULL-terminated, points into argv */
};

void target__free(struct target *target);

#endif
