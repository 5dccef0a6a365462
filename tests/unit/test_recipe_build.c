// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "operand/decode.h"
#include "operand/recipe_build.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Registers at the sample, told apart by their upper halves. */
#define R(n) (UINT64_C(0x100000000) * ((n) + 1) + 0x5003 + 0x110 * (n))
#define RAX R(0)
#define RCX R(1)
#define RDX R(2)
#define RBX R(3)
#define RSP R(4)
#define RBP R(5)
#define RSI R(6)
#define RDI R(7)
#define IP UINT64_C(0x555500001234)
#define FS UINT64_C(0x7f0000000740)

#define NONE(reason) (reason), 0, 0
#define AT(distance, address) 0, (distance), (address)

struct expected {
	int none;
	int distance;
	uint64_t address;
};

struct build_case {
	const char *name;
	/* Instructions in hexadecimal; '@' before one makes it a leader. */
	const char *before;
	const char *after;
	struct expected previous;
	struct expected next;
};

static int hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Writes the instructions into code and marks; returns the number of bytes. */
static size_t assemble(const char *text, uint8_t *code, uint8_t *marks, size_t room)
{
	uint8_t mark = CODE_START;
	size_t n = 0;

	while (*text) {
		if (*text == '@') {
			mark |= CODE_LEADER;
			text++;
		} else if (*text == ' ') {
			mark |= CODE_START;
			text++;
		} else {
			assert_true(n < room);
			code[n] = (uint8_t)(hex_digit(text[0]) << 4 | hex_digit(text[1]));
			marks[n++] = mark;
			mark = 0;
			text += 2;
		}
	}
	return n;
}

/* What the instructions leave of the window is INT3, across which nothing is derived. */
static void make_window(const struct build_case *c, struct code_window *window)
{
	uint8_t code[MMU_CODE_BEFORE], marks[MMU_CODE_BEFORE];
	size_t n = assemble(c->before, code, marks, sizeof(code));

	memset(window->code, 0xcc, sizeof(window->code));
	memset(window->marks, CODE_START, sizeof(window->marks));
	memcpy(window->code + MMU_CODE_BEFORE - n, code, n);
	memcpy(window->marks + MMU_CODE_BEFORE - n, marks, n);
	assemble(c->after, window->code + MMU_CODE_BEFORE, window->marks + MMU_CODE_BEFORE, MMU_CODE_AFTER);
}

static void fill_registers(__u64 regs[MMU_REG_COUNT])
{
	memset(regs, 0, MMU_REG_COUNT * sizeof(*regs));
	for (unsigned int i = 0; i < 16; i++)
		regs[i] = R((__u64)i);
	regs[MMU_REG_IP] = IP;
	regs[MMU_REG_FS] = FS;
	for (unsigned int i = MMU_REG_TEMP; i < MMU_REG_COUNT; i++)
		regs[i] = 0xdeaddeaddeaddead;
}

static int check(const char *name, const char *which, const struct expected *expected, const struct mmu_recipe *recipe)
{
	__u64 regs[MMU_REG_COUNT], address;

	if (recipe->none != expected->none) {
		print_error("%s: %s: none is %d, expected %d\n", name, which, recipe->none, expected->none);
		return 1;
	}
	if (recipe->none)
		return 0;
	fill_registers(regs);
	address = mmu_recipe_run(regs, recipe);
	if (address == expected->address && recipe->distance == expected->distance)
		return 0;
	print_error("%s: %s: %llx at distance %d, expected %llx at %d\n", name, which, (unsigned long long)address,
		    recipe->distance, (unsigned long long)expected->address, expected->distance);
	return 1;
}

static void run_cases(const struct build_case *cases, size_t n)
{
	int failed = 0;

	for (size_t i = 0; i < n; i++) {
		struct code_window window;
		struct mmu_operand operand;

		make_window(&cases[i], &window);
		recipe__build(&window, NULL, &operand);
		failed += check(cases[i].name, "previous", &cases[i].previous, &operand.previous);
		failed += check(cases[i].name, "next", &cases[i].next, &operand.next);
	}
	assert_int_equal(failed, 0);
}

