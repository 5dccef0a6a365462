// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "capture/rings.h"
#include "support/error.h"
#include "support/log.h"

struct rings {
	struct ring_buffer *buffer; /* libbpf's reader over all of them */
	int *fds;
	size_t n;
	rings_fn on_record;
	void *ctx;
};

static int on_libbpf_record(void *ctx, void *bytes, size_t size)
{
	struct rings *rings = ctx;

	return rings->on_record(rings->ctx, bytes, size);
}

static int add_ring(struct rings *rings, int outer_fd, uint32_t cpu, uint64_t bytes)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, "mmu_ring", 0, 0, bytes, NULL);
	int err;

	if (fd < 0)
		return fd;
	err = bpf_map_update_elem(outer_fd, &cpu, &fd, BPF_ANY);
	if (!err && !rings->buffer) {
		rings->buffer = ring_buffer__new(fd, on_libbpf_record, rings, NULL);
		err = rings->buffer ? 0 : error__last();
	} else if (!err) {
		err = ring_buffer__add(rings->buffer, fd, on_libbpf_record, rings);
	}
	if (err) {
		close(fd);
		return err;
	}
	rings->fds[rings->n++] = fd;
	return 0;
}

struct rings *rings__new(int outer_fd, const struct cpus *cpus, uint64_t bytes, rings_fn on_record, void *ctx)
{
	struct rings *rings = calloc(1, sizeof(*rings));
	int err = 0;
	size_t i;

	if (rings)
		rings->fds = calloc(cpus->n, sizeof(*rings->fds));
	if (!rings || !rings->fds) {
		free(rings);
		log_error("ring buffers: %s", log__errstr(ENOMEM));
		errno = ENOMEM;
		return NULL;
	}
	rings->on_record = on_record;
	rings->ctx = ctx;
	for (i = 0; i < cpus->n && !err; i++)
		err = add_ring(rings, outer_fd, cpus->ids[i], bytes);
	if (err) {
		log_error("ring buffer of %" PRIu64 " bytes for CPU %u: %s; a smaller --buffer needs less memory",
			  bytes, cpus->ids[i - 1], log__errstr(err));
		rings__free(rings);
		errno = -err;
		return NULL;
	}
	return rings;
}

void rings__free(struct rings *rings)
{
	size_t i;

	if (!rings)
		return;
	ring_buffer__free(rings->buffer);
	for (i = 0; i < rings->n; i++)
		close(rings->fds[i]);
	free(rings->fds);
	free(rings);
}

int rings__drain(struct rings *rings)
{
	int n = ring_buffer__consume(rings->buffer);

	return n < 0 ? n : 0;
}

int rings__watch(const struct rings *rings, int epoll_fd, uint64_t tag)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = tag};
	size_t i;

	for (i = 0; i < rings->n; i++) {
		if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, rings->fds[i], &event))
			return error__last();
	}
	return 0;
}
