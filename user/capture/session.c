// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/bpf_object.h"
#include "capture/child.h"
#include "capture/operands.h"
#include "capture/page_walker.h"
#include "capture/clock_estimate.h"
#include "capture/cpus.h"
#include "capture/perf_link.h"
#include "capture/perf_set.h"
#include "capture/pins.h"
#include "capture/record_decode.h"
#include "capture/rings.h"
#include "capture/session.h"
#include "mmuscope.skel.h"
#include "support/error.h"
#include "support/log.h"
#include "support/stop.h"

#define DEFAULT_BUFFER (1UL << 20)
#define ACCOUNTING_TRIES 1000

/* Tags of the epoll set; PIDs' descriptors have TAG_TARGET. */
enum { TAG_RING, TAG_TARGET };

struct session {
	struct session_config config;
	struct cpus cpus;
	struct child *child;
	struct perf_set_config perf_config;
	struct perf_set *perf;
	struct mmuscope_bpf *bpf;
	struct layout_result layout;
	struct page_walker *walker; /* for samples that are resolved late */
	struct operands *operands;
	uint64_t operand_key;
	struct rings *rings;
	struct pins *pins;
	struct clock_estimate *clock;
	int *link_fds; /* of the perf events; none on kernels without links */
	size_t n_links;
	int *pid_fds; /* of -p */
	size_t n_pids;
	size_t n_alive;
	int epoll_fd;
	uint64_t *received; /* per event */
	bool stopped;
};

static int on_record(void *ctx, const void *bytes, size_t size)
{
	struct session *session = ctx;
	struct mmu_code code;
	struct sample sample;
	int err = record__decode(bytes, size, session->config.events->n, &sample, &code);

	if (err == RECORD_LATE) {
		err = session->operands ? operands__resolve(session->operands, &sample, &code) : -EBADMSG;
		if (err == -ENOMEM)
			return err;
	}
	if (err) {
		/* Our own program wrote it: not the user's fault, and nothing that may be passed over in silence. */
		log_error("a record of %zu bytes in the ring is malformed: this is a bug of mmuscope", size);
		return err;
	}
	session->received[sample.event]++;
	err = session->config.on_sample(session->config.ctx, &sample);
	/* A flood that fills the rings as fast as we read must not keep us from the wish to stop. */
	if (!err && !session->stopped && stop__wanted())
		return -ECANCELED;
	return err;
}

static int no_memory(void)
{
	log_error("the run: %s", log__errstr(ENOMEM));
	return -ENOMEM;
}

/*
 * As many descriptors as the hard limit allows: each event has up to three, on each CPU or thread. COMMAND is forked before
 * and keeps the limit that the user gave it.
 */
