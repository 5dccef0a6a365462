// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "command/options_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HIST (1U << SUBCOMMAND_HIST)
#define WALK (1U << SUBCOMMAND_WALK)
#define DOCTOR (1U << SUBCOMMAND_DOCTOR)
#define ALL (HIST | WALK | DOCTOR)

#define PID_MAX 4194304  /* PID_MAX_LIMIT, include/linux/threads.h */
#define CPU_MAX 65535    /* what the record holds */
#define FREQ_MAX 1000000 /* Hz; above, the kernel only throttles */
#define BUFFER_MAX (1ULL << 30)
#define NSEC_PER_SEC UINT64_C(1000000000)
#define SECONDS_MAX (1000000000 * NSEC_PER_SEC) /* 31 years: any sum with a clock fits 63 bits */

#define HELP_COLUMN 27
#define HELP_WIDTH 80
#define TEXT_MAX 512

static const struct option_spec specs[OPTION_ID_MAX] = {
	[OPTION_PID] = {.name = "pid",
			.letter = 'p',
			.argument = "LIST",
			.type = ARGUMENT_IDS,
			.subcommands = HIST,
			.once = true,
			.min = 1,
			.max = PID_MAX,
			.expects = "process IDs separated by commas, as in 1,20",
			.help = "sample these processes, their threads and children"},
	[OPTION_TID] = {.name = "tid",
			.letter = 't',
			.argument = "LIST",
			.type = ARGUMENT_IDS,
			.subcommands = HIST,
			.once = true,
			.min = 1,
			.max = PID_MAX,
			.expects = "thread IDs separated by commas, as in 1,20",
			.help = "sample these threads and their children"},
	[OPTION_ALL_CPUS] = {.name = "all-cpus",
			     .letter = 'a',
			     .subcommands = HIST,
			     .help = "sample the whole machine (default)"},
	[OPTION_CPU] = {.name = "cpu",
			.letter = 'C',
			.argument = "LIST",
			.type = ARGUMENT_CPUS,
			.subcommands = HIST,
			.once = true,
			.max = CPU_MAX,
			.expects = "CPU numbers and ranges, as in 0,4-7",
			.help = "sample only on these CPUs, as in 0,4-7"},
	[OPTION_CGROUP] = {.name = "cgroup",
			   .letter = 'G',
			   .argument = "PATH",
			   .type = ARGUMENT_PATH,
			   .subcommands = HIST,
			   .once = true,
			   .offset = offsetof(struct options, target.cgroup),
			   .expects = "a cgroup directory, or its name below the cgroup2 mount",
			   .help = "sample the tasks of this cgroup: a directory, or its name below the cgroup2 mount"},
	[OPTION_EVENT] =
		{.name = "event",
		 .letter = 'e',
		 .argument = "EVENT",
		 .type = ARGUMENT_EVENT,
		 .subcommands = HIST,
		 .expects = "data, timer, faults, or an event as perf spells it",
		 .help = "sample at this event: data, timer, faults, or one as perf spells it (default: data); "
			 "may be repeated"},
	[OPTION_FREQ] = {.name = "freq",
			 .letter = 'F',
			 .argument = "HZ",
			 .type = ARGUMENT_NUMBER,
			 .subcommands = HIST,
			 .min = 1,
			 .max = FREQ_MAX,
			 .offset = offsetof(struct options, freq),
			 .expects = "a rate in Hz",
			 .help = "samples per second and CPU (default: 999 for timer)"},
	[OPTION_COUNT] = {.name = "count",
			  .letter = 'c',
			  .argument = "N",
			  .type = ARGUMENT_NUMBER,
			  .subcommands = HIST,
			  .min = 1,
			  .max = INT64_MAX,
			  .offset = offsetof(struct options, period),
			  .expects = "a number of events",
			  .help = "sample every Nth event (default: each fault, each access of mem:)"},
	[OPTION_ALL_USER] = {.name = "all-user",
			     .subcommands = HIST,
			     .offset = offsetof(struct options, all_user),
			     .help = "sample user mode only"},
	[OPTION_ALL_KERNEL] = {.name = "all-kernel",
			       .subcommands = HIST,
			       .offset = offsetof(struct options, all_kernel),
			       .help = "sample kernel mode only"},
	[OPTION_DURATION] = {.name = "duration",
			     .argument = "SECONDS",
			     .type = ARGUMENT_SECONDS,
			     .subcommands = HIST,
			     .min = 1,
			     .max = SECONDS_MAX,
			     .offset = offsetof(struct options, duration_ns),
			     .expects = "seconds",
			     .help = "stop after this time (default: when the target ends, or at Ctrl-C)"},
	[OPTION_BUFFER] = {.name = "buffer",
			   .argument = "SIZE",
			   .type = ARGUMENT_SIZE,
			   .subcommands = HIST,
			   .max = BUFFER_MAX,
			   .offset = offsetof(struct options, buffer),
			   .expects = "a power of two with an optional K, M or G",
			   .help = "bytes of ring buffer per CPU, a power of two with an optional K, M or G"},
	[OPTION_INTERVAL] = {.name = "interval",
			     .letter = 'I',
			     .argument = "SECONDS",
			     .type = ARGUMENT_SECONDS,
			     .subcommands = HIST,
			     .min = NSEC_PER_SEC / 100,
			     .max = SECONDS_MAX,
			     .offset = offsetof(struct options, interval_ns),
			     .expects = "seconds",
			     .help = "report every so often, not only at the end"},
	[OPTION_SOURCE] =
		{.name = "source",
		 .argument = "LIST",
		 .type = ARGUMENT_SOURCE,
		 .subcommands = HIST,
		 .once = true,
		 .expects = "walk, kernel, or both as walk,kernel",
		 .help = "whose page sizes to show: our own page walk's, the kernel's, or both side by side (default)"},
	[OPTION_OPERAND] = {.name = "operand",
			    .argument = "LIST",
			    .type = ARGUMENT_OPERAND,
			    .subcommands = HIST,
			    .once = true,
			    .expects = "previous, next, both as previous,next, or none",
			    .help = "for timer samples, which memory access to take: the one before the sampled "
				    "instruction, the one at or behind it, or the first that is known (default); none "
				    "leaves them without an address"},
	[OPTION_OPERAND_SLOTS] =
		{
			.name = "operand-slots",
			.argument = "N",
			.type = ARGUMENT_NUMBER,
			.subcommands = HIST,
			.min = 16,
			.max = OPERANDS_MAX_SLOTS,
			.offset = offsetof(struct options, operand_slots),
			.expects = "a number of places in code",
			.help = "places in code whose operand is kept at hand, 264 bytes each (default: 16384)"},
	[OPTION_SORT] = {.name = "sort",
			 .letter = 's',
			 .argument = "KEYS",
			 .type = ARGUMENT_SORT,
			 .subcommands = HIST,
			 .once = true,
			 .expects = "keys separated by commas, as in comm,map",
			 .help = "split the report by keys, separated by commas"},
	[OPTION_FORMAT] = {.name = "format",
			   .letter = 'f',
			   .argument = "FORMAT",
			   .type = ARGUMENT_FORMAT,
			   .subcommands = ALL,
			   .expects = "a format",
			   .help = "print in this format (default text)"},
	[OPTION_JSON] = {.name = "json", .letter = 'j', .subcommands = ALL, .help = "short for --format json"},
	[OPTION_OUTPUT] = {.name = "output",
			   .letter = 'o',
			   .argument = "FILE",
			   .type = ARGUMENT_OUTPUT,
			   .subcommands = HIST | WALK,
			   .offset = offsetof(struct options, output),
			   .expects = "a file name, or - for standard output",
			   .help = "print to this file, not to standard output"},
	[OPTION_FAIL_ON_LOSS] = {.name = "fail-on-loss",
				 .subcommands = HIST,
				 .offset = offsetof(struct options, fail_on_loss),
				 .help = "exit with status 3 if any sample was lost"},
	[OPTION_BTF] = {.name = "btf",
			.argument = "FILE",
			.type = ARGUMENT_FILE,
			.subcommands = ALL,
			.offset = offsetof(struct options, btf),
			.expects = "a file with the BTF of the running kernel",
			.help = "BTF of the running kernel, where /sys/kernel/btf is absent"},
	[OPTION_PIN] = {.name = "pin",
			.argument = "DIR",
			.type = ARGUMENT_DIRECTORY,
			.subcommands = HIST,
			.offset = offsetof(struct options, pin),
			.expects = "an absolute path on a BPF file system, as in /sys/fs/bpf/mmuscope",
			.help = "pin program, link and maps below this absolute path, for bpftool"},
	[OPTION_QUIET] = {.name = "quiet", .letter = 'q', .subcommands = ALL, .help = "no messages but errors"},
	[OPTION_VERBOSE] = {.name = "verbose",
			    .letter = 'v',
			    .subcommands = ALL,
			    .help = "say what is done, with the messages of libbpf"},
	[OPTION_HELP] = {.name = "help", .letter = 'h', .subcommands = ALL, .help = "print this text"},
	[OPTION_VERSION] = {.name = "version", .subcommands = ALL, .help = "print the version"},
	[OPTION_READY_FD] = {.name = "ready-fd",
			     .argument = "FD",
			     .type = ARGUMENT_DESCRIPTOR,
			     .subcommands = HIST,
			     .max = INT32_MAX,
			     .hidden = true,
			     .offset = offsetof(struct options, ready_fd),
			     .expects = "the number of an open file descriptor"},
	[OPTION_PRINT_MAN] = {.name = "print-man", .subcommands = ALL, .hidden = true},
	[OPTION_PRINT_COMPLETION] = {.name = "print-completion", .subcommands = ALL, .hidden = true},
};

