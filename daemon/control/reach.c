// SPDX-License-Identifier: MIT
/* reach.c - destinations and next hops: what is needed, what is known, what is due */
#include "daemon/control/reach.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/control/reach_keep.h"

static unsigned bucket_of(uint32_t a, uint32_t b, uint32_t c)
{
	uint32_t h = a * 0x9e3779b1u;

	h = (h ^ b) * 0x85ebca6bu;
	h = (h ^ h >> 13 ^ c) * 0xc2b2ae35u;
	return (h ^ h >> 16) % REACH_BUCKETS;
}

void reach_init(struct control_reach *r, int sock)
{
	struct sockaddr_nl own = {0};
	socklen_t len = sizeof(own);

	memset(r, 0, sizeof(*r));
	r->sock = sock;
	if (sock >= 0 && getsockname(sock, (struct sockaddr *)&own, &len) == 0)
		r->port = own.nl_pid;
	r->act_ns = r->routes_ns = UINT64_MAX;
	r->tokens = REACH_PROBES_PER_S;
	TAILQ_INIT(&r->due);
	TAILQ_INIT(&r->probing);
	TAILQ_INIT(&r->keeps);
}

/* --- questions --- */

void reach_ask_later(struct control_reach *r, struct reach_question *q)
{
	if (q->due || q->slot >= 0)
		return;
	q->due = true;
	TAILQ_INSERT_TAIL(&r->due, q, link);
}

static void question_init(struct control_reach *r, struct reach_question *q, enum reach_kind kind)
{
	q->kind = kind;
	q->slot = -1;
	reach_ask_later(r, q);
}

static void question_drop(struct control_reach *r, struct reach_question *q)
{
	if (q->due)
		TAILQ_REMOVE(&r->due, q, link);
	if (q->slot >= 0)
		r->asked[q->slot] = NULL; /* its answer will be ignored */
	q->due = false;
	q->slot = -1;
}

void reach_ask_all(struct control_reach *r)
{
	for (unsigned b = 0; b < REACH_BUCKETS; b++) {
		for (struct reach_dest *d = r->dest[b]; d; d = d->next)
			reach_ask_later(r, &d->question);
		for (struct reach_hop *h = r->hop[b]; h; h = h->next)
			reach_ask_later(r, &h->question);
	}
}

/* --- next hops --- */

static void act_within(struct control_reach *r, uint64_t ns, uint64_t now_ns)
{
	if (now_ns + ns < r->act_ns)
		r->act_ns = now_ns + ns;
}

static void probe_remove(struct control_reach *r, struct reach_hop *h)
{
	if (h->probing)
		TAILQ_REMOVE(&r->probing, h, probe);
	h->probing = false;
}

/* A next hop that was never probed comes first. */
static void probe_add(struct control_reach *r, struct reach_hop *h)
{
	if (h->probing)
		return;
	h->probing = true;
	if (h->probe_ns)
		TAILQ_INSERT_TAIL(&r->probing, h, probe);
	else
		TAILQ_INSERT_HEAD(&r->probing, h, probe);
}

struct reach_hop *reach_hop_find(const struct control_reach *r, uint32_t ifindex, uint32_t host_be)
{
	struct reach_hop *h = r->hop[bucket_of(ifindex, host_be, 0)];

	while (h && (h->ifindex != ifindex || h->host_be != host_be))
		h = h->next;
	return h;
}

static struct reach_hop *hop_get(struct control_reach *r, uint32_t ifindex, uint32_t host_be,
				 uint64_t now_ns)
{
	struct reach_hop *h = reach_hop_find(r, ifindex, host_be);
	const unsigned b = bucket_of(ifindex, host_be, 0);

	if (!h) {
		h = calloc(1, sizeof(*h));
		if (!h)
			return NULL;
		h->ifindex = ifindex;
		h->host_be = host_be;
		h->since_ns = now_ns;
		h->next = r->hop[b];
		r->hop[b] = h;
		r->n_hops++;
		question_init(r, &h->question, ASK_NEIGH);
	}
	h->users++;
	return h;
}

static void hop_put(struct control_reach *r, struct reach_hop *h)
{
	struct reach_hop **at;

	if (!h || --h->users)
		return;
	at = &r->hop[bucket_of(h->ifindex, h->host_be, 0)];
	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
	question_drop(r, &h->question);
	probe_remove(r, h);
	r->waiting -= h->state == HOP_ASKED;
	r->n_hops--;
	if (!reach_keep_leave(r, h))
		free(h);
}

