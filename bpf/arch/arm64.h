/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page-table entries of arm64, as Linux uses them: 4K, 16K and 64K granules, two to five levels, 36 to 52 bits of addresses.
 *
 * Bits: Arm Architecture Reference Manual for A-profile (DDI 0487), D8.3 "Translation table descriptor formats"; software bits and
 * presence at each level: arch/arm64/include/asm/pgtable-prot.h and pgtable.h, so that the walk agrees with
 * perf_get_pgtable_size() (kernel/events/core.c, commit 8af26be06272).
 *
 * Levels are counted from the base page up, as everywhere in mmuscope: PTE is level 3 of the manual. The kernel folds levels that a
 * geometry lacks; its top table is named PGD whatever it covers.
 */
#ifndef MMUSCOPE_ARCH_ARM64_H
#define MMUSCOPE_ARCH_ARM64_H

#define MMU_ARM64_VALID (1ULL << 0)
#define MMU_ARM64_TABLE (1ULL << 1) /* above the PTE: names a table, not a block */
#define MMU_ARM64_USER (1ULL << 6)
#define MMU_ARM64_RDONLY (1ULL << 7)
#define MMU_ARM64_AF (1ULL << 10)
#define MMU_ARM64_NG (1ULL << 11)
#define MMU_ARM64_WRITE (1ULL << 51) /* PTE_WRITE, the hardware's DBM */
#define MMU_ARM64_CONT (1ULL << 52)
#define MMU_ARM64_PXN (1ULL << 53)
#define MMU_ARM64_UXN (1ULL << 54)
#define MMU_ARM64_DIRTY (1ULL << 55)
#define MMU_ARM64_SPECIAL (1ULL << 56)

/*
 * An entry that is mapped but not valid (PROT_NONE, NUMA hints, a THP being split) carries a bit that differs between kernels:
 * PTE_PROT_NONE and, in a PMD, PMD_PRESENT_INVALID as well, then PTE_PRESENT_INVALID for both, which is nG (commit
 * "arm64/mm: Remove PTE_PROT_NONE bit", 2024). The self-check learns which, from a PROT_NONE page of its own: see
 * mmu_arch_learn(). The older kernel sets nG in such an entry too, and the newer one has UFFD_WP in bit 58.
 */
#define MMU_ARM64_PROT_NONE_BIT 58
#define MMU_ARM64_PMD_INVALID (1ULL << 59)
#define MMU_ARM64_PRESENT_INVALID_BIT 11
#define MMU_ARM64_UFFD_WP (1ULL << 58)

/* Address bits that are kept elsewhere: PA[51:48] in 15:12 (64K granule, LPA), PA[51:50] in 9:8 (4K and 16K, LPA2). */
#define MMU_ARM64_HIGH_64K 0xf000ULL
#define MMU_ARM64_HIGH_LPA2 0x300ULL

#define MMU_ARCH_LEVELS_MIN 2

/* TTBR1 maps the kernel's half: no process's top table has it. */
#define MMU_ARCH_KERNEL_APART 1

static __always_inline __u32 mmu_arch_index_bits(const struct mmu_layout *layout)
{
	return layout->page_shift - 3;
}

/* Of the top table, which may be smaller than a page: PTRS_PER_PGD. */
static __always_inline __u32 mmu_arch_top_bits(const struct mmu_layout *layout)
{
	return layout->top_bits;
}

static __always_inline __u32 mmu_arch_address_bits(const struct mmu_layout *layout)
{
	return layout->va_bits;
}

/* Bit 55 chooses between TTBR0 and TTBR1, whatever a tag above it is. */
static __always_inline int mmu_arch_is_kernel(const struct mmu_layout *layout, __u64 addr)
{
	(void)layout;
	return addr >> 55 & 1;
}

/* Does the address translate at all? The top byte of a user address is the program's (TBI0). */
static __always_inline int mmu_arch_canonical(const struct mmu_layout *layout, __u64 addr)
{
	if (mmu_arch_is_kernel(layout, addr))
		return (__u64)((__s64)addr >> (layout->va_bits & 63)) == ~0ULL;
	return !(MMU_ARCH_UNTAGGED(addr) >> (layout->va_bits & 63));
}

/* What tells an entry that is mapped but not valid; 0 until it is learned. */
static __always_inline __u64 mmu_arm64_invalid_mask(const struct mmu_layout *layout, int level)
{
	__u64 mask = layout->prot_none_bit ? 1ULL << (layout->prot_none_bit & 63) : 0;

	if (level == MMU_LEVEL_PMD && layout->prot_none_bit == MMU_ARM64_PROT_NONE_BIT)
		mask |= MMU_ARM64_PMD_INVALID;
	return mask;
}

/*
 * From the entry of a page that is PROT_NONE for certain, and was touched before. Returns the number of the bit that tells it, or 0
 * when there is none.
 */
