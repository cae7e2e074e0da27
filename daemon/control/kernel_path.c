// SPDX-License-Identifier: MIT
/* kernel_path.c - from rules and links to the maps of the kernel path */
#include "daemon/control/kernel_path.h"

#include <errno.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/base/hash.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_restore.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/iface.h"
#include "daemon/control/kernel_check.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_output.h"
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
}

static bool is_available(const struct control *c)
{
	return c->kernel_path.map && c->kernel_path.unavailable == KERNEL_PATH_FITS;
}

/* --- what a rule needs --- */

/* Of the input interface; KERNEL_PATH_FITS also while it does not exist. */
static enum kernel_path_reason of_link(const struct rec_iface *f)
{
	if (f->header == KERNEL_PATH_HEADER_OTHER)
		return KERNEL_PATH_INPUT_LINK;
	return f->is_port ? KERNEL_PATH_INPUT_PORT : KERNEL_PATH_FITS;
}

bool control_kernel_path_wants_input(const struct control *c, const struct rec_iface *f)
{
	if (!is_available(c) || of_link(f) != KERNEL_PATH_FITS)
		return false;
	/* How it was opened it stays: another kind of socket would be a gap for all streams. */
	return !f->in_open || f->in_as.kernel_path;
}

int control_kernel_path_need(struct control *c, const struct rec_iface *out, const struct rule *r,
			     const struct rule_output *o)
{
	if (!is_available(c) || kernel_path_of_rule(r) != KERNEL_PATH_FITS)
		return 0;
	return control_kernel_output_need(c, out, o);
}

void control_kernel_path_release(struct control *c, const struct rec_iface *out,
				 const struct rule *r, const struct rule_output *o)
{
	if (is_available(c) && kernel_path_of_rule(r) == KERNEL_PATH_FITS)
		control_kernel_output_release(c, out, o);
}

/* Of the program at the rule's input; KERNEL_PATH_FITS: it sees the frames. */
static enum kernel_path_reason of_program(const struct control *c, const struct rule *r)
{
	const struct rec_iface *f = control_iface_named(c, r->input.interface);
	enum kernel_path_reason why;

	if (!is_available(c))
		return c->kernel_path.unavailable ? c->kernel_path.unavailable
						  : KERNEL_PATH_NOT_STARTED;
	why = f ? of_link(f) : KERNEL_PATH_FITS;
	if (why == KERNEL_PATH_FITS && f && f->in_open && !f->in_as.kernel_path)
		why = KERNEL_PATH_INPUT_OPEN;
	if (why == KERNEL_PATH_FITS && (r->disabled || !f || !f->up || !f->in_open))
		why = KERNEL_PATH_INACTIVE;
	return why;
}

/* Of the daemon, the rule and its input, before any output is looked at. */
static enum kernel_path_reason of_input(const struct control *c, const struct rule *r)
{
	const enum kernel_path_reason of_rule = kernel_path_of_rule(r), why = of_program(c, r);

	if (of_rule == KERNEL_PATH_NOT_ASKED || (is_available(c) && of_rule != KERNEL_PATH_FITS))
		return of_rule;
	return why;
}

static uint32_t block_flags(const struct rule *r)
{
	return r->consume ? KERNEL_PATH_BLOCK_CONSUME : 0;
}

/* @rule: filled but for its output, which is encoded into @outputs. */
static enum kernel_path_reason encode_rule(const struct control *c, const struct ruleset_entry *e,
					   struct kernel_map_rule *rule,
					   struct kernel_path_output *outputs)
{
	const struct rule *r = &e->rule;
	const uint32_t in = control_iface_slot(c, r->input.interface);
	enum kernel_path_reason why = of_input(c, r);

