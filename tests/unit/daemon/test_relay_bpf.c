// SPDX-License-Identifier: MIT
/*
 * test_relay_bpf.c - the program of the kernel path, frame by frame
 *
 *   BPF_PROG_TEST_RUN --> relay.bpf.c --> copies to TAP devices --> read here
 *                              |
 *                              '--> the frame itself, its mark, the counters
 *
 * In a network namespace of its own.  The checksums that are expected are computed from
 * scratch.  The kernel sets a frame's type and offloads itself, so frames that loop back
 * and super-datagrams are left to tests/netns/test_kernel_path.py.
 *
 * Links: daemon/priv/bpf.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
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
#define FRAME_MAX   2048
#define PASS        (-1) /* TC_ACT_UNSPEC: the next program */

static struct priv_bpf bpf;
static struct kernel_path_block *blocks;
static struct kernel_path_record *records;
static int tap[TAPS];
static unsigned tap_ifindex[TAPS];

/* --- frames --- */

struct frame {
	uint8_t bytes[FRAME_MAX];
	unsigned len;
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static uint32_t sum_words(uint32_t sum, const uint8_t *p, unsigned len)
{
	for (unsigned i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len % 2)
		sum += (unsigned)p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static unsigned ip_checksum(const uint8_t *ip)
{
	uint8_t copy[60];
	const unsigned len = (ip[0] & 15u) * 4;

	memcpy(copy, ip, len);
	put16(copy + 10, 0);
	return (uint16_t)~sum_words(0, copy, len);
}

/* Of the pseudo header, the UDP header and the payload (RFC 768), never 0. */
static unsigned udp_checksum(const uint8_t *ip)
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
static struct frame stream_frame(unsigned payload)
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

/* --- maps --- */

static struct kernel_path_key stream_key(const char *source)
{
	struct kernel_path_key key = {.ifindex = IN_IFINDEX, .port = htons(5000)};

	inet_pton(AF_INET, "239.1.1.1", &key.group);
	if (source)
		inet_pton(AF_INET, source, &key.source);
	return key;
}

static struct kernel_path_output output_to(unsigned device, unsigned slot, const char *group)
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

static void set_ref(const struct kernel_path_key *key, uint64_t ref)
{
	assert_int_equal(0, bpf_map_update_elem(bpf.rules, key, &ref, BPF_ANY));
}

/* One rule whose outputs are made by @make, in blocks from @first on. */
static void put_rule(const struct kernel_path_key *key, unsigned first, unsigned slot, unsigned n,
		     unsigned mtu, struct kernel_path_output (*make)(unsigned i))
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

static struct kernel_path_output one_output(unsigned i)
{
	return output_to(0, 77, "239.2.2.2");
}

static uint64_t lane_sum(unsigned offset, bool second)
{
	uint64_t sum = 0;

	for (unsigned l = 0; l < bpf.lanes; l++) {
		const struct kernel_path_record *r = &records[KERNEL_PATH_LANE(l) + offset];

		sum += second ? r->b : r->a;
	}
	return sum;
}

static uint64_t drops(unsigned slot, enum send_drop reason)
{
	const struct kernel_path_record *r = &records[KERNEL_PATH_DROPS(slot) + reason / 2];

	return reason % 2 ? r->b : r->a;
}

static int clear(void **state)
{
	struct kernel_path_key key, next;
	uint8_t waste[FRAME_MAX];

	while (bpf_map_get_next_key(bpf.rules, NULL, &next) == 0) {
		key = next;
		bpf_map_delete_elem(bpf.rules, &key);
	}
	memset(records, 0, priv_bpf_counters_bytes(bpf.lanes));
	memset(blocks, 0, 200 * sizeof(*blocks));
	for (unsigned i = 0; i < TAPS; i++)
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

static struct run run(const struct frame *f, uint32_t mark)
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
static struct frame taken(unsigned device)
{
	struct frame f = {0};
	const ssize_t n = read(tap[device], f.bytes, sizeof(f.bytes));

	f.len = n > 0 ? (unsigned)n : 0;
	return f;
}

static void assert_nothing_sent(void)
{
	for (unsigned i = 0; i < TAPS; i++)
		assert_int_equal(0, taken(i).len);
}

static void assert_same_frame(const struct frame *a, const struct frame *b)
{
	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->bytes, b->bytes, a->len);
}

/* The frame that @in becomes at one_output(), from scratch. */
static struct frame translated(const struct frame *in, const char *group, unsigned ttl)
{
	static const uint8_t mac[] = {0x01, 0x00, 0x5e, 2, 2, 2, 6, 6, 6, 6, 6, 6};
	struct frame f = *in;
	uint8_t *ip = f.bytes + ETH_HLEN, *udp = ip + 20;

	memcpy(f.bytes, mac, sizeof(mac));
	ip[1] = 34 << 2;
	ip[8] = (uint8_t)ttl;
	inet_pton(AF_INET, "192.0.2.1", ip + 12);
	inet_pton(AF_INET, group, ip + 16);
	put16(udp + 2, 6000);
	put16(ip + 10, ip_checksum(ip));
	put16(udp + 6, udp_checksum(ip));
	return f;
}

/* --- tests --- */

static void a_frame_is_translated(void **state)
{
	static const unsigned payloads[] = {18, 19, 100, 1400, 1472};

	for (unsigned i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		const struct kernel_path_key key = stream_key(NULL);
		const struct frame in = stream_frame(payloads[i]);
		const struct frame want = translated(&in, "239.2.2.2", 8);
		struct frame got;
		struct run r;

		clear(NULL);
		put_rule(&key, 1, 5, 1, 1500, one_output);
		r = run(&in, OTHER_MARKS);
		got = taken(0);
		assert_int_equal(PASS, r.verdict);
		assert_int_equal(OTHER_MARKS | MARK, r.mark);
		assert_same_frame(&want, &got);
		/* Local programs get what came. */
		assert_same_frame(&in, &r.after);
		assert_nothing_sent();
		assert_int_equal(1, lane_sum(KERNEL_PATH_RULE_IN + 5, false));
		assert_int_equal(payloads[i], lane_sum(KERNEL_PATH_RULE_IN + 5, true));
		assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 77, false));
		assert_int_equal(payloads[i], lane_sum(KERNEL_PATH_OUTPUT_SENT + 77, true));
		assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_IN, false));
		assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_FRAMES, false));
		assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
		assert_int_equal(1, lane_sum(KERNEL_PATH_IFACE_FRAMES + 3, false));
	}
}

