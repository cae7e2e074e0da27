/* SPDX-License-Identifier: MIT */
/* match_build.h - from snapshots to a worker's table */
#ifndef CORE_RELAY_MATCH_BUILD_H
#define CORE_RELAY_MATCH_BUILD_H

#include "core/rules/snapshot.h"

struct limit_page;
struct match_table;
struct worker_page;

/**
 * match_build() - build the table of one worker
 * @view:   checked snapshot; not needed afterwards
 * @worker: rules whose worker_mask has this bit are taken
 * @page:   status page of the worker: counters of rules that are new start at zero
 * @limits: state of rate limits, borrowed for the life of the table
 * @old:    table in use, or NULL: what the storm guard knows carries over
 *
 * Return: the table, or NULL when out of memory.
 */
struct match_table *match_build(const struct snapshot_view *view, unsigned worker,
				struct worker_page *page, struct limit_page *limits,
				const struct match_table *old);

/* The same of a whole snapshot with its @changes, which may be NULL. */
struct match_table *match_build_changed(const struct snapshot_view *view,
					const struct snapshot_view *changes, unsigned worker,
					struct worker_page *page, struct limit_page *limits,
					const struct match_table *old);

/**
 * match_change() - take over a snapshot of changes
 * @t:    table in use; no batch is being gathered and nothing is in flight
 * @view: checked snapshot with a base; not needed afterwards
 * @page, @worker: as in match_build()
 *
 * Changes that the table has already are left alone.
 * Return: 0; -ESTALE when @t does not come from the base of @view; -ENOMEM.  The table is
 * as it was then.
 */
int match_change(struct match_table *t, const struct snapshot_view *view, unsigned worker,
		 struct worker_page *page);

/* NULL: nothing to free. */
void match_free(struct match_table *t);

#endif
