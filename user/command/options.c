// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "command/options.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command/options_table.h"
#include "support/log.h"
#include "support/parse.h"

#ifndef MMUSCOPE_VERSION
#error "define MMUSCOPE_VERSION, as in -DMMUSCOPE_VERSION='\"0.1.0\"'"
#endif

/* getopt_long() answers with a letter for -p and with LONG_BASE + id for --pid: messages repeat what was written. */
#define LONG_BASE 256
#define WORD_MAX 32
#define OPERANDS_MAX 2
#define NEAR_ENOUGH 2

struct reader {
	struct options *options;
	const struct option_spec *spec; /* the option at hand … */
	char shown[WORD_MAX];           /* … as it was written */
	uint64_t given;                 /* OPTION_BIT()s */
	bool has_subcommand;            /* a word named it */
	char **operands;                /* of the subcommand, in argv or in `words` */
	int n_operands;
	char *words[OPERANDS_MAX + 1];
};

typedef int (*value_setter)(struct reader *reader, const char *value);

static void *field(const struct reader *reader)
{
	return (char *)reader->options + reader->spec->offset;
}

/* Logs option, value, what is wrong with it and the remedy. */
static int refuse(const struct reader *reader, const char *value, const char *wrong)
{
	char range[128];

	option_spec__range(reader->spec, range, sizeof(range));
	log_error("%s %s: %s; give %s%s%s", reader->shown, *value ? value : "''", wrong, reader->spec->expects,
		  *range ? ", " : "", range);
	return -EINVAL;
}

static int refuse_number(const struct reader *reader, const char *value, int err)
{
	if (err == -ENOMEM)
		log_error("%s %s: %s", reader->shown, value, log__errstr(err));
	else
		refuse(reader, value, err == -ERANGE ? "out of range" : "not a number");
	return err;
}

static int set_number(struct reader *reader, const char *value)
{
	int err = parse__u64(value, reader->spec->min, reader->spec->max, field(reader));

	return err ? refuse_number(reader, value, err) : 0;
}

static int set_size(struct reader *reader, const char *value)
{
	uint64_t size;
	int err = parse__size(value, (uint64_t)sysconf(_SC_PAGESIZE), reader->spec->max, &size);

	if (err)
		return refuse(reader, value, err == -ERANGE ? "out of range" : "not a size");
	if (size & (size - 1))
		return refuse(reader, value, "not a power of two");
	memcpy(field(reader), &size, sizeof(size));
	return 0;
}

static int set_seconds(struct reader *reader, const char *value)
{
	int err = parse__seconds(value, reader->spec->min, reader->spec->max, field(reader));

	return err ? refuse_number(reader, value, err) : 0;
}

static int set_list(struct reader *reader, const char *value, int ranges, uint32_t **list, size_t *n)
{
	int err = parse__list(value, (uint32_t)reader->spec->min, (uint32_t)reader->spec->max, ranges, list, n);

	if (err == -EINVAL)
		return refuse(reader, value, "not a list of numbers");
	return err ? refuse_number(reader, value, err) : 0;
}

static int set_ids(struct reader *reader, const char *value)
{
	struct target *target = &reader->options->target;

	/* -p and -t share the field and exclude each other; the conflict is reported when all has been read. */
	free(target->ids);
	target->ids = NULL;
	return set_list(reader, value, 0, &target->ids, &target->n_ids);
}

static int set_cpus(struct reader *reader, const char *value)
{
	struct target *target = &reader->options->target;

	return set_list(reader, value, 1, &target->cpus, &target->n_cpus);
}

static int set_path(struct reader *reader, const char *value)
{
	if (!*value)
		return refuse(reader, value, "empty");
	*(const char **)field(reader) = value;
	return 0;
}

static int set_output(struct reader *reader, const char *value)
{
	int err = set_path(reader, value);

	if (!err && !strcmp(value, "-"))
		reader->options->output = NULL;
	return err;
}

static int set_directory(struct reader *reader, const char *value)
{
	if (*value && *value != '/')
		return refuse(reader, value, "not an absolute path");
	return set_path(reader, value);
}

static int set_descriptor(struct reader *reader, const char *value)
{
	uint64_t fd;
	int err = parse__u64(value, reader->spec->min, reader->spec->max, &fd);

	if (err)
		return refuse_number(reader, value, err);
	if (fcntl((int)fd, F_GETFD) < 0)
		return refuse(reader, value, "not open");
	*(int *)field(reader) = (int)fd;
	return 0;
}

