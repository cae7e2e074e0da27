// SPDX-License-Identifier: MIT
/*
 * survival.c - what of a tc program goes on without a process, and how its successor takes over
 *
 *   gen0 ==== in0: tc program
 *
 * Programs add 1 to a word of the map for each IPv4 frame.
 */
#include "experiments/bpf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* On the tmpfs that run.sh has for itself. */
#define PINS    "/run/netns/bpf"
#define LINK    PINS "/link"
#define MAP     PINS "/map"
#define PROGRAM PINS "/program"

#define MARK       (1u << 26)
#define NEXT       (-1) /* TCX_NEXT: the next program at the hook decides */
#define EXCHANGED  20000u
#define GIVE_UP_NS 5000000000ull

static volatile uint64_t *words;
static int map;

static int load(unsigned word)
{
	const struct bpf_insn insns[] = {
		MOVE(6, 1),
		VALUE_OF(7, map),
		LOAD(BPF_W, 1, 6, SKB(protocol)),
		UNLESS_EQUAL(1, htons(ETH_P_IP), 5),
		SET(1, 1),
		ADD_TO(7, (short)(8 * word), 1),
		LOAD(BPF_W, 1, 6, SKB(mark)),
		OR(1, MARK),
		STORE(BPF_W, 6, SKB(mark), 1),
		SET(0, NEXT),
		END,
	};

	return poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0]));
}

/* The same for marked frames only. */
static int load_marked(unsigned word)
{
	const struct bpf_insn insns[] = {
		VALUE_OF(7, map),
		LOAD(BPF_W, 2, 1, SKB(mark)),
		UNLESS_EQUAL(2, MARK, 2),
		SET(1, 1),
		ADD_TO(7, (short)(8 * word), 1),
		SET(0, NEXT),
		END,
	};

	return poc_bpf_program(insns, sizeof(insns) / sizeof(insns[0]));
}

static int get(const char *path)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.pathname = (uintptr_t)path;
	return (int)poc_must(poc_bpf(BPF_OBJ_GET, &attr), path);
}

static int exchange(int link, int program)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_update.link_fd = (uint32_t)link;
	attr.link_update.new_prog_fd = (uint32_t)program;
	return poc_bpf(BPF_LINK_UPDATE, &attr) < 0 ? -errno : 0;
}

static int detach(int link)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.link_detach.link_fd = (uint32_t)link;
	return poc_bpf(BPF_LINK_DETACH, &attr) < 0 ? -errno : 0;
}

/* The device that a link is attached to; 0: none any more. */
static unsigned attached_to(int link)
{
	struct bpf_link_info info = {0};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.info.bpf_fd = (uint32_t)link;
	attr.info.info_len = sizeof(info);
	attr.info.info = (uintptr_t)&info;
	poc_must(poc_bpf(BPF_OBJ_GET_INFO_BY_FD, &attr), "BPF_OBJ_GET_INFO_BY_FD");
	/* struct { __u32 ifindex; __u32 attach_type; } tcx, since Linux 6.6 */
	return *(const unsigned *)&info.xdp;
}

static void send_some(unsigned count)
{
	const struct sockaddr_in to = poc_addr("239.1.1.1", 5000);
	const int sock = poc_egress_socket("gen0");
	char payload[100] = "";

	for (unsigned i = 0; i < count; i++)
		poc_must(poc_send(sock, payload, sizeof(payload), &to), "send");
	close(sock);
}

/* Frames that the program on @word saw of ten. */
static unsigned seen(unsigned word)
{
	const uint64_t before = words[word];

	send_some(10);
	return (unsigned)(words[word] - before);
}

/* Links are taken off in the background. */
static unsigned seen_at_last(unsigned word)
{
	const uint64_t end_ns = poc_deadline_ns(GIVE_UP_NS);
	unsigned n;

	do
		n = seen(word);
	while (n > 0 && poc_now_ns() < end_ns);
	return n;
}

static void drop_map(void)
{
	munmap((void *)(uintptr_t)words, 32);
	close(map);
}

