/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Views against golden files in TEST_DATA_DIR/view; UPDATE_GOLDEN=1 in the environment writes them anew.
 */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "view/view.h"

#define NONE(reason) ((uint8_t)(128 + MMU_NONE_##reason))

struct run {
	struct report report;
	struct report_event events[2];
};

/* A run of one event, `timer`, on `histogram`, with accounts that fit. */
static void run_init(struct run *run, struct histogram *histogram)
{
	uint64_t samples = histogram__data(histogram)->samples;

	memset(run, 0, sizeof(*run));
	run->events[0] = (struct report_event){.name = "timer", .freq = 999};
	accounting__init(&run->events[0].accounting);
	run->events[0].accounting.seen = samples;
	run->events[0].accounting.emitted = samples;
	run->events[0].accounting.received = samples;
	run->report = (struct report){
		.version = "0.1.0",
		.kernel = "6.18.44",
		.arch = "x86_64",
		.base_page = 4096,
		.duration_ns = 5000000000,
		.events = run->events,
		.n_events = 1,
		.accounting = run->events[0].accounting,
		.histogram = histogram,
		.show_walk = true,
		.show_kernel = true,
	};
}

static struct histogram *new_histogram(const enum sort_key *keys, size_t n_keys)
{
	struct histogram *histogram = histogram__new(keys, n_keys);

	assert_non_null(histogram);
	return histogram;
}

static void add(struct histogram *histogram, struct sample sample, int n)
{
	if (!sample.code.walk)
		sample.code = (struct page_answer){12, 12, MMU_LEVEL_PTE};
	while (n--)
		assert_int_equal(histogram__add(histogram, &sample), 0);
}

static char *print(enum view_format format, const struct report *report, bool first)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	assert_int_equal(view__print(format, report, first, out), 0);
	assert_int_equal(fclose(out), 0);
	assert_int_equal(strlen(text), size);
	return text;
}

static void golden(const char *name, char *text)
{
	char path[512], *expected;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "%s/view/%s", TEST_DATA_DIR, name);
	if (getenv("UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		assert_int_equal(fclose(file), 0);
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: no such golden file", path);
	expected = calloc(1, 1 << 20);
	assert_non_null(expected);
	n = fread(expected, 1, (1 << 20) - 1, file);
	assert_true(n < (1 << 20) - 1);
	fclose(file);
	if (strcmp(text, expected))
		fail_msg("%s: differs; got:\n%s", name, text);
	free(expected);
	free(text);
}

static uint64_t sum_of(const json_t *object)
{
	uint64_t total = 0;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		assert_true(json_is_integer(value));
		total += (uint64_t)json_integer_value(value);
	}
	return total;
}

static int64_t integer(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (!json_is_integer(value))
		fail_msg("%s: not an integer", key);
	return json_integer_value(value);
}

static void check_section(const json_t *section, bool walk, bool kernel)
{
	static const char *const sources[] = {"walk", "kernel"};
	bool shown[] = {walk, kernel};
	json_t *size;
	size_t i;

	for (int source = 0; source < 2; source++) {
		json_t *none = json_object_get(json_object_get(section, "none"), sources[source]);
		uint64_t total;

		assert_int_equal(none != NULL, shown[source]);
		if (!none)
			continue;
		total = sum_of(none);
		json_array_foreach (json_object_get(section, "sizes"), i, size)
			total += (uint64_t)integer(size, sources[source]);
		assert_int_equal(total, integer(section, "samples"));
	}
	assert_int_equal(integer(section, "compared"), integer(section, "agree") + integer(section, "differ"));
}

static void check_keys(const json_t *object, const char *const *keys)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)object, key, value) {
		assert_non_null(*keys);
		assert_string_equal(key, *keys++);
	}
	assert_null(*keys);
}

