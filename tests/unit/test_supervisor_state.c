// SPDX-License-Identifier: MIT
/*
 * test_supervisor_state.c - what outlives an exec comes back as it was, or not at all
 *
 * The descriptors are real, the exec is not: what state_save() wrote is read by
 * state_restore() in the same process.  Then it is cut short, enlarged and changed,
 * byte by byte: nothing of that may be believed where it can be told, or do harm.
 *
 * Links: daemon/supervisor_state.c daemon/supervisor_field.c daemon/supervisor_join.c
 * Links: daemon/version.c core/ipc.c core/addr.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "daemon/supervisor.h"

#define WORKERS 2u

static struct supervisor *sup;
static pid_t child_pid;
static bool have_packets; /* packet sockets need CAP_NET_RAW */

uint64_t supervisor_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

int worker_map_page(struct worker *w)
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
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
	return high(fd);
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

static struct supervisor *supervisor_fresh(void)
{
	struct supervisor *s = calloc(1, sizeof(*s));

	for (unsigned i = 0; i < CHILDREN; i++)
		s->child[i] = (struct child){.index = i, .pidfd = -1, .channel = -1};
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		s->worker[i].cpu = s->worker[i].page_fd = s->worker[i].arena_fd = -1;
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		s->input[i].ipv4_udp = s->input[i].foreign = -1;
		for (unsigned k = 0; k < MCR_MAX_WORKERS; k++)
			s->input[i].sock[k] = s->output[i].sock[k] = -1;
	}
	s->notify = s->config_fd = s->snapshot_fd = -1;
	return s;
}

static void fill_children(struct supervisor *s, uint64_t now_ns)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		s->worker[i] = (struct worker){.cpu = (int)i - 1,
					       .page_fd = memory(sizeof(struct worker_page)),
					       .arena_fd = memory(WORKER_ARENA_BYTES),
					       .snapshot_sent = 3 - i,
					       .behind = i == 1};
		s->worker[i].input_sent[5] = 7 + i;
		s->worker[i].output_sent[6] = 9;
	}
	s->child[0].pid = child_pid;
	s->child[0].pidfd = high((int)syscall(SYS_pidfd_open, child_pid, 0));
	s->child[0].channel = channel();
	s->child[0].ready = true;
	s->child[0].last_ending = END_HANG;
	s->child[0].last_ms = 412;
	s->child[0].health_check_failures = 4;
	s->child[0].restarts = 5;
	s->child[0].backoff_ms = 800;
	s->child[0].started_ns = now_ns - 5;
	s->child[1].last_ending = END_ITSELF; /* waits for its restart */
	s->child[1].last_status = 0x300;
	s->child[1].restart_ns = now_ns + 30000000000ull;
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
		s->input[5].foreign = packet();
	}
	s->output[6].incarnation = 9;
	s->output[6].ifindex = 6;
	s->output[6].sock[0] = udp();
	s->output[6].sock[1] = udp();
	join = join_of(0xef000001, 0, 0);
	assert_int_equal(join_add(&s->joins, &join, false), 0);
	join = join_of(0xef000002, 0, 0);
	assert_int_equal(join_add(&s->joins, &join, false), 0);
	join = join_of(0xef000002, 0x0a000001, 0);
	assert_int_equal(join_add(&s->joins, &join, false), 0);
	join = join_of(0x0a000009, 0, 5000);
	assert_int_equal(join_add(&s->joins, &join, true), 0);
}

static int setup(void **state)
{
	uint64_t now_ns = supervisor_now_ns();
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
	sup->filters_rev = 1;
	sup->started_ns = now_ns - 1000;
	sup->next_incarnation = 9;
	sup->snapshot_serial = 3;
	sup->snapshot = (struct ipc_publish){17, 4096};
	sup->snapshot_fd = memory(4096);
	sup->control_listener = listener();
	sup->status_listener = listener();
	sup->applied = high(eventfd(0, EFD_CLOEXEC));
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
	join_fini(&sup->joins);
	free(sup);
	/* Everything above standard error is this test's. */
	close_range(STDERR_FILENO + 1, ~0u, 0);
	return 0;
}

