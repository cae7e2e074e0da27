// SPDX-License-Identifier: MIT
/*
 * A relay with one io_uring receive and one send per datagram and per output.
 *
 *   relay IN_IF GROUP PORT OUT_IF OUT_GROUP OUT_PORT [OUT_COUNT]
 *
 * The outputs are OUT_GROUP at OUT_PORT, OUT_PORT + 1, ...  Prints "ready" when
 * receives are armed; on SIGTERM or SIGINT {"received":N,"sent":N} and ends.
 * "received" counts what the prefilter let through.
 *
 * SLOTS buffers take turns: a slot is either in a receive or in the sends of
 * what it received, and goes back to a receive when the last send has ended.
 * No multishot, no provided buffers, no offloads, no coalescing: this is the
 * rival that MCR's data path is compared with, and it is written to be good at
 * what it does.  The input must carry single packets: a frame larger than a
 * buffer is dropped and said so at the end.
 */
#include "../poc.h"

#include <liburing.h>
#include <signal.h>
#include <sys/signalfd.h>

#define SLOTS       32
#define SLOT_BYTES  9216
#define MAX_OUTPUTS 64
#define RCVBUF      (256 << 20)
#define SNDBUF      (64 << 20)

enum { KIND_RECV, KIND_SEND, KIND_STOP };

struct slot {
	int sends_left;
	uint8_t bytes[SLOT_BYTES];
};

struct relay {
	struct io_uring ring;
	int in, stop, out_count;
	int out[MAX_OUTPUTS];
	uint16_t port_be;
	uint64_t received, sent, send_errors, truncated;
	struct slot slots[SLOTS];
};

static void set_buffer(int fd, int force, int plain, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof(bytes));
}

/* Only IPv4 UDP to @group, whatever the port: the port needs the header length. */
static int open_input(const char *ifname, const char *group)
{
	struct ip_mreqn mreq = {.imr_ifindex = poc_ifindex(ifname)};
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 5),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 30),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(inet_addr(group)), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0x40000),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_IP),
				  .sll_ifindex = mreq.imr_ifindex};
	int helper = (int)poc_must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "helper socket");
	int fd = (int)poc_must(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), "packet socket");
	int one = 1;

	mreq.imr_multiaddr.s_addr = inet_addr(group);
	if (IN_MULTICAST(ntohl(mreq.imr_multiaddr.s_addr)))
		poc_must(setsockopt(helper, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)),
			 "join");
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, RCVBUF);
	poc_attach_filter(fd, insns, sizeof(insns) / sizeof(insns[0]));
	poc_must(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), "bind");
	return fd;
}

static int open_output(const char *ifname, const char *group, int port)
{
	struct sockaddr_in to = poc_addr(group, port);
	int fd = poc_egress_socket(ifname), ttl = 8;

	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, SNDBUF);
	poc_must(connect(fd, (struct sockaddr *)&to, sizeof(to)), "connect");
	return fd;
}

static int open_stop(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return (int)poc_must(signalfd(-1, &set, SFD_CLOEXEC), "signalfd");
}

static uint64_t tag(int kind, int slot)
{
	return (uint64_t)kind << 32 | (uint32_t)slot;
}

static struct io_uring_sqe *get_sqe(struct relay *r)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = io_uring_get_sqe(&r->ring)))
		io_uring_submit(&r->ring);
	return sqe;
}

static void arm_receive(struct relay *r, int slot)
{
	struct io_uring_sqe *sqe = get_sqe(r);

	io_uring_prep_recv(sqe, r->in, r->slots[slot].bytes, SLOT_BYTES, MSG_TRUNC);
	io_uring_sqe_set_data64(sqe, tag(KIND_RECV, slot));
}

static void arm_stop(struct relay *r)
{
	struct io_uring_sqe *sqe = get_sqe(r);

	io_uring_prep_poll_add(sqe, r->stop, POLLIN);
	io_uring_sqe_set_data64(sqe, tag(KIND_STOP, 0));
}