static void take_map(void)
{
	void *mem;

	map = get(MAP);
	mem = mmap(NULL, 32, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
	poc_must(mem == MAP_FAILED ? -1 : 0, "mmap of the map");
	words = mem;
}

/* As a process that dies: it makes everything, pins it, and is killed. */
static void make_and_die(void)
{
	int program, link, status;
	const pid_t pid = fork();

	if (pid == 0) {
		map = poc_bpf_map(&words);
		program = load(0);
		link = (int)poc_must(poc_bpf_attach(program, "in0"), "attach");
		poc_must(poc_bpf_pin(map, MAP), "pin the map");
		poc_must(poc_bpf_pin(link, LINK), "pin the link");
		words[3] = 4711;
		kill(getpid(), SIGKILL);
	}
	poc_must(pid, "fork");
	waitpid(pid, &status, 0);
	poc_check(WIFSIGNALED(status), "a process has pinned link and map, and was killed");
}

static void link_without_pin(void)
{
	const int program = load(0);
	int link = (int)poc_must(poc_bpf_attach(program, "in0"), "attach");

	poc_check(seen(0) == 10, "attached: the program sees 10 frames of 10");
	close(link);
	poc_check(seen(0) == 0, "the link's last descriptor is closed: none, while the program is "
				"still open");
	close(program);
}

static void pinned(void)
{
	uint64_t before;

	make_and_die();
	send_some(10);
	take_map();
	before = words[0];
	poc_check(before == 10 && words[3] == 4711,
		  "meanwhile it counted on: %llu of 10; the map has what was written",
		  (unsigned long long)before);
	poc_check(seen(0) == 10, "the map is shared: the successor reads what the program counts");
}

static atomic_bool done;

static void *send_all(void *ctx)
{
	(void)ctx;
	send_some(EXCHANGED);
	done = true;
	return NULL;
}

static void successor(void)
{
	const int link = get(LINK), program[] = {load(1), load(2)};
	unsigned exchanges = 0;
	pthread_t thread;
	int ret = exchange(link, program[0]);

	poc_check(ret == 0, "a successor gets the link by its pin and exchanges the program: %s",
		  poc_err(ret));
	words[1] = words[2] = 0;
	poc_must(pthread_create(&thread, NULL, send_all, NULL), "thread");
	while (!done && ret == 0)
		ret = exchange(link, program[++exchanges % 2]);
	pthread_join(thread, NULL);
	poc_check(ret == 0 && words[1] + words[2] == EXCHANGED && words[1] && words[2],
		  "%llu and %llu frames saw one program or the other, of %u (%u exchanges)",
		  (unsigned long long)words[1], (unsigned long long)words[2], EXCHANGED, exchanges);
	poc_must(exchange(link, program[0]), "exchange");
	close(program[0]);
	close(program[1]);
	close(link);
}

/* A clsact filter beside the pinned link, which counts on word 1. */
static void clsact(void)
{
	const int program = load_marked(2);

	poc_must(poc_bpf_pin(program, PROGRAM), "pin the program");
	words[2] = 0;
	poc_must(system("tc qdisc add dev in0 clsact && tc filter add dev in0 ingress bpf "
			"direct-action object-pinned " PROGRAM) == 0
			 ? 0
			 : -1,
		 "tc filter");
	unlink(PROGRAM);
	close(program);
	poc_check(seen(2) == 10, "a clsact filter runs with no pin and no process, after tcx: it "
				 "sees 10 of 10 marked");
	unlink(LINK);
	poc_check(seen_at_last(1) == 0, "the link's pin is removed: its program ends soon");
	words[2] = 0;
	poc_check(seen(2) == 0 && words[2] == 0, "and no frame is marked");
	poc_must(system("tc qdisc del dev in0 clsact"), "tc qdisc del");
}

/* A program that is closed alone would go on for a while: see clsact(). */
static void detached(void)
{
	const int program = load(0);
	int link = (int)poc_must(poc_bpf_attach(program, "in0"), "attach");
	int ret;

	poc_must(poc_bpf_pin(link, LINK), "pin the link");
	poc_check(seen(0) == 10, "a pinned link again: the program sees 10 frames of 10");
	ret = detach(link);
	poc_check(ret == 0 && seen(0) == 0 && attached_to(link) == 0,
		  "detached (%s): none, though it is still pinned", poc_err(ret));
	unlink(LINK);
	close(link);
	close(program);
}

static void device_removed(void)
{
	const int program = load(0);
	const unsigned ifindex = (unsigned)poc_ifindex("in0");
	int link = (int)poc_must(poc_bpf_attach(program, "in0"), "attach");

	poc_must(poc_bpf_pin(link, LINK), "pin the link");
	poc_check(attached_to(link) == ifindex, "a link knows its device");
	poc_must(system("ip link del in0 && ip link add gen0 index 7001 type veth peer name in0 "
			"index 7000 && ip link set gen0 up && ip link set in0 up && "
			"ip addr add 10.0.1.1/24 dev gen0"),
		 "ip link");
	close(link);
	link = get(LINK);
	poc_check(attached_to(link) == 0 && seen(0) == 0,
		  "the device is deleted: the link is still pinned and attached to nothing, "
		  "also when a device has the name again");
	close(link);
	link = poc_bpf_attach(program, "in0");
	poc_check(link >= 0 && seen(0) == 10, "a new link attaches to the new device");
	close(link);
	close(program);
}

int main(void)
{
	int link;

	map = poc_bpf_map(&words);
	link = poc_bpf_attach(load(0), "in0");
	if (link == -EINVAL || link == -EOPNOTSUPP) {
		puts("SKIP: no tcx before Linux 6.6");
		return 77;
	}
	close((int)poc_must(link, "attach"));
	mkdir(PINS, 0700);
	poc_must(mount("bpf", PINS, "bpf", 0, NULL), "mount bpffs");
	link_without_pin();
	drop_map();
	pinned();
	successor();
	clsact();
	detached();
	device_removed();
	return poc_status();
}
