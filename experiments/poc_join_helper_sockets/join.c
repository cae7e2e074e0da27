// SPDX-License-Identifier: MIT
/*
 * How many groups and sources can be joined, with how many sockets, and do the
 * joins bring the traffic to a packet socket?
 *
 *   gen0 ---- [bridge that snoops IGMP and is the querier] ---- in0
 *
 * The bridge passes a group only to ports that joined it, as a switch does.
 */
#include "../poc.h"

#include <linux/sock_diag.h>

#define GROUPS       300
#define SOURCES      25
#define MAX_HELPERS  64
#define DEADLINE_NS  8000000000ull
#define FIRST_GROUP  0xef010001u /* 239.1.0.1 */
#define SOURCE_GROUP 0xe8010001u /* 232.1.0.1 */
#define FIRST_SOURCE 0x0a090001u /* 10.9.0.1 */

static int udp_socket(void)
{
	return (int)poc_must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
}

static long join(int fd, uint32_t group)
{
	struct ip_mreqn mreq = {.imr_multiaddr.s_addr = htonl(group),
				.imr_ifindex = poc_ifindex("in0")};

	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)) ? -errno : 0;
}

/* By interface index, not by its address: an input needs no address. */
static long join_source(int fd, uint32_t group, uint32_t source)
{
	struct group_source_req req = {.gsr_interface = (uint32_t)poc_ifindex("in0")};
	struct sockaddr_in *g = (void *)&req.gsr_group, *s = (void *)&req.gsr_source;

	g->sin_family = s->sin_family = AF_INET;
	g->sin_addr.s_addr = htonl(group);
	s->sin_addr.s_addr = htonl(source);
	return setsockopt(fd, IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP, &req, sizeof(req)) ? -errno : 0;
}

static unsigned int queued_bytes(int fd)
{
	unsigned int info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	poc_must(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len), "SO_MEMINFO");
	return info[SK_MEMINFO_RMEM_ALLOC];
}

/* Lines of @path whose group, which @pattern reads, lies in [@low, @high). */
static int count_lines(const char *path, const char *pattern, uint32_t low, uint32_t high)
{
	char line[256];
	FILE *f = fopen(path, "re");
	unsigned int group;
	int n = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, pattern, &group) == 1) {
			/* igmp prints the address as a number in network order */
			if (!strcmp(path, "/proc/net/igmp"))
				group = ntohl(group);
			n += group >= low && group < high;
		}
	if (f)
		fclose(f);
	return n;
}

static void send_all(void)
{
	int fd = poc_egress_socket("gen0"), ttl = 4;

	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	for (uint32_t i = 0; i < GROUPS; i++) {
		struct sockaddr_in to = {.sin_family = AF_INET,
					 .sin_port = htons(5000),
					 .sin_addr.s_addr = htonl(FIRST_GROUP + i)};

		poc_must(poc_send(fd, "x", 1, &to), "send");
	}
	close(fd);
}

/* Datagrams of one round over all groups that reach the packet socket. */
static int seen(int probe)
{
	uint8_t frame[2048];
	int n = 0;

	while (recv(probe, frame, sizeof(frame), MSG_DONTWAIT) > 0)
		;
	send_all();
	while (recv(probe, frame, sizeof(frame), MSG_DONTWAIT) > POC_ETH_LEN)
		n += frame[POC_ETH_LEN + 9] == IPPROTO_UDP;
	return n;
}

/* Repeats a round until it shows @wanted; the bridge needs its start-up second. */
static int seen_until(int probe, int wanted)
{
	uint64_t until = poc_deadline_ns(DEADLINE_NS);
	int n;

	do {
		n = seen(probe);
	} while (n != wanted && poc_now_ns() < until);
	return n;
}

