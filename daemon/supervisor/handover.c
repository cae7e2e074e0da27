// SPDX-License-Identifier: MIT
/*
 * handover.c - the supervisor's state over an exec
 *
 * An upgrade replaces the program and keeps the process: children stay its children,
 * descriptors stay open under their numbers.  What each number is for, and all that is
 * counted or planned, goes through a sealed memfd:
 *
 *   head | children | workers | inputs | outputs | egress sockets | memberships
 *
 * Both programs have the same SUPERVISOR_STATE_VERSION, or the upgrade is refused.
 * The reader trusts nothing all the same: an error here would show much later.  Each
 * descriptor must be open, of its kind and named once; each child must be our child;
 * what control or a worker could have sent passes ipc_parse() again.
 */
#include "daemon/supervisor/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/arena.h"
#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "core/base/limit_page.h"
#include "core/base/statpage.h"
#include "core/rules/snapshot.h"
#include "daemon/common/memfd.h"
#include "daemon/common/version.h"
#include "daemon/supervisor/handover_field.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_memory.h"

#define STATE_MAGIC     0x3154535245504d55ull
#define STATE_MAX_BYTES (64u << 20)
#define PLAN_MAX_NS     (60 * NS_PER_S) /* nothing is planned further ahead */

struct saved_head {
	uint64_t magic;
	uint32_t version;
	uint32_t workers;
	uint32_t worker_flags;
	uint32_t busy_poll_us;
	uint32_t ring_size;
	uint32_t filters_rev;
	uint64_t started_ns;
	uint64_t upgrade_begun_ns;
	uint64_t next_incarnation;
	uint64_t snapshot_serial, whole_serial;
	struct ipc_publish snapshot, changes;
	uint32_t inputs, outputs, egress_sockets;
	uint32_t mark, lanes, kernel_path_version; /* of the kernel path; 0: there is none */
	char from[64];
};

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

struct saved_input {
	uint64_t incarnation;
	int64_t unclaimed;
	struct ipc_iface iface;
	uint32_t buf_class;
	uint32_t mark;
	uint64_t kernel_frames;
	uint8_t gro_on, gro_changed, gro, udp_forwarding, fraglist, members, reserved[6];
	uint8_t member[MCR_MAX_WORKERS];
};

struct saved_output {
	uint64_t incarnation;
	uint32_t slot, ifindex;
};

/* Followed, for each worker of the mask, by what it was given and its socket. */
struct saved_egress_socket {
	uint64_t incarnation;
	struct ipc_egress_socket as;
	uint32_t from_be, unused;
};

/* --- head --- */

static void save_head(const struct supervisor *s, struct handover_writer *w)
{
	struct saved_head head = {.magic = STATE_MAGIC,
				  .version = SUPERVISOR_STATE_VERSION,
				  .workers = s->workers,
				  .worker_flags = s->worker_flags,
				  .busy_poll_us = s->busy_poll_us,
				  .ring_size = s->ring_size,
				  .filters_rev = s->filters_rev,
				  .started_ns = s->started_ns,
				  .upgrade_begun_ns = s->upgrade.begun_ns,
				  .next_incarnation = s->next_incarnation,
				  .snapshot_serial = s->snapshot_serial,
				  .whole_serial = s->whole_serial,
				  .snapshot = s->snapshot,
				  .changes = s->changes};

	if (s->bpf.program >= 0) {
		head.mark = s->bpf.mark;
		head.lanes = s->bpf.lanes;
		head.kernel_path_version = KERNEL_PATH_VERSION;
	}

	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		head.inputs += s->input[i].incarnation != 0;
		head.outputs += s->output[i].incarnation != 0;
	}
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		head.egress_sockets += s->egress_socket[i].incarnation != 0;
	strncpy(head.from, mcr_version, sizeof(head.from) - 1);
	handover_put(w, &head, sizeof(head));
	handover_put_fd(w, s->notify);
	handover_put_fd(w, s->control_listener);
	handover_put_fd(w, s->status_listener);
	handover_put_fd(w, s->config_fd);
	handover_put_fd(w, s->applied);
	handover_put_fd(w, s->limits_fd);
	handover_put_fd(w, s->iface_page_fd);
	handover_put_fd(w, s->heartbeat_fd);
	handover_put_fd(w, s->snapshot_fd);
	handover_put_fd(w, s->changes_fd);
	handover_put_fd(w, s->bpf.program);
	handover_put_fd(w, s->bpf.rules);
	handover_put_fd(w, s->bpf.blocks);
	handover_put_fd(w, s->bpf.counters);
}

