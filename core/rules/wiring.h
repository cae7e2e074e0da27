/* SPDX-License-Identifier: MIT */
/*
 * wiring.h - where a frame that leaves this host arrives on it again
 *
 * A packet socket does not read what its own interface sends (PACKET_IGNORE_OUTGOING), so
 * a relay hears itself only where the host is wired to itself: the loopback device, a
 * unicast datagram to an own address, the peer of a veth device, siblings of a macvlan
 * device, ports and master of a bridge.  The owner of the link table fills this in; without it
 * the loopback device is known by its usual name, and nothing else.
 */
#ifndef CORE_RULES_WIRING_H
#define CORE_RULES_WIRING_H

#include <stddef.h>

#include "core/base/addr.h"
#include "core/base/limits.h"

struct rule_output;

#define WIRING_LOOPBACK "lo" /* the name that the kernel gives it */

/* A frame that leaves by @from arrives at @to. */
struct wiring_path {
	char from[MCR_IFNAME_MAX];
	char to[MCR_IFNAME_MAX];
};

/* A unicast datagram that leaves by @interface for its own address @addr stays on this host. */
struct wiring_home {
	char interface[MCR_IFNAME_MAX];
	struct addr addr;
};

/**
 * struct wiring
 * @loopback: name of the loopback device, "" when there is none
 * @paths:    sorted by wiring_sort(); that of the loopback device leads to itself
 * @homes:    the same
 */
struct wiring {
	char loopback[MCR_IFNAME_MAX];
	struct wiring_path *paths;
	size_t n_paths;
	struct wiring_home *homes;
	size_t n_homes;
};

/* Bring paths and homes into the order in which wiring_arrival() looks for them. */
void wiring_sort(struct wiring *w);

/**
 * wiring_arrival() - the interfaces at which what an output sends comes back
 * @w:   sorted; NULL when the links are not known
 * @out: borrowed
 * @n:   0 for the first one, and so on
 *
 * Return: its name, which lives as long as @w; NULL after the last.
 */
const char *wiring_arrival(const struct wiring *w, const struct rule_output *out, size_t n);

#endif
