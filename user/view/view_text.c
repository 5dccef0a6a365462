/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Text for a terminal of 80 columns.
 */
#define _GNU_SOURCE /* wcwidth() */
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "model/page_size.h"
#include "view_names.h"

#define WIDTH 80
#define BAR_MAX 30
#define SHARE_WIDTH 5 /* "100.0" */
#define NUMBER_LEN 24
#define NAME_LEN VIEW_ESCAPED_LEN(SORT_VALUE_TEXT_MAX)
#define KEY_WIDTH_MIN 16 /* that a name is cut to, where the line is too long */

struct text {
	const struct report *report;
	FILE *out;
	bool utf8;
	int name_width; /* columns of the tables "data" and "code": the same in both */
	int count_width;
};

/* Bytes beyond ASCII become \xNN in place: to a terminal that does not speak UTF-8 they may be orders. buf has room. */
static void ascii_only(char *buf)
{
	size_t len = strlen(buf), high = 0;
	char *to;

	for (size_t i = 0; i < len; i++)
		high += (unsigned char)buf[i] >= 0x80;
	to = buf + len + 3 * high;
	*to = '\0';
	while (high) {
		unsigned char c = (unsigned char)buf[--len];

		if (c < 0x80) {
			*--to = (char)c;
			continue;
		}
		high--;
		*--to = "0123456789abcdef"[c & 15];
		*--to = "0123456789abcdef"[c >> 4];
		*--to = 'x';
		*--to = '\\';
	}
}

static const char *printable_name(const struct text *text, const char *name, char buf[NAME_LEN])
{
	view__escape(name, buf, NAME_LEN);
	if (!text->utf8)
		ascii_only(buf);
	return buf;
}

static char *printable_new(const struct text *text, const char *name)
{
	char *buf = view__escape_new(name ? name : "");

	if (buf && !text->utf8)
		ascii_only(buf);
	return buf;
}

/* Columns on the terminal of the character at *s, which is passed over. */
static int next_columns(const struct text *text, const char **s, mbstate_t *state)
{
	wchar_t c;
	size_t n = text->utf8 ? mbrtowc(&c, *s, MB_CUR_MAX, state) : 1;
	int columns = 1;

	if (text->utf8 && n != (size_t)-1 && n != (size_t)-2) {
		columns = wcwidth(c);
		*s += n;
	} else {
		memset(state, 0, sizeof(*state));
		(*s)++;
	}
	return columns < 0 ? 1 : columns;
}

/* Columns on the terminal. */
static int display_width(const struct text *text, const char *s)
{
	mbstate_t state = {0};
	int width = 0;

	while (*s)
		width += next_columns(text, &s, &state);
	return width;
}

/* Leaves the end of a name that is too wide: of a path, it says most. */
static void shorten(const struct text *text, char *buf, int width)
{
	const char *mark = text->utf8 ? "…" : "...", *from = buf;
	int excess = display_width(text, buf) - width;
	mbstate_t state = {0};

	if (excess <= 0)
		return;
	excess += display_width(text, mark);
	while (excess > 0)
		excess -= next_columns(text, &from, &state);
	/* The mark has three bytes, and took the place of no fewer. */
	memmove(buf + strlen(mark), from, strlen(from) + 1);
	memcpy(buf, mark, strlen(mark)); /* NOLINT(bugprone-not-null-terminated-result): the rest follows */
}

static int max_int(int a, int b)
{
	return a > b ? a : b;
}

static int number_width(uint64_t n)
{
	return snprintf(NULL, 0, "%" PRIu64, n);
}

/* Percent; a part of the whole is never shown as all of it, nor something as nothing. */
static const char *share(uint64_t n, uint64_t total, char buf[NUMBER_LEN])
{
	double percent = total ? 100.0 * (double)n / (double)total : 0;

	if (n && percent < 0.05)
		return "<0.1";
	if (n < total && percent > 99.9)
		percent = 99.9;
	snprintf(buf, NUMBER_LEN, "%.1f", percent);
	return buf;
}

/* A list that breaks between its items. */
struct list {
	FILE *out;
	int column;
	bool started;
};

