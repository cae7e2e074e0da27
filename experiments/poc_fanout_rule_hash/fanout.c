// SPDX-License-Identifier: MIT
/*
 * Can a fan-out program compute exactly the hash that assigns rules to workers?
 *
 *   gen0 ---- in0 [three packet sockets, one PACKET_FANOUT_CBPF group]
 */
#include "../poc.h"

#define SOCKETS 3
#define PAIRS   6000

#define K_GROUP 0x9e3779b1u
#define K_PORT  0x85ebca6bu
#define K_MIX   0xc2b2ae35u

static unsigned int hash(uint32_t group, uint16_t port)
{
	uint32_t h = group * K_GROUP ^ port * K_PORT;

	h ^= h >> 16;
	h *= K_MIX;
	h ^= h >> 13;
	return h % SOCKETS;
}

/* The same in classic BPF.  SKF_NET_OFF counts from the IP header wherever it lies. */
static struct sock_filter hash_program[] = {
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, (unsigned)SKF_NET_OFF),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, (unsigned)SKF_NET_OFF + 2),
	BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, K_PORT),
	BPF_STMT(BPF_ST, 0),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_NET_OFF + 16),
	BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, K_GROUP),
	BPF_STMT(BPF_LDX | BPF_MEM, 0),
	BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	BPF_STMT(BPF_MISC | BPF_TAX, 0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),
	BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, K_MIX),
	BPF_STMT(BPF_MISC | BPF_TAX, 0),
	BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 13),
	BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0),
	BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, SOCKETS),
	BPF_STMT(BPF_RET | BPF_A, 0),
};

/* The index is the destination port. */
static struct sock_filter port_program[] = {
	BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, (unsigned)SKF_NET_OFF),
	BPF_STMT(BPF_LD | BPF_H | BPF_IND, (unsigned)SKF_NET_OFF + 2),
	BPF_STMT(BPF_RET | BPF_A, 0),
};

static int members[SOCKETS];

/* With @id -1 the kernel chooses an unused one, which may be 0; returns the id. */
static int join_group(int fd, int id)
{
	int type = id < 0 ? PACKET_FANOUT_CBPF | PACKET_FANOUT_FLAG_UNIQUEID : PACKET_FANOUT_CBPF;
	int arg = (id < 0 ? 0 : id) | type << 16;
	socklen_t len = sizeof(arg);

	poc_must(setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)), "PACKET_FANOUT");
	poc_must(getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, &len), "PACKET_FANOUT");
	return arg & 0xffff;
}

static void set_program(int fd, struct sock_filter *insns, unsigned short n)
{
	struct sock_fprog prog = {.len = n, .filter = insns};

	poc_must(setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &prog, sizeof(prog)),
		 "PACKET_FANOUT_DATA");
}

static void make_group(void)
{
	int other = poc_packet_socket("in0", ETH_P_IP, 0), id = -1, other_id;

	for (int i = 0; i < SOCKETS; i++) {
		members[i] = poc_packet_socket("in0", ETH_P_IP, 64 << 20);
		id = join_group(members[i], id);
	}
	other_id = join_group(other, -1);
	poc_check(id != other_id, "PACKET_FANOUT_FLAG_UNIQUEID: two groups, ids %d and %d", id,
		  other_id);
	close(other);
}

/* Counts the datagrams of each member; if @by_hash, checks which member got each. */
static void collect(unsigned int got[static SOCKETS], unsigned int *wrong)
{
	uint8_t frame[2048];
	uint32_t group;
	uint16_t port;

	for (unsigned int i = 0; i < SOCKETS; i++) {
		got[i] = 0;
		while (members[i] >= 0 &&
		       recv(members[i], frame, sizeof(frame), MSG_DONTWAIT) > 0) {
			const uint8_t *ip = frame + POC_ETH_LEN;

			memcpy(&group, ip + 16, 4);
			memcpy(&port, ip + (ip[0] & 15) * 4 + 2, 2);
			if (wrong)
				*wrong += hash(ntohl(group), ntohs(port)) != i;
			got[i]++;
		}
	}
}

static void hash_case(const char *name, bool options)
{
	unsigned int got[SOCKETS], wrong = 0, expected[SOCKETS] = {0};
	int fd = poc_egress_socket("gen0");
	uint32_t seed = 1;

	if (options)
		poc_must(setsockopt(fd, IPPROTO_IP, IP_OPTIONS, "\1\1\1\1", 4), "IP_OPTIONS");
	set_program(members[1], hash_program, sizeof(hash_program) / sizeof(hash_program[0]));
	for (int i = 0; i < PAIRS; i++) {
		uint32_t group = 0xef000000u | (seed = seed * 1664525u + 1013904223u) >> 8;
		uint16_t port = (uint16_t)(1 + i * 10);
		struct sockaddr_in to = {.sin_family = AF_INET,
					 .sin_port = htons(port),
					 .sin_addr.s_addr = htonl(group)};

		expected[hash(group, port)]++;
		poc_must(poc_send(fd, "x", 1, &to), "send");
	}
	collect(got, &wrong);
	poc_check(wrong == 0 && got[0] + got[1] + got[2] == PAIRS && got[0] == expected[0] &&
			  got[1] == expected[1] && got[2] == expected[2],
		  "%s: %d (group, port) pairs: %u + %u + %u, %u at the wrong socket, %d missing or "
		  "double",
		  name, PAIRS, got[0], got[1], got[2], wrong,
		  PAIRS - (int)(got[0] + got[1] + got[2]));
	close(fd);
}

static void short_case(void)
{
	static const uint8_t frame[POC_ETH_LEN + 10] = {0x01, 0x00, 0x5e, 1, 1,    1,    2,   0,
							0,    0,    0,    1, 0x08, 0x00, 0x45};
	unsigned int got[SOCKETS];
	int fd = poc_packet_socket("gen0", ETH_P_IP, 0);

	for (int i = 0; i < 50; i++)
		poc_must(send(fd, frame, sizeof(frame), 0), "send short frame");
	collect(got, NULL);
	poc_check(got[0] == 50 && !got[1] && !got[2],
		  "50 frames too short for the loads: %u + %u + %u (the program ends with 0)",
		  got[0], got[1], got[2]);
	close(fd);
}

/* One datagram to each port below @ports. */
static void to_ports(int ports)
{
	int fd = poc_egress_socket("gen0");

	for (int port = 1; port <= ports; port++) {
		struct sockaddr_in to = poc_addr("239.1.1.1", port);

		poc_must(poc_send(fd, "x", 1, &to), "send");
	}
	close(fd);
}

static void order_case(void)
{
	unsigned int got[SOCKETS];

	set_program(members[0], port_program, sizeof(port_program) / sizeof(port_program[0]));
	to_ports(4); /* indexes 1, 2, 0, 1 of three */
	collect(got, NULL);
	poc_check(
		got[0] == 1 && got[1] == 2 && got[2] == 1,
		"program replaced while in use; index = order of joining, modulo members: %u + %u "
		"+ %u",
		got[0], got[1], got[2]);

	close(members[0]);
	members[0] = -1;
	to_ports(3); /* indexes 1, 0, 1 of two: [0] is now the third socket */
	collect(got, NULL);
	poc_check(got[1] == 2 && got[2] == 1,
		  "first member closed: the last one takes its index: - + %u + %u", got[1], got[2]);
}

int main(int argc, char **argv)
{
	make_group();
	hash_case("no IP options", false);
	hash_case("IP options", true);
	short_case();
	order_case();
	return poc_status();
}
