// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * walk PID ADDR[-ADDR]: the page-table path of an address, or the page sizes of a range, of any process.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "capture/page_walker.h"
#include "command/command.h"
#include "command/output.h"
#include "model/walk_report.h"
#include "page_walk.h"
#include "support/error.h"
#include "support/log.h"
#include "support/stop.h"
#include "view/view_walk.h"

struct walk {
	const struct options *options;
	const struct mmu_layout *layout;
	uint64_t last; /* address wanted, inclusive */
	struct walk_report report;
};

static int on_piece(void *ctx, uint64_t start, const struct mmu_walk *walk)
{
	struct walk *run = ctx;
	uint64_t span = mmu_walk_span(run->layout, walk);
	bool leaf = mmu_outcome_is_size(walk->outcome);
	struct walk_range piece = {
		.start = start,
		.last = span ? start | (span - 1) : run->last,
		.pfn = walk->pfn,
		.leaves = leaf,
		.flags = walk->flags,
		.outcome = walk->outcome,
		.level = walk->level,
	};

	if (run->report.one_address && leaf) {
		/* One address: show the whole leaf that holds it. */
		piece.start &= ~(span - 1);
		piece.pfn -= (start - piece.start) >> run->layout->page_shift;
	} else if (!run->report.one_address && piece.last > run->last) {
		piece.last = run->last;
	}
	if (stop__wanted())
		return -EINTR;
	return walk_report__add(&run->report, &piece);
}

static int check_address(const struct mmu_layout *layout, uint64_t address)
{
	if (mmu_arch_canonical(layout, address))
		return 0;
	log_error("address %#" PRIx64
		  ": not canonical: with %u-level paging the upper %u bits of an address are all the same",
		  address, layout->levels, 65 - mmu_arch_address_bits(layout));
	return -EDOM;
}

static int check_range(const struct walk *walk)
{
	uint64_t start = walk->options->walk_start;
	int err = check_address(walk->layout, start);

	if (!err)
		err = check_address(walk->layout, walk->last);
	if (!err && mmu_arch_is_kernel(walk->layout, start) != mmu_arch_is_kernel(walk->layout, walk->last)) {
		log_error("range %#" PRIx64 "-%#" PRIx64 ": runs from user into kernel addresses; walk the two apart",
			  start, walk->last + 1);
		err = -EDOM;
	}
	return err;
}

static void explain(const struct walk *walk, int err)
{
	if (err == -ESRCH)
		log_error("process %u: there is no such process; ps -e lists those that are", walk->options->walk_pid);
	else if (err == -EINTR)
		log_error("interrupted");
	else
		log_error("walk of process %u: %s", walk->options->walk_pid, log__errstr(err));
}

static int walk_pages(struct walk *walk, struct page_walker *walker)
{
	const struct options *options = walk->options;
	struct page_path path = {0};
	int level, err;

	err = page_walker__range(walker, options->walk_pid, options->walk_start, walk->last, on_piece, walk, &path);
	if (err) {
		explain(walk, err);
		return err;
	}
	walk->report.entries_seen = path.seen;
	for (level = 0; level <= MMU_LEVEL_PGD; level++)
		walk->report.entries[level] = path.entry[level];
	return 0;
}

static int print(const struct walk *walk)
{
	const struct options *options = walk->options;
	FILE *out = NULL;
	int err = output__open(options->output, &out);

	if (err)
		return err;
	err = view_walk__print(options->format, &walk->report, out);
	if (err)
		output__explain(options->output, err);
	return output__close(options->output, out, err);
}

/* The output is opened last: a walk that cannot be made must not cut an earlier result. */
static int run(struct walk *walk, struct page_walker *walker)
{
	int err = check_range(walk);

	if (!err)
		err = walk_pages(walk, walker);
	return err ? err : print(walk);
}

int command_walk(const struct options *options)
{
	uint64_t end = options->walk_end;
	struct walk walk = {
		.options = options,
		.last = end == options->walk_start ? end : end - 1,
		.report = {.pid = options->walk_pid,
			   .one_address = end == options->walk_start,
			   .addr = options->walk_start},
	};
	struct page_walker *walker = NULL;
	int err = stop__install();

	if (err)
		log_error("signal handlers: %s", log__errstr(err));
	if (!err) {
		walker = page_walker__new(options->btf);
		err = walker ? 0 : error__last();
	}
	if (!err) {
		walk.layout = &page_walker__layout(walker)->layout;
		walk.report.page_shift = walk.layout->page_shift;
		if (!walk.layout->levels) {
			log_error("the walk is off: %s", page_walker__layout(walker)->why);
			err = -ENOTSUP;
		}
	}
	if (!err)
		err = run(&walk, walker);
	page_walker__free(walker);
	walk_report__free(&walk.report);
	return err == -EDOM ? EXIT_USAGE : err ? EXIT_FAILED : EXIT_DONE;
}
