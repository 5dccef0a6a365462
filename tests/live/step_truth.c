/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Single-steps a program, so that every access is known, and asks the resolver at random steps.
 *
 * step_truth [-n STEPS] [-p PHASES] [-m PERMILLE] [-v] NAME COMMAND [ARGUMENT …]
 *
 * Prints one line: NAME, then for each origin asked, given, right and wrong; with -v the first wrong ones too. Exits
 * with 0, or 1 when an origin was right in less than PERMILLE/1000 or too few were asked, or 2 when the program could not
 * be stepped; what was missing goes to the standard error.
 *
 * The truth is Zydis' own address computation from the registers before each instruction; it shares no code with the
 * resolver.
 */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <Zydis/Zydis.h>

#include "operand/decode.h"
#include "operand/resolver.h"

#define HISTORY 64 /* a power of two */
#define MAX_WRONG 12
#define PHASE_CPU_NS 60000000
#define LEAST_GIVEN 1000
#define XSTATE_MAX 16384

struct step {
	uint64_t ip;
	uint8_t code[16];
	unsigned int n_accesses;
	bool opaque; /* accesses memory in a way that is not followed here */
	bool in_repeat;
	uint64_t accesses[3];
};

struct tally {
	uint64_t asked;
	uint64_t given;
	uint64_t right;
	uint64_t none[MMU_NONE_MAX];
};

struct question {
	bool open;
	uint64_t ip;
	uint64_t address;
	struct mmu_recipe recipe;
};

struct truth {
	const char *name;
	pid_t pid;
	int signal;     /* to be delivered when it goes on */
	char ended[96]; /* why there is nothing more to step */
	bool verbose;
	unsigned int shown;
	uint64_t steps;
	uint64_t since; /* the phase began */
	uint64_t random;
	uint64_t basis[3];
	struct step history[HISTORY];
	struct question question;
	struct tally previous, next;
	struct insn insn; /* of the step before, as the resolver decodes it */
	__u64 before[MMU_REG_COUNT];
	uint64_t effects;
	uint64_t wrong_effects; /* a register has another value than computed, or changed against all expectation */
	uint64_t either;
	struct resolver *resolver;
	ZydisDecoder decoder;
};

static uint64_t next_random(struct truth *truth)
{
	truth->random ^= truth->random << 13;
	truth->random ^= truth->random >> 7;
	truth->random ^= truth->random << 17;
	return truth->random;
}

static void set_registers(const struct user_regs_struct *regs, ZydisRegisterContext *context)
{
	const uint64_t values[16] = {regs->rax, regs->rcx, regs->rdx, regs->rbx, regs->rsp, regs->rbp,
				     regs->rsi, regs->rdi, regs->r8,  regs->r9,  regs->r10, regs->r11,
				     regs->r12, regs->r13, regs->r14, regs->r15};

	memset(context, 0, sizeof(*context));
	for (unsigned int i = 0; i < 16; i++) {
		context->values[ZYDIS_REGISTER_RAX + i] = values[i];
		context->values[ZYDIS_REGISTER_EAX + i] = (uint32_t)values[i];
	}
	context->values[ZYDIS_REGISTER_RIP] = regs->rip;
	context->values[ZYDIS_REGISTER_EIP] = (uint32_t)regs->rip;
}

static bool touches_nothing(const ZydisDecodedInstruction *zydis)
{
	return zydis->meta.category == ZYDIS_CATEGORY_NOP || zydis->meta.category == ZYDIS_CATEGORY_WIDENOP ||
	       zydis->meta.category == ZYDIS_CATEGORY_PREFETCH || zydis->mnemonic == ZYDIS_MNEMONIC_CLFLUSH ||
	       zydis->mnemonic == ZYDIS_MNEMONIC_CLFLUSHOPT || zydis->mnemonic == ZYDIS_MNEMONIC_CLWB;
}

