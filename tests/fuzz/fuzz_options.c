/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any command line: options__parse(). Input: the words behind the program's name, each ended by a newline.
 */
#include "command/options.h"
#include "fuzz.h"

#define MAX_WORDS 64

FUZZ_CATCH_LOG()

/* `text` is cut into words. */
static int split(char *text, size_t size, char *argv[MAX_WORDS + 2])
{
	int argc = 0;

	argv[argc++] = (char[]){"mmuscope"};
	for (char *end = text + size; text < end && argc <= MAX_WORDS; text += strlen(text) + 1) {
		text[strcspn(text, "\n")] = '\0';
		argv[argc++] = text;
	}
	argv[argc] = NULL;
	return argc;
}

static void check(const struct options *options)
{
	FUZZ_CHECK(options->subcommand < SUBCOMMAND_COUNT);
	FUZZ_CHECK(options->n_events >= 1 && options->n_events <= OPTIONS_MAX_EVENT_ARGS);
	for (size_t i = 0; i < options->n_events; i++)
		FUZZ_CHECK(options->events[i] && *options->events[i]);
	FUZZ_CHECK(options->n_sort <= SORT_KEY_MAX);
	FUZZ_CHECK(options->source_walk || options->source_kernel);
	FUZZ_CHECK(options->operand <= (OPERANDS_PREVIOUS | OPERANDS_NEXT));
	FUZZ_CHECK(!options->freq || !options->period);
	FUZZ_CHECK(!options->target.n_ids == !options->target.ids);
	FUZZ_CHECK(!options->target.n_cpus == !options->target.cpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz__string(data, size), *printed = NULL;
	size_t n_printed = 0;
	FILE *out = open_memstream(&printed, &n_printed);
	char *argv[MAX_WORDS + 2];
	struct options options;
	enum options_result result;
	int argc = split(text, size, argv);

	FUZZ_CHECK(out);
	memset(&options, 0xa5, sizeof(options));
	fuzz_messages.errors = 0;
	result = options__parse(argc, argv, &options, out);
	FUZZ_CHECK(!fclose(out));
	switch (result) {
	case OPTIONS_RUN:
		FUZZ_CHECK(!fuzz_messages.errors && !n_printed);
		check(&options);
		break;
	case OPTIONS_DONE:
		FUZZ_CHECK(!fuzz_messages.errors && n_printed);
		break;
	case OPTIONS_WRONG:
		FUZZ_CHECK(fuzz_messages.errors == 1 && !n_printed);
		break;
	default:
		FUZZ_CHECK(!"a result");
	}
	options__free(&options);
	free(printed);
	free(text);
	return 0;
}
