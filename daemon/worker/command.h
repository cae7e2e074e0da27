/* SPDX-License-Identifier: MIT */
/* command.h - messages of the supervisor to a worker */
#ifndef DAEMON_WORKER_COMMAND_H
#define DAEMON_WORKER_COMMAND_H

struct worker;

/* Between batches: handles messages of the supervisor until one takes long, or none is left. */
void worker_commands(struct worker *w);

#endif
