// SPDX-License-Identifier: MIT
/*
 * kernel_attach.c - which inputs have the tc program
 *
 *   an earlier mcrd's        this mcrd                        when control is ready
 *   -----------------        ---------                        ---------------------
 *   same program, pinned     takes it as it is                inputs that it lacks: detached
 *   another program          attaches its own in front        detached
 *
 * A program that is in front clears the mark of a frame that its maps do not have, and the
 * one behind sets it again when it relays the frame, so each frame is relayed once: by the
 * one behind until that is detached, by workers after it.  They have the rules then.
 */
#include "daemon/supervisor/kernel_attach.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/bpf_clsact.h"
#include "daemon/priv/bpf_lock.h"
#include "daemon/priv/bpf_tcx.h"
#include "daemon/supervisor/kernel_path.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

static bool is_attached(const struct input *in)
{
	return in->attached.link >= 0 || in->attached.filter;
}

/* --- attach and detach --- */

/* Return: 0: it has the program already; -ENOENT. */
static int adopt(struct supervisor *s, unsigned ifindex, struct kernel_path_attachment *to)
{
	struct clsact_filter list[CLSACT_FILTERS_MAX];
	int n;

	if (s->pins.dir >= 0)
		to->link = priv_pins_link_adopt(&s->pins, &s->bpf, ifindex);
	if (to->link >= 0)
		return 0;
	to->link = -1;
	n = priv_clsact_list(ifindex, s->bpf.mark, list);
	for (int i = 0; i < n; i++) {
		to->own_qdisc |= list[i].own_qdisc;
		to->filter |= list[i].program == s->bpf.program_id;
	}
	return to->filter ? 0 : -ENOENT;
}

static int attach_tcx(struct supervisor *s, unsigned ifindex)
{
	const int link = priv_tcx_attach(&s->bpf, ifindex);
	int ret;

	if (link < 0 || s->pins.dir < 0)
		return link;
	ret = priv_pins_link_put(&s->pins, ifindex, link);
	if (ret < 0)
		log_msg(SEV_WARNING, FAC_NETWORK,
			"what is attached to interface %u is not pinned: %s", ifindex,
			strerror(-ret));
	return link;
}

static int attach(struct supervisor *s, unsigned ifindex, struct kernel_path_attachment *to)
{
	int ret;

	*to = KERNEL_PATH_DETACHED;
	if (adopt(s, ifindex, to) == 0)
		return 0;
	if (s->clsact) {
		ret = priv_clsact_attach(&s->bpf, ifindex, &to->own_qdisc);
		to->filter = ret == 0;
		return ret;
	}
	ret = attach_tcx(s, ifindex);
	to->link = ret < 0 ? -1 : ret;
	return ret < 0 ? ret : 0;
}

void kernel_path_attach(struct supervisor *s, struct input *in)
{
	static struct log_limit limit[MCR_MAX_IFACES];
	char name[IF_NAMESIZE];
	int ret;

	if (s->bpf.program < 0)
		return;
	ret = attach(s, in->iface.ifindex, &in->attached);
	if (ret < 0) {
		log_limited(&limit[in->iface.slot], monotonic_ns(), SEV_WARNING, FAC_NETWORK,
			    "input %s takes no tc program: %s%s; workers relay what arrives there",
			    if_indextoname(in->iface.ifindex, name) ? name : "that has gone",
			    strerror(-ret), ret == -ERANGE ? " (63 programs are there)" : "");
		return;
	}
	in->mark = s->bpf.mark;
}

static struct clsact_filter filter_of(const struct supervisor *s, const struct input *in)
{
	return (struct clsact_filter){.program = s->bpf.program_id,
				      .own_qdisc = in->attached.own_qdisc};
}

void kernel_path_detach(struct supervisor *s, struct input *in)
{
	const struct clsact_filter filter = filter_of(s, in);

	if (in->attached.link >= 0 && s->pins.dir >= 0)
		priv_pins_link_remove(&s->pins, in->iface.ifindex);
	if (in->attached.link >= 0)
		priv_tcx_detach(in->attached.link);
	if (in->attached.filter)
		priv_clsact_detach(in->iface.ifindex, &filter);
	in->attached = KERNEL_PATH_DETACHED;
	in->mark = 0;
}

/* --- what others took away --- */

static bool is_there(const struct supervisor *s, const struct input *in)
{
	struct clsact_filter list[CLSACT_FILTERS_MAX];
	const int n =
		in->attached.filter ? priv_clsact_list(in->iface.ifindex, s->bpf.mark, list) : 0;

	if (in->attached.link >= 0)
		return priv_tcx_is_attached(&s->bpf, in->iface.ifindex, in->attached.link);
	for (int i = 0; i < n; i++)
		if (list[i].program == s->bpf.program_id)
			return true;
	return n < 0; /* that cannot be told */
}

