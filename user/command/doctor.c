// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "command/command.h"

int command_doctor(const struct options *options)
{
	(void)options;
	return EXIT_FAILED;
}
