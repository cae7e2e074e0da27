// SPDX-License-Identifier: MIT
/* reconcile.c - the steps of a reconcile, in their order */
#include "daemon/control/reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/control/change.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/filter.h"
#include "daemon/control/iface.h"
#include "daemon/control/join.h"
#include "daemon/control/kernel_fit.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/loop.h"
#include "daemon/control/membership.h"
#include "daemon/control/output.h"
#include "daemon/control/publish.h"
#include "daemon/control/reach.h"
#include "daemon/control/reach_netlink.h"
#include "daemon/control/resolve.h"
#include "daemon/control/standin.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

void control_reconcile_fini(struct control_reconcile *r)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		free(r->iface[i].wants);
	control_joins_fini(&r->joins);
}

/* --- requests --- */

/* Say a refusal once, not every time it is tried again. */
static void refused(struct control *c, int *error, int status, const char *what, const char *name)
{
	static struct log_limit many;

	/* A limit strikes hundreds at once, for one cause. */
	if (*error != status && (status == -EMFILE || status == -EBUSY))
		log_limited(&many, monotonic_ns(), SEV_WARNING, FAC_NETWORK, "%s %s: %s", what,
			    name, strerror(-status));
	else if (*error != status)
		log_msg(SEV_WARNING, FAC_NETWORK, "%s %s: %s", what, name, strerror(-status));
	*error = status;
	control_retry_later(c);
}

/* The interface a reply is about, NULL when the slot has another one by now. */
static struct rec_iface *reply_iface(struct control *c, const struct ipc_msg *request)
{
	struct rec_iface *f = &c->rec.iface[request->iface.slot];

	return f->used && !f->deleted && f->ifindex == request->iface.ifindex ? f : NULL;
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
	f->gro_refused = request->iface.gro == GRO_ON && !(value & OPENED_GRO);
	if (f->fraglist != ((value & OPENED_FRAGLIST) != 0)) {
		f->fraglist = !f->fraglist;
		c->dirty = true;
	}
	/* The device may take no tc program, or an earlier control has opened it otherwise. */
	if (f->in_as.kernel_path != ((value & OPENED_KERNEL_PATH) != 0)) {
		f->in_as.kernel_path = !f->in_as.kernel_path;
		f->filter_set = false;
		c->dirty = true;
	}
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
	const struct config_iface *s = control_iface_settings(c, f->name);
	struct ipc_iface in;

	memset(&in, 0, sizeof(in)); /* compared as bytes */
	in.slot = slot;
	in.ifindex = f->ifindex;
	in.mtu = f->mtu;
	in.steering = f->steering;
	in.gro = s ? s->gro : GRO_LEAVE;
	in.defrag = s && s->defrag;
	in.supers = f->supers;
	in.link = f->link;
	in.kernel_path = control_kernel_fit_input(c, f);
	in.worker_mask = f->workers;
	return in;
}

/*
 * Does the open input serve @want as it is?  Buffers for a larger MTU do for a smaller
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
	control_supervisor_request(&c->supervisor, &msg, -1, NULL, NULL);
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
	control_supervisor_request(&c->supervisor, &msg, -1, NULL, NULL);
	c->rec.iface[slot].out_open = false;
	c->rec.iface[slot].out_error = 0;
}

static void request_input(struct control *c, struct rec_iface *f, const struct ipc_iface *as)
{
	struct ipc_msg msg = {.type = IPC_OPEN_INPUT, .iface = *as};

	f->in_open = true;
	f->in_as = *as;
	control_supervisor_request(&c->supervisor, &msg, -1, input_opened, c);
}

/* Return: is the input to be served by other workers, once they know the rules? */
static bool open_sockets(struct control *c, uint32_t slot, uint64_t now_ns)
{
	struct rec_iface *f = &c->rec.iface[slot];
	struct ipc_msg msg = {.type = IPC_OPEN_OUTPUT, .iface = input_wanted(c, slot)};

	/*
	 * A group of sockets reassembles or does not, from its beginning; and behind tc ingress
	 * no frame comes any more from a port of a bridge.  Another group is made.
	 */
	if (f->inputs && f->in_open &&
	    (f->in_as.defrag != msg.iface.defrag ||
	     f->in_as.kernel_path != msg.iface.kernel_path)) {
		close_input(c, slot);
		control_publish_due(c); /* a restarted control reads there what is set */
	}
	if (f->inputs && f->in_open && !input_fits(&f->in_as, &msg.iface)) {
		f->changing = true;
		f->before = f->in_as;
		f->handover_ns = now_ns + HANDOVER_NS;
		control_publish_due(c);
	}
	if (f->inputs && !f->in_open)
		request_input(c, f, &msg.iface);
	if (f->outputs && !f->out_open) {
		f->out_open = true;
		control_supervisor_request(&c->supervisor, &msg, -1, output_opened, c);
	}
	return f->changing;
}