__attribute__((format(printf, 2, 3))) static void list_item(struct list *list, const char *format, ...)
{
	char item[256];
	va_list args;
	int len;

	va_start(args, format);
	vsnprintf(item, sizeof(item), format, args);
	va_end(args);
	len = (int)strlen(item);
	if (list->started && list->column + 2 + len > WIDTH) {
		fputs(",\n    ", list->out);
		list->column = 4;
	} else if (list->started) {
		list->column += fprintf(list->out, ", ");
	}
	fputs(item, list->out);
	list->column += len;
	list->started = true;
}

static int print_events(const struct text *text)
{
	struct list list = {.out = text->out};

	if (!text->report->n_events)
		return 0;
	list.column = fprintf(text->out, "events: ");
	for (size_t i = 0; i < text->report->n_events; i++) {
		const struct report_event *event = &text->report->events[i];
		char *name = printable_new(text, event->name);

		if (!name)
			return -ENOMEM;
		if (event->freq)
			list_item(&list, "%s (%" PRIu64 " Hz)", name, event->freq);
		else if (event->period > 1)
			list_item(&list, "%s (1 in %" PRIu64 ")", name, event->period);
		else
			list_item(&list, "%s (every one)", name);
		free(name);
	}
	fputc('\n', text->out);
	return 0;
}

static int print_head(const struct text *text)
{
	const struct report *report = text->report;
	char size[PAGE_SIZE_NAME_LEN] = "?";

	if (report->base_page)
		page_size__name((unsigned int)__builtin_ctzll(report->base_page), size);
	fprintf(text->out, "mmuscope %s: %" PRIu64 " samples in %.2f s, Linux %s %s, base page %s\n", report->version,
		histogram__data(report->histogram)->samples, (double)report->duration_ns / 1e9, report->kernel,
		report->arch, size);
	return print_events(text);
}

static void print_source(const struct text *text, uint64_t n, uint64_t total)
{
	char buf[NUMBER_LEN];

	fprintf(text->out, "  %*" PRIu64 "  %*s %%", text->count_width, n, SHARE_WIDTH, share(n, total, buf));
}

static void print_bar(const struct text *text, uint64_t n, uint64_t total)
{
	int sources = text->report->show_walk + text->report->show_kernel;
	int room = WIDTH - 2 - text->name_width - sources * (text->count_width + SHARE_WIDTH + 6) - 2;
	int length;

	room = room < 0 ? 0 : room > BAR_MAX ? BAR_MAX : room;
	length = total ? (int)((double)n / (double)total * room + 0.5) : 0;
	if (length)
		fputs("  ", text->out);
	while (length--)
		fputs(text->utf8 ? "█" : "#", text->out);
}

/* One line of a section, if a source that is shown has anything there. */
static void print_line(const struct text *text, const char *name, uint64_t walk, uint64_t kernel, uint64_t total,
		       bool bar)
{
	const struct report *report = text->report;

	if (!(report->show_walk && walk) && !(report->show_kernel && kernel))
		return;
	fprintf(text->out, "  %-*s", text->name_width, name);
	if (report->show_walk)
		print_source(text, walk, total);
	if (report->show_kernel)
		print_source(text, kernel, total);
	if (bar)
		print_bar(text, report->show_walk ? walk : kernel, total);
	fputc('\n', text->out);
}

static uint64_t sum(const uint64_t *counts, size_t n)
{
	uint64_t total = 0;

	while (n)
		total += counts[--n];
	return total;
}

/* Samples for which neither the kernel nor the operand resolver named an address. */
static uint64_t without_address(const struct size_counts *counts)
{
	uint64_t total = 0;

	for (unsigned int reason = 0; reason < MMU_NONE_MAX; reason++) {
		if (page_size__none_is_without_address(reason))
			total += counts->walk_none[reason];
	}
	return total;
}

/* Samples with an address, as far as the sources that are shown know. */
static uint64_t addresses(const struct report *report, const struct size_counts *counts)
{
	uint64_t walk = counts->samples - without_address(counts);
	uint64_t kernel = counts->samples - counts->kernel_none[MMU_NONE_NO_ADDRESS];

	if (!report->show_kernel)
		return walk;
	if (!report->show_walk)
		return kernel;
	/* What the kernel found no size for may still be without an address, which it does not always say. */
	return walk ? walk : sum(counts->kernel, HISTOGRAM_SHIFTS);
}