static const struct option_conflict conflicts[] = {
	{OPTION_PID, OPTION_TID, "give processes or threads"},
	{OPTION_PID, OPTION_ALL_CPUS, "give processes, or leave -p out for the whole machine"},
	{OPTION_PID, OPTION_CGROUP, "give processes or a cgroup"},
	{OPTION_PID, OPTION_COMMAND, "sample what runs, or start a COMMAND; to sample for a time, use --duration"},
	{OPTION_TID, OPTION_ALL_CPUS, "give threads, or leave -t out for the whole machine"},
	{OPTION_TID, OPTION_CGROUP, "give threads or a cgroup"},
	{OPTION_TID, OPTION_COMMAND, "sample what runs, or start a COMMAND; to sample for a time, use --duration"},
	{OPTION_ALL_CPUS, OPTION_COMMAND, "sample the machine or a COMMAND; to sample for a time, use --duration"},
	{OPTION_CGROUP, OPTION_COMMAND, "sample a cgroup or a COMMAND; to sample for a time, use --duration"},
	{OPTION_FREQ, OPTION_COUNT, "give a rate or a count of events"},
	{OPTION_ALL_USER, OPTION_ALL_KERNEL, "give one, or none for both modes"},
	{OPTION_QUIET, OPTION_VERBOSE, "give one of them"},
};

