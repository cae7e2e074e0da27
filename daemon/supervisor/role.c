// SPDX-License-Identifier: MIT
/* role.c - a table of functions for control, and one for the workers */
#include "daemon/supervisor/role.h"

#include <errno.h>

#include "core/base/clock.h"
#include "core/base/statpage.h"
#include "daemon/common/roles.h"
#include "daemon/supervisor/control_channel.h"
#include "daemon/supervisor/rings.h"
#include "daemon/supervisor/state.h"
#include "daemon/supervisor/worker_channel.h"

static_assert(CHILD_RING_FD == CHILD_CHANNEL_FD + 1 && CHILD_LAST_RING_FD == CHILD_RING_FD + 1,
	      "descriptors that a worker inherits");

/* --- control --- */

/* The name as given, whatever its length: it is for messages. */
static const char *config_name(const struct supervisor *s)
{
	return s->options->config_path ? s->options->config_path : "";
}

static void begin_control(struct supervisor *s, unsigned index)
{
	control_channel_begin(s);
}

static void control_ended(struct supervisor *s)
{
	s->spawn_pending = false;
}

const struct child_role role_control = {
	.name = "control",
	.argument = ROLE_CONTROL,
	.operand = config_name,
	.start_limit_ns = 30 * NS_PER_S, /* it waits for the workers */
	.begin = begin_control,
	.ended = control_ended,
};

/* --- worker --- */

static int prepare_worker(struct supervisor *s, unsigned index, int fds[static CHILD_FDS])
{
	struct worker_record *w = &s->worker[index];
	int ret = rings_prepare(s, index);

	if (ret < 0)
		return ret;
	fds[0] = w->ring.fd;
	fds[1] = w->last.fd;
	w->ring.given = true;
	return 0;
}

/* Has it had rules?  The page is what the worker wrote, and counts for no more than this. */
static bool worker_served(const struct supervisor *s, unsigned index)
{
	const struct worker_page *page = s->worker[index].page;

	return page && __atomic_load_n(&page->generation, __ATOMIC_RELAXED) != 0;
}

static void worker_failed(struct supervisor *s, unsigned index)
{
	control_channel_spawn_done(s, -ECHILD, index);
}

const struct child_role role_worker = {
	.name = "worker",
	.numbered = true,
	.argument = ROLE_WORKER,
	.start_limit_ns = 10 * NS_PER_S,
	.killed_ends_start = true,
	.prepare = prepare_worker,
	.begin = worker_channel_begin,
	.served = worker_served,
	.failed = worker_failed,
	.changed = control_channel_worker_state,
};
