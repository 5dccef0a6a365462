/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A QEMU TCG plugin that logs the address of each memory access: qemu-aarch64 -plugin access_plugin.so,log=FILE.
 *
 * Debian has no header for plugins. These are the functions that are used, as docs/devel/tcg-plugins.rst of QEMU 7.2
 * describes them.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "access_log.h"

#define PLUGIN_VERSION 1
#define NO_REGISTERS 0
#define READS_AND_WRITES 3

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;

typedef void (*translation_fn)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*memory_fn)(unsigned int cpu, uint32_t info, uint64_t address, void *data);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translation_fn fn);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, memory_fn fn, int registers, int direction,
				      void *data);

extern const int qemu_plugin_version;
int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc, char **argv);

__attribute__((visibility("default"))) const int qemu_plugin_version = PLUGIN_VERSION;

static struct access_log *log_;

static void note_access(unsigned int cpu, uint32_t info, uint64_t address, void *data)
{
	uint64_t n = log_->n++;

	(void)cpu;
	(void)info;
	if (n >= ACCESS_LOG_MAX)
		return;
	log_->accesses[n].ip = (uint64_t)(uintptr_t)data;
	log_->accesses[n].address = address;
}

static void note_translation(uint64_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_mem_cb(insn, note_access, NO_REGISTERS, READS_AND_WRITES,
						 (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn));
	}
}

__attribute__((visibility("default"))) int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc,
							       char **argv)
{
	static const char option[] = "log=";
	int fd;

	(void)info;
	if (argc != 1 || strncmp(argv[0], option, sizeof(option) - 1) != 0)
		return 1;
	fd = open(argv[0] + sizeof(option) - 1, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return 1;
	log_ = mmap(NULL, sizeof(*log_), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (log_ == MAP_FAILED)
		return 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, note_translation);
	return 0;
}
