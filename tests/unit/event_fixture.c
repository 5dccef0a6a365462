// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "event_fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct event_fixture fixture;

static char root[] = "/tmp/mmuscope-event-XXXXXX";

/* The files of a machine: path below its tree, a blank, content. */
static const char *const intel[] = {
	"cpu/type 4",
	"cpu/format/event config:0-7",
	"cpu/format/umask config:8-15",
	"cpu/format/edge config:18",
	"cpu/format/cmask config:24-31",
	"cpu/format/ldlat config1:0-15",
	"cpu/format/split config2:0-3,8,60-63",
	"cpu/format/whole config2",
	"cpu/format/new config3:0-7",
	"cpu/format/broken config:8-3",
	"cpu/format/beyond config:60-64",
	"cpu/format/empty ",
	"cpu/events/mem-loads event=0xcd,umask=0x1,ldlat=3",
	"cpu/events/mem-stores event=0xd0,umask=0x82",
	"cpu/events/mem-stores.scale 2",
	"cpu/events/cpu-cycles event=0x3c",
	"cpu/events/wants event=0x3c,umask=?",
	"cpu/events/nested cpu-cycles",
	"cpu/events/hollow ",
	"cpu/caps/max_precise 3",
	"msr/type 11",
	"software/type 1",
	"tracepoint/type 2",
	"breakpoint/type 5",
	"uprobe/type 9",
	"silly/type 4x",
	NULL,
};

static const char *const spr[] = {
	"cpu/type 4",
	"cpu/format/event config:0-7",
	"cpu/format/umask config:8-15",
	"cpu/format/ldlat config1:0-15",
	"cpu/events/mem-loads event=0xcd,umask=0x1,ldlat=3",
	"cpu/events/mem-loads-aux event=0x03,umask=0x82",
	"cpu/events/mem-stores event=0xcd,umask=0x2",
	"cpu/caps/max_precise 2",
	NULL,
};

static const char *const hybrid[] = {
	"cpu_core/type 4",
	"cpu_core/cpus 0-7",
	"cpu_core/format/event config:0-7",
	"cpu_core/format/umask config:8-15",
	"cpu_core/format/ldlat config1:0-15",
	"cpu_core/events/mem-loads event=0xcd,umask=0x1,ldlat=3",
	"cpu_core/events/mem-loads-aux event=0x03,umask=0x82",
	"cpu_core/events/mem-stores event=0xcd,umask=0x2",
	"cpu_core/caps/max_precise 3",
	"cpu_atom/type 10",
	"cpu_atom/cpus 8-15",
	"cpu_atom/format/event config:0-7",
	"cpu_atom/format/umask config:8-15",
	"cpu_atom/format/ldlat config1:0-15",
	"cpu_atom/events/mem-loads event=0xd0,umask=0x5,ldlat=3",
	"cpu_atom/events/mem-stores event=0xd0,umask=0x6",
	"cpu_atom/caps/max_precise 3",
	NULL,
};

#define AMD                                                                                                            \
	"cpu/type 4", "cpu/format/event config:0-7,32-35", "cpu/format/umask config:8-15", "cpu/caps/max_precise 0",   \
		"ibs_op/type 9", "ibs_op/format/cnt_ctl config:19", "ibs_fetch/type 8",                                \
		"ibs_fetch/format/rand_en config:57"

static const char *const amd[] = {
	AMD,
	NULL,
};

static const char *const amd_swfilt[] = {
	AMD,
	"ibs_op/format/swfilt config2:0",
	"ibs_fetch/format/swfilt config2:0",
	NULL,
};

static const char *const arm[] = {
	"armv8_pmuv3/type 8",
	"armv8_pmuv3/cpus 0-3",
	"armv8_pmuv3/format/event config:0-15",
	"armv8_pmuv3/events/cpu_cycles event=0x0011",
	NULL,
};

/* A guest whose kernel shows the names and whose PMU has no PEBS. */
static const char *const guest[] = {
	"cpu/type 4",
	"cpu/format/event config:0-7",
	"cpu/format/umask config:8-15",
	"cpu/format/ldlat config1:0-15",
	"cpu/events/mem-loads event=0xcd,umask=0x1,ldlat=3",
	"cpu/caps/max_precise 0",
	NULL,
};

static const char *const powerpc[] = {
	"cpu/type 4",
	"cpu/format/event config:0-49",
	"cpu/events/mem-loads event=0x34340401e0",
	NULL,
};

static const char *const bare[] = {
	"software/type 1",
	"msr/type 6",
	NULL,
};

#define MACHINE(name)                                                                                                  \
	{                                                                                                              \
#name, name                                                                                            \
	}
const struct event_machine event_machines[] = {
	MACHINE(intel), MACHINE(spr),     MACHINE(hybrid), MACHINE(amd),  MACHINE(amd_swfilt),
	MACHINE(arm),   MACHINE(powerpc), MACHINE(guest),  MACHINE(bare), {NULL, NULL},
};

