/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "support/clock.h"
#include "support/error.h"
#include "support/parse.h"

#define DEFAULT_MAX_KNOWN 4096
#define DEFAULT_BURST_NS (500 * NSEC_PER_MSEC)

/* One part in so many of the time may go into reading. */
#define READING_SHARE 8

#define START_FIELD 22 /* starttime of proc_pid_stat(5) */

struct process {
	pid_t pid;
	uint64_t start_ns;
	int fd; /* of its mappings; stays with the address space; -1: none */
	bool gone;
	bool unreadable;
	uint32_t read_round;   /* when the whole list was read */
	uint32_t reopen_round; /* when it was last tried to find a new address space */
	uint32_t used_round;
	struct maps maps;
	struct maps previous; /* before exec, or before the list was read anew */
	UT_hash_handle hh;    /* in the order of use */
};

struct processes {
	struct processes_config config;
	struct process *table;
	struct process *last;
	uint64_t started_ns;
	uint32_t round;
	bool cannot_query;
	struct processes_counts counts;
	char name[PROC_MAP_NAME_BYTES];
	char label[PROC_MAP_LABEL_BYTES];
};

struct processes *processes__new(const struct processes_config *config)
{
	struct processes *processes = calloc(1, sizeof(*processes));

	if (!processes)
		return NULL;
	processes->config = *config;
	if (!processes->config.burst_ns)
		processes->config.burst_ns = DEFAULT_BURST_NS;
	if (!processes->config.max_known)
		processes->config.max_known = DEFAULT_MAX_KNOWN;
	processes->started_ns = clock__now();
	processes->round = 1;
	return processes;
}

static void close_fd(struct process *process)
{
	if (process->fd >= 0)
		close(process->fd);
	process->fd = -1;
}

static void forget(struct processes *processes, struct process *process)
{
	if (processes->last == process)
		processes->last = NULL;
	HASH_DEL(processes->table, process);
	close_fd(process);
	maps__free(&process->maps);
	maps__free(&process->previous);
	free(process);
}

