// SPDX-License-Identifier: MIT
/*
 * request.c - control's requests: read, checked, carried out, answered
 *
 * Each message has passed ipc_parse(): type, ranges of indices and enums, and
 * whether a descriptor came along.  Here follows what only the supervisor's state
 * can tell.  A refused request changes nothing.  A restarted control repeats what
 * its predecessor asked for; a request whose effect already holds succeeds.
 */
#include "daemon/supervisor/request.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ipc.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/supervisor/budget.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/descriptor_reserve.h"
#include "daemon/supervisor/egress_socket.h"
#include "daemon/supervisor/iface.h"
#include "daemon/supervisor/kernel_attach.h"
#include "daemon/supervisor/lifecycle.h"
#include "daemon/supervisor/limit.h"
#include "daemon/supervisor/membership.h"
#include "daemon/supervisor/prefilter.h"
#include "daemon/supervisor/probe.h"
#include "daemon/supervisor/stand_in.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/stats.h"
#include "daemon/supervisor/upgrade.h"
#include "daemon/supervisor/verify.h"
#include "daemon/supervisor/worker_channel.h"
#include "daemon/supervisor/worker_memory.h"

#define MESSAGES_PER_WAKE 64
#define SERVE_NS          (50 * NS_PER_MS) /* so that others are served, too */

static int configure(struct supervisor *s, const struct ipc_configure *c)
{
	int ret;

	if (s->workers)
		return s->workers == c->workers && s->worker_flags == c->flags &&
				       s->busy_poll_us == c->busy_poll_us
			       ? 0
			       : -EALREADY;
	ret = worker_memory_make(s, c->workers);
	if (ret < 0)
		return ret;
	s->workers = c->workers;
	s->worker_flags = c->flags;
	s->busy_poll_us = c->busy_poll_us;
	descriptor_reserve_set(SUPERVISOR_RESERVE(s->workers));
	for (unsigned i = 0; i < s->workers; i++)
		control_channel_give_page(s, i);
	return 0;
}

static int pin(struct supervisor *s, const struct ipc_pin *p)
{
	if (p->worker >= s->workers)
		return -ERANGE;
	if (s->phase != PHASE_CONFIGURE)
		return s->child[p->worker].cpu == p->cpu ? 0 : -EBUSY;
	s->child[p->worker].cpu = p->cpu;
	return 0;
}

static int spawn(struct supervisor *s, uint64_t *value)
{
	if (!s->workers)
		return -EINVAL;
	/* After the start a worker that is away comes back by itself. */
	if (s->phase >= PHASE_RUN)
		return 0;
	for (unsigned i = 0; s->phase == PHASE_CONFIGURE && i < s->workers; i++) {
		int ret = child_start(s, &s->child[i]);

		if (ret < 0) {
			*value = i;
			supervisor_fail(s);
			return ret;
		}
	}
	s->phase = PHASE_SPAWN;
	for (unsigned i = 0; i < s->workers; i++)
		if (s->child[i].state != CHILD_READY)
			return 1;
	return 0;
}

/* Workers map the memory, so it must be sealed. */
static int publish(struct supervisor *s, const struct ipc_publish *p, int *fd, uint64_t *value)
{
	const int64_t size = memfd_size(*fd, MEMFD_ALL_SEALS);

	if (size < 0)
		return (int)size;
	if ((uint64_t)size != p->size_bytes)
		return -EINVAL;
	if (p->base && (s->snapshot_fd < 0 || p->base != s->snapshot.generation))
		return -ESTALE;
	if (s->changes_fd >= 0)
		close(s->changes_fd);
	s->changes_fd = -1;
	s->snapshot_serial++;
	if (p->base) {
		s->changes_fd = *fd;
		s->changes = *p;
	} else {
		if (s->snapshot_fd >= 0)
			close(s->snapshot_fd);
		s->snapshot_fd = *fd;
		s->snapshot = *p;
		s->whole_serial = s->snapshot_serial;
	}
	*fd = -1;
	*value = worker_channel_sync_all(s);
	return 0;
}

/* A worker that starts or ends has no rules yet: that is not drift. */
static int restart_worker(struct supervisor *s, unsigned worker)
{
	if (worker >= s->workers)
		return -ERANGE;
	if (s->child[worker].state != CHILD_READY)
		return -EALREADY;
	if (!limit_take(s, LIMIT_RESTARTS))
		return -EBUSY;
	child_end(s, &s->child[worker], END_DRIFT, 0);
	return 0;
}

