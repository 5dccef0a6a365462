/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What loads and stores access, from the tables of the Arm ARM, C4.1 "Loads and Stores".
 *
 * Not by Capstone: 4.0, which Debian has, does not know LSE atomics, LDAPR and its kin, authenticated loads, memory tags and
 * SVE, and its access flags of those that it knows are wrong more often than not (LD4 writes two registers, a store with
 * post-index writes its offset). This is the regular part of A64, and it has not changed since it was published.
 */
#include "a64.h"

/* What base registers name: 31 is SP. */
static uint8_t base_of(uint32_t word)
{
	return (uint8_t)a64__field(word, 9, 5);
}

static struct insn_access *add_access(uint32_t word, struct insn *insn, bool load, bool store, unsigned int bytes)
{
	struct insn_access *access = &insn->accesses[insn->n_accesses++];

	*access = (struct insn_access){
		.base = base_of(word),
		.index = MMU_REG_ZERO,
		.segment = MMU_REG_ZERO,
		.load = load,
		.store = store,
		.bytes = (uint16_t)bytes,
	};
	return access;
}

/* The base register is increased by a constant, or by `reg`. */
static void write_back(uint32_t word, struct insn *insn, uint8_t reg, int64_t disp)
{
	uint8_t base = base_of(word);
	bool loaded = insn->writes >> base & 1; /* then what it holds is unpredictable */
	struct insn_effect *effect = &insn->effects[insn->n_effects];

	insn->writes |= 1u << base;
	if (loaded)
		return;
	*effect = (struct insn_effect){.reg = base, .n_ops = 1};
	effect->ops[0] = (struct mmu_op){.code = MMU_OP_MOV, .dst = INSN_RESULT, .src = base, .imm = (int32_t)disp};
	if (reg != MMU_REG_ZERO)
		effect->ops[effect->n_ops++] = (struct mmu_op){.code = MMU_OP_ADD, .dst = INSN_RESULT, .src = reg};
	insn->n_effects++;
}

/* Indexing by the fields that several groups share: unscaled, post-index, offset or unprivileged, pre-index. */
enum indexing { UNSCALED = 0, POST = 1, OFFSET = 2, PRE = 3 };

static void index_by(uint32_t word, struct insn *insn, struct insn_access *access, enum indexing indexing, int64_t disp)
{
	if (indexing != POST)
		access->disp = disp;
	if (indexing == POST || indexing == PRE)
		write_back(word, insn, MMU_REG_ZERO, disp);
}

static void load_literal(uint32_t word, struct insn *insn)
{
	uint32_t opc = a64__field(word, 31, 30);
	bool vector = a64__field(word, 26, 26);
	struct insn_access *access;
	unsigned int bytes;

	if (opc == 3) {
		insn->unsupported = vector; /* else PRFM */
		return;
	}
	if (vector)
		bytes = 4u << opc;
	else
		bytes = opc == 1 ? 8 : 4;
	access = add_access(word, insn, true, false, bytes);
	access->base = MMU_REG_IP;
	access->disp = a64__signed(word, 23, 5) * A64_BYTES;
	if (!vector)
		a64__write(insn, a64__field(word, 4, 0));
}

static void compare_and_swap(uint32_t word, struct insn *insn, bool pair)
{
	uint32_t compared = a64__field(word, 20, 16);

	add_access(word, insn, true, true, pair ? 8u << a64__field(word, 30, 30) : 1u << a64__field(word, 31, 30));
	a64__write(insn, compared);
	if (pair)
		a64__write(insn, compared | 1);
}

/* Load/store exclusive, ordered, and compare and swap: o2, L, o1. */
static void exclusive(uint32_t word, struct insn *insn)
{
	unsigned int bytes = 1u << a64__field(word, 31, 30);
	bool ordered = a64__field(word, 23, 23);
	bool load = a64__field(word, 22, 22);
	bool pair = a64__field(word, 21, 21);

	if (pair && (ordered || bytes < 4)) {
		compare_and_swap(word, insn, !ordered);
		return;
	}
	add_access(word, insn, load, !load, pair ? 2 * bytes : bytes);
	if (load)
		a64__write(insn, a64__field(word, 4, 0));
	if (load && pair)
		a64__write(insn, a64__field(word, 14, 10));
	if (!load && !ordered)
		a64__write(insn, a64__field(word, 20, 16)); /* whether it was stored */
}

static void load_store_pair(uint32_t word, struct insn *insn)
{
	uint32_t opc = a64__field(word, 31, 30);
	bool load = a64__field(word, 22, 22);
	bool vector = a64__field(word, 26, 26);
	bool tagged = !vector && opc == 1 && !load; /* STGP */
	unsigned int bytes = vector ? 4u << opc : opc == 2 || tagged ? 8 : 4;
	int64_t disp = a64__signed(word, 21, 15) * (tagged ? 16 : bytes);
	enum indexing indexing = (enum indexing)a64__field(word, 24, 23);
	struct insn_access *access;

	if (opc == 3) {
		insn->unsupported = true;
		return;
	}
	access = add_access(word, insn, load, !load, 2 * bytes);
	if (load && !vector) {
		a64__write(insn, a64__field(word, 4, 0));
		a64__write(insn, a64__field(word, 14, 10));
	}
	index_by(word, insn, access, indexing, disp);
}

