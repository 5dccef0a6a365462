// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * At a hit of a watchpoint the sampled instruction is the one behind the access, and the watched word is known: so the
 * access before the sampled instruction, as the resolver names it, must cover that word. Real programs, words that they
 * use much.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <asm/perf_regs.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"
#include "operand/resolver.h"

#define RING_PAGES 512UL
#define PAGE 4096UL
#define WATCHES 4 /* debug registers */
#define WORDS 512
#define HITS_A_WORD 400
#define HITS_A_PROGRAM 20000
#define ROUND_NS 20000000
#define ROUNDS 400

/* In the order of recipe.h, then ip. */
static const unsigned int registers[] = {
	PERF_REG_X86_AX,  PERF_REG_X86_CX,  PERF_REG_X86_DX,  PERF_REG_X86_BX,  PERF_REG_X86_SP,  PERF_REG_X86_BP,
	PERF_REG_X86_SI,  PERF_REG_X86_DI,  PERF_REG_X86_R8,  PERF_REG_X86_R9,  PERF_REG_X86_R10, PERF_REG_X86_R11,
	PERF_REG_X86_R12, PERF_REG_X86_R13, PERF_REG_X86_R14, PERF_REG_X86_R15, PERF_REG_X86_IP,
};
#define REGISTERS (sizeof(registers) / sizeof(registers[0]))

struct watch {
	int fd;
	uint64_t word;
	uint64_t hits;
	struct perf_event_mmap_page *ring;
};

struct program {
	const char *name;
	pid_t pid;
	uint64_t fs_base;
	bool ended;
	struct resolver *resolver;
	struct watch watches[WATCHES];
	struct watch timer;
	uint64_t words[WORDS];
	size_t n_words;
	uint64_t used_words;
	uint64_t hits;
	uint64_t given;
	uint64_t right;
	uint64_t lost;
	unsigned int shown;
};

static char work[] = "/tmp/mmuscope-watch.XXXXXX";

/* --- perf events --- */

static uint64_t register_mask(void)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < REGISTERS; i++)
		mask |= UINT64_C(1) << registers[i];
	return mask;
}