static const struct {
	const char *name;
	const char *operands;
	const char *summary;
	unsigned int formats; /* bit 1 << enum view_format */
} subcommands[SUBCOMMAND_COUNT] = {
	[SUBCOMMAND_HIST] = {"hist", "[--] [COMMAND [ARG]...]",
			     "sample memory accesses and print a histogram of their page sizes (default)",
			     1U << VIEW_TEXT | 1U << VIEW_JSON | 1U << VIEW_CSV},
	[SUBCOMMAND_WALK] = {"walk", "PID ADDR[-ADDR]",
			     "show how an address of a process is mapped, or a range of them; the end is exclusive",
			     1U << VIEW_TEXT | 1U << VIEW_JSON},
	[SUBCOMMAND_DOCTOR] = {"doctor", "", "say what this machine can do and cannot, and what would help",
			       1U << VIEW_TEXT | 1U << VIEW_JSON},
};

static const char *const format_names[] = {
	[VIEW_TEXT] = "text",
	[VIEW_JSON] = "json",
	[VIEW_CSV] = "csv",
};

const struct option_spec *option_spec__get(unsigned int id)
{
	return &specs[id];
}

const char *option_spec__shown(unsigned int id)
{
	static _Thread_local char shown[2][32];
	static _Thread_local unsigned int turn; /* a conflict names two in one message */
	char *text = shown[turn++ % 2];

	if (id == OPTION_COMMAND)
		return "COMMAND";
	if (specs[id].letter)
		snprintf(text, sizeof(shown[0]), "-%c", specs[id].letter);
	else
		snprintf(text, sizeof(shown[0]), "--%s", specs[id].name);
	return text;
}

