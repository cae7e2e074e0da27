/* SPDX-License-Identifier: MIT */
/*
 * payload.h - the payload of a test datagram on the wire
 *
 *   offset  bytes  field (network byte order)
 *   0       4      magic 0x4d435231, "MCR1"
 *   4       4      flow
 *   8       8      sequence, counted per flow from 0
 *   16      8      send time, CLOCK_MONOTONIC nanoseconds of the machine that sends
 *   24      4      length of the whole payload in bytes, this header included
 *   28      4      check over the fields above
 *   32      ...    body
 *
 * check: h = 0; for w in (magic << 32 | length), flow, sequence, time:
 *        h = ((h ^ w) * 0x9E3779B97F4A7C15) mod 2^64, h ^= h >> 32;  check = low 32 bits of h.
 *
 * body: byte i is pattern[phase + i], phase = (flow * 31 + sequence) mod 64 and
 *       pattern[j] = ((j * 2654435761) mod 2^32) >> 24.
 *
 * The receiver compares the body with the pattern byte for byte.  That finds every damage a sum
 * over the body would, costs less, and lets the generator send the body straight out of the table:
 * only the header differs from one datagram to the next.  The phase makes a piece of a neighbouring
 * datagram of the same size in the wrong buffer visible.
 *
 * A payload shorter than the header is that header cut short.  It can be counted, nothing more.
 */
#ifndef HARNESS_TRAFFIC_PAYLOAD_H
#define HARNESS_TRAFFIC_PAYLOAD_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_MAGIC        0x4d435231u
#define PAYLOAD_HEADER_BYTES 32u
#define PAYLOAD_MAX_BYTES    65507u /* IPv4: 65535 less 20 and 8 bytes of headers */
#define PAYLOAD_PHASES       64u

struct payload_header {
	uint32_t magic_be;
	uint32_t flow_be;
	uint64_t seq_be;
	uint64_t time_ns_be;
	uint32_t length_be;
	uint32_t check_be;
};
static_assert(sizeof(struct payload_header) == PAYLOAD_HEADER_BYTES, "wire format");

struct payload_pattern {
	uint8_t bytes[PAYLOAD_MAX_BYTES + PAYLOAD_PHASES];
};

struct payload_info {
	uint32_t flow;
	uint64_t seq;
	uint64_t sent_ns;
};

enum payload_verdict {
	PAYLOAD_GOOD,
	PAYLOAD_SHORT,   /* less than a header: counted only */
	PAYLOAD_CORRUPT, /* no magic, wrong check, wrong length or a wrong byte in the body */
};

/**
 * payload_pattern_init() - fill the table of which every body is a part
 * @pattern: filled
 */
void payload_pattern_init(struct payload_pattern *pattern);

/**
 * payload_body() - the body of a datagram
 * @pattern: borrowed
 * @flow:    its flow number
 * @seq:     its sequence number
 *
 * Return: where in @pattern it begins.
 */
const uint8_t *payload_body(const struct payload_pattern *pattern, uint32_t flow, uint64_t seq);

/**
 * payload_header_fill() - write a header
 * @header: filled
 * @info:   borrowed
 * @length: of the whole payload in bytes, up to PAYLOAD_MAX_BYTES
 */
void payload_header_fill(struct payload_header *header, const struct payload_info *info,
			 uint32_t length);

/**
 * payload_read() - judge a received payload
 * @pattern: borrowed
 * @bytes:   @length bytes as received, untrusted, no alignment needed
 * @length:  0 to 65535
 * @info:    filled when the verdict is PAYLOAD_GOOD
 */
enum payload_verdict payload_read(const struct payload_pattern *pattern, const uint8_t *bytes,
				  size_t length, struct payload_info *info);

/**
 * payload_read_header() - judge a received payload by its header alone
 * @bytes:  PAYLOAD_HEADER_BYTES of them, or @length if that is less; untrusted
 * @length: of the whole payload
 * @info:   filled when the verdict is PAYLOAD_GOOD
 */
enum payload_verdict payload_read_header(const uint8_t *bytes, size_t length,
					 struct payload_info *info);

#endif
