// SPDX-License-Identifier: MIT
/*
 * hostile_worker.c - a sealed worker that wants to send what no rule asks for
 *
 * Called between two turns of the loop, once there are rules, and so their sockets.  Packet sockets
 * are tried in every way in which a process may send: by system calls, by the ring, through
 * the memory that they would share with the kernel.  It also makes the call that cannot be
 * refused, because the worker needs it: SENDMSG on an egress socket.  The witnesses in the test
 * say where that came out.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/ring.h"
#include "core/relay/match.h"
#include "daemon/common/roles.h"
#include "daemon/worker/io.h"
#include "daemon/worker/state.h"
#include "tests/hostile/hostile.h"

#define LAST_IFINDEX 40
#define FRAME_MAX    256

void __real_worker_arm(struct worker *w);
void __wrap_worker_arm(struct worker *w);

static uint8_t frame[FRAME_MAX];

static void say(const char *what, int fd, long result)
{
	char text[96];

	snprintf(text, sizeof(text), "%s [%d]", what, fd);
	hostile_say("worker", text, result);
}

/* --- the ring --- */

static struct io_uring_sqe *prepare(struct worker *w, uint64_t *tag)
{
	static uint32_t number;
	const union ring_tag mine = {.kind = RING_CANCEL, .slot = 0xff, .serial = ++number};

	*tag = mine.u64;
	return ring_sqe(&w->ring);
}

/* The completion stays for the worker, which takes it for that of a cancellation. */
static long complete(struct worker *w, struct io_uring_sqe *sqe, uint64_t tag)
{
	struct io_uring_cqe *cqe;
	unsigned head;

	sqe->user_data = tag;
	ring_submit(&w->ring);
	io_uring_for_each_cqe(&w->ring.uring, head, cqe) {
		if (cqe->user_data == tag)
			return cqe->res;
	}
	return -EINPROGRESS;
}

static long ring_send(struct worker *w, int fd, size_t n)
{
	uint64_t tag;
	struct io_uring_sqe *sqe = prepare(w, &tag);

	io_uring_prep_send(sqe, fd, frame, n, MSG_DONTWAIT);
	return complete(w, sqe, tag);
}

static long ring_send_to(struct worker *w, int fd, size_t n, void *to, socklen_t to_len)
{
	struct iovec iov = {frame, n};
	struct msghdr msg = {
		.msg_name = to, .msg_namelen = to_len, .msg_iov = &iov, .msg_iovlen = 1};
	uint64_t tag;
	struct io_uring_sqe *sqe = prepare(w, &tag);

	io_uring_prep_sendmsg(sqe, fd, &msg, MSG_DONTWAIT);
	return complete(w, sqe, tag);
}

static void ring_operations(struct worker *w)
{
	static const uint8_t forbidden[] = {
		IORING_OP_OPENAT, IORING_OP_SOCKET,   IORING_OP_WRITE,     IORING_OP_WRITEV,
		IORING_OP_READ,   IORING_OP_ACCEPT,   IORING_OP_CONNECT,   IORING_OP_SEND_ZC,
		IORING_OP_SPLICE, IORING_OP_STATX,    IORING_OP_URING_CMD, IORING_OP_SHUTDOWN,
		IORING_OP_CLOSE,  IORING_OP_POLL_ADD, IORING_OP_MSG_RING,  IORING_OP_FILES_UPDATE};

	for (size_t i = 0; i < sizeof(forbidden); i++) {
		uint64_t tag;
		struct io_uring_sqe *sqe = prepare(w, &tag);
		char what[48];

		memset(sqe, 0, sizeof(*sqe));
		sqe->opcode = forbidden[i];
		sqe->fd = CHILD_CHANNEL_FD;
		snprintf(what, sizeof(what), "ring operation %u", forbidden[i]);
		hostile_say("worker", what, complete(w, sqe, tag));
	}
}

/* --- packet sockets --- */

static struct sockaddr_ll link_address(int ifindex)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons(ETH_P_IP),
				 .sll_ifindex = ifindex,
				 .sll_halen = ETH_ALEN};

	memset(ll.sll_addr, 0xff, ETH_ALEN);
	return ll;
}

/* A system call that names the interface: each one of the host.  Return: what it let through. */
static long send_everywhere(long call, int fd, size_t n)
{
	long worst = -EPERM;

	for (int ifindex = 1; ifindex < LAST_IFINDEX; ifindex++) {
		struct sockaddr_ll ll = link_address(ifindex);
		struct iovec iov = {frame, n};
		struct msghdr msg = {.msg_name = &ll,
				     .msg_namelen = sizeof(ll),
				     .msg_iov = &iov,
				     .msg_iovlen = 1};
		long ret = call == SYS_sendmsg ? hostile_call(SYS_sendmsg, fd, &msg, MSG_DONTWAIT)
					       : hostile_call(SYS_sendto, fd, frame, n,
							      MSG_DONTWAIT, &ll, sizeof(ll));

		if (ret != -EPERM)
			worst = ret;
	}
	return worst;
}