/* A short frame comes padded to 60 bytes, and leaves as long as its datagram says. */
static void padding_is_cut(void **state)
{
	static const unsigned payloads[] = {0, 1, 17};

	for (unsigned i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		const struct kernel_path_key key = stream_key(NULL);
		struct frame in = stream_frame(payloads[i]), want, got;

		clear(NULL);
		want = translated(&in, "239.2.2.2", 8);
		in.len = 60;
		put_rule(&key, 1, 5, 1, 1500, one_output);
		run(&in, 0);
		got = taken(0);
		assert_same_frame(&want, &got);
	}
}

static void a_checksum_of_zero_stays_zero(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	struct frame in = stream_frame(100), want = translated(&in, "239.2.2.2", 8), got;
	struct run r;

	put16(in.bytes + ETH_HLEN + 26, 0);
	put16(want.bytes + ETH_HLEN + 26, 0);
	put_rule(&key, 1, 5, 1, 1500, one_output);
	r = run(&in, 0);
	got = taken(0);
	assert_same_frame(&want, &got);
	assert_same_frame(&in, &r.after);
}

/* By as much: whoever gets the copy sees that the datagram is damaged. */
static void a_wrong_checksum_stays_wrong(void **state)
{
	static const unsigned errors[] = {1, 0x100, 0x7fff, 0xfffe};

	for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const struct kernel_path_key key = stream_key(NULL);
		struct frame in = stream_frame(100), want = translated(&in, "239.2.2.2", 8), got;
		uint8_t *in_check = in.bytes + ETH_HLEN + 26;
		uint32_t sum = get16(in_check) + errors[i];
		uint32_t out_sum = get16(want.bytes + ETH_HLEN + 26) + errors[i];

		clear(NULL);
		put16(in_check, (sum & 0xffff) + (sum >> 16));
		put16(want.bytes + ETH_HLEN + 26, (out_sum & 0xffff) + (out_sum >> 16));
		put_rule(&key, 1, 5, 1, 1500, one_output);
		run(&in, 0);
		got = taken(0);
		assert_same_frame(&want, &got);
	}
}

