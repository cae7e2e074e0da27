/* SPDX-License-Identifier: MIT */
/*
 * Common to all experiments: checks that decide the verdict, clocks, sockets.
 *
 * An experiment's program prints one line per check and exits with
 * poc_status(); run.sh turns that into the verdict.  A check states a kernel
 * behaviour; if a kernel behaves differently the experiment fails and MCR's
 * design has to be looked at.
 */
#ifndef EXPERIMENTS_POC_H
#define EXPERIMENTS_POC_H

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness/base/slow.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define POC_ETH_LEN 14
#define POC_HDR_LEN 42 /* Ethernet, IPv4 without options, UDP */

static int poc_failures;

static inline __attribute__((format(printf, 2, 3))) bool poc_check(bool ok, const char *fmt, ...)
{
	va_list ap;

	printf(ok ? "  ok    " : "  WRONG ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	if (!ok)
		poc_failures++;
	return ok;
}

/* A measured value.  Times and ratios depend on the load of the machine: they decide nothing. */
static inline __attribute__((format(printf, 1, 2))) void poc_note(const char *fmt, ...)
{
	va_list ap;

	printf("        ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

/* The exit status of an experiment's program. */
static inline int poc_status(void)
{
	return poc_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* For steps that are set-up, not the question asked. */
static inline long poc_must(long ret, const char *what)
{
	if (ret < 0) {
		printf("  WRONG set-up: %s: %s\n", what, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return ret;
}

static inline const char *poc_err(long ret)
{
	return ret < 0 ? strerrorname_np((int)-ret) : "success";
}

static inline uint64_t poc_clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline uint64_t poc_now_ns(void)
{
	return poc_clock_ns(CLOCK_MONOTONIC);
}

/* When to give up waiting: @limit_ns from now, as often as MCR_SLOW says. */
static inline uint64_t poc_deadline_ns(uint64_t limit_ns)
{
	return poc_now_ns() + limit_ns * (uint64_t)slow_factor();
}

static inline int poc_ifindex(const char *ifname)
{
	unsigned int ifindex = if_nametoindex(ifname);

	return (int)poc_must(ifindex ? (long)ifindex : -1, ifname);
}

static inline struct sockaddr_in poc_addr(const char *ip, int port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

	inet_pton(AF_INET, ip, &sin.sin_addr);
	return sin;
}

/* An AF_PACKET socket on @ifname; @rcvbuf_bytes 0 keeps the default. */
static inline int poc_packet_socket(const char *ifname, int protocol, int rcvbuf_bytes)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
				  .sll_protocol = htons((uint16_t)protocol),
				  .sll_ifindex = poc_ifindex(ifname)};
	int fd = (int)poc_must(socket(AF_PACKET, SOCK_RAW, 0), "packet socket");
	int one = 1;

	poc_must(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)),
		 "PACKET_IGNORE_OUTGOING");
	if (rcvbuf_bytes)
		poc_must(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf_bytes,
				    sizeof(rcvbuf_bytes)),
			 "SO_RCVBUFFORCE");
	poc_must(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), "bind packet socket");
	return fd;
}

/* An unconnected UDP socket whose multicast leaves through @ifname. */
static inline int poc_egress_socket(const char *ifname)
{
	struct ip_mreqn mreq = {.imr_ifindex = poc_ifindex(ifname)};
	int fd = (int)poc_must(socket(AF_INET, SOCK_DGRAM, 0), "udp socket");
	int zero = 0;

	poc_must(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &mreq, sizeof(mreq)),
		 "IP_MULTICAST_IF");
	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &zero, sizeof(zero));
	return fd;
}

/* Takes all datagrams that wait in a socket.  Return: how many. */
static inline int poc_received(int fd)
{
	char buf[64];
	int n = 0;

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}

static inline long poc_send(int fd, const void *data, size_t len, const struct sockaddr_in *to)
{
	ssize_t n = sendto(fd, data, len, 0, (const struct sockaddr *)to, sizeof(*to));

	return n < 0 ? -errno : n;
}

/* One UDP_SEGMENT send of @len bytes in segments of @gso_bytes. */
static inline long poc_send_gso(int fd, const void *data, size_t len, uint16_t gso_bytes,
				const struct sockaddr_in *to)
{
	union {
		char buf[CMSG_SPACE(sizeof(uint16_t))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
	struct msghdr msg = {.msg_name = (void *)(uintptr_t)to,
			     .msg_namelen = sizeof(*to),
			     .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = IPPROTO_UDP;
	cmsg->cmsg_type = UDP_SEGMENT;
	cmsg->cmsg_len = CMSG_LEN(sizeof(uint16_t));
	memcpy(CMSG_DATA(cmsg), &gso_bytes, sizeof(gso_bytes));
	n = sendmsg(fd, &msg, 0);
	return n < 0 ? -errno : n;
}

/* Reading PACKET_STATISTICS clears it: the value is since the last call. */
static inline struct tpacket_stats poc_packet_stats(int fd)
{
	struct tpacket_stats stats = {0};
	socklen_t len = sizeof(stats);

	poc_must(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len), "PACKET_STATISTICS");
	return stats;
}

/* Waits until @fd is readable; false when @timeout_ms, as often as MCR_SLOW says, passed first. */
static inline bool poc_readable(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	return poll(&pfd, 1, timeout_ms * (int)slow_factor()) == 1 && (pfd.revents & POLLIN);
}

static inline void poc_attach_filter(int fd, struct sock_filter *insns, unsigned short n)
{
	struct sock_fprog prog = {.len = n, .filter = insns};

	poc_must(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)),
		 "SO_ATTACH_FILTER");
}

static inline int poc_compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static inline double poc_median(double *values, size_t n)
{
	qsort(values, n, sizeof(*values), poc_compare_double);
	return values[n / 2];
}

#endif