/* The invariants that the design promises of every report. Returns the object. */
static json_t *check_json(const struct report *report, const char *text)
{
	static const char *const with_rows[] = {"schema",      "version",  "kernel",     "arch", "base_page",
						"duration_ns", "events",   "accounting", "data", "code",
						"rows",        "warnings", NULL};
	static const char *const without_rows[] = {"schema", "version",    "kernel", "arch", "base_page", "duration_ns",
						   "events", "accounting", "data",   "code", "warnings",  NULL};
	static const char *const data_keys[] = {"samples",     "sizes",   "none",
						"compared",    "agree",   "differ",
						"differences", "origins", "longest_failure_run",
						NULL};
	static const char *const code_keys[] = {
		"samples", "sizes", "none", "compared", "agree", "differ", "differences", "longest_failure_run", NULL};
	json_error_t error;
	json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error), *row;
	int64_t in_rows = 0;
	size_t i;

	if (!json)
		fail_msg("%s at %d of %s", error.text, error.position, text);
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	check_keys(json, histogram__n_keys(report->histogram) ? with_rows : without_rows);
	check_keys(json_object_get(json, "data"), data_keys);
	check_keys(json_object_get(json, "code"), code_keys);
	check_section(json_object_get(json, "data"), report->show_walk, report->show_kernel);
	check_section(json_object_get(json, "code"), report->show_walk, report->show_kernel);
	json_array_foreach (json_object_get(json, "rows"), i, row) {
		assert_int_equal(json_object_size(json_object_get(row, "key")), histogram__n_keys(report->histogram));
		check_section(json_object_get(row, "data"), report->show_walk, report->show_kernel);
		check_section(json_object_get(row, "code"), report->show_walk, report->show_kernel);
		in_rows += integer(json_object_get(row, "data"), "samples");
	}
	if (histogram__n_keys(report->histogram))
		assert_int_equal(in_rows, integer(json_object_get(json, "data"), "samples"));
	return json;
}

static bool set_locale(const char *locale)
{
	return setlocale(LC_CTYPE, locale) != NULL;
}

/* Lines that say one thing and are not cut: grep wants them whole. */
static bool may_be_wide(const char *line)
{
	size_t word = strcspn(line, " ");

	return !strncmp(line, "warning:", 8) || !strncmp(line, "mmuscope", 8) || !strncmp(line, "  DIFFER", 8) ||
	       line[word - !!word] == ':';
}

/* All views of one report: NAME.txt (UTF-8), NAME.c.txt (C locale), NAME.json, NAME.csv. */
static void golden_all(const char *name, const struct report *report)
{
	char file[128], *text;

	snprintf(file, sizeof(file), "%s.txt", name);
	assert_true(set_locale("C.UTF-8"));
	golden(file, print(VIEW_TEXT, report, true));
	snprintf(file, sizeof(file), "%s.c.txt", name);
	assert_true(set_locale("C"));
	text = print(VIEW_TEXT, report, true);
	for (const char *c = text; *c; c++)
		assert_true(*c == '\n' || (*c >= ' ' && *c <= '~'));
	for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
		if (end - line > 80 && !may_be_wide(line))
			fail_msg("%s: wider than 80 columns: %.*s", name, (int)(end - line), line);
		assert_true(end == line || end[-1] != ' ');
	}
	golden(file, text);
	snprintf(file, sizeof(file), "%s.json", name);
	text = print(VIEW_JSON, report, true);
	json_decref(check_json(report, text));
	golden(file, text);
	snprintf(file, sizeof(file), "%s.csv", name);
	golden(file, print(VIEW_CSV, report, true));
}

