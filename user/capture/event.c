// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Takes -e apart, as tools/perf/util/parse-events.y does, and gives every event its modes, rate and name.
 */
#include "capture/event_internal.h"

#include <errno.h>
#include <linux/hw_breakpoint.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/log.h"
#include "support/parse.h"

#define SYSFS_DEVICES "/sys/bus/event_source/devices"
/* More than 64 events of the longest name take. */
#define MAX_SPEC_LEN 8192

#define DEFAULT_CLOCK_HZ 999     /* not in step with the timer tick */
#define DEFAULT_HARDWARE_HZ 4000 /* perf's */

#define NO_DATA_PMU                                                                                                    \
	"data: this machine has no PMU that reports data addresses (no PEBS, no IBS); timer samples instead, their "   \
	"addresses from the operands of the code"

int event__refuse(const struct event_job *job, int err, const char *format, ...)
{
	char text[1536];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("event \"%.*s%s\": %s", EVENT_NAME_LEN, job->spec, strlen(job->spec) > EVENT_NAME_LEN ? "..." : "",
		  text);
	return err;
}

struct event *event__add(struct event_job *job)
{
	struct event *event;

	if (job->n == job->room) {
		event__refuse(job, -E2BIG, "more than %d events; leave some out", MMU_MAX_EVENTS);
		return NULL;
	}
	event = &job->events[job->n++];
	event->attr.size = sizeof(event->attr);
	return event;
}

/* -EINVAL: not a modifier of ours. */
static int one_modifier(struct event_modifiers *modifiers, char letter)
{
	switch (letter) {
	case 'u':
		modifiers->user = true;
		return 0;
	case 'k':
		modifiers->kernel = true;
		return 0;
	case 'h':
		modifiers->hv = true;
		return 0;
	case 'G':
		modifiers->guest = true;
		return 0;
	case 'H':
		modifiers->host = true;
		return 0;
	case 'I':
		modifiers->idle = true;
		return 0;
	case 'p':
		modifiers->precise++;
		return 0;
	case 'P':
		modifiers->precise_max = true;
		return 0;
	default:
		return -EINVAL;
	}
}

int event__modifiers(struct event_job *job, const char *text)
{
	struct event_modifiers *modifiers = &job->modifiers;

	memset(modifiers, 0, sizeof(*modifiers));
	modifiers->text = text ?: "";
	if (text && !*text)
		return event__refuse(job, -EINVAL, "no modifier behind the colon; leave the colon out");
	for (const char *p = modifiers->text; *p; p++) {
		if (one_modifier(modifiers, *p) == 0) {
			if (*p != 'p' && strchr(p + 1, *p))
				return event__refuse(job, -EINVAL, "modifier \"%c\" is given twice; leave one out", *p);
			continue;
		}
		if (strchr("SDWebR", *p))
			return event__refuse(job, -EINVAL, "perf's modifier \"%c\" means nothing here; leave it out",
					     *p);
		return event__refuse(job, -EINVAL,
				     "unknown modifier \"%c\" in \"%.32s\"; there are u, k, h (modes), p, pp, ppp, P "
				     "(precise), G, H (guest, host) and I (not when idle)",
				     *p, text);
	}
	if (modifiers->precise > 3 || (modifiers->precise && modifiers->precise_max))
		return event__refuse(job, -EINVAL, "the precise levels are p, pp, ppp or P, for the best there is");
	return 0;
}

/* As perf: one mode named, the others are out (parse-events.c get_event_modifier). */
static void set_modes(const struct event_job *job, struct event *event, const struct event_source *source)
{
	const struct event_modifiers *modifiers = &job->modifiers;
	struct perf_event_attr *attr = &event->attr;

	if (modifiers->user || modifiers->kernel || modifiers->hv) {
		attr->exclude_user = !modifiers->user;
		attr->exclude_kernel = !modifiers->kernel;
		attr->exclude_hv = !modifiers->hv;
	} else if (attr->exclude_user || attr->exclude_kernel) {
		/* libpfm4's own modifiers. */
		attr->exclude_hv = 1;
	} else {
		attr->exclude_kernel = job->defaults->all_user;
		attr->exclude_user = job->defaults->all_kernel;
	}
	attr->exclude_idle = modifiers->idle;
	if (modifiers->guest || modifiers->host) {
		attr->exclude_guest = !modifiers->guest;
		attr->exclude_host = !modifiers->host;
	} else if (source->pmu[0] && !attr->exclude_host) {
		attr->exclude_guest = 1;
	}
}

