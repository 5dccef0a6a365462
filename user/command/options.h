/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command line. One table (options_table.c) names each option, its type, range, subcommands and help line; parsing,
 * --help, the man page's option list and the shell completion are all made from it.
 */
#ifndef MMUSCOPE_COMMAND_OPTIONS_H
#define MMUSCOPE_COMMAND_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "capture/operands.h"
#include "capture/target.h"
#include "model/sort_key.h"
#include "view/view.h"

#define OPTIONS_MAX_EVENT_ARGS 64

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_LOST = 3, /* --fail-on-loss */
};

enum subcommand {
	SUBCOMMAND_HIST,
	SUBCOMMAND_WALK,
	SUBCOMMAND_DOCTOR,
	SUBCOMMAND_COUNT,
};

struct options {
	enum subcommand subcommand;
	struct target target;                       /* who is sampled */
	const char *events[OPTIONS_MAX_EVENT_ARGS]; /* -e, as written; default "data" */
	size_t n_events;
	uint64_t freq;   /* -F, Hz; 0: not given */
	uint64_t period; /* -c; 0: not given */
	bool all_user;
	bool all_kernel;
	uint64_t duration_ns; /* 0: until the target ends, or Ctrl-C */
	uint64_t interval_ns; /* 0: one report at the end */
	bool source_walk;     /* --source; both by default */
	bool source_kernel;
	enum sort_key sort[SORT_KEY_MAX];
	size_t n_sort;
	enum view_format format;
	const char *output;     /* NULL: standard output */
	uint64_t buffer;        /* bytes per CPU; 0: default */
	unsigned int operand;   /* --operand: OPERANDS_PREVIOUS, OPERANDS_NEXT, both by default */
	uint64_t operand_slots; /* --operand-slots; 0: default */
	const char *btf;
	const char *pin;
	bool fail_on_loss;
	int ready_fd;  /* --ready-fd: a byte is written there once sampling runs; -1: none */
	int verbosity; /* -1 with -q, 1 with -v */
	/* walk PID ADDR[-ADDR] */
	uint32_t walk_pid;
	uint64_t walk_start;
	uint64_t walk_end; /* exclusive; equal to walk_start for one address */
};

enum options_result {
	OPTIONS_RUN,   /* go on */
	OPTIONS_DONE,  /* --help, --version or the like was printed to `out` */
	OPTIONS_WRONG, /* the message was logged; exit EXIT_USAGE */
};

/* Reads the command line into *options (any previous content is overwritten). options__free() in every case. */
enum options_result options__parse(int argc, char **argv, struct options *options, FILE *out);
void options__free(struct options *options);

/* The help text of a subcommand, or of the whole program with SUBCOMMAND_COUNT. */
void options__print_help(enum subcommand subcommand, FILE *out);

/* Made from the same table for packaging: roff list items for the man page, and a bash completion script. */
void options__print_man(FILE *out);
void options__print_completion(FILE *out);

#endif
