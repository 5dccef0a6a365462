// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Data addresses from operands: are they those of the memory that the program was at, and do their shares say where its
 * time went?
 *
 * A subject's arrays lie on pages of a size that nothing else of it has, or on 4K pages: so the size says whether an
 * address is right. Bases that must not be used are no canonical addresses: a recipe that uses one shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"
#include "subject_operand.h"

#define MIB (1UL << 20)
#define LARGE (256 * MIB)
#define SMALL (16UL << 10) /* stays in the first-level cache */
#define POISON 0x8123456700000000UL
#define PAGE 4096UL

/* --- more code --- */

uint64_t operand_pair(uint64_t array, uint64_t mask, uint64_t n, uint64_t other, uint64_t seed);
uint64_t operand_single(uint64_t array, uint64_t mask, uint64_t n, uint64_t other, uint64_t seed);
uint64_t operand_entered(uint64_t array, uint64_t mask, uint64_t n, uint64_t other, uint64_t seed);
extern const uint8_t operand_entered_jump[], operand_entered_end[];

/*
 * pair: a load of `array`, one of `other`, and so on, each of which awaits the one before; all of `other` that counts are
 * its first SMALL or LARGE bytes, by the high half of `mask`. single: `array` alone.
 *
 * entered: a jump leads past a load of `other`, from so far away that code around what follows does not show it.
 */
/* clang-format off */
asm(	".text\n"
	".p2align 6\n"
	".type operand_pair, @function\n"
	"operand_pair:\n"
	"	mov %rsi, %r10\n"
	"	shr $32, %r10\n"
	"	mov %esi, %esi\n"
	"1:\n"
	OPERAND_NEXT_X
	OPERAND_LOAD("%rdi")
	"	xor %rax, %r8\n"
	OPERAND_NEXT_X
	"	mov %r8, %rax\n	and %r10, %rax\n	add %rcx, %rax\n	mov (%rax), %rax\n"
	"	xor %rax, %r8\n"
	"	dec %rdx\n"
	"	jnz 1b\n"
	"	ret\n"
	".size operand_pair, . - operand_pair\n"
	".p2align 6\n"
	".type operand_single, @function\n"
	"operand_single:\n"
	"1:\n"
	OPERAND_NEXT_X
	OPERAND_LOAD("%rdi")
	"	xor %rax, %r8\n"
	"	dec %rdx\n"
	"	jnz 1b\n"
	"	ret\n"
	".size operand_single, . - operand_single\n"
	".p2align 6\n"
	".type operand_entered, @function\n"
	"operand_entered:\n"
	"	xor %r11d, %r11d\n"
	"	pcmpeqd %xmm0, %xmm0\n"
	"	cvtsi2sd %rdx, %xmm0\n"
	"	movsd %xmm0, %xmm1\n"
	"1:\n"
	OPERAND_NEXT_X
	"operand_entered_jump:\n"
	"	.byte 0xe9\n"
	"	.long 3f - (. + 4)\n"
	"	.skip 96, 0x90\n"
	"	mov (%rcx), %r9\n"
	"3:\n"
	"	divsd %xmm1, %xmm0\n	divsd %xmm1, %xmm0\n	divsd %xmm1, %xmm0\n"
	OPERAND_LOAD("%rdi")
	"	add %rax, %r11\n"
	"	dec %rdx\n"
	"	.byte 0x0f, 0x85\n"
	"	.long 1b - (. + 4)\n"
	"	mov %r11, %rax\n"
	"	ret\n"
	".size operand_entered, . - operand_entered\n"
	"operand_entered_end:\n");
/* clang-format on */

/* --- what subjects do --- */

static uint64_t array_4k, array_2m;
static uint8_t *code_room;

static uint64_t map_arrays(uint64_t bytes_4k, uint64_t bytes_2m)
{
	array_4k = bytes_4k ? subject_map(MEMORY_4K, bytes_4k) : 0;
	array_2m = bytes_2m ? subject_map(MEMORY_THP, bytes_2m) : 0;
	if (subject_failed(array_4k))
		return array_4k;
	if (subject_failed(array_2m))
		return array_2m;
	code_room = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code_room == MAP_FAILED)
		return -errno;
	/* A window starts before the code that it is of: at the start of a mapping there is none. */
	code_room += PAGE;
	return 0;
}

