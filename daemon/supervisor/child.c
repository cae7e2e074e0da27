// SPDX-License-Identifier: MIT
/*
 * child.c - start, watch, kill and restart child processes
 *
 * A child is fork + exec of /proc/self/exe with its channel on descriptor 3, a worker's
 * rings on 4 and 5, and nothing above, so it shares neither memory nor other descriptors with
 * its parent.
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
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/ending.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/priv/priv.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/ring.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

#define BACKOFF_FIRST_MS 100
#define BACKOFF_EARLY_MS 1000 /* at most, in the first minute of failures */
#define BACKOFF_MAX_MS   30000
#define EARLY_NS         (60 * NS_PER_S)
#define AT_ONCE_MAX      20u
#define AT_ONCE_NS       (1 * NS_PER_S) /* one more each time */
#define AWAY_NS          (1 * NS_PER_S) /* after which a worker that starts is out */
#define HEALTHY_NS       (60 * NS_PER_S)
#define START_LIMIT_NS   (10 * NS_PER_S) /* from start to IPC_READY, for workers */
#define CONTROL_LIMIT_NS (30 * NS_PER_S) /* the same for control, which waits for them */
#define CHANNEL_BYTES    (1 << 20)

void child_init(struct child *c, unsigned index)
{
	*c = (struct child){.index = index, .pidfd = -1, .stat_fd = -1, .channel = -1};
	if (index == CONTROL_INDEX)
		snprintf(c->name, sizeof(c->name), "control");
	else
		snprintf(c->name, sizeof(c->name), "worker %u", index);
}

void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable)
{
	struct epoll_event ev = {.events = (readable ? EPOLLIN : 0u) | (writable ? EPOLLOUT : 0u),
				 .data.u64 = c->index};

	if (c->channel >= 0)
		epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->channel, &ev);
}

static void open_stat(struct child *c)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)c->pid);
	c->stat_fd = open(path, O_RDONLY | O_CLOEXEC);
}

int child_resume(struct supervisor *s, struct child *c)
{
	struct epoll_event channel = {.events = EPOLLIN, .data.u64 = c->index};
	struct epoll_event exited = {.events = EPOLLIN, .data.u64 = CHILDREN + c->index};

	if (c->channel >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->channel, &channel) < 0)
		return -errno;
	if (c->pidfd >= 0 && epoll_ctl(s->epoll, EPOLL_CTL_ADD, c->pidfd, &exited) < 0)
		return -errno;
	if (c->pid)
		open_stat(c);
	return 0;
}

/* The command line of a child; @argv ends with NULL. */
struct arguments {
	char title[32];
	char number[16];
	char *argv[5];
};

static void make_arguments(const struct supervisor *s, const struct child *c, struct arguments *a)
{
	const char *config = s->options->config_path;
	const bool control = c->index == CONTROL_INDEX;

	snprintf(a->title, sizeof(a->title), "mcrd: %s", c->name);
	snprintf(a->number, sizeof(a->number), "%u", c->index);
	a->argv[0] = a->title;
	a->argv[1] = control ? ROLE_CONTROL : ROLE_WORKER;
	/* The name as given, whatever its length: it is for messages. */
	a->argv[2] = !control ? a->number : config ? (char *)config : "";
	a->argv[3] = s->options->json_log ? ARG_LOG_JSON : ARG_LOG_TEXT;
	a->argv[4] = NULL;
}

/* What a child has from its parent; -1: nothing. */
struct inherited {
	int channel, ring, last_ring;
};

