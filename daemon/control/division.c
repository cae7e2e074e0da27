// SPDX-License-Identifier: MIT
/* division.c - numbers on their way to the workers and into the maps */
#include "daemon/control/division.h"

#include <arpa/inet.h>
#include <errno.h>

#include "core/base/bitset.h"
#include "core/rules/division.h"
#include "core/rules/kernel_path.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "daemon/control/change.h"
#include "daemon/control/iface.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/netif.h"
#include "daemon/control/publish.h"
#include "daemon/control/state.h"

static struct divided_input *numbers_of(const struct control *c, const struct ruleset_entry *e)
{
	return divisions_find(&c->kernel_path.divisions, &e->rule.input);
}

/* That the maps have for the rule; 0: none. */
static uint32_t number_in_maps(const struct control *c, const struct ruleset_entry *e)
{
	const struct rec_iface *in = control_iface_named(c, e->rule.input.interface);
	struct kernel_path_key key;

	if (!in)
		return 0;
	key = kernel_path_key_of(&e->rule.input, in->ifindex);
	return kernel_map_division(c->kernel_path.map, &key);
}

/*
 * May the maps have it?  No frame may come to a worker with a number that it does not know.  What
 * the maps have was permitted before.
 */
static bool may_have(const struct control *c, const struct ruleset_entry *e,
		     const struct division *v)
{
	return number_in_maps(c, e) == v->number || control_publish_everywhere(c, v->after + 1);
}

const struct division *control_division_choose(const struct control *c,
					       const struct ruleset_entry *e, const bool *set)
{
	const struct divided_input *in = numbers_of(c, e);

	if (!in)
		return NULL;
	if (division_is(&in->division[0], &e->rule, set) && may_have(c, e, &in->division[0]))
		return &in->division[0];
	for (unsigned i = 0; i < SNAPSHOT_DIVISIONS; i++) {
		const struct division *v = &in->division[i];

		if (v->used && division_fits(v, &e->rule, set) && may_have(c, e, v))
			return v;
	}
	return NULL;
}

void control_division_need(struct control *c, const struct ruleset_entry *e, const bool *set,
			   uint32_t number, uint64_t now_ns)
{
	const struct divided_input *in = numbers_of(c, e);
	const bool made = in && division_is(&in->division[0], &e->rule, set);
	int ret;

	if (made && in->division[0].number == number)
		return;
	bitset_add(c->kernel_path.dividing, e->slot);
	if (made)
		return;
	ret = divisions_make(&c->kernel_path.divisions, &e->rule, set, c->pub.generation, now_ns);
	if (ret == 0)
		control_rule_note(c, e->slot);
	else if (ret != -EBUSY)
		control_retry_later(c);
}

void control_division_leaves(struct control *c, const struct ruleset_entry *e, uint64_t now_ns)
{
	struct divided_input *in = numbers_of(c, e);
	const uint32_t number = in ? number_in_maps(c, e) : 0;

	bitset_remove(c->kernel_path.dividing, e->slot);
	for (unsigned i = 0; number && i < SNAPSHOT_DIVISIONS; i++)
		if (in->division[i].number == number)
			in->division[i].used_ns = now_ns;
}

void control_division_written(struct control *c, const struct ruleset_entry *e, uint32_t number)
{
	struct divided_input *in = numbers_of(c, e);

	for (unsigned i = 0; number && i < SNAPSHOT_DIVISIONS; i++)
		if (in->division[i].number == number)
			in->division[i].used = true;
}

/* --- what an earlier daemon has left --- */

static uint32_t ifindex_of(const struct control *c, const char *name)
{
	const struct netif_link *l = control_netif_by_name(&c->netif, name);

	return l ? l->ifindex : 0;
}

static void adopt_rule(struct control *c, const struct rule *r, uint64_t now_ns)
{
	const struct kernel_path_key key =
		kernel_path_key_of(&r->input, ifindex_of(c, r->input.interface));
	const uint32_t number = kernel_map_division(c->kernel_path.map, &key);
	bool set[MCR_MAX_RULE_OUTPUTS];

	if (!number)
		return;
	for (unsigned i = 0; i < r->n_outputs; i++) {
		const struct rule_output *o = &r->outputs[i];
		const struct kernel_path_output like = {
			.ifindex = ifindex_of(c, o->interface),
			.group = addr_ipv4_be(&o->group),
			.port = htons(o->port),
		};

		set[i] = kernel_map_has_output(c->kernel_path.map, &key, &like);
	}
	if (divisions_restore(&c->kernel_path.divisions, r, 0, number, set, c->pub.generation,
			      now_ns) < 0)
		control_retry_later(c);
}

void control_division_adopt(struct control *c, uint64_t now_ns)
{
	if (!c->kernel_path.map || c->kernel_path.unavailable)
		return;
	divisions_seen(&c->kernel_path.divisions, kernel_map_last_division(c->kernel_path.map));
	for (size_t i = 0; i < ruleset_count(c->rules) && c->kernel_path.deferred; i++)
		adopt_rule(c, &ruleset_at(c->rules, i)->rule, now_ns);
}

/* --- time --- */

static bool has_rule(const void *ctx, const struct rule_input *in)
{
	return ruleset_find_input(ctx, in) != NULL;
}

void control_division_forget(struct control *c, uint64_t now_ns)
{
	divisions_forget(&c->kernel_path.divisions, has_rule, c->rules, now_ns);
}
