// SPDX-License-Identifier: MIT
// control_reconcile.c - make what is equal to what should be
#include "daemon/control_reconcile.h"

#include <errno.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "core/ruleset.h"
#include "daemon/control.h"
#include "daemon/control_filter.h"
#include "daemon/log.h"

#define MTU_MIN 68 /* RFC 791; what the messages to the supervisor admit */
#define MTU_MAX 65536

void control_reconcile_fini(struct control_reconcile *r)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		free(r->iface[i].wants);
	control_joins_fini(&r->joins);
}

/* --- interfaces: what exists --- */

static uint32_t link_mtu(const struct netif_link *l)
{
	return l->mtu < MTU_MIN ? MTU_MIN : l->mtu > MTU_MAX ? MTU_MAX : l->mtu;
}

static enum link_layer link_layer(const struct netif_link *l)
{
	return l->type == ARPHRD_ETHER || l->type == ARPHRD_LOOPBACK ? LINK_ETHERNET : LINK_RAW_IP;
}

/* Take over what a link looks like now; workers are told when they need to know. */
static void iface_update(struct control *c, struct rec_iface *f, const struct netif_link *l)
{
	uint32_t mtu = link_mtu(l);

	if (f->mtu != mtu || f->up != l->up || strcmp(f->name, l->name) != 0)
		c->rec.publish = true;
	f->serial = l->serial;
	f->ifindex = l->ifindex;
	f->mtu = mtu;
	f->up = l->up;
	f->supers = l->supers;
	f->link = link_layer(l);
	memcpy(f->name, l->name, sizeof(f->name));
}

struct leaving {
	struct control *c;
	const struct rec_iface *f;
};

static void leave(struct control *c, const struct control_join *e)
{
	struct ipc_msg msg = {.type = e->bind ? IPC_UNBIND : IPC_LEAVE, .join = e->key};

	control_super_request(&c->super, &msg, -1, NULL, NULL);
}

static bool leave_on(void *ctx, struct control_join *e)
{
	const struct leaving *l = ctx;

	if (e->key.ifindex != l->f->ifindex)
		return true;
	if (e->held)
		leave(l->c, e);
	return false;
}

static void ifaces_update(struct control *c)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		struct rec_iface *f = &c->rec.iface[i];
		const struct netif_link *l;

		f->want_in = false;
		f->want_out = false;
		if (!f->used)
			continue;
		l = control_netif_by_index(&c->netif, f->ifindex);
		if (l && f->serial && l->serial != f->serial) {
			/* Another interface by now: what the first one had joined is lost. */
			control_joins_each(&c->rec.joins, leave_on, &(struct leaving){c, f});
			l = NULL;
		}
		if (l && !f->gone) {
			iface_update(c, f, l);
		} else if (!f->gone) {
			log_msg(SEV_NOTICE, FAC_NETWORK, "interface %s has gone", f->name);
			f->gone = true;
			c->rec.publish = true;
		}
	}
}

uint32_t control_iface_slot(const struct control *c, const char *name)
{
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		const struct rec_iface *f = &c->rec.iface[i];

		if (f->used && !f->gone && !strcmp(f->name, name))
			return i;
	}
	return MCR_NO_SLOT;
}

uint32_t control_output_slot(const struct control *c, const char *name)
{
	uint32_t slot = control_iface_slot(c, name);

	return slot != MCR_NO_SLOT && c->rec.iface[slot].up ? slot : MCR_NO_SLOT;
}

/* The interface of that name, with a slot; NULL when it does not exist or no slot is left. */
static struct rec_iface *iface_need(struct control *c, const char *name)
{
	static struct log_limit full;
	uint32_t slot = control_iface_slot(c, name);
	const struct netif_link *l;

	if (slot != MCR_NO_SLOT)
		return &c->rec.iface[slot];
	l = control_netif_by_name(&c->netif, name);
	if (!l)
		return NULL;
	for (slot = 0; slot < MCR_MAX_IFACES && c->rec.iface[slot].used; slot++)
		;
	if (slot == MCR_MAX_IFACES) {
		log_limited(&full, control_now_ns(), SEV_WARNING, FAC_NETWORK,
			    "no slot left for interface %s", name);
		c->rec.failed = true;
		return NULL;
	}
	c->rec.iface[slot] = (struct rec_iface){.used = true};
	iface_update(c, &c->rec.iface[slot], l);
	log_msg(SEV_INFO, FAC_NETWORK, "interface %s is ifindex %u, slot %u", name, l->ifindex,
		slot);
	return &c->rec.iface[slot];
}

