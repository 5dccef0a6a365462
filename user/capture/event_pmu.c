// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * PMUs as sysfs describes them: Documentation/ABI/testing/sysfs-bus-event_source-devices-{format,events,caps}.
 *
 * What a PMU calls its terms and events is text from outside: it is read whole into bounded buffers, and an alias is
 * expanded once, never within itself.
 */
#include "capture/event_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/error.h"
#include "support/log.h"
#include "support/parse.h"

#define MAX_TERMS 32
/* An attribute of sysfs is one page at most; no alias comes near this. */
#define ATTRIBUTE_LEN 1024
/* As much of a list of names as a sentence bears. */
#define LIST_LEN 512

struct term {
	const char *name;
	const char *value; /* NULL: none */
};

/* Bits of one config word, lowest first. */
struct format {
	unsigned int word;
	uint64_t mask;
};

/* PMU/TERMS/ on its way to an event. */
struct build {
	struct event_job *job;
	struct event *event;
	const char *pmu;
	const char *selected; /* the term that chose the event, or NULL */
	bool memory;          /* by mem-loads or mem-stores */
	bool generic;         /* by a generic name, whose config is no PMU's format */
};

/* A file name below sysfs that can lead nowhere else. */
static bool name_is_safe(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.");

	return len && !name[len] && len < EVENT_PMU_NAME_LEN && name[0] != '.';
}

static bool file_path(const char *sysfs, const char *pmu, const char *file, char path[PATH_MAX])
{
	return name_is_safe(pmu) && snprintf(path, PATH_MAX, "%s/%s/%s", sysfs, pmu, file) < PATH_MAX;
}

