// SPDX-License-Identifier: MIT
/* closed_port.c - a hash table of destinations, looked at with the counters */
#include "daemon/control/closed_port.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/rules/ruleset_entry.h"
#include "daemon/control/state.h"

#define WAIT_LEAST_NS (5 * NS_PER_S)
#define WAIT_MOST_NS  (60 * NS_PER_S)

static uint32_t bucket_of(uint32_t host_be, uint16_t port)
{
	const uint64_t h = hash_word(HASH_SEED, (uint64_t)host_be << 16 | port);

	return (uint32_t)hash_final(h) % CLOSED_PORT_BUCKETS;
}

static struct closed_port *find(struct control_closed_ports *t, uint32_t host_be, uint16_t port)
{
	uint16_t at = t->bucket[bucket_of(host_be, port)];

	while (at && (t->at[at - 1].host_be != host_be || t->at[at - 1].port != port))
		at = t->at[at - 1].next;
	return at ? &t->at[at - 1] : NULL;
}

static void link_all(struct control_closed_ports *t)
{
	memset(t->bucket, 0, sizeof(t->bucket));
	for (unsigned i = 0; i < t->n; i++) {
		uint16_t *head = &t->bucket[bucket_of(t->at[i].host_be, t->at[i].port)];

		t->at[i].next = *head;
		*head = (uint16_t)(i + 1);
	}
}

static void drop(struct control_closed_ports *t, struct closed_port *p)
{
	*p = t->at[--t->n];
	link_all(t);
}

bool control_port_is_closed(const struct control *c, const struct rule_output *o)
{
	const struct control_closed_ports *t = &c->closed_ports;
	const struct closed_port *p;

	if (!t->n || addr_is_multicast(&o->group))
		return false;
	p = find((struct control_closed_ports *)(uintptr_t)t, addr_ipv4_be(&o->group), o->port);
	return p && p->closed;
}

bool control_port_refused(struct control *c, const struct ruleset_entry *e, unsigned i,
			  const struct egress_counters *now, uint64_t now_ns)
{
	struct control_closed_ports *t = &c->closed_ports;
	const struct rule_output *o = &e->rule.outputs[i];
	const uint32_t host_be = addr_ipv4_be(&o->group);
	struct closed_port *p;
	bool was;

	if (addr_is_multicast(&o->group))
		return false;
	p = find(t, host_be, o->port);
	if (!p && t->n == CLOSED_PORTS_MAX)
		return false;
	if (!p) {
		p = &t->at[t->n++];
		*p = (struct closed_port){
			.host_be = host_be, .port = o->port, .wait_ns = WAIT_LEAST_NS};
		link_all(t);
	}
	was = p->closed;
	p->closed = true;
	p->slot = e->slot;
	p->output = i;
	p->incarnation = e->incarnation;
	p->refused = now->drops[SEND_DROP_PORT_UNREACHABLE];
	p->sent = now->sent;
	p->since_ns = now_ns;
	return !was;
}

/* Return: has its state changed? */
static bool check(struct closed_port *p, const struct egress_counters *now, uint64_t now_ns)
{
	if (now->drops[SEND_DROP_PORT_UNREACHABLE] != p->refused) {
		const bool was = p->closed;

		p->closed = true;
		p->refused = now->drops[SEND_DROP_PORT_UNREACHABLE];
		p->sent = now->sent;
		p->since_ns = now_ns;
		return !was;
	}
	if (!p->closed || now->sent == p->sent || now_ns - p->since_ns < p->wait_ns)
		return false;
	p->closed = false;
	p->since_ns = now_ns;
	p->wait_ns = 2 * p->wait_ns < WAIT_MOST_NS ? 2 * p->wait_ns : WAIT_MOST_NS;
	return true;
}

static bool goes_there(const struct ruleset_entry *e, unsigned i, const struct closed_port *p)
{
	const struct rule_output *o = i < e->rule.n_outputs ? &e->rule.outputs[i] : NULL;

	return o && o->port == p->port && addr_ipv4_be(&o->group) == p->host_be;
}

/* The rule, if it has an output to the port; when others came or went it is at another place. */
static const struct ruleset_entry *entry_of(const struct control *c, struct closed_port *p)
{
	const struct resolved_rule *v = &c->resolved.rule[p->slot];

	if (!v->entry || v->incarnation != p->incarnation)
		return NULL;
	if (goes_there(v->entry, p->output, p))
		return v->entry;
	for (unsigned i = 0; i < v->entry->rule.n_outputs; i++) {
		if (!goes_there(v->entry, i, p))
			continue;
		p->output = i;
		return v->entry;
	}
	return NULL;
}

bool control_ports_check(struct control *c, control_counters_fn *read, uint64_t now_ns)
{
	struct control_closed_ports *t = &c->closed_ports;
	bool changed = false;

	/* Between a change of the rules and its reconcile nothing is resolved. */
	if (c->dirty)
		return false;
	for (unsigned i = t->n; i-- > 0;) {
		struct closed_port *p = &t->at[i];
		const struct ruleset_entry *e = entry_of(c, p);
		struct egress_counters now;

		if (!e || (!p->closed && now_ns - p->since_ns > WAIT_MOST_NS)) {
			changed |= p->closed;
			drop(t, p);
			continue;
		}
		read(c, e, p->output, &now);
		changed |= check(p, &now, now_ns);
	}
	return changed;
}
