// SPDX-License-Identifier: MIT
/* egress_socket.c - choose sockets for outputs, and ask the supervisor for them */
#include "daemon/control/egress_socket.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rules/ruleset_entry.h"
#include "core/rules/snapshot.h"
#include "daemon/common/log.h"
#include "daemon/control/change.h"
#include "daemon/control/netif.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

#define RETRY_NS (10 * NS_PER_S)
/* A program that has the port may end; each port is tried by itself. */
#define PORT_RETRY_NS NS_PER_S

static unsigned sockets_of(uint64_t workers)
{
	return (unsigned)__builtin_popcountll(workers);
}

/* --- ids --- */

static unsigned bucket_of(const struct ipc_egress_socket *as)
{
	uint32_t h = (as->to_be ^ as->iface * 0x9e3779b1u) * 0x85ebca6bu;

	h = (h ^ as->source_be ^ as->source_port) * 0xc2b2ae35u;
	return (h ^ h >> 15) % CONTROL_EGRESS_SOCKET_BUCKETS;
}

static void link_host(struct control_egress_sockets *t, uint32_t id)
{
	struct control_egress_socket *x = &t->at[id];
	uint32_t *bucket = &t->bucket[bucket_of(&x->as)];

	x->next = *bucket;
	*bucket = id + 1;
}

static void unlink_host(struct control_egress_sockets *t, uint32_t id)
{
	uint32_t *at = &t->bucket[bucket_of(&t->at[id].as)];

	while (*at && *at != id + 1)
		at = &t->at[*at - 1].next;
	if (*at)
		*at = t->at[id].next;
}

static struct control_egress_socket *find_host(struct control_egress_sockets *t,
					       const struct ipc_egress_socket *as)
{
	uint32_t id = t->bucket[bucket_of(as)];

	for (; id; id = t->at[id - 1].next) {
		const struct ipc_egress_socket *have = &t->at[id - 1].as;

		if (have->iface == as->iface && have->to_be == as->to_be &&
		    have->source_be == as->source_be && have->source_port == as->source_port)
			return &t->at[id - 1];
	}
	return NULL;
}

/* How many sockets it has from now on. */
static void account(struct control_egress_sockets *t, struct control_egress_socket *x,
		    unsigned sockets)
{
	t->sockets += sockets - x->sockets;
	if (x->as.kind == EGRESS_SOCKET_OWN)
		t->own += sockets - x->sockets;
	x->sockets = sockets;
}

/* NULL when all ids are taken. */
static struct control_egress_socket *take_id(struct control_egress_sockets *t,
					     const struct ipc_egress_socket *as, uint32_t owner)
{
	for (uint32_t i = 1; i <= MCR_MAX_EGRESS_SOCKETS; i++) {
		const uint32_t id = (t->last + i) % MCR_MAX_EGRESS_SOCKETS;
		struct control_egress_socket *x = &t->at[id];

		if (x->used)
			continue;
		t->last = id;
		*x = (struct control_egress_socket){.used = true, .owner = owner, .as = *as};
		x->as.id = id;
		if (as->kind == EGRESS_SOCKET_HOST)
			link_host(t, id);
		return x;
	}
	return NULL;
}

static void give_id_back(struct control_egress_sockets *t, uint32_t id)
{
	if (t->at[id].as.kind == EGRESS_SOCKET_HOST)
		unlink_host(t, id);
	account(t, &t->at[id], 0);
	t->at[id] = (struct control_egress_socket){0};
}

/* How its own socket should be. */
static struct ipc_egress_socket own_egress_socket(const struct control *c,
						  const struct rec_iface *f,
						  const struct rule_output *o, uint64_t workers)
{
	struct ipc_egress_socket as;

	memset(&as, 0, sizeof(as)); /* compared as bytes */
	as.worker_mask = workers;
	as.iface = (uint32_t)(f - c->rec.iface);
	as.ifindex = f->ifindex;
	as.to_be = addr_ipv4_be(&o->group);
	as.source_be = addr_ipv4_be(&o->source);
	as.port = o->port;
	as.source_port = o->source_port;
	as.kind = EGRESS_SOCKET_OWN;
	as.ttl = rule_output_ttl(o);
	as.dscp = o->dscp;
	return as;
}

