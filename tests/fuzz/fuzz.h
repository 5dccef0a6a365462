/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the fuzz targets share. A target is a file fuzz_NAME.c with LLVMFuzzerTestOneInput(); its inputs are in
 * corpus/NAME/. In the preset `fuzz` libFuzzer drives it, elsewhere replay.c does, over the corpus alone.
 *
 * A target checks what its reader promises, not only that it survives.
 */
#ifndef MMUSCOPE_TESTS_FUZZ_H
#define MMUSCOPE_TESTS_FUZZ_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* May be left out (weak in replay.c and libFuzzer). */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* A promise of the reader. Unlike assert(), it stays in every build. */
#define FUZZ_CHECK(condition)                                                                                          \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: broken promise: %s\n", __FILE__, __LINE__, #condition);                \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

/* What is left of an input. */
struct fuzz_input {
	const uint8_t *data;
	size_t size;
};

/* Takes `size` bytes off the front; zeros where the input has ended. */
static inline void fuzz__take(struct fuzz_input *input, void *to, size_t size)
{
	size_t n = size < input->size ? size : input->size;

	memset(to, 0, size);
	if (n)
		memcpy(to, input->data, n);
	input->data += n;
	input->size -= n;
}

static inline uint8_t fuzz__byte(struct fuzz_input *input)
{
	uint8_t byte;

	fuzz__take(input, &byte, sizeof(byte));
	return byte;
}

/* A copy on the heap of exactly that size: one byte beyond it is an error to AddressSanitizer. */
static inline void *fuzz__copy(const void *data, size_t size)
{
	void *copy = malloc(size ? size : 1);

	FUZZ_CHECK(copy);
	if (size)
		memcpy(copy, data, size);
	return copy;
}

/* Likewise as a string, which ends at the first NUL of the input or behind its end. */
static inline char *fuzz__string(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_CHECK(text);
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';
	return text;
}

/* Messages are formatted, so that their arguments are read, and counted. */
struct fuzz_messages {
	unsigned int errors;
	char last[4096];
};

extern struct fuzz_messages fuzz_messages;

/* For the target's __wrap_log__print(), which has to stand in the target's own source. */
void fuzz__log(enum log_level level, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

#define FUZZ_CATCH_LOG()                                                                                               \
	void __wrap_log__print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));   \
	void __wrap_log__print(enum log_level level, const char *format, ...)                                          \
	{                                                                                                              \
		va_list args;                                                                                          \
                                                                                                                       \
		va_start(args, format);                                                                                \
		fuzz__log(level, format, args);                                                                        \
		va_end(args);                                                                                          \
	}

#endif
