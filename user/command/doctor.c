// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * doctor: what this machine can do and cannot, and what to change. Everything is tried as hist would do it, disabled,
 * and closed again; what fails is a row, not an error.
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "capture/bpf_object.h"
#include "capture/cpus.h"
#include "capture/event.h"
#include "capture/host_facts.h"
#include "capture/layout.h"
#include "capture/perf_link.h"
#include "capture/perf_set.h"
#include "capture/probe.h"
#include "command/command.h"
#include "command/output.h"
#include "mmuscope.skel.h"
#include "model/feature.h"
#include "model/page_size.h"
#include "page_walk.h"
#include "support/error.h"
#include "support/log.h"
#include "view/view_doctor.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"
#define SILENT ((enum log_level)(LOG_ERROR - 1))
#define BUFFER (1UL << 20)
#define PAGE_SIZE_BITS (PERF_SAMPLE_DATA_PAGE_SIZE | PERF_SAMPLE_CODE_PAGE_SIZE)
#define NOT_TRIED "not tried without the sampling program"

struct doctor {
	const struct options *options;
	struct host_facts facts;
	struct feature_list list;

	struct btf *btf; /* of --btf, or the kernel's */
	bool kernel_btf; /* libbpf finds the kernel's own, which loading takes, whatever --btf says */
	struct mmuscope_bpf *sampler;
	int sampler_err;
	struct layout_result layout;
	int layout_err; /* layout__prepare() could not be run, or failed */
	int link_err;   /* 0 or a descriptor's error; PERF_LINK_NONE is none */
	bool by_ioctl;
	char data_events[160]; /* what -e data samples here */
	bool data;             /* it could be opened on the whole machine */
	bool faults;
	bool timer;
};

/* Around what is expected to fail on some machines: the row says it. With -v everything is shown. */
static enum log_level hush(void)
{
	enum log_level level = log__level();

	if (level < LOG_DEBUG)
		log__set_level(SILENT);
	return level;
}

static void unhush(enum log_level level)
{
	log__set_level(level);
}

static bool refused(int err)
{
	return err == -EPERM || err == -EACCES;
}

/* What to do about a refusal by the kernel. */
static const char *remedy_of(const struct doctor *doctor, int err)
{
	if (refused(err) && !host_facts__may_trace(&doctor->facts))
		return "run as root, or with CAP_BPF and CAP_PERFMON (see Capabilities)";
	if (refused(err))
		return "the capabilities are held: see Settings, and what else may forbid it (seccomp of a container, "
		       "SELinux)";
	if (err == -ENOSYS)
		return "a kernel built with CONFIG_BPF_SYSCALL and CONFIG_PERF_EVENTS, and no seccomp filter on them";
	return "mmuscope doctor -v shows what libbpf and the kernel say";
}

/* --- trying things --- */

static void load_btf(struct doctor *doctor)
{
	struct btf *kernel = probe__load_btf(NULL);

	doctor->kernel_btf = kernel != NULL;
	if (!doctor->options->btf) {
		doctor->btf = kernel;
		return;
	}
	btf__free(kernel);
	doctor->btf = probe__load_btf(doctor->options->btf);
}

static void load_sampler(struct doctor *doctor)
{
	struct event event = {.name = "minor-faults", .origin = MMU_ORIGIN_FAULT};
	struct event_list events = {.events = &event, .n = 1};
	struct bpf_object_config config = {
		.events = &events,
		.n_perf_fds = 1,
		.walk = true,
		.kernel = true,
		.buffer = BUFFER,
		.btf = doctor->options->btf,
	};
	struct cpus cpus;

	if (!cpus__online(&cpus)) {
		config.highest_cpu = cpus.highest;
		cpus__free(&cpus);
	}
	doctor->sampler = bpf_object__open_sampler(&config);
	doctor->sampler_err = doctor->sampler ? 0 : error__last();
}

/* The sampling program on an event that never happens. */
static int try_link(struct doctor *doctor)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.sample_period = 1,
		.disabled = 1,
	};
	int fd = perf_set__open_one(&attr, 0, -1, -1, 0);
	int link_fd;

	if (fd < 0)
		return fd;
	link_fd = perf_link__create(bpf_program__fd(doctor->sampler->progs.mmuscope_sample), fd);
	doctor->by_ioctl = link_fd == PERF_LINK_NONE;
	if (link_fd >= 0)
		close(link_fd);
	close(fd);
	return link_fd >= 0 || doctor->by_ioctl ? 0 : link_fd;
}

