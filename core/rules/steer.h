/* SPDX-License-Identifier: MIT */
/*
 * steer.h - classic BPF programs: which frames reach user space, and which worker
 *
 * The prefilter lets through untagged IPv4 UDP that some rule wants.  Three fixed
 * programs count on sockets that nobody reads: all untagged IPv4 UDP, frames with a VLAN
 * tag, and everything else; each frame that arrives passes exactly one of these.  The number
 * of frames that no rule wanted is the first count less the frames that passed the prefilter.  A
 * fourth filter, the complement of the prefilter, would have to be replaced together with it, and
 * two sockets cannot change their filters at one instant.  A frame that the interface sends
 * passes none of them.
 *
 * A priority tag (VID 0, IEEE 802.1Q) says nothing about a VLAN: the frame is untagged, as
 * it is for the kernel's sockets.  The kernel has taken the outer tag off the frame's bytes
 * before it runs any of these programs (experiments/poc_unread_counting_socket).
 *
 * Another program steers: PACKET_FANOUT_CBPF computes steer_hash(), or takes the CPU, and
 * returns the worker.  The kernel exchanges it between two frames, so steering changes
 * without a frame that comes twice or not at all.  The same hash in C assigns rules to workers.
 */
#ifndef CORE_RULES_STEER_H
#define CORE_RULES_STEER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/iface.h"
#include "core/base/limits.h"

/* One thing that some rule wants, as far as a prefilter looks. */
struct steer_want {
	uint32_t group; /* host order */
	uint16_t port;  /* host order */
};

/**
 * steer_hash() - hash of a rule's (group, port)
 * Computed with the operations that classic BPF has: 32-bit multiply, xor, shift.
 */
uint32_t steer_hash(uint32_t group, uint16_t port);

/* The worker, 0..n-1, among @n that serve the interface. */
unsigned steer_worker(uint32_t group, uint16_t port, unsigned n);

#define STEER_SMALL_MAX 32 /* instructions of the fixed programs, at most */

/**
 * steer_filter() - make the prefilter
 * @link:  what precedes the IP header
 * @mark:  0, or for sockets on ETH_P_IP: the bit of the frame's mark that says that the kernel
 *         path has relayed it.  The kernel serves such sockets after it has taken the tag off a
 *         VLAN frame that no device claims, so the frame would look untagged.  It makes it a
 *         frame for others then, and those are refused, too.  Both together are what the kernel
 *         path makes of a frame that it leaves, and keeps from the IP stack: that one passes
 * @wants: sorted or not, duplicates allowed; reordered in place
 * @n:     how many
 * @prog:  filled
 * @max:   room in @prog, at least STEER_SMALL_MAX; at most BPF_MAXINSNS counts
 *
 * Fragments of a wanted group pass whatever their port, so that they are counted
 * as fragments.  When the program does not fit, steer_filter_ipv4_udp() stands in,
 * which lets through a superset.
 *
 * Return: number of instructions; *exact is false when it stands in.
 */
unsigned steer_filter(enum link_layer link, uint32_t mark, struct steer_want *wants, size_t n,
		      struct sock_filter *prog, unsigned max, bool *exact);

/*
 * All untagged IPv4 UDP: the counting socket's filter, and the prefilter where the
 * exact one is too long for the kernel.
 */
unsigned steer_filter_ipv4_udp(enum link_layer link, uint32_t mark,
			       struct sock_filter prog[static STEER_SMALL_MAX]);

/* Frames with a VLAN tag other than VID 0, or with two tags. */
unsigned steer_filter_vlan(struct sock_filter prog[static STEER_SMALL_MAX]);

/* Everything that neither of these passes. */
unsigned steer_filter_foreign(enum link_layer link,
			      struct sock_filter prog[static STEER_SMALL_MAX]);

/*
 * Fan-out program of the counting sockets: which of the three filters passes a frame, as
 * an enum steer_count.  A group without the last of them works as well: the frames that it would
 * pass come to the first, whose filter refuses them.
 */
enum steer_count { COUNT_VLAN, COUNT_FOREIGN, COUNT_IPV4_UDP, STEER_COUNTS };
unsigned steer_counting(struct sock_filter prog[static STEER_SMALL_MAX]);

/* Refuses all frames: on every packet socket until its rules are in place. */
unsigned steer_filter_refuse_all(struct sock_filter prog[static STEER_SMALL_MAX]);

#define STEER_FANOUT_MAX (20 + 2 * MCR_MAX_WORKERS)

/**
 * steer_fanout() - fan-out program of an input interface
 * @steering: STEER_RULE: steer_worker() chooses; STEER_CPU: the CPU on which it runs, modulo @n
 * @members:  the number in the fan-out group of each socket that may be chosen
 * @n:        how many, 1..MCR_MAX_WORKERS
 *
 * The group may have members that are not chosen.  Frames too short for steer_worker() go
 * to member 0.
 * Return: number of instructions.
 */
unsigned steer_fanout(enum steering steering, const uint8_t *members, unsigned n,
		      struct sock_filter prog[static STEER_FANOUT_MAX]);

#endif