#define NO_NEXT                                                                                                        \
	{                                                                                                              \
		NONE(MMU_NONE_NO_OPERAND)                                                                              \
	}
#define NO_PREVIOUS                                                                                                    \
	{                                                                                                              \
		NONE(MMU_NONE_NO_OPERAND)                                                                              \
	}
#define OVERWRITTEN                                                                                                    \
	{                                                                                                              \
		NONE(MMU_NONE_OVERWRITTEN)                                                                             \
	}

static void previous_with_survivors(void **state)
{
	static const struct build_case cases[] = {
		{"mov rcx, [rax+8]", "488b4808", "90", {AT(1, RAX + 8)}, NO_NEXT},
		{"mov rcx, [rax+rbx*4-1]", "488b4c98ff", "90", {AT(1, RAX + 4 * RBX - 1)}, NO_NEXT},
		{"two behind", "488b08 ffc2 ffc6", "90", {AT(3, RAX)}, NO_NEXT},
		{"the nearest counts", "488b08 488b13", "90", {AT(1, RBX)}, NO_NEXT},
		{"store", "488908", "90", {AT(1, RAX)}, NO_NEXT},
		{"rip-relative", "488b0500010000", "90", {AT(1, IP + 0x100)}, NO_NEXT},
		{"rip-relative, behind others", "488b0500010000 ffc1", "90", {AT(2, IP - 2 + 0x100)}, NO_NEXT},
		{"fs segment", "64488b042528000000", "90", {AT(1, FS + 0x28)}, NO_NEXT},
		{"address size 32", "678b0419", "90", {AT(1, (uint32_t)(RCX + RBX))}, NO_NEXT},
		{"push [rdx]: the operand, not the stack", "ff32", "90", {AT(1, RDX)}, NO_NEXT},
		{"movsb: the source", "a4", "90", {AT(1, RSI - 1)}, NO_NEXT},
		{"rep movsb: perhaps none", "f3a4", "90", {NONE(MMU_NONE_UNSUPPORTED_FORM)}, NO_NEXT},
		{"lea, nop and prefetch are none", "488b08 488d13 0f1f00 0f1808", "90", {AT(4, RAX)}, NO_NEXT},
		{"at most 8 back", "488b08 90 90 90 90 90 90 90", "90", {AT(8, RAX)}, NO_NEXT},
		{"9 back when there is no next", "488b08 90 90 90 90 90 90 90 90", "90", {AT(9, RAX)}, NO_NEXT},
		{"9 back is too far before a next",
		 "488b08 90 90 90 90 90 90 90 90",
		 "488b03",
		 NO_PREVIOUS,
		 {AT(0, RBX)}},
		{"16 back", "488b08 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90", "90", {AT(16, RAX)}, NO_NEXT},
		{"17 back is too far", "488b08 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90", "90", NO_PREVIOUS,
		 NO_NEXT},
	};

	(void)state;
	run_cases(cases, COUNT_OF(cases));
}

