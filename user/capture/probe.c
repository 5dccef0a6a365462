// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/btf.h>
#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <stddef.h>
#include <unistd.h>

#include "capture/perf_set.h"
#include "capture/probe.h"
#include "support/error.h"

bool probe__kfunc(const struct btf *btf, const char *name)
{
	return btf && btf__find_by_name_kind(btf, name, BTF_KIND_FUNC) > 0;
}

bool probe__sample_type(uint64_t bits)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = bits,
		.sample_period = 1,
		.exclude_kernel = 1,
		.disabled = 1,
	};
	int fd = perf_set__open_one(&attr, 0, -1, -1, 0);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int probe__breakpoint_hits(void)
{
	static volatile uint64_t watched;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_RW,
		.bp_addr = (uintptr_t)&watched,
		.bp_len = sizeof(watched),
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};
	int fd = perf_set__open_one(&attr, 0, -1, -1, 0);
	uint64_t count = 0;
	int result;

	if (fd < 0)
		return fd;
	(void)watched;
	result = read(fd, &count, sizeof(count)) < 0 ? error__last() : count > 0;
	close(fd);
	return result;
}

struct btf *probe__load_btf(const char *path)
{
	struct btf *btf = path ? btf__parse(path, NULL) : btf__load_vmlinux_btf();

	if (!btf && errno == ESRCH)
		errno = ENOENT; /* libbpf's word for "none of the usual places has it" */
	return btf;
}