static void raise_limits(void)
{
	struct rlimit files;

	if (!getrlimit(RLIMIT_NOFILE, &files) && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
}

static int add_link(struct session *session, int fd)
{
	size_t room = session->n_links ? 2 * session->n_links : 1;
	int *fds;

	if (!(session->n_links & (session->n_links - 1))) { /* full: rooms are powers of two */
		fds = realloc(session->link_fds, room * sizeof(*fds));
		if (!fds) {
			close(fd);
			return no_memory();
		}
		session->link_fds = fds;
	}
	session->link_fds[session->n_links++] = fd;
	return 0;
}

/*
 * The program onto an event, as soon as it is open: a child that its task forks before would inherit the event without the
 * program, and its samples would be seen by nobody. Runs of several events find them by id.
 */
static int attach(void *ctx, const struct perf_fd *perf)
{
	struct session *session = ctx;
	const char *name = session->config.events->events[perf->event].name;
	int events_fd = bpf_map__fd(session->bpf->maps.mmu_events);
	int prog_fd = bpf_program__fd(session->bpf->progs.mmuscope_sample);
	int err = 0;

	if (session->config.events->n > 1)
		err = bpf_map_update_elem(events_fd, &perf->id, &perf->event, BPF_ANY);
	if (err) {
		log_error("map mmu_events: %s", log__errstr(err));
		return err;
	}
	err = perf_link__create(prog_fd, perf->fd);
	if (err < 0 && err != PERF_LINK_NONE) {
		log_error("event %s: attach of mmuscope_sample: %s", name, log__errstr(err));
		return err;
	}
	return err == PERF_LINK_NONE ? 0 : add_link(session, err);
}

/* Everything that a session knows of before any event is opened: CPUs, the waiting COMMAND, limits. */
static int find_target(struct session *session)
{
	int err = cpus__online(&session->cpus);

	if (err) {
		log_error("/sys/devices/system/cpu/online: %s; mount sysfs", log__errstr(err));
		return err;
	}
	if (session->config.target->command) {
		session->child = child__new(session->config.target->command);
		if (!session->child)
			return error__last();
	}
	raise_limits();
	session->perf_config = (struct perf_set_config){
		.on_open = attach,
		.ctx = session,
		.events = session->config.events,
		.target = session->config.target,
		.online = &session->cpus,
		.child = session->child ? child__pid(session->child) : 0,
		.kernel_sizes = session->config.kernel,
		.detail = session->config.sections & MMU_SECTION_DETAIL,
	};
	return 0;
}

/* Last, when all that a sample needs is there. */
static int open_events(struct session *session)
{
	session->perf = perf_set__new(&session->perf_config);
	return session->perf ? 0 : error__last();
}

static int load_bpf(struct session *session)
{
	const struct session_config *config = &session->config;
	struct bpf_object_config object = {
		.events = config->events,
		.n_perf_fds = perf_set__estimate(&session->perf_config),
		.highest_cpu = session->cpus.highest,
		.sections = config->sections,
		.walk = config->walk,
		.kernel = config->kernel,
		.buffer = config->buffer,
		.btf = config->btf,
		.operand = config->operand,
		.operand_slots = config->operand_slots,
		.operand_key = session->operand_key,
	};

	session->bpf = bpf_object__open_sampler(&object);
	if (!session->bpf)
		return error__last();
	if (!config->walk) {
		snprintf(session->layout.why, sizeof(session->layout.why), "not asked for (--source)");
		return 0;
	}
	return layout__prepare(session->bpf, &session->layout);
}

/* Does any event leave its address to the operand resolver? */
static bool needs_operands(const struct event_list *events)
{
	size_t i;

	for (i = 0; i < events->n; i++) {
		if (events->events[i].is_clock)
			return true;
	}
	return false;
}

/* The key must be known before the object is loaded: a process that could guess it could aim at other processes' recipes. */
static int choose_operands(struct session *session)
{
	struct session_config *config = &session->config;

	if (!needs_operands(config->events))
		config->operand = 0;
	if (!config->operand_slots)
		config->operand_slots = OPERANDS_DEFAULT_SLOTS;
	while (config->operand_slots & (config->operand_slots - 1)) /* up to the next power of two */
		config->operand_slots += config->operand_slots & -config->operand_slots;
	if (config->operand && getrandom(&session->operand_key, sizeof(session->operand_key), 0) < 0) {
		log_error("operand resolver: no random key: %s", log__errstr(errno));
		return error__last();
	}
	return 0;
}

static int make_operands(struct session *session)
{
	const struct session_config *config = &session->config;

	if (!config->operand)
		return 0;
	if (session->layout.layout.levels && bpf_program__fd(session->bpf->progs.mmuscope_walk) >= 0) {
		session->walker = page_walker__over(session->bpf);
		if (!session->walker)
			return error__last();
	}
	session->operands = operands__new(session->bpf, session->walker, config->operand_slots, session->operand_key,
					  config->operand);
	return session->operands ? 0 : error__last();
}

static int make_rings(struct session *session)
{
	int outer_fd = bpf_map__fd(session->bpf->maps.mmu_samples);

	session->rings = rings__new(outer_fd, &session->cpus, session->config.buffer, on_record, session);
	return session->rings ? 0 : error__last();
}

/* Watches for the end of every process of -p, so that a run ends with its target. */
static int watch_target(struct session *session)
{
	const struct target *target = session->config.target;
	struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data.u64 = TAG_TARGET};
	size_t i;
	int fd;

	if (session->child) {
		session->n_alive = 1;
		fd = child__pidfd(session->child);
		return epoll_ctl(session->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? error__last() : 0;
	}
	if (target->kind != TARGET_PIDS)
		return 0;
	session->pid_fds = malloc(target->n_ids * sizeof(*session->pid_fds));
	if (!session->pid_fds)
		return -ENOMEM;
	for (i = 0; i < target->n_ids; i++) {
		fd = syscall(SYS_pidfd_open, target->ids[i], 0);
		if (fd < 0 && errno == ESRCH)
			continue; /* gone since its events were opened: nothing to wait for */
		if (fd < 0)
			return error__last();
		session->pid_fds[session->n_pids++] = fd;
		if (epoll_ctl(session->epoll_fd, EPOLL_CTL_ADD, fd, &event))
			return error__last();
	}
	session->n_alive = session->n_pids;
	return 0;
}

static int make_epoll(struct session *session)
{
	int err = 0;

	session->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (session->epoll_fd < 0)
		err = error__last();
	if (!err)
		err = rings__watch(session->rings, session->epoll_fd, TAG_RING);
	if (!err)
		err = watch_target(session);
	if (err == -EINVAL || err == -ENOENT) /* pidfd_open() of a thread that is not its process's first */
		log_error(
			"cannot watch the rings and the target: %s; if -p names a thread of another process, give that "
			"process, or use -t",
			log__errstr(err));
	else if (err)
		log_error("cannot watch the rings and the target: %s", log__errstr(err));
	return err;
}

static int pin(struct session *session)
{
	if (!session->config.pin)
		return 0;
	session->pins = pins__new(session->config.pin, session->bpf, session->link_fds, session->n_links);
	return session->pins ? 0 : error__last();
}

struct session *session__new(const struct session_config *config)
{
	struct session *session = calloc(1, sizeof(*session));
	int err;

	if (!session) {
		no_memory();
		return NULL;
	}
	session->config = *config;
	session->epoll_fd = -1;
	if (!session->config.buffer)
		session->config.buffer = DEFAULT_BUFFER;
	session->received = calloc(config->events->n, sizeof(*session->received));
	err = session->received ? 0 : no_memory();
	if (!err)
		err = choose_operands(session);
	if (!err)
		err = find_target(session);
	if (!err)
		err = load_bpf(session);
	if (!err)
		err = make_operands(session);
	if (!err)
		err = make_rings(session);
	if (!err)
		err = open_events(session);
	if (!err)
		err = pin(session);
	if (!err)
		err = make_epoll(session);
	if (err) {
		session__free(session);
		errno = -err;
		return NULL;
	}
	return session;
}

void session__free(struct session *session)
{
	size_t i;

	if (!session)
		return;
	pins__free(session->pins);
	for (i = 0; i < session->n_links; i++)
		close(session->link_fds[i]);
	free(session->link_fds);
	perf_set__free(session->perf);
	rings__free(session->rings);
	operands__free(session->operands);
	page_walker__free(session->walker);
	mmuscope_bpf__destroy(session->bpf);
	child__free(session->child);
	for (i = 0; i < session->n_pids; i++)
		close(session->pid_fds[i]);
	free(session->pid_fds);
	if (session->epoll_fd >= 0)
		close(session->epoll_fd);
	cpus__free(&session->cpus);
	clock_estimate__free(session->clock);
	free(session->received);
	free(session);
}

const struct layout_result *session__layout(const struct session *session)
{
	return &session->layout;
}

int session__start(struct session *session)
{
	int err;

	session->clock = clock_estimate__new(session->config.target);
	err = perf_set__enable(session->perf);
	if (err) {
		log_error("cannot enable the events: %s", log__errstr(err));
		return err;
	}
	return session->child ? child__start(session->child) : 0;
}

/* A thread cannot be waited for as a process can (before PIDFD_THREAD, 6.9): it is looked for when nothing else is to do. */
static bool threads_are_gone(const struct target *target)
{
	size_t i;

	if (target->kind != TARGET_TIDS)
		return false;
	for (i = 0; i < target->n_ids; i++) {
		if (!kill((pid_t)target->ids[i], 0) || errno != ESRCH)
			return false;
	}
	return true;
}

enum session_wake session__wait(struct session *session, uint64_t timeout_ns)
{
	int timeout_ms = (int)((timeout_ns + 999999) / 1000000);
	struct epoll_event events[16];
	enum session_wake wake = SESSION_TIMEOUT;
	int n, i;

	if (session->pid_fds && !session->n_alive)
		return SESSION_TARGET_GONE; /* every process of -p had ended before it could be watched */
	n = epoll_wait(session->epoll_fd, events, 16, timeout_ms);
	if (n == 0 && threads_are_gone(session->config.target))
		return SESSION_TARGET_GONE;
	if (n < 0)
		return SESSION_SIGNAL;
	for (i = 0; i < n; i++) {
		if (events[i].data.u64 == TAG_RING && wake == SESSION_TIMEOUT)
			wake = SESSION_DATA;
		if (events[i].data.u64 == TAG_TARGET && --session->n_alive == 0)
			wake = SESSION_TARGET_GONE;
	}
	return wake;
}

int session__drain(struct session *session)
{
	int err = rings__drain(session->rings);

	if (session->operands)
		operands__tend(session->operands);
	return err == -ECANCELED ? 0 : err;
}

int session__stop(struct session *session)
{
	clock_estimate__stop(session->clock);
	session->stopped = true;
	return perf_set__disable(session->perf);
}

/* Sums one event's counters over the CPUs. Returns 1 when each CPU's sum holds, 0 when not, or -errno. */
static int read_counters(const struct session *session, uint32_t event, struct mmu_counts *counts, int n_cpus,
			 struct accounting *accounting)
{
	int fd = bpf_map__fd(session->bpf->maps.mmu_counters);
	int exact = 1;
	int err = bpf_map_lookup_elem(fd, &event, counts);
	int i;

	if (err)
		return err;
	accounting__init(accounting);
	for (i = 0; i < n_cpus; i++) {
		const struct mmu_counts *cpu = &counts[i];

		if (cpu->seen != cpu->emitted + cpu->filtered + cpu->ring_full + cpu->ring_busy)
			exact = 0;
		accounting->seen += cpu->seen;
		accounting->emitted += cpu->emitted;
		accounting->filtered += cpu->filtered;
		accounting->ring_full += cpu->ring_full;
		accounting->ring_busy += cpu->ring_busy;
	}
	return exact;
}

int session__unattributed(const struct session *session, uint64_t *samples)
{
	int n_cpus = libbpf_num_possible_cpus();
	struct accounting accounting;
	struct mmu_counts *counts;
	int err;

	if (n_cpus < 0)
		return n_cpus;
	counts = calloc(n_cpus, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	err = read_counters(session, MMU_UNATTRIBUTED, counts, n_cpus, &accounting);
	free(counts);
	*samples = accounting.seen;
	return err < 0 ? err : 0;
}

/* One sample per event, and a count that is exact: only then can the two be compared. */
static bool counts_every_event(const struct event *event)
{
	return !event->attr.freq && event->attr.sample_period == 1;
}

int session__accounting(const struct session *session, uint32_t event, struct accounting *accounting)
{
	const struct event *what = &session->config.events->events[event];
	int n_cpus = libbpf_num_possible_cpus();
	struct mmu_counts *counts;
	uint64_t count, enabled_ns;
	int tries, err = 0;

	if (n_cpus < 0)
		return n_cpus;
	counts = calloc(n_cpus, sizeof(*counts));
	if (!counts)
		return -ENOMEM;
	for (tries = 0; tries < ACCOUNTING_TRIES && !err; tries++)
		err = read_counters(session, event, counts, n_cpus, accounting);
	free(counts);
	if (err < 0)
		return err;
	accounting->received = session->received[event];
	err = perf_set__read(session->perf, event, &count, &enabled_ns);
	if (err)
		return err;
	if (counts_every_event(what))
		accounting->counted = (int64_t)count;
	if (what->is_clock)
		accounting->expected = clock_estimate__samples(session->clock, what, count);
	return 0;
}

const struct operands_counts *session__operands(const struct session *session)
{
	return session->operands ? operands__counts(session->operands) : NULL;
}

bool session__command_status(const struct session *session, int *status)
{
	return session->child && child__reap(session->child, status);
}

void session__terminate_command(struct session *session)
{
	if (session->child)
		child__terminate(session->child);
}
