// SPDX-License-Identifier: MIT
/*
 * control.c - the control process: start, and the loop
 *
 * Start: take descriptors from the supervisor until it says start, find out the CPUs (later
 * nothing can be opened), give up every right, and only then read the first byte that an
 * operator wrote.  Then
 *
 *   PHASE_SPAWN    workers are configured, pinned and started, links are read
 *   PHASE_SETTLE   the first reconcile has asked for sockets and published the rules
 *   PHASE_RUNNING  that was answered: control says that it is ready, and listens
 *
 * A restarted control finds the last snapshot among its descriptors and takes rules, slots
 * and generation from it.  The same steps follow, and the supervisor finds everything done.
 *
 * Loop: one epoll.  No call blocks, and each source has a bounded share of a turn.
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
#include "daemon/control/division.h"
#include "daemon/control/drift.h"
#include "daemon/control/epoll_key.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/kernel_watch.h"
#include "daemon/control/listener.h"
#include "daemon/control/loop.h"
#include "daemon/control/memory.h"
#include "daemon/control/method.h"
#include "daemon/control/netif.h"
#include "daemon/control/netlink.h"
#include "daemon/control/notice.h"
#include "daemon/control/process.h"
#include "daemon/control/publish.h"
#include "daemon/control/reach.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/rule_change.h"
#include "daemon/control/sampler.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/start.h"
#include "daemon/control/state.h"
#include "daemon/control/stats_line.h"
#include "daemon/control/supervisor_channel.h"
#include "daemon/control/supervisor_message.h"
#include "daemon/control/wait.h"
#include "daemon/control/wiring.h"

#define EVENTS_MAX         64
#define TICK_NS            NS_PER_S
#define SWEEP_NS           (250 * NS_PER_MS)
#define BEAT_NS            (100 * NS_PER_MS)
#define REACH_PAUSE_MAX_NS NS_PER_S
#define EXIT_BAD_CONFIG    2
/* To verify memberships the supervisor reads a line of text for each. */
#define VERIFY_MANY    2000
#define VERIFY_MANY_NS (5 * NS_PER_S)

/* --- phases --- */

static void become_ready(struct process *p)
{
	struct ipc_msg msg = {.type = IPC_READY};

	p->c->phase = PHASE_RUNNING;
	control_supervisor_request(&p->c->supervisor, &msg, -1, NULL, NULL);
	p->settle_seq = p->c->supervisor.last_seq;
	control_listeners_watch(p, true);
}

static uint64_t pause_after(uint64_t spent_ns)
{
	return spent_ns * REACH_SHARE < REACH_PAUSE_MAX_NS ? spent_ns * REACH_SHARE
							   : REACH_PAUSE_MAX_NS;
}

/* Neighbours that change all the time get a twentieth of the time. */
static void pause_reach(struct process *p, uint64_t begun_ns)
{
	p->reach_pause_ns = begun_ns + pause_after(monotonic_ns() - begun_ns);
}

static void change_rules(struct process *p, uint64_t now_ns)
{
	static struct log_limit limit;
	int ret = control_rule_changes(p->c, now_ns);

	pause_reach(p, now_ns);
	if (ret < 0)
		log_limited(&limit, now_ns, SEV_ERROR, FAC_RULE_DISPATCH, "changes of rules: %s",
			    strerror(-ret));
}

static void reconcile(struct process *p, uint64_t now_ns)
{
	static struct log_limit limit;
	struct control *c = p->c;
	int ret = control_reconcile(c, now_ns);

	c->dirty = false;
	pause_reach(p, now_ns);
	if (ret < 0) {
		/* IPC_READY closes all sockets that were not asked for, so all must be. */
		if (c->phase != PHASE_RUNNING)
			die(FAC_RULE_DISPATCH, "cannot start: %s", strerror(-ret));
		log_limited(&limit, now_ns, SEV_ERROR, FAC_RULE_DISPATCH,
			    "cannot apply the rules: %s; tried again within a second",
			    strerror(-ret));
		control_retry_later(c);
	}
}