/* --- source ports that cannot be used --- */

static struct control_port_error *find_port(struct control_egress_sockets *t, uint32_t iface,
					    uint32_t source_be, uint16_t port)
{
	for (unsigned i = 0; i < t->n_port_errors; i++) {
		struct control_port_error *p = &t->port_error[i];

		if (p->iface == iface && p->source_be == source_be && p->port == port)
			return p;
	}
	return NULL;
}

/* @error: 0: it can be used.  Outputs with that port have another state then. */
static void set_port_error(struct control *c, const struct ipc_egress_socket *as, int error)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	struct control_port_error *p = find_port(t, as->iface, as->source_be, as->source_port);
	static struct log_limit limit;

	if ((p ? p->error : 0) == error)
		return;
	c->dirty = true;
	if (!error) {
		*p = t->port_error[--t->n_port_errors];
		return;
	}
	log_limited(&limit, monotonic_ns(), SEV_WARNING, FAC_EGRESS,
		    "source_port %u on %s cannot be used: %s", as->source_port,
		    c->rec.iface[as->iface].name, strerror(-error));
	if (!p && t->n_port_errors == CONTROL_PORT_ERRORS_MAX)
		return;
	if (!p)
		p = &t->port_error[t->n_port_errors++];
	*p = (struct control_port_error){as->iface, as->source_be, as->source_port, true, error};
}

static void note_no_socket(struct control *c, const struct rec_iface *f,
			   const struct rule_output *o)
{
	const struct ipc_egress_socket as = own_egress_socket(c, f, o, 0);
	struct control_port_error *p =
		find_port(&c->egress_sockets, as.iface, as.source_be, as.source_port);

	if (p)
		p->again = true;
	else
		set_port_error(c, &as, -EMFILE);
}

static void forget_no_socket(struct control_egress_sockets *t)
{
	for (unsigned i = t->n_port_errors; i-- > 0;) {
		const struct control_port_error *p = &t->port_error[i];

		if (p->error == -EMFILE && !p->again)
			t->port_error[i] = t->port_error[--t->n_port_errors];
	}
}

int control_source_port_error(const struct control *c, const struct rec_iface *f,
			      const struct rule_output *o)
{
	const struct control_egress_sockets *t = &c->egress_sockets;
	const struct control_port_error *p;

	if (!o->source_port || !t->n_port_errors)
		return 0;
	p = find_port((struct control_egress_sockets *)(uintptr_t)t, (uint32_t)(f - c->rec.iface),
		      addr_ipv4_be(&o->source), o->source_port);
	return p ? p->error : 0;
}

/* --- choosing --- */

static bool is_ours(const struct control *c, uint32_t ifindex, uint32_t address_be)
{
	const struct addr a = addr_from_ipv4_be(address_be);

	return control_netif_has_addr(&c->netif, ifindex, &a);
}

static bool has_address(const struct control *c, uint32_t ifindex)
{
	for (size_t i = 0; i < c->netif.n_addrs; i++)
		if (c->netif.addrs[i].ifindex == ifindex)
			return true;
	return false;
}

/* Would it be connected from another address by now? */
static bool is_stale(const struct control *c, const struct control_egress_socket *x)
{
	if (!x->open || x->as.kind != EGRESS_SOCKET_OWN)
		return false;
	if (x->from_be)
		return !is_ours(c, 0, x->from_be);
	return x->as.source_be ? is_ours(c, 0, x->as.source_be) : has_address(c, x->as.ifindex);
}

/* The kernel names addresses in any order, so their sum is what tells. */
static void look_at_addresses(struct control *c)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	uint32_t sum = 0;

	for (size_t i = 0; i < c->netif.n_addrs; i++) {
		const struct netif_addr *a = &c->netif.addrs[i];

		sum += (addr_ipv4_be(&a->addr) ^ a->ifindex * 0x5bd1e995u) * 0x9e3779b1u;
	}
	if (sum == t->addresses)
		return;
	t->addresses = sum;
	for (uint32_t i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		t->at[i].serial += is_stale(c, &t->at[i]);
}

