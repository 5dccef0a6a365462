// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * --pin DIR: what is made is removed again, whatever happens.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/pins.h"
#include "fake_kernel.h"
#include "mmuscope.skel.h"
#include "wrap.h"

static char parent[] = "/tmp/mmuscope-pins-XXXXXX";
static char dir[64];
static char listing[1024];
static struct mmuscope_bpf *bpf;
static int links[3];
static const char *where;
static void (*meanwhile)(void);

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void list(const char *path)
{
	struct dirent **entries = NULL;
	int n = scandir(path, &entries, NULL, compare);
	int i;

	listing[0] = '\0';
	for (i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.') {
			strcat(listing, entries[i]->d_name);
			strcat(listing, " ");
		}
		free(entries[i]);
	}
	free(entries);
}

static int pin_and_unpin(void)
{
	struct pins *pins = pins__new(where, bpf, links, 3);

	if (!pins)
		return -errno;
	if (meanwhile)
		meanwhile();
	pins__free(pins);
	return 0;
}

static void reset(void)
{
	fake_kernel__reset();
	where = dir;
	meanwhile = NULL;
}

static void list_dir(void)
{
	list(dir);
}

static void test_pins(void **state)
{
	reset();
	meanwhile = list_dir;
	assert_int_equal(wrap__run(pin_and_unpin, NULL), 0);
	assert_int_equal(wrap_n_messages, 0);
	/* The second link is not there: a kernel without perf links. */
	assert_string_equal(listing, "mmu_counters mmu_events mmu_layout mmu_samples mmuscope_link_0 mmuscope_link_2 "
				     "mmuscope_sample ");
	list(parent);
	assert_string_equal(listing, "");
}

static void test_directory_of_others_stays(void **state)
{
	reset();
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(wrap__run(pin_and_unpin, NULL), 0);
	list(parent);
	assert_string_equal(listing, "pins ");
	list(dir);
	assert_string_equal(listing, "");
	assert_int_equal(rmdir(dir), 0);
}

static void put_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void remove_file(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(unlink(path), 0);
}

/* Pins of another run are not touched. */
static void test_pins_of_others(void **state)
{
	reset();
	assert_int_equal(mkdir(dir, 0700), 0);
	put_file("mmu_layout");
	assert_int_equal(wrap__run(pin_and_unpin, NULL), -EEXIST);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "there are pins of another run in it; name another directory"));
	list(dir);
	assert_string_equal(listing, "mmu_layout ");
	remove_file("mmu_layout");
	assert_int_equal(rmdir(dir), 0);
}

static void test_not_a_bpf_file_system(void **state)
{
	reset();
	where = "/proc";
	assert_int_equal(wrap__run(pin_and_unpin, NULL), -EMEDIUMTYPE);
	assert_string_equal(wrap_messages,
			    "mmuscope: --pin /proc: not on a BPF file system; mount one (mount -t bpf bpf "
			    "/sys/fs/bpf) and name a directory in it\n");
}

static void test_no_parent(void **state)
{
	reset();
	where = "/nonexistent/pins";
	assert_int_equal(wrap__run(pin_and_unpin, NULL), -ENOENT);
	assert_int_equal(wrap_n_messages, 1);
	assert_non_null(strstr(wrap_messages, "--pin /nonexistent/pins: No such file or directory (ENOENT)"));
}

/* The directory fits into a path, the names in it do not. */
static void test_too_long(void **state)
{
	static char path[4090];

	reset();
	strcpy(path, parent);
	while (strlen(path) < sizeof(path) - 3)
		strcat(path, "/.");
	where = path;
	assert_int_equal(wrap__run(pin_and_unpin, NULL), -ENAMETOOLONG);
	assert_int_equal(wrap_n_messages, 1);
	list(parent);
	assert_string_equal(listing, "");
}

static void disturb(void)
{
	remove_file("mmu_events");
	put_file("stranger");
}

static void test_disturbed(void **state)
{
	reset();
	meanwhile = disturb;
	assert_int_equal(wrap__run(pin_and_unpin, NULL), 0);
	assert_int_equal(wrap_n_messages, 2);
	assert_non_null(strstr(wrap_messages, "mmu_events: cannot remove the pin: No such file or directory (ENOENT)"));
	assert_non_null(strstr(wrap_messages, "cannot remove the directory: Directory not empty (ENOTEMPTY)"));
	list(dir);
	assert_string_equal(listing, "stranger ");
	remove_file("stranger");
	assert_int_equal(rmdir(dir), 0);
}

static void check_parent(void)
{
	list(parent);
	assert_string_equal(listing, "");
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.prepare = check_parent, .run = pin_and_unpin};

	reset();
	/* Directory, its file system, paths, and for each of the seven its pin and its name; open() is the fake's. */
	assert_in_range(wrap__each(&scenario), 5 + 7 + 7, 5 + 7 * 3);
	check_parent();
	pins__free(NULL);
}

static int setup(void **state)
{
	if (!mkdtemp(parent))
		return -1;
	snprintf(dir, sizeof(dir), "%s/pins", parent);
	fake_kernel__reset();
	bpf = fake_kernel__object();
	links[0] = links[2] = bpf_program__fd(bpf->progs.mmuscope_sample);
	links[1] = -1;
	return 0;
}

static int teardown(void **state)
{
	mmuscope_bpf__destroy(bpf);
	return rmdir(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pins),           cmocka_unit_test(test_directory_of_others_stays),
		cmocka_unit_test(test_pins_of_others), cmocka_unit_test(test_not_a_bpf_file_system),
		cmocka_unit_test(test_no_parent),      cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_disturbed),      cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
