/* SPDX-License-Identifier: MIT */
/*
 * relay_bpf_fixture.h - frames through the program of the kernel path, one by one
 *
 *   BPF_PROG_TEST_RUN --> relay.bpf.c --> copies to TAP and tun devices --> read here
 *                              |
 *                              '--> the frame itself, its mark, the counters
 *
 * In a network namespace of its own.  The checksums that are expected are computed from
 * scratch.  The kernel sets a frame's type and offloads itself, so frames that loop back
 * and super-datagrams are left to tests/netns/test_kernel_path.py.
 *
 * Include it in a test that links daemon/priv/bpf.c; RELAY_BPF_MAIN() is the body of its
 * main().
 */
#ifndef TESTS_UNIT_DAEMON_RELAY_BPF_FIXTURE_H
#define TESTS_UNIT_DAEMON_RELAY_BPF_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef MCR_HAVE_BPF
#include <bpf/bpf.h>
#endif

#include "core/base/counters.h"
#include "daemon/priv/bpf.h"

#ifdef MCR_HAVE_BPF

#define MARK        (1u << 26)
#define OTHER_MARKS 0x00a5u
#define IN_IFINDEX  1 /* test runs are frames of the loopback device */
#define TAPS        2
#define TUN         2 /* a device without MAC header */
#define IN_TAP      3 /* inputs of test_relay_bpf_device.c */
#define IN_TUN      4
#define DEVICES     5
#define FRAME_MAX   2048
#define DIVISION    0x81c2a3f4u
#define PASS        (-1) /* TC_ACT_UNSPEC: the next program */

static struct priv_bpf bpf;
static struct kernel_path_block *blocks;
static struct kernel_path_record *records;
static int tap[DEVICES];
static unsigned tap_ifindex[DEVICES];

/* --- frames --- */

