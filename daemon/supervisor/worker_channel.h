/* SPDX-License-Identifier: MIT */
/* worker_channel.h - what a worker is given */
#ifndef DAEMON_SUPERVISOR_WORKER_CHANNEL_H
#define DAEMON_SUPERVISOR_WORKER_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ipc.h"
#include "daemon/supervisor/state.h"

/*
 * A message to a worker that is ready; it counts those that it has handled.
 * Return: as ipc_send().
 */
static inline int worker_message(struct supervisor *s, unsigned worker, struct ipc_msg *msg, int fd)
{
	const int ret = ipc_send(s->child[worker].channel, msg, fd);

	if (ret == 0)
		s->worker[worker].sent++;
	return ret;
}

/* Pages and arenas of all workers.  Return: 0 or a negative errno. */
int worker_make_memory(struct supervisor *s, unsigned workers);
/* Map w->page_fd at w->page.  Return: 0 or a negative errno. */
int worker_map_page(struct worker *w);
/* First messages of a fresh worker; forgets what its predecessor was given. */
void worker_begin(struct supervisor *s, unsigned worker);
/* Takes its IPC_READY; ends a worker that says anything else. */
void worker_readable(struct supervisor *s, unsigned worker);
/*
 * Bring a worker up to date: close, open, then the snapshot.  Never blocks; what does
 * not fit into the channel follows when there is room.  Return: it has everything.
 */
bool worker_sync(struct supervisor *s, unsigned worker);
/* Return: mask of workers that are not up to date. */
uint64_t worker_sync_all(struct supervisor *s);
/*
 * An input's message: @sock is that of @owner, -1 when @worker is to close it.
 * Return: as ipc_send().
 */
int worker_send_input(struct supervisor *s, unsigned worker, unsigned slot, unsigned owner,
		      int sock);
/* Returns when the workers that run have handled what they were sent, at most 100 ms later. */
void worker_await(struct supervisor *s);

#endif
