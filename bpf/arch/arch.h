/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one place of bpf/ that chooses an architecture: a BPF object is told by __TARGET_ARCH_…, as libbpf is; the loader is of
 * the machine that it is compiled for. Tests define __TARGET_ARCH_… to compile another one's.
 */
#ifndef MMUSCOPE_ARCH_ARCH_H
#define MMUSCOPE_ARCH_ARCH_H

#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_arm64)
/* Said by the build. */
/* libbpf's names. NOLINTBEGIN(bugprone-reserved-identifier) */
#elif !defined(__bpf__) && defined(__x86_64__)
#define __TARGET_ARCH_x86
#elif !defined(__bpf__) && defined(__aarch64__)
#define __TARGET_ARCH_arm64
/* NOLINTEND(bugprone-reserved-identifier) */
#else
#error "mmuscope does not know this architecture yet: add bpf/arch/<arch>.h and bpf/arch/<arch>_numbers.h"
#endif

#endif