static long ring_send_everywhere(struct worker *w, int fd, size_t n)
{
	long best = INT_MIN;

	for (int ifindex = 1; ifindex < LAST_IFINDEX; ifindex++) {
		struct sockaddr_ll ll = link_address(ifindex);
		long ret = ring_send_to(w, fd, n, &ll, sizeof(ll));

		if (ret > best)
			best = ret;
	}
	return best;
}

/*
 * The socket would send from this mapping, if it could be filled: a private one can be written,
 * and is a copy then.
 */
static void fill_send_ring(struct worker *w, int fd, size_t n)
{
	const int rw = PROT_READ | PROT_WRITE;
	const size_t at = TPACKET_ALIGN(sizeof(struct tpacket_hdr));
	struct tpacket_hdr *slot;
	void *seen;

	say("map the send ring to write", fd,
	    hostile_call(SYS_mmap, 0, 4096, rw, MAP_SHARED, fd, 0) < 0 ? -errno : 0);
	seen = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	if (seen != MAP_FAILED) {
#ifndef MCR_SANITIZED
		say("make the mapped send ring writable", fd,
		    hostile_call(SYS_mprotect, seen, 4096, rw));
#endif
		munmap(seen, 4096);
	}
	slot = mmap(NULL, 4096, rw, MAP_PRIVATE, fd, 0);
	if (slot == MAP_FAILED)
		return;
	memcpy((uint8_t *)slot + at, frame, n);
	slot->tp_len = (unsigned)n;
	slot->tp_status = TP_STATUS_SEND_REQUEST;
	say("write behind a copy of the send ring", fd, hostile_call(SYS_write, fd, frame, n));
	munmap(slot, 4096);
}

static void packet_socket(struct worker *w, int fd)
{
	const size_t n = hostile_frame(frame, "10.3.0.9");
	const struct iovec iov = {frame, n};

	say("write", fd, hostile_call(SYS_write, fd, frame, n));
	say("writev", fd, hostile_call(SYS_writev, fd, &iov, 1));
	say("sendto", fd, send_everywhere(SYS_sendto, fd, n));
	say("sendmsg", fd, send_everywhere(SYS_sendmsg, fd, n));
	say("ring SEND", fd, ring_send(w, fd, n));
	say("ring SENDMSG", fd, ring_send_everywhere(w, fd, n));
	fill_send_ring(w, fd, n);
}

/* --- every other descriptor --- */

/*
 * To a group that no rule names; @ifindex: by which interface (ip(7), IP_PKTINFO), 0: that
 * of the socket.
 */
static long ring_datagram(struct worker *w, int fd, int ifindex)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control = {.head = {.cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo)),
			      .cmsg_level = IPPROTO_IP,
			      .cmsg_type = IP_PKTINFO}};
	const struct in_pktinfo by = {.ipi_ifindex = ifindex};
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons(7003),
				 .sin_addr.s_addr = htonl(0xef630000u + (uint32_t)ifindex)};
	struct iovec iov = {frame, sizeof(HOSTILE_MARK)};
	struct msghdr msg = {.msg_name = &to,
			     .msg_namelen = sizeof(to),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = ifindex ? &control : NULL,
			     .msg_controllen = ifindex ? sizeof(control) : 0};
	uint64_t tag;
	struct io_uring_sqe *sqe = prepare(w, &tag);

	memcpy(CMSG_DATA(&control.head), &by, sizeof(by));
	memcpy(frame, HOSTILE_MARK, sizeof(HOSTILE_MARK));
	io_uring_prep_sendmsg(sqe, fd, &msg, MSG_DONTWAIT);
	return complete(w, sqe, tag);
}

static bool is_input(const struct worker *w, int fd)
{
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (w->inputs[i].sock == fd)
			return true;
	return false;
}

static void other(struct worker *w, int fd)
{
	const size_t n = hostile_frame(frame, "10.3.0.9");

	say("sendto elsewhere", fd, send_everywhere(SYS_sendto, fd, n));
	say("sendmsg elsewhere", fd, send_everywhere(SYS_sendmsg, fd, n));
	say("ring SENDMSG of a frame elsewhere", fd, ring_send_everywhere(w, fd, n));
	say("F_SETFL", fd, hostile_call(SYS_fcntl, fd, F_SETFL, O_RDWR));
	say("datagram to a strange group", fd, ring_datagram(w, fd, 0));
	for (int ifindex = 1; ifindex < LAST_IFINDEX; ifindex++)
		if (ring_datagram(w, fd, ifindex) > 0)
			say("datagram by an interface of its choice", fd, ifindex);
}

static void attack(struct worker *w)
{
	hostile_calls("worker");
	hostile_say("worker", "memfd_create", hostile_call(SYS_memfd_create, "x", 0));
	ring_operations(w);
	for (int fd = CHILD_CHANNEL_FD + 1; fd < HOSTILE_FDS; fd++) {
		if (fcntl(fd, F_GETFL) < 0)
			continue;
		if (is_input(w, fd))
			packet_socket(w, fd);
		else
			other(w, fd);
	}
	hostile_say("worker", "end", 0);
}

void __wrap_worker_arm(struct worker *w)
{
	static bool done;

	if (!done && w->table && match_rules(w->table) &&
	    hostile_is_asked("MCR_HOSTILE_WORKER", "calls")) {
		done = true;
		attack(w);
	}
	__real_worker_arm(w);
}
