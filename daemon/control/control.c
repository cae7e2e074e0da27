// SPDX-License-Identifier: MIT
/*
 * control.c - the control process: start, and the loop
 *
 * Start: take descriptors from the supervisor until it says start, look at what must
 * be looked at while it is still allowed (the CPUs), give up every right, and only
 * then read the first byte that an operator wrote.  Workers are configured, pinned
 * and started; when they are ready and the links are known, the first reconcile
 * makes sockets and rules; when that is answered, control says that it is ready and
 * begins to listen.  A restarted control finds the last snapshot among its
 * descriptors and takes rules, slots and generation from it; the same steps follow,
 * and the supervisor finds everything done already.
 *
 * Loop: one epoll, nothing blocks, each source has a bounded share of a turn.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/common/roles.h"
#include "daemon/control/change.h"
#include "daemon/control/client.h"
#include "daemon/control/config.h"
#include "daemon/control/drift.h"
#include "daemon/control/epoll_key.h"
#include "daemon/control/loop.h"
#include "daemon/control/method.h"
#include "daemon/control/method_upgrade.h"
#include "daemon/control/netif.h"
#include "daemon/control/notice.h"
#include "daemon/control/probe.h"
#include "daemon/control/process.h"
#include "daemon/control/reach.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/start.h"
#include "daemon/control/state.h"
#include "daemon/control/stats_line.h"
#include "daemon/control/supervisor_channel.h"
#include "daemon/control/wait.h"

#define EVENTS_MAX        64
#define MESSAGES_PER_TURN 256
#define ACCEPTS_PER_TURN  16
#define TICK_NS           NS_PER_S
#define SWEEP_NS          (250 * NS_PER_MS)
#define BEAT_NS           (100 * NS_PER_MS)
#define CALM_MAX_NS       NS_PER_S
#define EXIT_BAD_CONFIG   2
/* To verify memberships the supervisor reads a line of text for each. */
#define VERIFY_MANY    2000
#define VERIFY_MANY_NS (5 * NS_PER_S)

static void parse_arguments(struct process *p, int argc, char **argv)
{
	static const char workers[] = "--workers=", interface[] = "--interface=";
	struct control *c = p->c;

	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], workers, sizeof(workers) - 1))
			p->workers_option =
				(unsigned)strtoul(argv[i] + sizeof(workers) - 1, NULL, 10);
		else if (!strncmp(argv[i], interface, sizeof(interface) - 1) &&
			 c->n_interfaces < sizeof(c->interfaces) / sizeof(c->interfaces[0]))
			c->interfaces[c->n_interfaces++] = argv[i] + sizeof(interface) - 1;
	}
	if (p->workers_option > MCR_MAX_WORKERS)
		p->workers_option = MCR_MAX_WORKERS;
}

/* --- phases --- */

static void watch(const struct control *c, int fd, enum epoll_source source)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = epoll_key_of(source).word};

	if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		die(FAC_CONTROL_SOCKET, "epoll_ctl: %s", strerror(errno));
}

static void watch_listeners(struct process *p, bool on)
{
	for (unsigned i = 0; i < 2 && on != p->watched; i++) {
		if (p->listener[i] < 0)
			continue;
		if (on)
			watch(p->c, p->listener[i],
			      i ? SOURCE_STATUS_LISTENER : SOURCE_CONTROL_LISTENER);
		else
			epoll_ctl(p->c->epoll, EPOLL_CTL_DEL, p->listener[i], NULL);
	}
	p->watched = on;
}

static void become_ready(struct process *p)
{
	struct ipc_msg msg = {.type = IPC_READY};

	p->c->phase = PHASE_RUNNING;
	control_super_request(&p->c->super, &msg, -1, NULL, NULL);
	watch_listeners(p, true);
}

static uint64_t calm_after(uint64_t spent_ns)
{
	return spent_ns * REACH_SHARE < CALM_MAX_NS ? spent_ns * REACH_SHARE : CALM_MAX_NS;
}

static void reconcile(struct process *p, uint64_t now_ns)
{
	static struct log_limit limit;
	struct control *c = p->c;
	int ret = control_reconcile(c, now_ns);

	c->dirty = false;
	/* Neighbours that come and go all the time get a twentieth of the time. */
	p->calm_ns = now_ns + calm_after(monotonic_ns() - now_ns);
	if (ret < 0) {
		/* IPC_READY drops what has not been asked for, so nothing may be missing. */
		if (c->phase != PHASE_RUNNING)
			die(FAC_RULE_DISPATCH, "cannot start: %s", strerror(-ret));
		log_limited(&limit, now_ns, SEV_ERROR, FAC_RULE_DISPATCH, "reconcile: %s",
			    strerror(-ret));
		control_retry_later(c);
	}
}

