/* SPDX-License-Identifier: MIT */
/*
 * account.h - the account of received datagrams, flow by flow
 *
 * A flow is the pair (stream, flow number of the payload): a stream is one destination group and
 * port, so copies that a relay sends to several groups are several flows, each complete in itself.
 */
#ifndef HARNESS_TRAFFIC_ACCOUNT_H
#define HARNESS_TRAFFIC_ACCOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/traffic/histogram.h"
#include "harness/traffic/payload.h"
#include "harness/traffic/seqtrack.h"

/*
 * Flow and sequence numbers come from the wire.  These bounds keep arbitrary numbers with a valid
 * header from taking all memory: beyond them a datagram counts as corrupt.
 */
#define ACCOUNT_MAX_FLOWS (1u << 17)   /* two of each stream that a sink can have */
#define ACCOUNT_SEQ_BYTES (1ull << 30) /* bitmaps of all flows: 2^33 sequence numbers */

/* First, last and longest pause, of anything that arrives. */
struct account_arrivals {
	uint64_t count;
	uint64_t bytes;
	uint64_t first_ns;
	uint64_t last_ns;
	uint64_t gap_ns;
};

struct account_flow {
	uint32_t stream;
	uint32_t flow;
	struct account_arrivals arrivals;
	struct seqtrack seqs;
	struct histogram latency;
};

struct account_stream {
	uint64_t received;
	uint64_t too_short; /* no room for a header: counted only */
	uint64_t corrupt;
};

struct account {
	bool headers_only; /* a damaged body is not looked for: cheaper */
	struct payload_pattern pattern;
	struct account_arrivals arrivals;
	struct account_stream *streams; /* owned, n_streams of them */
	uint32_t n_streams;
	struct account_flow **flows; /* owned, in order of first arrival */
	uint32_t n_flows;
	uint32_t *slots; /* owned hash table of 1 + index into flows, 0 is empty */
	uint32_t n_slots;
	uint32_t max_flows;      /* ACCOUNT_MAX_FLOWS */
	uint64_t seq_room_bytes; /* what the bitmaps may still take; ACCOUNT_SEQ_BYTES at first */
};

/**
 * account_init() - start to count
 * @account:   filled; account_fini() is due even after an error
 * @n_streams: 1 or more
 *
 * Return: 0 or -ENOMEM.
 */
int account_init(struct account *account, uint32_t n_streams);

/**
 * account_fini() - free
 * @account: a zeroed struct is allowed
 */
void account_fini(struct account *account);

/**
 * account_datagram() - count one datagram
 * @account: to be added to
 * @stream:  0 to n_streams - 1
 * @bytes:   the payload as received, untrusted
 * @length:  0 to 65535
 * @now_ns:  CLOCK_MONOTONIC of the arrival
 *
 * Return: 0 or -ENOMEM.
 */
int account_datagram(struct account *account, uint32_t stream, const uint8_t *bytes, size_t length,
		     uint64_t now_ns);

/**
 * account_first() - count the datagrams of one receive by the header of the first
 * @account: to be added to
 * @stream:  0 to n_streams - 1
 * @header:  the first PAYLOAD_HEADER_BYTES of the payload as received, untrusted
 * @length:  of all datagrams together
 * @segment: of each but the last, 1 to @length
 * @now_ns:  CLOCK_MONOTONIC of the arrival
 *
 * The others are assumed to follow it in sequence: loss, repetition and reordering within one
 * receive are not seen, nor is a damaged body.
 *
 * Return: 0 or -ENOMEM.
 */
int account_first(struct account *account, uint32_t stream, const uint8_t *header, size_t length,
		  size_t segment, uint64_t now_ns);

/**
 * account_arrivals_pps() - average rate between the first and the last arrival
 * @arrivals: borrowed
 *
 * Return: datagrams a second; 0 for fewer than two.
 */
double account_arrivals_pps(const struct account_arrivals *arrivals);

#endif
