/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One function per subcommand. Each logs what went wrong and returns an enum exit_status.
 */
#ifndef MMUSCOPE_COMMAND_COMMAND_H
#define MMUSCOPE_COMMAND_COMMAND_H

#include "command/options.h"

int command_hist(const struct options *options);
int command_walk(const struct options *options);
int command_doctor(const struct options *options);

#endif
