// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <mntent.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "live_storm.h"

#define MAX_IDS 1024
#define MAX_CHILDREN 256
#define PATIENCE_MS 60000
#define TICKS 1000 /* of 10 ms: how long the kernel may take to let go of what is no longer used */

/* --- runs over subject_storm --- */

const char *storm__program(void)
{
	static char path[512];
	const char *dir = getenv("TEST_PROGRAMS_DIR");

	if (!dir)
		fail_msg("$TEST_PROGRAMS_DIR does not say where subject_storm is");
	snprintf(path, sizeof(path), "%s/subject_storm", dir);
	return path;
}

struct run *storm__run_any(struct storm_truth *truth, const char *options, const char *operations)
{
	struct run *run;
	int fds[2];

	memset(truth, 0, sizeof(*truth));
	if (pipe2(fds, O_CLOEXEC))
		fail_msg("pipe: %s", strerror(errno));
	fcntl(fds[0], F_SETFL, O_NONBLOCK); /* a COMMAND that was left behind would keep it open */
	fcntl(fds[1], F_SETFD, 0);
	run = run__start("%s -- %s --truth %d %s", options, storm__program(), fds[1], operations);
	close(fds[1]);
	run__finish(run);
	if (read(fds[0], truth, sizeof(*truth)) < 0 && errno != EAGAIN)
		fail_msg("truth of subject_storm: %s", strerror(errno));
	close(fds[0]);
	return run;
}

struct run *storm__run(struct storm_truth *truth, const char *options, const char *operations)
{
	struct run *run = storm__run_any(truth, options, operations);

	if (run__finish(run) || !run->json || !truth->faults_high)
		fail_msg("mmuscope %s -- … %s: status %d, %s%s", options, operations, run__finish(run), run->err,
			 run->out);
	return run;
}

int64_t storm__event(struct run *run, unsigned int event, const char *what)
{
	char path[128];

	snprintf(path, sizeof(path), "events.%u.accounting.%s", event, what);
	return json__int(run->json, path);
}

const char *storm__watch(void)
{
	return getenv(WATCHED_VARIABLE) ? WATCHED_BY_FAULTS : WATCHED_BY_BREAKPOINT;
}

const char *storm__watch_origin(void)
{
	return getenv(WATCHED_VARIABLE) ? "fault" : "breakpoint";
}

uint64_t storm__map_watched(uint64_t a, uint64_t b)
{
	(void)a;
	(void)b;
	subject_around_read = watched__drop;
	return (uint64_t)(int64_t)watched__map();
}

uint64_t storm__touch(uint64_t n, uint64_t unused)
{
	uint64_t page = sysconf(_SC_PAGESIZE);
	char *region = mmap(NULL, n * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	if (region == MAP_FAILED || (madvise(region, n * page, MADV_NOHUGEPAGE) && errno != EINVAL))
		return -errno;
	for (uint64_t i = 0; i < n; i++)
		*(volatile char *)(region + i * page) = 1;
	return munmap(region, n * page) ? (uint64_t)-errno : 0;
}

uint64_t storm__pin_to(uint64_t cpu, uint64_t unused)
{
	cpu_set_t set;

	(void)unused;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set) ? (uint64_t)-errno : 0;
}

void storm__reset_signals(void)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
}

/* --- nothing left behind --- */

struct ids {
	size_t n;
	uint32_t id[MAX_IDS];
};

struct kind {
	const char *name; /* as in fdinfo, less "_id" */
	int (*next)(uint32_t id, uint32_t *next);
	int (*open)(uint32_t id);
};

