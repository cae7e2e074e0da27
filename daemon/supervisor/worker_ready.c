// SPDX-License-Identifier: MIT
/* worker_ready.c - the state changes, and the worker is given everything */
#include "daemon/supervisor/worker_ready.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "core/base/ipc.h"
#include "daemon/common/log.h"
#include "daemon/supervisor/child.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/stand_in.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

static void became_ready(struct supervisor *s, unsigned worker)
{
	struct child *c = &s->child[worker];

	child_ready(c);
	rings_in_use(&s->worker[worker]);
	if (c->restarts)
		log_msg(SEV_NOTICE, FAC_SUPERVISOR, "worker %u runs again, pid %d", worker,
			(int)c->pid);
	stand_in_return(s, worker);
	worker_channel_sync(s, worker);
	control_channel_worker_state(s, worker);
	for (unsigned i = 0; i < s->workers; i++)
		if (s->child[i].state != CHILD_READY)
			return;
	control_channel_spawn_done(s, 0, 0);
}

void worker_ready_read(struct supervisor *s, unsigned worker)
{
	struct child *c = &s->child[worker];
	struct ipc_msg m;
	int fd, ret;

	if (c->channel < 0)
		return;
	ret = ipc_recv(c->channel, IPC_FROM_WORKER, &m, &fd);
	if (ret == -EAGAIN || ret == -EINTR)
		return;
	if (ret == 1 && c->state == CHILD_STARTING) {
		became_ready(s, worker); /* IPC_WORKER_READY is all that a worker may say */
		return;
	}
	if (ret == 0 || ret == -ECONNRESET) {
		child_hung_up(s, c);
		return;
	}
	if (fd >= 0)
		close(fd);
	log_msg(SEV_ERROR, FAC_SECURITY, "worker %u sent what it may not (%s)", worker,
		ret < 0 ? strerror(-ret) : "ready twice");
	child_end(s, c, END_MESSAGE, 0);
}