	if (why != KERNEL_PATH_FITS)
		return why;
	if (control_loop_closes(c, e->slot))
		return KERNEL_PATH_INACTIVE;
	*rule = (struct kernel_map_rule){
		.key = kernel_path_key_of(&r->input, c->rec.iface[in].ifindex),
		.incarnation = e->incarnation,
		.slot = e->slot,
		.iface = in,
		.mtu = UINT32_MAX,
		.flags = block_flags(r),
		.n_outputs = r->n_outputs,
		.output = outputs,
		.output_incarnation = e->output_incarnations,
	};
	for (unsigned i = 0; i < r->n_outputs; i++) {
		uint32_t mtu;

		why = control_kernel_output_encode(c, r, &r->outputs[i], e->output_slots[i],
						   &outputs[i], &mtu);
		if (why != KERNEL_PATH_FITS)
			return KERNEL_PATH_OTHER_OUTPUT;
		if (mtu < rule->mtu)
			rule->mtu = mtu;
	}
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

static int update_rule(struct control *c, const struct ruleset_entry *e, uint64_t now_ns)
{
	static struct kernel_path_output outputs[MCR_MAX_RULE_OUTPUTS];
	struct kernel_map *map = c->kernel_path.map;
	struct kernel_map_rule rule;

	if (encode_rule(c, e, &rule, outputs) == KERNEL_PATH_FITS &&
	    kernel_map_set(map, &rule, now_ns) == 0)
		return 0;
	describe_user(c, e, &rule);
	return kernel_map_set_user(map, &rule, now_ns);
}

static void log_error(int error, uint64_t now_ns)
{
	static struct log_limit limit;

	log_limited(&limit, now_ns, SEV_ERROR, FAC_RULE_DISPATCH,
		    "the maps of the kernel path: %s; workers relay what they lack",
		    strerror(-error));
}

static bool may_write(const struct control *c)
{
	return is_available(c) && !c->kernel_path.deferred;
}

void control_kernel_path_update(struct control *c, uint64_t now_ns)
{
	int ret, error = 0;

	if (!may_write(c))
		return;
	kernel_map_begin(c->kernel_path.map);
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		ret = update_rule(c, ruleset_at(c->rules, i), now_ns);
		error = error ? error : ret;
	}
	ret = kernel_map_end(c->kernel_path.map, now_ns);
	error = error ? error : ret;
	if (error < 0)
		log_error(error, now_ns);
}

void control_kernel_path_update_slots(struct control *c, const uint32_t *slots, unsigned n,
				      uint64_t now_ns)
{
	int error = 0;

	for (unsigned i = 0; i < n && may_write(c); i++) {
		const struct ruleset_entry *e = c->resolved.rule[slots[i]].entry;
		const int ret = e ? update_rule(c, e, now_ns)
				  : kernel_map_clear(c->kernel_path.map, slots[i], now_ns);

		error = error ? error : ret;
	}
	if (error < 0)
		log_error(error, now_ns);
}

void control_kernel_path_check(struct control *c, uint64_t now_ns)
{
	static struct log_limit limit;
	bool changed;

	if (!may_write(c) || kernel_map_check(c->kernel_path.map, now_ns, &changed) <= 0)
		return;
	c->dirty = true;
	if (!changed)
		return;
	c->heartbeat->kernel_path_drift++;
	log_limited(
		&limit, now_ns, SEV_WARNING, FAC_RULE_DISPATCH,
		"the maps of the kernel path were changed by somebody else: writing them again");
}

bool control_kernel_path_due(const struct control *c, uint64_t now_ns)
{
	return may_write(c) && now_ns >= kernel_map_due_ns(c->kernel_path.map);
}

/* --- answers --- */

enum kernel_path_reason control_kernel_path_of_rule(const struct control *c,
						    const struct ruleset_entry *e)
{
	static struct kernel_path_output outputs[MCR_MAX_RULE_OUTPUTS];
	struct kernel_map_rule rule;
	const enum kernel_path_reason why = encode_rule(c, e, &rule, outputs);

	/* It was refused for now, or another rule has its frames. */
	if (why == KERNEL_PATH_FITS && !kernel_map_relays(c->kernel_path.map, e->slot))
		return KERNEL_PATH_RESTING;
	return why;
}

enum kernel_path_reason control_kernel_path_of_output(const struct control *c,
						      const struct ruleset_entry *e,
						      enum kernel_path_reason of_rule,
						      unsigned output)
{
	struct kernel_path_output unused;
	enum kernel_path_reason own;
	uint32_t mtu;

	if (of_rule != KERNEL_PATH_OTHER_OUTPUT)
		return of_rule;
	own = control_kernel_output_encode(c, &e->rule, &e->rule.outputs[output],
					   e->output_slots[output], &unused, &mtu);
	return own == KERNEL_PATH_FITS ? of_rule : own;
}

enum kernel_path_reason control_kernel_path_consumes(const struct control *c, const struct rule *r)
{
	return of_program(c, r);
}

int control_kernel_path_refuse(const struct control *c, const struct rule *r, struct complaint *cpl)
{
	enum kernel_path_reason why;

	if (r->path != RULE_PATH_KERNEL)
		return 0;
	why = of_input(c, r);
	for (unsigned i = 0; i < r->n_outputs && !kernel_path_is_lasting(why); i++) {
		struct kernel_path_output out;
		uint32_t mtu;

		why = control_kernel_output_encode(c, r, &r->outputs[i], 0, &out, &mtu);
	}
	if (!kernel_path_is_lasting(why))
		return 0;
	complain(cpl, "path", "\"kernel\" is not possible: %s", kernel_path_reason_text(why));
	return -EINVAL;
}