/*
 * The access of one register: size, V, opc. NULL for a prefetch, which touches nothing that the program sees, and for what is
 * not allocated.
 */
static struct insn_access *one_register(uint32_t word, struct insn *insn)
{
	uint32_t size = a64__field(word, 31, 30), opc = a64__field(word, 23, 22);

	if (a64__field(word, 26, 26)) {
		if (opc & 2 && size) {
			insn->unsupported = true;
			return NULL;
		}
		return add_access(word, insn, opc & 1, !(opc & 1), opc & 2 ? 16 : 1u << size);
	}
	if (size == 3 && opc == 2) /* PRFM, PRFUM */
		return NULL;
	if (opc == 3 && size > 1) {
		insn->unsupported = true;
		return NULL;
	}
	if (opc)
		a64__write(insn, a64__field(word, 4, 0));
	return add_access(word, insn, opc, !opc, 1u << size);
}

/* log2 of what the offset of one register is scaled by. */
static uint8_t scale_of(uint32_t word)
{
	bool quad = a64__field(word, 26, 26) && a64__field(word, 23, 23);

	return quad ? 4 : (uint8_t)a64__field(word, 31, 30);
}

static void register_offset(uint32_t word, struct insn *insn)
{
	struct insn_access *access = one_register(word, insn);
	uint32_t option = a64__field(word, 15, 13);

	if (!access)
		return;
	access->index = a64__source(a64__field(word, 20, 16));
	access->scale = a64__field(word, 12, 12) ? scale_of(word) : 0;
	if (option == 2)
		access->extend = MMU_OP_ZX32; /* UXTW */
	else if (option == 6)
		access->extend = MMU_OP_SX32; /* SXTW */
}

/* Atomic memory operations: LD<op>, ST<op>, SWP, and LDAPR among them. */
static void atomic(uint32_t word, struct insn *insn)
{
	uint32_t opc = a64__field(word, 14, 12);
	bool o3 = a64__field(word, 15, 15);
	bool vector = a64__field(word, 26, 26);

	if (o3 && opc && !vector) {
		if (opc == 4) { /* LDAPR */
			add_access(word, insn, true, false, 1u << a64__field(word, 31, 30));
			a64__write(insn, a64__field(word, 4, 0));
			return;
		}
		/* LD64B and ST64B, whose registers are eight in a row, and what came later. */
		insn->unsupported = true;
		insn->writes = UINT32_MAX;
		return;
	}
	add_access(word, insn, true, true, 1u << a64__field(word, 31, 30));
	if (!vector)
		a64__write(insn, a64__field(word, 4, 0));
}

static void one_register_group(uint32_t word, struct insn *insn)
{
	enum indexing indexing = (enum indexing)a64__field(word, 11, 10);
	struct insn_access *access;

	if (a64__field(word, 24, 24)) { /* unsigned immediate */
		access = one_register(word, insn);
		if (access)
			access->disp = (int64_t)a64__field(word, 21, 10) << scale_of(word);
		return;
	}
	if (!a64__field(word, 21, 21)) {
		access = one_register(word, insn);
		if (access)
			index_by(word, insn, access, indexing, a64__signed(word, 20, 12));
		return;
	}
	if (indexing == UNSCALED) {
		atomic(word, insn);
	} else if (indexing == OFFSET) {
		register_offset(word, insn);
	} else {
		/* LDRAA, LDRAB: the address is what is left of a signed pointer, by a mask that no one knows here. */
		insn->unsupported = true;
		insn->writes |= 1u << base_of(word);
		a64__write(insn, a64__field(word, 4, 0));
	}
}

/* Registers in the list of LD1 … LD4 (multiple structures); 0: not allocated. */
static unsigned int list_of(uint32_t opcode)
{
	switch (opcode) {
	case 0x0: /* LD4 */
	case 0x2:
		return 4;
	case 0x4: /* LD3 */
	case 0x6:
		return 3;
	case 0x8: /* LD2 */
	case 0xa:
		return 2;
	case 0x7:
		return 1;
	default:
		return 0;
	}
}

/* Of LD1 … LD4 (single structure, or to all lanes). */
static unsigned int structure_of(uint32_t word)
{
	uint32_t opcode = a64__field(word, 15, 13), size = a64__field(word, 11, 10);
	unsigned int n = ((opcode & 1) << 1 | a64__field(word, 21, 21)) + 1;

	switch (opcode >> 1) {
	case 0:
	case 1:
		return n << (opcode >> 1);
	case 2:
		return n * (size & 1 ? 8 : 4);
	default:
		return n << size;
	}
}