static int set_event(struct reader *reader, const char *value)
{
	struct options *options = reader->options;

	if (!*value)
		return refuse(reader, value, "empty");
	if (!(reader->given & OPTION_BIT(OPTION_EVENT)))
		options->n_events = 0; /* the default makes room */
	if (options->n_events == OPTIONS_MAX_EVENT_ARGS) {
		log_error("%s %s: too many events; give at most %d", reader->shown, value, OPTIONS_MAX_EVENT_ARGS);
		return -E2BIG;
	}
	options->events[options->n_events++] = value;
	return 0;
}

/* Copies the word before the next comma, cut to WORD_MAX. Returns the text after the comma, NULL after the last. */
static const char *next_word(const char *list, char word[WORD_MAX])
{
	size_t len = strcspn(list, ",");

	snprintf(word, WORD_MAX, "%.*s", (int)len, list);
	return list[len] ? list + len + 1 : NULL;
}

static int set_source(struct reader *reader, const char *value)
{
	struct options *options = reader->options;
	char word[WORD_MAX];

	options->source_walk = options->source_kernel = false;
	for (const char *list = value; list;) {
		bool *source;

		list = next_word(list, word);
		if (!strcmp(word, "walk"))
			source = &options->source_walk;
		else if (!strcmp(word, "kernel"))
			source = &options->source_kernel;
		else
			return refuse(reader, value, "no such source");
		if (*source)
			return refuse(reader, value, "the same source twice");
		*source = true;
	}
	return 0;
}

static int set_operand(struct reader *reader, const char *value)
{
	struct options *options = reader->options;
	char word[WORD_MAX];

	options->operand = 0;
	if (!strcmp(value, "none"))
		return 0;
	for (const char *list = value; list;) {
		unsigned int use;

		list = next_word(list, word);
		if (!strcmp(word, "previous"))
			use = OPERANDS_PREVIOUS;
		else if (!strcmp(word, "next"))
			use = OPERANDS_NEXT;
		else
			return refuse(reader, value, "no such operand");
		if (options->operand & use)
			return refuse(reader, value, "the same operand twice");
		options->operand |= use;
	}
	return 0;
}

/* As refuse(), with the words to choose from. */
static int refuse_choice(const struct reader *reader, const char *value, const char *wrong)
{
	char choices[256];

	option_spec__choices(reader->spec, SUBCOMMAND_COUNT, choices, sizeof(choices));
	log_error("%s %s: %s; give %s: %s", reader->shown, *value ? value : "''", wrong, reader->spec->expects,
		  choices);
	return -EINVAL;
}

static int set_sort(struct reader *reader, const char *value)
{
	struct options *options = reader->options;
	char word[WORD_MAX];

	for (const char *list = value; list;) {
		int key;

		list = next_word(list, word);
		key = sort_key__by_name(word);
		if (key < 0)
			return refuse_choice(reader, value, "no such key");
		for (size_t i = 0; i < options->n_sort; i++)
			if (options->sort[i] == (enum sort_key)key)
				return refuse_choice(reader, value, "the same key twice");
		if (options->n_sort == SORT_KEY_MAX)
			return refuse_choice(reader, value, "too many keys");
		options->sort[options->n_sort++] = (enum sort_key)key;
	}
	return 0;
}

static int set_format(struct reader *reader, const char *value)
{
	int format = view__by_name(value);

	if (format < 0)
		return refuse_choice(reader, value, "no such format");
	reader->options->format = (enum view_format)format;
	return 0;
}

static int set_flag(struct reader *reader, const char *value)
{
	(void)value;
	if (reader->spec->offset)
		*(bool *)field(reader) = true;
	return 0;
}

static const value_setter setters[ARGUMENT_TYPE_COUNT] = {
	[ARGUMENT_NONE] = set_flag,
	[ARGUMENT_NUMBER] = set_number,
	[ARGUMENT_SIZE] = set_size,
	[ARGUMENT_SECONDS] = set_seconds,
	[ARGUMENT_IDS] = set_ids,
	[ARGUMENT_CPUS] = set_cpus,
	[ARGUMENT_PATH] = set_path,
	[ARGUMENT_FILE] = set_path,
	[ARGUMENT_OUTPUT] = set_output,
	[ARGUMENT_DIRECTORY] = set_directory,
	[ARGUMENT_DESCRIPTOR] = set_descriptor,
	[ARGUMENT_EVENT] = set_event,
	[ARGUMENT_SOURCE] = set_source,
	[ARGUMENT_OPERAND] = set_operand,
	[ARGUMENT_SORT] = set_sort,
	[ARGUMENT_FORMAT] = set_format,
};