struct frame {
	uint8_t bytes[FRAME_MAX];
	unsigned len;
};

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline uint32_t sum_words(uint32_t sum, const uint8_t *p, unsigned len)
{
	for (unsigned i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len % 2)
		sum += (unsigned)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static inline unsigned ip_checksum(const uint8_t *ip)
{
	uint8_t copy[60];
	const unsigned len = (ip[0] & 15u) * 4;

	memcpy(copy, ip, len);
	put16(copy + 10, 0);
	return (uint16_t)~sum_words(0, copy, len);
}

/* Of the pseudo header, the UDP header and the payload (RFC 768), never 0. */
static inline unsigned udp_checksum(const uint8_t *ip)
{
	const uint8_t *udp = ip + 20;
	const unsigned len = get16(udp + 4);
	uint8_t copy[FRAME_MAX];
	uint32_t sum;

	memcpy(copy, udp, len);
	put16(copy + 6, 0);
	sum = sum_words(17 + len, ip + 12, 8);
	sum = sum_words(sum, copy, len);
	return (uint16_t)~sum ? (uint16_t)~sum : 0xffff;
}

/* 239.1.1.1:5000 from 10.9.9.9, TTL 7, @payload bytes. */
static inline struct frame stream_frame(unsigned payload)
{
	static const uint8_t mac[] = {0x01, 0x00, 0x5e, 1, 1, 1, 2, 2, 2, 2, 2, 2, 0x08, 0x00};
	struct frame f = {.len = ETH_HLEN + 28 + payload};
	uint8_t *ip = f.bytes + ETH_HLEN, *udp = ip + 20;

	memcpy(f.bytes, mac, sizeof(mac));
	ip[0] = 0x45;
	ip[1] = 0xb8;
	put16(ip + 2, 28 + payload);
	put16(ip + 4, 0x1234);
	put16(ip + 6, 0x4000);
	ip[8] = 7;
	ip[9] = 17;
	inet_pton(AF_INET, "10.9.9.9", ip + 12);
	inet_pton(AF_INET, "239.1.1.1", ip + 16);
	put16(udp, 4321);
	put16(udp + 2, 5000);
	put16(udp + 4, 8 + payload);
	for (unsigned i = 0; i < payload; i++)
		udp[8 + i] = (uint8_t)(i * 37 + 11);
	put16(ip + 10, ip_checksum(ip));
	put16(udp + 6, udp_checksum(ip));
	return f;
}

/* --- changed frames --- */

static inline void tagged(struct frame *f)
{
	memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
	put16(f->bytes + 12, ETH_P_8021Q);
	put16(f->bytes + 14, 5);
	f->len += 4;
}

static inline void priority_tagged(struct frame *f)
{
	tagged(f);
	put16(f->bytes + 14, 5 << 13);
}

static inline void set_ip16(struct frame *f, unsigned at, unsigned value)
{
	put16(f->bytes + ETH_HLEN + at, value);
	put16(f->bytes + ETH_HLEN + 10, ip_checksum(f->bytes + ETH_HLEN));
}

static inline void first_fragment(struct frame *f)
{
	set_ip16(f, 6, 0x2000);
}

static inline void with_options(struct frame *f)
{
	uint8_t *ip = f->bytes + ETH_HLEN;

	memmove(ip + 24, ip + 20, f->len - ETH_HLEN - 20);
	memset(ip + 20, 1, 4);
	ip[0] = 0x46;
	f->len += 4;
	set_ip16(f, 2, f->len - ETH_HLEN);
}

/* @in as a worker gets it that has the other outputs. */
static inline struct frame divided(const struct frame *in, uint32_t division)
{
	static const uint8_t begin[] = {0x02, 0x4d};
	struct frame f = *in;

	memcpy(f.bytes + ETH_ALEN, begin, sizeof(begin));
	put16(f.bytes + ETH_ALEN + 2, division >> 16);
	put16(f.bytes + ETH_ALEN + 4, division);
	return f;
}

/* --- maps --- */

static inline struct kernel_path_key stream_key(const char *source)
{
	struct kernel_path_key key = {.ifindex = IN_IFINDEX, .port = htons(5000)};

	inet_pton(AF_INET, "239.1.1.1", &key.group);
	if (source)
		inet_pton(AF_INET, source, &key.source);
	return key;
}

static inline struct kernel_path_output output_to(unsigned device, unsigned slot, const char *group)
{
	struct kernel_path_output o = {.ifindex = tap_ifindex[device],
				       .slot = slot,
				       .port = htons(6000),
				       .ttl = 8,
				       .tos = 34 << 2,
				       .mac = {0x01, 0x00, 0x5e, 2, 2, 2, 6, 6, 6, 6, 6, 6}};

	inet_pton(AF_INET, "192.0.2.1", &o.source);
	inet_pton(AF_INET, group, &o.group);
	return o;
}

static inline void set_ref(const struct kernel_path_key *key, uint64_t ref)
{
	assert_int_equal(0, bpf_map_update_elem(bpf.rules, key, &ref, BPF_ANY));
}

/* One rule whose outputs are made by @make, in blocks from @first on. */
static inline void put_rule(const struct kernel_path_key *key, unsigned first, unsigned slot,
			    unsigned n, unsigned mtu, struct kernel_path_output (*make)(unsigned i))
{
	const unsigned chain = (n + KERNEL_PATH_BLOCK_OUTPUTS - 1) / KERNEL_PATH_BLOCK_OUTPUTS;

	for (unsigned i = 0; i < chain; i++)
		blocks[first + i].next = first + i + 1;
	blocks[first].key = *key;
	blocks[first].slot = slot;
	blocks[first].iface = 3;
	blocks[first].n_outputs = n;
	blocks[first].mtu = mtu;
	for (unsigned i = 0; i < n; i++)
		blocks[first + i / KERNEL_PATH_BLOCK_OUTPUTS]
			.output[i % KERNEL_PATH_BLOCK_OUTPUTS] = make(i);
	set_ref(key, KERNEL_PATH_REF_RELAY | first);
}

static inline struct kernel_path_output one_output(unsigned i)
{
	return output_to(0, 77, "239.2.2.2");
}

static inline uint64_t lane_sum(unsigned offset, bool second)
{
	uint64_t sum = 0;

	for (unsigned l = 0; l < bpf.lanes; l++) {
		const struct kernel_path_record *r = &records[KERNEL_PATH_LANE(l) + offset];

		sum += second ? r->b : r->a;
	}
	return sum;
}

static inline uint64_t drops(unsigned slot, enum send_drop reason)
{
	const struct kernel_path_record *r = &records[KERNEL_PATH_DROPS(slot) + reason / 2];

	return reason % 2 ? r->b : r->a;
}

static inline int clear(void **state)
{
	struct kernel_path_key key, next;
	uint8_t waste[FRAME_MAX];

	while (bpf_map_get_next_key(bpf.rules, NULL, &next) == 0) {
		key = next;
		bpf_map_delete_elem(bpf.rules, &key);
	}
	memset(records, 0, priv_bpf_counters_bytes(bpf.lanes));
	memset(blocks, 0, 200 * sizeof(*blocks));
	for (unsigned i = 0; i < DEVICES; i++)
		while (read(tap[i], waste, sizeof(waste)) > 0)
			;
	return 0;
}

/* --- a run --- */

struct run {
	int verdict;
	uint32_t mark;
	struct frame after;
};

static inline struct run run(const struct frame *f, uint32_t mark)
{
	struct __sk_buff in = {.mark = mark}, out = {0};
	struct run r = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
		    .data_out = r.after.bytes, .data_size_out = FRAME_MAX, .ctx_in = &in,
		    .ctx_size_in = sizeof(in), .ctx_out = &out, .ctx_size_out = sizeof(out));

	assert_int_equal(0, bpf_prog_test_run_opts(bpf.program, &opts));
	r.verdict = (int)opts.retval;
	r.mark = out.mark;
	r.after.len = opts.data_size_out;
	return r;
}

/* The frame that came out of a device; len 0: none. */
static inline struct frame taken(unsigned device)
{
	struct frame f = {0};
	const ssize_t n = read(tap[device], f.bytes, sizeof(f.bytes));

	f.len = n > 0 ? (unsigned)n : 0;
	return f;
}

