// SPDX-License-Identifier: MIT
/* kernel_path.c - from rules and links to the maps of the kernel path */
#include "daemon/control/kernel_path.h"

#include <errno.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_restore.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/division.h"
#include "daemon/control/iface.h"
#include "daemon/control/kernel_check.h"
#include "daemon/control/kernel_fit.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_output.h"
#include "daemon/control/kernel_watch.h"
#include "daemon/control/loop.h"
#include "daemon/control/state.h"

/* --- start and end --- */

int control_kernel_path_take_fd(struct control *c, const struct ipc_pass_fd *as, int fd)
{
	struct control_kernel_path *k = &c->kernel_path;

	if (!k->map)
		k->map = kernel_map_new();
	if (!k->map)
		return -ENOMEM;
	switch ((enum passed_fd)as->what) {
	case PASSED_KERNEL_RULES:
		return kernel_map_take_rules(k->map, fd);
	case PASSED_KERNEL_BLOCKS:
		return kernel_map_take_blocks(k->map, fd);
	default:
		return kernel_map_take_counters(k->map, fd, as->index + 1);
	}
}

void control_kernel_path_start(struct control *c, const struct ipc_start *start, bool restarted)
{
	struct control_kernel_path *k = &c->kernel_path;
	int ret;

	k->mark = start->mark;
	k->unavailable = start->kernel_path < KERNEL_PATH_REASONS
				 ? (enum kernel_path_reason)start->kernel_path
				 : KERNEL_PATH_REFUSED;
	if (k->unavailable != KERNEL_PATH_FITS)
		return;
	ret = k->map && kernel_map_is_whole(k->map)
		      ? kernel_map_load(k->map, restarted, monotonic_ns())
		      : -EBADF;
	if (ret == 0) {
		k->deferred = !restarted;
		/* No rule of ours is to be taken for one of theirs. */
		if (k->deferred && !kernel_map_is_empty(k->map))
			ruleset_restored(c->rules, monotonic_ns());
		return;
	}
	k->unavailable = KERNEL_PATH_REFUSED;
	log_msg(SEV_ERROR, FAC_RULE_DISPATCH,
		"the maps of the kernel path cannot be read: %s; workers relay all rules",
		strerror(-ret));
}

void control_kernel_path_fini(struct control *c)
{
	kernel_map_free(c->kernel_path.map);
	c->kernel_path.map = NULL;
	divisions_fini(&c->kernel_path.divisions);
}

/**
 * struct encoding - a rule as the maps should have it
 * @rule:     with a reason to be on the user path nothing of it is valid
 * @why:      by output of the rule: KERNEL_PATH_FITS, or why it needs a worker
 * @fits:     the same as a set
 * @splits:   the rule has outputs for both paths
 * @output, @incarnation: those that @rule has
 */
struct encoding {
	struct kernel_map_rule rule;
	enum kernel_path_reason why[MCR_MAX_RULE_OUTPUTS];
	bool fits[MCR_MAX_RULE_OUTPUTS];
	bool splits;
	struct kernel_path_output output[MCR_MAX_RULE_OUTPUTS];
	uint64_t incarnation[MCR_MAX_RULE_OUTPUTS];
	uint32_t mtu[MCR_MAX_RULE_OUTPUTS];
};

/* A division travels in a MAC header.  Outputs that will be known soon are waited for. */
static bool can_split(const struct control *c, const struct rule *r, const struct encoding *enc)
{
	const struct rec_iface *in = control_iface_named(c, r->input.interface);
	bool any = false;

	for (unsigned i = 0; i < r->n_outputs; i++) {
		any |= enc->fits[i];
		if (!enc->fits[i] && !kernel_path_is_lasting(enc->why[i]))
			return false;
	}
	return any && in->header == KERNEL_PATH_HEADER_ETHERNET;
}

/* Return: KERNEL_PATH_FITS: all outputs fit. */
static enum kernel_path_reason encode_outputs(const struct control *c,
					      const struct ruleset_entry *e, struct encoding *enc)
{
	const struct rule *r = &e->rule;
	bool all = true;

	for (unsigned i = 0; i < r->n_outputs; i++) {
		enc->why[i] = control_kernel_output_encode(c, r, &r->outputs[i], e->output_slots[i],
							   &enc->output[i], &enc->mtu[i]);
		enc->fits[i] = enc->why[i] == KERNEL_PATH_FITS;
		all &= enc->fits[i];
	}
	enc->splits = !all && can_split(c, r, enc);
	return all ? KERNEL_PATH_FITS : KERNEL_PATH_OTHER_OUTPUT;
}

/* @v: NULL: all of them */
static void take_outputs(const struct ruleset_entry *e, const struct division *v,
			 struct encoding *enc)
{
	struct kernel_map_rule *rule = &enc->rule;

	for (unsigned i = 0; i < e->rule.n_outputs; i++) {
		if (v && !division_has(v, &e->rule.outputs[i]))
			continue;
		enc->output[rule->n_outputs] = enc->output[i];
		enc->incarnation[rule->n_outputs++] = e->output_incarnations[i];
		if (enc->mtu[i] < rule->mtu)
			rule->mtu = enc->mtu[i];
	}
	rule->division = v ? v->number : 0;
}

