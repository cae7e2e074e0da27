// SPDX-License-Identifier: MIT
// control_publish.c - hand the rules to the workers, and know who has them
#include "daemon/control_publish.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/control.h"
#include "daemon/log.h"

static void published_reply(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;

	if (request->publish.generation != c->pub.generation)
		return; /* overtaken */
	c->pub.error = status;
	c->pub.busy = status < 0 ? 0 : value;
	if (status < 0)
		log_msg(SEV_ERROR, FAC_RULE_DISPATCH, "generation %" PRIu64 " not published: %s",
			request->publish.generation, strerror(-status));
	else if (value)
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"generation %" PRIu64 ": worker busy, mask %#" PRIx64,
			request->publish.generation, value);
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

	size = control_snapshot_build(c, generation, slot->hash, &mem);
	if (size < 0)
		return (int)size;
	fd = control_memfd("mcr-snapshot", mem, (size_t)size);
	free(mem);
	if (fd < 0)
		return fd;
	slot->generation = generation;
	p->generation = generation;
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

void control_publish_check(struct control *c, uint64_t now_ns)
{
	bool again = now_ns - c->pub.at_ns > PUBLISH_RESYNC_NS;

	for (unsigned w = 0; w < c->workers; w++) {
		struct control_worker *worker = &c->worker[w];

		if (!worker->running || control_publish_confirmed(c, w, c->pub.generation)) {
			worker->drift_ns = 0;
			continue;
		}
		if (!worker->drift_ns)
			worker->drift_ns = now_ns;
		if (now_ns - worker->drift_ns < PUBLISH_DRIFT_NS ||
		    now_ns - c->pub.at_ns < PUBLISH_DRIFT_NS)
			continue;
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"worker %u does not have the rules of generation %" PRIu64
			": publishing again",
			w, c->pub.generation);
		c->pub.repairs++;
		again = true;
	}
	if (again) {
		c->rec.publish = true;
		c->dirty = true;
	}
}
