/* SPDX-License-Identifier: MIT */
/* The child that builds a lab. */
#ifndef HARNESS_LAB_BUILD_H
#define HARNESS_LAB_BUILD_H

#include "harness/lab/lab.h"

/*
 * What the builder answers, together with its descriptors: [user namespace,] network namespaces
 * of the nodes [, that of the wires] [, ends of tun links].
 */
struct labbuild_result {
	int ret;
	struct lab_error error;
	bool with_userns;
	bool with_wires;
	unsigned int n_tun_fds;
};

/**
 * labbuild_child() - build and send the result; runs in a child of its own.
 * @socket: SOCK_SEQPACKET, to lab_up()
 *
 * Return: exit status.
 */
int labbuild_child(const struct topology *topo, int socket);

#endif
