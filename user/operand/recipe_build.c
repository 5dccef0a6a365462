/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "recipe_build.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "decode.h"

#define MAX_BEFORE RECIPE_FAR_DISTANCE
#define MAX_AFTER 12
#define MAX_INSNS (MAX_BEFORE + MAX_AFTER)

/* Bounds of the search for a value: what it takes is seldom deeper than 4. */
#define MAX_DEPTH 10
#define MAX_STEPS 400

/* A straight line of instructions, through which control passed or will pass. */
struct line {
	struct insn insns[MAX_INSNS];
	int offset[MAX_INSNS]; /* from the sampled instruction */
	int n;
	int sampled; /* index; the registers of the sample are those before it */
};

/* A value during the evaluation: register + add. */
struct value {
	uint8_t reg;
	bool own; /* a temporary that nobody else uses */
	int64_t add;
};

struct builder {
	const struct line *line;
	struct mmu_recipe *recipe;
	unsigned int n_temps;
	unsigned int steps;
	uint32_t asked[MAX_INSNS]; /* bit per register: its value before this instruction is being looked for */
};

/* NOLINTBEGIN(misc-no-recursion): it ends at MAX_DEPTH, and never asks for what it is being asked for. */
static int value_of(struct builder *builder, uint8_t reg, int point, int depth, struct value *value);

static bool writes(const struct insn *insn, uint8_t reg)
{
	return insn->writes >> reg & 1;
}

static bool fits(int64_t value)
{
	return value == (int32_t)value;
}

/* Addresses wrap around, and so do the numbers that hostile code adds up. */
static int64_t wrap_add(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t wrap_sub(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a - (uint64_t)b);
}

static struct mmu_op *last_op(struct builder *builder)
{
	return builder->recipe->n_ops ? &builder->recipe->ops[builder->recipe->n_ops - 1] : NULL;
}

static int emit(struct builder *builder, struct mmu_op op)
{
	if (builder->recipe->n_ops == MMU_RECIPE_OPS)
		return -E2BIG;
	builder->recipe->ops[builder->recipe->n_ops++] = op;
	return 0;
}

/* Moves a value into a temporary of its own, if it is not in one, and adds what is to be added. */
static int settle(struct builder *builder, struct value *value)
{
	struct mmu_op *last = last_op(builder);
	struct mmu_op op = {.code = MMU_OP_ADD, .dst = value->reg, .src = MMU_REG_ZERO, .imm = (int32_t)value->add};

	if (!fits(value->add))
		return -ERANGE;
	if (!value->own) {
		if (MMU_REG_TEMP + builder->n_temps == MMU_REG_COUNT)
			return -E2BIG;
		op.code = MMU_OP_MOV;
		op.src = value->reg;
		op.dst = MMU_REG_TEMP + builder->n_temps++;
	} else if (!value->add) {
		return 0;
	} else if (last && last->dst == value->reg && (last->code == MMU_OP_MOV || last->code == MMU_OP_ADD) &&
		   fits(last->imm + value->add)) {
		last->imm += (int32_t)value->add;
		value->add = 0;
		return 0;
	}
	*value = (struct value){.reg = op.dst, .own = true};
	return emit(builder, op);
}

static int settle_constant(struct builder *builder, struct value *value)
{
	int32_t low = (int32_t)value->add;
	struct value upper = {.reg = MMU_REG_ZERO, .add = wrap_sub(value->add, low) >> 32};
	int err;

	if (fits(value->add))
		return settle(builder, value);
	err = settle(builder, &upper);
	if (err)
		return err;
	*value = upper;
	return emit(builder,
		    (struct mmu_op){.code = MMU_OP_MOV, .dst = upper.reg, .src = upper.reg, .shift = 32, .imm = low});
}

static int own(struct builder *builder, struct value *value)
{
	return value->reg == MMU_REG_ZERO ? settle_constant(builder, value) : settle(builder, value);
}

