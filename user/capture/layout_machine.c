// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <cpuid.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/layout_machine.h"

#define TASK_SIZE_4_LEVELS ((1ULL << 47) - 4096)
#define TASK_SIZE_5_LEVELS ((1ULL << 56) - 4096)
#define GIB (1ULL << 30)

static bool in_tdx_guest(void)
{
	unsigned int eax, ebx, ecx, edx;

	if (__get_cpuid_max(0, NULL) < 0x21)
		return false;
	__cpuid_count(0x21, 0, eax, ebx, ecx, edx);
	return ebx == 0x65746e49 && edx == 0x5844546c && ecx == 0x20202020; /* "IntelTDX    " */
}

uint64_t layout_machine__pfn_mask(void)
{
	unsigned int eax, ebx, ecx, edx;
	unsigned int bits = 52;
	uint64_t mask;

	if (__get_cpuid(0x80000008, &eax, &ebx, &ecx, &edx) && (eax & 0xff) >= 32 && (eax & 0xff) <= 52)
		bits = eax & 0xff;
	mask = ((1ULL << bits) - 1) & ~0xfffULL;
	/* EAX bit 0 SME, bit 1 SEV; EBX bits 5:0 the position of the encryption bit. */
	if (__get_cpuid(0x8000001f, &eax, &ebx, &ecx, &edx) && eax & 3)
		mask &= ~(1ULL << (ebx & 63));
	if (in_tdx_guest())
		mask &= ~(1ULL << 47 | 1ULL << 51);
	return mask;
}

uint64_t layout_machine__phys_end(const char *zoneinfo)
{
	uint64_t spanned = 0, start = 0, end = 0;
	uint64_t page = sysconf(_SC_PAGESIZE);
	FILE *file = fopen(zoneinfo, "re");
	char line[256];

	if (!file)
		return 0;
	/* Each zone: "spanned N" pages, and further down "start_pfn: N". */
	while (fgets(line, sizeof(line), file)) {
		if (!strncmp(line, "Node ", 5))
			spanned = 0;
		else if (sscanf(line, " spanned %" SCNu64, &spanned) != 1 &&
			 sscanf(line, " start_pfn: %" SCNu64, &start) == 1 && spanned && start + spanned > end)
			end = start + spanned;
	}
	fclose(file);
	return (end * page + GIB - 1) & ~(GIB - 1);
}

void layout_machine__fill(struct mmu_layout *layout, uint64_t task_size, uint64_t physical_mask)
{
	uint64_t end = layout_machine__phys_end("/proc/zoneinfo");

	layout->page_shift = 12;
	layout->levels = task_size == TASK_SIZE_4_LEVELS ? 4 : task_size == TASK_SIZE_5_LEVELS ? 5 : 0;
	layout->pfn_mask = physical_mask ? physical_mask & ((1ULL << 52) - 1) & ~0xfffULL : layout_machine__pfn_mask();
	layout->phys_limit = end ? end : layout->pfn_mask + 4096;
}

size_t layout_machine__huge_bytes(const void *at)
{
	uint64_t start, end, kib = 0;
	FILE *file = fopen("/proc/self/smaps", "re");
	bool inside = false;
	char line[512];

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " ", &start, &end) == 2)
			inside = start <= (uintptr_t)at && (uintptr_t)at < end;
		else if (inside && sscanf(line, "AnonHugePages: %" SCNu64 " kB", &kib) == 1)
			break;
	}
	fclose(file);
	return kib * 1024;
}
