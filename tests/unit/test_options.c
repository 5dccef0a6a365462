// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "command/options.h"
#include "command/options_table.h"
#include "stderr_capture.h"

#ifndef TEST_DATA_DIR
#error "define TEST_DATA_DIR, as in -DTEST_DATA_DIR='\"tests/data\"'"
#endif

#define WORDS_MAX 160

/* A command line that was read. Freed by the next run() and by the teardown. */
static struct {
	char line[8192];
	char *argv[WORDS_MAX];
	struct options options;
	enum options_result result;
	char *out;
	size_t out_len;
	char err[65536];
	int writes;
} ran;

static int forget(void **state)
{
	(void)state;
	options__free(&ran.options);
	ran.options = (struct options){};
	free(ran.out);
	ran.out = NULL;
	return 0;
}

/* Reads "mmuscope " + line. Words are split at blanks; '' is the empty word. */
static const struct options *run(const char *line)
{
	struct stderr_capture capture;
	int argc = 0;
	FILE *out;

	forget(NULL);
	assert_true((size_t)snprintf(ran.line, sizeof(ran.line), "mmuscope %s", line) < sizeof(ran.line));
	for (char *word = strtok(ran.line, " "); word; word = strtok(NULL, " ")) {
		assert_true(argc < WORDS_MAX - 1);
		if (!strcmp(word, "''"))
			*word = '\0';
		ran.argv[argc++] = word;
	}
	ran.argv[argc] = NULL;

	out = open_memstream(&ran.out, &ran.out_len);
	assert_non_null(out);
	stderr_capture__begin(&capture);
	ran.result = options__parse(argc, ran.argv, &ran.options, out);
	ran.writes = stderr_capture__end(&capture, ran.err, sizeof(ran.err));
	fclose(out);
	return &ran.options;
}

static const struct options *run_good(const char *line)
{
	run(line);
	if (ran.result != OPTIONS_RUN || ran.writes)
		fail_msg("mmuscope %s: result %d, said: %s", line, ran.result, ran.err);
	return &ran.options;
}

/* Refused in one message, of one line, that begins with "mmuscope: " + expected. */
static void refused(const char *line, const char *expected)
{
	size_t len = strlen(expected);

	run(line);
	if (ran.result != OPTIONS_WRONG || ran.writes != 1)
		fail_msg("mmuscope %s: result %d, %d messages: %s", line, ran.result, ran.writes, ran.err);
	if (strncmp(ran.err, "mmuscope: ", 10) || strncmp(ran.err + 10, expected, len))
		fail_msg("mmuscope %s\n  said:     %s  expected: mmuscope: %s…", line, ran.err, expected);
	assert_ptr_equal(strchr(ran.err, '\n'), ran.err + strlen(ran.err) - 1);
	assert_int_equal(ran.out_len, 0);
}

static void test_defaults(void **state)
{
	const struct options *o = run_good("");

	(void)state;
	assert_int_equal(o->subcommand, SUBCOMMAND_HIST);
	assert_int_equal(o->target.kind, TARGET_ALL);
	assert_null(o->target.ids);
	assert_null(o->target.cpus);
	assert_null(o->target.command);
	assert_int_equal(o->n_events, 1);
	assert_string_equal(o->events[0], "data");
	assert_int_equal(o->freq, 0);
	assert_int_equal(o->period, 0);
	assert_int_equal(o->duration_ns, 0);
	assert_int_equal(o->interval_ns, 0);
	assert_true(o->source_walk && o->source_kernel);
	assert_int_equal(o->n_sort, 0);
	assert_int_equal(o->format, VIEW_TEXT);
	assert_null(o->output);
	assert_int_equal(o->buffer, 0);
	assert_int_equal(o->ready_fd, -1);
	assert_int_equal(o->verbosity, 0);
	assert_false(o->fail_on_loss || o->all_user || o->all_kernel);
}

