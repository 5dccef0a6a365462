/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "maps.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void maps__free(struct maps *maps)
{
	for (size_t i = 0; i < maps->n; i++)
		name__put(maps->maps[i].name);
	free(maps->maps);
	*maps = (struct maps){0};
}

/* The first mapping that ends behind the address. */
static size_t position(const struct maps *maps, uint64_t address)
{
	size_t low = 0, high = maps->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (maps->maps[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool holds(const struct map *map, uint64_t address)
{
	return address >= map->start && address < map->end;
}

struct map *maps__find(struct maps *maps, uint64_t address)
{
	size_t i;

	if (maps->last < maps->n && holds(&maps->maps[maps->last], address))
		return &maps->maps[maps->last];
	i = position(maps, address);
	if (i == maps->n || !holds(&maps->maps[i], address))
		return NULL;
	maps->last = i;
	return &maps->maps[i];
}

static int reserve(struct maps *maps, size_t n)
{
	size_t room = maps->room ? maps->room : 64;
	struct map *grown;

	while (room < n)
		room *= 2;
	if (room == maps->room)
		return 0;
	grown = realloc(maps->maps, room * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	maps->maps = grown;
	maps->room = room;
	return 0;
}

/* Removes maps[from … to - 1] and makes room for n others there. */
static void splice(struct maps *maps, size_t from, size_t to, size_t n)
{
	for (size_t i = from; i < to; i++)
		name__put(maps->maps[i].name);
	memmove(&maps->maps[from + n], &maps->maps[to], (maps->n - to) * sizeof(*maps->maps));
	maps->n = maps->n - (to - from) + n;
}

static void cut_front(struct map *map, uint64_t start)
{
	if (map->inode)
		map->offset += start - map->start;
	map->start = start;
}

int maps__put(struct maps *maps, const struct map *map)
{
	struct map left = {0}, right = {0};
	size_t from = position(maps, map->start), to = from, n = 0;

	/* A mapping in the middle of another leaves two pieces of it: one more than there was, and the new one. */
	if (reserve(maps, maps->n + 2)) {
		name__put(map->name);
		return -ENOMEM;
	}
	while (to < maps->n && maps->maps[to].start < map->end)
		to++;
	if (from < to && maps->maps[from].start < map->start) {
		left = maps->maps[from];
		left.end = map->start;
		name__hold(left.name);
	}
	if (from < to && maps->maps[to - 1].end > map->end) {
		right = maps->maps[to - 1];
		cut_front(&right, map->end);
		name__hold(right.name);
	}
	splice(maps, from, to, 1 + !!left.name + !!right.name);
	if (left.name)
		maps->maps[from + n++] = left;
	maps->last = from + n;
	maps->maps[from + n++] = *map;
	if (right.name)
		maps->maps[from + n] = right;
	return 0;
}
