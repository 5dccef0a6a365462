// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "live.h"

json_t *json__at(json_t *root, const char *path)
{
	char buf[256], *rest = buf, *key;
	json_t *at = root;

	snprintf(buf, sizeof(buf), "%s", path);
	while (at && (key = strsep(&rest, ".")))
		at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10)) : json_object_get(at, key);
	if (!at)
		fail_msg("the JSON has no %s", path);
	return at;
}

int64_t json__int(json_t *root, const char *path)
{
	json_t *value = json__at(root, path);

	if (json_is_null(value))
		return -1;
	if (!json_is_integer(value))
		fail_msg("%s is not an integer", path);
	return json_integer_value(value);
}

const char *json__string(json_t *root, const char *path)
{
	const char *value = json_string_value(json__at(root, path));

	if (!value)
		fail_msg("%s is not a string", path);
	return value;
}

int64_t json__size(json_t *root, const char *section, const char *size, const char *source)
{
	json_t *sizes = json__at(json__at(root, section), "sizes"), *row;
	size_t i;

	json_array_foreach (sizes, i, row) {
		if (!strcmp(json__string(row, "size"), size))
			return json__int(row, source);
	}
	return 0;
}

int64_t json__none(json_t *root, const char *section, const char *reason, const char *source)
{
	json_t *reasons = json__at(json__at(json__at(root, section), "none"), source);
	json_t *count = json_object_get(reasons, reason);

	return count ? json_integer_value(count) : 0;
}

static void assert_section_exact(json_t *section, const char *source)
{
	json_t *row, *count;
	const char *reason;
	int64_t sum = 0;
	size_t i;

	json_array_foreach (json__at(section, "sizes"), i, row)
		sum += json__int(row, source);
	json_object_foreach (json__at(json__at(section, "none"), source), reason, count)
		sum += json_integer_value(count);
	assert_int_equal(sum, json__int(section, "samples"));
	assert_int_equal(json__int(section, "compared"), json__int(section, "agree") + json__int(section, "differ"));
}

static void assert_account_exact(json_t *account)
{
	int64_t lost = json__int(account, "lost");

	assert_int_equal(lost,
			 json__int(account, "lost_by_cause.ring_full") + json__int(account, "lost_by_cause.ring_busy"));
	assert_int_equal(json__int(account, "seen"),
			 json__int(account, "emitted") + json__int(account, "filtered") + lost);
}

void json__assert_exact(json_t *root)
{
	static const char *const sums[] = {"seen", "emitted", "filtered", "lost"};
	json_t *total = json__at(root, "accounting"), *event;
	size_t i, k;

	assert_account_exact(total);
	for (k = 0; k < sizeof(sums) / sizeof(sums[0]); k++) {
		int64_t sum = 0;

		json_array_foreach (json__at(root, "events"), i, event)
			sum += json__int(json__at(event, "accounting"), sums[k]);
		assert_int_equal(sum, json__int(total, sums[k]));
	}
	json_array_foreach (json__at(root, "events"), i, event)
		assert_account_exact(json__at(event, "accounting"));
	assert_int_equal(json__int(root, "data.samples"), json__int(total, "emitted"));
	assert_int_equal(json__int(root, "code.samples"), json__int(total, "emitted"));
	assert_section_exact(json__at(root, "data"), "walk");
	assert_section_exact(json__at(root, "data"), "kernel");
	assert_section_exact(json__at(root, "code"), "walk");
	assert_section_exact(json__at(root, "code"), "kernel");
}
