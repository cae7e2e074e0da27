/* SPDX-License-Identifier: MIT */
/*
 * worker_fixture.h - workers as processes on a kernel of paper, to be killed anywhere
 *
 * The real daemon/worker/io.c, daemon/worker/takeover.c and core run in a forked child; what they
 * call of the kernel is here.  A submission and all its completions become visible in one store,
 * that of the completion queue's tail, as with the real one, which finishes a system call before it
 * kills.  So what the child writes down beside (what was sent, which frames were taken) names the
 * completion that stands for it, and counts when that is visible.
 *
 * Frames wait in line as in a socket that the supervisor holds; sends end in a log.
 */
#ifndef TESTS_UNIT_CORE_WORKER_FIXTURE_H
#define TESTS_UNIT_CORE_WORKER_FIXTURE_H

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/relay/egress.h"
#include "core/relay/recover.h"
#include "core/relay/relay.h"
#include "daemon/common/log.h"
#include "daemon/worker/io.h"
#include "daemon/worker/state.h"
#include "daemon/worker/takeover.h"
#include "daemon/worker/wait.h"
#include "tests/unit/core/egress_fixture.h"
#include "tests/unit/core/frame_fixture.h"
#include "tests/unit/core/table_fixture.h"

#define FRAMES_MAX 4000u
#define SENT_MAX   400000u
#define FAKE_TAIL  4u /* offsets in the ring's memory */
#define FAKE_CQES  64u
#define FAKE_RING  (FAKE_CQES + RING_CQ_MAX * sizeof(struct io_uring_cqe))
#define HEADERS    (FIXTURE_VNET + FIXTURE_ETHER + 28)

/* A frame in line: every datagram in it begins with its number in its stream. */
struct fake_frame {
	uint16_t port;
	uint16_t segment; /* 0: a plain packet */
	uint32_t bytes;
	uint32_t first;
	uint32_t division;
	bool damaged;
	bool unreadable; /* the kernel discards it and says EINVAL */
};

struct fake_sent {
	uint16_t port;
	uint32_t number;
	uint32_t cq; /* completion that vouches for it */
};

/**
 * struct world - what outlives a worker, shared with the children
 * @pass:     frames that one submission receives, at most
 * @refuse:   errno for a send, or 0
 * @kill_at:  call of the kernel at which the child stops; UINT32_MAX: never
 * @traced:   it stops for its parent to step it, else it dies there
 * @queue_lost: the ring of the last worker is gone
 * @rings:    that have been made; each worker has one
 * @last:     number of the ring of the last worker that was ready, times two, and which of
 *            the two memories it has
 * @taken:    frames received, and the completion that vouches for each
 * @calls:    of the kernel, by the last child
 * @mood:     for @refuse to keep count
 */
struct world {
	struct fake_frame frames[FRAMES_MAX];
	uint32_t n_frames, pass;
	int (*refuse)(uint16_t port, uint32_t first, uint32_t n, bool segmented);
	uint32_t segments_max;
	bool per_packet;
	uint32_t kill_at;
	bool traced;
	bool queue_lost;
	uint64_t rings, last;
	uint32_t taken, recv_cq[FRAMES_MAX];
	uint32_t n_sent, calls, mood, lines;
	struct fake_sent sent[SENT_MAX];
};

static struct world *world;
static void *arena;
static uint8_t *rings; /* two memories of a ring, as the supervisor keeps them */
static struct worker_page *page;

/* --- the child's kernel --- */

static struct {
	struct io_uring_sqe sqes[RING_SQ_MAX];
	uint32_t n_sqes;
	uint32_t head, tail;
	uint32_t calls;
	uint16_t buf_head[BUF_CLASSES];
	uint64_t recv_tag;
	bool armed;
	struct worker *w;
} kernel;

static uint8_t *ring_memory(unsigned set)
{
	return rings + set * FAKE_RING;
}

static uint32_t ring_tail(unsigned set)
{
	return *(const uint32_t *)(const void *)(ring_memory(set) + FAKE_TAIL);
}