const char *option_spec__range(const struct option_spec *spec, char *buf, size_t size)
{
	buf[0] = '\0';
	switch (spec->type) {
	case ARGUMENT_SIZE:
		snprintf(buf, size, "one page to %" PRIu64 "G", spec->max >> 30);
		break;
	case ARGUMENT_SECONDS:
		if (spec->min == 1)
			snprintf(buf, size, "more than 0, at most %" PRIu64, spec->max / NSEC_PER_SEC);
		else
			snprintf(buf, size, "%g to %" PRIu64, (double)spec->min / NSEC_PER_SEC,
				 spec->max / NSEC_PER_SEC);
		break;
	case ARGUMENT_NUMBER:
	case ARGUMENT_IDS:
	case ARGUMENT_CPUS:
		if (spec->max == INT64_MAX)
			snprintf(buf, size, "%" PRIu64 " or more", spec->min);
		else
			snprintf(buf, size, "%" PRIu64 " to %" PRIu64, spec->min, spec->max);
		break;
	default:
		break;
	}
	return buf;
}

bool subcommand__prints(enum subcommand subcommand, enum view_format format)
{
	return subcommands[subcommand].formats & 1U << format;
}

const char *subcommand__name(enum subcommand subcommand)
{
	return subcommands[subcommand].name;
}

int subcommand__by_name(const char *name)
{
	for (int i = 0; i < SUBCOMMAND_COUNT; i++)
		if (!strcmp(name, subcommands[i].name))
			return i;
	return -EINVAL;
}

/* Cuts what does not fit: all texts are the table's own, and the golden files would show it. */
static void append_text(char *buf, size_t size, const char *text)
{
	size_t len = strlen(buf);

	while (*text && len + 1 < size)
		buf[len++] = *text++;
	buf[len] = '\0';
}

static void append(char *buf, size_t size, const char *separator, const char *text)
{
	if (*buf)
		append_text(buf, size, separator);
	append_text(buf, size, text);
}

const char *option_spec__choices(const struct option_spec *spec, enum subcommand subcommand, char *buf, size_t size)
{
	buf[0] = '\0';
	if (spec->type == ARGUMENT_SORT)
		for (int key = 0; key < SORT_KEY_COUNT; key++)
			append(buf, size, ", ", sort_key__name(key));
	if (spec->type == ARGUMENT_FORMAT)
		for (int format = VIEW_TEXT; format <= VIEW_CSV; format++)
			if (subcommand == SUBCOMMAND_COUNT || subcommand__prints(subcommand, format))
				append(buf, size, ", ", format_names[format]);
	if (spec->type == ARGUMENT_SOURCE)
		append(buf, size, ", ", "walk, kernel");
	if (spec->type == ARGUMENT_OPERAND)
		append(buf, size, ", ", "previous, next, none");
	return buf;
}

const struct option_conflict *option_conflict__get(size_t i)
{
	return i < sizeof(conflicts) / sizeof(conflicts[0]) ? &conflicts[i] : NULL;
}

/* The help line with what the table knows besides: the words to choose from, the range of numbers. */
static void help_text(const struct option_spec *spec, enum subcommand subcommand, char *buf, size_t size)
{
	char more[TEXT_MAX];

	snprintf(buf, size, "%s", spec->help);
	if (*option_spec__choices(spec, subcommand, more, sizeof(more)))
		append(buf, size, ": ", more);
	/* Every PID and every CPU number fits: only limits that a person may run into are worth a word. */
	if (spec->type != ARGUMENT_IDS && spec->type != ARGUMENT_CPUS && *option_spec__range(spec, more, sizeof(more)))
		append(buf, size, "; ", more);
}

/* Text in lines of at most HELP_WIDTH columns; those after the first start at `indent`, where the cursor is now. */
static void print_wrapped(const char *text, size_t indent, FILE *out)
{
	size_t column = indent;

	while (*text) {
		size_t len = strcspn(text, " ");

		if (column > indent && column + 1 + len > HELP_WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		}
		if (column > indent) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)len, text);
		column += len;
		text += len;
		text += *text == ' ';
	}
	fputc('\n', out);
}