/* An operation between constants is done here and now. */
static bool fold(struct value *result, const struct mmu_op *op, const struct value *operand)
{
	__u64 regs[MMU_REG_COUNT] = {0};
	struct mmu_op on_constants = *op;

	if (operand->reg != MMU_REG_ZERO || (op->code != MMU_OP_MOV && result->reg != MMU_REG_ZERO))
		return false;
	on_constants.dst = 0;
	on_constants.src = 1;
	regs[0] = (__u64)result->add;
	regs[1] = (__u64)operand->add;
	mmu_op_run(regs, &on_constants);
	*result = (struct value){.reg = MMU_REG_ZERO, .add = (int64_t)regs[0]};
	return true;
}

/* result = result OP ((operand << shift) + imm) */
static int operate(struct builder *builder, const struct mmu_op *op, struct value *result, struct value operand)
{
	int64_t add = wrap_add((int64_t)((uint64_t)operand.add << (op->shift & 63)), op->imm);
	bool sum = op->code == MMU_OP_ADD || op->code == MMU_OP_SUB;
	int err;

	if (fold(result, op, &operand))
		return 0;
	if (op->code == MMU_OP_MOV && !op->shift) {
		operand.add = add;
		*result = operand;
		return 0;
	}
	if (sum && operand.reg == MMU_REG_ZERO) {
		result->add = op->code == MMU_OP_ADD ? wrap_add(result->add, add) : wrap_sub(result->add, add);
		return 0;
	}
	if (op->code == MMU_OP_MOV) {
		*result = (struct value){.reg = MMU_REG_ZERO};
		if (!fits(add)) {
			err = own(builder, &operand);
			if (err)
				return err;
			add = op->imm;
		}
	} else if (!fits(add)) {
		err = own(builder, &operand);
		if (err)
			return err;
		add = op->imm;
	}
	if (sum) {
		/* What is added to the result can wait. */
		int64_t wait = result->add;

		result->add = 0;
		err = own(builder, result);
		result->add = wait;
	} else {
		err = own(builder, result);
	}
	if (err)
		return err;
	return emit(builder, (struct mmu_op){.code = op->code,
					     .dst = result->reg,
					     .src = operand.reg,
					     .shift = op->shift,
					     .imm = (int32_t)add});
}

/* The value of a source register of instruction `i`, before it. */
static int source_of(struct builder *builder, const struct mmu_op *op, int i, int depth, struct value *value)
{
	if (op->src == MMU_REG_ZERO || op->src == MMU_REG_IP) {
		*value = (struct value){.reg = op->src};
		if (op->src == MMU_REG_IP)
			value->add = builder->line->offset[i];
		return 0;
	}
	return value_of(builder, op->src, i, depth, value);
}

/* True if only the lower half of what an effect starts from matters. */
static bool is_narrow(const struct insn_effect *effect)
{
	if (effect->ops[effect->n_ops - 1].code != MMU_OP_ZX32)
		return false;
	for (unsigned int i = 0; i < effect->n_ops; i++) {
		switch (effect->ops[i].code) {
		case MMU_OP_SHR:
		case MMU_OP_SAR:
			return effect->ops[1].code == MMU_OP_ZX32 || effect->ops[1].code == MMU_OP_SX32;
		default:
			break;
		}
	}
	return true;
}

/* The value that instruction `i` gives a register. */
static int apply(struct builder *builder, const struct insn_effect *effect, int i, int depth, struct value *result)
{
	*result = (struct value){.reg = MMU_REG_ZERO};
	for (unsigned int k = 0; k < effect->n_ops; k++) {
		const struct mmu_op *op = &effect->ops[k];
		struct value operand;
		int err;

		if (op->src == INSN_RESULT) {
			operand = *result;
		} else {
			err = source_of(builder, op, i, depth, &operand);
			if (err)
				return err;
		}
		if (!k && !op->shift && operand.own && last_op(builder)->code == MMU_OP_ZX32 &&
		    last_op(builder)->dst == operand.reg && is_narrow(effect))
			builder->recipe->n_ops--;
		err = operate(builder, op, result, operand);
		if (err)
			return err;
	}
	return 0;
}

/*
 * The value of `reg` before instruction `i`, from what the instruction made of it: effect->reg behind it holds a sum of
 * `reg` and other things, or something else that can be undone.
 */