static void set_freq(struct perf_event_attr *attr, uint64_t freq)
{
	attr->freq = 1;
	attr->sample_freq = freq;
}

static int set_sampling(const struct event_job *job, struct event *event)
{
	const struct event_own_terms *own = &job->own;
	const struct event_defaults *defaults = job->defaults;
	struct perf_event_attr *attr = &event->attr;

	if (own->freq && own->period)
		return event__refuse(job, -EINVAL, "freq= and period= exclude each other; leave one out");
	if (own->freq)
		set_freq(attr, own->freq);
	else if (own->period)
		attr->sample_period = own->period;
	else if (attr->sample_period) /* or sample_freq, the same word: libpfm4's freq= or period= */
		return 0;
	else if (defaults->freq)
		set_freq(attr, defaults->freq);
	else if (defaults->period)
		attr->sample_period = defaults->period;
	else if (event->is_clock)
		set_freq(attr, DEFAULT_CLOCK_HZ);
	else if (attr->type == PERF_TYPE_SOFTWARE || attr->type == PERF_TYPE_BREAKPOINT)
		attr->sample_period = 1;
	else
		set_freq(attr, DEFAULT_HARDWARE_HZ);
	return 0;
}

static int set_name(const struct event_job *job, struct event *event, const char *name)
{
	if (!name)
		name = job->own.name[0] ? job->own.name : job->spec;
	if (strlen(name) >= sizeof(event->name))
		return event__refuse(job, -EINVAL,
				     "longer than the %zu characters a name may have in reports; give it one with "
				     "name=, or write it shorter",
				     sizeof(event->name) - 1);
	snprintf(event->name, sizeof(event->name), "%s", name);
	return 0;
}

/* What the kind of event says, whoever named it. */
static int set_kind(const struct event_job *job, struct event *event)
{
	const struct event_software *software;

	if (event->attr.type == PERF_TYPE_TRACEPOINT)
		return event__refuse(
			job, -EINVAL,
			"tracepoints are no source of page sizes yet; use data, timer, faults or mem:ADDR");
	if (event->attr.type != PERF_TYPE_SOFTWARE)
		return 0;
	software = event_table__software_config(event->attr.config);
	if (!software)
		return event__refuse(job, -EINVAL, "software event %llu is unknown",
				     (unsigned long long)event->attr.config);
	if (software->refusal)
		return event__refuse(job, -EINVAL, "%s", software->refusal);
	event->origin = software->origin;
	event->is_clock = software->is_clock;
	return 0;
}

int event__finish(struct event_job *job, struct event *event, const struct event_source *source, const char *name)
{
	int err = set_kind(job, event);

	set_modes(job, event, source);
	err = err ?: event_traits__precise(job, event, source);
	err = err ?: set_sampling(job, event);
	err = err ?: event_traits__apply(job, event, source);
	err = err ?: set_name(job, event, name);
	if (event->attr.precise_ip) {
		/*
		 * The kernel hands only the last record of a PEBS drain to BPF, so there must be one a drain:
		 * arch/x86/events/intel/core.c intel_pmu_hw_config() keeps large PEBS off for this pair.
		 */
		event->attr.wakeup_events = 1;
		event->attr.watermark = 0;
	}
	return err;
}

static int add_software(struct event_job *job, uint64_t config, const char *name)
{
	static const struct event_source source = {.pmu = ""};
	struct event *event = event__add(job);

	if (!event)
		return -E2BIG;
	event->attr.type = PERF_TYPE_SOFTWARE;
	event->attr.config = config;
	return event__finish(job, event, &source, name);
}