static void examine(struct doctor *doctor)
{
	load_btf(doctor);
	load_sampler(doctor);
	if (!doctor->sampler) {
		doctor->layout_err = doctor->sampler_err;
		doctor->link_err = doctor->sampler_err;
		return;
	}
	doctor->link_err = try_link(doctor);
	doctor->layout_err = layout__prepare(doctor->sampler, &doctor->layout);
	/* As libbpf does: ktime_get_coarse_ns came with the kernel that charges maps to the cgroup. */
	doctor->facts.memlock =
		libbpf_probe_bpf_helper(BPF_PROG_TYPE_SOCKET_FILTER, BPF_FUNC_ktime_get_coarse_ns, NULL) == 1
			? HOST_MEMLOCK_NOT_COUNTED
			: HOST_MEMLOCK_COUNTED;
}

/* --- BPF --- */

static void add_machine(struct doctor *doctor)
{
	unsigned int shift = (unsigned int)__builtin_ctzl((unsigned long)sysconf(_SC_PAGESIZE));
	char size[PAGE_SIZE_NAME_LEN];
	struct utsname machine = {0};

	uname(&machine);
	feature_list__group(&doctor->list, "Machine");
	feature_list__add(&doctor->list, FEATURE_INFO, "kernel", NULL, "%s %s, %s%s", machine.sysname, machine.release,
			  machine.machine, doctor->facts.is_virtual ? ", virtual machine" : "");
	feature_list__add(&doctor->list, FEATURE_INFO, "base page", NULL, "%s", page_size__name(shift, size));
	feature_list__add(&doctor->list, FEATURE_INFO, "libbpf", NULL, "%s", libbpf_version_string());
}

/* What libbpf loads takes the kernel's own BTF, also where --btf gives one. */
static bool lacks_btf(const struct doctor *doctor)
{
	return !doctor->sampler && !doctor->btf;
}

static void add_btf(struct doctor *doctor)
{
	static const char build[] = "give its BTF with --btf FILE, or run a kernel built with CONFIG_DEBUG_INFO_BTF";
	const char *given = doctor->options->btf;
	struct feature_list *list = &doctor->list;

	if (!doctor->btf && given)
		feature_list__add(list, FEATURE_MISSING, "BTF", "give a file with the BTF of this very kernel",
				  "%s cannot be read as BTF", given);
	else if (given && !doctor->kernel_btf)
		feature_list__add(list, FEATURE_LIMITED, "BTF", "run a kernel built with CONFIG_DEBUG_INFO_BTF",
				  "%s; walk does not work without the kernel's own", given);
	else if (!doctor->btf)
		feature_list__add(list, FEATURE_MISSING, "BTF", build, "no %s", KERNEL_BTF);
	else
		feature_list__add(list, FEATURE_OK, "BTF", NULL, "%s",
				  given                       ? given
				  : !access(KERNEL_BTF, R_OK) ? KERNEL_BTF
							      : "found by libbpf outside of " KERNEL_BTF);
}

static void add_ring_buffer(struct doctor *doctor)
{
	static const char name[] = "BPF ring buffer";
	int fd;

	if (libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, NULL) == 1) {
		feature_list__add(&doctor->list, FEATURE_OK, name, NULL, "BPF_MAP_TYPE_RINGBUF");
		return;
	}
	/* The probe says no to everyone who may not create maps; ask for the reason. */
	fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0, (unsigned int)sysconf(_SC_PAGESIZE), NULL);
	if (fd >= 0)
		close(fd);
	if (fd == -EINVAL)
		feature_list__add(&doctor->list, FEATURE_MISSING, name, "a kernel from 5.8 on", "not in this kernel");
	else
		feature_list__add(&doctor->list, FEATURE_MISSING, name, remedy_of(doctor, fd), "%s", log__errstr(fd));
}

