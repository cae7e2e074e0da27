/* SPDX-License-Identifier: MIT */
/* child.h - start, watch, kill and restart child processes */
#ifndef DAEMON_SUPERVISOR_CHILD_H
#define DAEMON_SUPERVISOR_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/ipc.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/state.h"

/* @c: filled, with its name; @index: as in struct supervisor. */
void child_init(struct child *c, const struct child_role *role, unsigned index);
/* Starts it now and watches it.  Return: 0 or a negative errno. */
int child_start(struct supervisor *s, struct child *c);
/* SIGKILL; its channel is closed, and child_exited() follows.  It may have ended already. */
void child_kill(struct supervisor *s, struct child *c);
/* The same, and why; the first reason counts.  @ms: see struct ipc_worker_state. */
void child_end(struct supervisor *s, struct child *c, enum ipc_ending why, unsigned ms);
/* It has said that it is ready. */
void child_ready(struct child *c);
/* It has closed its channel. */
void child_hung_up(struct supervisor *s, struct child *c);
/* It has exited: reap, log, and plan the restart unless the daemon ends. */
void child_exited(struct supervisor *s, struct child *c);
/* Restarts and kills that are due.  Return: the next time something will be, or NEVER_NS. */
uint64_t child_timers(struct supervisor *s, uint64_t now_ns);
/* Watches a child that was started before an exec.  Return: 0 or a negative errno. */
int child_resume(struct supervisor *s, struct child *c);
/* Watch the channel for reading, for room, both or neither. */
void child_watch(struct supervisor *s, struct child *c, bool readable, bool writable);

/* With which values a child starts; the caller adds those of its role. */
static inline struct ipc_start child_start_values(const struct supervisor *s, const struct child *c)
{
	return (struct ipc_start){.workers = s->workers ? s->workers : s->options->workers,
				  .cpu = c->cpu,
				  .flags = s->worker_flags,
				  .started_ns = s->started_ns,
				  .busy_poll_us = s->busy_poll_us,
				  .uid = s->identity.uid,
				  .gid = s->identity.gid};
}

#endif
