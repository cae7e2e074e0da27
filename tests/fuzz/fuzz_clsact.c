// SPDX-License-Identifier: MIT
/*
 * fuzz_clsact.c - descriptions of tc filters, as rtnetlink gives them
 *
 * The input is the message behind its header, in memory of exactly its size.  The name of an
 * accepted filter says the same as the filter.
 *
 * Links: daemon/priv/bpf_clsact.c
 */
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/priv/bpf_clsact.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nlmsghdr *nlh;
	struct clsact_filter filter = {0};
	const struct tcmsg *tcm;

	if (size > 4096)
		return 0;
	nlh = malloc(sizeof(*nlh) + size);
	if (!nlh)
		return 0;
	*nlh = (struct nlmsghdr){.nlmsg_len = (uint32_t)(sizeof(*nlh) + size),
				 .nlmsg_type = RTM_NEWTFILTER};
	memcpy(nlh + 1, data, size);
	tcm = mnl_nlmsg_get_payload(nlh);
	if (clsact_parse(nlh, &filter) &&
	    (filter.program != tcm->tcm_handle || tcm->tcm_info >> 16 != CLSACT_PRIORITY))
		abort();
	free(nlh);
	return 0;
}
