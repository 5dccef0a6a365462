/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any text in the files by which sysfs describes a PMU: event_pmu.c. Input, in lines: the event's name, then files as
 * "format/event config:0-7"; in a file's content, \r stands for a newline. Files of other names than those below are not
 * made.
 */
#include <unistd.h>

#include "events.h"
#include "tree.h"

#define MAX_FILES 16

FUZZ_CATCH_LOG()

static char root[] = TREE_TEMPLATE;

static const char *const names[] = {
	"type",          "cpus",         "caps/max_precise", "format/event",
	"format/umask",  "format/ldlat", "events/mem-loads", "events/mem-loads-aux",
	"events/cycles",
};

static void clear(void)
{
	tree__remove(root);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	FUZZ_CHECK(mkdtemp(root));
	atexit(clear);
	return 0;
}

static void put(char *line, size_t size)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t n = strlen(names[i]);
		char name[64];

		if (size <= n || strncmp(line, names[i], n) != 0 || line[n] != ' ')
			continue;
		for (char *c = line + n; c < line + size; c++)
			if (*c == '\r')
				*c = '\n';
		snprintf(name, sizeof(name), "cpu/%s", names[i]);
		tree__put(root, name, line + n + 1, size - n - 1);
	}
}

static void remove_files(void)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];

		snprintf(path, sizeof(path), "%s/cpu/%s", root, names[i]);
		unlink(path);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct event_defaults defaults = {0};
	char *text = fuzz__string(data, size);
	char *end = text + size, *line = text;

	for (int i = 0; i <= MAX_FILES && line < end; i++) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		char *stop = newline ? newline : end;

		if (i)
			put(line, (size_t)(stop - line));
		*stop = '\0';
		line = stop + 1;
	}
	fuzz__parse_event(text, &defaults, root);
	remove_files();
	free(text);
	return 0;
}
