// SPDX-License-Identifier: MIT
/*
 * test_hostile.c - children that do what they may not
 *
 *   test --fork--> supervisor_main(), whole, its loop and all  --exec--> this program as control
 *                                                              --exec--> ... as worker 0 and 1
 *
 * One child of each daemon misbehaves once (hostile_child.h).  The supervisor must say
 * so, end and restart that child alone, and go on serving the others; then it must still
 * end in order.  Only what needs rights is replaced: sockets, seals, prerequisites.
 *
 * Links: daemon/supervisor/prefilter.c
 * Links: daemon/supervisor/handover_child.c daemon/supervisor/handover_socket.c
 * Links: daemon/supervisor/probe.c
 * Links: daemon/supervisor/igmp_list.c daemon/supervisor/verify.c
 * Links: daemon/supervisor/lifecycle.c daemon/supervisor/role.c
 * Links: daemon/supervisor/supervisor.c daemon/supervisor/start.c daemon/supervisor/child.c
 * Links: daemon/supervisor/control_channel.c
 * Links: daemon/supervisor/worker_channel.c daemon/supervisor/request.c
 * Links: daemon/supervisor/worker_ready.c daemon/supervisor/worker_memory.c
 * Links: daemon/supervisor/iface.c
 * Links: daemon/supervisor/membership.c daemon/supervisor/stats.c daemon/supervisor/health.c
 * Links: daemon/supervisor/softnet.c
 * Links: daemon/supervisor/upgrade.c daemon/supervisor/handover.c
 * Links: daemon/supervisor/handover_field.c
 * Links: daemon/common/ending.c daemon/common/log.c daemon/common/version.c core/base/ipc.c
 * Links: core/base/addr.c
 * Links: core/rules/steer.c
 * Links: core/base/statpage.c core/base/counters.c
 * Links: daemon/supervisor/descriptor_reserve.c daemon/supervisor/limit.c
 * Links: daemon/supervisor/rings.c
 * Links: core/base/ring.c core/base/arena.c
 * Links: daemon/supervisor/egress_socket.c daemon/supervisor/stand_in.c
 * Links: core/base/clock.c
 * Links: daemon/common/memfd.c
 * Links: daemon/common/startup.c
 * Links: daemon/common/upgrade_outcome.c
 * Links: daemon/supervisor/kernel_path.c daemon/supervisor/kernel_attach.c
 * Links: daemon/priv/bpf_tcx.c daemon/priv/bpf_clsact.c daemon/priv/bpf_lock.c
 * Links: daemon/priv/bpf_check.c
 * Links: core/rules/kernel_path.c daemon/priv/bpf.c
 * Links: core/rules/rule.c
 * Links: core/base/complaint.c
 * Links: daemon/supervisor/child_log.c
 * Links: core/base/decimal.c daemon/priv/bpf_pin.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "core/base/clock.h"
#include "daemon/priv/file.h"
#include "daemon/priv/seccomp.h"
#include "daemon/supervisor/budget.h"
#include "daemon/supervisor/check.h"
#include "daemon/supervisor/notify.h"
#include "daemon/supervisor/state.h"
#include "harness/base/slow.h"
#include "tests/unit/supervisor/hostile_child.h"
#include "tests/unit/supervisor/priv_fake.h"

#define DEADLINE_MS 10000

/* So small that a flood is one on a machine that hardly gives us the CPU. */
const struct control_budget control_budget = {.most = 10000, .per_s = 100};

/* --- what needs rights, or a machine that has everything --- */

bool check_reads_supers(void)
{
	return true;
}

int check_kernel(void)
{
	return 0;
}

int check_io_uring(void)
{
	return 0;
}

int check_interfaces(const struct options *options)
{
	return 0;
}

int check_open_config(const char *path)
{
	return -ENOENT;
}

int check_status_path(struct supervisor *s)
{
	return 0;
}

int check_open_listeners(struct supervisor *s)
{
	return 0;
}

int notify_open(void)
{
	return -1;
}

void notify_send(int sock, const char *state)
{
}

int priv_identity_find(struct priv_identity *id)
{
	memset(id, 0, sizeof(*id));
	return 0;
}

void priv_raise_locked_memory(size_t bytes)
{
}

int priv_open_to_read(const char *path)
{
	return -ENOENT;
}

int priv_unlink(const char *path)
{
	return 0;
}

int priv_check_rights(void)
{
	return 0;
}

int priv_seal_supervisor(bool *have_net_admin)
{
	return 0;
}

int priv_carry_rights(void)
{
	return 0;
}

int priv_seal_syscalls_supervisor(void)
{
	return 0;
}

int priv_kill(int pidfd, int sig, const struct priv_identity *id)
{
	return syscall(SYS_pidfd_send_signal, pidfd, sig, NULL, 0) == 0 ? 0 : -errno;
}

int priv_netlink_socket(unsigned groups)
{
	return some_fd();
}

/* --- one daemon --- */

static char dir[64];
static pid_t daemon_pid;
static int log_fd;
static char logged[65536]; /* its log and its children's lines */
static size_t logged_len;