static void structures(uint32_t word, struct insn *insn)
{
	bool single = a64__field(word, 24, 24), post = a64__field(word, 23, 23), load = a64__field(word, 22, 22);
	uint32_t offset = a64__field(word, 20, 16);
	unsigned int bytes;

	bytes = single ? structure_of(word) : list_of(a64__field(word, 15, 12)) << (a64__field(word, 30, 30) + 3);
	if (!bytes) {
		insn->unsupported = true;
		return;
	}
	add_access(word, insn, load, !load, bytes);
	if (post && offset == 31)
		write_back(word, insn, MMU_REG_ZERO, bytes);
	else if (post)
		write_back(word, insn, (uint8_t)offset, 0);
}

/* Memory tags are part of what they tag: a granule of 16 bytes, or two. */
static void tags(uint32_t word, struct insn *insn)
{
	uint32_t opc = a64__field(word, 23, 22);
	enum indexing indexing = (enum indexing)a64__field(word, 11, 10);
	int64_t disp = a64__signed(word, 20, 12) * 16;
	bool load = indexing == UNSCALED && opc == 1; /* LDG; the others there are not for programs */
	struct insn_access *access;

	if (indexing == UNSCALED && !load) {
		insn->unsupported = true;
		return;
	}
	access = add_access(word, insn, load, !load, opc & 2 ? 32 : 16);
	if (load)
		a64__write(insn, a64__field(word, 4, 0));
	index_by(word, insn, access, indexing, disp);
}

/* DC ZVA, GVA, GZVA: they store a block, which the address lies somewhere in. Other maintenance of caches accesses nothing. */
static bool is_block_store(uint32_t word)
{
	return a64__is(word, 0xffffffe0, 0xd50b7420) || a64__is(word, 0xffffffe0, 0xd50b7460) ||
	       a64__is(word, 0xffffffe0, 0xd50b7480);
}

/* Linux programs meet blocks of 64 bytes: DCZID_EL0.BS is 4 on what Arm makes. */
#define BLOCK_BYTES 64

static void block_store(uint32_t word, struct insn *insn)
{
	struct insn_access *access = add_access(word, insn, false, true, BLOCK_BYTES);

	access->base = a64__source(a64__field(word, 4, 0));
}

/* SVE and SME: their addresses count in vectors or depend on elements, and a predicate may leave nothing of them. */
static bool is_scalable(uint32_t word)
{
	return a64__is(word, 0x9e000000, 0x84000000) || a64__is(word, 0xfe000000, 0xe0000000);
}

/* SVE's prefetches: PRFB, PRFH, PRFW, PRFD. */
static bool is_scalable_prefetch(uint32_t word)
{
	static const struct {
		uint32_t mask, value;
	} forms[] = {
		{0xffc08010, 0x85c00000}, /* scalar plus immediate */
		{0xfe60e010, 0x8400c000}, /* scalar plus scalar */
		{0xffa08010, 0x84200000}, /* scalar plus 32-bit offsets */
		{0xfe60e010, 0x8400e000}, /* vector plus immediate, of 32 bits */
		{0xffa08010, 0xc4200000}, /* scalar plus unpacked 32-bit offsets */
		{0xffe08010, 0xc4608000}, /* scalar plus 64-bit offsets */
		{0xfe60e010, 0xc400e000}, /* vector plus immediate, of 64 bits */
	};

	for (unsigned int i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
		if (a64__is(word, forms[i].mask, forms[i].value))
			return true;
	return false;
}

bool a64__is_memory(uint32_t word)
{
	return a64__is(word, 0x0a000000, 0x08000000) || is_scalable(word) || is_block_store(word);
}

/* Everything that has no group here: 128-bit atomics, RCPC3, MOPS … */
static void unknown(uint32_t word, struct insn *insn)
{
	insn->unsupported = true;
	insn->writes |= 1u << base_of(word);
	a64__write(insn, a64__field(word, 4, 0));
	a64__write(insn, a64__field(word, 14, 10));
	a64__write(insn, a64__field(word, 20, 16));
}

void a64__load_store(uint32_t word, struct insn *insn)
{
	if (is_block_store(word))
		block_store(word, insn);
	else if (is_scalable(word))
		insn->unsupported = !is_scalable_prefetch(word);
	else if (a64__is(word, 0x3b000000, 0x18000000))
		load_literal(word, insn);
	else if (a64__is(word, 0x3f000000, 0x08000000))
		exclusive(word, insn);
	else if (a64__is(word, 0xbe000000, 0x0c000000))
		structures(word, insn);
	else if (a64__is(word, 0x3a000000, 0x28000000))
		load_store_pair(word, insn);
	else if (a64__is(word, 0x3a000000, 0x38000000))
		one_register_group(word, insn);
	else if (a64__is(word, 0xff200000, 0xd9200000))
		tags(word, insn);
	else if (a64__is(word, 0x3f200c00, 0x19000000)) { /* LDAPUR, STLUR */
		struct insn_access *access = one_register(word, insn);

		if (access)
			access->disp = a64__signed(word, 20, 12);
	} else {
		unknown(word, insn);
	}
	if (insn->unsupported)
		insn->n_accesses = 0;
}
