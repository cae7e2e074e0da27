// SPDX-License-Identifier: MIT
/*
 * worker.c - the process that moves packets
 *
 * Start-up, in this order, because each step needs a right that the next one takes:
 *
 *   1. receive memory and descriptors from the supervisor
 *   2. pin to the CPU, map and touch all memory, take over what the last worker left, map
 *      the ring that the supervisor has made (restricted and disabled)
 *   3. change user, move to an empty network namespace, drop every capability
 *   4. enable the ring
 *   5. seccomp: no socket, no open, no io_uring_register
 *   6. say that it is ready
 *
 * The loop.  A turn is one or more passes over what has completed, then the sends.  A worker
 * that is not behind sends after one pass.  A worker that is behind finds a full pass of
 * receives; it gathers more before it sends, because larger sends let it catch up:
 *
 *   wait -> pass -> [it was full: another pass, up to about 1024 datagrams]
 *        -> flush: queue sends -> submit; they complete at once
 *        -> commit, give buffers back -> commands of the supervisor -> arm receives
 *
 * On the way the worker writes down how far it is (core/relay/journal.h), and a successor goes
 * on from any point.
 *
 * Between two turns nothing is gathered and nothing is in flight: a table may be swapped.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/limit_page.h"
#include "core/base/statpage.h"
#include "core/relay/egress.h"
#include "core/relay/relay.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/common/startup.h"
#include "daemon/priv/drop.h"
#include "daemon/priv/seccomp.h"
#include "daemon/worker/command.h"
#include "daemon/worker/io.h"
#include "daemon/worker/state.h"
#include "daemon/worker/takeover.h"
#include "daemon/worker/wait.h"

#define FULL_PASS        16u               /* receives in one pass that mean "there is more" */
#define SOCKETS_DRAIN_NS (300 * NS_PER_MS) /* at most, before exiting */

/* Descriptors that the supervisor passed. */
struct passed {
	int arena, page, limits, applied, rings;
};

static void take(void *ctx, const struct ipc_msg *m, int fd)
{
	struct passed *p = ctx;

	switch ((enum passed_fd)m->pass_fd.what) {
	case PASSED_ARENA:
		p->arena = fd;
		return;
	case PASSED_WORKER_PAGE:
		p->page = fd;
		return;
	case PASSED_LIMITS:
		p->limits = fd;
		return;
	case PASSED_APPLIED:
		p->applied = fd;
		return;
	case PASSED_RINGS:
		p->rings = fd;
		return;
	case PASSED_CONTROL_LISTENER:
	case PASSED_STATUS_LISTENER:
	case PASSED_NETLINK:
	case PASSED_ROUTES:
	case PASSED_CONFIG:
	case PASSED_SNAPSHOT:
	case PASSED_IFACE_PAGE:
	case PASSED_HEARTBEAT:
	case PASSED_KERNEL_RULES:
	case PASSED_KERNEL_BLOCKS:
	case PASSED_KERNEL_COUNTERS:
	case PASSED_FDS:
		break;
	}
	close(fd); /* not for us */
}

/* Return: 0; -EPIPE: the supervisor has gone; -EPROTO: a descriptor is missing. */
static int receive_start(struct passed *p, struct ipc_start *start)
{
	const int ret = startup_receive(CHILD_CHANNEL_FD, IPC_TO_NEW_WORKER, take, p, start);

	if (ret < 0)
		return ret;
	return p->arena < 0 || p->page < 0 || p->limits < 0 || p->applied < 0 || p->rings < 0
		       ? -EPROTO
		       : 0;
}

static void *map_shared(const char *what, int fd, size_t bytes, int flags)
{
	void *mem;
	const int ret = memfd_map_shared(fd, bytes, flags, &mem);

	if (ret < 0)
		die(FAC_BUFFER_POOL, "cannot map the %s, %zu bytes: %s", what, bytes,
		    strerror(-ret));
	close(fd);
	return mem;
}

static void pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		log_msg(SEV_WARNING, FAC_DATA_PLANE, "cannot pin to CPU %d: %s", cpu,
			strerror(errno));
}

/* Its own ring, and what the last worker left in another. */
static void take_rings(struct worker *w, int rings_fd)
{
	struct ring_queue last = {0};
	const struct ring_file *rings;
	int ret = memfd_map(rings_fd, sizeof(*rings), (const void **)&rings);

	if (ret < 0)
		die(FAC_DATA_PLANE, "cannot map the description of the rings: %s", strerror(-ret));
	close(rings_fd);
	last.number = rings->last.number;
	if (rings->last.number && !rings->last_given_up)
		ret = ring_queue_open(&last, CHILD_LAST_RING_FD, &rings->last);
	if (ret < 0)
		log_msg(SEV_ERROR, FAC_DATA_PLANE,
			"the ring of the last worker cannot be mapped: %s", strerror(-ret));
	worker_take_over(w, &rings->own, &last);
	ring_queue_fini(&last);
	close(CHILD_LAST_RING_FD);
	ret = ring_open(&w->ring, CHILD_RING_FD, &rings->own);
	if (ret < 0)
		die(FAC_DATA_PLANE, "cannot map the io_uring: %s", strerror(-ret));
	munmap((void *)(uintptr_t)rings, sizeof(*rings));
}

