// SPDX-License-Identifier: MIT
/* counters.c - names, sums and the conservation law */
#include "core/base/counters.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>

static const char *const drop_names[] = {
	[DROP_NOT_MATCHED] = "not_matched",
	[DROP_SOCKET_QUEUE] = "socket_queue",
	[DROP_NOT_IPV4_UDP] = "not_ipv4_udp",
	[DROP_FRAGMENT] = "fragment",
	[DROP_TRUNCATED] = "truncated",
	[DROP_BAD_LENGTH] = "bad_length",
	[DROP_BAD_IP_CHECKSUM] = "bad_ip_checksum",
	[DROP_BAD_UDP_CHECKSUM] = "bad_udp_checksum",
	[DROP_OVERSIZE] = "oversize",
	[DROP_RATE_LIMITED] = "rate_limited",
	[DROP_SHED] = "shed",
	[DROP_VLAN] = "vlan",
	[DROP_RECOVERY_LOST] = "recovery_lost",
	[DROP_UNREADABLE] = "unreadable",
	[DROP_LOOPING] = "looping",
	[DROP_UNKNOWN_DIVISION] = "unknown_division",
};
static_assert(sizeof(drop_names) / sizeof(drop_names[0]) == DROP_REASONS, "a name each");

static const char *const send_drop_names[] = {
	[SEND_DROP_WOULD_BLOCK] = "would_block",
	[SEND_DROP_QUEUE_FULL] = "queue_full",
	[SEND_DROP_NO_INTERFACE] = "no_interface",
	[SEND_DROP_UNREACHABLE] = "unreachable",
	[SEND_DROP_REFUSED] = "refused",
	[SEND_DROP_NO_SOURCE] = "no_source",
	[SEND_DROP_TOO_BIG] = "too_big",
	[SEND_DROP_OTHER] = "other",
	[SEND_DROP_PORT_UNREACHABLE] = "port_unreachable",
	[SEND_DROP_TTL_EXPIRED] = "ttl_expired",
	[SEND_DROP_RECOVERY_LOST] = "recovery_lost",
};
static_assert(sizeof(send_drop_names) / sizeof(send_drop_names[0]) == SEND_DROPS, "a name each");

const char *drop_reason_name(enum drop_reason r)
{
	return (unsigned)r < DROP_REASONS ? drop_names[r] : "?";
}

const char *send_drop_name(enum send_drop r)
{
	return (unsigned)r < SEND_DROPS ? send_drop_names[r] : "?";
}

enum send_drop send_drop_from_errno(int err)
{
	switch (err) {
	case EAGAIN:
		return SEND_DROP_WOULD_BLOCK;
	case ENOBUFS:
		return SEND_DROP_QUEUE_FULL;
	case ENODEV:
	case ENETDOWN:
		return SEND_DROP_NO_INTERFACE;
	case ENETUNREACH:
	case EHOSTUNREACH:
		return SEND_DROP_UNREACHABLE;
	case EPERM:
	case EACCES:
		return SEND_DROP_REFUSED;
	case ECONNREFUSED:
		return SEND_DROP_PORT_UNREACHABLE;
	case EINVAL:
	case EADDRNOTAVAIL:
		return SEND_DROP_NO_SOURCE;
	case EMSGSIZE:
		return SEND_DROP_TOO_BIG;
	case ETIME:
		return SEND_DROP_TTL_EXPIRED; /* of egress.c itself; no send fails so */
	}
	return SEND_DROP_OTHER;
}

static uint64_t sum(const uint64_t *values, size_t n)
{
	uint64_t total = 0;

	for (size_t i = 0; i < n; i++)
		total += values[i];
	return total;
}

void ingress_count_unreadable(struct ingress_counters *c)
{
	counter_add(&c->frames, 1);
	counter_add(&c->received, 1);
	counter_add(&c->drops[DROP_UNREADABLE], 1);
}

void ingress_counters_add(struct ingress_counters *to, const struct ingress_counters *from)
{
	to->frames += from->frames;
	to->received += from->received;
	to->matched += from->matched;
	to->bytes += from->bytes;
	for (unsigned i = 0; i < DROP_REASONS; i++)
		to->drops[i] += from->drops[i];
	to->buf_exhaust += from->buf_exhaust;
}

void egress_counters_add(struct egress_counters *to, const struct egress_counters *from)
{
	to->matched += from->matched;
	to->sent += from->sent;
	to->bytes += from->bytes;
	for (unsigned i = 0; i < SEND_DROPS; i++)
		to->drops[i] += from->drops[i];
	to->fragmented += from->fragmented;
	to->calls += from->calls;
	to->divided += from->divided;
}

bool ingress_counters_balance(const struct ingress_counters *c)
{
	return c->received == c->matched + sum(c->drops, DROP_REASONS);
}

bool egress_counters_balance(const struct egress_counters *c)
{
	return c->matched == c->sent + sum(c->drops, SEND_DROPS);
}