static void previous_ends_at_control_flow(void **state)
{
	static const struct build_case cases[] = {
		{"leader at the sample", "488b08", "@90", NO_PREVIOUS, NO_NEXT},
		{"leader between", "488b08 @ffc2 ffc6", "90", NO_PREVIOUS, NO_NEXT},
		{"leader at the access", "ffc2 @488b08", "90", {AT(1, RAX)}, NO_NEXT},
		{"cmp [rax], rcx; jne", "483908 7510", "90", {AT(2, RAX)}, NO_NEXT},
		{"jmp", "488b08 eb10", "90", NO_PREVIOUS, NO_NEXT},
		{"call: the RET behind it", "488b08 e810000000", "90", {AT(1, RSP - 8)}, NO_NEXT},
		{"call; test eax, eax; js", "e810000000 85c0 7810", "90", {AT(3, RSP - 8)}, NO_NEXT},
		{"call; sub rsp, 16", "ff5008 4883ec10", "90", {AT(2, RSP + 16 - 8)}, NO_NEXT},
		{"call; and rsp, -16", "ffd0 4883e4f0", "90", OVERWRITTEN, NO_NEXT},
		{"call: an access behind it", "ffd0 488b08", "90", {AT(1, RAX)}, NO_NEXT},
		{"call: what it was given is lost", "4889d3 ffd0 488b1b", "90", OVERWRITTEN, NO_NEXT},
		{"call, and something jumps behind it", "488b08 e810000000", "@90", NO_PREVIOUS, NO_NEXT},
		{"far call", "ff18", "90", NO_PREVIOUS, NO_NEXT},
		{"ret", "488b08 c3", "90", NO_PREVIOUS, NO_NEXT},
		{"syscall", "488b08 0f05", "90", NO_PREVIOUS, NO_NEXT},
		{"a jump past the lock prefix", "488b08 f0@480fb10b", "90", {AT(1, RBX)}, NO_NEXT},
		{"what lies before it is out of reach", "4889d3 f0@480fb10b 31db", "90", OVERWRITTEN, NO_NEXT},
	};

	(void)state;
	run_cases(cases, COUNT_OF(cases));
}

static void previous_by_undoing(void **state)
{
	static const struct build_case cases[] = {
		{"add rax, 8", "488b08 4883c008", "90", {AT(2, RAX - 8)}, NO_NEXT},
		{"sub rax, 8", "488b08 4883e808", "90", {AT(2, RAX + 8)}, NO_NEXT},
		{"inc rax; dec rbx", "488b0c18 48ffc0 48ffcb", "90", {AT(3, RAX - 1 + RBX + 1)}, NO_NEXT},
		{"xor rax, 0x55", "488b08 4883f055", "90", {AT(2, RAX ^ 0x55)}, NO_NEXT},
		{"xor rax, rbx", "488b08 4831d8", "90", {AT(2, RAX ^ RBX)}, NO_NEXT},
		{"neg rax", "488b08 48f7d8", "90", {AT(2, -RAX)}, NO_NEXT},
		{"not rax", "488b08 48f7d0", "90", {AT(2, ~RAX)}, NO_NEXT},
		{"add rax, rbx", "488b08 4801d8", "90", {AT(2, RAX - RBX)}, NO_NEXT},
		{"lea rax, [rax+rbx*4+16]", "488b08 488d449810", "90", {AT(2, RAX - 4 * RBX - 16)}, NO_NEXT},
		{"lea rax, [rbx+rax+1]", "488b08 488d440301", "90", {AT(2, RAX - RBX - 1)}, NO_NEXT},
		{"add then xor", "488b08 4883c008 4883f055", "90", {AT(3, (RAX ^ 0x55) - 8)}, NO_NEXT},
		{"the sum's other part changes too", "488b08 4801d8 48ffc3", "90", {AT(3, RAX - (RBX - 1))}, NO_NEXT},
		{"push", "53", "90", {AT(1, RSP)}, NO_NEXT},
		{"pop", "59", "90", {AT(1, RSP - 8)}, NO_NEXT},
		{"across push and pop", "488b4c2408 53 5a", "90", {AT(1, RSP - 8)}, NO_NEXT},
		{"leave", "c9", "90", {AT(1, RSP - 8)}, NO_NEXT},
		{"a copy that survives", "4889c3 488b00", "90", {AT(1, RBX)}, NO_NEXT},
		{"a copy behind the access", "488b08 488d5810 4831c0", "90", {AT(3, RBX - 16)}, NO_NEXT},
		{"xchg", "488b08 4893 4831c0", "90", {AT(3, RBX)}, NO_NEXT},
		{"add eax, 8 loses the upper half", "488b08 83c008", "90", OVERWRITTEN, NO_NEXT},
		{"add rax, rax", "488b08 4801c0", "90", OVERWRITTEN, NO_NEXT},
		{"and", "488b08 4883e0f0", "90", OVERWRITTEN, NO_NEXT},
		{"cmov", "488b08 480f44c3", "90", OVERWRITTEN, NO_NEXT},
		{"mov rax, [rax]", "488b00", "90", OVERWRITTEN, NO_NEXT},
		{"mov al, 1", "488b08 b001", "90", OVERWRITTEN, NO_NEXT},
	};

	(void)state;
	run_cases(cases, COUNT_OF(cases));
}

