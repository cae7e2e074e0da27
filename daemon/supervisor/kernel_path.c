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

static enum kernel_path_reason load(struct supervisor *s, char *why, size_t size)
{
	int ret;

	*why = '\0';
	if (!priv_bpf_built())
		return KERNEL_PATH_NOT_BUILT;
	if (!priv_bpf_attachable())
		return KERNEL_PATH_TOO_OLD;
	ret = priv_bpf_load(1u << s->options->mark_bit, &s->bpf, why, size);
	if (ret == -EPERM && priv_bpf_lacks_rights())
		return KERNEL_PATH_NO_RIGHT;
	if (ret < 0 && !*why)
		snprintf(why, size, "%s", strerror(-ret));
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
			"bit %u of their mark set",
			s->options->mark_bit);
	else
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "--path auto: %s: workers relay all rules%s%s",
			kernel_path_reason_text(s->no_kernel_path),
			*why ? "; the kernel says: " : "", why);
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
	priv_bpf_close(&s->bpf);
}

void kernel_path_describe(const struct supervisor *s, struct ipc_start *start)
{
	start->kernel_path = (uint8_t)s->no_kernel_path;
	start->mark = s->bpf.program >= 0 ? s->bpf.mark : 0;
}

void kernel_path_attach(struct supervisor *s, struct input *in)
{
	static struct log_limit limit[MCR_MAX_IFACES];
	char name[IF_NAMESIZE];
	int ret;

	if (s->bpf.program < 0)
		return;
	ret = priv_bpf_attach(&s->bpf, in->iface.ifindex);
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

void kernel_path_detach(struct input *in)
{
	if (in->program >= 0)
		close(in->program);
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
