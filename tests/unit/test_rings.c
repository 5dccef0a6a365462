// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Rings, one per CPU: made, watched, drained, taken down.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture/rings.h"
#include "fake_kernel.h"
#include "mmuscope.skel.h"
#include "wrap.h"

static uint32_t ids[] = {0, 3};
static struct cpus cpus = {.ids = ids, .n = 2, .highest = 3};
static struct mmuscope_bpf *bpf;
static unsigned int taken, stop_at;
static size_t last_size;

static int on_record(void *ctx, const void *bytes, size_t size)
{
	assert_ptr_equal(ctx, &cpus);
	assert_int_equal(*(const char *)bytes, 'a' + taken);
	last_size = size;
	return ++taken == stop_at ? -ECANCELED : 0;
}

static struct rings *make(void)
{
	return rings__new(bpf_map__fd(bpf->maps.mmu_samples), &cpus, 8192, on_record, &cpus);
}

static int make_watch_drain(void)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	struct rings *rings = make();
	int err = rings ? rings__watch(rings, epoll_fd, 42) : -errno;

	if (!err)
		err = rings__drain(rings);
	rings__free(rings);
	close(epoll_fd);
	return err;
}

static void fill_letters(void)
{
	fake_kernel__reset();
	fake_kernel__emit(0, "a.b.c.", 2, 3);
	taken = stop_at = 0;
}

static void test_all_records(void **state)
{
	fill_letters();
	assert_int_equal(wrap__run(make_watch_drain, NULL), 0);
	assert_int_equal(wrap_n_messages, 0);
	assert_int_equal(taken, 3);
	assert_int_equal(last_size, 2);
	assert_int_equal(fake_kernel.ring_bytes, 8192);
}

/* The callback ends the drain with its own value; the record it stood on is taken. */
static void test_stop(void **state)
{
	fill_letters();
	stop_at = 2;
	assert_int_equal(wrap__run(make_watch_drain, NULL), -ECANCELED);
	assert_int_equal(taken, 2);
	assert_int_equal(fake_kernel.n_records, 1);
}

static void tell_second(void)
{
	wrap__fail(WRAP_MAP_CREATE, 2, ENOMEM);
}

/* The message has the CPU's id, which is not its place in the list. */
static void test_message(void **state)
{
	fill_letters();
	assert_int_equal(wrap__run(make_watch_drain, tell_second), -ENOMEM);
	assert_string_equal(wrap_messages, "mmuscope: ring buffer of 8192 bytes for CPU 3: Cannot allocate memory "
					   "(ENOMEM); a smaller --buffer needs less memory\n");
}

static int make_alone(void)
{
	struct rings *rings = make();

	if (!rings)
		return -errno;
	rings__free(rings);
	return 0;
}

static void test_each_call_fails(void **state)
{
	const struct wrap_scenario scenario = {.prepare = fill_letters, .run = make_alone};

	assert_int_equal(wrap__each(&scenario), 8);
	rings__free(NULL);
}

static void tell_watch(void)
{
	wrap__fail(WRAP_EPOLL_CTL, 2, ENOSPC);
}

static void tell_consume(void)
{
	wrap__fail(WRAP_RING_CONSUME, 1, EIO);
}

static void test_what_the_caller_says(void **state)
{
	fill_letters();
	assert_int_equal(wrap__run(make_watch_drain, tell_watch), -ENOSPC);
	assert_int_equal(wrap_n_messages, 0);
	fill_letters();
	assert_int_equal(wrap__run(make_watch_drain, tell_consume), -EIO);
	assert_int_equal(wrap_n_messages, 0);
}

static int setup(void **state)
{
	fake_kernel__reset();
	bpf = fake_kernel__object();
	return 0;
}

static int teardown(void **state)
{
	mmuscope_bpf__destroy(bpf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_records),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_message),
		cmocka_unit_test(test_each_call_fails),
		cmocka_unit_test(test_what_the_caller_says),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
