/* SPDX-License-Identifier: MIT */
/* build.h - the child that builds a lab */
#ifndef HARNESS_LAB_BUILD_H
#define HARNESS_LAB_BUILD_H

#include "harness/lab/state.h"

/*
 * The builder's answer.  Its descriptors: [user namespace,] network namespaces of the nodes
 * [, that of the wires] [, ends of tun links].
 */
struct lab_build_result {
	int ret;
	struct lab_error error;
	bool with_userns;
	bool with_wires;
	unsigned n_tun_fds;
};

/**
 * lab_build_child() - build a lab and send the result, in a child of its own
 * @topo:   borrowed
 * @socket: SOCK_SEQPACKET, to lab_up()
 *
 * Return: exit status of the child.
 */
int lab_build_child(const struct topology *topo, int socket);

#endif
