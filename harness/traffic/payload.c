// SPDX-License-Identifier: MIT
/* payload.c - write a test datagram, and judge a received one */
#include "harness/traffic/payload.h"

#include <endian.h>
#include <string.h>

static uint64_t mix(uint64_t h, uint64_t word)
{
	h = (h ^ word) * 0x9E3779B97F4A7C15ull;
	return h ^ (h >> 32);
}

static uint32_t check_of(const struct payload_info *info, uint32_t length)
{
	uint64_t h = mix(0, (uint64_t)PAYLOAD_MAGIC << 32 | length);

	h = mix(h, info->flow);
	h = mix(h, info->seq);
	return (uint32_t)mix(h, info->sent_ns);
}

void payload_pattern_init(struct payload_pattern *pattern)
{
	for (uint32_t j = 0; j < sizeof(pattern->bytes); j++)
		pattern->bytes[j] = (uint8_t)((j * 2654435761u) >> 24);
}

const uint8_t *payload_body(const struct payload_pattern *pattern, uint32_t flow, uint64_t seq)
{
	return pattern->bytes + ((uint64_t)flow * 31 + seq) % PAYLOAD_PHASES;
}

void payload_header_fill(struct payload_header *header, const struct payload_info *info,
			 uint32_t length)
{
	header->magic_be = htobe32(PAYLOAD_MAGIC);
	header->flow_be = htobe32(info->flow);
	header->seq_be = htobe64(info->seq);
	header->time_ns_be = htobe64(info->sent_ns);
	header->length_be = htobe32(length);
	header->check_be = htobe32(check_of(info, length));
}

enum payload_verdict payload_read_header(const uint8_t *bytes, size_t length,
					 struct payload_info *info)
{
	struct payload_header header;

	if (length < sizeof(header))
		return PAYLOAD_SHORT;
	memcpy(&header, bytes, sizeof(header));
	info->flow = be32toh(header.flow_be);
	info->seq = be64toh(header.seq_be);
	info->sent_ns = be64toh(header.time_ns_be);
	if (be32toh(header.magic_be) != PAYLOAD_MAGIC || be32toh(header.length_be) != length ||
	    length > PAYLOAD_MAX_BYTES ||
	    be32toh(header.check_be) != check_of(info, (uint32_t)length))
		return PAYLOAD_CORRUPT;
	return PAYLOAD_GOOD;
}

enum payload_verdict payload_read(const struct payload_pattern *pattern, const uint8_t *bytes,
				  size_t length, struct payload_info *info)
{
	const enum payload_verdict verdict = payload_read_header(bytes, length, info);

	if (verdict == PAYLOAD_GOOD &&
	    memcmp(bytes + PAYLOAD_HEADER_BYTES, payload_body(pattern, info->flow, info->seq),
		   length - PAYLOAD_HEADER_BYTES))
		return PAYLOAD_CORRUPT;
	return verdict;
}
