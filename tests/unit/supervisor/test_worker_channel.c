// SPDX-License-Identifier: MIT
/*
 * test_worker_channel.c - a worker gets what there is, once, sockets before snapshot
 *
 * The worker's end of a real channel is read here.  Its send buffer is made small,
 * so that it is full in the middle of a sync.
 *
 * Links: daemon/supervisor/worker_channel.c daemon/supervisor/worker_ready.c
 * Links: daemon/supervisor/stand_in.c core/base/ipc.c
 * Links: core/base/addr.c
 * Links: core/base/statpage.c core/base/counters.c
 * Links: daemon/common/startup.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "core/rules/snapshot.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"
#include "daemon/supervisor/worker_ready.h"

static struct supervisor *sup;
static const struct options no_options;
static int worker_end, some_fd, killed, states, spawn_done, rings_moved;
static bool wants_room;
static enum ipc_ending last_why;

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
}

uint64_t monotonic_ns(void)
{
	static uint64_t now_ns;

	return now_ns += 1000000;
}

int rings_describe(const struct worker_record *w)
{
	return fcntl(some_fd, F_DUPFD_CLOEXEC, 0);
}

void rings_in_use(struct worker_record *w)
{
	rings_moved++;
}

void child_kill(struct supervisor *s, struct child *c)
{
	killed++;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	last_why = why;
	killed++;
}

void child_ready(struct child *c)
{
	c->state = CHILD_READY;
}

void child_hung_up(struct supervisor *s, struct child *c)
{
	killed++;
}

void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable)
{
	wants_room = writable;
}

void control_channel_worker_state(struct supervisor *s, unsigned worker)
{
	states++;
}

void control_channel_spawn_done(struct supervisor *s, int status, uint64_t value)
{
	spawn_done++;
}

static int setup(void **state)
{
	int pair[2], bytes = 1; /* the kernel makes it its minimum */

	killed = states = spawn_done = rings_moved = 0;
	wants_room = false;
	sup = calloc(1, sizeof(*sup));
	sup->options = &no_options;
	sup->workers = 1;
	sup->snapshot_fd = sup->changes_fd = -1;
	some_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		sup->input[i].sock[0] = sup->output[i].sock[0] = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) < 0)
		return -1;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	sup->child[0] = (struct child){
		.channel = pair[0], .pidfd = -1, .stat_fd = -1, .pid = 1, .state = CHILD_STARTING};
	worker_end = pair[1];
	return 0;
}

static int teardown(void **state)
{
	close(worker_end);
	close(sup->child[0].channel);
	close(some_fd);
	free(sup);
	return 0;
}

static void open_input(unsigned slot, uint64_t incarnation)
{
	sup->input[slot].incarnation = incarnation;
	sup->input[slot].iface = (struct ipc_iface){.slot = slot, .ifindex = slot + 1};
	sup->input[slot].sock[0] = some_fd;
}

static void publish(void)
{
	sup->snapshot_fd = some_fd;
	sup->changes_fd = -1;
	sup->snapshot = (struct ipc_publish){.generation = 10 * sup->snapshot_serial + 10,
					     .size_bytes = sizeof(struct snapshot_header)};
	sup->whole_serial = ++sup->snapshot_serial;
}

static void publish_changes(void)
{
	sup->changes_fd = some_fd;
	sup->changes = (struct ipc_publish){.generation = sup->snapshot.generation +
							  ++sup->snapshot_serial,
					    .base = sup->snapshot.generation,
					    .size_bytes = sizeof(struct snapshot_header)};
}

/* The next message is a snapshot.  Return: its generation, 0: it is none; with *follows. */
static uint64_t next_snapshot(bool *follows)
{
	struct ipc_msg m;
	int fd, ret = ipc_recv(worker_end, IPC_TO_WORKER, &m, &fd);

	if (fd >= 0)
		close(fd);
	if (ret != 1 || m.type != IPC_SNAPSHOT)
		return 0;
	*follows = m.publish.changes;
	return m.publish.generation;
}

/*
 * The next message at the worker's end.  Return: 0; -1 when it is not @type; -2 when there is none.
 */
static int next_message(enum ipc_to_worker type, struct ipc_msg *m)
{
	int fd, ret = ipc_recv(worker_end, IPC_TO_WORKER, m, &fd);

	if (fd >= 0)
		close(fd);
	if (ret != 1)
		return -2;
	return m->type == type ? 0 : -1;
}

