/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What this machine and kernel can do: probed, never guessed from a version.
 */
#ifndef MMUSCOPE_CAPTURE_PROBE_H
#define MMUSCOPE_CAPTURE_PROBE_H

#include <stdbool.h>
#include <stdint.h>

struct btf;

/* Does the kernel's BTF have this function (a kfunc can then be called)? `btf` may be NULL: no. */
bool probe__kfunc(const struct btf *btf, const char *name);

/* Does perf_event_open(2) accept these bits of sample_type on a software event? */
bool probe__sample_type(uint64_t bits);

/*
 * Does a debug register report what it watches? One of our own watches a word of ours, which is read once. Some hypervisors
 * take debug registers and never raise the exception. Returns 1 (it does), 0 (it counted nothing) or -errno (it cannot be
 * opened or read).
 */
int probe__breakpoint_hits(void);

/* Loads the kernel's BTF from `path`, or from /sys/kernel/btf/vmlinux for NULL. NULL with errno set. */
struct btf *probe__load_btf(const char *path);

#endif