static void previous_by_rebuilding(void **state)
{
	static const struct build_case cases[] = {
		{"mov; and; add; mov (%rax),%rax",
		 "4889d0 25ff0f0000 4801d8 488b00",
		 "4801c1",
		 {AT(1, (RDX & 0xfff) + RBX)},
		 NO_NEXT},
		{"shr; shl; base and index",
		 "4889d0 48c1e805 48c1e003 488b0403",
		 "90",
		 {AT(1, (RDX >> 5 << 3) + RBX)},
		 NO_NEXT},
		{"movzx", "0fb6c1 8b0483", "90", {AT(1, RBX + 4 * (uint8_t)RCX)}, NO_NEXT},
		{"movzx of the second byte", "0fb6c5 8b0483", "90", {AT(1, RBX + 4 * (uint8_t)(RCX >> 8))}, NO_NEXT},
		{"movsxd", "4863c1 488b04c3", "90", {AT(1, RBX + 8 * (uint64_t)(int32_t)RCX)}, NO_NEXT},
		{"32-bit chain", "89c8 c1e002 83c004 488b0403", "90", {AT(1, RBX + (uint32_t)(RCX * 4 + 4))}, NO_NEXT},
		{"32-bit difference", "89c8 29d0 488b0403", "90", {AT(1, RBX + (uint32_t)(RCX - RDX))}, NO_NEXT},
		{"sar of 32 bits",
		 "89c8 c1f803 4898 488b04c3",
		 "90",
		 {AT(1, RBX + 8 * (uint64_t)((int32_t)RCX >> 3))},
		 NO_NEXT},
		{"imul rax, rcx, 24", "486bc118 488b0403", "90", {AT(1, RBX + RCX * 24)}, NO_NEXT},
		{"constant", "b800100000 488b0403", "90", {AT(1, RBX + 0x1000)}, NO_NEXT},
		{"wide constant", "48b88877665544332211 488b0403", "90", {AT(1, RBX + 0x1122334455667788)}, NO_NEXT},
		{"wide constant, masked",
		 "48b88877665544332211 4821c8 488b0403",
		 "90",
		 {AT(1, RBX + (RCX & 0x1122334455667788))},
		 NO_NEXT},
		{"lea rax, [rip+0x10]", "488d0510000000 488b0408", "90", {AT(1, IP - 4 + 0x10 + RCX)}, NO_NEXT},
		{"xor eax, eax", "31c0 488b0403", "90", {AT(1, RBX)}, NO_NEXT},
		{"a leader cuts the chain", "4889d0 @4883e00f 488b0403", "90", OVERWRITTEN, NO_NEXT},
		{"too many operations",
		 "4889d0 4809c8 4821d0 4809d8 4821f0 4809f8 4821d0 4809c8 4821d8 4809d0 4821c8 488b00", "90",
		 OVERWRITTEN, NO_NEXT},
	};

	(void)state;
	run_cases(cases, COUNT_OF(cases));
}

