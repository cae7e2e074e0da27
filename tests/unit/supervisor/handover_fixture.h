/* SPDX-License-Identifier: MIT */
/*
 * handover_fixture.h - a supervisor with something of everything that outlives an exec
 *
 * Its descriptors are real, but its child only waits.  Include it after cmocka.h, in one
 * file of a program.
 */
#ifndef TESTS_UNIT_SUPERVISOR_HANDOVER_FIXTURE_H
#define TESTS_UNIT_SUPERVISOR_HANDOVER_FIXTURE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/limit_page.h"
#include "core/base/statpage.h"
#include "daemon/common/memfd.h"
#include "daemon/priv/socket.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_memory.h"

#define WORKERS 2u

static struct supervisor *sup;
static pid_t child_pid;
static bool have_packets; /* packet sockets need CAP_NET_RAW */

int worker_memory_map_page(struct worker_record *w)
{
	w->page = (struct worker_page *)1; /* not looked at here */
	return 0;
}

/* Numbers that no other field has, so that a test finds them in what was written. */
static int high(int fd)
{
	int other = fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 700);

	if (fd >= 0)
		close(fd);
	return other;
}

static int udp(void)
{
	return high(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

int priv_helper_socket(void)
{
	return udp();
}

int priv_join(int sock, const struct ipc_join *j)
{
	return 0;
}

int priv_leave(int sock, const struct ipc_join *j)
{
	return 0;
}

int priv_bind_unread(const struct ipc_join *j)
{
	return udp();
}

static int packet(void)
{
	return high(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int memory(size_t size)
{
	return high(memfd_zeroed("test", size));
}

/* Of the kind that a ring is: no ring may be had everywhere. */
static int ring(void)
{
	return high(eventfd(0, EFD_CLOEXEC));
}

static int listener(void)
{
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Only the family: the kernel chooses an abstract name. */
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 1), 0);
	return high(fd);
}

static int channel(void)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]);
	return high(pair[0]);
}

static int log_pipe(void)
{
	int pair[2];

	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	close(pair[1]);
	return high(pair[0]);
}

static struct supervisor *supervisor_fresh(void)
{
	struct supervisor *s = calloc(1, sizeof(*s));

	for (unsigned i = 0; i < CHILDREN; i++)
		s->child[i] = (struct child){.index = i,
					     .cpu = -1,
					     .pidfd = -1,
					     .stat_fd = -1,
					     .channel = -1,
					     .log.fd = -1};
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		s->worker[i].page_fd = s->worker[i].arena_fd = -1;
		s->worker[i].ring.fd = s->worker[i].last.fd = -1;
	}
	supervisor_no_sockets(s);
	s->notify = s->config_fd = s->snapshot_fd = s->changes_fd = -1;
	return s;
}

static void fill_children(struct supervisor *s, uint64_t now_ns)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		s->worker[i] = (struct worker_record){
			.page_fd = memory(sizeof(struct worker_page)),
			.arena_fd = memory(WORKER_ARENA_BYTES),
			.ring = {.fd = -1},
			.last = {.fd = ring(), .info = {.number = 4, .set = i}},
			.rings = 5,
			.snapshot_sent = 3 - i,
			.behind = i == 1};
		s->child[i].cpu = (int)i - 1;
		s->worker[i].input_sent[5] = 7 + i;
		s->worker[i].output_sent[6] = 9;
	}
	s->child[0].pid = child_pid;
	s->child[0].pidfd = high((int)syscall(SYS_pidfd_open, child_pid, 0));
	s->child[0].channel = channel();
	s->child[0].log.fd = log_pipe();
	s->child[0].state = CHILD_READY;
	s->child[0].last_ending = END_HANG;
	s->child[0].last_ms = 412;
	s->child[0].health_check_failures = 4;
	s->child[0].restarts = 5;
	s->child[0].backoff_ms = 800;
	s->child[0].started_ns = now_ns - 5;
	s->child[1].last_ending = END_ITSELF; /* waits for its restart */
	s->child[1].last_status = 0x300;
	s->child[1].state = CHILD_PLANNED;
	s->child[1].due_ns = now_ns + 30000000000ull;
}

static struct ipc_join join_of(uint32_t group, uint32_t source, uint16_t port)
{
	struct ipc_join j;