static bool is_opaque(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operand)
{
	return operand->mem.type != ZYDIS_MEMOP_TYPE_MEM || operand->size > 512 ||
	       zydis->mnemonic == ZYDIS_MNEMONIC_XLAT || strstr(ZydisMnemonicGetString(zydis->mnemonic), "maskmov") ||
	       (zydis->meta.category == ZYDIS_CATEGORY_BITBYTE && ZydisMnemonicGetString(zydis->mnemonic)[1] == 't');
}

/* Elements that the instruction handles: bits of its mask that count. */
static unsigned int elements_of(const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands)
{
	unsigned int most = 1;

	for (unsigned int i = 0; i < zydis->operand_count; i++) {
		ZydisRegisterClass class = ZydisRegisterGetClass(operands[i].reg.value);
		bool vector = operands[i].type == ZYDIS_OPERAND_TYPE_REGISTER && class >= ZYDIS_REGCLASS_XMM &&
			      class <= ZYDIS_REGCLASS_ZMM;
		bool scalar = operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY && operands[i].element_count == 1 &&
			      !zydis->avx.broadcast.mode;

		if (scalar)
			return 1;
		if ((vector || operands[i].type == ZYDIS_OPERAND_TYPE_MEMORY) && operands[i].element_count > most)
			most = operands[i].element_count;
	}
	return most;
}

/* True if the mask register suppresses the whole access. */
static bool is_masked_out(pid_t pid, const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands)
{
	static uint8_t state[XSTATE_MAX];
	struct iovec to = {.iov_base = state, .iov_len = sizeof(state)};
	unsigned int size, offset = 0, c, d, n = elements_of(zydis, operands);
	uint64_t mask;

	if (zydis->avx.mask.mode <= ZYDIS_MASK_MODE_DISABLED)
		return false;
	/* Component 5 of the XSAVE area: eight mask registers (SDM Vol. 1, 13.5.4). */
	if (!__get_cpuid_count(0xd, 5, &size, &offset, &c, &d) || size != 64 ||
	    ptrace(PTRACE_GETREGSET, pid, NT_X86_XSTATE, &to) || offset + size > to.iov_len)
		return true;
	memcpy(&mask, state + offset + 8 * (size_t)ZydisRegisterGetId(zydis->avx.mask.reg), sizeof(mask));
	return !(n < 64 ? mask & ((UINT64_C(1) << n) - 1) : mask);
}

static void follow(struct step *step, pid_t pid, const struct user_regs_struct *regs,
		   const ZydisDecodedInstruction *zydis, const ZydisDecodedOperand *operands)
{
	bool repeats = zydis->attributes & (ZYDIS_ATTRIB_HAS_REP | ZYDIS_ATTRIB_HAS_REPE | ZYDIS_ATTRIB_HAS_REPNE);
	ZydisRegisterContext context;

	set_registers(regs, &context);
	step->in_repeat = repeats;
	if (touches_nothing(zydis) || (repeats && !regs->rcx) || is_masked_out(pid, zydis, operands))
		return;
	for (unsigned int i = 0; i < zydis->operand_count; i++) {
		const ZydisDecodedOperand *operand = &operands[i];
		ZyanU64 address;

		if (operand->type != ZYDIS_OPERAND_TYPE_MEMORY || operand->mem.type == ZYDIS_MEMOP_TYPE_AGEN)
			continue;
		if (is_opaque(zydis, operand) || step->n_accesses == 3 ||
		    ZYAN_FAILED(ZydisCalcAbsoluteAddressEx(zydis, operand, regs->rip, &context, &address))) {
			step->opaque = true;
			continue;
		}
		if (operand->mem.segment == ZYDIS_REGISTER_FS)
			address += regs->fs_base;
		else if (operand->mem.segment == ZYDIS_REGISTER_GS)
			address += regs->gs_base;
		if (operand->visibility == ZYDIS_OPERAND_VISIBILITY_HIDDEN && operand->mem.base == ZYDIS_REGISTER_RSP &&
		    operand->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE)
			address -= operand->size / 8;
		else if (zydis->mnemonic == ZYDIS_MNEMONIC_POP && operand->mem.base == ZYDIS_REGISTER_RSP &&
			 operand->visibility == ZYDIS_OPERAND_VISIBILITY_EXPLICIT)
			address += operand->size / 8;
		step->accesses[step->n_accesses++] = address;
	}
}

