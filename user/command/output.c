// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "command/output.h"
#include "support/error.h"
#include "support/log.h"

int output__open(const char *path, FILE **out)
{
	int fd, err;

	*out = stdout;
	if (!path)
		return 0;
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	*out = fd < 0 ? NULL : fdopen(fd, "w");
	if (*out)
		return 0;
	err = error__last();
	log_error("-o %s: %s; name a file in a directory that can be written", path, log__errstr(err));
	if (fd >= 0)
		close(fd);
	return err;
}

void output__explain(const char *path, int err)
{
	if (err != -EPIPE)
		log_error("%s: cannot write: %s", path ? path : "standard output", log__errstr(err));
}

int output__close(const char *path, FILE *out, int err)
{
	int last = 0;

	if (path ? fclose(out) : fflush(out))
		last = error__last();
	if (err)
		return err;
	if (last)
		output__explain(path, last);
	return last;
}