static void watch_open(struct program *program, struct watch *watch, uint64_t word)
{
	struct perf_event_attr attr = {.size = sizeof(attr),
				       .sample_period = 1,
				       .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER,
				       .sample_regs_user = register_mask(),
				       .exclude_kernel = 1,
				       .exclude_hv = 1};
	void *ring;

	if (word) {
		attr.type = PERF_TYPE_BREAKPOINT;
		attr.bp_type = HW_BREAKPOINT_RW;
		attr.bp_addr = word;
		attr.bp_len = HW_BREAKPOINT_LEN_8;
	} else {
		attr.type = PERF_TYPE_SOFTWARE;
		attr.config = PERF_COUNT_SW_CPU_CLOCK;
		attr.sample_period = 100000;
	}
	watch->word = word;
	watch->hits = 0;
	watch->fd = (int)syscall(SYS_perf_event_open, &attr, program->pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (watch->fd < 0)
		fail_msg("perf_event_open: %s", strerror(errno));
	ring = mmap(NULL, (RING_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, watch->fd, 0);
	if (ring == MAP_FAILED)
		fail_msg("ring: %s", strerror(errno));
	watch->ring = ring;
}

static void watch_close(struct watch *watch)
{
	if (!watch->ring)
		return;
	munmap(watch->ring, (RING_PAGES + 1) * PAGE);
	close(watch->fd);
	watch->ring = NULL;
}

struct hit {
	uint64_t ip;
	__u64 regs[MMU_REG_COUNT];
};

typedef void (*hit_fn)(struct program *program, struct watch *watch, const struct hit *hit);

static void ring_copy(const struct watch *watch, uint64_t at, void *to, size_t n)
{
	const uint8_t *data = (const uint8_t *)watch->ring + PAGE;

	for (size_t i = 0; i < n; i++)
		((uint8_t *)to)[i] = data[(at + i) % (RING_PAGES * PAGE)];
}

/* ip, pid and tid, ABI, then the registers in the order of their bits. */
static bool read_hit(const struct program *program, const uint64_t *body, struct hit *hit)
{
	uint64_t mask = register_mask();

	memset(hit, 0, sizeof(*hit));
	hit->ip = body[0];
	if (body[2] != PERF_SAMPLE_REGS_ABI_64)
		return false;
	for (size_t i = 0; i < REGISTERS; i++) {
		uint64_t below = mask & ((UINT64_C(1) << registers[i]) - 1);

		hit->regs[i] = body[3 + __builtin_popcountll(below)];
	}
	hit->regs[MMU_REG_FS] = program->fs_base;
	return hit->regs[MMU_REG_IP] == hit->ip;
}

static void watch_drain(struct program *program, struct watch *watch, hit_fn fn)
{
	uint64_t head = __atomic_load_n(&watch->ring->data_head, __ATOMIC_ACQUIRE), tail = watch->ring->data_tail;
	struct perf_event_header header;
	uint64_t body[3 + REGISTERS];
	struct hit hit;

	for (; tail < head; tail += header.size) {
		ring_copy(watch, tail, &header, sizeof(header));
		if (header.type == PERF_RECORD_LOST)
			program->lost++;
		if (header.type != PERF_RECORD_SAMPLE || header.size != sizeof(header) + sizeof(body))
			continue;
		ring_copy(watch, tail + sizeof(header), body, sizeof(body));
		if (read_hit(program, body, &hit))
			fn(program, watch, &hit);
	}
	__atomic_store_n(&watch->ring->data_tail, head, __ATOMIC_RELEASE);
}

/* --- what is asked of the resolver --- */

static bool resolve(struct program *program, const struct hit *hit, struct mmu_operand *operand)
{
	uint8_t code[MMU_CODE_BYTES];
	struct iovec local = {code, sizeof(code)},
		     remote = {(void *)(uintptr_t)(hit->ip - MMU_CODE_BEFORE), sizeof(code)};
	enum resolver_basis basis;

	return process_vm_readv(program->pid, &local, 1, &remote, 1, 0) == sizeof(code) &&
	       !resolver__resolve(program->resolver, program->pid, 0, hit->ip, code, operand, &basis);
}

static uint64_t run_recipe(const struct hit *hit, const struct mmu_recipe *recipe)
{
	__u64 regs[MMU_REG_COUNT];

	memcpy(regs, hit->regs, sizeof(regs));
	return mmu_recipe_run(regs, recipe);
}

static void check_hit(struct program *program, struct watch *watch, const struct hit *hit)
{
	struct mmu_operand operand;
	uint64_t address, bytes;

	if (watch->hits++ >= HITS_A_WORD || !resolve(program, hit, &operand))
		return;
	program->hits++;
	if (operand.previous.none)
		return;
	program->given++;
	address = run_recipe(hit, &operand.previous);
	/* The upper bits say how long the access is, where the recipe knows. */
	bytes = operand.previous.flags >> 4 ? UINT64_C(1) << (operand.previous.flags >> 4) : 64;
	if (address <= watch->word + 7 && address + bytes > watch->word)
		program->right++;
	else if (program->shown++ < 5)
		printf("      %s: ip %#" PRIx64 ", watched %#" PRIx64 ", previous %#" PRIx64 ", distance %u\n",
		       program->name, hit->ip, watch->word, address, operand.previous.distance);
}

static void add_word(struct program *program, uint64_t address)
{
	address &= ~UINT64_C(7);
	if (!address || address >> 47)
		return;
	for (size_t i = 0; i < program->n_words; i++)
		if (program->words[i] == address)
			return;
	if (program->n_words < WORDS)
		program->words[program->n_words++] = address;
}

/* Words that a timer sample shows in use: those of operands, and those at the top of the stack. */
static void find_words(struct program *program, struct watch *watch, const struct hit *hit)
{
	struct mmu_operand operand;

	(void)watch;
	if (!resolve(program, hit, &operand))
		return;
	if (!operand.next.none)
		add_word(program, run_recipe(hit, &operand.next));
	if (!operand.previous.none)
		add_word(program, run_recipe(hit, &operand.previous));
	add_word(program, hit->regs[4]);
	add_word(program, hit->regs[4] + 8);
	add_word(program, hit->regs[4] - 8);
}

/* --- programs --- */

static void on_child(int signal_number)
{
	(void)signal_number;
}

static void await_stop(struct program *program)
{
	int status;

	while (waitpid(program->pid, &status, 0) < 0)
		if (errno != EINTR)
			fail_msg("waitpid: %s", strerror(errno));
	program->ended = !WIFSTOPPED(status);
}

/* Lets the program run for so much CPU time of its own; SIGCHLD ends the wait when it ends. */
static void run_on(struct program *program, uint64_t ns)
{
	struct timespec until;
	clockid_t clock;

	if (clock_getcpuclockid(program->pid, &clock) || clock_gettime(clock, &until))
		fail_msg("clock of %s", program->name);
	until.tv_nsec += (long)ns;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	if (ptrace(PTRACE_CONT, program->pid, 0, 0))
		fail_msg("PTRACE_CONT: %s", strerror(errno));
	if (clock_nanosleep(clock, TIMER_ABSTIME, &until, NULL) != EINTR)
		ptrace(PTRACE_INTERRUPT, program->pid, 0, 0);
	await_stop(program);
}

static void start_program(struct program *program, const char *const *argv)
{
	int go[2];
	char byte = 0;

	assert_return_code(pipe2(go, O_CLOEXEC), errno);
	fflush(NULL);
	program->pid = fork();
	assert_true(program->pid >= 0);
	if (!program->pid) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		if (chdir(work) || read(go[0], &byte, 1) != 1)
			_exit(127);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, program->pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL))
		fail_msg("PTRACE_SEIZE: %s", strerror(errno));
	assert_int_equal(write(go[1], &byte, 1), 1);
	close(go[0]);
	close(go[1]);
	await_stop(program); /* at its exec */
	if (program->ended)
		fail_msg("%s did not start", program->name);
}

