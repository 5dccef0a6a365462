/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Standard error into a socket of packets: one read() returns what one write() wrote, so a test sees whether a message
 * came in one piece. Include behind cmocka.h.
 */
#ifndef MMUSCOPE_TESTS_STDERR_CAPTURE_H
#define MMUSCOPE_TESTS_STDERR_CAPTURE_H

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct stderr_capture {
	int saved;
	int in;
};

static inline void stderr_capture__begin(struct stderr_capture *capture)
{
	int ends[2], room = 1 << 20;

	/* Not pipe2(O_DIRECT): its packets are cut at a page. */
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->saved >= 0);
	assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
	close(ends[1]);
	capture->in = ends[0];
}

/* Gives standard error back. text: all that was written; returns the number of writes. */
static inline int stderr_capture__end(struct stderr_capture *capture, char *text, size_t size)
{
	size_t len = 0;
	int writes = 0;
	ssize_t n;

	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	close(capture->saved);
	while ((n = recv(capture->in, text + len, size - 1 - len, 0)) > 0) {
		len += (size_t)n;
		writes++;
	}
	text[len] = '\0';
	close(capture->in);
	return writes;
}

#endif
