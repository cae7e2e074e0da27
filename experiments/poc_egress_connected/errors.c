// SPDX-License-Identifier: MIT
/*
 * Which socket an ICMP error strikes, with which errno, and what a connected socket keeps
 * a process from.
 */
#include "../poc.h"

#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>

static int on = 1;

static int udp(void)
{
	int fd = (int)poc_must(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), "udp socket");

	poc_must(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), "IP_RECVERR");
	return fd;
}

static int listener(struct sockaddr_in at)
{
	int fd = udp();

	poc_must(bind(fd, (struct sockaddr *)&at, sizeof(at)), "bind");
	return fd;
}

static int connected(const char *ip, int port)
{
	struct sockaddr_in to = poc_addr(ip, port);
	int fd = udp();

	poc_must(connect(fd, (struct sockaddr *)&to, sizeof(to)), "connect");
	return fd;
}

static long say(int fd)
{
	return send(fd, "x", 1, 0) < 0 ? -errno : 1;
}

/* Two destinations on one host; nobody listens on the second. */
static void own_sockets(void)
{
	int open_port = listener(poc_addr("127.0.0.1", 7001));
	int good = connected("127.0.0.1", 7001), bad = connected("127.0.0.1", 7002);
	int failed = 0, repeated = 0, good_failed = 0;

	for (int i = 0; i < 100; i++) {
		good_failed += say(good) < 0;
		if (say(bad) == -ECONNREFUSED) {
			failed++;
			repeated += say(bad) == 1;
		}
	}
	poc_check(good_failed == 0 && poc_received(open_port) == 100,
		  "two connected sockets, one port closed: 100 of 100 sends to the other arrive");
	poc_check(
		failed == 99 && repeated == 99,
		"to the closed port: %d of 100 fail, as many as had one before them; repeated, %d "
		"are sent",
		failed, repeated);
	close(good);
	close(bad);
	close(open_port);
}

static uint16_t checksum(const void *data, size_t len)
{
	const uint16_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < len / 2; i++)
		sum += p[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* An error about a datagram from @fd's address to @to, as any host may send it. */
static void forge(int raw, int fd, const struct sockaddr_in *to, int type, int code)
{
	struct {
		struct icmphdr icmp;
		struct iphdr ip;
		struct udphdr udp;
	} m = {.icmp = {.type = (uint8_t)type, .code = (uint8_t)code},
	       .ip = {.version = 4, .ihl = 5, .ttl = 1, .protocol = IPPROTO_UDP},
	       .udp = {.len = htons(9)}};
	struct sockaddr_in own, relay = poc_addr("127.0.0.1", 0);
	socklen_t len = sizeof(own);

	getsockname(fd, (struct sockaddr *)&own, &len);
	m.ip.tot_len = htons(29);
	m.ip.saddr = relay.sin_addr.s_addr;
	m.ip.daddr = to->sin_addr.s_addr;
	m.ip.check = checksum(&m.ip, sizeof(m.ip));
	m.udp.source = own.sin_port;
	m.udp.dest = to->sin_port;
	if (type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED)
		m.icmp.un.frag.mtu = htons(1400);
	m.icmp.checksum = checksum(&m, sizeof(m));
	poc_must(sendto(raw, &m, sizeof(m), 0, (struct sockaddr *)&relay, sizeof(relay)),
		 "forged ICMP");
}

static void forged(void)
{
	static const struct {
		int type, code, errno_value;
	} rows[] = {
		{3, 0, ENETUNREACH},   {3, 1, EHOSTUNREACH},  {3, 2, ENOPROTOOPT},
		{3, 3, ECONNREFUSED},  {3, 4, EMSGSIZE},      {3, 5, EOPNOTSUPP},
		{3, 6, ENETUNREACH},   {3, 7, EHOSTDOWN},     {3, 8, ENONET},
		{3, 9, ENETUNREACH},   {3, 10, EHOSTUNREACH}, {3, 11, ENETUNREACH},
		{3, 12, EHOSTUNREACH}, {3, 13, EHOSTUNREACH}, {3, 14, EHOSTUNREACH},
		{3, 15, EHOSTUNREACH}, {11, 0, EHOSTUNREACH}, {12, 0, EPROTO},
	};
	int raw = (int)poc_must(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), "raw socket");
	int open_port = listener(poc_addr("127.0.0.1", 7001)), fd = connected("127.0.0.1", 7001);
	struct sockaddr_in peer = poc_addr("127.0.0.1", 7001), other = poc_addr("127.0.0.1", 7003);
	int as_expected = 0, repeated = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		long first, repeated_send;

		forge(raw, fd, &peer, rows[i].type, rows[i].code);
		first = say(fd);
		repeated_send = say(fd);
		if (first != -rows[i].errno_value)
			poc_check(false, "type %d code %d: %s", rows[i].type, rows[i].code,
				  poc_err(first));
		as_expected += first == -rows[i].errno_value;
		repeated += repeated_send == 1;
	}
	poc_check(as_expected == 18 && repeated == 18,
		  "forged errors of %d kinds fail the next send with the errno of the kind; "
		  "repeated, "
		  "%d are sent",
		  as_expected, repeated);
	for (int i = 0; i < 10; i++)
		forge(raw, fd, &peer, 3, 3);
	poc_check(say(fd) == -ECONNREFUSED && say(fd) == 1,
		  "ten errors before the next send fail it once");
	forge(raw, fd, &other, 3, 3);
	poc_check(say(fd) == 1, "one that quotes another destination than the connected one: none");
	poc_received(open_port);
	close(fd);
	close(open_port);
	close(raw);
}

static void what_is_left(void)
{
	int peer = listener(poc_addr("127.0.0.1", 7001)),
	    other = listener(poc_addr("127.0.0.1", 7004));
	struct sockaddr_in to = poc_addr("127.0.0.1", 7004),
			   broadcast = poc_addr("10.0.1.255", 7004);
	int fd = connected("127.0.0.1", 7001), free_one = udp();

	poc_check(poc_send(fd, "x", 1, &to) == 1 && poc_received(other) == 1 &&
			  poc_received(peer) == 0,
		  "a send on a connected socket that names another address goes to that address");
	poc_check(poc_send(free_one, "x", 1, &broadcast) == -EACCES,
		  "to a broadcast address it fails with EACCES without SO_BROADCAST");
	close(fd);
	close(free_one);
	close(peer);
	close(other);
}

int main(void)
{
	own_sockets();
	forged();
	what_is_left();
	return poc_status();
}
