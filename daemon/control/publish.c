// SPDX-License-Identifier: MIT
/* publish.c - drafts of snapshots, the record of what was published, confirmations */
#include "daemon/control/publish.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/rules/ruleset.h"
#include "core/rules/snapshot.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/control/change.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/supervisor_channel.h"

/* A worker reads and compares all of them in some microseconds. */
#define CHANGES_LEAST_BYTES (64u << 10)
/* Well below PUBLISH_HISTORY, so that the whole snapshot's hash is still known. */
#define PUBLISH_SINCE_WHOLE_MAX 128u

/* A worker that is not running cannot be busy: it has no channel. */
static uint64_t running_workers(const struct control *c)
{
	uint64_t mask = 0;

	for (unsigned w = 0; w < c->workers; w++)
		mask |= (uint64_t)c->worker[w].running << w;
	return mask;
}

static void published_reply(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct published *p = &c->pub.history[request->publish.generation % PUBLISH_HISTORY];

	if (status == 0 && p->generation == request->publish.generation)
		p->taken_ns = monotonic_ns();
	if (request->publish.generation != c->pub.generation)
		return; /* overtaken */
	c->pub.error = status;
	c->pub.busy = status < 0 ? 0 : value & running_workers(c);
	if (status < 0) {
		log_msg(SEV_ERROR, FAC_RULE_DISPATCH, "generation %" PRIu64 " not published: %s",
			request->publish.generation, strerror(-status));
		c->pub.whole = 0;
		control_publish_due(c);
		control_retry_later(c);
	} else if (c->pub.busy) {
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"generation %" PRIu64 ": worker busy, mask %#" PRIx64,
			request->publish.generation, c->pub.busy);
	}
}

/* --- what has changed --- */

/* The rule in @slot differs from the whole snapshot. */
static void mark_changed(struct control_publish *p, uint32_t slot)
{
	if (bitset_has(p->changed, slot))
		return;
	bitset_add(p->changed, slot);
	if (p->n_changes < PUBLISH_CHANGES_MAX)
		p->change[p->n_changes] = slot;
	p->n_changes++;
}

/* A rule in the slot of one that went is the newest. */
static void move_to_end(struct control_publish *p, uint32_t slot)
{
	unsigned i = 0;

	if (p->n_changes > PUBLISH_CHANGES_MAX)
		return;
	while (p->change[i] != slot)
		i++;
	memmove(&p->change[i], &p->change[i + 1], (p->n_changes - i - 1) * sizeof(p->change[0]));
	p->change[p->n_changes - 1] = slot;
}

/* @sign: 1 or -1: a rule is counted, or is not any more. */
static void count(struct control_publish *p, const struct published_rule *r, int sign)
{
	for (uint64_t mask = r->workers; mask; mask &= mask - 1) {
		const unsigned w = (unsigned)__builtin_ctzll(mask);

		p->hash[w] += sign > 0 ? r->hash : -r->hash;
		if (r->in_slot != MCR_NO_SLOT)
			p->shares[r->in_slot][w] += (uint16_t)sign;
	}
}

static void remove_rule(struct control_publish *p, uint32_t slot)
{
	if (!bitset_has(p->there, slot))
		return;
	count(p, &p->rule[slot], -1);
	bitset_remove(p->there, slot);
	bitset_add(p->removed, slot);
	mark_changed(p, slot);
}

/* Takes down a rule as it is about to be published. */
static void take_rule(struct control *c, const struct snapshot_rule *r,
		      const struct snapshot_output *outputs)
{
	struct control_publish *p = &c->pub;
	const struct published_rule now = {snapshot_hash_rule(r, outputs), r->worker_mask,
					   r->in_iface};

	for (uint32_t i = 0; i < r->n_outputs; i++)
		c->resolved.hold[outputs[i].slot] = outputs[i].hold;
	if (bitset_has(p->there, r->slot) && p->rule[r->slot].hash == now.hash)
		return;
	if (!bitset_has(p->there, r->slot) && bitset_has(p->changed, r->slot))
		move_to_end(p, r->slot);
	if (bitset_has(p->there, r->slot))
		count(p, &p->rule[r->slot], -1);
	p->rule[r->slot] = now;
	bitset_add(p->there, r->slot);
	count(p, &now, 1);
	mark_changed(p, r->slot);
}

/* --- files --- */

/* One publication in the making; @size: bytes. */
struct draft {
	struct snapshot_writer w;
	void *mem;
	size_t size;
	uint32_t n_ifaces;
	struct snapshot_iface ifaces[MCR_MAX_IFACES];
};

