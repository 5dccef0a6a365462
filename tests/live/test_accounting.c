// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Nothing is dropped without being counted: the accounts of every run add up, and agree with what the traced program
 * did.
 */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live_storm.h"

#define ONE_PAGE "--buffer 4096"
/* A record without sections and its header: what a ring of 4096 bytes holds of them, a byte always staying free. */
#define RECORD_BYTES (16 + 8)
#define RING_HOLDS ((4096 - 1) / RECORD_BYTES)

/* More pages than a ring can take that is drained while they are touched, many times over. */
#define STORM_PAGES 200000
#define STORM "faults:100000 deaf faults:100000 hear faults:1000"

static void assert_within(int64_t value, uint64_t low, uint64_t high, const char *what)
{
	if (value < (int64_t)low || value > (int64_t)high)
		fail_msg("%s: %" PRId64 " is not within %" PRIu64 " to %" PRIu64, what, value, low, high);
}

static bool has_warning(struct run *run, const char *text)
{
	json_t *warning;
	size_t i;

	json_array_foreach (json__at(run->json, "warnings"), i, warning) {
		if (strstr(json_string_value(warning), text))
			return true;
	}
	return false;
}

static int nothing_to_remember(void **state)
{
	remains__remember();
	return 0;
}

static int nothing_left(void **state)
{
	live__teardown(state);
	remains__assert_none();
	return 0;
}

/* --- plain runs --- */

static void faults_of_a_command(void **state)
{
	struct storm_truth truth;
	struct run *run = storm__run(&truth, "-e faults -j", "faults:3000 kfaults:200");

	json__assert_exact(run->json);
	assert_string_equal(json__string(run->json, "events.0.event"), "minor-faults");
	assert_string_equal(json__string(run->json, "events.1.event"), "major-faults");
	assert_within(storm__event(run, 0, "counted"), truth.user_faults + truth.kernel_faults, truth.faults_high,
		      "minor faults");
	assert_int_equal(storm__event(run, 0, "seen"), storm__event(run, 0, "counted"));
	assert_int_equal(storm__event(run, 0, "missed"), 0);
	assert_int_equal(storm__event(run, 0, "lost"), 0);
	assert_int_equal(json__int(run->json, "data.origins.fault"), json__int(run->json, "data.samples"));
	assert_int_equal(json_array_size(json__at(run->json, "warnings")), 0);
	run__free(run);
}

static void whole_machine(void **state)
{
	struct subject *subject = subject__new();
	struct run *run = run__start("-a -e faults -e timer -j -s pid");
	json_t *row, *rows;
	int64_t of_subject = 0;
	size_t i;

	assert_int_equal(subject__call(subject, storm__touch, 2000, 0), 0);
	assert_int_equal(run__stop(run), 0);
	json__assert_exact(run->json);
	rows = json__at(run->json, "rows");
	json_array_foreach (rows, i, row) {
		if (json__int(row, "key.pid") == subject->pid)
			of_subject = json__int(row, "data.samples");
	}
	assert_true(of_subject + json__int(run->json, "accounting.lost") >= 2000);
	for (i = 0; i < 2; i++) {
		assert_true(storm__event(run, i, "counted") >= storm__event(run, i, "seen"));
		assert_int_equal(storm__event(run, i, "missed"),
				 storm__event(run, i, "counted") - storm__event(run, i, "seen"));
	}
	assert_int_equal(storm__event(run, 2, "counted"), -1); /* a clock's is no number of samples */
	run__free(run);
	subject__free(subject);
}

static void duration_ends_a_run(void **state)
{
	struct run *run = run__complete(0, "-a -e timer --duration 0.3 -j");

	json__assert_exact(run->json);
	assert_true(json__int(run->json, "duration_ns") >= 300000000);
	assert_true(json__int(run->json, "accounting.seen") > 0);
	run__free(run);
}

/* --- losses --- */

