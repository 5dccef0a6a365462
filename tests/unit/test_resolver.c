// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "operand/resolver.h"

/* mov rcx, [rax+8]; mov rdx, [rbx], on which the sample stands. */
static const uint8_t loads[] = {0x48, 0x8b, 0x48, 0x08, 0x48, 0x8b, 0x13};
#define SAMPLED 4

static void window_of(const uint8_t *ip, uint8_t code[MMU_CODE_BYTES])
{
	memcpy(code, ip - MMU_CODE_BEFORE, MMU_CODE_BYTES);
}

static uint8_t *map_code(void)
{
	uint8_t *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(page, MAP_FAILED);
	memset(page, 0xcc, 8192);
	return page;
}

/* Code whose bytes are in a file, this test's own program: nops, a load, and where the sample stands (*ip), a store. */
__attribute__((noinline)) static void own_function(uint64_t *values, const uint8_t **ip)
{
	uint64_t value;

	__asm__ volatile("lea 1f(%%rip), %0\n\t"
			 "mov %0, %1\n\t"
			 ".skip 48, 0x90\n\t"
			 "mov 8(%2), %0\n"
			 "1:\n\t"
			 "mov %0, 16(%2)\n\t"
			 ".skip 32, 0x90"
			 : "=&r"(value), "=m"(*ip)
			 : "r"(values)
			 : "memory");
}

static void files_are_found(void **state)
{
	struct resolver *resolver = resolver__new(0);
	uint64_t values[3] = {1, 2, 3};
	const uint8_t *ip;
	uint8_t code[MMU_CODE_BYTES];
	struct mmu_operand operand;
	enum resolver_basis basis;

	(void)state;
	assert_non_null(resolver);
	own_function(values, &ip);
	assert_int_equal(values[2], 2);
	window_of(ip, code);
	assert_int_equal(resolver__resolve(resolver, getpid(), 0, (uintptr_t)ip, code, &operand, &basis), 0);
	assert_int_equal(basis, RESOLVER_FILE);
	assert_int_equal(operand.previous.none, 0);
	assert_int_equal(operand.previous.disp, 8);
	assert_int_equal(operand.next.none, 0);
	assert_int_equal(operand.next.disp, 16);
	assert_int_equal(operand.next.flags, MMU_RECIPE_STORE | MMU_RECIPE_SIZE(3));
	assert_int_equal(MMU_RECIPE_BYTES(operand.next.flags), 8);
	assert_int_equal(resolver__counts(resolver)->images, 1);

	/* The image is kept. */
	assert_int_equal(resolver__resolve(resolver, getpid(), 0, (uintptr_t)ip, code, &operand, &basis), 0);
	assert_int_equal(resolver__counts(resolver)->images, 1);
	assert_int_equal(resolver__counts(resolver)->by_basis[RESOLVER_FILE], 2);

	/* Bytes that the file does not have there are not judged by it, nor by the memory. */
	code[0] ^= 1;
	assert_int_equal(resolver__resolve(resolver, getpid(), 0, (uintptr_t)ip, code, &operand, &basis), 0);
	assert_int_equal(basis, RESOLVER_WINDOW);
	assert_int_equal(operand.previous.none, MMU_NONE_UNDECODABLE);
	assert_int_equal(operand.next.none, 0);
	resolver__free(resolver);
}

static void anonymous_code_is_read(void **state)
{
	struct resolver *resolver = resolver__new(0);
	uint8_t code[MMU_CODE_BYTES], *page = map_code();
	struct mmu_operand operand;
	enum resolver_basis basis;

	(void)state;
	memcpy(page + 0x100, loads, sizeof(loads));
	window_of(page + 0x100 + SAMPLED, code);
	assert_int_equal(
		resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis), 0);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	assert_int_equal(operand.previous.none, 0);
	assert_int_equal(operand.previous.disp, 8);
	assert_int_equal(operand.next.none, 0);

	/* Code that was rewritten since the snapshot is read anew. */
	page[0x103] = 0x10;
	window_of(page + 0x100 + SAMPLED, code);
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	assert_int_equal(operand.previous.disp, 16);
	munmap(page, 8192);
	resolver__free(resolver);
}

static void verdicts_that_differ_leave_next(void **state)
{
	struct resolver *resolver = resolver__new(0);
	uint8_t code[MMU_CODE_BYTES], *page = map_code();
	struct mmu_operand operand;
	enum resolver_basis basis;

	(void)state;
	memcpy(page + 0x100, loads, sizeof(loads));
	memcpy(page + 0x200, loads, sizeof(loads));
	/* Only the second one is jumped into, from outside its window. */
	page[0x300] = 0xe9;
	memcpy(page + 0x301, &(int32_t){0x200 + SAMPLED - 0x305}, 4);
	window_of(page + 0x100 + SAMPLED, code);
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(operand.previous.none, 0);
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x200 + SAMPLED, code, &operand, &basis);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	assert_int_equal(operand.next.none, 0);
	assert_int_equal(resolver__counts(resolver)->conflicts, 1);

	/* It stays so, and is counted once. */
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	assert_int_equal(resolver__counts(resolver)->conflicts, 1);
	munmap(page, 8192);
	resolver__free(resolver);
}

static void process_that_is_gone_leaves_next(void **state)
{
	struct resolver *resolver = resolver__new(0);
	uint8_t code[MMU_CODE_BYTES], *page = map_code();
	struct mmu_operand operand;
	enum resolver_basis basis;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	memcpy(page + 0x100, loads, sizeof(loads));
	window_of(page + 0x100 + SAMPLED, code);
	resolver__resolve(resolver, pid, 7, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_WINDOW);
	assert_int_equal(operand.previous.none, MMU_NONE_UNDECODABLE);
	assert_int_equal(operand.next.none, 0);

	/* A better founded verdict replaces it, and is not taken back. */
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	resolver__resolve(resolver, pid, 7, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	assert_int_equal(operand.previous.none, 0);
	assert_int_equal(resolver__counts(resolver)->conflicts, 0);
	munmap(page, 8192);
	resolver__free(resolver);
	resolver__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_found),
		cmocka_unit_test(anonymous_code_is_read),
		cmocka_unit_test(verdicts_that_differ_leave_next),
		cmocka_unit_test(process_that_is_gone_leaves_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
