// SPDX-License-Identifier: MIT
/* snapshot.c - rules to a snapshot, and a snapshot back to rules */
#include "daemon/control/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/bitset.h"
#include "core/rules/ruleset_entry.h"
#include "core/rules/ruleset_restore.h"
#include "core/rules/snapshot.h"
#include "core/rules/snapshot_parse.h"
#include "daemon/common/memfd.h"
#include "daemon/control/assign.h"
#include "daemon/control/egress_socket.h"
#include "daemon/control/iface.h"
#include "daemon/control/load.h"
#include "daemon/control/loop.h"
#include "daemon/control/notice.h"
#include "daemon/control/output.h"
#include "daemon/control/standin.h"
#include "daemon/control/state.h"

static struct snapshot_output output_record(const struct control *c, const struct rule_output *o,
					    uint32_t slot, const struct rec_iface *f,
					    enum output_hold hold)
{
	struct snapshot_output out = {
		.slot = slot,
		/* A device without carrier takes what is sent and drops it unseen
		 * (experiments/poc_egress_recverr). */
		.iface = f && f->up ? (uint32_t)(f - c->rec.iface) : MCR_NO_SLOT,
		.group = o->group,
		.source = o->source,
		.port = o->port,
		.ttl = rule_output_ttl(o),
		.dscp = o->dscp,
		.source_port = o->source_port,
		.ttl_set = o->ttl_decrement ? TTL_DECREMENT
			   : o->ttl != 0    ? TTL_GIVEN
					    : TTL_DEFAULT,
		.hold = (uint8_t)hold,
	};

	out.egress_socket = control_egress_socket_of(c, out.slot, &out.egress_socket_kind);
	memcpy(out.if_name, o->interface, sizeof(out.if_name));
	return out;
}

static enum rule_state state_of(const struct control *c, const struct ruleset_entry *e,
				const struct rec_iface *in, const struct output_status *status)
{
	return control_loop_closes(c, e->slot) ? RULE_LOOPING
					       : control_rule_state_from(c, &e->rule, in, status);
}

static void add_divisions(const struct control *c, const struct rule *r, struct snapshot_rule *rule,
			  struct snapshot_output *outputs)
{
	const struct divided_input *in = divisions_find(&c->kernel_path.divisions, &r->input);

	if (!in)
		return;
	for (unsigned i = 0; i < SNAPSHOT_DIVISIONS; i++)
		rule->division[i] = in->division[i].number;
	for (unsigned i = 0; i < r->n_outputs; i++)
		outputs[i].divided = division_bits(in, &r->outputs[i]);
}

void control_snapshot_rule(const struct control *c, const struct ruleset_entry *e,
			   struct snapshot_rule *rule,
			   struct snapshot_output outputs[static MCR_MAX_RULE_OUTPUTS])
{
	const struct resolved_rule *v = &c->resolved.rule[e->slot];
	struct output_status status[MCR_MAX_RULE_OUTPUTS];
	const struct rule *r = &e->rule;

	for (unsigned i = 0; i < r->n_outputs; i++) {
		const uint32_t slot = e->output_slots[i];
		const struct rec_iface *f = control_iface_at(c, c->resolved.out_slot[slot]);

		status[i] = control_output_status_on(c, f, &r->outputs[i], NULL);
		outputs[i] = output_record(c, &r->outputs[i], slot, f, status[i].hold);
		outputs[i].incarnation = e->output_incarnations[i];
	}
	*rule = (struct snapshot_rule){
		.incarnation = e->incarnation,
		.worker_mask = v->workers,
		.limit_pps = r->limit_pps,
		.limit_bps = r->limit_bps,
		.slot = e->slot,
		.in_iface = v->in_slot,
		.n_outputs = r->n_outputs,
		.group = r->input.group,
		.source = r->input.source,
		.port = r->input.port,
		.priority = (uint8_t)r->priority,
		.state = (uint8_t)state_of(c, e, control_iface_at(c, v->in_slot), status),
		.path = (uint8_t)r->path,
		.consume = r->consume,
	};
	memcpy(rule->in_name, r->input.interface, sizeof(rule->in_name));
	memcpy(rule->id, r->id, sizeof(rule->id));
	memcpy(rule->name, r->name, sizeof(rule->name));
	memcpy(rule->description, r->description, sizeof(rule->description));
	add_divisions(c, r, rule, outputs);
}

uint32_t control_snapshot_ifaces(const struct control *c,
				 struct snapshot_iface ifaces[static MCR_MAX_IFACES])
{
	uint32_t n = 0;

	memset(ifaces, 0, MCR_MAX_IFACES * sizeof(*ifaces)); /* hashed as bytes */
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		const struct rec_iface *f = &c->rec.iface[i];
		struct snapshot_iface *iface = &ifaces[n];
		const struct config_iface *set;

