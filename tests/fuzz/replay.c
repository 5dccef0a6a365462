/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Feeds a fuzz target the files of its corpus, each whole and cut off at up to MAX_CUTS places: for builds without libFuzzer.
 *
 * fuzz_NAME DIRECTORY|FILE …
 *
 * Exits with 0, or 1 when a file cannot be read or there is none; a finding ends the process.
 */
#include <dirent.h>
#include <sys/stat.h>

#include "fuzz.h"

#define MAX_CUTS 64
#define LONGEST_INPUT (1 << 20)

static unsigned long inputs, runs;

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

/* In a block of its own size, so that AddressSanitizer sees a read beyond it. */
static void run(const uint8_t *data, size_t size)
{
	uint8_t *copy = fuzz__copy(data, size);

	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	runs++;
}

static int replay_file(const char *path)
{
	FILE *file = fopen(path, "re");
	uint8_t *data = malloc(LONGEST_INPUT);
	size_t size = 0;
	int err = 1;

	if (file && data) {
		size = fread(data, 1, LONGEST_INPUT, file);
		err = ferror(file) || size == LONGEST_INPUT;
	}
	if (file)
		fclose(file);
	if (err) {
		fprintf(stderr, "%s: cannot be read, or is too long\n", path);
	} else {
		/* Named before it runs: it may be the last. */
		printf("%s: %zu bytes\n", path, size);
		fflush(stdout);
		run(data, size);
		for (size_t cut = 0; cut < MAX_CUTS && cut < size; cut++)
			run(data, size <= MAX_CUTS ? cut : cut * size / MAX_CUTS);
		inputs++;
	}
	free(data);
	return err;
}

static int replay_directory(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort);
	int err = n < 0;

	if (n < 0)
		perror(path);
	for (int i = 0; i < n; i++) {
		char file[4096];

		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		if (entries[i]->d_name[0] != '.')
			err |= replay_file(file);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return err;
}

int main(int argc, char **argv)
{
	int err = LLVMFuzzerInitialize(&argc, &argv);

	for (int i = 1; i < argc; i++) {
		struct stat stat_buffer;

		if (!stat(argv[i], &stat_buffer) && S_ISDIR(stat_buffer.st_mode))
			err |= replay_directory(argv[i]);
		else
			err |= replay_file(argv[i]);
	}
	printf("%lu inputs, %lu runs\n", inputs, runs);
	return err || !inputs;
}