static void assert_lost_and_exact(struct run *run, const struct storm_truth *truth)
{
	json__assert_exact(run->json);
	assert_within(storm__event(run, 0, "counted"), truth->user_faults, truth->faults_high, "minor faults");
	assert_int_equal(storm__event(run, 0, "seen"), storm__event(run, 0, "counted"));
	assert_true(storm__event(run, 0, "lost") > 0);
	assert_true(storm__event(run, 0, "lost_by_cause.ring_full") > 0);
	assert_true(has_warning(run, "lost"));
}

static void small_ring_under_a_storm(void **state)
{
	struct storm_truth truth;
	struct run *run = storm__run(&truth, "-e minor-faults -j " ONE_PAGE, STORM);

	assert_lost_and_exact(run, &truth);
	run__free(run);

	/* The same with an exit status of its own, and the warning where a person reads it. */
	run = storm__run_any(&truth, "-e minor-faults --fail-on-loss -j " ONE_PAGE, STORM);
	assert_int_equal(run__finish(run), 3);
	assert_lost_and_exact(run, &truth);
	run__free(run);

	run = storm__run_any(&truth, "-e minor-faults --fail-on-loss " ONE_PAGE, STORM);
	assert_int_equal(run__finish(run), 3);
	assert_non_null(strstr(run->out, "samples were lost: a larger --buffer"));
	run__free(run);
}

static void fail_on_loss_without_loss(void **state)
{
	struct storm_truth truth;
	struct run *run = storm__run(&truth, "-e minor-faults --fail-on-loss -j", "faults:100");

	assert_int_equal(json__int(run->json, "accounting.lost"), 0);
	assert_false(has_warning(run, "lost"));
	run__free(run);
}

/* Nobody drains: the first records fill the ring to the brim, all others are lost, and each is counted as ring_full. */
static void stopped_consumer(void **state)
{
	struct subject *subject = subject__new();
	const uint64_t pages = 20 * RING_HOLDS;
	struct run *run;
	int64_t seen;

	assert_int_equal(subject__call(subject, storm__pin_to, 0, 0), 0);
	assert_int_equal(subject__call(subject, storm__touch, pages, 0), 0);
	run = run__start("-e minor-faults:u " ONE_PAGE " -j -p %d", subject->pid);
	run__signal(run, SIGSTOP);
	process__await_stop(run->pid);
	assert_int_equal(subject__call(subject, storm__touch, pages, 0), 0);
	run__signal(run, SIGCONT);
	assert_int_equal(run__stop(run), 0);
	json__assert_exact(run->json);
	seen = storm__event(run, 0, "seen");
	assert_within(seen, pages, pages + 16, "samples seen");
	assert_int_equal(storm__event(run, 0, "counted"), seen);
	assert_int_equal(storm__event(run, 0, "emitted"), RING_HOLDS);
	assert_int_equal(storm__event(run, 0, "lost_by_cause.ring_full"), seen - RING_HOLDS);
	assert_int_equal(storm__event(run, 0, "lost_by_cause.ring_busy"), 0);
	assert_true(has_warning(run, "lost"));
	run__free(run);
	subject__free(subject);
}

/* --- several events --- */

static int64_t row_samples(struct run *run, const char *key, const char *value)
{
	json_t *row;
	size_t i;

	json_array_foreach (json__at(run->json, "rows"), i, row) {
		if (!strcmp(json__string(json__at(row, "key"), key), value))
			return json__int(row, "data.samples");
	}
	return 0;
}

