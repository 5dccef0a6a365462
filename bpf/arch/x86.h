/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Page-table entries of x86-64, as Linux uses them.
 *
 * Bits: Intel SDM vol. 3A, 4.5 "4-Level Paging and 5-Level Paging"; software bits: arch/x86/include/asm/pgtable_types.h.
 * Presence at each level follows pte_present(), pmd_present() and pud_present() of arch/x86/include/asm/pgtable.h, so that
 * the walk agrees with perf_get_pgtable_size() (kernel/events/core.c, commit 8af26be06272).
 */
#ifndef MMUSCOPE_ARCH_X86_H
#define MMUSCOPE_ARCH_X86_H

#define MMU_X86_PRESENT (1ULL << 0)
#define MMU_X86_RW (1ULL << 1)
#define MMU_X86_USER (1ULL << 2)
#define MMU_X86_ACCESSED (1ULL << 5)
#define MMU_X86_DIRTY (1ULL << 6)
#define MMU_X86_PSE (1ULL << 7) /* leaf at PMD and PUD; the PAT bit in a PTE */
#define MMU_X86_GLOBAL (1ULL << 8)
#define MMU_X86_PROT_NONE (1ULL << 8) /* the same bit, when PRESENT is clear */
#define MMU_X86_SPECIAL (1ULL << 9)
#define MMU_X86_UFFD_WP (1ULL << 10)
#define MMU_X86_SOFT_DIRTY (1ULL << 11)
#define MMU_X86_PAT_LARGE (1ULL << 12)
#define MMU_X86_SAVED_DIRTY (1ULL << 58) /* dirty of a read-only page, for shadow stacks */
#define MMU_X86_NX (1ULL << 63)

#define MMU_ARCH_PAGE_SHIFT 12
#define MMU_ARCH_LEVELS_MIN 4
#define MMU_ARCH_KERNEL_APART 0 /* the kernel's half is in every process's tables */

/* Bits 12 … 51: every address bit that the architecture has (SDM: MAXPHYADDR is at most 52). */
#define MMU_X86_ADDRESS_MASK 0x000ffffffffff000ULL

/* No present table entry is all-zero but for these: Knights Landing sets them by accident (commit 97e3c602ccbd). */
#define MMU_X86_ERRATUM_MASK (MMU_X86_ACCESSED | MMU_X86_DIRTY)

static __always_inline __u32 mmu_arch_index_bits(const struct mmu_layout *layout)
{
	(void)layout;
	return 9;
}

static __always_inline __u32 mmu_arch_top_bits(const struct mmu_layout *layout)
{
	return mmu_arch_index_bits(layout);
}

static __always_inline __u32 mmu_arch_address_bits(const struct mmu_layout *layout)
{
	return layout->page_shift + layout->levels * mmu_arch_index_bits(layout);
}

/* Does the address translate at all? Bits above the highest translated one must repeat it. */
static __always_inline int mmu_arch_canonical(const struct mmu_layout *layout, __u64 addr)
{
	__u32 unused = 64 - mmu_arch_address_bits(layout);

	return (__u64)(((__s64)(addr << unused)) >> unused) == addr;
}

static __always_inline int mmu_arch_is_kernel(const struct mmu_layout *layout, __u64 addr)
{
	(void)layout;
	return addr >> 63;
}

static __always_inline enum mmu_entry mmu_arch_entry(const struct mmu_layout *layout, int level, __u64 entry)
{
	(void)layout;
	if (!(entry & ~MMU_X86_ERRATUM_MASK))
		return MMU_ENTRY_HOLE;

	switch (level) {
	case MMU_LEVEL_PTE:
		return entry & (MMU_X86_PRESENT | MMU_X86_PROT_NONE) ? MMU_ENTRY_LEAF : MMU_ENTRY_SWAP;
	case MMU_LEVEL_PMD:
		/* While a THP is split, PRESENT is clear for a moment but PSE stays (pmd_present()). */
		if (entry & MMU_X86_PSE)
			return MMU_ENTRY_LEAF;
		return entry & MMU_X86_PRESENT ? MMU_ENTRY_TABLE : MMU_ENTRY_SWAP;
	case MMU_LEVEL_PUD:
		if (entry & MMU_X86_PRESENT)
			return entry & MMU_X86_PSE ? MMU_ENTRY_LEAF : MMU_ENTRY_TABLE;
		/* pud_present() knows no PROT_NONE: the kernel gives no size for a 1G page so protected. */
		return entry & MMU_X86_PSE && entry & MMU_X86_PROT_NONE ? MMU_ENTRY_HOLE : MMU_ENTRY_SWAP;
	default:
		return entry & MMU_X86_PRESENT ? MMU_ENTRY_TABLE : MMU_ENTRY_HOLE;
	}
}

/* log2 of the bytes that this leaf maps. x86 has no contiguous runs: the level alone decides. */
static __always_inline int mmu_arch_leaf_shift(const struct mmu_layout *layout, int level, __u64 entry)
{
	(void)entry;
	return layout->page_shift + (level - 1) * mmu_arch_index_bits(layout);
}

static __always_inline __u64 mmu_arch_table(const struct mmu_layout *layout, __u64 entry)
{
	return entry & layout->pfn_mask;
}

/*
 * Physical address of a leaf. Without PRESENT, Linux stores the address bits inverted against L1TF
 * (arch/x86/include/asm/pgtable-invert.h, commit 6b28baca9b1f); bit 12 of a large leaf is PAT, not address.
 */
static __always_inline __u64 mmu_arch_leaf_address(const struct mmu_layout *layout, int level, __u64 entry)
{
	__u64 size = 1ULL << mmu_arch_leaf_shift(layout, level, entry);

	if (!(entry & MMU_X86_PRESENT))
		entry = ~entry;
	return entry & layout->pfn_mask & ~(size - 1);
}

static __always_inline __u16 mmu_arch_flags(const struct mmu_layout *layout, int level, __u64 entry)
{
	__u16 flags = 0;

	(void)layout;
	(void)level;
	flags |= entry & MMU_X86_RW ? MMU_FLAG_WRITE : 0;
	flags |= entry & MMU_X86_USER ? MMU_FLAG_USER : 0;
	flags |= entry & MMU_X86_ACCESSED ? MMU_FLAG_ACCESSED : 0;
	flags |= entry & (MMU_X86_DIRTY | MMU_X86_SAVED_DIRTY) ? MMU_FLAG_DIRTY : 0;
	flags |= entry & MMU_X86_SPECIAL ? MMU_FLAG_SPECIAL : 0;
	flags |= entry & MMU_X86_SOFT_DIRTY ? MMU_FLAG_SOFT_DIRTY : 0;
	flags |= entry & MMU_X86_UFFD_WP ? MMU_FLAG_UFFD_WP : 0;
	if (entry & MMU_X86_PRESENT) {
		flags |= entry & MMU_X86_GLOBAL ? MMU_FLAG_GLOBAL : 0;
		flags |= entry & MMU_X86_NX ? 0 : MMU_FLAG_EXEC;
	} else {
		/* Linux leaves NX clear here, but nothing is fetched through such an entry. */
		flags |= entry & MMU_X86_PROT_NONE ? MMU_FLAG_PROT_NONE : 0;
	}
	return flags;
}

#endif
