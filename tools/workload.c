/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Touches a known number of pages of each size, each page once (one minor fault per page), and says how many: the truth
 * to hold against mmuscope's histogram. Only what the kernel really gave is counted: see /proc/self/smaps.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/mman.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define KIB 1024UL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)

#define MAX_REPEAT 10000
#define MAX_HOT_SECONDS 86400
#define CHECK_CLOCK_EVERY 65536

struct region {
	const char *name;
	size_t page; /* bytes */
	size_t n;    /* pages wanted; then, pages mapped */
	int map_flags;
	int advice;
	const char *proof; /* line of smaps that counts the bytes really given; NULL: needs none */
	char *start;
	size_t given;   /* pages of this size that the kernel gave in this round */
	uint64_t total; /* and in all rounds */
};

enum {
	SMALL,
	THP,
	HUGETLB_2M,
	HUGETLB_1G,
	REGIONS,
};

struct settings {
	uint64_t repeat;
	uint64_t hot_seconds;
};

static void fail(const char *what)
{
	fprintf(stderr, "workload: %s: %s\n", what, strerror(errno));
	exit(1);
}

static size_t bytes_of(const struct region *region)
{
	return region->n * region->page;
}

/* Maps with the start aligned to the page size, which a THP needs. Returns NULL when there is not enough memory. */
static char *map_aligned(size_t bytes, size_t align, int flags)
{
	size_t slack = flags & MAP_HUGETLB ? 0 : align;
	char *raw, *start;

	raw = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	if (raw == MAP_FAILED)
		return NULL;
	start = raw + (align - (uintptr_t)raw % align) % align;
	if (start > raw)
		munmap(raw, start - raw);
	if (start + bytes < raw + bytes + slack)
		munmap(start + bytes, raw + slack - start);
	return start;
}

/* hugetlb pages may not be reserved, or not all of them: takes the most that can be had, perhaps none. */
static void region__map(struct region *region)
{
	bool optional = region->map_flags & MAP_HUGETLB;

	while (region->n > 0) {
		region->start = map_aligned(bytes_of(region), region->page, region->map_flags);
		if (region->start)
			break;
		if (!optional)
			fail(region->name);
		region->n--;
	}
	if (region->n > 0 && region->advice && madvise(region->start, bytes_of(region), region->advice) &&
	    errno != EINVAL)
		fail(region->name); /* EINVAL: a kernel without THP */
}

static void region__touch(const struct region *region)
{
	for (size_t i = 0; i < region->n; i++)
		*(volatile char *)(region->start + i * region->page) = 1;
}

/* Bytes that smaps gives under `key` for the mapping that holds `address`. */
static size_t smaps_bytes(const char *address, const char *key)
{
	unsigned long start, end, kib;
	bool inside = false;
	size_t bytes = 0;
	char line[512];
	FILE *smaps;

	smaps = fopen("/proc/self/smaps", "re");
	if (!smaps)
		fail("/proc/self/smaps");
	while (fgets(line, sizeof(line), smaps)) {
		char *colon = strchr(line, ':');

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)address >= start && (uintptr_t)address < end;
		else if (inside && colon && strncmp(line, key, strlen(key)) == 0 &&
			 sscanf(colon, ": %lu kB", &kib) == 1)
			bytes = kib * KIB;
	}
	fclose(smaps);
	return bytes;
}