static void fill(struct histogram *histogram)
{
	struct sample redis = {
		.mode = MMU_MODE_USER, .pid = 4242, .comm = "redis-server", .origin = MMU_ORIGIN_OPERAND_PREVIOUS};
	struct sample java = {.mode = MMU_MODE_KERNEL,
			      .pid = 77,
			      .comm = "java",
			      .origin = MMU_ORIGIN_PMU,
			      .code = {21, 21, MMU_LEVEL_PMD}};

	redis.data = (struct page_answer){12, NONE(UNSUPPORTED), MMU_LEVEL_PTE};
	add(histogram, redis, 2611);
	redis.data.walk = NONE(NOT_MAPPED);
	add(histogram, redis, 3);
	redis.data = (struct page_answer){NONE(NO_ADDRESS), NONE(NO_ADDRESS), 0};
	redis.origin = MMU_ORIGIN_NONE;
	add(histogram, redis, 402);
	java.data = (struct page_answer){21, 21, MMU_LEVEL_PMD};
	add(histogram, java, 1804);
	java.data = (struct page_answer){30, 30, MMU_LEVEL_PUD};
	add(histogram, java, 179);
	java.data = (struct page_answer){NONE(SWAPPED), NONE(NOT_REPORTED), MMU_LEVEL_PTE};
	java.cpu = 1;
	add(histogram, java, 1);
}

static void a_usual_report(void **state)
{
	struct histogram *histogram = new_histogram(NULL, 0);
	struct run run;

	(void)state;
	fill(histogram);
	run_init(&run, histogram);
	golden_all("usual", &run.report);
	histogram__free(histogram);
}

static void rows_by_key(void **state)
{
	static const enum sort_key keys[] = {SORT_COMM, SORT_PID, SORT_MODE};
	struct histogram *histogram = new_histogram(keys, 3);
	struct run run;

	(void)state;
	fill(histogram);
	run_init(&run, histogram);
	golden_all("rows", &run.report);
	run.report.show_walk = false;
	golden_all("rows-kernel", &run.report);
	run.report.show_walk = true;
	run.report.show_kernel = false;
	golden_all("rows-walk", &run.report);
	histogram__free(histogram);
}

static void an_empty_report(void **state)
{
	static const enum sort_key keys[] = {SORT_SIZE};
	struct histogram *histogram = new_histogram(keys, 1), *none = new_histogram(NULL, 0);
	struct run run;

	(void)state;
	run_init(&run, histogram);
	golden_all("empty", &run.report);
	run_init(&run, none);
	run.report.n_events = 0;
	golden_all("empty-no-event", &run.report);
	histogram__free(histogram);
	histogram__free(none);
}

static void no_data_address(void **state)
{
	struct histogram *histogram = new_histogram(NULL, 0);
	struct run run;

	(void)state;
	add(histogram, (struct sample){.data = {NONE(NO_ADDRESS), NONE(NO_ADDRESS), 0}}, 5000);
	run_init(&run, histogram);
	golden_all("no-address", &run.report);
	histogram__free(histogram);
}

static void losses_and_unknowns(void **state)
{
	static const char *const warnings[] = {"the ring of CPU 3 was full for 1.2 s: try --buffer 1M",
					       "event \x1b[31mnamed\x07 by a \xff stranger"};
	struct histogram *histogram = new_histogram(NULL, 0);
	struct run run;

	(void)state;
	add(histogram, (struct sample){.data = {12, 12, 1}, .origin = MMU_ORIGIN_FAULT}, 4985);
	run_init(&run, histogram);
	run.events[0].accounting = (struct accounting){5000, 4990, 0, 10, 0, 4985, COUNT_UNKNOWN, 4995, 2};
	run.events[1] = (struct report_event){.name = "minor-faults", .period = 1};
	run.events[1].accounting = (struct accounting){12, 0, 9, 1, 1, 0, 14, COUNT_UNKNOWN, COUNT_UNKNOWN};
	run.report.n_events = 2;
	run.report.accounting = run.events[0].accounting;
	accounting__add(&run.report.accounting, &run.events[1].accounting);
	run.report.warnings = warnings;
	run.report.n_warnings = 2;
	golden_all("losses", &run.report);
	histogram__free(histogram);
}

