/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A directory tree in memory that stands for sysfs.
 */
#ifndef MMUSCOPE_TESTS_FUZZ_TREE_H
#define MMUSCOPE_TESTS_FUZZ_TREE_H

#include <stddef.h>

#define TREE_TEMPLATE "/dev/shm/mmuscope-fuzz-XXXXXX"

/* Writes a file, making its directories. */
void tree__put(const char *root, const char *name, const char *content, size_t size);
/* Removes the tree and all in it. */
void tree__remove(const char *root);

#endif
