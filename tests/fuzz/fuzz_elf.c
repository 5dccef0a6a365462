/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as an ELF file: code_image__from_file(), and what the image says afterwards, also of a file that was cut off.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "code.h"

/* A file of this size takes a fraction of a second to look through. */
#define MAX_CODE (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct code_image *image;

	FUZZ_CHECK(fd >= 0);
	FUZZ_CHECK(!size || write(fd, data, size) == (ssize_t)size);
	errno = 0;
	image = code_image__from_file(fd, MAX_CODE, NULL);
	FUZZ_CHECK(image || errno == ENOEXEC || errno == EFBIG || errno == E2BIG);
	if (image) {
		fuzz__ask_image(image, data, size, 0);
		FUZZ_CHECK(!ftruncate(fd, (off_t)size / 2));
		fuzz__ask_image(image, data, size, 0);
	}
	code_image__free(image);
	close(fd);
	return 0;
}