/* Walk and kernel contradict each other, and walks fail in a run that chance does not explain. */
static void differences_are_loud(void **state)
{
	struct histogram *histogram = new_histogram(NULL, 0);
	struct run run;

	(void)state;
	add(histogram, (struct sample){.data = {12, 12, 1}, .origin = MMU_ORIGIN_BREAKPOINT}, 99999);
	add(histogram, (struct sample){.data = {21, 12, 2}, .origin = MMU_ORIGIN_BREAKPOINT}, 1);
	add(histogram, (struct sample){.data = {NONE(READ_FAULT), 12, 1}, .origin = MMU_ORIGIN_BREAKPOINT}, 20);
	run_init(&run, histogram);
	golden_all("differ", &run.report);
	histogram__free(histogram);
}

static void hostile_names(void **state)
{
	static const char names[][MMU_COMM_LEN] = {
		"\x1b]0;owned\x07",
		"a,\"b\"",
		"=1+1",
		"\xff\xfe bad",
		"\xc3\xbctf\xe2\x82\xac",
		"line\nfeed\r",
		"\xc2\x9b"
		"31mC1",
		"\xe2\x80\xae"
		"txt.exe",
		"\xe6\xbc\xa2\xe5\xad\x97",
		"back\\slash",
		"cut\xe6\xbc",
		"",
		"@SUM(A1)",
		"\x7f",
		"\xed\xa0\x80",
	};
	static const enum sort_key keys[] = {SORT_COMM, SORT_PID};
	struct histogram *histogram = new_histogram(keys, 2);
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct sample sample = {.data = {12, 12, 1}, .pid = (uint32_t)(100 + i)};

		memcpy(sample.comm, names[i], sizeof(sample.comm));
		add(histogram, sample, 1);
	}
	run_init(&run, histogram);
	golden_all("hostile", &run.report);
	histogram__free(histogram);
}

/* Paths are shown by their last part where that is enough, names of any length and bytes where they come from a process. */
static void names_of_mappings(void **state)
{
	static const struct {
		const char *data, *code;
		int n;
	} samples[] = {
		{"[heap]", "/usr/bin/redis-server", 500},
		{"[anon:glibc: malloc]", "/usr/lib/x86_64-linux-gnu/libc.so.6", 200},
		{"/opt/a/libjemalloc.so.2", "/opt/b/libjemalloc.so.2", 100},
		{"/data/dump.rdb (deleted)", "[kernel]", 50},
		{"memfd:a/b\x1b[2J", "/tmp/\xe2\x80\xaegpj.exe", 20},
		{"/tmp/a,\"b\"\\012c", "/usr/bin/redis-server", 10},
		{"/var/lib/\xe6\xbc\xa2\xe5\xad\x97/"
		 "a-name-of-a-file-that-is-far-longer-than-what-a-table-of-eighty-columns-has-room-for.data",
		 "[gone]", 5},
		{"[no address]", "/", 3},
	};
	static const enum sort_key keys[] = {SORT_MAP, SORT_CGROUP};
	struct histogram *histogram = new_histogram(keys, 2);
	struct names *names = names__new();
	struct run run;

	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct sample sample = {
			.data = {i % 2 ? 21 : 12, i % 2 ? 21 : 12, 1},
			.origin = MMU_ORIGIN_FAULT,
			.data_map = names__get(names, samples[i].data, strlen(samples[i].data)),
			.code_map = names__get(names, samples[i].code, strlen(samples[i].code)),
			.cgroup_path = names__get(names, "/system.slice/redis.service", 27),
		};

		add(histogram, sample, samples[i].n);
		name__put(sample.data_map);
		name__put(sample.code_map);
		name__put(sample.cgroup_path);
	}
	run_init(&run, histogram);
	golden_all("maps", &run.report);
	histogram__free(histogram);
	assert_int_equal(names__count(names), 0);
	names__free(names);
}

static void csv_prints_its_header_once(void **state)
{
	struct histogram *histogram = new_histogram(NULL, 0);
	struct run run;
	char *text;

	(void)state;
	add(histogram, (struct sample){.data = {12, 12, 1}}, 1);
	run_init(&run, histogram);
	text = print(VIEW_CSV, &run.report, false);
	assert_string_equal(text, "5000000000,data,4K,1,1\n5000000000,code,4K,1,1\n");
	free(text);
	histogram__free(histogram);
}