static void next_goes_straight_on(void **state)
{
	static const struct build_case cases[] = {
		{"mov rax, [rbx]", "c3", "488b03", NO_PREVIOUS, {AT(0, RBX)}},
		{"add rbx, 8; mov rax, [rbx]", "c3", "4883c308 488b03", NO_PREVIOUS, {AT(1, RBX + 8)}},
		{"and ecx, 0xff; mov rax, [rbx+rcx*8]",
		 "c3",
		 "81e1ff000000 488b04cb",
		 NO_PREVIOUS,
		 {AT(1, RBX + 8 * (RCX & 0xff))}},
		{"leaders do not matter", "c3", "@90 @488b03", NO_PREVIOUS, {AT(1, RBX)}},
		{"jne stops", "c3", "7500 488b03", NO_PREVIOUS, NO_NEXT},
		{"jmp goes on in the window", "c3", "eb01 cc 488b03", NO_PREVIOUS, {AT(1, RBX)}},
		{"jmp back", "488b0b c3", "ebfa", NO_PREVIOUS, {AT(1, RBX)}},
		{"jmp out of the window", "c3", "eb30 488b03", NO_PREVIOUS, NO_NEXT},
		{"jmp to itself", "c3", "ebfe 488b03", NO_PREVIOUS, NO_NEXT},
		{"jmp rax stops", "c3", "ffe0 488b03", NO_PREVIOUS, NO_NEXT},
		{"syscall stops", "c3", "0f05 488b03", NO_PREVIOUS, NO_NEXT},
		{"call", "c3", "ffc1 e800000000", NO_PREVIOUS, {AT(1, RSP - 8)}},
		{"call [rbx]: the operand first", "c3", "ff13", NO_PREVIOUS, {AT(0, RBX)}},
		{"ret behind pop", "c3", "5b c3", NO_PREVIOUS, {AT(0, RSP)}},
		{"ret behind add", "c3", "4883c410 c3", NO_PREVIOUS, {AT(1, RSP + 16)}},
		{"rip-relative", "c3", "90 488b0500010000", NO_PREVIOUS, {AT(1, IP + 8 + 0x100)}},
		{"cmov makes it unknown", "c3", "480f44d9 488b03", NO_PREVIOUS, OVERWRITTEN},
		{"gather", "c3", "c4e26d900488", NO_PREVIOUS, {NONE(MMU_NONE_UNSUPPORTED_FORM)}},
		{"rep: between two rounds", "488b08", "f3a4", {NONE(MMU_NONE_UNSUPPORTED_FORM)}, {AT(0, RSI)}},
		{"rep later: perhaps none", "c3", "90 f3a4", NO_PREVIOUS, {NONE(MMU_NONE_UNSUPPORTED_FORM)}},
		{"cut off by the window", "c3", "90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 90 488b83001122",
		 NO_PREVIOUS, NO_NEXT},
		{"not to be decoded", "488b08", "06", {NONE(MMU_NONE_UNDECODABLE)}, {NONE(MMU_NONE_UNDECODABLE)}},
	};

	(void)state;
	run_cases(cases, COUNT_OF(cases));
}

static void gathers_are_named(void **state)
{
	static const struct build_case cases[] = {
		{"gather", "c4e26d900488", "90", {NONE(MMU_NONE_UNSUPPORTED_FORM)}, NO_NEXT},
		{"behind a load", "488b08 c4e26d900488", "90", {NONE(MMU_NONE_UNSUPPORTED_FORM)}, NO_NEXT},
	};

	(void)state;
	run_cases(cases, COUNT_OF(cases));
}

static const struct build_case beyond_case = {.before = "c3", .after = "90 e97b000000"};

static size_t read_load(const void *ctx, int64_t offset, uint8_t *bytes, size_t n)
{
	static const uint8_t code[] = {0x48, 0x8b, 0x05, 0x10, 0, 0, 0}; /* mov rax, [rip+0x10] */

	(void)ctx;
	if (offset != 6 + 0x7b || n < sizeof(code))
		return 0;
	memcpy(bytes, code, sizeof(code));
	return sizeof(code);
}

static size_t read_nops(const void *ctx, int64_t offset, uint8_t *bytes, size_t n)
{
	static const uint8_t code[] = {0xeb, 0x7f}; /* a jump further on */

	(void)offset;
	assert_ptr_equal(ctx, &beyond_case);
	assert_true(n >= sizeof(code));
	memcpy(bytes, code, sizeof(code));
	return sizeof(code);
}