/* The name of an event that the user did not spell: "cpu_core/cycles/u", "minor-faults:u". */
static int made_name(const struct event_job *job, char name[EVENT_NAME_LEN], const char *pmu, const char *base)
{
	const char *modifiers = job->modifiers.text;
	int n;

	if (pmu)
		n = snprintf(name, EVENT_NAME_LEN, "%s/%s/%s", pmu, base, modifiers);
	else
		n = snprintf(name, EVENT_NAME_LEN, "%s%s%s", base, *modifiers ? ":" : "", modifiers);
	if (n >= EVENT_NAME_LEN)
		return event__refuse(job, -EINVAL, "the name made from it is too long for reports: %.64s...", name);
	return 0;
}

static int add_faults(struct event_job *job)
{
	char name[EVENT_NAME_LEN];
	int err;

	if (job->own.name[0])
		return event__refuse(job, -EINVAL, "it is two events and cannot have one name; leave name= out");
	err = made_name(job, name, NULL, "minor-faults");
	err = err ?: add_software(job, PERF_COUNT_SW_PAGE_FAULTS_MIN, name);
	err = err ?: made_name(job, name, NULL, "major-faults");
	return err ?: add_software(job, PERF_COUNT_SW_PAGE_FAULTS_MAJ, name);
}

/* PMU/TERMS/ from text of our own. `suffix` goes between the last slash and the user's modifiers in the name. */
static int add_pmu_text(struct event_job *job, const char *pmu, const char *terms, const char *suffix)
{
	char text[EVENT_NAME_LEN], name[EVENT_NAME_LEN];

	if (snprintf(text, sizeof(text), "%s", terms) >= (int)sizeof(text) ||
	    snprintf(name, sizeof(name), "%s/%s/%s%s", pmu, terms, suffix, job->modifiers.text) >= (int)sizeof(name))
		return event__refuse(job, -EINVAL, "the name made from it is too long for reports: %.64s/%.64s/", pmu,
				     terms);
	return event_pmu__add(job, pmu, text, name);
}

static int add_memory(struct event_job *job, const char *pmu)
{
	const char *loads = event_pmu__has(job->sysfs, pmu, "format/ldlat") ? "mem-loads,ldlat=30" : "mem-loads";
	int err;

	job->modifiers.precise_max = true;
	err = add_pmu_text(job, pmu, loads, "P");
	if (!err && event_pmu__has_event(job->sysfs, pmu, "mem-stores"))
		err = add_pmu_text(job, pmu, "mem-stores", "P");
	return err;
}

/* The best source of data addresses that this machine has. */
static int add_data(struct event_job *job)
{
	const size_t before = job->n;
	char name[EVENT_NAME_LEN];
	struct event_cores cores;
	int err = 0;

	if (job->modifiers.precise || job->modifiers.precise_max)
		return event__refuse(job, -EINVAL, "it takes the best precise level by itself; leave out p and P");
	if (job->own.name[0])
		return event__refuse(job, -EINVAL,
				     "it may be several events and cannot have one name; leave name= out");
	event_pmu__cores(job->sysfs, &cores);
	for (size_t i = 0; !err && i < cores.n; i++)
		if (event_pmu__reports_data(job->sysfs, cores.names[i]))
			err = add_memory(job, cores.names[i]);
	if (err || job->n > before)
		return err;
	if (event_pmu__exists(job->sysfs, "ibs_op"))
		return add_pmu_text(job, "ibs_op", "", "");

	if (!job->note)
		job->note = strdup(NO_DATA_PMU);
	if (!job->note)
		return -ENOMEM;
	err = made_name(job, name, NULL, "timer");
	return err ?: add_software(job, PERF_COUNT_SW_CPU_CLOCK, name);
}

static int add_on_core(struct event_job *job, const char *pmu, uint32_t type, uint64_t config, const char *name)
{
	const struct event_source source = {.pmu = pmu};
	struct event *event = event__add(job);

	if (!event)
		return -E2BIG;
	event->attr.type = type;
	event->attr.config = config;
	return event__finish(job, event, &source, name);
}

