/* SPDX-License-Identifier: MIT */
/*
 * steer.h - classic BPF programs: which frames reach user space, and which worker
 *
 * Three programs are made for each input interface, all from the same list of
 * what its rules want:
 *   wanted    on the packet sockets: lets through untagged IPv4 UDP that a rule wants
 *   unwanted  on the counting socket: its complement among untagged IPv4 UDP
 *   foreign   on the other counting socket: everything that is not untagged IPv4 UDP
 * Each frame passes exactly one of them, so that received traffic adds up.
 *
 * A fourth program steers: PACKET_FANOUT_CBPF computes steer_hash() and returns
 * the worker.  The same hash in C assigns rules to workers.
 */
#ifndef CORE_STEER_H
#define CORE_STEER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/ipc.h"

/* What one rule wants, as far as a prefilter looks. */
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

enum steer_program { STEER_WANTED, STEER_UNWANTED };

/**
 * steer_filter() - make the prefilter or its complement
 * @link:  what precedes the IP header
 * @wants: sorted or not, duplicates allowed; reordered in place
 * @n:     how many
 * @which: prefilter or complement
 * @prog:  filled
 * @max:   room in @prog, at most BPF_MAXINSNS counts
 *
 * Fragments of a wanted group pass whatever their port, so that they are counted
 * as fragments.  When the exact program does not fit, a coarser one is made that
 * lets through a superset (every untagged IPv4 UDP frame).
 *
 * Return: number of instructions; *exact is false for the coarse program.
 */
unsigned steer_filter(enum link_layer link, struct steer_want *wants, size_t n,
		      enum steer_program which, struct sock_filter *prog, unsigned max,
		      bool *exact);

/* The coarse pair, for a kernel that refuses the exact one for its size. */
unsigned steer_filter_coarse(enum link_layer link, enum steer_program which,
			     struct sock_filter *prog, unsigned max);

#define STEER_SMALL_MAX 32 /* instructions of the programs below, at most */

/* Everything that is not untagged IPv4 UDP. */
unsigned steer_filter_foreign(enum link_layer link,
			      struct sock_filter prog[static STEER_SMALL_MAX]);

/* Nothing at all: on every packet socket until its rules are in place. */
unsigned steer_filter_nothing(struct sock_filter prog[static STEER_SMALL_MAX]);

/* Fan-out program: steer_worker() for @n sockets.  Frames too short go to socket 0. */
unsigned steer_fanout(enum link_layer link, unsigned n,
		      struct sock_filter prog[static STEER_SMALL_MAX]);

#endif
