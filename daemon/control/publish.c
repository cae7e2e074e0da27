// SPDX-License-Identifier: MIT
/* publish.c - hand the rules to the workers, and know who has them */
#include "daemon/control/publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/control/change.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/supervisor_channel.h"

/* Who does not run has no channel that could be full. */
static uint64_t running_workers(const struct control *c)
{
	uint64_t mask = 0;

	for (unsigned w = 0; w < c->workers; w++)
		mask |= (uint64_t)c->worker[w].running << w;
	return mask;
}

static void published_reply(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct published *p = &c->pub.history[request->publish.generation % PUBLISH_HISTORY];

	if (status == 0 && p->generation == request->publish.generation)
		p->taken_ns = monotonic_ns();
	if (request->publish.generation != c->pub.generation)
		return; /* overtaken */
	c->pub.error = status;
	c->pub.busy = status < 0 ? 0 : value & running_workers(c);
	if (status < 0) {
		log_msg(SEV_ERROR, FAC_RULE_DISPATCH, "generation %" PRIu64 " not published: %s",
			request->publish.generation, strerror(-status));
		c->rec.publish = true;
		control_retry_later(c);
	} else if (c->pub.busy) {
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"generation %" PRIu64 ": worker busy, mask %#" PRIx64,
			request->publish.generation, c->pub.busy);
	}
}

int control_publish(struct control *c, uint64_t now_ns)
{
	struct control_publish *p = &c->pub;
	uint64_t generation = p->generation + 1;
	struct published *slot = &p->history[generation % PUBLISH_HISTORY];
	struct ipc_msg msg = {.type = IPC_PUBLISH};
	void *mem = NULL;
	ssize_t size;
	int fd;

	size = control_snapshot_build(c, generation, slot->hash, p->shares, &mem);
	if (size < 0)
		return (int)size;
	fd = memfd_sealed("mcr-snapshot", mem, (size_t)size);
	free(mem);
	if (fd < 0)
		return fd;
	slot->generation = generation;
	slot->taken_ns = 0;
	p->generation = generation;
	if (!p->first)
		p->first = generation;
	p->at_ns = now_ns;
	p->busy = 0;
	p->error = 0;
	msg.publish.generation = generation;
	msg.publish.size_bytes = (uint64_t)size;
	control_super_request(&c->super, &msg, fd, published_reply, c);
	return 0;
}

bool control_publish_confirmed(const struct control *c, unsigned w, uint64_t generation)
{
	struct worker_summary s;
	const struct published *p;

	if (control_stats_worker(c, w, &s) < 0 || s.generation < generation)
		return false;
	p = &c->pub.history[s.generation % PUBLISH_HISTORY];
	return p->generation == s.generation && p->hash[w] == s.hash;
}