static void add_programs(struct doctor *doctor)
{
	struct feature_list *list = &doctor->list;
	struct mmuscope_bpf *walker;
	int err = doctor->sampler_err;

	if (doctor->sampler)
		feature_list__add(list, FEATURE_OK, "sampling program", NULL, "mmuscope_sample loads");
	else if (lacks_btf(doctor))
		feature_list__add(list, FEATURE_MISSING, "sampling program", "see BTF", "cannot be loaded without BTF");
	else
		feature_list__add(list, FEATURE_MISSING, "sampling program", remedy_of(doctor, err), "%s",
				  log__errstr(err));

	if (!doctor->sampler)
		feature_list__add(list, FEATURE_MISSING, "BPF link for perf events", "see sampling program", NOT_TRIED);
	else if (doctor->link_err)
		feature_list__add(list, FEATURE_MISSING, "BPF link for perf events",
				  remedy_of(doctor, doctor->link_err), "%s", log__errstr(doctor->link_err));
	else if (doctor->by_ioctl)
		feature_list__add(list, FEATURE_LIMITED, "BPF link for perf events",
				  "a kernel from 5.15 on, for --pin of links", "by ioctl: there is no link to pin");
	else
		feature_list__add(list, FEATURE_OK, "BPF link for perf events", NULL, "attaches");

	if (!doctor->btf)
		feature_list__add(list, FEATURE_MISSING, "kernel context", "see BTF", "not known without BTF");
	else if (doctor->kernel_btf && probe__kfunc(doctor->btf, "bpf_cast_to_kern_ctx"))
		feature_list__add(list, FEATURE_OK, "kernel context", NULL, "kfunc bpf_cast_to_kern_ctx");
	else
		feature_list__add(list, FEATURE_INFO, "kernel context", NULL,
				  "probe read (kfunc bpf_cast_to_kern_ctx needs 6.2 and BTF): slower, as good");

	walker = bpf_object__open_walker(doctor->options->btf);
	err = walker ? 0 : error__last();
	mmuscope_bpf__destroy(walker);
	if (!err)
		feature_list__add(list, FEATURE_OK, "task iterator for walk", NULL, "mmuscope_walk loads");
	else if (!doctor->kernel_btf)
		feature_list__add(list, FEATURE_MISSING, "task iterator for walk", "see BTF",
				  "cannot be loaded without the kernel's own BTF");
	else
		feature_list__add(list, FEATURE_MISSING, "task iterator for walk", remedy_of(doctor, err), "%s",
				  log__errstr(err));
}

static void add_bpf(struct doctor *doctor)
{
	feature_list__group(&doctor->list, "BPF");
	add_btf(doctor);
	add_ring_buffer(doctor);
	add_programs(doctor);
	host_facts__add_bpf_fs(&doctor->facts, &doctor->list);
}

/* --- page sizes --- */

static void add_kernel_sizes(struct doctor *doctor)
{
	static const char samples[] = "page sizes in perf samples", in_bpf[] = "page sizes of the kernel in BPF";
	struct feature_list *list = &doctor->list;

	if (probe__sample_type(PAGE_SIZE_BITS))
		feature_list__add(list, FEATURE_OK, samples, NULL, "of data and code");
	else if (probe__sample_type(PERF_SAMPLE_IP))
		feature_list__add(list, FEATURE_MISSING, samples, "a kernel from 5.11 on; the walk does without",
				  "not in this kernel");
	else
		feature_list__add(list, FEATURE_MISSING, samples,
				  "see kernel.perf_event_paranoid and Capabilities, or a container's seccomp profile",
				  "not tried: perf_event_open is refused for mmuscope itself");

	if (!doctor->sampler)
		feature_list__add(list, FEATURE_MISSING, in_bpf, "see sampling program", NOT_TRIED);
	else if (doctor->layout_err)
		feature_list__add(list, FEATURE_MISSING, in_bpf, "see self-check",
				  "not tried: the self-check did not run");
	else if (doctor->layout.kernel_sizes)
		feature_list__add(list, FEATURE_OK, in_bpf, NULL, "both sizes of every sample can be compared");
	else
		feature_list__add(list, FEATURE_LIMITED, in_bpf, "a kernel from 6.3 on",
				  "they do not reach it: the walk stands alone");
}

static void add_layout(struct doctor *doctor)
{
	const struct mmu_layout *layout = &doctor->layout.layout;
	struct feature_list *list = &doctor->list;

	if (!doctor->sampler) {
		feature_list__add(list, FEATURE_MISSING, "page walk", "see sampling program", NOT_TRIED);
		return;
	}
	if (doctor->layout_err) {
		feature_list__add(list, FEATURE_MISSING, "page walk", remedy_of(doctor, doctor->layout_err),
				  "the self-check cannot be run: %s", log__errstr(doctor->layout_err));
		return;
	}
	if (!layout->levels) {
		feature_list__add(list, FEATURE_MISSING, "page walk",
				  doctor->layout.kernel_sizes
					  ? "hist goes on with the sizes of the kernel alone; please "
					    "report this table as a bug of mmuscope"
					  : "please report this table as a bug of mmuscope",
				  "off: %s", doctor->layout.why);
		return;
	}
	feature_list__add(list, FEATURE_OK, "page walk", NULL, "on");
	feature_list__add(list, FEATURE_OK, "kernel memory found by", NULL, "%s", layout__source_name(layout->source));
	feature_list__add(list, FEATURE_INFO, "page tables", NULL, "%u levels, %u address bits", layout->levels,
			  mmu_arch_address_bits(layout));
}

