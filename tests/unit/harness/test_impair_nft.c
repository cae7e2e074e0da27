// SPDX-License-Identifier: MIT
/*
 * test_impair_nft.c - messages to nftables, read back with libmnl
 *
 * That the kernel takes them and does so is for the namespace tests.
 *
 * Links: harness/link/impair_nft.c harness/base/wait.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <endian.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
/* These need what <netinet/in.h> has defined. */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "harness/link/impair_nft.h"

#define TEXT_SIZE 1024

static struct impair_nft nft;

static uint32_t number(const struct nlattr *attr)
{
	return ntohl(mnl_attr_get_u32(attr));
}

static const struct nlattr *find(const struct nlattr *nest, unsigned type)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}
	fail_msg("no attribute %u", type);
	return NULL;
}

static void put_bytes(char *out, const struct nlattr *value)
{
	const unsigned char *bytes = mnl_attr_get_payload(value);

	for (unsigned i = 0; i < mnl_attr_get_payload_len(value); i++)
		sprintf(out + strlen(out), "%02x", bytes[i]);
}

static void put_verdict(char *out, const struct nlattr *data)
{
	const struct nlattr *verdict = find(data, NFTA_DATA_VERDICT);

	if ((int)number(find(verdict, NFTA_VERDICT_CODE)) == NFT_JUMP)
		sprintf(out + strlen(out), "jump %s",
			mnl_attr_get_str(find(verdict, NFTA_VERDICT_CHAIN)));
	else
		strcat(out, "drop");
}

/* One expression as text, in the order that nft --debug=netlink prints. */
static void put_expression(char *out, const struct nlattr *element)
{
	const char *name = mnl_attr_get_str(find(element, NFTA_EXPR_NAME));
	const struct nlattr *data = find(element, NFTA_EXPR_DATA);

	sprintf(out + strlen(out), "[%s ", name);
	if (!strcmp(name, "meta"))
		sprintf(out + strlen(out), "%u", number(find(data, NFTA_META_KEY)));
	else if (!strcmp(name, "payload"))
		sprintf(out + strlen(out), "%u@%u+%u", number(find(data, NFTA_PAYLOAD_LEN)),
			number(find(data, NFTA_PAYLOAD_BASE)),
			number(find(data, NFTA_PAYLOAD_OFFSET)));
	else if (!strcmp(name, "cmp"))
		sprintf(out + strlen(out), "%u ", number(find(data, NFTA_CMP_OP))),
			put_bytes(out, find(find(data, NFTA_CMP_DATA), NFTA_DATA_VALUE));
	else if (!strcmp(name, "numgen"))
		sprintf(out + strlen(out), "%u mod %u", number(find(data, NFTA_NG_TYPE)),
			number(find(data, NFTA_NG_MODULUS)));
	else if (!strcmp(name, "immediate") &&
		 number(find(data, NFTA_IMMEDIATE_DREG)) == NFT_REG_VERDICT)
		put_verdict(out, find(data, NFTA_IMMEDIATE_DATA));
	else if (!strcmp(name, "immediate"))
		put_bytes(out, find(find(data, NFTA_IMMEDIATE_DATA), NFTA_DATA_VALUE));
	strcat(out, "]");
}

/* Message @index of the batch, counted from the one that opens it. */
static const struct nlmsghdr *message(unsigned index)
{
	const struct nlmsghdr *nlh = mnl_nlmsg_batch_head(nft.batch);
	int left = (int)mnl_nlmsg_batch_size(nft.batch);

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (index-- == 0)
			return nlh;
	return NULL;
}

static void put_rule(char *out, const struct nlmsghdr *nlh)
{
	const struct nlattr *attr;
	const struct nlattr *element;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) == NFTA_RULE_TABLE ||
		    mnl_attr_get_type(attr) == NFTA_RULE_CHAIN)
			sprintf(out + strlen(out), "%s ", mnl_attr_get_str(attr));
		else if (mnl_attr_get_type(attr) == NFTA_RULE_EXPRESSIONS)
			mnl_attr_for_each_nested(element, attr) put_expression(out, element);
	}
}

static void begin(void)
{
	assert_int_equal(impair_nft_begin(&nft, NULL), 0);
}