static void maybe_die(void)
{
	world->calls = kernel.calls;
	if (kernel.calls++ == world->kill_at)
		raise(world->traced ? SIGSTOP : SIGKILL);
}

static void complete(uint64_t tag, int32_t res, uint32_t flags)
{
	const struct io_uring *u = &kernel.w->ring.uring;
	struct io_uring_cqe *cqe = &u->cq.cqes[kernel.tail++ % RING_CQ_MAX];

	cqe->user_data = tag;
	cqe->res = res;
	cqe->flags = flags;
}

/* One entry more, after it was written. */
static void note(uint32_t *n)
{
	__atomic_store_n(n, *n + 1, __ATOMIC_RELEASE);
}

static uint32_t datagram_number(const uint8_t *p)
{
	uint32_t n;

	memcpy(&n, p, sizeof(n));
	return n;
}

static int take_message(const struct msghdr *msg)
{
	static uint8_t bytes[1 << 17];
	const struct sockaddr_in *to = msg->msg_name;
	struct fake_send s = {.port = ntohs(to->sin_port)};
	int err;

	fake_read_control(&s, msg);
	for (size_t i = 0; i < msg->msg_iovlen; i++) {
		memcpy(bytes + s.bytes, msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len);
		s.bytes += (uint32_t)msg->msg_iov[i].iov_len;
	}
	s.datagrams = s.segment ? (s.bytes + s.segment - 1u) / s.segment : 1;
	if (s.datagrams > world->segments_max)
		return -EINVAL;
	err = world->refuse ? world->refuse(s.port, datagram_number(bytes), s.datagrams, s.segment)
			    : 0;
	if (err)
		return -err;
	for (uint32_t i = 0; i < s.datagrams && world->n_sent < SENT_MAX; i++) {
		world->sent[world->n_sent] = (struct fake_sent){
			s.port, datagram_number(bytes + i * s.segment), kernel.tail};
		note(&world->n_sent);
	}
	return (int)s.bytes;
}

static uint32_t make_frame(const struct fake_frame *f, uint8_t *to)
{
	const struct frame_spec spec = {.port = f->port,
					.payload_bytes = f->bytes,
					.gso_size = f->segment,
					.division = f->division,
					.no_udp_sum = true};
	const uint32_t len = fixture_frame(to, &spec), step = f->segment ? f->segment : f->bytes;

	for (uint32_t at = 0, n = f->first; at < f->bytes; at += step, n++)
		memcpy(to + HEADERS + at, &n, sizeof(n));
	if (f->damaged)
		to[FIXTURE_VNET + FIXTURE_ETHER + 8] ^= 1;
	return len;
}

static void receive(void)
{
	struct bufpool_class *c = &kernel.w->pool.class[BUF_SUPER];

	for (uint32_t n = 0; kernel.armed && n < world->pass; n++) {
		uint16_t *head = &kernel.buf_head[BUF_SUPER];
		const struct io_uring_buf *b = &c->ring->bufs[*head & (c->ring_entries - 1)];
		uint32_t len;

		if (world->taken == world->n_frames)
			return;
		if (world->frames[world->taken].unreadable) {
			world->recv_cq[world->taken] = kernel.tail;
			note(&world->taken);
			complete(kernel.recv_tag, -EINVAL, 0);
			kernel.armed = false;
			return;
		}
		if (*head == c->ring->tail) {
			complete(kernel.recv_tag, -ENOBUFS, 0);
			kernel.armed = false;
			return;
		}
		++*head;
		len = make_frame(&world->frames[world->taken], (void *)(uintptr_t)b->addr);
		world->recv_cq[world->taken] = kernel.tail;
		note(&world->taken);
		complete(kernel.recv_tag, (int)len,
			 IORING_CQE_F_BUFFER | IORING_CQE_F_MORE |
				 (uint32_t)b->bid << IORING_CQE_BUFFER_SHIFT);
	}
}