static __always_inline __u8 mmu_arch_learn(__u64 entry)
{
	if (entry & MMU_ARM64_VALID)
		return 0;
	if (entry >> MMU_ARM64_PROT_NONE_BIT & 1)
		return MMU_ARM64_PROT_NONE_BIT;
	return entry >> MMU_ARM64_PRESENT_INVALID_BIT & 1 ? MMU_ARM64_PRESENT_INVALID_BIT : 0;
}

static __always_inline enum mmu_entry mmu_arch_entry(const struct mmu_layout *layout, int level, __u64 entry)
{
	if (!entry)
		return MMU_ENTRY_HOLE;
	if (level > MMU_LEVEL_PUD)
		return entry & MMU_ARM64_VALID ? MMU_ENTRY_TABLE : MMU_ENTRY_HOLE;
	if (!(entry & (MMU_ARM64_VALID | mmu_arm64_invalid_mask(layout, level))))
		return MMU_ENTRY_SWAP;
	if (level == MMU_LEVEL_PTE)
		return MMU_ENTRY_LEAF;
	/* pud_table() is always true with 64K: there are no blocks of 4T. */
	if (level == MMU_LEVEL_PUD && layout->page_shift == 16)
		return MMU_ENTRY_TABLE;
	if ((entry & (MMU_ARM64_VALID | MMU_ARM64_TABLE)) == (MMU_ARM64_VALID | MMU_ARM64_TABLE))
		return MMU_ENTRY_TABLE;
	return MMU_ENTRY_LEAF;
}

/*
 * log2 of the bytes that this leaf maps, the contiguous run that it is a part of included: 16, 128 or 32 PTEs, 16 or 32 PMDs
 * (CONFIG_ARM64_CONT_PTE_SHIFT, CONFIG_ARM64_CONT_PMD_SHIFT). The kernel knows no runs of PUDs.
 */
static __always_inline int mmu_arch_leaf_shift(const struct mmu_layout *layout, int level, __u64 entry)
{
	int shift = layout->page_shift + (level - 1) * mmu_arch_index_bits(layout);

	if (!(entry & MMU_ARM64_CONT) || level > MMU_LEVEL_PMD)
		return shift;
	if (layout->page_shift == 12)
		return shift + 4;
	return shift + (layout->page_shift == 14 && level == MMU_LEVEL_PTE ? 7 : 5);
}

/* `pfn_mask` says which of the high bits this machine has, and where. */
static __always_inline __u64 mmu_arch_table(const struct mmu_layout *layout, __u64 entry)
{
	__u64 bits = entry & layout->pfn_mask;
	__u64 address = bits & ~((1ULL << (layout->page_shift & 63)) - 1);

	if (layout->page_shift == 16)
		return address | (bits & MMU_ARM64_HIGH_64K) << 36;
	return address | (bits & MMU_ARM64_HIGH_LPA2) << 42;
}

/* Physical address of a leaf: of the whole contiguous run. Linux inverts nothing here. */
static __always_inline __u64 mmu_arch_leaf_address(const struct mmu_layout *layout, int level, __u64 entry)
{
	__u64 size = 1ULL << mmu_arch_leaf_shift(layout, level, entry);

	return mmu_arch_table(layout, entry) & ~(size - 1);
}

static __always_inline __u16 mmu_arch_flags(const struct mmu_layout *layout, int level, __u64 entry)
{
	__u16 flags = 0;

	flags |= entry & MMU_ARM64_WRITE ? MMU_FLAG_WRITE : 0;
	flags |= entry & MMU_ARM64_USER ? MMU_FLAG_USER : 0;
	flags |= entry & MMU_ARM64_AF ? MMU_FLAG_ACCESSED : 0;
	/* The hardware marks a page dirty by making it writable. */
	flags |= entry & MMU_ARM64_DIRTY || (entry & (MMU_ARM64_WRITE | MMU_ARM64_RDONLY)) == MMU_ARM64_WRITE
			 ? MMU_FLAG_DIRTY
			 : 0;
	flags |= entry & MMU_ARM64_SPECIAL ? MMU_FLAG_SPECIAL : 0;
	flags |= entry & MMU_ARM64_CONT && level <= MMU_LEVEL_PMD ? MMU_FLAG_CONTIGUOUS : 0;
	if (layout->prot_none_bit != MMU_ARM64_PROT_NONE_BIT)
		flags |= entry & MMU_ARM64_UFFD_WP ? MMU_FLAG_UFFD_WP : 0;
	if (entry & MMU_ARM64_VALID) {
		flags |= entry & MMU_ARM64_NG ? 0 : MMU_FLAG_GLOBAL;
		/* Executable for the program or for the kernel: never both. */
		flags |= (entry & (MMU_ARM64_UXN | MMU_ARM64_PXN)) == (MMU_ARM64_UXN | MMU_ARM64_PXN) ? 0
												      : MMU_FLAG_EXEC;
	} else {
		flags |= MMU_FLAG_PROT_NONE;
	}
	return flags;
}

#endif