/*
 * Its maps are as this program knows them, or it is refused as a whole.  The tc program stays
 * the one that the first program made: no other can be made any more.
 */
static void restore_bpf(struct supervisor *s, struct handover_reader *r,
			const struct saved_head *head)
{
	const bool whole = head->lanes != 0;

	s->bpf.program = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.rules = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.blocks = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.counters = handover_get_fd(r, FD_ANONYMOUS, 0);
	s->bpf.lanes = head->lanes;
	s->bpf.mark = head->mark;
	handover_check(r, (s->bpf.program >= 0) == whole && (s->bpf.rules >= 0) == whole &&
				  (s->bpf.blocks >= 0) == whole &&
				  (s->bpf.counters >= 0) == whole && (head->mark != 0) == whole &&
				  head->lanes <= KERNEL_PATH_LANES_MAX &&
				  head->kernel_path_version == (whole ? KERNEL_PATH_VERSION : 0));
}

/* What control may publish is what may be there, and its file holds all of it. */
static bool snapshot_is_valid(const struct ipc_publish *snapshot, int fd)
{
	struct ipc_msg m = {.magic = IPC_MAGIC, .type = IPC_PUBLISH, .has_fd = 1}, out;

	m.publish = *snapshot;
	return fd < 0 || (memfd_size(fd, MEMFD_ALL_SEALS) == (int64_t)snapshot->size_bytes &&
			  ipc_parse(&m, sizeof(m), 1, IPC_FROM_CONTROL, &out) == 0);
}

static void restore_head(struct supervisor *s, struct handover_reader *r, struct saved_head *head)
{
	handover_get(r, head, sizeof(*head));
	handover_check(r, head->magic == STATE_MAGIC && head->version == SUPERVISOR_STATE_VERSION &&
				  head->workers >= 1 && head->workers <= MCR_MAX_WORKERS &&
				  head->ring_size < RING_SIZES && head->inputs <= MCR_MAX_IFACES &&
				  head->outputs <= MCR_MAX_IFACES &&
				  head->egress_sockets <= MCR_MAX_EGRESS_SOCKETS &&
				  head->started_ns <= monotonic_ns() &&
				  memchr(head->from, '\0', sizeof(head->from)));
	s->notify = handover_get_fd(r, FD_NOTIFY, 0);
	s->control_listener = handover_need_fd(r, FD_LISTENER, 0);
	s->status_listener = handover_need_fd(r, FD_LISTENER, 0);
	s->config_fd = handover_get_fd(r, FD_FILE, 0);
	s->applied = handover_need_fd(r, FD_ANONYMOUS, 0);
	s->limits_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct limit_page));
	s->iface_page_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct iface_page));
	s->heartbeat_fd = handover_need_fd(r, FD_MEMORY, sizeof(struct heartbeat_page));
	s->snapshot_fd = handover_get_fd(r, FD_MEMORY, 0);
	s->changes_fd = handover_get_fd(r, FD_MEMORY, 0);
	restore_bpf(s, r, head);
	handover_check(r, snapshot_is_valid(&head->snapshot, s->snapshot_fd) &&
				  snapshot_is_valid(&head->changes, s->changes_fd) &&
				  head->whole_serial <= head->snapshot_serial);
	/* Changes are of the whole snapshot that is there. */
	handover_check(r, s->changes_fd < 0 || (s->snapshot_fd >= 0 && head->changes.base &&
						head->changes.base == head->snapshot.generation));
	if (r->error)
		return;
	s->workers = head->workers;
	s->worker_flags = head->worker_flags;
	s->busy_poll_us = head->busy_poll_us;
	s->ring_size = (enum ring_size)head->ring_size;
	s->filters_rev = head->filters_rev;
	s->started_ns = head->started_ns;
	s->upgrade.begun_ns = head->upgrade_begun_ns;
	s->next_incarnation = head->next_incarnation;
	s->snapshot_serial = head->snapshot_serial;
	s->snapshot = head->snapshot;
	s->changes = head->changes;
	s->whole_serial = head->whole_serial;
	memcpy(s->upgrade.from, head->from, sizeof(head->from));
	/* An upgrade begins only when the start is over. */
	s->phase = PHASE_RUN;
}

