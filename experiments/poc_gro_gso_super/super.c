// SPDX-License-Identifier: MIT
/*
 * Do super-datagrams keep every datagram, and what may be sent with UDP_SEGMENT?
 *
 *   gen0 ---- in0  [packet socket, PACKET_VNET_HDR]  out0 ---- sink0 [packet socket]
 *
 * One namespace.  Each datagram carries its number and a pattern that depends
 * on it, so that a byte out of place or a datagram out of order is seen.
 */
#include "../poc.h"

#include <linux/virtio_net.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif
#define MAX_DATAGRAMS 1024
#define FRAME_BYTES   (66 * 1024)

struct stream {
	const char *name;
	bool gro, gso_through; /* GRO on in0; gen0 hands whole super-datagrams through */
	int sends, per_send;   /* UDP_SEGMENT sends, datagrams in each */
	int len, last_len;     /* payload; of the last of each send */
	int least_per_frame, most_per_frame;
};

static uint8_t frame[FRAME_BYTES];

static void fill(uint8_t *p, int len, unsigned number)
{
	for (int i = 0; i < len; i++)
		p[i] = (uint8_t)(number * 31 + (unsigned)i * 7 + (number >> 8));
}

static bool intact(const uint8_t *p, int len, unsigned number)
{
	uint8_t want[2048];

	fill(want, len, number);
	return !memcmp(p, want, (size_t)len);
}

static void offload(const char *ifname, const char *features)
{
	char cmd[256];

	snprintf(cmd, sizeof(cmd), "ethtool -K %s %s >/dev/null", ifname, features);
	poc_must(system(cmd) ? -1 : 0, cmd);
}

static void generate(const struct stream *s)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	static uint8_t payload[65536];
	int fd = poc_egress_socket("gen0");
	unsigned number = 0;

	for (int i = 0; i < s->sends; i++) {
		size_t total = 0;

		for (int k = 0; k < s->per_send; k++) {
			int len = k + 1 < s->per_send ? s->len : s->last_len;

			fill(payload + total, len, number++);
			total += (size_t)len;
		}
		poc_must(poc_send_gso(fd, payload, total, (uint16_t)s->len, &to), "generate");
	}
	close(fd);
}

/* Takes one frame apart and sends it on as it came: one UDP_SEGMENT send. */
static int relay_frame(int fd, ssize_t n, const struct stream *s, unsigned *number, bool *good)
{
	struct sockaddr_in to = poc_addr("239.2.2.2", 6000);
	const struct virtio_net_hdr *vnet = (const void *)frame;
	const uint8_t *ip = frame + sizeof(*vnet) + POC_ETH_LEN;
	const uint8_t *udp = ip + 20;
	int ip_len = ip[2] << 8 | ip[3], udp_len = udp[4] << 8 | udp[5];
	int total = (int)(n - (ssize_t)sizeof(*vnet)) - POC_HDR_LEN;
	bool super = vnet->gso_type == VIRTIO_NET_HDR_GSO_UDP_L4;
	int seg = super ? vnet->gso_size : total, count = 0;
	long ret;

	*good &= ip_len == total + 28 && udp_len == total + 8;
	*good &= vnet->flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID);
	for (int at = 0; at < total; at += seg, count++) {
		int len = total - at < seg ? total - at : seg;

		*good &= intact(udp + 8 + at, len, (*number)++);
	}
	ret = super ? poc_send_gso(fd, udp + 8, (size_t)total, (uint16_t)seg, &to)
		    : poc_send(fd, udp + 8, (size_t)total, &to);
	*good &= ret == total;
	return count;
}