static void next_is_found_beyond_the_window(void **state)
{
	const struct code_beyond load = {.read = read_load}, jumps = {.read = read_nops, .ctx = &beyond_case};
	const struct expected expected = {AT(2, IP + 6 + 0x7b + 7 + 0x10)};
	struct code_window window;
	struct mmu_operand operand;

	(void)state;
	make_window(&beyond_case, &window);
	recipe__build(&window, &load, &operand);
	assert_int_equal(check("beyond", "next", &expected, &operand.next), 0);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
	recipe__build(&window, NULL, &operand);
	assert_int_equal(operand.next.none, MMU_NONE_NO_OPERAND);
	/* It comes to an end. */
	recipe__build(&window, &jumps, &operand);
	assert_int_equal(operand.next.none, MMU_NONE_NO_OPERAND);
}

static void sizes_are_told(void **state)
{
	static const struct {
		const char *after;
		unsigned int bytes;
	} cases[] = {
		{"8a03", 1},    {"668b03", 2},        {"8b03", 4},  {"488903", 8},
		{"0f2803", 16}, {"62f17fc96f07", 64}, {"db2b", 16}, /* fld tbyte ptr [rbx]: 10 */
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct build_case c = {.before = "c3", .after = cases[i].after};
		struct code_window window;
		struct mmu_operand operand;

		make_window(&c, &window);
		recipe__build(&window, NULL, &operand);
		assert_int_equal(operand.next.none, 0);
		assert_int_equal(MMU_RECIPE_BYTES(operand.next.flags), cases[i].bytes);
	}
}

static void unknown_bounds_leave_next(void **state)
{
	static const struct build_case plain = {.before = "488b08", .after = "488b03"};
	struct code_window window;
	struct mmu_operand operand;

	(void)state;
	make_window(&plain, &window);
	memset(window.marks, 0, sizeof(window.marks));
	recipe__build(&window, NULL, &operand);
	assert_int_equal(operand.previous.none, MMU_NONE_UNDECODABLE);
	assert_int_equal(operand.next.none, 0);

	/* An instruction that only partly lies in the window is no source. */
	window.marks[MMU_CODE_BEFORE] = CODE_START;
	recipe__build(&window, NULL, &operand);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);

	/* A start that does not lead to the next one is not believed. */
	window.marks[MMU_CODE_BEFORE - 1] = CODE_START;
	recipe__build(&window, NULL, &operand);
	assert_int_equal(operand.previous.none, MMU_NONE_NO_OPERAND);
}

static uint64_t random_state = 1;

static uint64_t next_random(void)
{
	random_state = random_state * 6364136223846793005 + 1442695040888963407;
	return random_state >> 33 ^ random_state << 31;
}

static void assert_sound(const struct mmu_recipe *recipe)
{
	assert_true(recipe->none < MMU_NONE_MAX && recipe->n_ops <= MMU_RECIPE_OPS);
	assert_true(recipe->base < MMU_REG_COUNT && recipe->index < MMU_REG_COUNT && recipe->scale <= 3);
	for (unsigned int i = 0; i < recipe->n_ops; i++) {
		assert_in_range(recipe->ops[i].dst, MMU_REG_TEMP, MMU_REG_COUNT - 1);
		assert_true(recipe->ops[i].src < MMU_REG_COUNT);
	}
}

static void random_windows_are_harmless(void **state)
{
	(void)state;
	for (int i = 0; i < 60000; i++) {
		struct code_window window;
		struct mmu_operand operand;

		for (unsigned int k = 0; k < MMU_CODE_BYTES; k++) {
			window.code[k] = (uint8_t)next_random();
			window.marks[k] = (uint8_t)(next_random() & next_random());
		}
		window.marks[MMU_CODE_BEFORE] |= i & 1;
		recipe__build(&window, NULL, &operand);
		assert_sound(&operand.previous);
		assert_sound(&operand.next);
	}
}

/* Operations over rax, rcx, rdx and rbx; the load's result is random. */
static const char *const pool[] = {
	"4889c1",   "4889d3",     "89d8",     "4801c8",   "4829d1",   "4831da",   "4821c3",   "4809c2",   "48ffc0",
	"48ffcb",   "4883c108",   "4883e810", "48c1e102", "48c1ea03", "48f7d8",   "48f7d3",   "488d0419", "488d5b10",
	"0fb6d1",   "4863c2",     "4893",     "83e17f",   "486bd318", "c1e003",   "c1f902",   "48d1fb",   "31c9",
	"488d0c90", "bb44332211", "488b00",   "8b0c99",   "488b5208", "488b1c0a", "4889048b", "01d1",     "f7d9",
};