static void test_targets(void **state)
{
	const struct options *o;

	(void)state;
	o = run_good("-p 20,1,20");
	assert_int_equal(o->target.kind, TARGET_PIDS);
	assert_int_equal(o->target.n_ids, 2);
	assert_int_equal(o->target.ids[0], 1);
	assert_int_equal(o->target.ids[1], 20);
	o = run_good("--tid=4194304");
	assert_int_equal(o->target.kind, TARGET_TIDS);
	assert_int_equal(o->target.ids[0], 4194304);
	assert_int_equal(run_good("-a")->target.kind, TARGET_ALL);
	assert_int_equal(run_good("--all-cpus")->target.kind, TARGET_ALL);
	o = run_good("-C 0,4-6");
	assert_int_equal(o->target.kind, TARGET_ALL);
	assert_int_equal(o->target.n_cpus, 4);
	assert_int_equal(o->target.cpus[3], 6);
	o = run_good("-a -C 0");
	assert_int_equal(o->target.kind, TARGET_ALL);
	o = run_good("-p 7 --cpu 1");
	assert_int_equal(o->target.kind, TARGET_PIDS);
	assert_int_equal(o->target.cpus[0], 1);
	o = run_good("-G system.slice -C 1");
	assert_int_equal(o->target.kind, TARGET_CGROUP);
	assert_string_equal(o->target.cgroup, "system.slice");
	assert_int_equal(run_good("-a --cgroup /sys/fs/cgroup")->target.kind, TARGET_CGROUP);
	o = run_good("-C 0 true");
	assert_int_equal(o->target.kind, TARGET_COMMAND);
	assert_int_equal(o->target.n_cpus, 1);
}

static void assert_command(const char *line, const char *expected)
{
	const struct options *o = run_good(line);
	char words[256] = "";

	assert_int_equal(o->subcommand, SUBCOMMAND_HIST);
	assert_int_equal(o->target.kind, TARGET_COMMAND);
	for (char **word = o->target.command; *word; word++) {
		strcat(words, *word);
		strcat(words, " ");
	}
	assert_string_equal(words, expected);
}

/* COMMAND keeps its own options, and may be called like a subcommand where that is certain. */
static void test_command(void **state)
{
	(void)state;
	assert_command("ls", "ls ");
	assert_command("sleep 1", "sleep 1 ");
	assert_command("ls -F 1 --help", "ls -F 1 --help ");
	assert_command("-e timer -- sleep 1", "sleep 1 ");
	assert_command("-F99 -- sleep -- 1", "sleep -- 1 ");
	assert_command("hist ls -p 1", "ls -p 1 ");
	assert_command("hist -- -odd-name", "-odd-name ");
	assert_command("-- walk 1", "walk 1 ");
	assert_command("hist walk 1", "walk 1 ");
	assert_command("hist hist", "hist ");
	assert_command("-o -- sleep 1", "sleep 1 "); /* this "--" is the argument of -o */
	assert_string_equal(ran.options.output, "--");
	assert_int_equal(run_good("--")->target.kind, TARGET_ALL);
	assert_int_equal(run_good("-F 9 --")->target.kind, TARGET_ALL);
	refused("''", "COMMAND '': empty; give a program");
	refused("hist -- ''", "COMMAND '': empty");
}

static void test_subcommands(void **state)
{
	(void)state;
	assert_int_equal(run_good("hist")->subcommand, SUBCOMMAND_HIST);
	assert_int_equal(run_good("doctor")->subcommand, SUBCOMMAND_DOCTOR);
	assert_int_equal(run_good("-v doctor -j")->subcommand, SUBCOMMAND_DOCTOR);
	assert_int_equal(ran.options.format, VIEW_JSON);
	assert_int_equal(ran.options.verbosity, 1);
	assert_string_equal(run_good("doctor --btf /b -q")->btf, "/b");
	refused("doctor now", "now: mmuscope doctor takes options only");
	refused("doctor -o x", "-o: not an option of mmuscope doctor, but of hist");
	refused("walk -F 9 1 0x0", "-F: not an option of mmuscope walk, but of hist");
	refused("--fail-on-loss walk 1 0x0", "--fail-on-loss: not an option of mmuscope walk, but of hist");
	refused("walk --ready-fd 0 1 0x0", "--ready-fd: not an option of mmuscope walk");
}