static bool copy(pid_t pid, uint64_t address, void *to, size_t n)
{
	struct iovec local = {.iov_base = to, .iov_len = n};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = n};

	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static struct step *step_ago(struct truth *truth, uint64_t ago)
{
	return &truth->history[(truth->steps - ago) & (HISTORY - 1)];
}

static bool has_access(const struct step *step, uint64_t address)
{
	for (unsigned int i = 0; i < step->n_accesses; i++)
		if (step->accesses[i] == address)
			return true;
	return false;
}

static void show_line(const struct truth *truth, const struct step *step, char mark)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zydis;
	ZydisFormatter formatter;
	char text[128] = "?";

	ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
	if (ZYAN_SUCCESS(ZydisDecoderDecodeFull(&truth->decoder, step->code, 15, &zydis, operands)))
		ZydisFormatterFormatInstruction(&formatter, &zydis, operands, zydis.operand_count_visible, text,
						sizeof(text), step->ip, ZYAN_NULL);
	printf("    %c %" PRIx64 "  %-50s", mark, step->ip, text);
	for (unsigned int i = 0; i < step->n_accesses; i++)
		printf(" [%" PRIx64 "]", step->accesses[i]);
	printf("\n");
}

static void show_wrong(struct truth *truth, const char *origin, const struct mmu_recipe *recipe, uint64_t address,
		       uint64_t sampled_ago)
{
	if (!truth->verbose || truth->shown++ >= MAX_WRONG)
		return;
	printf("  %s: %s, distance %u, said %" PRIx64 "; recipe r%u + r%u << %u + %" PRId64 ", %u ops\n", truth->name,
	       origin, recipe->distance, address, recipe->base, recipe->index, recipe->scale, (int64_t)recipe->disp,
	       recipe->n_ops);
	for (unsigned int i = 0; i < recipe->n_ops; i++)
		printf("      op %u: r%u, r%u << %u + %d\n", recipe->ops[i].code, recipe->ops[i].dst,
		       recipe->ops[i].src, recipe->ops[i].shift, recipe->ops[i].imm);
	for (uint64_t ago = sampled_ago + 12; ago + 1 > 0; ago--)
		if (ago <= truth->steps)
			show_line(truth, step_ago(truth, ago), ago == sampled_ago ? '>' : ' ');
}

static void fill_file(const struct user_regs_struct *regs, __u64 file[MMU_REG_COUNT])
{
	const __u64 values[MMU_REG_COUNT] = {regs->rax, regs->rcx, regs->rdx, regs->rbx,     regs->rsp,
					     regs->rbp, regs->rsi, regs->rdi, regs->r8,      regs->r9,
					     regs->r10, regs->r11, regs->r12, regs->r13,     regs->r14,
					     regs->r15, regs->rip, 0,         regs->fs_base, regs->gs_base};

	memcpy(file, values, sizeof(values));
}

static uint64_t evaluate(const struct user_regs_struct *regs, const struct mmu_recipe *recipe)
{
	__u64 file[MMU_REG_COUNT];

	fill_file(regs, file);
	return mmu_recipe_run(file, recipe);
}

/* Compares what the instruction before made of the registers with what the resolver thinks it does. */
static void check_effects(struct truth *truth, const struct user_regs_struct *regs)
{
	__u64 now[MMU_REG_COUNT];

	fill_file(regs, now);
	for (unsigned int reg = 0;
	     truth->insn.length && truth->since > 1 && truth->insn.flow != INSN_FLOW_STOP && reg < 16; reg++) {
		const struct insn_effect *effect = insn__effect(&truth->insn, reg);
		__u64 file[MMU_REG_COUNT];
		bool wrong;

		memcpy(file, truth->before, sizeof(file));
		for (unsigned int i = 0; effect && i < effect->n_ops; i++)
			mmu_op_run(file, &effect->ops[i]);
		truth->effects += effect != NULL;
		wrong = effect ? file[INSN_RESULT] != now[reg]
			       : now[reg] != truth->before[reg] && !(truth->insn.writes >> reg & 1);
		truth->wrong_effects += wrong;
		if (wrong && truth->verbose && truth->shown++ < MAX_WRONG)
			show_line(truth, step_ago(truth, 0), '!');
	}
}

