/* SPDX-License-Identifier: MIT */
/*
 * A lab: the namespaces of a topology, made and connected.
 *
 * Namespaces are anonymous: nothing but the descriptors in struct lab (and the processes started
 * inside) keeps them alive, so they are gone when their owner is, however it died.  A child makes
 * them and hands the descriptors over; the caller never changes its own namespaces.  A caller
 * without the rights for it gets its lab in a user namespace, where it is root.
 */
#ifndef HARNESS_LAB_H
#define HARNESS_LAB_H

#include "harness/topology.h"

struct lab {
	const struct topology *topo;   /* borrowed */
	int userns_fd;                 /* owned; -1 when none was needed */
	int netns_fds[TOPO_MAX_NODES]; /* owned, in the topology's order of nodes */
	unsigned int n_netns;
};

/* What went wrong, as text; the step that failed and its errno. */
struct lab_error {
	char text[256];
};

/**
 * lab_up() - build a lab and wait until every link has its carrier.
 * @lab: filled; lab_down() is due only after success
 * @topo: borrowed as long as the lab exists
 * @error: filled on failure
 *
 * Return: 0 or negative errno.
 */
int lab_up(struct lab *lab, const struct topology *topo, struct lab_error *error);

/** lab_down() - kill what still runs in the lab's namespaces and let go of them. */
void lab_down(struct lab *lab);

/**
 * lab_enter() - move the calling thread into a node.  There is no way back from a user namespace,
 * so this is for a child that is about to exec.
 * @userns_fd: of the lab, or -1
 * @netns_fd: of the node
 *
 * Return: 0 or negative errno.
 */
int lab_enter(int userns_fd, int netns_fd);

#endif
