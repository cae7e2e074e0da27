// SPDX-License-Identifier: MIT
/*
 * socket.c - sockets that send, that hold memberships, that listen
 *
 * Made by the supervisor and passed on as descriptors: a child uses a socket, it
 * never makes one.  Each function either returns a socket that is complete or
 * closes what it made.  Options that only make things better (large buffers) are
 * tried and not insisted upon; see socket(7), packet(7), ip(7).
 */
#include "daemon/priv/socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "daemon/priv/sockopt.h"

#define OUTPUT_SNDBUF_BYTES  (16 << 20)
#define DSCP_SHIFT           2 /* upper six bits of the TOS byte (RFC 2474) */
#define NETLINK_RCVBUF_BYTES (4 << 20)
/* Clients that may wait for accept(2), as far as net.core.somaxconn allows. */
#define LISTEN_BACKLOG 1024

/*
 * Bound to the interface rather than IP_UNICAST_IF, so that a unicast output can
 * never leave by another one.  With IP_RECVERR a send that the interface's queue refuses fails
 * with ENOBUFS (experiment poc_egress_recverr).  The filter keeps datagrams to the socket's own
 * port out of its receive buffer, which nobody reads.
 */
int priv_egress_socket(unsigned ifindex)
{
	struct ip_mreqn out = {.imr_ifindex = (int)ifindex};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (sock < 0)
		return -errno;
	priv_set_buffer(sock, SO_SNDBUFFORCE, SO_SNDBUF, OUTPUT_SNDBUF_BYTES);
	priv_set_int(sock, SOL_SOCKET, SO_RCVBUF, 0);
	ret = priv_set_int(sock, SOL_SOCKET, SO_BINDTOIFINDEX, (int)ifindex);
	if (ret == 0 && setsockopt(sock, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) < 0)
		ret = -errno;
	if (ret == 0)
		ret = priv_set_int(sock, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
	if (ret == 0)
		ret = priv_set_int(sock, IPPROTO_IP, IP_MULTICAST_TTL, 1);
	if (ret == 0)
		ret = priv_set_int(sock, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	if (ret == 0)
		ret = priv_set_int(sock, IPPROTO_IP, IP_RECVERR, 1);
	if (ret == 0)
		ret = priv_refuse_all(sock);
	return ret < 0 ? priv_close_failed(sock, ret) : sock;
}

/*
 * Sockets of several outputs and workers share a port (SO_REUSEPORT), and nobody else's does.
 * Datagrams of groups that this host has joined are not for them.
 */
static int share_port(int sock)
{
	const int ret = priv_set_int(sock, SOL_SOCKET, SO_REUSEPORT, 1);

	return ret < 0 ? ret : priv_set_int(sock, IPPROTO_IP, IP_MULTICAST_ALL, 0);
}

/* Return: 0; negative errno; -EADDRNOTAVAIL: not bound, the address is not this host's now. */
static int bind_source(int sock, const struct ipc_egress_socket *as)
{
	struct sockaddr_in from = {.sin_family = AF_INET,
				   .sin_port = htons(as->source_port),
				   .sin_addr.s_addr = as->source_be};
	int ret = as->source_port ? share_port(sock) : 0;

	if (ret == 0 && (as->source_be || as->source_port) &&
	    bind(sock, (const struct sockaddr *)&from, sizeof(from)) < 0)
		ret = -errno;
	return ret;
}

/*
 * TTL and DSCP are set on the socket here, so that a send needs no control message for them
 * (ip(7)).  If the source address of the output is not this host's just now, the socket is not
 * bound to it, and each send fails or succeeds by itself.
 */
int priv_own_egress_socket(const struct ipc_egress_socket *as, uint32_t *from_be, bool *connected)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(as->port), .sin_addr.s_addr = as->to_be};
	int sock = priv_egress_socket(as->ifindex), ret;
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	*connected = false;
	if (sock < 0 || (as->kind != EGRESS_SOCKET_OWN && !as->source_port))
		return sock;
	ret = bind_source(sock, as);
	if (ret < 0 && as->source_port)
		return priv_close_failed(sock, ret);
	if (ret < 0 || as->kind != EGRESS_SOCKET_OWN)
		return sock;
	ret = priv_set_int(sock, IPPROTO_IP, IP_MULTICAST_TTL, as->ttl);
	if (ret == 0)
		ret = priv_set_int(sock, IPPROTO_IP, IP_TTL, as->ttl);
	if (ret == 0)
		ret = priv_set_int(sock, IPPROTO_IP, IP_TOS, as->dscp << DSCP_SHIFT);
	if (ret < 0)
		return priv_close_failed(sock, ret);
	*connected = connect(sock, (const struct sockaddr *)&to, sizeof(to)) == 0;
	if (*connected && getsockname(sock, (struct sockaddr *)&own, &len) == 0)
		*from_be = own.sin_addr.s_addr;
	return sock;
}