static unsigned int min3(unsigned int a, unsigned int b, unsigned int c)
{
	unsigned int least = a < b ? a : b;

	return least < c ? least : c;
}

/* Insertions, deletions, replacements and swaps of neighbours between two words; UINT32_MAX where one is too long. */
static unsigned int edit_distance(const char *a, const char *b)
{
	unsigned int cost[WORD_MAX][WORD_MAX];
	size_t a_len = strlen(a), b_len = strlen(b);

	if (a_len >= WORD_MAX || b_len >= WORD_MAX)
		return UINT32_MAX;
	for (size_t i = 0; i <= a_len; i++)
		cost[i][0] = (unsigned int)i;
	for (size_t j = 0; j <= b_len; j++)
		cost[0][j] = (unsigned int)j;
	for (size_t i = 1; i <= a_len; i++) {
		for (size_t j = 1; j <= b_len; j++) {
			cost[i][j] = min3(cost[i - 1][j] + 1, cost[i][j - 1] + 1,
					  cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    cost[i - 2][j - 2] + 1 < cost[i][j])
				cost[i][j] = cost[i - 2][j - 2] + 1;
		}
	}
	return cost[a_len][b_len];
}

/* Is `candidate` nearer to `typed` than *best, and near at all? A word is not near when nothing of it would stay. */
static bool is_nearer(const char *typed, const char *candidate, unsigned int *best)
{
	unsigned int distance = edit_distance(typed, candidate);

	if (distance > NEAR_ENOUGH || distance >= *best || distance >= strlen(typed))
		return false;
	*best = distance;
	return true;
}

static enum options_result refuse_long(const char *word)
{
	unsigned int best = UINT32_MAX, prefixes = 0;
	const char *near = NULL;
	char name[WORD_MAX];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="), word + 2);
	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		const struct option_spec *spec = option_spec__get(id);

		prefixes += !strncmp(name, spec->name, strlen(name));
		/* --frequency, --counts: too long, but who wrote it meant this one. */
		if (!spec->hidden &&
		    (is_nearer(name, spec->name, &best) || (!near && !strncmp(name, spec->name, strlen(spec->name)))))
			near = spec->name;
	}
	if (prefixes > 1)
		log_error("--%s: more than one option begins like this; write it in full, see mmuscope --help", name);
	else if (near)
		log_error("--%s: no such option; did you mean --%s?", name, near);
	else
		log_error("--%s: no such option; see mmuscope --help", name);
	return OPTIONS_WRONG;
}

static enum options_result refuse_letter(char letter)
{
	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		const struct option_spec *spec = option_spec__get(id);

		if (spec->letter && (spec->letter ^ letter) == ('a' ^ 'A')) {
			log_error("-%c: no such option; did you mean -%c, --%s?", letter, spec->letter, spec->name);
			return OPTIONS_WRONG;
		}
	}
	log_error("-%c: no such option; see mmuscope --help", letter);
	return OPTIONS_WRONG;
}

/* Is there a program that COMMAND would run? Looks where execvp() does. */
static bool is_program(const char *name)
{
	const char *path = getenv("PATH");
	char file[4096];

	if (strchr(name, '/'))
		return true;
	for (path = path ? path : "/bin:/usr/bin"; path;) {
		size_t len = strcspn(path, ":");

		snprintf(file, sizeof(file), "%.*s%s%s", (int)len, path, len ? "/" : "", name);
		if (!access(file, X_OK))
			return true;
		path = path[len] ? path + len + 1 : NULL;
	}
	return false;
}

/*
 * The first word of COMMAND. One that is no program, but looks like a subcommand, was meant as one; a program is always
 * run (mmuscope ls), and so is anything behind "--" or behind the subcommand (`certain`).
 */
static enum options_result check_command(const char *word, bool certain)
{
	unsigned int best = UINT32_MAX;
	const char *near = NULL;