/* Three events of very different counts: a sample under a neighbour's name breaks all three. */
static void three_events_over_a_fork_storm(void **state)
{
	const bool watched_by_faults = !strcmp(storm__watch_origin(), "fault");
	struct storm_truth truth;
	char options[160];
	int64_t faults;
	struct run *run;
	uint32_t i;

	snprintf(options, sizeof(options), "-e minor-faults -e context-switches -e %s -j -s origin --buffer 16M",
		 storm__watch());
	run = storm__run(&truth, options, "forks:600,40,3,2");

	json__assert_exact(run->json);
	assert_int_equal(truth.children, 600);
	assert_within(storm__event(run, 0, "counted"), truth.user_faults, truth.faults_high, "minor faults");
	assert_within(storm__event(run, 1, "counted"), truth.switches_low, truth.switches_high + 600, "switches");
	assert_int_equal(storm__event(run, 2, "counted"), truth.reads);
	for (i = 0; i < 3; i++) {
		assert_true(storm__event(run, i, "counted") >= storm__event(run, i, "seen"));
		assert_int_equal(storm__event(run, i, "missed"),
				 storm__event(run, i, "counted") - storm__event(run, i, "seen"));
		assert_int_equal(storm__event(run, i, "lost"), 0);
	}
	/* What a sample carries says by itself which event it was of. */
	faults = storm__event(run, 0, "emitted") + (watched_by_faults ? storm__event(run, 2, "emitted") : 0);
	assert_int_equal(json__int(run->json, "data.origins.fault"), faults);
	assert_int_equal(row_samples(run, "origin", "fault"), faults);
	assert_int_equal(row_samples(run, "origin", "none"), storm__event(run, 1, "emitted"));
	if (!watched_by_faults) {
		assert_int_equal(json__int(run->json, "data.origins.breakpoint"), storm__event(run, 2, "emitted"));
		assert_int_equal(row_samples(run, "origin", "breakpoint"), storm__event(run, 2, "emitted"));
	}
	/* Recursion may cost a few samples, and says so; what is seen stands under the right name all the same. */
	assert_within(storm__event(run, 2, "seen"), truth.reads - truth.reads / 100, truth.reads, "reads seen");
	assert_within(storm__event(run, 0, "seen"), truth.user_faults, truth.faults_high, "minor faults seen");
	run__free(run);
}

/* --- intervals --- */

/* The last one is of the watched word. */
#define SUMMED 8
static const char *const summed[SUMMED - 1] = {
	"accounting.seen",
	"accounting.emitted",
	"accounting.filtered",
	"accounting.lost",
	"accounting.lost_by_cause.ring_full",
	"data.samples",
	"code.samples",
};

/* A line of its own for every object, nothing between them. */
static json_t *parse_line(const char *line)
{
	json_t *json = json_loads(line, JSON_REJECT_DUPLICATES, NULL);

	if (!json)
		fail_msg("no JSON object: %s", line);
	assert_string_equal(json__string(json, "schema"), "mmuscope.hist/1");
	return json;
}

static void add_interval(const char *line, int64_t sums[SUMMED], int64_t *counted)
{
	json_t *json = parse_line(line);
	char origin[64];

	for (size_t i = 0; i < SUMMED - 1; i++)
		sums[i] += json__int(json, summed[i]);
	snprintf(origin, sizeof(origin), "data.origins.%s", storm__watch_origin());
	sums[SUMMED - 1] += json__int(json, origin);
	*counted += json__int(json, "events.0.accounting.counted");
	json_decref(json);
}

/* Reads of the watched word, some in each of three intervals: the intervals hold them all, and none twice. */
static void intervals_sum_up(void **state)
{
	struct subject *subject = subject__new();
	int64_t sums[SUMMED] = {0}, counted = 0;
	unsigned int objects = 0;
	char *line, *rest;
	struct run *run;

	assert_int_equal(subject__call(subject, storm__map_watched, 0, 0), 0);
	run = run__start("-e %s -I 0.05 -j -p %d", storm__watch(), subject->pid);
	for (; objects < 3; objects++) {
		assert_int_equal(subject__call(subject, subject_read, WATCHED_ADDR, 40 + objects), 0);
		line = run__line(run);
		assert_non_null(line);
		add_interval(line, sums, &counted);
		free(line);
	}
	assert_int_equal(subject__call(subject, subject_read, WATCHED_ADDR, 7), 0);
	assert_int_equal(run__stop(run), 0);
	rest = run->out;
	while ((line = strsep(&rest, "\n")) && *line)
		add_interval(line, sums, &counted);
	assert_int_equal(sums[0], 40 + 41 + 42 + 7);
	assert_int_equal(counted, sums[0]);
	assert_int_equal(sums[1] + sums[2] + sums[3], sums[0]);
	assert_int_equal(sums[3], sums[4]);
	assert_int_equal(sums[5], sums[1]);
	assert_int_equal(sums[6], sums[1]);
	assert_int_equal(sums[7], sums[1]);
	run__free(run);
	subject__free(subject);
}

