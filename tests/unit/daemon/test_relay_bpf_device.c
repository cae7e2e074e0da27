// SPDX-License-Identifier: MIT
/*
 * test_relay_bpf_device.c - the program of the kernel path at devices: what gets there, and who
 * has it afterwards
 *
 *   write --> dev3 (TAP), dev4 (tun): program --> a worker's socket, another packet socket
 *                                        |
 *                                        '--> copies to TAP and tun devices
 *
 * A device, unlike a test run, takes VLAN tags off and may be without a MAC header.
 *
 * Links: daemon/priv/bpf.c daemon/priv/bpf_tcx.c core/rules/steer.c
 */
#include "tests/unit/daemon/relay_bpf_fixture.h"

#ifdef MCR_HAVE_BPF

#include <linux/filter.h>
#include <linux/if_packet.h>

#include "core/rules/steer.h"
#include "daemon/priv/bpf_tcx.h"

static int worker[DEVICES], other[DEVICES];

/* @prog NULL: no filter */
static int packet_socket(unsigned device, struct sock_filter *prog, unsigned n)
{
	const struct sockaddr_ll at = {.sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_IP),
				       .sll_ifindex = (int)tap_ifindex[device]};
	const struct sock_fprog filter = {.len = (unsigned short)n, .filter = prog};
	const int sock = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	assert_true(sock >= 0);
	if (prog)
		assert_int_equal(
			0, setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)));
	assert_int_equal(0, bind(sock, (const struct sockaddr *)&at, sizeof(at)));
	return sock;
}

static int attach(void **state)
{
	for (unsigned i = IN_TAP; i <= IN_TUN; i++) {
		struct sock_filter prog[STEER_SMALL_MAX];
		const unsigned n = steer_filter_ipv4_udp(i == IN_TAP ? LINK_ETHERNET : LINK_RAW_IP,
							 MARK, prog);

		assert_true(priv_tcx_attach(&bpf, tap_ifindex[i]) >= 0);
		worker[i] = packet_socket(i, prog, n);
		other[i] = packet_socket(i, NULL, 0);
	}
	return 0;
}

/* The frame that a socket has; len 0: none. */
static struct frame passed(int sock, unsigned *type)
{
	struct sockaddr_ll from;
	socklen_t len = sizeof(from);
	struct frame f = {0};
	const ssize_t n =
		recvfrom(sock, f.bytes, sizeof(f.bytes), 0, (struct sockaddr *)&from, &len);

	f.len = n > 0 ? (unsigned)n : 0;
	*type = n > 0 ? from.sll_pkttype : UINT32_MAX;
	return f;
}

static int clean(void **state)
{
	unsigned type;

	clear(NULL);
	for (unsigned i = IN_TAP; i <= IN_TUN; i++)
		while (passed(worker[i], &type).len || passed(other[i], &type).len)
			;
	return 0;
}

/* The kernel has dealt with it when this returns. */
static void arrive(unsigned device, const struct frame *f)
{
	assert_int_equal(f->len, write(tap[device], f->bytes, f->len));
}

/* Both sockets, or neither, have @f as a frame of that type. */
static void assert_left(unsigned device, const struct frame *f, unsigned type)
{
	unsigned of_worker, of_other;
	const struct frame w = passed(worker[device], &of_worker),
			   o = passed(other[device], &of_other);

	assert_same_frame(f, &w);
	assert_same_frame(f, &o);
	assert_int_equal(type, of_worker);
	assert_int_equal(type, of_other);
}

static void assert_not_for_worker(unsigned device)
{
	unsigned type;

	assert_int_equal(0, passed(worker[device], &type).len);
}

static void put_device_rule(unsigned device, unsigned n,
			    struct kernel_path_output (*make)(unsigned i))
{
	struct kernel_path_key key = stream_key(NULL);

	key.ifindex = tap_ifindex[device];
	put_rule(&key, 1, 5, n, 1500, make);
}

static struct kernel_path_output to_tun(unsigned i)
{
	struct kernel_path_output o = output_to(TUN, i, i ? "239.2.0.1" : "239.2.0.0");

	o.flags = KERNEL_PATH_OUTPUT_NO_MAC;
	memset(o.mac, 0, sizeof(o.mac));
	return o;
}