/* --- what rules ask for --- */

static int mark_rule(struct control *c, const struct rule *r)
{
	struct rec_iface *in = iface_need(c, r->input.interface);

	for (unsigned i = 0; i < r->n_outputs; i++) {
		struct rec_iface *out = iface_need(c, r->outputs[i].interface);

		if (out)
			out->want_out = true;
	}
	if (in) {
		struct ipc_join key = control_join_key(in->ifindex, &r->input);
		struct control_join *e = control_join_get(&c->rec.joins, &key);

		if (!e)
			return -ENOMEM;
		e->wanted = true;
		in->want_in = true;
	}
	return 0;
}

static int mark_wanted(struct control *c)
{
	int ret = 0;

	ifaces_update(c);
	control_joins_unmark(&c->rec.joins);
	for (unsigned i = 0; i < c->n_interfaces; i++) {
		struct rec_iface *f = iface_need(c, c->interfaces[i]);

		if (f)
			f->want_in = true;
	}
	for (size_t i = 0; i < ruleset_count(c->rules) && ret == 0; i++)
		ret = mark_rule(c, &ruleset_at(c->rules, i)->rule);
	return ret;
}

/* --- requests --- */

/* Say a refusal once, not every time it is tried again. */
static void refused(struct control *c, int *error, int status, const char *what, const char *name)
{
	if (*error != status)
		log_msg(SEV_WARNING, FAC_NETWORK, "%s %s: %s", what, name, strerror(-status));
	*error = status;
	c->rec.failed = true;
}

/* The interface a reply is about, NULL when the slot has another one by now. */
static struct rec_iface *reply_iface(struct control *c, const struct ipc_msg *request)
{
	struct rec_iface *f = &c->rec.iface[request->iface.slot];

	return f->used && !f->gone && f->ifindex == request->iface.ifindex ? f : NULL;
}

static void input_opened(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct rec_iface *f = reply_iface(c, request);

	if (!f || memcmp(&f->in_as, &request->iface, sizeof(f->in_as)) != 0)
		return;
	/* A restarted control asks for what its predecessor has opened. */
	if (status < 0 && status != -EEXIST) {
		f->in_open = false;
		f->filter_set = false;
		refused(c, &f->in_error, status, "cannot open input", f->name);
		return;
	}
	f->in_error = 0;
	f->gro_refused = request->iface.gro == GRO_ON && value != 1;
	if (f->gro_refused)
		log_msg(SEV_WARNING, FAC_NETWORK, "GRO could not be switched on for %s", f->name);
}

static void output_opened(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct rec_iface *f = reply_iface(c, request);

	if (!f)
		return;
	if (status < 0 && status != -EEXIST) {
		f->out_open = false;
		refused(c, &f->out_error, status, "cannot open output", f->name);
		return;
	}
	f->out_error = 0;
}

static struct ipc_iface input_wanted(const struct control *c, uint32_t slot)
{
	const struct rec_iface *f = &c->rec.iface[slot];
	const struct config_iface *s = config_find_iface(&c->settings, f->name);
	struct ipc_iface in;
	bool found;

	memset(&in, 0, sizeof(in)); /* compared as bytes */
	in.slot = slot;
	in.ifindex = f->ifindex;
	in.mtu = f->mtu;
	in.steering = s ? s->steering : STEER_RULE;
	in.gro = s ? s->gro : GRO_LEAVE;
	in.supers = f->supers;
	in.link = f->link;
	in.worker_mask = control_iface_workers(c, f->name, &found);
	return in;
}

/*
 * Is what is open good for what is wanted?  Buffers for a larger MTU do for a smaller
 * one, and those for super-datagrams for any.
 */
