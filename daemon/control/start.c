// SPDX-License-Identifier: MIT
/* start.c - what the supervisor gives, giving up rights, starting the workers */
#include "daemon/control/start.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "core/base/statpage.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/common/roles.h"
#include "daemon/common/startup.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/memory.h"
#include "daemon/control/process.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/supervisor_channel.h"
#include "daemon/priv/drop.h"
#include "daemon/priv/seccomp.h"

static void keep_fd(int *place, int fd)
{
	if (*place >= 0)
		close(*place);
	*place = fd;
}

/* @fd: taken */
static void map_heartbeat(struct process *p, int fd)
{
	const int ret = memfd_map_shared(fd, sizeof(*p->heartbeat), 0, (void **)&p->heartbeat);

	close(fd);
	if (ret < 0)
		die(FAC_SUPERVISOR, "cannot map the page of the heartbeat: %s", strerror(-ret));
}

/* @fd: taken */
static void map_stats(struct stats_page *page, int fd, size_t size_bytes)
{
	const int ret = control_stats_map(page, fd, size_bytes);

	if (ret < 0)
		die(FAC_STATS, "cannot map a page of counters: %s", strerror(-ret));
}

void control_take_page(struct process *p, unsigned worker, int fd)
{
	map_stats(&p->c->stats.worker[worker], fd, sizeof(struct worker_page));
}

static void take_fd(struct process *p, const struct ipc_pass_fd *as, int fd)
{
	switch ((enum passed_fd)as->what) {
	case PASSED_CONTROL_LISTENER:
		keep_fd(&p->listener[0], fd);
		return;
	case PASSED_STATUS_LISTENER:
		keep_fd(&p->listener[1], fd);
		return;
	case PASSED_NETLINK:
		keep_fd(&p->netlink, fd);
		return;
	case PASSED_ROUTES:
		keep_fd(&p->routes, fd);
		return;
	case PASSED_CONFIG:
		keep_fd(&p->config, fd);
		return;
	case PASSED_SNAPSHOT:
		/* The whole one comes first, then its changes. */
		keep_fd(p->snapshot < 0 ? &p->snapshot : &p->changes, fd);
		return;
	case PASSED_APPLIED:
		keep_fd(&p->applied, fd);
		return;
	case PASSED_WORKER_PAGE:
		control_take_page(p, as->index, fd);
		return;
	case PASSED_IFACE_PAGE:
		map_stats(&p->c->stats.iface, fd, sizeof(struct iface_page));
		return;
	case PASSED_HEARTBEAT:
		map_heartbeat(p, fd);
		return;
	case PASSED_KERNEL_RULES:
	case PASSED_KERNEL_BLOCKS:
	case PASSED_KERNEL_COUNTERS:
		if (control_kernel_path_take_fd(p->c, as, fd) < 0)
			die(FAC_SUPERVISOR, "cannot take a map of the kernel path");
		return;
	case PASSED_ARENA:
	case PASSED_LIMITS:
	case PASSED_RINGS:
	case PASSED_FDS:
		break;
	}
	close(fd); /* not for us */
}

static void take_interface(struct control *c, const struct ipc_interface *i)
{
	if (c->n_interfaces == MCR_MAX_START_IFACES)
		die(FAC_SUPERVISOR, "the supervisor named too many interfaces");
	memcpy(c->interfaces[c->n_interfaces++], i->name, sizeof(i->name));
}

static void take(void *ctx, const struct ipc_msg *m, int fd)
{
	struct process *p = ctx;

	if (m->type == IPC_INTERFACE)
		take_interface(p->c, &m->interface);
	else
		take_fd(p, &m->pass_fd, fd);
}

static void take_start(struct process *p, const struct ipc_start *start)
{
	struct control *c = p->c;

	c->started_ns = start->started_ns;
	c->egress_sockets.budget = start->egress_sockets;
	p->uid = start->uid;
	p->gid = start->gid;
	/* Pages exist once a predecessor has said how many workers there are. */
	p->restarted = c->stats.worker[0].mem != NULL;
	control_kernel_path_start(c, start, p->restarted);
	if (p->restarted) {
		c->workers = start->workers;
		c->per_packet = start->flags & IPC_FLAG_PER_PACKET;
		c->busy_poll_us = start->busy_poll_us;
	} else {
		p->workers_option = start->workers;
	}
}

void control_receive_start(struct process *p)
{
	struct ipc_start start;
	const int ret = startup_receive(CHILD_CHANNEL_FD, IPC_TO_NEW_CONTROL, take, p, &start);

	if (ret == -EPIPE)
		exit(0); /* the supervisor gave up before we began */
	if (ret < 0)
		die(FAC_CONTROL_SOCKET, "bad start-up message: %s", strerror(-ret));
	take_start(p, &start);
}

/* Read now: afterwards nothing can be opened. */
static unsigned count_cpus(const struct process *p)
{
	const unsigned possible = (unsigned)get_nprocs_conf();
	const unsigned last = p->n_cpus ? (unsigned)p->cpus[p->n_cpus - 1] : 0;

	return possible > last ? possible : last + 1;
}

/* CPUs that this process, and so its siblings, may run on. */
static void find_cpus(struct process *p)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		CPU_ZERO(&set);
	for (int cpu = 0; cpu < CPU_SETSIZE && p->n_cpus < MCR_MAX_WORKERS; cpu++) {
		if (CPU_ISSET(cpu, &set))
			p->cpus[p->n_cpus++] = cpu;
	}
}

void control_seal(struct process *p)
{
	const struct priv_identity id = priv_identity_of(p->uid, p->gid);
	bool netns;
	int ret;

	find_cpus(p);
	p->c->cpus = count_cpus(p);
	for (unsigned w = 0; w < MCR_MAX_WORKERS; w++)
		p->c->worker[w].cpu = p->n_cpus ? p->cpus[w % p->n_cpus] : -1;

	ret = priv_seal_identity(&id, false, &netns);
	if (ret == 0)
		ret = control_memory_limit();
	if (ret == 0)
		ret = priv_seal_syscalls_control();
	if (ret < 0)
		die(FAC_SECURITY, "cannot give up rights: %s", strerror(-ret));
}

static void start_reply(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	if (status < 0)
		die(FAC_SUPERVISOR, "workers cannot be %s: %s",
		    request->type == IPC_SPAWN ? "started" : "configured", strerror(-status));
}

void control_start_workers(struct process *p)
{
	struct control *c = p->c;
	struct ipc_msg msg = {.type = IPC_CONFIGURE};

	msg.configure.workers = c->workers;
	msg.configure.flags = c->per_packet ? IPC_FLAG_PER_PACKET : 0;
	msg.configure.busy_poll_us = c->busy_poll_us;
	control_supervisor_request(&c->supervisor, &msg, -1, start_reply, c);
	for (unsigned w = 0; w < c->workers; w++) {
		msg = (struct ipc_msg){.type = IPC_PIN};
		msg.pin.worker = w;
		msg.pin.cpu = c->worker[w].cpu;
		control_supervisor_request(&c->supervisor, &msg, -1, NULL, c);
	}
	msg = (struct ipc_msg){.type = IPC_SPAWN};
	control_supervisor_request(&c->supervisor, &msg, -1, start_reply, c);
	p->settle_seq = c->supervisor.last_seq;
}