static int open_input(struct supervisor *s, const struct ipc_iface *iface, uint64_t *value)
{
	int ret = iface_open_input(s, iface);

	if (ret == 0 || ret == -EEXIST)
		*value = (s->input[iface->slot].gro_on ? OPENED_GRO : 0) |
			 (s->input[iface->slot].gro_found.fraglist ? OPENED_FRAGLIST : 0) |
			 (s->input[iface->slot].mark ? OPENED_KERNEL_PATH : 0);
	return ret;
}

static int open_egress_socket(struct supervisor *s, const struct ipc_egress_socket *as,
			      uint64_t *value)
{
	int ret = egress_socket_open(s, as);

	if (ret == 0 || ret == -EEXIST)
		*value = s->egress_socket[as->id].from_be;
	return ret;
}

static int set_filter(struct supervisor *s, unsigned slot, int fd, uint64_t *value)
{
	bool coarse = false;
	int ret = prefilter_set(s, slot, fd, &coarse);

	*value = coarse;
	return ret;
}

static int join(struct supervisor *s, const struct ipc_join *j, bool bind)
{
	static struct log_limit limit;
	int ret;

	if (!membership_has(&s->memberships, j, bind) && !limit_take(s, LIMIT_MEMBERSHIPS))
		return -EBUSY;
	ret = membership_add(&s->memberships, j, bind);
	if (bind && ret == -EACCES)
		log_limited(&limit, monotonic_ns(), SEV_WARNING, FAC_NETWORK,
			    "port %u of a unicast input: %s; grant CAP_NET_BIND_SERVICE, or lower "
			    "net.ipv4.ip_unprivileged_port_start",
			    j->port, strerror(-ret));
	return ret;
}

/* Control has asked for all it needs; what only the last control needed is closed. */
static void drop_others(struct supervisor *s)
{
	unsigned sockets = iface_drop_others(s), joins = membership_drop_others(&s->memberships);
	unsigned egress_sockets = egress_socket_drop_others(s);

	kernel_path_drop_others(s);
	probe_drop_others(s);
	if (sockets + joins + egress_sockets)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR,
			"%u interfaces and %u egress sockets closed, %u memberships left: the last "
			"control needed them",
			sockets, egress_sockets, joins);
}

/* Once in the life of each control. */
static int ready(struct supervisor *s)
{
	if (s->child[CONTROL_INDEX].state == CHILD_READY)
		return -EALREADY;
	drop_others(s);
	lifecycle_announce(s);
	return 0;
}

static int carry_out(struct supervisor *s, const struct ipc_msg *m, int *fd, uint64_t *value)
{
	switch ((enum ipc_request)m->type) {
	case IPC_CONFIGURE:
		return configure(s, &m->configure);
	case IPC_PIN:
		return pin(s, &m->pin);
	case IPC_SPAWN:
		return spawn(s, value);
	case IPC_OPEN_INPUT:
		return open_input(s, &m->iface, value);
	case IPC_CLOSE_INPUT:
		return iface_close_input(s, m->iface.slot);
	case IPC_SET_FILTER:
		return set_filter(s, m->iface.slot, *fd, value);
	case IPC_OPEN_OUTPUT:
		return iface_open_output(s, &m->iface);
	case IPC_CLOSE_OUTPUT:
		return iface_close_output(s, m->iface.slot);
	case IPC_OPEN_EGRESS_SOCKET:
		return open_egress_socket(s, &m->egress_socket, value);
	case IPC_CLOSE_EGRESS_SOCKET:
		return egress_socket_close(s, m->egress_socket.id);
	case IPC_JOIN:
		return join(s, &m->join, false);
	case IPC_LEAVE:
		return membership_remove(&s->memberships, &m->join, false);
	case IPC_BIND:
		return join(s, &m->join, true);
	case IPC_UNBIND:
		return membership_remove(&s->memberships, &m->join, true);
	case IPC_PUBLISH:
		return publish(s, &m->publish, fd, value);
	case IPC_REFRESH_STATS:
		stats_refresh(s);
		return 0;
	case IPC_PROBE:
		return probe_neighbour(s, &m->probe);
	case IPC_VERIFY:
		*value = verify_drop_lost(s, monotonic_ns());
		return 0;
	case IPC_STAND_IN:
		return stand_in_begin(s, m->stand_in.worker, m->stand_in.by);
	case IPC_RESTART_WORKER:
		return restart_worker(s, m->pin.worker);
	case IPC_UPGRADE:
		return limit_take(s, LIMIT_UPGRADES) ? upgrade_begin(s) : -EBUSY;
	case IPC_READY:
		return ready(s);
	}
	return -EPROTO;
}