static bool input_fits(const struct ipc_iface *is, const struct ipc_iface *want)
{
	struct ipc_iface same = *want;

	if (want->mtu <= is->mtu || (want->supers && want->gro != GRO_OFF))
		same.mtu = is->mtu;
	return memcmp(is, &same, sizeof(same)) == 0;
}

static void close_input(struct control *c, uint32_t slot)
{
	struct ipc_msg msg = {.type = IPC_CLOSE_INPUT};
	struct rec_iface *f = &c->rec.iface[slot];

	msg.iface.slot = slot;
	msg.iface.ifindex = f->ifindex;
	control_super_request(&c->super, &msg, -1, NULL, NULL);
	f->in_open = false;
	f->filter_set = false;
	f->in_error = 0;
	f->filter_error = 0;
}

static void close_output(struct control *c, uint32_t slot)
{
	struct ipc_msg msg = {.type = IPC_CLOSE_OUTPUT};

	msg.iface.slot = slot;
	msg.iface.ifindex = c->rec.iface[slot].ifindex;
	control_super_request(&c->super, &msg, -1, NULL, NULL);
	c->rec.iface[slot].out_open = false;
	c->rec.iface[slot].out_error = 0;
}

static void open_sockets(struct control *c, uint32_t slot)
{
	struct rec_iface *f = &c->rec.iface[slot];
	struct ipc_msg msg = {.type = IPC_OPEN_INPUT};

	msg.iface = input_wanted(c, slot);
	if (f->want_in && f->in_open && !input_fits(&f->in_as, &msg.iface)) {
		/* Other steering, GRO, workers or larger frames: sockets are made anew. */
		close_input(c, slot);
		c->rec.publish = true;
	}
	if (f->want_in && !f->in_open) {
		f->in_open = true;
		f->in_as = msg.iface;
		control_super_request(&c->super, &msg, -1, input_opened, c);
	}
	if (f->want_out && !f->out_open) {
		msg.type = IPC_OPEN_OUTPUT;
		f->out_open = true;
		control_super_request(&c->super, &msg, -1, output_opened, c);
	}
}

static void joined(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct control_join *e = control_join_find(&c->rec.joins, &request->join);
	char text[ADDR_TEXT_MAX];

	if (!e)
		return; /* left in the meantime */
	if (status == 0) {
		e->error = 0;
		return;
	}
	e->held = false;
	refused(c, &e->error, status, e->bind ? "cannot bind" : "cannot join",
		addr_format(&e->key.group, text));
}

static bool join_wanted(void *ctx, struct control_join *e)
{
	struct control *c = ctx;
	struct ipc_msg msg = {.type = e->bind ? IPC_BIND : IPC_JOIN};

	if (!e->wanted || e->held)
		return true;
	e->held = true;
	msg.join = e->key;
	control_super_request(&c->super, &msg, -1, joined, c);
	return true;
}

static bool leave_unwanted(void *ctx, struct control_join *e)
{
	if (e->wanted)
		return true;
	if (e->held)
		leave(ctx, e);
	return false;
}

static void close_sockets(struct control *c, uint32_t slot)
{
	struct rec_iface *f = &c->rec.iface[slot];

	if (f->in_open && (f->gone || !f->want_in))
		close_input(c, slot);
	if (f->out_open && (f->gone || !f->want_out))
		close_output(c, slot);
	if (f->gone || (!f->want_in && !f->want_out)) {
		free(f->wants);
		*f = (struct rec_iface){0};
	}
}

/* An interface that no rule names any more leaves the snapshot with its last rule. */
int control_reconcile(struct control *c, uint64_t now_ns)
{
	struct control_reconcile *r = &c->rec;
	int ret;

	r->failed = false;
	ret = mark_wanted(c);
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		if (r->iface[i].used && !r->iface[i].gone)
			open_sockets(c, i);
	}
	if (r->publish) {
		ret = control_publish(c, now_ns);
		if (ret < 0)
			return ret;
		r->publish = false;
	}
	ret = control_filter_update(c);
	if (ret < 0)
		return ret;
	control_joins_each(&r->joins, join_wanted, c);
	control_joins_each(&r->joins, leave_unwanted, c);
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		if (r->iface[i].used)
			close_sockets(c, i);
	}
	return 0;
}