/* A queue may keep the last of many copies for the softirq thread. */
static inline struct frame taken_soon(unsigned device)
{
	struct pollfd readable = {.fd = tap[device], .events = POLLIN};

	poll(&readable, 1, 2000);
	return taken(device);
}

static inline void assert_nothing_sent(void)
{
	for (unsigned i = 0; i < DEVICES; i++)
		assert_int_equal(0, taken(i).len);
}

static inline void assert_same_frame(const struct frame *a, const struct frame *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* What @f is behind its MAC header. */
static inline struct frame without_mac_header(const struct frame *f)
{
	struct frame packet = {.len = f->len - ETH_HLEN};

	memcpy(packet.bytes, f->bytes + ETH_HLEN, packet.len);
	return packet;
}

/* @packet behind the MAC header of @f */
static inline struct frame with_mac_header(const struct frame *packet, const struct frame *f)
{
	struct frame whole = {.len = packet->len + ETH_HLEN};

	memcpy(whole.bytes, f->bytes, ETH_HLEN);
	memcpy(whole.bytes + ETH_HLEN, packet->bytes, packet->len);
	return whole;
}

/* @want is sent as @got; the identification is the program's to choose. */
static inline void assert_sent_as(struct frame want, const struct frame *got)
{
	put16(want.bytes + ETH_HLEN + 4, get16(got->bytes + ETH_HLEN + 4));
	put16(want.bytes + ETH_HLEN + 10, ip_checksum(want.bytes + ETH_HLEN));
	assert_same_frame(&want, got);
}

/* The frame that @in becomes at one_output(), from scratch. */
static inline struct frame translated(const struct frame *in, const char *group, unsigned ttl)
{
	static const uint8_t mac[] = {0x01, 0x00, 0x5e, 2, 2, 2, 6, 6, 6, 6, 6, 6};
	struct frame f = *in;
	uint8_t *ip = f.bytes + ETH_HLEN, *udp = ip + 20;

	memcpy(f.bytes, mac, sizeof(mac));
	ip[1] = 34 << 2;
	put16(ip + 6, 0);
	ip[8] = (uint8_t)ttl;
	inet_pton(AF_INET, "192.0.2.1", ip + 12);
	inet_pton(AF_INET, group, ip + 16);
	put16(udp + 2, 6000);
	put16(ip + 10, ip_checksum(ip));
	put16(udp + 6, udp_checksum(ip));
	return f;
}

static inline struct kernel_path_output many_outputs(unsigned i)
{
	char group[32];

	snprintf(group, sizeof(group), "239.2.%u.%u", i / 200, i % 200);
	return output_to(i % TAPS, i, group);
}

/* --- set-up --- */

static inline int make_tap(unsigned i)
{
	struct ifreq ifr = {.ifr_flags = (i == TUN || i == IN_TUN ? IFF_TUN : IFF_TAP) | IFF_NO_PI};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "dev%u", i);
	tap[i] = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	if (sock < 0 || tap[i] < 0 || ioctl(tap[i], TUNSETIFF, &ifr) < 0)
		return -errno;
	if (ioctl(sock, SIOCGIFINDEX, &ifr) < 0)
		return -errno;
	tap_ifindex[i] = (unsigned)ifr.ifr_ifindex;
	ifr.ifr_flags = IFF_UP | IFF_NOARP;
	if (ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		return -errno;
	close(sock);
	return 0;
}

static inline int map_arrays(void)
{
	blocks = mmap(NULL, priv_bpf_blocks_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, bpf.blocks,
		      0);
	records = mmap(NULL, priv_bpf_counters_bytes(bpf.lanes), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf.counters, 0);
	return blocks == MAP_FAILED || records == MAP_FAILED ? -errno : 0;
}

/* Return: 0; 1: this user may not, and the tests are skipped. */
static inline int set_up(void)
{
	FILE *ipv6;
	char why[256];
	int ret;

	if (unshare(CLONE_NEWNET) < 0)
		return 1;
	/* Otherwise the kernel itself sends router solicitations to the devices. */
	ipv6 = fopen("/proc/sys/net/ipv6/conf/default/disable_ipv6", "we");
	if (ipv6) {
		fputs("1", ipv6);
		fclose(ipv6);
	}
	ret = priv_bpf_load(MARK, &bpf, why, sizeof(why));
	if (ret == -EPERM)
		return 1;
	if (ret < 0)
		print_error("load: %s: %s\n", strerror(-ret), why);
	for (unsigned i = 0; i < DEVICES && ret == 0; i++)
		ret = make_tap(i);
	return ret == 0 ? map_arrays() : ret;
}

/* Runs the cases of @tests behind @prepare, or says why not. */
#define RELAY_BPF_MAIN(tests, prepare)                                       \
	do {                                                                 \
		const int set = set_up();                                    \
                                                                             \
		if (set == 1) {                                              \
			puts("1..0 # SKIP needs CAP_BPF and CAP_NET_ADMIN"); \
			return 0;                                            \
		}                                                            \
		if (set < 0) {                                               \
			fprintf(stderr, "set-up: %s\n", strerror(-set));     \
			return 1;                                            \
		}                                                            \
		return cmocka_run_group_tests(tests, prepare, NULL);         \
	} while (0)

#endif
#endif
