/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How to compute the address of a memory operand from the registers of a sample.
 *
 * The loader decodes instructions and writes recipes; the BPF program only evaluates them. The same evaluator runs in
 * the loader, for the samples that come before their recipe does.
 */
#ifndef MMUSCOPE_RECIPE_H
#define MMUSCOPE_RECIPE_H

#include "record.h"

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

/* Registers are numbered as arch/<arch>_numbers.h says, which record.h includes. */

/* dst = dst OP v, where v = (src << shift) + imm. Unary ones ignore v. */
enum mmu_op_code {
	MMU_OP_MOV = 1, /* dst = v */
	MMU_OP_ADD = 2,
	MMU_OP_SUB = 3,
	MMU_OP_AND = 4,
	MMU_OP_OR = 5,
	MMU_OP_XOR = 6,
	MMU_OP_SHL = 7, /* count modulo 64 */
	MMU_OP_SHR = 8,
	MMU_OP_SAR = 9,
	MMU_OP_MUL = 10,
	MMU_OP_NEG = 11,
	MMU_OP_NOT = 12,
	MMU_OP_ZX8 = 13, /* keep the low 8, 16 or 32 bits … */
	MMU_OP_ZX16 = 14,
	MMU_OP_ZX32 = 15,
	MMU_OP_SX8 = 16, /* … and repeat their highest */
	MMU_OP_SX16 = 17,
	MMU_OP_SX32 = 18,
};

struct mmu_op {
	__u8 code; /* enum mmu_op_code */
	__u8 dst;
	__u8 src;
	__u8 shift;
	__s32 imm;
};

#define MMU_RECIPE_OPS 8

/* Address = segment + base + (index << scale) + disp, after the ops; cut to 32 bits with MMU_RECIPE_ADDR32. */
struct mmu_recipe {
	__u8 none;     /* enum mmu_none when there is no address; 0 when there is one */
	__u8 n_ops;    /* 0 … MMU_RECIPE_OPS */
	__u8 base;     /* register, MMU_REG_ZERO for none */
	__u8 index;    /* likewise */
	__u8 scale;    /* 0 … 3; on arm64 4 as well */
	__u8 segment;  /* MMU_REG_ZERO, or on x86 MMU_REG_FS or MMU_REG_GS */
	__u8 flags;    /* MMU_RECIPE_… */
	__u8 distance; /* instructions from the access to the sampled one */
	__s64 disp;
	struct mmu_op ops[MMU_RECIPE_OPS];
};

#define MMU_RECIPE_ADDR32 1
#define MMU_RECIPE_STORE 2 /* the access writes (it may read as well) */

/* The upper bits of flags: log2 of the bytes of the access, rounded up; 0 when it is one byte, or not known. */
#define MMU_RECIPE_SIZE_SHIFT 4
#define MMU_RECIPE_SIZE(log2) ((log2) << MMU_RECIPE_SIZE_SHIFT)
#define MMU_RECIPE_BYTES(flags) (1U << ((flags) >> MMU_RECIPE_SIZE_SHIFT))

/* What a code window says: the operand of the access before the sampled instruction, and of the one at or behind it. */
struct mmu_operand {
	struct mmu_recipe previous;
	struct mmu_recipe next;
};

/* Whom the recipe of a window serves: all, or one place of one process. */
struct mmu_scope {
	__u32 pid; /* tgid */
	__u64 place;
};

#define MMU_NOBODY 0xffffffffU /* no process has this number: the place is free again */

/*
 * One place of the map mmu_operands: what the code window `code` says. The loader writes it through its mapping: `version`
 * is odd while it does, and 0 in a place never used.
 */
struct mmu_operand_slot {
	__u64 version;
	__u32 tag; /* mmu_code_hash() of code, so that other windows are passed over without a look at their bytes */
	__u32 pid; /* struct mmu_scope; MMU_NOBODY */
	__u64 place;
	__u8 code[MMU_CODE_BYTES];
	struct mmu_operand operand;
};

/* Places that a window may be in: the first, and the next ones. */
#define MMU_OPERAND_PROBES 4

_Static_assert(sizeof(struct mmu_operand_slot) == 256, "wire format");
_Static_assert(__builtin_offsetof(struct mmu_operand_slot, code) == 24, "wire format");
_Static_assert(sizeof(struct mmu_op) == 8, "wire format");
_Static_assert(sizeof(struct mmu_recipe) == 80, "wire format");
_Static_assert(MMU_REG_ZERO < MMU_REGS_SAVED && MMU_REGS_SAVED == MMU_REG_TEMP, "wire format");
_Static_assert(!(MMU_REG_COUNT & (MMU_REG_COUNT - 1)), "register numbers are masked");

#define MMU_HASH_FACTOR 0x9fb21c651e98df25ULL

static __always_inline __u64 mmu_hash_step(__u64 hash, __u64 word)
{
	hash = (hash ^ word) * MMU_HASH_FACTOR;
	return hash ^ hash >> 29;
}

