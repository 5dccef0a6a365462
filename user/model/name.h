/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Names that are too long to be copied with each sample: mappings, cgroups. Each text exists once, so two names of one
 * table are equal when their pointers are. A name lives as long as somebody holds it.
 */
#ifndef MMUSCOPE_MODEL_NAME_H
#define MMUSCOPE_MODEL_NAME_H

#include <stddef.h>

/* Longer texts are cut: PATH_MAX, and room for what the kernel puts around a path. */
#define NAME_TEXT_MAX 4127

struct name;
struct names;

/* NULL with errno ENOMEM. */
struct names *names__new(void);
/* All names must have been put. NULL is allowed. */
void names__free(struct names *names);
size_t names__count(const struct names *names);

/*
 * The name of this text, to be put. It need not be terminated; what follows a zero byte is left out. NULL with errno
 * ENOMEM.
 */
const struct name *names__get(struct names *names, const char *text, size_t length);

const char *name__text(const struct name *name);
const struct name *name__hold(const struct name *name);
/* NULL is allowed. */
void name__put(const struct name *name);

#endif
