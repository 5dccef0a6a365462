// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The fake kernel's BPF: libbpf's calls, and the programs played by C.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake_kernel_bpf.h"
#include "fake_kernel.h"
#include "mmuscope.skel.h"
#include "page_walk.h"
#include "wrap.h"

#define MAX_MAPS 16
#define MAX_PROGS 8
#define MAX_RINGS 8

/* What stands for libbpf's opaque objects: an address, a name and a descriptor. */
struct thing {
	const char *name;
	int fd;
	bool autoload;
};

static struct thing maps[MAX_MAPS];
static struct thing progs[MAX_PROGS];
static struct mmuscope_bpf__rodata rodata;
static struct mmuscope_bpf__bss bss;
static char btf_object, ring_object;
static ring_buffer_sample_fn on_record;
static void *on_record_ctx;
static int iterator_fd = -1;
static __u32 link_tid; /* the task to which the last iterator was narrowed; 0: to none */

struct btf *__wrap_btf__load_vmlinux_btf(void);
struct btf *__wrap_btf__parse(const char *path, struct btf_ext **ext);
void __wrap_btf__free(struct btf *btf);
__s32 __wrap_btf__find_by_name_kind(const struct btf *btf, const char *name, __u32 kind);
int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *opts);
int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s);
void __wrap_bpf_object__destroy_skeleton(struct bpf_object_skeleton *s);
int __wrap_bpf_program__set_autoload(struct bpf_program *prog, bool autoload);
int __wrap_bpf_program__fd(const struct bpf_program *prog);
int __wrap_bpf_map__set_max_entries(struct bpf_map *map, __u32 n);
int __wrap_bpf_map__fd(const struct bpf_map *map);
int __wrap_bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size, __u32 n,
			  const struct bpf_map_create_opts *opts);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value);
int __wrap_bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type,
			   const struct bpf_link_create_opts *opts);
int __wrap_bpf_iter_create(int link_fd);
int __wrap_bpf_obj_pin(int fd, const char *path);
struct ring_buffer *__wrap_ring_buffer__new(int fd, ring_buffer_sample_fn fn, void *ctx,
					    const struct ring_buffer_opts *opts);
int __wrap_ring_buffer__add(struct ring_buffer *rb, int fd, ring_buffer_sample_fn fn, void *ctx);
void __wrap_ring_buffer__free(struct ring_buffer *rb);
int __wrap_ring_buffer__consume(struct ring_buffer *rb);
int __wrap_libbpf_num_possible_cpus(void);

const struct mmuscope_bpf__rodata *fake_kernel__rodata(void)
{
	return &rodata;
}

void fake_kernel__emit(uint32_t event, const void *records, size_t record_size, size_t n)
{
	fake_kernel.records = records;
	fake_kernel.record_size = record_size;
	fake_kernel.n_records = n;
	fake_kernel.counts[event][0].seen += n;
	fake_kernel.counts[event][0].emitted += n;
}

struct mmuscope_bpf *fake_kernel__object(void)
{
	struct mmuscope_bpf *bpf = mmuscope_bpf__open();

	assert_non_null(bpf);
	assert_int_equal(mmuscope_bpf__load(bpf), 0);
	return bpf;
}

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	if (wrap__enter(WRAP_BTF, NULL))
		return NULL;
	if (fake_kernel.no_btf) {
		errno = ESRCH;
		return NULL;
	}
	wrap__note("BTF objects", 1);
	return (struct btf *)&btf_object;
}

struct btf *__wrap_btf__parse(const char *path, struct btf_ext **ext)
{
	(void)ext;
	if (access(path, R_OK))
		return NULL;
	return __wrap_btf__load_vmlinux_btf();
}

void __wrap_btf__free(struct btf *btf)
{
	if (btf)
		wrap__note("BTF objects", -1);
}

__s32 __wrap_btf__find_by_name_kind(const struct btf *btf, const char *name, __u32 kind)
{
	return btf && fake_kernel.has_cast && !strcmp(name, "bpf_cast_to_kern_ctx") && kind == BTF_KIND_FUNC ? 5
													     : -ENOENT;
}

