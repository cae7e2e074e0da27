/* SPDX-License-Identifier: MIT */
/*
 * state.h - a lab: the namespaces of a topology, made and connected
 *
 * Namespaces are anonymous.  Only the descriptors in struct lab, and the processes started inside,
 * keep them alive, so they end with their owner, however it dies.  A child makes them and passes
 * the descriptors; the owner never changes its own namespaces.  An owner without the rights for it
 * gets its lab in a user namespace, where it is root.
 *
 * Two small processes belong to a lab.  The watcher kills what runs in the nodes when the owner
 * has died (watch.h); the carrier copies packets between the ends of tun links (tun.h).
 */
#ifndef HARNESS_LAB_STATE_H
#define HARNESS_LAB_STATE_H

#include <sys/types.h>

#include "harness/topology/state.h"

/* A process that belongs to the lab; pid 0: there is none. */
struct lab_helper {
	pid_t pid;
	int pidfd; /* owned */
};

struct lab {
	const struct topology *topo;   /* borrowed */
	int userns_fd;                 /* owned; -1 when none was needed */
	int netns_fds[TOPO_MAX_NODES]; /* owned, in the topology's order of nodes */
	unsigned n_netns;
	int wires_fd; /* owned; where links with a wire have their middle, or -1 */
	int tun_fds[2 * TOPO_MAX_TUNS]; /* owned; both ends of each tun link */
	unsigned n_tun_fds;
	struct lab_helper watcher;
	struct lab_helper carrier;
};

/* The step that failed and its errno, as one line. */
struct lab_error {
	char text[256];
	bool not_permitted; /* this machine or user cannot have such a lab */
};

#endif
