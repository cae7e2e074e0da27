// SPDX-License-Identifier: MIT
/* kernel_path.c - load, attach and count the tc program of the kernel path */
#include "daemon/supervisor/kernel_path.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/rules/kernel_path.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/state.h"

static const char *pin_dir(const struct supervisor *s)
{
	return s->options->pin_dir;
}

/* Takes the pinned program, with which the kernel still relays; else loads and pins a new one. */
static int load_pinned(struct supervisor *s, uint32_t mark, char *why, size_t size)
{
	int ret = priv_bpf_pins(pin_dir(s), mark);

	if (ret == -ENOENT)
		snprintf(why, size, "%s is in no bpf file system", pin_dir(s));
	if (ret == -EEXIST)
		snprintf(why, size,
			 "%s has pins of another version or mark: mcrd --detach --pin %s removes "
			 "them",
			 pin_dir(s), pin_dir(s));
	if (ret < 0)
		return ret;
	s->adopted = priv_bpf_adopt(pin_dir(s), mark, &s->bpf) == 0;
	if (s->adopted)
		return 0;
	priv_bpf_unpin(pin_dir(s));
	ret = priv_bpf_load(mark, &s->bpf, why, size);
	if (ret == 0)
		ret = priv_bpf_pin(pin_dir(s), &s->bpf);
	return ret;
}

static enum kernel_path_reason load(struct supervisor *s, char *why, size_t size)
{
	const uint32_t mark = 1u << s->options->mark_bit;
	int ret;

	*why = '\0';
	if (!priv_bpf_built())
		return KERNEL_PATH_NOT_BUILT;
	if (!priv_bpf_attachable())
		return KERNEL_PATH_TOO_OLD;
	ret = pin_dir(s) ? load_pinned(s, mark, why, size)
			 : priv_bpf_load(mark, &s->bpf, why, size);
	if (ret == -EPERM && priv_bpf_lacks_rights())
		return KERNEL_PATH_NO_RIGHT;
	if (ret < 0 && !*why)
		snprintf(why, size, "%s", strerror(-ret));
	if (ret < 0)
		priv_bpf_close(&s->bpf);
	return ret < 0 ? KERNEL_PATH_REFUSED : KERNEL_PATH_FITS;
}

void kernel_path_start(struct supervisor *s)
{
	char why[256];

	s->no_kernel_path = KERNEL_PATH_NOT_STARTED;
	if (!s->options->path_auto)
		return;
	s->no_kernel_path = load(s, why, sizeof(why));
	if (s->no_kernel_path == KERNEL_PATH_FITS)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"rules relay in the kernel where they can; frames that it has relayed have "
			"bit %u of their mark set%s",
			s->options->mark_bit,
			s->adopted ? "; what an earlier mcrd left goes on" : "");
	else
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "--path auto: %s: workers relay all rules%s%s",
			kernel_path_reason_text(s->no_kernel_path), *why ? ": " : "", why);
}

int kernel_path_resume(struct supervisor *s)
{
	if (s->bpf.program < 0) {
		s->no_kernel_path = KERNEL_PATH_NOT_STARTED;
		return 0;
	}
	s->no_kernel_path = KERNEL_PATH_FITS;
	return priv_bpf_map_counters(&s->bpf);
}

void kernel_path_fini(struct supervisor *s)
{
	if (s->bpf.program >= 0 && pin_dir(s))
		priv_bpf_unpin(pin_dir(s));
	priv_bpf_close(&s->bpf);
}

void kernel_path_describe(const struct supervisor *s, struct ipc_start *start)
{
	start->kernel_path = (uint8_t)s->no_kernel_path;
	start->mark = s->bpf.program >= 0 ? s->bpf.mark : 0;
}

/* Return: a descriptor; negative errno. */
static int attach(struct supervisor *s, unsigned ifindex)
{
	int link, ret;

	if (!pin_dir(s))
		return priv_bpf_attach(&s->bpf, ifindex);
	link = priv_bpf_link_adopt(pin_dir(s), &s->bpf, ifindex);
	if (link >= 0)
		return link;
	link = priv_bpf_attach(&s->bpf, ifindex);
	ret = link < 0 ? link : priv_bpf_link_pin(pin_dir(s), &s->bpf, ifindex, link);
	if (ret < 0)
		log_msg(SEV_WARNING, FAC_NETWORK,
			"what is attached to interface %u is not pinned: %s", ifindex,
			strerror(-ret));
	return link;
}

void kernel_path_attach(struct supervisor *s, struct input *in)
{
	static struct log_limit limit[MCR_MAX_IFACES];
	char name[IF_NAMESIZE];
	int ret;

	if (s->bpf.program < 0)
		return;
	ret = attach(s, in->iface.ifindex);
	if (ret < 0) {
		log_limited(&limit[in->iface.slot], monotonic_ns(), SEV_WARNING, FAC_NETWORK,
			    "input %s takes no tc program: %s; workers relay what arrives there",
			    if_indextoname(in->iface.ifindex, name) ? name : "that has gone",
			    strerror(-ret));
		return;
	}
	in->program = ret;
	in->mark = s->bpf.mark;
	/* The slot may have counts of an earlier input. */
	kernel_path_new_frames(s, in);
}

void kernel_path_detach(struct supervisor *s, struct input *in)
{
	if (in->program >= 0 && pin_dir(s))
		priv_bpf_link_unpin(pin_dir(s), &s->bpf, in->iface.ifindex);
	if (in->program >= 0)
		priv_bpf_detach(in->program);
	in->program = -1;
	in->mark = 0;
}

uint64_t kernel_path_new_frames(const struct supervisor *s, struct input *in)
{
	uint64_t sum = 0, fresh;

	if (!s->bpf.records)
		return 0;
	for (unsigned l = 0; l < s->bpf.lanes; l++)
		sum += __atomic_load_n(&s->bpf.records[KERNEL_PATH_LANE(l) +
						       KERNEL_PATH_IFACE_FRAMES + in->iface.slot]
						.a,
				       __ATOMIC_RELAXED);
	fresh = sum - in->kernel_frames;
	in->kernel_frames = sum;
	return fresh;
}

void kernel_path_drop_others(struct supervisor *s)
{
	uint32_t kept[MCR_MAX_IFACES];
	unsigned n = 0;

	if (!s->adopted)
		return;
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->input[i].program >= 0)
			kept[n++] = s->input[i].iface.ifindex;
	priv_bpf_links_unpin_others(pin_dir(s), &s->bpf, kept, n);
}

int kernel_path_remove_pins(const struct options *options)
{
	const int ret = priv_bpf_unpin(options->pin_dir);

	if (ret < 0)
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "%s: %s", options->pin_dir, strerror(-ret));
	else
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "%d pins removed from %s", ret,
			options->pin_dir);
	return ret < 0;
}