static void stream_case(const struct stream *s)
{
	int in = poc_packet_socket("in0", ETH_P_IP, 64 << 20), one = 1;
	int sink = poc_packet_socket("sink0", ETH_P_IP, 64 << 20);
	int fd = poc_egress_socket("out0");
	int total = s->sends * s->per_send, frames = 0, most = 0, out = 0;
	uint8_t flags = 0;
	unsigned number = 0;
	bool good = true, out_good = true;
	ssize_t n;

	poc_must(setsockopt(in, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)), "VNET_HDR");
	offload("gen0", s->gso_through ? "tx-udp-segmentation on" : "tx-udp-segmentation off");
	offload("in0", s->gro ? "gro on rx-udp-gro-forwarding on" : "gro off");
	generate(s);
	while ((int)number < total && poc_readable(in, 1000) &&
	       (n = recv(in, frame, sizeof(frame), 0)) > 0) {
		int count = relay_frame(fd, n, s, &number, &good);

		most = count > most ? count : most;
		flags |= ((const struct virtio_net_hdr *)(const void *)frame)->flags;
		frames++;
	}
	while (out < total && poc_readable(sink, 1000) &&
	       (n = recv(sink, frame, sizeof(frame), 0)) > 0) {
		int len = (out + 1) % s->per_send ? s->len : s->last_len;

		out_good &=
			n == POC_HDR_LEN + len && intact(frame + POC_HDR_LEN, len, (unsigned)out);
		out++;
	}
	poc_check((int)number == total && good && frames * s->least_per_frame <= total &&
			  most <= s->most_per_frame,
		  "%s: %u of %d datagrams in %d receives (%.1f each, most %d), bytes and order %s, "
		  "virtio flags %#x",
		  s->name, number, total, frames, frames ? (double)number / frames : 0, most,
		  good ? "equal" : "DIFFER", flags);
	poc_check(out == total && out_good, "    relayed as received: %d single datagrams, %s", out,
		  out_good ? "equal" : "DIFFER");
	close(in);
	close(sink);
	close(fd);
}

static void limits_case(void)
{
	static const struct {
		const char *name;
		size_t total;
		uint16_t seg;
		long expect;
	} rows[] = {
		{"segment + headers = MTU (1472)", 2944, 1472, 2944},
		{"segment + headers = MTU + 1 (1473)", 2946, 1473, -EMSGSIZE},
		{"one datagram above MTU, with UDP_SEGMENT all the same", 1473, 1473, -EMSGSIZE},
		{"one datagram below the segment size", 50, 100, 50},
		{"an empty datagram", 0, 100, 0},
		{"64 segments", 64 * 100, 100, 6400},
		{"128 segments", 128 * 100, 100, 12800},
		{"129 segments", 129 * 100, 100, -EINVAL},
		{"65507 bytes", 65507, 1400, 65507},
		{"65508 bytes", 65508, 1400, -EMSGSIZE},
		{"128 segments of one byte", 128, 1, 128},
	};
	struct sockaddr_in to = poc_addr("239.2.2.2", 6000);
	static uint8_t payload[65536];
	int fd = poc_egress_socket("out0"), omit = 5 /* IP_PMTUDISC_OMIT, as MCR does */;

	setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &omit, sizeof(omit));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long ret = poc_send_gso(fd, payload, rows[i].total, rows[i].seg, &to);

		poc_check(ret == rows[i].expect, "send of %s: %s (%ld)", rows[i].name, poc_err(ret),
			  ret);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct stream streams[] = {
		{"GRO on, 1400 bytes", true, false, 20, 46, 1400, 1400, 10, 64},
		{"GRO on, last of each send 700", true, false, 20, 46, 1400, 700, 10, 46},
		{"GRO on, 100 bytes", true, false, 20, 64, 100, 100, 16, 64},
		{"GRO on, 1 byte", true, false, 20, 64, 1, 1, 1, 64},
		{"GRO off, 1400 bytes", false, false, 20, 46, 1400, 1400, 1, 1},
		{"GRO off, sender's tx-udp-segmentation on", false, true, 20, 46, 1400, 700, 46,
		 46},
		{"GRO off, the same, 128 x 500", false, true, 7, 128, 500, 500, 128, 128},
	};

	offload("out0", "tx-udp-segmentation off");
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++)
		stream_case(&streams[i]);
	limits_case();
	return poc_status();
}
