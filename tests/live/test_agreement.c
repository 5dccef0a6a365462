// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Do our walk and the kernel agree, on thousands of samples of a machine at work? The two look at one address one after
 * the other: they may differ where the mapping changed in between, and nowhere else.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "live.h"

#define WANTED 10000
#define MAX_INTERVALS 60
#define MAX_BUILDERS 16
#define MIB (1UL << 20)

/* --- a build on every CPU --- */

static pid_t builders[MAX_BUILDERS];
static int n_builders;
static int stop_fd = -1; /* the builders stop when it is closed */

/* A C file that keeps the compiler busy for some hundred milliseconds. */
static int make_source(void)
{
	int fd = memfd_create("source.c", 0);
	FILE *file = fd < 0 ? NULL : fdopen(dup(fd), "w");
	int i;

	assert_non_null(file);
	fprintf(file, "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n");
	for (i = 0; i < 150; i++)
		fprintf(file,
			"int f%d(const int *a, int n)\n{\n\tint s = %d, i, k;\n\n\tfor (i = 0; i < n; i++)\n"
			"\t\tfor (k = i; k < n; k += a[k] & 7 ? 1 : 2)\n\t\t\ts += a[i] * a[k] %% (k + %d);\n"
			"\treturn s ? s : (int)strlen(getenv(\"HOME\"));\n}\n",
			i, i, i + 1);
	fclose(file);
	return fd;
}

static bool compile(int source_fd)
{
	char source[64];
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		snprintf(source, sizeof(source), "/proc/self/fd/%d", source_fd);
		execlp("cc", "cc", "-O2", "-S", "-x", "c", "-o", "/dev/null", source, (char *)NULL);
		_exit(127);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

static bool is_told_to_stop(int fd)
{
	char byte;

	return read(fd, &byte, 1) == 0; /* nobody ever writes: either it is open, or it is not */
}

static void start_builders(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN);
	int source_fd = make_source();
	int fds[2];

	assert_return_code(pipe2(fds, O_CLOEXEC | O_NONBLOCK), errno);
	for (n_builders = 0; n_builders < n && n_builders < MAX_BUILDERS; n_builders++) {
		fflush(NULL);
		builders[n_builders] = fork();
		assert_return_code(builders[n_builders], errno);
		if (builders[n_builders])
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		machine__forget();
		close(fds[1]);
		while (!is_told_to_stop(fds[0])) {
			if (!compile(source_fd))
				_exit(1);
		}
		_exit(0);
	}
	close(fds[0]);
	close(source_fd);
	stop_fd = fds[1];
}

/* Returns how many of them could not build. */
static int stop_builders(void)
{
	int failed = 0, status;

	if (stop_fd >= 0)
		close(stop_fd);
	stop_fd = -1;
	while (n_builders) {
		status = 0;
		waitpid(builders[--n_builders], &status, 0);
		failed += status != 0;
	}
	return failed;
}

static int teardown(void **state)
{
	stop_builders();
	return live__teardown(state);
}

/* --- sums over the intervals of one run --- */

struct sums {
	int64_t samples, compared, agree, differ;
};

static void add(struct sums *sums, json_t *section)
{
	sums->samples += json__int(section, "samples");
	sums->compared += json__int(section, "compared");
	sums->agree += json__int(section, "agree");
	sums->differ += json__int(section, "differ");
}

/* Reads interval after interval until `section` has enough, then stops the run. */
static void take(struct run *run, const char *section, struct sums *sums)
{
	int n;

	*sums = (struct sums){0};
	for (n = 0; n < MAX_INTERVALS && sums->compared < WANTED; n++) {
		char *line = run__line(run);
		json_t *report;

		assert_non_null(line);
		report = json_loads(line, 0, NULL);
		assert_non_null(report);
		add(sums, json__at(report, section));
		json_decref(report);
		free(line);
	}
	assert_int_equal(run__stop(run), 0);
}

static void check_sums(const char *what, const struct sums *sums)
{
	print_message("%s: %" PRId64 " samples, %" PRId64 " compared, %" PRId64 " agree, %" PRId64 " differ\n", what,
		      sums->samples, sums->compared, sums->agree, sums->differ);
	assert_int_equal(sums->compared, sums->agree + sums->differ);
	assert_true(sums->compared >= WANTED);
	/* At least 99.9 %. */
	assert_true(sums->differ * 1000 <= sums->compared);
}

