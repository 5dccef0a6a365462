// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * hist: samples and prints the histogram, at the end or each interval.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/event.h"
#include "capture/session.h"
#include "command/command.h"
#include "command/output.h"
#include "model/histogram.h"
#include "model/report.h"
#include "process/attribution.h"
#include "support/clock.h"
#include "support/error.h"
#include "support/log.h"
#include "support/stop.h"

/*
 * How long records may lie in a ring. The loader is not woken per record (a wake-up costs more than all the rest); a ring
 * that fills past a quarter wakes it out of turn.
 */
#define DRAIN_NS (100 * NSEC_PER_MSEC)
#define MAX_WARNINGS 128 /* two of each event */

struct hist {
	const struct options *options;
	struct event_list events;
	struct histogram *histogram;
	struct attribution *attribution; /* NULL: no sort key asks for names */
	struct session *session;
	struct accounting *reported; /* per event: what earlier intervals have shown */
	struct report_event *report_events;
	char *warnings[MAX_WARNINGS];
	size_t n_warnings;
	size_t n_lasting; /* warnings that every report repeats */
	struct utsname machine;
	FILE *out;
	bool printed;
	bool lost;
	uint64_t start_ns; /* of the interval */
	uint64_t end_ns;   /* of the run; 0: open */
	uint64_t next_ns;  /* end of the interval; 0: none */
};

static void warn(struct hist *hist, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct hist *hist, const char *format, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, format);
	if (hist->n_warnings < MAX_WARNINGS && vasprintf(&text, format, args) >= 0)
		hist->warnings[hist->n_warnings++] = text;
	va_end(args);
}

static void forget_warnings(struct hist *hist, size_t keep)
{
	while (hist->n_warnings > keep)
		free(hist->warnings[--hist->n_warnings]);
}

static int parse_events(struct hist *hist)
{
	const struct options *options = hist->options;
	struct event_defaults defaults = {
		.freq = options->freq,
		.period = options->period,
		.all_user = options->all_user,
		.all_kernel = options->all_kernel,
	};
	size_t i;
	int err = 0;

	for (i = 0; i < options->n_events && !err; i++)
		err = event__parse(options->events[i], &defaults, NULL, &hist->events);
	if (err)
		return err;
	hist->reported = calloc(hist->events.n, sizeof(*hist->reported));
	hist->report_events = calloc(hist->events.n, sizeof(*hist->report_events));
	if (hist->reported && hist->report_events)
		return 0;
	log_error("the accounts: %s", log__errstr(ENOMEM));
	return -ENOMEM;
}

static int on_sample(void *ctx, const struct sample *sample)
{
	struct hist *hist = ctx;
	struct sample named;
	int err;

	if (!hist->attribution)
		return histogram__add(hist->histogram, sample);
	named = *sample;
	err = attribution__name(hist->attribution, &named);
	return err ? err : histogram__add(hist->histogram, &named);
}

static int drain(struct hist *hist)
{
	if (hist->attribution)
		attribution__next_round(hist->attribution);
	return session__drain(hist->session);
}

static unsigned int wanted_sections(const struct options *options)
{
	unsigned int sections = 0;
	size_t i;

	for (i = 0; i < options->n_sort; i++)
		sections |= sort_key__sections(options->sort[i]);
	return sections;
}

static int prepare_names(struct hist *hist)
{
	const struct layout_result *layout = session__layout(hist->session);
	struct attribution_config config = {
		.direct_map = layout->layout.direct_map,
		.direct_map_size = layout->layout.phys_limit,
	};
	size_t i;

	for (i = 0; i < hist->options->n_sort; i++) {
		config.maps |= hist->options->sort[i] == SORT_MAP;
		config.cgroups |= hist->options->sort[i] == SORT_CGROUP;
	}
	if (!config.maps && !config.cgroups)
		return 0;
	hist->attribution = attribution__new(&config);
	return hist->attribution ? 0 : error__last();
}

