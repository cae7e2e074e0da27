// SPDX-License-Identifier: MIT
/* snapshot.c - rules to a snapshot, and a snapshot back to rules */
#include "daemon/control/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/rules/ruleset.h"
#include "core/rules/snapshot.h"
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

static int add_outputs(const struct control *c, const struct ruleset_entry *e,
		       struct snapshot_writer *w)
{
	int ret = 0;

	for (unsigned i = 0; i < e->rule.n_outputs && ret == 0; i++) {
		const struct rule_output *o = &e->rule.outputs[i];
		struct snapshot_output out = {
			.slot = e->output_slots[i],
			.iface = control_output_slot(c, o->interface),
			.group = o->group,
			.source = o->source,
			.port = o->port,
			.ttl = rule_output_ttl(o),
			.dscp = o->dscp,
			.ttl_set = o->ttl_decrement ? TTL_DECREMENT
				   : o->ttl != 0    ? TTL_GIVEN
						    : TTL_DEFAULT,
			.hold = (uint8_t)control_output_status(c, o, NULL).hold,
		};

		out.egress_socket = control_egress_socket_of(c, out.slot, &out.egress_socket_kind);
		memcpy(out.if_name, o->interface, sizeof(out.if_name));
		ret = snapshot_add_output(w, &out);
	}
	return ret;
}

static int add_rule(const struct control *c, const struct ruleset_entry *e,
		    struct snapshot_writer *w)
{
	const struct rule *r = &e->rule;
	struct snapshot_rule rule = {
		.incarnation = e->incarnation,
		.worker_mask = control_rule_workers(c, r),
		.limit_pps = r->limit_pps,
		.limit_bps = r->limit_bps,
		.slot = e->slot,
		.in_iface = control_iface_slot(c, r->input.interface),
		.group = r->input.group,
		.source = r->input.source,
		.port = r->input.port,
		.priority = (uint8_t)r->priority,
		.state = (uint8_t)control_entry_state(c, e, 0, NULL),
		.path = (uint8_t)r->path,
	};
	int ret;

	memcpy(rule.in_name, r->input.interface, sizeof(rule.in_name));
	memcpy(rule.id, r->id, sizeof(rule.id));
	memcpy(rule.name, r->name, sizeof(rule.name));
	ret = snapshot_add_rule(w, &rule);
	return ret < 0 ? ret : add_outputs(c, e, w);
}

static uint32_t count_ifaces(const struct control *c)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		n += c->rec.iface[i].used && !c->rec.iface[i].gone;
	return n;
}

static int add_ifaces(const struct control *c, struct snapshot_writer *w)
{
	int ret = 0;

	for (uint32_t i = 0; i < MCR_MAX_IFACES && ret == 0; i++) {
		const struct rec_iface *f = &c->rec.iface[i];
		const struct config_iface *set =
			f->used && !f->gone ? control_iface_settings(c, f->name) : NULL;
		struct snapshot_iface iface = {.slot = i, .ifindex = f->ifindex, .mtu = f->mtu};
		bool found;

		if (!f->used || f->gone)
			continue;
		iface.worker_mask = control_iface_workers(c, f->name, &found);
		iface.steering = set ? set->steering : STEER_RULE;
		iface.gro = set ? set->gro : GRO_LEAVE;
		iface.defrag = set && set->defrag;
		memcpy(iface.name, f->name, sizeof(iface.name));
		ret = snapshot_add_iface(w, &iface);
	}
	return ret;
}

static void add_share(const struct snapshot_rule *r, unsigned worker, uint64_t h, uint64_t *hash,
		      uint16_t (*shares)[MCR_MAX_WORKERS])
{
	hash[worker] += h;
	if (r->in_iface < MCR_MAX_IFACES)
		shares[r->in_iface][worker]++;
}

ssize_t control_snapshot_build(const struct control *c, uint64_t generation,
			       uint64_t hash[static MCR_MAX_WORKERS],
			       uint16_t shares[static MCR_MAX_IFACES][MCR_MAX_WORKERS], void **mem)
{
	size_t n_rules = ruleset_count(c->rules), n_outputs = 0;
	uint32_t n_ifaces = count_ifaces(c);
	struct snapshot_writer w;
	size_t size;
	int ret;

	for (size_t i = 0; i < n_rules; i++)
		n_outputs += ruleset_at(c->rules, i)->rule.n_outputs;
	size = snapshot_size(n_ifaces, (uint32_t)n_rules, (uint32_t)n_outputs);
	*mem = calloc(1, size);
	if (!*mem)
		return -ENOMEM;
	snapshot_begin(&w, *mem, n_ifaces, (uint32_t)n_rules, (uint32_t)n_outputs);
	ret = add_ifaces(c, &w);
	for (size_t i = 0; i < n_rules && ret == 0; i++)
		ret = add_rule(c, ruleset_at(c->rules, i), &w);
	if (ret == 0)
		ret = snapshot_finish(&w, generation);
	if (ret < 0) {
		free(*mem);
		*mem = NULL;
		return ret;
	}
	memset(hash, 0, MCR_MAX_WORKERS * sizeof(hash[0]));
	memset(shares, 0, MCR_MAX_IFACES * sizeof(shares[0]));
	for (size_t i = 0; i < n_rules; i++) {
		const struct snapshot_rule *r = &w.rules[i];
		uint64_t h = snapshot_hash_rule(r, &w.outputs[r->first_output]);

		/*
		 * One hash per rule for all its workers: snapshot_hash_worker() for each would
		 * hash every rule once more.
		 */
		for (uint64_t mask = r->worker_mask; mask; mask &= mask - 1)
			add_share(r, (unsigned)__builtin_ctzll(mask), h, hash, shares);
	}
	return (ssize_t)size;
}

