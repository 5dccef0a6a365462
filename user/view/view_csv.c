/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * CSV in long format, for a spreadsheet to pivot: quoting as in RFC 4180, lines end as Unix ends them. Columns:
 *
 *	time       duration of the report in ns, the same in all of its lines
 *	kind       data or code: which address of the sample
 *	…          one column per sort key, under its name
 *	page_size  a page size (4K, 2M, …) or the reason why there is none (not-mapped, …)
 *	walk       samples for which our walk said so
 *	kernel     samples for which the kernel said so
 *
 * The column of a source that is off is left out, and so are lines without a sample. Within a kind and a key, the sum
 * over the lines is the number of samples, for either source.
 */
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "model/page_size.h"

/* Control characters are escaped, line ends among them, so that only , and " are left to quote for. */
static void print_field(const char *text, FILE *out)
{
	char escaped[VIEW_ESCAPED_LEN(SORT_VALUE_TEXT_MAX)];

	view__escape(text, escaped, sizeof(escaped));
	if (!strpbrk(escaped, ",\"")) {
		fputs(escaped, out);
		return;
	}
	fputc('"', out);
	for (const char *c = escaped; *c; c++) {
		if (*c == '"')
			fputc('"', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

/* A process may call itself "=1+1": what a spreadsheet would take for a formula has its first byte escaped. */
static void print_name(const char *text, FILE *out)
{
	if (*text && strchr("=+-@", *text))
		fprintf(out, "\\x%02x", (unsigned char)*text++);
	print_field(text, out);
}

static void print_header(const struct report *report, FILE *out)
{
	fputs("time,kind", out);
	for (size_t i = 0; i < histogram__n_keys(report->histogram); i++)
		fprintf(out, ",%s", sort_key__name(histogram__key(report->histogram, i)));
	fprintf(out, ",page_size%s%s\n", report->show_walk ? ",walk" : "", report->show_kernel ? ",kernel" : "");
}

static bool is_shown(const struct report *report, uint64_t walk, uint64_t kernel)
{
	return (report->show_walk && walk) || (report->show_kernel && kernel);
}

static void print_line(const struct report *report, const char *kind, const struct histogram_row *row, const char *size,
		       uint64_t walk, uint64_t kernel, FILE *out)
{
	fprintf(out, "%" PRIu64 ",%s", report->duration_ns, kind);
	for (size_t i = 0; row && i < histogram__n_keys(report->histogram); i++) {
		fputc(',', out);
		print_name(sort_value__text(histogram_row__value(row, i)), out);
	}
	fprintf(out, ",%s", size);
	if (report->show_walk)
		fprintf(out, ",%" PRIu64, walk);
	if (report->show_kernel)
		fprintf(out, ",%" PRIu64, kernel);
	fputc('\n', out);
}

static void print_counts(const struct report *report, const char *kind, const struct histogram_row *row,
			 const struct size_counts *counts, FILE *out)
{
	char name[PAGE_SIZE_NAME_LEN];

	for (unsigned int shift = 0; shift < HISTOGRAM_SHIFTS; shift++) {
		if (is_shown(report, counts->walk[shift], counts->kernel[shift]))
			print_line(report, kind, row, page_size__name(shift, name), counts->walk[shift],
				   counts->kernel[shift], out);
	}
	for (unsigned int reason = 0; reason < MMU_NONE_MAX; reason++) {
		if (is_shown(report, counts->walk_none[reason], counts->kernel_none[reason]))
			print_line(report, kind, row, page_size__none_name(reason), counts->walk_none[reason],
				   counts->kernel_none[reason], out);
	}
}

static int print_rows(const struct report *report, FILE *out)
{
	const struct histogram_row *const *rows;
	struct size_counts data, code;
	size_t n;
	int err;

	/* The errno of a failed write would not outlive the next call. */
	err = view__finish(out);
	if (err)
		return err;
	rows = histogram__rows(report->histogram, &n);
	if (!rows && errno == ENOMEM)
		return -ENOMEM;
	for (size_t i = 0; rows && i < n && !ferror(out); i++) {
		histogram_row__counts(rows[i], &data, &code);
		print_counts(report, "data", rows[i], &data, out);
		print_counts(report, "code", rows[i], &code, out);
	}
	return 0;
}

int view_csv__print(const struct report *report, bool first, FILE *out)
{
	int err = 0;

	errno = 0;
	if (first)
		print_header(report, out);
	if (histogram__n_keys(report->histogram)) {
		err = print_rows(report, out);
	} else {
		print_counts(report, "data", NULL, histogram__data(report->histogram), out);
		print_counts(report, "code", NULL, histogram__code(report->histogram), out);
	}
	return err ? err : view__finish(out);
}
