/* SPDX-License-Identifier: MIT */
/*
 * impair.h - impairments of a link: loss, duplication and a rate cap, on the wire
 *
 * A link with a wire is two veth pairs.  Their inner ends (ports) lie in the namespace of the
 * wires, where a rule of nftables hands each frame from one port to the other.  A frame that is
 * dropped there was sent for the sender and never arrived for the receiver, captures included.
 * Frames are single there, whatever offloads the ends have (but for "uso"), so counts are of
 * datagrams.
 *
 * Each direction has a chain of its own, entered at the port where its frames come in:
 *
 *     jump loss, jump every, jump dup, hand over to the other port
 *
 * and the three are replaced one by one, each between two packets.  They match IPv4 UDP only: ARP
 * and IGMP pass unchanged.  The rate cap is a token bucket (tbf) on the port where frames leave.
 */
#ifndef HARNESS_LINK_IMPAIR_H
#define HARNESS_LINK_IMPAIR_H

#include <stdint.h>

struct mnl_socket;

enum impair_kind {
	IMPAIR_LOSS,  /* each datagram with a probability, in millionths */
	IMPAIR_EVERY, /* exactly every Nth datagram, counted from the moment it is set */
	IMPAIR_DUP,   /* each datagram twice with a probability, in millionths */
	IMPAIR_KINDS
};

#define IMPAIR_MILLION 1000000u

/* Counts of one direction. */
struct impair_counts {
	uint64_t lost;       /* by chance */
	uint64_t every_lost; /* by their number */
	uint64_t duplicated;
	uint64_t over_rate; /* frames dropped because the queue before the rate cap was full */
};

/**
 * impair_port_name() - the name of a port
 * @name: IF_NAMESIZE bytes, filled
 * @link: the link's index in the topology
 * @end:  0 or 1
 */
void impair_port_name(char *name, unsigned link, unsigned end);

/**
 * impair_open() - open nftables in the caller's network namespace
 * @nft: filled on success; mnl_socket_close() is due
 *
 * Return: 0 or negative errno.
 */
int impair_open(struct mnl_socket **nft);

/**
 * impair_connect() - join the two ports of a new link
 * @nft:          from impair_open()
 * @link:         the link's index in the topology
 * @port_indexes: interface indexes of the two ports
 *
 * Return: 0 or negative errno.
 */
int impair_connect(struct mnl_socket *nft, unsigned link, const int port_indexes[static 2]);

/**
 * impair_set() - set one impairment of the datagrams to an end of a link; its count starts at 0
 * @link:   the link's index in the topology
 * @end:    the end that receives
 * @kind:   which impairment
 * @amount: millionths (1 to 1000000), or N (1 or more); 0 takes the impairment away
 *
 * The caller is in the namespace of the wires, as for the functions below.
 *
 * Return: 0 or negative errno; -ENOENT when the link has no wire.
 */
int impair_set(unsigned link, unsigned end, enum impair_kind kind, uint32_t amount);

/**
 * impair_rate() - limit the rate of the frames to an end of a link
 * @link:        the link's index in the topology
 * @end:         the end that receives
 * @bytes_per_s: of Ethernet frames without preamble and check sequence; 0 takes the cap away
 *
 * Faster traffic queues for up to 50 ms and is dropped beyond that.
 *
 * Return: 0 or negative errno.
 */
int impair_rate(unsigned link, unsigned end, uint64_t bytes_per_s);

/**
 * impair_counts() - read the counts of one direction
 * @link:   the link's index in the topology
 * @end:    the end that receives
 * @counts: filled on success
 *
 * Return: 0 or negative errno.
 */
int impair_counts(unsigned link, unsigned end, struct impair_counts *counts);

#endif