static void test_same_again(void **state)
{
	struct supervisor *s = supervisor_fresh();
	struct ipc_join join;
	int fd = state_save(sup);

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD), 0);
	assert_int_equal(fcntl(sup->output[6].sock[1], F_GETFD), 0); /* goes over an exec */
	assert_int_equal(state_restore(s, fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD), -1); /* taken */
	assert_int_equal(fcntl(sup->output[6].sock[1], F_GETFD), FD_CLOEXEC);

	assert_int_equal(s->workers, WORKERS);
	assert_int_equal(s->worker_flags, IPC_FLAG_PER_PACKET);
	assert_int_equal(s->filters_rev, 1);
	assert_true(s->spawned && s->announced);
	assert_int_equal(s->started_ns, sup->started_ns);
	assert_int_equal(s->next_incarnation, 9);
	assert_int_equal(s->snapshot_serial, 3);
	assert_memory_equal(&s->snapshot, &sup->snapshot, sizeof(s->snapshot));
	assert_int_equal(s->snapshot_fd, sup->snapshot_fd);
	assert_int_equal(s->control_listener, sup->control_listener);
	assert_int_equal(s->status_listener, sup->status_listener);
	assert_int_equal(s->applied, sup->applied);
	assert_int_equal(s->notify, -1);
	for (unsigned i = 0; i < CHILDREN; i++)
		assert_memory_equal(&s->child[i], &sup->child[i], sizeof(s->child[i]));
	for (unsigned i = 0; i < WORKERS; i++) {
		assert_non_null(s->worker[i].page);
		s->worker[i].page = sup->worker[i].page;
		assert_memory_equal(&s->worker[i], &sup->worker[i], sizeof(s->worker[i]));
	}
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		assert_memory_equal(&s->input[i], &sup->input[i], sizeof(s->input[i]));
		assert_memory_equal(&s->output[i], &sup->output[i], sizeof(s->output[i]));
	}
	join = join_of(0xef000001, 0, 0);
	assert_int_equal(join_remove(&s->joins, &join, false), 0);
	join = join_of(0xef000002, 0, 0);
	assert_int_equal(join_remove(&s->joins, &join, false), 0);
	join = join_of(0xef000002, 0x0a000001, 0);
	assert_int_equal(join_remove(&s->joins, &join, false), 0);
	assert_null(s->joins.helpers);
	join = join_of(0x0a000009, 0, 5000);
	assert_int_equal(join_remove(&s->joins, &join, true), 0);
	assert_int_equal(join_remove(&s->joins, &join, true), -ENOENT);
	free(s);
}

/* Everything that state_save() has written, to be written again, changed. */
static char *saved_bytes(size_t *len)
{
	struct stat st;
	int fd = state_save(sup);
	char *bytes;

	assert_int_equal(fstat(fd, &st), 0);
	*len = (size_t)st.st_size;
	bytes = malloc(*len + 1);
	assert_int_equal(pread(fd, bytes, *len, 0), *len);
	bytes[*len] = 0;
	close(fd);
	return bytes;
}

static int sealed(const char *bytes, size_t len, int seals)
{
	int fd = memfd_create("state", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(write(fd, bytes, len), len);
	if (seals)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	return fd;
}

#define ALL_SEALS (F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW)

/*
 * In a process of its own, as after an exec: what it does with descriptors stays there.
 * It has a child of its own in place of the one that the state speaks of.
 */
static _Noreturn void restore_elsewhere(const char *bytes, size_t len, int seals)
{
	struct supervisor *s = supervisor_fresh();
	char *copy = malloc(len);
	pid_t own = fork();
	int ret;

	if (own == 0)
		for (;;)
			pause();
	dup3((int)syscall(SYS_pidfd_open, own, 0), sup->child[0].pidfd, O_CLOEXEC);
	memcpy(copy, bytes, len);
	for (size_t at = 0; at + 4 <= len; at += 4)
		if (!memcmp(copy + at, &child_pid, 4))
			memcpy(copy + at, &own, 4);
	ret = state_restore(s, sealed(copy, len, seals));
	kill(own, SIGKILL);
	_exit(ret == 0 ? 0 : 1);
}

/* Return: whether it was refused. */
static int restored(const char *bytes, size_t len, int seals)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		restore_elsewhere(bytes, len, seals);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the reader crashed: status %#x", (unsigned)status);
	return WEXITSTATUS(status);
}