/* --- rates --- */

static void every_nth_event(void **state)
{
	struct storm_truth truth;
	char options[64];
	struct run *run = storm__run(&truth, "-e minor-faults -c 100 -j", "faults:20000");

	json__assert_exact(run->json);
	assert_int_equal(json__int(run->json, "events.0.period"), 100);
	assert_int_equal(storm__event(run, 0, "counted"), -1);
	assert_within(json__int(run->json, "data.samples"), truth.user_faults / 100, truth.faults_high / 100,
		      "samples of every 100th fault");
	run__free(run);

	snprintf(options, sizeof(options), "-e %s -c 7 -j", storm__watch());
	run = storm__run(&truth, options, "reads:700");
	assert_int_equal(json__int(run->json, "data.samples"), 100);
	run__free(run);
}

static void timer_rate(void **state)
{
	struct storm_truth truth;
	struct run *slow = storm__run(&truth, "-e timer -F 100 -j", "spin:500"), *fast;
	int64_t rate = json__int(slow->json, "accounting.seen") * 1000 / (int64_t)truth.cpu_ms;

	json__assert_exact(slow->json);
	assert_int_equal(json__int(slow->json, "events.0.freq"), 100);
	assert_int_equal(json__int(slow->json, "events.0.period"), -1);
	/* A busy machine takes interrupts away from a guest, and gives none twice. */
	assert_within(rate, 20, 140, "Hz of -F 100");
	run__free(slow);

	fast = storm__run(&truth, "-e timer -F 2000 -j", "spin:500");
	assert_within(json__int(fast->json, "accounting.seen") * 1000 / (int64_t)truth.cpu_ms, 400, 2800,
		      "Hz of -F 2000");
	run__free(fast);
}

/* --- modes --- */

static void modes(void **state)
{
	static const char *const options[] = {"", "--all-user", "--all-kernel"};
	struct storm_truth truth;
	struct run *run;
	char line[128];

	for (size_t i = 0; i < 3; i++) {
		snprintf(line, sizeof(line), "-e minor-faults -j -s mode%s%s", *options[i] ? " " : "", options[i]);
		run = storm__run(&truth, line, "faults:1000 kfaults:500");
		json__assert_exact(run->json);
		if (i == 2)
			assert_int_equal(row_samples(run, "mode", "user"), 0);
		else
			assert_within(row_samples(run, "mode", "user"), 1000, truth.faults_high - 500, "user faults");
		if (i == 1)
			assert_int_equal(row_samples(run, "mode", "kernel"), 0);
		else
			assert_within(row_samples(run, "mode", "kernel"), 500, truth.faults_high - 1000,
				      "kernel faults");
		assert_int_equal(row_samples(run, "mode", "user") + row_samples(run, "mode", "kernel"),
				 storm__event(run, 0, "counted"));
		run__free(run);
	}
}

/* --- rows --- */