static void test_did_you_mean(void **state)
{
	(void)state;
	refused("hsit", "hsit: no such subcommand, and no such program in PATH; did you mean mmuscope hist?");
	refused("wallk 1 0x1000",
		"wallk: no such subcommand, and no such program in PATH; did you mean mmuscope walk?");
	refused("-v doctro", "doctro: no such subcommand, and no such program in PATH; did you mean mmuscope doctor?");
	assert_command("-- hsit", "hsit ");
	assert_command("hist hsit", "hsit ");
	assert_command("./hsit", "./hsit ");
	assert_command("no-such-program-at-all", "no-such-program-at-all ");
	refused("--durtion 5", "--durtion: no such option; did you mean --duration?");
	refused("--frqe=5", "--frqe: no such option; did you mean --freq?");
	refused("--frequency 5", "--frequency: no such option; did you mean --freq?");
	refused("--bogus", "--bogus: no such option; see mmuscope --help");
	refused("--xy", "--xy: no such option; see");
	refused("--redy-fd 3", "--redy-fd: no such option; see");
	refused("--all", "--all: more than one option begins like this");
	refused("-P 1", "-P: no such option; did you mean -p, --pid?");
	refused("-x", "-x: no such option; see mmuscope --help");
	refused("-qx", "-x: no such option; see mmuscope --help");
	refused("--json=1", "--json=1: takes no argument; leave it out");
	refused("--nameless-option-much-longer-than-any-option-there-is-in-the-table", "--nameless");
	assert_int_equal(run_good("--dur 5")->duration_ns, 5000000000);
}

/* The nearness of a word that is a program does not matter: it is run. */
static void test_program_wins(void **state)
{
	char dir[] = "/tmp/mmuscope-test-XXXXXX", file[64], *path = strdup(getenv("PATH") ?: "");
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/wall", dir);
	fd = open(file, O_CREAT | O_WRONLY, 0700);
	close(fd);
	setenv("PATH", "/nonexistent", 1);
	refused("wall hello", "wall: no such subcommand, and no such program in PATH; did you mean mmuscope walk?");
	snprintf(file, sizeof(file), "/nonexistent:%s", dir);
	setenv("PATH", file, 1);
	assert_command("wall hello", "wall hello ");
	setenv("PATH", path, 1);
	free(path);
	snprintf(file, sizeof(file), "%s/wall", dir);
	unlink(file);
	rmdir(dir);
}