		if (!f->used || f->deleted)
			continue;
		set = control_iface_settings(c, f->name);
		iface->slot = i;
		iface->ifindex = f->ifindex;
		iface->mtu = f->mtu;
		iface->worker_mask = f->workers;
		iface->steering = f->steering;
		iface->gro = set ? set->gro : GRO_LEAVE;
		iface->defrag = set && set->defrag;
		memcpy(iface->name, f->name, sizeof(iface->name));
		n++;
	}
	return n;
}

/*
 * Takes over the settings of the open sockets: the workers of the rules must agree with them.
 * Pinning is kept as a mask of workers; their CPUs say the same.
 */
static void restore_settings(const struct control *c, const struct snapshot_iface *s,
			     struct config_iface *set)
{
	uint64_t all = worker_mask_all(c->workers);
	uint64_t mask = s->worker_mask & all;

	memset(set, 0, sizeof(*set));
	memcpy(set->name, s->name, sizeof(set->name));
	set->steering = s->steering < STEERINGS ? (enum steering)s->steering : STEER_RULE;
	set->defrag = s->defrag;
	set->gro = s->gro < GRO_SETTINGS ? (enum gro_setting)s->gro : GRO_LEAVE;
	for (; mask && mask != all; mask &= mask - 1)
		set->cpus[set->n_cpus++] = c->worker[__builtin_ctzll(mask)].cpu;
}

static int restore_ifaces(struct control *c, const struct snapshot_view *v)
{
	struct config_iface *set = calloc(v->n_ifaces + 1, sizeof(*set));
	struct config merged = {.ifaces = set};
	int ret;

	if (!set)
		return -ENOMEM;
	for (uint32_t i = 0; i < v->n_ifaces; i++) {
		const struct snapshot_iface *s = &v->ifaces[i];
		struct rec_iface *f = &c->rec.iface[s->slot];

		f->used = true;
		f->ifindex = s->ifindex;
		f->mtu = s->mtu;
		f->steering = (enum steering)s->steering;
		f->workers = s->worker_mask & worker_mask_all(c->workers);
		if (!f->workers)
			f->workers = worker_mask_all(c->workers);
		memcpy(f->name, s->name, sizeof(f->name));
		restore_settings(c, s, &set[merged.n_ifaces]);
		/* Default settings are left out, unless the configuration file has others. */
		if (set[merged.n_ifaces].steering != STEER_RULE ||
		    set[merged.n_ifaces].gro != GRO_LEAVE || set[merged.n_ifaces].defrag ||
		    set[merged.n_ifaces].n_cpus || config_find_iface(&c->settings, s->name))
			merged.n_ifaces++;
	}
	control_ifaces_index(c);
	ret = control_settings_merge(c, &merged, false);
	free(set);
	return ret;
}

/* Until the next publication nobody knows which workers have them. */
static int restore_divisions(struct control *c, const struct snapshot_view *v,
			     const struct snapshot_rule *s, const struct rule *r, uint64_t now_ns)
{
	bool set[MCR_MAX_RULE_OUTPUTS];
	int ret = 0;

	for (unsigned k = 0; k < SNAPSHOT_DIVISIONS && ret == 0; k++) {
		for (uint32_t i = 0; i < s->n_outputs; i++)
			set[i] = v->outputs[s->first_output + i].divided >> k & 1;
		if (s->division[k])
			ret = divisions_restore(&c->kernel_path.divisions, r, k, s->division[k],
						set, v->generation, now_ns);
	}
	return ret;
}

static int restore_rule(struct control *c, const struct snapshot_view *v,
			const struct snapshot_rule *s, uint64_t now_ns)
{
	struct rule_output outputs[MCR_MAX_RULE_OUTPUTS];
	uint32_t slots[MCR_MAX_RULE_OUTPUTS];
	uint64_t incarnations[MCR_MAX_RULE_OUTPUTS];
	struct rule r = {
		.limit_pps = s->limit_pps,
		.limit_bps = s->limit_bps,
		.priority = (enum rule_priority)s->priority,
		.path = (enum rule_path)s->path,
		.disabled = s->state == RULE_DISABLED,
		.consume = s->consume,
		.n_outputs = s->n_outputs,
		.outputs = outputs,
	};
	int ret;

	if (s->n_outputs > MCR_MAX_RULE_OUTPUTS)
		return -EBADMSG;
	memcpy(r.id, s->id, sizeof(r.id));
	memcpy(r.name, s->name, sizeof(r.name));
	memcpy(r.description, s->description, sizeof(r.description));
	memcpy(r.input.interface, s->in_name, sizeof(r.input.interface));
	r.input.group = s->group;
	r.input.source = s->source;
	r.input.port = s->port;
	for (uint32_t i = 0; i < s->n_outputs; i++) {
		const struct snapshot_output *o = &v->outputs[s->first_output + i];

		outputs[i] = (struct rule_output){
			.group = o->group,
			.port = o->port,
			.ttl = o->ttl_set == TTL_GIVEN ? o->ttl : 0,
			.ttl_decrement = o->ttl_set == TTL_DECREMENT,
			.dscp = o->dscp,
			.source_port = o->source_port,
			.source = o->source,
		};
		memcpy(outputs[i].interface, o->if_name, sizeof(outputs[i].interface));
		slots[i] = o->slot;
		incarnations[i] = o->incarnation;
		control_egress_socket_restore(c, o);
	}
	/* Workers that had a rule and are not to have it may have received datagrams for it. */
	if (s->in_iface != MCR_NO_SLOT)
		control_stand_ins_restore(
			c, control_rule_workers_on(c, &r, control_iface_at(c, s->in_iface)),
			s->worker_mask);
	control_notice_restore(c->notice, s->slot, s->incarnation, s->state);
	ret = restore_divisions(c, v, s, &r, now_ns);
	return ret < 0 ? ret
		       : ruleset_restore(c->rules, &r, s->slot, s->incarnation, slots,
					 incarnations);
}