/* --- children --- */

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
	handover_check(r, saved.state < CHILD_STATES && saved.served <= 1 && saved.cpu >= -1 &&
				  saved.cpu < CPU_SETSIZE && saved.ending < ENDINGS &&
				  saved.last_ending < ENDINGS &&
				  saved.backoff_ms <= PLAN_MAX_NS / NS_PER_MS &&
				  saved.started_ns <= now_ns &&
				  saved.due_ns <= now_ns + PLAN_MAX_NS);
	handover_check(r, saved.pid >= 0 && (saved.pid > 0) == (pidfd >= 0) &&
				  has_process((enum child_state)saved.state) == (pidfd >= 0) &&
				  has_channel((enum child_state)saved.state) == (channel >= 0));
	handover_check(r, pidfd < 0 || is_our_child(saved.pid, pidfd));
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

/* --- interfaces --- */

static void save_input(const struct input *in, struct handover_writer *w)
{
	struct saved_input saved = {.incarnation = in->incarnation,
				    .iface = in->iface,
				    .buf_class = in->buf_class,
				    .unclaimed = in->unclaimed,
				    .mark = in->mark,
				    .kernel_frames = in->kernel_frames,
				    .gro_on = in->gro_on,
				    .gro_changed = in->gro_changed,
				    .gro = in->gro_found.gro,
				    .udp_forwarding = in->gro_found.udp_forwarding,
				    .fraglist = in->gro_found.fraglist,
				    .members = (uint8_t)in->members};

	memcpy(saved.member, in->member, sizeof(saved.member));
	handover_put(w, &saved, sizeof(saved));
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		handover_put_fd(w, in->sock[i]);
	handover_put_fd(w, in->ipv4_udp);
	handover_put_fd(w, in->vlan);
	handover_put_fd(w, in->foreign);
	handover_put_fd(w, in->program);
}

/* What control may ask for is what may be there. */
static bool iface_is_valid(const struct ipc_iface *iface)
{
	struct ipc_msg m = {.magic = IPC_MAGIC, .type = IPC_OPEN_INPUT, .iface = *iface}, out;

	return ipc_parse(&m, sizeof(m), 0, IPC_FROM_CONTROL, &out) == 0;
}

static void restore_input(struct supervisor *s, struct handover_reader *r)
{
	struct saved_input saved;
	struct input *in;

	handover_get(r, &saved, sizeof(saved));
	handover_check(r, iface_is_valid(&saved.iface) && saved.buf_class < BUF_CLASSES &&
				  saved.incarnation >= 1 &&
				  saved.incarnation <= s->next_incarnation &&
				  (saved.gro_on | saved.gro_changed | saved.gro |
				   saved.udp_forwarding | saved.fraglist) <= 1 &&
				  saved.members <= s->workers);
	if (r->error)
		return;
	in = &s->input[saved.iface.slot];
	handover_check(r, !in->incarnation);
	in->incarnation = saved.incarnation;
	in->iface = saved.iface;
	in->buf_class = (enum buf_class)saved.buf_class;
	in->unclaimed = saved.unclaimed;
	in->gro_on = saved.gro_on;
	in->gro_changed = saved.gro_changed;
	in->gro_found = (struct priv_gro_state){saved.gro, saved.udp_forwarding, saved.fraglist};
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++) {
		in->sock[i] = handover_get_fd(r, FD_PACKET, 0);
		/* A worker that served it once keeps its socket. */
		handover_check(r, in->sock[i] >= 0 ? i < s->workers
						   : !(saved.iface.worker_mask >> i & 1));
	}
	in->members = saved.members;
	memcpy(in->member, saved.member, sizeof(in->member));
	in->ipv4_udp = handover_need_fd(r, FD_PACKET, 0);
	in->vlan = handover_need_fd(r, FD_PACKET, 0);
	in->foreign = handover_need_fd(r, FD_PACKET, 0);
	in->program = handover_get_fd(r, FD_ANONYMOUS, 0);
	handover_check(r, (in->program >= 0) <= (saved.mark != 0));
	in->mark = saved.mark;
	in->kernel_frames = saved.kernel_frames;
}