static void test_values(void **state)
{
	const struct options *o;

	(void)state;
	o = run_good("-e timer --event faults -e mem:0x10/8:rw,cpu-clock:u");
	assert_int_equal(o->n_events, 3);
	assert_string_equal(o->events[0], "timer");
	assert_string_equal(o->events[2], "mem:0x10/8:rw,cpu-clock:u");
	assert_int_equal(run_good("-F 1")->freq, 1);
	assert_int_equal(run_good("--freq 1000000")->freq, 1000000);
	assert_int_equal(run_good("-F 5 -F 6")->freq, 6);
	assert_int_equal(run_good("-c 1")->period, 1);
	assert_int_equal(run_good("--count=0x10")->period, 16);
	assert_true(run_good("--all-user")->all_user);
	assert_true(run_good("--all-kernel")->all_kernel);
	assert_int_equal(run_good("--duration 0.000000001")->duration_ns, 1);
	assert_int_equal(run_good("-I 0.01")->interval_ns, 10000000);
	assert_int_equal(run_good("--interval 2.5 --duration 10")->interval_ns, 2500000000);
	assert_int_equal(run_good("")->operand, OPERANDS_PREVIOUS | OPERANDS_NEXT);
	assert_int_equal(run_good("--operand next")->operand, OPERANDS_NEXT);
	assert_int_equal(run_good("--operand next,previous")->operand, OPERANDS_PREVIOUS | OPERANDS_NEXT);
	assert_int_equal(run_good("--operand none")->operand, 0);
	o = run_good("--source walk");
	assert_true(o->source_walk && !o->source_kernel);
	o = run_good("--source kernel");
	assert_true(!o->source_walk && o->source_kernel);
	o = run_good("--source kernel,walk");
	assert_true(o->source_walk && o->source_kernel);
	o = run_good("-s comm,pid");
	assert_int_equal(o->n_sort, 2);
	assert_int_equal(o->sort[0], SORT_COMM);
	assert_int_equal(o->sort[1], SORT_PID);
	assert_int_equal(run_good("--sort size,comm,pid,tid,cpu,mode,origin,level")->n_sort, 8);
	assert_int_equal(run_good("-f text")->format, VIEW_TEXT);
	assert_int_equal(run_good("-f json")->format, VIEW_JSON);
	assert_int_equal(run_good("--format csv")->format, VIEW_CSV);
	assert_int_equal(run_good("-j")->format, VIEW_JSON);
	assert_int_equal(run_good("--json -f json")->format, VIEW_JSON);
	assert_string_equal(run_good("-o out.txt")->output, "out.txt");
	assert_null(run_good("--output -")->output);
	assert_int_equal(run_good("--buffer 64K")->buffer, 65536);
	assert_int_equal(run_good("--buffer 1G")->buffer, 1 << 30);
	assert_string_equal(run_good("--btf /b")->btf, "/b");
	assert_string_equal(run_good("--pin /sys/fs/bpf/m")->pin, "/sys/fs/bpf/m");
	assert_true(run_good("--fail-on-loss")->fail_on_loss);
	assert_int_equal(run_good("--ready-fd 0")->ready_fd, 0);
	assert_int_equal(run_good("-q")->verbosity, -1);
	assert_int_equal(run_good("--quiet")->verbosity, -1);
	assert_int_equal(run_good("-vv --verbose")->verbosity, 1);
	assert_int_equal(run_good("-qjp1")->target.kind, TARGET_PIDS);
}

static void test_buffer_takes_the_page(void **state)
{
	unsigned long page = (unsigned long)sysconf(_SC_PAGESIZE);
	char line[64], expected[192];

	(void)state;
	snprintf(line, sizeof(line), "--buffer %lu", page);
	assert_int_equal(run_good(line)->buffer, page);
	snprintf(line, sizeof(line), "--buffer %lu", page / 2);
	snprintf(expected, sizeof(expected),
		 "%s: out of range; give a power of two with an optional K, M or G, one page", line);
	refused(line, expected);
}

