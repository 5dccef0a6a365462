/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names of samples, and paths of cgroups.
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
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "process/attribution.h"
#include "process/cgroups.h"

static int handle_errno; /* of open_by_handle_at() */

int __wrap_open_by_handle_at(int mount_fd, struct file_handle *handle, int flags);

int __wrap_open_by_handle_at(int mount_fd, struct file_handle *handle, int flags)
{
	(void)mount_fd, (void)handle, (void)flags;
	errno = handle_errno;
	return -1;
}

static void name(struct attribution *attribution, uint64_t addr, uint64_t ip, const char *data, const char *code)
{
	struct sample sample = {.pid = (uint32_t)getpid(), .tid = (uint32_t)getpid(), .addr = addr, .ip = ip};

	assert_int_equal(attribution__name(attribution, &sample), 0);
	assert_string_equal(name__text(sample.data_map), data);
	assert_string_equal(name__text(sample.code_map), code);
	assert_null(sample.cgroup_path);
}

static void addresses_of_ourselves(void **state)
{
	const struct attribution_config config = {
		.maps = true, .direct_map = 0xffff888000000000, .direct_map_size = UINT64_C(1) << 32};
	struct attribution *attribution = attribution__new(&config);
	void *anon = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t stack = (uint64_t)(uintptr_t)&config, text = (uint64_t)(uintptr_t)addresses_of_ourselves;
	char self[4096] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_non_null(attribution);
	name(attribution, stack, text, "[stack]", self);
	name(attribution, text, stack, self, "[stack]");
	name(attribution, (uint64_t)(uintptr_t)anon, text, "/dev/zero (deleted)", self);
	name(attribution, 0, 0xffffffff81000000, "[no address]", "[kernel]");
	name(attribution, 0xffff888000001000, 0xffff888100000000, "[kernel direct map]", "[kernel]");
	name(attribution, 0xffff888000000000, 0xffff887fffffffff, "[kernel direct map]", "[kernel]");
	name(attribution, 1, 0x7fffffffffffffff, "[unmapped]", "[unmapped]");
#ifdef __x86_64__
	name(attribution, 0xffffffffff600abc, 0xffffffffff601000, "[vsyscall]", "[kernel]");
#endif
	munmap(anon, 4096);
	attribution__next_round(attribution);
	name(attribution, text, text, self, self);
	attribution__free(attribution);
}

static void a_limit_that_is_none_names_no_direct_map(void **state)
{
	const struct attribution_config config = {
		.maps = true, .direct_map = 0xffff888000000000, .direct_map_size = UINT64_C(1) << 52};
	struct attribution *attribution = attribution__new(&config);

	(void)state;
	name(attribution, 0xffff888000001000, 0xffffffff81000000, "[kernel]", "[kernel]");
	attribution__free(attribution);
}

static void path_of(struct cgroups *cgroups, uint64_t id, const char *path)
{
	for (int i = 0; i < 2; i++)
		assert_string_equal(name__text(cgroups__find(cgroups, id)), path);
}

/* A tree of directories does for a cgroup file system. */
static void cgroups_have_paths(void **state)
{
	char mount[] = "/tmp/mmuscope-cgroup-XXXXXX", path[128];
	struct names *names = names__new();
	struct cgroups *cgroups;
	struct stat top, sub;

	(void)state;
	assert_non_null(mkdtemp(mount));
	snprintf(path, sizeof(path), "%s/a", mount);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/a/\x1b b", mount);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(stat(mount, &top) | stat(path, &sub), 0);

	cgroups = cgroups__new(names, mount);
	handle_errno = EPERM;
	path_of(cgroups, top.st_ino, "/");
	path_of(cgroups, sub.st_ino, "/a/\x1b b");
	path_of(cgroups, UINT64_MAX, "[removed]");
	handle_errno = ESTALE;
	path_of(cgroups, 4711, "[removed]");
	handle_errno = EIO;
	path_of(cgroups, 4712, "[id 4712]");
	/* What is known needs no look. */
	path_of(cgroups, sub.st_ino, "/a/\x1b b");
	for (uint64_t id = 1; id < 40000; id++) /* more than are kept */
		assert_non_null(cgroups__find(cgroups, id << 40));
	cgroups__free(cgroups);

	cgroups = cgroups__new(names, NULL);
	path_of(cgroups, 1, "[id 1]");
	cgroups__free(cgroups);
	cgroups = cgroups__new(names, "/nonexistent");
	path_of(cgroups, 1, "[id 1]");
	cgroups__free(cgroups);
	assert_int_equal(names__count(names), 0);
	names__free(names);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/a", mount);
	rmdir(path);
	rmdir(mount);
}

static void samples_have_cgroups(void **state)
{
	const struct attribution_config config = {.cgroups = true};
	struct attribution *attribution = attribution__new(&config);
	struct sample sample = {.cgroup = 12345};

	(void)state;
	handle_errno = EIO;
	assert_int_equal(attribution__name(attribution, &sample), 0);
	assert_string_equal(name__text(sample.cgroup_path), "[id 12345]");
	assert_null(sample.data_map);
	assert_null(sample.code_map);
	assert_int_equal(attribution__counts(attribution)->reads, 0);
	attribution__next_round(attribution);
	attribution__free(attribution);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_of_ourselves),
		cmocka_unit_test(a_limit_that_is_none_names_no_direct_map),
		cmocka_unit_test(cgroups_have_paths),
		cmocka_unit_test(samples_have_cgroups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