static void inherit(const struct inherited *have)
{
	const int from[] = {have->channel, have->ring, have->last_ring};
	enum { FIRST = CHILD_CHANNEL_FD, N = sizeof(from) / sizeof(from[0]) };
	int high[N];

	/* First out of the way, because a number may be that of another one's place. */
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
 * Between fork and exec.  A session of its own, because Ctrl-C at a terminal goes
 * to the whole foreground group and only the supervisor may decide how to end.
 */
static void run_child(const struct inherited *inherited, char *const argv[])
{
	sigset_t none;

	setsid();
	inherit(inherited);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv("/proc/self/exe", argv);
	dprintf(STDERR_FILENO, "mcrd: exec /proc/self/exe: %s\n", strerror(errno));
	_exit(EXIT_CANNOT_EXEC);
}

static int spawn(struct supervisor *s, struct child *c)
{
	struct worker_record *w = c->index == CONTROL_INDEX ? NULL : &s->worker[c->index];
	struct inherited inherited = {-1, -1, -1};
	struct arguments args;
	int pair[2], bytes = CHANNEL_BYTES, ret;

	ret = w ? rings_prepare(s, c->index) : 0;
	if (ret < 0)
		return ret;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return -errno;
	setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	make_arguments(s, c, &args);
	inherited.channel = pair[1];
	if (w) {
		inherited.ring = w->ring.fd;
		inherited.last_ring = w->last.fd;
		w->ring.given = true;
	}
	c->pid = fork();
	if (c->pid == 0)
		run_child(&inherited, args.argv);
	ret = c->pid < 0 ? -errno : 0;
	close(pair[1]);
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

static void forget_process(struct child *c)
{
	if (c->pidfd >= 0)
		close(c->pidfd);
	if (c->stat_fd >= 0)
		close(c->stat_fd);
	if (c->channel >= 0)
		close(c->channel);
	c->stat_fd = -1;
	c->pidfd = -1;
	c->channel = -1;
	c->pid = 0;
	c->ready = false;
	c->overdue_ns = 0;
	c->ending = END_NONE;
	c->ending_ms = 0;
	c->cpu_ns = c->looked_ns = c->silent_cpu_ns = 0;
}

/* Was it a worker with rules?  The page is what it wrote, and counts for no more than this. */
static bool has_served(const struct supervisor *s, const struct child *c)
{
	return c->ready && c->index != CONTROL_INDEX && s->worker[c->index].page &&
	       __atomic_load_n(&s->worker[c->index].page->generation, __ATOMIC_RELAXED) != 0;
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

/* @served: see has_served().  Return: milliseconds until then. */
static unsigned plan_restart(struct child *c, bool served)
{
	uint64_t now_ns = monotonic_ns();
	unsigned wait_ms;

	if (!c->away_ns)
		c->away_ns = now_ns;
	if (served && take_at_once(c, now_ns)) {
		c->backoff_ms = 0;
		c->failing_ns = 0;
		c->restart_ns = now_ns;
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
	c->restart_ns = now_ns + wait_ms * NS_PER_MS;
	c->backoff_ms = next_backoff(c, wait_ms, now_ns);
	return wait_ms;
}

int child_start(struct supervisor *s, struct child *c)
{
	int ret;

	c->restart_ns = 0;
	/* Of this attempt: a process of which there is none is not healthy. */
	c->started_ns = monotonic_ns();
	ret = spawn(s, c);
	if (ret < 0) {
		log_msg(SEV_ERROR, FAC_SUPERVISOR, "%s cannot be started: %s", c->name,
			strerror(-ret));
		if (c->pid > 0) {
			/* It finds its channel closed and goes. */
			close(c->channel);
			c->channel = -1;
			waitpid(c->pid, NULL, 0);
		}
		forget_process(c);
		return ret;
	}
	if (c->index == CONTROL_INDEX) {
		c->overdue_ns = c->started_ns + CONTROL_LIMIT_NS;
		control_channel_begin(s);
	} else {
		c->overdue_ns = c->started_ns + START_LIMIT_NS;
		worker_channel_begin(s, c->index);
	}
	return 0;
}

void child_hung_up(struct supervisor *s, struct child *c)
{
	/* On its way out a child closes its channel first; else it has no business to. */
	if (s->phase == PHASE_RUN) {
		child_kill(s, c);
		return;
	}
	close(c->channel);
	c->channel = -1;
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
	/* It may not speak again; its pidfd tells when it is gone. */
	if (c->channel >= 0)
		close(c->channel);
	c->channel = -1;
}

void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms)
{
	if (c->pid && c->ending == END_NONE) {
		c->ending = why;
		c->ending_ms = ms;
	}
	child_kill(s, c);
}

static void plan_and_say(struct supervisor *s, struct child *c, const char *how, bool served)
{
	const int cpu = c->index == CONTROL_INDEX ? -1 : s->worker[c->index].cpu;
	char core[24] = "";

	if (cpu >= 0)
		snprintf(core, sizeof(core), ", CPU %d", cpu);
	log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s %s; restart in %u ms%s", c->name, how,
		plan_restart(c, served), core);
	c->restarts++;
}

/* @made_way: it was asked to go for a new binary; @served: see has_served() */
static void restart_or_fail(struct supervisor *s, struct child *c, const char *how, bool made_way,
			    bool served)
{
	bool worker = c->index != CONTROL_INDEX;

	/*
	 * What cannot start at all is told to whoever started the daemon.  A control
	 * that was killed is not that: it is started again.
	 */
	if (!s->announced && (worker || WIFEXITED(c->last_status))) {
		log_msg(SEV_CRITICAL, FAC_SUPERVISOR, "%s %s before it was ready; giving up",
			c->name, how);
		if (worker && s->spawn_pending)
			control_channel_spawn_done(s, -ECHILD, c->index);
		supervisor_fail(s);
		return;
	}
	if (made_way) {
		c->restart_ns = monotonic_ns(); /* it was to end */
		if (c->last_ending != END_UPGRADE)
			log_msg(SEV_WARNING, FAC_SUPERVISOR,
				"%s %s while it made way for a new binary", c->name, how);
	} else {
		plan_and_say(s, c, how, served);
	}
	if (worker)
		control_channel_worker_state(s, c->index);
}

static void remember_end(struct child *c, int status)
{
	/* Who crashes when asked to go has not done what was asked. */
	bool itself = c->ending == END_NONE || (c->ending == END_UPGRADE && status != 0);

	c->last_ending = itself ? END_ITSELF : c->ending;
	c->last_status = status;
	c->last_ms = c->ending_ms;
	if (c->last_ending == END_HANG || c->last_ending == END_PAGE)
		c->health_check_failures++;
}

void child_exited(struct supervisor *s, struct child *c)
{
	bool made_way = c->ending == END_UPGRADE, served = has_served(s, c);
	char how[ENDING_TEXT_MAX];
	int status = 0;

	if (c->pid == 0 || waitpid(c->pid, &status, WNOHANG) != c->pid)
		return;
	remember_end(c, status);
	forget_process(c);
	ending_text(c->last_ending, c->last_status, c->last_ms, how);
	if (c->index == CONTROL_INDEX) {
		s->spawn_pending = false;
		s->channel_parked = false;
	}
	if (s->phase == PHASE_RUN)
		restart_or_fail(s, c, how, made_way, served);
	else if (status != 0)
		log_msg(SEV_WARNING, FAC_SUPERVISOR, "%s %s while shutting down", c->name, how);
}

/* A worker that does not come back soon is out.  Return: when it will be, or UINT64_MAX. */
static uint64_t check_away(struct supervisor *s, struct child *c, uint64_t now_ns)
{
	if (c->index == CONTROL_INDEX || !c->away_ns || c->out)
		return UINT64_MAX;
	if (now_ns < c->away_ns + AWAY_NS)
		return c->away_ns + AWAY_NS;
	c->out = true;
	control_channel_worker_state(s, c->index);
	return UINT64_MAX;
}

uint64_t child_timers(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;

	for (unsigned i = 0; i < CHILDREN; i++) {
		struct child *c = &s->child[i];
		const uint64_t away_ns = check_away(s, c, now_ns);

		if (away_ns < next_ns)
			next_ns = away_ns;
		if (c->restart_ns && now_ns >= c->restart_ns && child_start(s, c) < 0)
			plan_restart(c, false);
		if (c->overdue_ns && now_ns >= c->overdue_ns) {
			c->overdue_ns = 0;
			child_end(s, c, END_LATE, (unsigned)((now_ns - c->started_ns) / NS_PER_MS));
		}
		if (c->restart_ns && c->restart_ns < next_ns)
			next_ns = c->restart_ns;
		if (c->overdue_ns && c->overdue_ns < next_ns)
			next_ns = c->overdue_ns;
	}
	return next_ns;
}