void processes__free(struct processes *processes)
{
	if (!processes)
		return;
	/* The analyzer does not see that HASH_DEL() unlinked what was freed. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (processes->table)
		forget(processes, processes->table);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	free(processes);
}

void processes__next_round(struct processes *processes)
{
	processes->round++;
}

const struct processes_counts *processes__counts(const struct processes *processes)
{
	return &processes->counts;
}

/* Is there time for reading? A process that maps and unmaps without pause must not keep us from draining the rings. */
static bool may_read(struct processes *processes)
{
	uint64_t earned = (clock__now() - processes->started_ns) / READING_SHARE + processes->config.burst_ns;

	if (processes->counts.reading_ns < earned)
		return true;
	processes->counts.refused++;
	return false;
}

/* In clock ticks, as the kernel rounds it: nsec_to_clock_t(). */
static int read_start(const struct processes *processes, pid_t pid, uint64_t *ticks)
{
	char path[96], text[1024], *field, *rest;
	ssize_t n;
	int fd, err;

	snprintf(path, sizeof(path), "%s/%d/stat", processes->config.proc, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error__last();
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? error__last() : 0;
	close(fd);
	if (err)
		return err;
	text[n] = '\0';
	/* The second field is the name, in parentheses, and may hold anything. */
	rest = strrchr(text, ')');
	for (int i = 2; rest && i <= START_FIELD; i++)
		field = strsep(&rest, " ");
	return rest ? parse__u64(field, 0, UINT64_MAX, ticks) : -EBADMSG;
}

/* Is the process that has this PID now the one of the sample? */
static bool is_same(const struct processes *processes, const struct process *process)
{
	uint64_t hertz = (uint64_t)sysconf(_SC_CLK_TCK), ticks = 0;

	if (!process->start_ns)
		return true;
	return !read_start(processes, process->pid, &ticks) && ticks == process->start_ns / (NSEC_PER_SEC / hertz);
}

static int open_maps(struct processes *processes, pid_t pid, pid_t tid)
{
	char path[96];
	int fd;

	if (tid)
		snprintf(path, sizeof(path), "%s/%d/task/%d/maps", processes->config.proc, (int)pid, (int)tid);
	else
		snprintf(path, sizeof(path), "%s/%d/maps", processes->config.proc, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && (errno == EMFILE || errno == ENFILE)) {
		for (struct process *other = processes->table; other; other = other->hh.next)
			close_fd(other);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd < 0 ? error__last() : fd;
}

struct reading {
	struct processes *processes;
	struct maps *maps;
};

static int keep(struct processes *processes, struct maps *maps, const struct proc_map *from)
{
	size_t length = proc_map__label(from, processes->label);
	struct map map = {
		.start = from->start,
		.end = from->end,
		.offset = from->offset,
		.inode = from->inode,
		.device = from->device,
		.flags = from->flags,
		.round = processes->round,
		.name = names__get(processes->config.names, processes->label, length),
	};

	return map.name ? maps__put(maps, &map) : -ENOMEM;
}

static int keep_line(void *ctx, const struct proc_map *map)
{
	const struct reading *reading = ctx;

	return keep(reading->processes, reading->maps, map);
}

/* Reads the whole list. What was known before becomes `previous`, unless nothing is there any more. */
static int read_all(struct processes *processes, struct process *process)
{
	struct maps maps = {0};
	struct reading reading = {.processes = processes, .maps = &maps};
	int err = proc_maps__read(process->fd, keep_line, &reading);

	processes->counts.reads++;
	if (err || !maps.n) {
		maps__free(&maps);
		return err ? err : -ESRCH;
	}
	maps__free(&process->previous);
	process->previous = process->maps;
	process->maps = maps;
	process->read_round = processes->round;
	return 0;
}

/*
 * Finds the process's address space, the first or the one that it has after exec. The descriptor is opened first: then
 * the start time, if it is right, is that of the process the descriptor belongs to.
 */
static int attach(struct processes *processes, struct process *process, pid_t tid)
{
	int err;

	process->reopen_round = processes->round;
	close_fd(process);
	process->fd = open_maps(processes, process->pid, 0);
	if (process->fd < 0)
		return process->fd;
	if (!is_same(processes, process))
		return -ESRCH;
	err = read_all(processes, process);
	if (err != -ESRCH || tid == process->pid)
		return err;
	/* A main thread that has ended has no address space, while its process lives on. */
	close_fd(process);
	process->fd = open_maps(processes, process->pid, tid);
	return process->fd < 0 ? process->fd : read_all(processes, process);
}

static void try_attach(struct processes *processes, struct process *process, pid_t tid)
{
	uint64_t begun;
	int err;

	if (!may_read(processes))
		return;
	begun = clock__now();
	err = attach(processes, process, tid);
	processes->counts.reading_ns += clock__now() - begun;
	if (!err)
		return;
	close_fd(process);
	process->unreadable = err == -EACCES || err == -EPERM;
	process->gone = err == -ESRCH || err == -ENOENT;
}

static struct process *add(struct processes *processes, pid_t pid, pid_t tid, uint64_t start_ns)
{
	struct process *process;

	if (HASH_COUNT(processes->table) >= processes->config.max_known)
		forget(processes, processes->table);
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->pid = pid;
	process->start_ns = start_ns;
	process->fd = -1;
	process->used_round = processes->round;
	/* The analyzer does not see that HASH_DEL() unlinked what was freed. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	HASH_ADD(hh, processes->table, pid, sizeof(process->pid), process);
	if (!process->hh.tbl) {
		free(process);
		return NULL;
	}
	try_attach(processes, process, tid);
	return process;
}

static struct process *process_of(struct processes *processes, pid_t pid, pid_t tid, uint64_t start_ns)
{
	struct process *process = processes->last;

	if (process && process->pid == pid && process->start_ns == start_ns && process->used_round == processes->round)
		return process;
	HASH_FIND(hh, processes->table, &pid, sizeof(pid), process);
	if (process && process->start_ns != start_ns) {
		/* Records of several CPUs are not in order: an old process does not displace the one that has its PID now. */
		if (start_ns < process->start_ns)
			return NULL;
		forget(processes, process);
		process = NULL;
	}
	if (process && process->used_round != processes->round) {
		/* To the end of the line. */
		HASH_DEL(processes->table, process);
		HASH_ADD(hh, processes->table, pid, sizeof(process->pid), process);
		process->used_round = processes->round;
	}
	if (!process)
		process = add(processes, pid, tid, start_ns);
	processes->last = process;
	return process;
}

/* Asks for one address. Returns as proc_maps__query(), 0 with *map; -EAGAIN for lack of time. */
static int query(struct processes *processes, struct process *process, uint64_t address, const struct map **map)
{
	struct proc_map found;
	uint64_t begun;
	int err;

	if (!may_read(processes))
		return -EAGAIN;
	begun = clock__now();
	err = proc_maps__query(process->fd, address, &found, processes->name);
	if (!err)
		err = keep(processes, &process->maps, &found);
	processes->counts.queries++;
	processes->counts.reading_ns += clock__now() - begun;
	if (!err)
		*map = maps__find(&process->maps, address);
	return err;
}

/* Brings up to date what is known of the address. Returns 0 with *map, -ENOENT, -ESRCH or -EAGAIN. */
static int look(struct processes *processes, struct process *process, uint64_t address, const struct map **map)
{
	int err = -ENOTTY;
	uint64_t begun;

	if (process->fd < 0)
		return -ESRCH;
	if (!processes->cannot_query) {
		err = query(processes, process, address, map);
		if (err == -ENOTTY)
			processes->cannot_query = true;
	}
	if (err != -ENOTTY)
		return err;
	if (process->read_round != processes->round) {
		if (!may_read(processes))
			return -EAGAIN;
		begun = clock__now();
		err = read_all(processes, process);
		processes->counts.reading_ns += clock__now() - begun;
		if (err)
			return err;
	}
	*map = maps__find(&process->maps, address);
	return *map ? 0 : -ENOENT;
}

static enum lookup why_not(const struct process *process, int err)
{
	if (process->unreadable)
		return LOOKUP_UNREADABLE;
	if (process->gone || err == -ESRCH)
		return LOOKUP_GONE;
	return err == -ENOENT ? LOOKUP_UNMAPPED : LOOKUP_UNKNOWN;
}

enum lookup processes__find(struct processes *processes, pid_t pid, pid_t tid, uint64_t start_ns, uint64_t address,
			    const struct map **map)
{
	struct process *process = process_of(processes, pid, tid, start_ns);
	struct map *known;
	int err = 0;

	*map = NULL;
	if (!process)
		return LOOKUP_GONE;
	known = maps__find(&process->maps, address);
	*map = known;
	if (known && known->round == processes->round)
		return LOOKUP_FOUND;
	if (!process->gone && !process->unreadable) {
		err = look(processes, process, address, map);
		if (err == -ESRCH && process->reopen_round != processes->round) {
			try_attach(processes, process, tid);
			*map = maps__find(&process->maps, address);
			err = *map ? 0 : -ENOENT;
		}
	}
	if (!*map)
		*map = maps__find(&process->maps, address);
	/* Later, an address of the list before can only be of something new. */
	if (!*map && processes->round - process->read_round <= 1)
		*map = maps__find(&process->previous, address);
	return *map ? LOOKUP_FOUND : why_not(process, err);
}
