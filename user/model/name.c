/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "name.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct name {
	struct names *names;
	uint64_t holders;
	UT_hash_handle hh;
	char text[];
};

struct names {
	struct name *table;
};

struct names *names__new(void)
{
	return calloc(1, sizeof(struct names));
}

void names__free(struct names *names)
{
	free(names);
}

size_t names__count(const struct names *names)
{
	return HASH_COUNT(names->table);
}

/* Not `const` inside: holders come and go, the text stays. */
static struct name *own(const struct name *name)
{
	return (struct name *)(uintptr_t)name;
}

const struct name *names__get(struct names *names, const char *text, size_t length)
{
	struct name *name;

	length = strnlen(text, length < NAME_TEXT_MAX ? length : NAME_TEXT_MAX);
	HASH_FIND(hh, names->table, text, length, name);
	if (name)
		return name__hold(name);
	name = calloc(1, sizeof(*name) + length + 1);
	if (!name)
		return NULL;
	memcpy(name->text, text, length);
	name->names = names;
	name->holders = 1;
	HASH_ADD_KEYPTR(hh, names->table, name->text, length, name);
	if (!name->hh.tbl) {
		free(name);
		errno = ENOMEM;
		return NULL;
	}
	return name;
}

const char *name__text(const struct name *name)
{
	return name->text;
}

const struct name *name__hold(const struct name *name)
{
	own(name)->holders++;
	return name;
}

void name__put(const struct name *name)
{
	struct name *mine = own(name);

	if (!name || --mine->holders)
		return;
	HASH_DEL(mine->names->table, mine);
	free(mine);
}
