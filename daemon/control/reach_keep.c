// SPDX-License-Identifier: MIT
/* reach_keep.c - which neighbour entries are kept fresh, and what is to be asked for that */
#include "daemon/control/reach_keep.h"

#include <linux/neighbour.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control/netif_state.h"

static void set_due(struct control_reach *r, struct reach_hop *h)
{
	if (h->keep_due || h->kept == (h->keepers > 0))
		return;
	h->keep_due = true;
	TAILQ_INSERT_TAIL(&r->keeps, h, keep);
}

static void count(struct control_reach *r, struct reach_dest *d, uint32_t keepers)
{
	d->keepers = keepers;
	if (d->hop)
		set_due(r, d->hop);
}

void reach_keep(struct control_reach *r, struct reach_dest *d)
{
	if (d->hop)
		d->hop->keepers++;
	count(r, d, d->keepers + 1);
}

void reach_unkeep(struct control_reach *r, struct reach_dest *d)
{
	if (!d->keepers)
		return;
	if (d->hop)
		d->hop->keepers--;
	count(r, d, d->keepers - 1);
}

void reach_keep_none(struct control_reach *r, struct reach_dest *d)
{
	d->users = 0;
	if (d->hop)
		d->hop->keepers -= d->keepers;
	count(r, d, 0);
}

void reach_keep_move(struct control_reach *r, struct reach_dest *d, bool on)
{
	if (!d->hop)
		return;
	d->hop->keepers += on ? d->keepers : -d->keepers;
	set_due(r, d->hop);
}

bool reach_keep_leave(struct control_reach *r, struct reach_hop *h)
{
	h->keepers = 0;
	set_due(r, h);
	return h->keep_due;
}

/* Without keepers any more, and gone, it is freed here. */
static bool take(struct reach_hop *h, struct reach_upkeep *out)
{
	const bool keep = h->keepers > 0, changed = keep != h->kept;

	*out = (struct reach_upkeep){h->ifindex, h->host_be, keep};
	h->kept = keep;
	if (!h->users)
		free(h);
	return changed;
}

bool reach_next_upkeep(struct control_reach *r, struct reach_upkeep *out)
{
	struct reach_hop *h;

	while ((h = TAILQ_FIRST(&r->keeps))) {
		TAILQ_REMOVE(&r->keeps, h, keep);
		h->keep_due = false;
		if (take(h, out))
			return true;
	}
	return false;
}

void reach_keep_refused(struct control_reach *r, struct reach_hop *h, bool again)
{
	h->kept = false;
	if (again)
		set_due(r, h);
}

void reach_keep_look(struct control_reach *r, struct reach_hop *h, const struct netif_neigh *n)
{
	if (!h->kept || !h->keepers || n->managed || n->state != NUD_STALE)
		return;
	h->kept = false;
	set_due(r, h);
}

void reach_keep_fini(struct control_reach *r)
{
	struct reach_hop *h;

	while ((h = TAILQ_FIRST(&r->keeps))) {
		TAILQ_REMOVE(&r->keeps, h, keep);
		free(h); /* those with users have gone with them */
	}
}
