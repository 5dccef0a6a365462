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
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

/* vm.max_map_count is 65530 unless somebody raised it. */
#define MAX_MAPS 65536

static int add(struct code_maps *maps, size_t *room, const struct code_map *map)
{
	if (maps->n == *room) {
		size_t more = *room ? 2 * *room : 64;
		struct code_map *grown = realloc(maps->maps, more * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		maps->maps = grown;
		*room = more;
	}
	maps->maps[maps->n++] = *map;
	return 0;
}

/*
 * "start-end perms offset major:minor inode path": format of proc_pid_maps(5). Returns false if it is not executable.
 */
static bool parse(const char *line, struct code_map *map)
{
	unsigned int major, minor;
	char perms[5];

	/* The kernel wrote these numbers: they fit. NOLINTNEXTLINE(cert-err34-c) */
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64, &map->start, &map->end, perms,
		   &map->offset, &major, &minor, &map->inode) != 7)
		return false;
	map->device = makedev(major, minor);
	return perms[2] == 'x' && map->start < map->end;
}

int code_maps__read(struct code_maps *maps, pid_t pid)
{
	char path[64], *line = NULL;
	size_t length = 0, room = 0;
	struct code_map map;
	FILE *file;
	int err = 0;

	code_maps__free(maps);
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (!err && maps->n < MAX_MAPS && getline(&line, &length, file) > 0)
		if (parse(line, &map))
			err = add(maps, &room, &map);
	free(line);
	(void)fclose(file);
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

/* The path in the list of mappings is as the process sees it, and may hold anything: only device and inode count. */
static int open_by_path(const struct code_map *map, pid_t pid)
{
	char maps[64], prefix[64], *line = NULL, *path = NULL;
	struct code_map other;
	size_t length = 0;
	FILE *file;
	int fd = -ESTALE;

	snprintf(maps, sizeof(maps), "/proc/%d/maps", (int)pid);
	snprintf(prefix, sizeof(prefix), "/proc/%d/root", (int)pid);
	file = fopen(maps, "re");
	if (!file)
		return -errno;
	while (fd == -ESTALE && getline(&line, &length, file) > 0) {
		char *slash = strchr(line, '/');

		if (!slash || !parse(line, &other) || other.start != map->start)
			continue;
		slash[strcspn(slash, "\n")] = '\0';
		if (asprintf(&path, "%s%s", prefix, slash) < 0)
			break;
		fd = open(path, O_PATH | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		free(path);
		break;
	}
	free(line);
	(void)fclose(file);
	return fd;
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
