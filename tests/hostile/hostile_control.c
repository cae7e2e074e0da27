// SPDX-License-Identifier: MIT
/*
 * hostile_control.c - a sealed control that wants to use up what others need
 *
 * MCR_HOSTILE_CONTROL:
 *   calls    every system call of the list, its descriptors misused, links changed
 *   join     as many memberships as it can have
 *   bind     as many bound sockets as it can have
 *   churn    joins and leaves one group until that is refused
 *   input    opens and closes one input until that is refused
 *   ready    says again and again that it is ready
 *   flags    makes the event that all workers share block, and fills it
 *   unsealed publishes a snapshot that it can still change
 *   memory   takes memory until there is none
 *   log      writes to standard error as fast as it can
 *   maps     what the maps of the kernel path let it do (hostile_maps.c)
 *
 * Called in each turn of the loop once control runs.  The floods keep to what the
 * supervisor's budget for messages lets pass.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "daemon/common/roles.h"
#include "daemon/control/process.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"
#include "tests/hostile/hostile.h"

#define PER_S     15000u /* requests, less than the budget fills */
#define IN_FLIGHT 100u

int __real_control_config_start(struct process *p);
int __wrap_control_config_start(struct process *p);
void __real_control_waits_check(struct control *c, uint64_t now_ns);
void __wrap_control_waits_check(struct control *c, uint64_t now_ns);

static struct process *self;

/* The supervisor's answers to a flood. */
static struct {
	const char *name;
	uint64_t begun_ns;
	uint64_t asked, granted, refused;
	int error; /* of the first refusal */
	bool said;
} flood;

static void say(const char *what, long result)
{
	hostile_say("control", what, result);
}

/* --- netlink --- */

/* The kernel's answer to a change: 0, or a negative errno. */
static long change(int sock, void *message, size_t bytes)
{
	static uint32_t seq = 4242;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct nlmsghdr *request = message;
	char answer[8192];
	ssize_t n;

	request->nlmsg_len = (uint32_t)bytes;
	request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	request->nlmsg_seq = ++seq;
	n = sendto(sock, message, bytes, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	if (n < 0)
		return -errno;
	/* The kernel answers before sendto() returns; its earlier messages come first. */
	while ((n = recv(sock, answer, sizeof(answer), MSG_DONTWAIT)) > 0) {
		struct nlmsghdr *h = (struct nlmsghdr *)answer;

		if (h->nlmsg_seq == seq && h->nlmsg_type == NLMSG_ERROR)
			return ((struct nlmsgerr *)NLMSG_DATA(h))->error;
	}
	return -ENOMSG;
}

static void change_links(int sock)
{
	struct {
		struct nlmsghdr h;
		struct ifinfomsg link;
	} down = {.h.nlmsg_type = RTM_NEWLINK, .link = {.ifi_index = 1, .ifi_change = 1}};
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg addr;
		struct rtattr a;
		uint32_t ip;
	} addr = {.h = {.nlmsg_type = RTM_NEWADDR, .nlmsg_flags = NLM_F_CREATE},
		  .addr = {.ifa_family = AF_INET, .ifa_prefixlen = 8, .ifa_index = 1},
		  .a = {.rta_len = 8, .rta_type = IFA_LOCAL},
		  .ip = htonl(0x7f000063)};

	say("set lo down by netlink", change(sock, &down, sizeof(down)));
	say("add an address by netlink", change(sock, &addr, sizeof(addr)));
}

/* --- calls --- */

