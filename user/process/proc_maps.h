/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the kernel tells of the mappings of a process: the lines of /proc/PID/maps, and PROCMAP_QUERY, which answers for
 * one address. Both take a descriptor of that file, which stays with the address space that it was opened for: after an
 * exec, or when the process has ended, it has no mappings any more.
 */
#ifndef MMUSCOPE_PROCESS_PROC_MAPS_H
#define MMUSCOPE_PROCESS_PROC_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* vm.max_map_count is 65530 unless somebody raised it. */
#define PROC_MAPS_MAX 65536

enum proc_map_flag {
	PROC_MAP_READ = 1,
	PROC_MAP_WRITE = 2,
	PROC_MAP_EXEC = 4,
	PROC_MAP_SHARED = 8,
};

struct proc_map {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* into the file */
	uint64_t inode;  /* 0: no file */
	dev_t device;
	unsigned int flags; /* enum proc_map_flag */
	/* As the kernel spells it: a path, "[heap]", "[anon:…]"; empty for memory without a name. Not terminated. */
	const char *name;
	size_t name_length;
};

/*
 * One line, without its line end: proc_pid_maps(5). False when it is none. map->name points into the line, which may hold
 * anything there: other processes choose the names of their files.
 */
bool proc_map__parse(const char *line, size_t length, struct proc_map *map);

/*
 * Reads the file from its start and calls `each`, by ascending address, for at most PROC_MAPS_MAX mappings that do not
 * overlap. The name is good during the call. Returns 0, -errno, or what `each` returned if not 0.
 */
typedef int (*proc_maps_fn)(void *ctx, const struct proc_map *map);
int proc_maps__read(int fd, proc_maps_fn each, void *ctx);

/*
 * The mapping that holds the address now (PROCMAP_QUERY: 6.11, bfc69fd05ef9). Returns 0, -ENOENT (none), -ESRCH (the
 * address space is gone), -ENOTTY (this kernel, or this file, cannot say) or another -errno. `name` gets the name.
 */
#define PROC_MAP_NAME_BYTES 4096
int proc_maps__query(int fd, uint64_t address, struct proc_map *map, char name[PROC_MAP_NAME_BYTES]);

/*
 * What a person is shown: the kernel's name, but "[anon]" for none, and "memfd:x" for "/memfd:x (deleted)". A line end is
 * \012, as in the file, wherever the name came from. Returns the length; not terminated.
 */
#define PROC_MAP_LABEL_BYTES (4UL * PROC_MAP_NAME_BYTES)
size_t proc_map__label(const struct proc_map *map, char label[PROC_MAP_LABEL_BYTES]);

#endif
