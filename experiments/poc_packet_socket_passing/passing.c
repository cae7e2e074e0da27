// SPDX-License-Identifier: MIT
/*
 * Can a process without any right forward packets between sockets it was given?
 *
 *   gen0 ---- in0 [parent's packet sockets] ... out0 [parent's UDP socket] ---- sink0
 *                            \ SCM_RIGHTS /
 *            child: nobody, no capability, empty network namespace,
 *                   restricted io_uring, seccomp
 */
#include "../poc.h"
#include "../seal.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/wait.h>

#define POC_NOBODY 65534
#define PACKETS    200

static void pass_fd(int channel, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = "f", .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	poc_must(sendmsg(channel, &msg, 0), "pass descriptor");
}

static int take_fd(int channel)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = {.iov_base = &byte, .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	int fd;

	poc_must(recvmsg(channel, &msg, 0), "take descriptor");
	poc_must(CMSG_FIRSTHDR(&msg) ? 0 : -1, "descriptor in message");
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

/* In this order: the user first, so that the new namespaces belong to nobody. */
static void become_nobody(void)
{
	struct if_nameindex *list;
	int n = 0, fd; /* or a negative errno */

	poc_must(setgroups(0, NULL), "setgroups");
	poc_must(setresgid(POC_NOBODY, POC_NOBODY, POC_NOBODY), "setresgid");
	poc_must(setresuid(POC_NOBODY, POC_NOBODY, POC_NOBODY), "setresuid");
	fd = unshare(CLONE_NEWNET) ? -errno : 0;
	poc_check(fd == -EPERM, "as nobody, unshare(NEWNET) alone: %s", poc_err(fd));
	fd = unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -errno : 0;
	poc_check(fd == 0, "as nobody, unshare(NEWUSER|NEWNET): %s", poc_err(fd));
	poc_drop_capabilities();
	list = if_nameindex();
	while (list && list[n].if_index)
		n++;
	poc_check(n == 1 && !strcmp(list[0].if_name, "lo"),
		  "new network namespace: %d interface, %s", n, list[0].if_name);
	if_freenameindex(list);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	poc_check(fd < 0 && errno == EPERM, "socket(AF_PACKET) after dropping capabilities: %s",
		  poc_err(-errno));
}

static int ring_result(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	int res;

	io_uring_submit(ring);
	if (io_uring_wait_cqe(ring, &cqe))
		return -EIO;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static void refused_cases(struct io_uring *ring, int packet_fd)
{
	struct io_uring_params params = {0};
	int one = 1;

	poc_check(socket(AF_INET, SOCK_DGRAM, 0) < 0 && errno == EPERM, "sealed: socket(): EPERM");
	poc_check(open("/etc/passwd", O_RDONLY) < 0 && errno == EPERM, "sealed: open(): EPERM");
	poc_check(syscall(SYS_io_uring_setup, 4, &params) < 0 && errno == EPERM,
		  "sealed: io_uring_setup(): EPERM");
	poc_check(setsockopt(packet_fd, SOL_SOCKET, SO_DETACH_FILTER, &one, sizeof(one)) < 0 &&
			  errno == EPERM,
		  "sealed: changing the socket's filter: EPERM");
	io_uring_prep_openat(io_uring_get_sqe(ring), AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
	poc_check(ring_result(ring) == -EACCES, "ring: IORING_OP_OPENAT: EACCES");
	io_uring_prep_socket(io_uring_get_sqe(ring), AF_INET, SOCK_DGRAM, 0, 0);
	poc_check(ring_result(ring) == -EACCES, "ring: IORING_OP_SOCKET: EACCES");
}

static void forward(struct io_uring *ring, int in, int out, int *count)
{
	struct sockaddr_in to = poc_addr("239.2.2.2", 6000);
	static uint8_t frame[2048];
	struct iovec iov;
	struct msghdr msg = {
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iov, .msg_iovlen = 1};
	int n;

	for (*count = 0; *count < PACKETS; (*count)++) {
		io_uring_prep_recv(io_uring_get_sqe(ring), in, frame, sizeof(frame), 0);
		n = ring_result(ring);
		if (n < POC_HDR_LEN)
			return;
		iov = (struct iovec){frame + POC_HDR_LEN, (size_t)n - POC_HDR_LEN};
		io_uring_prep_sendmsg(io_uring_get_sqe(ring), out, &msg, MSG_DONTWAIT);
		if (ring_result(ring) != n - POC_HDR_LEN)
			return;
	}
}

static int child(int channel)
{
	struct io_uring_params params = {.flags = IORING_SETUP_R_DISABLED |
						  IORING_SETUP_SINGLE_ISSUER |
						  IORING_SETUP_DEFER_TASKRUN};
	struct io_uring ring;
	int first, second, out, count;

	become_nobody();
	first = take_fd(channel);
	out = take_fd(channel);
	poc_must(io_uring_queue_init_params(64, &ring, &params), "io_uring_setup");
	poc_restrict_ring(&ring);
	poc_seal();
	refused_cases(&ring, first);
	forward(&ring, first, out, &count);
	poc_check(count == PACKETS, "sealed: forwarded %d of %d from the socket given before",
		  count, PACKETS);
	second = take_fd(channel);
	forward(&ring, second, out, &count);
	poc_check(count == PACKETS, "sealed: forwarded %d of %d from a socket given afterwards",
		  count, PACKETS);
	return poc_status();
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	int first, second, out, gen, sink, status, channel[2];
	unsigned int got;
	pid_t pid;

	poc_must(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel), "socketpair");
	fflush(stdout);
	pid = (pid_t)poc_must(fork(), "fork");
	if (pid == 0) {
		close(channel[0]);
		_exit(child(channel[1]));
	}
	close(channel[1]);
	first = poc_packet_socket("in0", ETH_P_IP, 16 << 20);
	second = poc_packet_socket("in0", ETH_P_IP, 16 << 20);
	sink = poc_packet_socket("sink0", ETH_P_IP, 16 << 20);
	out = poc_egress_socket("out0");
	gen = poc_egress_socket("gen0");
	for (int i = 0; i < PACKETS; i++)
		poc_must(poc_send(gen, "datagram", 8, &to), "generate");
	pass_fd(channel[0], first);
	pass_fd(channel[0], out);
	pass_fd(channel[0], second);
	waitpid(pid, &status, 0);
	poc_check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child ended well");
	got = poc_packet_stats(sink).tp_packets;
	poc_check(got == 2 * PACKETS, "at the parent's out0: %u of %d datagrams", got, 2 * PACKETS);
	return poc_status();
}
