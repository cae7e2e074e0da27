/* SPDX-License-Identifier: MIT */
/*
 * A lab: the namespaces of a topology, made and connected.
 *
 * Namespaces are anonymous: nothing but the descriptors in struct lab (and the processes started
 * inside) keeps them alive, so they are gone when their owner is, however it died.  A child makes
 * them and hands the descriptors over; the caller never changes its own namespaces.  A caller
 * without the rights for it gets its lab in a user namespace, where it is root.
 *
 * Two small processes belong to a lab.  The watcher kills what runs in the nodes when the owner
 * has died (watch.h); the carrier moves packets between the ends of tun links (tun.h).
 *
 * A program that runs a generator and a sink in a lab (proc.h, traffic/report_read.h):
 *
 *	lab_up(&lab, &topo, &error);
 *	struct proc_spec spec = PROC_SPEC_INIT;
 *	spec.argv = (const char *[]){"mcrsink", "--interface", "eth0", "--group", "239.1.1.1",
 *				     "--port", "5000", "--json", "--ready-fd", "3", NULL};
 *	spec.userns_fd = lab.userns_fd;
 *	spec.netns_fd = lab.netns_fds[topology_node(&topo, "sink")];
 *	spec.ready = spec.capture = true;
 *	proc_spawn(&sink, &spec);
 *	proc_wait_ready(&sink, deadline_in_ms(5000));
 *	... the generator likewise, with spec.go and "--go-fd", "4" ...
 *	pidfd_send_signal(sink.pidfd, SIGTERM, NULL, 0);
 *	proc_collect(&sink, deadline_in_ms(5000), &text);
 *	report_read_sink(&report, text);
 *	proc_stop(&sink, 0, deadline_in_ms(5000), &status);
 *	lab_down(&lab);
 */
#ifndef HARNESS_LAB_LAB_H
#define HARNESS_LAB_LAB_H

#include <sys/types.h>

#include "harness/topology/topology.h"

/* A process that belongs to the lab; pid 0: there is none. */
struct lab_helper {
	pid_t pid;
	int pidfd; /* owned */
};

struct lab {
	const struct topology *topo;   /* borrowed */
	int userns_fd;                 /* owned; -1 when none was needed */
	int netns_fds[TOPO_MAX_NODES]; /* owned, in the topology's order of nodes */
	unsigned int n_netns;
	int wires_fd; /* owned; where links with a wire have their middle, or -1 */
	int tun_fds[2 * TOPO_MAX_TUNS]; /* owned; both ends of each tun link */
	unsigned int n_tun_fds;
	struct lab_helper watcher;
	struct lab_helper carrier;
};

/* What went wrong, as text; the step that failed and its errno. */
struct lab_error {
	char text[256];
	bool not_permitted; /* this machine or user cannot have such a lab */
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

/** lab_close() - let go of the descriptors of a lab that somebody else owns. */
void lab_close(struct lab *lab);

/**
 * lab_enter() - move the calling thread into a node.  There is no way back from a user namespace,
 * so this is for a child that is about to exec.
 * @userns_fd: of the lab, or -1
 * @netns_fd: of the node
 *
 * Return: 0 or negative errno.
 */
int lab_enter(int userns_fd, int netns_fd);

/**
 * lab_call() - call a function in a node, in a child process that ends with it.
 * @netns_fd: of the node, or lab->wires_fd
 * @call: what it returns is returned, a negative errno or 0 to INT_MAX
 * @arg: for results it must lie in memory that parent and child share, such as a MAP_SHARED map
 *
 * Return: what @call returned; or why the node could not be entered, as a negative errno.
 */
int lab_call(const struct lab *lab, int netns_fd, int (*call)(void *arg), void *arg);

#endif