/* Each contradiction by what the two said: a mapping that changed between the two looks is told by its kinds. */
static void print_differences(const struct text *text, const struct size_counts *counts)
{
	char walk[PAGE_SIZE_NAME_LEN], kernel[PAGE_SIZE_NAME_LEN];

	fprintf(text->out, "  DIFFER: %" PRIu64 " of %" PRIu64 " compared: walk and kernel contradict each other\n",
		counts->differ, counts->compared);
	for (uint32_t i = 0; i < counts->n_differences; i++) {
		const struct size_difference *difference = &counts->differences[i];

		fprintf(text->out, "    walk %s, kernel %s: %" PRIu64 "\n",
			page_size__outcome_name(difference->walk, walk),
			page_size__outcome_name(difference->kernel, kernel), difference->samples);
	}
}

static void print_agreement(const struct text *text, const struct size_counts *counts)
{
	double percent;

	if (!counts->compared) {
		fputs("  agreement: nothing that both sources could speak of\n", text->out);
		return;
	}
	percent = 100.0 * (double)counts->agree / (double)counts->compared;
	if (counts->differ && percent > 99.99)
		percent = 99.99;
	fprintf(text->out, "  agreement: %" PRIu64 " of %" PRIu64 " compared (%.2f %%)\n", counts->agree,
		counts->compared, percent);
	if (counts->differ)
		print_differences(text, counts);
}

static void print_origins(const struct text *text, const struct size_counts *counts)
{
	struct list list = {.out = text->out};

	for (unsigned int origin = MMU_ORIGIN_PMU; origin < HISTOGRAM_ORIGINS; origin++) {
		if (!counts->origins[origin])
			continue;
		if (!list.started)
			list.column = fprintf(text->out, "  origins: ");
		list_item(&list, "%s %" PRIu64, page_size__origin_name(origin), counts->origins[origin]);
	}
	if (list.started)
		fputc('\n', text->out);
}

static void print_run(const struct text *text, const struct size_counts *counts, const char *kind)
{
	char warning[256];

	if (!text->report->show_walk || !counts->longest_failure_run)
		return;
	fprintf(text->out, "  longest run of failed walks on one CPU: %" PRIu64 "\n", counts->longest_failure_run);
	if (view__run_warning(counts, kind, warning, sizeof(warning)))
		fprintf(text->out, "warning: %s\n", warning);
}

/* The table of one section, and what there is to say about it. */
static void print_sizes(const struct text *text, const char *kind, const struct size_counts *counts)
{
	const struct report *report = text->report;
	int column = text->count_width + SHARE_WIDTH + 4;
	char name[PAGE_SIZE_NAME_LEN];

	fprintf(text->out, "  %*s", text->name_width, "");
	if (report->show_walk)
		fprintf(text->out, "  %*s", column, "walk");
	if (report->show_kernel)
		fprintf(text->out, "  %*s", column, "kernel");
	fputc('\n', text->out);
	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++)
		print_line(text, page_size__name(shift, name), counts->walk[shift], counts->kernel[shift],
			   counts->samples, true);
	for (unsigned int reason = 0; reason < MMU_NONE_MAX; reason++)
		print_line(text, page_size__none_name(reason), counts->walk_none[reason], counts->kernel_none[reason],
			   counts->samples, false);
	if (report->show_walk && report->show_kernel)
		print_agreement(text, counts);
	print_origins(text, counts);
	print_run(text, counts, kind);
}

/* Addresses that the operand resolver named: the kernel sizes addresses of its own alone, and has none here. */
static bool walk_stands_alone(const struct report *report, const struct size_counts *counts)
{
	return report->show_walk && report->show_kernel && counts->kernel_none[MMU_NONE_NO_ADDRESS] == counts->samples;
}

static void print_section(const struct text *text, const char *kind, const struct size_counts *counts)
{
	const struct report *report = text->report;
	uint64_t with_address = addresses(report, counts);
	struct report one_source = *report;
	struct text alone = *text;

	fputc('\n', text->out);
	if (!counts->samples) {
		fprintf(text->out, "%s: no samples\n", kind);
		return;
	}
	if (!with_address) {
		fprintf(text->out, "%s: none of %" PRIu64 " samples has an address\n", kind, counts->samples);
		return;
	}
	if (with_address < counts->samples)
		fprintf(text->out, "%s: %" PRIu64 " of %" PRIu64 " samples have an address\n", kind, with_address,
			counts->samples);
	else
		fprintf(text->out, "%s: %" PRIu64 " samples\n", kind, counts->samples);
	if (!walk_stands_alone(report, counts)) {
		print_sizes(text, kind, counts);
		return;
	}
	one_source.show_kernel = false;
	alone.report = &one_source;
	print_sizes(&alone, kind, counts);
	fputs("  not compared: the kernel sizes only addresses of its own; the walk stands alone\n", text->out);
}

