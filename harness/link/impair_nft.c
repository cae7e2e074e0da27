// SPDX-License-Identifier: MIT
/* impair_nft.c - encode nftables messages with libmnl */
#include "harness/link/impair_nft.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
/* These need what <netinet/in.h> has defined. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "harness/base/wait.h"

#define IPV4_PROTOCOL_OFFSET 9
#define IPV4_ETHERTYPE       0x0800

static struct nlmsghdr *put_header(void *at, uint16_t type, uint16_t flags, uint32_t seq,
				   uint8_t family, uint16_t res_id)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(at);
	struct nfgenmsg *nfg;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = family;
	nfg->version = NFNETLINK_V0;
	nfg->res_id = htons(res_id);
	return nlh;
}

static struct nlmsghdr *request(struct impair_nft *nft, uint16_t type, uint16_t flags)
{
	return put_header(mnl_nlmsg_batch_current(nft->batch),
			  (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags | NLM_F_ACK,
			  nft->seq++, NFPROTO_NETDEV, 0);
}

static void batch_edge(struct impair_nft *nft, uint16_t type)
{
	put_header(mnl_nlmsg_batch_current(nft->batch), type, 0, nft->seq++, AF_UNSPEC,
		   NFNL_SUBSYS_NFTABLES);
	mnl_nlmsg_batch_next(nft->batch);
}

int impair_nft_begin(struct impair_nft *nft, struct mnl_socket *nl)
{
	nft->nl = nl;
	nft->seq = (uint32_t)monotonic_ns();
	nft->rule = NULL;
	nft->batch = mnl_nlmsg_batch_start(nft->bytes, sizeof(nft->bytes) / 2);
	if (!nft->batch)
		return -ENOMEM;
	batch_edge(nft, NFNL_MSG_BATCH_BEGIN);
	return 0;
}

/* The kernel has answered every request by the time that the send returns. */
static int hear(struct mnl_socket *nl)
{
	int fd = mnl_socket_get_fd(nl);
	char reply[8192];
	int result = 0;

	for (;;) {
		ssize_t length = recv(fd, reply, sizeof(reply), MSG_DONTWAIT);
		int left = (int)length;

		if (length < 0)
			return errno == EAGAIN ? result : -errno;
		for (const struct nlmsghdr *nlh = (const void *)reply; mnl_nlmsg_ok(nlh, left);
		     nlh = mnl_nlmsg_next(nlh, &left)) {
			const struct nlmsgerr *error = mnl_nlmsg_get_payload(nlh);

			if (nlh->nlmsg_type == NLMSG_ERROR && error->error && !result)
				result = error->error;
		}
	}
}

int impair_nft_commit(struct impair_nft *nft)
{
	int ret = 0;

	batch_edge(nft, NFNL_MSG_BATCH_END);
	if (mnl_socket_sendto(nft->nl, mnl_nlmsg_batch_head(nft->batch),
			      mnl_nlmsg_batch_size(nft->batch)) < 0)
		ret = -errno;
	mnl_nlmsg_batch_stop(nft->batch);
	return ret < 0 ? ret : hear(nft->nl);
}

void impair_nft_add_table(struct impair_nft *nft, const char *table)
{
	struct nlmsghdr *nlh = request(nft, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	mnl_nlmsg_batch_next(nft->batch);
}

void impair_nft_delete_table(struct impair_nft *nft, const char *table)
{
	struct nlmsghdr *nlh = request(nft, NFT_MSG_DELTABLE, 0);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, table);
	mnl_nlmsg_batch_next(nft->batch);
}

void impair_nft_add_chain(struct impair_nft *nft, const char *table, const char *chain)
{
	struct nlmsghdr *nlh = request(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain);
	mnl_nlmsg_batch_next(nft->batch);
}

void impair_nft_add_ingress(struct impair_nft *nft, const char *table, const char *chain,
			    const char *device)
{
	struct nlmsghdr *nlh = request(nft, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	struct nlattr *hook;

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	hook = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);
	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(NF_NETDEV_INGRESS));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl(0));
	mnl_attr_put_strz(nlh, NFTA_HOOK_DEV, device);
	mnl_attr_nest_end(nlh, hook);
	mnl_nlmsg_batch_next(nft->batch);
}

