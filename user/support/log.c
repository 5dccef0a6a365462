// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* strerrorname_np(); NOLINT(bugprone-reserved-identifier): the name is glibc's */
#endif

#include "support/log.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Linux returns it to BPF and perf callers, and no libc knows it. */
#define KERNEL_ENOTSUPP 524

#define PREFIX "mmuscope: "
#define PREFIX_LEN (sizeof(PREFIX) - 1)

static atomic_int shown_level = LOG_INFO;

void log__set_level(enum log_level level)
{
	atomic_store(&shown_level, (int)level);
}

enum log_level log__level(void)
{
	return (enum log_level)atomic_load(&shown_level);
}

/*
 * Messages quote file names, command lines and the verifier: no terminal may obey what those hold. Lengths stay, so the
 * text needs no second buffer. C1 controls arrive as two bytes of UTF-8.
 */
static void disarm(char *text, size_t len)
{
	unsigned char *bytes = (unsigned char *)text;

	for (size_t i = 0; i < len; i++) {
		if ((bytes[i] < 0x20 && bytes[i] != '\n' && bytes[i] != '\t') || bytes[i] == 0x7f)
			bytes[i] = '?';
		else if (bytes[i] == 0xc2 && i + 1 < len && bytes[i + 1] >= 0x80 && bytes[i + 1] < 0xa0)
			bytes[i] = bytes[i + 1] = '?';
	}
}

/* One write, so that the lines of several threads and of COMMAND do not mix. There is nobody to tell when it fails. */
static void write_once(const char *text, size_t len)
{
	ssize_t n;

	do
		n = write(STDERR_FILENO, text, len);
	while (n < 0 && errno == EINTR);
}

void log__print(enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	char small[1024] = PREFIX;
	char *text = small;
	size_t size = sizeof(small);
	size_t len;
	va_list args, again;
	int n;

	if ((int)level > atomic_load(&shown_level))
		return;

	va_start(args, format);
	va_copy(again, args);
	n = vsnprintf(small + PREFIX_LEN, size - PREFIX_LEN, format, args);
	va_end(args);
	len = PREFIX_LEN + (n > 0 ? (size_t)n : 0);
	if (len + 1 > size) {
		/* Without memory the message is cut to what the stack holds: better than none. */
		text = malloc(len + 2);
		if (text) {
			size = len + 2;
			memcpy(text, PREFIX, PREFIX_LEN);
			vsnprintf(text + PREFIX_LEN, size - PREFIX_LEN, format, again);
		} else {
			text = small;
			len = size - 1;
		}
	}
	va_end(again);

	disarm(text, len);
	text[len++] = '\n';
	write_once(text, len);
	if (text != small)
		free(text);
	errno = saved_errno;
}

const char *log__errstr(int err)
{
	static _Thread_local char text[128];
	const char *words, *name;

	if (err < 0)
		err = err == INT_MIN ? INT_MAX : -err;
	if (err == 0)
		return "Success";
	if (err == KERNEL_ENOTSUPP)
		return "Not supported by this kernel (ENOTSUPP)";

	words = strerrordesc_np(err);
	name = strerrorname_np(err);
	if (words && name)
		snprintf(text, sizeof(text), "%s (%s)", words, name);
	else
		snprintf(text, sizeof(text), "Unknown error %d", err);
	return text;
}
