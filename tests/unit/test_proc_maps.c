/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The list of mappings: every line a kernel writes, and whatever else may stand there.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/proc_maps.h"

static void expect(const char *line, const char *label, uint64_t start, uint64_t end, unsigned int flags)
{
	static char shown[PROC_MAP_LABEL_BYTES];
	struct proc_map map;
	size_t n;

	if (!proc_map__parse(line, strlen(line), &map))
		fail_msg("not parsed: %s", line);
	assert_int_equal(map.start, start);
	assert_int_equal(map.end, end);
	assert_int_equal(map.flags, flags);
	n = proc_map__label(&map, shown);
	assert_int_equal(n, strlen(label));
	assert_memory_equal(shown, label, n);
}

static void lines_of_kernels(void **state)
{
	const unsigned int rw = PROC_MAP_READ | PROC_MAP_WRITE, rx = PROC_MAP_READ | PROC_MAP_EXEC;
	struct proc_map map;
	static const char line[] =
		"55d0c0a8e000-55d0c0ab0000 r-xp 0001f000 fe:01 1835023                    /usr/bin/dash";

	(void)state;
	expect(line, "/usr/bin/dash", 0x55d0c0a8e000, 0x55d0c0ab0000, rx);
	assert_true(proc_map__parse(line, strlen(line), &map));
	assert_int_equal(map.offset, 0x1f000);
	assert_int_equal(map.inode, 1835023);
	assert_true(map.device == makedev(0xfe, 1));
	expect("01a4d000-01a6e000 rw-p 00000000 00:00 0                                  [heap]", "[heap]", 0x1a4d000,
	       0x1a6e000, rw);
	expect("7ffd-7ffe rw-p 0 00:00 0 [stack]", "[stack]", 0x7ffd, 0x7ffe, rw);
	expect("7f00-7f01 rw-p 00000000 00:00 0 ", "[anon]", 0x7f00, 0x7f01, rw);
	expect("7f00-7f01 rw-p 00000000 00:00 0", "[anon]", 0x7f00, 0x7f01, rw);
	expect("7f00-7f01 rw-p 00000000 00:00 0 [anon:glibc: malloc]", "[anon:glibc: malloc]", 0x7f00, 0x7f01, rw);
	expect("7f00-7f01 ---p 00000000 00:00 0 [anon_shmem:ring]", "[anon_shmem:ring]", 0x7f00, 0x7f01, 0);
	expect("7f00-7f01 rw-s 00000000 00:01 9 /memfd:a b (deleted)", "memfd:a b", 0x7f00, 0x7f01,
	       rw | PROC_MAP_SHARED);
	expect("7f00-7f01 rw-s 00000000 00:01 9 /memfd:", "memfd:", 0x7f00, 0x7f01, rw | PROC_MAP_SHARED);
	expect("7f00-7f01 rw-s 00000000 00:01 9 /SYSV0000002a (deleted)", "/SYSV0000002a (deleted)", 0x7f00, 0x7f01,
	       rw | PROC_MAP_SHARED);
	expect("7f00-7f01 rw-p 00000000 00:0f 9 /anon_hugepage (deleted)", "/anon_hugepage (deleted)", 0x7f00, 0x7f01,
	       rw);
	expect("7f00-7f01 r-xp 00000000 00:00 0 [vdso]", "[vdso]", 0x7f00, 0x7f01, rx);
	expect("ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 [vsyscall]", "[vsyscall]", 0xffffffffff600000,
	       0xffffffffff601000, PROC_MAP_EXEC);
	expect("1-2 r--p 0 0:0 1 /tmp/a\x1b[2J\xff b\t (deleted)", "/tmp/a\x1b[2J\xff b\t (deleted)", 1, 2,
	       PROC_MAP_READ);
}

static void what_is_no_line(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"-",
		"1",
		"1-",
		"1-2",
		"1-2 ",
		"1-2 r-x",
		"1-2 r-xp",
		"1-2 r-xp ",
		"1-2 r-xp 0",
		"1-2 r-xp 0 0",
		"1-2 r-xp 0 0:",
		"1-2 r-xp 0 0:0",
		"1-2 r-xp 0 0:0 ",
		"1-2 r-xp 0 0:0 x",
		"2-2 r-xp 0 0:0 0",
		"3-2 r-xp 0 0:0 0",
		"10000000000000000-2 r-xp 0 0:0 0",
		"1-10000000000000000 r-xp 0 0:0 0",
		"1-2 r-xp 0 0:0 18446744073709551616",
		"0x1-2 r-xp 0 0:0 0",
		"-1-2 r-xp 0 0:0 0",
		"1-2r-xp 0 0:0 0",
		"A-B r-xp 0 0:0 0",
	};
	struct proc_map map;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (proc_map__parse(lines[i], strlen(lines[i]), &map))
			fail_msg("parsed: \"%s\"", lines[i]);
	assert_true(proc_map__parse("1-2 r-xp 0 0:0 18446744073709551615", 35, &map));
	assert_true(map.inode == UINT64_MAX);
}

/* Any bytes; under the sanitizers a look beyond them would be seen. */
static void any_bytes(void **state)
{
	static const char alphabet[] = "0123456789abcdef- rwxsp:/[]()\n\xff";
	uint64_t seed = 7;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		size_t n = (seed = seed * 6364136223846793005u + 1442695040888963407u) >> 58;
		char *line = malloc(n + 1);
		struct proc_map map;

		for (size_t k = 0; k < n; k++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			line[k] = alphabet[(seed >> 40) % (sizeof(alphabet) - 1)];
		}
		line = realloc(line, n ? n : 1);
		if (proc_map__parse(line, n, &map)) {
			assert_true(map.start < map.end);
			assert_true(map.name >= line && map.name + map.name_length == line + n);
		}
		free(line);
	}
}