static void save_output(const struct supervisor *s, unsigned slot, struct handover_writer *w)
{
	const struct output *out = &s->output[slot];
	struct saved_output saved = {out->incarnation, slot, out->ifindex};

	handover_put(w, &saved, sizeof(saved));
	for (unsigned i = 0; i < s->workers; i++)
		handover_put_fd(w, out->sock[i]);
}

static void restore_output(struct supervisor *s, struct handover_reader *r)
{
	struct saved_output saved;
	struct output *out;

	handover_get(r, &saved, sizeof(saved));
	handover_check(r, saved.slot < MCR_MAX_IFACES && saved.ifindex >= 1 &&
				  saved.ifindex <= INT32_MAX && saved.incarnation >= 1 &&
				  saved.incarnation <= s->next_incarnation);
	if (r->error)
		return;
	out = &s->output[saved.slot];
	handover_check(r, !out->incarnation);
	out->incarnation = saved.incarnation;
	out->ifindex = saved.ifindex;
	for (unsigned i = 0; i < s->workers; i++)
		out->sock[i] = handover_need_fd(r, FD_UDP, 0);
}

static void save_egress_socket(const struct supervisor *s, unsigned id, struct handover_writer *w)
{
	const struct opened_egress_socket *o = &s->egress_socket[id];
	const struct saved_egress_socket saved = {o->incarnation, o->as, o->from_be, 0};

	handover_put(w, &saved, sizeof(saved));
	for (unsigned i = 0; i < s->workers; i++) {
		const int fd = egress_socket_fd(o, i);

		if (fd < 0)
			continue;
		handover_put(w, &s->worker[i].egress_socket_sent[id], sizeof(uint64_t));
		handover_put_fd(w, fd);
	}
}

static bool egress_socket_is_valid(const struct ipc_egress_socket *as, unsigned workers)
{
	struct ipc_msg m = {.magic = IPC_MAGIC,
			    .type = IPC_OPEN_EGRESS_SOCKET,
			    .egress_socket = *as},
		       out;

	return ipc_parse(&m, sizeof(m), 0, IPC_FROM_CONTROL, &out) == 0 && as->worker_mask &&
	       !(as->worker_mask & ~worker_mask_all(workers));
}

static void restore_egress_socket(struct supervisor *s, struct handover_reader *r)
{
	struct saved_egress_socket saved;
	struct opened_egress_socket *o;
	unsigned n = 0;

	handover_get(r, &saved, sizeof(saved));
	handover_check(r, egress_socket_is_valid(&saved.as, s->workers) && saved.incarnation >= 1 &&
				  saved.incarnation <= s->next_incarnation);
	if (r->error)
		return;
	o = &s->egress_socket[saved.as.id];
	if (o->incarnation) {
		handover_bad(r);
		return;
	}
	o->sock = calloc((unsigned)__builtin_popcountll(saved.as.worker_mask), sizeof(*o->sock));
	if (!o->sock) {
		r->error = -ENOMEM;
		return;
	}
	o->incarnation = saved.incarnation;
	o->as = saved.as;
	o->from_be = saved.from_be;
	for (unsigned i = 0; i < s->workers; i++) {
		struct worker_record *worker = &s->worker[i];

		if (!(o->as.worker_mask >> i & 1))
			continue;
		handover_get(r, &worker->egress_socket_sent[o->as.id], sizeof(uint64_t));
		o->sock[n++] = handover_need_fd(r, FD_UDP, 0);
		worker->egress_socket_due[o->as.id / 64] |= 1ull << o->as.id % 64;
	}
	s->egress_sockets_open += n;
}

