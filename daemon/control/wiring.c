// SPDX-License-Identifier: MIT
/*
 * wiring.c - paths between interfaces of this host, by the kinds of their links
 *
 * A link has two roles: it sends, and it hears.  One role leads to others:
 *
 *   a veth device sends      its peer hears, if that is in this network namespace
 *   a macvlan device sends   its siblings in bridge mode hear, its lower device sends
 *   a master sends           its ports send; the ports of a bridge count as hearing it
 *   a port of a bridge sends the bridge and its other ports count as hearing it
 *   a port hears             its master hears; of a bridge, the other ports send
 *   a lower device hears     its macvlan devices hear
 *
 * Ports and master of a bridge count as one segment: a relay between them would send a second
 * copy of each frame that the bridge forwards.
 */
#include "daemon/control/wiring.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "core/rules/ruleset_ifaces.h"
#include "daemon/control/netif.h"
#include "daemon/control/state.h"

enum role { SENDS, HEARS, ROLES };

/* Roles that have been reached, and those not looked at yet, as link * ROLES + role. */
struct walk {
	const struct control_netif *n;
	bool *reached;
	size_t *queue;
	size_t head, tail;
};

static void reach(struct walk *w, size_t link, enum role role)
{
	const size_t at = link * ROLES + role;

	if (w->reached[at])
		return;
	w->reached[at] = true;
	w->queue[w->tail++] = at;
}

static void reach_index(struct walk *w, uint32_t ifindex, enum role role)
{
	const struct netif_link *l = control_netif_by_index(w->n, ifindex);

	if (l)
		reach(w, (size_t)(l - w->n->links), role);
}

static bool is_bridge(const struct control_netif *n, uint32_t ifindex)
{
	const struct netif_link *l = ifindex ? control_netif_by_index(n, ifindex) : NULL;

	return l && l->wire.kind == NETIF_BRIDGE;
}

static bool are_siblings(const struct netif_link *a, const struct netif_link *b)
{
	return a->wire.kind == NETIF_MACVLAN && b->wire.kind == NETIF_MACVLAN && a->wire.siblings &&
	       b->wire.siblings && a->wire.peer == b->wire.peer &&
	       a->wire.peer_netns == b->wire.peer_netns;
}

static bool is_here(const struct netif_wire *w)
{
	return w->peer && w->peer_netns == NETIF_NETNS_OWN;
}

static void sends(struct walk *w, size_t from)
{
	const struct netif_link *l = &w->n->links[from];
	const bool bridge = l->wire.kind == NETIF_BRIDGE;
	const bool port = is_bridge(w->n, l->wire.master);

	if (l->type == ARPHRD_LOOPBACK)
		reach(w, from, HEARS);
	if (l->wire.kind == NETIF_VETH && is_here(&l->wire))
		reach_index(w, l->wire.peer, HEARS);
	if (l->wire.kind == NETIF_MACVLAN && is_here(&l->wire))
		reach_index(w, l->wire.peer, SENDS);
	for (size_t i = 0; i < w->n->n_links; i++) {
		const struct netif_link *other = &w->n->links[i];

		if (i == from)
			continue;
		if (other->wire.master == l->ifindex)
			reach(w, i, SENDS);
		if ((bridge && other->wire.master == l->ifindex) ||
		    (port &&
		     (other->wire.master == l->wire.master || other->ifindex == l->wire.master)) ||
		    are_siblings(l, other))
			reach(w, i, HEARS);
	}
}

static void hears(struct walk *w, size_t at)
{
	const struct netif_link *l = &w->n->links[at];
	const bool port = is_bridge(w->n, l->wire.master);

	if (l->wire.master)
		reach_index(w, l->wire.master, HEARS);
	for (size_t i = 0; i < w->n->n_links; i++) {
		const struct netif_link *other = &w->n->links[i];

		if (port && i != at && other->wire.master == l->wire.master)
			reach(w, i, SENDS);
		if (other->wire.kind == NETIF_MACVLAN && is_here(&other->wire) &&
		    other->wire.peer == l->ifindex)
			reach(w, i, HEARS);
	}
}

int wiring_reached(const struct control_netif *n, size_t from, bool *hears_it)
{
	struct walk w = {.n = n};
	int ret = 0;

	w.reached = calloc(n->n_links * ROLES + 1, sizeof(*w.reached));
	w.queue = calloc(n->n_links * ROLES + 1, sizeof(*w.queue));
	if (!w.reached || !w.queue) {
		ret = -ENOMEM;
		goto out;
	}
	reach(&w, from, SENDS);
	while (w.head < w.tail) {
		const size_t at = w.queue[w.head++];

		if (at % ROLES == SENDS)
			sends(&w, at / ROLES);
		else
			hears(&w, at / ROLES);
	}
	for (size_t i = 0; i < n->n_links; i++)
		hears_it[i] = w.reached[i * ROLES + HEARS];
	hears_it[from] = n->links[from].type == ARPHRD_LOOPBACK;
out:
	free(w.reached);
	free(w.queue);
	return ret;
}

/* --- for the interfaces that rules name --- */

static bool has_name(const struct control_wiring *w, const char *name)
{
	for (size_t i = 0; i < w->n_names; i++) {
		if (!strcmp(w->names[i], name))
			return true;
	}
	return false;
}

static void add_name(struct control_wiring *w, const char *name)
{
	if (w->n_names == WIRING_NAMES_MAX || has_name(w, name))
		return;
	memcpy(w->names[w->n_names++], name, strlen(name) + 1);
}

