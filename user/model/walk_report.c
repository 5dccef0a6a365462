// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdlib.h>

#include "model/walk_report.h"

static bool continues(const struct walk_range *range, const struct walk_range *piece)
{
	return range->last + 1 == piece->start && range->outcome == piece->outcome && range->flags == piece->flags &&
	       (range->level == piece->level || mmu_outcome_is_none(piece->outcome));
}

int walk_report__add(struct walk_report *report, const struct walk_range *piece)
{
	struct walk_range *last = report->n ? &report->ranges[report->n - 1] : NULL;
	struct walk_range *ranges;
	size_t room;

	if (last && continues(last, piece)) {
		last->last = piece->last;
		last->leaves += piece->leaves;
		if (piece->level > last->level)
			last->level = piece->level;
		return 0;
	}
	if (!report->ranges || report->n == report->room) {
		room = report->room ? report->room * 2 : 64;
		ranges = realloc(report->ranges, room * sizeof(*ranges));
		if (!ranges)
			return -ENOMEM;
		report->ranges = ranges;
		report->room = room;
	}
	report->ranges[report->n++] = *piece;
	return 0;
}

void walk_report__free(struct walk_report *report)
{
	free(report->ranges);
	report->ranges = NULL;
	report->n = report->room = 0;
}
