// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "capture/pins.h"
#include "record.h"

#include "mmuscope.skel.h"
#include "support/error.h"
#include "support/log.h"

struct pins {
	char *dir;
	bool made_dir;
	char **paths;
	size_t n;
};

static int check_file_system(const char *dir)
{
	struct statfs fs;

	if (statfs(dir, &fs))
		return error__last();
	return fs.f_type == BPF_FS_MAGIC ? 0 : -EMEDIUMTYPE;
}

static int make_dir(struct pins *pins)
{
	if (!mkdir(pins->dir, 0700)) {
		pins->made_dir = true;
		return check_file_system(pins->dir);
	}
	return errno == EEXIST ? check_file_system(pins->dir) : error__last();
}

static int pin_fd(struct pins *pins, int fd, const char *name)
{
	char path[PATH_MAX];
	int err;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", pins->dir, name) >= sizeof(path))
		return -ENAMETOOLONG;
	err = bpf_obj_pin(fd, path);
	if (err)
		return err;
	pins->paths[pins->n] = strdup(path);
	if (!pins->paths[pins->n]) {
		unlink(path);
		return -ENOMEM;
	}
	pins->n++;
	return 0;
}

static int pin_all(struct pins *pins, struct mmuscope_bpf *bpf, const int *link_fds, size_t n_links)
{
	const struct {
		int fd;
		const char *name;
	} objects[] = {
		{bpf_program__fd(bpf->progs.mmuscope_sample), "mmuscope_sample"},
		{bpf_map__fd(bpf->maps.mmu_samples), "mmu_samples"},
		{bpf_map__fd(bpf->maps.mmu_counters), "mmu_counters"},
		{bpf_map__fd(bpf->maps.mmu_layout), "mmu_layout"},
		{bpf_map__fd(bpf->maps.mmu_events), "mmu_events"},
	};
	const size_t n_objects = sizeof(objects) / sizeof(objects[0]);
	char name[48];
	int err = 0;
	size_t i;

	pins->paths = calloc(n_objects + n_links, sizeof(*pins->paths));
	if (!pins->paths)
		return -ENOMEM;
	for (i = 0; i < n_objects && !err; i++)
		err = pin_fd(pins, objects[i].fd, objects[i].name);
	for (i = 0; i < n_links && !err; i++) {
		if (link_fds[i] < 0)
			continue; /* a kernel without perf links */
		snprintf(name, sizeof(name), "mmuscope_link_%zu", i);
		err = pin_fd(pins, link_fds[i], name);
	}
	return err;
}

static void explain(const char *dir, int err)
{
	if (err == -EMEDIUMTYPE)
		log_error("--pin %s: not on a BPF file system; mount one (mount -t bpf bpf /sys/fs/bpf) and name a "
			  "directory "
			  "in it",
			  dir);
	else if (err == -EEXIST)
		log_error("--pin %s: there are pins of another run in it; name another directory, or remove them", dir);
	else
		log_error("--pin %s: %s; name a directory on a BPF file system, below one that exists", dir,
			  log__errstr(err));
}

struct pins *pins__new(const char *dir, struct mmuscope_bpf *bpf, const int *link_fds, size_t n_links)
{
	struct pins *pins = calloc(1, sizeof(*pins));
	int err;

	if (!pins) {
		explain(dir, -ENOMEM);
		return NULL;
	}
	pins->dir = strdup(dir);
	err = pins->dir ? make_dir(pins) : -ENOMEM;
	if (!err)
		err = pin_all(pins, bpf, link_fds, n_links);
	if (err) {
		explain(dir, err);
		pins__free(pins);
		errno = -err;
		return NULL;
	}
	return pins;
}

void pins__free(struct pins *pins)
{
	size_t i;

	if (!pins)
		return;
	for (i = 0; i < pins->n; i++) {
		if (unlink(pins->paths[i]))
			log_warn("%s: cannot remove the pin: %s", pins->paths[i], log__errstr(errno));
		free(pins->paths[i]);
	}
	if (pins->made_dir && rmdir(pins->dir))
		log_warn("%s: cannot remove the directory: %s", pins->dir, log__errstr(errno));
	free(pins->paths);
	free(pins->dir);
	free(pins);
}