void control_egress_sockets_begin(struct control *c)
{
	struct control_egress_sockets *t = &c->egress_sockets;

	look_at_addresses(c);
	t->short_of = false;
	for (unsigned i = 0; i < t->n_port_errors; i++)
		t->port_error[i].again = false;
	for (uint32_t i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++) {
		t->at[i].users = 0;
		if (t->at[i].as.kind == EGRESS_SOCKET_HOST)
			t->at[i].as.worker_mask = 0;
	}
}

static struct control_egress_socket *want_own(struct control_egress_sockets *t,
					      const struct ipc_egress_socket *as, uint32_t output)
{
	const uint32_t had = t->of[output];
	struct control_egress_socket *x = had ? &t->at[had - 1] : NULL;
	const unsigned n = sockets_of(as->worker_mask);

	if (!x || !x->used || x->as.kind != EGRESS_SOCKET_OWN || x->owner != output)
		x = NULL;
	if (t->own + n - (x ? x->sockets : 0) > t->budget / 4 * 3 ||
	    t->sockets + n - (x ? x->sockets : 0) > t->budget)
		return NULL;
	if (!x)
		x = take_id(t, as, output);
	if (!x)
		return NULL;
	account(t, x, n);
	x->as = *as;
	x->as.id = (uint32_t)(x - t->at);
	x->as.serial = x->serial;
	return x;
}

static struct control_egress_socket *want_host(struct control_egress_sockets *t,
					       const struct ipc_egress_socket *own)
{
	struct ipc_egress_socket as = *own;
	struct control_egress_socket *x = find_host(t, &as);
	uint64_t workers = as.worker_mask;

	as.kind = EGRESS_SOCKET_HOST;
	as.port = 0;
	as.ttl = as.dscp = 0;
	if (x && x->open)
		workers |= x->is.worker_mask;
	if (x)
		workers |= x->as.worker_mask;
	if (t->sockets + sockets_of(workers) - (x ? x->sockets : 0) > t->budget)
		return NULL;
	if (!x)
		x = take_id(t, &as, MCR_NO_SLOT);
	if (!x)
		return NULL;
	account(t, x, sockets_of(workers));
	as.worker_mask |= x->users ? x->as.worker_mask : 0;
	as.id = x->as.id;
	x->as = as;
	return x;
}

void control_egress_socket_want(struct control *c, const struct rec_iface *f,
				const struct ruleset_entry *e, unsigned i, uint64_t workers)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	const uint32_t output = e->output_slots[i];
	struct control_egress_socket *x = NULL;
	uint32_t now;

	if (f && t->budget) {
		const struct ipc_egress_socket as =
			own_egress_socket(c, f, &e->rule.outputs[i], workers);

		x = want_own(t, &as, output);
		t->short_of |= !x;
		if (!x)
			x = want_host(t, &as);
	}
	if (x)
		x->users++;
	else if (f && e->rule.outputs[i].source_port)
		note_no_socket(c, f, &e->rule.outputs[i]);
	now = x ? x->as.id + 1 : 0;
	if (t->of[output] != now)
		control_publish_due(c);
	t->of[output] = now;
}

/* --- requests --- */

static void egress_socket_opened(void *ctx, const struct ipc_msg *request, int status,
				 uint64_t value)
{
	struct control *c = ctx;
	struct control_egress_sockets *t = &c->egress_sockets;
	struct control_egress_socket *x = &t->at[request->egress_socket.id];
	static struct log_limit limit;
	const uint64_t now_ns = monotonic_ns();

	if (!x->used || !x->open || memcmp(&x->is, &request->egress_socket, sizeof(x->is)) != 0)
		return; /* overtaken */
	x->from_be = (uint32_t)value;
	if (x->is.source_port)
		set_port_error(c, &x->is, status == -EEXIST ? 0 : status);
	if (status == 0 || status == -EEXIST)
		return;
	x->open = false;
	control_retry_later(c);
	x->retry_ns = now_ns + PORT_RETRY_NS;
	if (x->is.source_port && status != -EMFILE && status != -ENOSPC)
		return;
	/* The interface's socket serves its outputs; so not at once, and not all of them. */
	t->retry_ns = now_ns + RETRY_NS;
	log_limited(&limit, now_ns, SEV_WARNING, FAC_EGRESS,
		    "an output shares the socket of its interface: its own cannot be opened: %s",
		    status == -ENOSPC || status == -EMFILE ? "too few descriptors are free"
							   : strerror(-status));
}