static void end_program(struct program *program)
{
	for (size_t i = 0; i < WATCHES; i++)
		watch_close(&program->watches[i]);
	watch_close(&program->timer);
	kill(program->pid, SIGKILL);
	while (!program->ended)
		await_stop(program);
	resolver__free(program->resolver);
}

static void look_for_words(struct program *program)
{
	struct user_regs_struct regs;

	watch_open(program, &program->timer, 0);
	run_on(program, 100000000);
	watch_drain(program, &program->timer, find_words);
	watch_close(&program->timer);
	if (program->ended || ptrace(PTRACE_GETREGS, program->pid, 0, &regs))
		fail_msg("%s ended too soon", program->name);
	program->fs_base = regs.fs_base;
}

/* Watches four words at a time; those in use bring hits at once. */
static void watch_words(struct program *program)
{
	for (size_t i = 0; i < WATCHES && program->n_words; i++)
		watch_open(program, &program->watches[i], program->words[--program->n_words]);
	run_on(program, ROUND_NS);
	for (size_t i = 0; i < WATCHES; i++) {
		if (!program->watches[i].ring)
			continue;
		watch_drain(program, &program->watches[i], check_hit);
		program->used_words += program->watches[i].hits > 0;
		watch_close(&program->watches[i]);
	}
}

static void run_program(struct program *program, const char *const *argv)
{
	program->resolver = resolver__new(0);
	assert_non_null(program->resolver);
	start_program(program, argv);
	run_on(program, 150000000);
	for (unsigned int i = 0; i < ROUNDS && program->hits < HITS_A_PROGRAM && !program->ended; i++) {
		if (!program->n_words)
			look_for_words(program);
		watch_words(program);
	}
	end_program(program);
	printf("    %s: %" PRIu64 " hits of %" PRIu64 " words, %" PRIu64 " (%.1f %%) given, %" PRIu64
	       " right (%.3f %%), ring full %" PRIu64 " times\n",
	       program->name, program->hits, program->used_words, program->given,
	       program->hits ? 100.0 * (double)program->given / (double)program->hits : 0, program->right,
	       program->given ? 100.0 * (double)program->right / (double)program->given : 0, program->lost);
}

/* --- their work --- */

static FILE *create(const char *name)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", work, name);
	file = fopen(path, "we");
	assert_non_null(file);
	return file;
}

#define FUNCTION                                                                                                       \
	"int f%u(int *p, int n) { int s = 0; for (int i = 0; i < n; i++) { s += p[i] * %u; switch (s & 7) {"           \
	" case 0: s++; break; case 1: s *= 3; break; case 2: p[0]++; break; case 3: s ^= p[2]; break;"                 \
	" default: s -= i; } } return s; }\n"