	if (!*word) {
		log_error("COMMAND '': empty; give a program to run, or none for the whole machine");
		return OPTIONS_WRONG;
	}
	for (int i = 0; i < SUBCOMMAND_COUNT; i++)
		if (is_nearer(word, subcommand__name((enum subcommand)i), &best))
			near = subcommand__name((enum subcommand)i);
	if (certain || !near || is_program(word))
		return OPTIONS_RUN;
	log_error("%s: no such subcommand, and no such program in PATH; did you mean mmuscope %s?", word, near);
	return OPTIONS_WRONG;
}

/* getopt_long()'s arrays from the table. "+": what follows COMMAND is COMMAND's; ":": we write the messages. */
static void make_getopt_arrays(char letters[2 * OPTION_ID_MAX + 3], struct option longs[OPTION_ID_MAX + 1])
{
	*letters++ = '+';
	*letters++ = ':';
	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		const struct option_spec *spec = option_spec__get(id);

		longs[id] = (struct option){
			.name = spec->name,
			.has_arg = spec->argument ? required_argument : no_argument,
			.val = LONG_BASE + (int)id,
		};
		if (!spec->letter)
			continue;
		*letters++ = spec->letter;
		if (spec->argument)
			*letters++ = ':';
	}
	*letters = '\0';
	longs[OPTION_ID_MAX] = (struct option){};
}

/* Remembers what getopt_long() found; returns the option's id. */
static unsigned int take_option(struct reader *reader, int found)
{
	unsigned int id = 0;

	if (found >= LONG_BASE)
		id = (unsigned int)(found - LONG_BASE);
	else
		while (option_spec__get(id)->letter != found)
			id++;
	reader->spec = option_spec__get(id);
	if (found >= LONG_BASE)
		snprintf(reader->shown, sizeof(reader->shown), "--%s", reader->spec->name);
	else
		snprintf(reader->shown, sizeof(reader->shown), "-%c", found);
	return id;
}

static enum options_result refuse_unknown(struct reader *reader, int found, const char *word)
{
	char range[128];

	if (found == ':') {
		take_option(reader, optopt);
		option_spec__range(reader->spec, range, sizeof(range));
		log_error("%s: %s is missing; give %s%s%s", reader->shown, reader->spec->argument,
			  reader->spec->expects, *range ? ", " : "", range);
		return OPTIONS_WRONG;
	}
	if (optopt >= LONG_BASE) {
		take_option(reader, optopt);
		log_error("%s%s: takes no argument; leave it out", reader->shown, strchr(word, '='));
		return OPTIONS_WRONG;
	}
	return optopt ? refuse_letter((char)optopt) : refuse_long(word);
}

/* One option, with its argument in optarg. */
static enum options_result read_option(struct reader *reader, int found, char **argv, FILE *out)
{
	struct options *options = reader->options;
	unsigned int id = take_option(reader, found);
	int named;

	switch (id) {
	case OPTION_HELP:
		/* mmuscope --help walk, too. */
		named = argv[optind] && !reader->has_subcommand ? subcommand__by_name(argv[optind]) : -EINVAL;
		if (named >= 0)
			options__print_help((enum subcommand)named, out);
		else
			options__print_help(reader->has_subcommand ? options->subcommand : SUBCOMMAND_COUNT, out);
		return OPTIONS_DONE;
	case OPTION_VERSION:
		fprintf(out, "mmuscope %s\n", MMUSCOPE_VERSION);
		return OPTIONS_DONE;
	case OPTION_PRINT_MAN:
		options__print_man(out);
		return OPTIONS_DONE;
	case OPTION_PRINT_COMPLETION:
		options__print_completion(out);
		return OPTIONS_DONE;
	}
	if (reader->spec->once && reader->given & OPTION_BIT(id)) {
		log_error("%s %s: %s is given twice; give one, with everything in it", reader->shown, optarg,
			  option_spec__shown(id));
		return OPTIONS_WRONG;
	}
	if (setters[reader->spec->type](reader, optarg))
		return OPTIONS_WRONG;
	reader->given |= OPTION_BIT(id);
	return OPTIONS_RUN;
}

/*
 * A word that is no option. Returns OPTIONS_DONE when the rest of the line is COMMAND's, OPTIONS_RUN to read on.
 * `dashes`: a "--" stands before it, so it is never a subcommand.
 */
static enum options_result read_word(struct reader *reader, int argc, char **argv, bool dashes)
{
	struct options *options = reader->options;
	char *word = argv[optind];
	int named = subcommand__by_name(word);

