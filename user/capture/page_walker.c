// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/bpf_object.h"
#include "capture/page_walker.h"
#include "mmuscope.skel.h"
#include "support/error.h"
#include "support/log.h"

struct page_walker {
	struct mmuscope_bpf *bpf;
	bool borrowed; /* the object is another's */
	struct layout_result layout;
	const struct mmu_walk_piece *pieces; /* mmu_walks, mapped */
	size_t pieces_bytes;
	uint32_t tid;  /* that the link was made for */
	bool narrowed; /* the link shows that task alone */
	int link_fd;
};

static int map_pieces(struct page_walker *walker)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *at;

	walker->pieces_bytes = (MMU_WALK_PIECES * sizeof(struct mmu_walk_piece) + page - 1) / page * page;
	at = mmap(NULL, walker->pieces_bytes, PROT_READ, MAP_SHARED, bpf_map__fd(walker->bpf->maps.mmu_walks), 0);
	if (at == MAP_FAILED)
		return error__last();
	walker->pieces = at;
	return 0;
}

struct page_walker *page_walker__new(const char *btf)
{
	struct page_walker *walker = calloc(1, sizeof(*walker));
	int err = 0;

	if (!walker) {
		log_error("the walk: %s", log__errstr(ENOMEM));
		return NULL;
	}
	walker->link_fd = -1;
	walker->bpf = bpf_object__open_walker(btf);
	if (!walker->bpf)
		err = error__last();
	if (!err)
		err = layout__prepare(walker->bpf, &walker->layout);
	if (!err) {
		err = map_pieces(walker);
		if (err)
			log_error("map mmu_walks: %s", log__errstr(err));
	}
	if (err) {
		page_walker__free(walker);
		errno = -err;
		return NULL;
	}
	return walker;
}

struct page_walker *page_walker__over(struct mmuscope_bpf *bpf)
{
	struct page_walker *walker = calloc(1, sizeof(*walker));
	int err = walker ? 0 : -ENOMEM;

	if (!err) {
		walker->link_fd = -1;
		walker->bpf = bpf;
		walker->borrowed = true;
		err = map_pieces(walker);
	}
	if (!err)
		return walker;
	log_error("map mmu_walks: %s", log__errstr(err));
	page_walker__free(walker);
	errno = -err;
	return NULL;
}

void page_walker__free(struct page_walker *walker)
{
	if (!walker)
		return;
	if (walker->pieces)
		munmap((void *)walker->pieces, walker->pieces_bytes);
	if (walker->link_fd >= 0)
		close(walker->link_fd);
	if (!walker->borrowed)
		mmuscope_bpf__destroy(walker->bpf);
	free(walker);
}

const struct layout_result *page_walker__layout(const struct page_walker *walker)
{
	return &walker->layout;
}

/*
 * The iterator, narrowed to one task where the kernel can (6.1, f0d74c4da1f0 "bpf: Parameterize task iterators"), else over
 * all of them: the program passes over the others.
 */
static int open_link(struct page_walker *walker, uint32_t tid)
{
	union bpf_iter_link_info info = {.task.tid = tid};
	LIBBPF_OPTS(bpf_link_create_opts, opts, .iter_info = &info, .iter_info_len = sizeof(info));
	int prog_fd = bpf_program__fd(walker->bpf->progs.mmuscope_walk);

	if (walker->link_fd >= 0 && walker->tid == tid)
		return 0;
	if (walker->link_fd >= 0)
		close(walker->link_fd);
	walker->tid = tid;
	walker->link_fd = bpf_link_create(prog_fd, 0, BPF_TRACE_ITER, &opts);
	walker->narrowed = walker->link_fd >= 0;
	if (walker->link_fd == -EINVAL || walker->link_fd == -E2BIG)
		walker->link_fd = bpf_link_create(prog_fd, 0, BPF_TRACE_ITER, NULL);
	return walker->link_fd < 0 ? walker->link_fd : 0;
}

/* Runs the program once over the tasks. */
static int run_once(struct page_walker *walker)
{
	int fd = bpf_iter_create(walker->link_fd);
	char nothing[64];
	ssize_t n;
	int err = 0;

	if (fd < 0)
		return fd;
	do {
		n = read(fd, nothing, sizeof(nothing));
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			err = error__last();
	} while (n > 0 || (n < 0 && !err));
	close(fd);
	return err;
}

static int hand_out(const struct page_walker *walker, page_walker_fn on_piece, void *ctx)
{
	uint32_t n = walker->bpf->bss->mmu_request.n;
	uint32_t i;
	int err = 0;

	for (i = 0; i < n && i < MMU_WALK_PIECES && !err; i++) {
		struct mmu_walk_piece piece = walker->pieces[i];

		err = on_piece(ctx, piece.start, &piece.walk);
	}
	return err;
}

static void keep_path(const struct mmu_walk_request *request, struct page_path *path)
{
	memcpy(path->entry, request->entries, sizeof(path->entry));
	path->seen = request->entries_seen;
}

int page_walker__range(struct page_walker *walker, uint32_t tid, uint64_t start, uint64_t last, page_walker_fn on_piece,
		       void *ctx, struct page_path *path)
{
	struct mmu_walk_request *request = &walker->bpf->bss->mmu_request;
	bool first = true;
	int err = open_link(walker, tid);

	if (err == -ESRCH || err == -ENOENT)
		return -ESRCH;
	if (err)
		return err;
	*request = (struct mmu_walk_request){.tid = tid, .narrowed = walker->narrowed, .next = start, .last = last};
	while (!err && !request->done) {
		request->n = 0;
		request->found = 0;
		err = run_once(walker);
		if (!err && !request->found)
			err = -ESRCH; /* never was, or ended while we walked */
		if (!err && !request->n)
			err = -EIO;
		if (!err && first)
			keep_path(request, path);
		first = false;
		if (!err)
			err = hand_out(walker, on_piece, ctx);
	}
	return err;
}
