/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which files may speak for the code of all processes.
 */
#ifndef MMUSCOPE_OPERAND_TRUST_H
#define MMUSCOPE_OPERAND_TRUST_H

#include <stdbool.h>

/*
 * Is this open file one of the system's: below /usr, /lib… or /opt as we ourselves see them, and neither it nor a directory
 * on its way for anybody but root to write? Others can be made, or changed, by whom they would mislead us about: a container's
 * own files are among them. False also when it cannot be told.
 */
bool trust__is_system_file(int fd);

#endif