static int prepare(struct hist *hist)
{
	const struct options *options = hist->options;
	struct session_config config = {
		.events = &hist->events,
		.target = &options->target,
		.sections = wanted_sections(options),
		.walk = options->source_walk,
		.kernel = options->source_kernel,
		.buffer = options->buffer,
		.btf = options->btf,
		.pin = options->pin,
		.operand = options->source_walk ? options->operand : 0,
		.operand_slots = options->operand_slots,
		.on_sample = on_sample,
		.ctx = hist,
	};
	const struct layout_result *layout;
	int err;

	hist->histogram = histogram__new(options->sort, options->n_sort);
	if (!hist->histogram) {
		err = error__last();
		log_error("the histogram: %s", log__errstr(err));
		return err;
	}
	hist->session = session__new(&config);
	if (!hist->session)
		return error__last();
	layout = session__layout(hist->session);
	if (options->source_walk && layout->layout.levels == 0)
		warn(hist, "the walk is off: %s", layout->why);
	else if (options->source_kernel && options->source_walk && !layout->kernel_sizes)
		warn(hist,
		     "this kernel does not show its page sizes to BPF (it does from 6.3 on): the walk stands alone");
	if (hist->events.note)
		warn(hist, "%s", hist->events.note);
	hist->n_lasting = hist->n_warnings;
	return prepare_names(hist);
}

static int account_for_strays(struct hist *hist)
{
	uint64_t strays = 0;
	int err = session__unattributed(hist->session, &strays);

	if (!err && strays)
		warn(hist, "%" PRIu64 " samples could not be told which event they are of, and are in no account",
		     strays);
	return err;
}

/* What happened since the last report. `final`: no more will come, so what was emitted must have been received. */
static int account(struct hist *hist, struct report *report, bool final)
{
	uint32_t i;

	accounting__init(&report->accounting);
	for (i = 0; i < hist->events.n; i++) {
		const struct event *event = &hist->events.events[i];
		struct report_event *shown = &hist->report_events[i];
		struct accounting total;
		int err = session__accounting(hist->session, i, &total);

		if (err)
			return err;
		if (!final)
			total.received = total.emitted; /* what is under way shows in the next report */
		shown->name = event->name;
		shown->freq = event->attr.freq ? event->attr.sample_freq : 0;
		shown->period = event->attr.freq ? 0 : event->attr.sample_period;
		shown->accounting = accounting__since(&total, &hist->reported[i]);
		hist->reported[i] = total;
		if (i == 0)
			report->accounting = shown->accounting;
		else
			accounting__add(&report->accounting, &shown->accounting);
		if (!accounting__is_exact(&shown->accounting))
			warn(hist, "event %s: the accounts do not add up: this is a bug of mmuscope", event->name);
		if (total.received != total.emitted)
			warn(hist,
			     "event %s: %" PRIu64 " records were emitted, %" PRIu64
			     " received: this is a bug of mmuscope",
			     event->name, total.emitted, total.received);
	}
	return final ? account_for_strays(hist) : 0;
}

static void warn_of_losses(struct hist *hist, const struct report *report)
{
	uint64_t lost = accounting__lost(&report->accounting);

	if (!lost)
		return;
	hist->lost = true;
	warn(hist, "%" PRIu64 " samples were lost: a larger --buffer, or a lower rate (-F, -c), loses fewer", lost);
}

/* CSV has no place for warnings, and nothing may be lost in silence: with -q neither. */
static void say_warnings(const struct hist *hist)
{
	size_t i;

	if (hist->options->format != VIEW_CSV)
		return;
	for (i = 0; i < hist->n_warnings; i++)
		log_error("warning: %s", hist->warnings[i]);
}

static int print_report(struct hist *hist, bool final)
{
	uint64_t now = clock__now();
	struct report report = {
		.version = MMUSCOPE_VERSION,
		.kernel = hist->machine.release,
		.arch = hist->machine.machine,
		.base_page = sysconf(_SC_PAGESIZE),
		.duration_ns = now - hist->start_ns,
		.events = hist->report_events,
		.n_events = hist->events.n,
		.histogram = hist->histogram,
		.show_walk = hist->options->source_walk,
		.show_kernel = hist->options->source_kernel,
	};
	const struct operands_counts *operands = session__operands(hist->session);
	int err = account(hist, &report, final);

	if (operands)
		report.operands = (struct report_operands){.on = true,
							   .late = operands->late,
							   .installed = operands->installed,
							   .evicted = operands->evicted,
							   .expired = operands->expired};
	if (err) {
		log_error("cannot read the counters: %s", log__errstr(err));
		return err;
	}
	warn_of_losses(hist, &report);
	report.warnings = (const char *const *)hist->warnings;
	report.n_warnings = hist->n_warnings;
	err = view__print(hist->options->format, &report, !hist->printed, hist->out);
	say_warnings(hist);
	if (err)
		output__explain(hist->options->output, err);
	hist->printed = true;
	hist->start_ns = now;
	histogram__reset(hist->histogram);
	forget_warnings(hist, hist->n_lasting);
	return err;
}

