// SPDX-License-Identifier: MIT
/*
 * test_supervisor_request.c - the supervisor against a control that cannot be trusted
 *
 * Messages go through a real channel and ipc_recv(); privileged calls and the
 * processes are replaced below.  A refused request must change nothing.
 *
 * Links: daemon/supervisor_request.c daemon/supervisor_iface.c daemon/supervisor_join.c
 * Links: daemon/supervisor_stats.c daemon/supervisor_field.c core/ipc.c core/addr.c core/steer.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/snapshot.h"
#include "core/steer.h"
#include "daemon/log.h"
#include "daemon/supervisor.h"

/* What the replaced calls were asked for, and what they answer. */
static struct {
	int packet_sockets, fail_packet_socket_at;
	int filters, filter_error;
	struct priv_gro_state gro;
	int gro_sets, gro_error;
	int started, failed, announced, killed;
	bool counts[1024]; /* descriptors of counting sockets */
	uint32_t counted;  /* what each of them counts between two readings */
} fake;

static int some_fd(void)
{
	return open("/dev/null", O_RDWR | O_CLOEXEC);
}

int priv_packet_socket(unsigned ifindex)
{
	if (++fake.packet_sockets == fake.fail_packet_socket_at)
		return -ENODEV;
	return some_fd();
}

int priv_fanout(const int *socks, unsigned n, enum ipc_steering steering, enum link_layer link)
{
	return 0;
}

int priv_counting_socket(unsigned ifindex)
{
	const int fd = some_fd();

	assert_in_range(fd, 0, 1023);
	fake.counts[fd] = true;
	return fd;
}

int priv_set_filter(int sock, const struct sock_fprog *prog)
{
	fake.filters++;
	return prog->len > STEER_SMALL_MAX ? fake.filter_error : 0;
}

int priv_packet_stats(int sock, uint32_t *passed, uint32_t *lost)
{
	*passed = fake.counts[sock] ? fake.counted : 10;
	*lost = 3;
	return 0;
}

int priv_egress_socket(unsigned ifindex)
{
	return some_fd();
}

int priv_helper_socket(void)
{
	return some_fd();
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
	return some_fd();
}

int priv_gro_get(unsigned ifindex, struct priv_gro_state *st)
{
	*st = fake.gro;
	return 0;
}

int priv_gro_set(unsigned ifindex, const struct priv_gro_state *st)
{
	fake.gro_sets++;
	if (fake.gro_error)
		return fake.gro_error;
	fake.gro = *st;
	return 0;
}

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
}

void supervisor_fail(struct supervisor *s)
{
	fake.failed++;
}

void supervisor_announce(struct supervisor *s)
{
	fake.announced++;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	c->ending = why;
	fake.killed++;
}

int upgrade_begin(struct supervisor *s)
{
	return -EBUSY;
}

int child_start(struct supervisor *s, struct child *c)
{
	fake.started++;
	return 0;
}

int worker_make_memory(struct supervisor *s, unsigned workers)
{
	return 0;
}

void control_give_page(struct supervisor *s, unsigned worker)
{
}

uint64_t worker_sync_all(struct supervisor *s)
{
	return 2; /* worker 1 is busy */
}

/* --- the supervisor under test, and a channel to it --- */

static struct supervisor *sup;
static struct iface_page page;
static int channel[2];

static int setup(void **state)
{
	memset(&fake, 0, sizeof(fake));
	memset(&page, 0, sizeof(page));
	sup = calloc(1, sizeof(*sup));
	sup->iface_page = &page;
	sup->snapshot_fd = -1;
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		sup->input[i].ipv4_udp = sup->input[i].foreign = -1;
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++)
			sup->input[i].sock[k] = sup->output[i].sock[k] = -1;
	}
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, channel);
}

static int teardown(void **state)
{
	iface_fini(sup);
	join_fini(&sup->joins);
	if (sup->snapshot_fd >= 0)
		close(sup->snapshot_fd);
	free(sup);
	close(channel[0]);
	close(channel[1]);
	return 0;
}

static uint64_t reply_value;