/* Adds up the counts of a section that is in each row and in the totals. */
static void assert_rows_sum(struct run *run, const char *section)
{
	static const char *const counts[] = {"samples", "compared", "agree", "differ"};
	static const char *const sizes[] = {"4K", "2M", "1G"};
	static const char *const reasons[] = {"no-address", "not-mapped", "swapped", "not-reported", "no-mm"};
	static const char *const sources[] = {"walk", "kernel"};
	json_t *rows = json__at(run->json, "rows"), *row;
	size_t i, k, s;

	for (k = 0; k < 4; k++) {
		int64_t sum = 0;

		json_array_foreach (rows, i, row)
			sum += json__int(json__at(row, section), counts[k]);
		assert_int_equal(sum, json__int(json__at(run->json, section), counts[k]));
	}
	for (s = 0; s < 2; s++) {
		for (k = 0; k < 3; k++) {
			int64_t sum = 0;

			json_array_foreach (rows, i, row)
				sum += json__size(row, section, sizes[k], sources[s]);
			assert_int_equal(sum, json__size(run->json, section, sizes[k], sources[s]));
		}
		for (k = 0; k < 5; k++) {
			int64_t sum = 0;

			json_array_foreach (rows, i, row)
				sum += json__none(row, section, reasons[k], sources[s]);
			assert_int_equal(sum, json__none(run->json, section, reasons[k], sources[s]));
		}
	}
}

static void rows_sum_to_totals(void **state)
{
	static const char *const keys[] = {
		"comm",   "pid",   "tid",
		"cpu",    "mode",  "size",
		"origin", "level", "comm,pid,tid,cpu,mode,size,origin,level",
	};
	struct storm_truth truth;
	struct run *run;
	char line[128];
	json_t *row;
	size_t k, i;

	for (k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		snprintf(line, sizeof(line), "-e minor-faults -e context-switches -j -s %s", keys[k]);
		run = storm__run(&truth, line, "forks:20,30,2,2 kfaults:50");
		json__assert_exact(run->json);
		assert_rows_sum(run, "data");
		assert_rows_sum(run, "code");
		assert_true(json_array_size(json__at(run->json, "rows")) > 0);
		json_array_foreach (json__at(run->json, "rows"), i, row) {
			size_t wanted = strchr(keys[k], ',') ? 8 : 1;

			assert_int_equal(json_object_size(json__at(row, "key")), wanted);
			assert_true(json__int(row, "data.samples") > 0);
		}
		if (!strcmp(keys[k], "pid") || !strcmp(keys[k], "tid"))
			assert_int_equal(json_array_size(json__at(run->json, "rows")), truth.children + 1);
		if (!strcmp(keys[k], "comm"))
			assert_int_equal(json_array_size(json__at(run->json, "rows")), 1);
		run__free(run);
	}
}

/* --- one source alone --- */

static void assert_one_source(const char *source, const char *other)
{
	struct storm_truth truth;
	struct run *run;
	json_t *size;
	int64_t sum = 0;
	char line[128];
	size_t i;

	snprintf(line, sizeof(line), "-e minor-faults -j --source %s", source);
	run = storm__run(&truth, line, "faults:500");
	json_array_foreach (json__at(run->json, "data.sizes"), i, size) {
		sum += json__int(size, source);
		assert_null(json_object_get(size, other));
	}
	assert_null(json_object_get(json__at(run->json, "data.none"), other));
	assert_true(json__size(run->json, "data", "4K", source) >= 500);
	assert_int_equal(json_object_size(json__at(json__at(run->json, "data.none"), source)), 0);
	assert_int_equal(sum, json__int(run->json, "data.samples"));
	assert_int_equal(sum, json__int(run->json, "accounting.emitted"));
	assert_int_equal(json__int(run->json, "data.compared"), 0);
	run__free(run);
}

static void one_source_alone(void **state)
{
	assert_one_source("walk", "kernel");
	assert_one_source("kernel", "walk");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(faults_of_a_command, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(whole_machine, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(duration_ends_a_run, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(small_ring_under_a_storm, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(fail_on_loss_without_loss, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(stopped_consumer, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(three_events_over_a_fork_storm, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(intervals_sum_up, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(every_nth_event, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(timer_rate, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(modes, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(rows_sum_to_totals, nothing_to_remember, nothing_left),
		cmocka_unit_test_setup_teardown(one_source_alone, nothing_to_remember, nothing_left),
	};
	int status = live__prepare();

	storm__reset_signals();
	return status ? status : cmocka_run_group_tests_name("accounting", tests, NULL, NULL);
}