static void print_option(const struct option_spec *spec, enum subcommand subcommand, FILE *out)
{
	char left[64], text[TEXT_MAX];

	if (spec->letter)
		snprintf(left, sizeof(left), "  -%c, --%s", spec->letter, spec->name);
	else
		snprintf(left, sizeof(left), "      --%s", spec->name);
	if (spec->argument)
		append(left, sizeof(left), " ", spec->argument);
	fprintf(out, "%-*s", HELP_COLUMN - 1, left);
	fputc(' ', out);
	help_text(spec, subcommand, text, sizeof(text));
	print_wrapped(text, HELP_COLUMN, out);
}

/* Is this option shown for that subcommand, SUBCOMMAND_COUNT standing for the whole program? */
static bool is_shown(const struct option_spec *spec, enum subcommand subcommand)
{
	return !spec->hidden && (subcommand == SUBCOMMAND_COUNT || spec->subcommands & 1U << subcommand);
}

/* "Print this text." from "print this text". */
static void sentence(const char *line, char *buf, size_t size)
{
	snprintf(buf, size, "%s.", line);
	if (buf[0] >= 'a' && buf[0] <= 'z')
		buf[0] -= 'a' - 'A';
}

void options__print_help(enum subcommand subcommand, FILE *out)
{
	bool whole = subcommand == SUBCOMMAND_COUNT;
	char text[TEXT_MAX];

	if (whole) {
		fprintf(out, "Usage: mmuscope [SUBCOMMAND] [OPTIONS] %s\n\n", subcommands[SUBCOMMAND_HIST].operands);
		print_wrapped("Samples memory accesses and shows the size of the pages that they went to.", 0, out);
		fprintf(out, "\nSubcommands:\n");
		for (int i = 0; i < SUBCOMMAND_COUNT; i++) {
			fprintf(out, "  %-8s ", subcommands[i].name);
			print_wrapped(subcommands[i].summary, 11, out);
		}
		fprintf(out, "\nOptions (mmuscope SUBCOMMAND --help: those of a subcommand):\n");
	} else {
		fprintf(out, "Usage: mmuscope %s [OPTIONS]%s%s\n\n", subcommands[subcommand].name,
			*subcommands[subcommand].operands ? " " : "", subcommands[subcommand].operands);
		sentence(subcommands[subcommand].summary, text, sizeof(text));
		print_wrapped(text, 0, out);
		fprintf(out, "\nOptions:\n");
	}
	for (unsigned int id = 0; id < OPTION_ID_MAX; id++)
		if (is_shown(&specs[id], subcommand))
			print_option(&specs[id], subcommand, out);
	fprintf(out, "\nExit status: 0 done, 1 failed, 2 wrong usage%s.\n",
		whole || subcommand == SUBCOMMAND_HIST ? ", 3 samples lost (--fail-on-loss)" : "");
}

/* Without the escape, roff makes a typographic hyphen of '-', and nobody can paste the option. */
static void print_roff(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\'')
			fputs("\\(aq", out);
		else
			fputc(*text, out);
	}
}

static void print_roff_subcommands(unsigned int mask, FILE *out)
{
	const char *separator = "\nOnly with ";

	if (mask == ALL)
		return;
	for (int i = 0; i < SUBCOMMAND_COUNT; i++) {
		if (!(mask & 1U << i))
			continue;
		fprintf(out, "%s\\fB%s\\fR", separator, subcommands[i].name);
		separator = " and ";
	}
	fputc('.', out);
}

void options__print_man(FILE *out)
{
	char line[TEXT_MAX], text[TEXT_MAX + 1];

	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		const struct option_spec *spec = &specs[id];

		if (!is_shown(spec, SUBCOMMAND_COUNT))
			continue;
		fprintf(out, ".TP\n");
		if (spec->letter)
			fprintf(out, "\\fB\\-%c\\fR, ", spec->letter);
		fprintf(out, "\\fB\\-\\-");
		print_roff(spec->name, out);
		fprintf(out, "\\fR");
		if (spec->argument)
			fprintf(out, " \\fI%s\\fR", spec->argument);
		fputc('\n', out);
		help_text(spec, SUBCOMMAND_COUNT, line, sizeof(line));
		sentence(line, text, sizeof(text));
		print_roff(text, out);
		print_roff_subcommands(spec->subcommands, out);
		fputc('\n', out);
	}
}

