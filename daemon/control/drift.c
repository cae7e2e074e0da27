// SPDX-License-Identifier: MIT
/* drift.c - compare the workers' tables with what was published, and repair */
#include "daemon/control/drift.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "daemon/common/log.h"
#include "daemon/control/change.h"
#include "daemon/control/publish.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/supervisor_channel.h"

#define PUBLICATIONS 2u /* steps before the worker is restarted */

/* When the supervisor first took something newer than @g; 0: it has not. */
static uint64_t newer_taken_ns(const struct control_publish *p, uint64_t g)
{
	uint64_t oldest = p->first;

	if (p->generation >= oldest + PUBLISH_HISTORY)
		oldest = p->generation - PUBLISH_HISTORY + 1;
	for (g = g + 1 < oldest ? oldest : g + 1; g <= p->generation; g++) {
		/* A refused publication does not count. */
		if (p->history[g % PUBLISH_HISTORY].taken_ns)
			return p->history[g % PUBLISH_HISTORY].taken_ns;
	}
	return 0;
}

enum drift_kind control_drift_look(const struct control *c, unsigned w, uint64_t *heartbeat_ns)
{
	const struct control_publish *p = &c->pub;
	const struct published *had;
	struct worker_summary s;
	uint64_t taken_ns;
	int ret = control_stats_worker(c, w, &s);

	*heartbeat_ns = s.heartbeat_ns;
	/* Before the first publication there is nothing to compare with. */
	if (!p->first)
		return DRIFT_NONE;
	if (ret < 0 || s.generation > p->generation)
		return DRIFT_WRONG;
	had = &p->history[s.generation % PUBLISH_HISTORY];
	if (s.generation && had->generation == s.generation && had->hash[w] != s.hash)
		return DRIFT_WRONG;
	taken_ns = newer_taken_ns(p, s.generation);
	if (!taken_ns)
		return DRIFT_NONE;
	/* A worker that has just started gets the same time from its start. */
	if (taken_ns < c->worker[w].running_ns)
		taken_ns = c->worker[w].running_ns;
	return s.heartbeat_ns > taken_ns + DRIFT_LATE_NS ? DRIFT_LATE : DRIFT_NONE;
}

static void in_order(struct control *c, unsigned w, uint64_t now_ns)
{
	struct control_drift *d = &c->worker[w].drift;

	d->since_ns = 0;
	if (d->detected_ns) {
		log_msg(SEV_NOTICE, FAC_RULE_DISPATCH,
			"worker %u has the published rules again, %u ms after they were missed", w,
			(unsigned)((now_ns - d->detected_ns) / NS_PER_MS));
		c->heartbeat->drift_repaired[w]++;
		d->detected_ns = 0;
		d->right_ns = now_ns;
	}
	if (d->steps && now_ns - d->right_ns > DRIFT_CALM_NS)
		d->steps = 0;
}

static void detected(struct control *c, unsigned w, enum drift_kind kind)
{
	struct worker_summary s;

	control_stats_worker(c, w, &s);
	c->heartbeat->drift_detected[w]++;
	if (kind == DRIFT_LATE)
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"worker %u is late: it has generation %" PRIu64 ", published is %" PRIu64,
			w, s.generation, c->pub.generation);
	else
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"worker %u is wrong: its table is not that of generation %" PRIu64, w,
			s.generation);
}

static void restarted(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	/* It is being started already. */
	if (status < 0 && status != -EALREADY)
		log_msg(SEV_ERROR, FAC_RULE_DISPATCH, "worker %u cannot be restarted: %s",
			request->pin.worker, strerror(-status));
}

static void repair(struct control *c, unsigned w, uint64_t now_ns)
{
	struct control_drift *d = &c->worker[w].drift;
	struct ipc_msg msg = {.type = IPC_RESTART_WORKER, .pin = {.worker = w, .cpu = -1}};

	d->step_ns = now_ns + DRIFT_STEP_NS;
	if (d->steps++ < PUBLICATIONS) {
		log_msg(SEV_NOTICE, FAC_RULE_DISPATCH, "worker %u: publishing again%s", w,
			d->steps > 1 ? ", for the second time" : "");
		control_rules_republish(c);
		return;
	}
	log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
		"worker %u: publishing does not help, asking for its restart", w);
	control_supervisor_request(&c->supervisor, &msg, -1, restarted, NULL);
}

static void check_worker(struct control *c, unsigned w, uint64_t now_ns)
{
	struct control_drift *d = &c->worker[w].drift;
	uint64_t heartbeat_ns;
	enum drift_kind kind = control_drift_look(c, w, &heartbeat_ns);

	if (!c->worker[w].running) {
		d->since_ns = 0; /* what it has is seen when it is back */
		return;
	}
	if (kind == DRIFT_NONE) {
		in_order(c, w, now_ns);
		return;
	}
	if (!d->since_ns)
		d->since_ns = now_ns;
	if (now_ns - d->since_ns < DRIFT_GRACE_NS || heartbeat_ns < d->step_ns)
		return;
	if (!d->detected_ns) {
		d->detected_ns = now_ns;
		detected(c, w, kind);
	}
	repair(c, w, now_ns);
}

void control_drift_check(struct control *c, uint64_t now_ns)
{
	for (unsigned w = 0; w < c->workers; w++)
		check_worker(c, w, now_ns);
	if (now_ns - c->pub.at_ns > PUBLISH_RESYNC_NS) {
		control_rules_republish(c);
	}
}
