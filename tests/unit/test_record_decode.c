// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Records as rings hold them, and as they must never be.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "capture/record_decode.h"

#define N_EVENTS 3
#define NONE(reason) ((uint8_t)(MMU_OUTCOME_NONE_BASE + MMU_NONE_##reason))

static const struct mmu_head good_head = {
	.kind = MMU_KIND_SAMPLE,
	.sections = MMU_SECTION_ALL,
	.event = 2,
	.mode = MMU_MODE_KERNEL,
	.origin = MMU_ORIGIN_OPERAND_PREVIOUS,
	.distance = 4,
	.data_level = MMU_LEVEL_PMD,
	.code_level = MMU_LEVEL_PGD,
	.data_walk = 21,
	.data_kernel = NONE(NOT_REPORTED),
	.code_walk = NONE(SWAPPED),
	.code_kernel = 30,
	.cpu = 65535,
};
static const struct mmu_task good_task = {.pid = 11, .tid = 12, .start_ns = 13, .comm = "redis-server123"};
static const struct mmu_place good_place = {.time_ns = 21, .ip = 22, .addr = 23};
static const struct mmu_detail good_detail = {.cgroup = 31, .period = 32, .weight = 33, .data_src = 34};

static const struct mmu_code good_code = {.regs = {41, [MMU_REGS_SAVED - 1] = 42},
					  .bytes = {43, [MMU_CODE_BYTES - 1] = 44}};
static struct mmu_code code; /* of the last record decoded */

static size_t put(char *bytes, size_t at, const void *part, size_t size)
{
	memcpy(bytes + at, part, size);
	return at + size;
}

/* A record with these sections; returns its size. */
static size_t make(char *bytes, unsigned int sections)
{
	struct mmu_head head = good_head;
	size_t size;

	head.sections = sections;
	if (sections & MMU_SECTION_CODE)
		head.kind = MMU_KIND_LATE;
	size = put(bytes, 0, &head, sizeof(head));
	if (sections & MMU_SECTION_TASK)
		size = put(bytes, size, &good_task, sizeof(good_task));
	if (sections & MMU_SECTION_PLACE)
		size = put(bytes, size, &good_place, sizeof(good_place));
	if (sections & MMU_SECTION_DETAIL)
		size = put(bytes, size, &good_detail, sizeof(good_detail));
	if (sections & MMU_SECTION_CODE)
		size = put(bytes, size, &good_code, sizeof(good_code));
	return size;
}

/* From memory that is exactly as large as the record, and not aligned, so that sanitizers see a byte too many. */
static int decode(const char *bytes, size_t size, struct sample *sample)
{
	char *exact = malloc(size + 1);
	int err;

	assert_non_null(exact);
	memcpy(exact + 1, bytes, size);
	memset(sample, 0xee, sizeof(*sample));
	err = record__decode(exact + 1, size, N_EVENTS, sample, &code);
	free(exact);
	return err;
}

