// SPDX-License-Identifier: MIT
/*
 * health.c - heartbeats, CPU time and the state of a process
 *
 * Each child writes the time into a page of shared memory at least every 100 ms.  The
 * pages are read every 250 ms, and at the moment at which the oldest heartbeat seen
 * would be 400 ms old, so that a hang is found after 400 ms and not up to 650.
 *
 * A heartbeat says little when the whole machine stood still: a tick for which the
 * supervisor itself was late does not count.
 *
 * Nor does it when the child could not run: a child that is runnable and hardly gets the CPU
 * (busier neighbours, a cgroup's quota) is starved, not hung, and a restart would only
 * cost more CPU time.  That is believed until it has used as much CPU time
 * without a heartbeat as a hang may last.
 *
 * Nor while it is in a system call that cannot be interrupted, for ten seconds: closing a
 * packet socket waits for a grace period of the kernel, which is long on a busy machine, and
 * a kill would have to wait as well.
 *
 * Where that cannot be known (a /proc with hidepid, after an upgrade) a child is believed to
 * be starved for two seconds.
 *
 * A worker must always turn its loop.  Control may have something large to compute,
 * such as 16,384 rules; it uses the CPU then, and a child that hangs does not.  A
 * loop without end in control is ended after ten seconds.
 *
 * The content of a page is untrusted.  A child whose page is impossible (a wrong magic, a
 * heartbeat in the future) is killed; its next process gets the page mended.
 */
#include "daemon/supervisor/health.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/state.h"

#define CHECK_NS       (250 * NS_PER_MS)
#define LIMIT_NS       (400 * NS_PER_MS)
#define LATE_NS        (250 * NS_PER_MS)
#define BUSY_LIMIT_NS  (10 * NS_PER_S)
#define CLOCK_SLACK_NS (1 * NS_PER_S) /* more than this ahead of us is not a time */
#define UNKNOWN_NS     (2 * NS_PER_S)
#define WORKED_NS      (1 * NS_PER_MS)

/**
 * struct use - what a child did since it was last looked at
 * @cpu_ns:   CPU time that it used
 * @time_ns:  time that has passed; 0: it was not looked at before
 * @runnable: it runs or waits for the CPU now
 * @held:     it is in a system call that cannot be interrupted
 * @unknown:  whether it does cannot be known
 */
struct use {
	uint64_t cpu_ns, time_ns;
	bool runnable, held, unknown;
};

static void check_when_old(struct supervisor *s, uint64_t heartbeat_ns)
{
	if (heartbeat_ns + LIMIT_NS + 1 < s->health_ns)
		s->health_ns = heartbeat_ns + LIMIT_NS + 1;
}

static unsigned age_ms(uint64_t now_ns, uint64_t heartbeat_ns)
{
	return (unsigned)((now_ns - heartbeat_ns) / NS_PER_MS);
}

/* proc(5): the state stands behind the name, which is in parentheses and may hold some. */
static void read_state(int stat_fd, struct use *use)
{
	char text[128], *end;
	ssize_t n = pread(stat_fd, text, sizeof(text) - 1, 0);

	text[n < 0 ? 0 : n] = '\0';
	end = strrchr(text, ')');
	use->unknown = !end;
	use->runnable = end && end[1] == ' ' && end[2] == 'R';
	use->held = end && end[1] == ' ' && end[2] == 'D';
}

static struct use sample_use(struct child *c, uint64_t now_ns)
{
	struct use use = {0};
	struct timespec used;
	clockid_t clock;
	uint64_t cpu_ns;

	if (clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
		return use;
	cpu_ns = (uint64_t)used.tv_sec * NS_PER_S + (uint64_t)used.tv_nsec;
	if (c->looked_ns) {
		use.cpu_ns = cpu_ns - c->cpu_ns;
		use.time_ns = now_ns - c->looked_ns;
		read_state(c->stat_fd, &use);
	}
	c->cpu_ns = cpu_ns;
	c->looked_ns = now_ns;
	return use;
}

/* The look before was at most 250 ms ago and the heartbeat is older: all of it is since. */
static bool is_starved(struct child *c, const struct use *use, uint64_t silent_ns,
		       uint64_t cpu_limit_ns)
{
	const bool waits = use->runnable || (use->held && silent_ns < BUSY_LIMIT_NS) ||
			   (use->unknown && silent_ns < UNKNOWN_NS);

	c->silent_cpu_ns += use->cpu_ns;
	return waits && use->cpu_ns < use->time_ns / 4 && c->silent_cpu_ns < cpu_limit_ns;
}

static void heartbeat_seen(struct supervisor *s, struct child *c, uint64_t heartbeat_ns)
{
	c->silent_cpu_ns = 0;
	check_when_old(s, heartbeat_ns);
}

static void log_starved(const struct child *c, uint64_t silent_ns, uint64_t now_ns)
{
	static struct log_limit limit;

	log_limited(&limit, now_ns, SEV_WARNING, FAC_SUPERVISOR,
		    "%s hardly gets the CPU: no heartbeat for %llu ms", c->name,
		    (unsigned long long)(silent_ns / NS_PER_MS));
}

static void check_worker(struct supervisor *s, unsigned worker, uint64_t now_ns)
{
	struct child *c = &s->child[worker];
	struct worker_summary page;
	struct use use;

	if (c->state != CHILD_READY)
		return;
	use = sample_use(c, now_ns);
	if (statpage_read_worker(s->worker[worker].page, sizeof(struct worker_page), &page) < 0 ||
	    page.heartbeat_ns > now_ns + CLOCK_SLACK_NS)
		child_end(s, c, END_PAGE, 0);
	else if (page.heartbeat_ns + LIMIT_NS >= now_ns)
		heartbeat_seen(s, c, page.heartbeat_ns);
	else if (is_starved(c, &use, now_ns - page.heartbeat_ns, LIMIT_NS))
		log_starved(c, now_ns - page.heartbeat_ns, now_ns);
	else
		child_end(s, c, END_HANG, age_ms(now_ns, page.heartbeat_ns));
}

static void check_control(struct supervisor *s, uint64_t now_ns)
{
	struct child *c = &s->child[CONTROL_INDEX];
	uint64_t beat_ns = __atomic_load_n(&s->heartbeat->heartbeat_ns, __ATOMIC_RELAXED);
	struct use use;

	/* None yet: it is given its descriptors, or reads the configuration. */
	if ((c->state != CHILD_STARTING && c->state != CHILD_READY) || beat_ns == 0)
		return;
	use = sample_use(c, now_ns);
	if (beat_ns > now_ns + CLOCK_SLACK_NS)
		child_end(s, c, END_PAGE, 0);
	else if (beat_ns + LIMIT_NS >= now_ns)
		heartbeat_seen(s, c, beat_ns);
	else if (is_starved(c, &use, now_ns - beat_ns, BUSY_LIMIT_NS))
		log_starved(c, now_ns - beat_ns, now_ns);
	else if (use.cpu_ns < WORKED_NS || beat_ns + BUSY_LIMIT_NS < now_ns)
		child_end(s, c, END_HANG, age_ms(now_ns, beat_ns));
}

uint64_t health_check(struct supervisor *s, uint64_t now_ns)
{
	uint64_t due_ns = s->health_ns;

	if (now_ns < due_ns)
		return due_ns;
	s->health_ns = now_ns + CHECK_NS;
	if (now_ns - due_ns > LATE_NS)
		return s->health_ns;
	for (unsigned i = 0; i < s->workers; i++)
		check_worker(s, i, now_ns);
	check_control(s, now_ns);
	return s->health_ns;
}