/* Arguments of compgen for what may follow an option. NULL: nothing to offer. */
static const char *compgen_arguments(const struct option_spec *spec, enum subcommand subcommand, char *buf, size_t size)
{
	char choices[TEXT_MAX], *from, *to;

	switch (spec->type) {
	case ARGUMENT_PATH:
	case ARGUMENT_DIRECTORY:
		return "-d";
	case ARGUMENT_FILE:
	case ARGUMENT_OUTPUT:
		return "-f";
	case ARGUMENT_EVENT:
		return "-W 'data timer faults'";
	case ARGUMENT_SORT:
	case ARGUMENT_FORMAT:
	case ARGUMENT_SOURCE:
	case ARGUMENT_OPERAND:
		option_spec__choices(spec, subcommand, choices, sizeof(choices));
		for (from = to = choices; *from; from++)
			if (*from != ',')
				*to++ = *from;
		*to = '\0';
		snprintf(buf, size, "-W '%s'", choices);
		return buf;
	default:
		return NULL;
	}
}

/* One branch of case "$subcommand $prev": the words that may follow an option with an argument. */
static void print_completion_argument(const struct option_spec *spec, enum subcommand subcommand, FILE *out)
{
	char words[TEXT_MAX + 8];
	const char *name = subcommands[subcommand].name;
	const char *compgen = compgen_arguments(spec, subcommand, words, sizeof(words));

	if (spec->letter)
		fprintf(out, "\t'%s -%c' | '%s --%s')\n", name, spec->letter, name, spec->name);
	else
		fprintf(out, "\t'%s --%s')\n", name, spec->name);
	if (compgen)
		fprintf(out, "\t\tmapfile -t COMPREPLY < <(compgen %s -- \"$cur\")\n", compgen);
	fprintf(out, "\t\treturn\n\t\t;;\n");
}

/* One branch of case $subcommand: all its options. */
static void print_completion_options(enum subcommand subcommand, FILE *out)
{
	const char *separator = "";

	fprintf(out, "\t%s)\n\t\toptions='", subcommands[subcommand].name);
	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		if (!is_shown(&specs[id], subcommand))
			continue;
		if (specs[id].letter)
			fprintf(out, "%s-%c --%s", separator, specs[id].letter, specs[id].name);
		else
			fprintf(out, "%s--%s", separator, specs[id].name);
		separator = " ";
	}
	fprintf(out, "'\n\t\t;;\n");
}

static void print_names(const char *separator, FILE *out)
{
	for (int i = 0; i < SUBCOMMAND_COUNT; i++)
		fprintf(out, "%s%s", i ? separator : "", subcommands[i].name);
}

void options__print_completion(FILE *out)
{
	fprintf(out, "# bash completion for mmuscope, made by mmuscope --print-completion\n"
		     "_mmuscope()\n{\n"
		     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
		     "\tlocal subcommand=hist options\n\n"
		     "\tCOMPREPLY=()\n"
		     "\tcase ${COMP_WORDS[1]} in\n\t");
	print_names(" | ", out);
	fprintf(out, ") subcommand=${COMP_WORDS[1]} ;;\n\tesac\n\tcase \"$subcommand $prev\" in\n");
	for (int i = 0; i < SUBCOMMAND_COUNT; i++)
		for (unsigned int id = 0; id < OPTION_ID_MAX; id++)
			if (specs[id].argument && is_shown(&specs[id], (enum subcommand)i))
				print_completion_argument(&specs[id], (enum subcommand)i, out);
	fprintf(out, "\tesac\n\tcase $subcommand in\n");
	for (int i = 0; i < SUBCOMMAND_COUNT; i++)
		print_completion_options((enum subcommand)i, out);
	fprintf(out, "\tesac\n"
		     "\tif [[ $cur == -* ]]; then\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
		     "\telif ((COMP_CWORD == 1)); then\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -c -W '");
	print_names(" ", out);
	fprintf(out, "' -- \"$cur\")\n"
		     "\telif [[ $subcommand == hist ]]; then\n"
		     "\t\tmapfile -t COMPREPLY < <(compgen -c -- \"$cur\")\n"
		     "\tfi\n}\n"
		     "complete -o bashdefault -o default -F _mmuscope mmuscope\n");
}
