/* SPDX-License-Identifier: MIT */
/* refusal.h - what an errno of sendmsg(2) means: the send is over, or is repeated */
#ifndef CORE_RELAY_REFUSAL_H
#define CORE_RELAY_REFUSAL_H

#include <stdbool.h>
#include <stdint.h>

/*
 * May an ICMP message have caused it?  Anybody can forge one, and it is about an earlier
 * datagram: the send that failed took the error away and can be made again (ip(7),
 * IP_RECVERR; the kernel's icmp_err_convert[]).
 */
bool refusal_may_be_icmp(int err);

/* May the kernel take the datagrams of such a UDP_SEGMENT send one by one? */
bool refusal_splits(int err);

/**
 * refusal_is_final() - did a send end with that?
 * @res:       bytes, or negative errno
 * @datagrams: that it carried; several may go again one by one
 *
 * Return: whether its datagrams are sent or dropped for good.
 */
bool refusal_is_final(int res, uint32_t datagrams);

#endif
