/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "resolver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "code_image.h"
#include "code_maps.h"
#include "recipe_build.h"
#include "sweeper.h"
#include "trust.h"
#include "support/clock.h"
#include "support/error.h"

#define DEFAULT_BYTES (256UL << 20)
#define MAX_PROCESSES 1024
#define MAX_IMAGES 512 /* each holds a descriptor */
#define MAX_SNAPSHOTS 128
#define MAX_VERDICTS 65536

/* Smaller files are swept at once, if there is a thread for the others. */
#define SMALL_FILE (512UL << 10)

/* Of resolver__source(): a file; the rest is the number of changes to files before. Snapshots have their id. */
#define FILE_SOURCE (UINT64_C(1) << 63)

/* Of a snapshot, on each side of the sampled address. */
#define SNAPSHOT_REACH 65536UL

/* Bytes that may be decoded at once, and a second: a process cannot keep the resolver busy with new code. */
#define SWEEP_BURST (1024UL << 20)
#define SWEEP_A_SECOND (8UL << 20)

/* A list of mappings is read again after so many misses for each of its lines. */
#define MISSES_A_MAP 16

struct process {
	pid_t pid;
	uint64_t identity;
	struct code_maps maps;
	size_t misses; /* since the maps were read */
	UT_hash_handle hh;
};

struct image_key {
	uint64_t device;
	uint64_t inode;
	int64_t mtime_s;
	int64_t mtime_ns;
	uint64_t size;
};

struct image {
	struct image_key key;
	struct code_image *code; /* NULL: cannot be used, or not there yet */
	struct sweep_job *job;   /* the sweeper is at it */
	bool system;             /* speaks for all processes */
	UT_hash_handle hh;       /* in the order of use */
};

struct snapshot {
	uint64_t id; /* modulo MAX_SNAPSHOTS: its place, counted from 1 */
	pid_t pid;
	uint64_t identity;
	uint64_t from;
	uint64_t to;
	uint64_t used;
	struct code_image *code;
};

/* Of a window in the files of the system. */
struct verdict {
	uint8_t code[MMU_CODE_BYTES];
	struct mmu_operand operand;
	bool conflict;
	UT_hash_handle hh;
};

struct resolver {
	size_t max_bytes;
	size_t bytes; /* of images */
	struct process *processes;
	struct image *images;
	struct verdict *verdicts;
	struct snapshot snapshots[MAX_SNAPSHOTS];
	uint64_t n_snapshots; /* made so far */
	uint64_t n_files;     /* user files found changed so far */
	uint64_t source;      /* of the last verdict, or 0 */
	uint64_t started_ns;
	struct sweeper *sweeper; /* NULL: files are swept at once */
	struct resolver_counts counts;
};

struct resolver *resolver__new(size_t max_bytes)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	resolver->max_bytes = max_bytes ? max_bytes : DEFAULT_BYTES;
	resolver->started_ns = clock__now();
	return resolver;
}

int resolver__use_thread(struct resolver *resolver)
{
	resolver->sweeper = sweeper__new();
	return resolver->sweeper ? 0 : -ENOMEM;
}

static void process_free(struct resolver *resolver, struct process *process)
{
	HASH_DEL(resolver->processes, process);
	code_maps__free(&process->maps);
	free(process);
}

static void image_free(struct resolver *resolver, struct image *image)
{
	HASH_DEL(resolver->images, image);
	if (image->job) /* abandoned; the sweeper frees it at the end */
		image->job = NULL;
	if (image->code) {
		resolver->bytes -= code_image__size(image->code);
		code_image__free(image->code);
	}
	free(image);
}

