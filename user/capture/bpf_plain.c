// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "record.h"

#include "capture/bpf_plain.h"
#include "mmuscope_plain.skel.h"

const void *bpf_plain__bytes(size_t *size)
{
	return mmuscope_plain_bpf__elf_bytes(size);
}
