/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Single-steps an arm64 program under qemu-aarch64 and compares the addresses of recipes with those that QEMU accessed.
 *
 * step_truth [-n STEPS] [-p PHASES] [-m PERMILLE] [-v] PLUGIN ROOT NAME COMMAND [ARGUMENT …]
 *
 * Prints what tests/live/step_truth.c prints, and exits as it does. It makes recipes as the resolver does, from the mapped file
 * and the code window, but finds the files itself: QEMU maps a program's code without the right to execute it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "operand/code_image.h"
#include "operand/decode.h"

#include "guest.h"

#define HISTORY 64 /* a power of two */
#define MAX_WRONG 12
#define PHASE_MS 300
#define LEAST_GIVEN 1000
#define MAX_IMAGES 32
#define CODE_BYTES_MAX (256UL << 20)

struct step {
	__u64 regs[MMU_REG_COUNT]; /* before it */
	uint8_t code[4];
	struct insn insn;
	bool unseen; /* it accesses memory, and QEMU's plugin was not told */
	struct access_log log;
};

struct tally {
	uint64_t asked, given, right;
	uint64_t none[MMU_NONE_MAX];
};

struct image {
	char path[256];
	uint64_t start, end, offset; /* of one mapping */
	struct code_image *code;
};

struct question {
	bool open;
	uint64_t address;
	uint64_t step;
	struct mmu_recipe recipe;
};

struct truth {
	const char *name;
	struct guest *guest;
	bool verbose;
	unsigned int shown;
	uint64_t steps, since, random;
	__u64 now[MMU_REG_COUNT];
	struct step history[HISTORY];
	struct question question;
	struct tally previous, next;
	uint64_t either, effects, wrong_effects, unseen, surprises;
	struct image images[MAX_IMAGES];
	unsigned int n_images;
};

static struct step *step_number(struct truth *truth, uint64_t number)
{
	return &truth->history[number % HISTORY];
}

static uint64_t next_random(struct truth *truth)
{
	truth->random ^= truth->random << 13;
	truth->random ^= truth->random >> 7;
	truth->random ^= truth->random << 17;
	return truth->random;
}

/* Reads the mapping that holds `ip` into the list of images. */
static struct image *add_image(struct truth *truth, uint64_t ip)
{
	struct image *image = &truth->images[truth->n_images];
	char line[512], maps[64];
	FILE *file;

	snprintf(maps, sizeof(maps), "/proc/%d/maps", guest__pid(truth->guest));
	file = fopen(maps, "re");
	while (file && truth->n_images < MAX_IMAGES && fgets(line, sizeof(line), file)) {
		memset(image, 0, sizeof(*image));
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %255s", &image->start, &image->end,
			   &image->offset, image->path) != 4 ||
		    ip < image->start || ip >= image->end || image->path[0] != '/')
			continue;
		int fd = open(image->path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			break;
		image->code = code_image__from_file(fd, CODE_BYTES_MAX, NULL);
		close(fd);
		fclose(file);
		return &truth->images[truth->n_images++];
	}
	if (file)
		fclose(file);
	return NULL;
}

static struct image *image_at(struct truth *truth, uint64_t ip)
{
	for (unsigned int i = 0; i < truth->n_images; i++)
		if (ip >= truth->images[i].start && ip < truth->images[i].end)
			return &truth->images[i];
	return add_image(truth, ip);
}

struct spot {
	const struct code_image *code;
	uint64_t place;
};

static size_t read_beyond(const void *ctx, int64_t offset, uint8_t *bytes, size_t n)
{
	const struct spot *spot = ctx;

	return code_image__read(spot->code, spot->place + (uint64_t)offset, bytes, n);
}

static bool resolve(struct truth *truth, uint64_t ip, struct mmu_operand *operand)
{
	struct image *image = image_at(truth, ip);
	struct code_window window = {0};
	struct spot spot;
	const struct code_beyond beyond = {.read = read_beyond, .ctx = &spot};

	if (!image || !image->code || !guest__read(truth->guest, ip - MMU_CODE_BEFORE, window.code, MMU_CODE_BYTES))
		return false;
	spot = (struct spot){.code = image->code, .place = ip - image->start + image->offset};
	if (code_image__mark(spot.code, spot.place, &window))
		return false;
	recipe__build(&window, &beyond, operand);
	return true;
}

static uint64_t evaluate(const struct step *step, const struct mmu_recipe *recipe)
{
	__u64 file[MMU_REG_COUNT];

	memcpy(file, step->regs, sizeof(file));
	return mmu_recipe_run(file, recipe);
}

