/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fuzz.h"

struct fuzz_messages fuzz_messages;

void fuzz__log(enum log_level level, const char *format, va_list args)
{
	char *text;
	int n = vasprintf(&text, format, args);

	FUZZ_CHECK(n >= 0);
	FUZZ_CHECK(!strchr(text, '\n'));
	snprintf(fuzz_messages.last, sizeof(fuzz_messages.last), "%.*s", (int)sizeof(fuzz_messages.last) - 1, text);
	fuzz_messages.errors += level == LOG_ERROR;
	free(text);
}
