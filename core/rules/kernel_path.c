// SPDX-License-Identifier: MIT
/* kernel_path.c - eligibility for the kernel path, and the encoding of its maps */
#include "core/rules/kernel_path.h"

#include <arpa/inet.h>
#include <assert.h>
#include <string.h>

#define DSCP_SHIFT 2 /* upper six bits of the TOS byte (RFC 2474) */

static const char *const reason_texts[] = {
	[KERNEL_PATH_FITS] = "",
	[KERNEL_PATH_NOT_STARTED] = "mcrd was started without --path auto",
	[KERNEL_PATH_NOT_BUILT] = "mcrd was built without clang or libbpf",
	[KERNEL_PATH_TOO_OLD] = "the kernel has no tcx, which --attach tcx needs",
	[KERNEL_PATH_NO_RIGHT] = "mcrd was started without CAP_BPF and CAP_NET_ADMIN",
	[KERNEL_PATH_REFUSED] = "the kernel path could not be started: mcrd's log says why",
	[KERNEL_PATH_NOT_ASKED] = "as asked for",
	[KERNEL_PATH_LIMIT] = "a rate limit needs a worker",
	[KERNEL_PATH_PRIORITY] = "a priority needs a worker",
	[KERNEL_PATH_UNICAST_INPUT] = "the input is no multicast group",
	[KERNEL_PATH_INPUT_LINK] =
		"frames of the input interface have a MAC header other than Ethernet's",
	[KERNEL_PATH_INPUT_PORT] = "the input interface is a port of a bridge or bond",
	[KERNEL_PATH_INPUT_FRAGLIST] = "rx-gro-list is on at the input interface",
	[KERNEL_PATH_INPUT_OPEN] = "the input interface was opened for the user path alone",
	[KERNEL_PATH_LOCAL_OUTPUT] = "the output is an address of this host",
	[KERNEL_PATH_OUTPUT_LINK] =
		"frames of the output interface have a MAC header other than Ethernet's",
	[KERNEL_PATH_OUTPUT_NEIGHBOUR] = "the output interface resolves no neighbours",
	[KERNEL_PATH_OUTPUT_HEADER] =
		"from an interface without MAC header to Ethernet the rule must consume",
	[KERNEL_PATH_OTHER_OUTPUT] = "another output of the rule needs a worker",
	[KERNEL_PATH_INACTIVE] = "it is not active",
	[KERNEL_PATH_SOURCE_UNKNOWN] = "its source address is not known yet",
	[KERNEL_PATH_NEIGHBOUR_UNKNOWN] = "the MAC address of its next hop is not known yet",
	[KERNEL_PATH_SUSPECTED] = "its datagrams may come back: a worker finds out",
	[KERNEL_PATH_RESTING] = "it was added or changed a moment ago",
	[KERNEL_PATH_DIVIDING] = "workers do not know yet which outputs the kernel is to have",
	[KERNEL_PATH_OTHER_RULE] = "another rule names the same input by another name",
	[KERNEL_PATH_UNWRITTEN] = "the kernel took no map element for it (see the log)",
};
static_assert(sizeof(reason_texts) / sizeof(reason_texts[0]) == KERNEL_PATH_REASONS, "a text each");

const char *kernel_path_reason_text(enum kernel_path_reason r)
{
	return (unsigned)r < KERNEL_PATH_REASONS ? reason_texts[r] : "?";
}

bool kernel_path_is_lasting(enum kernel_path_reason r)
{
	return r != KERNEL_PATH_FITS && r < KERNEL_PATH_OTHER_OUTPUT;
}

bool kernel_path_is_no_news(const struct rule *r, enum kernel_path_reason reason)
{
	return reason == KERNEL_PATH_NOT_ASKED ||
	       (reason == KERNEL_PATH_NOT_STARTED && r->path == RULE_PATH_UNSET);
}

enum kernel_path_reason kernel_path_of_rule(const struct rule *r)
{
	if (r->path == RULE_PATH_USER)
		return KERNEL_PATH_NOT_ASKED;
	if (r->limit_pps || r->limit_bps)
		return KERNEL_PATH_LIMIT;
	if (r->priority != RULE_PRIORITY_NORMAL)
		return KERNEL_PATH_PRIORITY;
	return addr_is_multicast(&r->input.group) ? KERNEL_PATH_FITS : KERNEL_PATH_UNICAST_INPUT;
}

