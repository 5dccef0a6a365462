/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as /proc/PID/maps: code_maps__read() and code_map__open().
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "operand/code_maps.h"

#define PID 7

static struct fuzz_input maps_text;

FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

static int open_text(void)
{
	int fd = memfd_create("maps", MFD_CLOEXEC);

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(!maps_text.size || write(fd, maps_text.data, maps_text.size) == (ssize_t)maps_text.size);
	FUZZ_CHECK(lseek(fd, 0, SEEK_SET) == 0);
	return fd;
}

/* However the reader opens it, it gets the input. */
FILE *__wrap_fopen(const char *path, const char *mode)
{
	return strcmp(path, "/proc/7/maps") ? __real_fopen(path, mode) : fdopen(open_text(), "r");
}

/* No file that the text names is opened in earnest: it may name a terminal or a pipe. */
int __wrap_open(const char *path, int flags, ...)
{
	if (!strcmp(path, "/proc/7/maps"))
		return open_text();
	return __real_open(strncmp(path, "/proc/7/", 8) ? path : "/nonexistent", flags, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code_maps maps = {0};

	maps_text = (struct fuzz_input){.data = data, .size = size};
	FUZZ_CHECK(!code_maps__read(&maps, PID));
	for (size_t i = 0; i < maps.n; i++) {
		const struct code_map *map = &maps.maps[i];
		const struct code_map *found = code_maps__find(&maps, map->start);

		FUZZ_CHECK(map->start < map->end);
		FUZZ_CHECK(!found || (found->start <= map->start && map->start < found->end));
		if (i < 4)
			FUZZ_CHECK(code_map__open(map, PID) < 0);
	}
	code_maps__find(&maps, 0);
	code_maps__find(&maps, UINT64_MAX);
	code_maps__free(&maps);
	FUZZ_CHECK(!maps.n && !maps.maps);
	return 0;
}
