/* SPDX-License-Identifier: MIT */
/* gro.h - UDP GRO of an interface, read and set */
#ifndef DAEMON_PRIV_GRO_H
#define DAEMON_PRIV_GRO_H

#include <stdbool.h>

struct priv_gro_state {
	bool gro, udp_forwarding; /* as found, to be restored */
	bool fraglist;            /* rx-gro-list: read, never set */
};
int priv_gro_get(unsigned ifindex, struct priv_gro_state *st);
int priv_gro_set(unsigned ifindex, const struct priv_gro_state *st);

#endif