static int undo(struct builder *builder, const struct insn_effect *effect, uint8_t reg, int i, int depth,
		struct value *value)
{
	bool second = effect->n_ops == 2 && effect->ops[1].code == MMU_OP_ADD && effect->ops[1].src == reg &&
		      !effect->ops[1].shift && effect->ops[0].src != reg;
	bool first = effect->ops[0].code == MMU_OP_MOV && effect->ops[0].src == reg && !effect->ops[0].shift;
	int err;

	for (unsigned int k = 1; first && k < effect->n_ops; k++) {
		uint8_t code = effect->ops[k].code;

		if ((code != MMU_OP_ADD && code != MMU_OP_SUB && code != MMU_OP_XOR && code != MMU_OP_NEG &&
		     code != MMU_OP_NOT) ||
		    effect->ops[k].src == reg || effect->ops[k].src == INSN_RESULT)
			return -ENOENT;
	}
	if (!first && !second)
		return -ENOENT;
	err = value_of(builder, effect->reg, i + 1, depth, value);
	if (err)
		return err;
	for (unsigned int k = effect->n_ops; k-- > 0;) {
		struct mmu_op op = effect->ops[k];
		struct value operand;

		if (op.src == reg) { /* what was added to it */
			op.src = MMU_REG_ZERO;
			op.shift = 0;
		}
		err = source_of(builder, &op, i, depth, &operand);
		if (err)
			return err;
		if (op.code == MMU_OP_ADD || op.code == MMU_OP_MOV)
			op.code = MMU_OP_SUB;
		else if (op.code == MMU_OP_SUB)
			op.code = MMU_OP_ADD;
		err = operate(builder, &op, value, operand);
		if (err)
			return err;
	}
	return 0;
}

/* From the instructions between `point` and the sample: the register has survived, or is to be had from what has. */
static int from_behind(struct builder *builder, uint8_t reg, int point, int depth, struct value *value)
{
	const struct line *line = builder->line;
	struct mmu_recipe saved = *builder->recipe;
	unsigned int n_temps = builder->n_temps;
	int start = point, end = point;

	while (start > 0 && !writes(&line->insns[start - 1], reg))
		start--;
	while (end < line->sampled && !writes(&line->insns[end], reg))
		end++;
	if (end == line->sampled) {
		*value = (struct value){.reg = reg};
		return 0;
	}
	for (int i = start; i <= end; i++) {
		for (unsigned int k = 0; k < line->insns[i].n_effects; k++) {
			if (!undo(builder, &line->insns[i].effects[k], reg, i, depth, value))
				return 0;
			*builder->recipe = saved;
			builder->n_temps = n_temps;
		}
	}
	return -ENOENT;
}

/* From the instruction that made it. */
static int from_before(struct builder *builder, uint8_t reg, int point, int depth, struct value *value)
{
	const struct line *line = builder->line;
	bool known = point > line->sampled;
	int first = known ? line->sampled : 0;

	for (int i = point - 1; i >= first; i--) {
		const struct insn_effect *effect;

		if (!writes(&line->insns[i], reg))
			continue;
		effect = insn__effect(&line->insns[i], reg);
		return effect ? apply(builder, effect, i, depth, value) : -ENOENT;
	}
	if (!known)
		return -ENOENT;
	*value = (struct value){.reg = reg};
	return 0;
}

static int look_for(struct builder *builder, uint8_t reg, int point, int depth, struct value *value)
{
	struct mmu_recipe saved = *builder->recipe;
	unsigned int n_temps = builder->n_temps;

	if (point < builder->line->sampled) {
		if (!from_behind(builder, reg, point, depth, value))
			return 0;
		*builder->recipe = saved;
		builder->n_temps = n_temps;
	}
	return from_before(builder, reg, point, depth, value);
}

/* The value of `reg` before the instruction at `point`. Returns -errno when it cannot be had. */
static int value_of(struct builder *builder, uint8_t reg, int point, int depth, struct value *value)
{
	uint32_t bit = 1u << reg;
	int err;

	if (point == builder->line->sampled) {
		*value = (struct value){.reg = reg};
		return 0;
	}
	if (builder->asked[point] & bit || ++builder->steps > MAX_STEPS || depth == MAX_DEPTH)
		return -ELOOP;
	builder->asked[point] |= bit;
	err = look_for(builder, reg, point, depth + 1, value);
	builder->asked[point] &= ~bit;
	return err;
}

