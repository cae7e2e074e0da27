// SPDX-License-Identifier: MIT
/* kernel_counters.c - who owns which counters; they are sums over lanes */
#include "daemon/control/kernel_counters.h"

#include <errno.h>
#include <string.h>

#include "core/base/counters.h"
#include "core/rules/kernel_path.h"
#include "daemon/control/kernel_chain.h"
#include "daemon/control/kernel_map_rule.h"
#include "daemon/control/kernel_map_state.h"

/*
 * A rule and each of its outputs have counters of their own as long as the rule is the same.  Which
 * ones is in m->rule_counters and m->output_counters, and beside the counters in the kernel's
 * memory: their owner.  So an index counts only when both say the same.
 */
struct kind {
	uint32_t *index; /* by rule slot or output slot */
	uint32_t n_slots, n_counters;
	uint32_t owners; /* first record of them */
	struct kernel_rest *free;
};

static struct kind rules_of(struct kernel_map *m)
{
	return (struct kind){m->rule_counters, KERNEL_PATH_RULES, KERNEL_PATH_RULE_COUNTERS,
			     KERNEL_PATH_RULE_OWNER(0), &m->free_rules};
}

static struct kind outputs_of(struct kernel_map *m)
{
	return (struct kind){m->output_counters, KERNEL_PATH_OUTPUTS, KERNEL_PATH_OUTPUT_COUNTERS,
			     KERNEL_PATH_OUTPUT_OWNER(0), &m->free_outputs};
}

static bool is_of(const struct kernel_map *m, const struct kind *k, uint32_t slot)
{
	const uint32_t at = k->index[slot];

	return at != MCR_NO_SLOT && m->records[k->owners + at].a &&
	       m->records[k->owners + at].b == slot;
}

static bool is_owned(const struct kernel_map *m, const struct kind *k, uint32_t slot,
		     uint64_t incarnation)
{
	return is_of(m, k, slot) && m->records[k->owners + k->index[slot]].a == incarnation;
}

/* One record in each lane, by its offset there. */
static void clear_lanes(struct kernel_map *m, uint32_t offset)
{
	for (unsigned l = 0; l < m->lanes; l++)
		m->records[KERNEL_PATH_LANE(l) + offset] = (struct kernel_path_record){0};
}

static void clear_counters(struct kernel_map *m, const struct kind *k, uint32_t at)
{
	if (k->free == &m->free_rules) {
		clear_lanes(m, KERNEL_PATH_RULE_IN + at);
		return;
	}
	clear_lanes(m, KERNEL_PATH_OUTPUT_SENT + at);
	memset(&m->records[KERNEL_PATH_DROPS(at)], 0,
	       (KERNEL_PATH_SEND_DROPS + 1) / 2 * sizeof(m->records[0]));
}

static void release(struct kernel_map *m, const struct kind *k, uint32_t at, uint64_t now_ns)
{
	m->records[k->owners + at] = (struct kernel_path_record){.b = 1};
	kernel_rest_put(k->free, at, now_ns);
}

static int own(struct kernel_map *m, const struct kind *k, uint32_t slot, uint64_t incarnation,
	       uint64_t now_ns)
{
	uint32_t at;

	if (is_owned(m, k, slot, incarnation))
		return 0;
	at = kernel_rest_take(k->free, now_ns);
	if (at == MCR_NO_SLOT)
		return -EBUSY;
	if (is_of(m, k, slot))
		release(m, k, k->index[slot], now_ns);
	clear_counters(m, k, at);
	m->records[k->owners + at] = (struct kernel_path_record){.a = incarnation, .b = slot};
	k->index[slot] = at;
	return 0;
}

int kernel_counters_own(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns)
{
	const struct kind rules = rules_of(m), outputs = outputs_of(m);
	int ret = own(m, &rules, r->slot, r->incarnation, now_ns);

	for (uint32_t i = 0; i < r->n_outputs && ret == 0; i++)
		ret = own(m, &outputs, r->output[i].slot, r->output_incarnation[i], now_ns);
	return ret;
}

/* --- left from before --- */

/* Calls @fn for each output of the chain, until it returns false.  Return: it never did. */
typedef bool output_fn(struct kernel_map *m, const struct kernel_map_rule *r, uint32_t i,
		       uint32_t counters);

static bool each_output(struct kernel_map *m, const struct kernel_map_rule *r, uint32_t at,
			output_fn *fn)
{
	for (uint32_t i = 0; i < r->n_outputs; i++) {
		const uint32_t place = i % KERNEL_PATH_BLOCK_OUTPUTS;

		if (i && !place)
			at = m->next[at];
		if (!fn(m, r, i, m->blocks[at].output[place].slot))
			return false;
	}
	return true;
}

static bool has_owner(struct kernel_map *m, const struct kernel_map_rule *r, uint32_t i,
		      uint32_t counters)
{
	return counters < KERNEL_PATH_OUTPUT_COUNTERS &&
	       m->records[KERNEL_PATH_OUTPUT_OWNER(counters)].a;
}

static bool take_output(struct kernel_map *m, const struct kernel_map_rule *r, uint32_t i,
			uint32_t counters)
{
	const uint32_t slot = r->output[i].slot;

	m->records[KERNEL_PATH_OUTPUT_OWNER(counters)] =
		(struct kernel_path_record){.a = r->output_incarnation[i], .b = slot};
	m->output_counters[slot] = counters;
	return true;
}

