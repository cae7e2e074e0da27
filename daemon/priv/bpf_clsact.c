// SPDX-License-Identifier: MIT
/*
 * bpf_clsact.c - filters of clsact qdiscs, by rtnetlink
 *
 * Each request has a socket of its own, and the kernel answers inside sendto(2) or recv(2):
 * nothing here waits.  linux/pkt_sched.h and linux/pkt_cls.h have the messages.
 */
#include "daemon/priv/bpf_clsact.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/membarrier.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/priv/bpf.h"

#define INGRESS TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS)
#define EGRESS  TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS)

#define REQUEST_BYTES 256
#define NAME_BYTES    48

/* --- requests --- */

static struct nlmsghdr *put_request(char *buf, uint16_t type, uint16_t flags, unsigned ifindex,
				    uint32_t parent)
{
	struct nlmsghdr *nlh;
	struct tcmsg *tcm;

	memset(buf, 0, REQUEST_BYTES);
	nlh = mnl_nlmsg_put_header(buf);
	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = (int)ifindex;
	tcm->tcm_parent = parent;
	return nlh;
}

static struct tcmsg *tcm_of(struct nlmsghdr *nlh)
{
	return mnl_nlmsg_get_payload(nlh);
}

/* Calls @each for the messages that come before the end.  Return: 0 or negative errno. */
static int read_answers(int sock, mnl_cb_t each, void *ctx)
{
	char answer[32768] __attribute__((aligned(8)));
	ssize_t len;
	int ret;

	do {
		len = recv(sock, answer, sizeof(answer), MSG_DONTWAIT);
		if (len < 0)
			return -errno;
		ret = mnl_cb_run(answer, (size_t)len, 1, 0, each, ctx);
	} while (ret == MNL_CB_OK);
	return ret < 0 ? -errno : 0;
}

static int ask(const struct nlmsghdr *nlh, mnl_cb_t each, void *ctx)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	int ret;

	if (sock < 0)
		return -errno;
	if (sendto(sock, nlh, nlh->nlmsg_len, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		ret = -errno;
	else
		ret = read_answers(sock, each, ctx);
	close(sock);
	return ret;
}

/* --- what there is --- */

/* mcr-VERSION-MARK[-qdisc] */
static bool parse_name(const char *name, struct clsact_filter *filter)
{
	char again[NAME_BYTES];
	unsigned version, mark;

	if (sscanf(name, "mcr-%10u-%8x", &version, &mark) != 2)
		return false;
	snprintf(again, sizeof(again), "mcr-%u-%08x-qdisc", version, mark);
	filter->version = version;
	filter->mark = mark;
	filter->own_qdisc = strcmp(name, again) == 0;
	again[strlen(again) - strlen("-qdisc")] = '\0';
	return filter->own_qdisc || strcmp(name, again) == 0;
}

bool clsact_parse(const struct nlmsghdr *nlh, struct clsact_filter *filter)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr, *name = NULL, *id = NULL;
	bool bpf = false;

	/* libmnl looks at attributes up to the next multiple of four. */
	if (nlh->nlmsg_type != RTM_NEWTFILTER || nlh->nlmsg_len != MNL_ALIGN(nlh->nlmsg_len) ||
	    nlh->nlmsg_len < MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(*tcm)) ||
	    TC_H_MAJ(tcm->tcm_info) != CLSACT_PRIORITY << 16)
		return false;
	mnl_attr_for_each(attr, nlh, sizeof(*tcm)) {
		const struct nlattr *one;

		if (mnl_attr_get_type(attr) == TCA_KIND)
			bpf = mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0 &&
			      strcmp(mnl_attr_get_str(attr), "bpf") == 0;
		if (mnl_attr_get_type(attr) != TCA_OPTIONS)
			continue;
		mnl_attr_for_each_nested(one, attr)
		{
			if (mnl_attr_get_type(one) == TCA_BPF_NAME)
				name = one;
			if (mnl_attr_get_type(one) == TCA_BPF_ID)
				id = one;
		}
	}
	if (!bpf || !name || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 || !id ||
	    mnl_attr_validate(id, MNL_TYPE_U32) < 0)
		return false;
	filter->program = mnl_attr_get_u32(id);
	return tcm->tcm_handle == filter->program && parse_name(mnl_attr_get_str(name), filter);
}

struct listing {
	uint32_t mark;
	struct clsact_filter *list;
	int n;
};

