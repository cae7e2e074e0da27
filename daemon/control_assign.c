// SPDX-License-Identifier: MIT
/* control_assign.c - which workers serve a rule, its state, and what is amiss with it */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/config.h"
#include "core/steer.h"
#include "daemon/control.h"

uint64_t control_iface_workers(const struct control *c, const char *name, bool *found)
{
	const struct config_iface *s = config_find_iface(&c->settings, name);
	uint64_t mask = 0;

	*found = true;
	if (!s || !s->n_cpus)
		return worker_mask_all(c->workers);
	for (unsigned w = 0; w < c->workers; w++) {
		for (unsigned i = 0; i < s->n_cpus; i++) {
			if (s->cpus[i] == c->worker[w].cpu)
				mask |= 1ull << w;
		}
	}
	*found = mask != 0;
	return mask ? mask : worker_mask_all(c->workers);
}

/* The k-th set bit of a mask, from the lowest. */
static uint64_t nth_bit(uint64_t mask, unsigned k)
{
	while (k--)
		mask &= mask - 1;
	return mask & -mask;
}

uint64_t control_rule_workers(const struct control *c, const struct rule *r)
{
	const struct config_iface *s = config_find_iface(&c->settings, r->input.interface);
	uint64_t mask;
	bool found;

	/* Without its interface a rule has no steering yet: any worker may hold it. */
	if (control_iface_slot(c, r->input.interface) == MCR_NO_SLOT)
		return worker_mask_all(c->workers);
	mask = control_iface_workers(c, r->input.interface, &found);
	if (s && s->steering == STEER_CPU)
		return mask;
	return nth_bit(mask, steer_worker(ntohl(addr_ipv4_be(&r->input.group)), r->input.port,
					  (unsigned)__builtin_popcountll(mask)));
}

enum rule_state control_rule_state(const struct control *c, const struct rule *r)
{
	uint32_t in = control_iface_slot(c, r->input.interface);
	bool exists = false, up = false;

	for (unsigned i = 0; i < r->n_outputs; i++) {
		const struct rule_output *o = &r->outputs[i];
		uint32_t out = control_iface_slot(c, o->interface);

		if (out == MCR_NO_SLOT)
			continue;
		if (addr_is_set(&o->source) && !control_netif_has_addr(&c->netif, 0, &o->source))
			continue;
		exists = true;
		up |= c->rec.iface[out].up;
	}
	if (in == MCR_NO_SLOT || !exists)
		return RULE_UNRESOLVED;
	return c->rec.iface[in].up && up ? RULE_ACTIVE : RULE_PAUSED;
}

/* Collects the n-th warning; those before it are written and forgotten. */
struct warner {
	unsigned skip;
	bool done;
	char *buf;
};

static void warn(struct warner *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct warner *w, const char *fmt, ...)
{
	va_list ap;

	if (w->done || w->skip--)
		return;
	va_start(ap, fmt);
	vsnprintf(w->buf, WARNING_MAX, fmt, ap);
	va_end(ap);
	w->done = true;
}

static void warn_input(const struct control *c, const struct rule *r, struct warner *w)
{
	uint32_t slot = control_iface_slot(c, r->input.interface);
	const struct rec_iface *f = slot == MCR_NO_SLOT ? NULL : &c->rec.iface[slot];
	const struct control_join *e;
	char text[ADDR_TEXT_MAX];
	struct ipc_join key;
	bool found;

	if (!f) {
		warn(w, "input interface %s does not exist", r->input.interface);
		return;
	}
	key = control_join_key(f->ifindex, &r->input);
	e = control_join_find(&c->rec.joins, &key);
	if (f->in_error)
		warn(w, "input interface %s cannot be opened: %s", f->name, strerror(-f->in_error));
	else if (f->filter_error)
		warn(w, "the filter of %s cannot be set: %s", f->name, strerror(-f->filter_error));
	if (f->gro_refused)
		warn(w, "GRO could not be switched on for %s", f->name);
	if (e && e->error)
		warn(w, "%s %s on %s: %s", e->bind ? "cannot bind" : "cannot join",
		     addr_format(&r->input.group, text), f->name, strerror(-e->error));
	control_iface_workers(c, f->name, &found);
	if (!found)
		warn(w, "no worker runs on a CPU that %s is pinned to: all workers serve it",
		     f->name);
	if (!addr_is_multicast(&r->input.group) &&
	    !control_netif_has_addr(&c->netif, 0, &r->input.group))
		warn(w, "%s is not an address of this host", addr_format(&r->input.group, text));
}

static void warn_output(const struct control *c, const struct rule_output *o, struct warner *w)
{
	uint32_t slot = control_iface_slot(c, o->interface);
	const struct rec_iface *f = slot == MCR_NO_SLOT ? NULL : &c->rec.iface[slot];
	char text[ADDR_TEXT_MAX];

	if (!f)
		warn(w, "output interface %s does not exist", o->interface);
	else if (f->out_error)
		warn(w, "output interface %s cannot be opened: %s", f->name,
		     strerror(-f->out_error));
	if (f && addr_is_set(&o->source) && !control_netif_has_addr(&c->netif, 0, &o->source))
		warn(w, "source_ip %s is not an address of this host",
		     addr_format(&o->source, text));
}

const char *control_rule_warning(const struct control *c, const struct rule *r, unsigned n,
				 char buf[static WARNING_MAX])
{
	struct warner w = {.skip = n, .buf = buf};

	warn_input(c, r, &w);
	for (unsigned i = 0; i < r->n_outputs && !w.done; i++)
		warn_output(c, &r->outputs[i], &w);
	return w.done ? buf : NULL;
}
