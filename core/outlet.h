/* SPDX-License-Identifier: MIT */
/*
 * outlet.h - an output interface: its socket, and which runs the kernel takes there
 *
 * Whether UDP_SEGMENT works shows when it is tried, and depends on the device (checksum
 * offload), its MTU and the kernel's number of segments.  So what counts is the largest
 * send that was taken since one was refused.
 */
#ifndef CORE_OUTLET_H
#define CORE_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

#include "core/egress.h"

/**
 * struct outlet
 * @sock:           -1 when there is none
 * @segments_taken: most datagrams in one send; 0: none since one was refused
 * @payload_taken:  largest segment, in bytes
 */
struct outlet {
	int sock;
	uint16_t segments_taken;
	uint16_t payload_taken;
};

/* May it refuse @datagrams as a whole, and take them or others one by one? */
static inline bool outlet_may_refuse(const struct outlet *l, uint32_t datagrams,
				     uint32_t segment_bytes)
{
	const uint32_t enough = datagrams > EGRESS_SEGMENTS_OLD ? EGRESS_SEGMENTS_OLD + 1 : 1;

	return datagrams > 1 && (l->segments_taken < enough || l->payload_taken < segment_bytes);
}

static inline void outlet_took(struct outlet *l, uint32_t datagrams, uint32_t segment_bytes)
{
	if (datagrams == 1)
		return;
	if (l->segments_taken < datagrams)
		l->segments_taken = (uint16_t)datagrams;
	if (l->payload_taken < segment_bytes)
		l->payload_taken = (uint16_t)segment_bytes;
}

static inline void outlet_refused(struct outlet *l)
{
	l->segments_taken = l->payload_taken = 0;
}

#endif