static void perform(const struct io_uring_sqe *sqe)
{
	const union ring_tag tag = {.u64 = sqe->user_data};

	switch ((enum ring_kind)tag.kind) {
	case RING_SEND: {
		const int res = take_message((const void *)(uintptr_t)sqe->addr);

		complete(sqe->user_data, res, 0);
		break;
	}
	case RING_RECV:
		kernel.recv_tag = sqe->user_data;
		kernel.armed = true;
		break;
	case RING_CANCEL:
		if (kernel.armed && sqe->addr == kernel.recv_tag)
			complete(kernel.recv_tag, -ECANCELED, 0);
		kernel.armed = kernel.armed && sqe->addr != kernel.recv_tag;
		break;
	case RING_CHANNEL:
		break;
	}
}

int ring_submit(struct ring *ring)
{
	maybe_die();
	for (uint32_t i = 0; i < kernel.n_sqes; i++)
		perform(&kernel.sqes[i]);
	kernel.n_sqes = 0;
	receive();
	__atomic_store_n(ring->uring.cq.ktail, kernel.tail, __ATOMIC_RELEASE);
	maybe_die();
	return 0;
}

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
	if (kernel.n_sqes == RING_SQ_MAX) {
		for (uint32_t i = 0; i < kernel.n_sqes; i++)
			perform(&kernel.sqes[i]);
		kernel.n_sqes = 0;
		__atomic_store_n(ring->uring.cq.ktail, kernel.tail, __ATOMIC_RELEASE);
		maybe_die();
	}
	memset(&kernel.sqes[kernel.n_sqes], 0, sizeof(kernel.sqes[0]));
	return &kernel.sqes[kernel.n_sqes++];
}

static void fake_ring(struct worker *w, unsigned set)
{
	uint8_t *memory = ring_memory(set);
	struct io_uring *u = &w->ring.uring;

	memset(memory, 0, FAKE_RING);
	u->cq.khead = (void *)memory;
	u->cq.ktail = (void *)(memory + FAKE_TAIL);
	u->cq.cqes = (void *)(memory + FAKE_CQES);
	u->cq.ring_mask = RING_CQ_MAX - 1;
	u->cq.ring_entries = RING_CQ_MAX;
}

/* The queue of the last worker that was ready, as the supervisor shows it. */
static struct ring_queue last_queue(void)
{
	const unsigned set = world->last & 1;

	return (struct ring_queue){
		.number = world->last >> 1,
		.cqes = world->queue_lost ? NULL : (const void *)(ring_memory(set) + FAKE_CQES),
		.entries = RING_CQ_MAX,
		.tail = ring_tail(set)};
}

uint64_t monotonic_ns(void)
{
	return kernel.w->now_ns;
}
void worker_beat(struct worker *w)
{
}
void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
	world->lines++;
}
void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
	world->lines++;
}
void die(enum log_facility f, const char *fmt, ...)
{
	abort();
}

/* --- the child --- */

static void worker_turn(struct worker *w)
{
	worker_arm(w);
	ring_submit(&w->ring);
	w->now_ns += 1000000;
	for (unsigned pass = 0; worker_reap(w) >= 16 && pass < 8; pass++)
		ring_submit(&w->ring);
	worker_flush(w);
}

/* Starts as worker.c does; the table comes a while after it is ready. */
static void worker_start(struct worker *w, const struct table_rule *rules, uint32_t n_rules)
{
	struct egress_io io = {w, worker_queue_send, worker_drain};
	const struct ring_info own = {.number = ++world->rings, .set = !(world->last & 1)};
	const struct ring_queue last = last_queue();

	kernel.w = w;
	w->arena = arena;
	w->page = page;
	w->per_packet = world->per_packet;
	w->channel_armed = true;
	w->now_ns = 1000000000;
	worker_init_sockets(w);
	maybe_die();
	worker_take_over(w, &own, &last);
	fake_ring(w, own.set);
	maybe_die();
	/* Ready. */
	__atomic_store_n(&world->last, own.number << 1 | own.set, __ATOMIC_RELEASE);
	w->egress = egress_new(&w->pool, w->page, &io, w->per_packet);
	w->relay = relay_new(&w->pool, w->egress, w->page);
	relay_set_journal(w->relay, &w->journal);
	w->inputs[0] = (struct worker_input){
		.sock = 5, .class = BUF_SUPER, .link = LINK_ETHERNET, .serial = 1};
	for (uint32_t i = 0; i < TABLE_IFACES; i++)
		egress_set_socket(w->egress, i, 100 + (int)i);
	worker_turn(w);
	w->table = table_build(rules, n_rules, 1, page, NULL);
	relay_swap(w->relay, w->table);
	worker_finish_last(w);
}

