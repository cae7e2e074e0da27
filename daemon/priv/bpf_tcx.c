// SPDX-License-Identifier: MIT
/* bpf_tcx.c - tcx links, by bpf(2) */
#include "daemon/priv/bpf_tcx.h"

#include <stdint.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "daemon/priv/bpf.h"
#include "daemon/priv/bpf_call.h"

/* linux/bpf.h of Linux 6.6 and newer. */
#define ATTACH_TCX_INGRESS 46
#define FLAG_BEFORE        (1u << 3)
#define LINK_TCX           11

bool priv_tcx_available(void)
{
	struct utsname name;
	unsigned major = 0, minor = 0;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
	       (major > 6 || (major == 6 && minor >= 6));
}

int priv_tcx_attach(const struct priv_bpf *bpf, unsigned ifindex)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = (uint32_t)bpf->program;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = ATTACH_TCX_INGRESS;
	attr.link_create.flags = FLAG_BEFORE;
	return bpf_call(BPF_LINK_CREATE, &attr);
}

bool priv_tcx_is_attached(const struct priv_bpf *bpf, unsigned ifindex, int link)
{
	struct {
		uint32_t type, id, prog_id, unused;
		uint32_t ifindex, attach_type;
		uint8_t rest[64];
	} info;

	memset(&info, 0, sizeof(info));
	return bpf_call_info(link, &info, sizeof(info)) == 0 && info.type == LINK_TCX &&
	       info.ifindex == ifindex && info.prog_id == bpf->program_id;
}

void priv_tcx_detach(int link)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_detach.link_fd = (uint32_t)link;
	bpf_call(BPF_LINK_DETACH, &attr);
	close(link);
}