static void test_bad_values(void **state)
{
	static const char *const cases[][2] = {
		{"-F 10abc", "-F 10abc: not a number; give a rate in Hz, 1 to 1000000\n"},
		{"--freq 10abc", "--freq 10abc: not a number; give a rate in Hz, 1 to 1000000\n"},
		{"--freq=-1", "--freq -1: not a number"},
		{"-F 0", "-F 0: out of range; give a rate in Hz, 1 to 1000000\n"},
		{"-F 1000001", "-F 1000001: out of range"},
		{"-F ''", "-F '': not a number"},
		{"-c 0", "-c 0: out of range; give a number of events, 1 or more\n"},
		{"-c -5", "-c -5: not a number"},
		{"-c 99999999999999999999", "-c 99999999999999999999: out of range"},
		{"-p 1,x",
		 "-p 1,x: not a list of numbers; give process IDs separated by commas, as in 1,20, 1 to 4194304"},
		{"-p 1-4", "-p 1-4: not a list of numbers"},
		{"-p 0", "-p 0: out of range"},
		{"-p 4194305", "-p 4194305: out of range"},
		{"-p ''", "-p '': not a list of numbers"},
		{"-t init", "-t init: not a list of numbers; give thread IDs"},
		{"-C 4-1", "-C 4-1: not a list of numbers; give CPU numbers and ranges, as in 0,4-7"},
		{"-C 65536", "-C 65536: out of range"},
		{"-G ''", "-G '': empty; give a cgroup directory"},
		{"-e ''", "-e '': empty; give data, timer"},
		{"--duration 0", "--duration 0: out of range; give seconds, more than 0"},
		{"--duration 5s", "--duration 5s: not a number; give seconds"},
		{"--duration 1000000001", "--duration 1000000001: out of range"},
		{"-I 0.009", "-I 0.009: out of range; give seconds, 0.01 to 1000000000\n"},
		{"-I 1.", "-I 1.: not a number"},
		{"--source walk,walk", "--source walk,walk: the same source twice; give walk, kernel, or both"},
		{"--source both", "--source both: no such source; give walk, kernel"},
		{"--source ''", "--source '': no such source"},
		{"--operand none,next", "--operand none,next: no such operand; give previous, next"},
		{"--operand next,next", "--operand next,next: the same operand twice"},
		{"--source walk,", "--source walk,: no such source"},
		{"-s colour", "-s colour: no such key; give keys separated by commas, as in comm,map: size, comm"},
		{"-s pid,pid", "-s pid,pid: the same key twice"},
		{"-s pid,", "-s pid,: no such key"},
		{"-s ''", "-s '': no such key"},
		{"-f xml", "-f xml: no such format; give a format: text, json, csv\n"},
		{"-f ''", "-f '': no such format"},
		{"-o ''", "-o '': empty; give a file name, or -"},
		{"--buffer 3000K", "--buffer 3000K: not a power of two"},
		{"--buffer 1", "--buffer 1: out of range; give a power of two"},
		{"--buffer 2G", "--buffer 2G: out of range"},
		{"--buffer 4KB", "--buffer 4KB: not a size"},
		{"--btf ''", "--btf '': empty"},
		{"--pin maps", "--pin maps: not an absolute path; give an absolute path on a BPF file system"},
		{"--pin ''", "--pin '': empty"},
		{"--ready-fd x", "--ready-fd x: not a number"},
		{"--ready-fd 2147483647", "--ready-fd 2147483647: not open"},
		{"--ready-fd 2147483648", "--ready-fd 2147483648: out of range"},
		{"-p 1 -p 2", "-p 2: -p is given twice; give one, with everything in it"},
		{"-p 1 --pid 2", "--pid 2: -p is given twice"},
		{"-C 1 -C 2", "-C 2: -C is given twice"},
		{"-s pid -s cpu", "-s cpu: -s is given twice"},
		{"--source walk --source kernel", "--source kernel: --source is given twice"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i][0], cases[i][1]);
}

/* From the table, so that no option can be forgotten. */
static void test_missing_arguments(void **state)
{
	char line[64], expected[64];

	(void)state;
	for (unsigned int id = 0; id < OPTION_ID_MAX; id++) {
		const struct option_spec *spec = option_spec__get(id);

		if (!spec->argument)
			continue;
		assert_non_null(spec->expects);
		snprintf(line, sizeof(line), "--%s", spec->name);
		snprintf(expected, sizeof(expected), "--%s: %s is missing; give ", spec->name, spec->argument);
		refused(line, expected);
		if (!spec->letter)
			continue;
		snprintf(line, sizeof(line), "hist -%c", spec->letter);
		snprintf(expected, sizeof(expected), "-%c: %s is missing; give ", spec->letter, spec->argument);
		refused(line, expected);
	}
}

/* Two options of one letter or name would shadow each other. */
static void test_table_is_unambiguous(void **state)
{
	(void)state;
	for (unsigned int a = 0; a < OPTION_ID_MAX; a++) {
		const struct option_spec *first = option_spec__get(a);

		assert_non_null(first->name);
		assert_true(first->hidden || first->help);
		assert_true(first->subcommands);
		for (unsigned int b = a + 1; b < OPTION_ID_MAX; b++) {
			const struct option_spec *second = option_spec__get(b);

			assert_string_not_equal(first->name, second->name);
			assert_false(first->letter && first->letter == second->letter);
		}
	}
}