/* What this turn has made necessary. */
static void act(struct process *p, uint64_t now_ns)
{
	struct control *c = p->c;

	if (c->netif.changed) {
		c->netif.changed = false;
		c->wiring.stale = true;
		c->dirty = true;
		/* Routes of a link that goes down go without a word. */
		reach_routes_changed(&c->reach, now_ns);
	}
	c->dirty |= now_ns >= c->reach.act_ns && now_ns >= p->calm_ns;
	if (c->phase == PHASE_SPAWN) {
		if (!c->netif.ready || !control_super_acked(&c->super, p->settle_seq))
			return;
		c->phase = PHASE_SETTLE;
		c->rec.publish = true;
		/* Sockets of the last control may be dead; requests are served in order. */
		control_verify(c);
		reconcile(p, now_ns);
		p->settle_seq = c->super.last_seq;
	} else if (c->dirty) {
		reconcile(p, now_ns);
	}
	if (c->phase == PHASE_SETTLE && control_super_acked(&c->super, p->settle_seq) &&
	    !reach_settling_any(&c->reach, now_ns))
		become_ready(p);
	control_waits_arm(c, now_ns);
	control_waits_check(c, now_ns);
}

/* --- events --- */

static void take_worker_state(struct control *c, const struct ipc_worker_state *s)
{
	struct control_worker *w = &c->worker[s->worker];

	if (s->worker >= c->workers)
		return;
	/*
	 * Why is in the supervisor's line.  One that is rolled is away for a moment, which
	 * is no news.
	 */
	if (w->running && !s->running && s->ending != END_UPGRADE)
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH, "worker %u does not run", s->worker);
	if (!w->running && s->running)
		w->running_ns = monotonic_ns();
	w->running = s->running;
	w->restarts = s->restarts;
	w->health_check_failures = s->health_check_failures;
	w->out = s->out;
	w->ending = (enum ipc_ending)s->ending;
	w->exit_status = s->exit_status;
	w->ending_ms = s->ending_ms;
	w->pid = s->pid;
	w->cpu = s->cpu;
	c->dirty = true;
}