/* Until the line is empty and everything is sent. */
static void worker_run(struct worker *w)
{
	unsigned idle = 0;

	while (idle < 2) {
		worker_turn(w);
		idle = world->taken == world->n_frames && !journal_waiting(&w->journal) ? idle + 1
											: 0;
	}
}

static void child(const struct table_rule *rules, uint32_t n_rules)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		_exit(2);
	/* The test's handlers would go on with the next test, here. */
	signal(SIGSEGV, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	if (world->traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		world->traced = false;
	worker_start(w, rules, n_rules);
	worker_run(w);
	_exit(kernel.w->pool.class[BUF_SUPER].offered == BUF_SUPER_COUNT ? 0 : 3);
}

/* --- the parent --- */

static void world_make(void)
{
	const int prot = PROT_READ | PROT_WRITE, flags = MAP_SHARED | MAP_ANONYMOUS;

	arena = mmap(NULL, WORKER_ARENA_BYTES, prot, flags, -1, 0);
	rings = mmap(NULL, 2 * FAKE_RING, prot, flags, -1, 0);
	page = mmap(NULL, sizeof(*page), prot, flags, -1, 0);
	world = mmap(NULL, sizeof(*world), prot, flags, -1, 0);
	if (arena == MAP_FAILED || rings == MAP_FAILED || page == MAP_FAILED || world == MAP_FAILED)
		abort();
}

static void world_reset(void)
{
	memset(arena, 0, ARENA_PAGE);
	memset(page, 0, offsetof(struct worker_page, rule));
	memset(page->rule, 0, 128 * sizeof(page->rule[0]));
	memset(&page->output[0], 0, 512 * sizeof(page->output[0]));
	memset(world, 0, offsetof(struct world, sent));
	world->segments_max = GSO_SEGMENTS_MAX;
	world->pass = 64;
	world->kill_at = UINT32_MAX;
}

/* Steps the stopped child by so many instructions, and kills it. */
static void step_and_kill(pid_t pid, uint32_t instructions)
{
	int status = 0;

	while (instructions--) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
			break;
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			return;
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
}

/* How far the completion queue of the last child, if it came to have one, is visible. */
static uint32_t visible(void)
{
	return world->last >> 1 == world->rings ? ring_tail(world->last & 1) : 0;
}

static bool happened(uint32_t cq)
{
	return (int32_t)(cq - visible()) < 0;
}

/* Forgets notes of the dead child that no visible completion vouches for. */
static void forget_the_invisible(uint32_t taken, uint32_t sent)
{
	while (world->taken > taken && !happened(world->recv_cq[world->taken - 1]))
		world->taken--;
	while (world->n_sent > sent && !happened(world->sent[world->n_sent - 1].cq))
		world->n_sent--;
}

/*
 * One worker from start to its end.  Returns its exit status, or -1 when it was killed.
 * @kill_at:      call of the kernel at which it stops
 * @instructions: that it gets beyond that
 */
static inline int one_worker(const struct table_rule *rules, uint32_t n_rules, uint32_t kill_at,
			     uint32_t instructions)
{
	const uint32_t taken = world->taken, sent = world->n_sent;
	int status;
	pid_t pid;

	world->kill_at = kill_at;
	world->traced = instructions > 0;
	pid = fork();
	if (pid == 0)
		child(rules, n_rules);
	waitpid(pid, &status, WUNTRACED);
	if (WIFSTOPPED(status)) {
		step_and_kill(pid, instructions);
		status = SIGKILL;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	forget_the_invisible(taken, sent);
	return WTERMSIG(status) == SIGKILL ? -1 : 100 + WTERMSIG(status);
}

#endif
