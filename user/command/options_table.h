/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of options, private to options.c (which parses by it) and options_table.c (which holds and prints it).
 */
#ifndef MMUSCOPE_COMMAND_OPTIONS_TABLE_H
#define MMUSCOPE_COMMAND_OPTIONS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "command/options.h"

/* Order of the help text. */
enum option_id {
	OPTION_PID,
	OPTION_TID,
	OPTION_ALL_CPUS,
	OPTION_CPU,
	OPTION_CGROUP,
	OPTION_EVENT,
	OPTION_FREQ,
	OPTION_COUNT,
	OPTION_ALL_USER,
	OPTION_ALL_KERNEL,
	OPTION_DURATION,
	OPTION_BUFFER,
	OPTION_INTERVAL,
	OPTION_SOURCE,
	OPTION_OPERAND,
	OPTION_OPERAND_SLOTS,
	OPTION_SORT,
	OPTION_FORMAT,
	OPTION_JSON,
	OPTION_OUTPUT,
	OPTION_FAIL_ON_LOSS,
	OPTION_BTF,
	OPTION_PIN,
	OPTION_QUIET,
	OPTION_VERBOSE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_READY_FD,
	OPTION_PRINT_MAN,
	OPTION_PRINT_COMPLETION,
	OPTION_ID_MAX,
	OPTION_COMMAND = OPTION_ID_MAX, /* no option, but has conflicts like one */
};

#define OPTION_BIT(id) (1ULL << (id))

/* What an option's argument is, and what becomes of it. */
enum option_type {
	ARGUMENT_NONE,       /* sets the bool at `offset`, if any */
	ARGUMENT_NUMBER,     /* uint64_t */
	ARGUMENT_SIZE,       /* uint64_t: a power of two in bytes; the least is a page */
	ARGUMENT_SECONDS,    /* uint64_t: nanoseconds, as min and max are */
	ARGUMENT_IDS,        /* PIDs or TIDs of the target */
	ARGUMENT_CPUS,       /* numbers and ranges */
	ARGUMENT_PATH,       /* const char *, not empty */
	ARGUMENT_FILE,       /* the same, completed as a file name */
	ARGUMENT_OUTPUT,     /* the same, "-" is standard output */
	ARGUMENT_DIRECTORY,  /* the same, absolute */
	ARGUMENT_DESCRIPTOR, /* int, open */
	ARGUMENT_EVENT,      /* appended to the events */
	ARGUMENT_SOURCE,
	ARGUMENT_OPERAND,
	ARGUMENT_SORT,
	ARGUMENT_FORMAT,
	ARGUMENT_TYPE_COUNT,
};

struct option_spec {
	const char *name;
	char letter;          /* 0: none */
	const char *argument; /* its name in the help text; NULL: none */
	enum option_type type;
	uint64_t min, max;        /* of types with numbers */
	unsigned int subcommands; /* bit 1 << enum subcommand */
	bool hidden;              /* not in help, man page or completion */
	bool once;                /* a second one is a mistake, not a correction: lists would lose half */
	size_t offset;            /* of the field in struct options; 0: parsing has code of its own */
	const char *expects;      /* remedy in messages: "give " + expects + range */
	const char *help;         /* choices and range are appended */
};

/* Two options that exclude each other; `remedy` follows "cannot be used together: ". */
struct option_conflict {
	unsigned int first, second; /* enum option_id */
	const char *remedy;
};

const struct option_spec *option_spec__get(unsigned int id);

/* "-p", or "--all-user" for an option without a letter. */
const char *option_spec__shown(unsigned int id);

/* "1 to 1000000", for people; "" where the type has no range. Returns buf. */
const char *option_spec__range(const struct option_spec *spec, char *buf, size_t size);

/* The words that an argument may be, separated by ", " ("" where it is free). Returns buf. */
const char *option_spec__choices(const struct option_spec *spec, enum subcommand subcommand, char *buf, size_t size);

/* NULL behind the last one. */
const struct option_conflict *option_conflict__get(size_t i);

const char *subcommand__name(enum subcommand subcommand);

/* Returns the subcommand of that name, or -EINVAL. */
int subcommand__by_name(const char *name);

/* Is this format among those that the subcommand prints? */
bool subcommand__prints(enum subcommand subcommand, enum view_format format);

#endif