void kernel_counters_take_over(struct kernel_map *m, const struct kernel_map_rule *r, uint32_t at)
{
	const struct kernel_path_block *head = &m->blocks[at];

	if (head->incarnation == r->incarnation || !head->incarnation ||
	    head->slot >= KERNEL_PATH_RULE_COUNTERS ||
	    m->records[KERNEL_PATH_RULE_OWNER(head->slot)].a != head->incarnation ||
	    !kernel_chain_is_same_rule(m, at, r) || !each_output(m, r, at, has_owner))
		return;
	m->records[KERNEL_PATH_RULE_OWNER(head->slot)] =
		(struct kernel_path_record){.a = r->incarnation, .b = r->slot};
	m->rule_counters[r->slot] = head->slot;
	each_output(m, r, at, take_output);
}

static void load_kind(struct kernel_map *m, const struct kind *k, bool same_rules, uint64_t now_ns)
{
	for (uint32_t i = 0; i < k->n_slots; i++)
		k->index[i] = MCR_NO_SLOT;
	for (uint32_t at = 0; at < k->n_counters; at++) {
		const struct kernel_path_record *owner = &m->records[k->owners + at];

		if (same_rules && owner->a && owner->b < k->n_slots)
			k->index[owner->b] = at;
		if (!owner->a && !owner->b)
			kernel_rest_put(k->free, at, 0);
	}
	for (uint32_t at = 0; at < k->n_counters; at++)
		if (!m->records[k->owners + at].a && m->records[k->owners + at].b)
			kernel_rest_put(k->free, at, now_ns);
}

void kernel_counters_load(struct kernel_map *m, bool same_rules, uint64_t now_ns)
{
	const struct kind rules = rules_of(m), outputs = outputs_of(m);

	load_kind(m, &rules, same_rules, now_ns);
	load_kind(m, &outputs, same_rules, now_ns);
}

static void release_others(struct kernel_map *m, const struct kind *k, uint64_t now_ns)
{
	for (uint32_t at = 0; at < k->n_counters; at++) {
		const struct kernel_path_record *owner = &m->records[k->owners + at];

		if (owner->a && (owner->b >= k->n_slots || k->index[owner->b] != at))
			release(m, k, at, now_ns);
	}
}

void kernel_counters_release_others(struct kernel_map *m, uint64_t now_ns)
{
	const struct kind rules = rules_of(m), outputs = outputs_of(m);

	release_others(m, &rules, now_ns);
	release_others(m, &outputs, now_ns);
}

/* --- reading --- */

static uint64_t load(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void sum_lanes(const struct kernel_map *m, uint32_t offset, uint64_t *a, uint64_t *b)
{
	for (unsigned l = 0; l < m->lanes; l++) {
		const struct kernel_path_record *r = &m->records[KERNEL_PATH_LANE(l) + offset];

		*a += load((const uint64_t *)&r->a);
		*b += load((const uint64_t *)&r->b);
	}
}

void kernel_map_count_rule(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			   uint64_t *matched, uint64_t *bytes)
{
	const struct kind rules = rules_of((struct kernel_map *)m);

	if (is_owned(m, &rules, slot, incarnation))
		sum_lanes(m, KERNEL_PATH_RULE_IN + m->rule_counters[slot], matched, bytes);
}

/* Reason r: word r % 2 of record @first + r / 2.  Return: their sum. */
static uint64_t add_drops(const struct kernel_map *m, uint32_t first, struct egress_counters *to)
{
	uint64_t sum = 0;

	for (unsigned r = 0; r < SEND_DROPS; r++) {
		const struct kernel_path_record *record = &m->records[first + r / 2];
		const uint64_t n = load((const uint64_t *)(r % 2 ? &record->b : &record->a));

		to->drops[r] += n;
		sum += n;
	}
	return sum;
}

void kernel_map_count_output(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			     struct egress_counters *to)
{
	const struct kind outputs = outputs_of((struct kernel_map *)m);
	uint64_t sent = 0;
	uint32_t at;

	if (!is_owned(m, &outputs, slot, incarnation))
		return;
	at = m->output_counters[slot];
	sum_lanes(m, KERNEL_PATH_OUTPUT_SENT + at, &sent, &to->bytes);
	to->sent += sent;
	to->matched += sent + add_drops(m, KERNEL_PATH_DROPS(at), to);
}

void kernel_map_count_all(const struct kernel_map *m, struct ingress_counters *in,
			  struct egress_counters *out)
{
	uint64_t sent = 0, matched = 0;

	sum_lanes(m, KERNEL_PATH_TOTAL_IN, &matched, &in->bytes);
	sum_lanes(m, KERNEL_PATH_TOTAL_FRAMES, &in->frames, &out->calls);
	sum_lanes(m, KERNEL_PATH_TOTAL_SENT, &sent, &out->bytes);
	in->received += matched;
	in->matched += matched;
	out->sent += sent;
	out->matched += sent;
	for (unsigned l = 0; l < m->lanes; l++)
		out->matched += add_drops(m, KERNEL_PATH_LANE(l) + KERNEL_PATH_TOTAL_DROPS, out);
}

/* --- watches --- */

void kernel_map_watch_begin(struct kernel_map *m, uint32_t number)
{
	memset(&m->records[KERNEL_PATH_WATCH(number)], 0,
	       KERNEL_PATH_WATCH_PAYLOADS * sizeof(m->records[0]));
}

struct kernel_path_record kernel_map_watched(const struct kernel_map *m, uint32_t number,
					     unsigned place)
{
	const struct kernel_path_record *r = &m->records[KERNEL_PATH_WATCH(number) + place];

	return (struct kernel_path_record){.a = load((const uint64_t *)&r->a),
					   .b = load((const uint64_t *)&r->b)};
}
