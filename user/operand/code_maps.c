/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "code_maps.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "process/proc_maps.h"

struct reading {
	struct code_maps *maps;
	size_t room;
};

static int add(void *ctx, const struct proc_map *from)
{
	struct reading *reading = ctx;
	struct code_maps *maps = reading->maps;

	if (!(from->flags & PROC_MAP_EXEC))
		return 0;
	if (maps->n == reading->room) {
		size_t more = reading->room ? 2 * reading->room : 64;
		struct code_map *grown = realloc(maps->maps, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		maps->maps = grown;
		reading->room = more;
	}
	maps->maps[maps->n++] = (struct code_map){
		.start = from->start,
		.end = from->end,
		.offset = from->offset,
		.inode = from->inode,
		.device = from->device,
	};
	return 0;
}

static int open_maps(pid_t pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int code_maps__read(struct code_maps *maps, pid_t pid)
{
	struct reading reading = {.maps = maps};
	int fd, err;

	code_maps__free(maps);
	fd = open_maps(pid);
	if (fd < 0)
		return fd;
	err = proc_maps__read(fd, add, &reading);
	close(fd);
	if (err)
		code_maps__free(maps);
	return err;
}

void code_maps__free(struct code_maps *maps)
{
	free(maps->maps);
	*maps = (struct code_maps){0};
}

const struct code_map *code_maps__find(const struct code_maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (address < maps->maps[middle].start)
			high = middle;
		else if (address >= maps->maps[middle].end)
			low = middle + 1;
		else
			return &maps->maps[middle];
	}
	return NULL;
}

/* A mapping of which the file is to be opened. */
struct wanted {
	pid_t pid;
	uint64_t start;
	int fd;
};

/* The path in the list of mappings is as the process sees it, and may hold anything: only device and inode count. */
static int open_wanted(void *ctx, const struct proc_map *map)
{
	struct wanted *wanted = ctx;
	char *path = NULL;

	if (map->start != wanted->start || !map->name_length || *map->name != '/')
		return 0;
	if (asprintf(&path, "/proc/%d/root%.*s", (int)wanted->pid, (int)map->name_length, map->name) < 0)
		return -ENOMEM;
	wanted->fd = open(path, O_PATH | O_CLOEXEC);
	if (wanted->fd < 0)
		wanted->fd = -errno;
	free(path);
	return 0;
}

static int open_by_path(const struct code_map *map, pid_t pid)
{
	struct wanted wanted = {.pid = pid, .start = map->start, .fd = -ESTALE};
	int fd = open_maps(pid), err;

	if (fd < 0)
		return fd;
	err = proc_maps__read(fd, open_wanted, &wanted);
	close(fd);
	return err ? err : wanted.fd;
}

int code_map__open(const struct code_map *map, pid_t pid)
{
	struct statfs statfs = {0};
	struct stat stat = {0};
	char path[96];
	int fd, opened, err = 0;

	/* O_PATH, so that nothing is set going before it is known what it is. */
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)pid, map->start, map->end);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) {
		fd = open_by_path(map, pid);
		if (fd < 0)
			return fd;
		if (fstat(fd, &stat) || stat.st_ino != map->inode || stat.st_dev != map->device)
			err = -ESTALE;
	}
	if (!err && (fstat(fd, &stat) || fstatfs(fd, &statfs)))
		err = -errno;
	if (!err && (!S_ISREG(stat.st_mode) || statfs.f_type == FUSE_SUPER_MAGIC))
		err = -EOPNOTSUPP;
	if (!err) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		opened = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		err = opened < 0 ? -errno : opened;
	}
	close(fd);
	return err;
}

int code_map__copy(pid_t pid, uint64_t address, uint8_t *bytes, size_t size)
{
	struct iovec local = {.iov_base = bytes, .iov_len = size};
	/* An address of the other process. NOLINTNEXTLINE(performance-no-int-to-ptr) */
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);
	char path[64];
	int fd;

	if (n == (ssize_t)size)
		return 0;
	/* Without read permission on the mapping only this way is open. */
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = pread(fd, bytes, size, (off_t)address);
	close(fd);
	return n == (ssize_t)size ? 0 : -EFAULT;
}
