// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "view/view_doctor.h"

#define WIDTH 80
#define STATE_WIDTH 11 /* symbol, blank, the longest word, two blanks */
#define NAME_MAX_WIDTH 34
#define REMEDY_MARK "-> "
#define REMEDY_INDENT (STATE_WIDTH + 2)

static const char symbols[FEATURE_STATE_COUNT] = {
	[FEATURE_OK] = '+',
	[FEATURE_LIMITED] = '~',
	[FEATURE_MISSING] = '-',
	[FEATURE_INFO] = ' ',
};

/* Columns of UTF-8 text: a byte that continues a sequence takes none. */
static size_t columns(const char *text, size_t bytes)
{
	size_t n = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* Prints words from column `indent` on, where the cursor stands; what is too long goes on below, at the same column. */
static void print_wrapped(const char *text, size_t indent, FILE *out)
{
	size_t column = indent;
	bool first = true;

	while (*text) {
		size_t skip = strspn(text, " ");
		size_t bytes = strcspn(text + skip, " ");
		size_t width = columns(text + skip, bytes);

		if (!bytes)
			break;
		if (!first && column + 1 + width > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		fwrite(text + skip, 1, bytes, out);
		column += width;
		text += skip + bytes;
		first = false;
	}
	fputc('\n', out);
}

/* The widest name among the rows of the group that begins at `i`. */
static size_t name_width(const struct feature_list *list, size_t i)
{
	const char *group = list->features[i].group;
	size_t widest = 0;

	for (; i < list->n && list->features[i].group == group; i++) {
		size_t width = columns(list->features[i].name, strlen(list->features[i].name));

		if (width > widest && width <= NAME_MAX_WIDTH)
			widest = width;
	}
	return widest;
}

static int print_row(const struct feature *row, size_t width, FILE *out)
{
	char *name = view__escape_new(row->name);
	char *value = view__escape_new(row->value);
	char *remedy = row->remedy ? view__escape_new(row->remedy) : NULL;
	size_t used;
	int err = name && value && (remedy || !row->remedy) ? 0 : -ENOMEM;

	if (!err) {
		used = columns(name, strlen(name));
		fprintf(out, "%c %-*s%s", symbols[row->state], STATE_WIDTH - 2, feature__state_name(row->state), name);
		if (used > width)
			fprintf(out, "\n%*s", (int)(STATE_WIDTH + width + 2), "");
		else
			fprintf(out, "%*s", (int)(width - used + 2), "");
		print_wrapped(value, STATE_WIDTH + width + 2, out);
		if (remedy) {
			fprintf(out, "%*s%s", REMEDY_INDENT, "", REMEDY_MARK);
			print_wrapped(remedy, REMEDY_INDENT + strlen(REMEDY_MARK), out);
		}
	}
	free(name);
	free(value);
	free(remedy);
	return err;
}

static const char *verdict_words(const struct feature_list *list)
{
	return list->hist ? "hist can work here: " : "hist cannot work here: ";
}

static int print_text(const struct feature_list *list, FILE *out)
{
	const char *group = NULL;
	size_t width = 0;
	char *verdict;
	size_t i;
	int err = 0;

	for (i = 0; i < list->n && !err; i++) {
		if (list->features[i].group != group) {
			group = list->features[i].group;
			width = name_width(list, i);
			fprintf(out, "%s%s\n", i ? "\n" : "", group);
		}
		err = print_row(&list->features[i], width, out);
	}
	if (err)
		return err;
	verdict = view__escape_new(list->verdict);
	if (!verdict)
		return -ENOMEM;
	/* In one line, however long: it is what a script reads. */
	fprintf(out, "\n%s%s\n", verdict_words(list), verdict);
	free(verdict);
	return view__finish(out);
}

/* Both views show the same text, and JSON is UTF-8. */
static json_t *string_json(const char *text)
{
	char *escaped = view__escape_new(text);
	json_t *string = escaped ? json_string(escaped) : NULL;

	free(escaped);
	return string;
}

static json_t *row_json(const struct feature *row)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:s}", "name", string_json(row->name), "state",
			 feature__state_name(row->state), "value", string_json(row->value), "remedy",
			 row->remedy ? string_json(row->remedy) : json_null(), "group", row->group);
}

static int print_json(const struct feature_list *list, FILE *out)
{
	json_t *features = json_array();
	json_t *root;
	size_t i;
	int err = 0;

	for (i = 0; features && i < list->n && !err; i++)
		err = json_array_append_new(features, row_json(&list->features[i]));
	root = json_pack("{s:s, s:b, s:o}", "schema", "mmuscope.doctor/1", "hist", list->hist, "features", features);
	if (!root || err) {
		json_decref(root);
		return -ENOMEM;
	}
	errno = 0;
	err = json_dumpf(root, out, JSON_COMPACT | JSON_PRESERVE_ORDER);
	fputc('\n', out);
	json_decref(root);
	return err ? -(errno ? errno : EIO) : view__finish(out);
}

int view_doctor__print(enum view_format format, const struct feature_list *list, FILE *out)
{
	if (list->err)
		return list->err;
	errno = 0;
	switch (format) {
	case VIEW_TEXT:
		return print_text(list, out);
	case VIEW_JSON:
		return print_json(list, out);
	default:
		return -EINVAL;
	}
}
