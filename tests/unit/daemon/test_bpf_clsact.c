// SPDX-License-Identifier: MIT
/*
 * test_bpf_clsact.c - which filters are taken for mcrd's own
 *
 * Links: daemon/priv/bpf_clsact.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "daemon/priv/bpf_clsact.h"

static const struct description {
	const char *what;
	const char *kind, *name;
	uint32_t priority, handle, id;
	bool ours;
	struct clsact_filter filter;
} descriptions[] = {
	{"ours", "bpf", "mcr-2-04000000", 26, 7, 7, true, {7, 2, 0x04000000, false}},
	{"with its qdisc", "bpf", "mcr-2-04000000-qdisc", 26, 7, 7, true, {7, 2, 0x04000000, true}},
	{"of another version", "bpf", "mcr-31-00000020", 26, 9, 9, true, {9, 31, 0x20, false}},
	{"another kind", "matchall", "mcr-2-04000000", 26, 7, 7},
	{"another name", "bpf", "relay.o:[tc]", 26, 7, 7},
	{"more than the name", "bpf", "mcr-2-04000000-qdiscs", 26, 7, 7},
	{"less than the name", "bpf", "mcr-2-400", 26, 7, 7},
	{"a number with a sign", "bpf", "mcr-+2-04000000", 26, 7, 7},
	{"another priority", "bpf", "mcr-2-04000000", 27, 7, 7},
	{"another handle", "bpf", "mcr-2-04000000", 26, 1, 7},
	{"no name", "bpf", NULL, 26, 7, 7},
	{"no number", "bpf", "mcr-2-04000000", 26, 7, 0},
	{"no kind", NULL, "mcr-2-04000000", 26, 7, 7},
};

static struct nlmsghdr *describe(char *buf, const struct description *d)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct tcmsg *tcm;
	struct nlattr *options;

	nlh->nlmsg_type = RTM_NEWTFILTER;
	tcm = mnl_nlmsg_put_extra_header(nlh, sizeof(*tcm));
	tcm->tcm_handle = d->handle;
	tcm->tcm_info = TC_H_MAKE(d->priority << 16, 0x0300);
	if (d->kind)
		mnl_attr_put_strz(nlh, TCA_KIND, d->kind);
	options = mnl_attr_nest_start(nlh, TCA_OPTIONS);
	if (d->name)
		mnl_attr_put_strz(nlh, TCA_BPF_NAME, d->name);
	if (d->id)
		mnl_attr_put_u32(nlh, TCA_BPF_ID, d->id);
	mnl_attr_nest_end(nlh, options);
	return nlh;
}

static void test_descriptions(void **state)
{
	char buf[512] __attribute__((aligned(8)));

	for (size_t i = 0; i < sizeof(descriptions) / sizeof(descriptions[0]); i++) {
		const struct description *d = &descriptions[i];
		struct clsact_filter filter = {0};

		memset(buf, 0, sizeof(buf));
		print_message("# %s\n", d->what);
		assert_int_equal(clsact_parse(describe(buf, d), &filter), d->ours);
		if (!d->ours)
			continue;
		assert_int_equal(filter.program, d->filter.program);
		assert_int_equal(filter.version, d->filter.version);
		assert_int_equal(filter.mark, d->filter.mark);
		assert_int_equal(filter.own_qdisc, d->filter.own_qdisc);
	}
}

/* Every length but the whole one: nothing is read behind the end, and it is not ours. */
static void test_cut(void **state)
{
	char buf[512] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = describe(buf, &descriptions[0]);
	const uint32_t whole = nlh->nlmsg_len;
	struct clsact_filter filter;

	for (uint32_t len = MNL_NLMSG_HDRLEN; len < whole; len++) {
		nlh->nlmsg_len = len;
		assert_false(clsact_parse(nlh, &filter));
	}
}

static void test_other_message(void **state)
{
	char buf[512] __attribute__((aligned(8))) = {0};
	struct nlmsghdr *nlh = describe(buf, &descriptions[0]);
	struct clsact_filter filter;

	nlh->nlmsg_type = RTM_DELTFILTER;
	assert_false(clsact_parse(nlh, &filter));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_descriptions),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_other_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
