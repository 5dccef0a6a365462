/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Attaches a BPF program to a perf event without enabling the event (libbpf's own attach enables it at once, and a COMMAND
 * must not be sampled before its exec).
 */
#ifndef MMUSCOPE_CAPTURE_PERF_LINK_H
#define MMUSCOPE_CAPTURE_PERF_LINK_H

#include <limits.h>

/* perf_link__create(): attached, but by ioctl: there is no link, and the program stays until the event is closed. */
#define PERF_LINK_NONE INT_MIN

/*
 * Returns the descriptor of a bpf_link (kernel ≥ 5.15, b89fbfbb854c "bpf: Implement minimal BPF perf link"),
 * PERF_LINK_NONE where PERF_EVENT_IOC_SET_BPF had to do, or -errno.
 */
int perf_link__create(int prog_fd, int perf_fd);

#endif
