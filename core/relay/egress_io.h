/* SPDX-License-Identifier: MIT */
/* egress_io.h - how sends reach the kernel, and how many there may be */
#ifndef CORE_RELAY_EGRESS_IO_H
#define CORE_RELAY_EGRESS_IO_H

#include <stdint.h>
#include <sys/socket.h>

#define EGRESS_SENDS       4096u /* in flight at one time */
#define EGRESS_UNITS       4096u /* datagrams in them, about */
#define EGRESS_GSO_BATCHES 1024u
#define EGRESS_NOTICES     8u

/**
 * struct egress_tag - what a send is, for its completion to say
 * @send:      slot, for egress_done()
 * @datagrams: in it, 1..GSO_SEGMENTS_MAX
 * @unit:      number of the first, see egress_number()
 */
struct egress_tag {
	uint16_t send;
	uint8_t datagrams;
	uint32_t unit;
};

/**
 * struct egress_io - how sends reach the kernel
 * @queue: queue one sendmsg(2) on @sock; @msg stays valid until egress_done()
 * @drain: submit what is queued and call egress_done() for all that has completed; on
 *         return every queued send has
 */
struct egress_io {
	void *ctx;
	void (*queue)(void *ctx, int sock, const struct msghdr *msg, struct egress_tag tag);
	void (*drain)(void *ctx);
};

#endif
