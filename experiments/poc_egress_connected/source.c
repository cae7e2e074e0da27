// SPDX-License-Identifier: MIT
/*
 * Which source address and which interface a connected, bound socket sends from: after the
 * address has changed, and with IP_PKTINFO.
 */
#include "../poc.h"

#include <stdio.h>

static int probe(const char *name)
{
	return poc_packet_socket(name, ETH_P_IP, 0);
}

/* Source address of the UDP datagram that the probe has seen since the last call, 0: none. */
static uint32_t seen(int fd)
{
	unsigned char frame[256];
	uint32_t source = 0;

	while (recv(fd, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		if (frame[POC_ETH_LEN + 9] == IPPROTO_UDP)
			memcpy(&source, frame + POC_ETH_LEN + 12, sizeof(source));
	return source;
}

static int connected(const char *ifname, const char *group)
{
	struct sockaddr_in to = poc_addr(group, 5000);
	int fd = poc_egress_socket(ifname), ifindex = poc_ifindex(ifname);

	poc_must(setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex, sizeof(ifindex)),
		 "SO_BINDTOIFINDEX");
	poc_must(connect(fd, (struct sockaddr *)&to, sizeof(to)), "connect");
	return fd;
}

/* A send with IP_PKTINFO; NULL and 0 leave the choice to the kernel. */
static long send_from(int fd, const char *source, int ifindex)
{
	union {
		char buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control = {0};
	struct in_pktinfo info = {.ipi_ifindex = ifindex};
	struct iovec iov = {.iov_base = "x", .iov_len = 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (source)
		inet_pton(AF_INET, source, &info.ipi_spec_dst);
	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(info));
	memcpy(CMSG_DATA(c), &info, sizeof(info));
	return sendmsg(fd, &msg, 0) < 0 ? -errno : 1;
}

static void change_address(const char *command)
{
	poc_must(system(command) == 0 ? 0 : -1, command);
}

int main(void)
{
	const uint32_t before = poc_addr("10.0.1.1", 0).sin_addr.s_addr;
	const uint32_t after = poc_addr("10.0.1.9", 0).sin_addr.s_addr;
	int left = probe("left1"), right = probe("right1"), fd = connected("left0", "239.1.1.1");
	long plain, with;

	poc_check(send(fd, "x", 1, 0) == 1 && seen(left) == before,
		  "connected: sends from the address of the interface");
	change_address("ip address add 10.0.1.9/24 dev left0");
	change_address("ip address del 10.0.1.1/24 dev left0");
	change_address("ip address add 10.0.1.9/24 dev left0 2>/dev/null || true");
	plain = send(fd, "x", 1, 0) < 0 ? -errno : 1;
	poc_check(plain < 0 && seen(left) == 0, "that address is gone: a plain send fails (%s)",
		  poc_err(plain));
	with = send_from(fd, NULL, 0);
	poc_check(with == 1 && seen(left) == after,
		  "with IP_PKTINFO and no address in it: sent, from the address of now");
	with = send_from(fd, "10.0.2.1", 0);
	poc_check(with == 1 && seen(left) == poc_addr("10.0.2.1", 0).sin_addr.s_addr,
		  "from another address of this host: sent");
	with = send_from(fd, "192.0.2.1", 0);
	poc_check(with < 0 && seen(left) == 0, "from an address that is not ours: refused (%s)",
		  poc_err(with));
	with = send_from(fd, NULL, poc_ifindex("right0"));
	poc_check(with == 1 && seen(left) == 0 && seen(right) != 0,
		  "IP_PKTINFO that names another interface: it leaves there, bound or not");
	return poc_status();
}
