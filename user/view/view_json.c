/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * JSON, schema mmuscope.hist/1: one object on one line. Members are written as they are built, so that a million rows
 * never stand in memory twice.
 */
#include "view.h"

#include <errno.h>
#include <stdlib.h>

#include <jansson.h>

#include "model/page_size.h"

#define JSON_STYLE (JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY)

/* The first error sticks; what follows it writes nothing. */
struct writer {
	FILE *out;
	bool started; /* the object has a member */
	int err;
};

static json_t *count(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static json_t *count_or_null(int64_t n)
{
	return n == COUNT_UNKNOWN ? json_null() : json_integer(n);
}

/* Names that others chose may hold any bytes, and json_string() takes UTF-8 only. */
static json_t *string(const char *text)
{
	char *escaped = view__escape_new(text ? text : "");
	json_t *json = escaped ? json_string(escaped) : NULL;

	free(escaped);
	return json;
}

/* All that can fail in building is memory: a NULL value fails here, and the object with it. */
static void set(json_t **object, const char *key, json_t *value)
{
	if (!json_object_set_new(*object, key, value))
		return;
	json_decref(*object);
	*object = NULL;
}

static void append(json_t **array, json_t *value)
{
	if (!json_array_append_new(*array, value))
		return;
	json_decref(*array);
	*array = NULL;
}

/* Writes a value and releases it. */
static void write_value(struct writer *writer, json_t *value)
{
	if (!value && !writer->err)
		writer->err = -ENOMEM;
	/* A failed write is found by view__finish(): jansson does not say which it was. */
	if (!writer->err && json_dumpf(value, writer->out, JSON_STYLE) && !ferror(writer->out))
		writer->err = -ENOMEM;
	json_decref(value);
}

static void write_key(struct writer *writer, const char *key)
{
	if (!writer->err)
		fprintf(writer->out, "%c\"%s\":", writer->started ? ',' : '{', key);
	writer->started = true;
}

static void write_member(struct writer *writer, const char *key, json_t *value)
{
	write_key(writer, key);
	write_value(writer, value);
}

static json_t *accounts(const struct accounting *accounting, bool of_event)
{
	json_t *object = json_object(), *causes = json_object();

	set(&causes, "ring_full", count(accounting->ring_full));
	set(&causes, "ring_busy", count(accounting->ring_busy));
	set(&object, "seen", count(accounting->seen));
	set(&object, "emitted", count(accounting->emitted));
	set(&object, "filtered", count(accounting->filtered));
	set(&object, "lost", count(accounting__lost(accounting)));
	set(&object, "lost_by_cause", causes);
	if (of_event) {
		set(&object, "counted", count_or_null(accounting->counted));
		set(&object, "missed", count_or_null(accounting__missed(accounting)));
		set(&object, "expected", count_or_null(accounting->expected));
		set(&object, "throttled", count_or_null(accounting->throttled));
	}
	return object;
}

static json_t *events(const struct report *report)
{
	json_t *array = json_array();

	for (size_t i = 0; i < report->n_events; i++) {
		const struct report_event *event = &report->events[i];
		json_t *object = json_object();

		set(&object, "event", string(event->name));
		set(&object, "period", event->period ? count(event->period) : json_null());
		set(&object, "freq", event->freq ? count(event->freq) : json_null());
		set(&object, "accounting", accounts(&event->accounting, true));
		append(&array, object);
	}
	return array;
}

static json_t *sizes(const struct report *report, const struct size_counts *counts)
{
	json_t *array = json_array();

	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++) {
		char name[PAGE_SIZE_NAME_LEN];
		json_t *object;

		if (!(report->show_walk && counts->walk[shift]) && !(report->show_kernel && counts->kernel[shift]))
			continue;
		object = json_object();
		set(&object, "size", string(page_size__name(shift, name)));
		set(&object, "bytes", count(1ull << shift));
		if (report->show_walk)
			set(&object, "walk", count(counts->walk[shift]));
		if (report->show_kernel)
			set(&object, "kernel", count(counts->kernel[shift]));
		append(&array, object);
	}
	return array;
}

static json_t *reasons(const uint64_t *none)
{
	json_t *object = json_object();

	for (unsigned int reason = 0; reason < MMU_NONE_MAX; reason++) {
		if (none[reason])
			set(&object, page_size__none_name(reason), count(none[reason]));
	}
	return object;
}

static json_t *origins(const struct size_counts *counts)
{
	json_t *object = json_object();

	for (unsigned int origin = MMU_ORIGIN_PMU; origin <= MMU_ORIGIN_OPERAND_NEXT; origin++)
		set(&object, page_size__origin_name(origin), count(counts->origins[origin]));
	return object;
}