static void print_operands(const struct text *text, const struct report_operands *operands)
{
	if (!operands->on)
		return;
	fprintf(text->out,
		"  operands: %" PRIu64 " recipes made, %" PRIu64 " evicted, %" PRIu64 " expired; %" PRIu64
		" samples resolved late\n",
		operands->installed, operands->evicted, operands->expired, operands->late);
}

/* Widths of the columns of a section, from what will be in them. */
static void measure(struct text *text, const struct size_counts *counts)
{
	const struct report *report = text->report;
	uint64_t most = 0;

	for (unsigned int i = 0; i < HISTOGRAM_SHIFTS + MMU_NONE_MAX; i++) {
		bool is_size = i < HISTOGRAM_SHIFTS;
		unsigned int reason = i - HISTOGRAM_SHIFTS;
		uint64_t walk = report->show_walk ? (is_size ? counts->walk[i] : counts->walk_none[reason]) : 0;
		uint64_t kernel = report->show_kernel ? (is_size ? counts->kernel[i] : counts->kernel_none[reason]) : 0;

		if (!walk && !kernel)
			continue;
		most = walk > most ? walk : most;
		most = kernel > most ? kernel : most;
		text->name_width = max_int(text->name_width, is_size ? 4 : (int)strlen(page_size__none_name(reason)));
	}
	text->count_width = max_int(text->count_width, number_width(most));
}

static void print_known(struct list *list, const char *name, int64_t n)
{
	if (n == COUNT_UNKNOWN)
		return;
	if (!list->started)
		list->column = fprintf(list->out, "  ");
	list_item(list, "%s %" PRId64, name, n);
}

static void print_accounts(const struct text *text, const char *name, const struct accounting *accounting)
{
	struct list list = {.out = text->out};
	uint64_t lost = accounting__lost(accounting);

	fprintf(text->out, "%s: %" PRIu64 " seen = %" PRIu64 " emitted + %" PRIu64 " filtered + %" PRIu64 " lost", name,
		accounting->seen, accounting->emitted, accounting->filtered, lost);
	if (lost)
		fprintf(text->out, " (ring full %" PRIu64 ", ring busy %" PRIu64 ")", accounting->ring_full,
			accounting->ring_busy);
	fputc('\n', text->out);
	if (!accounting__is_exact(accounting))
		fprintf(text->out, "warning: %s: these accounts do not add up\n", name);
	print_known(&list, "counted", accounting->counted);
	print_known(&list, "missed", accounting__missed(accounting));
	print_known(&list, "expected about", accounting->expected);
	print_known(&list, "throttled", accounting->throttled);
	if (list.started)
		fputc('\n', text->out);
}

static int print_accounting(const struct text *text)
{
	const struct report *report = text->report;
	const struct accounting *all = &report->accounting;

	fputc('\n', text->out);
	for (size_t i = 0; i < report->n_events; i++) {
		char *name = printable_new(text, report->events[i].name);

		if (!name)
			return -ENOMEM;
		print_accounts(text, name, &report->events[i].accounting);
		free(name);
	}
	if (report->n_events != 1)
		print_accounts(text, "all", all);
	/* Not a warning: at the end of an interval records are under way. */
	if (all->received != all->emitted)
		fprintf(text->out, "received: %" PRIu64 " records, where %" PRIu64 " were emitted\n", all->received,
			all->emitted);
	return 0;
}

/* The table by key: its columns, from left to right. */
struct table {
	const struct histogram_row *const *rows;
	size_t n_rows;
	size_t n_keys;
	struct view_names *names[SORT_KEY_MAX];
	int key_width[SORT_KEY_MAX];
	bool key_is_number[SORT_KEY_MAX];
	bool key_is_name[SORT_KEY_MAX];
	int samples_width;
	uint64_t samples; /* of the whole report */
	uint64_t sizes;   /* bit per log2 of a size that has a column */
	bool has_none;
	bool of_code; /* its rows show the page sizes of code */
};

