/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An arm64 program under qemu-aarch64, stepped by GDB's remote protocol. Everything here ends the program with status 2 and a
 * sentence when QEMU does not answer as it should.
 */
#ifndef MMUSCOPE_TEST_GUEST_H
#define MMUSCOPE_TEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "recipe.h"

#include "access_log.h"

struct guest;

/* Starts qemu-aarch64 with the plugin on `command`; `root` has the program's libraries. The program has not begun yet. */
struct guest *guest__start(const char *plugin, const char *root, char **command);
void guest__kill(struct guest *guest);

pid_t guest__pid(const struct guest *guest);

/* x0 … x30, SP and PC, numbered as in recipes. */
void guest__registers(struct guest *guest, __u64 regs[MMU_REG_COUNT]);

/* Executes one instruction, and says what it accessed. Returns false once the program has ended. */
bool guest__step(struct guest *guest, const struct access_log **log);

/* Lets it run for so much time. Returns false once the program has ended. */
bool guest__run(struct guest *guest, unsigned int milliseconds);

/* QEMU maps a program's memory where the program thinks it is. */
bool guest__read(const struct guest *guest, uint64_t address, void *to, size_t n);

#endif