/* The Ethernet address of a group: the lower 23 bits of it (RFC 1112, 6.4). */
static void group_mac(uint32_t group_be, uint8_t mac[static 6])
{
	const uint32_t group = ntohl(group_be);

	mac[0] = 0x01;
	mac[1] = 0x00;
	mac[2] = 0x5e;
	mac[3] = group >> 16 & 0x7f;
	mac[4] = (uint8_t)(group >> 8);
	mac[5] = (uint8_t)group;
}

/* Reasons that stay come before a hold, which passes. */
static enum kernel_path_reason reason_of_link(const struct rule_output *o,
					      const struct kernel_path_link *link)
{
	const bool needs_hop =
		link->header == KERNEL_PATH_HEADER_ETHERNET && !addr_is_multicast(&o->group);

	if (link->local)
		return KERNEL_PATH_LOCAL_OUTPUT;
	if (link->ifindex && link->header == KERNEL_PATH_HEADER_OTHER)
		return KERNEL_PATH_OUTPUT_LINK;
	/* No helper takes a header off again. */
	if (link->ifindex && link->header == KERNEL_PATH_HEADER_ETHERNET && link->no_header)
		return KERNEL_PATH_OUTPUT_HEADER;
	if (link->ifindex && needs_hop && link->hop == KERNEL_PATH_HOP_NEVER)
		return KERNEL_PATH_OUTPUT_NEIGHBOUR;
	if (link->hold)
		return KERNEL_PATH_FITS;
	if (!link->source_be)
		return KERNEL_PATH_SOURCE_UNKNOWN;
	return needs_hop && link->hop != KERNEL_PATH_HOP_KNOWN ? KERNEL_PATH_NEIGHBOUR_UNKNOWN
							       : KERNEL_PATH_FITS;
}

enum kernel_path_reason kernel_path_encode(const struct rule_output *o,
					   const struct kernel_path_link *link,
					   struct kernel_path_output *out)
{
	const uint8_t ttl_set =
		o->ttl_decrement ? KERNEL_PATH_TTL_DECREMENT : KERNEL_PATH_TTL_GIVEN;
	const enum kernel_path_reason why = reason_of_link(o, link);

	if (why != KERNEL_PATH_FITS)
		return why;
	if (link->hold) {
		*out = (struct kernel_path_output){
			.slot = link->slot, .ttl_set = ttl_set, .hold = link->hold};
		return KERNEL_PATH_FITS;
	}
	*out = (struct kernel_path_output){
		.ifindex = link->ifindex,
		.slot = link->slot,
		.source = link->source_be,
		.group = addr_ipv4_be(&o->group),
		.port = htons(o->port),
		.source_port = htons(o->source_port),
		.ttl = rule_output_ttl(o),
		.ttl_set = ttl_set,
		.tos = (uint8_t)(o->dscp << DSCP_SHIFT),
	};
	if (link->header == KERNEL_PATH_HEADER_NONE) {
		out->flags = KERNEL_PATH_OUTPUT_NO_MAC;
		return KERNEL_PATH_FITS;
	}
	if (addr_is_multicast(&o->group))
		group_mac(out->group, out->mac);
	else
		memcpy(out->mac, link->hop_mac, 6);
	memcpy(out->mac + 6, link->mac, 6);
	return KERNEL_PATH_FITS;
}

struct kernel_path_key kernel_path_key_of(const struct rule_input *in, uint32_t ifindex)
{
	return (struct kernel_path_key){
		.ifindex = ifindex,
		.group = addr_ipv4_be(&in->group),
		.source = addr_is_set(&in->source) ? addr_ipv4_be(&in->source) : 0,
		.port = htons(in->port),
	};
}

static int compare_words(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

int kernel_path_compare(const struct kernel_path_key *a, const struct kernel_path_key *b)
{
	int order = compare_words(a->ifindex, b->ifindex);

	if (order == 0)
		order = compare_words(a->group, b->group);
	if (order == 0)
		order = compare_words(a->port, b->port);
	return order ? order : compare_words(a->source, b->source);
}

bool kernel_path_same_stream(const struct kernel_path_key *a, const struct kernel_path_key *b)
{
	return a->ifindex == b->ifindex && a->group == b->group && a->port == b->port;
}