/*
 * What the sockets were opened with, because the rules' workers must agree with it.
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
		memcpy(f->name, s->name, sizeof(f->name));
		restore_settings(c, s, &set[merged.n_ifaces]);
		/* What is usual need not be said, unless the file says otherwise. */
		if (set[merged.n_ifaces].steering != STEER_RULE ||
		    set[merged.n_ifaces].gro != GRO_LEAVE || set[merged.n_ifaces].defrag ||
		    set[merged.n_ifaces].n_cpus || config_find_iface(&c->settings, s->name))
			merged.n_ifaces++;
	}
	ret = control_settings_merge(c, &merged, false);
	free(set);
	return ret;
}

static int restore_rule(struct control *c, const struct snapshot_view *v,
			const struct snapshot_rule *s)
{
	struct rule_output outputs[MCR_MAX_RULE_OUTPUTS];
	uint32_t slots[MCR_MAX_RULE_OUTPUTS];
	struct rule r = {
		.limit_pps = s->limit_pps,
		.limit_bps = s->limit_bps,
		.priority = (enum rule_priority)s->priority,
		.path = (enum rule_path)s->path,
		.n_outputs = s->n_outputs,
		.outputs = outputs,
	};

	if (s->n_outputs > MCR_MAX_RULE_OUTPUTS)
		return -EBADMSG;
	memcpy(r.id, s->id, sizeof(r.id));
	memcpy(r.name, s->name, sizeof(r.name));
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
			.source = o->source,
		};
		memcpy(outputs[i].interface, o->if_name, sizeof(outputs[i].interface));
		slots[i] = o->slot;
		control_egress_socket_restore(c, o);
	}
	control_notice_restore(c->notice, s->slot, s->incarnation, s->state);
	return ruleset_restore(c->rules, &r, s->slot, s->incarnation, slots);
}

/* Workers that had a rule and are not to have it may have received datagrams for it. */
static void restore_stand_ins(struct control *c, const struct snapshot_view *v)
{
	for (uint32_t i = 0; i < v->n_rules; i++) {
		const struct snapshot_rule *s = &v->rules[i];
		struct rule r = {
			.input = {.group = s->group, .source = s->source, .port = s->port}};

		if (s->in_iface == MCR_NO_SLOT)
			continue;
		memcpy(r.input.interface, s->in_name, sizeof(r.input.interface));
		control_stand_ins_restore(c, control_rule_workers(c, &r), s->worker_mask);
	}
}

static int restore(struct control *c, const void *mem, size_t size, uint64_t now_ns)
{
	struct snapshot_view v;
	int ret = snapshot_parse(mem, size, &v);

	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < v.n_rules && ret == 0; i++)
		ret = restore_rule(c, &v, &v.rules[i]);
	if (ret < 0)
		return ret;
	/*
	 * Numbers that a removed rule had may not come back.  Incarnations count rules, so
	 * they never catch up with a clock in nanoseconds.
	 */
	ruleset_restored(c->rules, now_ns);
	ret = restore_ifaces(c, &v);
	if (ret < 0)
		return ret;
	restore_stand_ins(c, &v);
	c->pub.generation = v.generation;
	c->pub.at_ns = now_ns;
	return 0;
}

int control_restore(struct control *c, int fd, uint64_t now_ns)
{
	const int64_t size = memfd_size(fd, MEMFD_ALL_SEALS);
	const void *mem;
	int ret;

	if (size < 0)
		return (int)size;
	if (size < (int64_t)sizeof(struct snapshot_header) || (size_t)size > SNAPSHOT_MAX_BYTES)
		return -EBADMSG;
	ret = memfd_map(fd, (size_t)size, &mem);
	if (ret < 0)
		return ret;
	ret = restore(c, mem, (size_t)size, now_ns);
	munmap((void *)(uintptr_t)mem, (size_t)size);
	return ret;
}