void fixture__log(enum log_level level, const char *format, va_list args)
{
	assert_int_equal(level, LOG_ERROR);
	vsnprintf(fixture.message, sizeof(fixture.message), format, args);
	fixture.messages++;
}

void fixture__put(const char *machine, const char *file, const char *content)
{
	char path[256];
	FILE *stream;

	snprintf(path, sizeof(path), "%s/%s/%s", root, machine, file);
	for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		assert_true(mkdir(path, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	stream = fopen(path, "w");
	assert_non_null(stream);
	assert_true(fprintf(stream, "%s\n", content) > 0);
	assert_int_equal(fclose(stream), 0);
}

void fixture__put_line(const char *machine, const char *line)
{
	char file[128];
	size_t len = strcspn(line, " ");

	assert_true(len < sizeof(file));
	snprintf(file, sizeof(file), "%.*s", (int)len, line);
	fixture__put(machine, file, line + len + 1);
}

int fixture__build(void **state)
{
	assert_non_null(mkdtemp(root));
	for (const struct event_machine *machine = event_machines; machine->name; machine++)
		for (const char *const *line = machine->lines; *line; line++)
			fixture__put_line(machine->name, *line);
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *ftw)
{
	return remove(path);
}

int fixture__remove(void **state)
{
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int fixture__fresh(void **state)
{
	memset(&fixture, 0, sizeof(fixture));
	return 0;
}

int fixture__drop(void **state)
{
	event_list__free(&fixture.list);
	assert_null(fixture.list.events);
	assert_int_equal(fixture.list.n, 0);
	return 0;
}

int fixture__parse(const char *machine, const char *spec)
{
	char sysfs[128];
	struct event_paths paths = {.sysfs_devices = sysfs};

	snprintf(sysfs, sizeof(sysfs), "%s/%s", root, machine);
	fixture.messages = 0;
	fixture.message[0] = '\0';
	return event__parse(spec, &fixture.defaults, &paths, &fixture.list);
}

const struct event *fixture__one(const char *machine, const char *spec)
{
	event_list__free(&fixture.list);
	if (fixture__parse(machine, spec))
		fail_msg("%s on %s: %s", spec, machine, fixture.message);
	assert_int_equal(fixture.messages, 0);
	assert_int_equal(fixture.list.n, 1);
	assert_int_equal(fixture.list.events[0].attr.size, sizeof(struct perf_event_attr));
	assert_int_equal(fixture.list.events[0].attr.sample_type, 0);
	assert_int_equal(fixture.list.events[0].attr.disabled, 0);
	assert_int_equal(fixture.list.events[0].attr.inherit, 0);
	return &fixture.list.events[0];
}

void fixture__many(const char *machine, const char *spec, size_t n)
{
	event_list__free(&fixture.list);
	if (fixture__parse(machine, spec))
		fail_msg("%s on %s: %s", spec, machine, fixture.message);
	assert_int_equal(fixture.list.n, n);
}

void fixture__refused(const char *machine, const char *spec, int err, const char *part)
{
	struct event_list before;
	struct event first;
	int got;

	event_list__free(&fixture.list);
	assert_int_equal(fixture__parse("bare", "cs"), 0);
	before = fixture.list;
	first = fixture.list.events[0];
	got = fixture__parse(machine, spec);
	if (got != err || fixture.messages != 1 || !strstr(fixture.message, part))
		fail_msg("%s on %s: got %d (%d messages): %s", spec, machine, got, fixture.messages, fixture.message);
	if (strncmp(fixture.message, "event \"", 7) != 0)
		fail_msg("the message names no event: %s", fixture.message);
	assert_memory_equal(&before, &fixture.list, sizeof(fixture.list));
	assert_memory_equal(&first, &fixture.list.events[0], sizeof(first));
}

static uint64_t random_state;

void fixture__seed(uint64_t seed)
{
	random_state = seed;
}

/* xorshift64: the same on every machine, so a failure can be had again. */
uint32_t fixture__random(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % limit;
}

void fixture__mangle(char *text, size_t room)
{
	static const char alphabet[] = ",:/='{}pukPrwx0x19fF-_.? \x7f\x01\xc2memcycles";

	for (uint32_t changes = 1 + fixture__random(4); changes; changes--) {
		size_t len = strlen(text);
		size_t at = fixture__random((uint32_t)len + 1);
		char letter = alphabet[fixture__random(sizeof(alphabet) - 1)];

		switch (fixture__random(4)) {
		case 0:
			if (len)
				text[at < len ? at : len - 1] = letter;
			break;
		case 1:
			if (at < len)
				memmove(text + at, text + at + 1, len - at);
			break;
		case 2:
			if (len + 1 < room) {
				memmove(text + at + 1, text + at, len - at + 1);
				text[at] = letter;
			}
			break;
		default:
			/* A part of it twice. */
			if (2 * len - at < room) {
				char copy[512];

				strcpy(copy, text + at);
				strcat(text, copy);
			}
		}
	}
}