static const uint64_t *source_sizes(const struct report *report, const struct size_counts *counts)
{
	return report->show_walk ? counts->walk : counts->kernel;
}

static uint64_t row_samples(const struct table *table, const struct histogram_row *row)
{
	return table->of_code ? histogram_row__code_samples(row) : histogram_row__samples(row);
}

/* The value as it is shown; whole, until the width of its column is known. */
static const char *key_text(const struct text *text, const struct table *table, const struct histogram_row *row,
			    size_t i, char buf[NAME_LEN])
{
	const char *value = sort_value__text(histogram_row__value(row, i));

	printable_name(text, view_names__short(table->names[i], value), buf);
	if (table->key_is_name[i] && table->key_width[i])
		shorten(text, buf, table->key_width[i]);
	return buf;
}

static void measure_key(const struct text *text, struct table *table, size_t i)
{
	int width = (int)strlen(sort_key__name(histogram__key(text->report->histogram, i)));
	char name[NAME_LEN];

	table->key_is_number[i] = histogram_row__value(table->rows[0], i)->is_number;
	table->key_is_name[i] = histogram_row__value(table->rows[0], i)->name != NULL;
	for (size_t row = 0; row < table->n_rows; row++)
		width = max_int(width, display_width(text, key_text(text, table, table->rows[row], i, name)));
	table->key_width[i] = width;
}

/* Names give way, the longest first, until a line has room on a terminal or they are as short as they may be. */
static void fit_keys(struct table *table)
{
	int columns = __builtin_popcountll(table->sizes) + table->has_none + 1;
	int excess = table->samples_width + columns * (SHARE_WIDTH + 2) - WIDTH;

	for (size_t i = 0; i < table->n_keys; i++)
		excess += table->key_width[i] + 2;
	for (; excess > 0; excess--) {
		int *longest = NULL;

		for (size_t i = 0; i < table->n_keys; i++)
			if (table->key_is_name[i] && table->key_width[i] > (longest ? *longest : KEY_WIDTH_MIN))
				longest = &table->key_width[i];
		if (!longest)
			return;
		--*longest;
	}
}

static void measure_table(const struct text *text, struct table *table)
{
	const struct histogram *histogram = text->report->histogram;
	const struct size_counts *totals = table->of_code ? histogram__code(histogram) : histogram__data(histogram);
	const uint64_t *sizes = source_sizes(text->report, totals);

	table->samples = totals->samples;
	table->samples_width = max_int((int)strlen("samples"), number_width(row_samples(table, table->rows[0])));
	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++) {
		if (sizes[shift])
			table->sizes |= 1ull << shift;
	}
	table->has_none = sum(sizes, HISTOGRAM_SHIFTS) < totals->samples;
	for (size_t i = 0; i < table->n_keys; i++)
		measure_key(text, table, i);
	fit_keys(table);
}

/* Numbers stand to the right, names to the left. printf() would count bytes. */
static void print_key(const struct text *text, const struct table *table, size_t i, const char *value)
{
	int pad = table->key_width[i] - display_width(text, value);

	fprintf(text->out, "%s%*s%s%*s", i ? "  " : "", table->key_is_number[i] ? pad : 0, "", value,
		table->key_is_number[i] ? 0 : pad, "");
}

static void print_table_head(const struct text *text, const struct table *table)
{
	const char *source = text->report->show_walk ? "walk" : "kernel";
	char name[PAGE_SIZE_NAME_LEN];

	fprintf(text->out, "\n%zu row%s, shares in %%, %s page sizes by %s\n", table->n_rows,
		table->n_rows == 1 ? "" : "s", table->of_code ? "code" : "data", source);
	for (size_t i = 0; i < table->n_keys; i++)
		print_key(text, table, i, sort_key__name(histogram__key(text->report->histogram, i)));
	fprintf(text->out, "  %*s  %*s", table->samples_width, "samples", SHARE_WIDTH, "share");
	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++) {
		if (table->sizes >> shift & 1)
			fprintf(text->out, "  %*s", SHARE_WIDTH, page_size__name(shift, name));
	}
	if (table->has_none)
		fprintf(text->out, "  %*s", SHARE_WIDTH, "none");
	fputc('\n', text->out);
}

