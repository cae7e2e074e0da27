// SPDX-License-Identifier: MIT
/*
 * consume.c - who gets a frame that a tc program drops, or makes a frame for others
 *
 *   gen0 ==== in0: tc program, next tc program, socket on ETH_P_IP, IP stack, local member
 *
 * Word 0 of the first program's map says what it does with an IPv4 frame; both programs count
 * frames in word 1.
 */
#include "experiments/bpf.h"

#include <net/ethernet.h>
#include <netinet/ip.h>

#define MARK   (1u << 26)
#define COUNT  1000u
#define ROUNDS 9
#define TIMED  50000u

enum action { NOTHING, FOR_OTHERS, DROPPED, MARKED, ACTIONS };
static const char *const names[] = {"left alone", "marked, for others", "dropped", "marked"};

static volatile uint64_t *words, *behind_words;

static int load_first(int map)
{
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		VALUE_OF(7, map),
		LOAD(BPF_W, 1, 6, SKB(protocol)),
		UNLESS_EQUAL(1, htons(ETH_P_IP), 12),
		SET(1, 1),
		ADD_TO(7, 8, 1),
		LOAD(BPF_DW, 0, 7, 0),
		IF_EQUAL(0, NOTHING, 8),
		IF_EQUAL(0, DROPPED, 9),
		IF_EQUAL(0, MARKED, 3),
		MOVE(1, 6),
		SET(2, PACKET_OTHERHOST),
		CALL(BPF_FUNC_skb_change_type),
		LOAD(BPF_W, 1, 6, SKB(mark)),
		OR(1, MARK),
		STORE(BPF_W, 6, SKB(mark), 1),
		SET(0, -1),
		END,
		SET(0, 2), /* TC_ACT_SHOT */
		END,
	};

	return poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0]));
}

static int load_next(int map)
{
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		VALUE_OF(7, map),
		LOAD(BPF_W, 1, 6, SKB(protocol)),
		UNLESS_EQUAL(1, htons(ETH_P_IP), 2),
		SET(1, 1),
		ADD_TO(7, 8, 1),
		SET(0, -1),
		END,
	};

	return poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0]));
}

/* As a worker's: a frame for others if it has the mark, one that is not if it has none. */
static int worker_socket(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_MARK),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MARK, 2, 0),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 2, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_PKTTYPE),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OTHERHOST, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
	};
	const int fd = poc_packet_socket("in0", ETH_P_IP, 8 << 20);

	poc_attach_filter(fd, f, sizeof(f) / sizeof(f[0]));
	return fd;
}

/* @port 0: joins and receives nothing, as the sockets of MCR that hold memberships. */
static int member(int port)
{
	struct ip_mreqn join = {.imr_ifindex = poc_ifindex("in0")};
	const struct sockaddr_in at = poc_addr("239.1.1.1", port);
	const int sock = (int)poc_must(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "socket");
	const int room = 8 << 20;

	inet_pton(AF_INET, "239.1.1.1", &join.imr_multiaddr);
	poc_must(setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)), "room");
	if (port)
		poc_must(bind(sock, (const struct sockaddr *)&at, sizeof(at)), "bind");
	poc_must(setsockopt(sock, IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join)), "join");
	return sock;
}

static void send_many(unsigned n)
{
	const struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	const int sock = poc_egress_socket("gen0");
	const uint64_t before = words[1], end_ns = poc_deadline_ns(5000000000);
	char payload[200] = "";

	for (unsigned i = 0; i < n; i++)
		poc_must(poc_send(sock, payload, sizeof(payload), &to), "send");
	while (words[1] < before + n && poc_now_ns() < end_ns)
		;
	close(sock);
}

static unsigned drain(int sock)
{
	char waste[2048];
	unsigned n = 0;

	while (recv(sock, waste, sizeof(waste), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static unsigned long in_receives(void)
{
	FILE *f = fopen("/proc/net/snmp", "re");
	unsigned long received = 0;
	char line[1024];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Ip: %*u %*u %lu", &received) == 1)
			break;
	if (f)
		fclose(f);
	return received;
}

static void who_has_it(void)
{
	static const struct {
		bool next, packet, stack;
	} expected[ACTIONS] = {
		[NOTHING] = {true, true, true},
		[FOR_OTHERS] = {true, true, false},
		[DROPPED] = {false, false, false},
		[MARKED] = {true, false, true},
	};
	const int packet = worker_socket(), local = member(5000);

	for (enum action a = 0; a < ACTIONS; a++) {
		const uint64_t next = behind_words[1];
		unsigned long stack = in_receives();
		unsigned n_packet, n_local;

		words[0] = a;
		send_many(COUNT);
		n_packet = drain(packet);
		n_local = drain(local);
		stack = in_receives() - stack;
		poc_check(behind_words[1] - next == expected[a].next * COUNT,
			  "%s: the next program has %llu of %u", names[a],
			  (unsigned long long)(behind_words[1] - next), COUNT);
		poc_check(n_packet == expected[a].packet * COUNT,
			  "%s: a packet socket has %u of them", names[a], n_packet);
		poc_check(n_local == expected[a].stack * COUNT && stack == n_local,
			  "%s: the IP stack has %lu of them, a local member %u", names[a], stack,
			  n_local);
	}
	close(packet);
	close(local);
}

static double timed_ns(enum action a, int packet)
{
	uint64_t start_ns;

	words[0] = a;
	start_ns = poc_now_ns();
	for (unsigned done = 0; done < TIMED; done += COUNT) {
		send_many(COUNT);
		drain(packet);
	}
	return (double)(poc_now_ns() - start_ns) / TIMED;
}

/* With a membership and no local program, which is how MCR mostly runs. */
static void cost(void)
{
	const int packet = worker_socket(), joined = member(0);
	static double ns[ACTIONS][ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++)
		for (enum action a = 0; a < ACTIONS; a++)
			ns[a][round] = timed_ns(a, packet);
	for (enum action a = 0; a < ACTIONS; a++)
		poc_note("sending, and receiving at the packet socket, %s: %.0f ns a datagram",
			 names[a], poc_median(ns[a], ROUNDS));
	close(packet);
	close(joined);
}

int main(void)
{
	const int map = poc_bpf_map(&words), behind = poc_bpf_map(&behind_words);
	const int first = poc_bpf_attach(load_first(map), "in0");

	if (first == -EINVAL || first == -EOPNOTSUPP) {
		puts("SKIP: no tcx before Linux 6.6");
		return 77;
	}
	poc_must(first, "attach");
	poc_must(poc_bpf_attach(load_next(behind), "in0"), "attach");
	who_has_it();
	cost();
	return poc_status();
}