static void wide_numbers_stay_in_line(void **state)
{
	struct histogram *histogram = new_histogram(NULL, 0);
	struct run run;
	struct size_counts *data;

	(void)state;
	/* What a run of years would count; nothing else can bring the counts there in a test. */
	data = (struct size_counts *)histogram__data(histogram);
	data->samples = data->walk[12] = UINT64_C(1234567890123456789);
	data->kernel_none[MMU_NONE_NOT_REPORTED] = data->samples;
	data->compared = data->differ = data->samples;
	run_init(&run, histogram);
	golden_all("wide", &run.report);
	histogram__free(histogram);
}

static void escapes(void **state)
{
	static const struct {
		const char *text;
		size_t size;
		const char *escaped;
	} cases[] = {
		{"plain", 64, "plain"},
		{"plain", 4, "pla"},
		{"plain", 1, ""},
		{"\t\x01\x7f", 64, "\\x09\\x01\\x7f"},
		{"a\x1b"
		 "b",
		 6, "a\\x1b"},
		{"a\x1b"
		 "b",
		 5, "a"},
		{"\xc3\xa4", 64, "\xc3\xa4"},
		{"\xc3\xa4", 2, ""},
		{"x\xe2\x82\xac", 4, "x"},
		{"\xf0\x9f\x98\x80", 5, "\xf0\x9f\x98\x80"},
		{"\xc2\x80", 64, "\\xc2\\x80"},
		{"\xc2\x80", 8, ""},
		{"\xc0\x80", 64, "\\xc0\\x80"},
		{"\xe0\x80\xaf", 64, "\\xe0\\x80\\xaf"},
		{"\xf4\x90\x80\x80", 64, "\\xf4\\x90\\x80\\x80"},
		{"\xf5", 64, "\\xf5"},
		{"\xe2\x82", 64, "\\xe2\\x82"},
		{"\xe2\x80\xae", 64, "\\xe2\\x80\\xae"},
		{"\xed\xa0\x80", 64, "\\xed\\xa0\\x80"},
		{"\xa0", 64, "\\xa0"},
		{"\xc2\x9f", 64, "\\xc2\\x9f"},
		{"\xc2\xa0", 64, "\xc2\xa0"},
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memset(buf, '#', sizeof(buf));
		assert_ptr_equal(view__escape(cases[i].text, buf, cases[i].size), buf);
		assert_string_equal(buf, cases[i].escaped);
		if (cases[i].size < sizeof(buf))
			assert_int_equal(buf[cases[i].size], '#');
	}
	buf[0] = '#';
	view__escape("x", buf, 0);
	assert_int_equal(buf[0], '#');
}

/* Whatever the bytes: what comes out is UTF-8 (jansson takes it), holds no control, and fits. */
static void escapes_every_two_bytes(void **state)
{
	(void)state;
	for (int first = 1; first < 256; first++) {
		for (int second = 0; second < 256; second++) {
			char text[] = {(char)first, (char)second, '\0'}, buf[VIEW_ESCAPED_LEN(2)];
			json_t *json = json_string(view__escape(text, buf, sizeof(buf)));

			assert_non_null(json);
			json_decref(json);
			for (const char *c = buf; *c; c++)
				assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
		}
	}
}

static void formats_have_names(void **state)
{
	(void)state;
	assert_int_equal(view__by_name("text"), VIEW_TEXT);
	assert_int_equal(view__by_name("json"), VIEW_JSON);
	assert_int_equal(view__by_name("csv"), VIEW_CSV);
	assert_int_equal(view__by_name("xml"), -EINVAL);
}

static struct histogram *thousand_rows(void)
{
	static const enum sort_key keys[] = {SORT_PID};
	struct histogram *histogram = new_histogram(keys, 1);

	for (uint32_t pid = 0; pid < 1000; pid++)
		add(histogram, (struct sample){.pid = pid, .data = {12, 12, 1}}, 1);
	return histogram;
}

