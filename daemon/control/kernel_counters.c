// SPDX-License-Identifier: MIT
/* kernel_counters.c - an owner beside each slot; counters are sums over lanes */
#include "daemon/control/kernel_counters.h"

#include <errno.h>
#include <string.h>

#include "core/base/counters.h"
#include "core/rules/kernel_path.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_map_state.h"

static struct kernel_path_record *rule_owner(const struct kernel_map *m, uint32_t slot)
{
	return &m->records[KERNEL_PATH_RULE_OWNER(slot)];
}

static struct kernel_path_record *output_owner(const struct kernel_map *m, uint32_t slot)
{
	return &m->records[KERNEL_PATH_OUTPUT_OWNER(slot)];
}

static bool is_free(const struct kernel_path_record *owner, uint64_t incarnation, uint64_t now_ns)
{
	if (owner->a == 0 || owner->a == incarnation)
		return true;
	return owner->b != 0 && now_ns >= owner->b + KERNEL_MAP_REST_NS;
}

/* One record in each lane, by its offset there. */
static void clear_lanes(struct kernel_map *m, uint32_t offset)
{
	for (unsigned l = 0; l < m->lanes; l++)
		m->records[KERNEL_PATH_LANE(l) + offset] = (struct kernel_path_record){0};
}

static void own_rule(struct kernel_map *m, uint32_t slot, uint64_t incarnation)
{
	struct kernel_path_record *owner = rule_owner(m, slot);

	if (owner->a != incarnation)
		clear_lanes(m, KERNEL_PATH_RULE_IN + slot);
	*owner = (struct kernel_path_record){.a = incarnation};
}

static void own_output(struct kernel_map *m, uint32_t slot, uint64_t incarnation)
{
	struct kernel_path_record *owner = output_owner(m, slot);

	if (owner->a != incarnation) {
		clear_lanes(m, KERNEL_PATH_OUTPUT_SENT + slot);
		memset(&m->records[KERNEL_PATH_DROPS(slot)], 0,
		       (KERNEL_PATH_SEND_DROPS + 1) / 2 * sizeof(m->records[0]));
	}
	*owner = (struct kernel_path_record){.a = incarnation};
}

int kernel_counters_own(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns)
{
	if (!is_free(rule_owner(m, r->slot), r->incarnation, now_ns))
		return -EBUSY;
	for (uint32_t i = 0; i < r->n_outputs; i++)
		if (!is_free(output_owner(m, r->output[i].slot), r->output_incarnation[i], now_ns))
			return -EBUSY;
	own_rule(m, r->slot, r->incarnation);
	for (uint32_t i = 0; i < r->n_outputs; i++)
		own_output(m, r->output[i].slot, r->output_incarnation[i]);
	return 0;
}

static void set_left(struct kernel_path_record *owner, uint64_t at_ns)
{
	if (owner->a)
		owner->b = at_ns;
}

/*
 * @at_ns: 0: they are named.  A slot has had no other owner as long as a chain names it:
 * kernel_counters_own() waits for that.
 */
static void mark_chain(struct kernel_map *m, uint32_t first, uint64_t at_ns)
{
	const struct kernel_path_block *head = &m->blocks[first];
	uint32_t left = head->n_outputs;

	if (head->slot < KERNEL_PATH_RULES)
		set_left(rule_owner(m, head->slot), at_ns);
	for (uint32_t at = first; at != CHAIN_END; at = m->next[at]) {
		for (uint32_t i = 0; i < KERNEL_PATH_BLOCK_OUTPUTS && left; i++, left--) {
			const uint32_t slot = m->blocks[at].output[i].slot;

			if (slot < KERNEL_PATH_OUTPUTS)
				set_left(output_owner(m, slot), at_ns);
		}
	}
}

void kernel_counters_leave(struct kernel_map *m, uint32_t first, uint64_t now_ns)
{
	mark_chain(m, first, now_ns);
}

void kernel_counters_reload(struct kernel_map *m, uint64_t now_ns)
{
	for (uint32_t i = 0; i < KERNEL_PATH_RULES + KERNEL_PATH_OUTPUTS; i++) {
		struct kernel_path_record *owner = &m->records[KERNEL_PATH_RULE_OWNER(i)];

		if (owner->a && !owner->b)
			owner->b = now_ns;
	}
	for (uint32_t i = 0; i < m->n_have; i++)
		if (m->have[i].ref & KERNEL_PATH_REF_RELAY)
			mark_chain(m, (uint32_t)m->have[i].ref, 0);
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
	if (rule_owner(m, slot)->a == incarnation)
		sum_lanes(m, KERNEL_PATH_RULE_IN + slot, matched, bytes);
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
	uint64_t sent = 0;

	if (output_owner(m, slot)->a != incarnation)
		return;
	sum_lanes(m, KERNEL_PATH_OUTPUT_SENT + slot, &sent, &to->bytes);
	to->sent += sent;
	to->matched += sent + add_drops(m, KERNEL_PATH_DROPS(slot), to);
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