/* The message behind the opening one is a rule that reads so. */
static void rule_is(const char *name, const char *expected)
{
	const struct nlmsghdr *nlh = message(1);
	char text[TEXT_SIZE] = "";

	assert_non_null(nlh);
	assert_int_equal(nlh->nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWRULE);
	assert_true(nlh->nlmsg_flags & NLM_F_ACK);
	put_rule(text, nlh);
	if (strcmp(text, expected))
		fail_msg("%s: is\n  %s\nshould be\n  %s", name, text, expected);
	assert_null(message(2));
	mnl_nlmsg_batch_stop(nft.batch);
}

#define UDP "[meta 1][cmp 0 0800][payload 1@1+9][cmp 0 11]"

static void test_rules(void **state)
{
	begin();
	impair_nft_rule(&nft, "t", "loss");
	impair_nft_match_udp(&nft);
	impair_nft_match_chance(&nft, 10000);
	impair_nft_count(&nft);
	impair_nft_drop(&nft);
	impair_nft_rule_end(&nft);
	rule_is("loss of 1 %", "t loss " UDP "[numgen 1 mod 1000000][byteorder ][cmp 2 00002710]"
			       "[counter ][immediate drop]");
	begin();
	impair_nft_rule(&nft, "t", "every");
	impair_nft_match_nth(&nft, 10);
	impair_nft_rule_end(&nft);
	rule_is("every tenth", "t every [numgen 0 mod 10][byteorder ][cmp 0 00000009]");
	begin();
	impair_nft_rule(&nft, "t", "wire");
	impair_nft_jump(&nft, "dup");
	impair_nft_rule_end(&nft);
	rule_is("jump", "t wire [immediate jump dup]");
}

/* An interface index is in the machine's own byte order. */
static void test_devices(void **state)
{
	char expected[TEXT_SIZE];
	const uint32_t index = 0x01020304;
	const unsigned char *bytes = (const unsigned char *)&index;

	begin();
	impair_nft_rule(&nft, "t", "c");
	impair_nft_duplicate_to(&nft, (int)index);
	impair_nft_forward_to(&nft, (int)index);
	impair_nft_rule_end(&nft);
	snprintf(expected, sizeof(expected),
		 "t c [immediate %02x%02x%02x%02x][dup ][immediate %02x%02x%02x%02x][fwd ]",
		 bytes[0], bytes[1], bytes[2], bytes[3], bytes[0], bytes[1], bytes[2], bytes[3]);
	rule_is("devices", expected);
}

/* A batch is opened once, numbered without a gap, and each of its requests is to be answered. */
static void test_batch(void **state)
{
	static const unsigned types[] = {NFT_MSG_NEWTABLE, NFT_MSG_DELTABLE, NFT_MSG_NEWCHAIN,
					 NFT_MSG_NEWCHAIN};
	const struct nfgenmsg *nfg;
	uint32_t first;

	begin();
	impair_nft_add_table(&nft, "to-0-1");
	impair_nft_delete_table(&nft, "to-0-1");
	impair_nft_add_chain(&nft, "to-0-1", "loss");
	impair_nft_add_ingress(&nft, "to-0-1", "wire", "l0.0");
	assert_int_equal(message(0)->nlmsg_type, NFNL_MSG_BATCH_BEGIN);
	nfg = mnl_nlmsg_get_payload(message(0));
	assert_int_equal(ntohs(nfg->res_id), NFNL_SUBSYS_NFTABLES);
	first = message(0)->nlmsg_seq;
	for (unsigned i = 0; i < sizeof(types) / sizeof(*types); i++) {
		const struct nlmsghdr *nlh = message(i + 1);

		assert_int_equal(nlh->nlmsg_type, NFNL_SUBSYS_NFTABLES << 8 | types[i]);
		assert_int_equal(nlh->nlmsg_seq, first + i + 1);
		assert_true(nlh->nlmsg_flags & NLM_F_ACK);
		nfg = mnl_nlmsg_get_payload(nlh);
		assert_int_equal(nfg->nfgen_family, NFPROTO_NETDEV);
	}
	assert_null(message(5));
	mnl_nlmsg_batch_stop(nft.batch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