/* Carry out what the events of this turn have made necessary. */
static void act(struct process *p, uint64_t now_ns)
{
	struct control *c = p->c;

	if (c->netif.changed) {
		c->netif.changed = false;
		c->wiring.stale = true;
		c->dirty = true;
		/* The kernel does not announce that routes of a link that goes down vanish. */
		reach_routes_changed(&c->reach, now_ns);
	}
	if (now_ns >= c->reach.act_ns && now_ns >= p->reach_pause_ns)
		control_holds_changed(c);
	if (c->phase == PHASE_SPAWN) {
		if (!c->netif.ready || !control_supervisor_acked(&c->supervisor, p->settle_seq))
			return;
		c->phase = PHASE_SETTLE;
		control_division_adopt(c, now_ns);
		control_publish_due(c);
		/* Sockets of the last control may be dead; requests are served in order. */
		control_verify(c);
		reconcile(p, now_ns);
		p->settle_seq = c->supervisor.last_seq;
	} else {
		if (!c->dirty && control_rule_changes_due(c))
			change_rules(p, now_ns);
		if (c->dirty)
			reconcile(p, now_ns);
	}
	if (c->phase == PHASE_SETTLE && control_supervisor_acked(&c->supervisor, p->settle_seq) &&
	    !reach_settling_any(&c->reach, now_ns))
		become_ready(p);
	control_waits_arm(c, now_ns);
	control_waits_check(c, now_ns);
}

/* --- events --- */

static void take_event(struct process *p, const struct epoll_event *ev, uint64_t now_ns)
{
	const union epoll_key key = {.word = ev->data.u64};
	uint64_t count;

	switch ((enum epoll_source)key.source) {
	case SOURCE_CLIENT:
		control_clients_event(&p->c->clients, key, ev->events, now_ns);
		break;
	case SOURCE_CHANNEL:
		control_supervisor_ready(p);
		break;
	case SOURCE_LINKS:
		control_netlink_read_links(p->c, now_ns);
		break;
	case SOURCE_ROUTES:
		control_netlink_read_routes(p->c, now_ns);
		break;
	case SOURCE_APPLIED:
		/* The pages say what was applied; the count only wakes us. */
		if (read(p->applied, &count, sizeof(count)) < 0 && errno != EAGAIN)
			die(FAC_RULE_DISPATCH, "eventfd: %s", strerror(errno));
		p->check_ns = 0;
		break;
	case SOURCE_CONTROL_LISTENER:
	case SOURCE_STATUS_LISTENER:
		control_listener_accept(p, key.source == SOURCE_STATUS_LISTENER, now_ns);
		break;
	}
}

/* --- time --- */

/*
 * The maps are as an earlier daemon left them, or empty behind its program, until the workers
 * have the rules and the supervisor has taken that program away: from then on a frame whose
 * rule is not in the maps is a worker's.
 */
static void take_over_kernel_path(struct process *p)
{
	struct control *c = p->c;

	if (!c->kernel_path.deferred || !control_supervisor_acked(&c->supervisor, p->settle_seq))
		return;
	for (unsigned w = 0; w < c->workers; w++)
		if (!c->worker[w].running || !control_publish_confirmed(c, w, c->pub.generation))
			return;
	c->kernel_path.deferred = false;
	c->dirty = true;
}

static void tick(struct process *p, uint64_t now_ns)
{
	struct control *c = p->c;

	if (c->phase != PHASE_RUNNING)
		return;
	if (now_ns >= p->sweep_ns) {
		p->sweep_ns = now_ns + SWEEP_NS;
		control_listeners_sweep(p, now_ns);
	}
	control_stats_line_tick(c, now_ns);
	control_sampler_tick(c, now_ns);
	control_notice_tick(c, now_ns);
	if (now_ns >= p->check_ns) {
		p->check_ns = now_ns + DRIFT_CHECK_NS;
		control_drift_check(c, now_ns);
		control_kernel_path_check(c, now_ns);
		take_over_kernel_path(p);
		control_kernel_path_divide(c, now_ns);
		c->dirty = c->dirty || control_handover_due(c, now_ns) ||
			   control_kernel_path_due(c, now_ns);
		control_loop_check(c, now_ns);
		control_kernel_watch_tick(c, now_ns, control_kernel_path_update_slots);
	}
	if (now_ns < p->tick_ns)
		return;
	p->tick_ns = now_ns + TICK_NS;
	control_memory_check();
	control_division_forget(c, now_ns);
	if (c->rec.failed)
		c->dirty = true;
	if (now_ns >= p->verify_ns) {
		p->verify_ns = now_ns + (c->rec.joins.n > VERIFY_MANY ? VERIFY_MANY_NS : TICK_NS);
		control_verify(c);
	}
	control_listeners_watch(p, true);
}