static int draft_begin(struct draft *d, uint64_t base, uint32_t rules, uint32_t outputs,
		       uint32_t removed)
{
	d->size = snapshot_changes_size(d->n_ifaces, rules, outputs, removed);
	d->mem = calloc(1, d->size);
	if (!d->mem)
		return -ENOMEM;
	snapshot_begin_changes(&d->w, d->mem, base, d->n_ifaces, rules, outputs, removed);
	for (uint32_t i = 0; i < d->n_ifaces; i++)
		snapshot_add_iface(&d->w, &d->ifaces[i]);
	return 0;
}

static int draft_add(struct draft *d, const struct snapshot_rule *r,
		     const struct snapshot_output *outputs)
{
	int ret = snapshot_add_rule(&d->w, r);

	for (uint32_t i = 0; i < r->n_outputs && ret == 0; i++)
		ret = snapshot_add_output(&d->w, &outputs[i]);
	return ret;
}

/* The output records of a rule in the draft. */
static const struct snapshot_output *outputs_in(const struct draft *d,
						const struct snapshot_rule *r)
{
	return &d->w.outputs[r->first_output];
}

/* All rules as they are, in their order; nothing is taken down yet. */
static int draft_whole(const struct control *c, struct draft *d)
{
	static struct snapshot_output outputs[MCR_MAX_RULE_OUTPUTS];
	const size_t n = ruleset_count(c->rules);
	struct snapshot_rule rule;
	uint32_t n_outputs = 0;
	int ret;

	for (size_t i = 0; i < n; i++)
		n_outputs += ruleset_at(c->rules, i)->rule.n_outputs;
	ret = draft_begin(d, 0, (uint32_t)n, n_outputs, 0);
	for (size_t i = 0; i < n && ret == 0; i++) {
		control_snapshot_rule(c, ruleset_at(c->rules, i), &rule, outputs);
		ret = draft_add(d, &rule, outputs);
	}
	return ret;
}

/* Each rule is taken down once more, because what it depends on may have changed since. */
static int draft_changes(struct control *c, struct draft *d)
{
	static struct snapshot_output outputs[MCR_MAX_RULE_OUTPUTS];
	const struct control_publish *p = &c->pub;
	uint32_t n_rules = 0, n_outputs = 0, n_removed = 0;
	struct snapshot_rule rule;
	int ret;

	for (unsigned i = 0; i < p->n_changes; i++) {
		n_removed += bitset_has(p->removed, p->change[i]);
		if (!bitset_has(p->there, p->change[i]))
			continue;
		n_rules++;
		n_outputs += c->resolved.rule[p->change[i]].entry->rule.n_outputs;
	}
	ret = draft_begin(d, p->whole, n_rules, n_outputs, n_removed);
	for (unsigned i = 0; i < p->n_changes && ret == 0; i++) {
		const uint32_t slot = p->change[i];

		if (bitset_has(p->removed, slot))
			ret = snapshot_add_removed(&d->w, slot);
		if (ret < 0 || !bitset_has(p->there, slot))
			continue;
		control_snapshot_rule(c, c->resolved.rule[slot].entry, &rule, outputs);
		take_rule(c, &rule, outputs);
		ret = draft_add(d, &rule, outputs);
	}
	return ret;
}

static bool fits_changes(const struct control_publish *p)
{
	return p->whole && p->n_changes <= PUBLISH_CHANGES_MAX &&
	       p->generation - p->whole < PUBLISH_SINCE_WHOLE_MAX;
}

static size_t bytes_of_changes(const struct control *c)
{
	const struct control_publish *p = &c->pub;
	size_t bytes = 0;

	for (unsigned i = 0; i < p->n_changes; i++) {
		const struct ruleset_entry *e = c->resolved.rule[p->change[i]].entry;

		bytes += bitset_has(p->there, p->change[i])
				 ? sizeof(struct snapshot_rule) +
					   e->rule.n_outputs * sizeof(struct snapshot_output)
				 : sizeof(uint32_t);
	}
	return bytes;
}

/* Changes are cheaper than all rules as long as they are a small part of them. */
static bool changes_suffice(const struct control *c)
{
	const struct control_publish *p = &c->pub;
	const size_t most = p->bytes / 8 > CHANGES_LEAST_BYTES ? p->bytes / 8 : CHANGES_LEAST_BYTES;

	return fits_changes(p) && bytes_of_changes(c) <= most;
}

static int publish(struct control *c, struct draft *d, uint64_t now_ns)
{
	struct control_publish *p = &c->pub;
	const uint64_t generation = p->generation + 1;
	struct published *slot = &p->history[generation % PUBLISH_HISTORY];
	struct ipc_msg msg = {.type = IPC_PUBLISH};
	int fd, ret = snapshot_finish(&d->w, generation);

	if (ret < 0)
		return ret;
	fd = memfd_sealed("mcr-snapshot", d->mem, d->size);
	if (fd < 0)
		return fd;
	memcpy(slot->hash, p->hash, sizeof(slot->hash));
	slot->generation = generation;
	slot->taken_ns = 0;
	p->generation = generation;
	if (!p->first)
		p->first = generation;
	p->at_ns = now_ns;
	p->busy = 0;
	p->error = 0;
	msg.publish.generation = generation;
	msg.publish.size_bytes = d->size;
	msg.publish.base = d->w.header->base;
	control_supervisor_request(&c->supervisor, &msg, fd, published_reply, c);
	return 0;
}