static uint32_t block_flags(const struct rule *r)
{
	return r->consume ? KERNEL_PATH_BLOCK_CONSUME : 0;
}

static enum kernel_path_reason encode_rule(const struct control *c, const struct ruleset_entry *e,
					   struct encoding *enc)
{
	const struct rule *r = &e->rule;
	const uint32_t in = control_iface_slot(c, r->input.interface);
	const struct division *v = NULL;
	enum kernel_path_reason why = control_kernel_fit_rule(c, r);

	enc->splits = false;
	if (why != KERNEL_PATH_FITS)
		return why;
	if (control_loop_closes(c, e->slot))
		return KERNEL_PATH_INACTIVE;
	if (control_kernel_watch_suspects(c, e))
		return KERNEL_PATH_SUSPECTED;
	enc->rule = (struct kernel_map_rule){
		.key = kernel_path_key_of(&r->input, c->rec.iface[in].ifindex),
		.incarnation = e->incarnation,
		.slot = e->slot,
		.iface = in,
		.mtu = UINT32_MAX,
		.watch = control_kernel_watch_of(c, e),
		.flags = block_flags(r),
		.output = enc->output,
		.output_incarnation = enc->incarnation,
	};
	why = encode_outputs(c, e, enc);
	if (enc->splits)
		v = control_division_choose(c, e, enc->fits);
	if (why != KERNEL_PATH_FITS && !v)
		return why;
	take_outputs(e, v, enc);
	return KERNEL_PATH_FITS;
}

/* --- the maps --- */

/* @rule: what is known of one that stays with the workers. */
static void describe_user(const struct control *c, const struct ruleset_entry *e,
			  struct kernel_map_rule *rule)
{
	const struct rule_input *in = &e->rule.input;
	const uint32_t slot = control_iface_slot(c, in->interface);

	*rule = (struct kernel_map_rule){
		.incarnation = e->incarnation, .slot = e->slot, .flags = block_flags(&e->rule)};
	if (slot != MCR_NO_SLOT && !e->rule.disabled)
		rule->key = kernel_path_key_of(in, c->rec.iface[slot].ifindex);
}

static void log_error(int error, uint64_t now_ns)
{
	static struct log_limit limit;

	log_limited(&limit, now_ns, SEV_ERROR, FAC_RULE_DISPATCH,
		    "the maps of the kernel path: %s; workers relay what they lack",
		    strerror(-error));
}

static enum kernel_path_written written(int ret)
{
	if (ret == -EBUSY || ret == -ENOSPC)
		return WRITTEN_NOT_YET;
	return ret < 0 ? WRITTEN_REFUSED : WRITTEN_OTHER;
}

/* Return: whether the kernel relays for the rule now. */
static bool set_rule(struct control *c, const struct kernel_map_rule *rule, uint64_t now_ns)
{
	const int ret = kernel_map_set(c->kernel_path.map, rule, now_ns);

	c->kernel_path.written[rule->slot] = written(ret);
	if (written(ret) == WRITTEN_REFUSED)
		log_error(ret, now_ns);
	return ret == 0;
}

static int update_rule(struct control *c, const struct ruleset_entry *e, uint64_t now_ns)
{
	static struct encoding enc;
	struct kernel_map *map = c->kernel_path.map;
	const bool fits = encode_rule(c, e, &enc) == KERNEL_PATH_FITS;
	bool set = false;

	control_division_leaves(c, e, now_ns);
	if (fits)
		set = set_rule(c, &enc.rule, now_ns);
	if (set)
		control_division_written(c, e, enc.rule.division);
	if (enc.splits)
		control_division_need(c, e, enc.fits, set ? enc.rule.division : 0, now_ns);
	if (set)
		return 0;
	describe_user(c, e, &enc.rule);
	return kernel_map_set_user(map, &enc.rule, now_ns);
}

/* The maps are as rules and links want them, unless there was an @error. */
static void updated(struct control *c, int error, uint64_t now_ns)
{
	c->kernel_path.generation = error < 0 ? 0 : c->pub.generation;
	if (error < 0)
		log_error(error, now_ns);
}

static bool may_write(const struct control *c)
{
	return control_kernel_fit_available(c) && !c->kernel_path.deferred;
}

static void tell_all(struct control *c, uint64_t now_ns)
{
	uint64_t there[MCR_MAX_RULES / 64] = {0};

	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		control_kernel_fit_tell(c, ruleset_at(c->rules, i), now_ns);
		bitset_add(there, ruleset_at(c->rules, i)->slot);
	}
	for (unsigned i = 0; i < MCR_MAX_RULES / 64; i++)
		c->kernel_path.told[i] &= there[i];
}

void control_kernel_path_update(struct control *c, uint64_t now_ns)
{
	int ret, error = 0;

	tell_all(c, now_ns);
	if (!may_write(c))
		return;
	kernel_map_begin(c->kernel_path.map);
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		ret = update_rule(c, ruleset_at(c->rules, i), now_ns);
		error = error ? error : ret;
	}
	ret = kernel_map_end(c->kernel_path.map, now_ns);
	updated(c, error ? error : ret, now_ns);
}