/* Nothing is asked before the workers run; later changes wait for the end of the pause. */
static uint64_t reach_due(const struct process *p)
{
	const struct control *c = p->c;
	const uint64_t due_ns = reach_deadline(&c->reach);

	if (c->phase == PHASE_SPAWN)
		return UINT64_MAX;
	return c->reach.act_ns <= due_ns && p->reach_pause_ns > due_ns ? p->reach_pause_ns : due_ns;
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
				   runs ? c->sampler.next_ns : NEVER_NS,
				   runs && control_rule_changes_due(c) ? now_ns : NEVER_NS,
				   sweeps ? p->sweep_ns : NEVER_NS};

	return timeout_ms(due_ns, sizeof(due_ns) / sizeof(due_ns[0]), now_ns);
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
		more = control_clients_work(&c->clients, now_ns);
		act(p, monotonic_ns());
		control_netlink_ask(c, monotonic_ns());
		control_supervisor_watch(p);
		log_catch_up();
		if (c->supervisor.failed && c->supervisor.failed != -EPIPE &&
		    c->supervisor.failed != -ECONNRESET)
			die(FAC_CONTROL_SOCKET, "supervisor: %s", strerror(-c->supervisor.failed));
	}
}

static void init(struct process *p)
{
	struct control *c = p->c;

	control_supervisor_init(&c->supervisor, CHILD_CHANNEL_FD);
	control_waits_init(&c->waits);
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		die(FAC_CONTROL_SOCKET, "epoll_create1: %s", strerror(errno));
	c->rules = ruleset_new();
	if (!c->rules)
		die(FAC_RULE_DISPATCH, "out of memory");
	control_clients_init(&c->clients, c->epoll, control_method_line, monotonic_ns, c);
}

static void watch(const struct control *c, int fd, enum epoll_source source)
{
	if (epoll_watch(c->epoll, EPOLL_CTL_ADD, fd, EPOLLIN, epoll_key_of(source)) < 0)
		die(FAC_CONTROL_SOCKET, "epoll_ctl: %s", strerror(errno));
}

/* Take the rules of the predecessor from its last publication, which the workers have. */
static void restore(struct process *p)
{
	int ret;

	if (p->snapshot < 0)
		return;
	ret = control_restore(p->c, p->snapshot, p->changes, monotonic_ns());
	close(p->snapshot);
	if (p->changes >= 0)
		close(p->changes);
	p->snapshot = p->changes = -1;
	if (ret < 0)
		die(FAC_RULE_DISPATCH, "the last snapshot cannot be read: %s", strerror(-ret));
	log_msg(SEV_NOTICE, FAC_RULE_DISPATCH,
		"control restarted with %zu rules of generation %llu", ruleset_count(p->c->rules),
		(unsigned long long)p->c->pub.generation);
}

/* So that a sanitizer sees what is not freed. */
static void fini(struct control *c)
{
	control_waits_fini(c);
	control_clients_fini(&c->clients);
	control_notice_free(c->notice);
	control_kernel_path_fini(c);
	control_reconcile_fini(&c->rec);
	control_wiring_fini(&c->wiring);
	reach_fini(&c->reach);
	control_netif_fini(&c->netif);
	control_supervisor_fini(&c->supervisor);
	config_fini(&c->settings);
	ruleset_free(c->rules);
}

int control_main(const char *config_name)
{
	static struct control control;
	static struct heartbeat_page private_page;
	struct process p = {.c = &control,
			    .config_name = config_name,
			    .listener = {-1, -1},
			    .netlink = -1,
			    .routes = -1,
			    .applied = -1,
			    .config = -1,
			    .snapshot = -1,
			    .changes = -1};

	init(&p);
	control_receive_start(&p);
	control.heartbeat = p.heartbeat ? p.heartbeat : &private_page;
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
	watch(&control, p.netlink, SOURCE_LINKS);
	watch(&control, p.routes, SOURCE_ROUTES);
	watch(&control, p.applied, SOURCE_APPLIED);
	control_stats_line_start(&control, monotonic_ns());
	control_sampler_start(&control, monotonic_ns());
	control_start_workers(&p);
	loop(&p);
	fini(&control);
	return 0;
}