/* A mapped snapshot. */
struct mapped {
	const void *mem;
	size_t bytes;
	struct snapshot_view view;
};

static void unmap(struct mapped *m)
{
	if (m->mem)
		munmap((void *)(uintptr_t)m->mem, m->bytes);
}

static int map(int fd, struct mapped *m)
{
	const int64_t size = memfd_size(fd, MEMFD_ALL_SEALS);
	int ret;

	*m = (struct mapped){0};
	if (size < 0)
		return (int)size;
	if (size < (int64_t)sizeof(struct snapshot_header) || (size_t)size > SNAPSHOT_MAX_BYTES)
		return -EBADMSG;
	m->bytes = (size_t)size;
	ret = memfd_map(fd, m->bytes, &m->mem);
	return ret < 0 ? ret : snapshot_parse(m->mem, m->bytes, &m->view);
}

/* The changes by slot: the slot has a new rule, at @rule in the changes; its old rule was removed.
 */
struct changed_slots {
	uint64_t changed[MCR_MAX_RULES / 64], removed[MCR_MAX_RULES / 64];
	uint64_t restored[MCR_MAX_RULES / 64];
	uint32_t rule[MCR_MAX_RULES];
};

static int restore_changed(struct control *c, const struct snapshot_view *v,
			   struct changed_slots *s, uint32_t slot, uint64_t now_ns)
{
	if (bitset_has(s->restored, slot))
		return 0;
	bitset_add(s->restored, slot);
	return restore_rule(c, v, &v->rules[s->rule[slot]], now_ns);
}

/* Rules that the changes replace keep their place; new ones follow in their order. */
static int restore_rules(struct control *c, const struct snapshot_view *whole,
			 const struct snapshot_view *changes, struct changed_slots *s,
			 uint64_t now_ns)
{
	int ret = 0;

	for (uint32_t i = 0; i < changes->n_rules; i++) {
		bitset_add(s->changed, changes->rules[i].slot);
		s->rule[changes->rules[i].slot] = i;
	}
	for (uint32_t i = 0; i < changes->n_removed; i++)
		bitset_add(s->removed, changes->removed[i]);
	for (uint32_t i = 0; i < whole->n_rules && ret == 0; i++) {
		const struct snapshot_rule *r = &whole->rules[i];

		if (bitset_has(s->removed, r->slot))
			continue;
		ret = bitset_has(s->changed, r->slot)
			      ? restore_changed(c, changes, s, r->slot, now_ns)
			      : restore_rule(c, whole, r, now_ns);
	}
	for (uint32_t i = 0; i < changes->n_rules && ret == 0; i++)
		ret = restore_changed(c, changes, s, changes->rules[i].slot, now_ns);
	return ret;
}

static int restore(struct control *c, const struct snapshot_view *whole,
		   const struct snapshot_view *changes, uint64_t now_ns)
{
	const bool changed = changes->generation;
	struct changed_slots *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return -ENOMEM;
	ret = whole->base || (changed && changes->base != whole->generation)
		      ? -EBADMSG
		      : restore_ifaces(c, changed ? changes : whole);
	if (ret == 0)
		ret = restore_rules(c, whole, changes, s, now_ns);
	free(s);
	if (ret < 0)
		return ret;
	/*
	 * Numbers that a removed rule had may not come back.  Incarnations count rules, so
	 * they never catch up with a clock in nanoseconds.
	 */
	ruleset_restored(c->rules, now_ns);
	c->pub.generation = changed ? changes->generation : whole->generation;
	c->pub.at_ns = now_ns;
	return 0;
}

int control_restore(struct control *c, int fd, int changes_fd, uint64_t now_ns)
{
	struct mapped whole, changes = {0};
	int ret = map(fd, &whole);

	if (ret == 0 && changes_fd >= 0)
		ret = map(changes_fd, &changes);
	if (ret == 0)
		ret = restore(c, &whole.view, &changes.view, now_ns);
	unmap(&whole);
	unmap(&changes);
	return ret;
}