static bool may_open(const struct control *c, const struct control_egress_socket *x)
{
	const struct rec_iface *f = &c->rec.iface[x->as.iface];

	return f->used && !f->deleted && f->up && f->out_open && !f->out_error;
}

void control_egress_socket_open(struct control *c, uint32_t id, uint64_t now_ns)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	struct control_egress_socket *x = &t->at[id];
	struct ipc_msg msg = {.type = IPC_OPEN_EGRESS_SOCKET};

	if (!x->users)
		return;
	account(t, x, sockets_of(x->as.worker_mask));
	if (x->open && memcmp(&x->as, &x->is, sizeof(x->is)) == 0)
		return;
	if (!may_open(c, x))
		return;
	if (now_ns < t->retry_ns || (x->as.source_port && now_ns < x->retry_ns)) {
		control_retry_later(c);
		return;
	}
	x->is = x->as;
	x->open = x->asked = true;
	msg.egress_socket = x->as;
	control_supervisor_request(&c->supervisor, &msg, -1, egress_socket_opened, c);
}

void control_egress_sockets_open(struct control *c, uint64_t now_ns)
{
	forget_no_socket(&c->egress_sockets);
	for (uint32_t i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		control_egress_socket_open(c, i, now_ns);
}

uint32_t control_egress_socket_leave(struct control *c, uint32_t output)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	const uint32_t id = t->of[output];

	t->of[output] = 0;
	if (id && t->at[id - 1].users)
		t->at[id - 1].users--;
	return id;
}

bool control_egress_socket_close(struct control *c, uint32_t id)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	const struct control_egress_socket *x = &t->at[id];
	struct ipc_msg msg = {.type = IPC_CLOSE_EGRESS_SOCKET};

	if (!x->used || x->users)
		return false;
	msg.egress_socket.id = id;
	if (x->asked)
		control_supervisor_request(&c->supervisor, &msg, -1, NULL, NULL);
	if (x->as.source_port)
		set_port_error(c, &x->as, 0);
	give_id_back(t, id);
	return t->short_of;
}

bool control_egress_sockets_close(struct control *c)
{
	bool free_for_others = false;

	for (uint32_t i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		free_for_others |= control_egress_socket_close(c, i);
	return free_for_others;
}

/* --- snapshots --- */

uint32_t control_egress_socket_of(const struct control *c, uint32_t output_slot, uint8_t *kind)
{
	const uint32_t id = c->egress_sockets.of[output_slot];

	*kind = id ? c->egress_sockets.at[id - 1].as.kind : EGRESS_SOCKET_INTERFACE;
	return id;
}

void control_egress_socket_restore(struct control *c, const struct snapshot_output *o)
{
	struct control_egress_sockets *t = &c->egress_sockets;
	struct control_egress_socket *x;

	if (!o->egress_socket)
		return;
	x = &t->at[o->egress_socket - 1];
	t->of[o->slot] = o->egress_socket;
	if (x->used)
		return; /* it is shared */
	*x = (struct control_egress_socket){.used = true, .owner = o->slot};
	x->as.id = o->egress_socket - 1;
	x->as.kind = o->egress_socket_kind;
	x->as.iface = o->iface;
	x->as.to_be = addr_ipv4_be(&o->group);
	x->as.source_be = addr_ipv4_be(&o->source);
	x->as.source_port = o->source_port;
	if (x->as.kind == EGRESS_SOCKET_HOST)
		link_host(t, o->egress_socket - 1);
}

const char *egress_socket_kind_name(enum egress_socket_kind kind)
{
	switch (kind) {
	case EGRESS_SOCKET_OWN:
		return "own";
	case EGRESS_SOCKET_HOST:
		return "host";
	case EGRESS_SOCKET_INTERFACE:
	case EGRESS_SOCKET_KINDS:
		break;
	}
	return "interface";
}
