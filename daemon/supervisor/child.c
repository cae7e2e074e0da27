// SPDX-License-Identifier: MIT
/*
 * child.c - fork, exec, states and restarts
 *
 * A child is fork + exec of /proc/self/exe with its channel on descriptor 3, a worker's
 * rings on 4 and 5, and nothing above, so it shares neither memory nor other descriptors with
 * its parent.
 *
 * Its end shows twice: the pidfd becomes readable, and the channel closes.  The
 * pidfd decides; a closed channel alone means that the child must be killed.  The
 * other way round a child exits when its channel closes, so PR_SET_PDEATHSIG (which
 * a change of user clears) is not needed.
 *
 * Restarts.  A worker that had its rules has relayed what came: it starts again at once,
 * because its sockets hold what arrives for less than a second.  Twenty such starts may
 * follow one another, and one more each second.  Any other child starts at once for the
 * first time, then after 100 ms, doubling up to 1 s in the first minute and to 30 s after
 * it; a minute of health starts over.  A child that makes way for a new binary is not
 * counted.
 */
#include "daemon/supervisor/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "daemon/common/ending.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/drop.h"
#include "daemon/supervisor/child_log.h"
#include "daemon/supervisor/epoll_key.h"
#include "daemon/supervisor/state.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_EARLY_MS 1000 /* at most, in the first minute of failures */
#define BACKOFF_MAX_MS   30000
#define EARLY_NS         (60 * NS_PER_S)
#define AT_ONCE_MAX      20u
#define AT_ONCE_NS       (1 * NS_PER_S) /* one more each time */
#define AWAY_NS          (1 * NS_PER_S) /* after which a worker that starts is out */
#define HEALTHY_NS       (60 * NS_PER_S)
#define CHANNEL_BYTES    (1 << 20)

void child_init(struct child *c, const struct child_role *role, unsigned index)
{
	*c = (struct child){.role = role,
			    .index = index,
			    .cpu = -1,
			    .pidfd = -1,
			    .stat_fd = -1,
			    .channel = -1,
			    .log.fd = -1};
	if (role->numbered)
		snprintf(c->name, sizeof(c->name), "%s %u", role->name, index);
	else
		snprintf(c->name, sizeof(c->name), "%s", role->name);
}

void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable)
{
	const uint32_t events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u);

	if (c->channel >= 0)
		epoll_watch(s->epoll, EPOLL_CTL_MOD, c->channel, events,
			    epoll_key_of_child(SOURCE_CHANNEL, c->index));
}

static void open_stat(struct child *c)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)c->pid);
	c->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
}

int child_resume(struct supervisor *s, struct child *c)
{
	if (c->channel >= 0 && epoll_watch(s->epoll, EPOLL_CTL_ADD, c->channel, EPOLLIN,
					   epoll_key_of_child(SOURCE_CHANNEL, c->index)) < 0)
		return -errno;
	if (c->pidfd >= 0 && epoll_watch(s->epoll, EPOLL_CTL_ADD, c->pidfd, EPOLLIN,
					 epoll_key_of_child(SOURCE_EXIT, c->index)) < 0)
		return -errno;
	if (c->pid)
		open_stat(c);
	return child_log_watch(s, c);
}

/* The command line of a child; @argv ends with NULL. */
struct arguments {
	char title[32];
	char number[16];
	char *argv[5];
};

static void make_arguments(const struct supervisor *s, const struct child *c, struct arguments *a)
{
	snprintf(a->title, sizeof(a->title), "mcrd: %s", c->name);
	snprintf(a->number, sizeof(a->number), "%u", c->index);
	a->argv[0] = a->title;
	a->argv[1] = (char *)c->role->argument;
	a->argv[2] = c->role->numbered ? a->number : (char *)c->role->operand(s);
	a->argv[3] = s->options->json_log ? ARG_LOG_JSON : ARG_LOG_TEXT;
	a->argv[4] = NULL;
}

/* @from: its descriptors from CHILD_CHANNEL_FD on; -1: none there */
static void inherit(const int from[static 1 + CHILD_FDS])
{
	enum { FIRST = CHILD_CHANNEL_FD, N = 1 + CHILD_FDS };
	int high[N];

	/* First to numbers above all places: one may be the number of another place. */
	for (int i = 0; i < N; i++) {
		high[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, FIRST + N);
		if (from[i] >= 0 && high[i] < 0)
			_exit(EXIT_CANNOT_EXEC);
	}
	for (int i = 0; i < N; i++) {
		if (high[i] < 0)
			close(FIRST + i);
		else if (dup2(high[i], FIRST + i) < 0)
			_exit(EXIT_CANNOT_EXEC);
	}
	close_range(FIRST + N, ~0u, 0);
}

/*
 * Between fork and exec.  The child has a session of its own: Ctrl-C at a terminal goes
 * to the whole foreground group, and only the supervisor may decide how to end.
 */
