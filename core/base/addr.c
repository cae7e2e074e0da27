// SPDX-License-Identifier: MIT
/* addr.c - text form and kinds of addresses */
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

struct addr addr_from_ipv4_be(uint32_t ip_be)
{
	struct addr a = {.family = ADDR_IPV4};

	memcpy(a.bytes, &ip_be, sizeof(ip_be));
	return a;
}

uint32_t addr_ipv4_be(const struct addr *a)
{
	uint32_t ip_be;

	if (a->family != ADDR_IPV4)
		return 0;
	memcpy(&ip_be, a->bytes, sizeof(ip_be));
	return ip_be;
}

int addr_parse(const char *text, struct addr *out)
{
	struct in6_addr ip6;
	struct in_addr ip;

	/* inet_pton(), not inet_aton(): the latter reads "10.1" and octal numbers. */
	if (inet_pton(AF_INET, text, &ip) == 1) {
		*out = addr_from_ipv4_be(ip.s_addr);
		return 0;
	}
	return inet_pton(AF_INET6, text, &ip6) == 1 ? -EAFNOSUPPORT : -EINVAL;
}

const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX])
{
	switch (a->family) {
	case ADDR_IPV4:
		return inet_ntop(AF_INET, a->bytes, buf, ADDR_TEXT_MAX);
	case ADDR_IPV6:
		return inet_ntop(AF_INET6, a->bytes, buf, ADDR_TEXT_MAX);
	}
	snprintf(buf, ADDR_TEXT_MAX, "any");
	return buf;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool addr_is_set(const struct addr *a)
{
	return a->family != ADDR_NONE;
}

bool addr_is_multicast(const struct addr *a)
{
	return a->family == ADDR_IPV4 && (a->bytes[0] & 0xf0) == 224;
}

bool addr_is_loopback(const struct addr *a)
{
	return a->family == ADDR_IPV4 && a->bytes[0] == 127;
}

bool addr_is_reserved(const struct addr *a)
{
	return a->family == ADDR_IPV4 && (a->bytes[0] & 0xf0) == 240;
}

bool addr_is_source_specific(const struct addr *a)
{
	return a->family == ADDR_IPV4 && a->bytes[0] == 232;
}

bool addr_is_host(const struct addr *a)
{
	return a->family == ADDR_IPV4 && !addr_is_multicast(a) && a->bytes[0] != 0 &&
	       addr_ipv4_be(a) != INADDR_BROADCAST; /* all ones in either byte order */
}