static void descriptors(void)
{
	static char text[64];

	for (int fd = CHILD_CHANNEL_FD + 1; fd < HOSTILE_FDS; fd++) {
		if (fcntl(fd, F_GETFL) < 0)
			continue;
		snprintf(text, sizeof(text), "F_SETFL [%d]", fd);
		say(text, hostile_call(SYS_fcntl, fd, F_SETFL, O_RDWR));
		snprintf(text, sizeof(text), "end a listener [%d]", fd);
		say(text, hostile_call(SYS_shutdown, fd, SHUT_RDWR));
		snprintf(text, sizeof(text), "map to write [%d]", fd);
		say(text,
		    hostile_call(SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	}
}

static void attack(void)
{
	hostile_calls("control");
	descriptors();
	change_links(self->netlink);
	/* The half that clients are told the end with; a listener has none. */
	hostile_call(SYS_shutdown, self->listener[0], SHUT_WR);
	hostile_call(SYS_shutdown, self->listener[1], SHUT_WR);
	say("end", 0);
}

/*
 * With a description of its own it could make no other process wait; without one the filter
 * prevents it.
 */
static void block_workers(struct control *c)
{
	const uint64_t most = UINT64_MAX - 1;
	uint64_t count;

	while (read(self->applied, &count, sizeof(count)) > 0)
		;
	say("F_SETFL of the shared event", hostile_call(SYS_fcntl, self->applied, F_SETFL, O_RDWR));
	say("fill the shared event", hostile_call(SYS_write, self->applied, &most, sizeof(most)));
	epoll_ctl(c->epoll, EPOLL_CTL_DEL, self->applied, NULL);
	c->rec.publish = true; /* so that every worker has something to tell */
	c->dirty = true;
	say("end", 0);
}

/* --- floods --- */

static void answered(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	if (status == 0) {
		flood.granted++;
		return;
	}
	flood.refused++;
	if (!flood.error)
		flood.error = status;
}

static struct ipc_msg flood_request(uint64_t n)
{
	const char *ifindex = getenv("MCR_HOSTILE_IFINDEX");
	const uint32_t index = ifindex ? (uint32_t)atoi(ifindex) : 1;
	struct ipc_msg m = {.type = IPC_READY};

	if (!strcmp(flood.name, "join") || !strcmp(flood.name, "churn")) {
		const bool churn = !strcmp(flood.name, "churn");

		m.type = churn && n % 2 ? IPC_LEAVE : IPC_JOIN;
		m.join.ifindex = index;
		m.join.group = addr_from_ipv4_be(htonl(0xe8000000u + (churn ? 0 : (uint32_t)n)));
	} else if (!strcmp(flood.name, "bind")) {
		m.type = IPC_BIND;
		m.join.ifindex = index;
		m.join.group = addr_from_ipv4_be(htonl(INADDR_LOOPBACK + (uint32_t)(n / 64000)));
		m.join.port = (uint16_t)(1024 + n % 64000);
	} else if (!strcmp(flood.name, "input")) {
		m.type = n % 2 ? IPC_CLOSE_INPUT : IPC_OPEN_INPUT;
		m.iface = (struct ipc_iface){.slot = MCR_MAX_IFACES - 1,
					     .ifindex = index,
					     .mtu = 1500,
					     .worker_mask = 1};
	}
	return m;
}

static void report(void)
{
	char text[64];

	flood.said = true;
	snprintf(text, sizeof(text), "%s: granted", flood.name);
	say(text, (long)flood.granted);
	snprintf(text, sizeof(text), "%s: refused", flood.name);
	say(text, (long)flood.refused);
	snprintf(text, sizeof(text), "%s: first refusal", flood.name);
	say(text, flood.error);
	say("end", 0);
}

/* Churn and inputs: how long it takes to be refused is what counts. */
static bool until_refused(void)
{
	return !strcmp(flood.name, "churn") || !strcmp(flood.name, "input");
}

static void go_on(struct control *c)
{
	const char *most = getenv("MCR_HOSTILE_REQUESTS");
	const uint64_t limit = most ? strtoull(most, NULL, 10) : 60000;
	const uint64_t now_ns = monotonic_ns();

	if (!flood.begun_ns)
		flood.begun_ns = now_ns;
	while (flood.asked < limit && !(flood.refused && until_refused()) &&
	       c->supervisor.queued < IN_FLIGHT &&
	       flood.asked < (now_ns - flood.begun_ns) * PER_S / NS_PER_S) {
		const struct ipc_msg m = flood_request(flood.asked++);

		control_supervisor_request(&c->supervisor, &m, -1, answered, NULL);
	}
	if (flood.granted + flood.refused == flood.asked &&
	    (flood.asked == limit || (flood.refused && until_refused())) && !flood.said)
		report();
}

/* --- what nobody may publish --- */

static void publish_unsealed(struct control *c)
{
	struct ipc_msg m = {.type = IPC_PUBLISH, .publish = {.generation = 1, .size_bytes = 4096}};
	int fd = (int)hostile_call(SYS_memfd_create, "unsealed", MFD_ALLOW_SEALING);

	say("make a memfd", fd < 0 ? fd : 0);
	hostile_call(SYS_ftruncate, fd, 4096);
	flood.name = "unsealed";
	control_supervisor_request(&c->supervisor, &m, fd, answered, NULL);
}

/* --- memory, and the log --- */

/* All that it gets, by the C library and past it; what it has it keeps. */
static void take_memory(void)
{
	const size_t bytes = 1 << 20;
	long heap = 0, mapped = 0;
	void *mem;

	while (heap + mapped < 4096 && (mem = malloc(bytes))) {
		memset(mem, 1, bytes);
		heap++;
	}
	while (heap + mapped < 4096 &&
	       (mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			   0)) != MAP_FAILED)
		mapped++;
	say("MiB of memory", heap + mapped);
	say("end", 0);
}

/* As many lines as the pipe takes in two seconds. */
static void fill_log(void)
{
	const uint64_t until_ns = monotonic_ns() + 2 * NS_PER_S;
	static char line[1000];
	long taken = 0;

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\n';
	while (monotonic_ns() < until_ns)
		for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
			taken += hostile_call(SYS_write, fd, line, sizeof(line)) > 0;
	say("KiB of log", taken);
	say("end", 0);
}

/* --- in the loop --- */

static bool is_flood(const char *what)
{
	static const char *const floods[] = {"join", "bind", "churn", "input", "ready"};

	for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++)
		if (!strcmp(what, floods[i]))
			return true;
	return false;
}

/* The one that is killed for it is followed by one that behaves, as a new process does. */
static void turn(struct control *c)
{
	const char *what = getenv("MCR_HOSTILE_CONTROL");
	static bool done;

	if (!what || c->phase != PHASE_RUNNING || self->restarted)
		return;
	if (!strcmp(what, "maps")) {
		hostile_maps(c);
	} else if (is_flood(what)) {
		flood.name = what;
		go_on(c);
	} else if (!done) {
		done = true;
		if (!strcmp(what, "calls"))
			attack();
		else if (!strcmp(what, "flags"))
			block_workers(c);
		else if (!strcmp(what, "memory"))
			take_memory();
		else if (!strcmp(what, "log"))
			fill_log();
		else if (!strcmp(what, "unsealed"))
			publish_unsealed(c);
	} else if (flood.name && !flood.said && flood.granted + flood.refused == 1) {
		report();
	}
}

/* The last call of the start that is given the process, which is sealed by then. */
int __wrap_control_config_start(struct process *p)
{
	self = p;
	return __real_control_config_start(p);
}

void __wrap_control_waits_check(struct control *c, uint64_t now_ns)
{
	__real_control_waits_check(c, now_ns);
	turn(c);
}