static void add_self_check(struct doctor *doctor)
{
	struct feature_list *list = &doctor->list;
	size_t i;

	feature_list__group(list, "Self-check of the walk");
	if (!doctor->layout.n_checks)
		feature_list__add(list, FEATURE_MISSING, "self-check", "see page walk", "not run");
	for (i = 0; i < doctor->layout.n_checks; i++) {
		const struct layout_check *check = &doctor->layout.checks[i];

		if (!check->checked)
			feature_list__add(list, FEATURE_INFO, check->what, NULL, "not checked: %s", check->note);
		else if (check->passed)
			feature_list__add(list, FEATURE_OK, check->what, NULL, "passed; %s", check->note);
		else
			feature_list__add(list, FEATURE_MISSING, check->what,
					  "please report this table as a bug of mmuscope", "failed; %s", check->note);
	}
}

/* --- events --- */

/* Opens an event as hist would, without enabling it. `names` gets those of the events it stands for. */
static int try_event(const char *spec, const struct target *target, struct event_list *events, char *names, size_t size)
{
	static const struct event_defaults defaults;
	struct perf_set_config config = {.events = events, .target = target, .kernel_sizes = true};
	struct perf_set *set;
	struct cpus cpus;
	size_t length = 0;
	size_t i;
	int err = event__parse(spec, &defaults, NULL, events);

	names[0] = '\0';
	if (err)
		return err;
	for (i = 0; i < events->n && length < size; i++)
		length +=
			(size_t)snprintf(names + length, size - length, "%s%s", i ? ", " : "", events->events[i].name);
	err = cpus__online(&cpus);
	if (err)
		return err;
	config.online = &cpus;
	set = perf_set__new(&config);
	err = set ? 0 : error__last();
	perf_set__free(set);
	cpus__free(&cpus);
	return err;
}

/* Adds the row of an event that could not be opened; returns false when it could. */
static bool add_refused(struct doctor *doctor, const char *name, int err)
{
	const char *remedy = remedy_of(doctor, err);

	if (!err)
		return false;
	if (err == -EMFILE)
		remedy = "raise the limit of open files (ulimit -n)";
	else if (err == -EBUSY || err == -ENOSPC)
		remedy = "end the debugger or profiler that holds the PMU or the debug registers";
	feature_list__add(&doctor->list, FEATURE_MISSING, name, remedy, "cannot be opened: %s", log__errstr(err));
	return true;
}

static bool add_data(struct doctor *doctor, const struct target *all)
{
	struct event_list events = {0};
	int err = try_event("data", all, &events, doctor->data_events, sizeof(doctor->data_events));
	bool pmu = events.n && events.events[0].origin == MMU_ORIGIN_PMU;

	event_list__free(&events);
	if (add_refused(doctor, "-e data (default)", err))
		return false;
	if (pmu)
		feature_list__add(&doctor->list, FEATURE_OK, "-e data (default)", NULL, "%s", doctor->data_events);
	else
		feature_list__add(&doctor->list, FEATURE_LIMITED, "-e data (default)",
				  "a PMU that reports data addresses: see Intel PEBS, AMD IBS",
				  "%s samples, addresses from the operands of user code", doctor->data_events);
	return true;
}

static bool add_event(struct doctor *doctor, const char *name, const char *spec, const struct target *target,
		      const char *value)
{
	struct event_list events = {0};
	char names[160];
	int err = try_event(spec, target, &events, names, sizeof(names));

	event_list__free(&events);
	if (add_refused(doctor, name, err))
		return false;
	feature_list__add(&doctor->list, FEATURE_OK, name, NULL, "%s", value);
	return true;
}

/* Also where it can be opened, a hypervisor may keep the hits to itself. */
static void add_breakpoint(struct doctor *doctor)
{
	static const char name[] = "-e mem:ADDR";
	static volatile uint64_t watched;
	uint32_t self = (uint32_t)getpid();
	struct target own = {.kind = TARGET_PIDS, .ids = &self, .n_ids = 1};
	char breakpoint[64];

	if (probe__breakpoint_hits() == 0) {
		feature_list__add(&doctor->list, FEATURE_MISSING, name,
				  doctor->facts.is_virtual ? "have the host of this virtual machine pass debug "
							     "exceptions on; -e timer and -e faults do without"
							   : "-e timer and -e faults do without",
				  "can be opened, but reports no hit of a word that was read");
		return;
	}
	snprintf(breakpoint, sizeof(breakpoint), "mem:%#lx/8:rw", (unsigned long)(uintptr_t)&watched);
	add_event(doctor, name, breakpoint, &own, "each access to one place, by a debug register");
}