	if (!dashes && !reader->has_subcommand && named >= 0) {
		reader->has_subcommand = true;
		options->subcommand = (enum subcommand)named;
		optind++;
		return OPTIONS_RUN;
	}
	if (options->subcommand == SUBCOMMAND_HIST) {
		reader->operands = argv + optind;
		reader->n_operands = argc - optind;
		if (check_command(word, dashes || reader->has_subcommand) != OPTIONS_RUN)
			return OPTIONS_WRONG;
		return OPTIONS_DONE;
	}
	/* Subcommands without a COMMAND take options after their words as well: walk 1 0x1000 -j. */
	if (reader->n_operands == OPERANDS_MAX) {
		log_error("%s: one word too many; see mmuscope %s --help", word, subcommand__name(options->subcommand));
		return OPTIONS_WRONG;
	}
	reader->operands = reader->words;
	reader->words[reader->n_operands++] = word;
	optind++;
	return OPTIONS_RUN;
}

static enum options_result read_line(struct reader *reader, int argc, char **argv, FILE *out)
{
	struct option longs[OPTION_ID_MAX + 1];
	char letters[2 * OPTION_ID_MAX + 3];
	enum options_result result = OPTIONS_RUN;
	bool dashes = false;

	make_getopt_arrays(letters, longs);
	opterr = 0;
	optind = 0; /* glibc: start afresh */
	while (result == OPTIONS_RUN) {
		int before = optind ? optind : 1;
		int found = dashes ? -1 : getopt_long(argc, argv, letters, longs, NULL);

		if (found == -1) {
			if (optind >= argc)
				return OPTIONS_RUN;
			dashes |= optind > before; /* only a "--" is skipped without an option */
			result = read_word(reader, argc, argv, dashes);
			if (result == OPTIONS_DONE)
				return OPTIONS_RUN;
		} else if (found == '?' || found == ':') {
			result = refuse_unknown(reader, found, argv[optind - 1]);
		} else {
			result = read_option(reader, found, argv, out);
		}
	}
	return result;
}

/* Options may stand before the subcommand, so whether they belong to it shows at the end. */
static enum options_result check_subcommand(const struct reader *reader)
{
	enum subcommand subcommand = reader->options->subcommand;

	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		unsigned int owners = option_spec__get(id)->subcommands;

		if (!(reader->given & OPTION_BIT(id)) || owners & 1U << subcommand)
			continue;
		log_error("%s: not an option of mmuscope %s, but of %s; see mmuscope %s --help", option_spec__shown(id),
			  subcommand__name(subcommand), subcommand__name((enum subcommand)__builtin_ctz(owners)),
			  subcommand__name(subcommand));
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

static enum options_result check_conflicts(const struct reader *reader)
{
	struct options *options = reader->options;
	const struct option_conflict *conflict;
	const char *format = options->format == VIEW_CSV ? "csv" : "text";

