// SPDX-License-Identifier: MIT
/*
 * division.c - a tc program marks frames, packet sockets refuse the mark: one of them has each
 *
 *   gen0 ==== in0: ETH_P_ALL sockets, tc ingress, ETH_P_IP sockets
 *
 * The program marks and counts IPv4 frames while word 0 of its map is not zero; that changes
 * all the time while a thread sends.
 */
#include "experiments/bpf.h"

#include <net/ethernet.h>
#include <pthread.h>
#include <stdatomic.h>

#define MARK  (1u << 26)
#define COUNT 200000u

static atomic_bool done;

static void *send_all(void *ctx)
{
	const struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	const int sock = poc_egress_socket("gen0");
	char payload[200] = "";

	(void)ctx;
	for (unsigned i = 0; i < COUNT; i++)
		poc_must(poc_send(sock, payload, sizeof(payload), &to), "send");
	close(sock);
	done = true;
	return NULL;
}

/* UDP without the mark; its statistics are the count. */
static int counting(int protocol)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_MARK),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MARK, 3, 0),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_NET_OFF + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const int fd = poc_packet_socket("in0", protocol, 0);

	poc_attach_filter(fd, f, sizeof(f) / sizeof(f[0]));
	poc_packet_stats(fd);
	return fd;
}

static void divide(volatile uint64_t *words)
{
	const int behind = counting(ETH_P_IP), before = counting(ETH_P_ALL);
	unsigned changes = 0;
	uint64_t marked, passed, all;
	pthread_t thread;

	poc_must(pthread_create(&thread, NULL, send_all, NULL), "thread");
	while (!done) {
		words[0] = changes++ % 2;
		for (unsigned i = 0; i < 1000 && !done; i++)
			;
	}
	pthread_join(thread, NULL);
	marked = words[1];
	passed = poc_packet_stats(behind).tp_packets;
	all = poc_packet_stats(before).tp_packets;
	poc_check(marked + passed == COUNT && marked && passed,
		  "%u sent: %llu marked and %llu at ETH_P_IP are all of them (%u changes)", COUNT,
		  (unsigned long long)marked, (unsigned long long)passed, changes);
	poc_check(all == COUNT, "a socket on ETH_P_ALL comes before the program: it sees %llu",
		  (unsigned long long)all);
	close(behind);
	close(before);
}

/* As a frame for whom does a tagged one come to a socket on ETH_P_IP? */
static void send_tagged(void)
{
	static const uint8_t head[] = {0x01, 0, 0x5e, 1,  1,    1,    2,    2, 2, 2,  2,   2,
				       0x81, 0, 0,    5,  0x08, 0,    0x45, 0, 0, 28, 0,   0,
				       0,    0, 8,    17, 0,    0,    10,   0, 1, 1,  239, 1,
				       1,    1, 0x10, 0,  0x13, 0x88, 0,    8, 0, 0};
	struct sockaddr_ll from = {0},
			   to = {.sll_family = AF_PACKET, .sll_ifindex = poc_ifindex("gen0")};
	const int out = (int)poc_must(socket(AF_PACKET, SOCK_RAW, 0), "packet socket");
	const int in = poc_packet_socket("in0", ETH_P_IP, 0);
	socklen_t len = sizeof(from);
	char frame[256];

	poc_must(sendto(out, head, sizeof(head), 0, (struct sockaddr *)&to, sizeof(to)), "send");
	if (poc_readable(in, 2000))
		recvfrom(in, frame, sizeof(frame), 0, (struct sockaddr *)&from, &len);
	poc_check(
		from.sll_pkttype == PACKET_OTHERHOST && ntohs(from.sll_protocol) == ETH_P_IP,
		"a VLAN frame that no device claims comes to ETH_P_IP untagged, as one for others");
	close(out);
	close(in);
}

int main(void)
{
	volatile uint64_t *words;
	const int map = poc_bpf_map(&words);
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		VALUE_OF(7, map),
		LOAD(BPF_DW, 0, 7, 0),
		IF_EQUAL(0, 0, 7),
		LOAD(BPF_W, 1, 6, SKB(protocol)),
		UNLESS_EQUAL(1, htons(ETH_P_IP), 5),
		SET(1, 1),
		ADD_TO(7, 8, 1),
		LOAD(BPF_W, 1, 6, SKB(mark)),
		OR(1, MARK),
		STORE(BPF_W, 6, SKB(mark), 1),
		SET(0, -1),
		END,
	};
	const int link =
		poc_bpf_attach(poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0])), "in0");

	if (link == -EINVAL || link == -EOPNOTSUPP) {
		puts("SKIP: no tcx before Linux 6.6");
		return 77;
	}
	poc_check(link >= 0, "the program is attached: %s", poc_err(link));
	divide(words);
	send_tagged();
	return poc_status();
}