/* Sends @m as control would; the status of the reply, or what ipc_recv() refused it with. */
static int ask(struct ipc_msg m, int fd)
{
	struct ipc_msg got;
	int got_fd, ret;

	assert_int_equal(ipc_send(channel[0], &m, fd), 0);
	ret = ipc_recv(channel[1], IPC_FROM_CONTROL, &got, &got_fd);
	if (ret != 1)
		return ret;
	ret = request_serve(sup, &got, &got_fd, &reply_value);
	if (got_fd >= 0)
		close(got_fd);
	return ret;
}

static struct ipc_msg iface_msg(enum ipc_type type, uint32_t slot, uint64_t mask)
{
	return (struct ipc_msg){
		.type = type,
		.iface = {.slot = slot, .ifindex = 5, .mtu = 1500, .worker_mask = mask}};
}

static void configure(unsigned workers)
{
	struct ipc_msg m = {.type = IPC_CONFIGURE, .configure = {.workers = workers}};

	assert_int_equal(ask(m, -1), 0);
}

static void test_start(void **state)
{
	struct ipc_msg spawn = {.type = IPC_SPAWN};
	struct ipc_msg pin = {.type = IPC_PIN, .pin = {.worker = 1, .cpu = 0}};
	struct ipc_msg twice = {.type = IPC_CONFIGURE, .configure = {.workers = 2}};
	struct ipc_msg other = {.type = IPC_CONFIGURE, .configure = {.workers = 3}};
	struct ipc_msg none = {.type = IPC_CONFIGURE};

	assert_int_equal(ask(spawn, -1), -EINVAL);
	assert_int_equal(ask(pin, -1), -ERANGE);
	assert_int_equal(ask(none, -1), -ERANGE);
	configure(2);
	assert_int_equal(ask(twice, -1), 0);
	assert_int_equal(ask(other, -1), -EALREADY);
	assert_int_equal(sup->workers, 2);
	pin.pin.worker = 2;
	assert_int_equal(ask(pin, -1), -ERANGE);
	pin.pin.worker = 1;
	assert_int_equal(ask(pin, -1), 0);
	assert_int_equal(ask(spawn, -1), 1);
	assert_int_equal(fake.started, 2);
	pin.pin.cpu = 1;
	assert_int_equal(ask(pin, -1), -EBUSY);
	sup->child[0].ready = sup->child[1].ready = true;
	assert_int_equal(ask(spawn, -1), 0);
	assert_int_equal(fake.started, 2);
}

/* Control may have a worker restarted that is there and ready, and no other. */
static void test_restart_worker(void **state)
{
	struct ipc_msg m = {.type = IPC_RESTART_WORKER, .pin = {.worker = 1, .cpu = -1}};

	assert_int_equal(ask(m, -1), -ERANGE);
	configure(2);
	assert_int_equal(ask(m, -1), -EALREADY);
	sup->child[1].ready = true;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(fake.killed, 1);
	assert_int_equal(sup->child[1].ending, END_DRIFT);
	assert_int_equal(sup->child[0].ending, END_NONE);
	m.pin.worker = 2;
	assert_int_equal(ask(m, -1), -ERANGE);
	m.pin.worker = MCR_MAX_WORKERS;
	assert_int_equal(ask(m, -1), -ERANGE);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_UPGRADE}, -1), -EBUSY);
	assert_int_equal(fake.killed, 1);
}

static void test_inputs(void **state)
{
	struct ipc_msg bad_ifindex = iface_msg(IPC_OPEN_INPUT, 0, 1);
	uint64_t first;

	bad_ifindex.iface.ifindex = 0;
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), -ERANGE); /* no workers */
	configure(2);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, MCR_MAX_IFACES, 1), -1), -ERANGE);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 0), -1), -ERANGE);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 4), -1), -ERANGE);
	assert_int_equal(ask(bad_ifindex, -1), -ERANGE);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), -ENOENT);
	assert_int_equal(fake.packet_sockets, 0);

	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	first = sup->input[0].incarnation;
	assert_true(first != 0);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), -EEXIST);
	assert_int_equal(sup->input[0].incarnation, first);
	/* Opening reads the counters once, and this reads them again. */
	assert_int_equal(ask((struct ipc_msg){.type = IPC_REFRESH_STATS}, -1), 0);
	assert_int_equal(page.slot[0].delivered[1], 14);
	assert_int_equal(page.slot[0].socket_queue[1], 6);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
	assert_int_equal(page.slot[0].delivered[0], 21);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	assert_true(sup->input[0].incarnation > first);
}