void reach_hop_set(struct control_reach *r, struct reach_hop *h, enum reach_state state,
		   uint64_t now_ns)
{
	const enum reach_state was = h->state;

	/* The kernel asks again for a host that has not answered: it is still failed. */
	if (state == HOP_ASKED && was == HOP_FAILED)
		return;
	if (was == HOP_VALID && state != HOP_VALID) {
		h->failed_ns = state == HOP_FAILED ? now_ns : 0;
		h->probe_ns = 0;
	}
	if (state == HOP_ASKED && was != HOP_ASKED) {
		h->since_ns = now_ns;
		r->settle_ns = now_ns + REACH_SETTLE_NS;
	}
	r->waiting += (size_t)(state == HOP_ASKED) - (size_t)(was == HOP_ASKED);
	h->state = state;
	if (state == HOP_VALID)
		probe_remove(r, h);
	else
		probe_add(r, h);
	/* A deleted entry is often resolved again at once. */
	if (state != was)
		act_within(r, state == HOP_ASKED ? REACH_GRACE_NS : REACH_GATHER_NS, now_ns);
}

void reach_hop_set_mac(struct control_reach *r, struct reach_hop *h, const uint8_t mac[static 6],
		       uint64_t now_ns)
{
	if (h->has_mac && memcmp(h->mac, mac, sizeof(h->mac)) == 0)
		return;
	h->has_mac = true;
	memcpy(h->mac, mac, sizeof(h->mac));
	act_within(r, REACH_GATHER_NS, now_ns);
}

void reach_hop_removed(struct control_reach *r, struct reach_hop *h, uint64_t now_ns)
{
	/* Before a deletion the kernel announces NUD_FAILED, which says nothing about the host. */
	if (h->state == HOP_FAILED && h->failed_ns && now_ns - h->failed_ns < REACH_GATHER_NS) {
		if (r->act_ns == h->failed_ns + REACH_GATHER_NS)
			r->act_ns = UINT64_MAX;
		h->state = HOP_VALID;
		probe_remove(r, h);
	}
	reach_hop_set(r, h, HOP_ASKED, now_ns);
}

bool reach_token(struct control_reach *r, uint64_t now_ns)
{
	const uint64_t refill = (now_ns - r->tokens_ns) * REACH_PROBES_PER_S / NS_PER_S;

	if (now_ns - r->tokens_ns >= NS_PER_S)
		r->tokens = REACH_PROBES_PER_S;
	else if (refill)
		r->tokens = r->tokens + refill < REACH_PROBES_PER_S ? r->tokens + (uint32_t)refill
								    : REACH_PROBES_PER_S;
	if (refill)
		r->tokens_ns = now_ns;
	return r->tokens;
}

void reach_token_take(struct control_reach *r)
{
	r->tokens--;
}

struct reach_hop *reach_next_probe(struct control_reach *r, uint64_t now_ns)
{
	struct reach_hop *h = TAILQ_FIRST(&r->probing);

	if (!reach_token(r, now_ns) || !h || (h->probe_ns && now_ns < h->probe_ns + REACH_PROBE_NS))
		return NULL;
	reach_token_take(r);
	TAILQ_REMOVE(&r->probing, h, probe);
	h->probe_ns = now_ns;
	TAILQ_INSERT_TAIL(&r->probing, h, probe);
	return h;
}

void reach_set_unprobeable(struct control_reach *r, uint32_t ifindex, uint32_t host_be,
			   bool unprobeable, uint64_t now_ns)
{
	struct reach_hop *h = reach_hop_find(r, ifindex, host_be);

	if (!h || h->unprobeable == unprobeable)
		return;
	h->unprobeable = unprobeable;
	act_within(r, REACH_GATHER_NS, now_ns);
}

/* --- destinations --- */

static unsigned dest_bucket(const struct reach_key *k)
{
	return bucket_of(k->ifindex, k->host_be, k->source_be);
}

struct reach_dest *reach_dest_find(const struct control_reach *r, const struct reach_key *key)
{
	struct reach_dest *d = r->dest[dest_bucket(key)];

	while (d && memcmp(&d->key, key, sizeof(*key)) != 0)
		d = d->next;
	return d;
}

const struct reach_dest *reach_find(const struct control_reach *r, const struct reach_key *key)
{
	return reach_dest_find(r, key);
}

void reach_unmark(struct control_reach *r)
{
	for (unsigned b = 0; b < REACH_BUCKETS; b++)
		for (struct reach_dest *d = r->dest[b]; d; d = d->next)
			reach_keep_none(r, d);
}

int reach_need(struct control_reach *r, const struct reach_key *key, bool arp)
{
	struct reach_dest *d = reach_dest_find(r, key);
	const unsigned b = dest_bucket(key);

	if (!d) {
		d = calloc(1, sizeof(*d));
		if (!d)
			return -ENOMEM;
		d->key = *key;
		d->arp = arp;
		d->next = r->dest[b];
		r->dest[b] = d;
		r->n_dests++;
		question_init(r, &d->question, ASK_ROUTE);
	}
	if (d->arp != arp)
		reach_ask_later(r, &d->question);
	d->arp = arp;
	d->users++;
	return 0;
}