static uint64_t array_of(uint64_t kind)
{
	return kind == MEMORY_THP ? array_2m : array_4k;
}

static uint64_t spend(uint64_t kind, uint64_t ms)
{
	return operand_spend(operand_hash, array_of(kind), LARGE, POISON, ms);
}

static struct subject *new_subject(uint64_t bytes_4k, uint64_t bytes_2m)
{
	struct subject *subject = subject__new();
	uint64_t err = subject__call(subject, map_arrays, bytes_4k, bytes_2m);

	if (err)
		fail_msg("no memory: %s", strerror(-(int)err));
	return subject;
}

/* --- what mmuscope says --- */

struct shares {
	int64_t samples;
	int64_t previous;
	int64_t next;
	int64_t addressed;
	int64_t on_4k;
	int64_t on_2m;
};

static void add_section(json_t *root, struct shares *shares)
{
	shares->samples += json__int(root, "data.samples");
	shares->previous += json__int(root, "data.origins.operand-previous");
	shares->next += json__int(root, "data.origins.operand-next");
	shares->addressed = shares->previous + shares->next;
	shares->on_4k += json__size(root, "data", "4K", "walk");
	shares->on_2m += json__size(root, "data", "2M", "walk");
}

/* Of the rows with this comm, or of all. */
static struct shares shares_of(const struct run *run, const char *comm)
{
	struct shares shares = {0};
	json_t *row;
	size_t i;

	assert_non_null(run->json);
	json__assert_exact(run->json);
	assert_int_equal(json__int(run->json, "accounting.lost"), 0);
	if (!comm) {
		add_section(run->json, &shares);
		return shares;
	}
	json_array_foreach (json__at(run->json, "rows"), i, row) {
		if (!strcmp(json__string(row, "key.comm"), comm))
			add_section(row, &shares);
	}
	return shares;
}