/* NOLINTEND(misc-no-recursion) */

/* A part of an address, of registers before instruction `point`. */
static int part(struct builder *builder, uint8_t reg, int point, struct value *value)
{
	struct mmu_op op = {.src = reg};

	if (reg != MMU_REG_ZERO && reg != MMU_REG_IP)
		return value_of(builder, reg, point, 0, value);
	return source_of(builder, &op, point, 0, value);
}

/* Extends a value that is to be used as an index. */
static int extend(struct builder *builder, uint8_t code, struct value *value)
{
	struct mmu_op op = {.code = code, .src = MMU_REG_ZERO};
	int err = own(builder, value);

	op.dst = value->reg;
	return err ? err : emit(builder, op);
}

static uint8_t size_flag(const struct insn_access *access)
{
	return access->bytes > 1 ? MMU_RECIPE_SIZE(32 - __builtin_clz(access->bytes - 1U)) : 0;
}

static int build_access(const struct line *line, int i, const struct insn_access *access, struct mmu_recipe *recipe)
{
	struct builder builder = {.line = line, .recipe = recipe};
	struct value base, index;
	int err;

	memset(recipe, 0, sizeof(*recipe));
	err = part(&builder, access->base, i, &base);
	if (!err)
		err = part(&builder, access->index, i, &index);
	if (!err && access->extend)
		err = extend(&builder, access->extend, &index);
	if (err)
		return err;
	recipe->base = base.reg;
	recipe->index = index.reg;
	recipe->scale = access->scale;
	recipe->segment = access->segment;
	recipe->flags =
		(access->addr32 ? MMU_RECIPE_ADDR32 : 0) | (access->store ? MMU_RECIPE_STORE : 0) | size_flag(access);
	recipe->disp = (int64_t)((uint64_t)access->disp + (uint64_t)base.add + ((uint64_t)index.add << access->scale));
	return 0;
}

/* Of the accesses of an instruction, the first one that can be had. */
static void build_insn(const struct line *line, int i, struct mmu_recipe *recipe)
{
	const struct insn *insn = &line->insns[i];
	/* Elsewhere than at the sample, REP may have a count of 0 and access nothing. */
	bool unsupported = insn->unsupported || (insn->repeats && i != line->sampled);

	for (unsigned int k = 0; !unsupported && k < insn->n_accesses; k++) {
		if (!build_access(line, i, &insn->accesses[k], recipe)) {
			recipe->distance = (uint8_t)(i < line->sampled ? line->sampled - i : i - line->sampled);
			return;
		}
	}
	memset(recipe, 0, sizeof(*recipe));
	recipe->none = unsupported ? MMU_NONE_UNSUPPORTED_FORM : MMU_NONE_OVERWRITTEN;
}

/* Decodes the instruction that ends at `end`, if its start is known. Returns its place in the window, or -1. */
static int decode_before(const struct code_window *window, int end, struct insn *insn)
{
	int at = end - 1;

	while (at >= 0 && !(window->marks[at] & CODE_START))
		at--;
	if (at < 0 || insn__decode(window->code + at, (size_t)(end - at), insn) || at + insn->length != end)
		return -1;
	return at;
}

/* True if control may come from elsewhere to one of these bytes: some jumps skip a LOCK prefix. */
static bool is_entered(const struct code_window *window, int at, int length)
{
	for (int i = at; i < at + length; i++)
		if (window->marks[i] & CODE_LEADER)
			return true;
	return false;
}