static int read_whole(int fd, char *text, size_t size)
{
	size_t used = 0;

	for (;;) {
		ssize_t n = read(fd, text + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error__last();
		used += (size_t)n;
		if (used == size)
			return -EFBIG;
		if (n == 0)
			break;
	}
	while (used && (text[used - 1] == '\n' || text[used - 1] == ' '))
		used--;
	text[used] = '\0';
	/* An attribute is one line of text: Documentation/filesystems/sysfs.rst. */
	return strcspn(text, "\n") == used ? 0 : -EINVAL;
}

/* The text of SYSFS/PMU/FILE without its newline. */
static int read_attribute(const char *sysfs, const char *pmu, const char *file, char text[ATTRIBUTE_LEN])
{
	char path[PATH_MAX];
	int fd, err;

	if (!file_path(sysfs, pmu, file, path))
		return -ENOENT;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return error__last();
	err = read_whole(fd, text, ATTRIBUTE_LEN);
	close(fd);
	return err;
}

int event_pmu__number(const char *sysfs, const char *pmu, const char *file, uint64_t max, uint64_t *value)
{
	char text[ATTRIBUTE_LEN];
	int err = read_attribute(sysfs, pmu, file, text);

	return err ?: parse__u64(text, 0, max, value);
}

bool event_pmu__has(const char *sysfs, const char *pmu, const char *file)
{
	char path[PATH_MAX];

	return file_path(sysfs, pmu, file, path) && access(path, F_OK) == 0;
}

bool event_pmu__exists(const char *sysfs, const char *pmu)
{
	return event_pmu__has(sysfs, pmu, "type");
}

/* As event_pmu__has(), for a name that a person typed. What belongs to an alias has a dot: "x.scale", "x.unit". */
static bool has_entry(const char *sysfs, const char *pmu, const char *folder, const char *name, char file[NAME_MAX])
{
	if (!name_is_safe(name) || strchr(name, '.') || snprintf(file, NAME_MAX, "%s/%s", folder, name) >= NAME_MAX)
		return false;
	return event_pmu__has(sysfs, pmu, file);
}

bool event_pmu__has_event(const char *sysfs, const char *pmu, const char *name)
{
	char file[NAME_MAX];

	return has_entry(sysfs, pmu, "events", name, file);
}

bool event_pmu__reports_data(const char *sysfs, const char *pmu)
{
	uint64_t max;

	/* The kernel of a guest without PEBS may still show the event. */
	return event_pmu__has(sysfs, pmu, "events/mem-loads") &&
	       (event_pmu__number(sysfs, pmu, "caps/max_precise", UINT64_MAX, &max) || max > 0);
}

static int visible(const struct dirent *entry)
{
	return name_is_safe(entry->d_name);
}

/* Calls `each` for every name of a directory, in order. */
static int for_each_name(const char *path, void (*each)(const char *name, void *context), void *context)
{
	struct dirent **entries;
	int n = scandir(path, &entries, visible, alphasort);

	if (n < 0)
		return error__last();
	for (int i = 0; i < n; i++) {
		each(entries[i]->d_name, context);
		free(entries[i]);
	}
	free(entries);
	return 0;
}

struct core_search {
	const char *sysfs;
	struct event_cores *cores;
};

/* tools/perf/util/pmu.c is_pmu_core(): only core PMUs that are not called "cpu" have a file "cpus". */
static void collect_core(const char *name, void *context)
{
	struct core_search *search = context;
	struct event_cores *cores = search->cores;

	if (cores->n == EVENT_MAX_CORES || !event_pmu__exists(search->sysfs, name))
		return;
	if (strcmp(name, "cpu") != 0 && !event_pmu__has(search->sysfs, name, "cpus"))
		return;
	snprintf(cores->names[cores->n++], EVENT_PMU_NAME_LEN, "%.*s", EVENT_PMU_NAME_LEN - 1, name);
}

int event_pmu__cores(const char *sysfs, struct event_cores *cores)
{
	struct core_search search = {.sysfs = sysfs, .cores = cores};

	cores->n = 0;
	return for_each_name(sysfs, collect_core, &search) ? -ENOENT : 0;
}

struct type_search {
	const char *sysfs;
	uint64_t type;
	char *name;
};

static void match_type(const char *name, void *context)
{
	struct type_search *search = context;
	uint64_t type;

	if (!search->name[0] && !event_pmu__number(search->sysfs, name, "type", UINT32_MAX, &type) &&
	    type == search->type)
		snprintf(search->name, EVENT_PMU_NAME_LEN, "%.*s", EVENT_PMU_NAME_LEN - 1, name);
}

void event_pmu__by_type(const char *sysfs, uint32_t type, char name[EVENT_PMU_NAME_LEN])
{
	struct type_search search = {.sysfs = sysfs, .type = type, .name = name};

	name[0] = '\0';
	for_each_name(sysfs, match_type, &search);
}

/* What a refusal says of the names that would have been right. */
struct suggestion {
	const char *wrong;
	struct event_near near;
	char list[LIST_LEN];
	size_t used;
};

static void suggest(const char *name, void *context)
{
	struct suggestion *suggestion = context;
	size_t left = sizeof(suggestion->list) - suggestion->used;
	int n;

	/* "mem-loads.scale" and its like belong to an alias and are none. */
	if (strchr(name, '.'))
		return;
	event_near__try(&suggestion->near, suggestion->wrong, name);
	n = snprintf(suggestion->list + suggestion->used, left, "%s%s", suggestion->used ? ", " : "", name);
	if (n < 0 || (size_t)n >= left)
		suggestion->list[suggestion->used] = '\0';
	else
		suggestion->used += (size_t)n;
}

int event_pmu__missing(const struct event_job *job, const char *pmu)
{
	struct suggestion suggestion = {.wrong = pmu, .near = EVENT_NEAR_INIT};

	for_each_name(job->sysfs, suggest, &suggestion);
	if (suggestion.near.name[0])
		return event__refuse(job, -ENOTSUP,
				     "this machine has no PMU \"%.64s\"; did you mean \"%s\"? It has: %s", pmu,
				     suggestion.near.name, suggestion.list);
	return event__refuse(job, -ENOTSUP,
			     "this machine has no PMU \"%.64s\"; it has: %s. Virtual machines mostly hide PMUs; "
			     "`mmuscope doctor` says what can be sampled here",
			     pmu, suggestion.used ? suggestion.list : "none");
}

static int refuse_term(const struct build *build, const struct term *term)
{
	const char *sysfs = build->job->sysfs;
	struct suggestion suggestion = {.wrong = term->name, .near = EVENT_NEAR_INIT};
	char path[PATH_MAX];

	/* Events first, to be suggested; their list is dropped, as it may hold hundreds, and the formats' one stays. */
	if (!term->value && file_path(sysfs, build->pmu, "events", path))
		for_each_name(path, suggest, &suggestion);
	suggestion.used = 0;
	suggestion.list[0] = '\0';
	if (file_path(sysfs, build->pmu, "format", path))
		for_each_name(path, suggest, &suggestion);
	if (suggestion.near.name[0])
		return event__refuse(build->job, -EINVAL, "PMU %s knows no term \"%.64s\"; did you mean \"%s\"?",
				     build->pmu, term->name, suggestion.near.name);
	return event__refuse(
		build->job, -EINVAL,
		"PMU %s knows no term \"%.64s\"; it has: %s, besides config=, period=, freq=, name= and the "
		"events in %s/%s/events",
		build->pmu, term->name, suggestion.used ? suggestion.list : "none", sysfs, build->pmu);
}

static int term_number(const struct event_job *job, const struct term *term, uint64_t min, uint64_t max,
		       uint64_t *value)
{
	int err;

	if (!term->value)
		return event__refuse(job, -EINVAL, "term \"%.64s\" needs a value: %.64s=NUMBER", term->name,
				     term->name);
	err = parse__u64(term->value, min, max, value);
	if (err == -ERANGE)
		return event__refuse(job, -EINVAL, "%.64s=%.64s is out of range: %#llx to %#llx", term->name,
				     term->value, (unsigned long long)min, (unsigned long long)max);
	if (err)
		return event__refuse(job, -EINVAL,
				     "%.64s=%.64s: the value is not a number; write decimal, or hexadecimal with 0x",
				     term->name, term->value);
	return 0;
}

/* Cuts the next term off *cursor. Returns 1, 0 at the end, -EINVAL. */
static int next_term(const struct event_job *job, char **cursor, struct term *term)
{
	char *text = *cursor;
	char *value;
	size_t len = 0;
	bool quoted = false;

	if (!text)
		return 0;
	for (; text[len] && (quoted || text[len] != ','); len++)
		quoted ^= text[len] == '\'';
	*cursor = text[len] ? text + len + 1 : NULL;
	text[len] = '\0';

	value = strchr(text, '=');
	if (value)
		*value++ = '\0';
	if (!*text || (value && !*value))
		return event__refuse(job, -EINVAL, "there is an empty term or value between the slashes; leave it out");
	if (value && *value == '\'') {
		len = strlen(++value);
		if (!len || value[len - 1] != '\'')
			return event__refuse(job, -EINVAL, "the value of %.64s= has no closing quote at its end", text);
		value[len - 1] = '\0';
	}
	*term = (struct term){.name = text, .value = value};
	return 1;
}

static int split_terms(const struct event_job *job, char *text, struct term terms[MAX_TERMS], size_t *n)
{
	char *cursor = *text ? text : NULL;
	struct term term = {0};
	int more;

	*n = 0;
	while ((more = next_term(job, &cursor, &term)) > 0) {
		for (size_t i = 0; i < *n; i++)
			/* The first *n are set. NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
			if (!strcmp(terms[i].name, term.name))
				return event__refuse(job, -EINVAL, "term \"%.64s\" is given twice; leave one out",
						     term.name);
		if (*n == MAX_TERMS)
			return event__refuse(job, -EINVAL, "more than %d terms between the slashes", MAX_TERMS);
		terms[(*n)++] = term;
	}
	return more;
}

/* period=, freq= and name=. Returns 1 when it was one of them, 0 when not, -EINVAL. */
static int own_term(struct event_job *job, const struct term *term)
{
	struct event_own_terms *own = &job->own;
	int err;

	/* The kernel refuses a period with bit 63 set: kernel/events/core.c perf_event_open(). */
	if (!strcmp(term->name, "period")) {
		err = term_number(job, term, 1, INT64_MAX, &own->period);
	} else if (!strcmp(term->name, "freq")) {
		err = term_number(job, term, 1, INT64_MAX, &own->freq);
	} else if (!strcmp(term->name, "name")) {
		if (!term->value || !term->value[0] || strlen(term->value) >= sizeof(own->name))
			return event__refuse(job, -EINVAL, "name= needs a name of 1 to %zu characters",
					     sizeof(own->name) - 1);
		snprintf(own->name, sizeof(own->name), "%s", term->value);
		err = 0;
	} else {
		return 0;
	}
	return err ?: 1;
}

int event_pmu__own_terms(struct event_job *job, char *text)
{
	struct term terms[MAX_TERMS] = {{0}};
	size_t n;
	int err = split_terms(job, text, terms, &n);

	for (size_t i = 0; !err && i < n; i++) {
		int mine = own_term(job, &terms[i]);

		if (mine < 0)
			err = mine;
		else if (!mine)
			err = event__refuse(job, -EINVAL,
					    "term \"%.64s\" is for a PMU; this event takes period=, freq= and name=",
					    terms[i].name);
	}
	return err;
}

/* "config1:0-15,20" after its colon. */
static int parse_bits(const char *text, uint64_t *mask)
{
	char number[4];

	*mask = 0;
	for (;;) {
		uint64_t first, last;
		size_t len = strcspn(text, "-,");

		if (len >= sizeof(number))
			return -EINVAL;
		snprintf(number, sizeof(number), "%.*s", (int)len, text);
		if (parse__u64(number, 0, 63, &first))
			return -EINVAL;
		last = first;
		text += len;
		if (*text == '-') {
			len = strcspn(++text, ",");
			if (len >= sizeof(number))
				return -EINVAL;
			snprintf(number, sizeof(number), "%.*s", (int)len, text);
			if (parse__u64(number, first, 63, &last))
				return -EINVAL;
			text += len;
		}
		*mask |= UINT64_MAX >> (63 - (last - first)) << first;
		if (!*text)
			return 0;
		text++;
	}
}

static int parse_format(const char *text, struct format *format)
{
	if (strncmp(text, "config", 6) != 0)
		return -EINVAL;
	text += 6;
	format->word = 0;
	if (*text >= '1' && *text <= '3')
		format->word = (unsigned int)(*text++ - '0');
	if (!*text) {
		format->mask = UINT64_MAX;
		return 0;
	}
	return *text == ':' ? parse_bits(text + 1, &format->mask) : -EINVAL;
}

/* The n-th lowest bit of `value` goes to the n-th lowest of `mask`; the rest of *word stays. */
static void deposit(__u64 *word, uint64_t mask, uint64_t value)
{
	for (; mask; mask &= mask - 1, value >>= 1) {
		uint64_t bit = mask & -mask;

		*word = value & 1 ? *word | bit : *word & ~bit;
	}
}

static int set_bits(struct build *build, const struct term *term, const struct format *format, uint64_t value)
{
	struct perf_event_attr *attr = &build->event->attr;
	__u64 *word = NULL;

	switch (format->word) {
	case 0:
		word = &attr->config;
		break;
	case 1:
		word = &attr->config1;
		break;
	case 2:
		word = &attr->config2;
		break;
#ifdef PERF_ATTR_SIZE_VER8 /* Linux 6.4 */
	case 3:
		word = &attr->config3;
		break;
#endif
	}
	if (!word)
		return event__refuse(build->job, -ENOTSUP,
				     "term \"%.64s\" is in config3, which mmuscope was built without: it needs kernel "
				     "headers of Linux 6.4 or later",
				     term->name);
	deposit(word, format->mask, value);
	return 0;
}

static int format_term(struct build *build, const struct term *term, const char *file)
{
	struct format format;
	char text[ATTRIBUTE_LEN];
	uint64_t value = 1;
	unsigned int bits;
	int err = read_attribute(build->job->sysfs, build->pmu, file, text);

	err = err ?: parse_format(text, &format);
	if (err)
		return event__refuse(build->job, -EINVAL, "%s/%s/%s cannot be read as a format: %s", build->job->sysfs,
				     build->pmu, file, log__errstr(err));
	bits = (unsigned int)__builtin_popcountll(format.mask);
	/* A term without a value is a flag, as in perf. */
	if (term->value || bits > 1)
		err = term_number(build->job, term, 0, UINT64_MAX >> (64 - bits), &value);
	return err ?: set_bits(build, term, &format, value);
}

/* One term that is no event: config=, or a format of the PMU. */
static int plain_term(struct build *build, const struct term *term)
{
	static const char *const words[] = {"config", "config1", "config2", "config3"};
	char file[NAME_MAX];
	uint64_t value;
	int err;

	if (build->generic)
		return event__refuse(build->job, -EINVAL, "%s is a generic event and takes no term of the PMU (%.64s)",
				     build->selected, term->name);
	for (unsigned int i = 0; i < 4; i++) {
		const struct format whole = {.word = i, .mask = UINT64_MAX};

		/* Every term of the list has a name. NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker) */
		if (strcmp(term->name, words[i]) != 0)
			continue;
		err = term_number(build->job, term, 0, UINT64_MAX, &value);
		return err ?: set_bits(build, term, &whole, value);
	}
	if (!has_entry(build->job->sysfs, build->pmu, "format", term->name, file))
		return refuse_term(build, term);
	return format_term(build, term, file);
}

/* The terms behind an alias: "event=0xcd,umask=0x1,ldlat=3". None of them is taken for an alias again. */
static int expand_alias(struct build *build, const char *alias, const char *file)
{
	char text[ATTRIBUTE_LEN];
	struct term terms[MAX_TERMS] = {{0}};
	size_t n;
	int err = read_attribute(build->job->sysfs, build->pmu, file, text);

	if (err || !text[0])
		return event__refuse(build->job, -EINVAL, "%s/%s/%s cannot be read: %s", build->job->sysfs, build->pmu,
				     file, log__errstr(err ?: -ENODATA));
	err = split_terms(build->job, text, terms, &n);
	for (size_t i = 0; !err && i < n; i++) {
		if (terms[i].value && !strcmp(terms[i].value, "?"))
			return event__refuse(
				build->job, -EINVAL,
				"event \"%s\" of PMU %s wants a value for \"%.64s\" from its user; write its "
				"terms instead of its name",
				alias, build->pmu, terms[i].name);
		err = plain_term(build, &terms[i]);
	}
	return err;
}

/* cycles and its like as an event of one core PMU; r1a8 as its config. */
static int generic_term(struct build *build, const struct term *term)
{
	struct perf_event_attr *attr = &build->event->attr;
	struct event_cores cores;
	uint32_t pmu_type = attr->type;
	uint32_t type;
	uint64_t config;
	bool core = false;

	if (event_table__raw(term->name, &config)) {
		attr->config = config;
		return 1;
	}
	event_pmu__cores(build->job->sysfs, &cores);
	for (size_t i = 0; i < cores.n; i++)
		core |= !strcmp(cores.names[i], build->pmu);
	if (!core || !event_table__hardware(term->name, &type, &config))
		return 0;
	attr->type = type;
	attr->config = config;
	/* With several, the upper half of config says which: Linux 5.13, PERF_PMU_CAP_EXTENDED_HW_TYPE. */
	if (cores.n > 1)
		attr->config |= (uint64_t)pmu_type << PERF_PMU_TYPE_SHIFT;
	build->generic = true;
	return 1;
}

/* A term without value that chooses the event. Returns 1 when it is one, 0 when not, -errno. */
static int event_term(struct build *build, const struct term *term)
{
	char file[NAME_MAX], format[NAME_MAX];
	bool alias;
	int err;

	if (term->value)
		return 0;
	alias = has_entry(build->job->sysfs, build->pmu, "events", term->name, file);
	if (!alias && has_entry(build->job->sysfs, build->pmu, "format", term->name, format))
		return 0;
	if (alias) {
		err = expand_alias(build, term->name, file);
		if (!err)
			err = 1;
	} else {
		err = generic_term(build, term);
	}
	if (err <= 0)
		return err;
	if (build->selected)
		return event__refuse(build->job, -EINVAL,
				     "%.64s and %.64s are two events; separate events with a comma outside the slashes",
				     build->selected, term->name);
	build->selected = term->name;
	build->memory = alias && (!strcmp(term->name, "mem-loads") || !strcmp(term->name, "mem-stores"));
	return 1;
}

static int apply_terms(struct build *build, char *text)
{
	struct term terms[MAX_TERMS] = {{0}};
	bool done[MAX_TERMS] = {false};
	size_t n;
	int err = split_terms(build->job, text, terms, &n);

	if (err)
		return err;
	/* Events first, wherever they stand, so that ldlat=30 wins over the ldlat=3 of mem-loads. */
	for (size_t i = 0; i < n; i++) {
		err = event_term(build, &terms[i]);
		if (err < 0)
			return err;
		done[i] = err;
	}
	for (size_t i = 0; i < n; i++) {
		if (done[i])
			continue;
		err = own_term(build->job, &terms[i]);
		if (err < 0)
			return err;
		if (err == 0)
			err = plain_term(build, &terms[i]);
		if (err < 0)
			return err;
	}
	return 0;
}

int event_pmu__type(const struct event_job *job, const char *pmu, uint32_t *pmu_type)
{
	uint64_t type;
	int err = event_pmu__number(job->sysfs, pmu, "type", UINT32_MAX, &type);

	if (err)
		return event__refuse(job, -EINVAL, "%s/%s/type cannot be read as a number: %s", job->sysfs, pmu,
				     log__errstr(err));
	if (type == PERF_TYPE_SOFTWARE)
		return event__refuse(job, -EINVAL, "name software events without slashes: cpu-clock, minor-faults");
	if (type == PERF_TYPE_BREAKPOINT)
		return event__refuse(job, -EINVAL, "write a breakpoint as mem:ADDR[/LEN][:rwx]");
	if (type == PERF_TYPE_TRACEPOINT || !strcmp(pmu, "kprobe") || !strcmp(pmu, "uprobe"))
		return event__refuse(job, -EINVAL,
				     "tracepoints and probes are no source of page sizes; use data, timer or faults");
	*pmu_type = (uint32_t)type;
	return 0;
}

int event_pmu__add(struct event_job *job, const char *pmu, char *terms, const char *name)
{
	struct build build = {.job = job, .pmu = pmu, .event = event__add(job)};
	struct event_source source = {.pmu = pmu};
	int err;

	if (!build.event)
		return -E2BIG;
	err = event_pmu__type(job, pmu, &build.event->attr.type);
	err = err ?: apply_terms(&build, terms);
	if (err)
		return err;
	source.memory = build.memory;
	return event__finish(job, build.event, &source, name);
}

int event_pmu__set_flag(struct event_job *job, struct event *event, const char *pmu, const char *flag)
{
	const struct term term = {.name = flag};
	struct build build = {.job = job, .event = event, .pmu = pmu};

	return plain_term(&build, &term);
}

int event_pmu__alias_config(struct event_job *job, const char *pmu, const char *alias, uint64_t *config)
{
	struct event event = {.attr.config = 0};
	struct build build = {.job = job, .event = &event, .pmu = pmu};
	char file[NAME_MAX];
	int err = -ENOENT;

	if (has_entry(job->sysfs, pmu, "events", alias, file))
		err = expand_alias(&build, alias, file);
	*config = event.attr.config;
	return err;
}
