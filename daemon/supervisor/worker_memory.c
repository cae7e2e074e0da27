// SPDX-License-Identifier: MIT
/*
 * worker_memory.c - a status page and an arena each, mapped by every process
 *
 * The status page (counters) and the arena (buffers, journal) of a worker are memory of the
 * supervisor's.  Each process of the worker maps the same.
 */
#include "daemon/supervisor/worker_memory.h"

#include "core/base/arena.h"
#include "core/base/statpage.h"
#include "daemon/common/memfd.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/state.h"

int worker_memory_map_page(struct worker_record *w)
{
	return memfd_map_shared(w->page_fd, sizeof(*w->page), 0, (void **)&w->page);
}

int worker_memory_make(struct supervisor *s, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++) {
		struct worker_record *w = &s->worker[i];
		int ret = 0;

		if (w->page_fd < 0)
			w->page_fd = memfd_zeroed("mcr-worker-page", sizeof(*w->page));
		if (w->page_fd < 0)
			return w->page_fd;
		if (!w->page)
			ret = worker_memory_map_page(w);
		if (ret < 0)
			return ret;
		worker_page_init(w->page);
		if (w->arena_fd < 0)
			w->arena_fd = memfd_zeroed("mcr-arena", WORKER_ARENA_BYTES);
		if (w->arena_fd < 0)
			return w->arena_fd;
	}
	return rings_make_all(s, workers);
}
