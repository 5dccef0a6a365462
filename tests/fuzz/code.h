/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the targets of code images share: asks an image about places in and around its code.
 */
#ifndef MMUSCOPE_TESTS_FUZZ_CODE_H
#define MMUSCOPE_TESTS_FUZZ_CODE_H

#include "fuzz.h"
#include "operand/code_image.h"

/* Windows at places of the `n` bytes that stand at `place`; recipes are made of those that fit. */
void fuzz__ask_image(const struct code_image *image, const uint8_t *bytes, size_t n, uint64_t place);

#endif