static void dest_free(struct control_reach *r, struct reach_dest *d)
{
	question_drop(r, &d->question);
	reach_keep_none(r, d);
	hop_put(r, d->hop);
	free(d);
	r->n_dests--;
}

void reach_sweep(struct control_reach *r)
{
	for (unsigned b = 0; b < REACH_BUCKETS; b++) {
		struct reach_dest **at = &r->dest[b];

		while (*at) {
			struct reach_dest *d = *at;

			if (d->users) {
				at = &d->next;
				continue;
			}
			*at = d->next;
			dest_free(r, d);
		}
	}
}

void reach_release(struct control_reach *r, const struct reach_key *key)
{
	struct reach_dest **at = &r->dest[dest_bucket(key)], *d;

	while (*at && memcmp(&(*at)->key, key, sizeof(*key)) != 0)
		at = &(*at)->next;
	d = *at;
	if (!d || !d->users || --d->users)
		return;
	*at = d->next;
	dest_free(r, d);
}

void reach_fini(struct control_reach *r)
{
	reach_unmark(r);
	reach_sweep(r);
	reach_keep_fini(r);
}

void reach_dest_set(struct control_reach *r, struct reach_dest *d, enum reach_way way,
		    uint32_t ifindex, uint32_t host_be, uint64_t now_ns)
{
	struct reach_hop *was = d->hop;
	const bool same =
		d->way == way &&
		(way != WAY_HOP || (was && was->ifindex == ifindex && was->host_be == host_be));

	if (same)
		return;
	reach_keep_move(r, d, false);
	d->hop = way == WAY_HOP ? hop_get(r, ifindex, host_be, now_ns) : NULL;
	reach_keep_move(r, d, true);
	/* Out of memory: not known, so outputs send to it. */
	d->way = way == WAY_HOP && !d->hop ? WAY_UNKNOWN : way;
	hop_put(r, was);
	act_within(r, REACH_GATHER_NS, now_ns);
}

void reach_dest_set_source(struct control_reach *r, struct reach_dest *d, uint32_t source_be,
			   uint64_t now_ns)
{
	if (d->kernel_source_be == source_be)
		return;
	d->kernel_source_be = source_be;
	act_within(r, REACH_GATHER_NS, now_ns);
}

bool reach_settling(const struct reach_dest *d, uint64_t now_ns)
{
	if (d->question.due || d->question.slot >= 0)
		return true;
	if (d->way != WAY_HOP || d->hop->unprobeable)
		return false;
	return d->hop->question.due || d->hop->question.slot >= 0 ||
	       (d->hop->state == HOP_ASKED && now_ns < d->hop->since_ns + REACH_SETTLE_NS);
}

bool reach_settling_any(const struct control_reach *r, uint64_t now_ns)
{
	return r->act_ns != UINT64_MAX || !TAILQ_EMPTY(&r->due) || r->n_asked ||
	       (r->waiting && now_ns < r->settle_ns);
}

void reach_link_up(struct control_reach *r, uint32_t ifindex)
{
	for (unsigned b = 0; b < REACH_BUCKETS; b++) {
		for (struct reach_hop *h = r->hop[b]; h; h = h->next) {
			if (h->ifindex != ifindex || !h->probing)
				continue;
			probe_remove(r, h);
			h->probe_ns = 0;
			probe_add(r, h);
		}
	}
}

/* --- time --- */

void reach_routes_changed(struct control_reach *r, uint64_t now_ns)
{
	const uint64_t at = now_ns + REACH_ROUTES_NS;

	if (r->routes_ns == UINT64_MAX)
		r->routes_ns = at > r->quiet_ns ? at : r->quiet_ns;
}

void reach_acted(struct control_reach *r)
{
	r->act_ns = UINT64_MAX;
}

uint64_t reach_deadline(const struct control_reach *r)
{
	const struct reach_hop *h = TAILQ_FIRST(&r->probing);
	uint64_t at = r->act_ns < r->routes_ns ? r->act_ns : r->routes_ns;
	uint64_t probe_ns = UINT64_MAX;

	if (r->sock >= 0 && (!TAILQ_EMPTY(&r->due) || (r->tokens && !TAILQ_EMPTY(&r->keeps))))
		return 0;
	if (h)
		probe_ns = h->probe_ns ? h->probe_ns + REACH_PROBE_NS : 0;
	if (!r->tokens && !TAILQ_EMPTY(&r->keeps))
		probe_ns = 0;
	if (!r->tokens && probe_ns < r->tokens_ns + NS_PER_S / REACH_PROBES_PER_S)
		probe_ns = r->tokens_ns + NS_PER_S / REACH_PROBES_PER_S;
	return probe_ns < at ? probe_ns : at;
}