	for (size_t i = 0; (conflict = option_conflict__get(i)); i++) {
		if (!(reader->given & OPTION_BIT(conflict->first)) || !(reader->given & OPTION_BIT(conflict->second)))
			continue;
		log_error("%s and %s cannot be used together: %s", option_spec__shown(conflict->first),
			  option_spec__shown(conflict->second), conflict->remedy);
		return OPTIONS_WRONG;
	}
	if (reader->given & OPTION_BIT(OPTION_JSON)) {
		if (reader->given & OPTION_BIT(OPTION_FORMAT) && options->format != VIEW_JSON) {
			log_error("-j and -f %s cannot be used together: give one format", format);
			return OPTIONS_WRONG;
		}
		options->format = VIEW_JSON;
	}
	if (!subcommand__prints(options->subcommand, options->format)) {
		log_error("-f %s: mmuscope %s cannot print that; give text or json", format,
			  subcommand__name(options->subcommand));
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

static void set_target(const struct reader *reader)
{
	struct target *target = &reader->options->target;

	if (reader->given & OPTION_BIT(OPTION_COMMAND)) {
		target->kind = TARGET_COMMAND;
		target->command = reader->operands;
	} else if (reader->given & OPTION_BIT(OPTION_PID)) {
		target->kind = TARGET_PIDS;
	} else if (reader->given & OPTION_BIT(OPTION_TID)) {
		target->kind = TARGET_TIDS;
	} else if (reader->given & OPTION_BIT(OPTION_CGROUP)) {
		/* Also with -a, which perf demands beside -G. */
		target->kind = TARGET_CGROUP;
	}
}

static bool has_prefix(const char *text)
{
	return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* Hexadecimal, with or without 0x: /proc/PID/maps and most debuggers print none, and no address is written in decimal. */
static int parse_address(const char *text, uint64_t *address)
{
	char prefixed[64];
	int n;

	if (has_prefix(text))
		return parse__u64(text, 0, UINT64_MAX, address);
	n = snprintf(prefixed, sizeof(prefixed), "0x%s", text);
	return n < (int)sizeof(prefixed) ? parse__u64(prefixed, 0, UINT64_MAX, address) : -EINVAL;
}

/* ADDR or START-END. */
static int parse_addresses(const char *text, uint64_t *start, uint64_t *end)
{
	const char *dash = strchr(text, '-');
	char first[64];
	int err;

	snprintf(first, sizeof(first), "%.*s", dash ? (int)(dash - text) : (int)strlen(text), text);
	if ((dash ? (size_t)(dash - text) : strlen(text)) >= sizeof(first))
		return -EINVAL;
	err = parse_address(first, start);
	if (!err && dash)
		err = parse_address(dash + 1, end);
	else
		*end = *start;
	return err;
}

static enum options_result read_walk(const struct reader *reader)
{
	struct options *options = reader->options;
	const uint64_t pid_max = option_spec__get(OPTION_PID)->max;
	uint64_t pid;
	const char *text;
	int err;

	if (reader->n_operands < 2) {
		log_error("walk: %s missing; give both, as in mmuscope walk 1234 0x7f0123456000",
			  reader->n_operands ? "ADDR is" : "PID and ADDR are");
		return OPTIONS_WRONG;
	}
	text = reader->operands[0];
	err = parse__u64(text, 1, pid_max, &pid);
	if (err) {
		log_error("PID %s: %s; give a process ID, 1 to %" PRIu64, *text ? text : "''",
			  err == -ERANGE ? "out of range" : "not a number", pid_max);
		return OPTIONS_WRONG;
	}
	options->walk_pid = (uint32_t)pid;

	text = reader->operands[1];
	err = parse_addresses(text, &options->walk_start, &options->walk_end);
	if (err) {
		log_error("ADDR %s: %s; give 0x… or START-END, as in 0x7f0123456000-0x7f0123458000",
			  *text ? text : "''", err == -ERANGE ? "more than 64 bits" : "not an address");
		return OPTIONS_WRONG;
	}
	if (strchr(text, '-') && options->walk_end <= options->walk_start) {
		log_error("ADDR %s: the range is empty; give START-END with END, exclusive, above START", text);
		return OPTIONS_WRONG;
	}
	return OPTIONS_RUN;
}

static enum options_result read_operands(struct reader *reader)
{
	switch (reader->options->subcommand) {
	case SUBCOMMAND_HIST:
		set_target(reader);
		return OPTIONS_RUN;
	case SUBCOMMAND_WALK:
		return read_walk(reader);
	default:
		if (!reader->n_operands)
			return OPTIONS_RUN;
		log_error("%s: mmuscope %s takes options only; leave it out", reader->operands[0],
			  subcommand__name(reader->options->subcommand));
		return OPTIONS_WRONG;
	}
}

enum options_result options__parse(int argc, char **argv, struct options *options, FILE *out)
{
	struct reader reader = {.options = options};
	enum options_result result;

	*options = (struct options){
		.subcommand = SUBCOMMAND_HIST,
		.target.kind = TARGET_ALL,
		.events = {"data"},
		.n_events = 1,
		.source_walk = true,
		.source_kernel = true,
		.operand = OPERANDS_PREVIOUS | OPERANDS_NEXT,
		.format = VIEW_TEXT,
		.ready_fd = -1,
	};
	result = read_line(&reader, argc, argv, out);
	if (result != OPTIONS_RUN)
		return result;
	if (options->subcommand == SUBCOMMAND_HIST && reader.n_operands)
		reader.given |= OPTION_BIT(OPTION_COMMAND);
	result = check_subcommand(&reader);
	if (result == OPTIONS_RUN)
		result = check_conflicts(&reader);
	if (result == OPTIONS_RUN)
		result = read_operands(&reader);
	if (reader.given & OPTION_BIT(OPTION_QUIET))
		options->verbosity = -1;
	if (reader.given & OPTION_BIT(OPTION_VERBOSE))
		options->verbosity = 1;
	return result;
}

void options__free(struct options *options)
{
	target__free(&options->target);
}
