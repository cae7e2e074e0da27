// SPDX-License-Identifier: MIT
/*
 * The effect of an ICMP error on an unconnected UDP socket, with and without
 * IP_RECVERR, what DF looks like, and how MSG_DONTWAIT sends end in io_uring.
 */
#include "../poc.h"

#include <liburing.h>
#include <linux/errqueue.h>

#ifndef IP_PMTUDISC_OMIT
#define IP_PMTUDISC_OMIT 5
#endif

static int drain_errors(int fd)
{
	char data[256], control[256];
	struct iovec iov = {data, sizeof(data)};
	int n = 0;

	for (;; n++) {
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};

		if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
			return n;
	}
}

static void icmp_case(void)
{
	struct sockaddr_in open_port = poc_addr("127.0.0.1", 7001);
	struct sockaddr_in closed_port = poc_addr("127.0.0.1", 7002);
	int listener = (int)poc_must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	int fd = (int)poc_must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	long first, next, repeated;
	int on = 1, n;

	poc_must(bind(listener, (struct sockaddr *)&open_port, sizeof(open_port)), "bind");

	first = poc_send(fd, "x", 1, &closed_port);
	next = poc_send(fd, "x", 1, &open_port);
	n = poc_received(listener);
	poc_check(first == 1 && next == 1 && n == 1,
		  "plain, after port-unreachable: send to another host %s, %d arrived",
		  poc_err(next), n);

	poc_must(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), "IP_RECVERR");
	first = poc_send(fd, "x", 1, &closed_port);
	next = poc_send(fd, "x", 1, &open_port);
	n = poc_received(listener);
	poc_check(first == 1 && next == -ECONNREFUSED && n == 0,
		  "IP_RECVERR, after port-unreachable: send to another host %s, %d arrived",
		  poc_err(next), n);
	repeated = poc_send(fd, "x", 1, &open_port);
	n = poc_received(listener);
	poc_check(repeated == 1 && n == 1, "the same send repeated: %s, %d arrived",
		  poc_err(repeated), n);

	drain_errors(fd);
	poc_send(fd, "x", 1, &closed_port);
	n = drain_errors(fd);
	next = poc_send(fd, "x", 1, &open_port);
	poc_check(n == 1 && next == 1 && poc_received(listener) == 1,
		  "error queue read first (%d entry): the next send %s", n, poc_err(next));

	for (n = 0; n < 100000; n++)
		if (poc_send(fd, "x", 1, &closed_port) < 0)
			poc_send(fd, "x", 1, &closed_port);
	n = drain_errors(fd);
	next = poc_send(fd, "x", 1, &open_port);
	poc_check(n > 0 && n < 100000, "never read, 100000 errors: %d kept (bounded by SO_RCVBUF)",
		  n);
	poc_received(listener);
	close(fd);
	close(listener);
}

static void neighbour_case(void)
{
	struct sockaddr_in absent = poc_addr("10.0.1.77", 7001);
	struct sockaddr_in group = poc_addr("239.1.1.1", 5000);
	uint64_t until = poc_deadline_ns(3000000000ull);
	int fd = poc_egress_socket("mtu0");
	long ret = 1;
	int on = 1;

	poc_must(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), "IP_RECVERR");
	poc_send(fd, "x", 1, &absent);
	while (ret >= 0 && poc_now_ns() < until)
		ret = poc_send(fd, "x", 1, &group);
	poc_check(ret == -EHOSTUNREACH,
		  "IP_RECVERR, unicast host does not answer ARP: a later multicast send %s",
		  poc_err(ret));
	close(fd);
}

static void fragment_case(void)
{
	static const struct {
		const char *name;
		int mode;
		long expect;
		int frames, df;
		size_t len;
	} rows[] = {
		{"IP_PMTUDISC_OMIT, 1000 bytes", IP_PMTUDISC_OMIT, 1000, 1, 0, 1000},
		{"IP_PMTUDISC_OMIT, 4000 bytes", IP_PMTUDISC_OMIT, 4000, 3, 0, 4000},
		{"IP_PMTUDISC_WANT, 1000 bytes", IP_PMTUDISC_WANT, 1000, 1, 1, 1000},
		{"IP_PMTUDISC_DO, 4000 bytes", IP_PMTUDISC_DO, -EMSGSIZE, 0, 0, 4000},
	};
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	int probe = poc_packet_socket("mtu1", ETH_P_IP, 0);
	static unsigned char frame[4096];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = poc_egress_socket("mtu0");
		int frames = 0, df = 0, bytes = 0;
		long ret;

		setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &rows[i].mode, sizeof(rows[i].mode));
		ret = poc_send(fd, frame, rows[i].len, &to);
		for (ssize_t n; (n = recv(probe, frame, sizeof(frame), MSG_DONTWAIT)) > 0;
		     frames++) {
			df += !!(frame[POC_ETH_LEN + 6] & 0x40);
			bytes += (int)n - POC_ETH_LEN - 20;
		}
		poc_check(ret == rows[i].expect && frames == rows[i].frames && df == rows[i].df &&
				  bytes == (frames ? (int)rows[i].len + 8 : 0),
			  "%s: %s, %d frame(s), %d with DF", rows[i].name, poc_err(ret), frames,
			  df);
		close(fd);
	}
	close(probe);
}

/* slow0 drains a few packets a second, so a small send buffer stays full. */
static void uring_case(void)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	struct iovec iov = {.iov_base = (char[1000]){0}, .iov_len = 1000};
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	int fd = poc_egress_socket("slow0"), sndbuf = 8192, ok = 0, would_block = 0, other = 0;
	struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN};
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	unsigned head, ready;

	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &sndbuf, sizeof(sndbuf));
	poc_must(io_uring_queue_init_params(64, &ring, &params), "io_uring");
	for (int i = 0; i < 50; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

		io_uring_prep_sendmsg(sqe, fd, &msg, MSG_DONTWAIT);
	}
	io_uring_submit(&ring);
	ready = io_uring_cq_ready(&ring);
	io_uring_for_each_cqe(&ring, head, cqe) {
		ok += cqe->res == 1000;
		would_block += cqe->res == -EAGAIN;
		other += cqe->res != 1000 && cqe->res != -EAGAIN;
	}
	poc_check(ready == 50, "50 SENDMSG with MSG_DONTWAIT: %u completions right after submit",
		  ready);
	poc_check(ok > 0 && would_block > 0 && !other,
		  "send buffer full: %d sent, %d EAGAIN, %d other", ok, would_block, other);
	io_uring_queue_exit(&ring);
	close(fd);
}

int main(int argc, char **argv)
{
	icmp_case();
	neighbour_case();
	fragment_case();
	uring_case();
	return poc_status();
}