static void add_events(struct doctor *doctor)
{
	struct target all = {.kind = TARGET_ALL};

	feature_list__group(&doctor->list, "Sources of data addresses");
	host_facts__add_sources(&doctor->facts, &doctor->list);
	doctor->data = add_data(doctor, &all);
	doctor->faults = add_event(doctor, "-e faults", "faults", &all, "the address of each page fault");
	add_breakpoint(doctor);
	doctor->timer = add_event(doctor, "-e timer", "timer", &all, "addresses from the operands of user code");
}

/* --- verdict --- */

/* Every capability that is missing for hist, "CAP_BPF and CAP_PERFMON". */
static const char *missing_capabilities(const struct host_facts *facts)
{
	bool admin = host_facts__has_capability(facts, CAP_SYS_ADMIN) && !facts->in_user_namespace;
	bool bpf = admin || (host_facts__has_capability(facts, CAP_BPF) && !facts->in_user_namespace);
	bool perfmon = admin || (host_facts__has_capability(facts, CAP_PERFMON) && !facts->in_user_namespace);

	return !bpf && !perfmon ? "CAP_BPF and CAP_PERFMON" : !bpf ? "CAP_BPF" : !perfmon ? "CAP_PERFMON" : NULL;
}

static void conclude_missing(struct doctor *doctor)
{
	const char *capabilities = missing_capabilities(&doctor->facts);
	struct feature_list *list = &doctor->list;
	const char *why = doctor->layout.why;

	if (lacks_btf(doctor))
		feature_list__conclude(list, false, "the kernel's BTF%s%s", capabilities ? ", " : "",
				       capabilities ? capabilities : "");
	else if (!doctor->sampler && capabilities)
		feature_list__conclude(list, false, "%s", capabilities);
	else if (!doctor->sampler)
		feature_list__conclude(list, false, "a kernel that takes the sampling program (%s)",
				       log__errstr(doctor->sampler_err));
	else if (doctor->link_err)
		feature_list__conclude(list, false, "attaching to a perf event (%s)", log__errstr(doctor->link_err));
	else if (doctor->layout_err)
		feature_list__conclude(list, false, "a self-check that runs (%s)", log__errstr(doctor->layout_err));
	else if (!doctor->layout.layout.levels && !doctor->layout.kernel_sizes)
		feature_list__conclude(list, false, "any source of page sizes (the walk is off: %s)", why);
	else
		feature_list__conclude(list, false, "any event that can be opened on the whole machine");
}

static void conclude(struct doctor *doctor)
{
	bool walk = doctor->layout.layout.levels;
	bool kernel = doctor->layout.kernel_sizes;
	bool event = doctor->data || doctor->faults || doctor->timer;

	if (!doctor->sampler || doctor->link_err || doctor->layout_err || !event || (!walk && !kernel)) {
		conclude_missing(doctor);
		return;
	}
	feature_list__conclude(&doctor->list, true, "page sizes from %s; %s",
			       walk && kernel ? "walk and kernel"
			       : walk         ? "the walk alone"
					      : "the kernel alone",
			       doctor->data     ? doctor->data_events
			       : doctor->faults ? "with -e faults"
						: "with -e timer");
}

static void describe(struct doctor *doctor)
{
	struct feature_list *list = &doctor->list;

	add_machine(doctor);
	add_bpf(doctor);
	feature_list__group(list, "Page sizes");
	add_kernel_sizes(doctor);
	add_layout(doctor);
	add_self_check(doctor);
	add_events(doctor);
	feature_list__group(list, "Capabilities");
	host_facts__add_capabilities(&doctor->facts, list);
	feature_list__group(list, "Settings");
	host_facts__add_settings(&doctor->facts, list);
	feature_list__group(list, "Large pages");
	host_facts__add_memory(&doctor->facts, list);
	conclude(doctor);
}

int command_doctor(const struct options *options)
{
	struct doctor doctor = {.options = options};
	enum log_level level;
	int status, err;

	libbpf_set_print(NULL); /* until bpf_object has its own */
	host_facts__read(&doctor.facts, NULL);
	level = hush();
	examine(&doctor);
	describe(&doctor);
	unhush(level);

	err = view_doctor__print(options->format, &doctor.list, stdout);
	if (err)
		output__explain(NULL, err);
	status = !err && doctor.list.hist ? EXIT_DONE : EXIT_FAILED;
	mmuscope_bpf__destroy(doctor.sampler);
	btf__free(doctor.btf);
	feature_list__free(&doctor.list);
	return status;
}