/* A generic or raw event; on a hybrid machine once for each kind of core, as perf does it. */
static int add_hardware(struct event_job *job, const char *base, uint32_t type, uint64_t config)
{
	struct event_cores cores;
	char name[EVENT_NAME_LEN];
	int err;

	/* Without sysfs, only the kernel knows. */
	if (event_pmu__cores(job->sysfs, &cores))
		return add_on_core(job, "cpu", type, config, NULL);
	if (!cores.n)
		return event_pmu__missing(job, "cpu");
	if (cores.n == 1)
		return add_on_core(job, cores.names[0], type, config, NULL);

	base = job->own.name[0] ? job->own.name : base;
	for (size_t i = 0; i < cores.n; i++) {
		uint32_t pmu_type;

		err = event_pmu__type(job, cores.names[i], &pmu_type);
		err = err ?: made_name(job, name, cores.names[i], base);
		if (err)
			return err;
		/* Linux 5.13: which of several core PMUs a generic event is for stands in the upper half. */
		if (type == PERF_TYPE_RAW)
			err = add_on_core(job, cores.names[i], pmu_type, config, name);
		else
			err = add_on_core(job, cores.names[i], type, config | (uint64_t)pmu_type << PERF_PMU_TYPE_SHIFT,
					  name);
		if (err)
			return err;
	}
	return 0;
}

/* An alias of a core PMU without its PMU, as in perf: "mem-loads:P". -ENOENT: no core PMU has it. */
static int add_alias(struct event_job *job, const char *alias, const char *modifiers)
{
	struct event_cores cores;
	int found = 0;

	event_pmu__cores(job->sysfs, &cores);
	for (size_t i = 0; i < cores.n; i++) {
		char terms[EVENT_PMU_NAME_LEN], name[EVENT_NAME_LEN];
		int err = 0;

		if (!event_pmu__has_event(job->sysfs, cores.names[i], alias))
			continue;
		if (!found++)
			err = event__modifiers(job, modifiers);
		snprintf(terms, sizeof(terms), "%s", alias);
		err = err ?: made_name(job, name, cores.names[i], alias);
		err = err ?: event_pmu__add(job, cores.names[i], terms, cores.n > 1 ? name : NULL);
		if (err)
			return err;
	}
	return found ? 0 : -ENOENT;
}

static bool is_named(const char *name)
{
	uint32_t type;
	uint64_t config;

	return !strcmp(name, "data") || !strcmp(name, "timer") || !strcmp(name, "faults") ||
	       event_table__software(name) || event_table__hardware(name, &type, &config) ||
	       event_table__raw(name, &config);
}

/* An event that is_named(), with its modifiers and own terms read already. */
static int add_named(struct event_job *job, const char *name)
{
	const struct event_software *software = event_table__software(name);
	uint32_t type = PERF_TYPE_RAW;
	uint64_t config = 0;

	if (!strcmp(name, "data"))
		return add_data(job);
	if (!strcmp(name, "faults"))
		return add_faults(job);
	if (!strcmp(name, "timer"))
		return add_software(job, PERF_COUNT_SW_CPU_CLOCK, NULL);
	if (software)
		return add_software(job, software->config, NULL);
	if (event_table__hardware(name, &type, &config))
		return add_hardware(job, name, type, config);
	event_table__raw(name, &config);
	return add_hardware(job, name, PERF_TYPE_RAW, config);
}

static int parse_length(struct event_job *job, const char *text, bool execute, uint64_t *len)
{
	*len = execute ? sizeof(long) : HW_BREAKPOINT_LEN_4;
	if (!text)
		return 0;
	if (parse__u64(text, 1, 8, len) || *len & (*len - 1))
		return event__refuse(job, -EINVAL, "length \"%.32s\" is none a watchpoint can have; write 1, 2, 4 or 8",
				     text);
	if (execute && *len != sizeof(long))
		return event__refuse(job, -EINVAL, "an execution breakpoint (x) has length %zu; leave the length out",
				     sizeof(long));
	return 0;
}

