// SPDX-License-Identifier: MIT
/* bpf_lock.c - a name in the abstract namespace of unix(7), which each network namespace has */
#include "daemon/priv/bpf_lock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE /* Linux 5.14 */
#define SO_NETNS_COOKIE 71
#endif

int priv_bpf_lock(uint32_t mark)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int len, ret;

	if (sock < 0)
		return -errno;
	len = snprintf(name.sun_path + 1, sizeof(name.sun_path) - 1, "mcrd-mark-%08x", mark);
	if (bind(sock, (struct sockaddr *)&name,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)) == 0)
		return sock;
	ret = -errno;
	close(sock);
	return ret;
}

uint64_t priv_bpf_netns(void)
{
	const int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (sock < 0)
		return 0;
	if (getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) < 0)
		cookie = 0;
	close(sock);
	return cookie;
}