static void failed_writes_are_told(void **state)
{
	static const int buffering[] = {_IOFBF, _IOLBF, _IONBF};
	struct histogram *large = thousand_rows(), *small = new_histogram(NULL, 0);

	(void)state;
	for (int format = VIEW_TEXT; format <= VIEW_CSV; format++) {
		for (int i = 0; i < 6; i++) {
			FILE *out = fopen("/dev/full", "w");
			struct run run;

			assert_non_null(out);
			assert_int_equal(setvbuf(out, NULL, buffering[i / 2], 4096), 0);
			run_init(&run, i % 2 ? large : small);
			assert_int_equal(view__print((enum view_format)format, &run.report, true, out), -ENOSPC);
			fclose(out);
		}
	}
	histogram__free(large);
	histogram__free(small);
}

static int allowed;

static void *scarce_malloc(size_t size)
{
	return allowed-- > 0 ? malloc(size) : NULL;
}

/* jansson runs out of memory after each possible number of allocations: -ENOMEM, no leak, until there is enough. */
static void json_without_memory(void **state)
{
	static const enum sort_key keys[] = {SORT_COMM};
	struct histogram *histogram = new_histogram(keys, 1);
	struct run run;
	int err, limit = 0;

	(void)state;
	fill(histogram);
	run_init(&run, histogram);
	json_set_alloc_funcs(scarce_malloc, free);
	do {
		FILE *out = fopen("/dev/null", "w");

		assert_non_null(out);
		allowed = limit++;
		err = view_json__print(&run.report, out);
		assert_true(!err || err == -ENOMEM);
		fclose(out);
	} while (err);
	json_set_alloc_funcs(malloc, free);
	assert_in_range(limit, 50, 5000);
	histogram__free(histogram);
}

static void json_values(void **state)
{
	static const enum sort_key keys[] = {SORT_COMM, SORT_CPU};
	struct histogram *histogram = new_histogram(keys, 2);
	struct run run;
	json_t *json, *event, *row;
	char *text;

	(void)state;
	add(histogram, (struct sample){.comm = "x\xff", .cpu = 3, .data = {21, 12, 1}, .origin = MMU_ORIGIN_PMU}, 7);
	run_init(&run, histogram);
	text = print(VIEW_JSON, &run.report, true);
	json = check_json(&run.report, text);
	event = json_array_get(json_object_get(json, "events"), 0);
	assert_true(json_is_null(json_object_get(event, "period")));
	assert_int_equal(integer(event, "freq"), 999);
	assert_true(json_is_null(json_object_get(json_object_get(event, "accounting"), "counted")));
	assert_true(json_is_null(json_object_get(json_object_get(event, "accounting"), "missed")));
	assert_int_equal(integer(json_object_get(json, "data"), "differ"), 7);
	assert_int_equal(integer(json_object_get(json_object_get(json, "data"), "origins"), "pmu"), 7);
	row = json_array_get(json_object_get(json, "rows"), 0);
	assert_string_equal(json_string_value(json_object_get(json_object_get(row, "key"), "comm")), "x\\xff");
	assert_int_equal(integer(json_object_get(row, "key"), "cpu"), 3);
	json_decref(json);
	free(text);
	histogram__free(histogram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_usual_report),
		cmocka_unit_test(rows_by_key),
		cmocka_unit_test(an_empty_report),
		cmocka_unit_test(no_data_address),
		cmocka_unit_test(losses_and_unknowns),
		cmocka_unit_test(differences_are_loud),
		cmocka_unit_test(hostile_names),
		cmocka_unit_test(names_of_mappings),
		cmocka_unit_test(csv_prints_its_header_once),
		cmocka_unit_test(wide_numbers_stay_in_line),
		cmocka_unit_test(escapes),
		cmocka_unit_test(escapes_every_two_bytes),
		cmocka_unit_test(formats_have_names),
		cmocka_unit_test(failed_writes_are_told),
		cmocka_unit_test(json_without_memory),
		cmocka_unit_test(json_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
