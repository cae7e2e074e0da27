/* SPDX-License-Identifier: MIT */
/*
 * frame_fixture.h - frames for tests, made without the code that reads them
 *
 * Checksums are computed byte by byte in network order, so that an error in the
 * parser's faster sum is not repeated here.
 */
#ifndef TESTS_UNIT_CORE_FRAME_FIXTURE_H
#define TESTS_UNIT_CORE_FRAME_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define FIXTURE_VNET  10
#define FIXTURE_ETHER 14
#define FIXTURE_MAX   (FIXTURE_VNET + FIXTURE_ETHER + 65535)

#define FIXTURE_GROUP  0xef010203u /* 239.1.2.3 */
#define FIXTURE_SOURCE 0x0a000001u /* 10.0.0.1 */
#define FIXTURE_PORT   5000

/**
 * struct frame_spec - what to build; zero means the usual
 * @options:   bytes of IP options, a multiple of 4
 * @gso_size:  not zero: a UDP_L4 super-datagram with this segment size
 * @no_udp_sum: leave the UDP checksum zero
 * @division:  not zero: the source address of the MAC header carries it
 */
struct frame_spec {
	bool raw_ip;
	uint32_t group, source; /* host order */
	uint16_t port;
	uint32_t payload_bytes;
	uint8_t fill; /* payload byte i is fill + i */
	uint8_t options;
	uint16_t gso_size;
	bool no_udp_sum;
	uint32_t division;
};

static inline void fixture_put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void fixture_put32(uint8_t *p, uint32_t v)
{
	fixture_put16(p, v >> 16);
	fixture_put16(p + 2, v & 0xffff);
}

static inline uint32_t fixture_sum(const uint8_t *p, uint32_t len, uint32_t sum)
{
	for (uint32_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

static inline uint8_t *fixture_ip(uint8_t *frame, bool raw_ip)
{
	return frame + FIXTURE_VNET + (raw_ip ? 0 : FIXTURE_ETHER);
}

/* Makes the IP header checksum right again after a change. */
static inline void fixture_fix_ip(uint8_t *ip)
{
	const uint32_t header = (ip[0] & 0xfu) * 4;

	fixture_put16(ip + 10, 0);
	fixture_put16(ip + 10, ~fixture_sum(ip, header, 0) & 0xffff);
}

/* Makes the UDP checksum right again; @bytes is the UDP length. */
static inline void fixture_fix_udp(uint8_t *ip, uint32_t bytes)
{
	uint8_t *udp = ip + (ip[0] & 0xfu) * 4;
	uint32_t sum = fixture_sum(ip + 12, 8, 17 + bytes);

	fixture_put16(udp + 6, 0);
	sum = ~fixture_sum(udp, bytes, sum) & 0xffff;
	fixture_put16(udp + 6, sum ? sum : 0xffff);
}

/* Returns the length; @frame has room for FIXTURE_MAX bytes. */
static inline uint32_t fixture_frame(uint8_t *frame, const struct frame_spec *spec)
{
	const uint32_t header = 20u + spec->options, udp_bytes = 8 + spec->payload_bytes;
	uint8_t *ip = fixture_ip(frame, spec->raw_ip), *udp = ip + header;

	memset(frame, 0, (size_t)(udp + 8 - frame));
	if (spec->gso_size) {
		frame[1] = 5;
		memcpy(frame + 4, &spec->gso_size, 2);
	}
	if (!spec->raw_ip) {
		memcpy(ip - FIXTURE_ETHER, "\x01\x00\x5e\x01\x02\x03\x02\x00\x00\x00\x00\x01", 12);
		fixture_put16(ip - 2, 0x0800);
		if (spec->division) {
			fixture_put16(ip - 8, 0x024d);
			fixture_put32(ip - 6, spec->division);
		}
	}
	ip[0] = (uint8_t)(0x40 | header / 4);
	fixture_put16(ip + 2, header + udp_bytes);
	ip[8] = 8;
	ip[9] = 17;
	fixture_put32(ip + 12, spec->source ? spec->source : FIXTURE_SOURCE);
	fixture_put32(ip + 16, spec->group ? spec->group : FIXTURE_GROUP);
	memset(ip + 20, 1, spec->options); /* "no operation" */
	fixture_put16(udp, 4000);
	fixture_put16(udp + 2, spec->port ? spec->port : FIXTURE_PORT);
	fixture_put16(udp + 4, udp_bytes);
	for (uint32_t i = 0; i < spec->payload_bytes; i++)
		udp[8 + i] = (uint8_t)(spec->fill + i);
	fixture_fix_ip(ip);
	if (!spec->no_udp_sum)
		fixture_fix_udp(ip, udp_bytes);
	return (uint32_t)(udp - frame) + udp_bytes;
}

#endif
