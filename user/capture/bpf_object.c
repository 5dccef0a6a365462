// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/bpf_object.h"
#include "capture/probe.h"
#include "capture/record_decode.h"
#include "mmuscope.skel.h"
#include "support/log.h"

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

static struct mmuscope_bpf *open_object(const char *btf_path)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = btf_path);
	struct btf *btf = probe__load_btf(btf_path);
	struct mmuscope_bpf *bpf;

	if (!btf) {
		int err = errno;

		log_error(
			"BTF of the running kernel (%s): %s; give its BTF with --btf FILE, or run a kernel built with "
			"CONFIG_DEBUG_INFO_BTF",
			btf_path ? btf_path : "/sys/kernel/btf/vmlinux", log__errstr(err));
		errno = err;
		return NULL;
	}
	libbpf_set_print(print_libbpf);
	bpf = mmuscope_bpf__open_opts(&opts);
	if (bpf)
		bpf->rodata->cfg_cast = probe__kfunc(btf, "bpf_cast_to_kern_ctx");
	else
		log_error("the BPF object cannot be opened: %s", log__errstr(errno));
	btf__free(btf);
	return bpf;
}

static int load_object(struct mmuscope_bpf *bpf)
{
	int err = mmuscope_bpf__load(bpf);

	if (err == -EPERM || err == -EACCES)
		log_error("the kernel refused the BPF programs: %s; run as root, or with CAP_BPF and CAP_PERFMON "
			  "(mmuscope "
			  "doctor says which are missing)",
			  log__errstr(err));
	else if (err)
		log_error("the kernel refused the BPF programs: %s; -v shows why, mmuscope doctor what this kernel has",
			  log__errstr(err));
	return err;
}

static struct mmuscope_bpf *finish(struct mmuscope_bpf *bpf, int err)
{
	if (!err)
		err = load_object(bpf);
	if (!err)
		return bpf;
	mmuscope_bpf__destroy(bpf);
	errno = -err;
	return NULL;
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
	struct mmuscope_bpf *bpf = open_object(config->btf);
	int err;

	if (!bpf)
		return NULL;
	bpf->rodata->cfg_sections = config->sections;
	bpf->rodata->cfg_record_size = record__size(config->sections);
	bpf->rodata->cfg_walk = config->walk;
	bpf->rodata->cfg_kernel = config->kernel;
	bpf->rodata->cfg_wake_bytes = config->buffer / 4;
	configure_events(bpf, config->events);
	err = bpf_program__set_autoload(bpf->progs.mmuscope_walk, false);
	if (!err)
		err = bpf_map__set_max_entries(bpf->maps.mmu_samples, config->highest_cpu + 1);
	if (!err)
		err = bpf_map__set_max_entries(bpf->maps.mmu_events, config->n_perf_fds);
	return finish(bpf, err);
}

struct mmuscope_bpf *bpf_object__open_walker(const char *btf)
{
	struct mmuscope_bpf *bpf = open_object(btf);

	if (!bpf)
		return NULL;
	return finish(bpf, bpf_program__set_autoload(bpf->progs.mmuscope_sample, false));
}
