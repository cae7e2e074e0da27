// SPDX-License-Identifier: MIT
/* capture_ring.c - two halves of memory, filled in turn */
#include "harness/capture/capture_ring.h"

#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "harness/capture/capture.h"

#define BUFFER_BYTES (2 << 20) /* in the kernel */

int capture_ring_open(struct capture_ring *ring, const char *interface, int snaplen_bytes,
		      char *error)
{
	*ring = (struct capture_ring){0};
	ring->pcap = capture_open(interface, snaplen_bytes, BUFFER_BYTES, NULL, error);
	if (!ring->pcap)
		return -1;
	for (unsigned i = 0; i < 2; i++) {
		ring->halves[i] = malloc(CAPTURE_RING_HALF);
		if (!ring->halves[i]) {
			strcpy(error, "no memory");
			capture_ring_close(ring);
			return -1;
		}
	}
	return 0;
}

int capture_ring_fd(const struct capture_ring *ring)
{
	return pcap_get_selectable_fd(ring->pcap);
}

static void add_packet(unsigned char *user, const struct pcap_pkthdr *header,
		       const unsigned char *bytes)
{
	struct capture_ring *ring = (struct capture_ring *)user;
	const size_t size = sizeof(*header) + header->caplen;
	unsigned char *at;

	if (ring->used[ring->filling] + size > CAPTURE_RING_HALF) {
		ring->filling ^= 1;
		ring->used[ring->filling] = 0;
	}
	at = ring->halves[ring->filling] + ring->used[ring->filling];
	memcpy(at, header, sizeof(*header));
	memcpy(at + sizeof(*header), bytes, header->caplen);
	ring->used[ring->filling] += size;
}

int capture_ring_take(struct capture_ring *ring)
{
	return pcap_dispatch(ring->pcap, -1, add_packet, (unsigned char *)ring);
}

static void dump_half(const struct capture_ring *ring, unsigned half, pcap_dumper_t *dumper)
{
	size_t at = 0;

	while (at < ring->used[half]) {
		const unsigned char *record = ring->halves[half] + at;
		struct pcap_pkthdr header;

		memcpy(&header, record, sizeof(header));
		pcap_dump((unsigned char *)dumper, &header, record + sizeof(header));
		at += sizeof(header) + header.caplen;
	}
}

int capture_ring_save(struct capture_ring *ring, const char *path)
{
	pcap_dumper_t *dumper = pcap_dump_open(ring->pcap, path);
	int ret;

	if (!dumper)
		return -1;
	dump_half(ring, ring->filling ^ 1, dumper);
	dump_half(ring, ring->filling, dumper);
	ret = pcap_dump_flush(dumper);
	pcap_dump_close(dumper);
	return ret;
}

void capture_ring_close(struct capture_ring *ring)
{
	if (ring->pcap)
		pcap_close(ring->pcap);
	free(ring->halves[0]);
	free(ring->halves[1]);
	*ring = (struct capture_ring){0};
}