static void test_envelope(void **state)
{
	size_t len;
	char *bytes = saved_bytes(&len);
	struct supervisor *s = supervisor_fresh();
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	assert_int_equal(state_restore(s, fds[0]), -EBADMSG);
	assert_int_equal(state_restore(s, 1), -EBADMSG);
	assert_int_equal(state_restore(s, -1), -EBADMSG);
	assert_int_equal(state_restore(s, 4000), -EBADMSG);
	free(s);
	assert_int_equal(restored(bytes, len, ALL_SEALS), 0);
	assert_int_equal(restored(bytes, len, 0), 1);
	assert_int_equal(restored(bytes, len, F_SEAL_SHRINK | F_SEAL_GROW), 1);
	assert_int_equal(restored(bytes, 0, ALL_SEALS), 1);
	assert_int_equal(restored(bytes, len + 1, ALL_SEALS), 1);
	assert_int_equal(restored(bytes, len - 1, ALL_SEALS), 1);
	for (size_t n = 1; n < len; n += n < 2048 ? 37 : 997)
		assert_int_equal(restored(bytes, n, ALL_SEALS), 1);
	free(bytes);
}

/* Single fields of the head that must not be believed. */
static void test_fields(void **state)
{
	static const struct {
		const char *name;
		size_t offset; /* of the 32-bit word in what follows the head */
		uint32_t value;
	} heads[] = {
		{"magic", 0, 1},
		{"version", 8, SUPERVISOR_STATE_VERSION + 1},
		{"no worker", 12, 0},
		{"too many workers", 12, MCR_MAX_WORKERS + 1},
		{"one worker more", 12, WORKERS + 1},
		{"one worker less", 12, WORKERS - 1},
	};
	size_t len;
	char *bytes = saved_bytes(&len), *copy = malloc(len);

	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		print_message("  %s\n", heads[i].name);
		memcpy(copy, bytes, len);
		memcpy(copy + heads[i].offset, &heads[i].value, 4);
		assert_int_equal(restored(copy, len, ALL_SEALS), 1);
	}
	free(copy);
	free(bytes);
}

/* Each descriptor in turn: another kind, another's number, one that is closed. */
static void test_descriptors(void **state)
{
	enum { A_FILE, A_MEMORY, A_UDP, NONE, CLOSED, INPUT_0, TWICE, WRONGS };
	const int wrong[WRONGS] = {[A_FILE] = open("/dev/null", O_RDWR),
				   [A_MEMORY] = memory(100),
				   [A_UDP] = udp(),
				   [NONE] = -1,
				   [CLOSED] = 4000,
				   [INPUT_0] = 0,
				   [TWICE] = sup->output[6].sock[1]};
	const struct {
		const char *name;
		int fd;
		unsigned may; /* bits of wrongs that may stand there */
	} places[] = {
		{"control listener", sup->control_listener, 0},
		{"status listener", sup->status_listener, 0},
		{"eventfd", sup->applied, 0},
		{"interface page", sup->iface_page_fd, 0},
		{"heartbeat page", sup->heartbeat_fd, 0},
		{"snapshot", sup->snapshot_fd, 1u << A_MEMORY | 1u << NONE},
		{"pidfd", sup->child[0].pidfd, 0},
		{"channel", sup->child[0].channel, 1u << NONE},
		{"worker page", sup->worker[0].page_fd, 0},
		{"arena", sup->worker[1].arena_fd, 0},
		{"output", sup->output[6].sock[0], 1u << A_UDP},
		{"input", sup->input[5].sock[1], 0},
		{"counting socket", sup->input[5].ipv4_udp, 0},
	};
	size_t len, at;
	char *bytes = saved_bytes(&len);

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (places[i].fd < 0)
			continue;
		print_message("  %s\n", places[i].name);
		for (at = 0; at + 4 <= len && memcmp(bytes + at, &places[i].fd, 4); at += 4)
			;
		assert_true(at + 4 <= len);
		for (unsigned k = 0; k < WRONGS; k++) {
			memcpy(bytes + at, &wrong[k], 4);
			assert_int_equal(restored(bytes, len, ALL_SEALS),
					 !(places[i].may >> k & 1));
		}
		memcpy(bytes + at, &places[i].fd, 4);
	}
	free(bytes);
}

/* Whatever byte is changed: it is refused or harmless, never a crash. */
static void test_noise(void **state)
{
	size_t len;
	char *bytes = saved_bytes(&len);
	unsigned seed = 1, refused = 0;

	for (unsigned i = 0; i < 400; i++) {
		size_t at = (size_t)rand_r(&seed) % len;
		char was = bytes[at];

		bytes[at] = (char)rand_r(&seed);
		refused += (unsigned)restored(bytes, len, ALL_SEALS);
		bytes[at] = was;
	}
	assert_true(refused > 0);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_same_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_envelope, setup, teardown),
		cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_noise, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
