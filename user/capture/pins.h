/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * --pin DIR: the program, its links and its maps as files, so that bpftool can look at them by path.
 */
#ifndef MMUSCOPE_CAPTURE_PINS_H
#define MMUSCOPE_CAPTURE_PINS_H

#include <stddef.h>

struct mmuscope_bpf;
struct pins;

/*
 * Makes `dir` if it is not there (its parent must be, on a BPF file system) and pins mmuscope_sample, mmuscope_link_N and
 * the maps in it. On failure logs a sentence, removes what it made and returns NULL with errno set.
 */
struct pins *pins__new(const char *dir, struct mmuscope_bpf *bpf, const int *link_fds, size_t n_links);

/* Removes every file it made, and the directory if it made that. */
void pins__free(struct pins *pins);

#endif