static bool has_access(const struct step *step, uint64_t address)
{
	for (uint64_t i = 0; i < step->log.n && i < ACCESS_LOG_MAX; i++)
		if (MMU_ARCH_UNTAGGED(step->log.accesses[i].address) == address)
			return true;
	return false;
}

static void show(struct truth *truth, const char *what, const struct mmu_recipe *recipe, uint64_t address,
		 uint64_t accessed, uint64_t sampled)
{
	if (!truth->verbose || truth->shown++ >= MAX_WRONG)
		return;
	printf("  %s: %s, distance %u, said %" PRIx64 "; recipe r%u + r%u << %u + %" PRId64 ", %u ops\n", truth->name,
	       what, recipe->distance, address, recipe->base, recipe->index, recipe->scale, (int64_t)recipe->disp,
	       recipe->n_ops);
	for (uint64_t number = sampled > 12 ? sampled - 12 : 0; number <= accessed || number <= sampled; number++) {
		const struct step *step = step_number(truth, number);

		printf("  %c%c %" PRIx64 ": %02x%02x%02x%02x", number == sampled ? '>' : ' ',
		       number == accessed ? '*' : ' ', (uint64_t)step->regs[MMU_REG_IP], step->code[3], step->code[2],
		       step->code[1], step->code[0]);
		for (uint64_t i = 0; i < step->log.n && i < 4; i++)
			printf(" [%" PRIx64 "]", step->log.accesses[i].address);
		printf("\n");
	}
}

/* What the instruction made of the registers, against what is thought of it. */
static void check_effects(struct truth *truth, const struct step *step)
{
	const __u64 *now = truth->now;

	for (unsigned int reg = 0; step->insn.length && step->insn.flow != INSN_FLOW_STOP && reg < MMU_REG_IP; reg++) {
		const struct insn_effect *effect = insn__effect(&step->insn, reg);
		__u64 file[MMU_REG_COUNT];
		bool wrong;

		memcpy(file, step->regs, sizeof(file));
		for (unsigned int i = 0; effect && i < effect->n_ops; i++)
			mmu_op_run(file, &effect->ops[i]);
		truth->effects += effect != NULL;
		wrong = effect ? file[INSN_RESULT] != now[reg]
			       : now[reg] != step->regs[reg] && !(step->insn.writes >> reg & 1);
		truth->wrong_effects += wrong;
		if (wrong && truth->verbose && truth->shown++ < MAX_WRONG)
			printf("  %s: effect on r%u of %02x%02x%02x%02x: %llx, thought %llx\n", truth->name, reg,
			       step->code[3], step->code[2], step->code[1], step->code[0], now[reg], file[INSN_RESULT]);
	}
}

/* What the instruction accessed, against what is thought of it; then the answer of an open question. */
static void check_access(struct truth *truth, struct step *step)
{
	struct question *question = &truth->question;
	bool thought = step->insn.n_accesses || step->insn.unsupported;

	step->unseen = thought && !step->log.n;
	truth->unseen += step->unseen;
	truth->surprises += step->log.n && !thought;
	if (thought != !!step->log.n && truth->verbose && truth->shown++ < MAX_WRONG)
		printf("  %s: %02x%02x%02x%02x: %s\n", truth->name, step->code[3], step->code[2], step->code[1],
		       step->code[0], thought ? "no access seen" : "accesses memory");
	if (!question->open || (!step->log.n && !thought))
		return;
	question->open = false;
	if (step->unseen)
		truth->next.given--;
	else if (has_access(step, question->address))
		truth->next.right++;
	else
		show(truth, "next", &question->recipe, question->address, truth->steps, question->step);
}

static void ask(struct truth *truth, const struct step *step)
{
	struct mmu_operand operand;

	if (!resolve(truth, step->regs[MMU_REG_IP], &operand))
		return;
	truth->previous.asked++;
	truth->next.asked++;
	truth->either += !operand.previous.none || !operand.next.none;
	truth->previous.none[operand.previous.none]++;
	truth->next.none[operand.next.none]++;
	if (!operand.previous.none) {
		uint64_t number = truth->steps - operand.previous.distance;
		const struct step *accessed = step_number(truth, number);
		uint64_t address = evaluate(step, &operand.previous);

		truth->previous.given += !accessed->unseen;
		if (has_access(accessed, address))
			truth->previous.right++;
		else if (!accessed->unseen)
			show(truth, "previous", &operand.previous, address, number, truth->steps);
	}
	if (!operand.next.none) {
		truth->next.given++;
		truth->question = (struct question){.open = true,
						    .address = evaluate(step, &operand.next),
						    .step = truth->steps,
						    .recipe = operand.next};
	}
}