static void test_sections(void **state)
{
	char bytes[MMU_RECORD_MAX];
	struct sample sample;
	unsigned int sections;

	for (sections = 0; sections <= MMU_SECTION_ALL; sections++) {
		size_t size = make(bytes, sections);

		assert_int_equal(record__size(sections), size);
		assert_int_equal(decode(bytes, size, &sample), 0);
		assert_int_equal(sample.sections, sections);
		assert_int_equal(sample.event, 2);
		assert_int_equal(sample.mode, MMU_MODE_KERNEL);
		assert_int_equal(sample.origin, MMU_ORIGIN_OPERAND_PREVIOUS);
		assert_int_equal(sample.distance, 4);
		assert_int_equal(sample.cpu, 65535);
		assert_int_equal(sample.data.walk, 21);
		assert_int_equal(sample.data.kernel, NONE(NOT_REPORTED));
		assert_int_equal(sample.data.level, MMU_LEVEL_PMD);
		assert_int_equal(sample.code.walk, NONE(SWAPPED));
		assert_int_equal(sample.code.kernel, 30);
		assert_int_equal(sample.code.level, MMU_LEVEL_PGD);
		assert_int_equal(sample.pid, sections & MMU_SECTION_TASK ? 11 : 0);
		assert_int_equal(sample.tid, sections & MMU_SECTION_TASK ? 12 : 0);
		assert_int_equal(sample.start_ns, sections & MMU_SECTION_TASK ? 13 : 0);
		assert_string_equal(sample.comm, sections & MMU_SECTION_TASK ? "redis-server123" : "");
		assert_int_equal(sample.time_ns, sections & MMU_SECTION_PLACE ? 21 : 0);
		assert_int_equal(sample.ip, sections & MMU_SECTION_PLACE ? 22 : 0);
		assert_int_equal(sample.addr, sections & MMU_SECTION_PLACE ? 23 : 0);
		assert_int_equal(sample.cgroup, sections & MMU_SECTION_DETAIL ? 31 : 0);
		assert_int_equal(sample.period, sections & MMU_SECTION_DETAIL ? 32 : 0);
		assert_int_equal(sample.weight, sections & MMU_SECTION_DETAIL ? 33 : 0);
		assert_int_equal(sample.data_src, sections & MMU_SECTION_DETAIL ? 34 : 0);
	}
}

static void test_every_other_length(void **state)
{
	char bytes[2 * MMU_RECORD_MAX] = {0};
	struct sample sample;
	unsigned int sections;
	size_t size, whole;

	for (sections = 0; sections <= MMU_SECTION_ALL; sections++) {
		whole = make(bytes, sections);
		for (size = 0; size < sizeof(bytes); size++)
			assert_int_equal(decode(bytes, size, &sample), size == whole ? 0 : -EBADMSG);
	}
}

/* A command name without its end is given one. */
static void test_comm_without_end(void **state)
{
	char bytes[MMU_RECORD_MAX];
	size_t size = make(bytes, MMU_SECTION_TASK);
	struct sample sample;

	memset(bytes + sizeof(struct mmu_head) + offsetof(struct mmu_task, comm), 'x', MMU_COMM_LEN);
	assert_int_equal(decode(bytes, size, &sample), 0);
	assert_string_equal(sample.comm, "xxxxxxxxxxxxxxx");
}

static int is_outcome(unsigned int value)
{
	return (value > 0 && value < 64) || (value > 128 && value < 128 + MMU_NONE_MAX);
}

/* The values that each byte of the head may have, one byte changed at a time. -1: the length then is wrong. */
static int may_be(size_t at, unsigned int value)
{
	switch (at) {
	case offsetof(struct mmu_head, kind):
		return value == MMU_KIND_SAMPLE;
	case offsetof(struct mmu_head, sections):
		return value == MMU_SECTION_ALL;
	case offsetof(struct mmu_head, event):
		return value < N_EVENTS;
	case offsetof(struct mmu_head, mode):
		return value >= MMU_MODE_USER && value <= MMU_MODE_IDLE;
	case offsetof(struct mmu_head, origin):
		return value <= MMU_ORIGIN_OPERAND_NEXT;
	case offsetof(struct mmu_head, data_level):
	case offsetof(struct mmu_head, code_level):
		return value <= MMU_LEVEL_PGD;
	case offsetof(struct mmu_head, data_walk):
	case offsetof(struct mmu_head, data_kernel):
	case offsetof(struct mmu_head, code_walk):
	case offsetof(struct mmu_head, code_kernel):
		return is_outcome(value);
	default:
		return 1;
	}
}

static void test_every_value_of_every_byte(void **state)
{
	char bytes[MMU_RECORD_MAX];
	struct sample sample;
	unsigned int value;
	size_t at, size;

	for (at = 0; at < sizeof(struct mmu_head); at++) {
		for (value = 0; value < 256; value++) {
			size = make(bytes, MMU_SECTION_ALL);
			bytes[at] = (char)value;
			if (decode(bytes, size, &sample) != (may_be(at, value) ? 0 : -EBADMSG))
				fail_msg("byte %zu as %u", at, value);
		}
	}
}

