// SPDX-License-Identifier: MIT
/*
 * test_relay_bpf.c - the program of the kernel path: the copies of a frame
 *
 * Links: daemon/priv/bpf.c
 */
#include "tests/unit/daemon/relay_bpf_fixture.h"

#ifdef MCR_HAVE_BPF

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
		assert_sent_as(want, &got);
		/* Local programs get the frame as it came. */
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

/* Payloads have places; each counts how often its first payload came again from that sender. */
static void a_watch_counts_what_comes_again(void **state)
{
	static const unsigned payloads[] = {0, 8, 17, 63, 64, 1400};

	for (unsigned i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		const struct kernel_path_key key = stream_key(NULL);
		struct frame in = stream_frame(payloads[i]);
		uint64_t seen = 0, again = 0;

		clear(NULL);
		put_rule(&key, 1, 5, 1, 1500, one_output);
		blocks[1].watch = 1 + 3;
		for (unsigned k = 0; k < 3; k++) {
			run(&in, 0);
			taken(0);
		}
		/* Another payload has another place, or is not looked for. */
		in.bytes[ETH_HLEN + 28] ^= payloads[i] >= 16;
		run(&in, 0);
		taken(0);
		for (unsigned k = 0; k < KERNEL_PATH_WATCH_PAYLOADS; k++) {
			seen += records[KERNEL_PATH_WATCH(3) + k].a != 0;
			again += records[KERNEL_PATH_WATCH(3) + k].b;
		}
		assert_in_range(seen, 1, payloads[i] >= 16 ? 2 : 1);
		assert_int_equal(again, payloads[i] >= 16 ? 2 : 3);
		assert_int_equal(records[KERNEL_PATH_WATCH(2)].a, 0);
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
		assert_sent_as(want, &got);
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
	assert_sent_as(want, &got);
	assert_same_frame(&in, &r.after);
}

/* By as much, so that the receiver of the copy sees that the datagram is damaged. */
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
		assert_sent_as(want, &got);
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
	assert_sent_as(want, &got);
	in.bytes[ETH_HLEN + 8] = 1;
	put16(in.bytes + ETH_HLEN + 10, ip_checksum(in.bytes + ETH_HLEN));
	r = run(&in, 0);
	assert_nothing_sent();
	assert_int_equal(MARK, r.mark);
	assert_int_equal(1, drops(77, SEND_DROP_TTL_EXPIRED));
	assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 77, false));
	assert_int_equal(2, lane_sum(KERNEL_PATH_RULE_IN + 5, false));
}
/* As an egress socket sends: DF is clear, and those of an output are numbered one by one. */
static void datagrams_of_an_output_are_numbered(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);
	unsigned last = 0;

	put_rule(&key, 1, 5, 1, 1500, one_output);
	for (unsigned i = 0; i < 4; i++) {
		struct frame got;

		run(&in, 0);
		got = taken(0);
		assert_int_equal(0, get16(got.bytes + ETH_HLEN + 6));
		if (i)
			assert_int_equal((uint16_t)(last + 1), get16(got.bytes + ETH_HLEN + 4));
		last = get16(got.bytes + ETH_HLEN + 4);
	}
}

/* With any combination of ports that change, and back for local programs. */
static void source_ports_are_the_outputs(void **state)
{
	static const struct {
		unsigned source, port;
	} ports[] = {{0, 6000}, {4444, 6000}, {4444, 5000}, {0, 5000}, {4321, 5000}, {1, 65535}};

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		const struct kernel_path_key key = stream_key(NULL);
		const struct frame in = stream_frame(101);
		struct frame want = translated(&in, "239.2.2.2", 8), got;
		uint8_t *udp = want.bytes + ETH_HLEN + 20;
		struct run r;

		clear(NULL);
		put16(udp, ports[i].source ? ports[i].source : 4321);
		put16(udp + 2, ports[i].port);
		put16(udp + 6, udp_checksum(want.bytes + ETH_HLEN));
		put_rule(&key, 1, 5, 1, 1500, one_output);
		blocks[1].output[0].source_port = htons(ports[i].source);
		blocks[1].output[0].port = htons(ports[i].port);
		r = run(&in, 0);
		got = taken(0);
		assert_sent_as(want, &got);
		assert_same_frame(&in, &r.after);
	}
}

