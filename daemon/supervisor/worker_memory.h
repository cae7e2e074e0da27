/* SPDX-License-Identifier: MIT */
/* worker_memory.h - memory of the workers that outlives their processes */
#ifndef DAEMON_SUPERVISOR_WORKER_MEMORY_H
#define DAEMON_SUPERVISOR_WORKER_MEMORY_H

struct supervisor;
struct worker_record;

/* Status pages, arenas and rings of all workers.  Return: 0 or a negative errno. */
int worker_memory_make(struct supervisor *s, unsigned workers);

/* Maps w->page_fd at w->page.  Return: 0 or a negative errno. */
int worker_memory_map_page(struct worker_record *w);

#endif