static int take_filter(const struct nlmsghdr *nlh, void *ctx)
{
	struct listing *l = ctx;
	struct clsact_filter filter;

	if (clsact_parse(nlh, &filter) && (!l->mark || filter.mark == l->mark) &&
	    l->n < CLSACT_FILTERS_MAX)
		l->list[l->n++] = filter;
	return MNL_CB_OK;
}

int priv_clsact_list(unsigned ifindex, uint32_t mark,
		     struct clsact_filter list[static CLSACT_FILTERS_MAX])
{
	char request[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = put_request(request, RTM_GETTFILTER, NLM_F_DUMP, ifindex, INGRESS);
	struct listing l = {.mark = mark, .list = list};
	int ret;

	tcm_of(nlh)->tcm_info = TC_H_MAKE(CLSACT_PRIORITY << 16, htons(ETH_P_ALL));
	ret = ask(nlh, take_filter, &l);
	return ret < 0 ? ret : l.n;
}

static int note_any(const struct nlmsghdr *nlh, void *ctx)
{
	*(bool *)ctx = true;
	return MNL_CB_OK;
}

/* Also true where that cannot be told. */
static bool has_filters(unsigned ifindex, uint32_t parent)
{
	char request[REQUEST_BYTES] __attribute__((aligned(8)));
	bool any = false;

	return ask(put_request(request, RTM_GETTFILTER, NLM_F_DUMP, ifindex, parent), note_any,
		   &any) < 0 ||
	       any;
}

/* --- changes --- */

static int change_qdisc(unsigned ifindex, uint16_t type, uint16_t flags)
{
	char request[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = put_request(request, type, NLM_F_ACK | flags, ifindex, TC_H_CLSACT);

	tcm_of(nlh)->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
	mnl_attr_put_strz(nlh, TCA_KIND, "clsact");
	return ask(nlh, NULL, NULL);
}

static int put_filter(const struct priv_bpf *bpf, unsigned ifindex, bool own_qdisc)
{
	char request[REQUEST_BYTES] __attribute__((aligned(8))), name[NAME_BYTES];
	struct nlmsghdr *nlh = put_request(request, RTM_NEWTFILTER,
					   NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifindex, INGRESS);
	struct nlattr *options;

	tcm_of(nlh)->tcm_handle = bpf->program_id;
	tcm_of(nlh)->tcm_info = TC_H_MAKE(CLSACT_PRIORITY << 16, htons(ETH_P_ALL));
	snprintf(name, sizeof(name), "mcr-%d-%08x%s", KERNEL_PATH_VERSION, bpf->mark,
		 own_qdisc ? "-qdisc" : "");
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put_u32(nlh, TCA_BPF_FD, (uint32_t)bpf->program);
	mnl_attr_put_strz(nlh, TCA_BPF_NAME, name);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
	mnl_attr_put_u32(nlh, TCA_BPF_FLAGS_GEN, TCA_CLS_FLAGS_SKIP_HW);
	mnl_attr_nest_end(nlh, options);
	return ask(nlh, NULL, NULL);
}

static void drop_empty_qdisc(unsigned ifindex)
{
	if (!has_filters(ifindex, INGRESS) && !has_filters(ifindex, EGRESS))
		change_qdisc(ifindex, RTM_DELQDISC, 0);
}

int priv_clsact_attach(const struct priv_bpf *bpf, unsigned ifindex, bool *own_qdisc)
{
	int ret = change_qdisc(ifindex, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL);

	/* An ingress qdisc takes the same filters, and excludes clsact. */
	if (ret < 0 && ret != -EEXIST)
		return ret;
	*own_qdisc |= ret == 0;
	ret = put_filter(bpf, ifindex, *own_qdisc);
	if (ret < 0 && *own_qdisc)
		drop_empty_qdisc(ifindex);
	return ret;
}

int priv_clsact_detach(unsigned ifindex, const struct clsact_filter *filter)
{
	char request[REQUEST_BYTES] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = put_request(request, RTM_DELTFILTER, NLM_F_ACK, ifindex, INGRESS);
	int ret;

	tcm_of(nlh)->tcm_handle = filter->program;
	tcm_of(nlh)->tcm_info = TC_H_MAKE(CLSACT_PRIORITY << 16, htons(ETH_P_ALL));
	mnl_attr_put_strz(nlh, TCA_KIND, "bpf");
	ret = ask(nlh, NULL, NULL);
	if (ret == 0 && filter->own_qdisc)
		drop_empty_qdisc(ifindex);
	/* A processor may just be running it: this waits for the end of what runs now. */
	if (ret == 0)
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	return ret;
}