/* One that control knows cannot be reached: the others of the rule have their copies. */
static void a_held_output_counts_and_sends_nothing(void **state)
{
	static const enum send_drop reasons[] = {SEND_DROP_WOULD_BLOCK, SEND_DROP_NO_INTERFACE,
						 SEND_DROP_UNREACHABLE, SEND_DROP_RECOVERY_LOST};

	for (unsigned i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		const struct kernel_path_key key = stream_key(NULL);
		const struct frame in = stream_frame(100);
		struct run r;

		clear(NULL);
		put_rule(&key, 1, 5, 2, 1500, many_outputs);
		blocks[1].output[0].hold = (uint8_t)(1 + reasons[i]);
		r = run(&in, 0);
		assert_int_equal(MARK, r.mark);
		assert_same_frame(&in, &r.after);
		assert_true(!taken(0).len && taken(1).len);
		assert_int_equal(1, drops(0, reasons[i]));
		assert_int_equal(
			1, lane_sum(KERNEL_PATH_TOTAL_DROPS + reasons[i] / 2, reasons[i] % 2));
		assert_int_equal(0, lane_sum(KERNEL_PATH_OUTPUT_SENT + 0, false));
		assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 1, false));
		assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_FRAMES, true));
	}
}

/* A worker looks at the TTL first. */
static void a_held_output_has_one_reason(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	struct frame in = stream_frame(100);

	in.bytes[ETH_HLEN + 8] = 1;
	put16(in.bytes + ETH_HLEN + 10, ip_checksum(in.bytes + ETH_HLEN));
	put_rule(&key, 1, 5, 1, 1500, decrementing);
	blocks[1].output[0].hold = 1 + SEND_DROP_UNREACHABLE;
	run(&in, 0);
	assert_int_equal(0, drops(77, SEND_DROP_UNREACHABLE));
	assert_int_equal(1, drops(77, SEND_DROP_TTL_EXPIRED));
}

/* A host, by the address of its next hop. */
static void a_host_gets_a_copy(void **state)
{
	static const uint8_t hop[] = {0x0a, 1, 2, 3, 4, 5};
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);
	struct frame want = translated(&in, "198.51.100.7", 8), got;

	memcpy(want.bytes, hop, sizeof(hop));
	put_rule(&key, 1, 5, 1, 1500, one_output);
	memcpy(blocks[1].output[0].mac, hop, sizeof(hop));
	inet_pton(AF_INET, "198.51.100.7", &blocks[1].output[0].group);
	run(&in, 0);
	got = taken(0);
	assert_sent_as(want, &got);
}

/* Its copy begins with the IP header; that of the next output has a MAC header again. */
static void a_device_without_mac_header_gets_a_copy(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);
	struct frame want, got, packet;
	struct run r;

	put_rule(&key, 1, 5, 3, 1500, many_outputs);
	blocks[1].output[1].ifindex = tap_ifindex[TUN];
	blocks[1].output[1].flags = KERNEL_PATH_OUTPUT_NO_MAC;
	memset(blocks[1].output[1].mac, 0, sizeof(blocks[1].output[1].mac));
	r = run(&in, 0);
	got = taken(0);
	assert_sent_as(translated(&in, "239.2.0.0", 8), &got);
	got = taken(0);
	assert_sent_as(translated(&in, "239.2.0.2", 8), &got);
	want = translated(&in, "239.2.0.1", 8);
	packet = taken(TUN);
	got = with_mac_header(&packet, &want);
	assert_sent_as(want, &got);
	assert_same_frame(&in, &r.after);
	assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 1, false));
	assert_nothing_sent();
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
			struct frame want, got = taken_soon(i % TAPS);
			char group[32];

			snprintf(group, sizeof(group), "239.2.%u.%u", i / 200, i % 200);
			want = translated(&in, group, 8);
			assert_sent_as(want, &got);
			assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + i, false));
		}
		assert_nothing_sent();
		assert_same_frame(&in, &r.after);
		assert_int_equal(counts[k], lane_sum(KERNEL_PATH_TOTAL_SENT, false));
		assert_int_equal(counts[k], lane_sum(KERNEL_PATH_TOTAL_FRAMES, true));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_frame_is_translated, clear),
		cmocka_unit_test_setup(a_watch_counts_what_comes_again, clear),
		cmocka_unit_test_setup(padding_is_cut, clear),
		cmocka_unit_test_setup(a_checksum_of_zero_stays_zero, clear),
		cmocka_unit_test_setup(a_wrong_checksum_stays_wrong, clear),
		cmocka_unit_test_setup(a_ttl_is_decremented_or_runs_out, clear),
		cmocka_unit_test_setup(every_output_gets_its_copy, clear),
		cmocka_unit_test_setup(datagrams_of_an_output_are_numbered, clear),
		cmocka_unit_test_setup(source_ports_are_the_outputs, clear),
		cmocka_unit_test_setup(a_held_output_counts_and_sends_nothing, clear),
		cmocka_unit_test_setup(a_held_output_has_one_reason, clear),
		cmocka_unit_test_setup(a_host_gets_a_copy, clear),
		cmocka_unit_test_setup(a_device_without_mac_header_gets_a_copy, clear),
	};

	RELAY_BPF_MAIN(tests, NULL);
}

#else

int main(void)
{
	puts("1..0 # SKIP built without clang or libbpf");
	return 0;
}

#endif