static int activate(struct hist *hist)
{
	const struct options *options = hist->options;
	int err;

	if (stop__wanted()) {
		log_error("interrupted before it began");
		return -EINTR;
	}
	hist->start_ns = clock__now(); /* before COMMAND runs: it may be over when we come back */
	err = session__start(hist->session);
	if (err)
		return err;
	if (options->duration_ns)
		hist->end_ns = hist->start_ns + options->duration_ns;
	if (options->interval_ns)
		hist->next_ns = hist->start_ns + options->interval_ns;
	if (options->ready_fd >= 0 && write(options->ready_fd, "", 1) != 1)
		log_warn("--ready-fd %d: %s", options->ready_fd, log__errstr(errno));
	return 0;
}

static uint64_t time_to_sleep(const struct hist *hist, uint64_t now)
{
	uint64_t until = now + DRAIN_NS;

	if (hist->end_ns && hist->end_ns < until)
		until = hist->end_ns;
	if (hist->next_ns && hist->next_ns < until)
		until = hist->next_ns;
	return until > now ? until - now : 0;
}

static int run(struct hist *hist)
{
	uint64_t now = clock__now();
	enum session_wake wake;
	int err;

	while (!stop__wanted()) {
		wake = session__wait(hist->session, time_to_sleep(hist, now));
		err = drain(hist);
		if (err) {
			log_error("cannot take in the samples: %s", log__errstr(err));
			return err;
		}
		now = clock__now();
		if (wake == SESSION_TARGET_GONE)
			return 0;
		if (hist->end_ns && now >= hist->end_ns)
			break;
		if (hist->next_ns && now >= hist->next_ns) {
			err = print_report(hist, false);
			if (err)
				return err;
			while (hist->next_ns <= now)
				hist->next_ns += hist->options->interval_ns;
		}
	}
	session__terminate_command(hist->session);
	return 0;
}

static void report_command(struct hist *hist)
{
	const char *name = hist->options->target.command ? hist->options->target.command[0] : NULL;
	int status;

	if (!name || !session__command_status(hist->session, &status))
		return;
	if (WIFSIGNALED(status))
		log_info("%s was ended by signal %d (%s)", name, WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		log_info("%s exited with status %d", name, WEXITSTATUS(status));
}

static int finish(struct hist *hist)
{
	int err = session__stop(hist->session);

	if (err) {
		log_error("cannot disable the events: %s", log__errstr(err));
		return err;
	}
	err = drain(hist);
	if (err) {
		log_error("cannot take in the last samples: %s", log__errstr(err));
		return err;
	}
	err = print_report(hist, true);
	report_command(hist);
	return err;
}

static void free_hist(struct hist *hist)
{
	session__free(hist->session);
	histogram__free(hist->histogram);
	attribution__free(hist->attribution);
	event_list__free(&hist->events);
	free(hist->reported);
	free(hist->report_events);
	forget_warnings(hist, 0);
}

int command_hist(const struct options *options)
{
	struct hist hist = {.options = options};
	int status = EXIT_FAILED;
	int err;

	uname(&hist.machine);
	err = stop__install();
	if (err)
		log_error("signal handlers: %s", log__errstr(err));
	else
		err = parse_events(&hist);
	if (err == -EINVAL)
		status = EXIT_USAGE;
	if (!err)
		err = prepare(&hist);
	/* As late as can be: a run that cannot start must not cut an earlier result. */
	if (!err)
		err = output__open(options->output, &hist.out);
	if (!err)
		err = activate(&hist);
	if (!err)
		err = run(&hist);
	if (!err)
		err = finish(&hist);
	if (hist.out)
		err = output__close(options->output, hist.out, err);
	free_hist(&hist);
	if (err)
		return status;
	return hist.lost && options->fail_on_loss ? EXIT_LOST : EXIT_DONE;
}