void impair_nft_flush_chain(struct impair_nft *nft, const char *table, const char *chain)
{
	struct nlmsghdr *nlh = request(nft, NFT_MSG_DELRULE, 0);

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	mnl_nlmsg_batch_next(nft->batch);
}

void impair_nft_rule(struct impair_nft *nft, const char *table, const char *chain)
{
	nft->rule = request(nft, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	mnl_attr_put_strz(nft->rule, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nft->rule, NFTA_RULE_CHAIN, chain);
	nft->expressions = mnl_attr_nest_start(nft->rule, NFTA_RULE_EXPRESSIONS);
}

void impair_nft_rule_end(struct impair_nft *nft)
{
	mnl_attr_nest_end(nft->rule, nft->expressions);
	mnl_nlmsg_batch_next(nft->batch);
	nft->rule = NULL;
}

/* The two nests around the attributes of one expression. */
struct nests {
	struct nlattr *element;
	struct nlattr *data;
};

static struct nests start_expression(struct impair_nft *nft, const char *name)
{
	struct nests nests;

	nests.element = mnl_attr_nest_start(nft->rule, NFTA_LIST_ELEM);
	mnl_attr_put_strz(nft->rule, NFTA_EXPR_NAME, name);
	nests.data = mnl_attr_nest_start(nft->rule, NFTA_EXPR_DATA);
	return nests;
}

static void end_expression(struct impair_nft *nft, struct nests nests)
{
	mnl_attr_nest_end(nft->rule, nests.data);
	mnl_attr_nest_end(nft->rule, nests.element);
}

static void put(struct impair_nft *nft, uint16_t attribute, uint32_t value)
{
	mnl_attr_put_u32(nft->rule, attribute, htonl(value));
}

static void put_data(struct impair_nft *nft, uint16_t attribute, const void *data, size_t size)
{
	struct nlattr *nest = mnl_attr_nest_start(nft->rule, attribute);

	mnl_attr_put(nft->rule, NFTA_DATA_VALUE, size, data);
	mnl_attr_nest_end(nft->rule, nest);
}

/* Go on only if register 1 compares so with @data, as numbers in network byte order do. */
static void compare(struct impair_nft *nft, enum nft_cmp_ops op, const void *data, size_t size)
{
	struct nests nests = start_expression(nft, "cmp");

	put(nft, NFTA_CMP_SREG, NFT_REG_1);
	put(nft, NFTA_CMP_OP, op);
	put_data(nft, NFTA_CMP_DATA, data, size);
	end_expression(nft, nests);
}

void impair_nft_match_udp(struct impair_nft *nft)
{
	const uint16_t ethertype_be = htons(IPV4_ETHERTYPE);
	const uint8_t protocol = IPPROTO_UDP;
	struct nests nests = start_expression(nft, "meta");

	put(nft, NFTA_META_KEY, NFT_META_PROTOCOL);
	put(nft, NFTA_META_DREG, NFT_REG_1);
	end_expression(nft, nests);
	compare(nft, NFT_CMP_EQ, &ethertype_be, sizeof(ethertype_be));
	nests = start_expression(nft, "payload");
	put(nft, NFTA_PAYLOAD_DREG, NFT_REG_1);
	put(nft, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
	put(nft, NFTA_PAYLOAD_OFFSET, IPV4_PROTOCOL_OFFSET);
	put(nft, NFTA_PAYLOAD_LEN, sizeof(protocol));
	end_expression(nft, nests);
	compare(nft, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

static void number_in_network_order(struct impair_nft *nft, enum nft_ng_types type,
				    uint32_t modulus)
{
	struct nests nests = start_expression(nft, "numgen");

	put(nft, NFTA_NG_DREG, NFT_REG_1);
	put(nft, NFTA_NG_MODULUS, modulus);
	put(nft, NFTA_NG_TYPE, type);
	end_expression(nft, nests);
	nests = start_expression(nft, "byteorder");
	put(nft, NFTA_BYTEORDER_SREG, NFT_REG_1);
	put(nft, NFTA_BYTEORDER_DREG, NFT_REG_1);
	put(nft, NFTA_BYTEORDER_OP, NFT_BYTEORDER_HTON);
	put(nft, NFTA_BYTEORDER_LEN, sizeof(uint32_t));
	put(nft, NFTA_BYTEORDER_SIZE, sizeof(uint32_t));
	end_expression(nft, nests);
}

void impair_nft_match_chance(struct impair_nft *nft, uint32_t millionths)
{
	const uint32_t limit_be = htonl(millionths);

	number_in_network_order(nft, NFT_NG_RANDOM, 1000000);
	compare(nft, NFT_CMP_LT, &limit_be, sizeof(limit_be));
}

void impair_nft_match_nth(struct impair_nft *nft, uint32_t n)
{
	const uint32_t last_be = htonl(n - 1);

	/* The first number is 0. */
	number_in_network_order(nft, NFT_NG_INCREMENTAL, n);
	compare(nft, NFT_CMP_EQ, &last_be, sizeof(last_be));
}

void impair_nft_count(struct impair_nft *nft)
{
	end_expression(nft, start_expression(nft, "counter"));
}

static void verdict(struct impair_nft *nft, int code, const char *chain)
{
	struct nests nests = start_expression(nft, "immediate");
	struct nlattr *data;
	struct nlattr *inner;

	put(nft, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = mnl_attr_nest_start(nft->rule, NFTA_IMMEDIATE_DATA);
	inner = mnl_attr_nest_start(nft->rule, NFTA_DATA_VERDICT);
	put(nft, NFTA_VERDICT_CODE, (uint32_t)code);
	if (chain)
		mnl_attr_put_strz(nft->rule, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(nft->rule, inner);
	mnl_attr_nest_end(nft->rule, data);
	end_expression(nft, nests);
}

void impair_nft_drop(struct impair_nft *nft)
{
	verdict(nft, NF_DROP, NULL);
}

void impair_nft_jump(struct impair_nft *nft, const char *chain)
{
	verdict(nft, NFT_JUMP, chain);
}

static void load_index(struct impair_nft *nft, int ifindex)
{
	struct nests nests = start_expression(nft, "immediate");

	put(nft, NFTA_IMMEDIATE_DREG, NFT_REG_1);
	put_data(nft, NFTA_IMMEDIATE_DATA, &ifindex, sizeof(ifindex));
	end_expression(nft, nests);
}

void impair_nft_duplicate_to(struct impair_nft *nft, int ifindex)
{
	struct nests nests;

	load_index(nft, ifindex);
	nests = start_expression(nft, "dup");
	put(nft, NFTA_DUP_SREG_DEV, NFT_REG_1);
	end_expression(nft, nests);
}

void impair_nft_forward_to(struct impair_nft *nft, int ifindex)
{
	struct nests nests;

	load_index(nft, ifindex);
	nests = start_expression(nft, "fwd");
	put(nft, NFTA_FWD_SREG_DEV, NFT_REG_1);
	end_expression(nft, nests);
}

/* The value of the counter in one rule's list of expressions, if it has one. */
static void find_counter(const struct nlattr *expressions, uint64_t *packets)
{
	const struct nlattr *element;
	const struct nlattr *part;
	const struct nlattr *field;

	mnl_attr_for_each_nested(element, expressions)
	{
		bool counter = false;

		mnl_attr_for_each_nested(part, element)
		{
			if (mnl_attr_get_type(part) == NFTA_EXPR_NAME)
				counter = !strcmp(mnl_attr_get_str(part), "counter");
			else if (mnl_attr_get_type(part) == NFTA_EXPR_DATA && counter)
				mnl_attr_for_each_nested(field,
							 part) if (mnl_attr_get_type(field) ==
								   NFTA_COUNTER_PACKETS) *packets +=
					be64toh(mnl_attr_get_u64(field));
		}
	}
}

static int note_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS)
			find_counter(attr, data);
	return MNL_CB_OK;
}

int impair_nft_packets(struct mnl_socket *nl, const char *table, const char *chain,
		       uint64_t *packets)
{
	char bytes[8192];
	uint32_t seq = (uint32_t)monotonic_ns();
	struct nlmsghdr *nlh = put_header(bytes, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE,
					  NLM_F_DUMP, seq, NFPROTO_NETDEV, 0);
	int ret;

	*packets = 0;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, chain);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t length = mnl_socket_recvfrom(nl, bytes, sizeof(bytes));

		if (length < 0)
			return -errno;
		ret = mnl_cb_run(bytes, (size_t)length, seq, mnl_socket_get_portid(nl), note_rule,
				 packets);
	} while (ret > 0);
	return ret < 0 ? -errno : 0;
}