int __wrap_bpf_object__open_skeleton(struct bpf_object_skeleton *s, const struct bpf_object_open_opts *opts)
{
	int i;

	(void)opts;
	if (wrap__enter(WRAP_OPEN_SKELETON, NULL))
		return -errno;
	if (s->map_cnt > MAX_MAPS || s->prog_cnt > MAX_PROGS)
		wrap__broken("more maps or programs than the fake kernel has");
	memset(&rodata, 0, sizeof(rodata));
	memset(&bss, 0, sizeof(bss));
	for (i = 0; i < s->map_cnt; i++) {
		maps[i] = (struct thing){.name = s->maps[i].name, .fd = -1};
		*s->maps[i].map = (struct bpf_map *)&maps[i];
		if (s->maps[i].mmaped)
			*s->maps[i].mmaped = strstr(maps[i].name, "rodata") ? (void *)&rodata : (void *)&bss;
	}
	for (i = 0; i < s->prog_cnt; i++) {
		progs[i] = (struct thing){.name = s->progs[i].name, .fd = -1, .autoload = true};
		*s->progs[i].prog = (struct bpf_program *)&progs[i];
	}
	wrap__note("BPF objects", 1);
	*s->obj = (struct bpf_object *)maps;
	return 0;
}

int __wrap_bpf_object__load_skeleton(struct bpf_object_skeleton *s)
{
	int i;

	if (wrap__enter(WRAP_LOAD_SKELETON, NULL))
		return -errno;
	for (i = 0; i < s->map_cnt; i++) {
		maps[i].fd = memfd_create(maps[i].name, MFD_CLOEXEC);
		if (ftruncate(maps[i].fd, 1 << 16))
			wrap__broken("memfd_create or ftruncate");
	}
	for (i = 0; i < s->prog_cnt; i++) {
		if (progs[i].autoload)
			progs[i].fd = eventfd(0, EFD_CLOEXEC);
	}
	return 0;
}

void __wrap_bpf_object__destroy_skeleton(struct bpf_object_skeleton *s)
{
	int i;

	if (!s)
		return;
	if (s->obj && *s->obj) {
		for (i = 0; i < MAX_MAPS; i++) {
			if (maps[i].name && maps[i].fd >= 0)
				close(maps[i].fd);
			maps[i].name = NULL;
		}
		for (i = 0; i < MAX_PROGS; i++) {
			if (progs[i].name && progs[i].fd >= 0)
				close(progs[i].fd);
			progs[i].name = NULL;
		}
		wrap__note("BPF objects", -1);
	}
	free(s->maps);
	free(s->progs);
	free(s);
}

int __wrap_bpf_program__set_autoload(struct bpf_program *prog, bool autoload)
{
	if (wrap__enter(WRAP_SET_AUTOLOAD, NULL))
		return -errno;
	((struct thing *)prog)->autoload = autoload;
	return 0;
}

int __wrap_bpf_program__fd(const struct bpf_program *prog)
{
	return ((const struct thing *)prog)->fd;
}

int __wrap_bpf_map__set_max_entries(struct bpf_map *map, __u32 n)
{
	const struct thing *thing = (const struct thing *)map;

	if (wrap__enter(WRAP_SET_MAX_ENTRIES, NULL))
		return -errno;
	if (!strcmp(thing->name, "mmu_samples"))
		fake_kernel.max_entries_samples = n;
	if (!strcmp(thing->name, "mmu_events"))
		fake_kernel.max_entries_events = n;
	return 0;
}

int __wrap_bpf_map__fd(const struct bpf_map *map)
{
	return ((const struct thing *)map)->fd;
}

int __wrap_bpf_map_create(enum bpf_map_type type, const char *name, __u32 key_size, __u32 value_size, __u32 n,
			  const struct bpf_map_create_opts *opts)
{
	(void)key_size;
	(void)value_size;
	(void)opts;
	if (wrap__enter(WRAP_MAP_CREATE, name))
		return -errno;
	if (type == BPF_MAP_TYPE_RINGBUF)
		fake_kernel.ring_bytes = n;
	return eventfd(0, EFD_CLOEXEC); /* which epoll takes, as it takes a ring */
}

static const struct thing *map_of(int fd)
{
	size_t i;

	for (i = 0; i < MAX_MAPS; i++) {
		if (maps[i].name && maps[i].fd == fd)
			return &maps[i];
	}
	return NULL;
}

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	const struct thing *map = map_of(fd);
	const char *name = map ? map->name : "a map that is not there";

	(void)flags;
	if (wrap__enter(WRAP_MAP_UPDATE, name))
		return -errno;
	if (!map)
		return -EBADF;
	if (!strcmp(name, "mmu_layout")) {
		memcpy(&fake_kernel.layout, value, sizeof(fake_kernel.layout));
		fake_kernel.layout_stores++;
	}
	if (!strcmp(name, "mmu_events") && fake_kernel.n_event_ids < FAKE_OPENED_MAX) {
		memcpy(&fake_kernel.event_ids[fake_kernel.n_event_ids], key, sizeof(__u64));
		memcpy(&fake_kernel.event_of[fake_kernel.n_event_ids++], value, sizeof(__u32));
	}
	return 0;
}