static int send_whole(struct control *c, struct draft *d, uint64_t now_ns)
{
	struct control_publish *p = &c->pub;
	int ret;

	memset(p->changed, 0, sizeof(p->changed));
	memset(p->removed, 0, sizeof(p->removed));
	p->n_changes = 0;
	p->whole = 0;
	ret = publish(c, d, now_ns);
	if (ret < 0)
		return ret;
	p->whole = p->generation;
	p->bytes = d->size;
	return 0;
}

/* Everything that depends on interfaces is in the records of rules, but for their MTU. */
static void look_at_ifaces(struct control *c, struct draft *d)
{
	uint64_t hash;

	d->n_ifaces = control_snapshot_ifaces(c, d->ifaces);
	hash = hash_bytes(HASH_SEED, d->ifaces, d->n_ifaces * sizeof(d->ifaces[0]));
	if (hash != c->pub.ifaces)
		c->pub.whole = 0;
	c->pub.ifaces = hash;
}

static void take_all(struct control *c, const struct draft *d)
{
	struct control_publish *p = &c->pub;
	uint64_t absent[MCR_MAX_RULES / 64];

	memcpy(absent, p->there, sizeof(absent));
	for (uint32_t i = 0; i < d->w.header->n_rules; i++) {
		const struct snapshot_rule *r = &d->w.rules[i];

		bitset_remove(absent, r->slot);
		take_rule(c, r, outputs_in(d, r));
	}
	for (uint32_t i = 0; i < MCR_MAX_RULES / 64; i++) {
		for (; absent[i]; absent[i] &= absent[i] - 1)
			remove_rule(p, i * 64 + (uint32_t)__builtin_ctzll(absent[i]));
	}
}

int control_publish(struct control *c, uint64_t now_ns)
{
	struct draft whole = {0}, changes;
	int ret;

	look_at_ifaces(c, &whole);
	ret = draft_whole(c, &whole);
	if (ret < 0)
		goto out;
	take_all(c, &whole);
	if (!changes_suffice(c)) {
		ret = send_whole(c, &whole, now_ns);
		goto out;
	}
	changes = whole;
	changes.mem = NULL;
	ret = draft_changes(c, &changes);
	if (ret == 0)
		ret = publish(c, &changes, now_ns);
	free(changes.mem);
out:
	if (ret < 0)
		c->pub.whole = 0; /* the next one has everything */
	free(whole.mem);
	return ret;
}

int control_publish_slots(struct control *c, const uint32_t *slots, unsigned n, uint64_t now_ns)
{
	static struct snapshot_output outputs[MCR_MAX_RULE_OUTPUTS];
	struct draft d = {0};
	int ret;

	look_at_ifaces(c, &d);
	for (unsigned i = 0; i < n && c->pub.whole; i++) {
		const struct ruleset_entry *e = c->resolved.rule[slots[i]].entry;
		struct snapshot_rule rule;

		if (!e) {
			remove_rule(&c->pub, slots[i]);
			continue;
		}
		control_snapshot_rule(c, e, &rule, outputs);
		take_rule(c, &rule, outputs);
	}
	if (!changes_suffice(c))
		return control_publish(c, now_ns);
	ret = draft_changes(c, &d);
	if (ret == 0)
		ret = publish(c, &d, now_ns);
	if (ret < 0)
		c->pub.whole = 0;
	free(d.mem);
	return ret;
}

bool control_publish_confirmed(const struct control *c, unsigned w, uint64_t generation)
{
	struct worker_summary s;
	const struct published *p;

	if (control_stats_worker(c, w, &s) < 0 || s.generation < generation)
		return false;
	p = &c->pub.history[s.generation % PUBLISH_HISTORY];
	return p->generation == s.generation && p->hash[w] == s.hash;
}

/* Workers that start are given the last one that the supervisor took. */
static bool is_taken(const struct control_publish *p, uint64_t generation)
{
	for (uint64_t g = p->generation; g >= generation && p->generation - g < PUBLISH_HISTORY;
	     g--) {
		const struct published *one = &p->history[g % PUBLISH_HISTORY];

		if (one->generation == g && one->taken_ns)
			return true;
	}
	return false;
}

bool control_publish_everywhere(const struct control *c, uint64_t generation)
{
	if (!is_taken(&c->pub, generation))
		return false;
	for (unsigned w = 0; w < c->workers; w++)
		if (c->worker[w].running && !control_publish_confirmed(c, w, generation))
			return false;
	return true;
}