/* Rules name the same few interfaces again and again: only what differs is looked up. */
static void add_names(struct control_wiring *w, const struct rule *rules, size_t n)
{
	const char *last = "";

	for (size_t i = 0; i < n; i++) {
		add_name(w, rules[i].input.interface);
		for (unsigned k = 0; k < rules[i].n_outputs; k++) {
			const char *name = rules[i].outputs[k].interface;

			if (strcmp(name, last) != 0)
				add_name(w, name);
			last = name;
		}
	}
}

static void collect_names(const struct control *c, struct control_wiring *w,
			  const struct rule *rules, size_t n)
{
	const char *name;

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		name = ruleset_interface(c->rules, i);
		if (name)
			add_name(w, name);
	}
	add_names(w, rules, n);
}

static int add_path(struct wiring *w, const char *from, const char *to)
{
	struct wiring_path *p = w->paths;

	if ((w->n_paths & (w->n_paths - 1)) == 0) { /* full at each power of two */
		p = realloc(p, (w->n_paths ? 2 * w->n_paths : 1) * sizeof(*p));
		if (!p)
			return -ENOMEM;
		w->paths = p;
	}
	memset(&p[w->n_paths], 0, sizeof(*p));
	strcpy(p[w->n_paths].from, from);
	strcpy(p[w->n_paths].to, to);
	w->n_paths++;
	return 0;
}

/* The link of each name, n->n_links for a name without one; two names may have the same. */
static void find_links(const struct control_netif *n, const struct control_wiring *w,
		       size_t links[static WIRING_NAMES_MAX])
{
	for (size_t i = 0; i < w->n_names; i++) {
		const struct netif_link *l = control_netif_by_name(n, w->names[i]);

		links[i] = l ? (size_t)(l - n->links) : n->n_links;
	}
}

/* @heard: room for as many as there are links */
static int add_paths(const struct control_netif *n, struct control_wiring *w, bool *heard)
{
	size_t links[WIRING_NAMES_MAX];
	int ret = 0;

	find_links(n, w, links);
	for (size_t from = 0; from < w->n_names && ret == 0; from++) {
		if (links[from] == n->n_links)
			continue;
		ret = wiring_reached(n, links[from], heard);
		for (size_t to = 0; to < w->n_names && ret == 0; to++) {
			if (links[to] < n->n_links && heard[links[to]])
				ret = add_path(&w->wiring, w->names[from], w->names[to]);
		}
	}
	return ret;
}

static int add_home(struct wiring *w, const char *interface, const struct addr *addr)
{
	struct wiring_home *h = w->homes;

	if ((w->n_homes & (w->n_homes - 1)) == 0) {
		h = realloc(h, (w->n_homes ? 2 * w->n_homes : 1) * sizeof(*h));
		if (!h)
			return -ENOMEM;
		w->homes = h;
	}
	memset(&h[w->n_homes], 0, sizeof(*h));
	strcpy(h[w->n_homes].interface, interface);
	h[w->n_homes++].addr = *addr;
	return 0;
}

static int add_homes(const struct control_netif *n, struct control_wiring *w)
{
	struct wiring *to = &w->wiring;

	for (size_t i = 0; i < n->n_addrs; i++) {
		const struct netif_link *l = control_netif_by_index(n, n->addrs[i].ifindex);

		for (size_t k = 0; l && k < w->n_names; k++) {
			if (control_netif_by_name(n, w->names[k]) != l)
				continue;
			if (add_home(to, w->names[k], &n->addrs[i].addr) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

static int make(const struct control_netif *n, struct control_wiring *w)
{
	bool *heard = calloc(n->n_links + 1, sizeof(*heard));
	int ret = heard ? add_homes(n, w) : -ENOMEM;

	for (size_t i = 0; i < n->n_links; i++) {
		if (n->links[i].type == ARPHRD_LOOPBACK)
			strcpy(w->wiring.loopback, n->links[i].name);
	}
	if (ret == 0)
		ret = add_paths(n, w, heard);
	wiring_sort(&w->wiring);
	free(heard);
	return ret;
}

static bool same_names(const struct control_wiring *a, const struct control_wiring *b)
{
	for (size_t i = 0; i < b->n_names; i++) {
		if (!has_name(a, b->names[i]))
			return false;
	}
	return true;
}

void control_wiring_fini(struct control_wiring *w)
{
	free(w->wiring.paths);
	free(w->wiring.homes);
	*w = (struct control_wiring){0};
}

int control_wiring_update(struct control *c, const struct rule *rules, size_t n)
{
	struct control_wiring *fresh;
	int ret;

	if (!c->netif.ready)
		return 0;
	fresh = calloc(1, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	collect_names(c, fresh, rules, n);
	if (c->wiring.n_names && !c->wiring.stale && !c->netif.changed &&
	    same_names(&c->wiring, fresh)) {
		free(fresh);
		return 0;
	}
	ret = make(&c->netif, fresh);
	if (ret < 0) {
		control_wiring_fini(fresh);
	} else {
		control_wiring_fini(&c->wiring);
		c->wiring = *fresh;
		/* Links that changed this turn have not been acted on yet. */
		c->wiring.stale = c->netif.changed;
		c->wiring.remade = true;
		ruleset_set_wiring(c->rules, &c->wiring.wiring);
	}
	free(fresh);
	return ret;
}