static const struct kind kinds[] = {
	{"prog", bpf_prog_get_next_id, bpf_prog_get_fd_by_id},
	{"map", bpf_map_get_next_id, bpf_map_get_fd_by_id},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct ids bpf_before[KINDS];
static pid_t children_before[MAX_CHILDREN];
static size_t n_children_before;

static void tick(void)
{
	const struct timespec tenth = {.tv_nsec = 10000000};

	nanosleep(&tenth, NULL);
}

static bool is_ours(const struct kind *kind, uint32_t id)
{
	struct bpf_prog_info prog = {0};
	struct bpf_map_info map = {0};
	bool is_prog = kind == &kinds[0];
	uint32_t size = is_prog ? sizeof(prog) : sizeof(map);
	int fd = kind->open(id);
	const char *name = is_prog ? prog.name : map.name;
	int err;

	if (fd < 0)
		return false;
	err = bpf_obj_get_info_by_fd(fd, is_prog ? (void *)&prog : (void *)&map, &size);
	close(fd);
	return !err && (!strncmp(name, "mmuscope", 8) || !strncmp(name, "mmu_", 4));
}

static void list_ours(const struct kind *kind, struct ids *ids)
{
	uint32_t id = 0;

	ids->n = 0;
	while (!kind->next(id, &id)) {
		if (ids->n < MAX_IDS && is_ours(kind, id))
			ids->id[ids->n++] = id;
	}
}

static bool holds(const char *path, const char *field, uint32_t id)
{
	size_t length = strlen(field);
	FILE *file = fopen(path, "re");
	bool found = false;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, field, length) && line[length] == ':')
			found = strtoul(line + length + 1, NULL, 10) == id;
		if (found)
			break;
	}
	if (file)
		fclose(file);
	return found;
}

/* Does a process other than this one have a descriptor of it? */
static bool is_held(const struct kind *kind, uint32_t id)
{
	struct dirent *process, *entry;
	char path[512], field[32];
	bool found = false;
	DIR *proc = opendir("/proc"), *dir;

	snprintf(field, sizeof(field), "%s_id", kind->name);
	while (proc && !found && (process = readdir(proc))) {
		if (!isdigit(process->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.16s/fdinfo", process->d_name);
		dir = opendir(path);
		while (dir && !found && (entry = readdir(dir))) {
			snprintf(path, sizeof(path), "/proc/%.16s/fdinfo/%.16s", process->d_name, entry->d_name);
			found = isdigit(entry->d_name[0]) && holds(path, field, id);
		}
		if (dir)
			closedir(dir);
	}
	if (proc)
		closedir(proc);
	return found;
}

static bool is_listed(const struct ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->n; i++)
		if (ids->id[i] == id)
			return true;
	return false;
}

/* An object of ours that was not there before and that nobody holds; 0 for none. */
static uint32_t find_stray(size_t kind)
{
	struct ids now;

	list_ours(&kinds[kind], &now);
	for (size_t i = 0; i < now.n; i++)
		if (!is_listed(&bpf_before[kind], now.id[i]) && !is_held(&kinds[kind], now.id[i]))
			return now.id[i];
	return 0;
}

static pid_t parent_of(const char *pid)
{
	char path[64], line[512], *end;
	pid_t parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.16s/stat", pid);
	file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file)) {
		end = strrchr(line, ')');
		if (end && sscanf(end, ") %*c %d", &parent) != 1)
			parent = 0;
	}
	if (file)
		fclose(file);
	return parent;
}

static size_t list_children(pid_t *children)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	size_t n = 0;

	while (proc && (entry = readdir(proc))) {
		if (isdigit(entry->d_name[0]) && parent_of(entry->d_name) == getpid() && n < MAX_CHILDREN)
			children[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
	}
	if (proc)
		closedir(proc);
	return n;
}

void remains__remember(void)
{
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (size_t i = 0; i < KINDS; i++)
		list_ours(&kinds[i], &bpf_before[i]);
	n_children_before = list_children(children_before);
}

/* An orphan that was told to end may take its time. It is waited for here: nobody else will. */
static void assert_ends(pid_t pid)
{
	char path[64], name[256] = "";
	int fd, tries, status = 0;
	pid_t got = 0;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, name, sizeof(name) - 1) < 0)
		name[0] = '\0';
	if (fd >= 0)
		close(fd);
	for (tries = 0; tries < TICKS && !(got = waitpid(pid, &status, WNOHANG)); tries++)
		tick();
	if (got)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	fail_msg("process %d (%s) was left behind", (int)pid, name);
}

/* A run that is over, and will be waited for. */
static bool has_ended(pid_t pid)
{
	siginfo_t info = {0};

	return !waitid(P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG) && info.si_pid == pid;
}

