/* SPDX-License-Identifier: MIT */
/* The child that builds a lab; for lab.c alone. */
#ifndef HARNESS_LABBUILD_H
#define HARNESS_LABBUILD_H

#include "harness/lab.h"

/* What the builder answers, together with [user namespace,] network namespaces. */
struct labbuild_result {
	int ret;
	struct lab_error error;
};

/**
 * labbuild_child() - build and send the result; runs in a child of its own.
 * @socket: SOCK_SEQPACKET, to lab_up()
 *
 * Return: exit status.
 */
int labbuild_child(const struct topology *topo, int socket);

#endif
