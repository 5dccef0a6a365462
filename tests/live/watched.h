/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A word whose every read is one event, and nothing else is: a debug register watches it or, on machines whose debug
 * registers report nothing, its page is dropped from memory before each read, so that each is a major fault.
 */
#ifndef MMUSCOPE_TESTS_WATCHED_H
#define MMUSCOPE_TESTS_WATCHED_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Canonical on every x86-64. */
#define WATCHED_ADDR 0x200000000000UL
#define WATCHED_BY_BREAKPOINT "mem:0x200000000000/8:rw:u"
#define WATCHED_BY_FAULTS "major-faults:u"
/* Set in the environment: by faults. */
#define WATCHED_VARIABLE "MMUSCOPE_TEST_WATCH_BY_FAULTS"

/* How often a page may be asked to leave: another CPU can hold it for a moment. */
#define WATCHED_TRIES 1000

/* The file behind the page, -1 for none. Each program that includes this has its own. */
static int watched_fd = -1;

/* In the working directory of no one: /tmp may be in memory, and memory has no major faults. */
static int watched__open(size_t page)
{
	static const char byte;
	int fd = open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	if (pwrite(fd, &byte, 1, (off_t)page - 1) == 1 && !fsync(fd))
		return fd;
	close(fd);
	return -EIO;
}

/* Maps the word in a page of its own. Returns 0 or -errno. */
static inline int watched__map(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int flags = MAP_SHARED | MAP_FIXED_NOREPLACE;

	if (getenv(WATCHED_VARIABLE)) {
		watched_fd = watched__open(page);
		if (watched_fd < 0)
			return watched_fd;
	} else {
		flags |= MAP_ANONYMOUS | MAP_POPULATE;
	}
	return mmap((void *)WATCHED_ADDR, page, PROT_READ | PROT_WRITE, flags, watched_fd, 0) == (void *)WATCHED_ADDR
		       ? 0
		       : -errno;
}

/* Takes the page out of memory, where reads are seen by faults: to be called before a read, and behind it. */
static inline int watched__drop(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char resident = 1;
	int i;

	for (i = 0; watched_fd >= 0 && resident & 1; i++) {
		if (i == WATCHED_TRIES || madvise((void *)WATCHED_ADDR, page, MADV_DONTNEED) ||
		    posix_fadvise(watched_fd, 0, 0, POSIX_FADV_DONTNEED) ||
		    mincore((void *)WATCHED_ADDR, page, &resident))
			return -EBUSY;
	}
	return 0;
}

#endif
