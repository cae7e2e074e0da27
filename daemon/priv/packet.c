// SPDX-License-Identifier: MIT
/*
 * packet.c - packet(7) sockets: filter before bind, fan-out groups, counts
 *
 * Each function either returns a socket that is complete or closes what it made.  A larger
 * receive buffer is tried and not insisted upon; see socket(7), packet(7).
 */
#include "daemon/priv/packet.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/rules/steer.h"
#include "daemon/priv/at_once.h"
#include "daemon/priv/sockopt.h"

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
/* Each frame takes at least half a kilobyte of that. */
#define QUEUE_ERRORS_MAX 3u
#define QUEUE_FRAMES_MAX (2 * INPUT_RCVBUF_BYTES / 512)

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

	ret = priv_refuse_all(sock);
	if (ret == 0)
		ret = priv_set_int(sock, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
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
	priv_set_buffer(sock, SO_RCVBUFFORCE, SO_RCVBUF, INPUT_RCVBUF_BYTES);
	ret = priv_set_int(sock, SOL_PACKET, PACKET_VNET_HDR, 1);
	return ret < 0 ? priv_close_failed(sock, ret) : sock;
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

int priv_counting_socket(unsigned ifindex, bool after_tc)
{
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (sock < 0)
		return -errno;
	priv_set_int(sock, SOL_SOCKET, SO_RCVBUF, 0); /* the kernel makes it its minimum */
	ret = packet_bind(sock, ifindex, after_tc ? ETH_P_IP : ETH_P_ALL);
	return ret < 0 ? priv_close_failed(sock, ret) : sock;
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
 * does not count.  The flag for a group counts since Linux 6.7; before, only the filters keep
 * outgoing frames out (core/rules/steer.c).
 */
static int join_fanout(const int *socks, unsigned n, unsigned type)
{
	socklen_t len = sizeof(int);
	int ret, group;

	type |= PACKET_FANOUT_FLAG_IGNORE_OUTGOING;
	ret = priv_set_int(socks[0], SOL_PACKET, PACKET_FANOUT,
			   (int)((type | PACKET_FANOUT_FLAG_UNIQUEID) << 16));
	if (ret < 0)
		return ret;
	if (getsockopt(socks[0], SOL_PACKET, PACKET_FANOUT, &group, &len) < 0)
		return -errno;
	group &= 0xffff;
	for (unsigned i = 1; i < n; i++) {
		ret = priv_set_int(socks[i], SOL_PACKET, PACKET_FANOUT, (int)(type << 16) | group);
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
	/* The lower half has its number, the upper half its type and flags. */
	return priv_set_int(sock, SOL_PACKET, PACKET_FANOUT, group);
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

	/* No frame gets in any more.  The bounds hold for a queue whose filter lets some in. */
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
