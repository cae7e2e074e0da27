// SPDX-License-Identifier: MIT
/*
 * Which egress losses does the kernel report to the sender of a UDP datagram?
 *
 * run.sh made the links: down0 (its peer is down), ring0 (its peer's receiver
 * is slow, see ring_case), qdisc0 (tbf over a pfifo of one packet).  Each gets
 * a burst from a socket with IP_RECVERR and from one without; what the socket
 * was told is compared with what an unread packet socket at the peer counted.
 */
#include "../poc.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>

#define BURST       600
#define DEADLINE_NS 3000000000ull

struct outcome {
	int sent, refused; /* sends that succeeded; that failed with ENOBUFS */
	int other;         /* the last other errno */
};

static struct outcome burst(int fd, int count, size_t len, int per_send)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	static char payload[2048];
	struct outcome o = {0};

	for (int i = 0; i < count; i++) {
		long ret = per_send > 1 ? poc_send_gso(fd, payload, len * (size_t)per_send,
						       (uint16_t)len, &to)
					: poc_send(fd, payload, len, &to);

		if (ret >= 0)
			o.sent++;
		else if (ret == -ENOBUFS)
			o.refused++;
		else
			o.other = (int)-ret;
	}
	return o;
}

static void set_recverr(int fd, int on)
{
	poc_must(setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)), "IP_RECVERR");
}

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

/* How often this device, or the one that it hands its packets to, dropped. */
static unsigned long device_drops(const char *ifname)
{
	char path[128];
	unsigned long value = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/tx_dropped", ifname);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%lu", &value) != 1)
		poc_must(-1, path);
	fclose(f);
	return value;
}

static int arrived(int probe, int expected)
{
	uint64_t until = poc_now_ns() + DEADLINE_NS;
	int n = 0;

	do {
		n += (int)poc_packet_stats(probe).tp_packets;
	} while (n < expected && poc_now_ns() < until);
	return n;
}

/* What the tun device still held: nobody read during the burst. */
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
	uint64_t until = poc_now_ns() + DEADLINE_NS;
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

static atomic_bool release_cpus;
static atomic_int cpus_held;

static void *hold_cpu(void *arg)
{
	struct sched_param fifo = {.sched_priority = 10};
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET((int)(intptr_t)arg, &cpu);
	poc_must(sched_setaffinity(0, sizeof(cpu), &cpu), "affinity");
	poc_must(sched_setscheduler(0, SCHED_FIFO, &fifo), "SCHED_FIFO");
	atomic_fetch_add(&cpus_held, 1);
	while (!atomic_load(&release_cpus))
		;
	return NULL;
}

/* BURST datagrams while no other thread of this machine can run. */
static struct outcome undisturbed(int fd)
{
	struct sched_param fifo = {.sched_priority = 10}, normal = {0};
	int others = (int)sysconf(_SC_NPROCESSORS_ONLN) - 1;
	pthread_t thread[256];
	struct outcome o;

	atomic_store(&release_cpus, false);
	atomic_store(&cpus_held, 0);
	for (int i = 0; i < others; i++)
		pthread_create(&thread[i], NULL, hold_cpu, (void *)(intptr_t)(i + 1));
	while (atomic_load(&cpus_held) < others)
		;
	poc_must(sched_setscheduler(0, SCHED_FIFO, &fifo), "SCHED_FIFO");
	o = burst(fd, BURST, 100, 1);
	atomic_store(&release_cpus, true);
	poc_must(sched_setscheduler(0, SCHED_OTHER, &normal), "SCHED_OTHER");
	for (int i = 0; i < others; i++)
		pthread_join(thread[i], NULL);
	return o;
}

/* GRO at ring1 merges: count the hundred-byte payloads in what arrives. */
static int arrived_payloads(int probe, int expected)
{
	static char frame[65536];
	uint64_t until = poc_now_ns() + DEADLINE_NS;
	int n = 0;

	while (n < expected && poc_now_ns() < until) {
		ssize_t len = recv(probe, frame, sizeof(frame), MSG_DONTWAIT);

		if (len > POC_HDR_LEN)
			n += (int)(len - POC_HDR_LEN) / 100;
	}
	return n;
}

/*
 * ring1 takes its packets from a ring of 256 in a kernel thread, which cannot
 * run while this program holds every CPU (for about a millisecond).  The
 * scheduler lets it in now and then all the same; such a round is repeated.
 */
static void ring_case(const char *name, bool recverr)
{
	int probe = poc_packet_socket("ring1", ETH_P_IP, 4 << 20);
	int fd = poc_egress_socket("ring0");
	struct outcome o = {0};
	int got = 0, drops = 0;

	set_recverr(fd, recverr);
	for (int i = 0; i < 20 && drops == 0; i++) {
		drops = -(int)device_drops("ring0");
		o = undisturbed(fd);
		drops += (int)device_drops("ring0");
		got = arrived_payloads(probe, BURST - drops);
	}
	poc_check(drops > 0 && got + drops == BURST && o.refused == (recverr ? drops : 0),
		  "%s: %d sent, %d arrived, %d ENOBUFS", name, BURST, got, o.refused);
	close(probe);
	close(fd);
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
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(0, &cpu);
	poc_must(sched_setaffinity(0, sizeof(cpu), &cpu), "affinity");
	poc_must(system("ip addr add 10.0.8.1/24 dev tun0 && ip link set tun0 up &&"
			"ip addr add 10.0.9.1/24 dev tun1 && ip link set tun1 up &&"
			"tc qdisc replace dev tun1 root noqueue"),
		 "tun");
	link_case(&qdisc, -1);
	ring_case("veth, receiver's ring full, IP_RECVERR", true);
	ring_case("veth, receiver's ring full, plain", false);
	link_case(&tun_noqueue, tun1);
	gso_cases(tun1);
	link_case(&tun, tun0);
	link_case(&down, -1);
	return poc_status();
}