/*
 * Keyed hash of a code window. A process that writes its own code must not be able to aim at another's places; what it hits
 * by chance is told apart by the bytes themselves. Three chains side by side, because a multiplication must wait for the one
 * before it in its chain alone.
 */
static __always_inline __u32 mmu_code_hash(const __u8 *code, __u64 key)
{
	const __u64 *words = (const __u64 *)code;
	__u64 a = key, b = key + MMU_HASH_FACTOR, c = ~key;

	a = mmu_hash_step(a, words[0]);
	b = mmu_hash_step(b, words[1]);
	c = mmu_hash_step(c, words[2]);
	a = mmu_hash_step(a, words[3]);
	b = mmu_hash_step(b, words[4]);
	c = mmu_hash_step(c, words[5]);
	a = mmu_hash_step(a, words[6]);
	b = mmu_hash_step(b, words[7]);
	c = mmu_hash_step(c, words[8]);
	return (__u32)(mmu_hash_step(mmu_hash_step(a, b), c) >> 32);
}

/* Code of the system's own files is the same for all. */
static __always_inline struct mmu_scope mmu_scope_all(void)
{
	return (struct mmu_scope){};
}

/*
 * What a process wrote or mapped by itself speaks for that process alone, and for this place alone: other places with the same
 * bytes may be jumped to. `identity` as in struct mmu_code. What processes of different pid ask for is never the same.
 */
static __always_inline struct mmu_scope mmu_scope_own(__u32 pid, __u64 identity, __u64 ip)
{
	return (struct mmu_scope){.pid = pid, .place = identity + ip * MMU_HASH_FACTOR};
}

/* The first slot, modulo their number, of a window with this hash. */
static __always_inline __u32 mmu_operand_slot_of(__u32 hash, const struct mmu_scope *scope)
{
	return hash + (__u32)(((scope->place ^ scope->pid) * MMU_HASH_FACTOR) >> 32);
}

static __always_inline void mmu_op_run(__u64 *regs, const struct mmu_op *op)
{
	__u32 dst = op->dst & (MMU_REG_COUNT - 1);
	__u64 v = (regs[op->src & (MMU_REG_COUNT - 1)] << (op->shift & 63)) + (__u64)(__s64)op->imm;
	__u64 value = regs[dst];

	switch (op->code) {
	case MMU_OP_MOV:
		value = v;
		break;
	case MMU_OP_ADD:
		value += v;
		break;
	case MMU_OP_SUB:
		value -= v;
		break;
	case MMU_OP_AND:
		value &= v;
		break;
	case MMU_OP_OR:
		value |= v;
		break;
	case MMU_OP_XOR:
		value ^= v;
		break;
	case MMU_OP_SHL:
		value <<= v & 63;
		break;
	case MMU_OP_SHR:
		value >>= v & 63;
		break;
	case MMU_OP_SAR:
		value = (__u64)((__s64)value >> (v & 63));
		break;
	case MMU_OP_MUL:
		value *= v;
		break;
	case MMU_OP_NEG:
		value = 0 - value;
		break;
	case MMU_OP_NOT:
		value = ~value;
		break;
	case MMU_OP_ZX8:
		value = (__u8)value;
		break;
	case MMU_OP_ZX16:
		value = (__u16)value;
		break;
	case MMU_OP_ZX32:
		value = (__u32)value;
		break;
	case MMU_OP_SX8:
		value = (__u64)((__s64)(value << 56) >> 56);
		break;
	case MMU_OP_SX16:
		value = (__u64)((__s64)(value << 48) >> 48);
		break;
	case MMU_OP_SX32:
		value = (__u64)((__s64)(value << 32) >> 32);
		break;
	default:
		break;
	}
	regs[dst] = value;
}

/*
 * Evaluates a recipe that has an address (none == 0). `regs` has MMU_REG_COUNT places, MMU_REGS_SAVED of them filled, with 0
 * in MMU_REG_ZERO; it is changed. Any bytes make a defined result: a recipe can do nothing but give a wrong address.
 */
static __always_inline __u64 mmu_recipe_run(__u64 *regs, const struct mmu_recipe *recipe)
{
	__u64 address;
	__u32 i;

	for (i = 0; i < MMU_RECIPE_OPS; i++) {
		if (i >= recipe->n_ops)
			break;
		mmu_op_run(regs, &recipe->ops[i]);
	}
	address = regs[recipe->base & (MMU_REG_COUNT - 1)] + (__u64)recipe->disp;
	address += regs[recipe->index & (MMU_REG_COUNT - 1)] << (recipe->scale & 7);
	if (recipe->flags & MMU_RECIPE_ADDR32)
		address = (__u32)address;
	address += regs[recipe->segment & (MMU_REG_COUNT - 1)];
	return MMU_ARCH_UNTAGGED(address);
}

#endif