static struct kernel_path_output decrementing(unsigned i)
{
	struct kernel_path_output o = one_output(i);

	o.ttl = 1;
	o.ttl_set = KERNEL_PATH_TTL_DECREMENT;
	return o;
}

static void a_ttl_is_decremented_or_runs_out(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	struct frame in = stream_frame(100), want = translated(&in, "239.2.2.2", 6), got;
	struct run r;

	put_rule(&key, 1, 5, 1, 1500, decrementing);
	run(&in, 0);
	got = taken(0);
	assert_same_frame(&want, &got);
	in.bytes[ETH_HLEN + 8] = 1;
	put16(in.bytes + ETH_HLEN + 10, ip_checksum(in.bytes + ETH_HLEN));
	r = run(&in, 0);
	assert_nothing_sent();
	assert_int_equal(MARK, r.mark);
	assert_int_equal(1, drops(77, SEND_DROP_TTL_EXPIRED));
	assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 77, false));
	assert_int_equal(2, lane_sum(KERNEL_PATH_RULE_IN + 5, false));
}

static struct kernel_path_output many_outputs(unsigned i)
{
	char group[32];

	snprintf(group, sizeof(group), "239.2.%u.%u", i / 200, i % 200);
	return output_to(i % TAPS, i, group);
}

static void every_output_gets_its_copy(void **state)
{
	static const unsigned counts[] = {2, 4, 5, 6, 10, 11, 64, 255, 256};

	for (unsigned k = 0; k < sizeof(counts) / sizeof(counts[0]); k++) {
		const struct kernel_path_key key = stream_key(NULL);
		const struct frame in = stream_frame(200);
		struct run r;

		clear(NULL);
		put_rule(&key, 1, 5, counts[k], 1500, many_outputs);
		r = run(&in, 0);
		for (unsigned i = 0; i < counts[k]; i++) {
			struct frame want, got = taken(i % TAPS);
			char group[32];

			snprintf(group, sizeof(group), "239.2.%u.%u", i / 200, i % 200);
			want = translated(&in, group, 8);
			assert_same_frame(&want, &got);
			assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + i, false));
		}
		assert_nothing_sent();
		assert_same_frame(&in, &r.after);
		assert_int_equal(counts[k], lane_sum(KERNEL_PATH_TOTAL_SENT, false));
		assert_int_equal(counts[k], lane_sum(KERNEL_PATH_TOTAL_FRAMES, true));
	}
}

/* --- what is left to the user path --- */

static void tagged(struct frame *f)
{
	memmove(f->bytes + 16, f->bytes + 12, f->len - 12);
	put16(f->bytes + 12, ETH_P_8021Q);
	put16(f->bytes + 14, 5);
	f->len += 4;
}

static void priority_tagged(struct frame *f)
{
	tagged(f);
	put16(f->bytes + 14, 5 << 13);
}

static void set_ip16(struct frame *f, unsigned at, unsigned value)
{
	put16(f->bytes + ETH_HLEN + at, value);
	put16(f->bytes + ETH_HLEN + 10, ip_checksum(f->bytes + ETH_HLEN));
}

static void first_fragment(struct frame *f)
{
	set_ip16(f, 6, 0x2000);
}

static void last_fragment(struct frame *f)
{
	set_ip16(f, 6, 185);
}