static void run_child(const int inherited[static 1 + CHILD_FDS], int log, char *const argv[])
{
	sigset_t none;

	setsid();
	if (dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(EXIT_CANNOT_EXEC);
	inherit(inherited);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", argv);
	dprintf(STDERR_FILENO, "mcrd: exec /proc/self/exe: %s\n", strerror(errno));
	_exit(EXIT_CANNOT_EXEC);
}

static int spawn(struct supervisor *s, struct child *c)
{
	int pair[2], bytes = CHANNEL_BYTES, log, ret, inherited[1 + CHILD_FDS] = {-1, -1, -1};
	struct arguments args;

	ret = c->role->prepare ? c->role->prepare(s, c->index, &inherited[1]) : 0;
	if (ret < 0)
		return ret;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	log = child_log_open(c);
	if (log < 0) {
		close(pair[0]);
		close(pair[1]);
		return log;
	}
	make_arguments(s, c, &args);
	inherited[0] = pair[1];
	c->pid = fork();
	if (c->pid == 0)
		run_child(inherited, log, args.argv);
	ret = c->pid < 0 ? -errno : 0;
	close(pair[1]);
	close(log);
	if (ret == 0) {
		c->channel = pair[0];
		c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
		ret = c->pidfd < 0 ? -errno : child_resume(s, c);
	} else {
		c->pid = 0;
		close(pair[0]);
	}
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Its process has ended, or could not be started. */
static void clear_process(struct child *c)
{
	child_log_close(c);
	close_fd(&c->pidfd);
	close_fd(&c->stat_fd);
	close_fd(&c->channel);
	c->pid = 0;
	c->state = CHILD_AWAY;
	c->served = false;
	c->ending = END_NONE;
	c->ending_ms = 0;
	c->cpu_ns = c->looked_ns = c->silent_cpu_ns = 0;
}

/* It takes no message any more; its pidfd tells when it has ended. */
static void set_ending(struct supervisor *s, struct child *c)
{
	close_fd(&c->channel);
	if (c->state == CHILD_READY)
		c->served = c->role->served && c->role->served(s, c->index);
	c->state = CHILD_ENDING;
}

/* May it start without a wait?  A start is saved up each second. */
static bool take_at_once(struct child *c, uint64_t now_ns)
{
	const uint64_t full_ns = now_ns + AT_ONCE_MAX * AT_ONCE_NS;

	/* The time at which all starts would be saved up again. */
	if (c->at_once_ns < now_ns)
		c->at_once_ns = now_ns;
	if (c->at_once_ns + AT_ONCE_NS > full_ns)
		return false;
	c->at_once_ns += AT_ONCE_NS;
	return true;
}

static unsigned next_backoff(const struct child *c, unsigned wait_ms, uint64_t now_ns)
{
	const unsigned most_ms =
		now_ns - c->failing_ns < EARLY_NS ? BACKOFF_EARLY_MS : BACKOFF_MAX_MS;
	const unsigned next_ms = wait_ms ? wait_ms * 2 : BACKOFF_FIRST_MS;

	return next_ms < most_ms ? next_ms : most_ms;
}

static void plan_start(struct child *c, uint64_t at_ns)
{
	c->state = CHILD_PLANNED;
	c->due_ns = at_ns;
}

/* @served: see struct child.  Return: milliseconds until then. */
static unsigned plan_restart(struct child *c, bool served)
{
	uint64_t now_ns = monotonic_ns();
	unsigned wait_ms;

	if (!c->away_ns)
		c->away_ns = now_ns;
	if (served && take_at_once(c, now_ns)) {
		c->backoff_ms = 0;
		c->failing_ns = 0;
		plan_start(c, now_ns);
		return 0;
	}
	if (now_ns - c->started_ns >= HEALTHY_NS) {
		c->backoff_ms = 0;
		c->failing_ns = 0;
	}
	if (!c->failing_ns)
		c->failing_ns = now_ns;
	wait_ms = c->backoff_ms;
	c->out = c->out || wait_ms;
	plan_start(c, now_ns + wait_ms * NS_PER_MS);
	c->backoff_ms = next_backoff(c, wait_ms, now_ns);
	return wait_ms;
}

int child_start(struct supervisor *s, struct child *c)
{
	int ret;

	/* Set it before a failure, too: the back-off must not take an old start for health. */
	c->started_ns = monotonic_ns();
	ret = spawn(s, c);
	if (ret < 0) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "%s cannot be started: %s", c->name,
			strerror(-ret));
		if (c->pid > 0) {
			close_fd(&c->channel); /* it finds that, and exits */
			waitpid(c->pid, NULL, 0);
		}
		clear_process(c);
		return ret;
	}
	c->state = CHILD_STARTING;
	c->due_ns = c->started_ns + c->role->start_limit_ns;
	c->role->begin(s, c->index);
	return 0;
}

