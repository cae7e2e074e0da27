// SPDX-License-Identifier: MIT
/* handover_child.c - numbers and descriptors that fit the state of a child */
#include "daemon/supervisor/handover_child.h"

#include <sched.h>
#include <string.h>
#include <sys/wait.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/supervisor/handover_field.h"
#include "daemon/supervisor/state.h"

#define PLAN_MAX_NS (60 * NS_PER_S) /* nothing is planned further ahead */

struct saved_child {
	int32_t pid, cpu;
	uint32_t state, served;
	uint32_t ending, ending_ms;
	uint32_t last_ending, last_ms;
	int32_t last_status;
	uint32_t health_check_failures;
	uint32_t restarts, backoff_ms;
	uint64_t started_ns, due_ns;
};

struct saved_worker {
	uint32_t behind, unused;
	uint64_t rings;
	struct ring_info ring, last;
	uint32_t ring_given, last_given;
	uint64_t snapshot_sent, sent;
	uint64_t input_sent[MCR_MAX_IFACES];
	uint64_t output_sent[MCR_MAX_IFACES];
};

static bool is_due(enum child_state state)
{
	return state == CHILD_PLANNED || state == CHILD_STARTING;
}

static void save_child(const struct child *c, struct handover_writer *w)
{
	struct saved_child saved = {.pid = c->pid,
				    .cpu = c->cpu,
				    .state = c->state,
				    .served = c->served,
				    .ending = c->ending,
				    .ending_ms = c->ending_ms,
				    .last_ending = c->last_ending,
				    .last_ms = c->last_ms,
				    .last_status = c->last_status,
				    .health_check_failures = c->health_check_failures,
				    .restarts = c->restarts,
				    .backoff_ms = c->backoff_ms,
				    .started_ns = c->started_ns,
				    .due_ns = is_due(c->state) ? c->due_ns : 0};

	handover_put(w, &saved, sizeof(saved));
	handover_put_fd(w, c->pidfd);
	handover_put_fd(w, c->channel);
	handover_put_fd(w, c->log.fd);
}

/* ECHILD unless the descriptor is that of a child of ours; and then is it this one? */
static bool is_our_child(pid_t pid, int pidfd)
{
	siginfo_t info = {0};

	return waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       (info.si_pid == 0 || info.si_pid == pid);
}

static bool has_process(enum child_state state)
{
	return state == CHILD_STARTING || state == CHILD_READY || state == CHILD_ENDING;
}

static bool has_channel(enum child_state state)
{
	return state == CHILD_STARTING || state == CHILD_READY;
}

static void restore_child(struct child *c, struct handover_reader *r)
{
	const uint64_t now_ns = monotonic_ns();
	struct saved_child saved;
	int pidfd, channel;

	handover_get(r, &saved, sizeof(saved));
	pidfd = handover_get_fd(r, FD_ANONYMOUS, 0);
	channel = handover_get_fd(r, FD_CHANNEL, 0);
	c->log.fd = handover_get_fd(r, FD_PIPE, 0);
	handover_check(r, saved.state < CHILD_STATES && saved.served <= 1 && saved.cpu >= -1 &&
				  saved.cpu < CPU_SETSIZE && saved.ending < ENDINGS &&
				  saved.last_ending < ENDINGS &&
				  saved.backoff_ms <= PLAN_MAX_NS / NS_PER_MS &&
				  saved.started_ns <= now_ns &&
				  saved.due_ns <= now_ns + PLAN_MAX_NS);
	handover_check(r, saved.pid >= 0 && (saved.pid > 0) == (pidfd >= 0) &&
				  has_process((enum child_state)saved.state) == (pidfd >= 0) &&
				  has_channel((enum child_state)saved.state) == (channel >= 0));
	handover_check(r, pidfd < 0 ? c->log.fd < 0 : is_our_child(saved.pid, pidfd));
	c->pidfd = pidfd;
	c->channel = channel;
	if (r->error)
		return;
	c->pid = saved.pid;
	c->cpu = saved.cpu;
	c->state = (enum child_state)saved.state;
	c->served = saved.served;
	c->ending = (enum ipc_ending)saved.ending;
	c->ending_ms = saved.ending_ms;
	c->last_ending = (enum ipc_ending)saved.last_ending;
	c->last_ms = saved.last_ms;
	c->last_status = saved.last_status;
	c->health_check_failures = saved.health_check_failures;
	c->restarts = saved.restarts;
	c->backoff_ms = saved.backoff_ms;
	c->started_ns = saved.started_ns;
	c->due_ns = saved.due_ns;
}

static void save_worker(const struct worker_record *worker, struct handover_writer *w)
{
	struct saved_worker saved = {.behind = worker->behind,
				     .rings = worker->rings,
				     .ring = worker->ring.info,
				     .last = worker->last.info,
				     .ring_given = worker->ring.given,
				     .last_given = worker->last.given,
				     .snapshot_sent = worker->snapshot_sent,
				     .sent = worker->sent};

	memcpy(saved.input_sent, worker->input_sent, sizeof(saved.input_sent));
	memcpy(saved.output_sent, worker->output_sent, sizeof(saved.output_sent));
	handover_put(w, &saved, sizeof(saved));
	handover_put_fd(w, worker->page_fd);
	handover_put_fd(w, worker->arena_fd);
	handover_put_fd(w, worker->ring.fd);
	handover_put_fd(w, worker->last.fd);
}

static void restore_ring(struct worker_ring *ring, const struct ring_info *info, uint32_t given,
			 uint64_t rings, struct handover_reader *r)
{
	ring->fd = handover_get_fd(r, FD_ANONYMOUS, 0);
	handover_check(r, given <= 1 && info->number <= rings && info->set <= 1 &&
				  (ring->fd < 0 || info->number));
	ring->given = given;
	ring->info = *info;
}

static void restore_worker(struct supervisor *s, struct worker_record *worker,
			   struct handover_reader *r)
{
	struct saved_worker saved;

	handover_get(r, &saved, sizeof(saved));
	worker->page_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct worker_page));
	worker->arena_fd = handover_need_fd(r, FD_MEMORY, WORKER_ARENA_BYTES);
	restore_ring(&worker->ring, &saved.ring, saved.ring_given, saved.rings, r);
	restore_ring(&worker->last, &saved.last, saved.last_given, saved.rings, r);
	worker->rings = saved.rings;
	handover_check(r, saved.behind <= 1 && saved.snapshot_sent <= s->snapshot_serial);
	worker->behind = saved.behind;
	worker->snapshot_sent = saved.snapshot_sent;
	worker->sent = saved.sent;
	memcpy(worker->input_sent, saved.input_sent, sizeof(saved.input_sent));
	memcpy(worker->output_sent, saved.output_sent, sizeof(saved.output_sent));
}

void handover_child_save(const struct supervisor *s, struct handover_writer *w)
{
	for (unsigned i = 0; i < s->workers; i++)
		save_child(&s->child[i], w);
	save_child(&s->child[CONTROL_INDEX], w);
	for (unsigned i = 0; i < s->workers; i++)
		save_worker(&s->worker[i], w);
}

void handover_child_restore(struct supervisor *s, struct handover_reader *r)
{
	for (unsigned i = 0; i < s->workers && !r->error; i++)
		restore_child(&s->child[i], r);
	restore_child(&s->child[CONTROL_INDEX], r);
	for (unsigned i = 0; i < s->workers && !r->error; i++)
		restore_worker(s, &s->worker[i], r);
}