static void take_message(struct process *p, const struct ipc_msg *msg, int fd)
{
	switch ((enum ipc_type)msg->type) {
	case IPC_PASS_FD:
		control_take_fd(p, &msg->pass_fd, fd);
		return;
	case IPC_WORKER_STATE:
		take_worker_state(p->c, &msg->worker);
		return;
	case IPC_RELOAD:
		control_config_reload(p, fd);
		return;
	case IPC_UPGRADED:
		control_upgrade_ended(p->c, &msg->upgraded, monotonic_ns());
		return;
	case IPC_SHUTDOWN:
		control_stats_line_final(p->c);
		p->c->shutdown = true;
		return;
	case IPC_REPLY:
	case IPC_START:
	case IPC_CONFIGURE:
	case IPC_PIN:
	case IPC_SPAWN:
	case IPC_OPEN_INPUT:
	case IPC_CLOSE_INPUT:
	case IPC_SET_FILTER:
	case IPC_OPEN_OUTPUT:
	case IPC_CLOSE_OUTPUT:
	case IPC_OPEN_EGRESS_SOCKET:
	case IPC_CLOSE_EGRESS_SOCKET:
	case IPC_JOIN:
	case IPC_LEAVE:
	case IPC_BIND:
	case IPC_UNBIND:
	case IPC_PUBLISH:
	case IPC_REFRESH_STATS:
	case IPC_PROBE:
	case IPC_VERIFY:
	case IPC_STAND_IN:
	case IPC_RESTART_WORKER:
	case IPC_UPGRADE:
	case IPC_READY:
	case IPC_INPUT:
	case IPC_INPUT_CLOSE:
	case IPC_OUTPUT:
	case IPC_OUTPUT_CLOSE:
	case IPC_EGRESS_SOCKET:
	case IPC_EGRESS_SOCKET_CLOSE:
	case IPC_SNAPSHOT:
	case IPC_TYPES:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void channel_event(struct process *p)
{
	static struct log_limit full;
	struct ipc_msg msg;
	int fd;

	control_super_flush(&p->c->super);
	for (int i = 0; i < MESSAGES_PER_TURN && !p->c->shutdown; i++) {
		int ret = control_super_recv(&p->c->super, &msg, &fd);

		if (ret == -EAGAIN || ret == -EINTR)
			return;
		if (ret == 0)
			p->c->shutdown = true; /* the supervisor is gone: there is nothing to do */
		else if (ret == -EMFILE)
			log_limited(&full, monotonic_ns(), SEV_ERROR, FAC_CONTROL_SOCKET,
				    "no descriptor is free for a message of the supervisor: a "
				    "configuration that was to be read again was not");
		else if (ret < 0)
			die(FAC_CONTROL_SOCKET, "supervisor: %s", strerror(-ret));
		else
			take_message(p, &msg, fd);
	}
}

static void log_peer(int fd, bool read_only)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		log_msg(SEV_DEBUG, FAC_CONTROL_SOCKET, "%s client: pid %d, uid %u, gid %u",
			read_only ? "status" : "control", (int)peer.pid, peer.uid, peer.gid);
}

static void accept_clients(struct process *p, bool read_only, uint64_t now_ns)
{
	static struct log_limit full;

	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		int fd = accept4(p->listener[read_only], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		bool room = p->c->clients.n_clients[read_only] < CLIENTS_PER_LISTENER;

		if (fd < 0 && errno == ECONNABORTED)
			continue;
		if (fd < 0) {
			/* No descriptor left: not to be asked again before the next tick. */
			if (errno != EAGAIN && errno != EINTR)
				watch_listeners(p, false);
			return;
		}
		if (room)
			log_peer(fd, read_only);
		if (control_clients_add(&p->c->clients, fd, read_only, now_ns) == -EBUSY)
			log_limited(&full, now_ns, SEV_WARNING, FAC_CONTROL_SOCKET,
				    "more than %d %s clients: turned away", CLIENTS_PER_LISTENER,
				    read_only ? "status" : "control");
	}
}

static void netlink_event(struct process *p)
{
	int ret = control_netif_read(&p->c->netif);

	if (ret < 0)
		die(FAC_NETWORK, "netlink: %s", strerror(-ret));
}

static void take_event(struct process *p, const struct epoll_event *ev, uint64_t now_ns)
{
	const union epoll_key key = {.word = ev->data.u64};
	uint64_t count;

	switch ((enum epoll_source)key.source) {
	case SOURCE_CLIENT:
		control_clients_event(&p->c->clients, key, ev->events, now_ns);
		break;
	case SOURCE_CHANNEL:
		channel_event(p);
		break;
	case SOURCE_NETLINK:
		netlink_event(p);
		break;
	case SOURCE_ROUTES:
		control_routes_read(p->c, now_ns);
		break;
	case SOURCE_APPLIED:
		/* What has been applied is in the pages; the count says only that one looks. */
		if (read(p->applied, &count, sizeof(count)) < 0 && errno != EAGAIN)
			die(FAC_RULE_DISPATCH, "eventfd: %s", strerror(errno));
		p->check_ns = 0;
		break;
	case SOURCE_CONTROL_LISTENER:
	case SOURCE_STATUS_LISTENER:
		accept_clients(p, key.source == SOURCE_STATUS_LISTENER, now_ns);
		break;
	}
}

/* --- time --- */

static void tick(struct process *p, uint64_t now_ns)
{
	struct control *c = p->c;

	if (c->phase != PHASE_RUNNING)
		return;
	if (now_ns >= p->sweep_ns) {
		p->sweep_ns = now_ns + SWEEP_NS;
		control_clients_sweep(&c->clients, now_ns);
	}
	control_stats_line_tick(c, now_ns);
	control_notice_tick(c, now_ns);
	if (now_ns >= p->check_ns) {
		p->check_ns = now_ns + DRIFT_CHECK_NS;
		control_drift_check(c, now_ns);
		c->dirty = c->dirty || control_handover_due(c, now_ns);
		control_loop_check(c, now_ns);
	}
	if (now_ns < p->tick_ns)
		return;
	p->tick_ns = now_ns + TICK_NS;
	if (c->rec.failed)
		c->dirty = true;
	if (now_ns >= p->verify_ns) {
		p->verify_ns = now_ns + (c->rec.joins.n > VERIFY_MANY ? VERIFY_MANY_NS : TICK_NS);
		control_verify(c);
	}
	watch_listeners(p, true);
}

/* Before the workers run nothing is looked at; later what has changed waits for a calm. */
static uint64_t reach_due(const struct process *p)
{
	const struct control *c = p->c;
	const uint64_t due_ns = reach_deadline(&c->reach);

	if (c->phase == PHASE_SPAWN)
		return UINT64_MAX;
	return c->reach.act_ns <= due_ns && p->calm_ns > due_ns ? p->calm_ns : due_ns;
}

static int next_timeout(const struct process *p, uint64_t now_ns)
{
	const struct control *c = p->c;
	const bool runs = c->phase == PHASE_RUNNING;
	const bool sweeps = runs && c->clients.n_clients[0] + c->clients.n_clients[1];
	const uint64_t due_ns[] = {now_ns + BEAT_NS,
				   control_waits_deadline(c),
				   reach_due(p),
				   runs ? p->tick_ns : NEVER_NS,
				   runs ? p->check_ns : NEVER_NS,
				   runs ? c->stats.next_ns : NEVER_NS,
				   sweeps ? p->sweep_ns : NEVER_NS};

	return timeout_ms(due_ns, sizeof(due_ns) / sizeof(due_ns[0]), now_ns);
}

/* The channel is watched for writing only while requests wait for room in it. */
static void watch_channel(struct process *p)
{
	bool out = control_super_wants_write(&p->c->super);
	struct epoll_event ev = {.events = EPOLLIN | (out ? EPOLLOUT : 0),
				 .data.u64 = epoll_key_of(SOURCE_CHANNEL).word};

	if (out == p->channel_out)
		return;
	if (epoll_ctl(p->c->epoll, EPOLL_CTL_MOD, CHILD_CHANNEL_FD, &ev) == 0)
		p->channel_out = out;
}

/* The supervisor ends a control whose heartbeat stops while it uses no CPU. */
static void beat(struct process *p, uint64_t now_ns)
{
	if (p->heartbeat)
		__atomic_store_n(&p->heartbeat->heartbeat_ns, now_ns, __ATOMIC_RELAXED);
}

static void loop(struct process *p)
{
	struct epoll_event events[EVENTS_MAX];
	struct control *c = p->c;
	bool more = false;

	while (!c->shutdown) {
		uint64_t now_ns = monotonic_ns();
		int n;

		beat(p, now_ns);
		n = epoll_wait(c->epoll, events, EVENTS_MAX, more ? 0 : next_timeout(p, now_ns));
		if (n < 0 && errno != EINTR)
			die(FAC_CONTROL_SOCKET, "epoll_wait: %s", strerror(errno));
		now_ns = monotonic_ns();
		for (int i = 0; i < n && !c->shutdown; i++)
			take_event(p, &events[i], now_ns);
		tick(p, now_ns);
		control_netif_poll(&c->netif);
		more = control_clients_work(&c->clients, now_ns);
		act(p, monotonic_ns());
		control_look_around(c, monotonic_ns());
		watch_channel(p);
		log_catch_up();
		if (c->super.failed && c->super.failed != -EPIPE && c->super.failed != -ECONNRESET)
			die(FAC_CONTROL_SOCKET, "supervisor: %s", strerror(-c->super.failed));
	}
}

static void init(struct process *p)
{
	struct control *c = p->c;

	control_super_init(&c->super, CHILD_CHANNEL_FD);
	control_waits_init(&c->waits);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		die(FAC_CONTROL_SOCKET, "epoll_create1: %s", strerror(errno));
	c->rules = ruleset_new();
	if (!c->rules)
		die(FAC_RULE_DISPATCH, "out of memory");
	control_clients_init(&c->clients, c->epoll, control_method_line, monotonic_ns, c);
}

/* Rules of the predecessor; what it published last is what the workers have. */
static void restore(struct process *p)
{
	int ret;

	if (p->snapshot < 0)
		return;
	ret = control_restore(p->c, p->snapshot, monotonic_ns());
	close(p->snapshot);
	p->snapshot = -1;
	if (ret < 0)
		die(FAC_RULE_DISPATCH, "the last snapshot cannot be read: %s", strerror(-ret));
	log_msg(SEV_NOTICE, FAC_RULE_DISPATCH, "restarted with %zu rules of generation %llu",
		ruleset_count(p->c->rules), (unsigned long long)p->c->pub.generation);
}

int control_main(const char *config_name, int argc, char **argv)
{
	static struct control control;
	static struct heartbeat_page forgotten;
	struct process p = {.c = &control,
			    .config_name = config_name,
			    .listener = {-1, -1},
			    .netlink = -1,
			    .routes = -1,
			    .applied = -1,
			    .config = -1,
			    .snapshot = -1};

	init(&p);
	parse_arguments(&p, argc, argv);
	control_receive_fds(&p);
	control.kept = p.heartbeat ? p.heartbeat : &forgotten;
	control_seal(&p);
	if (control_config_start(&p) < 0 && p.snapshot < 0)
		return EXIT_BAD_CONFIG;
	control.notice = control_notice_new(p.restarted);
	restore(&p);
	if (p.netlink < 0 || p.routes < 0 || p.applied < 0)
		die(FAC_SUPERVISOR, "the supervisor gave too few descriptors");
	control_netif_init(&control.netif, p.netlink);
	reach_init(&control.reach, p.routes);
	watch(&control, CHILD_CHANNEL_FD, SOURCE_CHANNEL);
	watch(&control, p.netlink, SOURCE_NETLINK);
	watch(&control, p.routes, SOURCE_ROUTES);
	watch(&control, p.applied, SOURCE_APPLIED);
	control_stats_line_start(&control, monotonic_ns());
	control_start_workers(&p);
	loop(&p);
	return 0;
}
