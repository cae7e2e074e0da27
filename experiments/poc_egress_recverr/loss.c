// SPDX-License-Identifier: MIT
/*
 * Which egress losses does the kernel report to the sender of a UDP datagram?
 *
 * run.sh made the links: qdisc0 (tbf over a pfifo of one packet), htb0 (htb over
 * a pfifo of five), down0 (its peer is down).  Each gets a burst from a socket
 * with IP_RECVERR and from one without; what the socket was told is compared
 * with what an unread packet socket at the peer counted.
 */
#include "loss.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>

#define BURST 600

/* Udp: SndbufErrors of this network namespace. */
static unsigned long sndbuf_errors(void)
{
	char line[512];
	unsigned long value = 0;
	FILE *f = fopen("/proc/net/snmp", "re");

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "Udp: %*u %*u %*u %*u %*u %lu", &value) == 1)
			break;
	if (f)
		fclose(f);
	return value;
}

static int arrived(int probe, int expected)
{
	uint64_t until = poc_deadline_ns(DEADLINE_NS);
	int n = 0;

	do {
		n += (int)poc_packet_stats(probe).tp_packets;
	} while (n < expected && poc_now_ns() < until);
	return n;
}

/* Packets that the tun device still holds: they were not read during the burst. */
static int held(int tun)
{
	char frame[2048];
	int n = 0;

	while (read(tun, frame, sizeof(frame)) > 0)
		n++;
	return n;
}

/* The qdisc holds packets: the socket's send queue is empty when it has none left. */
static void wait_sent(int fd)
{
	uint64_t until = poc_deadline_ns(DEADLINE_NS);
	int queued = 1;

	while (queued && poc_now_ns() < until)
		ioctl(fd, SIOCOUTQ, &queued);
}

struct link_case {
	const char *name, *out, *in; /* no @in: read what arrived from the tun device */
	int count;
	size_t len;
	bool reported;      /* to a socket with IP_RECVERR */
	bool in_tx_dropped; /* of the device */
};

static void link_case(const struct link_case *c, int tun)
{
	int probe = c->in ? poc_packet_socket(c->in, ETH_P_IP, 0) : -1;

	for (int recverr = 1; recverr >= 0; recverr--) {
		unsigned long errors = sndbuf_errors(), drops = device_drops(c->out);
		int fd = poc_egress_socket(c->out);
		struct outcome o;
		int got, lost;

		set_recverr(fd, recverr);
		o = burst(fd, c->count, c->len, 1);
		if (c->in)
			wait_sent(fd);
		got = c->in ? arrived(probe, c->reported && recverr ? o.sent : 0) : held(tun);
		lost = c->count - got;
		errors = sndbuf_errors() - errors;
		drops = device_drops(c->out) - drops;
		poc_check(lost > 0 && !o.other && o.refused == (c->reported && recverr ? lost : 0),
			  "%s, %s: %d sent, %d arrived, %d ENOBUFS", c->name,
			  recverr ? "IP_RECVERR" : "plain", c->count, got, o.refused);
		poc_check((int)errors == (c->reported ? lost : 0) &&
				  (int)drops == (c->in_tx_dropped ? lost : 0),
			  "    Udp SndbufErrors +%lu, tx_dropped of the device +%lu", errors,
			  drops);
		close(fd);
	}
	if (probe >= 0)
		close(probe);
}

static int make_tun(const char *name)
{
	struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int tun = (int)poc_must(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK),
				"/dev/net/tun");

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	poc_must(ioctl(tun, TUNSETIFF, &ifr), "TUNSETIFF");
	return tun;
}

/*
 * Sends of seven segments.  A qdisc refuses such a send as a whole; where the
 * kernel cuts it into packets before a device without qdisc, the sender is
 * told nothing.
 */
static void gso_cases(int tun)
{
	int fd = poc_egress_socket("htb0");
	int probe = poc_packet_socket("htb1", ETH_P_IP, 4 << 20);
	unsigned long drops;
	struct outcome o;
	int got;

	set_recverr(fd, 1);
	o = burst(fd, 100, 100, 7);
	wait_sent(fd);
	got = arrived_payloads(probe, o.sent * 7);
	poc_check(o.refused > 0 && o.sent + o.refused == 100 && got == o.sent * 7,
		  "100 sends of 7 segments, htb over pfifo of 5, IP_RECVERR: %d arrived, "
		  "%d sends accepted, %d ENOBUFS",
		  got, o.sent, o.refused);
	close(fd);
	close(probe);

	fd = poc_egress_socket("tun1");
	set_recverr(fd, 1);
	drops = device_drops("tun1");
	o = burst(fd, 100, 100, 7);
	got = held(tun);
	drops = device_drops("tun1") - drops;
	poc_check(o.sent == 100 && got + (int)drops == 700 && drops > 0,
		  "100 sends of 7 segments, tun without qdisc, IP_RECVERR: %d arrived, "
		  "%d sends accepted, %d ENOBUFS, tx_dropped of the device +%lu",
		  got, o.sent, o.refused, drops);
	close(fd);
}

int main(int argc, char **argv)
{
	static const struct link_case qdisc = {
		"tbf over pfifo of 1", "qdisc0", "qdisc1", 100, 1000, true, false};
	static const struct link_case down = {
		"veth, peer down", "down0", "down1", 100, 100, false, true};
	static const struct link_case tun = {
		"tun that nobody reads, with qdisc", "tun0", NULL, 2 * BURST, 100, false, true};
	static const struct link_case tun_noqueue = {
		"tun that nobody reads, no qdisc", "tun1", NULL, 2 * BURST, 100, true, true};
	int tun0 = make_tun("tun0"), tun1 = make_tun("tun1");

	poc_must(system("ip addr add 10.0.8.1/24 dev tun0 && ip link set tun0 up &&"
			"ip addr add 10.0.9.1/24 dev tun1 && ip link set tun1 up &&"
			"tc qdisc replace dev tun1 root noqueue"),
		 "tun");
	link_case(&qdisc, -1);
	link_case(&tun_noqueue, tun1);
	gso_cases(tun1);
	link_case(&tun, tun0);
	link_case(&down, -1);
	return poc_status();
}