static uint64_t read_register(const __u64 *regs, const struct insn_access *access)
{
	return regs[access->base] + (regs[access->index] << access->scale) + (uint64_t)access->disp;
}

/* Executes an instruction by its effects; what has none gets a random value. */
static void execute(const struct insn *insn, __u64 *regs)
{
	__u64 before[MMU_REG_COUNT];

	memcpy(before, regs, sizeof(before));
	for (unsigned int reg = 0; reg < 16; reg++) {
		const struct insn_effect *effect = insn__effect(insn, reg);
		__u64 file[MMU_REG_COUNT];

		if (!(insn->writes >> reg & 1))
			continue;
		memcpy(file, before, sizeof(file));
		for (unsigned int i = 0; effect && i < effect->n_ops; i++)
			mmu_op_run(file, &effect->ops[i]);
		regs[reg] = effect ? file[INSN_RESULT] : next_random();
	}
}

/* Whatever is derived from the registers behind a sequence is what was there before. */
static void random_sequences_come_out_right(void **state)
{
	unsigned int given = 0, previous = 0;

	(void)state;
	for (int i = 0; i < 40000; i++) {
		struct code_window window = {0};
		__u64 regs[MMU_REG_COUNT], file[MMU_REG_COUNT];
		uint64_t addresses[64];
		struct mmu_operand operand;
		struct insn insn;
		int at = 0, n = 0, sampled;

		/* Backwards from the sample, so that the last one ends there. */
		window.marks[at = MMU_CODE_BEFORE] = CODE_START;
		for (;;) {
			const char *op = pool[next_random() % COUNT_OF(pool)];
			int length = (int)strlen(op) / 2;

			if (length > at)
				break;
			at -= length;
			assemble(op, window.code + at, window.marks + at, MMU_CODE_BEFORE);
		}
		assemble("4801c8 4889048b", window.code + MMU_CODE_BEFORE, window.marks + MMU_CODE_BEFORE,
			 MMU_CODE_AFTER);
		fill_registers(regs);
		for (sampled = at; sampled < MMU_CODE_BEFORE; sampled += insn.length) {
			assert_int_equal(insn__decode(window.code + sampled, 16, &insn), 0);
			addresses[n++] = insn.n_accesses ? read_register(regs, &insn.accesses[0]) : 0;
			execute(&insn, regs);
		}
		recipe__build(&window, NULL, &operand);
		assert_int_equal(operand.next.none, 0);
		memcpy(file, regs, sizeof(file));
		assert_int_equal(mmu_recipe_run(file, &operand.next), regs[3] + 4 * regs[1]);
		previous += operand.previous.none != MMU_NONE_NO_OPERAND;
		if (operand.previous.none)
			continue;
		given++;
		assert_in_range(operand.previous.distance, 1, RECIPE_MAX_DISTANCE);
		memcpy(file, regs, sizeof(file));
		assert_int_equal(mmu_recipe_run(file, &operand.previous), addresses[n - operand.previous.distance]);
	}
	print_message("previous: %u of %u\n", given, previous);
	assert_true(given > previous / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(previous_with_survivors),
		cmocka_unit_test(previous_ends_at_control_flow),
		cmocka_unit_test(previous_by_undoing),
		cmocka_unit_test(previous_by_rebuilding),
		cmocka_unit_test(next_goes_straight_on),
		cmocka_unit_test(gathers_are_named),
		cmocka_unit_test(next_is_found_beyond_the_window),
		cmocka_unit_test(sizes_are_told),
		cmocka_unit_test(unknown_bounds_leave_next),
		cmocka_unit_test(random_windows_are_harmless),
		cmocka_unit_test(random_sequences_come_out_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