void resolver__free(struct resolver *resolver)
{
	if (!resolver)
		return;
	while (resolver->processes)
		process_free(resolver, resolver->processes);
	sweeper__free(resolver->sweeper); /* with the jobs that images still wait for */
	/* The analyzer does not see that HASH_DEL() unlinked what was freed. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (resolver->images)
		image_free(resolver, resolver->images);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	for (unsigned int i = 0; i < MAX_SNAPSHOTS; i++)
		code_image__free(resolver->snapshots[i].code);
	while (resolver->verdicts) {
		struct verdict *verdict = resolver->verdicts;

		HASH_DEL(resolver->verdicts, verdict);
		free(verdict);
	}
	free(resolver);
}

const struct resolver_counts *resolver__counts(const struct resolver *resolver)
{
	return &resolver->counts;
}

static uint64_t sweep_left(const struct resolver *resolver)
{
	uint64_t earned = (clock__now() - resolver->started_ns) / (NSEC_PER_SEC / SWEEP_A_SECOND) + SWEEP_BURST;

	return earned > resolver->counts.swept ? earned - resolver->counts.swept : 0;
}

static void count_sweep(struct resolver *resolver, const struct code_image *code)
{
	resolver->counts.swept += code_image__facts(code)->code_bytes;
	resolver->counts.sweep_ns += code_image__facts(code)->sweep_ns;
	resolver->counts.images++;
}

/* The process's mappings, NULL if it is gone. */
static struct process *process_of(struct resolver *resolver, pid_t pid, uint64_t identity)
{
	struct process *process;

	HASH_FIND(hh, resolver->processes, &pid, sizeof(pid), process);
	if (process && process->identity == identity)
		return process;
	if (process)
		process_free(resolver, process);
	if (HASH_COUNT(resolver->processes) >= MAX_PROCESSES)
		process_free(resolver, resolver->processes);
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->pid = pid;
	process->identity = identity;
	/* The analyzer does not see that HASH_DEL() unlinked what was freed. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	HASH_ADD(hh, resolver->processes, pid, sizeof(process->pid), process);
	if (!process->hh.tbl) {
		free(process);
		return NULL;
	}
	if (code_maps__read(&process->maps, pid)) {
		process_free(resolver, process);
		return NULL;
	}
	return process;
}

/* Reads the mappings anew, if enough misses have paid for it. Returns whether they were. */
static bool refresh(struct process *process)
{
	if (++process->misses * MISSES_A_MAP < process->maps.n)
		return false;
	process->misses = 0;
	return !code_maps__read(&process->maps, process->pid);
}

static void make_room(struct resolver *resolver, size_t bytes)
{
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): as above */
	while (resolver->images &&
	       (resolver->bytes + bytes > resolver->max_bytes || HASH_COUNT(resolver->images) >= MAX_IMAGES)) {
		/* Nobody looks after it any more. */
		resolver->n_files += !resolver->images->system;
		image_free(resolver, resolver->images);
		resolver->counts.evicted++;
	}
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

/* Takes over what became of a file. */
static void image_settle(struct resolver *resolver, struct image *image, struct code_image *code)
{
	image->code = code;
	image->job = NULL;
	if (!code) {
		resolver->counts.refused++;
		return;
	}
	count_sweep(resolver, code);
	resolver->bytes += code_image__size(code);
}

static struct image *image_make(struct resolver *resolver, int fd, const struct image_key *key)
{
	uint64_t left = sweep_left(resolver);
	uint64_t most = left < resolver->max_bytes ? left : resolver->max_bytes;
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->key = *key;
	image->system = trust__is_system_file(fd);
	make_room(resolver, key->size / 4);
	if (resolver->sweeper && key->size > SMALL_FILE)
		image->job = sweeper__add(resolver->sweeper, fd, most);
	HASH_ADD(hh, resolver->images, key, sizeof(image->key), image);
	if (!image->hh.tbl) {
		free(image);
		return NULL;
	}
	if (!image->job)
		image_settle(resolver, image, code_image__from_file(fd, most, NULL));
	return image;
}

static int image_key_of(int fd, struct image_key *key)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return error__last();
	memset(key, 0, sizeof(*key));
	key->device = stat.st_dev;
	key->inode = stat.st_ino;
	key->mtime_s = stat.st_mtim.tv_sec;
	key->mtime_ns = stat.st_mtim.tv_nsec;
	key->size = (uint64_t)stat.st_size;
	return 0;
}

/*
 * Returns 0 with *found (NULL: the file cannot be used); -EAGAIN while the sweeper is at it; -EOPNOTSUPP for a file whose
 * reads another process answers, of which the memory must be left alone too.
 */
static int image_of(struct resolver *resolver, const struct code_map *map, pid_t pid, struct image **found)
{
	struct code_image *made;
	struct image_key key;
	struct image *image;
	int fd = code_map__open(map, pid);

	*found = NULL;
	if (fd < 0)
		return fd == -EOPNOTSUPP ? fd : 0;
	if (image_key_of(fd, &key)) {
		close(fd);
		return 0;
	}
	HASH_FIND(hh, resolver->images, &key, sizeof(key), image);
	if (image) {
		/* To the end of the line. */
		HASH_DEL(resolver->images, image);
		HASH_ADD(hh, resolver->images, key, sizeof(image->key), image);
	} else {
		image = image_make(resolver, fd, &key);
	}
	close(fd);
	if (image && image->job && sweeper__fetch(resolver->sweeper, image->job, &made))
		image_settle(resolver, image, made);
	if (image && image->job)
		return -EAGAIN;
	if (image && image->code)
		*found = image;
	return 0;
}

static void snapshot_drop(struct snapshot *snapshot)
{
	code_image__free(snapshot->code);
	memset(snapshot, 0, sizeof(*snapshot));
}

/* The place of a new snapshot: that of the one not used for longest. */
static struct snapshot *snapshot_place(struct resolver *resolver)
{
	struct snapshot *oldest = &resolver->snapshots[0];

	for (unsigned int i = 1; i < MAX_SNAPSHOTS; i++)
		if (resolver->snapshots[i].used < oldest->used)
			oldest = &resolver->snapshots[i];
	snapshot_drop(oldest);
	return oldest;
}

static struct snapshot *snapshot_make(struct resolver *resolver, const struct process *process,
				      const struct code_map *map, uint64_t ip)
{
	uint64_t from = ip - map->start > SNAPSHOT_REACH ? ip - SNAPSHOT_REACH : map->start;
	uint64_t to = map->end - ip > SNAPSHOT_REACH ? ip + SNAPSHOT_REACH : map->end;
	size_t size = to - from;
	struct snapshot *snapshot;
	uint8_t *bytes;

	if (!size || sweep_left(resolver) < size)
		return NULL;
	bytes = malloc(size);
	if (!bytes)
		return NULL;
	snapshot = snapshot_place(resolver);
	if (!code_map__copy(process->pid, from, bytes, size))
		snapshot->code = code_image__from_bytes(bytes, size, from);
	free(bytes);
	if (!snapshot->code)
		return NULL;
	count_sweep(resolver, snapshot->code);
	snapshot->id = ++resolver->n_snapshots * MAX_SNAPSHOTS + (uint64_t)(snapshot - resolver->snapshots);
	snapshot->pid = process->pid;
	snapshot->identity = process->identity;
	snapshot->from = from;
	snapshot->to = to;
	snapshot->used = resolver->counts.resolved;
	return snapshot;
}

/* Marks the window by a snapshot of the memory around it. A window at the edge of a snapshot misses branches from beyond. */
static int mark_by_snapshot(struct resolver *resolver, const struct process *process, const struct code_map *map,
			    uint64_t ip, struct code_window *window)
{
	struct snapshot *snapshot;
	int err = -ENOENT;

	for (unsigned int i = 0; i < MAX_SNAPSHOTS; i++) {
		snapshot = &resolver->snapshots[i];
		if (!snapshot->code || snapshot->pid != process->pid || snapshot->identity != process->identity ||
		    ip < snapshot->from || ip >= snapshot->to ||
		    (ip - snapshot->from < SNAPSHOT_REACH / 2 && snapshot->from != map->start) ||
		    (snapshot->to - ip < SNAPSHOT_REACH / 2 && snapshot->to != map->end))
			continue;
		snapshot->used = resolver->counts.resolved;
		resolver->source = snapshot->id;
		if (!code_image__mark(snapshot->code, ip, window))
			return 0;
		/* The code has changed since. */
		snapshot_drop(snapshot);
	}
	snapshot = snapshot_make(resolver, process, map, ip);
	if (snapshot)
		err = code_image__mark(snapshot->code, ip, window);
	resolver->source = err ? 0 : snapshot->id;
	return err;
}

static bool is_unchanged(const struct snapshot *snapshot, uint8_t *now, uint8_t *then)
{
	size_t size = snapshot->to - snapshot->from;

	return !code_map__copy(snapshot->pid, snapshot->from, now, size) &&
	       code_image__read(snapshot->code, snapshot->from, then, size) == size && !memcmp(now, then, size);
}

static void recheck_snapshots(struct resolver *resolver)
{
	uint8_t *bytes = malloc(4 * SNAPSHOT_REACH);

	for (unsigned int i = 0; i < MAX_SNAPSHOTS; i++) {
		struct snapshot *snapshot = &resolver->snapshots[i];

		if (!snapshot->code || (bytes && is_unchanged(snapshot, bytes, bytes + 2 * SNAPSHOT_REACH)))
			continue;
		snapshot_drop(snapshot);
		resolver->counts.rewritten++;
	}
	free(bytes);
}

/* Files are seldom changed while they run: what was made by any of them is made anew then. */
static void recheck_files(struct resolver *resolver)
{
	struct image *image, *next;
	struct image_key key;

	HASH_ITER (hh, resolver->images, image, next) {
		if (!image->code || image->system)
			continue;
		if (!image_key_of(code_image__fd(image->code), &key) && !memcmp(&key, &image->key, sizeof(key)))
			continue;
		image_free(resolver, image);
		resolver->n_files++;
		resolver->counts.rewritten++;
	}
}

void resolver__recheck(struct resolver *resolver)
{
	recheck_snapshots(resolver);
	recheck_files(resolver);
}

uint64_t resolver__source(const struct resolver *resolver)
{
	return resolver->source;
}

bool resolver__holds(const struct resolver *resolver, uint64_t source)
{
	if (source & FILE_SOURCE)
		return source == (FILE_SOURCE | resolver->n_files);
	return source && resolver->snapshots[source % MAX_SNAPSHOTS].id == source;
}

/* Where a window was found in a file. */
struct spot {
	const struct code_image *code; /* NULL: nowhere */
	uint64_t place;
};

static size_t read_beyond(const void *ctx, int64_t offset, uint8_t *bytes, size_t n)
{
	const struct spot *spot = ctx;

	return code_image__read(spot->code, spot->place + (uint64_t)offset, bytes, n);
}

static int mark_by_map(struct resolver *resolver, const struct process *process, uint64_t ip,
		       struct code_window *window, enum resolver_basis *basis, struct spot *spot)
{
	const struct code_map *map = code_maps__find(&process->maps, ip);
	struct image *image;
	int err;

	if (!map)
		return -ENOENT;
	if (map->inode) {
		err = image_of(resolver, map, process->pid, &image);
		if (err)
			return err;
		spot->place = ip - map->start + map->offset;
		if (image && !code_image__mark(image->code, spot->place, window)) {
			spot->code = image->code;
			*basis = image->system ? RESOLVER_SYSTEM : RESOLVER_FILE;
			resolver->source = image->system ? 0 : FILE_SOURCE | resolver->n_files;
			return 0;
		}
	}
	*basis = RESOLVER_ANONYMOUS;
	return mark_by_snapshot(resolver, process, map, ip, window);
}

/* Finds out as much about the code around `ip` as can be had. */
static enum resolver_basis mark(struct resolver *resolver, pid_t pid, uint64_t identity, uint64_t ip,
				struct code_window *window, struct spot *spot)
{
	struct process *process = process_of(resolver, pid, identity);
	enum resolver_basis basis;
	int err;

	if (!process)
		return RESOLVER_WINDOW;
	err = mark_by_map(resolver, process, ip, window, &basis, spot);
	if (!err)
		return basis;
	if (err != -EAGAIN && refresh(process) && !mark_by_map(resolver, process, ip, window, &basis, spot))
		return basis;
	memset(window->marks, 0, sizeof(window->marks));
	return RESOLVER_WINDOW;
}

/*
 * Two places with the same bytes may differ in what jumps there, or in what lies beyond them: then nothing is known about
 * what was before, and what comes next is what the bytes themselves say.
 */
static void merge(struct resolver *resolver, struct verdict *verdict, const struct code_window *window,
		  const struct mmu_operand *operand)
{
	if (verdict->conflict || !memcmp(&verdict->operand, operand, sizeof(*operand)))
		return;
	verdict->conflict = true;
	recipe__build(window, NULL, &verdict->operand);
	memset(&verdict->operand.previous, 0, sizeof(verdict->operand.previous));
	verdict->operand.previous.none = MMU_NONE_NO_OPERAND;
	resolver->counts.conflicts++;
}

/* The verdict for all processes; NULL for lack of memory. */
static const struct verdict *remember(struct resolver *resolver, const struct code_window *window,
				      const struct mmu_operand *operand)
{
	struct verdict *verdict;

	HASH_FIND(hh, resolver->verdicts, window->code, sizeof(window->code), verdict);
	if (verdict) {
		merge(resolver, verdict, window, operand);
		return verdict;
	}
	if (HASH_COUNT(resolver->verdicts) >= MAX_VERDICTS) {
		verdict = resolver->verdicts;
		HASH_DEL(resolver->verdicts, verdict);
		free(verdict);
	}
	verdict = calloc(1, sizeof(*verdict));
	if (!verdict)
		return NULL;
	memcpy(verdict->code, window->code, sizeof(verdict->code));
	verdict->operand = *operand;
	HASH_ADD(hh, resolver->verdicts, code, sizeof(verdict->code), verdict);
	if (!verdict->hh.tbl) {
		free(verdict);
		return NULL;
	}
	return verdict;
}

int resolver__resolve(struct resolver *resolver, pid_t pid, uint64_t identity, uint64_t ip,
		      const uint8_t code[MMU_CODE_BYTES], struct mmu_operand *operand, enum resolver_basis *basis)
{
	struct code_window window = {0};
	struct spot spot = {0};
	const struct code_beyond beyond = {.read = read_beyond, .ctx = &spot};
	const struct verdict *verdict = NULL;
	int err = 0;

	memcpy(window.code, code, sizeof(window.code));
	resolver->counts.resolved++;
	resolver->source = 0;
	*basis = mark(resolver, pid, identity, ip, &window, &spot);
	recipe__build(&window, spot.code ? &beyond : NULL, operand);
	if (*basis == RESOLVER_SYSTEM) {
		verdict = remember(resolver, &window, operand);
		err = verdict ? 0 : -ENOMEM;
	} else if (*basis == RESOLVER_WINDOW) {
		HASH_FIND(hh, resolver->verdicts, window.code, sizeof(window.code), verdict);
	}
	if (verdict) {
		*operand = verdict->operand;
		*basis = RESOLVER_SYSTEM;
	}
	if (err) {
		memset(operand, 0, sizeof(*operand));
		operand->previous.none = MMU_NONE_UNSUPPORTED;
		operand->next.none = MMU_NONE_UNSUPPORTED;
		return err;
	}
	resolver->counts.by_basis[*basis]++;
	return 0;
}