static void test_conflicts(void **state)
{
	static const char *const cases[][2] = {
		{"-p 1 -t 2", "-p and -t cannot be used together: "},
		{"-t 1 --pid 2", "-p and -t cannot be used together: "},
		{"-a -p 1", "-p and -a cannot be used together: "},
		{"-a -t 1", "-t and -a cannot be used together: "},
		{"-G x -p 1", "-p and -G cannot be used together: "},
		{"-G x -t 1", "-t and -G cannot be used together: "},
		{"-p 1 sleep 1", "-p and COMMAND cannot be used together: "},
		{"-t 1 sleep 1", "-t and COMMAND cannot be used together: "},
		{"-a sleep 1", "-a and COMMAND cannot be used together: "},
		{"-G x -- sleep 1", "-G and COMMAND cannot be used together: "},
		{"-F 1 -c 1", "-F and -c cannot be used together: "},
		{"--all-kernel --all-user", "--all-user and --all-kernel cannot be used together: "},
		{"-qv", "-q and -v cannot be used together: "},
		{"doctor -v -q", "-q and -v cannot be used together: "},
		{"-j -f csv", "-j and -f csv cannot be used together: give one format"},
		{"-f text -j", "-j and -f text cannot be used together: give one format"},
		{"doctor -f csv", "-f csv: mmuscope doctor cannot print that; give text or json"},
		{"-f csv walk 1 0x0", "-f csv: mmuscope walk cannot print that; give text or json"},
	};
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		refused(cases[i][0], cases[i][1]);
	while (option_conflict__get(n))
		n++;
	assert_int_equal(n, 12); /* a new conflict wants a line above */
}

static void test_too_many_events(void **state)
{
	char line[1024] = "";

	(void)state;
	for (int i = 0; i < OPTIONS_MAX_EVENT_ARGS; i++)
		strcat(line, "-e timer ");
	assert_int_equal(run_good(line)->n_events, OPTIONS_MAX_EVENT_ARGS);
	strcat(line, "-e last");
	refused(line, "-e last: too many events; give at most 64\n");
}

static void assert_walk(const char *line, uint64_t start, uint64_t end)
{
	const struct options *o = run_good(line);

	assert_int_equal(o->subcommand, SUBCOMMAND_WALK);
	assert_int_equal(o->walk_pid, 12);
	assert_int_equal(o->walk_start, start);
	assert_int_equal(o->walk_end, end);
}

