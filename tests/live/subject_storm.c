// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A COMMAND for the live tests: does a known number of faults, forks and reads of a watched word, and says how many.
 *   subject_storm [--truth FD] OP…
 *   faults:N             touches N fresh pages
 *   kfaults:N            has the kernel touch N fresh pages
 *   reads:N              reads the watched word N times (watched.h)
 *   forks:C,FAULTS,READS,NAPS   C children, one after the other; each does that much
 *   spin:MS              burns CPU time
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "subject_storm.h"
#include "watched.h"

#define CHUNK_PAGES 4096UL

static struct storm_truth truth;
static struct rusage at_start;

struct fork_op {
	uint64_t children, faults, reads, naps;
};

static void fail(const char *what)
{
	fprintf(stderr, "subject_storm: %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *map_small(size_t bytes)
{
	char *region = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (region == MAP_FAILED)
		fail("mmap");
	if (madvise(region, bytes, MADV_NOHUGEPAGE) && errno != EINVAL)
		fail("madvise");
	return region;
}

/* Touches n fresh pages, each once: from user mode, or in read() of `zero_fd`. */
static void do_faults(uint64_t n, int zero_fd)
{
	size_t page = sysconf(_SC_PAGESIZE);

	while (n) {
		uint64_t now = n < CHUNK_PAGES ? n : CHUNK_PAGES;
		char *region = map_small(now * page);

		for (uint64_t i = 0; i < now; i++) {
			if (zero_fd < 0)
				*(volatile char *)(region + i * page) = 1;
			else if (read(zero_fd, region + i * page, 1) != 1)
				fail("/dev/zero");
		}
		munmap(region, now * page);
		n -= now;
		if (zero_fd < 0)
			truth.user_faults += now;
		else
			truth.kernel_faults += now;
	}
}

static void do_kernel_faults(uint64_t n)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail("/dev/zero");
	do_faults(n, fd);
	close(fd);
}

static void do_reads(uint64_t n)
{
	const volatile uint64_t *watched = (const volatile uint64_t *)WATCHED_ADDR;

	truth.reads += n;
	while (n--) {
		if (watched__drop())
			fail("watched word");
		(void)*watched;
	}
	if (watched__drop())
		fail("watched word");
}

static uint64_t switches(const struct rusage *usage)
{
	return usage->ru_nvcsw + usage->ru_nivcsw;
}

/* One child: does its part and tells the parent how often it was switched out until then. */
static void run_child(const struct fork_op *op, int fd)
{
	const struct timespec least = {.tv_nsec = 1};
	struct rusage usage;
	uint64_t count;

	do_faults(op->faults, -1);
	do_reads(op->reads);
	for (uint64_t i = 0; i < op->naps; i++)
		nanosleep(&least, NULL);
	getrusage(RUSAGE_SELF, &usage);
	count = switches(&usage);
	_exit(write(fd, &count, sizeof(count)) != sizeof(count));
}

static void do_forks(const struct fork_op *op)
{
	uint64_t i, count;
	int status, fds[2];

	if (pipe2(fds, O_CLOEXEC))
		fail("pipe");
	for (i = 0; i < op->children; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0)
			run_child(op, fds[1]);
		if (waitpid(pid, &status, 0) != pid || status || read(fds[0], &count, sizeof(count)) != sizeof(count))
			fail("child");
		truth.switches_low += count;
		truth.user_faults += op->faults;
		truth.reads += op->reads;
		truth.children++;
	}
	close(fds[0]);
	close(fds[1]);
}

static uint64_t cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void do_spin(uint64_t ms)
{
	uint64_t until = cpu_ms() + ms;

	while (cpu_ms() < until)
		;
}

/* In /proc/PID/stat the state stands behind the name, which is in parentheses. */
static char state_of(pid_t pid)
{
	char path[64], line[512] = "";
	FILE *file;
	char *end;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file || !fgets(line, sizeof(line), file))
		fail(path);
	fclose(file);
	end = strrchr(line, ')');
	return end ? end[2] : '?';
}

/* Keeps the tracer, our parent, from draining its rings: what comes next is lost, on however many CPUs. */
static void do_deaf(void)
{
	if (kill(getppid(), SIGSTOP))
		fail("kill");
	while (state_of(getppid()) != 'T')
		sched_yield();
}

static void run_op(const char *op)
{
	unsigned long long a = 0, b = 0, c = 0, d = 0;
	char name[16] = "";
	int n = sscanf(op, "%15[a-z]:%llu,%llu,%llu,%llu", name, &a, &b, &c, &d);

	if (n == 2 && !strcmp(name, "faults"))
		do_faults(a, -1);
	else if (n == 2 && !strcmp(name, "kfaults"))
		do_kernel_faults(a);
	else if (n == 2 && !strcmp(name, "reads"))
		do_reads(a);
	else if (n == 5 && !strcmp(name, "forks"))
		do_forks(&(struct fork_op){.children = a, .faults = b, .reads = c, .naps = d});
	else if (n == 2 && !strcmp(name, "spin"))
		do_spin(a);
	else if (n == 1 && !strcmp(name, "deaf"))
		do_deaf();
	else if (n == 1 && !strcmp(name, "hear"))
		kill(getppid(), SIGCONT);
	else {
		errno = EINVAL;
		fail(op);
	}
}

static void tell_truth(int fd)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	truth.switches_low += switches(&self) - switches(&at_start);
	truth.switches_high = switches(&self) + switches(&children);
	truth.faults_high = self.ru_minflt + children.ru_minflt;
	truth.cpu_ms = cpu_ms();
	if (write(fd, &truth, sizeof(truth)) != sizeof(truth))
		fail("truth");
}

int main(int argc, char **argv)
{
	int fd = -1, i = 1;

	getrusage(RUSAGE_SELF, &at_start);
	if (watched__map())
		fail("mmap of the watched word");
	if (argc > 2 && !strcmp(argv[1], "--truth")) {
		fd = atoi(argv[2]);
		i = 3;
	}
	for (; i < argc; i++)
		run_op(argv[i]);
	if (fd >= 0)
		tell_truth(fd);
	return 0;
}
