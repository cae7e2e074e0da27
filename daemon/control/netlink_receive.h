/* SPDX-License-Identifier: MIT */
/* netlink_receive.h - one datagram of the kernel from a netlink socket */
#ifndef DAEMON_CONTROL_NETLINK_RECEIVE_H
#define DAEMON_CONTROL_NETLINK_RECEIVE_H

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

/**
 * netlink_receive() - take the next datagram, without waiting
 * @sock: a netlink socket
 * @buf:  filled; aligned to 8
 * @size: of @buf
 *
 * Return: its length; 0: none waits; -ENOBUFS: the kernel's messages were lost, by a full queue or
 * because one was longer than @buf; -EPERM: another process has sent it; other negative errno of
 * recvmsg(2).
 */
static inline int netlink_receive(int sock, char *buf, size_t size)
{
	struct sockaddr_nl from = {0};
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};
	const ssize_t len = recvmsg(sock, &msg, MSG_DONTWAIT);

	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (from.nl_pid != 0)
		return -EPERM;
	return msg.msg_flags & MSG_TRUNC ? -ENOBUFS : (int)len;
}

#endif
