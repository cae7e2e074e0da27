// SPDX-License-Identifier: MIT
/*
 * counts.c - does the sum of what bpf_clone_redirect() accepted equal what left?
 *
 *   gen0 ==== in0: tc program -- clones --> a device that loses some
 *
 * Word 0 of the map counts frames, word 1 their datagrams (gso_segs), word 2 the datagrams of
 * clones that ended with 0, word 3 is the last other result.
 */
#include "experiments/bpf.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "experiments/poc_egress_recverr/loss.h"

/* include/linux/netdevice.h of the kernel. */
#define NET_XMIT_DROP 1
#define NET_XMIT_CN   2

static volatile uint64_t *words;
static int map;

static int load(const char *out)
{
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		VALUE_OF(7, map),
		LOAD(BPF_W, 1, 6, SKB(protocol)),
		UNLESS_EQUAL(1, htons(ETH_P_IP), 14),
		LOAD(BPF_W, 8, 6, SKB(gso_segs)),
		UNLESS_EQUAL(8, 0, 1),
		SET(8, 1),
		ADD_TO(7, 8, 8),
		MOVE(1, 6),
		SET(2, poc_ifindex(out)),
		SET(3, 0),
		CALL(BPF_FUNC_clone_redirect),
		IF_EQUAL(0, 0, 2),
		STORE(BPF_DW, 7, 24, 0),
		SET(8, 0),
		ADD_TO(7, 16, 8),
		SET(1, 1),
		ADD_TO(7, 0, 1),
		SET(0, -1),
		END,
	};

	return poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0]));
}

/**
 * struct clones - what the program did with a burst
 * @datagrams: of all frames
 * @accepted:  of clones that ended with 0
 * @result:    the last other result; 0: none
 */
struct clones {
	unsigned datagrams;
	unsigned accepted;
	int result;
};

static struct clones relay(const char *out, int frames, int per_frame)
{
	const int link = (int)poc_must(poc_bpf_attach(load(out), "in0"), "attach");
	const int sock = poc_egress_socket("gen0");
	const uint64_t end_ns = poc_deadline_ns(DEADLINE_NS);
	const uint64_t first = words[0], datagrams = words[1], accepted = words[2];

	words[3] = 0;
	burst(sock, frames, 100, per_frame);
	while (words[0] - first < (uint64_t)frames && poc_now_ns() < end_ns)
		;
	close(sock);
	close(link);
	return (struct clones){(unsigned)(words[1] - datagrams), (unsigned)(words[2] - accepted),
			       (int)words[3]};
}

/* --- queues --- */

static void queue_case(const char *what, const char *out, const char *far, int frames,
		       int per_frame)
{
	const int probe = poc_packet_socket(far, ETH_P_IP, 4 << 20);
	const struct clones c = relay(out, frames, per_frame);
	const int arrived = arrived_payloads(probe, (int)c.accepted);
	const bool extra = poc_readable(probe, 100);

	poc_check(c.datagrams == (unsigned)(frames * per_frame) && arrived == (int)c.accepted &&
			  !extra && c.accepted && c.accepted < c.datagrams &&
			  c.result == NET_XMIT_DROP,
		  "%s: %u datagrams, %u accepted, %d arrived, else result %d", what, c.datagrams,
		  c.accepted, arrived, c.result);
	close(probe);
}

/* --- devices that drop --- */

static int make_tap(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	const int tap = (int)poc_must(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK),
				      "/dev/net/tun");

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	poc_must(ioctl(tap, TUNSETIFF, &ifr), "TUNSETIFF");
	return tap;
}

/* Datagrams that the device holds for its reader. */
static int held(int tap)
{
	char frame[2048];
	ssize_t len;
	int n = 0;

	while ((len = read(tap, frame, sizeof(frame))) >= 0)
		n += len == POC_HDR_LEN + 100;
	return n;
}

/* @reported: the result is not 0 for what the device drops. */
static void tap_case(const char *what, const char *name, int tap, int per_frame, bool reported)
{
	const unsigned long before = device_drops(name);
	const int count = 1400; /* it holds 1000 */
	const struct clones c = relay(name, count / per_frame, per_frame);
	const int arrived = held(tap);
	const int lost = (int)(device_drops(name) - before);

	poc_check(arrived + lost == count && lost > 0 &&
			  c.accepted == (unsigned)(reported ? arrived : count) &&
			  c.result == (reported ? NET_XMIT_DROP : 0),
		  "%s: %d datagrams, %u accepted, %d arrived, tx_dropped +%d, result %d", what,
		  count, c.accepted, arrived, lost, c.result);
}

static void peer_down_case(void)
{
	const unsigned long before = device_drops("down0");
	const struct clones c = relay("down0", 100, 1);
	const int lost = (int)(device_drops("down0") - before);

	poc_check(c.accepted == 0 && lost == 100 && c.result == NET_XMIT_CN,
		  "veth whose peer is down: %u of 100 accepted, tx_dropped +%d, result %d",
		  c.accepted, lost, c.result);
}

/* The output's MTU is 1000, the datagrams have 1400 bytes. */
static void mtu_case(void)
{
	const struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	const int probe = poc_packet_socket("small1", ETH_P_IP, 0);
	const int link = (int)poc_must(poc_bpf_attach(load("small0"), "in0"), "attach");
	const int sock = poc_egress_socket("gen0");
	static char data[1400];
	char frame[2048];
	ssize_t len = 0;

	words[3] = 0;
	poc_must(poc_send(sock, data, sizeof(data), &to), "send");
	if (poc_readable(probe, 2000))
		len = recv(probe, frame, sizeof(frame), 0);
	poc_check(len == POC_HDR_LEN + 1400 && (int)words[3] == 0,
		  "output MTU 1000: a datagram of 1400 bytes leaves, frame of %zd bytes, result %d",
		  len, (int)words[3]);
	close(sock);
	close(link);
	close(probe);
}

int main(void)
{
	const int tap0 = make_tap("tap0"), tap1 = make_tap("tap1");
	int link;

	poc_must(system("ip link set tap0 up && ip link set tap1 up && "
			"tc qdisc replace dev tap0 root pfifo_fast && "
			"tc qdisc replace dev tap1 root noqueue"),
		 "tap");
	map = poc_bpf_map(&words);
	link = poc_bpf_attach(load("small0"), "in0");
	if (link == -EINVAL || link == -EOPNOTSUPP) {
		puts("SKIP: no tcx before Linux 6.6");
		return 77;
	}
	close((int)poc_must(link, "attach"));
	queue_case("tbf over pfifo of 1", "queue0", "queue1", 100, 1);
	queue_case("htb over pfifo of 5, super-datagrams of 7", "htb0", "htb1", 100, 7);
	tap_case("tap that nobody reads, no qdisc", "tap1", tap1, 1, true);
	tap_case("the same, super-datagrams of 7, cut by the kernel", "tap1", tap1, 7, false);
	tap_case("tap that nobody reads, with qdisc", "tap0", tap0, 1, false);
	peer_down_case();
	mtu_case();
	return poc_status();
}
