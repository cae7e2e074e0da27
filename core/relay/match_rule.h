/* SPDX-License-Identifier: MIT */
/* match_rule.h - a rule and its outputs as a worker has them in its table */
#ifndef CORE_RELAY_MATCH_RULE_H
#define CORE_RELAY_MATCH_RULE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "core/base/counters.h"
#include "core/relay/guard.h"
#include "core/rules/snapshot.h"

/* Room for IP_PKTINFO, IP_TTL, IP_TOS and UDP_SEGMENT (ip(7), udp(7)). */
#define MATCH_CONTROL_MAX                                                      \
	(CMSG_SPACE(sizeof(struct in_pktinfo)) + 2 * CMSG_SPACE(sizeof(int)) + \
	 CMSG_SPACE(sizeof(uint16_t)))

/**
 * struct match_output - one output, ready to be sent to
 * @rec:           what the snapshot says; covered by the hash
 * @to:            destination
 * @payload_max:   payload that leaves unfragmented: MTU less IP and UDP header
 * @control:       IP_PKTINFO, then IP_TTL and IP_TOS where they are needed
 * @control_bytes: of them; match_control() says which go with a send
 * @counters:      in the worker's status page
 */
struct match_output {
	struct snapshot_output rec;
	struct sockaddr_in to;
	uint32_t payload_max;
	uint32_t control_bytes;
	_Alignas(struct cmsghdr) uint8_t control[MATCH_CONTROL_MAX];
	struct egress_counters *counters;
};

/* By its port, and for fragments without one by its group. */
enum match_key { MATCH_PORT, MATCH_GROUP, MATCH_KEYS };

/* @port: 0 of a group */
struct match_key_value {
	uint32_t source_be, group_be, iface;
	uint16_t port;
};

struct match_link {
	struct match_rule *prev, *next;
};

/**
 * struct match_rule - one rule
 * @rec:        what the snapshot says; covered by the hash
 * @outputs:    rec.n_outputs of them
 * @payload_max: smallest of theirs: a larger payload leaves in fragments somewhere
 * @limit:      state of its rate limits, shared with the other workers
 * @head, @tail: its datagrams in the batch being gathered (core/relay/relay.c), or CHAIN_END
 * @decrements: some output's TTL is one less than what came
 * @action:     its incarnation, its outputs and their order, in one number that is not 0
 * @n_divided:  outputs that the kernel path has under each division
 * @share_lost: in a replay: a frame of it was given up, so the numbers of the rest are not known
 * @key, @slot, @n_outputs: as in the record when it was taken, whatever becomes of @rec
 * @at:         its place in the table's list
 * @hash:       its part of the table's hash
 * @same:       the other rules with its key in the index, by enum match_key
 * @guard:      what the storm guard knows of it
 * @saved_epoch: commit for which its counters are in the journal (core/relay/journal.c)
 */
struct match_rule {
	struct snapshot_rule rec;
	struct match_output *outputs;
	uint32_t payload_max;
	struct rule_counters *counters;
	struct limit_slot *limit;
	uint32_t head, tail;
	uint64_t saved_epoch;
	struct guard_rule guard;
	bool decrements;
	uint64_t action;
	bool share_lost;
	uint16_t n_divided[SNAPSHOT_DIVISIONS];
	struct match_key_value key;
	uint32_t slot, n_outputs;
	uint32_t at;
	uint64_t hash;
	struct match_link same[MATCH_KEYS];
};

/**
 * match_divided() - which outputs has the kernel path sent a frame to?
 * @division: that the frame carries, 0: none
 * @bits:     filled: outputs with one of these bits in @divided; 0: none
 *
 * Return: false: the rule does not know the division, so that nobody can tell.
 */
static inline bool match_divided(const struct match_rule *r, uint32_t division, uint8_t *bits)
{
	*bits = 0;
	/* Without divisions a sender happens to have such an address. */
	if (!division || !(r->rec.division[0] | r->rec.division[1]))
		return true;
	for (unsigned i = 0; i < SNAPSHOT_DIVISIONS; i++)
		if (division == r->rec.division[i])
			*bits |= (uint8_t)(1u << i);
	return *bits != 0;
}

/* Outputs that a worker sends a frame to of which it has @bits from match_divided(). */
static inline uint32_t match_outputs(const struct match_rule *r, uint8_t bits)
{
	return r->rec.n_outputs - (bits ? r->n_divided[bits >> 1] : 0u);
}

#define MATCH_SOURCE_BYTES CMSG_SPACE(sizeof(struct in_pktinfo))

/**
 * match_control() - the control messages that go with a send
 * @connected: its socket is connected, and has the output's TTL and DSCP
 * @control:   filled, NULL for none; UDP_SEGMENT may be appended to a copy
 *
 * A connected socket has the source address of the time when it was connected.
 * IP_PKTINFO, with the output's source or none, lets the kernel choose for each send.
 * Return: bytes of them.
 */
static inline uint32_t match_control(struct match_output *o, bool connected, void **control)
{
	const uint32_t from = connected || addr_is_set(&o->rec.source) ? 0 : MATCH_SOURCE_BYTES;
	const uint32_t bytes = (connected ? MATCH_SOURCE_BYTES : o->control_bytes) - from;

	*control = bytes ? o->control + from : NULL;
	return bytes;
}

#endif
