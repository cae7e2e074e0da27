// SPDX-License-Identifier: MIT
/* gen_socket.c - interface, TTL, loop and buffer of the sending socket */
#include "harness/traffic/gen_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SNDBUF_BYTES (8 << 20)

static int set_int(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int choose_interface(int fd, const struct gen_socket *spec)
{
	struct ip_mreqn mreqn = {
		.imr_ifindex = (int)spec->iface->ifindex,
		.imr_address = spec->iface->address,
	};

	if (spec->to_hosts && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, spec->iface->name,
					 (socklen_t)strlen(spec->iface->name)) < 0)
		return -errno;
	/* With the interface given the kernel sends to a group without any route. */
	return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreqn, sizeof(mreqn)) < 0 ? -errno : 0;
}

static int bind_source(int fd, const struct gen_socket *spec)
{
	struct sockaddr_in local = {
		.sin_family = AF_INET,
		.sin_port = htons(spec->source_port),
		.sin_addr = spec->source,
	};

	if (spec->source.s_addr == INADDR_ANY)
		local.sin_addr = spec->iface->address;
	if (bind(fd, (const struct sockaddr *)&local, sizeof(local)) == 0)
		return 0;
	if (errno != EADDRNOTAVAIL)
		return -errno;
	/* No address of this machine: routing lets only a transparent socket send from it. */
	if (set_int(fd, IPPROTO_IP, IP_TRANSPARENT, 1))
		return -EADDRNOTAVAIL;
	return bind(fd, (const struct sockaddr *)&local, sizeof(local)) < 0 ? -errno : 0;
}

static int set_up(int fd, const struct gen_socket *spec)
{
	int ret = choose_interface(fd, spec);

	if (ret == 0)
		ret = set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, spec->ttl);
	if (ret == 0)
		ret = set_int(fd, IPPROTO_IP, IP_TTL, spec->ttl);
	if (ret == 0)
		ret = set_int(fd, IPPROTO_IP, IP_TOS, spec->dscp << 2);
	if (ret < 0)
		return ret;
	if (set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, SNDBUF_BYTES))
		set_int(fd, SOL_SOCKET, SO_SNDBUF, SNDBUF_BYTES);
	return bind_source(fd, spec);
}

int gen_socket_open(const struct gen_socket *spec)
{
	int fd, ret;

	/* The kernel would take such an address to bind to, and send from another. */
	if (ntohl(spec->source.s_addr) >= INADDR_UNSPEC_GROUP)
		return -EADDRNOTAVAIL;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = set_up(fd, spec);
	if (ret < 0) {
		close(fd);
		return ret;
	}
	return fd;
}
