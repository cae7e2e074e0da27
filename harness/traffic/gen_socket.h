/* SPDX-License-Identifier: MIT */
/* gen_socket.h - the sending socket of test traffic */
#ifndef HARNESS_TRAFFIC_GEN_SOCKET_H
#define HARNESS_TRAFFIC_GEN_SOCKET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "harness/traffic/ifspec.h"

struct gen_socket {
	const struct ifspec *iface; /* borrowed for the call */
	struct in_addr source;      /* INADDR_ANY: the kernel's choice */
	uint16_t source_port;       /* 0: the kernel's choice */
	bool to_hosts;              /* unicast destinations: keep to the interface as well */
	uint8_t ttl;
	uint8_t dscp; /* 0 to 63 */
};

/**
 * gen_socket_open() - open a UDP socket that sends through one interface
 * @spec: borrowed; a source that is no address of this machine needs CAP_NET_ADMIN
 *
 * Return: a descriptor, owned by the caller; -EADDRNOTAVAIL when the source is a group or
 * broadcast, or not of this machine and the right to use it is missing; other negative errno of
 * the socket calls.
 */
int gen_socket_open(const struct gen_socket *spec);

#endif
