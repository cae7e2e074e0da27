// SPDX-License-Identifier: MIT
/*
 * Does a packet socket that nobody reads count exactly, and what does it cost?
 *
 *   gen0 ---- in0  [socket A: filter "port 5000"; socket B: the complement, unread]
 */
#include "../poc.h"

#include <linux/sock_diag.h>
#include <pthread.h>

#define WANTED   20000
#define UNWANTED 70000
#define ROUNDS   9
#define BATCHES  30
#define BATCH    1000
#define FLOOD_MS 700   /* in which one that may never be ahead is watched */
#define SEEN_MS  20000 /* in which one that may be ahead is once, at the latest */

/* Accepts UDP to port 5000 with @wanted, everything else with its complement. */
static void port_filter(int fd, bool wanted)
{
	unsigned int yes = wanted ? 0x40000 : 0, no = wanted ? 0 : 0x40000;
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 6),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 4),
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5000, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, yes),
		BPF_STMT(BPF_RET | BPF_K, no),
	};

	poc_attach_filter(fd, insns, sizeof(insns) / sizeof(insns[0]));
}

static int counting_socket(int protocol)
{
	struct sockaddr_ll sll = {.sll_family = AF_PACKET,
				  .sll_protocol = htons((uint16_t)protocol),
				  .sll_ifindex = poc_ifindex("in0")};
	int fd = (int)poc_must(socket(AF_PACKET, SOCK_RAW, 0), "packet socket");
	int one = 1;

	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	poc_must(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &one, sizeof(one)), "SO_RCVBUF");
	port_filter(fd, false);
	poc_must(bind(fd, (struct sockaddr *)&sll, sizeof(sll)), "bind");
	return fd;
}

static unsigned int queued_bytes(int fd)
{
	unsigned int info[SK_MEMINFO_VARS] = {0};
	socklen_t len = sizeof(info);

	poc_must(getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len), "SO_MEMINFO");
	return info[SK_MEMINFO_RMEM_ALLOC];
}

/* Sends a mixture; two of these run at once on different CPUs. */
static void *mixture(void *arg)
{
	struct sockaddr_in wanted = poc_addr("239.1.1.1", 5000);
	struct sockaddr_in unwanted = poc_addr("239.1.1.1", 5001);
	int fd = poc_egress_socket("gen0");

	for (int w = 0, u = 0; w < WANTED || u < UNWANTED;) {
		if (w < WANTED && w * UNWANTED <= u * WANTED) {
			poc_must(poc_send(fd, "wanted", 6, &wanted), "send");
			w++;
		} else {
			poc_must(poc_send(fd, "not", 3, &unwanted), "send");
			u++;
		}
	}
	close(fd);
	return arg;
}

static void exact_case(void)
{
	int a = poc_packet_socket("in0", ETH_P_ALL, 256 << 20), b = counting_socket(ETH_P_ALL);
	struct tpacket_stats sa, sb;
	pthread_t other;

	port_filter(a, true);
	poc_packet_stats(a);
	poc_packet_stats(b);
	pthread_create(&other, NULL, mixture, NULL);
	mixture(NULL);
	pthread_join(other, NULL);
	sa = poc_packet_stats(a);
	sb = poc_packet_stats(b);
	poc_check(sa.tp_packets == 2 * WANTED && sa.tp_drops == 0,
		  "two senders at once, %d wanted: read socket saw %u", 2 * WANTED, sa.tp_packets);
	poc_check(sb.tp_packets == 2 * UNWANTED && sb.tp_drops > 0,
		  "%d not wanted: unread socket counted tp_packets %u, of these tp_drops %u",
		  2 * UNWANTED, sb.tp_packets, sb.tp_drops);
	poc_check(sb.tp_packets - sb.tp_drops <= 8 && queued_bytes(b) <= 8192,
		  "memory held by the unread socket: %u frame(s), %u bytes",
		  sb.tp_packets - sb.tp_drops, queued_bytes(b));
	sb = poc_packet_stats(b);
	poc_check(sb.tp_packets == 0, "reading the statistics cleared them");
	close(a);
	close(b);
}

/* veth hands gen0's super-datagrams through whole. */
static void super_case(void)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5001);
	int b = counting_socket(ETH_P_ALL), fd = poc_egress_socket("gen0");
	static char payload[64 * 1000];
	struct tpacket_stats sb;

	for (int i = 0; i < 100; i++)
		poc_must(poc_send_gso(fd, payload, sizeof(payload), 1000, &to), "send");
	sb = poc_packet_stats(b);
	poc_check(sb.tp_packets == 100,
		  "100 super-datagrams of 64: counted %u (frames, not datagrams)", sb.tp_packets);
	poc_check(queued_bytes(b) < 256 * 1024, "memory held: %u bytes", queued_bytes(b));
	close(fd);
	close(b);
}