static void test_input_undone(void **state)
{
	configure(3);
	fake.fail_packet_socket_at = 3;
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 1, 7), -1), -ENODEV);
	assert_int_equal(sup->input[1].incarnation, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(sup->input[1].sock[i], -1);
}

static void test_buffers_and_gro(void **state)
{
	static const struct {
		const char *name;
		uint32_t mtu;
		bool found, fraglist, supers;
		enum ipc_gro gro;
		int error;
		enum buf_class expect;
		bool on;
		int sets; /* until the input is closed */
	} rows[] = {
		{"ethernet", 1500, false, false, false, GRO_LEAVE, 0, BUF_SMALL, false, 0},
		{"largest small", 2024, false, false, false, GRO_LEAVE, 0, BUF_SMALL, false, 0},
		{"one more", 2025, false, false, false, GRO_LEAVE, 0, BUF_JUMBO, false, 0},
		{"largest jumbo", 9192, false, false, false, GRO_LEAVE, 0, BUF_JUMBO, false, 0},
		{"beyond jumbo", 9193, false, false, false, GRO_LEAVE, 0, BUF_SUPER, false, 0},
		{"GRO found on", 1500, true, false, false, GRO_LEAVE, 0, BUF_SUPER, true, 0},
		{"switched on", 1500, false, false, false, GRO_ON, 0, BUF_SUPER, true, 2},
		{"on already", 1500, true, false, false, GRO_ON, 0, BUF_SUPER, true, 0},
		{"may not", 1500, false, false, false, GRO_ON, -EPERM, BUF_SMALL, false, 1},
		{"switched off", 1500, true, false, false, GRO_OFF, 0, BUF_SMALL, false, 2},
		{"may not, off", 1500, true, false, false, GRO_OFF, -EPERM, BUF_SUPER, true, 1},
		{"supers", 1500, false, false, true, GRO_LEAVE, 0, BUF_SUPER, false, 0},
		{"supers, off", 1500, false, false, true, GRO_OFF, 0, BUF_SMALL, false, 0},
		{"fraglist", 1500, false, true, false, GRO_OFF, 0, BUF_SUPER, false, 0},
	};

	configure(1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = iface_msg(IPC_OPEN_INPUT, 0, 1);

		print_message("  %s\n", rows[i].name);
		fake.gro = (struct priv_gro_state){rows[i].found, rows[i].found, rows[i].fraglist};
		fake.gro_error = rows[i].error;
		fake.gro_sets = 0;
		m.iface.mtu = rows[i].mtu;
		m.iface.supers = rows[i].supers;
		m.iface.gro = rows[i].gro;
		assert_int_equal(ask(m, -1), 0);
		assert_int_equal(sup->input[0].buf_class, rows[i].expect);
		assert_int_equal(reply_value, rows[i].on);
		assert_int_equal(ask(iface_msg(IPC_CLOSE_INPUT, 0, 0), -1), 0);
		assert_int_equal(fake.gro_sets, rows[i].sets);
		assert_int_equal(fake.gro.udp_forwarding, rows[i].found);
	}
}

static void test_outputs(void **state)
{
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 0, 0), -1), -EINVAL);
	configure(2);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_OUTPUT, 0, 0), -1), -ENOENT);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 0, 0), -1), 0);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 0, 0), -1), -EEXIST);
	assert_int_equal(ask(iface_msg(IPC_CLOSE_OUTPUT, 0, 0), -1), 0);
	assert_int_equal(sup->output[0].sock[1], -1);
}