static void with_options(struct frame *f)
{
	uint8_t *ip = f->bytes + ETH_HLEN;

	memmove(ip + 24, ip + 20, f->len - ETH_HLEN - 20);
	memset(ip + 20, 1, 4);
	ip[0] = 0x46;
	f->len += 4;
	set_ip16(f, 2, f->len - ETH_HLEN);
}

static void cut_in_udp(struct frame *f)
{
	f->len = ETH_HLEN + 27;
}

static void cut_in_payload(struct frame *f)
{
	f->len -= 1;
}

static void other_port(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 22, 5001);
}

static void other_group(struct frame *f)
{
	set_ip16(f, 18, 0x0102);
}

static void wrong_ip_checksum(struct frame *f)
{
	f->bytes[ETH_HLEN + 10] ^= 1;
}

static void udp_longer_than_ip(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 24, 109);
}

static void udp_shorter_than_ip(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 24, 107);
}

static void no_room_for_udp(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 24, 7);
	set_ip16(f, 2, 27);
}

static void ip_length_zero(struct frame *f)
{
	set_ip16(f, 2, 0);
}

static void version_six(struct frame *f)
{
	f->bytes[ETH_HLEN] = 0x65;
}

static void protocol_tcp(struct frame *f)
{
	f->bytes[ETH_HLEN + 9] = 6;
	set_ip16(f, 4, 1);
}

static void not_ip(struct frame *f)
{
	put16(f->bytes + 12, 0x88f7);
}

static void above_the_mtu(struct frame *f)
{
	*f = stream_frame(1473);
}

static const struct {
	const char *name;
	void (*change)(struct frame *f);
	bool other_protocol; /* a test run leaves tags in the frame */
} others[] = {
	{"VLAN tag", tagged, .other_protocol = true},
	{"priority tag", priority_tagged, .other_protocol = true},
	{"first fragment", first_fragment},
	{"last fragment", last_fragment},
	{"IP options", with_options},
	{"cut in the UDP header", cut_in_udp},
	{"cut in the payload", cut_in_payload},
	{"other port", other_port},
	{"other group", other_group},
	{"wrong IP checksum", wrong_ip_checksum},
	{"UDP longer than IP", udp_longer_than_ip},
	{"UDP shorter than IP", udp_shorter_than_ip},
	{"no room for UDP", no_room_for_udp},
	{"IP length 0", ip_length_zero},
	{"IP version 6", version_six},
	{"TCP", protocol_tcp},
	{"not IP", not_ip, .other_protocol = true},
	{"above the MTU", above_the_mtu},
};

static void the_rest_is_left_to_the_user_path(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);

	put_rule(&key, 1, 5, 1, 1500, one_output);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct frame in = stream_frame(100);
		struct run r;

		others[i].change(&in);
		/* Another interface's program may have marked it. */
		r = run(&in, OTHER_MARKS | MARK);
		if (r.mark != OTHER_MARKS)
			print_error("%s: mark %#x\n", others[i].name, r.mark);
		assert_int_equal(PASS, r.verdict);
		assert_int_equal(OTHER_MARKS, r.mark);
		assert_same_frame(&in, &r.after);
		assert_nothing_sent();
	}
	assert_int_equal(0, lane_sum(KERNEL_PATH_TOTAL_IN, false));
}

/* --- sources --- */

static struct kernel_path_output second_output(unsigned i)
{
	return output_to(1, 78, "239.2.2.2");
}