static void assert_no_children(void)
{
	pid_t children[MAX_CHILDREN];
	size_t n = list_children(children), i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < n_children_before && children_before[k] != children[i]; k++)
			;
		if (k == n_children_before && !has_ended(children[i]))
			assert_ends(children[i]);
	}
}

void remains__assert_none(void)
{
	assert_no_children();
	for (size_t i = 0; i < KINDS; i++) {
		uint32_t id = 0;
		int tries;

		for (tries = 0; tries < TICKS && (id = find_stray(i)); tries++)
			tick();
		if (id)
			fail_msg("BPF %s %u was left behind", kinds[i].name, id);
	}
}

void process__await_end(pid_t pid)
{
	siginfo_t info = {0};
	int tries;

	for (tries = 0; tries < TICKS && !info.si_pid; tries++) {
		if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT | WNOHANG))
			fail_msg("waitid: %s", strerror(errno));
		if (!info.si_pid)
			tick();
	}
	if (!info.si_pid)
		fail_msg("process %d does not end", (int)pid);
}

void process__await_stop(pid_t pid)
{
	siginfo_t info;

	if (waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT))
		fail_msg("waitid: %s", strerror(errno));
}

void process__await_uncaught(pid_t pid, int signal)
{
	uint64_t caught = ~0UL;
	char path[64], line[256];
	int tries;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	for (tries = 0; tries < TICKS && caught >> (signal - 1) & 1; tries++) {
		FILE *file = fopen(path, "re");

		while (file && fgets(line, sizeof(line), file))
			sscanf(line, "SigCgt: %" SCNx64, &caught);
		if (file)
			fclose(file);
		if (caught >> (signal - 1) & 1)
			tick();
	}
	if (tries == TICKS)
		fail_msg("process %d still catches signal %d", (int)pid, signal);
}

/* --- a cgroup --- */

static char cgroup_path[512];
static int cgroup_fd = -1; /* whose other end closes when this process dies: the warden then removes the cgroup */
static pid_t cgroup_warden;

const char *cgroup__mount(void)
{
	static char mount[256];
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	const struct mntent *entry;

	while (mounts && (entry = getmntent(mounts))) {
		if (!strcmp(entry->mnt_type, "cgroup2"))
			snprintf(mount, sizeof(mount), "%s", entry->mnt_dir);
	}
	if (mounts)
		endmntent(mounts);
	return mount[0] ? mount : NULL;
}

static void remove_cgroup(void)
{
	char path[600];
	int fd, tries;

	snprintf(path, sizeof(path), "%s/cgroup.kill", cgroup_path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "1", 1) != 1)
			fprintf(stderr, "%s: %s\n", path, strerror(errno));
		close(fd);
	}
	for (tries = 0; tries < TICKS && rmdir(cgroup_path) && errno == EBUSY; tries++)
		tick();
}

static void run_warden(int fd)
{
	static const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE};
	char byte;

	setsid();
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	while (read(fd, &byte, 1) < 0 && errno == EINTR)
		;
	remove_cgroup();
	_exit(0);
}

const char *cgroup__make(void)
{
	const char *mount = cgroup__mount();
	int fds[2];

	if (!mount)
		return NULL;
	snprintf(cgroup_path, sizeof(cgroup_path), "%s/mmuscope-test-%d", mount, (int)getpid());
	if (pipe2(fds, O_CLOEXEC))
		fail_msg("pipe: %s", strerror(errno));
	fflush(NULL);
	cgroup_warden = fork();
	if (cgroup_warden < 0)
		fail_msg("fork: %s", strerror(errno));
	if (cgroup_warden == 0) {
		close(fds[1]);
		run_warden(fds[0]);
	}
	close(fds[0]);
	cgroup_fd = fds[1];
	if (mkdir(cgroup_path, 0755))
		fail_msg("%s: %s", cgroup_path, strerror(errno));
	return cgroup_path;
}

void cgroup__remove(void)
{
	if (cgroup_fd < 0)
		return;
	close(cgroup_fd);
	cgroup_fd = -1;
	waitpid(cgroup_warden, NULL, 0);
}