/* Once for all requests that it strikes; each rule's state has the reason, too. */
static void warn_no_descriptor(void)
{
	static struct log_limit limit;

	log_limited(&limit, monotonic_ns(), SEV_WARNING, FAC_SUPERVISOR,
		    "no descriptor is left for more inputs, outputs or memberships (%u may be "
		    "open beside a reserve); raise the limit on open files (RLIMIT_NOFILE, "
		    "LimitNOFILE= of the service)",
		    descriptor_budget());
}

int request_serve(struct supervisor *s, const struct ipc_msg *m, int *fd, uint64_t *value)
{
	int status;

	*value = 0;
	status = carry_out(s, m, fd, value);
	if (status == -EMFILE)
		warn_no_descriptor();
	return status;
}

static void serve(struct supervisor *s, const struct ipc_msg *m, int fd)
{
	uint64_t value = 0;
	int status = request_serve(s, m, &fd, &value);

	if (fd >= 0)
		close(fd);
	if (status <= 0) {
		control_channel_reply(s, m->seq, m->type, status, value);
		return;
	}
	s->spawn_pending = true;
	s->spawn_seq = m->seq;
	child_watch(s, &s->child[CONTROL_INDEX], false, false);
}

/* The request came without its descriptor, for which there was no room here. */
static void refuse_for_room(struct supervisor *s, const struct ipc_msg *m)
{
	static struct log_limit limit;

	log_limited(&limit, monotonic_ns(), SEV_ERROR, FAC_SUPERVISOR,
		    "no descriptor is free for a message of control; raise the limit on open "
		    "files (RLIMIT_NOFILE, LimitNOFILE= of the service)");
	control_channel_reply(s, m->seq, m->type, -EMFILE, 0);
}

static void refill_budget(struct supervisor *s)
{
	const uint64_t refill_ns = control_budget.most / control_budget.per_s * NS_PER_S;
	uint64_t now_ns = monotonic_ns(), since_ns = now_ns - s->budget_ns, more;

	/* A silence of days, multiplied, is more than 64 bits hold. */
	if (since_ns > refill_ns)
		since_ns = refill_ns;
	more = since_ns * control_budget.per_s / NS_PER_S;
	if (more == 0)
		return;
	s->budget = more > control_budget.most - s->budget ? control_budget.most
							   : s->budget + (unsigned)more;
	s->budget_ns = now_ns;
}

/* false: it has spent its messages. */
static bool take_budget(struct supervisor *s)
{
	if (s->budget == 0)
		return false;
	s->budget--;
	return true;
}

/* @ret: negative errno of ipc_recv() */
static void refuse_message(struct supervisor *s, int ret)
{
	log_msg(SEV_ERROR, FAC_SECURITY, "control sent what it may not (%s)", strerror(-ret));
	child_end(s, &s->child[CONTROL_INDEX], END_MESSAGE, 0);
}

/* One message.  Return: false when there is none to be read now. */
static bool read_one(struct supervisor *s)
{
	struct child *control = &s->child[CONTROL_INDEX];
	struct ipc_msg m;
	int fd, ret = ipc_recv(control->channel, IPC_FROM_CONTROL, &m, &fd);

	if (ret == -EAGAIN || ret == -EINTR)
		return false;
	/* Reset: it went without reading what we had sent. */
	if (ret == 0 || ret == -ECONNRESET) {
		child_hung_up(s, control);
	} else if (ret < 0 && ret != -EMFILE) {
		refuse_message(s, ret);
	} else if (!take_budget(s)) {
		if (fd >= 0)
			close(fd);
		child_end(s, control, END_FLOOD, 0);
	} else if (ret == -EMFILE) {
		refuse_for_room(s, &m);
	} else {
		serve(s, &m, fd);
	}
	return true;
}

void request_read(struct supervisor *s)
{
	const uint64_t until_ns = monotonic_ns() + SERVE_NS;

	refill_budget(s);
	for (unsigned i = 0; i < MESSAGES_PER_WAKE; i++)
		if (s->child[CONTROL_INDEX].channel < 0 || s->spawn_pending ||
		    monotonic_ns() > until_ns || !read_one(s))
			return;
}