static void a_source_goes_before_any_source(void **state)
{
	const struct kernel_path_key any = stream_key(NULL), one = stream_key("10.9.9.9"),
				     two = stream_key("10.9.9.8");
	const struct frame in = stream_frame(100);
	uint64_t ref = KERNEL_PATH_REF_RELAY | KERNEL_PATH_REF_SOURCES | 1;

	put_rule(&any, 1, 5, 1, 1500, one_output);
	put_rule(&one, 2, 6, 1, 1500, second_output);
	/* Not looked up before the flag is there. */
	run(&in, 0);
	assert_true(taken(0).len && !taken(1).len);
	set_ref(&any, ref);
	run(&in, 0);
	assert_true(!taken(0).len && taken(1).len);
	/* The user path has this source. */
	set_ref(&one, KERNEL_PATH_REF_USER);
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
	/* Another source than the rule's falls to the rule for any. */
	assert_int_equal(0, bpf_map_delete_elem(bpf.rules, &one));
	put_rule(&two, 2, 6, 1, 1500, second_output);
	run(&in, 0);
	assert_true(taken(0).len && !taken(1).len);
	/* There is none for any. */
	set_ref(&any, KERNEL_PATH_REF_SOURCES);
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
}

/* --- divided rules --- */

#define DIVISION 0x81c2a3f4u

/* @in as a worker gets it that has the other outputs. */
static struct frame divided(const struct frame *in, uint32_t division)
{
	static const uint8_t begin[] = {0x02, 0x4d};
	struct frame f = *in;

	memcpy(f.bytes + ETH_ALEN, begin, sizeof(begin));
	put16(f.bytes + ETH_ALEN + 2, division >> 16);
	put16(f.bytes + ETH_ALEN + 4, division);
	return f;
}

/* The worker counts the frame as received and matched; the program counts its outputs. */
static void a_divided_frame_goes_on_to_a_worker(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100), handed_on = divided(&in, DIVISION);
	struct run r;

	put_rule(&key, 1, 5, 2, 1500, many_outputs);
	blocks[1].division = DIVISION;
	r = run(&in, OTHER_MARKS | MARK);
	assert_int_equal(PASS, r.verdict);
	assert_int_equal(OTHER_MARKS, r.mark);
	assert_same_frame(&handed_on, &r.after);
	for (unsigned i = 0; i < 2; i++) {
		const struct frame want = translated(&in, i ? "239.2.0.1" : "239.2.0.0", 8);
		const struct frame got = taken(i);

		assert_same_frame(&want, &got);
		assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + i, false));
	}
	assert_nothing_sent();
	assert_int_equal(0, lane_sum(KERNEL_PATH_RULE_IN + 5, false));
	assert_int_equal(0, lane_sum(KERNEL_PATH_TOTAL_IN, false));
	assert_int_equal(0, lane_sum(KERNEL_PATH_TOTAL_FRAMES, false));
	assert_int_equal(0, lane_sum(KERNEL_PATH_IFACE_FRAMES + 3, false));
	assert_int_equal(2, lane_sum(KERNEL_PATH_TOTAL_FRAMES, true));
	assert_int_equal(2, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
}

/* Only the program says what it has served. */
static void a_division_is_not_taken_from_the_wire(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	struct frame plain = stream_frame(100), in, harmless;
	struct run r;

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		in = stream_frame(100);
		others[i].change(&in);
		in = divided(&in, DIVISION);
		harmless = in;
		if (!others[i].other_protocol)
			harmless.bytes[ETH_ALEN + 1] = 0;
		r = run(&in, MARK);
		assert_int_equal(0, r.mark);
		assert_same_frame(&harmless, &r.after);
	}
	/* All outputs are in the kernel: nothing reads it, and it stays. */
	in = divided(&plain, DIVISION);
	put_rule(&key, 1, 5, 1, 1500, one_output);
	r = run(&in, 0);
	assert_int_equal(MARK, r.mark);
	assert_same_frame(&in, &r.after);
	/* It is that of the block. */
	blocks[1].division = 7;
	plain = divided(&plain, 7);
	r = run(&in, 0);
	assert_same_frame(&plain, &r.after);
}

/* --- damage and faults --- */

static struct kernel_path_output missing_device(unsigned i)
{
	struct kernel_path_output o = output_to(0, 70 + i, "239.2.2.2");

	if (i == 0)
		o.ifindex = 4000;
	return o;
}

