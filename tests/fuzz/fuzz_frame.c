// SPDX-License-Identifier: MIT
/*
 * fuzz_frame.c - no frame makes the parser read beyond it, or give a view beyond it
 *
 * The first input byte chooses the link layer and whether checksums are made right, so
 * that the fuzzer gets past them.
 *
 * Links: core/relay/frame.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/relay/frame.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/core/frame_fixture.h"

/* Makes the checksums right wherever the lengths allow it. */
static void repair(uint8_t *frame, size_t len, size_t link_bytes)
{
	uint8_t *ip = frame + FIXTURE_VNET + link_bytes;
	size_t header, udp_bytes;

	if (len < FIXTURE_VNET + link_bytes + 28)
		return;
	len -= FIXTURE_VNET + link_bytes;
	header = (ip[0] & 0xfu) * 4;
	if (header < 20 || header + 8 > len)
		return;
	fixture_fix_ip(ip);
	udp_bytes = (size_t)ip[header + 4] << 8 | ip[header + 5];
	if (udp_bytes >= 8 && header + udp_bytes <= len)
		fixture_fix_udp(ip, (uint32_t)udp_bytes);
}

static void check_view(const struct frame_view *v, const uint8_t *frame, size_t len)
{
	MUST(v->payload >= frame && v->payload_bytes <= FRAME_PAYLOAD_MAX);
	MUST((size_t)(v->payload - frame) + v->payload_bytes <= len);
	MUST(v->segment_bytes <= v->payload_bytes);
	MUST(v->datagrams <= FRAME_DATAGRAMS_MAX);
	if (v->datagrams == 1)
		MUST(v->segment_bytes == v->payload_bytes);
	else
		MUST(v->segment_bytes > 0 &&
		     (uint64_t)(v->datagrams - 1) * v->segment_bytes < v->payload_bytes &&
		     (uint64_t)v->datagrams * v->segment_bytes >= v->payload_bytes);
	/* Reads it all, so that the address sanitizer sees. */
	MUST(fixture_sum(v->payload, v->payload_bytes, 0) <= 0xffff);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum drop_reason why = DROP_REASONS;
	struct frame_view view;
	enum link_layer link;
	uint8_t *frame;
	size_t len;

	if (size < 1)
		return 0;
	link = data[0] & 1 ? LINK_RAW_IP : LINK_ETHERNET;
	len = size - 1;
	frame = malloc(len ? len : 1); /* exactly its size, for the address sanitizer */
	MUST(frame);
	memcpy(frame, data + 1, len);
	if (data[0] & 2)
		repair(frame, len, link == LINK_ETHERNET ? FIXTURE_ETHER : 0);
	if (frame_parse(frame, len, link, &view, &why))
		check_view(&view, frame, len);
	else
		MUST((unsigned)why < DROP_REASONS && view.datagrams >= 1);
	free(frame);
	return 0;
}