static int parse_access(struct event_job *job, const char *text, uint32_t *access)
{
	*access = 0;
	for (; *text; text++) {
		uint32_t bit = *text == 'r' ? HW_BREAKPOINT_R : *text == 'w' ? HW_BREAKPOINT_W : HW_BREAKPOINT_X;

		if (*access & bit)
			return event__refuse(job, -EINVAL, "access \"%c\" is given twice; leave one out", *text);
		*access |= bit;
	}
	if (*access & HW_BREAKPOINT_X && *access != HW_BREAKPOINT_X)
		return event__refuse(job, -EINVAL, "no processor watches execution and data at once; use x or rw");
#if defined(__x86_64__) || defined(__i386__)
	/* arch/x86/kernel/hw_breakpoint.c arch_build_bp_info(): W, RW and X only. */
	if (*access == HW_BREAKPOINT_R)
		return event__refuse(job, -EINVAL, "x86 has no watchpoint for reads alone; use rw or w");
#endif
	return 0;
}

/* The parts of mem:ADDR[/LEN][:rwx][:MODIFIERS]; NULL where one is not given. */
struct breakpoint_text {
	char *address, *length, *access, *modifiers;
};

static char *cut(char *text, char separator)
{
	char *end = text ? strchr(text, separator) : NULL;

	if (!end)
		return NULL;
	*end = '\0';
	return end + 1;
}

static void split_breakpoint(char *text, struct breakpoint_text *parts)
{
	char *rest = cut(text, ':');

	parts->address = text;
	parts->length = cut(text, '/');
	parts->access = NULL;
	parts->modifiers = rest;
	/* "mem:0x1000:u" has no access: none of its letters is r, w or x. */
	if (rest && strspn(rest, "rwx") && strspn(rest, "rwx") == strcspn(rest, ":")) {
		parts->access = rest;
		parts->modifiers = cut(rest, ':');
	}
}

static int check_address(struct event_job *job, uint64_t address, uint64_t len, bool execute)
{
	/* An instruction may start anywhere. */
	if (!execute && address & (len - 1))
		return event__refuse(job, -EINVAL,
				     "address %#llx is not aligned to the length %llu, as a watchpoint must be; use "
				     "mem:%#llx/%llu, or length 1",
				     (unsigned long long)address, (unsigned long long)len,
				     (unsigned long long)(address & -len), (unsigned long long)len);
	/* The kernel takes it, and it never hits. 57 bits: 5-level paging; the walk knows better what this machine has. */
	if ((uint64_t)((int64_t)(address << 7) >> 7) != address)
		return event__refuse(job, -EINVAL,
				     "address %#llx is not canonical: no access can have it; the upper 8 bits of an "
				     "address are all the same",
				     (unsigned long long)address);
	/* hw_breakpoint_parse() in kernel/events/hw_breakpoint.c refuses it with a bare EINVAL. */
	if (address >> 63 && !job->modifiers.kernel && (job->modifiers.user || job->defaults->all_user))
		return event__refuse(job, -EINVAL,
				     "a watchpoint on a kernel address cannot leave the kernel out; leave out u or "
				     "--all-user");
	return 0;
}

static int parse_breakpoint(struct event_job *job, char *text)
{
	static const struct event_source source = {.pmu = ""};
	struct breakpoint_text parts;
	uint32_t access = HW_BREAKPOINT_RW;
	uint64_t address, len;
	struct event *event;
	int err;

	split_breakpoint(text, &parts);
	err = parse__u64(parts.address, 0, UINT64_MAX, &address);
	if (err)
		return event__refuse(job, -EINVAL, "\"%.32s\" is no address: %s; write mem:ADDR[/LEN][:rwx]",
				     parts.address, log__errstr(err));
	if (parts.access)
		err = parse_access(job, parts.access, &access);
	err = err ?: parse_length(job, parts.length, access == HW_BREAKPOINT_X, &len);
	err = err ?: event__modifiers(job, parts.modifiers);
	err = err ?: check_address(job, address, len, access == HW_BREAKPOINT_X);
	if (err)
		return err;

	event = event__add(job);
	if (!event)
		return -E2BIG;
	event->attr.type = PERF_TYPE_BREAKPOINT;
	event->attr.bp_type = access;
	event->attr.bp_addr = address;
	event->attr.bp_len = len;
	event->origin = MMU_ORIGIN_BREAKPOINT;
	return event__finish(job, event, &source, NULL);
}

