// SPDX-License-Identifier: MIT
/*
 * clone.c - what bpf_clone_redirect() returns, what gso_segs says, and what outlives a process
 *
 *   gen0 ==== in0: tc program -- a clone --> out0 ==== far0
 *
 * The program counts frames (word 0), adds up gso_segs (word 1) and keeps what the last call
 * returned (word 2).
 */
#include "experiments/bpf.h"

#include <net/ethernet.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define PIN "/run/poc-bpf/link"

static volatile uint64_t *words;
static int map;

static int load(int ifindex)
{
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		VALUE_OF(7, map),
		LOAD(BPF_W, 1, 6, SKB(protocol)),
		UNLESS_EQUAL(1, htons(ETH_P_IP), 9),
		LOAD(BPF_W, 1, 6, SKB(gso_segs)),
		ADD_TO(7, 8, 1),
		MOVE(1, 6),
		SET(2, ifindex),
		SET(3, 0),
		CALL(BPF_FUNC_clone_redirect),
		STORE(BPF_DW, 7, 16, 0),
		SET(1, 1),
		ADD_TO(7, 0, 1),
		SET(0, -1),
		END,
	};

	return poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0]));
}

static void send_one(void)
{
	const struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	const int sock = poc_egress_socket("gen0");
	char payload[100] = "";

	poc_must(poc_send(sock, payload, sizeof(payload), &to), "send");
	close(sock);
}

/* Sends one more frame.  Return: result of the last call for it. */
static int result(void)
{
	const uint64_t before = words[0];
	const uint64_t end_ns = poc_deadline_ns(2000000000);

	send_one();
	while (words[0] == before && poc_now_ns() < end_ns)
		;
	return (int)words[2];
}

static void results(void)
{
	int link = poc_bpf_attach(load(poc_ifindex("out0")), "in0");

	poc_check(result() == 0, "a device that is up takes a clone: %d", result());
	system("ip link set out0 down");
	poc_check(result() == 2, "one without queue that is down: %d, NET_XMIT_CN", result());
	system("ip link set out0 up && tc qdisc add dev out0 root handle 1: pfifo limit 5");
	system("ip link set out0 down");
	poc_check(result() == 2, "one with a queue that is down: %d, NET_XMIT_CN", result());
	system("ip link set out0 up && tc qdisc replace dev out0 root handle 2: tbf rate 8kbit "
	       "burst 300 limit 300");
	for (int i = 0; i < 10; i++)
		result();
	poc_check(result() == 1, "one whose queue is full: %d, NET_XMIT_DROP", result());
	system("tc qdisc del dev out0 root");
	close(link);
	link = poc_bpf_attach(load(99999), "in0");
	poc_check(result() == -EINVAL, "one that does not exist: %d, -EINVAL", result());
	close(link);
}

static void super_datagrams(void)
{
	const struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	const int sock = poc_egress_socket("gen0"), far = poc_packet_socket("far0", ETH_P_IP, 0);
	const int link = poc_bpf_attach(load(poc_ifindex("out0")), "in0");
	static char payload[40 * 1000];
	const uint64_t frames = words[0], segments = words[1];
	struct tpacket_stats seen;

	poc_packet_stats(far);
	for (int i = 0; i < 100; i++)
		poc_must(poc_send_gso(sock, payload, sizeof(payload), 1000, &to), "send");
	seen = poc_packet_stats(far);
	poc_check(words[0] - frames == 100 && words[1] - segments == 4000,
		  "100 super-datagrams of 40: %llu frames, %llu in gso_segs",
		  (unsigned long long)(words[0] - frames),
		  (unsigned long long)(words[1] - segments));
	poc_check(seen.tp_packets == 100, "a clone stays whole: %u frames at the far end",
		  seen.tp_packets);
	close(link);
	close(sock);
	close(far);
}

static bool runs(void)
{
	const uint64_t before = words[0];

	send_one();
	send_one();
	return words[0] == before + 2;
}

static void survival(void)
{
	const uint64_t end_ns = poc_deadline_ns(5000000000);
	const int program = load(poc_ifindex("out0"));
	int link = poc_bpf_attach(program, "in0");

	poc_check(runs(), "attached: it runs");
	close(link);
	poc_check(!runs(), "the link's last descriptor is closed: it does not");
	mkdir("/run/poc-bpf", 0700);
	poc_must(mount("bpf", "/run/poc-bpf", "bpf", 0, NULL), "mount bpffs");
	link = poc_bpf_attach(program, "in0");
	poc_check(poc_bpf_pin(link, PIN) == 0, "a link can be pinned");
	close(link);
	close(program);
	poc_check(runs(), "pinned, all descriptors closed: it runs");
	unlink(PIN);
	while (runs() && poc_now_ns() < end_ns)
		;
	poc_check(!runs(), "unlinked: soon it does not");
}

/* In a child, because rights do not come back. */
static void rights(void)
{
	const int program = load(poc_ifindex("out0"));
	int link;

	for (int cap = 0; cap < 64; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	poc_must(setresuid(65534, 65534, 65534), "setresuid");
	link = poc_bpf_attach(program, "in0");
	poc_note("attaching without any right, by the program's descriptor: %s", poc_err(link));
}

int main(void)
{
	int link;

	map = poc_bpf_map(&words);
	link = poc_bpf_attach(load(poc_ifindex("out0")), "in0");
	if (link == -EINVAL || link == -EOPNOTSUPP) {
		puts("SKIP: no tcx before Linux 6.6");
		return 77;
	}
	poc_must(link, "attach");
	close(link);
	results();
	super_datagrams();
	survival();
	rights();
	return poc_status();
}