static void group_case(void)
{
	int helpers[MAX_HELPERS], used = 0, first = 0, n, probe;
	unsigned int queued = 0;
	long ret = 0;

	probe = poc_packet_socket("in0", ETH_P_IP, 4 << 20);
	n = seen_until(probe, 0);
	poc_check(n == 0, "nothing joined: packet socket sees %d of %d groups", n, GROUPS);

	helpers[used++] = udp_socket();
	for (uint32_t i = 0; i < GROUPS; i++) {
		ret = join(helpers[used - 1], FIRST_GROUP + i);
		if (ret == -ENOBUFS && used < MAX_HELPERS) {
			if (used == 1)
				first = (int)i;
			helpers[used++] = udp_socket();
			ret = join(helpers[used - 1], FIRST_GROUP + i);
		}
		poc_must(ret, "join");
	}
	poc_check(first == 20, "one socket: ENOBUFS after %d groups", first);
	poc_check(used == GROUPS / 20, "%d groups: %d helper sockets", GROUPS, used);
	n = count_lines("/proc/net/igmp", " %8x %*d %*d:", FIRST_GROUP, FIRST_GROUP + GROUPS);
	poc_check(n == GROUPS, "/proc/net/igmp lists %d groups", n);
	n = seen_until(probe, GROUPS);
	poc_check(n == GROUPS, "joined: packet socket sees %d of %d groups", n, GROUPS);
	for (int i = 0; i < used; i++)
		queued += queued_bytes(helpers[i]);
	poc_check(queued == 0, "helper sockets, never read, not bound: %u bytes queued", queued);

	close(helpers[0]);
	n = seen_until(probe, GROUPS - 20);
	poc_check(n == GROUPS - 20, "one helper closed: packet socket sees %d of %d groups", n,
		  GROUPS);
	for (int i = 1; i < used; i++)
		close(helpers[i]);
	close(probe);
}

static void source_case(void)
{
	int helpers[MAX_HELPERS], used = 0, first = 0, any, n;
	long ret;

	helpers[used++] = udp_socket();
	for (uint32_t i = 0; i < SOURCES; i++) {
		ret = join_source(helpers[used - 1], SOURCE_GROUP, FIRST_SOURCE + i);
		if (ret == -ENOBUFS && used < MAX_HELPERS) {
			if (used == 1)
				first = (int)i;
			helpers[used++] = udp_socket();
			ret = join_source(helpers[used - 1], SOURCE_GROUP, FIRST_SOURCE + i);
		}
		poc_must(ret, "join source");
	}
	poc_check(first == 10, "one socket: ENOBUFS after %d sources of a group", first);
	poc_check(used == (SOURCES + 9) / 10, "%d sources: %d helper sockets", SOURCES, used);
	poc_check(count_lines("/proc/net/mcfilter", "%*d in0 %x", SOURCE_GROUP, SOURCE_GROUP + 1) ==
			  SOURCES,
		  "/proc/net/mcfilter lists %d sources of the group",
		  count_lines("/proc/net/mcfilter", "%*d in0 %x", SOURCE_GROUP, SOURCE_GROUP + 1));

	ret = join(helpers[0], SOURCE_GROUP);
	poc_check(ret == -EADDRINUSE, "(*,G) on a socket that has (S,G): %s", poc_err(ret));
	any = udp_socket();
	ret = join(any, SOURCE_GROUP);
	poc_check(ret == 0, "(*,G) on another socket: %s", poc_err(ret));
	for (int i = 0; i < used; i++)
		close(helpers[i]);
	n = count_lines("/proc/net/mcfilter", "%*d in0 %x", SOURCE_GROUP, SOURCE_GROUP + 1);
	ret = join_source(any, SOURCE_GROUP, FIRST_SOURCE);
	used = count_lines("/proc/net/mcfilter", "%*d in0 %x", SOURCE_GROUP, SOURCE_GROUP + 1);
	poc_check(ret == 0 && n == 0 && used == 1,
		  "(S,G) on the socket that has (*,G): %s, and (*,G) has become (S,G)",
		  poc_err(ret));
	close(any);
}

static void unicast_case(void)
{
	struct sockaddr_in at = poc_addr("127.0.0.1", 7100);
	int sender = udp_socket(), holder = udp_socket(), one = 1;
	long ret;
	char byte;

	poc_must(connect(sender, (struct sockaddr *)&at, sizeof(at)), "connect");
	poc_must(send(sender, "x", 1, 0), "send");
	ret = recv(sender, &byte, 1, MSG_DONTWAIT) < 0 ? -errno : 0;
	poc_check(ret == -ECONNREFUSED, "unicast input without a bound socket: sender gets %s",
		  poc_err(ret));
	setsockopt(holder, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one));
	poc_must(bind(holder, (struct sockaddr *)&at, sizeof(at)), "bind");
	for (int i = 0; i < 1000; i++)
		poc_must(send(sender, "x", 1, 0), "send");
	ret = recv(sender, &byte, 1, MSG_DONTWAIT) < 0 ? -errno : 0;
	poc_check(ret == -EAGAIN && queued_bytes(holder) <= 8192,
		  "with one that nobody reads: no error, %u bytes queued after 1000 datagrams",
		  queued_bytes(holder));
	close(sender);
	close(holder);
}

int main(int argc, char **argv)
{
	group_case();
	source_case();
	unicast_case();
	return poc_status();
}
