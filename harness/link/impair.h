/* SPDX-License-Identifier: MIT */
/*
 * impair.h - impairments of a link: loss, duplication and a rate cap, on the wire
 *
 * A link with a wire is two veth pairs, and what lies between is nobody's: frames arrive at one
 * port and are handed to the other by a rule of nftables.  What is dropped or doubled there was
 * sent, as far as the sender can tell, and never arrived, as far as the receiver can tell, packet
 * sockets and captures included.  Frames are single there, whatever offloads the ends have (but
 * for "uso"), so a count is one of datagrams.
 *
 * Each direction has a chain of its own, entered at the port where its frames come in:
 *
 *     jump loss, jump every, jump dup, hand over to the other port
 *
 * and the three are replaced one by one, each between two packets.  They see IPv4 UDP alone: ARP
 * and IGMP pass unharmed.  The rate cap is a token bucket (tbf) on the port where frames leave.
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

/* What happened to datagrams of one direction. */
struct impair_counts {
	uint64_t lost;       /* by chance */
	uint64_t every_lost; /* by their number */
	uint64_t duplicated;
	uint64_t over_rate; /* frames dropped because the queue before the rate cap was full */
};

/** impair_port_name() - the name of a port, of IF_NAMESIZE bytes. */
void impair_port_name(char *name, unsigned link, unsigned end);

/** impair_open() - open nftables in the caller's network namespace.  Return: 0 or -errno. */
int impair_open(struct mnl_socket **nft);

/** impair_connect() - join the two ports of a new link.  Return: 0 or negative errno. */
int impair_connect(struct mnl_socket *nft, unsigned link, const int port_indexes[static 2]);

/**
 * impair_set() - set one impairment of what arrives at an end of a link; its count starts at 0.
 * @link: the link's index in the topology
 * @end: the end that receives
 * @kind: which impairment
 * @amount: millionths (1 to 1000000), or N (1 or more); 0 takes the impairment away
 *
 * The caller is in the namespace of the wires, as for the functions below.
 *
 * Return: 0 or negative errno; -ENOENT when the link has no wire.
 */
int impair_set(unsigned link, unsigned end, enum impair_kind kind, uint32_t amount);

/**
 * impair_rate() - let no more than a rate arrive at an end of a link.
 * @bytes_per_s: of Ethernet frames without preamble and check sequence; 0 takes the cap away
 *
 * What comes faster queues for up to 50 ms and is dropped beyond that.
 */
int impair_rate(unsigned link, unsigned end, uint64_t bytes_per_s);

/** impair_counts() - read what has happened.  Return: 0 or negative errno. */
int impair_counts(unsigned link, unsigned end, struct impair_counts *counts);

#endif