/* The payload of a whole, unfragmented datagram to our port; NULL for all else. */
static const uint8_t *payload_of(const struct relay *r, const uint8_t *frame, int len,
				 unsigned int *payload_len)
{
	const uint8_t *ip = frame + POC_ETH_LEN, *udp;
	int header, total, udp_len;

	if (len < POC_HDR_LEN || ip[0] >> 4 != 4)
		return NULL;
	header = (ip[0] & 15) * 4;
	total = ip[2] << 8 | ip[3];
	if (header < 20 || total < header + 8 || total > len - POC_ETH_LEN)
		return NULL;
	if ((ip[6] & 0x3f) | ip[7])
		return NULL;
	udp = ip + header;
	udp_len = udp[4] << 8 | udp[5];
	if (memcmp(udp + 2, &r->port_be, 2) || udp_len < 8 || udp_len > total - header)
		return NULL;
	*payload_len = (unsigned int)udp_len - 8;
	return udp + 8;
}

static void received(struct relay *r, int slot, int len)
{
	struct slot *s = &r->slots[slot];
	unsigned int payload_len;
	const uint8_t *payload = NULL;

	if (len > SLOT_BYTES)
		r->truncated++;
	else if (len > 0)
		payload = payload_of(r, s->bytes, len, &payload_len);
	r->received += len > 0;
	if (!payload) {
		arm_receive(r, slot);
		return;
	}
	s->sends_left = r->out_count;
	for (int i = 0; i < r->out_count; i++) {
		struct io_uring_sqe *sqe = get_sqe(r);

		io_uring_prep_send(sqe, r->out[i], payload, payload_len, 0);
		io_uring_sqe_set_data64(sqe, tag(KIND_SEND, slot));
	}
}

static void sent(struct relay *r, int slot, int res)
{
	if (res < 0)
		r->send_errors++;
	else
		r->sent++;
	if (--r->slots[slot].sends_left == 0)
		arm_receive(r, slot);
}

static void run(struct relay *r)
{
	bool stopping = false;

	while (!stopping) {
		struct io_uring_cqe *cqe;
		unsigned int head, n = 0;
		int ret = io_uring_submit_and_wait(&r->ring, 1);

		if (ret < 0 && ret != -EINTR && ret != -EBUSY) {
			errno = -ret;
			poc_must(-1, "io_uring_enter");
		}
		io_uring_for_each_cqe(&r->ring, head, cqe) {
			int slot = (int)(uint32_t)cqe->user_data;

			n++;
			switch (cqe->user_data >> 32) {
			case KIND_RECV:
				received(r, slot, cqe->res);
				break;
			case KIND_SEND:
				sent(r, slot, cqe->res);
				break;
			case KIND_STOP:
				stopping = true;
				break;
			}
		}
		io_uring_cq_advance(&r->ring, n);
	}
}

int main(int argc, char **argv)
{
	struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
					 .cq_entries = 8192};
	static struct relay r;

	r.out_count = argc == 8 ? atoi(argv[7]) : 1;
	if ((argc != 7 && argc != 8) || r.out_count < 1 || r.out_count > MAX_OUTPUTS) {
		fprintf(stderr,
			"usage: relay IN_IF GROUP PORT OUT_IF OUT_GROUP OUT_PORT [OUT_COUNT]\n");
		return 2;
	}
	r.port_be = htons((uint16_t)atoi(argv[3]));
	r.stop = open_stop();
	r.in = open_input(argv[1], argv[2]);
	for (int i = 0; i < r.out_count; i++)
		r.out[i] = open_output(argv[4], argv[5], atoi(argv[6]) + i);

	errno = -io_uring_queue_init_params(2048, &r.ring, &params);
	poc_must(errno ? -1 : 0, "io_uring_setup");
	for (int i = 0; i < SLOTS; i++)
		arm_receive(&r, i);
	arm_stop(&r);
	io_uring_submit(&r.ring);
	printf("ready\n");
	fflush(stdout);
	run(&r);

	printf("{\"received\":%lu,\"sent\":%lu}\n", r.received, r.sent);
	if (r.truncated || r.send_errors)
		fprintf(stderr, "relay: %lu frames larger than %d bytes, %lu send errors\n",
			r.truncated, SLOT_BYTES, r.send_errors);
	return 0;
}