/* Looks at the instruction that is about to be executed, executes it, and looks at what it did. */
static bool step_once(struct truth *truth)
{
	struct step *step = step_number(truth, truth->steps);
	const struct access_log *log;

	memset(step, 0, sizeof(*step));
	memcpy(step->regs, truth->now, sizeof(step->regs));
	if (!guest__read(truth->guest, step->regs[MMU_REG_IP], step->code, sizeof(step->code)) ||
	    insn__decode(step->code, sizeof(step->code), &step->insn))
		step->insn.length = 0;
	if (truth->since++ >= HISTORY && !truth->question.open && next_random(truth) % 3 == 0)
		ask(truth, step);
	if (!guest__step(truth->guest, &log))
		return false;
	memcpy(&step->log, log, sizeof(*log));
	check_access(truth, step);
	guest__registers(truth->guest, truth->now);
	check_effects(truth, step);
	truth->steps++;
	return true;
}

static bool step_phase(struct truth *truth, uint64_t n)
{
	truth->next.given -= truth->question.open;
	truth->question.open = false;
	truth->since = 0;
	guest__registers(truth->guest, truth->now);
	for (uint64_t i = 0; i < n; i++)
		if (!step_once(truth))
			return false;
	return true;
}

static void print_tally(const char *origin, const struct tally *tally)
{
	printf("  %s given %5.1f %%  right %" PRIu64 "/%" PRIu64 " = %.3f %%  wrong %" PRIu64, origin,
	       tally->asked ? 100.0 * (double)tally->given / (double)tally->asked : 0, tally->right, tally->given,
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
	printf("%-10s steps %" PRIu64 " asked %" PRIu64, truth->name, truth->steps, truth->previous.asked);
	print_tally("previous", &truth->previous);
	print_tally("next", &truth->next);
	printf("  either %.1f %%  effects %" PRIu64 " wrong %" PRIu64 "  unseen %" PRIu64 " surprises %" PRIu64 "\n",
	       truth->previous.asked ? 100.0 * (double)truth->either / (double)truth->previous.asked : 0,
	       truth->effects, truth->wrong_effects, truth->unseen, truth->surprises);
	if (!truth->verbose)
		return;
	print_reasons("previous", &truth->previous);
	print_reasons("next", &truth->next);
	for (unsigned int i = 0; i < truth->n_images; i++) {
		const struct code_image_facts *facts =
			truth->images[i].code ? code_image__facts(truth->images[i].code) : NULL;

		if (facts)
			printf("    %s: %" PRIu64 " computed jumps, %" PRIu64 " tables read, %" PRIu64
			       " not, %.1f MB/s\n",
			       truth->images[i].path, facts->computed_jumps, facts->tables_read, facts->unread_jumps,
			       (double)facts->code_bytes * 1e3 / (double)(facts->sweep_ns + 1));
	}
}

static bool good(const struct truth *truth, const char *origin, const struct tally *tally, uint64_t permille)
{
	if (tally->given >= LEAST_GIVEN && tally->right * 1000 >= tally->given * permille)
		return true;
	fprintf(stderr, "%s: %s: %" PRIu64 " addresses right of %" PRIu64 "; -v shows the first wrong ones\n",
		truth->name, origin, tally->right, tally->given);
	return false;
}

int main(int argc, char **argv)
{
	uint64_t n = 100000, phases = 8, permille = 995;
	struct truth truth = {.random = 88172645463325252};
	int option;
	bool passed;

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
	if (argc - optind < 4 || !phases)
		return 2;
	truth.name = argv[optind + 2];
	truth.guest = guest__start(argv[optind], argv[optind + 1], argv + optind + 3);
	for (uint64_t i = 0; i < phases; i++)
		if (!step_phase(&truth, n / phases) || !guest__run(truth.guest, PHASE_MS))
			break;
	truth.next.given -= truth.question.open;
	guest__kill(truth.guest);
	print(&truth);
	for (unsigned int i = 0; i < truth.n_images; i++)
		code_image__free(truth.images[i].code);
	passed = good(&truth, "previous", &truth.previous, permille);
	passed = good(&truth, "next", &truth.next, permille) && passed;
	return passed && !truth.wrong_effects && !truth.surprises ? 0 : 1;
}
