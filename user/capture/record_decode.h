/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From bytes of a ring to a sample.
 */
#ifndef MMUSCOPE_CAPTURE_RECORD_DECODE_H
#define MMUSCOPE_CAPTURE_RECORD_DECODE_H

#include <stddef.h>

#include "model/sample.h"

/* Bytes of a record with these sections (enum mmu_section). */
size_t record__size(unsigned int sections);

/*
 * Decodes one record of `size` bytes. Trusts nothing in it: kind, sections, length, event, mode, origin and outcomes are
 * checked. Returns RECORD_SAMPLE; RECORD_LATE with *code filled, for a sample whose operand is yet to be resolved; or
 * -EBADMSG with *sample undefined.
 */
enum record_result { RECORD_SAMPLE = 0, RECORD_LATE = 1 };

int record__decode(const void *bytes, size_t size, unsigned int n_events, struct sample *sample, struct mmu_code *code);

#endif