static void check_build(const char *what, const char *options, const char *section)
{
	struct run *run;
	struct sums sums;

	if (!machine__has("cc")) {
		print_message("skipped: %s (there is no compiler for the load)\n", what);
		skip();
	}
	start_builders();
	run = run__start("hist -a %s -I 1 -j", options);
	if (!run->ready) {
		run__finish(run);
		fail_msg("mmuscope did not start: %s", run->err);
	}
	take(run, section, &sums);
	check_sums(what, &sums);
	run__free(run);
	assert_int_equal(stop_builders(), 0);
}

static void test_code(void **state)
{
	check_build("code of a build, timer", "-e timer -F 4999", "code");
}

static void test_faults(void **state)
{
	check_build("data of a build, faults", "-e faults", "data");
}

/* --- breakpoints, while the pages under them change --- */

static const uint64_t fixed = 0x200000000000;

/* Puts memory of this kind at the fixed place; the first touch is beside the word that is watched. */
static uint64_t remap(uint64_t kind, uint64_t b)
{
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	bool huge = kind == MEMORY_HUGE2M;

	if (mmap((void *)fixed, 2 * MIB, PROT_READ | PROT_WRITE,
		 flags | (huge ? MAP_HUGETLB | 21 << MAP_HUGE_SHIFT : 0), -1, 0) == MAP_FAILED)
		return -errno;
	if (!huge && madvise((void *)fixed, 2 * MIB, kind == MEMORY_THP ? MADV_HUGEPAGE : MADV_NOHUGEPAGE))
		return -errno;
	*(volatile uint64_t *)(fixed + 64) = 1;
	if (kind == MEMORY_THP && smaps__kb(getpid(), fixed, "AnonHugePages") != 2048)
		return -EAGAIN;
	return 0;
}

static void test_breakpoints(void **state)
{
	static const enum subject_memory kinds[] = {MEMORY_4K, MEMORY_THP, MEMORY_HUGE2M};
	const int64_t rounds = 12, reads = 300;
	struct subject *subject;
	struct sums sums = {0};
	struct run *run;
	int64_t i;

	machine__need_breakpoints("10,800 hits of a watched word that is remapped meanwhile");
	assert_return_code(machine__hugepages(2 * MIB, 1), 0);
	subject = subject__new();
	run = run__start("hist -e mem:%#" PRIx64 "/8:rw:u -p %d -j", fixed, subject->pid);
	assert_true(run->ready);
	for (i = 0; i < 3 * rounds; i++) {
		uint64_t err = subject__call(subject, remap, kinds[i % 3], 0);

		if (err)
			fail_msg("remap: %s", strerror(-(int)err));
		subject__call(subject, subject_read, fixed, reads);
	}
	assert_int_equal(run__stop(run), 0);
	json__assert_exact(run->json);
	add(&sums, json__at(run->json, "data"));
	check_sums("breakpoint on a word whose pages change", &sums);
	assert_int_equal(sums.samples, 3 * rounds * reads);
	assert_int_equal(sums.differ, 0);
	assert_int_equal(json__size(run->json, "data", "4K", "walk"), rounds * reads);
	assert_int_equal(json__size(run->json, "data", "2M", "walk"), 2 * rounds * reads);
	assert_int_equal(json__size(run->json, "data", "4K", "kernel"), rounds * reads);
	assert_int_equal(json__size(run->json, "data", "2M", "kernel"), 2 * rounds * reads);
	run__free(run);
	subject__free(subject);
}

#define AGREEMENT_TEST(words, function)                                                                                \
	{                                                                                                              \
		(words), (function), NULL, teardown, NULL                                                              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		AGREEMENT_TEST("a build, timer: of 10,000 code pages compared 99.9 % agree", test_code),
		AGREEMENT_TEST("a build, faults: of 10,000 data pages compared 99.9 % agree", test_faults),
		AGREEMENT_TEST("10,800 breakpoint hits on a word that moves from size to size: all agree",
			       test_breakpoints),
	};
	int err = live__prepare();

	return err ? err : cmocka_run_group_tests_name("agreement", tests, NULL, NULL);
}