/* A row has no failure run: runs are followed per CPU, and a 0 would read as "none". */
static json_t *differences(const struct size_counts *counts)
{
	json_t *array = json_array();
	char name[PAGE_SIZE_NAME_LEN];

	for (uint32_t i = 0; i < counts->n_differences; i++) {
		const struct size_difference *difference = &counts->differences[i];
		json_t *object = json_object();

		set(&object, "walk", string(page_size__outcome_name(difference->walk, name)));
		set(&object, "kernel", string(page_size__outcome_name(difference->kernel, name)));
		set(&object, "samples", count(difference->samples));
		append(&array, object);
	}
	return array;
}

static json_t *section(const struct report *report, const struct size_counts *counts, bool is_data, bool is_total)
{
	json_t *object = json_object(), *none = json_object();

	if (report->show_walk)
		set(&none, "walk", reasons(counts->walk_none));
	if (report->show_kernel)
		set(&none, "kernel", reasons(counts->kernel_none));
	set(&object, "samples", count(counts->samples));
	set(&object, "sizes", sizes(report, counts));
	set(&object, "none", none);
	set(&object, "compared", count(counts->compared));
	set(&object, "agree", count(counts->agree));
	set(&object, "differ", count(counts->differ));
	set(&object, "differences", differences(counts));
	if (is_data)
		set(&object, "origins", origins(counts));
	if (is_total)
		set(&object, "longest_failure_run", count(counts->longest_failure_run));
	return object;
}

static json_t *row_object(const struct report *report, const struct histogram_row *row)
{
	json_t *object = json_object(), *key = json_object();
	struct size_counts data, code;

	for (size_t i = 0; i < histogram__n_keys(report->histogram); i++) {
		const struct sort_value *value = histogram_row__value(row, i);

		set(&key, sort_key__name(histogram__key(report->histogram, i)),
		    value->is_number ? json_integer(value->number) : string(sort_value__text(value)));
	}
	histogram_row__counts(row, &data, &code);
	set(&object, "key", key);
	set(&object, "data", section(report, &data, true, false));
	set(&object, "code", section(report, &code, false, false));
	return object;
}

static void write_rows(struct writer *writer, const struct report *report)
{
	const struct histogram_row *const *rows;
	size_t n;

	/* The errno of a failed write would not outlive the next call. */
	if (!writer->err)
		writer->err = view__finish(writer->out);
	if (writer->err)
		return;
	rows = histogram__rows(report->histogram, &n);
	if (!rows && errno == ENOMEM) {
		writer->err = -ENOMEM;
		return;
	}
	write_key(writer, "rows");
	fputc('[', writer->out);
	for (size_t i = 0; rows && i < n && !writer->err && !ferror(writer->out); i++) {
		if (i)
			fputc(',', writer->out);
		write_value(writer, row_object(report, rows[i]));
	}
	fputc(']', writer->out);
}

static json_t *warnings(const struct report *report)
{
	json_t *array = json_array();
	char text[256];

	for (size_t i = 0; i < report->n_warnings; i++)
		append(&array, string(report->warnings[i]));
	if (report->show_walk && view__run_warning(histogram__data(report->histogram), "data", text, sizeof(text)))
		append(&array, string(text));
	if (report->show_walk && view__run_warning(histogram__code(report->histogram), "code", text, sizeof(text)))
		append(&array, string(text));
	return array;
}

static json_t *operands(const struct report_operands *operands)
{
	json_t *object = json_object();

	set(&object, "late", count(operands->late));
	set(&object, "installed", count(operands->installed));
	set(&object, "evicted", count(operands->evicted));
	set(&object, "expired", count(operands->expired));
	return object;
}

int view_json__print(const struct report *report, FILE *out)
{
	struct writer writer = {.out = out};

	errno = 0;
	write_member(&writer, "schema", json_string("mmuscope.hist/1"));
	write_member(&writer, "version", string(report->version));
	write_member(&writer, "kernel", string(report->kernel));
	write_member(&writer, "arch", string(report->arch));
	write_member(&writer, "base_page", count(report->base_page));
	write_member(&writer, "duration_ns", count(report->duration_ns));
	write_member(&writer, "events", events(report));
	write_member(&writer, "accounting", accounts(&report->accounting, false));
	write_member(&writer, "data", section(report, histogram__data(report->histogram), true, true));
	write_member(&writer, "code", section(report, histogram__code(report->histogram), false, true));
	if (report->operands.on)
		write_member(&writer, "operands", operands(&report->operands));
	if (histogram__n_keys(report->histogram))
		write_rows(&writer, report);
	write_member(&writer, "warnings", warnings(report));
	if (writer.err)
		return writer.err;
	fputs("}\n", out);
	return view__finish(out);
}
