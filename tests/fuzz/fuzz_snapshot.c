/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Any bytes as a copy of a process's code: code_image__from_bytes(). Input: the address, then the code.
 */
#include <errno.h>

#include "code.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = {.data = data, .size = size};
	struct code_image *image;
	uint64_t address;
	uint8_t *bytes;
	size_t n;

	fuzz__take(&input, &address, sizeof(address));
	n = input.size;
	bytes = fuzz__copy(input.data, n);
	image = code_image__from_bytes(bytes, n, address);
	FUZZ_CHECK(image || errno == EINVAL);
	FUZZ_CHECK(!image == (!n || address + n < address));
	if (image)
		fuzz__ask_image(image, bytes, n, address);
	code_image__free(image);
	free(bytes);
	return 0;
}