int __wrap_bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	const struct thing *map = map_of(fd);
	__u32 event;

	if (wrap__enter(WRAP_MAP_LOOKUP, map ? map->name : NULL))
		return -errno;
	memcpy(&event, key, sizeof(event));
	if (map && !strcmp(map->name, "mmu_counters") && event == MMU_UNATTRIBUTED) {
		memset(value, 0, sizeof(fake_kernel.counts[0]));
		((struct mmu_counts *)value)->seen = fake_kernel.unattributed;
		return 0;
	}
	if (!map || strcmp(map->name, "mmu_counters") || event >= FAKE_EVENTS)
		return -ENOENT;
	memcpy(value, fake_kernel.counts[event], sizeof(fake_kernel.counts[event]));
	return 0;
}

int __wrap_bpf_link_create(int prog_fd, int target_fd, enum bpf_attach_type type,
			   const struct bpf_link_create_opts *opts)
{
	struct fake_event *event = fake_kernel__event(target_fd);

	if (wrap__enter(WRAP_LINK_CREATE, type == BPF_TRACE_ITER ? "iterator" : "perf event"))
		return -errno;
	if (type == BPF_TRACE_ITER) {
		if (opts && fake_kernel.no_task_iterator)
			return -EINVAL;
		if (opts && opts->iter_info->task.tid != fake_kernel.task)
			return -ESRCH;
		link_tid = opts ? opts->iter_info->task.tid : 0;
	} else if (fake_kernel.no_perf_links) {
		return -EINVAL;
	} else if (!event) {
		return -EBADF;
	} else {
		event->prog_fd = prog_fd;
	}
	fake_kernel.links++;
	return eventfd(0, EFD_CLOEXEC);
}

int __wrap_bpf_iter_create(int link_fd)
{
	(void)link_fd;
	if (wrap__enter(WRAP_ITER_CREATE, NULL))
		return -errno;
	iterator_fd = eventfd(0, EFD_CLOEXEC);
	return iterator_fd;
}

