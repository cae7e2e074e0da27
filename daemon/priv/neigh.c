// SPDX-License-Identifier: MIT
/*
 * neigh.c - make the kernel ask the network for a neighbour
 *
 * NTF_USE does what a datagram would do, without a datagram: the kernel makes the entry
 * if there is none, and sends ARP requests.  Since 5.16 it also makes a permanent entry one that
 * expires, so an entry that works is not touched.  With NTF_EXT_MANAGED the kernel does all that
 * by itself from then on, until NTF_USE comes without it.  Everything goes through a socket that
 * is made for the one call and answers inside sendmsg(2); nothing here waits.
 */
#include "daemon/priv/neigh.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/icmp.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/addr.h"

#define NEIGH_FIXED (NUD_PERMANENT | NUD_NOARP)
#define NEIGH_WORKS (NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)

static struct nlmsghdr *put_request(char *buf, uint16_t type, uint16_t flags, unsigned ifindex,
				    const struct addr *host)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ndmsg *ndm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ndm));

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = 1;
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = (int)ifindex;
	if (type == RTM_NEWNEIGH)
		ndm->ndm_flags = NTF_USE;
	mnl_attr_put_u32(nlh, NDA_DST, addr_ipv4_be(host));
	return nlh;
}

/* Return: length of the answer in @buf; negative errno, also that of a refusal by the kernel. */
static ssize_t ask(int sock, const struct nlmsghdr *nlh, char *buf, size_t room)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	const struct nlmsghdr *answer = (const struct nlmsghdr *)buf;
	const struct nlmsgerr *err;
	ssize_t len;

	if (sendto(sock, nlh, nlh->nlmsg_len, MSG_DONTWAIT, (struct sockaddr *)&kernel,
		   sizeof(kernel)) < 0)
		return -errno;
	len = recv(sock, buf, room, MSG_DONTWAIT);
	if (len < 0)
		return -errno;
	if ((size_t)len < MNL_NLMSG_HDRLEN || answer->nlmsg_len > (size_t)len)
		return -EBADMSG;
	if (answer->nlmsg_type != NLMSG_ERROR)
		return len;
	err = mnl_nlmsg_get_payload(answer);
	if (answer->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(*err))
		return -EBADMSG;
	return err->error;
}

/* Return: NUD_* of the entry, 0: there is none. */
static uint16_t state_of(int sock, unsigned ifindex, const struct addr *host)
{
	char request[64] __attribute__((aligned(8))) = {0};
	char answer[1024] __attribute__((aligned(8))) = {0};
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)answer;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	ssize_t len;

	len = ask(sock, put_request(request, RTM_GETNEIGH, 0, ifindex, host), answer,
		  sizeof(answer));
	if (len < (ssize_t)(MNL_NLMSG_HDRLEN + sizeof(*ndm)) || nlh->nlmsg_type != RTM_NEWNEIGH)
		return 0;
	return ndm->ndm_state;
}

/* Each use says anew whether the kernel manages the entry. */
static int use_entry(int sock, unsigned ifindex, const struct addr *host, uint16_t flags,
		     uint32_t ext_flags)
{
	struct nlmsghdr *nlh;
	char request[64] __attribute__((aligned(8))) = {0};
	char answer[1024] __attribute__((aligned(8)));
	ssize_t len;

	nlh = put_request(request, RTM_NEWNEIGH, flags | NLM_F_ACK, ifindex, host);
	if (ext_flags)
		mnl_attr_put_u32(nlh, NDA_FLAGS_EXT, ext_flags);
	len = ask(sock, nlh, answer, sizeof(answer));
	return len < 0 ? (int)len : 0;
}

static int neigh_socket(void)
{
	const int sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	return sock < 0 ? -errno : sock;
}

/* @left_alone: NUD_* of entries that are not used; @ext_flags: NTF_EXT_* */
static int probe_by_entry(unsigned ifindex, const struct addr *host, uint16_t left_alone,
			  uint32_t ext_flags)
{
	int sock = neigh_socket(), ret = 0;

	if (sock < 0)
		return sock;
	if (!(state_of(sock, ifindex, host) & left_alone))
		ret = use_entry(sock, ifindex, host, NLM_F_CREATE, ext_flags);
	close(sock);
	return ret;
}

/* RFC 1071 over the header alone: there is no data. */
static uint16_t icmp_checksum(const struct icmphdr *icmp)
{
	uint16_t words[sizeof(*icmp) / 2];
	uint32_t sum = 0;

	memcpy(words, icmp, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/* SO_DONTROUTE: to the neighbour itself, also where routes say otherwise. */
static int probe_by_echo(unsigned ifindex, const struct addr *host)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = addr_ipv4_be(host)};
	struct icmphdr echo = {.type = ICMP_ECHO, .un.echo.id = htons(0x4d43)};
	int sock = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_ICMP);
	const int one = 1, index = (int)ifindex;
	struct icmp_filter {
		uint32_t data;
	} refuse_all = {.data = UINT32_MAX};
	int ret = 0;

	if (sock < 0)
		return -errno;
	echo.checksum = icmp_checksum(&echo);
	/* 1 is ICMP_FILTER: all types are refused. */
	if (setsockopt(sock, SOL_RAW, 1, &refuse_all, sizeof(refuse_all)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_BINDTOIFINDEX, &index, sizeof(index)) < 0 ||
	    setsockopt(sock, SOL_SOCKET, SO_DONTROUTE, &one, sizeof(one)) < 0 ||
	    sendto(sock, &echo, sizeof(echo), MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to)) < 0)
		ret = -errno;
	close(sock);
	return ret;
}

int priv_probe_neighbour(unsigned ifindex, const struct addr *host, bool net_admin)
{
	return net_admin ? probe_by_entry(ifindex, host, NEIGH_WORKS, 0)
			 : probe_by_echo(ifindex, host);
}

int priv_keep_neighbour(unsigned ifindex, const struct addr *host, bool net_admin, bool manage)
{
	const uint32_t ext_flags = manage ? NTF_EXT_MANAGED : 0;

	return net_admin ? probe_by_entry(ifindex, host, NEIGH_FIXED, ext_flags)
			 : probe_by_echo(ifindex, host);
}

int priv_release_neighbour(unsigned ifindex, const struct addr *host)
{
	int sock = neigh_socket(), ret = 0;
	uint16_t state;

	if (sock < 0)
		return sock;
	state = state_of(sock, ifindex, host);
	if (state && !(state & NEIGH_FIXED))
		ret = use_entry(sock, ifindex, host, 0, 0);
	close(sock);
	return ret == -ENOENT ? 0 : ret;
}