static void test_walk(void **state)
{
	(void)state;
	assert_walk("walk 12 0x7f0000001000", 0x7f0000001000, 0x7f0000001000);
	assert_walk("walk 12 7f0000001000", 0x7f0000001000, 0x7f0000001000);
	assert_walk("walk 12 FFFFffff81000000", 0xffffffff81000000, 0xffffffff81000000);
	assert_walk("walk 12 400000", 0x400000, 0x400000); /* as in a maps file: no address is decimal */
	assert_walk("walk 12 0", 0, 0);
	assert_walk("walk 12 0xffffffffffffffff", UINT64_MAX, UINT64_MAX);
	assert_walk("walk 12 0x8000000000000000", 1ULL << 63, 1ULL << 63);
	assert_walk("walk 12 0x1000-0x3000", 0x1000, 0x3000);
	assert_walk("walk 12 555555554000-555555556000", 0x555555554000, 0x555555556000);
	assert_walk("walk 12 7f01-7f02", 0x7f01, 0x7f02);
	assert_walk("walk 12 400000-40a000", 0x400000, 0x40a000);
	assert_walk("walk 12 0x1000-3000", 0x1000, 0x3000);
	assert_walk("walk 12 1000-0x3000", 0x1000, 0x3000);
	assert_walk("walk -j 12 0x10", 0x10, 0x10);
	assert_walk("walk 12 0x10 -j -o out", 0x10, 0x10);
	assert_string_equal(ran.options.output, "out");
	assert_int_equal(ran.options.format, VIEW_JSON);
	assert_walk("walk 12 -j 0x10", 0x10, 0x10);
	assert_walk("walk -- 12 0x10", 0x10, 0x10);
	assert_walk("walk 12 -- 0x10", 0x10, 0x10);

	refused("walk", "walk: PID and ADDR are missing; give both");
	refused("walk 12", "walk: ADDR is missing; give both");
	refused("walk 12 0x1 0x2", "0x2: one word too many; see mmuscope walk --help");
	refused("walk 12 -- 0x1 -j", "-j: one word too many");
	refused("walk 0 0x1", "PID 0: out of range; give a process ID, 1 to 4194304");
	refused("walk 12a 0x1", "PID 12a: not a number");
	refused("walk self 0x1", "PID self: not a number");
	refused("walk '' 0x1", "PID '': not a number");
	refused("walk 12 ''", "ADDR '': not an address; give");
	refused("walk 12 0x", "ADDR 0x: not an address");
	refused("walk 12 heap", "ADDR heap: not an address");
	refused("walk 12 0x1g", "ADDR 0x1g: not an address");
	refused("walk 12 0x10000000000000000", "ADDR 0x10000000000000000: more than 64 bits");
	refused("walk 12 18446744073709551616", "ADDR 18446744073709551616: more than 64 bits");
	refused("walk 12 0x1-", "ADDR 0x1-: not an address");
	refused("walk 12 -- -0x1", "ADDR -0x1: not an address");
	refused("walk 12 0x1-0x2-0x3", "ADDR 0x1-0x2-0x3: not an address");
	refused("walk 12 0x2-0x1", "ADDR 0x2-0x1: the range is empty");
	refused("walk 12 0x2-0x2", "ADDR 0x2-0x2: the range is empty");
	refused("walk 12 "
		"00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000a",
		"ADDR 0000");
}

static void printed(const char *line)
{
	run(line);
	if (ran.result != OPTIONS_DONE || ran.writes)
		fail_msg("mmuscope %s: result %d, said: %s", line, ran.result, ran.err);
}

/* Where two texts part, as line and column, with both lines. */
static void show_difference(const char *path, const char *expected, const char *actual)
{
	size_t at = 0, line = 1, begin = 0;

	for (; expected[at] && expected[at] == actual[at]; at++) {
		if (expected[at] == '\n') {
			line++;
			begin = at + 1;
		}
	}
	fail_msg("%s:%zu:%zu\n  golden:  %.*s\n  printed: %.*s\nIf the change is meant: UPDATE_GOLDEN=1, and read git "
		 "diff.",
		 path, line, at - begin + 1, (int)strcspn(expected + begin, "\n"), expected + begin,
		 (int)strcspn(actual + begin, "\n"), actual + begin);
}

