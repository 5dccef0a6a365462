// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>

#include "capture/perf_link.h"
#include "support/error.h"

int perf_link__create(int prog_fd, int perf_fd)
{
	int fd = bpf_link_create(prog_fd, perf_fd, BPF_PERF_EVENT, NULL);

	if (fd >= 0)
		return fd;
	/* A kernel without perf links says EINVAL, and so does an event that no program can attach to: ask the old way. */
	if (fd != -EINVAL)
		return fd;
	return ioctl(perf_fd, PERF_EVENT_IOC_SET_BPF, prog_fd) ? error__last() : PERF_LINK_NONE;
}
