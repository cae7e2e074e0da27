// SPDX-License-Identifier: MIT
/* kernel_fit.c - eligibility, as far as it does not depend on what the maps hold */
#include "daemon/control/kernel_fit.h"

#include <errno.h>

#include "core/base/bitset.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/control/iface.h"
#include "daemon/control/kernel_output.h"
#include "daemon/control/state.h"

bool control_kernel_fit_available(const struct control *c)
{
	return c->kernel_path.map && c->kernel_path.unavailable == KERNEL_PATH_FITS;
}

/* Of the input interface; KERNEL_PATH_FITS also while it does not exist. */
static enum kernel_path_reason of_link(const struct rec_iface *f)
{
	if (f->header == KERNEL_PATH_HEADER_OTHER)
		return KERNEL_PATH_INPUT_LINK;
	return f->is_port ? KERNEL_PATH_INPUT_PORT : KERNEL_PATH_FITS;
}

bool control_kernel_fit_input(const struct control *c, const struct rec_iface *f)
{
	if (!control_kernel_fit_available(c) || of_link(f) != KERNEL_PATH_FITS)
		return false;
	/* How it was opened it stays: another kind of socket would be a gap for all streams. */
	return !f->in_open || f->in_as.kernel_path;
}

int control_kernel_fit_need(struct control *c, const struct rec_iface *out, const struct rule *r,
			    const struct rule_output *o)
{
	if (!control_kernel_fit_available(c) || kernel_path_of_rule(r) != KERNEL_PATH_FITS)
		return 0;
	return control_kernel_output_need(c, out, o);
}

void control_kernel_fit_release(struct control *c, const struct rec_iface *out,
				const struct rule *r, const struct rule_output *o)
{
	if (control_kernel_fit_available(c) && kernel_path_of_rule(r) == KERNEL_PATH_FITS)
		control_kernel_output_release(c, out, o);
}

enum kernel_path_reason control_kernel_fit_program(const struct control *c, const struct rule *r)
{
	const struct rec_iface *f = control_iface_named(c, r->input.interface);
	enum kernel_path_reason why;

	if (!control_kernel_fit_available(c))
		return c->kernel_path.unavailable ? c->kernel_path.unavailable
						  : KERNEL_PATH_NOT_STARTED;
	why = f ? of_link(f) : KERNEL_PATH_FITS;
	if (why == KERNEL_PATH_FITS && f && f->in_open && !f->in_as.kernel_path)
		why = KERNEL_PATH_INPUT_OPEN;
	if (why == KERNEL_PATH_FITS && (r->disabled || !f || !f->up || !f->in_open))
		why = KERNEL_PATH_INACTIVE;
	return why;
}

/* The parts of such a super-datagram are frames of their own, whose headers stay as they came. */
static bool is_of_frames(const struct rec_iface *f)
{
	return f && f->in_open && f->fraglist;
}

enum kernel_path_reason control_kernel_fit_rule(const struct control *c, const struct rule *r)
{
	const enum kernel_path_reason of_rule = kernel_path_of_rule(r);
	enum kernel_path_reason why;

	if (of_rule == KERNEL_PATH_NOT_ASKED ||
	    (control_kernel_fit_available(c) && of_rule != KERNEL_PATH_FITS))
		return of_rule;
	why = control_kernel_fit_program(c, r);
	if (why == KERNEL_PATH_FITS && is_of_frames(control_iface_named(c, r->input.interface)))
		return KERNEL_PATH_INPUT_FRAGLIST;
	return why;
}

/* Why the kernel cannot do what the rule asks for, if that will not come true by itself. */
static enum kernel_path_reason refusal(const struct control *c, const struct rule *r)
{
	enum kernel_path_reason why;

	if (r->path != RULE_PATH_KERNEL)
		return KERNEL_PATH_FITS;
	why = control_kernel_fit_rule(c, r);
	for (unsigned i = 0; i < r->n_outputs && !kernel_path_is_lasting(why); i++) {
		struct kernel_path_output out;
		uint32_t mtu;

		why = control_kernel_output_encode(c, r, &r->outputs[i], 0, &out, &mtu);
	}
	return kernel_path_is_lasting(why) ? why : KERNEL_PATH_FITS;
}

int control_kernel_fit_refuse(const struct control *c, const struct rule *r, struct complaint *cpl)
{
	const enum kernel_path_reason why = refusal(c, r);

	if (why == KERNEL_PATH_FITS)
		return 0;
	complain(cpl, "path", "\"kernel\" is not possible: %s", kernel_path_reason_text(why));
	return -EINVAL;
}

void control_kernel_fit_tell(struct control *c, const struct ruleset_entry *e, uint64_t now_ns)
{
	static struct log_limit limit;
	const enum kernel_path_reason why = refusal(c, &e->rule);
	uint64_t *told = c->kernel_path.told;

	if (why == KERNEL_PATH_FITS)
		bitset_remove(told, e->slot);
	/* Before the links are known nothing can be said. */
	if (why == KERNEL_PATH_FITS || bitset_has(told, e->slot) || !c->netif.ready)
		return;
	bitset_add(told, e->slot);
	log_burst(&limit, now_ns, SEV_WARNING, FAC_RULE_DISPATCH,
		  "rule %s: path \"kernel\" is not possible: %s; a worker relays it", e->rule.id,
		  kernel_path_reason_text(why));
}