static void line_ends_are_spelt_alike(void **state)
{
	struct proc_map map = {.name = "/a\nb", .name_length = 4};
	static char label[PROC_MAP_LABEL_BYTES], name[PROC_MAP_NAME_BYTES];

	(void)state;
	assert_int_equal(proc_map__label(&map, label), 7);
	assert_memory_equal(label, "/a\\012b", 7);
	memset(name, '\n', sizeof(name));
	map = (struct proc_map){.name = name, .name_length = sizeof(name)};
	assert_int_equal(proc_map__label(&map, label), sizeof(label));
}

struct seen {
	size_t n;
	uint64_t end;
	uint64_t bytes;
	int stop_at;
};

static int count(void *ctx, const struct proc_map *map)
{
	struct seen *seen = ctx;

	assert_true(map->start >= seen->end && map->start < map->end);
	seen->end = map->end;
	seen->bytes += map->end - map->start;
	return (int)++seen->n == seen->stop_at ? -ECANCELED : 0;
}

static int file_of(void (*write_lines)(FILE *file))
{
	int fd = memfd_create("maps", 0);
	FILE *file = fdopen(dup(fd), "w");

	assert_non_null(file);
	write_lines(file);
	assert_int_equal(fclose(file), 0);
	return fd;
}

static void many(FILE *file)
{
	for (uint64_t i = 0; i < 60000; i++)
		fprintf(file, "%lx-%lx rw-p 00000000 00:00 0 %*s\n", (i + 1) * 8192, (i + 1) * 8192 + 4096,
			(int)(i % 4000), "/x");
}

static void too_many(FILE *file)
{
	for (uint64_t i = 0; i < PROC_MAPS_MAX + 10; i++)
		fprintf(file, "%lx-%lx rw-p 00000000 00:00 0\n", (i + 1) * 8192, (i + 1) * 8192 + 4096);
}

/* As when mappings grow while the file is read; and lines that are none. */
static void overlapping(FILE *file)
{
	fputs("1000-3000 rw-p 0 0:0 0\n2000-5000 rw-p 0 0:0 0\n2000-4000 rw-p 0 0:0 0\n\nrubbish\n"
	      "5000-6000 rw-p 0 0:0 0\n1000-2000 rw-p 0 0:0 0\n7000-8000 rw-p 0 0:0 0 unended",
	      file);
}

static void endless_line(FILE *file)
{
	fprintf(file, "1000-2000 rw-p 0 0:0 0\n%*s", 70000, "x");
}

static void reads_whole_files(void **state)
{
	static const struct {
		void (*write_lines)(FILE *file);
		size_t n;
		uint64_t bytes;
		int stop_at, err;
	} cases[] = {
		{many, 60000, 60000 * 4096UL, 0, 0},
		{many, 100, 100 * 4096UL, 100, -ECANCELED},
		{too_many, PROC_MAPS_MAX, PROC_MAPS_MAX * 4096UL, 0, 0},
		{overlapping, 3, 0x5000, 0, 0},
		{endless_line, 1, 0x1000, 0, -EBADMSG},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct seen seen = {.stop_at = cases[i].stop_at};
		int fd = file_of(cases[i].write_lines);

		assert_int_equal(proc_maps__read(fd, count, &seen), cases[i].err);
		assert_int_equal(seen.n, cases[i].n);
		assert_int_equal(seen.bytes, cases[i].bytes);
		close(fd);
	}
	assert_int_equal(proc_maps__read(-1, count, NULL), -EBADF);
}

/* The two ways of asking say the same of ourselves; a file that is no list cannot be queried. */
static int compare(void *ctx, const struct proc_map *map)
{
	static char name[PROC_MAP_NAME_BYTES], one[PROC_MAP_LABEL_BYTES], two[PROC_MAP_LABEL_BYTES];
	struct proc_map asked;
	size_t n;
	int err;

	if (map->start >> 63) /* the vsyscall page is in the list only */
		return 0;
	err = proc_maps__query(*(int *)ctx, map->end - 1, &asked, name);
	if (err)
		return err;
	assert_true(asked.start <= map->start && asked.end >= map->end);
	assert_int_equal(asked.flags, map->flags);
	assert_int_equal(asked.inode, map->inode);
	assert_true(asked.device == map->device);
	assert_int_equal(asked.offset, map->offset);
	n = proc_map__label(&asked, one);
	assert_int_equal(n, proc_map__label(map, two));
	assert_memory_equal(one, two, n);
	return 0;
}

static void both_ways_say_the_same(void **state)
{
	int fd = open("/proc/self/maps", O_RDONLY), other = open("/proc/self/status", O_RDONLY);
	static char name[PROC_MAP_NAME_BYTES];
	struct proc_map map;
	int err;

	(void)state;
	assert_true(fd >= 0 && other >= 0);
	assert_int_equal(proc_maps__query(other, 4096, &map, name), -ENOTTY);
	err = proc_maps__query(fd, 0, &map, name);
	if (err == -ENOTTY)
		print_message("this kernel has no PROCMAP_QUERY: not compared\n");
	else
		assert_int_equal(err, -ENOENT);
	if (err != -ENOTTY)
		assert_int_equal(proc_maps__read(fd, compare, &fd), 0);
	close(fd);
	close(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_kernels),  cmocka_unit_test(what_is_no_line),
		cmocka_unit_test(any_bytes),         cmocka_unit_test(line_ends_are_spelt_alike),
		cmocka_unit_test(reads_whole_files), cmocka_unit_test(both_ways_say_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
