// SPDX-License-Identifier: MIT
/*
 * standin.c - another worker reads the sockets of one that cannot run
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
 * Datagrams that the dead worker had received and not sent lie in its arena and go out when it runs
 * again.  A stand-in that dies gets the same from worker_sync() in its next life.
 */
#include "daemon/supervisor/standin.h"

#include <errno.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

#define RETURN_NS (1 * NS_PER_S)  /* then whoever does not answer hangs */
#define LOOK_NS   (5 * NS_PER_MS) /* between two looks at its page */

static bool is_ready(const struct supervisor *s, unsigned worker)
{
	return s->child[worker].ready && s->child[worker].channel >= 0;
}

static int sync_slot(struct supervisor *s, unsigned by, unsigned owner, unsigned slot)
{
	struct worker *w = &s->worker[owner];
	const int sock = s->input[slot].sock[owner];
	const uint64_t now = w->returning || sock < 0 ? 0 : s->input[slot].incarnation;
	int ret = 0;

	if (w->lent_sent[slot] == now)
		return 0;
	if (w->lent_sent[slot])
		ret = worker_send_input(s, by, slot, owner, -1);
	if (ret < 0)
		return ret;
	w->lent_sent[slot] = 0;
	if (now)
		ret = worker_send_input(s, by, slot, owner, sock);
	if (ret == 0)
		w->lent_sent[slot] = now;
	return ret;
}

int stand_in_sync(struct supervisor *s, unsigned by)
{
	int ret = 0;

	for (unsigned owner = 0; owner < s->workers && ret == 0; owner++) {
		struct worker *w = &s->worker[owner];

		if (w->stand_in != by + 1)
			continue;
		for (unsigned i = 0; i < MCR_MAX_IFACES && ret == 0; i++)
			ret = sync_slot(s, by, owner, i);
		if (ret == 0 && w->returning && !w->return_mark)
			w->return_mark = s->worker[by].sent;
	}
	return ret;
}

int stand_in_begin(struct supervisor *s, unsigned worker, unsigned by)
{
	struct worker *w = &s->worker[worker];

	if (worker >= s->workers || by >= s->workers)
		return -ERANGE;
	if (!s->child[worker].out)
		return -EALREADY;
	if (!is_ready(s, by))
		return -EAGAIN;
	if (w->stand_in == by + 1)
		return 0;
	/* Another one that stood in is asked to come only when that one runs no more. */
	memset(w->lent_sent, 0, sizeof(w->lent_sent));
	w->stand_in = by + 1;
	w->returning = false;
	worker_sync(s, by);
	return 0;
}

void stand_in_return(struct supervisor *s, unsigned worker)
{
	struct worker *w = &s->worker[worker];

	if (!w->stand_in)
		return;
	w->returning = true;
	w->return_mark = 0;
	w->return_ns = monotonic_ns() + RETURN_NS;
	worker_sync(s, w->stand_in - 1);
}

void stand_in_forget(struct supervisor *s, unsigned by)
{
	for (unsigned owner = 0; owner < s->workers; owner++)
		if (s->worker[owner].stand_in == by + 1)
			memset(s->worker[owner].lent_sent, 0, sizeof(s->worker[owner].lent_sent));
}

static bool has_returned(const struct supervisor *s, const struct worker *w, uint64_t now_ns)
{
	const unsigned by = w->stand_in - 1;

	return !is_ready(s, by) || now_ns >= w->return_ns ||
	       (w->return_mark &&
		__atomic_load_n(&s->worker[by].page->commands, __ATOMIC_RELAXED) >= w->return_mark);
}

uint64_t stand_in_timers(struct supervisor *s, uint64_t now_ns)
{
	uint64_t next_ns = UINT64_MAX;

	for (unsigned i = 0; i < s->workers; i++) {
		struct worker *w = &s->worker[i];

		if (!w->returning)
			continue;
		if (!has_returned(s, w, now_ns)) {
			next_ns = now_ns + LOOK_NS;
			continue;
		}
		memset(w->lent_sent, 0, sizeof(w->lent_sent));
		w->stand_in = 0;
		w->returning = false;
		worker_sync(s, i);
	}
	return next_ns;
}
