/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "cgroups.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <limits.h>
#include <mntent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "support/error.h"

/* Ids are never used again (the upper half counts the uses of the lower), so what is known stays true. */
#define MAX_KNOWN 16384

#define KERNFS_HANDLE 0xfe /* FILEID_KERNFS, include/linux/exportfs.h: the handle is the id. 5.5, 33c5ac9175 */

struct cgroup {
	uint64_t id;
	const struct name *name;
	UT_hash_handle hh;
};

struct cgroups {
	struct names *names;
	struct cgroup *table;
	struct cgroup *last;
	char *mount;
	int fd; /* of the mount point; -1: none */
};

int cgroups__mount(char *path, size_t size)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *mount;
	int err = -ENOENT;

	if (!mounts)
		return -ENOENT;
	while (err && (mount = getmntent(mounts))) {
		if (!strcmp(mount->mnt_type, "cgroup2") && (size_t)snprintf(path, size, "%s", mount->mnt_dir) < size)
			err = 0;
	}
	endmntent(mounts);
	return err;
}

struct cgroups *cgroups__new(struct names *names, const char *mount)
{
	struct cgroups *cgroups = calloc(1, sizeof(*cgroups));

	if (!cgroups)
		return NULL;
	cgroups->names = names;
	cgroups->fd = -1;
	if (!mount)
		return cgroups;
	cgroups->mount = strdup(mount);
	if (!cgroups->mount) {
		free(cgroups);
		errno = ENOMEM;
		return NULL;
	}
	cgroups->fd = open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return cgroups;
}

static void forget(struct cgroups *cgroups, struct cgroup *cgroup)
{
	HASH_DEL(cgroups->table, cgroup);
	name__put(cgroup->name);
	free(cgroup);
	cgroups->last = NULL;
}

void cgroups__free(struct cgroups *cgroups)
{
	if (!cgroups)
		return;
	/* The analyzer does not see that HASH_DEL() unlinked what was freed. NOLINTBEGIN(clang-analyzer-unix.Malloc) */
	while (cgroups->table)
		forget(cgroups, cgroups->table);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
	if (cgroups->fd >= 0)
		close(cgroups->fd);
	free(cgroups->mount);
	free(cgroups);
}

/* The part of a path below the mount point. */
static const char *below(const struct cgroups *cgroups, const char *path)
{
	size_t length = strlen(cgroups->mount);

	if (strncmp(path, cgroups->mount, length) != 0)
		return NULL;
	return path[length] ? path + length : "/";
}

/* By handle: takes CAP_DAC_READ_SEARCH. Returns 0, -ESTALE when the cgroup is gone, or another -errno. */
static int by_handle(const struct cgroups *cgroups, uint64_t id, char path[PATH_MAX])
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(id)];
	} with = {.handle = {.handle_bytes = sizeof(id), .handle_type = KERNFS_HANDLE}};
	char link[64];
	ssize_t n;
	int fd;

	memcpy(with.handle.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(cgroups->fd, &with.handle, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error__last();
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	close(fd);
	if (n < 0)
		return error__last();
	path[n] = '\0';
	return 0;
}

/* Without that right: all directories, until one has the id for its inode. Returns 0 or -ESTALE. */
static int by_walking(const struct cgroups *cgroups, uint64_t id, char path[PATH_MAX])
{
	char *const roots[] = {cgroups->mount, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	int err = -ESTALE;
	FTSENT *entry;

	if (!tree)
		return error__last();
	while (err && (entry = fts_read(tree))) {
		if (entry->fts_info == FTS_D && entry->fts_statp->st_ino == id &&
		    (size_t)snprintf(path, PATH_MAX, "%s", entry->fts_path) < PATH_MAX)
			err = 0;
	}
	fts_close(tree);
	return err;
}

static const struct name *name_of(struct cgroups *cgroups, uint64_t id)
{
	char path[PATH_MAX], text[32];
	const char *shown = NULL;
	int err = -ENOENT;

	if (cgroups->fd >= 0)
		err = by_handle(cgroups, id, path);
	if (err == -EPERM || err == -EOPNOTSUPP)
		err = by_walking(cgroups, id, path);
	if (!err)
		shown = below(cgroups, path);
	if (!shown && err == -ESTALE)
		shown = "[removed]";
	if (!shown) {
		snprintf(text, sizeof(text), "[id %" PRIu64 "]", id);
		shown = text;
	}
	return names__get(cgroups->names, shown, strlen(shown));
}

const struct name *cgroups__find(struct cgroups *cgroups, uint64_t id)
{
	struct cgroup *cgroup = cgroups->last;

	if (cgroup && cgroup->id == id)
		return cgroup->name;
	HASH_FIND(hh, cgroups->table, &id, sizeof(id), cgroup);
	if (cgroup) {
		cgroups->last = cgroup;
		return cgroup->name;
	}
	if (HASH_COUNT(cgroups->table) >= MAX_KNOWN)
		forget(cgroups, cgroups->table);
	cgroup = calloc(1, sizeof(*cgroup));
	if (!cgroup)
		return NULL;
	cgroup->id = id;
	cgroup->name = name_of(cgroups, id);
	/* The analyzer does not see that HASH_DEL() unlinked what was freed. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
	HASH_ADD(hh, cgroups->table, id, sizeof(cgroup->id), cgroup);
	if (!cgroup->name || !cgroup->hh.tbl) {
		if (cgroup->hh.tbl)
			HASH_DEL(cgroups->table, cgroup);
		name__put(cgroup->name);
		free(cgroup);
		return NULL;
	}
	cgroups->last = cgroup;
	return cgroup->name;
}