static void tell_or_forget(struct control *c, uint32_t slot, uint64_t now_ns)
{
	const struct ruleset_entry *e = c->resolved.rule[slot].entry;

	if (e) {
		control_kernel_fit_tell(c, e, now_ns);
		return;
	}
	bitset_remove(c->kernel_path.told, slot);
	c->kernel_path.written[slot] = WRITTEN_NOT_YET;
}

void control_kernel_path_update_slots(struct control *c, const uint32_t *slots, unsigned n,
				      uint64_t now_ns)
{
	int error = 0;

	for (unsigned i = 0; i < n; i++)
		tell_or_forget(c, slots[i], now_ns);
	if (!n || !may_write(c))
		return;
	for (unsigned i = 0; i < n; i++) {
		const struct ruleset_entry *e = c->resolved.rule[slots[i]].entry;
		const int ret = e ? update_rule(c, e, now_ns)
				  : kernel_map_clear(c->kernel_path.map, slots[i], now_ns);

		error = error ? error : ret;
	}
	updated(c, error, now_ns);
}

void control_kernel_path_check(struct control *c, uint64_t now_ns)
{
	static struct log_limit limit;
	bool changed;

	if (!may_write(c) || kernel_map_check(c->kernel_path.map, now_ns, &changed) <= 0)
		return;
	c->kernel_path.generation = 0;
	c->dirty = true;
	if (!changed)
		return;
	c->heartbeat->kernel_path_drift++;
	log_limited(
		&limit, now_ns, SEV_WARNING, FAC_RULE_DISPATCH,
		"the maps of the kernel path were changed by somebody else: writing them again");
}

void control_kernel_path_divide(struct control *c, uint64_t now_ns)
{
	/* A reconcile that is due looks at all rules. */
	for (uint32_t i = 0; i < MCR_MAX_RULES / 64 && !c->dirty; i++) {
		uint64_t slots = c->kernel_path.dividing[i];

		for (; slots; slots &= slots - 1) {
			const uint32_t slot = i * 64 + (uint32_t)__builtin_ctzll(slots);

			bitset_remove(c->kernel_path.dividing, slot);
			control_kernel_path_update_slots(c, &slot, 1, now_ns);
		}
	}
}

bool control_kernel_path_due(const struct control *c, uint64_t now_ns)
{
	return may_write(c) && now_ns >= kernel_map_due_ns(c->kernel_path.map);
}

/* --- answers --- */

bool control_kernel_path_state(const struct control *c, struct kernel_path_state *s)
{
	const struct control_kernel_path *k = &c->kernel_path;
	struct kernel_map_summary m;

	if (!control_kernel_fit_available(c))
		return false;
	m = kernel_map_summary(k->map);
	*s = (struct kernel_path_state){
		.generation = k->generation,
		.hash = m.hash,
		.in_sync = k->generation == c->pub.generation && m.as_written,
		.references = m.references,
		.blocks = m.blocks,
	};
	return true;
}

static enum kernel_path_reason not_relaying(const struct control *c, uint32_t slot)
{
	switch ((enum kernel_path_written)c->kernel_path.written[slot]) {
	case WRITTEN_OTHER:
		return KERNEL_PATH_OTHER_RULE;
	case WRITTEN_REFUSED:
		return KERNEL_PATH_UNWRITTEN;
	case WRITTEN_NOT_YET:
		break;
	}
	return KERNEL_PATH_RESTING;
}

/* Of an output that fits, in a rule that fits. */
static enum kernel_path_reason of_division(const struct control *c, const struct ruleset_entry *e,
					   const struct encoding *enc, unsigned output)
{
	const struct kernel_map *map = c->kernel_path.map;

	if (!kernel_map_relays(map, e->slot))
		return not_relaying(c, e->slot);
	if (kernel_map_division(map, &enc->rule.key) != enc->rule.division)
		return KERNEL_PATH_DIVIDING;
	if (!enc->splits)
		return KERNEL_PATH_FITS;
	for (uint32_t i = 0; i < enc->rule.n_outputs; i++)
		if (enc->output[i].slot == e->output_slots[output])
			return KERNEL_PATH_FITS;
	return KERNEL_PATH_DIVIDING;
}

void control_kernel_path_reasons(const struct control *c, const struct ruleset_entry *e,
				 enum kernel_path_reason why[static MCR_MAX_RULE_OUTPUTS])
{
	static struct encoding enc;
	const enum kernel_path_reason of_rule = encode_rule(c, e, &enc);

	for (unsigned i = 0; i < e->rule.n_outputs; i++) {
		if (of_rule != KERNEL_PATH_FITS && of_rule != KERNEL_PATH_OTHER_OUTPUT)
			why[i] = of_rule;
		else if (!enc.fits[i])
			why[i] = enc.why[i];
		else if (of_rule == KERNEL_PATH_FITS)
			why[i] = of_division(c, e, &enc, i);
		else
			why[i] = enc.splits ? KERNEL_PATH_DIVIDING : KERNEL_PATH_OTHER_OUTPUT;
	}
}
