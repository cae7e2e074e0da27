// SPDX-License-Identifier: MIT
/*
 * socket.c - every socket of the daemon
 *
 * Made by the supervisor and passed on as descriptors: a child uses a socket, it
 * never makes one.  Each function either returns a socket that is complete or
 * closes what it made.  Options that only make things better (large buffers) are
 * tried and not insisted upon; see socket(7), packet(7), ip(7).
 */
#include "daemon/priv/priv.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/base/addr.h"
#include "core/rules/steer.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif
#ifndef PACKET_FANOUT_FLAG_IGNORE_OUTGOING
#define PACKET_FANOUT_FLAG_IGNORE_OUTGOING 0x4000
#endif
#ifndef PACKET_FANOUT_FLAG_UNIQUEID
#define PACKET_FANOUT_FLAG_UNIQUEID 0x2000
#endif

#define INPUT_RCVBUF_BYTES (64 << 20)
/* No frame takes less of that than half a kilobyte. */
#define QUEUE_ERRORS_MAX     3u
#define QUEUE_FRAMES_MAX     (2 * INPUT_RCVBUF_BYTES / 512)
#define OUTPUT_SNDBUF_BYTES  (16 << 20)
#define DSCP_SHIFT           2 /* upper six bits of the TOS byte (RFC 2474) */
#define NETLINK_RCVBUF_BYTES (4 << 20)
/* So many clients wait to be answered or refused, as far as net.core.somaxconn allows. */
#define LISTEN_BACKLOG 1024

