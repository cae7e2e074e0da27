/* SPDX-License-Identifier: MIT */
/*
 * sink_ceiling.h - the ceiling: how fast the sink itself can be
 *
 * Datagrams are sent to a socket of the sink over loopback while nobody reads, as many as its
 * buffer holds; then the sink reads and judges them, and that alone is timed.  So the figure is
 * the most that one CPU can receive: a rate measured near it says more about the sink than about
 * the relay before it.
 */
#ifndef HARNESS_TRAFFIC_SINK_CEILING_H
#define HARNESS_TRAFFIC_SINK_CEILING_H

#include <stdbool.h>
#include <stdint.h>

#define SINK_CEILING_ROUNDS 25u

struct sink_ceiling {
	uint32_t size_bytes; /* of each payload */
	uint32_t per_round;  /* datagrams read at a time */
	double low_pps;
	double median_pps;
	double high_pps;
	uint64_t drops; /* by the socket; 0 unless the machine is short of memory */
};

/**
 * sink_ceiling_measure() - measure the ceiling
 * @result:       filled on success
 * @size_bytes:   of each payload, 32 to 1472
 * @gro:          take super-datagrams
 * @rcvbuf_bytes: asked for; the size that the system grants bounds a round
 *
 * Return: 0; -ENOMEM; what the socket calls fail with.
 */
int sink_ceiling_measure(struct sink_ceiling *result, uint32_t size_bytes, bool gro,
			 uint32_t rcvbuf_bytes);

#endif