static void compare_golden(const char *name)
{
	static char golden[65536];
	char path[4096];
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/help/%s", TEST_DATA_DIR, name);
	if (getenv("UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		if (!file || fwrite(ran.out, 1, ran.out_len, file) != ran.out_len || fclose(file))
			fail_msg("%s cannot be written", path);
		return;
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s cannot be read; to make it: UPDATE_GOLDEN=1", path);
	n = fread(golden, 1, sizeof(golden) - 1, file);
	golden[n] = '\0';
	fclose(file);
	if (n != ran.out_len || memcmp(golden, ran.out, n))
		show_difference(path, golden, ran.out);
}

static void assert_narrow(void)
{
	for (const char *line = ran.out; *line; line += strcspn(line, "\n") + 1)
		if (strcspn(line, "\n") > 80)
			fail_msg("more than 80 columns: %.*s", (int)strcspn(line, "\n"), line);
}

static void test_help(void **state)
{
	static const char *const cases[][2] = {
		{"--help", "mmuscope.txt"},  {"-h", "mmuscope.txt"},          {"-F 9 --help", "mmuscope.txt"},
		{"hist --help", "hist.txt"}, {"walk --help", "walk.txt"},     {"--help walk", "walk.txt"},
		{"walk 12 -h", "walk.txt"},  {"doctor --help", "doctor.txt"}, {"--help --bogus", "mmuscope.txt"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		printed(cases[i][0]);
		assert_narrow();
		compare_golden(cases[i][1]);
		assert_null(strstr(ran.out, "ready-fd"));
		assert_null(strstr(ran.out, "--print-"));
	}
}

static void test_version(void **state)
{
	(void)state;
	printed("--version");
	assert_string_equal(ran.out, "mmuscope " MMUSCOPE_VERSION "\n");
	printed("walk --version");
	assert_string_equal(ran.out, "mmuscope " MMUSCOPE_VERSION "\n");
}

static void test_man(void **state)
{
	(void)state;
	printed("--print-man");
	compare_golden("man.txt");
	assert_null(strstr(ran.out, "ready-fd"));
	assert_non_null(strstr(ran.out, "\\fB\\-\\-all\\-cpus\\fR"));
}

/* What bash offers for a line whose last word is being typed. */
static void complete(const char *words, int last, char *offered, size_t size)
{
	char command[8192 + 512];
	size_t n;
	FILE *bash;

	snprintf(command, sizeof(command),
		 "bash --norc -c '. /dev/stdin; COMP_WORDS=(%s); COMP_CWORD=%d; _mmuscope; echo \"${COMPREPLY[*]}\"' "
		 "2>&1 <<'END'\n%sEND\n",
		 words, last, ran.out);
	bash = popen(command, "r");
	assert_non_null(bash);
	n = fread(offered, 1, size - 1, bash);
	offered[n] = '\0';
	assert_int_equal(pclose(bash), 0);
}

static void test_completion(void **state)
{
	char offered[8192];

	(void)state;
	printed("--print-completion");
	compare_golden("completion.txt");
	if (system("bash --version >/dev/null 2>&1")) {
		print_message("no bash here: the script was compared, not run\n");
		skip();
	}
	complete("mmuscope --fr", 1, offered, sizeof(offered));
	assert_string_equal(offered, "--freq\n");
	complete("mmuscope walk --b", 2, offered, sizeof(offered));
	assert_string_equal(offered, "--btf\n");
	complete("mmuscope walk --f", 2, offered, sizeof(offered));
	assert_string_equal(offered, "--format\n");
	complete("mmuscope -s co", 2, offered, sizeof(offered));
	assert_string_equal(offered, "comm\n");
	complete("mmuscope --format \"\"", 2, offered, sizeof(offered));
	assert_string_equal(offered, "text json csv\n");
	complete("mmuscope walk -f \"\"", 3, offered, sizeof(offered));
	assert_string_equal(offered, "text json\n");
	complete("mmuscope doct", 1, offered, sizeof(offered));
	assert_non_null(strstr(offered, "doctor"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_defaults, forget),
		cmocka_unit_test_teardown(test_targets, forget),
		cmocka_unit_test_teardown(test_command, forget),
		cmocka_unit_test_teardown(test_subcommands, forget),
		cmocka_unit_test_teardown(test_did_you_mean, forget),
		cmocka_unit_test_teardown(test_program_wins, forget),
		cmocka_unit_test_teardown(test_values, forget),
		cmocka_unit_test_teardown(test_buffer_takes_the_page, forget),
		cmocka_unit_test_teardown(test_bad_values, forget),
		cmocka_unit_test_teardown(test_missing_arguments, forget),
		cmocka_unit_test_teardown(test_table_is_unambiguous, forget),
		cmocka_unit_test_teardown(test_conflicts, forget),
		cmocka_unit_test_teardown(test_too_many_events, forget),
		cmocka_unit_test_teardown(test_walk, forget),
		cmocka_unit_test_teardown(test_help, forget),
		cmocka_unit_test_teardown(test_version, forget),
		cmocka_unit_test_teardown(test_man, forget),
		cmocka_unit_test_teardown(test_completion, forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