/* --- all of it --- */

/* The program that follows inherits it. */
static int seal_state(const struct handover_writer *w)
{
	const int fd = memfd_sealed("mcr-supervisor-state", w->mem, w->len);
	int ret;

	if (fd < 0 || fcntl(fd, F_SETFD, 0) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

int handover_save(const struct supervisor *s)
{
	struct handover_writer w = {0};
	int ret;

	save_head(s, &w);
	for (unsigned i = 0; i < s->workers; i++)
		save_child(&s->child[i], &w);
	save_child(&s->child[CONTROL_INDEX], &w);
	for (unsigned i = 0; i < s->workers; i++)
		save_worker(&s->worker[i], &w);
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->input[i].incarnation)
			save_input(&s->input[i], &w);
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++)
		if (s->output[i].incarnation)
			save_output(s, i, &w);
	for (unsigned i = 0; i < MCR_MAX_EGRESS_SOCKETS; i++)
		if (s->egress_socket[i].incarnation)
			save_egress_socket(s, i, &w);
	membership_save(&s->memberships, &w);
	ret = w.error;
	if (ret == 0 && w.len > STATE_MAX_BYTES)
		ret = -EFBIG;
	if (ret == 0)
		ret = seal_state(&w);
	free(w.mem);
	return ret;
}

static void restore_all(struct supervisor *s, struct handover_reader *r)
{
	struct saved_head head;

	restore_head(s, r, &head);
	for (unsigned i = 0; i < s->workers && !r->error; i++)
		restore_child(&s->child[i], r);
	restore_child(&s->child[CONTROL_INDEX], r);
	for (unsigned i = 0; i < s->workers && !r->error; i++)
		restore_worker(s, &s->worker[i], r);
	for (unsigned i = 0; i < head.inputs && !r->error; i++)
		restore_input(s, r);
	for (unsigned i = 0; i < head.outputs && !r->error; i++)
		restore_output(s, r);
	for (unsigned i = 0; i < head.egress_sockets && !r->error; i++)
		restore_egress_socket(s, r);
	membership_restore(&s->memberships, r);
	handover_check(r, r->left == 0);
}

static int map_pages(struct supervisor *s)
{
	int ret = memfd_map_shared(s->iface_page_fd, sizeof(*s->iface_page), 0,
				   (void **)&s->iface_page);

	if (ret == 0)
		ret = memfd_map_shared(s->heartbeat_fd, sizeof(*s->heartbeat), 0,
				       (void **)&s->heartbeat);
	for (unsigned i = 0; i < s->workers && ret == 0; i++)
		ret = worker_memory_map_page(&s->worker[i]);
	return ret;
}

int handover_restore(struct supervisor *s, int fd)
{
	const int64_t size = memfd_size(fd, MEMFD_ALL_SEALS);
	struct handover_reader r = {0};
	const void *mem = NULL;
	int ret;

	if (fd <= STDERR_FILENO || (uint32_t)fd >= HANDOVER_FD_MAX || size <= 0 ||
	    size > STATE_MAX_BYTES)
		return -EBADMSG;
	ret = memfd_map(fd, (size_t)size, &mem);
	r.claimed = calloc(1, HANDOVER_FD_MAX / 8);
	if (ret < 0 || !r.claimed) {
		ret = ret < 0 ? ret : -ENOMEM;
		goto out;
	}
	r.at = mem;
	r.left = (size_t)size;
	r.claimed[fd / 8] |= (uint8_t)(1u << fd % 8); /* closed below, so no field's */
	restore_all(s, &r);
	ret = r.error;
	if (ret == 0)
		ret = map_pages(s);
out:
	if (mem)
		munmap((void *)(uintptr_t)mem, (size_t)size);
	free(r.claimed);
	close(fd);
	return ret;
}
