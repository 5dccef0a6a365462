/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF object for kernels without BTF of their own (bpf/kernel_compat.h: MMUSCOPE_NO_KFUNC).
 */
#ifndef MMUSCOPE_CAPTURE_BPF_PLAIN_H
#define MMUSCOPE_CAPTURE_BPF_PLAIN_H

#include <stddef.h>

/* The ELF file, and its size in bytes. */
const void *bpf_plain__bytes(size_t *size);

#endif
