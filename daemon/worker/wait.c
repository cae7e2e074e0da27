// SPDX-License-Identifier: MIT
/*
 * wait.c - how a worker waits, and what it does by the clock
 *
 * A worker with nothing to do sleeps in io_uring_enter(2).  A time-out on each of these
 * sleeps would be set and cancelled once per datagram when traffic is sparse, and in a
 * virtual machine both leave the guest.  So nothing is timed: an interval timer's signal
 * ends the sleep (EINTR) twenty times a second, and that is the tick.
 *
 * "busy_poll_us" keeps a worker awake for a while after its last input.  It looks at two
 * words of shared memory meanwhile, which the kernel sets, so polling makes no system call.
 */
#include "daemon/worker/wait.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "core/relay/egress.h"
#include "core/relay/match.h"
#include "daemon/worker/state.h"

#define TICK_US    50000u /* at most half of what the heartbeat promises */
#define HASH_TICKS 8u     /* the whole table is hashed in so many ticks, under half a second */
#define HASH_MIN   64u    /* rules a tick */

static void wake(int signo)
{
	(void)signo; /* it only ends a sleep */
}

int worker_tick_start(void)
{
	const struct itimerval every = {.it_interval.tv_usec = TICK_US,
					.it_value.tv_usec = TICK_US};
	struct sigaction sa = {.sa_handler = wake, .sa_flags = SA_RESTART};

	if (sigaction(SIGALRM, &sa, NULL) < 0 || setitimer(ITIMER_REAL, &every, NULL) < 0)
		return -errno;
	return 0;
}

/* Tells the processor that this is a polling loop. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ __volatile__("yield");
#endif
}

/* Looks for input without sleeping; false when the time for that is up. */
static bool busy_poll(struct worker *w)
{
	uint64_t now_ns = w->now_ns;

	while (now_ns - w->active_ns < w->busy_poll_ns && now_ns < w->next_tick_ns) {
		if (ring_pending(&w->ring))
			return true;
		cpu_relax();
		now_ns = monotonic_ns();
	}
	return now_ns >= w->next_tick_ns;
}

int worker_wait(struct worker *w)
{
	int ret;

	if (w->busy_poll_ns) {
		ret = ring_submit(&w->ring);
		if (ret < 0 || busy_poll(w))
			return ret < 0 ? ret : ring_submit(&w->ring);
	}
	return ring_wait(&w->ring, RING_UNTIL_SIGNAL);
}

void worker_beat(struct worker *w)
{
	__atomic_store_n(&w->page->heartbeat_ns, monotonic_ns(), __ATOMIC_RELAXED);
}

/* Each output once, so that the lines are as many as the outputs at most. */
static void log_fragmented(struct worker *w)
{
	struct snapshot_output o;
	char group[ADDR_TEXT_MAX];

	while (egress_next_fragmented(w->egress, &o))
		log_msg(SEV_WARNING, FAC_EGRESS,
			"output %s %s:%u: datagrams larger than the MTU leave as fragments",
			o.if_name, addr_format(&o.group, group), o.port);
}

void worker_tick(struct worker *w)
{
	const uint32_t rules = w->table ? match_rules(w->table) : 0;
	const uint32_t slice = rules / HASH_TICKS;

	if (w->now_ns < w->next_tick_ns)
		return;
	__atomic_store_n(&w->page->heartbeat_ns, w->now_ns, __ATOMIC_RELAXED);
	if (w->table && match_hash_step(w->table, slice > HASH_MIN ? slice : HASH_MIN))
		__atomic_store_n(&w->page->hash, match_hash(w->table), __ATOMIC_RELAXED);
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		__atomic_store_n(&w->page->pool_low[c], w->pool.class[c].low, __ATOMIC_RELAXED);
	if (w->page->gso_fallbacks != w->gso_fallbacks_logged) {
		w->gso_fallbacks_logged = w->page->gso_fallbacks;
		log_limited(&w->limit_gso, w->now_ns, SEV_WARNING, FAC_EGRESS,
			    "the kernel refuses UDP_SEGMENT for %llu egress sockets: single sends "
			    "there, until it is tried again",
			    (unsigned long long)w->gso_fallbacks_logged);
	}
	log_fragmented(w);
	log_catch_up();
	/* Half a period early: the signal that ends the next sleep must not come too soon. */
	w->next_tick_ns = w->now_ns + TICK_US * 500ull;
}
