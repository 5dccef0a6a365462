/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The mappings of one address space as they are known: by address, none over another. Whoever learns of a mapping, a
 * reader of /proc or of side-band records, puts it here; what it covers of older ones is forgotten.
 */
#ifndef MMUSCOPE_PROCESS_MAPS_H
#define MMUSCOPE_PROCESS_MAPS_H

#include <stddef.h>
#include <stdint.h>

#include "model/name.h"
#include "process/proc_maps.h"

struct map {
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* into the file */
	uint64_t inode;  /* 0: no file */
	dev_t device;
	unsigned int flags; /* enum proc_map_flag */
	uint32_t round;     /* of the owner's clock: when it was last seen to be there */
	const struct name *name;
};

struct maps {
	struct map *maps; /* by address */
	size_t n;
	size_t room;
	size_t last; /* found; most samples ask for the same mapping as the one before */
};

void maps__free(struct maps *maps);

/* NULL: none holds the address. Good until the next put or free. */
struct map *maps__find(struct maps *maps, uint64_t address);

/*
 * Takes over the name. Returns 0 or -ENOMEM, then the name is put and nothing has changed. Putting in the order of
 * addresses costs nothing extra; anywhere else, what stands behind is moved.
 */
int maps__put(struct maps *maps, const struct map *map);

#endif
