// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dlfcn.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
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

/* Twice the same bytes, nops, a load, and where the sample stands a store; the second store is jumped to from afar. */
__attribute__((noinline)) static void twin_functions(const uint8_t **first, const uint8_t **second)
{
	uint64_t values[3] = {0};

	__asm__ volatile("lea 1f(%%rip), %0\n\t"
			 "lea 2f(%%rip), %1\n\t"
			 "jmp 2f\n\t"
			 ".skip 64, 0x90\n\t"
			 "mov 8(%2), %%rax\n"
			 "1:\n\t"
			 "mov %%rax, 16(%2)\n\t"
			 ".skip 64, 0x90\n\t"
			 "mov 8(%2), %%rax\n"
			 "2:\n\t"
			 "mov %%rax, 16(%2)\n\t"
			 ".skip 64, 0x90"
			 : "=&r"(*first), "=&r"(*second)
			 : "r"(values)
			 : "rax", "memory");
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

/* Places with the same code are told apart in what a process wrote itself. */
static void places_are_judged_one_by_one(void **state)
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
	for (int round = 0; round < 2; round++) {
		resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
		assert_int_equal(operand.previous.none, 0);
		resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x200 + SAMPLED, code, &operand, &basis);
		assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
		assert_int_equal(operand.next.none, 0);
	}
	assert_int_equal(resolver__counts(resolver)->conflicts, 0);
	munmap(page, 8192);
	resolver__free(resolver);
}

/* Code that did not change, but that something jumps to from now on. */
static void sources_are_checked_again(void **state)
{
	struct resolver *resolver = resolver__new(0);
	uint8_t code[MMU_CODE_BYTES], *page = map_code();
	const uint8_t *ip = page + 0x100 + SAMPLED;
	struct mmu_operand operand;
	enum resolver_basis basis;
	uint64_t source;

	(void)state;
	memcpy(page + 0x100, loads, sizeof(loads));
	window_of(ip, code);
	resolver__resolve(resolver, getpid(), 5, (uintptr_t)ip, code, &operand, &basis);
	source = resolver__source(resolver);
	assert_int_not_equal(source, 0);
	resolver__recheck(resolver);
	assert_true(resolver__holds(resolver, source));
	resolver__resolve(resolver, getpid(), 5, (uintptr_t)ip, code, &operand, &basis);
	assert_int_equal(resolver__source(resolver), source);

	page[0x300] = 0xe9;
	memcpy(page + 0x301, &(int32_t){0x100 + SAMPLED - 0x305}, 4);
	assert_true(resolver__holds(resolver, source));
	resolver__recheck(resolver);
	assert_false(resolver__holds(resolver, source));
	assert_false(resolver__holds(resolver, 0));
	assert_int_equal(resolver__counts(resolver)->rewritten, 1);
	resolver__resolve(resolver, getpid(), 5, (uintptr_t)ip, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	source = resolver__source(resolver);
	assert_true(resolver__holds(resolver, source));

	/* Memory that is not there any more. */
	munmap(page, 8192);
	resolver__recheck(resolver);
	assert_false(resolver__holds(resolver, source));
	resolver__free(resolver);
}

static void copy_program(int to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char buffer[65536];
	ssize_t n;

	assert_true(from >= 0);
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(to, buffer, (size_t)n), n);
	assert_int_equal(n, 0);
	close(from);
}

