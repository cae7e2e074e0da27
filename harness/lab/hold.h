/* SPDX-License-Identifier: MIT */
/*
 * hold.h - a lab that other processes can find by name: the holder's side
 *
 * The holder listens on an abstract Unix socket, "\0mcr-lab/NAME": there is no file, so nothing
 * can be left behind, and /proc/net/unix is the list of all labs.  A client sends one request as
 * one message (SOCK_SEQPACKET) and gets one answer, with the descriptors of the node's namespaces.
 * Both sides check that the other runs as the same user or as root.
 *
 *   request      answer                  descriptors
 *   "node NAME"  "ok"                    [user namespace,] network namespace
 *   "entered"    "ok"                    none; only behind "node"
 *   "all"        "all W"                 the topology's text, [user namespace,] network namespaces
 *                                        of all nodes[, that of the wires]; W is 1 if every link
 *                                        has a wire
 *   "info"       "PID TOPOLOGY NODE ..." none
 *   "down"       "ok"                    none; the holder ends
 *   other        "error REASON"          none
 *
 * A client that enters a node sends "entered" on the same connection.  Until then the holder serves
 * nobody else, so the lab cannot go down between the answer and the entry.
 */
#ifndef HARNESS_LAB_HOLD_H
#define HARNESS_LAB_HOLD_H

#include "harness/lab/state.h"

/**
 * struct lab_hold - a lab and how it is held
 * @lab:         owned by the caller; helpers of it that die are started again
 * @listen_fd:   from lab_hold_listen()
 * @with_stdin:  end on end of file on standard input, too
 * @topology_fd: the text that was parsed, for clients
 * @all_wires:   every link was given a wire, whatever the text says
 */
struct lab_hold {
	struct lab *lab;
	int listen_fd;
	bool with_stdin;
	int topology_fd;
	bool all_wires;
};

/**
 * lab_hold_listen() - claim the name of a lab
 * @name: 1 to 63 letters, digits, '-', '_' and '.'
 *
 * Return: a listening socket; -EINVAL for a bad name; -EADDRINUSE when a lab of that name is up;
 * other negative errno.
 */
int lab_hold_listen(const char *name);

/**
 * lab_hold_serve() - answer clients until "down", SIGTERM, SIGINT or SIGHUP
 * @hold: borrowed
 *
 * Return: 0, or what poll(2) or the start of a helper fails with.
 */
int lab_hold_serve(const struct lab_hold *hold);

#endif