/* The slash that ends what the first one began; one in quotes does not. */
static char *closing_slash(char *text)
{
	bool quoted = false;

	for (; *text && (quoted || *text != '/'); text++)
		quoted ^= *text == '\'';
	return text;
}

/* PMU/TERMS/MODIFIERS, or NAME/period=…/MODIFIERS. */
static int parse_slashes(struct event_job *job, char *text)
{
	char *terms = cut(text, '/');
	char *end = closing_slash(terms);
	char *modifiers;
	int err;

	if (!*end)
		return event__refuse(job, -EINVAL, "the slash that ends its terms is missing");
	*end = '\0';
	modifiers = end + 1;
	if (*modifiers == ':')
		modifiers++;
	else if (!*modifiers)
		modifiers = NULL;
	err = event__modifiers(job, modifiers);
	if (err)
		return err;
	if (event_pmu__exists(job->sysfs, text))
		return event_pmu__add(job, text, terms, NULL);
	if (!is_named(text))
		return event_pmu__missing(job, text);
	err = event_pmu__own_terms(job, terms);
	return err ?: add_named(job, text);
}

static int refuse_unknown(struct event_job *job, const char *name, const char *rest)
{
	struct event_near near = EVENT_NEAR_INIT;
	static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789_-*?";

	event_near__table(&near, name);
	if (near.name[0])
		return event__refuse(job, -EINVAL, "unknown event; did you mean \"%s\"?", near.name);
	/* A name of libpfm4 may look like this too; it was asked before. */
	if (rest && *rest && !name[strspn(name, lower)] && !rest[strspn(rest, lower)] && rest[strspn(rest, "ukhpPGHI")])
		return event__refuse(
			job, -EINVAL,
			"tracepoints are no source of page sizes yet, and libpfm4 knows no such event of this "
			"processor; use data, timer, faults or mem:ADDR");
	return event__refuse(job, -EINVAL,
			     "unknown event: perf and mmuscope have no \"%.64s\", and libpfm4 knows none for this "
			     "processor; `mmuscope doctor` says what can be sampled here",
			     name);
}

static int parse_name(struct event_job *job, char *text)
{
	char *modifiers;
	int err;

	/* libpfm4 takes the text as a whole, so it must be asked before the colon goes, and last. */
	modifiers = strchr(text, ':');
	if (modifiers)
		*modifiers++ = '\0';
	if (is_named(text)) {
		err = event__modifiers(job, modifiers);
		return err ?: add_named(job, text);
	}
	err = add_alias(job, text, modifiers);
	if (err != -ENOENT)
		return err;
	err = event_pfm__add(job, job->spec);
	return err == -ENOENT ? refuse_unknown(job, text, modifiers) : err;
}

static int parse_piece(struct event_job *job, const char *spec)
{
	char *text;
	int err;

	job->spec = spec;
	memset(&job->own, 0, sizeof(job->own));
	memset(&job->modifiers, 0, sizeof(job->modifiers));
	job->modifiers.text = "";
	if (!*spec)
		return event__refuse(job, -EINVAL, "there is an event missing before or behind a comma");

	text = strdup(spec);
	if (!text)
		return -ENOMEM;
	if (!strncmp(text, "mem:", 4))
		err = parse_breakpoint(job, text + 4);
	else if (strchr(text, '/'))
		err = parse_slashes(job, text);
	else
		err = parse_name(job, text);
	free(text);
	return err;
}

/* Where the event at `text` ends: at a comma outside slashes, or at the end. NULL, with a sentence: it never does. */
static char *piece_end(struct event_job *job, char *text)
{
	bool slashes = false, quoted = false;
	/* The slash of mem:ADDR/LEN stands alone. */
	const bool breakpoint = !strncmp(text, "mem:", 4);

	job->spec = text;
	for (; *text; text++) {
		if (slashes && *text == '\'')
			quoted = !quoted;
		else if (quoted)
			continue;
		else if (*text == '/' && !breakpoint)
			slashes = !slashes;
		else if (!slashes && *text == ',')
			return text;
		else if (!slashes && (*text == '{' || *text == '}')) {
			event__refuse(job, -EINVAL,
				      "groups in braces are not sampled together here; leave the braces "
				      "out");
			return NULL;
		}
	}
	if (!slashes)
		return text;
	event__refuse(job, -EINVAL, "the slash that ends its terms is missing; write PMU/TERM,…/");
	return NULL;
}

