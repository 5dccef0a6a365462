/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "proc_maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "support/error.h"

/* A line has a path of PATH_MAX bytes at most, each of which may be escaped. */
#define BUFFER_BYTES (64UL << 10)

/* include/uapi/linux/fs.h of 6.11; Debian 12's headers are older. The structure grows at its end: `size` says which it is. */
struct query {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_addr;
	uint64_t vma_start;
	uint64_t vma_end;
	uint64_t vma_flags;
	uint64_t vma_page_size;
	uint64_t vma_offset;
	uint64_t inode;
	uint32_t dev_major;
	uint32_t dev_minor;
	uint32_t vma_name_size; /* in: of the buffer; out: with the terminator, 0 for no name */
	uint32_t build_id_size;
	uint64_t vma_name_addr;
	uint64_t build_id_addr;
};
_Static_assert(sizeof(struct query) == 104, "PROCMAP_QUERY");
#define QUERY _IOWR('f', 17, struct query)
#define QUERY_FLAGS (PROC_MAP_READ | PROC_MAP_WRITE | PROC_MAP_EXEC | PROC_MAP_SHARED) /* the same bits there */

/* What is left of a line. */
struct cursor {
	const char *at;
	const char *end;
};

static bool take_number(struct cursor *cursor, unsigned int base, uint64_t *number)
{
	const char *from = cursor->at;

	*number = 0;
	for (; cursor->at < cursor->end; cursor->at++) {
		char c = *cursor->at;
		unsigned int digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned int)(c - '0');
		else if (base == 16 && c >= 'a' && c <= 'f')
			digit = (unsigned int)(c - 'a') + 10;
		else
			break;
		if (*number > (UINT64_MAX - digit) / base)
			return false;
		*number = *number * base + digit;
	}
	return cursor->at > from;
}

static bool take_char(struct cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

static bool take_flags(struct cursor *cursor, unsigned int *flags)
{
	const char *perms = cursor->at;

	if (cursor->end - perms < 4)
		return false;
	*flags = (perms[0] == 'r' ? PROC_MAP_READ : 0) | (perms[1] == 'w' ? PROC_MAP_WRITE : 0) |
		 (perms[2] == 'x' ? PROC_MAP_EXEC : 0) | (perms[3] == 's' ? PROC_MAP_SHARED : 0);
	cursor->at += 4;
	return true;
}

/* "start-end perms offset major:minor inode   name" */
bool proc_map__parse(const char *line, size_t length, struct proc_map *map)
{
	struct cursor cursor = {.at = line, .end = line + length};
	uint64_t major_number, minor_number;

	if (!take_number(&cursor, 16, &map->start) || !take_char(&cursor, '-') ||
	    !take_number(&cursor, 16, &map->end) || !take_char(&cursor, ' ') || !take_flags(&cursor, &map->flags) ||
	    !take_char(&cursor, ' ') || !take_number(&cursor, 16, &map->offset) || !take_char(&cursor, ' ') ||
	    !take_number(&cursor, 16, &major_number) || !take_char(&cursor, ':') ||
	    !take_number(&cursor, 16, &minor_number) || !take_char(&cursor, ' ') ||
	    !take_number(&cursor, 10, &map->inode) || map->start >= map->end)
		return false;
	map->device = makedev((unsigned int)major_number, (unsigned int)minor_number);
	while (take_char(&cursor, ' '))
		;
	map->name = cursor.at;
	map->name_length = (size_t)(cursor.end - cursor.at);
	return true;
}

/* While the file is read, in pieces, mappings grow and merge: what overlaps what was seen before is cut. */
static int deliver(const char *line, size_t length, uint64_t *last, proc_maps_fn each, void *ctx)
{
	struct proc_map map;

	if (!proc_map__parse(line, length, &map) || map.end <= *last)
		return 0;
	if (map.start < *last) {
		map.offset += map.inode ? *last - map.start : 0;
		map.start = *last;
	}
	*last = map.end;
	return each(ctx, &map);
}

int proc_maps__read(int fd, proc_maps_fn each, void *ctx)
{
	char *buffer = malloc(BUFFER_BYTES);
	size_t filled = 0, seen = 0;
	uint64_t last = 0;
	off_t offset = 0;
	int err = buffer ? 0 : -ENOMEM;

	while (!err && seen < PROC_MAPS_MAX) {
		ssize_t n = pread(fd, buffer + filled, BUFFER_BYTES - filled, offset);
		char *line = buffer, *end;

		if (n < 0)
			err = error__last();
		if (n <= 0)
			break;
		offset += n;
		filled += (size_t)n;
		while (!err && seen < PROC_MAPS_MAX && (end = memchr(line, '\n', (size_t)(buffer + filled - line)))) {
			err = deliver(line, (size_t)(end - line), &last, each, ctx);
			line = end + 1;
			seen++;
		}
		filled -= (size_t)(line - buffer);
		memmove(buffer, line, filled);
		if (filled == BUFFER_BYTES)
			err = -EBADMSG; /* no kernel writes such a line */
	}
	free(buffer);
	return err;
}

int proc_maps__query(int fd, uint64_t address, struct proc_map *map, char name[PROC_MAP_NAME_BYTES])
{
	struct query query = {
		.size = sizeof(query),
		.query_addr = address,
		.vma_name_addr = (uint64_t)(uintptr_t)name,
		.vma_name_size = PROC_MAP_NAME_BYTES,
	};

	if (ioctl(fd, QUERY, &query))
		return error__last();
	if (query.vma_start > address || query.vma_end <= address || query.vma_name_size > PROC_MAP_NAME_BYTES)
		return -EBADMSG;
	*map = (struct proc_map){
		.start = query.vma_start,
		.end = query.vma_end,
		.offset = query.vma_offset,
		.inode = query.inode,
		.device = makedev(query.dev_major, query.dev_minor),
		.flags = query.vma_flags & QUERY_FLAGS,
		.name = name,
		.name_length = query.vma_name_size ? query.vma_name_size - 1 : 0,
	};
	return 0;
}

size_t proc_map__label(const struct proc_map *map, char label[PROC_MAP_LABEL_BYTES])
{
	static const char anon[] = "[anon]", memfd[] = "/memfd:", deleted[] = " (deleted)", line_end[] = "\\012";
	const char *from = map->name, *end = map->name + map->name_length;
	size_t n = 0;

	if (!map->name_length) {
		memcpy(label, anon, sizeof(anon) - 1);
		return sizeof(anon) - 1;
	}
	if (map->name_length >= sizeof(memfd) - 1 && !memcmp(from, memfd, sizeof(memfd) - 1)) {
		from++;
		if ((size_t)(end - from) >= sizeof(deleted) - 1 &&
		    !memcmp(end - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1))
			end -= sizeof(deleted) - 1;
	}
	for (; from < end && n + 4 <= PROC_MAP_LABEL_BYTES; from++) {
		if (*from != '\n') {
			label[n++] = *from;
			continue;
		}
		memcpy(label + n, line_end, sizeof(line_end) - 1);
		n += sizeof(line_end) - 1;
	}
	return n;
}
