// SPDX-License-Identifier: MIT
/* impair.c - which nftables rules make an impairment */
#include "harness/link/impair.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "harness/link/impair_nft.h"
#include "harness/link/rtnl.h"

#define NAME_BYTES  32
#define QUEUE_MS    50
#define BURST_BYTES 3000 /* two full frames: the cap holds over a few milliseconds already */
#define MIN_QUEUE   20000
#define TBF_HANDLE  0x10000
#define FRAME_MAX   65549

static const char *const chains[IMPAIR_KINDS] = {
	[IMPAIR_LOSS] = "loss",
	[IMPAIR_EVERY] = "every",
	[IMPAIR_DUP] = "dup",
};

static void table_name(char name[static NAME_BYTES], unsigned link, unsigned end)
{
	snprintf(name, NAME_BYTES, "to-%u-%u", link, end);
}

void impair_port_name(char *name, unsigned link, unsigned end)
{
	snprintf(name, IF_NAMESIZE, "l%u.%u", link, end);
}

int impair_open(struct mnl_socket **nft)
{
	int ret = 0;

	*nft = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (!*nft)
		return -errno;
	if (mnl_socket_bind(*nft, 0, MNL_SOCKET_AUTOPID) < 0) {
		ret = -errno;
		mnl_socket_close(*nft);
	}
	return ret;
}

static void add_direction(struct impair_nft *batch, unsigned link, unsigned end, int port_index)
{
	char table[NAME_BYTES];
	char port[IF_NAMESIZE];

	table_name(table, link, end);
	impair_port_name(port, link, !end);
	/* A link made once more finds the table of its predecessor, without a device. */
	impair_nft_add_table(batch, table);
	impair_nft_delete_table(batch, table);
	impair_nft_add_table(batch, table);
	for (unsigned kind = 0; kind < IMPAIR_KINDS; kind++)
		impair_nft_add_chain(batch, table, chains[kind]);
	impair_nft_add_ingress(batch, table, "wire", port);
	for (unsigned kind = 0; kind < IMPAIR_KINDS; kind++) {
		impair_nft_rule(batch, table, "wire");
		impair_nft_jump(batch, chains[kind]);
		impair_nft_rule_end(batch);
	}
	impair_nft_rule(batch, table, "wire");
	impair_nft_forward_to(batch, port_index);
	impair_nft_rule_end(batch);
}

int impair_connect(struct mnl_socket *nft, unsigned link, const int port_indexes[static 2])
{
	struct impair_nft batch;
	int ret = impair_nft_begin(&batch, nft);

	if (ret < 0)
		return ret;
	for (unsigned end = 0; end < 2; end++)
		add_direction(&batch, link, end, port_indexes[end]);
	return impair_nft_commit(&batch);
}

static void add_impairment(struct impair_nft *batch, const char *table, enum impair_kind kind,
			   uint32_t amount, int port_index)
{
	impair_nft_rule(batch, table, chains[kind]);
	impair_nft_match_udp(batch);
	if (kind == IMPAIR_EVERY)
		impair_nft_match_nth(batch, amount);
	else
		impair_nft_match_chance(batch, amount);
	impair_nft_count(batch);
	if (kind == IMPAIR_DUP)
		impair_nft_duplicate_to(batch, port_index);
	else
		impair_nft_drop(batch);
	impair_nft_rule_end(batch);
}

/* Return: index of the port where frames for that end leave, or -ENOENT without a wire. */
static int find_port(unsigned link, unsigned end)
{
	char port[IF_NAMESIZE];
	unsigned index;

	impair_port_name(port, link, end);
	index = if_nametoindex(port);
	return index ? (int)index : -ENOENT;
}

int impair_set(unsigned link, unsigned end, enum impair_kind kind, uint32_t amount)
{
	int port_index = find_port(link, end);
	struct impair_nft batch;
	struct mnl_socket *nft;
	char table[NAME_BYTES];
	int ret;

	if (port_index < 0)
		return port_index;
	table_name(table, link, end);
	ret = impair_open(&nft);
	if (ret < 0)
		return ret;
	ret = impair_nft_begin(&batch, nft);
	if (ret == 0) {
		impair_nft_flush_chain(&batch, table, chains[kind]);
		if (amount)
			add_impairment(&batch, table, kind, amount, port_index);
		ret = impair_nft_commit(&batch);
	}
	mnl_socket_close(nft);
	return ret;
}

static struct nlmsghdr *qdisc_request(union rtnl_message *message, uint16_t type, uint16_t flags,
				      int port_index)
{
	struct nlmsghdr *nlh = rtnl_start(message, type, flags);
	struct tcmsg *tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));

	tcm->tcm_family = AF_UNSPEC;
	tcm->tcm_ifindex = port_index;
	tcm->tcm_parent = TC_H_ROOT;
	tcm->tcm_handle = TBF_HANDLE;
	return nlh;
}