static void print_cell(const struct text *text, uint64_t n, uint64_t total)
{
	char buf[NUMBER_LEN];

	fprintf(text->out, "  %*s", SHARE_WIDTH, n ? share(n, total, buf) : "-");
}

static void print_row(const struct text *text, const struct table *table, const struct histogram_row *row)
{
	uint64_t samples = row_samples(table, row);
	char buf[NAME_LEN], number[NUMBER_LEN];
	struct size_counts data, code;
	const uint64_t *sizes;

	histogram_row__counts(row, &data, &code);
	sizes = source_sizes(text->report, table->of_code ? &code : &data);
	for (size_t i = 0; i < table->n_keys; i++)
		print_key(text, table, i, key_text(text, table, row, i, buf));
	fprintf(text->out, "  %*" PRIu64 "  %*s", table->samples_width, samples, SHARE_WIDTH,
		share(samples, table->samples, number));
	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++) {
		if (table->sizes >> shift & 1)
			print_cell(text, sizes[shift], samples);
	}
	if (table->has_none)
		print_cell(text, samples - sum(sizes, HISTOGRAM_SHIFTS), samples);
	fputc('\n', text->out);
}

static int name_keys(const struct text *text, struct table *table)
{
	for (size_t i = 0; i < table->n_keys; i++) {
		bool is_map = histogram__key(text->report->histogram, i) == SORT_MAP;

		table->names[i] = view_names__new(table->n_rows);
		if (!table->names[i])
			return -ENOMEM;
		for (size_t row = 0; row < table->n_rows; row++) {
			const struct sort_value *value = histogram_row__value(table->rows[row], i);

			if (is_map)
				view_names__add(table->names[i], sort_value__text(value));
		}
		view_names__sort(table->names[i]);
	}
	return 0;
}

static int print_table(const struct text *text, bool of_code)
{
	struct table table = {.n_keys = histogram__n_keys(text->report->histogram), .of_code = of_code};
	int err;

	/* The errno of a failed write would not outlive the next call. */
	err = view__finish(text->out);
	if (err)
		return err;
	table.rows = histogram__rows_of(text->report->histogram, of_code, &table.n_rows);
	if (!table.rows)
		return errno ? -errno : 0;
	err = name_keys(text, &table);
	if (!err) {
		measure_table(text, &table);
		errno = 0;
		print_table_head(text, &table);
		for (size_t i = 0; i < table.n_rows && !ferror(text->out); i++)
			print_row(text, &table, table.rows[i]);
	}
	for (size_t i = 0; i < table.n_keys; i++)
		view_names__free(table.names[i]);
	return err ? err : view__finish(text->out);
}

/* Rows of data, or of code where no sample has a data address; both, where a key tells them apart. */
static int print_tables(const struct text *text)
{
	const struct histogram *histogram = text->report->histogram;
	bool has_data = addresses(text->report, histogram__data(histogram));
	int err = 0;

	if (!histogram__n_keys(histogram))
		return 0;
	if (has_data)
		err = print_table(text, false);
	if (!err && (!has_data || histogram__is_split(histogram)))
		err = print_table(text, true);
	return err;
}

static int print_warnings(const struct text *text)
{
	for (size_t i = 0; i < text->report->n_warnings; i++) {
		char *warning = printable_new(text, text->report->warnings[i]);

		if (!warning)
			return -ENOMEM;
		fprintf(text->out, "%swarning: %s\n", i ? "" : "\n", warning);
		free(warning);
	}
	return 0;
}

int view_text__print(const struct report *report, FILE *out)
{
	struct text text = {
		.report = report,
		.out = out,
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.count_width = (int)strlen("samples"),
	};
	const struct size_counts *data = histogram__data(report->histogram);
	const struct size_counts *code = histogram__code(report->histogram);
	int err;

	errno = 0;
	measure(&text, data);
	measure(&text, code);
	err = print_head(&text);
	if (err)
		return err;
	print_section(&text, "data", data);
	print_operands(&text, &report->operands);
	print_section(&text, "code", code);
	err = print_accounting(&text);
	if (!err)
		err = print_tables(&text);
	if (!err)
		err = print_warnings(&text);
	return err ? err : view__finish(out);
}