static void a_copy_that_fails_is_counted(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);

	put_rule(&key, 1, 5, 2, 1500, missing_device);
	assert_int_equal(MARK, run(&in, 0).mark);
	assert_true(taken(0).len);
	assert_int_equal(1, drops(70, SEND_DROP_NO_INTERFACE));
	assert_int_equal(0, lane_sum(KERNEL_PATH_OUTPUT_SENT + 70, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 71, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_DROPS + SEND_DROP_NO_INTERFACE / 2, false));
}

/* An element of the hash map may be another key's by the time it is read. */
static void a_block_of_another_key_relays_nothing(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);

	put_rule(&key, 1, 5, 1, 1500, one_output);
	blocks[1].key.port = htons(5001);
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
}

static void nonsense_in_the_maps_is_bounded(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);

	put_rule(&key, 1, 5, 1, 1500, one_output);
	set_ref(&key, KERNEL_PATH_REF_RELAY | UINT32_MAX);
	assert_int_equal(0, run(&in, 0).mark);
	set_ref(&key, KERNEL_PATH_REF_RELAY | 1);
	blocks[1].n_outputs = UINT32_MAX;
	assert_int_equal(0, run(&in, 0).mark);
	blocks[1].n_outputs = 1;
	blocks[1].slot = UINT32_MAX;
	assert_int_equal(0, run(&in, 0).mark);
	blocks[1].slot = 5;
	blocks[1].iface = UINT32_MAX;
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
	/* A chain that ends in itself, and one that leaves the array. */
	blocks[1].iface = 3;
	blocks[1].n_outputs = KERNEL_PATH_RULE_OUTPUTS;
	blocks[1].next = 1;
	assert_int_equal(MARK, run(&in, 0).mark);
	blocks[1].next = UINT32_MAX;
	assert_int_equal(MARK, run(&in, 0).mark);
	blocks[1].output[0].slot = UINT32_MAX;
	assert_int_equal(MARK, run(&in, 0).mark);
}

/* --- set-up --- */

static int make_tap(unsigned i)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int sock = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "out%u", i);
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

static int map_arrays(void)
{
	blocks = mmap(NULL, priv_bpf_blocks_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED, bpf.blocks,
		      0);
	records = mmap(NULL, priv_bpf_counters_bytes(bpf.lanes), PROT_READ | PROT_WRITE, MAP_SHARED,
		       bpf.counters, 0);
	return blocks == MAP_FAILED || records == MAP_FAILED ? -errno : 0;
}

/* Return: 0; 1: this user may not, and the tests are skipped. */
static int set_up(void)
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
	for (unsigned i = 0; i < TAPS && ret == 0; i++)
		ret = make_tap(i);
	return ret == 0 ? map_arrays() : ret;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_frame_is_translated, clear),
		cmocka_unit_test_setup(padding_is_cut, clear),
		cmocka_unit_test_setup(a_checksum_of_zero_stays_zero, clear),
		cmocka_unit_test_setup(a_wrong_checksum_stays_wrong, clear),
		cmocka_unit_test_setup(a_ttl_is_decremented_or_runs_out, clear),
		cmocka_unit_test_setup(every_output_gets_its_copy, clear),
		cmocka_unit_test_setup(the_rest_is_left_to_the_user_path, clear),
		cmocka_unit_test_setup(a_source_goes_before_any_source, clear),
		cmocka_unit_test_setup(a_divided_frame_goes_on_to_a_worker, clear),
		cmocka_unit_test_setup(a_division_is_not_taken_from_the_wire, clear),
		cmocka_unit_test_setup(a_copy_that_fails_is_counted, clear),
		cmocka_unit_test_setup(a_block_of_another_key_relays_nothing, clear),
		cmocka_unit_test_setup(nonsense_in_the_maps_is_bounded, clear),
	};
	const int ret = set_up();

	if (ret == 1) {
		puts("1..0 # SKIP needs CAP_BPF and CAP_NET_ADMIN");
		return 0;
	}
	if (ret < 0) {
		fprintf(stderr, "set-up: %s\n", strerror(-ret));
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

int main(void)
{
	puts("1..0 # SKIP built without clang or libbpf");
	return 0;
}

#endif