static struct kernel_path_output to_tun_and_tap(unsigned i)
{
	return i % 2 ? output_to(0, i, "239.2.0.1") : to_tun(i);
}

/* @in, translated, is the next packet of the tun device. */
static void assert_at_tun(const struct frame *in, const char *group)
{
	const struct frame want = translated(in, group, 8), packet = taken(TUN),
			   got = with_mac_header(&packet, &want);

	assert_sent_as(want, &got);
}

static void a_packet_is_relayed_from_tun_to_tun(void **state)
{
	static const unsigned payloads[] = {0, 1, 100, 1472};

	for (unsigned i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		const struct frame in = stream_frame(payloads[i]), packet = without_mac_header(&in);
		struct frame after;
		unsigned type;

		clean(NULL);
		put_device_rule(IN_TUN, 2, to_tun);
		arrive(IN_TUN, &packet);
		assert_at_tun(&in, "239.2.0.0");
		assert_at_tun(&in, "239.2.0.1");
		assert_nothing_sent();
		assert_not_for_worker(IN_TUN);
		after = passed(other[IN_TUN], &type);
		assert_same_frame(&packet, &after);
		assert_int_equal(2, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
		assert_int_equal(2 * payloads[i], lane_sum(KERNEL_PATH_TOTAL_SENT, true));
	}
}

/* A MAC header comes to it, and goes again for the next device without. */
static void a_packet_from_tun_ends_at_ethernet_devices(void **state)
{
	const struct frame in = stream_frame(100), packet = without_mac_header(&in);
	struct frame got;
	unsigned type;

	put_device_rule(IN_TUN, 4, to_tun_and_tap);
	blocks[1].flags = KERNEL_PATH_BLOCK_CONSUME;
	arrive(IN_TUN, &packet);
	for (unsigned i = 0; i < 2; i++) {
		got = taken(0);
		assert_sent_as(translated(&in, "239.2.0.1", 8), &got);
	}
	assert_at_tun(&in, "239.2.0.0");
	assert_at_tun(&in, "239.2.0.1");
	assert_nothing_sent();
	assert_not_for_worker(IN_TUN);
	assert_int_equal(0, passed(other[IN_TUN], &type).len);
	assert_int_equal(4, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
}

/* Where it must go on as it came there is no such output; if there is, it gets nothing. */
static void a_packet_that_goes_on_gets_no_mac_header(void **state)
{
	const struct frame in = stream_frame(100), packet = without_mac_header(&in);
	struct frame after;
	unsigned type;

	put_device_rule(IN_TUN, 2, to_tun_and_tap);
	arrive(IN_TUN, &packet);
	assert_at_tun(&in, "239.2.0.0");
	assert_nothing_sent();
	assert_int_equal(1, drops(1, SEND_DROP_NO_INTERFACE));
	after = passed(other[IN_TUN], &type);
	assert_same_frame(&packet, &after);
	/* No number of a division fits into it. */
	blocks[1].division = DIVISION;
	arrive(IN_TUN, &packet);
	assert_nothing_sent();
	assert_left(IN_TUN, &packet, PACKET_HOST);
}

/* Bytes 0x45 and 08:00 of an IP packet may be those of an Ethernet frame. */
static void a_frame_is_no_packet_that_looks_like_it(void **state)
{
	static const uint8_t mac[] = {0x45, 0, 0, 128, 0, 1};
	struct frame in = stream_frame(100), packet, got;

	put_device_rule(IN_TUN, 1, to_tun);
	set_ip16(&in, 12, 0x0800);
	put16(in.bytes + ETH_HLEN + 26, udp_checksum(in.bytes + ETH_HLEN));
	packet = without_mac_header(&in);
	arrive(IN_TUN, &packet);
	assert_at_tun(&in, "239.2.0.0");
	clean(NULL);
	put_device_rule(IN_TAP, 1, one_output);
	memcpy(in.bytes, mac, sizeof(mac));
	arrive(IN_TAP, &in);
	got = taken(0);
	assert_sent_as(translated(&in, "239.2.2.2", 8), &got);
	assert_not_for_worker(IN_TAP);
}

/* The IP stack discards it, and its type says so; a frame that is for others has no mark. */
static void a_frame_for_workers_alone_is_one_for_others(void **state)
{
	const uint64_t user = KERNEL_PATH_REF_USER;
	struct frame in = stream_frame(100), packet = without_mac_header(&in), handed_on;

	put_device_rule(IN_TUN, 1, to_tun);
	put_device_rule(IN_TAP, 1, one_output);
	for (unsigned i = IN_TAP; i <= IN_TUN; i++) {
		const struct frame *f = i == IN_TUN ? &packet : &in;
		struct kernel_path_key key = stream_key(NULL);

		key.ifindex = tap_ifindex[i];
		set_ref(&key, user);
		arrive(i, f);
		assert_left(i, f, i == IN_TUN ? PACKET_HOST : PACKET_MULTICAST);
		set_ref(&key, user | KERNEL_PATH_REF_CONSUME);
		arrive(i, f);
		assert_left(i, f, PACKET_OTHERHOST);
	}
	clean(NULL);
	put_device_rule(IN_TAP, 1, one_output);
	blocks[1].division = DIVISION;
	handed_on = divided(&in, DIVISION);
	arrive(IN_TAP, &in);
	assert_left(IN_TAP, &handed_on, PACKET_MULTICAST);
	blocks[1].flags = KERNEL_PATH_BLOCK_CONSUME;
	arrive(IN_TAP, &in);
	assert_left(IN_TAP, &handed_on, PACKET_OTHERHOST);
	in.bytes[0] = 0x02; /* another host's */
	arrive(IN_TAP, &in);
	assert_not_for_worker(IN_TAP);
}

/* Behind priority tags, too, which the kernel takes off before and behind the program. */
static void a_division_is_not_taken_from_the_wire(void **state)
{
	struct frame f = stream_frame(100), harmless;

	f = divided(&f, DIVISION);
	harmless = f;
	harmless.bytes[ETH_ALEN + 1] = 0;
	arrive(IN_TAP, &f);
	assert_left(IN_TAP, &harmless, PACKET_MULTICAST);
	priority_tagged(&f);
	arrive(IN_TAP, &f);
	assert_left(IN_TAP, &harmless, PACKET_MULTICAST);
	priority_tagged(&f);
	arrive(IN_TAP, &f);
	assert_left(IN_TAP, &harmless, PACKET_MULTICAST);
}

static void frames_of_no_worker_stay(void **state)
{
	struct frame f = stream_frame(100), tagless, packet, after;
	unsigned type;

	/* Of another VLAN. */
	f = divided(&f, DIVISION);
	tagless = f;
	tagged(&f);
	arrive(IN_TAP, &f);
	after = passed(other[IN_TAP], &type);
	assert_same_frame(&tagless, &after);
	assert_int_equal(PACKET_OTHERHOST, type);
	assert_not_for_worker(IN_TAP);
	/* A packet has other things at that place: here the offset of a fragment. */
	for (unsigned with = 0; with < 2; with++) {
		f = stream_frame(100);
		if (with)
			with_options(&f);
		set_ip16(&f, 6, 0x024d);
		set_ip16(&f, 12, 0x0800);
		packet = without_mac_header(&f);
		arrive(IN_TUN, &packet);
		assert_left(IN_TUN, &packet, PACKET_HOST);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_packet_is_relayed_from_tun_to_tun, clean),
		cmocka_unit_test_setup(a_packet_from_tun_ends_at_ethernet_devices, clean),
		cmocka_unit_test_setup(a_packet_that_goes_on_gets_no_mac_header, clean),
		cmocka_unit_test_setup(a_frame_is_no_packet_that_looks_like_it, clean),
		cmocka_unit_test_setup(a_frame_for_workers_alone_is_one_for_others, clean),
		cmocka_unit_test_setup(a_division_is_not_taken_from_the_wire, clean),
		cmocka_unit_test_setup(frames_of_no_worker_stay, clean),
	};

	if (!priv_tcx_available()) {
		puts("1..0 # SKIP no tcx before Linux 6.6");
		return 0;
	}
	RELAY_BPF_MAIN(tests, attach);
}

#else

int main(void)
{
	puts("1..0 # SKIP built without clang or libbpf");
	return 0;
}

#endif