/* The access executed next, from the sampled instruction on, is known now. */
static void answer_question(struct truth *truth, const struct step *step)
{
	struct question *question = &truth->question;

	if (!question->open || (!step->n_accesses && !step->opaque))
		return;
	question->open = false;
	if (has_access(step, question->address)) {
		truth->next.right++;
		return;
	}
	for (uint64_t ago = 0; ago < 40; ago++) {
		if (step_ago(truth, ago)->ip == question->ip) {
			show_wrong(truth, "next", &question->recipe, question->address, ago);
			return;
		}
	}
}

static void ask(struct truth *truth, const struct user_regs_struct *regs)
{
	uint8_t code[MMU_CODE_BYTES];
	struct mmu_operand operand;
	enum resolver_basis basis;
	uint64_t address;

	if (!copy(truth->pid, regs->rip - MMU_CODE_BEFORE, code, sizeof(code)) ||
	    resolver__resolve(truth->resolver, truth->pid, 0, regs->rip, code, &operand, &basis))
		return;
	truth->basis[basis]++;
	truth->previous.asked++;
	truth->next.asked++;
	truth->either += !operand.previous.none || !operand.next.none;
	truth->previous.none[operand.previous.none]++;
	truth->next.none[operand.next.none]++;
	if (!operand.previous.none) {
		truth->previous.given++;
		address = evaluate(regs, &operand.previous);
		if (has_access(step_ago(truth, operand.previous.distance), address))
			truth->previous.right++;
		else
			show_wrong(truth, "previous", &operand.previous, address, 0);
	}
	if (!operand.next.none) {
		truth->next.given++;
		truth->question = (struct question){.open = true,
						    .ip = regs->rip,
						    .address = evaluate(regs, &operand.next),
						    .recipe = operand.next};
	}
}

static void say_errno(struct truth *truth, const char *what)
{
	snprintf(truth->ended, sizeof(truth->ended), "%s: %s", what, strerrorname_np(errno));
}

/* Waits until the program stops. Returns false, with a reason, once it has ended. */
static bool wait_stop(struct truth *truth)
{
	int status;

	if (waitpid(truth->pid, &status, 0) < 0) {
		say_errno(truth, "waitpid");
		return false;
	}
	if (WIFSTOPPED(status)) {
		/* SIGTRAP is of stepping, and of events. */
		truth->signal = WSTOPSIG(status) == SIGTRAP || status >> 16 ? 0 : WSTOPSIG(status);
		return true;
	}
	snprintf(truth->ended, sizeof(truth->ended), "it %s %d", WIFEXITED(status) ? "exited with" : "was killed by",
		 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
	return false;
}

/* Looks at the instruction that is about to be executed. Returns false when its registers cannot be read. */
static bool look(struct truth *truth)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction zydis;
	struct user_regs_struct regs;
	struct step *step;

	if (ptrace(PTRACE_GETREGS, truth->pid, 0, &regs)) {
		say_errno(truth, "PTRACE_GETREGS");
		return false;
	}
	check_effects(truth, &regs);
	truth->insn.length = 0;
	truth->steps++;
	step = step_ago(truth, 0);
	memset(step, 0, sizeof(*step));
	step->ip = regs.rip;
	if (!copy(truth->pid, regs.rip, step->code, 15) ||
	    ZYAN_FAILED(ZydisDecoderDecodeFull(&truth->decoder, step->code, 15, &zydis, operands))) {
		step->opaque = true;
		return true;
	}
	follow(step, truth->pid, &regs, &zydis, operands);
	fill_file(&regs, truth->before);
	if (insn__decode(step->code, 15, &truth->insn))
		truth->insn.length = 0;
	if (truth->since++ >= HISTORY && !truth->question.open && next_random(truth) % 3 == 0)
		ask(truth, &regs);
	answer_question(truth, step);
	return true;
}