static void begin(const char *role, enum act act)
{
	static const struct options options = {.control_path = "/nowhere", .resume_fd = -1};
	int pair[2];

	snprintf(dir, sizeof(dir), "/tmp/mcr-hostile-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(pipe2(pair, O_CLOEXEC | O_NONBLOCK), 0);
	logged_len = 0;
	logged[0] = '\0';
	daemon_pid = fork();
	assert_true(daemon_pid >= 0);
	if (daemon_pid == 0) {
		char number[16];

		snprintf(number, sizeof(number), "%d", act);
		setenv("HOSTILE_ROLE", role, 1);
		setenv("HOSTILE_ACT", number, 1);
		setenv("HOSTILE_DIR", dir, 1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fcntl(pair[1], F_SETFL, 0);
		dup2(pair[1], STDERR_FILENO);
		_exit(supervisor_main(&options));
	}
	close(pair[1]);
	log_fd = pair[0];
}

static void hear(int timeout_ms)
{
	struct pollfd p = {.fd = log_fd, .events = POLLIN};
	ssize_t n;

	if (poll(&p, 1, timeout_ms) <= 0)
		return;
	n = read(log_fd, logged + logged_len, sizeof(logged) - 1 - logged_len);
	if (n > 0)
		logged_len += (size_t)n;
	logged[logged_len] = '\0';
}

static int64_t now_ms(void)
{
	return (int64_t)(monotonic_ns() / NS_PER_MS);
}

static int64_t deadline_ms(void)
{
	return now_ms() + DEADLINE_MS * slow_factor();
}

static void expect(const char *text)
{
	int64_t end_ms = deadline_ms();

	while (!strstr(logged, text)) {
		if (now_ms() >= end_ms)
			fail_msg("not logged in time: \"%s\"; but:\n%s", text, logged);
		hear(100);
	}
}

static unsigned times(const char *text)
{
	unsigned n = 0;

	for (const char *at = logged; (at = strstr(at, text)); at++)
		n++;
	return n;
}

static unsigned usual_fds; /* of a daemon whose children all behave */

static unsigned count_fds(void)
{
	char path[64];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)daemon_pid);
	d = opendir(path);
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* Nothing that came from a child stays, and nothing of its process. */
static void expect_usual_fds(void)
{
	int64_t end_ms = deadline_ms();

	while (count_fds() != usual_fds) {
		if (now_ms() >= end_ms)
			fail_msg("%u descriptors, should be %u:\n%s", count_fds(), usual_fds,
				 logged);
		hear(20);
	}
}

/* SIGTERM: in order, with status 0, and with nobody left. */
static void end(void)
{
	int64_t end_ms = deadline_ms();
	static const char *const names[] = {"control", "worker0", "worker1"};
	char path[128];
	int status;

	kill(daemon_pid, SIGTERM);
	while (waitpid(daemon_pid, &status, WNOHANG) == 0) {
		if (now_ms() >= end_ms) {
			kill(daemon_pid, SIGKILL);
			fail_msg("does not end:\n%s", logged);
		}
		hear(20);
	}
	if (status != 0)
		fail_msg("ended with status %#x:\n%s", (unsigned)status, logged);
	close(log_fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	assert_int_equal(rmdir(dir), 0);
}

static const struct row {
	const char *name;
	enum act act;
	const char *security; /* the line about what it sent; NULL: it sent nothing wrong */
	const char *how;      /* how it ended, in the log */
	enum ipc_ending ending;
	unsigned hung;
} control_rows[] =
	{
		{"shorter than a message", ACT_SHORT, "(Bad message)", "sent what it may not"},
		{"longer than a message", ACT_LONG, "(Bad message)", "sent what it may not"},
		{"another magic", ACT_NO_MAGIC, "(Bad message)", "sent what it may not"},
		{"a type that is none", ACT_UNKNOWN_TYPE, "(Protocol error)",
		 "sent what it may not"},
		{"a type of somebody else", ACT_FOREIGN_TYPE, "(Protocol error)",
		 "sent what it may not"},
		{"an index that cannot be", ACT_BAD_INDEX, "(Numerical result out of range)",
		 "sent what it may not"},
		{"a descriptor not asked for", ACT_FD_UNASKED, "(Bad message)",
		 "sent what it may not"},
		{"two descriptors", ACT_TWO_FDS, "(Bad message)", "sent what it may not"},
		{"two hundred descriptors", ACT_MANY_FDS, "(Bad message)", "sent what it may not"},
		{"a flood, replies unread", ACT_FLOOD_DEAF, NULL, "did not take its messages"},
		{"a flood, replies read", ACT_FLOOD, NULL, "flooded its channel"},
		{"its channel closed", ACT_CLOSE, NULL, "was killed by SIGKILL"},
		{"an exit", ACT_EXIT, NULL, "exited with status 3"},
		{"a signal", ACT_SIGNAL, NULL, "was killed by SIGSEGV"},
		{"no heartbeat", ACT_HANG, NULL, "had no heartbeat for 4"},
		{"a heartbeat of tomorrow", ACT_PAGE_FUTURE, NULL, "had an impossible status page"},
},
  worker_rows[] = {
	  {"shorter than a message", ACT_SHORT, "(Bad message)", "sent what it may not",
	   END_MESSAGE},
	  {"longer than a message", ACT_LONG, "(Bad message)", "sent what it may not", END_MESSAGE},
	  {"another magic", ACT_NO_MAGIC, "(Bad message)", "sent what it may not", END_MESSAGE},
	  {"a type that is none", ACT_UNKNOWN_TYPE, "(Protocol error)", "sent what it may not",
	   END_MESSAGE},
	  {"a type of control's", ACT_BAD_INDEX, "(Protocol error)", "sent what it may not",
	   END_MESSAGE},
	  {"ready twice", ACT_READY_TWICE, "(ready twice)", "sent what it may not", END_MESSAGE},
	  {"a descriptor not asked for", ACT_FD_UNASKED, "(Bad message)", "sent what it may not",
	   END_MESSAGE},
	  {"two hundred descriptors", ACT_MANY_FDS, "(Bad message)", "sent what it may not",
	   END_MESSAGE},
	  {"a flood", ACT_FLOOD_DEAF, "(Protocol error)", "sent what it may not", END_MESSAGE},
	  {"its channel closed", ACT_CLOSE, NULL, "was killed by SIGKILL", END_ITSELF},
	  {"an exit", ACT_EXIT, NULL, "exited with status 3", END_ITSELF},
	  {"a signal", ACT_SIGNAL, NULL, "was killed by SIGSEGV", END_ITSELF},
	  {"no heartbeat", ACT_HANG_BEATEN, NULL, "had no heartbeat for 4", END_HANG, 1},
	  {"a loop without end", ACT_SPIN, NULL, "had no heartbeat for ", END_HANG, 1},
	  {"a page of another kind", ACT_PAGE_MAGIC, NULL, "had an impossible status page",
	   END_PAGE, 1},
	  {"a page of another size", ACT_PAGE_SIZE, NULL, "had an impossible status page", END_PAGE,
	   1},
	  {"a state that is none", ACT_PAGE_STATE, NULL, "had an impossible status page", END_PAGE,
	   1},
	  {"a heartbeat of tomorrow", ACT_PAGE_FUTURE, NULL, "had an impossible status page",
	   END_PAGE, 1},
	  {"a page full of noise", ACT_PAGE_NOISE, NULL, "had an impossible status page", END_PAGE,
	   1},
};

static void expect_ended(const char *who, const struct row *row)
{
	char text[160];

	if (row->security) {
		snprintf(text, sizeof(text), "%s sent what it may not %s\n", who, row->security);
		expect(text);
	}
	snprintf(text, sizeof(text), "%s %s", who, row->how);
	expect(text);
}

static void test_control(void **state)
{
	for (size_t i = 0; i < sizeof(control_rows) / sizeof(control_rows[0]); i++) {
		const struct row *row = &control_rows[i];

		print_message("  %s\n", row->name);
		begin("control", row->act);
		expect_ended("control", row);
		expect("test: control is served again\n");
		expect("control runs again");
		expect_usual_fds();
		assert_int_equal(times("; restart in "), 1);
		assert_int_equal(times("test: control starts"), 2);
		assert_int_equal(times("test: worker0 starts"), 1);
		assert_int_equal(times("test: worker1 starts"), 1);
		end();
		assert_int_equal(times("; restart in "), 1);
	}
}

static void test_worker(void **state)
{
	for (size_t i = 0; i < sizeof(worker_rows) / sizeof(worker_rows[0]); i++) {
		const struct row *row = &worker_rows[i];
		char text[128];

		print_message("  %s\n", row->name);
		begin("worker0", row->act);
		expect_ended("worker 0", row);
		snprintf(text, sizeof(text),
			 "test: worker 0 running 1 restarts 1 ending %d hung %u\n", row->ending,
			 row->hung);
		expect(text);
		expect("test: control is served all along\n");
		expect("worker 0 runs again");
		expect_usual_fds();
		assert_int_equal(times("; restart in "), 1);
		assert_int_equal(times("test: control starts"), 1);
		assert_int_equal(times("test: worker0 starts"), 2);
		assert_int_equal(times("test: worker1 starts"), 1);
		end();
		assert_int_equal(times("; restart in "), 1);
	}
}

/* The negative of all of the above: no child misbehaves, and none is restarted. */
static void test_no_child_misbehaves(void **state)
{
	begin("nobody", ACT_NONE);
	expect("ready after");
	for (int64_t end_ms = now_ms() + 1200; now_ms() < end_ms;)
		hear(100);
	assert_int_equal(times(" starts\n"), 3);
	assert_int_equal(times("restart"), 0);
	usual_fds = count_fds();
	end();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_child_misbehaves),
		cmocka_unit_test(test_control),
		cmocka_unit_test(test_worker),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc > 1 && !strncmp(argv[1], "--role=", 7))
		return play(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
