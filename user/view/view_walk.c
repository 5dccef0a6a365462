// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "model/page_size.h"
#include "view/view_walk.h"

#define FLAGS_LEN 160

static const char *outcome_name(const struct walk_range *range, char buf[PAGE_SIZE_NAME_LEN])
{
	return mmu_outcome_is_size(range->outcome) ? page_size__name(range->outcome, buf)
						   : page_size__none_name(page_size__reason(range->outcome));
}

static const char *flag_names(unsigned int flags, char buf[FLAGS_LEN])
{
	size_t length = 0;
	unsigned int bit;

	buf[0] = '\0';
	for (bit = 0; bit < MMU_FLAG_COUNT; bit++) {
		if (flags & 1U << bit)
			length += snprintf(buf + length, FLAGS_LEN - length, "%s%s", length ? "," : "",
					   page_size__flag_name(bit));
	}
	return buf;
}

static const char *upper(const char *name, char buf[8])
{
	size_t i;

	for (i = 0; name[i] && i < 7; i++)
		buf[i] = name[i] >= 'a' && name[i] <= 'z' ? name[i] - 'a' + 'A' : name[i];
	buf[i] = '\0';
	return buf;
}

static void print_path(const struct walk_report *report, FILE *out)
{
	const struct walk_range *leaf = &report->ranges[0];
	char name[8], size[PAGE_SIZE_NAME_LEN];
	int level;

	for (level = MMU_LEVEL_PGD; level > MMU_LEVEL_NONE; level--) {
		if (!(report->entries_seen & 1U << level))
			continue;
		fprintf(out, "%-3s  0x%016" PRIx64 "  ", upper(page_size__level_name(level), name),
			report->entries[level]);
		if (level != leaf->level)
			fprintf(out, "table\n");
		else if (mmu_outcome_is_size(leaf->outcome))
			fprintf(out, "leaf of %s\n", outcome_name(leaf, size));
		else
			fprintf(out, "%s\n", outcome_name(leaf, size));
	}
	fputc('\n', out);
}

static void print_range(const struct walk_range *range, FILE *out)
{
	char size[PAGE_SIZE_NAME_LEN], flags[FLAGS_LEN];

	fprintf(out, "0x%016" PRIx64 "-0x%016" PRIx64 "  %-12s", range->start, range->last, outcome_name(range, size));
	if (mmu_outcome_is_size(range->outcome))
		fprintf(out, " %8" PRIu64 "  0x%-10" PRIx64 "  %s", range->leaves, range->pfn,
			flag_names(range->flags, flags));
	else if (range->level != MMU_LEVEL_NONE)
		fprintf(out, "           ended at %s", page_size__level_name(range->level));
	fputc('\n', out);
}

static int print_text(const struct walk_report *report, FILE *out)
{
	size_t i;

	if (report->one_address)
		print_path(report, out);
	fprintf(out, "%-18s %-18s  %-12s %8s  %-12s  %s\n", "first", "last address", "page size", "pages",
		"first frame", "flags");
	for (i = 0; i < report->n; i++)
		print_range(&report->ranges[i], out);
	return view__finish(out);
}

static json_t *hex(uint64_t value)
{
	return json_sprintf("0x%" PRIx64, value);
}

static json_t *flags_json(unsigned int flags)
{
	json_t *array = json_array();
	unsigned int bit;

	for (bit = 0; array && bit < MMU_FLAG_COUNT; bit++) {
		if (flags & 1U << bit && json_array_append_new(array, json_string(page_size__flag_name(bit)))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *range_json(const struct walk_range *range)
{
	bool leaf = mmu_outcome_is_size(range->outcome);
	char size[PAGE_SIZE_NAME_LEN];
	const char *name = outcome_name(range, size);

	/* `end` is exclusive, as in /proc/PID/maps; after the last byte of all it is 0x10000000000000000 in 65 bits: 0x0. */
	return json_pack("{s:o, s:o, s:s?, s:o, s:s, s:o, s:o, s:s?, s:I}", "start", hex(range->start), "end",
			 hex(range->last + 1), "size", leaf ? name : NULL, "bytes",
			 leaf ? json_integer((json_int_t)(1ULL << range->outcome)) : json_null(), "level",
			 page_size__level_name(range->level), "pfn",
			 leaf ? json_integer((json_int_t)range->pfn) : json_null(), "flags", flags_json(range->flags),
			 "none", leaf ? NULL : name, "pages", (json_int_t)range->leaves);
}

static json_t *entries_json(const struct walk_report *report)
{
	json_t *array = json_array();
	int level;

	for (level = MMU_LEVEL_PGD; array && report->one_address && level > MMU_LEVEL_NONE; level--) {
		if (report->entries_seen & 1U << level &&
		    json_array_append_new(array, json_pack("{s:s, s:o}", "level", page_size__level_name(level), "value",
							   hex(report->entries[level])))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int print_json(const struct walk_report *report, FILE *out)
{
	json_t *ranges = json_array();
	json_t *root;
	size_t i;
	int err = 0;

	for (i = 0; ranges && i < report->n && !err; i++)
		err = json_array_append_new(ranges, range_json(&report->ranges[i]));
	root = json_pack("{s:s, s:I, s:o, s:o}", "schema", "mmuscope.walk/1", "pid", (json_int_t)report->pid, "ranges",
			 ranges, "entries", entries_json(report));
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

int view_walk__print(enum view_format format, const struct walk_report *report, FILE *out)
{
	errno = 0;
	switch (format) {
	case VIEW_TEXT:
		return print_text(report, out);
	case VIEW_JSON:
		return print_json(report, out);
	default:
		return -EINVAL;
	}
}
