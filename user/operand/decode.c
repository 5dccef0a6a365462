/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "decode.h"

const struct insn_effect *insn__effect(const struct insn *insn, unsigned int reg)
{
	for (unsigned int i = 0; i < insn->n_effects; i++)
		if (insn->effects[i].reg == reg)
			return &insn->effects[i];
	return NULL;
}