static double percent(int64_t part, int64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static void print_shares(const char *what, const struct shares *shares)
{
	printf("    %s: %" PRId64 " samples, %.2f %% previous, %.2f %% next; of those 2M %.2f %%, 4K %.2f %%\n", what,
	       shares->samples, percent(shares->previous, shares->samples), percent(shares->next, shares->samples),
	       percent(shares->on_2m, shares->addressed), percent(shares->on_4k, shares->addressed));
}

/* Enough samples, and of those with an address nearly all on 2M pages. */
static void assert_right(const char *what, const struct shares *shares, int64_t least)
{
	print_shares(what, shares);
	assert_in_range(shares->samples, least, INT64_MAX);
	assert_true(shares->addressed > 0);
	assert_true(shares->on_2m * 1000 >= shares->addressed * 995);
}

static void assert_covered(const struct shares *shares)
{
	assert_true(shares->addressed * 100 >= shares->samples * 70);
}

static struct run *start(pid_t pid, const char *options)
{
	struct run *run = run__start("hist -e timer:u -F 1999 -p %d %s -j", pid, options);

	if (!run->ready) {
		run__finish(run);
		fail_msg("mmuscope did not start: %s", run->err);
	}
	return run;
}

static struct shares stop(struct run *run)
{
	struct shares shares;

	assert_int_equal(run__stop(run), 0);
	shares = shares_of(run, NULL);
	run__free(run);
	return shares;
}

/* --- one loop --- */

static void test_hash_loop(void **state)
{
	struct subject *subject = new_subject(0, LARGE);
	struct run *run = start(subject->pid, "-s origin");
	struct shares shares;

	subject__call(subject, spend, MEMORY_THP, 1500);
	shares = stop(run);
	assert_right("hash loop", &shares, 500);
	assert_covered(&shares);
	/* The load is what takes the time, and its base is rebuilt. */
	assert_true(shares.previous * 100 >= shares.samples * 50);
	subject__free(subject);
}

/* --- shares of time --- */

static void assert_share(const char *what, const struct shares *shares, double truth, double bound)
{
	double said = percent(shares->on_4k, shares->on_4k + shares->on_2m);

	print_shares(what, shares);
	printf("    %s: 4K took %.2f %% of the time, mmuscope says %.2f %%\n", what, truth, said);
	assert_in_range(shares->samples, 500, INT64_MAX);
	assert_true(said - truth <= bound && truth - said <= bound);
}

static void check_phases(uint64_t ms_4k, uint64_t ms_2m)
{
	struct subject *subject = new_subject(LARGE, LARGE);
	struct run *run = start(subject->pid, "-s size");
	uint64_t on_4k, on_2m;
	struct shares shares;

	on_4k = subject__call(subject, spend, MEMORY_4K, ms_4k);
	on_2m = subject__call(subject, spend, MEMORY_THP, ms_2m);
	shares = stop(run);
	assert_share("phases", &shares, percent((int64_t)on_4k, (int64_t)(on_4k + on_2m)), 3);
	subject__free(subject);
}

static void test_phases(void **state)
{
	check_phases(400, 1100);
	check_phases(1100, 400);
}

/* The first `bytes` of the array, 1,000,000 times a turn. */
static uint64_t run_alone(uint64_t kind, uint64_t bytes)
{
	uint64_t start = operand_clock();

	operand_single(array_of(kind), bytes - 8, 200000, 0, OPERAND_SEED + start);
	return operand_clock() - start;
}

static uint64_t run_pair(uint64_t bytes_4k, uint64_t bytes_2m)
{
	uint64_t start = operand_clock();

	operand_pair(array_4k, (bytes_2m - 8) << 32 | (bytes_4k - 8), 200000, array_2m, OPERAND_SEED + start);
	return operand_clock() - start;
}

/* By turns, so that what else the machine does meets all alike. The pair runs in a fork: the same pages, traced alone. */
static void check_interleaved(const char *what, uint64_t bytes_4k, uint64_t bytes_2m)
{
	struct subject *subject = new_subject(LARGE, LARGE);
	uint64_t on_4k = 0, on_2m = 0, both = 0;
	struct shares shares = {0};
	struct run *run;

	for (unsigned int i = 0; i < 10; i++) {
		on_4k += subject__call(subject, run_alone, MEMORY_4K, bytes_4k);
		on_2m += subject__call(subject, run_alone, MEMORY_THP, bytes_2m);
	}
	run = start(subject->pid, "-s size");
	while (both < 1200000000)
		both += subject__call(subject, run_pair, bytes_4k, bytes_2m);
	shares = stop(run);
	for (unsigned int i = 0; i < 10; i++) {
		on_4k += subject__call(subject, run_alone, MEMORY_4K, bytes_4k);
		on_2m += subject__call(subject, run_alone, MEMORY_THP, bytes_2m);
	}
	assert_share(what, &shares, percent((int64_t)on_4k, (int64_t)(on_4k + on_2m)), 8);
	subject__free(subject);
}

static void test_interleaved(void **state)
{
	check_interleaved("slow 4K, fast 2M", LARGE, SMALL);
	check_interleaved("slow 2M, fast 4K", SMALL, LARGE);
	check_interleaved("slow both", LARGE, LARGE);
}

/* --- options --- */

static const char *const none_names[] = {
	"no-address",  "not-mapped",  "swapped",         "no-mm",       "read-fault",       "not-canonical", "not-reported",
	"unsupported", "no-operand",  "overwritten",     "code-unreadable", "undecodable", "unsupported-form", "gone",
};
static const char *const no_address_names[] = {
	"no-address", "no-operand", "overwritten", "code-unreadable", "undecodable", "unsupported-form",
};

static bool is_name(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

static void check_reasons(const struct run *run, const struct shares *shares)
{
	int64_t without = 0;
	const char *name;
	json_t *count;

	json_object_foreach (json__at(run->json, "data.none.walk"), name, count) {
		assert_true(is_name(name, none_names, sizeof(none_names) / sizeof(none_names[0])));
		if (is_name(name, no_address_names, sizeof(no_address_names) / sizeof(no_address_names[0])))
			without += json_integer_value(count);
	}
	assert_int_equal(shares->samples, shares->addressed + without);
	assert_int_equal(json__int(run->json, "data.compared"), 0);
	assert_int_equal(json__none(run->json, "data", "no-address", "kernel"), shares->samples);
}

/* A program with much code, so that all reasons have a chance. */
static struct shares run_operand(const char *option, const char *value)
{
	const char *arguments[] = {"hist", "-e",      "timer", "-F", "3999", "-s", "origin", "-j", option,
				   value,  "--", "python3", "-c",
				   "import json\n"
				   "for i in range(40000): json.loads(json.dumps({'a': i, 'b': [i, str(i)]}))",
				   NULL};
	struct run *run = run__start_argv(arguments);
	struct shares shares;

	assert_int_equal(run__finish(run), 0);
	assert_string_equal(run->err, "");
	shares = shares_of(run, NULL);
	print_shares(value, &shares);
	assert_in_range(shares.samples, 200, INT64_MAX);
	check_reasons(run, &shares);
	run__free(run);
	return shares;
}

static void test_origins(void **state)
{
	struct shares shares = run_operand("--operand", "previous");

	assert_true(shares.previous > 0);
	assert_int_equal(shares.next, 0);
	shares = run_operand("--operand", "next");
	assert_true(shares.next > 0);
	assert_int_equal(shares.previous, 0);
	shares = run_operand("--operand", "previous,next");
	assert_true(shares.previous > 0 && shares.next > 0);
}

static void test_few_slots(void **state)
{
	struct shares shares = run_operand("--operand-slots", "16");
	struct subject *subject = new_subject(0, LARGE);
	struct run *run = start(subject->pid, "-s origin --operand-slots 16");

	assert_true(shares.previous > 0 && shares.next > 0);
	/* More places than slots in this loop alone. */
	subject__call(subject, spend, MEMORY_THP, 1000);
	shares = stop(run);
	assert_right("16 slots", &shares, 400);
	assert_covered(&shares);
	subject__free(subject);
}

/* --- processes and threads --- */

static void *thread_main(void *unused)
{
	(void)unused;
	prctl(PR_SET_NAME, "op-thread");
	spend(MEMORY_THP, 500);
	return NULL;
}

static const char *program(void)
{
	static char path[PATH_MAX];
	const char *dir = getenv("TEST_PROGRAMS_DIR");

	if (!dir)
		fail_msg("$TEST_PROGRAMS_DIR does not say where subject_operand is");
	snprintf(path, sizeof(path), "%s/subject_operand", dir);
	return path;
}

static uint64_t run_child(void (*child)(void))
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		child();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && !status ? 0 : (uint64_t)-ECHILD;
}

static void child_forked(void)
{
	prctl(PR_SET_NAME, "op-fork");
	spend(MEMORY_THP, 500);
}

static void child_exec(void)
{
	execl(program(), "subject_operand", "op-exec", "64", "500", NULL);
	_exit(127);
}

static uint64_t run_family(uint64_t a, uint64_t b)
{
	pthread_t threads[2];
	uint64_t err;

	(void)a;
	(void)b;
	for (unsigned int i = 0; i < 2; i++) {
		err = pthread_create(&threads[i], NULL, thread_main, NULL);
		if (err)
			return -err;
	}
	for (unsigned int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	err = run_child(child_forked);
	return err ?: run_child(child_exec);
}

static void test_family(void **state)
{
	static const char *const comms[] = {"op-thread", "op-fork", "op-exec"};
	struct subject *subject = new_subject(0, LARGE);
	struct run *run = start(subject->pid, "-s comm,origin");

	assert_int_equal(subject__call(subject, run_family, 0, 0), 0);
	assert_int_equal(run__stop(run), 0);
	for (size_t i = 0; i < 3; i++) {
		struct shares shares = shares_of(run, comms[i]);

		assert_right(comms[i], &shares, 200);
		assert_covered(&shares);
	}
	run__free(run);
	subject__free(subject);
}

/*
 * Children that live for a few samples, and each runs code that nobody has seen: so that mmuscope resolves some of their
 * samples when they are gone. They run nothing but that code.
 */
static uint64_t run_short(uint64_t n, uint64_t unused)
{
	size_t size = operand_hash_end - (const uint8_t *)operand_hash;

	(void)unused;
	prctl(PR_SET_NAME, "op-short");
	for (uint64_t i = 0; i < n; i++) {
		uint32_t salt = (uint32_t)i;
		uint8_t *at = code_room;
		int status;
		pid_t pid;

		/* test $salt, %eax, before and behind the entry's `xor`, which they do not disturb. */
		*at++ = 0xa9;
		memcpy(at, &salt, 4);
		memcpy(at + 4, operand_hash, size);
		pid = fork();
		if (pid < 0)
			return -errno;
		if (!pid) {
			((operand_code)(uintptr_t)code_room)(array_2m, LARGE - 8, 60000, POISON, OPERAND_SEED);
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			return -ECHILD;
	}
	return 0;
}

static void test_short_lived(void **state)
{
	struct subject *subject = new_subject(0, LARGE);
	struct run *run = run__start("hist -e timer:u -F 4999 -p %d -s comm,origin -j", subject->pid);
	struct shares shares;
	int64_t gone, none = 0;

	assert_true(run->ready);
	assert_int_equal(subject__call(subject, run_short, 300, 0), 0);
	assert_int_equal(run__stop(run), 0);
	shares = shares_of(run, NULL);
	print_shares("short-lived", &shares);
	gone = json__none(run->json, "data", "gone", "walk");
	none = shares.addressed - shares.on_2m - shares.on_4k - gone;
	printf("    short-lived: %" PRId64 " gone, %" PRId64 " without a page\n", gone, none);
	assert_in_range(shares.samples, 300, INT64_MAX);
	/* fork() and _exit() take their samples too, on the stack. Nothing is of no page. */
	assert_true(none * 200 <= shares.samples);
	assert_true(shares.on_2m > 5 * shares.on_4k);
	run__free(run);
	subject__free(subject);
}

/* --- code that changes --- */

/* The loop's `add %rdi, %rax`, which the other form has as `add %rcx, %rax`. */
static void write_form(bool other)
{
	static const uint8_t add_rdi[] = {0x48, 0x01, 0xf8};
	size_t size = operand_hash_end - (const uint8_t *)operand_hash;
	uint8_t *add;

	memcpy(code_room, operand_hash, size);
	add = memmem(code_room, size, add_rdi, sizeof(add_rdi));
	if (!add)
		abort();
	if (other)
		add[2] = 0xc8;
}

static uint64_t time_4k;

/* Both forms by turns at one address. Returns the CPU time of the 2M form; the other's is in time_4k. */
static uint64_t run_forms(uint64_t turns, uint64_t unused)
{
	operand_code code = (operand_code)(uintptr_t)code_room;
	uint64_t time_2m = 0;

	(void)unused;
	time_4k = 0;
	for (uint64_t i = 0; i < turns; i++) {
		write_form(false);
		time_2m += operand_spend(code, array_2m, LARGE, POISON, 20);
		write_form(true);
		time_4k += operand_spend(code, POISON, LARGE, array_4k, 7);
	}
	return time_2m;
}

static uint64_t get_time_4k(uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	return time_4k;
}

static void test_rewritten_code(void **state)
{
	struct subject *subject = new_subject(LARGE, LARGE);
	struct run *run = start(subject->pid, "-s origin");
	uint64_t on_2m, on_4k;
	struct shares shares;

	on_2m = subject__call(subject, run_forms, 60, 0);
	on_4k = subject__call(subject, get_time_4k, 0, 0);
	shares = stop(run);
	assert_share("rewritten", &shares, percent((int64_t)on_4k, (int64_t)(on_2m + on_4k)), 3);
	assert_covered(&shares);
	assert_true((shares.on_2m + shares.on_4k) * 1000 >= shares.addressed * 995);
	subject__free(subject);
}

/* --- hostile code --- */

/* The victim's loop, in memory of its own, with a jump into the midst of it that the victim has not. */
static uint64_t run_same_loop(uint64_t ms, uint64_t unused)
{
	size_t size = operand_hash_end - (const uint8_t *)operand_hash, behind = 256;
	int32_t distance;

	(void)unused;
	prctl(PR_SET_NAME, "op-hostile");
	memset(code_room, 0x90, PAGE);
	memcpy(code_room, operand_hash, size);
	/* jmp to each byte of the loop */
	for (size_t i = 0; i < size; i++) {
		distance = (int32_t)i - (int32_t)(behind + 5);
		code_room[behind] = 0xe9;
		memcpy(code_room + behind + 1, &distance, 4);
		behind += 5;
	}
	operand_spend((operand_code)(uintptr_t)code_room, array_4k, LARGE, POISON, ms);
	return 0;
}

/* The victim's loop without the jump that leads past the load of `other`. */
static uint64_t run_other_way(uint64_t ms, uint64_t unused)
{
	size_t size = operand_entered_end - (const uint8_t *)operand_entered;

	(void)unused;
	prctl(PR_SET_NAME, "op-hostile");
	memcpy(code_room, (const void *)operand_entered, size);
	memset(code_room + (operand_entered_jump - (const uint8_t *)operand_entered), 0x90, 5);
	operand_spend((operand_code)(uintptr_t)code_room, array_4k, LARGE, array_4k, ms);
	return 0;
}

static uint64_t run_victim(uint64_t code, uint64_t ms)
{
	prctl(PR_SET_NAME, "op-victim");
	operand_spend((operand_code)code, array_2m, LARGE, POISON, ms);
	return 0;
}

/* Subjects are forks of this program: its addresses are theirs. */
static void check_hostile(const char *what, subject_fn attack, operand_code code)
{
	struct subject *hostile = new_subject(LARGE, 0), *victim = new_subject(0, LARGE);
	struct run *run = run__start("hist -e timer:u -F 1999 -p %d,%d -s comm,origin -j", hostile->pid, victim->pid);
	struct shares shares;

	assert_true(run->ready);
	subject__call(hostile, attack, 700, 0);
	subject__begin(hostile, attack, 700, 0);
	subject__call(victim, run_victim, (uintptr_t)code, 700);
	subject__result(hostile);
	assert_int_equal(run__stop(run), 0);
	shares = shares_of(run, "op-hostile");
	print_shares("hostile", &shares);
	shares = shares_of(run, "op-victim");
	assert_right(what, &shares, 300);
	run__free(run);
	/* The later one holds the earlier one's pipes too. */
	subject__free(victim);
	subject__free(hostile);
}

static void test_hostile_same_loop(void **state)
{
	check_hostile("victim, jumps added", run_same_loop, operand_hash);
}

static void test_hostile_other_way(void **state)
{
	check_hostile("victim, jump left out", run_other_way, operand_entered);
}

/* --- a file that is gone --- */

static void test_deleted_program(void **state)
{
	int ready[2], go[2];
	char path[] = "/tmp/mmuscope-operand.XXXXXX", byte = 0;
	int fd = mkstemp(path), flags = O_CLOEXEC;
	struct shares shares;
	struct run *run;

	assert_true(fd >= 0);
	close(fd);
	machine__unlink_later(path);
	run = run__spawn("cp %s %s", program(), path);
	assert_int_equal(run__finish(run), 0);
	run__free(run);
	assert_return_code(chmod(path, 0700), errno);
	assert_return_code(pipe2(ready, flags), errno);
	assert_return_code(pipe2(go, flags), errno);
	fcntl(ready[1], F_SETFD, 0);
	fcntl(go[0], F_SETFD, 0);
	run = run__start("hist -e timer:u -F 1999 -s comm,origin -j -- %s op-gone 64 700 %d %d", path, ready[1], go[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_return_code(unlink(path), errno);
	assert_int_equal(write(go[1], &byte, 1), 1);
	assert_int_equal(run__finish(run), 0);
	shares = shares_of(run, "op-gone");
	assert_right("deleted program", &shares, 300);
	run__free(run);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		LIVE_TEST("a loop whose load overwrites its base: addresses in its array", test_hash_loop),
		LIVE_TEST("phases on 4K and on 2M: shares of time", test_phases),
		LIVE_TEST("accesses on 4K and on 2M by turns: shares of time", test_interleaved),
		LIVE_TEST("--operand: these origins alone, and all reasons add up", test_origins),
		LIVE_TEST("--operand-slots 16: right all the same", test_few_slots),
		LIVE_TEST("threads, forks, exec", test_family),
		LIVE_TEST("processes that are gone when their code is looked at", test_short_lived),
		LIVE_TEST("code that is rewritten in its place", test_rewritten_code),
		LIVE_TEST("hostile: the victim's code with jumps into it", test_hostile_same_loop),
		LIVE_TEST("hostile: the victim's code without its jump", test_hostile_other_way),
		LIVE_TEST("a program whose file is deleted", test_deleted_program),
	};
	int skipped = live__prepare();

	if (skipped)
		return skipped;
	return cmocka_run_group_tests_name("operand", tests, NULL, NULL);
}