static void set_up(struct worker *w, const struct passed *p)
{
	struct egress_io io = {w, worker_queue_send, worker_drain};

	pin(w->cpu);
	w->page = map_shared("page", p->page, sizeof(*w->page), 0);
	w->limits = map_shared("limits", p->limits, sizeof(*w->limits), 0);
	w->arena = map_shared("arena", p->arena, WORKER_ARENA_BYTES, MAP_POPULATE);
	take_rings(w, p->rings);
	w->egress = egress_new(&w->pool, w->page, &io, w->per_packet);
	if (w->egress)
		egress_set_sends(w->egress, w->ring.uring.cq.ring_entries / 4);
	w->relay = w->egress ? relay_new(&w->pool, w->egress, w->page) : NULL;
	if (!w->relay)
		die(FAC_BUFFER_POOL, "out of memory");
	relay_set_journal(w->relay, &w->journal);
	relay_set_packets_max(w->relay, pace_packets(&w->pace));
}

static void seal(struct worker *w, const struct ipc_start *start)
{
	const struct priv_identity id = priv_identity_of(start->uid, start->gid);
	int ret;

	ret = priv_seal_identity(&id, true, &w->netns);
	if (ret < 0)
		die(FAC_SECURITY, "cannot give up rights: %s", strerror(-ret));
	if (!w->netns)
		log_msg(SEV_WARNING, FAC_SECURITY,
			"no network namespace of its own: the system permits none");
	ret = ring_enable(&w->ring);
	if (ret < 0)
		die(FAC_SECURITY, "cannot enable the io_uring: %s", strerror(-ret));
	ret = priv_seal_syscalls_worker();
	if (ret < 0)
		die(FAC_SECURITY, "cannot install the system call filter: %s", strerror(-ret));
}

static void say_ready(struct worker *w)
{
	struct ipc_msg m = {.type = IPC_WORKER_READY};
	int ret;

	ret = ipc_send(CHILD_CHANNEL_FD, &m, -1);
	if (ret < 0)
		die(FAC_DATA_PLANE, "cannot reach the supervisor: %s", strerror(-ret));
}

/* Handles what has completed.  Returns the receives handled. */
static unsigned pass(struct worker *w)
{
	/* The worker may have been off its CPU since the last pass. */
	w->now_ns = monotonic_ns();
	relay_begin_pass(w->relay, w->now_ns);
	return worker_reap(w);
}

/* One pass, and as long as passes are full another one.  Returns the receives handled. */
static unsigned gather(struct worker *w)
{
	unsigned last, all;

	w->starved = false;
	all = last = pass(w);
	while (!w->per_packet && last >= FULL_PASS && !relay_full(w->relay)) {
		if (ring_submit(&w->ring) < 0)
			break;
		last = pass(w);
		all += last;
	}
	relay_set_behind(w->relay, relay_full(w->relay) || w->starved);
	return all;
}

/* One turn of the loop; returns the receives handled. */
static unsigned turn(struct worker *w, bool may_sleep)
{
	unsigned received;
	int ret;

	if (!worker_has_input(w) && !io_uring_cq_ready(&w->ring.uring)) {
		/* After an empty pool the sockets' queues are full: no wait, and still behind. */
		if (!w->starved)
			relay_set_behind(w->relay, false);
		ret = may_sleep && !w->starved ? worker_wait(w) : ring_submit(&w->ring);
		if (ret < 0)
			die(FAC_DATA_PLANE, "io_uring_enter: %s", strerror(-ret));
	}
	w->turn_ns = monotonic_ns();
	received = gather(w);
	if (received)
		w->active_ns = w->now_ns;
	w->pausing = !w->draining && relay_pauses(w->relay, w->now_ns, w->starved);
	if (!w->pausing)
		worker_flush(w);
	worker_tick(w);
	return received;
}

static void set_state(struct worker *w, enum worker_state state)
{
	__atomic_store_n(&w->page->state, state, __ATOMIC_RELAXED);
}

/* Relays what the sockets still hold, for a while. */
static void drain_sockets(struct worker *w)
{
	const uint64_t until_ns = w->now_ns + SOCKETS_DRAIN_NS;

	set_state(w, WORKER_DRAINING);
	do {
		worker_arm(w);
	} while ((turn(w, false) || worker_has_input(w)) && w->now_ns < until_ns);
	worker_discard(w);
}

static void run(struct worker *w)
{
	set_state(w, WORKER_RUNNING);
	while (!w->channel_closed && !w->draining) {
		worker_arm(w);
		turn(w, true);
		if (w->pausing)
			continue;
		if (w->channel_ready)
			worker_commands(w);
		worker_finish_last(w);
	}
	if (w->draining)
		drain_sockets(w);
}

int worker_main(void)
{
	struct passed passed = {-1, -1, -1, -1, -1};
	struct ipc_start start;
	struct worker *w;
	int ret;

	signal(SIGPIPE, SIG_IGN);
	ret = receive_start(&passed, &start);
	if (ret == -EPIPE)
		return 0; /* the supervisor gave up before we began */
	if (ret < 0)
		die(FAC_DATA_PLANE, "bad start-up message: %s", strerror(-ret));
	w = calloc(1, sizeof(*w));
	if (!w)
		die(FAC_BUFFER_POOL, "out of memory");
	w->index = start.worker;
	w->cpu = start.cpu;
	w->per_packet = start.flags & IPC_FLAG_PER_PACKET;
	w->busy_poll_ns = start.busy_poll_us * 1000ull;
	w->applied_fd = passed.applied;
	worker_init_sockets(w);
	set_up(w, &passed);
	ret = worker_tick_start();
	if (ret < 0)
		die(FAC_DATA_PLANE, "cannot start the tick: %s", strerror(-ret));
	seal(w, &start);
	w->page->pid = (uint64_t)getpid();
	/* Its predecessor's: this one has no table yet. */
	w->page->generation = w->page->hash = w->page->rules = 0;
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		w->page->pool_buffers[c] = w->pool.class[c].buffers;
	w->now_ns = monotonic_ns();
	worker_tick(w);
	say_ready(w);
	run(w);
	return 0;
}