/* It is bound to no port, so nothing is delivered to it. */
int priv_helper_socket(void)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return sock < 0 ? -errno : sock;
}

/*
 * MCAST_JOIN_GROUP and MCAST_JOIN_SOURCE_GROUP name the interface by index, which
 * IP_ADD_SOURCE_MEMBERSHIP cannot (it wants an address, and inputs may have none).
 */
static int membership(int sock, const struct ipc_join *j, int any_option, int source_option)
{
	struct group_source_req req = {.gsr_interface = j->ifindex};
	struct group_req any = {.gr_interface = j->ifindex};
	struct sockaddr_in group = {.sin_family = AF_INET,
				    .sin_addr.s_addr = addr_ipv4_be(&j->group)};
	struct sockaddr_in source = {.sin_family = AF_INET,
				     .sin_addr.s_addr = addr_ipv4_be(&j->source)};
	int ret;

	memcpy(&any.gr_group, &group, sizeof(group));
	memcpy(&req.gsr_group, &group, sizeof(group));
	memcpy(&req.gsr_source, &source, sizeof(source));
	if (addr_is_set(&j->source))
		ret = setsockopt(sock, IPPROTO_IP, source_option, &req, sizeof(req));
	else
		ret = setsockopt(sock, IPPROTO_IP, any_option, &any, sizeof(any));
	return ret < 0 ? -errno : 0;
}

int priv_join(int sock, const struct ipc_join *j)
{
	return membership(sock, j, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP);
}

int priv_leave(int sock, const struct ipc_join *j)
{
	return membership(sock, j, MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP);
}

int priv_bind_unread(const struct ipc_join *j)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
				 .sin_port = htons(j->port),
				 .sin_addr.s_addr = addr_ipv4_be(&j->group)};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (sock < 0)
		return -errno;
	priv_set_int(sock, SOL_SOCKET, SO_RCVBUF, 0);
	ret = priv_refuse_all(sock);
	if (ret == 0)
		ret = priv_set_int(sock, SOL_SOCKET, SO_BINDTOIFINDEX, (int)j->ifindex);
	if (ret == 0 && bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		ret = -errno;
	return ret < 0 ? priv_close_failed(sock, ret) : sock;
}

int priv_netlink_socket(unsigned groups)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (sock < 0)
		return -errno;
	priv_set_buffer(sock, SO_RCVBUFFORCE, SO_RCVBUF, NETLINK_RCVBUF_BYTES);
	if (bind(sock, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return priv_close_failed(sock, -errno);
	return sock;
}

/*
 * Return: -EADDRINUSE if somebody listens there; -ENOTSOCK if something else is at that path,
 * which is left alone; 0 otherwise, with a stale socket file removed.
 */
static int clear_stale(const struct sockaddr_un *un)
{
	struct stat st;
	int ret = 0, sock;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -ENOTSOCK;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)un, sizeof(*un)) == 0 || errno == EAGAIN)
		ret = -EADDRINUSE;
	else if (errno != ECONNREFUSED)
		ret = -errno;
	close(sock);
	if (ret == 0 && unlink(un->sun_path) < 0)
		ret = -errno;
	return ret;
}

int priv_unix_listener(const char *path, mode_t mode, gid_t group)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	mode_t old_mask;
	int ret, sock;

	if (strlen(path) >= sizeof(un.sun_path))
		return -ENAMETOOLONG;
	strcpy(un.sun_path, path);
	ret = clear_stale(&un);
	if (ret < 0)
		return ret;
	sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	/* The mode holds from the first moment; a chmod() afterwards would leave a gap. */
	old_mask = umask(~mode & 0777);
	ret = bind(sock, (struct sockaddr *)&un, sizeof(un)) < 0 ? -errno : 0;
	umask(old_mask);
	if (ret < 0)
		return priv_close_failed(sock, ret);
	if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
		ret = -errno;
	if (ret == 0 && listen(sock, LISTEN_BACKLOG) < 0)
		ret = -errno;
	if (ret < 0) {
		unlink(path);
		return priv_close_failed(sock, ret);
	}
	return sock;
}
