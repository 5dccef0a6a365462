// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A COMMAND for test_operand: loads words at random places of memory on 2M pages.
 *   subject_operand NAME MIB MS [READY_FD GO_FD]
 * Calls itself NAME once that begins, so that its start can be told apart; before, writes a byte to READY_FD and awaits
 * one from GO_FD.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "subject_operand.h"

#define HUGE (2UL << 20)

static uint64_t map_huge(uint64_t bytes)
{
	char *at = mmap(NULL, bytes + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *array = (char *)(((uintptr_t)at + HUGE - 1) & ~(HUGE - 1));

	if (at == MAP_FAILED || madvise(array, bytes, MADV_HUGEPAGE)) {
		perror("subject_operand: memory");
		exit(1);
	}
	memset(array, 1, bytes);
	return (uintptr_t)array;
}

int main(int argc, char **argv)
{
	uint64_t bytes, array;
	char byte = 0;

	if (argc != 4 && argc != 6)
		return 2;
	bytes = strtoull(argv[2], NULL, 10) << 20;
	array = map_huge(bytes);
	if (argc == 6 && (write(atoi(argv[4]), &byte, 1) != 1 || read(atoi(argv[5]), &byte, 1) != 1))
		return 1;
	prctl(PR_SET_NAME, argv[1]);
	operand_spend(operand_hash, array, bytes, 0, strtoull(argv[3], NULL, 10));
	return 0;
}