	memset(&j, 0, sizeof(j));
	j.ifindex = 5;
	j.group = addr_from_ipv4_be(htonl(group));
	if (source)
		j.source = addr_from_ipv4_be(htonl(source));
	j.port = port;
	return j;
}

static void fill_sockets(struct supervisor *s)
{
	struct ipc_join join;

	if (have_packets) {
		s->input[5].incarnation = 8;
		s->input[5].iface = (struct ipc_iface){
			.slot = 5, .ifindex = 5, .mtu = 1500, .gro = GRO_ON, .worker_mask = 2};
		s->input[5].buf_class = BUF_SUPER;
		s->input[5].gro_on = s->input[5].gro_changed = true;
		s->input[5].gro_found = (struct priv_gro_state){true, false, true};
		s->input[5].sock[1] = packet();
		s->input[5].ipv4_udp = packet();
		s->input[5].vlan = packet();
		s->input[5].foreign = packet();
	}
	s->output[6].incarnation = 9;
	s->output[6].ifindex = 6;
	s->output[6].sock[0] = udp();
	s->output[6].sock[1] = udp();
	s->egress_socket[77].incarnation = 9;
	s->egress_socket[77].as = (struct ipc_egress_socket){.worker_mask = 3,
							     .id = 77,
							     .iface = 6,
							     .ifindex = 6,
							     .to_be = htonl(0x0a000007),
							     .port = 5000,
							     .kind = EGRESS_SOCKET_OWN,
							     .ttl = 64,
							     .connected = 1};
	s->egress_socket[77].from_be = htonl(0x0a000001);
	s->egress_socket[77].sock = calloc(2, sizeof(int));
	s->egress_socket[77].sock[0] = udp();
	s->egress_socket[77].sock[1] = udp();
	s->egress_sockets_open = 2;
	s->worker[1].egress_socket_sent[77] = 8;
	for (unsigned i = 0; i < WORKERS; i++)
		s->worker[i].egress_socket_due[77 / 64] = 1ull << 77 % 64;
	join = join_of(0xef000001, 0, 0);
	assert_int_equal(membership_add(&s->memberships, &join, false), 0);
	join = join_of(0xef000002, 0, 0);
	assert_int_equal(membership_add(&s->memberships, &join, false), 0);
	join = join_of(0xef000002, 0x0a000001, 0);
	assert_int_equal(membership_add(&s->memberships, &join, false), 0);
	join = join_of(0x0a000009, 0, 5000);
	assert_int_equal(membership_add(&s->memberships, &join, true), 0);
}

static int setup(void **state)
{
	uint64_t now_ns = monotonic_ns();
	int fd = packet();

	have_packets = fd >= 0;
	if (fd >= 0)
		close(fd);
	child_pid = fork();
	if (child_pid == 0)
		for (;;)
			pause();
	sup = supervisor_fresh();
	sup->workers = WORKERS;
	sup->worker_flags = IPC_FLAG_PER_PACKET;
	sup->ring_size = RING_QUARTER;
	sup->filters_rev = 1;
	sup->started_ns = now_ns - 1000;
	sup->next_incarnation = 9;
	sup->snapshot_serial = 3;
	sup->whole_serial = 2;
	sup->snapshot = (struct ipc_publish){.generation = 17, .size_bytes = 4096};
	sup->snapshot_fd = high(memfd_sealed("test", (const char[4096]){0}, 4096));
	sup->changes = (struct ipc_publish){.generation = 19, .size_bytes = 200, .base = 17};
	sup->changes_fd = high(memfd_sealed("test", (const char[200]){0}, 200));
	sup->control_listener = listener();
	sup->status_listener = listener();
	sup->applied = high(eventfd(0, EFD_CLOEXEC));
	sup->limits_fd = memory(sizeof(struct limit_page));
	sup->iface_page_fd = memory(sizeof(struct iface_page));
	sup->heartbeat_fd = memory(sizeof(struct heartbeat_page));
	fill_children(sup, now_ns);
	fill_sockets(sup);
	return 0;
}

static int teardown(void **state)
{
	kill(child_pid, SIGKILL);
	waitpid(child_pid, NULL, 0);
	membership_fini(&sup->memberships);
	free(sup->egress_socket[77].sock);
	free(sup);
	/* Everything above standard error is this test's. */
	close_range(STDERR_FILENO + 1, ~0u, 0);
	return 0;
}

#endif