/* The slot in the next message, or as next_message(). */
static int next(enum ipc_to_worker type)
{
	struct ipc_msg m;
	const int ret = next_message(type, &m);

	return ret < 0 ? ret : (int)m.input.slot;
}

static void test_difference(void **state)
{
	sup->child[0].state = CHILD_READY;
	open_input(3, 1);
	publish();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next(IPC_INPUT), 3);
	assert_true(next(IPC_SNAPSHOT) >= 0);
	assert_int_equal(next(IPC_INPUT), -2);

	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next(IPC_INPUT), -2); /* nothing twice */

	open_input(3, 2);
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next(IPC_INPUT_CLOSE), 3);
	assert_int_equal(next(IPC_INPUT), 3);

	sup->input[3].incarnation = 0;
	sup->input[3].sock[0] = -1;
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next(IPC_INPUT_CLOSE), 3);

	sup->output[4].incarnation = 3;
	sup->output[4].ifindex = 9;
	sup->output[4].sock[0] = some_fd;
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next(IPC_OUTPUT), 4);
	assert_int_equal(next(IPC_OUTPUT), -2);
}

/* The whole snapshot once, and of its changes the last. */
static void test_changes(void **state)
{
	bool follows;

	sup->child[0].state = CHILD_READY;
	publish();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_snapshot(&follows), sup->snapshot.generation);
	assert_false(follows);

	publish_changes();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_snapshot(&follows), sup->changes.generation);
	publish_changes();
	publish_changes();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_snapshot(&follows), sup->changes.generation);
	assert_int_equal(next_snapshot(&follows), 0);

	publish();
	publish_changes();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_snapshot(&follows), sup->snapshot.generation);
	assert_true(follows);
	assert_int_equal(next_snapshot(&follows), sup->changes.generation);
	assert_false(follows);
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_snapshot(&follows), 0);

	sup->worker[0].snapshot_sent = 0; /* a fresh worker */
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_snapshot(&follows), sup->snapshot.generation);
	assert_true(follows);
	assert_int_equal(next_snapshot(&follows), sup->changes.generation);
}

static void open_egress_socket(unsigned id, uint64_t incarnation)
{
	struct opened_egress_socket *o = &sup->egress_socket[id];

	free(o->sock);
	*o = (struct opened_egress_socket){.incarnation = incarnation,
					   .as = {.worker_mask = 1,
						  .id = id,
						  .ifindex = 1,
						  .to_be = 1,
						  .port = 1,
						  .ttl = 1,
						  .kind = EGRESS_SOCKET_OWN},
					   .sock = calloc(1, sizeof(int))};
	o->sock[0] = some_fd;
	sup->worker[0].egress_socket_due[id / 64] |= 1ull << id % 64;
}

/* As next(), for messages about egress sockets: the id. */
static int next_egress_socket(enum ipc_to_worker type)
{
	struct ipc_msg m;
	const int ret = next_message(type, &m);

	return ret < 0 ? ret : (int)m.egress_socket.id;
}

/* Another process of the worker, which has taken its first messages. */
static void begin_anew(void)
{
	struct worker_page *page = calloc(1, sizeof(*page));
	struct ipc_msg m;
	int fd;

	assert_non_null(page);
	sup->worker[0].page = page;
	worker_channel_begin(sup, 0);
	do {
		assert_int_equal(ipc_recv(worker_end, IPC_TO_NEW_WORKER, &m, &fd), 1);
		if (fd >= 0)
			close(fd);
	} while (m.type != IPC_START);
	free(page);
}

/*
 * Egress sockets are told of when they are due, once, before the snapshot that speaks of them; a
 * fresh worker gets all, after its first snapshot.
 */