static int set_int(int sock, int level, int option, int value)
{
	return setsockopt(sock, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* The "force" variants pass net.core.*mem_max, with CAP_NET_ADMIN. */
static void set_buffer(int sock, int forced, int plain, int bytes)
{
	if (set_int(sock, SOL_SOCKET, forced, bytes) < 0)
		set_int(sock, SOL_SOCKET, plain, bytes);
}

static int close_with(int sock, int ret)
{
	close(sock);
	return ret;
}

int priv_set_filter(int sock, const struct sock_fprog *prog)
{
	return setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, prog, sizeof(*prog)) < 0 ? -errno : 0;
}

static int filter_refuse_all(int sock)
{
	struct sock_filter insns[STEER_SMALL_MAX];
	struct sock_fprog prog = {.filter = insns};

	prog.len = (unsigned short)steer_filter_refuse_all(insns);
	return priv_set_filter(sock, &prog);
}

/*
 * Filter before bind: between the two a socket without a filter would queue
 * whatever arrives.  An interface that is down leaves ENETDOWN pending on the
 * socket, which would end the worker's first receive; SO_ERROR takes it away.
 */
static int packet_bind(int sock, unsigned ifindex, unsigned protocol)
{
	struct sockaddr_ll ll = {.sll_family = AF_PACKET,
				 .sll_protocol = htons((uint16_t)protocol),
				 .sll_ifindex = (int)ifindex};
	socklen_t len = sizeof(int);
	int ret, pending;

	ret = filter_refuse_all(sock);
	if (ret == 0)
		ret = set_int(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	if (ret < 0)
		return ret;
	if (bind(sock, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		return -errno;
	getsockopt(sock, SOL_SOCKET, SO_ERROR, &pending, &len);
	return 0;
}

/*
 * A packet socket also sends, any frame on any interface, and a worker holds it.  With a
 * ring for sending (packet_mmap.rst) every kind of send transmits what lies in that ring
 * and nothing else.  Nobody maps the ring, so it stays empty; the filter of a worker's
 * system calls refuses the mapping.  It costs one page, and receiving does not change.
 * The kernel takes it after PACKET_VNET_HDR only.
 */
static int forbid_sending(int sock)
{
	const unsigned page = (unsigned)sysconf(_SC_PAGESIZE);
	const struct tpacket_req one_page = {
		.tp_block_size = page, .tp_block_nr = 1, .tp_frame_size = page, .tp_frame_nr = 1};

	return setsockopt(sock, SOL_PACKET, PACKET_TX_RING, &one_page, sizeof(one_page)) < 0
		       ? -errno
		       : 0;
}

int priv_packet_socket(void)
{
	/* Protocol 0: nothing is received until bind() names the protocol. */
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (sock < 0)
		return -errno;
	set_buffer(sock, SO_RCVBUFFORCE, SO_RCVBUF, INPUT_RCVBUF_BYTES);
	ret = set_int(sock, SOL_PACKET, PACKET_VNET_HDR, 1);
	return ret < 0 ? close_with(sock, ret) : sock;
}

int priv_packet_start(const int *socks, unsigned n, unsigned ifindex, bool after_tc)
{
	int ret = priv_at_once(forbid_sending, socks, n);

	/*
	 * Handlers of ETH_P_IP run after tc ingress, where the kernel path may have marked the
	 * frame.  They run after the kernel has taken the tag off a VLAN frame that nobody
	 * claimed, too, and see it as untagged: steer_filter() refuses it by its type.
	 */
	for (unsigned i = 0; i < n && ret == 0; i++)
		ret = packet_bind(socks[i], ifindex, after_tc ? ETH_P_IP : ETH_P_ALL);
	return ret;
}

static int close_one(int sock)
{
	return close(sock) < 0 ? -errno : 0;
}

void priv_packet_close(const int *socks, unsigned n)
{
	priv_at_once(close_one, socks, n);
}

int priv_counting_socket(unsigned ifindex)
{
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (sock < 0)
		return -errno;
	set_int(sock, SOL_SOCKET, SO_RCVBUF, 0); /* the kernel makes it its minimum */
	ret = packet_bind(sock, ifindex, ETH_P_ALL);
	return ret < 0 ? close_with(sock, ret) : sock;
}

int priv_packet_ifindex(int sock)
{
	struct sockaddr_ll ll = {0};
	socklen_t len = sizeof(ll);

	if (getsockname(sock, (struct sockaddr *)&ll, &len) < 0)
		return -errno;
	return ll.sll_ifindex;
}

/*
 * The kernel numbers the members of a group in the order in which they join, and
 * after the interface was down in the order in which they were made; both are the
 * order of @socks.  A group has a hook of its own: PACKET_IGNORE_OUTGOING of its members
 * does not count.  The flag for a group counts since Linux 6.7; before, the filters alone
 * keep out what leaves (core/rules/steer.c).
 */
static int join_fanout(const int *socks, unsigned n, unsigned type)
{
	socklen_t len = sizeof(int);
	int ret, group;

	type |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	ret = set_int(socks[0], SOL_PACKET, PACKET_FANOUT,
		      (int)((type | PACKET_FANOUT_FLAG_UNIQUEID) << 16));
	if (ret < 0)
		return ret;
	if (getsockopt(socks[0], SOL_PACKET, PACKET_FANOUT, &group, &len) < 0)
		return -errno;
	group &= 0xffff;
	for (unsigned i = 1; i < n; i++) {
		ret = set_int(socks[i], SOL_PACKET, PACKET_FANOUT, (int)(type << 16) | group);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int set_fanout_program(int sock, unsigned short len, struct sock_filter *insns)
{
	struct sock_fprog prog = {.len = len, .filter = insns};

	return setsockopt(sock, SOL_PACKET, PACKET_FANOUT_DATA, &prog, sizeof(prog)) < 0 ? -errno
											 : 0;
}

int priv_fanout(const int *socks, unsigned n, bool defrag)
{
	/* Reassembly is the group's: ip_check_defrag() before a member is chosen. */
	return join_fanout(socks, n, PACKET_FANOUT_CBPF | (defrag ? PACKET_FANOUT_FLAG_DEFRAG : 0));
}

int priv_fanout_add(int member, int sock)
{
	socklen_t len = sizeof(int);
	int group;

	if (getsockopt(member, SOL_PACKET, PACKET_FANOUT, &group, &len) < 0)
		return -errno;
	/* Its number in the lower half, how it was made in the upper. */
	return set_int(sock, SOL_PACKET, PACKET_FANOUT, group);
}

int priv_steer(int sock, enum steering steering, const uint8_t *members, unsigned n)
{
	struct sock_filter insns[STEER_FANOUT_MAX];
	const unsigned len = steer_fanout(steering, members, n, insns);

	return set_fanout_program(sock, (unsigned short)len, insns);
}

int priv_copy_filter(int from, int to)
{
	struct sock_filter insns[BPF_MAXINSNS];
	socklen_t len = BPF_MAXINSNS; /* in instructions */
	struct sock_fprog prog = {.filter = insns};

	if (getsockopt(from, SOL_SOCKET, SO_GET_FILTER, insns, &len) < 0)
		return -errno;
	prog.len = (unsigned short)len;
	return priv_set_filter(to, &prog);
}

uint32_t priv_empty_queue(int sock)
{
	uint32_t n = 0, errors = 0;
	char head[64]; /* room for the virtio header, without which nothing is received */

	/* The input is closed and the queue cannot grow.  The bounds hold where that is not so yet.
	 */
	while (n < QUEUE_FRAMES_MAX && errors < QUEUE_ERRORS_MAX) {
		if (recv(sock, head, sizeof(head), MSG_DONTWAIT | MSG_TRUNC) >= 0 ||
		    errno == EINVAL) /* older kernels cannot describe it, and drop it */
			n++;
		else if (errno == EAGAIN)
			break;
		else
			errors++; /* of the interface: ENETDOWN, once */
	}
	return n;
}

int priv_counting_group(const int *socks, unsigned n)
{
	struct sock_filter insns[STEER_SMALL_MAX];
	int ret;

	ret = join_fanout(socks, n, PACKET_FANOUT_CBPF);
	if (ret < 0)
		return ret;
	return set_fanout_program(socks[0], (unsigned short)steer_counting(insns), insns);
}

int priv_packet_stats(int sock, uint32_t *passed, uint32_t *lost)
{
	struct tpacket_stats st;
	socklen_t len = sizeof(st);

	if (getsockopt(sock, SOL_PACKET, PACKET_STATISTICS, &st, &len) < 0)
		return -errno;
	*passed = st.tp_packets;
	*lost = st.tp_drops;
	return 0;
}

/*
 * Bound to the interface rather than IP_UNICAST_IF, so that a unicast output can
 * never leave by another one.  IP_RECVERR makes what a queue refuses ENOBUFS of
 * that send (experiment poc_egress_recverr).  The filter keeps what somebody sends
 * to the socket's own port from filling it: nobody reads it.
 */
int priv_egress_socket(unsigned ifindex)
{
	struct ip_mreqn out = {.imr_ifindex = (int)ifindex};
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (sock < 0)
		return -errno;
	set_buffer(sock, SO_SNDBUFFORCE, SO_SNDBUF, OUTPUT_SNDBUF_BYTES);
	set_int(sock, SOL_SOCKET, SO_RCVBUF, 0);
	ret = set_int(sock, SOL_SOCKET, SO_BINDTOIFINDEX, (int)ifindex);
	if (ret == 0 && setsockopt(sock, IPPROTO_IP, IP_MULTICAST_IF, &out, sizeof(out)) < 0)
		ret = -errno;
	if (ret == 0)
		ret = set_int(sock, IPPROTO_IP, IP_MULTICAST_LOOP, 0);
	if (ret == 0)
		ret = set_int(sock, IPPROTO_IP, IP_MULTICAST_TTL, 1);
	if (ret == 0)
		ret = set_int(sock, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
	if (ret == 0)
		ret = set_int(sock, IPPROTO_IP, IP_RECVERR, 1);
	if (ret == 0)
		ret = filter_refuse_all(sock);
	return ret < 0 ? close_with(sock, ret) : sock;
}

/*
 * TTL and DSCP are the socket's here, so that a send needs no message for them (ip(7)).
 * The source address of an output may not be ours yet, or no more: then the socket is not
 * bound to it, and each send finds out.
 */
int priv_own_egress_socket(const struct ipc_egress_socket *as, uint32_t *from_be, bool *connected)
{
	const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = as->source_be};
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(as->port), .sin_addr.s_addr = as->to_be};
	int sock = priv_egress_socket(as->ifindex), ret;
	struct sockaddr_in own;
	socklen_t len = sizeof(own);

	*connected = false;
	if (sock < 0 || as->kind != EGRESS_SOCKET_OWN)
		return sock;
	ret = set_int(sock, IPPROTO_IP, IP_MULTICAST_TTL, as->ttl);
	if (ret == 0)
		ret = set_int(sock, IPPROTO_IP, IP_TTL, as->ttl);
	if (ret == 0)
		ret = set_int(sock, IPPROTO_IP, IP_TOS, as->dscp << DSCP_SHIFT);
	if (ret < 0)
		return close_with(sock, ret);
	if (as->source_be && bind(sock, (const struct sockaddr *)&from, sizeof(from)) < 0)
		return sock;
	*connected = connect(sock, (const struct sockaddr *)&to, sizeof(to)) == 0;
	if (*connected && getsockname(sock, (struct sockaddr *)&own, &len) == 0)
		*from_be = own.sin_addr.s_addr;
	return sock;
}

/* Never bound to a port, so nothing is ever delivered to it. */
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
	set_int(sock, SOL_SOCKET, SO_RCVBUF, 0);
	ret = filter_refuse_all(sock);
	if (ret == 0)
		ret = set_int(sock, SOL_SOCKET, SO_BINDTOIFINDEX, (int)j->ifindex);
	if (ret == 0 && bind(sock, (struct sockaddr *)&at, sizeof(at)) < 0)
		ret = -errno;
	return ret < 0 ? close_with(sock, ret) : sock;
}

int priv_netlink_socket(unsigned groups)
{
	struct sockaddr_nl nl = {.nl_family = AF_NETLINK, .nl_groups = groups};
	int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (sock < 0)
		return -errno;
	set_buffer(sock, SO_RCVBUFFORCE, SO_RCVBUF, NETLINK_RCVBUF_BYTES);
	if (bind(sock, (struct sockaddr *)&nl, sizeof(nl)) < 0)
		return close_with(sock, -errno);
	return sock;
}

/*
 * Is somebody listening?  -EADDRINUSE when so; a socket file that nobody serves is
 * removed; anything else at that path is left alone (-ENOTSOCK).
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
	/* Right from the first moment; a chmod() afterwards would leave a gap. */
	old_mask = umask(~mode & 0777);
	ret = bind(sock, (struct sockaddr *)&un, sizeof(un)) < 0 ? -errno : 0;
	umask(old_mask);
	if (ret < 0)
		return close_with(sock, ret);
	if (group != (gid_t)-1 && lchown(path, (uid_t)-1, group) < 0)
		ret = -errno;
	if (ret == 0 && listen(sock, LISTEN_BACKLOG) < 0)
		ret = -errno;
	if (ret < 0) {
		unlink(path);
		return close_with(sock, ret);
	}
	return sock;
}
