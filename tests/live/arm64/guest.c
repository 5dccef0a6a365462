/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PACKET_MAX 8192
#define ARGUMENTS_MAX 64
#define GDB_REGISTERS 33 /* of 8 bytes at the head of a 'g' packet: x0 … x30, SP, PC */

struct guest {
	pid_t pid;
	int socket;
	struct access_log *log;
	char directory[32];
	char packet[PACKET_MAX];
};

static void give_up(const char *what)
{
	fprintf(stderr, "qemu-aarch64: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void path_of(const struct guest *guest, const char *name, char path[64])
{
	snprintf(path, 64, "%s/%s", guest->directory, name);
}

static void make_log(struct guest *guest)
{
	char path[64];
	int fd;

	path_of(guest, "log", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*guest->log)))
		give_up(path);
	guest->log = mmap(NULL, sizeof(*guest->log), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (guest->log == MAP_FAILED)
		give_up(path);
}

static void execute(const struct guest *guest, const char *plugin, const char *root, char **command)
{
	const char *arguments[ARGUMENTS_MAX] = {"qemu-aarch64", "-cpu", "max", "-L", root, "-g", NULL, "-plugin"};
	char path[64], option[4200];
	unsigned int n = 9;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	path_of(guest, "gdb", path);
	arguments[6] = path;
	snprintf(option, sizeof(option), "%s,log=%s/log", plugin, guest->directory);
	arguments[8] = option;
	while (*command && n + 1 < ARGUMENTS_MAX)
		arguments[n++] = *command++;
	execvp(arguments[0], (char *const *)arguments);
	_exit(127);
}

static bool has_ended(struct guest *guest)
{
	int status;

	if (guest->pid && waitpid(guest->pid, &status, WNOHANG) == guest->pid)
		guest->pid = 0;
	return !guest->pid;
}

/* QEMU makes its socket when it is ready. */
static void connect_to(struct guest *guest)
{
	const struct timespec a_moment = {.tv_nsec = 2000000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	path_of(guest, "gdb", address.sun_path);
	guest->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(guest->socket, (struct sockaddr *)&address, sizeof(address))) {
		if (has_ended(guest))
			give_up("did not start");
		nanosleep(&a_moment, NULL);
	}
}

/* The next packet, without its frame; NULL when the other side has gone. Acknowledges it. */
static const char *receive(struct guest *guest)
{
	size_t n = 0;

	for (;;) {
		ssize_t got = read(guest->socket, guest->packet + n, sizeof(guest->packet) - n - 1);
		char *start, *end;

		if (got <= 0)
			return NULL;
		n += (size_t)got;
		guest->packet[n] = 0;
		start = strchr(guest->packet, '$');
		end = start ? strchr(start, '#') : NULL;
		if (end && end + 3 <= guest->packet + n) {
			*end = 0;
			return write(guest->socket, "+", 1) == 1 ? start + 1 : NULL;
		}
		if (n == sizeof(guest->packet) - 1)
			return NULL;
	}
}

static void send_packet(struct guest *guest, const char *text)
{
	unsigned char sum = 0;
	char packet[64];
	int n;

	for (const char *c = text; *c; c++)
		sum += (unsigned char)*c;
	n = snprintf(packet, sizeof(packet), "$%s#%02x", text, sum);
	if (write(guest->socket, packet, (size_t)n) != n && errno != EPIPE)
		give_up("write");
}

struct guest *guest__start(const char *plugin, const char *root, char **command)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	signal(SIGPIPE, SIG_IGN);
	if (!guest)
		give_up("calloc");
	strcpy(guest->directory, "/tmp/mmuscope-guest.XXXXXX");
	if (!mkdtemp(guest->directory))
		give_up("mkdtemp");
	make_log(guest);
	guest->pid = fork();
	if (guest->pid < 0)
		give_up("fork");
	if (!guest->pid)
		execute(guest, plugin, root, command);
	connect_to(guest);
	send_packet(guest, "?");
	if (!receive(guest))
		give_up("no answer");
	return guest;
}

void guest__kill(struct guest *guest)
{
	char path[64];

	if (guest->pid) {
		kill(guest->pid, SIGKILL);
		waitpid(guest->pid, NULL, 0);
	}
	close(guest->socket);
	munmap(guest->log, sizeof(*guest->log));
	path_of(guest, "log", path);
	unlink(path);
	path_of(guest, "gdb", path);
	unlink(path);
	rmdir(guest->directory);
	free(guest);
}

pid_t guest__pid(const struct guest *guest)
{
	return guest->pid;
}

static unsigned int nibble(char digit)
{
	return digit <= '9' ? (unsigned int)(digit - '0') : (unsigned int)(digit - 'a' + 10);
}

void guest__registers(struct guest *guest, __u64 regs[MMU_REG_COUNT])
{
	const char *text;

	memset(regs, 0, MMU_REG_COUNT * sizeof(*regs));
	send_packet(guest, "g");
	text = receive(guest);
	if (!text || strlen(text) < 16UL * GDB_REGISTERS)
		give_up("no registers");
	for (unsigned int i = 0; i < GDB_REGISTERS; i++)
		for (unsigned int k = 0; k < 8; k++)
			regs[i] |= (__u64)(nibble(text[16 * i + 2 * k]) << 4 | nibble(text[16 * i + 2 * k + 1]))
				   << (8 * k);
}

bool guest__step(struct guest *guest, const struct access_log **log)
{
	const char *text;

	guest->log->n = 0;
	send_packet(guest, "s");
	text = receive(guest);
	*log = guest->log;
	return text && *text == 'T';
}

/* The signal stops it for GDB and is not delivered when it goes on. */
bool guest__run(struct guest *guest, unsigned int milliseconds)
{
	const struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000L};
	const char *text;

	send_packet(guest, "c");
	nanosleep(&time, NULL);
	if (has_ended(guest) || kill(guest->pid, SIGUSR1))
		return false;
	text = receive(guest);
	return text && *text == 'T';
}

bool guest__read(const struct guest *guest, uint64_t address, void *to, size_t n)
{
	struct iovec local = {.iov_base = to, .iov_len = n};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = n};

	return process_vm_readv(guest->pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}
