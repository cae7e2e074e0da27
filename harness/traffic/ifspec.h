/* SPDX-License-Identifier: MIT */
/* ifspec.h - an interface as given on a command line: its name, or one of its IPv4 addresses */
#ifndef HARNESS_TRAFFIC_IFSPEC_H
#define HARNESS_TRAFFIC_IFSPEC_H

#include <net/if.h>
#include <netinet/in.h>

struct ifspec {
	unsigned ifindex;
	char name[IF_NAMESIZE];
	struct in_addr address; /* INADDR_ANY when it was given by name */
};

/**
 * ifspec_resolve() - find an interface in the caller's network namespace
 * @spec: filled on success
 * @text: a name or an IPv4 address
 *
 * Return: 0; -ENODEV when no interface has that name or address; what getifaddrs() fails with.
 */
int ifspec_resolve(struct ifspec *spec, const char *text);

#endif
