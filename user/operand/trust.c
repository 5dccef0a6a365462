// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "trust.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_roots(const struct stat *stat)
{
	return !stat->st_uid && !(stat->st_mode & (S_IWGRP | S_IWOTH));
}

static bool is_system_path(const char *path)
{
	static const char *const roots[] = {"/usr/", "/lib/", "/lib32/", "/lib64/", "/bin/", "/sbin/", "/opt/"};

	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++)
		if (!strncmp(path, roots[i], strlen(roots[i])))
			return true;
	return false;
}

/* All directories on the way; the path comes from the kernel, and has no links in it. */
static bool is_way_roots(char *path)
{
	struct stat stat;

	for (char *slash = path; slash; slash = strchr(slash + 1, '/')) {
		char kept = slash[1];

		slash[1] = '\0';
		if (lstat(path, &stat) || !S_ISDIR(stat.st_mode) || !is_roots(&stat))
			return false;
		slash[1] = kept;
	}
	return true;
}

bool trust__is_system_file(int fd)
{
	char link[64], path[PATH_MAX];
	struct stat opened, found;
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n <= 0 || n == (ssize_t)sizeof(path) - 1)
		return false;
	path[n] = '\0';
	/* The path is the file's in its own mount namespace: what is there in ours may be another, or nothing. */
	return is_system_path(path) && !fstat(fd, &opened) && !lstat(path, &found) && S_ISREG(found.st_mode) &&
	       opened.st_dev == found.st_dev && opened.st_ino == found.st_ino && is_roots(&found) && is_way_roots(path);
}