void child_ready(struct child *c)
{
	c->state = CHILD_READY;
	c->away_ns = 0;
	c->out = false;
}

void child_hung_up(struct supervisor *s, struct child *c)
{
	/* A child that was told to end closes its channel first; any other must not. */
	if (supervisor_is_up(s))
		child_kill(s, c);
	else
		set_ending(s, c);
}

void child_kill(struct supervisor *s, struct child *c)
{
	int ret;

	if (c->pid == 0)
		return;
	ret = priv_kill(c->pidfd, SIGKILL, &s->identity);
	if (ret < 0 && ret != -ESRCH)
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "%s cannot be killed: %s", c->name,
			strerror(-ret));
	set_ending(s, c);
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	if (c->pid && c->ending == END_NONE) {
		c->ending = why;
		c->ending_ms = ms;
	}
	child_kill(s, c);
}

static void restart(struct child *c, const char *how, bool served)
{
	char core[24] = "";

	if (c->cpu >= 0)
		snprintf(core, sizeof(core), ", CPU %d", c->cpu);
	log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s %s; restart in %u ms%s", c->name, how,
		plan_restart(c, served), core);
	c->restarts++;
}

/*
 * A child that cannot start at all is a failed start of the daemon.  A control that was killed is
 * not: it is started again.
 */
static bool is_failed_start(const struct supervisor *s, const struct child *c)
{
	return s->phase < PHASE_RUN && (c->role->killed_ends_start || WIFEXITED(c->last_status));
}

static void fail_start(struct supervisor *s, struct child *c, const char *how)
{
	log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "%s %s before it was ready; giving up", c->name, how);
	if (c->role->failed)
		c->role->failed(s, c->index);
	supervisor_fail(s);
}

/* It made way for a new binary. */
static void replace(struct child *c, const char *how)
{
	plan_start(c, monotonic_ns());
	if (c->last_ending != END_UPGRADE)
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s %s while it made way for a new binary",
			c->name, how);
}

static void remember_end(struct child *c, int status)
{
	/* A child that crashes when it is asked to go ended by itself. */
	bool itself = c->ending == END_NONE || (c->ending == END_UPGRADE && status != 0);

	c->last_ending = itself ? END_ITSELF : c->ending;
	c->last_status = status;
	c->last_ms = c->ending_ms;
	if (c->last_ending == END_HANG || c->last_ending == END_PAGE)
		c->health_check_failures++;
}

void child_exited(struct supervisor *s, struct child *c)
{
	bool made_way = c->ending == END_UPGRADE, served;
	char how[ENDING_TEXT_MAX];
	int status = 0;

	if (c->pid == 0 || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	remember_end(c, status);
	set_ending(s, c);
	served = c->served;
	clear_process(c);
	ending_text(c->last_ending, c->last_status, c->last_ms, how);
	if (c->role->ended)
		c->role->ended(s);
	if (!supervisor_is_up(s)) {
		if (status != 0)
			log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s %s while shutting down", c->name,
				how);
		return;
	}
	if (is_failed_start(s, c)) {
		fail_start(s, c, how);
		return;
	}
	if (made_way)
		replace(c, how);
	else
		restart(c, how, served);
	if (c->role->changed)
		c->role->changed(s, c->index);
}

/* A child that is not ready again soon is out.  Return: when it will be, or NEVER_NS. */
static uint64_t check_away(struct supervisor *s, struct child *c, uint64_t now_ns)
{
	if (!c->away_ns || c->out || !c->role->changed)
		return NEVER_NS;
	if (now_ns < c->away_ns + AWAY_NS)
		return c->away_ns + AWAY_NS;
	c->out = true;
	c->role->changed(s, c->index);
	return NEVER_NS;
}

/* Return: when its state is to change, or NEVER_NS. */
static uint64_t check_due(struct supervisor *s, struct child *c, uint64_t now_ns)
{
	if (c->state == CHILD_PLANNED && now_ns >= c->due_ns && child_start(s, c) < 0)
		plan_restart(c, false);
	if (c->state == CHILD_STARTING && now_ns >= c->due_ns)
		child_end(s, c, END_LATE, (unsigned)((now_ns - c->started_ns) / NS_PER_MS));
	return c->state == CHILD_PLANNED || c->state == CHILD_STARTING ? c->due_ns : NEVER_NS;
}

uint64_t child_timers(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next_ns = NEVER_NS;

	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &s->child[i];
		const uint64_t away_ns = check_away(s, c, now_ns);
		const uint64_t due_ns = check_due(s, c, now_ns);

		if (away_ns < next_ns)
			next_ns = away_ns;
		if (due_ns < next_ns)
			next_ns = due_ns;
	}
	return next_ns;
}