static int parse_pieces(struct event_job *job, char *text)
{
	for (;;) {
		char *end, *tail;
		bool last;
		int err;

		text += strspn(text, " ");
		end = piece_end(job, text);
		if (!end)
			return -EINVAL;
		last = !*end;
		for (tail = end; tail > text && tail[-1] == ' '; tail--)
			;
		*tail = '\0';
		err = parse_piece(job, text);
		if (err || last)
			return err;
		text = end + 1;
	}
}

static int check_call(const char *spec, const struct event_defaults *defaults)
{
	if (strlen(spec) > MAX_SPEC_LEN) {
		log_error("event: longer than %d characters; repeat -e instead", MAX_SPEC_LEN);
		return -EINVAL;
	}
	for (const char *p = spec; *p; p++) {
		if (*p < 0x20 || *p > 0x7e) {
			log_error(
				"event: byte %d (0x%02x) of its text is not printable ASCII; no event has such a name",
				(int)(p - spec), (unsigned char)*p);
			return -EINVAL;
		}
	}
	if (defaults->freq && defaults->period) {
		log_error("event \"%.96s\": -F and -c exclude each other; leave one out", spec);
		return -EINVAL;
	}
	if (defaults->freq > INT64_MAX || defaults->period > INT64_MAX) {
		log_error("event \"%.96s\": a frequency or period must be below 2^63", spec);
		return -EINVAL;
	}
	if (defaults->all_user && defaults->all_kernel) {
		log_error("event \"%.96s\": --all-user and --all-kernel exclude each other; leave one out", spec);
		return -EINVAL;
	}
	return 0;
}

/* Everything that can fail comes before the first change to *list. */
static int commit(struct event_job *job, struct event_list *list)
{
	char *note = NULL;
	struct event *events;

	if (job->note && list->note && !strstr(list->note, job->note)) {
		size_t size = strlen(list->note) + strlen("; ") + strlen(job->note) + 1;

		note = malloc(size);
		if (!note)
			return -ENOMEM;
		snprintf(note, size, "%s; %s", list->note, job->note);
	}
	events = realloc(list->events, (list->n + job->n) * sizeof(*events));
	if (!events) {
		free(note);
		return -ENOMEM;
	}
	memcpy(events + list->n, job->events, job->n * sizeof(*events));
	list->events = events;
	list->n += job->n;
	if (note) {
		free(list->note);
		list->note = note;
	} else if (!list->note) {
		list->note = job->note;
		job->note = NULL;
	}
	return 0;
}

int event__parse(const char *spec, const struct event_defaults *defaults, const struct event_paths *paths,
		 struct event_list *list)
{
	struct event_job job = {
		.defaults = defaults,
		.sysfs = paths && paths->sysfs_devices ? paths->sysfs_devices : SYSFS_DEVICES,
		.room = list->n < MMU_MAX_EVENTS ? MMU_MAX_EVENTS - list->n : 0,
	};
	char *text = NULL;
	int err = check_call(spec, defaults);

	if (err)
		return err;
	text = strdup(spec);
	job.events = calloc(MMU_MAX_EVENTS, sizeof(*job.events));
	err = text && job.events ? parse_pieces(&job, text) : -ENOMEM;
	err = err ?: commit(&job, list);
	if (err == -ENOMEM)
		log_error("event \"%.96s\": %s", spec, log__errstr(err));
	free(job.note);
	free(job.events);
	free(text);
	return err;
}

void event_list__free(struct event_list *list)
{
	if (!list)
		return;
	free(list->events);
	free(list->note);
	memset(list, 0, sizeof(*list));
}
