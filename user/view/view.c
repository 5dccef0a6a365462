/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_names[] = {
	[VIEW_TEXT] = "text",
	[VIEW_JSON] = "json",
	[VIEW_CSV] = "csv",
};

int view__by_name(const char *name)
{
	for (size_t i = 0; i < sizeof(format_names) / sizeof(format_names[0]); i++) {
		if (!strcmp(format_names[i], name))
			return (int)i;
	}
	return -EINVAL;
}

int view__print(enum view_format format, const struct report *report, bool first, FILE *out)
{
	switch (format) {
	case VIEW_TEXT:
		return view_text__print(report, out);
	case VIEW_JSON:
		return view_json__print(report, out);
	case VIEW_CSV:
		return view_csv__print(report, first, out);
	}
	return -EINVAL;
}

int view__finish(FILE *out)
{
	if (ferror(out))
		return errno ? -errno : -EIO;
	return fflush(out) ? -errno : 0;
}

/* Length of the UTF-8 sequence at s and its code point; 0 if it is not one (overlong forms and surrogates are not). */
static size_t decode(const unsigned char *s, uint32_t *code)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t n;

	if (s[0] < 0x80) {
		*code = s[0];
		return 1;
	}
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	*code = s[0] & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (s[i] & 0x3f);
	}
	if (*code < least[n] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
		return 0;
	return n;
}

/* C0, DEL and C1; line ends that are no ASCII; marks that make a name read as another one. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x61c || (code >= 0x200e && code <= 0x200f) ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

const char *view__escape(const char *text, char *buf, size_t size)
{
	const unsigned char *s = (const unsigned char *)text;
	static const char hex[] = "0123456789abcdef";
	size_t used = 0;

	if (!size)
		return buf;
	while (*s) {
		uint32_t code;
		size_t n = decode(s, &code);
		bool plain = n && !is_control(code);
		size_t bytes = n ? n : 1;
		size_t need = plain ? bytes : 4 * bytes;

		if (need >= size - used)
			break;
		for (size_t i = 0; i < bytes; i++, s++) {
			if (plain) {
				buf[used++] = (char)*s;
				continue;
			}
			buf[used++] = '\\';
			buf[used++] = 'x';
			buf[used++] = hex[*s >> 4];
			buf[used++] = hex[*s & 15];
		}
	}
	buf[used] = '\0';
	return buf;
}

char *view__escape_new(const char *text)
{
	size_t size = VIEW_ESCAPED_LEN(strlen(text));
	char *buf = malloc(size);

	if (buf)
		view__escape(text, buf, size);
	return buf;
}

bool view__run_warning(const struct size_counts *counts, const char *kind, char *buf, size_t size)
{
	uint64_t walks, failures;

	*buf = '\0';
	size_counts__walks(counts, &walks, &failures);
	if (!histogram__run_is_suspicious(walks, failures, counts->longest_failure_run))
		return false;
	snprintf(buf, size,
		 "%s: %" PRIu64 " walks in a row failed on one CPU, where %" PRIu64 " of %" PRIu64
		 " failed in all: not by chance",
		 kind, counts->longest_failure_run, failures, walks);
	return true;
}
