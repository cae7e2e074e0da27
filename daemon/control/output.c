// SPDX-License-Identifier: MIT
/* output.c - the checks of an output, from its interface to its next hop */
#include "daemon/control/output.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/rules/rule.h"
#include "core/rules/ruleset_entry.h"
#include "daemon/control/closed_port.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/iface.h"
#include "daemon/control/netif.h"
#include "daemon/control/reach.h"

static const char *const state_names[] = {
	[OUTPUT_ACTIVE] = "active",         [OUTPUT_UNREACHABLE] = "unreachable",
	[OUTPUT_FAILED] = "failed",         [OUTPUT_PAUSED] = "paused",
	[OUTPUT_UNRESOLVED] = "unresolved",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == OUTPUT_STATES, "a name each");

const char *output_state_name(enum output_state s)
{
	return (unsigned)s < OUTPUT_STATES ? state_names[s] : "?";
}

static struct output_status with_reason(enum output_state state, enum output_hold hold,
					char *reason, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static struct output_status with_reason(enum output_state state, enum output_hold hold,
					char *reason, const char *fmt, ...)
{
	va_list ap;

	if (reason) {
		va_start(ap, fmt);
		vsnprintf(reason, REASON_MAX, fmt, ap);
		va_end(ap);
	}
	return (struct output_status){state, hold};
}

static struct output_status is_active(char *reason)
{
	if (reason)
		*reason = '\0';
	return (struct output_status){OUTPUT_ACTIVE, OUTPUT_HOLD_NONE};
}

bool control_output_dest(const struct rec_iface *f, const struct rule_output *o,
			 struct reach_key *key)
{
	/* A group needs no neighbour, and where the source is known no route. */
	if (addr_is_multicast(&o->group) && (f->has_addr || addr_is_set(&o->source)))
		return false;
	*key = (struct reach_key){f->ifindex, addr_ipv4_be(&o->group), addr_ipv4_be(&o->source)};
	return true;
}

static const struct reach_dest *dest_of(const struct control *c, const struct rec_iface *f,
					const struct rule_output *o)
{
	struct reach_key key;

	return f && control_output_dest(f, o, &key) ? reach_find(&c->reach, &key) : NULL;
}

static const char *text_of(uint32_t ip_be, char buf[static ADDR_TEXT_MAX])
{
	const struct addr a = addr_from_ipv4_be(ip_be);

	return addr_format(&a, buf);
}

static struct output_status hop_status(const struct reach_dest *d, const char *ifname, char *reason)
{
	const struct reach_hop *h = d->hop;
	const bool gateway = h->host_be != d->key.host_be;
	char text[ADDR_TEXT_MAX];

	if (h->state == HOP_UNKNOWN || h->state == HOP_VALID || h->unprobeable)
		return is_active(reason);
	return with_reason(OUTPUT_UNREACHABLE, OUTPUT_HOLD_UNREACHABLE, reason, "%s%s%s%s on %s%s",
			   d->matched ? "" : "no route, and ", gateway ? "gateway " : "",
			   text_of(h->host_be, text),
			   h->state == HOP_FAILED ? " does not answer" : " has not answered",
			   ifname, h->state == HOP_FAILED ? "" : " yet");
}

/* The output's interface exists and is up. */
static struct output_status dest_status(const struct reach_dest *d, const struct rec_iface *f,
					char *reason)
{
	char text[ADDR_TEXT_MAX];

	switch (d->way) {
	case WAY_NONE:
		return with_reason(OUTPUT_UNREACHABLE, OUTPUT_HOLD_UNREACHABLE, reason,
				   "no route to %s through %s", text_of(d->key.host_be, text),
				   f->name);
	case WAY_BROADCAST:
		return with_reason(OUTPUT_FAILED, OUTPUT_HOLD_REFUSED, reason,
				   "%s is a broadcast address of %s", text_of(d->key.host_be, text),
				   f->name);
	case WAY_HOP:
		return hop_status(d, f->name, reason);
	case WAY_UNKNOWN:
	case WAY_LOCAL:
	case WAY_DIRECT:
		break;
	}
	return is_active(reason);
}

/* Without an address of its interface the kernel may choose that of another one. */
static bool lacks_source(const struct rec_iface *f, const struct rule_output *o,
			 const struct reach_dest *d)
{
	return !f->has_addr && !addr_is_set(&o->source) && d && d->way != WAY_UNKNOWN &&
	       d->way != WAY_NONE && !d->kernel_source_be;
}

static struct output_status port_status(const struct rule_output *o, int error, char *reason)
{
	if (error == -EADDRINUSE)
		return with_reason(OUTPUT_FAILED, OUTPUT_HOLD_NO_SOURCE, reason,
				   "source_port %u is in use by another socket of this host",
				   o->source_port);
	return with_reason(OUTPUT_FAILED, OUTPUT_HOLD_NO_SOURCE, reason,
			   "source_port %u cannot be used: %s", o->source_port, strerror(-error));
}

struct output_status control_output_status_on(const struct control *c, const struct rec_iface *f,
					      const struct rule_output *o, char *reason)
{
	const struct reach_dest *d = dest_of(c, f, o);
	char text[ADDR_TEXT_MAX];
	int port_error;

	if (!f)
		return with_reason(OUTPUT_UNRESOLVED, OUTPUT_HOLD_NONE, reason,
				   "output interface %s does not exist", o->interface);
	if (addr_is_set(&o->source) && !control_netif_has_addr(&c->netif, 0, &o->source))
		return with_reason(OUTPUT_UNRESOLVED, OUTPUT_HOLD_NO_SOURCE, reason,
				   "source_ip %s is not an address of this host",
				   addr_format(&o->source, text));
	if (!f->up)
		return with_reason(OUTPUT_PAUSED, OUTPUT_HOLD_NONE, reason, "%s is down", f->name);
	if (f->out_error)
		return with_reason(OUTPUT_FAILED, OUTPUT_HOLD_NONE, reason,
				   "output interface %s cannot be opened: %s", f->name,
				   strerror(-f->out_error));
	if (lacks_source(f, o, d))
		return with_reason(OUTPUT_UNRESOLVED, OUTPUT_HOLD_NO_SOURCE, reason,
				   "%s has no IPv4 address to send from", f->name);
	port_error = control_source_port_error(c, f, o);
	if (port_error)
		return port_status(o, port_error, reason);
	if (d && dest_status(d, f, NULL).state != OUTPUT_ACTIVE)
		return dest_status(d, f, reason);
	if (control_port_is_closed(c, o))
		return with_reason(OUTPUT_UNREACHABLE, OUTPUT_HOLD_NONE, reason,
				   "port %u is closed at %s", o->port,
				   addr_format(&o->group, text));
	return is_active(reason);
}

struct output_status control_output_status(const struct control *c, const struct rule_output *o,
					   char *reason)
{
	return control_output_status_on(c, control_iface_named(c, o->interface), o, reason);
}

const char *control_output_warning(const struct control *c, const struct rule_output *o,
				   char buf[static REASON_MAX])
{
	const struct rec_iface *f = control_iface_named(c, o->interface);
	const struct reach_dest *d = dest_of(c, f, o);
	char text[ADDR_TEXT_MAX];

	if (!f || !f->up)
		return NULL;
	if (addr_is_set(&o->source) && control_netif_has_addr(&c->netif, 0, &o->source) &&
	    !control_netif_has_addr(&c->netif, f->ifindex, &o->source))
		snprintf(buf, REASON_MAX,
			 "source_ip %s is not an address of %s but of another "
			 "interface: receivers may discard what has it",
			 addr_format(&o->source, text), f->name);
	else if (!addr_is_set(&o->source) && !f->has_addr && d && d->kernel_source_be)
		snprintf(buf, REASON_MAX,
			 "%s has no IPv4 address: what leaves there has %s of "
			 "another interface, and receivers may discard it",
			 f->name, text_of(d->kernel_source_be, text));
	else if (addr_is_reserved(&o->group))
		snprintf(buf, REASON_MAX,
			 "%s is of the reserved range 240.0.0.0/4 (RFC 1112): "
			 "many systems discard it",
			 addr_format(&o->group, text));
	else if (d && d->way == WAY_HOP && !d->matched && d->hop->state == HOP_VALID)
		snprintf(buf, REASON_MAX,
			 "no route to %s through %s: it is taken to be on that "
			 "link",
			 addr_format(&o->group, text), f->name);
	else
		return NULL;
	return buf;
}

bool control_outputs_held_otherwise(const struct control *c, const struct ruleset_entry *e)
{
	for (unsigned i = 0; i < e->rule.n_outputs; i++) {
		const uint32_t slot = e->output_slots[i];
		const struct rec_iface *f = control_iface_at(c, c->resolved.out_slot[slot]);

		if (control_output_status_on(c, f, &e->rule.outputs[i], NULL).hold !=
		    c->resolved.hold[slot])
			return true;
	}
	return false;
}

bool control_outputs_settling(const struct control *c, const struct ruleset_entry *e,
			      uint64_t now_ns)
{
	for (unsigned i = 0; i < e->rule.n_outputs && !e->rule.disabled; i++) {
		const struct rule_output *o = &e->rule.outputs[i];
		const struct rec_iface *f = control_iface_named(c, o->interface);
		const struct reach_dest *d = f && f->up ? dest_of(c, f, o) : NULL;

		if (!d)
			continue;
		/* Workers must have been told everything that is known by now. */
		if (reach_settling(d, now_ns) || control_output_status_on(c, f, o, NULL).hold !=
							 c->resolved.hold[e->output_slots[i]])
			return true;
	}
	return false;
}

int control_check_outputs(const struct control *c, const struct rule *r, struct complaint *cpl)
{
	for (unsigned i = 0; i < r->n_outputs; i++) {
		const struct rule_output *o = &r->outputs[i];
		char field[COMPLAINT_FIELD_MAX], text[ADDR_TEXT_MAX];
		const struct netif_link *l;

		if (addr_is_multicast(&o->group))
			continue;
		l = control_netif_by_name(&c->netif, o->interface);
		if (!l || !control_netif_is_broadcast(&c->netif, l->ifindex, &o->group))
			continue;
		snprintf(field, sizeof(field), "outputs[%u].group", i);
		complain(cpl, field,
			 "%s is a broadcast address of %s, and outputs do not broadcast",
			 addr_format(&o->group, text), o->interface);
		return -EINVAL;
	}
	return 0;
}
