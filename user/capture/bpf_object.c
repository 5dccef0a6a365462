// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/bpf_object.h"
#include "capture/bpf_plain.h"
#include "capture/probe.h"
#include "capture/record_decode.h"
#include "mmuscope.skel.h"
#include "support/log.h"

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
	__attribute__((format(printf, 2, 0)));

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text = NULL;
	size_t length;

	(void)level;
	if (log__level() < LOG_DEBUG || vasprintf(&text, format, args) < 0)
		return 0;
	length = strlen(text);
	if (length && text[length - 1] == '\n')
		text[length - 1] = '\0';
	log_debug("%s", text);
	free(text);
	return 0;
}

/*
 * As mmuscope_bpf__open_opts() does, but over the bytes of the plain object: it has the same maps, programs and globals, and
 * names no kfunc (bpf/kernel_compat.h).
 */
static struct mmuscope_bpf *open_plain(const struct bpf_object_open_opts *opts)
{
	struct mmuscope_bpf *bpf = calloc(1, sizeof(*bpf));
	int err = bpf ? mmuscope_bpf__create_skeleton(bpf) : -ENOMEM;

	if (!err) {
		bpf->skeleton->data = (void *)bpf_plain__bytes(&bpf->skeleton->data_sz);
		err = bpf_object__open_skeleton(bpf->skeleton, opts);
	}
	if (!err)
		return bpf;
	mmuscope_bpf__destroy(bpf);
	errno = -err;
	return NULL;
}

/* libbpf reads --btf only at load, and then does not say that it was this file. Returns 0, or -errno with a message. */
static int check_btf_file(const char *path)
{
	struct btf *btf = probe__load_btf(path);
	int err = btf ? 0 : errno;

	btf__free(btf);
	if (err >= __LIBBPF_ERRNO__START)
		err = EINVAL; /* a file, but not of BTF */
	if (err)
		log_error("BTF of the running kernel (%s): %s; give a file that holds it with --btf FILE", path,
			  log__errstr(err));
	return -err;
}

/* `*from_kernel`: the kernel has BTF of its own. */
static struct mmuscope_bpf *open_object(const char *btf_path, bool *from_kernel)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf_path);
	struct mmuscope_bpf *bpf;
	struct btf *btf;
	bool cast;
	int err;

	libbpf_set_print(print_libbpf);
	btf = probe__load_btf(NULL);
	err = errno;
	*from_kernel = btf != NULL;
	if (!btf && !btf_path) {
		log_error("BTF of the running kernel (/sys/kernel/btf/vmlinux): %s; give its BTF with --btf FILE, or "
			  "run a "
			  "kernel built with CONFIG_DEBUG_INFO_BTF",
			  log__errstr(err));
		errno = err;
		return NULL;
	}
	/* Before 5.16 a kernel refuses a kfunc it does not know even in dead code: so the plain object serves there too. */
	cast = probe__kfunc(btf, "bpf_cast_to_kern_ctx");
	bpf = cast ? mmuscope_bpf__open_opts(&opts) : open_plain(&opts);
	err = errno;
	if (bpf)
		bpf->rodata->cfg_cast = cast;
	else
		log_error("the BPF object cannot be opened: %s", log__errstr(err));
	btf__free(btf);
	errno = err;
	return bpf;
}

static int load_object(struct mmuscope_bpf *bpf, const char *btf_path)
{
	int err = mmuscope_bpf__load(bpf);
	bool perhaps_btf = err == -ENOENT || err == -EIO || err == -EISDIR || err <= -__LIBBPF_ERRNO__START;

	if (perhaps_btf && btf_path && check_btf_file(btf_path))
		return err;
	if (err == -EPERM || err == -EACCES)
		log_error("the kernel refused the BPF programs: %s; run as root, or with CAP_BPF and CAP_PERFMON "
			  "(mmuscope doctor says which are missing)",
			  log__errstr(err));
	else if (err)
		log_error("the kernel refused the BPF programs: %s; -v shows why, mmuscope doctor what this kernel has",
			  log__errstr(err));
	return err;
}

static struct mmuscope_bpf *finish(struct mmuscope_bpf *bpf, const char *btf_path, int err)
{
	if (err)
		log_error("the BPF object cannot be configured: %s", log__errstr(err));
	else
		err = load_object(bpf, btf_path);
	if (!err)
		return bpf;
	mmuscope_bpf__destroy(bpf);
	errno = -err;
	return NULL;
}

/* Clocks name no address; the operand resolver does it for them. */
static void configure_operands(struct mmuscope_bpf *bpf, const struct bpf_object_config *config)
{
	unsigned int sections = config->sections | MMU_SECTION_TASK | MMU_SECTION_PLACE | MMU_SECTION_CODE;
	size_t i;

	for (i = 0; i < config->events->n; i++) {
		if (config->events->events[i].is_clock)
			bpf->rodata->cfg_operand[i] = config->operand;
	}
	bpf->rodata->cfg_operand_key = config->operand_key;
	bpf->rodata->cfg_operand_mask = config->operand_slots - 1;
	bpf->rodata->cfg_late_sections = sections;
	bpf->rodata->cfg_late_size = record__size(sections);
}

static void configure_events(struct mmuscope_bpf *bpf, const struct event_list *events)
{
	size_t i;

	bpf->rodata->cfg_n_events = events->n;
	for (i = 0; i < events->n; i++) {
		const struct event *event = &events->events[i];
		__u8 exclude = 0;

		bpf->rodata->cfg_origin[i] = event->origin;
		if (event->cannot_exclude && event->attr.exclude_user)
			exclude |= 1 << MMU_MODE_USER;
		if (event->cannot_exclude && event->attr.exclude_kernel)
			exclude |= 1 << MMU_MODE_KERNEL | 1 << MMU_MODE_IDLE;
		bpf->rodata->cfg_exclude[i] = exclude;
	}
}

struct mmuscope_bpf *bpf_object__open_sampler(const struct bpf_object_config *config)
{
	bool from_kernel;
	struct mmuscope_bpf *bpf = open_object(config->btf, &from_kernel);
	int err;

	if (!bpf)
		return NULL;
	bpf->rodata->cfg_sections = config->sections;
	bpf->rodata->cfg_record_size = record__size(config->sections);
	bpf->rodata->cfg_walk = config->walk;
	bpf->rodata->cfg_kernel = config->kernel;
	bpf->rodata->cfg_wake_bytes = config->buffer / 4;
	configure_events(bpf, config->events);
	if (config->operand)
		configure_operands(bpf, config);
	err = bpf_program__set_autoload(bpf->progs.mmuscope_walk, config->operand && from_kernel);
	if (!err && config->operand)
		err = bpf_map__set_max_entries(bpf->maps.mmu_operands, config->operand_slots);
	if (!err)
		err = bpf_map__set_max_entries(bpf->maps.mmu_samples, config->highest_cpu + 1);
	if (!err)
		err = bpf_map__set_max_entries(bpf->maps.mmu_events, config->n_perf_fds);
	return finish(bpf, config->btf, err);
}

struct mmuscope_bpf *bpf_object__open_walker(const char *btf)
{
	bool from_kernel;
	struct mmuscope_bpf *bpf = open_object(btf, &from_kernel);

	if (!bpf)
		return NULL;
	if (!from_kernel) {
		log_error("walk: a BPF iterator needs the BTF that the kernel itself has, and this one has none; --btf "
			  "serves hist only");
		mmuscope_bpf__destroy(bpf);
		errno = ENOTSUP;
		return NULL;
	}
	return finish(bpf, btf, bpf_program__set_autoload(bpf->progs.mmuscope_sample, false));
}
