// SPDX-License-Identifier: MIT
/*
 * stand_in.c - sockets are lent, asked back and returned
 *
 * Frames are steered to a worker's packet sockets whether it runs or not.  So its rules move
 * with its sockets: nothing is steered anew, each frame is still in one queue, and what
 * waits there is relayed in order.
 *
 *   worker is out --> control publishes its rules to the stand-in as well
 *                 --> IPC_STAND_IN: the stand-in gets the sockets, after that snapshot
 *   worker ready  --> the stand-in is told to close them; the worker waits
 *                 --> the stand-in has handled that: the worker gets its sockets
 *                 --> control takes the rules away from the stand-in a while later
 *
 * Datagrams that the dead worker had received and not sent lie in its arena and go out when it
 * runs again.  A stand-in that dies gets the same from worker_channel_sync() in its next life.
 */
#include "daemon/supervisor/stand_in.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

#define RETURN_NS (1 * NS_PER_S)  /* a stand-in that has not answered by then hangs */
#define LOOK_NS   (5 * NS_PER_MS) /* between two looks at its page */

static bool is_ready(const struct supervisor *s, unsigned worker)
{
	return s->child[worker].state == CHILD_READY;
}

/* The record of the inputs that the stand-in was sent begins anew. */
static void set_lending(struct worker_record *w, enum lending lending)
{
	w->lending = lending;
	memset(w->lent_sent, 0, sizeof(w->lent_sent));
}

int stand_in_begin(struct supervisor *s, unsigned worker, unsigned by)
{
	struct worker_record *w = &s->worker[worker];

	if (worker >= s->workers || by >= s->workers)
		return -ERANGE;
	if (!s->child[worker].out)
		return -EALREADY;
	if (!is_ready(s, by))
		return -EAGAIN;
	if (w->lending != LENDING_NONE && w->stand_in == by)
		return 0;
	/* Control chooses another one only when the one before does not run any more. */
	set_lending(w, LENDING_LENT);
	w->stand_in = by;
	worker_channel_sync(s, by);
	return 0;
}

void stand_in_return(struct supervisor *s, unsigned worker)
{
	struct worker_record *w = &s->worker[worker];

	if (w->lending == LENDING_NONE)
		return;
	w->lending = LENDING_RETURNING;
	w->return_mark = 0;
	w->return_ns = monotonic_ns() + RETURN_NS;
	worker_channel_sync(s, w->stand_in);
}

static bool has_returned(const struct supervisor *s, const struct worker_record *w, uint64_t now_ns)
{
	const struct worker_page *page = s->worker[w->stand_in].page;

	return !is_ready(s, w->stand_in) || now_ns >= w->return_ns ||
	       (w->return_mark &&
		__atomic_load_n(&page->commands, __ATOMIC_RELAXED) >= w->return_mark);
}

uint64_t stand_in_timers(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next_ns = NEVER_NS;

	for (unsigned i = 0; i < s->workers; i++) {
		struct worker_record *w = &s->worker[i];

		if (w->lending != LENDING_RETURNING)
			continue;
		if (!has_returned(s, w, now_ns)) {
			next_ns = now_ns + LOOK_NS;
			continue;
		}
		set_lending(w, LENDING_NONE);
		worker_channel_sync(s, i);
	}
	return next_ns;
}
