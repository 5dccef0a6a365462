/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one way to standard error. A message names the object, what failed, the errno in words and the remedy.
 */
#ifndef MMUSCOPE_SUPPORT_LOG_H
#define MMUSCOPE_SUPPORT_LOG_H

enum log_level {
	LOG_ERROR, /* always shown */
	LOG_WARN,  /* not with -q */
	LOG_INFO,  /* not with -q */
	LOG_DEBUG, /* with -v; libbpf's own messages too */
};

/* Shows everything up to `level` from now on. Default: LOG_INFO. */
void log__set_level(enum log_level level);
enum log_level log__level(void);

/* Prints "mmuscope: " + the message + newline (given without one) in one write. */
void log__print(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Text of an errno, given positive or negative: "Permission denied (EACCES)". Static, thread-local storage. */
const char *log__errstr(int err);

#define log_error(...) log__print(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log__print(LOG_WARN, __VA_ARGS__)
#define log_info(...) log__print(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log__print(LOG_DEBUG, __VA_ARGS__)

#endif