/* Workers have relayed what came meanwhile: no frame was marked. */
static bool attach_again(struct supervisor *s, struct input *in)
{
	static struct log_limit limit[MCR_MAX_IFACES];
	char name[IF_NAMESIZE];
	int ret;

	if (in->attached.link >= 0 && s->pins.dir >= 0)
		priv_pins_link_remove(&s->pins, in->iface.ifindex);
	if (in->attached.link >= 0)
		close(in->attached.link);
	ret = attach(s, in->iface.ifindex, &in->attached);
	log_limited(&limit[in->iface.slot], monotonic_ns(), SEV_WARNING, FAC_NETWORK,
		    "the tc program of input %s was taken away by somebody else: %s",
		    if_indextoname(in->iface.ifindex, name) ? name : "that has gone",
		    ret < 0 ? strerror(-ret) : "it is attached again");
	return ret == 0;
}

unsigned kernel_path_verify(struct supervisor *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		struct input *in = &s->input[i];

		if (in->incarnation && in->mark && !is_there(s, in))
			n += attach_again(s, in);
	}
	return n;
}

/* --- what others left --- */

static bool is_ours(const struct supervisor *s, unsigned ifindex, const struct clsact_filter *f)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->input[i].attached.filter && s->input[i].iface.ifindex == ifindex)
			return f->program == s->bpf.program_id;
	return false;
}

/* Does no process have the lock of that mark? */
static bool is_left(uint32_t mark)
{
	const int lock = priv_bpf_lock(mark);

	if (lock >= 0)
		close(lock);
	return lock >= 0;
}

/* @s: its own filters stay; NULL: none of @mark does.  Return: filters that were removed. */
static unsigned remove_filters(const struct supervisor *s, uint32_t mark)
{
	struct if_nameindex *all = if_nameindex();
	unsigned removed = 0;

	for (unsigned i = 0; all && all[i].if_index; i++) {
		struct clsact_filter list[CLSACT_FILTERS_MAX];
		const int n = priv_clsact_list(all[i].if_index, s ? 0 : mark, list);

		for (int k = 0; k < n; k++)
			if (list[k].mark == mark ? !s || !is_ours(s, all[i].if_index, &list[k])
						 : is_left(list[k].mark))
				removed += priv_clsact_detach(all[i].if_index, &list[k]) == 0;
	}
	if (all)
		if_freenameindex(all);
	return removed;
}

static unsigned remove_others(struct supervisor *s)
{
	const uint32_t mark = 1u << s->options->mark_bit;
	uint32_t kept[MCR_MAX_IFACES];
	unsigned n = 0;

	if (s->bpf.program < 0)
		return priv_pins_remove(&s->pins) + remove_filters(NULL, mark);
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (is_attached(&s->input[i]))
			kept[n++] = s->input[i].iface.ifindex;
	n = s->pins.dir < 0 ? 0 : priv_pins_remove_others(&s->pins, kept, n);
	return n + remove_filters(s, mark);
}

void kernel_path_drop_others(struct supervisor *s)
{
	unsigned n;

	if (!s->others_left)
		return;
	s->others_left = false;
	worker_channel_await(s);
	n = remove_others(s);
	if (n)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"%u pins and tc filters of an earlier mcrd that this one does not use are "
			"removed",
			n);
}

static int detach_pins(const struct options *options, unsigned *n)
{
	struct priv_pins pins;
	char usual[PIN_DIR_MAX];
	const char *dir = options->pin_dir ? options->pin_dir : usual;
	int ret;

	*n = 0;
	if (options->pin_dir && !strcmp(options->pin_dir, PIN_NONE))
		return 0;
	priv_pins_default(usual, options->mark_bit);
	ret = priv_pins_open(&pins, dir, 1u << options->mark_bit);
	if (ret == 0 || ret == -EXDEV)
		*n = priv_pins_remove(&pins);
	else if (ret == -EBUSY)
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "%s is that of an mcrd that runs", dir);
	else if (options->pin_dir)
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "%s: %s", dir,
			ret == -ENOENT ? "in no bpf file system" : strerror(-ret));
	else
		return 0;
	return ret == -EXDEV ? 0 : ret;
}

int kernel_path_remove_left(const struct options *options)
{
	const uint32_t mark = 1u << options->mark_bit;
	const int lock = priv_bpf_lock(mark);
	unsigned pins, filters;

	if (lock < 0) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR,
			lock == -EADDRINUSE ? "an mcrd with bit %u of the mark runs here: SIGTERM "
					      "detaches what it has attached"
					    : "bit %u of the mark cannot be locked",
			options->mark_bit);
		return 1;
	}
	if (detach_pins(options, &pins) < 0)
		return 1;
	filters = remove_filters(NULL, mark);
	log_msg(SEV_NOTICE, FAC_SUPERVISOR, "%u pins and %u tc filters removed", pins, filters);
	return 0;
}