/* A control that died had opened what its successor asks for otherwise, or not at all. */
static void test_next_control(void **state)
{
	struct ipc_msg ready = {.type = IPC_READY}, other = iface_msg(IPC_OPEN_INPUT, 0, 3);
	struct ipc_msg smaller = iface_msg(IPC_OPEN_INPUT, 1, 3);
	uint64_t first[2];

	configure(2);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, i, 3), -1), 0);
		assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, i, 0), -1), 0);
	}
	first[0] = sup->input[0].incarnation;
	first[1] = sup->input[1].incarnation;
	sup->round++;
	/* Another interface has the slot by now: what was open there must not be taken for it. */
	other.iface.ifindex++;
	assert_int_equal(ask(other, -1), 0);
	assert_true(sup->input[0].incarnation > first[0]);
	assert_int_equal(sup->input[0].iface.ifindex, other.iface.ifindex);
	other.type = IPC_OPEN_OUTPUT;
	assert_int_equal(ask(other, -1), 0);
	assert_int_equal(sup->output[0].ifindex, other.iface.ifindex);
	/* Buffers that are larger than necessary do. */
	smaller.iface.mtu--;
	assert_int_equal(ask(smaller, -1), -EEXIST);
	assert_int_equal(sup->input[1].incarnation, first[1]);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 2, 3), -1), -EEXIST);
	assert_int_equal(ask(iface_msg(IPC_OPEN_OUTPUT, 2, 0), -1), -EEXIST);

	assert_int_equal(ask(ready, -1), 0);
	assert_true(sup->input[0].incarnation && sup->output[0].incarnation);
	assert_int_equal(sup->input[1].incarnation, first[1]);
	assert_int_equal(sup->output[1].incarnation, 0);
	assert_true(sup->input[2].incarnation && sup->output[2].incarnation);
	assert_int_equal(sup->input[3].incarnation, 0);
	assert_int_equal(sup->output[3].sock[1], -1);
}

static int memory(const void *head, size_t head_len, size_t size, int seals)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	if (head_len)
		assert_int_equal(pwrite(fd, head, head_len, 0), head_len);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

/* What no rule wants: all IPv4 UDP less what two packet sockets with 10 each took. */
static void test_unclaimed(void **state)
{
	static const struct {
		const char *name;
		uint32_t counted;
		uint64_t foreign, not_matched;
	} rows[] = {
		{"all wanted", 20, 20, 20},
		{"some unwanted", 25, 45, 50},
		{"the counting socket was read too early", 17, 62, 67},
		{"and makes up for it", 23, 85, 90},
		{"exactly", 21, 106, 112},
	};

	configure(2);
	fake.counted = 20;
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 3), -1), 0);
	memset(&page.slot[0], 0, sizeof(page.slot[0]));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		print_message("  %s\n", rows[i].name);
		fake.counted = rows[i].counted;
		assert_int_equal(ask((struct ipc_msg){.type = IPC_REFRESH_STATS}, -1), 0);
		assert_int_equal(page.slot[0].not_ipv4_udp, rows[i].foreign);
		assert_int_equal(page.slot[0].not_matched, rows[i].not_matched);
	}
}

static void test_filters(void **state)
{
	static const struct {
		const char *name;
		uint32_t n;
		size_t size;
		int attach_error, status;
		uint64_t coarse;
	} rows[] = {
		{"exact", 5, 8 + 5 * 8, 0, 0, 0},
		{"too big for the kernel", 80, 8 + 80 * 8, -ENOMEM, 0, 1},
		{"refused by the kernel", 80, 8 + 80 * 8, -EINVAL, -EINVAL, 0},
		{"shorter than announced", 5, 8 + 4 * 8, 0, -EINVAL, 0},
		{"longer than announced", 5, 8 + 6 * 8, 0, -EINVAL, 0},
		{"no header", 5, 7, 0, -EINVAL, 0},
		{"none", 0, 8, 0, -EINVAL, 0},
		{"beyond BPF_MAXINSNS", 4097, 8 + 4097 * 8, 0, -EINVAL, 0},
		{"size overflows", 0xffffffff, 8 + 8, 0, -EINVAL, 0},
	};
	int pair[2], fd;

	configure(1);
	fd = memory(NULL, 0, 64, 0);
	assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), fd), -ENOENT);
	assert_int_equal(ask(iface_msg(IPC_OPEN_INPUT, 0, 1), -1), 0);
	/* Without a descriptor the message is not one. */
	assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), -1), -EBADMSG);
	/* Reading a pipe would block for ever. */
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), pair[0]), -EPERM);
	close(fd);
	close(pair[0]);
	close(pair[1]);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct filter_file head = {.n = rows[i].n};
		size_t len = rows[i].size < sizeof(head) ? rows[i].size : sizeof(head);
		int before = fake.filters;

		print_message("  %s\n", rows[i].name);
		fake.filter_error = rows[i].attach_error;
		fd = memory(&head, len, rows[i].size, 0);
		assert_int_equal(ask(iface_msg(IPC_SET_FILTER, 0, 0), fd), rows[i].status);
		assert_int_equal(reply_value, rows[i].coarse);
		if (rows[i].status && !rows[i].attach_error)
			assert_int_equal(fake.filters, before);
		close(fd);
	}
}