static void test_egress_sockets(void **state)
{
	sup->child[0].state = CHILD_READY;
	open_egress_socket(100, 5);
	open_egress_socket(63, 6);
	publish();
	assert_true(worker_channel_sync(sup, 0));
	assert_true(next(IPC_SNAPSHOT) >= 0);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 63);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 100);
	open_egress_socket(64, 6);
	publish();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 64);
	assert_true(next(IPC_SNAPSHOT) >= 0);
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), -2);

	/* Another socket takes the place of the first without a close. */
	open_egress_socket(100, 7);
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 100);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), -2);

	/* Every message counts, as it does for the worker. */
	assert_int_equal(sup->worker[0].sent, 6);

	begin_anew();
	assert_true(worker_channel_sync(sup, 0));
	assert_true(next(IPC_SNAPSHOT) >= 0);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 63);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 64);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 100);

	/* But those with a source port, for which no socket of an interface can stand in. */
	sup->egress_socket[64].as.source_port = 7000;
	begin_anew();
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 64);
	assert_true(next(IPC_SNAPSHOT) >= 0);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 63);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), 100);

	sup->egress_socket[63].incarnation = 0;
	sup->worker[0].egress_socket_due[0] = 1ull << 63;
	assert_true(worker_channel_sync(sup, 0));
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET_CLOSE), 63);
	assert_int_equal(next_egress_socket(IPC_EGRESS_SOCKET), -2);
	assert_int_equal(sup->worker[0].sent, 5);
	free(sup->egress_socket[63].sock);
	free(sup->egress_socket[64].sock);
	free(sup->egress_socket[100].sock);
}

/* As test_busy(), with more egress sockets than the channel takes. */
static void test_busy_egress_sockets(void **state)
{
	unsigned got = 0, rounds = 0;
	int id;

	sup->child[0].state = CHILD_READY;
	for (unsigned i = 0; i < 300; i++)
		open_egress_socket(i, i + 1);
	publish();
	while (!worker_channel_sync(sup, 0)) {
		assert_true(++rounds < 300);
		if (rounds == 1)
			assert_true(next(IPC_SNAPSHOT) >= 0);
		while ((id = next_egress_socket(IPC_EGRESS_SOCKET)) != -2)
			assert_int_equal(id, got++);
	}
	assert_true(rounds > 1);
	while ((id = next_egress_socket(IPC_EGRESS_SOCKET)) != -2)
		assert_int_equal(id, got++);
	assert_int_equal(got, 300);
	for (unsigned i = 0; i < 300; i++)
		free(sup->egress_socket[i].sock);
}

static void test_not_ready(void **state)
{
	publish();
	assert_int_equal(worker_channel_sync_all(sup), 1);
	assert_int_equal(next(IPC_SNAPSHOT), -2);
}

/* A worker that does not read delays no other and loses nothing. */
static void test_busy(void **state)
{
	unsigned got = 0, rounds = 0;
	int slot;

	sup->child[0].state = CHILD_READY;
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		open_input(i, i + 1);
	publish();
	while (!worker_channel_sync(sup, 0)) {
		assert_true(wants_room);
		assert_true(sup->worker[0].behind);
		assert_true(++rounds < MCR_MAX_IFACES);
		while ((slot = next(IPC_INPUT)) != -2)
			assert_int_equal(slot, got++);
	}
	assert_true(rounds > 1);
	assert_false(wants_room);
	while ((slot = next(IPC_INPUT)) >= 0)
		assert_int_equal(slot, got++);
	assert_int_equal(slot, -1); /* the snapshot, after the last socket */
	assert_int_equal(got, MCR_MAX_IFACES);
	assert_int_equal(killed, 0);
}

static void test_messages(void **state)
{
	struct ipc_msg ready = {.type = IPC_WORKER_READY}, other = {.type = IPC_SPAWN};

	publish();
	assert_int_equal(ipc_send(worker_end, &ready, -1), 0);
	worker_ready_read(sup, 0);
	assert_int_equal(sup->child[0].state, CHILD_READY);
	assert_int_equal(states, 1);
	assert_int_equal(rings_moved, 1);
	assert_int_equal(spawn_done, 1);
	assert_true(next(IPC_SNAPSHOT) >= 0);
	assert_int_equal(killed, 0);
	assert_int_equal(ipc_send(worker_end, &ready, -1), 0);
	worker_ready_read(sup, 0);
	assert_int_equal(killed, 1);
	assert_int_equal(last_why, END_MESSAGE);
	assert_int_equal(ipc_send(worker_end, &other, -1), 0);
	worker_ready_read(sup, 0);
	assert_int_equal(killed, 2);
	assert_int_equal(send(worker_end, "short", 5, 0), 5);
	worker_ready_read(sup, 0);
	assert_int_equal(killed, 3);
	assert_int_equal(ipc_send(worker_end, &ready, some_fd), 0); /* a descriptor too many */
	worker_ready_read(sup, 0);
	assert_int_equal(killed, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_difference, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_egress_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy_egress_sockets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(test_busy, setup, teardown),
		cmocka_unit_test_setup_teardown(test_messages, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
