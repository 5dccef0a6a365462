/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The executable mappings of a process, and what is behind them.
 */
#ifndef MMUSCOPE_OPERAND_CODE_MAPS_H
#define MMUSCOPE_OPERAND_CODE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct code_map {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* into the file */
	uint64_t inode;  /* 0: no file */
	dev_t device;
};

struct code_maps {
	struct code_map *maps; /* by address */
	size_t n;
};

/*
 * Reads /proc/PID/maps; `maps` held another process's or an older list, or zeros. Returns 0 or -errno (then it is
 * empty).
 */
int code_maps__read(struct code_maps *maps, pid_t pid);
void code_maps__free(struct code_maps *maps);
const struct code_map *code_maps__find(const struct code_maps *maps, uint64_t address);

/*
 * Opens the file behind a mapping for reading: a descriptor, or -errno. -EOPNOTSUPP: a file whose reads another process
 * answers (FUSE), or no regular file; -ESTALE: it is not found any more.
 */
int code_map__open(const struct code_map *map, pid_t pid);

/* Copies `size` bytes of a process's memory. Returns 0 or -errno. */
int code_map__copy(pid_t pid, uint64_t address, uint8_t *bytes, size_t size);

#endif