static void test_publish(void **state)
{
	const int all = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;
	static const struct {
		const char *name;
		int missing;
		uint64_t announced;
		int status;
	} rows[] = {
		{"first", 0, 4096, 0},
		{"may still be written", F_SEAL_WRITE, 4096, -EPERM},
		{"may still shrink", F_SEAL_SHRINK, 4096, -EPERM},
		{"may still grow", F_SEAL_GROW, 4096, -EPERM},
		{"size is another", 0, 4097, -EINVAL},
		{"size cannot be", 0, SNAPSHOT_MAX_BYTES + 1, -ERANGE},
		{"second", 0, 4096, 0},
	};

	configure(2);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ipc_msg m = {
			.type = IPC_PUBLISH,
			.publish = {.generation = i + 1, .size_bytes = rows[i].announced}};
		uint64_t serial = sup->snapshot_serial;
		int fd = memory(NULL, 0, 4096, all & ~rows[i].missing);
		int kept = sup->snapshot_fd;

		print_message("  %s\n", rows[i].name);
		assert_int_equal(ask(m, fd), rows[i].status);
		close(fd);
		assert_int_equal(sup->snapshot_serial, serial + (rows[i].status == 0));
		if (rows[i].status) {
			assert_int_equal(sup->snapshot_fd, kept);
			assert_true(fcntl(kept, F_GET_SEALS) >= 0);
		} else {
			assert_int_equal(sup->snapshot.generation, i + 1);
			assert_int_equal(reply_value, 2);
		}
	}
	assert_int_equal(ask((struct ipc_msg){.type = IPC_PUBLISH, .publish = {1, 4096}}, 0),
			 -EPERM);
}

/* The table itself is tested in test_supervisor_join.c. */
static void test_joins(void **state)
{
	struct ipc_msg m = {.type = IPC_JOIN,
			    .join = {.ifindex = 5, .group = addr_from_ipv4_be(htonl(0xef000001))}};

	assert_int_equal(ask(m, -1), 0);
	m.type = IPC_LEAVE;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(m, -1), -ENOENT);
	m.type = IPC_BIND; /* of a group, and without a port */
	assert_int_equal(ask(m, -1), -ERANGE);
	m.join.group = addr_from_ipv4_be(htonl(0x0a000001));
	assert_int_equal(ask(m, -1), -ERANGE);
	m.join.port = 5000;
	assert_int_equal(ask(m, -1), 0);
	m.type = IPC_UNBIND;
	assert_int_equal(ask(m, -1), 0);
	assert_int_equal(ask(m, -1), -ENOENT);
	m.type = IPC_JOIN; /* of what is no group */
	assert_int_equal(ask(m, -1), -ERANGE);
}

/* Types that only others may send never reach a handler. */
static void test_foreign_types(void **state)
{
	static const enum ipc_type types[] = {IPC_GIVE,         IPC_START,    IPC_REPLY, IPC_INPUT,
					      IPC_WORKER_STATE, IPC_SHUTDOWN, IPC_TYPES, 0};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(ask((struct ipc_msg){.type = (uint16_t)types[i]}, -1), -EPROTO);
	assert_int_equal(ask((struct ipc_msg){.type = IPC_READY}, -1), 0);
	assert_int_equal(fake.announced, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_start, setup, teardown),
		cmocka_unit_test_setup_teardown(test_restart_worker, setup, teardown),
		cmocka_unit_test_setup_teardown(test_inputs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_input_undone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_buffers_and_gro, setup, teardown),
		cmocka_unit_test_setup_teardown(test_outputs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_next_control, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unclaimed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_filters, setup, teardown),
		cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
		cmocka_unit_test_setup_teardown(test_joins, setup, teardown),
		cmocka_unit_test_setup_teardown(test_foreign_types, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