/* A pin is a file, so that whoever forgets it leaves it behind. */
int __wrap_bpf_obj_pin(int fd, const char *path)
{
	int file;

	if (wrap__enter(WRAP_OBJ_PIN, NULL))
		return -errno;
	if (fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (file < 0)
		return -errno;
	close(file);
	return 0;
}

struct ring_buffer *__wrap_ring_buffer__new(int fd, ring_buffer_sample_fn fn, void *ctx,
					    const struct ring_buffer_opts *opts)
{
	(void)fd;
	(void)opts;
	if (wrap__enter(WRAP_RING_NEW, NULL))
		return NULL;
	on_record = fn;
	on_record_ctx = ctx;
	wrap__note("ring readers", 1);
	return (struct ring_buffer *)&ring_object;
}

int __wrap_ring_buffer__add(struct ring_buffer *rb, int fd, ring_buffer_sample_fn fn, void *ctx)
{
	(void)rb;
	(void)fd;
	if (fn != on_record || ctx != on_record_ctx)
		wrap__broken("ring_buffer__add with another callback");
	return wrap__enter(WRAP_RING_ADD, NULL) ? -errno : 0;
}

void __wrap_ring_buffer__free(struct ring_buffer *rb)
{
	if (rb)
		wrap__note("ring readers", -1);
}

/* As libbpf: all that is there, or up to the record on which the callback says no, which counts as taken. */
int __wrap_ring_buffer__consume(struct ring_buffer *rb)
{
	const char *record = fake_kernel.records;
	int taken = 0;

	(void)rb;
	if (wrap__enter(WRAP_RING_CONSUME, NULL))
		return -errno;
	while (fake_kernel.n_records) {
		int err = on_record(on_record_ctx, (void *)(uintptr_t)record, fake_kernel.record_size);

		fake_kernel.n_records--;
		record += fake_kernel.record_size;
		fake_kernel.records = record;
		if (err < 0)
			return err;
		taken++;
	}
	return taken;
}

int __wrap_libbpf_num_possible_cpus(void)
{
	return wrap__enter(WRAP_NUM_CPUS, NULL) ? -errno : FAKE_CPUS;
}

static void answer_facts(struct mmu_check *check)
{
	check->ring_page = fake_kernel.no_ring_address ? 0 : FAKE_DIRECT_MAP + FAKE_RING_FRAME * 4096;
	check->pgd = FAKE_DIRECT_MAP + FAKE_TABLE_FRAME * 4096;
	check->task_size = fake_kernel.task_size;
	check->page_offset_base = fake_kernel.symbol;
}

static void answer_bases(struct mmu_check *check)
{
	uint64_t i;

	for (i = 0; i < MMU_CHECK_BASES_A_RUN && i < check->n_bases && !check->found && !fake_kernel.no_base; i++) {
		if (check->first_base + (i << 30) == FAKE_DIRECT_MAP)
			check->found = FAKE_DIRECT_MAP;
	}
}

static void lie(struct mmu_walk *walk)
{
	switch (fake_kernel.lie) {
	case FAKE_NO_LIE:
		break;
	case FAKE_LIE_SIZE:
		walk->outcome = walk->outcome == 21 ? 12 : 21;
		break;
	case FAKE_LIE_NONE:
		walk->outcome = mmu_outcome_none(MMU_NONE_READ_FAULT);
		break;
	case FAKE_LIE_FRAME:
		walk->pfn++;
		break;
	case FAKE_LIE_FLAGS:
		walk->flags = 0;
		break;
	}
}

static void answer_walks(struct mmu_check *check)
{
	unsigned int i;

	for (i = 0; i < MMU_CHECK_MAX_WALKS; i++) {
		if (!check->walks[i].addr)
			continue;
		fake_kernel__truth(check->walks[i].addr, &check->walks[i].walk);
		if (i == fake_kernel.liar)
			lie(&check->walks[i].walk);
	}
}

void fake_bpf__run_check(uint64_t addr)
{
	struct mmu_check *check = &bss.mmu_check;

	if (fake_kernel.program_never_runs)
		return;
	fake_kernel.runs++;
	check->sample_flags = PERF_SAMPLE_IP | PERF_SAMPLE_ADDR;
	check->addr = addr;
	if (!fake_kernel.refuses_phys) {
		check->sample_flags |= PERF_SAMPLE_PHYS_ADDR;
		check->phys_addr = fake_kernel__fault_frame(addr) * 4096;
	}
	if (!fake_kernel.shows_no_sizes) {
		check->sample_flags |= PERF_SAMPLE_DATA_PAGE_SIZE;
		check->data_page_size = 4096;
	}
	switch (check->command) {
	case MMU_CHECK_FACTS:
		answer_facts(check);
		break;
	case MMU_CHECK_BASES:
		answer_bases(check);
		break;
	case MMU_CHECK_WALKS:
		answer_walks(check);
		break;
	default:
		break;
	}
	check->runs++;
}

bool fake_bpf__is_iterator(int fd)
{
	return iterator_fd >= 0 && fd == iterator_fd && fcntl(fd, F_GETFD) >= 0;
}

/* Follows mmu_walk_next() of bpf/mmuscope.bpf.c. */
static bool walk_next(int fd, __u32 slot)
{
	struct mmu_walk_request *request = &bss.mmu_request;
	const struct fake_piece *piece = NULL;
	struct mmu_walk_piece out = {.start = request->next};
	uint64_t span, next;
	size_t i;

	for (i = 0; i < fake_kernel.n_pieces && fake_kernel.pieces[i].start <= request->next; i++)
		piece = &fake_kernel.pieces[i];
	if (!piece)
		return false;
	out.walk = (struct mmu_walk){.pfn = piece->pfn ? piece->pfn + (request->next - piece->start) / 4096 : 0,
				     .entry = piece->entry,
				     .flags = piece->flags,
				     .outcome = piece->outcome,
				     .level = piece->level};
	if (pwrite(fd, &out, sizeof(out), (off_t)(slot * sizeof(out))) != sizeof(out))
		return false;
	request->n = slot + 1;
	if (slot == 0) {
		request->entries[piece->level] = piece->entry;
		request->entries_seen = 1U << piece->level;
	}
	span = mmu_walk_span(&fake_kernel.layout, &out.walk);
	next = (request->next | (span - 1)) + 1;
	if (next == 0 || next > request->last) {
		request->done = 1;
		return false;
	}
	request->next = next;
	return true;
}

void fake_bpf__iterate(void)
{
	struct mmu_walk_request *request = &bss.mmu_request;
	__u32 slot = 0;
	int fd = -1;
	size_t i;

	iterator_fd = -1; /* one read says all */
	if ((request->narrowed ? link_tid : request->tid) != fake_kernel.task ||
	    (fake_kernel.task_ends_in && ++fake_kernel.iterations > fake_kernel.task_ends_in))
		return;
	request->found = 1;
	for (i = 0; i < MAX_MAPS; i++) {
		if (maps[i].name && !strcmp(maps[i].name, "mmu_walks"))
			fd = maps[i].fd;
	}
	while (!fake_kernel.writes_nothing && slot < MMU_WALK_PIECES && walk_next(fd, slot))
		slot++;
}