/* Walks back from the sampled instruction as long as control can only have come straight from there. */
static void read_before(const struct code_window *window, struct line *line)
{
	struct insn insns[MAX_BEFORE];
	int offset[MAX_BEFORE];
	int at = MMU_CODE_BEFORE, n = 0;

	if (window->marks[at] & CODE_START) {
		bool straight = true;

		while (straight && n < MAX_BEFORE && !is_entered(window, at, n ? insns[n - 1].length : 1)) {
			at = decode_before(window, at, &insns[n]);
			if (at < 0)
				break;
			straight = insns[n].flow == INSN_FLOW_NEXT || insns[n].flow == INSN_FLOW_BRANCH;
			if (!straight &&
			    (insns[n].flow != INSN_FLOW_CALL || insns[n].unsupported || !insn__return(&insns[n])))
				break;
			offset[n++] = at - MMU_CODE_BEFORE;
		}
	}
	for (int i = 0; i < n; i++) {
		line->insns[i] = insns[n - 1 - i];
		line->offset[i] = offset[n - 1 - i];
	}
	line->sampled = n;
	line->n = n;
}

/* The instruction at an offset from the sampled one. Returns 0 or -errno. */
static int decode_at(const struct code_window *window, const struct code_beyond *beyond, int64_t offset,
		     struct insn *insn)
{
	int64_t at = offset + MMU_CODE_BEFORE;
	uint8_t bytes[INSN_LONGEST];
	int err = -ENODATA;

	if (at >= 0 && at < MMU_CODE_BYTES)
		err = insn__decode(window->code + at, (size_t)(MMU_CODE_BYTES - at), insn);
	if (err == -ENODATA && beyond)
		err = insn__decode(bytes, beyond->read(beyond->ctx, offset, bytes, sizeof(bytes)), insn);
	return err;
}

/* Returns 0, or why there is nothing at the sampled address. */
static int read_after(const struct code_window *window, const struct code_beyond *beyond, struct line *line)
{
	int64_t offset = 0;

	while (line->n < MAX_INSNS && offset == (int32_t)offset) {
		struct insn *insn = &line->insns[line->n];

		if (decode_at(window, beyond, offset, insn))
			break;
		line->offset[line->n++] = (int)offset;
		if (insn->flow != INSN_FLOW_NEXT && (insn->flow != INSN_FLOW_JUMP || !insn->has_target))
			break;
		offset += insn->has_target ? insn->target : insn->length;
	}
	return line->n > line->sampled ? 0 : MMU_NONE_UNDECODABLE;
}

static void set_none(struct mmu_recipe *recipe, int reason)
{
	memset(recipe, 0, sizeof(*recipe));
	recipe->none = (uint8_t)reason;
}

static void build_previous(const struct code_window *window, const struct line *line, int reach,
			   struct mmu_recipe *recipe)
{
	int oldest = line->sampled > reach ? line->sampled - reach : 0;

	set_none(recipe, MMU_NONE_NO_OPERAND);
	if (!(window->marks[MMU_CODE_BEFORE] & CODE_START)) {
		recipe->none = MMU_NONE_UNDECODABLE;
		return;
	}
	/* The sample may stand between two rounds of it, and then what was executed before it is itself. */
	if (line->insns[line->sampled].repeats) {
		recipe->none = MMU_NONE_UNSUPPORTED_FORM;
		return;
	}
	for (int i = line->sampled - 1; i >= oldest; i--) {
		if (line->insns[i].n_accesses || line->insns[i].unsupported) {
			build_insn(line, i, recipe);
			return;
		}
	}
}

static void build_next(const struct line *line, struct mmu_recipe *recipe)
{
	set_none(recipe, MMU_NONE_NO_OPERAND);
	for (int i = line->sampled; i < line->n; i++) {
		if (line->insns[i].n_accesses || line->insns[i].unsupported) {
			build_insn(line, i, recipe);
			return;
		}
	}
}

void recipe__build(const struct code_window *window, const struct code_beyond *beyond, struct mmu_operand *operand)
{
	struct line line;
	int reason;

	read_before(window, &line);
	reason = read_after(window, beyond, &line);
	if (reason) {
		set_none(&operand->previous, reason);
		set_none(&operand->next, reason);
		return;
	}
	build_previous(window, &line, RECIPE_MAX_DISTANCE, &operand->previous);
	build_next(&line, &operand->next);
	if (operand->previous.none == MMU_NONE_NO_OPERAND && operand->next.none)
		build_previous(window, &line, RECIPE_FAR_DISTANCE, &operand->previous);
}
