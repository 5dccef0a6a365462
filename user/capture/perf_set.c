// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/perf_set.h"
#include "capture/probe.h"
#include "process/cgroups.h"
#include "support/error.h"
#include "support/log.h"
#include "support/parse.h"

struct perf_set {
	struct perf_fd *fds;
	size_t n;
	size_t room;
	bool said;    /* the failure at hand was not of opening, and is explained already */
	bool on_exec; /* the kernel enables the events when the child calls exec */
};

/* Sample fields of kernels from 5.11 on (8d97e71811aa); older headers of ours know them, older kernels do not. */
#define SAMPLE_PAGE_SIZES (PERF_SAMPLE_DATA_PAGE_SIZE | PERF_SAMPLE_CODE_PAGE_SIZE)

int perf_set__open_one(struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags)
{
	int fd = syscall(SYS_perf_event_open, attr, pid, cpu, group_fd, flags | PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? error__last() : fd;
}

/* What each sample must carry. Nothing is asked for that a run does not use: every field costs time per sample. */
static uint64_t sample_type(const struct event *event, const struct perf_set_config *config)
{
	uint64_t type = PERF_SAMPLE_IP;

	if (event->origin != MMU_ORIGIN_NONE)
		type |= PERF_SAMPLE_ADDR;
	if (config->kernel_sizes)
		type |= PERF_SAMPLE_CODE_PAGE_SIZE;
	if (config->kernel_sizes && event->origin != MMU_ORIGIN_NONE)
		type |= PERF_SAMPLE_DATA_PAGE_SIZE;
	if (config->detail && event->origin == MMU_ORIGIN_PMU)
		type |= PERF_SAMPLE_WEIGHT | PERF_SAMPLE_DATA_SRC;
	/* With a fixed period this bit makes every software event a sample, whatever the period says. */
	if (event->attr.freq)
		type |= PERF_SAMPLE_PERIOD;
	return type;
}

static struct perf_fd *add_fd(struct perf_set *set)
{
	size_t room = set->room ? set->room * 2 : 16;
	struct perf_fd *fds;

	if (set->n == set->room) {
		fds = realloc(set->fds, room * sizeof(*fds));
		if (!fds)
			return NULL;
		set->fds = fds;
		set->room = room;
	}
	return &set->fds[set->n];
}

/* A setting below /proc/sys/kernel; `unknown` where it cannot be read. */
static long read_setting(const char *name, long unknown)
{
	char path[64];
	FILE *file;
	long value;

	snprintf(path, sizeof(path), "/proc/sys/kernel/%s", name);
	file = fopen(path, "re");
	if (!file)
		return unknown;
	if (fscanf(file, "%ld", &value) != 1)
		value = unknown;
	fclose(file);
	return value;
}

/* A link count: proc(5) keeps it at two more than the threads. */
static size_t count_threads(uint32_t pid)
{
	struct stat task;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	return stat(path, &task) ? 0 : task.st_nlink;
}

size_t perf_set__estimate(const struct perf_set_config *config)
{
	const struct target *target = config->target;
	size_t n_cpus = target->cpus ? target->n_cpus : config->online->n;
	size_t n_tasks = target->kind == TARGET_TIDS ? target->n_ids : 1;
	size_t i;

	if (target->kind == TARGET_PIDS) {
		for (n_tasks = 64, i = 0; i < target->n_ids; i++)
			n_tasks += 2 * count_threads(target->ids[i]);
	}
	if (target->kind != TARGET_ALL && target->kind != TARGET_CGROUP && !target->cpus)
		n_cpus = 1;
	return config->events->n * n_cpus * n_tasks;
}

static bool is_too_fast(const struct event *event)
{
	return event->attr.freq &&
	       event->attr.sample_freq > (uint64_t)read_setting("perf_event_max_sample_rate", LONG_MAX);
}

static void explain_open(const struct event *event, int err, pid_t pid, int cpu)
{
	char where[64] = "";

	if (pid > 0)
		snprintf(where, sizeof(where), " for task %d", (int)pid);
	else if (cpu >= 0)
		snprintf(where, sizeof(where), " on CPU %d", cpu);

	if (err == -EINVAL && is_too_fast(event)) {
		log_error("event %s%s: %" PRIu64
			  " Hz is above kernel.perf_event_max_sample_rate (%ld); sample more slowly "
			  "(-F), or raise the setting",
			  event->name, where, (uint64_t)event->attr.sample_freq,
			  read_setting("perf_event_max_sample_rate", 0));
		return;
	}
	switch (-err) {
	case EACCES:
	case EPERM:
		log_error("event %s%s: %s; kernel.perf_event_paranoid is %ld: run as root, or with CAP_PERFMON (and "
			  "CAP_SYS_ADMIN where the setting is 3)",
			  event->name, where, log__errstr(err), read_setting("perf_event_paranoid", -1));
		break;
	case ENOENT:
	case ENODEV:
	case EOPNOTSUPP:
		log_error("event %s%s: this machine has no such event (%s); mmuscope doctor lists what it has",
			  event->name, where, log__errstr(err));
		break;
	case ENOSPC:
		log_error("event %s%s: no debug register is free for the breakpoint; end the debugger or tracer that "
			  "holds "
			  "them, or watch fewer addresses",
			  event->name, where);
		break;
	case EMFILE:
		log_error("event %s%s: too many open files; raise the limit (ulimit -n) or trace fewer threads",
			  event->name, where);
		break;
	case ESRCH:
		log_error("event %s%s: the task is gone", event->name, where);
		break;
	case EBUSY:
		log_error("event %s%s: another tool holds the PMU exclusively; end it and try again", event->name,
			  where);
		break;
	default:
		log_error("event %s%s: perf_event_open: %s", event->name, where, log__errstr(err));
	}
}

/* Opens at the highest precision that the kernel takes. */
static int open_as_precisely(struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags)
{
	int fd = perf_set__open_one(attr, pid, cpu, group_fd, flags);

	while ((fd == -EINVAL || fd == -EOPNOTSUPP) && attr->precise_ip > 1) {
		attr->precise_ip--;
		fd = perf_set__open_one(attr, pid, cpu, group_fd, flags);
	}
	return fd;
}

/* Opens, asking for less where the kernel refuses: less precision first, then no page sizes (< 5.11). */
static int open_as_the_kernel_can(struct perf_event_attr *attr, pid_t pid, int cpu, int group_fd, unsigned long flags)
{
	unsigned int precise = attr->precise_ip;
	int fd = open_as_precisely(attr, pid, cpu, group_fd, flags);

	if (fd != -EINVAL || !(attr->sample_type & SAMPLE_PAGE_SIZES))
		return fd;
	attr->sample_type &= ~(uint64_t)SAMPLE_PAGE_SIZES;
	attr->precise_ip = precise;
	return open_as_precisely(attr, pid, cpu, group_fd, flags);
}

/* Opens one event; a leader first where the hardware wants one. Logs nothing. */
static int open_fd(const struct event *event, const struct perf_set_config *config, struct perf_fd *fd, pid_t pid,
		   int cpu, unsigned long flags)
{
	struct perf_event_attr attr = event->attr;
	struct perf_event_attr leader = {0};
	int err;

	attr.sample_type = sample_type(event, config);
	attr.disabled = 1;
	attr.inherit = !(flags & PERF_FLAG_PID_CGROUP) && pid != -1;
	attr.enable_on_exec = config->child > 0 && pid == config->child;
	attr.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED;
	if (event->cannot_exclude)
		attr.exclude_user = attr.exclude_kernel = 0; /* the BPF program filters */
	fd->fd = -1;
	fd->leader_fd = -1;
	if (event->needs_leader) {
		leader = attr;
		leader.config = event->leader_config;
		leader.config1 = leader.config2 = 0;
		leader.freq = leader.sample_freq = 0;
		leader.precise_ip = 0;
		leader.sample_type = 0;
		fd->leader_fd = perf_set__open_one(&leader, pid, cpu, -1, flags);
		if (fd->leader_fd < 0)
			return fd->leader_fd;
		attr.disabled = 0;
		attr.enable_on_exec = 0;
	}
	fd->fd = open_as_the_kernel_can(&attr, pid, cpu, fd->leader_fd, flags);
	err = fd->fd < 0 ? fd->fd : 0;
	if (!err && ioctl(fd->fd, PERF_EVENT_IOC_ID, &fd->id))
		err = error__last();
	if (err && fd->fd >= 0)
		close(fd->fd);
	if (err && fd->leader_fd >= 0)
		close(fd->leader_fd);
	return err;
}

static int add_event(struct perf_set *set, const struct perf_set_config *config, uint32_t index, pid_t pid, int cpu,
		     unsigned long flags)
{
	const struct event *event = &config->events->events[index];
	struct perf_fd *fd = add_fd(set);
	int err;

	if (!fd)
		return -ENOMEM;
	err = open_fd(event, config, fd, pid, cpu, flags);
	if (err)
		return err;
	fd->event = index;
	fd->cpu = cpu;
	fd->tid = flags & PERF_FLAG_PID_CGROUP ? -1 : pid;
	set->n++;
	err = config->on_open ? config->on_open(config->ctx, fd) : 0;
	set->said = err != 0;
	return err;
}

/* All events for one task or cgroup, on each CPU asked for, or wherever it runs. */
static int add_events(struct perf_set *set, const struct perf_set_config *config, pid_t pid, bool everywhere,
		      unsigned long flags)
{
	const struct target *target = config->target;
	const uint32_t *cpus = target->cpus ? target->cpus : config->online->ids;
	size_t n_cpus = target->cpus ? target->n_cpus : config->online->n;
	bool per_cpu = !everywhere || target->cpus;
	uint32_t index;
	size_t i;
	int err;

	for (index = 0; index < config->events->n; index++) {
		bool some_cpus = per_cpu && config->events->events[index].attr.type >= PERF_TYPE_MAX;
		size_t before = set->n;

		for (i = 0; i < (per_cpu ? n_cpus : 1); i++) {
			int cpu = per_cpu ? (int)cpus[i] : -1;

			err = add_event(set, config, index, pid, cpu, flags);
			if (set->said)
				return err;
			/* A hybrid machine's PMU is on some of the CPUs only: x86_pmu_event_init() says ENOENT on the others. */
			if (err == -ENOENT && some_cpus && (set->n > before || i + 1 < n_cpus))
				continue;
			if (err == -EBADF && flags & PERF_FLAG_PID_CGROUP) {
				log_error("cgroup %s: not a cgroup; give the path of a cgroup directory, or its name "
					  "below "
					  "the cgroup2 mount",
					  target->cgroup);
				return err;
			}
			if (err) {
				/* A thread may end while we come to it; a whole target that is gone is said by the caller. */
				if (err != -ESRCH)
					explain_open(&config->events->events[index], err,
						     flags & PERF_FLAG_PID_CGROUP ? -1 : pid, cpu);
				return err;
			}
		}
	}
	return 0;
}

/*
 * All threads of a process, in one pass, as perf does. A thread that a watched one creates is followed by the kernel; a
 * second pass would open it again and count it twice.
 */
static int add_threads(struct perf_set *set, const struct perf_set_config *config, uint32_t pid)
{
	char path[64];
	struct dirent *entry;
	uint64_t tid;
	int err = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%u/task", pid);
	dir = opendir(path);
	if (!dir) {
		err = errno == ENOENT ? -ESRCH : error__last();
		if (err != -ESRCH)
			log_error("%s: %s", path, log__errstr(err));
		return err;
	}
	while (!err && (entry = readdir(dir))) {
		if (parse__u64(entry->d_name, 1, INT32_MAX, &tid))
			continue;
		err = add_events(set, config, (pid_t)tid, true, 0);
		if (err == -ESRCH)
			err = 0;
	}
	closedir(dir);
	return err;
}

static int add_process(struct perf_set *set, const struct perf_set_config *config, uint32_t pid)
{
	size_t before = set->n;
	int err = add_threads(set, config, pid);

	if (err && err != -ESRCH)
		return err; /* said */
	if (set->n == before) {
		log_error("process %u: there is no such process; ps -e lists those that are", pid);
		return -ESRCH;
	}
	return 0;
}

static int add_tid(struct perf_set *set, const struct perf_set_config *config, uint32_t tid)
{
	int err = add_events(set, config, (pid_t)tid, true, 0);

	if (err == -ESRCH)
		log_error("thread %u: there is no such thread; ps -eL lists those that are", tid);
	return err;
}

/* A path as it is, or a name below the cgroup2 mount, as perf takes it. Returns a descriptor or -errno. */
static int open_cgroup(const char *name)
{
	char mount[PATH_MAX / 2], path[PATH_MAX];
	int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int err = error__last();

	if (fd >= 0)
		return fd;
	if (cgroups__mount(mount, sizeof(mount)) ||
	    (size_t)snprintf(path, sizeof(path), "%s/%s", mount, name) >= sizeof(path))
		return err;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 ? fd : err;
}

static int add_cgroup(struct perf_set *set, const struct perf_set_config *config)
{
	int fd = open_cgroup(config->target->cgroup);
	int err;

	if (fd < 0) {
		log_error("cgroup %s: %s; give the path of a cgroup directory, or its name below the cgroup2 mount",
			  config->target->cgroup, log__errstr(fd));
		return fd;
	}
	err = add_events(set, config, fd, false, PERF_FLAG_PID_CGROUP);
	close(fd);
	return err;
}

static int check_cpus(const struct perf_set_config *config)
{
	const struct target *target = config->target;
	size_t i;

	for (i = 0; i < target->n_cpus; i++) {
		if (!cpus__has(config->online, target->cpus[i])) {
			log_error("CPU %u: not online; /sys/devices/system/cpu/online lists those that are",
				  target->cpus[i]);
			return -ENODEV;
		}
	}
	return 0;
}

static int add_target(struct perf_set *set, const struct perf_set_config *config)
{
	const struct target *target = config->target;
	int err = check_cpus(config);
	size_t i;

	if (err)
		return err;
	switch (target->kind) {
	case TARGET_ALL:
		return add_events(set, config, -1, false, 0);
	case TARGET_PIDS:
		for (i = 0; i < target->n_ids && !err; i++)
			err = add_process(set, config, target->ids[i]);
		return err;
	case TARGET_TIDS:
		for (i = 0; i < target->n_ids && !err; i++)
			err = add_tid(set, config, target->ids[i]);
		return err;
	case TARGET_CGROUP:
		return add_cgroup(set, config);
	case TARGET_COMMAND:
		set->on_exec = true;
		err = add_events(set, config, config->child, true, 0);
		if (err == -ESRCH)
			log_error("%s: ended before it was started: %s", target->command[0], log__errstr(err));
		return err;
	}
	return -EINVAL;
}

/* A breakpoint that never fires would be reported as a word that nobody touches: no answer is better. */
static int check_breakpoints(const struct event_list *events)
{
	size_t i;

	for (i = 0; i < events->n; i++) {
		if (events->events[i].attr.type != PERF_TYPE_BREAKPOINT)
			continue;
		if (probe__breakpoint_hits())
			return 0; /* or it cannot be opened, which opening the event itself will explain */
		log_error(
			"event %s: this machine takes breakpoints but reports no hit, not even of a word of mmuscope's "
			"own (some hypervisors do not pass debug exceptions on); use -e timer or -e faults",
			events->events[i].name);
		return -ENOTSUP;
	}
	return 0;
}

struct perf_set *perf_set__new(const struct perf_set_config *config)
{
	struct perf_set *set = calloc(1, sizeof(*set));
	int err;

	if (!set) {
		log_error("the events: %s", log__errstr(ENOMEM));
		return NULL;
	}
	err = check_breakpoints(config->events);
	if (!err)
		err = add_target(set, config);
	if (err) {
		perf_set__free(set);
		errno = -err;
		return NULL;
	}
	return set;
}

void perf_set__free(struct perf_set *set)
{
	size_t i;

	if (!set)
		return;
	for (i = 0; i < set->n; i++) {
		close(set->fds[i].fd);
		if (set->fds[i].leader_fd >= 0)
			close(set->fds[i].leader_fd);
	}
	free(set->fds);
	free(set);
}

size_t perf_set__n(const struct perf_set *set)
{
	return set->n;
}

const struct perf_fd *perf_set__at(const struct perf_set *set, size_t i)
{
	return &set->fds[i];
}

static int control(const struct perf_set *set, unsigned long request)
{
	int err = 0;
	size_t i;

	for (i = 0; i < set->n; i++) {
		const struct perf_fd *fd = &set->fds[i];
		int which = fd->leader_fd >= 0 ? fd->leader_fd : fd->fd;
		int flags = fd->leader_fd >= 0 ? PERF_IOC_FLAG_GROUP : 0;

		if (ioctl(which, request, flags) && !err)
			err = error__last();
	}
	return err;
}

int perf_set__enable(struct perf_set *set)
{
	return set->on_exec ? 0 : control(set, PERF_EVENT_IOC_ENABLE);
}

int perf_set__disable(struct perf_set *set)
{
	return control(set, PERF_EVENT_IOC_DISABLE);
}

int perf_set__read(const struct perf_set *set, uint32_t event, uint64_t *count, uint64_t *enabled_ns)
{
	uint64_t values[2];
	ssize_t n;
	size_t i;

	*count = 0;
	*enabled_ns = 0;
	for (i = 0; i < set->n; i++) {
		if (set->fds[i].event != event)
			continue;
		n = read(set->fds[i].fd, values, sizeof(values));
		if (n != sizeof(values))
			return n < 0 ? error__last() : -EIO; /* 0 bytes: an event in error state */
		*count += values[0];
		*enabled_ns += values[1];
	}
	return 0;
}