/* A late record holds what resolving needs, or is none; an ordinary one holds no code. */
static void test_late(void **state)
{
	const unsigned int needed = MMU_SECTION_TASK | MMU_SECTION_PLACE | MMU_SECTION_CODE;
	char bytes[MMU_RECORD_MAX];
	struct sample sample;
	unsigned int sections;
	size_t size;

	for (sections = MMU_SECTION_CODE; sections < 2 * MMU_SECTION_CODE; sections++) {
		bool whole = (sections & needed) == needed;

		size = make(bytes, sections);
		assert_int_equal(record__size(sections), size);
		memset(&code, 0, sizeof(code));
		assert_int_equal(decode(bytes, size, &sample), whole ? RECORD_LATE : -EBADMSG);
		if (whole) {
			assert_int_equal(sample.sections, sections & MMU_SECTION_ALL);
			assert_int_equal(sample.pid, 11);
			assert_int_equal(sample.ip, 22);
			assert_memory_equal(&code, &good_code, sizeof(code));
		}
		((struct mmu_head *)(void *)bytes)->kind = MMU_KIND_SAMPLE;
		assert_int_equal(decode(bytes, size, &sample), -EBADMSG);
	}
	size = make(bytes, MMU_SECTION_ALL);
	((struct mmu_head *)(void *)bytes)->kind = MMU_KIND_LATE;
	assert_int_equal(decode(bytes, size, &sample), -EBADMSG);
}

static void test_no_events(void **state)
{
	char bytes[MMU_RECORD_MAX];
	size_t size = make(bytes, MMU_SECTION_ALL);
	struct sample sample;

	((struct mmu_head *)(void *)bytes)->event = 0;
	assert_int_equal(record__decode(bytes, size, 0, &sample, &code), -EBADMSG);
	assert_int_equal(record__decode(bytes, size, 1, &sample, &code), 0);
}

static uint64_t random_state = 0x6d6d7573636f7065;

static uint64_t random_word(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* Whatever was decoded is within range: what indexes an array later must not point beside it. */
static void check_ranges(const struct sample *sample)
{
	assert_true(sample->event < N_EVENTS);
	assert_in_range(sample->mode, MMU_MODE_USER, MMU_MODE_IDLE);
	assert_true(sample->origin <= MMU_ORIGIN_OPERAND_NEXT);
	assert_true(sample->data.level <= MMU_LEVEL_PGD && sample->code.level <= MMU_LEVEL_PGD);
	assert_true(is_outcome(sample->data.walk) && is_outcome(sample->data.kernel));
	assert_true(is_outcome(sample->code.walk) && is_outcome(sample->code.kernel));
	assert_true(sample->sections <= MMU_SECTION_ALL);
	assert_int_equal(sample->comm[MMU_COMM_LEN - 1], '\0');
}

static void test_random_bytes(void **state)
{
	char bytes[MMU_RECORD_MAX + 8];
	unsigned int good = 0;
	struct sample sample;
	int i;

	for (i = 0; i < 200000; i++) {
		unsigned int sections = random_word() % 16;
		size_t size = make(bytes, sections);
		unsigned int changes = random_word() % 6;

		if (random_word() % 8 == 0)
			size = random_word() % sizeof(bytes);
		while (changes--)
			bytes[random_word() % (random_word() % 2 ? sizeof(bytes) : 16)] = (char)random_word();
		if (decode(bytes, size, &sample))
			continue;
		good++;
		check_ranges(&sample);
		assert_int_equal(size, record__size(sample.sections));
	}
	/* A decoder that refuses all, or takes all, is no decoder. */
	assert_in_range(good, 20000, 150000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_every_other_length),
		cmocka_unit_test(test_comm_without_end),
		cmocka_unit_test(test_every_value_of_every_byte),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_no_events),
		cmocka_unit_test(test_random_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
