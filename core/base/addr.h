/* SPDX-License-Identifier: MIT */
/*
 * addr.h - a family-tagged network address
 *
 * Rules match IPv4 today; but whatever is stored, compared or hashed carries the family, so that
 * IPv6 can be added.
 */
#ifndef CORE_BASE_ADDR_H
#define CORE_BASE_ADDR_H

#include <assert.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

enum addr_family {
	ADDR_NONE = 0, /* no address: "any source", "source address not set" */
	ADDR_IPV4 = 4,
	ADDR_IPV6 = 6,
};

/**
 * struct addr - an address as rules, snapshots and messages carry it
 * @family: an enum addr_family
 * @bytes:  network byte order; IPv4 uses the first four, the rest are zero
 *
 * No padding and unused bytes zero, so that memcmp() compares and a hash over
 * the bytes is stable.
 */
struct addr {
	uint32_t family;
	uint8_t bytes[16];
};
static_assert(sizeof(struct addr) == 20, "struct addr is part of the snapshot format");

#define ADDR_TEXT_MAX 46 /* INET6_ADDRSTRLEN: longest text with its NUL */

struct addr addr_from_ipv4_be(uint32_t ip_be);

/* The IPv4 address in network byte order; 0 when @a is not IPv4. */
uint32_t addr_ipv4_be(const struct addr *a);

/**
 * addr_parse() - read a dotted-quad IPv4 address
 * @text: NUL-terminated text, nothing before or after the address
 * @out:  filled on success
 *
 * Return: 0; -EINVAL when @text is no address; -EAFNOSUPPORT when it is a valid
 * IPv6 address, which rules do not match.
 */
int addr_parse(const char *text, struct addr *out);

/* Writes the text form ("any" for ADDR_NONE) into @buf and returns @buf. */
const char *addr_format(const struct addr *a, char buf[static ADDR_TEXT_MAX]);

bool addr_equal(const struct addr *a, const struct addr *b);
bool addr_is_set(const struct addr *a);
bool addr_is_multicast(const struct addr *a); /* 224.0.0.0/4, RFC 5771 */
bool addr_is_loopback(const struct addr *a);  /* 127.0.0.0/8, RFC 1122 section 3.2.1.3 */
bool addr_is_reserved(const struct addr *a);  /* 240.0.0.0/4, RFC 1112 section 4 */
/* 232.0.0.0/8: groups that are joined with a source only, RFC 4607. */
bool addr_is_source_specific(const struct addr *a);
/* Can it be the address of a host?  Not multicast, not 0.0.0.0/8, not limited broadcast. */
bool addr_is_host(const struct addr *a);

#endif