static void open_all(struct control *c, uint64_t now_ns)
{
	bool changing = false;

	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		if (c->rec.iface[i].used && !c->rec.iface[i].deleted)
			changing |= open_sockets(c, i, now_ns);
	}
	if (changing)
		control_resolve_workers(c);
}

static void change_input(struct control *c, uint32_t slot)
{
	struct rec_iface *f = &c->rec.iface[slot];
	const struct ipc_iface as = input_wanted(c, slot);

	if (f->changing)
		request_input(c, f, &as);
	f->changing = false;
}

bool control_handover_due(const struct control *c, uint64_t now_ns)
{
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		const struct rec_iface *f = &c->rec.iface[i];

		if (f->handover_ns && now_ns >= f->handover_ns)
			return true;
	}
	return control_stand_ins_due(c, now_ns);
}

static void end_handovers(struct control *c, uint64_t now_ns)
{
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		struct rec_iface *f = &c->rec.iface[i];

		if (!f->handover_ns || now_ns < f->handover_ns)
			continue;
		f->handover_ns = 0;
		control_publish_due(c);
	}
}

static void close_sockets(struct control *c, uint32_t slot)
{
	struct rec_iface *f = &c->rec.iface[slot];

	if (f->in_open && (f->deleted || !f->inputs))
		close_input(c, slot);
	if (f->out_open && (f->deleted || !f->outputs))
		close_output(c, slot);
	if (f->deleted || (!f->inputs && !f->outputs)) {
		free(f->wants);
		*f = (struct rec_iface){0};
	}
}

static void verified(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;

	if (status < 0 || !value)
		return;
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		struct rec_iface *f = &c->rec.iface[i];

		if (!f->deleted)
			f->in_open = f->out_open = f->filter_set = false;
	}
	control_memberships_recheck(c);
	c->dirty = true;
}

void control_verify(struct control *c)
{
	const struct ipc_msg msg = {.type = IPC_VERIFY};

	control_supervisor_request(&c->supervisor, &msg, -1, verified, c);
}

static bool holds_differ(const struct control *c)
{
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		if (control_outputs_held_otherwise(c, ruleset_at(c->rules, i)))
			return true;
	}
	return false;
}

/*
 * An interface that no rule names any more leaves the snapshot with its last rule.
 * @repeat: filled: sockets became free that outputs could use.
 */
static int pass(struct control *c, uint64_t now_ns, bool *repeat)
{
	struct control_reconcile *r = &c->rec;
	int ret;

	ret = control_resolve_all(c);
	if (ret < 0)
		return ret;
	/* Ask routes and neighbours first: workers get new outputs together with their holds. */
	reach_ask(&c->reach, now_ns);
	reach_acted(&c->reach);
	r->publish = r->publish || holds_differ(c);
	open_all(c, now_ns);
	control_egress_sockets_open(c, now_ns);
	if (r->publish) {
		ret = control_publish(c, now_ns);
		if (ret < 0)
			return ret;
		r->publish = false;
	}
	control_stand_ins_ask(c);
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++)
		if (r->iface[i].used && !r->iface[i].deleted)
			change_input(c, i);
	ret = control_filter_update(c);
	if (ret < 0)
		return ret;
	control_memberships_join(c);
	control_memberships_leave(c);
	*repeat = control_egress_sockets_close(c);
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		if (r->iface[i].used)
			close_sockets(c, i);
	}
	control_ifaces_index(c);
	return 0;
}

/* Sockets that are given up serve other outputs, which may give up shared ones for them. */
#define PASSES_MAX 4

int control_reconcile(struct control *c, uint64_t now_ns)
{
	bool repeat = true;
	int ret = 0;

	c->rec.failed = false;
	if (c->changes.n_slots)
		control_publish_due(c);
	c->changes = (struct control_rule_changes){0};
	end_handovers(c, now_ns);
	control_stand_ins_choose(c, now_ns);
	control_loop_update(c);
	for (unsigned i = 0; i < PASSES_MAX && repeat && ret == 0; i++)
		ret = pass(c, now_ns, &repeat);
	if (ret == 0)
		control_kernel_path_update(c, now_ns);
	return ret;
}