/* Nanoseconds per unwanted datagram: send, veth, receive softirq, all on this CPU. */
static double cost_ns(int fd)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5001);
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < BATCHES; i++) {
		uint64_t start = poc_now_ns(), took;

		for (int k = 0; k < BATCH; k++)
			poc_send(fd, "not", 3, &to);
		took = poc_now_ns() - start;
		best = took < best ? took : best;
	}
	return (double)best / BATCH;
}

static void cost_case(void)
{
	double without[ROUNDS], with[ROUNDS], ratio[ROUNDS];
	int a = poc_packet_socket("in0", ETH_P_ALL, 0), fd = poc_egress_socket("gen0");

	port_filter(a, true);
	for (int i = 0; i < ROUNDS; i++) {
		int b;

		without[i] = cost_ns(fd);
		b = counting_socket(ETH_P_ALL);
		with[i] = cost_ns(fd);
		close(b);
		ratio[i] = with[i] / without[i];
	}
	poc_note("send and receive path of one unwanted datagram: %.0f ns without, %.0f ns with; "
		 "median ratio %.2f",
		 poc_median(without, ROUNDS), poc_median(with, ROUNDS), poc_median(ratio, ROUNDS));
	close(a);
	close(fd);
}

/* Accepts everything, and takes its time, so that the frame's way to the next socket is long. */
static void slow_filter(int fd)
{
	static struct sock_filter insns[BPF_MAXINSNS];

	for (unsigned int i = 0; i + 1 < BPF_MAXINSNS; i++)
		insns[i] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0);
	insns[BPF_MAXINSNS - 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x40000);
	poc_attach_filter(fd, insns, BPF_MAXINSNS);
}

static void *flood(void *stop)
{
	struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	int fd = poc_egress_socket("gen0");

	while (!__atomic_load_n((bool *)stop, __ATOMIC_RELAXED))
		poc_send(fd, "wanted", 6, &to);
	close(fd);
	return NULL;
}

/*
 * Both sockets accept all frames.  All that @minuend has counted, less what @subtrahend has
 * when it is read next: how often is that more than nothing?  With @until_seen it ends at the
 * first time.
 */
static unsigned int excesses(int minuend, int subtrahend, bool until_seen, unsigned int *readings)
{
	uint64_t end_ns = until_seen ? poc_deadline_ns(SEEN_MS * 1000000ull)
				     : poc_now_ns() + FLOOD_MS * 1000000ull;
	unsigned int found = 0;
	bool stop = false;
	int64_t more = 0;
	pthread_t sender;

	poc_packet_stats(minuend);
	poc_packet_stats(subtrahend);
	pthread_create(&sender, NULL, flood, &stop);
	for (*readings = 0; poc_now_ns() < end_ns && !(until_seen && found); ++*readings) {
		more += poc_packet_stats(minuend).tp_packets;
		more -= poc_packet_stats(subtrahend).tp_packets;
		found += more > 0;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	more += poc_packet_stats(minuend).tp_packets;
	more -= poc_packet_stats(subtrahend).tp_packets;
	poc_check(more == 0, "at the end both have counted the same (difference %lld)",
		  (long long)more);
	return found;
}

static void set_link(const char *state)
{
	char command[64];

	snprintf(command, sizeof(command), "ip link set in0 %s", state);
	poc_must(system(command) == 0 ? 0 : -1, command);
}

/*
 * A frame comes to the sockets one after the other.  The one that counts everything may be
 * read first only if frames come to it last.
 */
static void order_case(void)
{
	int first = poc_packet_socket("in0", ETH_P_ALL, 0);
	int second = poc_packet_socket("in0", ETH_P_ALL, 0);
	unsigned int readings, found;

	slow_filter(first);
	found = excesses(second, first, true, &readings);
	poc_check(found > 0 || sysconf(_SC_NPROCESSORS_ONLN) == 1,
		  "made last, so frames come to it first: ahead %u times, after %u readings", found,
		  readings);
	poc_attach_filter(first, &(struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0x40000), 1);
	slow_filter(second);
	found = excesses(first, second, false, &readings);
	poc_check(found == 0, "made first, so frames come to it last: ahead in %u of %u readings",
		  found, readings);
	set_link("down");
	set_link("up");
	found = excesses(first, second, false, &readings);
	poc_check(found == 0, "the same after the link was down: ahead in %u of %u readings", found,
		  readings);
	close(first);
	close(second);
}

int main(int argc, char **argv)
{
	exact_case();
	order_case();
	super_case();
	cost_case();
	return poc_status();
}