static void region__verify(struct region *region)
{
	region->given = region->n;
	if (region->n > 0 && region->proof)
		region->given = smaps_bytes(region->start, region->proof) / region->page;
	if (region->given > region->n)
		region->given = region->n;
	region->total += region->given;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* One random access. Stays on pages that were touched: a THP that the kernel did not give has just its first 4K. */
static void access_at_random(const struct region *region, uint64_t random)
{
	bool whole = region->given == region->n;
	size_t page = random % region->n;
	size_t offset = random / region->n % (whole ? region->page : 4 * KIB);

	(*(volatile char *)(region->start + page * region->page + offset))++;
}

static void stay_hot(const struct region *regions, uint64_t seconds)
{
	uint64_t end = now_ns() + seconds * 1000000000;
	uint64_t random = 0x9e3779b97f4a7c15;

	while (now_ns() < end) {
		for (int i = 0; i < CHECK_CLOCK_EVERY; i++) {
			const struct region *region = &regions[i % REGIONS];

			/* xorshift64 */
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			if (region->n > 0)
				access_at_random(region, random);
		}
	}
}

static const char *plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static void report(const struct region *regions, uint64_t rounds)
{
	uint64_t refused = rounds * regions[THP].n - regions[THP].total; /* each gave one 4K page instead */
	uint64_t small = regions[SMALL].total + refused;
	uint64_t large = regions[THP].total + regions[HUGETLB_2M].total;
	uint64_t huge = regions[HUGETLB_1G].total;

	fprintf(stderr, "workload: touched 4K %llu page%s, 2M %llu page%s (THP %llu + hugetlb %llu), 1G %llu page%s\n",
		(unsigned long long)small, plural(small), (unsigned long long)large, plural(large),
		(unsigned long long)regions[THP].total, (unsigned long long)regions[HUGETLB_2M].total,
		(unsigned long long)huge, plural(huge));
}

static void run(const struct settings *settings)
{
	struct region regions[REGIONS] = {
		[SMALL] = {.name = "4K", .page = 4 * KIB, .n = 8192, .advice = MADV_NOHUGEPAGE},
		[THP] = {.name = "THP", .page = 2 * MIB, .n = 32, .advice = MADV_HUGEPAGE, .proof = "AnonHugePages:"},
		[HUGETLB_2M] = {.name = "hugetlb 2M",
				.page = 2 * MIB,
				.n = 32,
				.map_flags = MAP_HUGETLB | MAP_HUGE_2MB,
				.proof = "Private_Hugetlb:"},
		[HUGETLB_1G] = {.name = "hugetlb 1G",
				.page = GIB,
				.n = 1,
				.map_flags = MAP_HUGETLB | MAP_HUGE_1GB,
				.proof = "Private_Hugetlb:"},
	};

	for (uint64_t round = 1; round <= settings->repeat; round++) {
		for (int i = 0; i < REGIONS; i++) {
			region__map(&regions[i]);
			region__touch(&regions[i]);
			region__verify(&regions[i]);
		}
		if (round == settings->repeat && settings->hot_seconds)
			stay_hot(regions, settings->hot_seconds);
		for (int i = 0; i < REGIONS; i++)
			if (regions[i].n > 0)
				munmap(regions[i].start, bytes_of(&regions[i]));
	}
	report(regions, settings->repeat);
}

static uint64_t parse_number(const char *option, const char *text, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || text[0] < '0' || text[0] > '9' || value < 1 || value > max) {
		fprintf(stderr, "workload: %s takes a number from 1 to %llu, not '%s'.\n", option,
			(unsigned long long)max, text);
		exit(2);
	}
	return value;
}

static struct settings parse_arguments(int argc, char **argv)
{
	static const struct option options[] = {
		{"repeat", required_argument, NULL, 'r'},
		{"hot", required_argument, NULL, 'h'},
		{"help", no_argument, NULL, '?' + 128},
		{},
	};
	struct settings settings = {.repeat = 1};
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'r':
			settings.repeat = parse_number("--repeat", optarg, MAX_REPEAT);
			break;
		case 'h':
			settings.hot_seconds = parse_number("--hot", optarg, MAX_HOT_SECONDS);
			break;
		case '?' + 128:
			printf("usage: workload [--repeat N] [--hot SECONDS]\n"
			       "Touches pages of 4K, 2M and 1G once each, N times, and says how many; then stays "
			       "hot.\n");
			exit(0);
		default:
			exit(2); /* getopt_long() has named the option */
		}
	}
	if (optind < argc) {
		fprintf(stderr, "workload: takes no argument '%s'; see workload --help.\n", argv[optind]);
		exit(2);
	}
	return settings;
}

int main(int argc, char **argv)
{
	struct settings settings = parse_arguments(argc, argv);

	if (sysconf(_SC_PAGESIZE) != 4096) {
		fprintf(stderr, "workload: the base page here has %ld bytes; this program knows 4096 alone.\n",
			sysconf(_SC_PAGESIZE));
		return 1;
	}
	run(&settings);
	return 0;
}
