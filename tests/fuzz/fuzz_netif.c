// SPDX-License-Identifier: MIT
/*
 * fuzz_netif.c - netlink datagrams of links and addresses
 *
 * The input is cut into datagrams: a byte that chooses the form, two bytes of length,
 * then the bytes, each in memory of exactly its size.  A form other than zero puts a
 * header with the right length before the bytes, because guessing one takes a fuzzer
 * too long.  What the table holds afterwards must be well-formed.
 *
 * Links: daemon/control_netif.c daemon/control_netif_parse.c core/addr.c
 */
#include <linux/rtnetlink.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control_netif.h"
#include "tests/fuzz/fuzz.h"

static void check(const struct control_netif *n)
{
	if (n->n_links > NETIF_MAX_LINKS || n->n_addrs > NETIF_MAX_ADDRS)
		abort();
	for (size_t i = 0; i < n->n_links; i++) {
		const struct netif_link *l = &n->links[i];

		if (l->ifindex == 0 || l->ifindex > INT32_MAX || !l->name[0] ||
		    !memchr(l->name, '\0', sizeof(l->name)) ||
		    control_netif_by_index(n, l->ifindex) != l)
			abort();
	}
	for (size_t i = 0; i < n->n_addrs; i++) {
		if (n->addrs[i].ifindex == 0 || !addr_is_set(&n->addrs[i].addr))
			abort();
	}
}

static const uint16_t types[] = {RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR,
				 RTM_DELADDR, NLMSG_DONE,  NLMSG_ERROR};

static void one(struct control_netif *n, uint8_t form, const uint8_t *data, size_t len)
{
	size_t head = form ? sizeof(struct nlmsghdr) : 0;
	uint8_t *whole = malloc(head + len ? head + len : 1);

	if (whole) {
		struct nlmsghdr h = {.nlmsg_len = (uint32_t)(head + len),
				     .nlmsg_type = types[form % 6],
				     .nlmsg_flags = form & 0x80 ? NLM_F_DUMP_INTR : 0,
				     .nlmsg_seq = n->seq};

		memcpy(whole, &h, head);
		memcpy(whole + head, data, len);
		control_netif_consume(n, whole, head + len);
	}
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_netif n;

	control_netif_init(&n, -1);
	n.phase = NETIF_LINKS;
	while (size >= 3) {
		uint8_t form = data[0];
		size_t len = data[1] | (size_t)data[2] << 8;

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		one(&n, form, data, len);
		data += len;
		size -= len;
	}
	check(&n);
	control_netif_fini(&n);
	return 0;
}