/* A file of the user's, mapped, and written to meanwhile. */
static void files_are_checked_again(void **state)
{
	struct resolver *resolver = resolver__new(0);
	struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	uint8_t code[MMU_CODE_BYTES], *mapped;
	struct mmu_operand operand;
	enum resolver_basis basis;
	uint64_t values[3], source;
	struct stat stat;
	const uint8_t *ip;
	Dl_info info;
	int fd = memfd_create("program", MFD_CLOEXEC);

	(void)state;
	copy_program(fd);
	assert_int_equal(fstat(fd, &stat), 0);
	own_function(values, &ip);
	assert_int_not_equal(dladdr((const void *)(uintptr_t)own_function, &info), 0);
	mapped = mmap(NULL, (size_t)stat.st_size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	ip = mapped + (ip - (const uint8_t *)info.dli_fbase);
	window_of(ip, code);
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)ip, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_FILE);
	source = resolver__source(resolver);
	resolver__recheck(resolver);
	assert_true(resolver__holds(resolver, source));
	assert_int_equal(futimens(fd, times), 0);
	resolver__recheck(resolver);
	assert_false(resolver__holds(resolver, source));
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)ip, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_FILE);
	assert_int_equal(operand.previous.disp, 8);
	assert_int_equal(resolver__counts(resolver)->images, 2);
	munmap(mapped, (size_t)stat.st_size);
	close(fd);
	resolver__free(resolver);
}

bool __wrap_trust__is_system_file(int fd);
static bool is_system;

bool __wrap_trust__is_system_file(int fd)
{
	(void)fd;
	return is_system;
}

/* The same bytes twice in a file of the system: a branch leads to the second. */
static void system_files_that_differ_leave_next(void **state)
{
	struct resolver *resolver = resolver__new(0);
	struct mmu_operand operand;
	enum resolver_basis basis;
	uint8_t code[MMU_CODE_BYTES];
	const uint8_t *first, *second;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	twin_functions(&first, &second);
	window_of(first, code);
	assert_memory_equal(code, second - MMU_CODE_BEFORE, sizeof(code));
	is_system = true;
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)first, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_SYSTEM);
	assert_int_equal(operand.previous.none, 0);
	/* Good for all processes, also those that are gone. */
	resolver__resolve(resolver, pid, 7, (uintptr_t)first, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_SYSTEM);
	assert_int_equal(operand.previous.none, 0);
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)second, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_SYSTEM);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	assert_int_equal(operand.next.none, 0);
	assert_int_equal(resolver__counts(resolver)->conflicts, 1);

	/* It stays so, and is counted once. */
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)first, code, &operand, &basis);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	assert_int_equal(resolver__counts(resolver)->conflicts, 1);
	is_system = false;
	resolver__free(resolver);
}

/* What a process wrote itself says nothing about the system's files, nor about others. */
static void own_code_is_its_own(void **state)
{
	struct resolver *resolver = resolver__new(0);
	uint8_t code[MMU_CODE_BYTES], *page = map_code();
	const uint8_t *first, *second;
	struct mmu_operand operand;
	enum resolver_basis basis;

	(void)state;
	twin_functions(&first, &second);
	window_of(second, code);
	memcpy(page + 0x100 - MMU_CODE_BEFORE, code, sizeof(code));
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	assert_int_equal(operand.previous.none, 0);
	is_system = true;
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)second, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_SYSTEM);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	assert_int_equal(resolver__counts(resolver)->conflicts, 0);
	is_system = false;
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
	resolver__resolve(resolver, getpid(), 0, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_ANONYMOUS);
	resolver__resolve(resolver, pid, 7, (uintptr_t)page + 0x100 + SAMPLED, code, &operand, &basis);
	assert_int_equal(basis, RESOLVER_WINDOW);
	assert_int_equal(operand.previous.none, MMU_NONE_UNDECODABLE);
	assert_int_equal(operand.next.none, 0);
	munmap(page, 8192);
	resolver__free(resolver);
	resolver__free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_found),
		cmocka_unit_test(anonymous_code_is_read),
		cmocka_unit_test(places_are_judged_one_by_one),
		cmocka_unit_test(sources_are_checked_again),
		cmocka_unit_test(files_are_checked_again),
		cmocka_unit_test(system_files_that_differ_leave_next),
		cmocka_unit_test(own_code_is_its_own),
		cmocka_unit_test(process_that_is_gone_leaves_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
