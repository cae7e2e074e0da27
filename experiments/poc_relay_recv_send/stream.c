// SPDX-License-Identifier: MIT
/*
 * The two ends of a numbered stream, for judging a relay from outside.
 *
 *   stream send IF GROUP PORT COUNT BYTES PPS     (PPS 0: as fast as it can)
 *   stream sink IF GROUP PORT COUNT
 *
 * The sink is a plain UDP socket.  It prints "ready", ends when it has COUNT
 * datagrams or none has come for five seconds, and succeeds if every number
 * came exactly once; how many came late is told but is not an error.
 */
#include "../poc.h"

#define IDLE_MS       5000
#define MAX_DATAGRAMS 10000000u

static int send_stream(char **arg)
{
	struct sockaddr_in to = poc_addr(arg[1], atoi(arg[2]));
	uint32_t count = (uint32_t)atoi(arg[3]);
	size_t len = (size_t)atoi(arg[4]);
	uint64_t pps = (uint64_t)atoi(arg[5]), start = poc_now_ns();
	int fd = poc_egress_socket(arg[0]), ttl = 8;
	static char payload[65536];

	setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	for (uint32_t i = 0; i < count; i++) {
		while (pps && (poc_now_ns() - start) * pps / 1000000000u < i)
			;
		memcpy(payload, &i, sizeof(i));
		poc_must(poc_send(fd, payload, len, &to), "send");
	}
	return 0;
}

static int sink_stream(char **arg)
{
	struct ip_mreqn mreq = {.imr_multiaddr.s_addr = inet_addr(arg[1]),
				.imr_ifindex = poc_ifindex(arg[0])};
	struct sockaddr_in at = poc_addr(arg[1], atoi(arg[2]));
	uint32_t count = (uint32_t)atoi(arg[3]), received = 0, repeated = 0, reordered = 0;
	uint32_t highest = 0, number;
	int fd = (int)poc_must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	int one = 1, rcvbuf = 256 << 20;
	static bool seen[MAX_DATAGRAMS];

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcvbuf, sizeof(rcvbuf));
	poc_must(bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	poc_must(setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &mreq, sizeof(mreq)), "join");
	printf("ready\n");
	fflush(stdout);
	while (poc_readable(fd, received < count ? IDLE_MS : 0) &&
	       recv(fd, &number, sizeof(number), 0) == sizeof(number)) {
		if (number >= count)
			continue;
		repeated += seen[number];
		received += !seen[number];
		seen[number] = true;
		reordered += number < highest;
		highest = number > highest ? number : highest;
	}
	printf("{\"received\":%u,\"lost\":%u,\"repeated\":%u,\"reordered\":%u}\n", received,
	       count - received, repeated, reordered);
	return received != count || repeated;
}

int main(int argc, char **argv)
{
	if (argc == 8 && !strcmp(argv[1], "send"))
		return send_stream(argv + 2);
	if (argc == 6 && !strcmp(argv[1], "sink") && (uint32_t)atoi(argv[5]) <= MAX_DATAGRAMS)
		return sink_stream(argv + 2);
	fprintf(stderr, "usage: stream send IF GROUP PORT COUNT BYTES PPS\n"
			"       stream sink IF GROUP PORT COUNT\n");
	return 2;
}