static int delete_cap(struct rtnl *rtnl, int port_index)
{
	union rtnl_message message;
	int ret = rtnl_talk(rtnl, qdisc_request(&message, RTM_DELQDISC, 0, port_index), NULL, NULL);

	/* There was none. */
	return ret == -ENOENT || ret == -EINVAL ? 0 : ret;
}

static int add_cap(struct rtnl *rtnl, int port_index, uint64_t bytes_per_s)
{
	uint64_t queue_bytes = bytes_per_s * QUEUE_MS / 1000;
	struct tc_tbf_qopt options = {
		/* With a link layer given the kernel needs no table of sizes from us. */
		.rate = {.rate = (uint32_t)bytes_per_s, .linklayer = TC_LINKLAYER_ETHERNET},
		.limit = (uint32_t)(queue_bytes < MIN_QUEUE ? MIN_QUEUE : queue_bytes),
	};
	union rtnl_message message;
	struct nlmsghdr *nlh =
		qdisc_request(&message, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, port_index);
	struct nlattr *nest;

	mnl_attr_put_strz(nlh, TCA_KIND, "tbf");
	nest = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	mnl_attr_put(nlh, TCA_TBF_PARMS, sizeof(options), &options);
	/* Jumbo frames need a bucket that holds one. */
	mnl_attr_put_u32(nlh, TCA_TBF_BURST, bytes_per_s > FRAME_MAX ? 10000 : BURST_BYTES);
	mnl_attr_nest_end(nlh, nest);
	return rtnl_talk(rtnl, nlh, NULL, NULL);
}

int impair_rate(unsigned link, unsigned end, uint64_t bytes_per_s)
{
	int port_index = find_port(link, end);
	struct rtnl rtnl;
	int ret;

	if (port_index < 0)
		return port_index;
	if (bytes_per_s > UINT32_MAX)
		return -ERANGE;
	ret = rtnl_open(&rtnl);
	if (ret < 0)
		return ret;
	ret = delete_cap(&rtnl, port_index);
	if (ret == 0 && bytes_per_s)
		ret = add_cap(&rtnl, port_index, bytes_per_s);
	rtnl_close(&rtnl);
	return ret;
}

/* The queue that note_qdisc() looks for, and its drops. */
struct qdisc_drops {
	int port_index;
	uint64_t drops;
};

static void note_queue(const struct nlattr *stats, struct qdisc_drops *found)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, stats) if (mnl_attr_get_type(attr) == TCA_STATS_QUEUE)
	{
		const struct gnet_stats_queue *queue = mnl_attr_get_payload(attr);

		found->drops = queue->drops;
	}
}

static int note_qdisc(const struct nlmsghdr *nlh, void *data)
{
	const struct tcmsg *tcm = mnl_nlmsg_get_payload(nlh);
	struct qdisc_drops *found = data;
	const struct nlattr *attr;

	if (tcm->tcm_ifindex != found->port_index || tcm->tcm_handle != TBF_HANDLE)
		return MNL_CB_OK;
	mnl_attr_for_each(attr, nlh, sizeof(*tcm))
		if (mnl_attr_get_type(attr) == TCA_STATS2)
			note_queue(attr, found);
	return MNL_CB_OK;
}

static int read_over_rate(int port_index, uint64_t *over_rate)
{
	struct qdisc_drops found = {.port_index = port_index};
	union rtnl_message message;
	struct nlmsghdr *nlh;
	struct rtnl rtnl;
	int ret = rtnl_open(&rtnl);

	if (ret < 0)
		return ret;
	nlh = rtnl_start(&message, RTM_GETQDISC, NLM_F_DUMP);
	mnl_nlmsg_put_extra_header(nlh, sizeof(struct tcmsg));
	ret = rtnl_talk(&rtnl, nlh, note_qdisc, &found);
	*over_rate = found.drops;
	rtnl_close(&rtnl);
	return ret;
}

int impair_counts(unsigned link, unsigned end, struct impair_counts *counts)
{
	uint64_t *const targets[IMPAIR_KINDS] = {
		[IMPAIR_LOSS] = &counts->lost,
		[IMPAIR_EVERY] = &counts->every_lost,
		[IMPAIR_DUP] = &counts->duplicated,
	};
	int port_index = find_port(link, end);
	struct mnl_socket *nft;
	char table[NAME_BYTES];
	int ret;

	if (port_index < 0)
		return port_index;
	ret = impair_open(&nft);
	if (ret < 0)
		return ret;
	table_name(table, link, end);
	for (unsigned kind = 0; kind < IMPAIR_KINDS && ret == 0; kind++)
		ret = impair_nft_packets(nft, table, chains[kind], targets[kind]);
	mnl_socket_close(nft);
	return ret < 0 ? ret : read_over_rate(port_index, &counts->over_rate);
}