/* Steps until `n` were made. Returns false once the program has ended. */
static bool step_phase(struct truth *truth, uint64_t n)
{
	/* A question that the phase left open was never answered. */
	truth->next.given -= truth->question.open;
	truth->question.open = false;
	truth->since = 0;
	truth->insn.length = 0;
	memset(truth->history, 0, sizeof(truth->history));
	for (uint64_t i = 0; i < n; i++) {
		if (!truth->signal && !look(truth))
			return false;
		if (ptrace(PTRACE_SINGLESTEP, truth->pid, 0, truth->signal)) {
			say_errno(truth, "PTRACE_SINGLESTEP");
			return false;
		}
		if (!wait_stop(truth))
			return false;
		if (truth->signal)
			truth->insn.length = 0;
	}
	return true;
}

/* True if the program stopped or ended; its status stays to be waited for. */
static bool has_changed(const struct truth *truth)
{
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)truth->pid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) || info.si_pid;
}

/* Of a clock; UINT64_MAX when it is gone with its process. */
static uint64_t nanoseconds(clockid_t clock)
{
	struct timespec now;

	if (clock_gettime(clock, &now))
		return UINT64_MAX;
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Lets the program run for so much CPU time of its own, or until a signal. Returns false once it has ended. */
static bool run_on(struct truth *truth, uint64_t ns)
{
	const struct timespec while_it_runs = {.tv_nsec = 1000000};
	uint64_t until;
	clockid_t clock;
	bool changed;

	if (clock_getcpuclockid(truth->pid, &clock)) {
		snprintf(truth->ended, sizeof(truth->ended), "its CPU clock cannot be had");
		return false;
	}
	until = nanoseconds(clock) + ns;
	if (ptrace(PTRACE_CONT, truth->pid, 0, truth->signal)) {
		say_errno(truth, "PTRACE_CONT");
		return false;
	}
	/* To sleep by its clock needs a signal when it stops or ends, and that of an earlier stop may come late. */
	while (!(changed = has_changed(truth)) && nanoseconds(clock) < until)
		nanosleep(&while_it_runs, NULL);
	if (!changed && ptrace(PTRACE_INTERRUPT, truth->pid, 0, 0) && errno != ESRCH) {
		say_errno(truth, "PTRACE_INTERRUPT");
		return false;
	}
	return wait_stop(truth);
}

static void start(struct truth *truth, char **command)
{
	int go[2], status;
	char byte = 0;

	if (pipe(go))
		exit(2);
	truth->pid = fork();
	if (truth->pid < 0)
		exit(2);
	if (!truth->pid) {
		if (read(go[0], &byte, 1) != 1)
			_exit(127);
		close(go[0]);
		close(go[1]);
		execvp(command[0], command);
		_exit(127);
	}
	if (ptrace(PTRACE_SEIZE, truth->pid, 0, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)) {
		perror("PTRACE_SEIZE");
		exit(2);
	}
	if (write(go[1], &byte, 1) != 1)
		exit(2);
	if (waitpid(truth->pid, &status, 0) < 0 || !WIFSTOPPED(status) ||
	    status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
		fprintf(stderr, "%s did not start\n", command[0]);
		exit(2);
	}
}

static void print_tally(const char *origin, const struct tally *tally, uint64_t asked)
{
	printf("  %s given %5.1f %%  right %" PRIu64 "/%" PRIu64 " = %.3f %%  wrong %" PRIu64, origin,
	       asked ? 100.0 * (double)tally->given / (double)asked : 0, tally->right, tally->given,
	       tally->given ? 100.0 * (double)tally->right / (double)tally->given : 100, tally->given - tally->right);
}

static void print_reasons(const char *origin, const struct tally *tally)
{
	printf("    %s none:", origin);
	for (unsigned int i = 1; i < MMU_NONE_MAX; i++)
		if (tally->none[i])
			printf(" %u: %.1f %%", i, 100.0 * (double)tally->none[i] / (double)tally->asked);
	printf("\n");
}

static void print(const struct truth *truth)
{
	const struct resolver_counts *counts = resolver__counts(truth->resolver);

	printf("%-10s steps %" PRIu64 " asked %" PRIu64, truth->name, truth->steps, truth->previous.asked);
	print_tally("previous", &truth->previous, truth->previous.asked);
	print_tally("next", &truth->next, truth->next.asked);
	printf("  either %.1f %%  effects %" PRIu64 " wrong %" PRIu64 "\n",
	       truth->previous.asked ? 100.0 * (double)truth->either / (double)truth->previous.asked : 0,
	       truth->effects, truth->wrong_effects);
	if (!truth->verbose)
		return;
	print_reasons("previous", &truth->previous);
	print_reasons("next", &truth->next);
	printf("    by window %" PRIu64 ", anonymous %" PRIu64 ", file %" PRIu64 "; conflicts %" PRIu64
	       "; swept %.1f MB, "
	       "%.1f MB/s\n",
	       truth->basis[0], truth->basis[1], truth->basis[2], counts->conflicts, (double)counts->swept / 1e6,
	       counts->sweep_ns ? (double)counts->swept * 1e3 / (double)counts->sweep_ns : 0);
}

static bool good(const struct truth *truth, const char *origin, const struct tally *tally, uint64_t permille)
{
	if (tally->given < LEAST_GIVEN) {
		fprintf(stderr, "%s: %s: only %" PRIu64 " addresses of %" PRIu64 " asked for; %d are needed\n",
			truth->name, origin, tally->given, tally->asked, LEAST_GIVEN);
		return false;
	}
	if (tally->right * 1000 >= tally->given * permille)
		return true;
	fprintf(stderr, "%s: %s: %" PRIu64 " of %" PRIu64 " addresses are wrong; -v shows the first\n", truth->name,
		origin, tally->given - tally->right, tally->given);
	return false;
}

/* Says all that is wrong. */
static bool passed(const struct truth *truth, uint64_t n, uint64_t permille)
{
	bool previous = good(truth, "previous", &truth->previous, permille);
	bool next = good(truth, "next", &truth->next, permille);

	if (truth->ended[0] && (!previous || !next))
		fprintf(stderr, "%s: stepping ended after %" PRIu64 " of %" PRIu64 " steps: %s\n", truth->name,
			truth->steps, n, truth->ended);
	if (truth->wrong_effects)
		fprintf(stderr, "%s: %" PRIu64 " of %" PRIu64 " effects on registers are wrong; -v shows the first\n",
			truth->name, truth->wrong_effects, truth->effects);
	return previous && next && !truth->wrong_effects;
}

int main(int argc, char **argv)
{
	uint64_t n = 100000, phases = 8, permille = 995;
	struct truth truth = {.random = 88172645463325252};
	int option;

	while ((option = getopt(argc, argv, "+n:p:m:v")) != -1) {
		if (option == 'n')
			n = strtoull(optarg, NULL, 10);
		else if (option == 'p')
			phases = strtoull(optarg, NULL, 10);
		else if (option == 'm')
			permille = strtoull(optarg, NULL, 10);
		else if (option == 'v')
			truth.verbose = true;
		else
			return 2;
	}
	if (argc - optind < 2 || !phases)
		return 2;
	truth.name = argv[optind];
	truth.resolver = resolver__new(0);
	if (!truth.resolver)
		return 2;
	ZydisDecoderInit(&truth.decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	start(&truth, argv + optind + 1);
	for (uint64_t i = 0; i < phases; i++) {
		if (!step_phase(&truth, n / phases) || !run_on(&truth, PHASE_CPU_NS))
			break;
	}
	kill(truth.pid, SIGKILL);
	truth.next.given -= truth.question.open;
	print(&truth);
	resolver__free(truth.resolver);
	return passed(&truth, n, permille) ? 0 : 1;
}
