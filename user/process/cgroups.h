/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths of cgroups by the id that BPF tells (bpf_get_current_cgroup_id()): that of the cgroup v2 hierarchy, where a task
 * always is, also on machines that keep their controllers in v1.
 */
#ifndef MMUSCOPE_PROCESS_CGROUPS_H
#define MMUSCOPE_PROCESS_CGROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "model/name.h"

struct cgroups;

/* The mount point of cgroup v2: beside v1 it is /sys/fs/cgroup/unified, or anywhere. Returns 0 or -ENOENT. */
int cgroups__mount(char *path, size_t size);

/* `mount` is the mount point, NULL where there is none. NULL with errno ENOMEM. */
struct cgroups *cgroups__new(struct names *names, const char *mount);
void cgroups__free(struct cgroups *cgroups);

/*
 * The path below the mount point ("/" is its top); "[removed]" where there is no such cgroup any more, "[id N]" where it
 * cannot be found out. Held by `cgroups` until the next call or longer. NULL: no memory.
 */
const struct name *cgroups__find(struct cgroups *cgroups, uint64_t id);

#endif