static const char containers[] = "#include <map>\n#include <string>\n#include <unordered_map>\n"
				 "int main() { std::map<unsigned, unsigned> map;"
				 " std::unordered_map<std::string, unsigned> words; unsigned x = 1;"
				 " for (;;) { x = x * 1664525 + 1013904223; map[x >> 12]++;"
				 " words[std::to_string(x >> 14)]++; } }\n";
static const char python[] = "import json, re\ni = 0\nwhile True:\n i += 1\n"
			     " t = json.dumps({'a': i, 'b': [i, 'x%d' % i]})\n json.loads(t)\n re.findall(r'\\d+', t)\n"
			     " sorted(str(j * i % 97) for j in range(20))\n";
static const char query[] = "with recursive n(i) as (select 1 union all select i + 1 from n)"
			    " select count(*) from n where (i * 7919 % 100003) || 'x' like '%77%';";

/* The first line that a command prints, to free(). */
static char *output_of(const char *command)
{
	struct run *run = run__spawn("%s", command);
	char *line = run__line(run);

	assert_int_equal(run__finish(run), 0);
	run__free(run);
	return line;
}

static int make_work(void **state)
{
	uint32_t x = 1;
	struct run *run;
	FILE *file;

	if (!mkdtemp(work))
		return -1;
	file = create("numbers");
	for (unsigned int i = 0; i < 3000000; i++) {
		x = x * 1664525 + 1013904223;
		fprintf(file, "%u %u\n", i, x >> 8);
	}
	fclose(file);
	file = create("functions.c");
	for (unsigned int i = 0; i < 20000; i++)
		fprintf(file, FUNCTION, i, i);
	fclose(file);
	file = create("containers.cc");
	fputs(containers, file);
	fclose(file);
	run = run__spawn("g++ -O2 %s/containers.cc -o %s/containers", work, work);
	assert_int_equal(run__finish(run), 0);
	run__free(run);
	signal(SIGCHLD, on_child);
	return 0;
}

static int remove_work(void **state)
{
	static const char *const names[] = {"numbers", "functions.c", "containers.cc", "containers"};
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", work, names[i]);
		unlink(path);
	}
	return rmdir(work);
}

static void watch_programs(void)
{
	char *cc1 = output_of("gcc -print-prog-name=cc1");
	struct stat stat_buf;
	char *shim = output_of("python3 -c print(__import__('os').path.realpath(__import__('sys').executable))");
	const char *const commands[][8] = {
		{"sort", "-n", "-k2", "--parallel=1", "numbers"},
		{"gzip", "-9", "-c", "numbers"},
		{shim, "-c", python},
		{"sqlite3", ":memory:", query},
		{cc1, "-O2", "-quiet", "functions.c", "-o", "/dev/null"},
		{"./containers"},
	};
	static const char *const names[] = {"sort", "gzip", "python", "sqlite", "cc1", "C++"};
	uint64_t hits = 0, given = 0, right = 0;

	assert_return_code(stat(cc1, &stat_buf), errno);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct program program = {.name = names[i]};

		run_program(&program, commands[i]);
		assert_in_range(program.hits, 5000, UINT64_MAX);
		hits += program.hits;
		given += program.given;
		right += program.right;
	}
	printf("    all: %" PRIu64 " hits, %" PRIu64 " given, %" PRIu64 " right (%.3f %%)\n", hits, given, right,
	       100.0 * (double)right / (double)given);
	assert_in_range(hits, 100000, UINT64_MAX);
	assert_in_range(given, hits / 4, UINT64_MAX);
	assert_true(right * 1000 >= given * 999);
	free(cc1);
	free(shim);
}

static void test_watched(void **state)
{
	machine__need_breakpoints("100,000 hits of watched words in real programs");
	watch_programs();
}

int main(void)
{
	static const char *const needed[] = {"sort", "gzip", "python3", "sqlite3", "gcc", "g++"};
	const struct CMUnitTest tests[] = {
		LIVE_TEST("watched words of real programs are what `previous` names", test_watched),
	};
	int skipped = live__prepare();

	for (size_t i = 0; !skipped && i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (!machine__has(needed[i])) {
			printf("skipped: needs %s\n", needed[i]);
			skipped = LIVE_SKIPPED;
		}
	}
	if (skipped)
		return skipped;
	return cmocka_run_group_tests_name("operand watch", tests, make_work, remove_work);
}
