// SPDX-License-Identifier: MIT
/* standin.c - which worker serves the rules of one that cannot run */
#include "daemon/control/standin.h"

#include "daemon/common/log.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

bool control_stand_ins_due(const struct control *c, uint64_t now_ns)
{
	for (unsigned w = 0; w < c->workers; w++) {
		const uint64_t until_ns = c->worker[w].stand_in_until_ns;

		if (until_ns && now_ns >= until_ns)
			return true;
	}
	return false;
}

/* 1 + the next worker that runs, 0 for none. */
static unsigned find_stand_in(const struct control *c, unsigned worker)
{
	for (unsigned i = 1; i < c->workers; i++) {
		const unsigned by = (worker + i) % c->workers;

		if (c->worker[by].running)
			return by + 1;
	}
	return 0;
}

static void need_stand_in(struct control *c, unsigned worker)
{
	struct control_worker *w = &c->worker[worker];
	const bool good = w->stand_in && c->worker[w->stand_in - 1].running;
	const unsigned by = good ? w->stand_in : find_stand_in(c, worker);

	if (w->stand_in_until_ns) /* it ran, and asked for its sockets back */
		w->asked = false;
	w->stand_in_until_ns = 0;
	if (by == w->stand_in)
		return;
	w->stand_in = by;
	w->asked = false;
	c->rec.publish = true;
	if (by)
		log_msg(SEV_WARNING, FAC_RULE_DISPATCH,
			"worker %u cannot run: worker %u serves its rules", worker, by - 1);
}

static void end_stand_in(struct control *c, unsigned worker, uint64_t now_ns)
{
	struct control_worker *w = &c->worker[worker];

	if (!w->stand_in_until_ns) {
		w->stand_in_until_ns = now_ns + HANDOVER_NS;
		log_msg(SEV_NOTICE, FAC_RULE_DISPATCH, "worker %u serves its rules again", worker);
	} else if (now_ns >= w->stand_in_until_ns) {
		w->stand_in = 0;
		w->asked = false;
		w->stand_in_until_ns = 0;
		c->rec.publish = true;
	}
}

void control_stand_ins_choose(struct control *c, uint64_t now_ns)
{
	for (unsigned i = 0; i < c->workers; i++) {
		const struct control_worker *w = &c->worker[i];

		if (w->out && !w->running)
			need_stand_in(c, i);
		else if (w->stand_in && w->running)
			end_stand_in(c, i, now_ns);
	}
}

static void stand_in_answered(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;

	/* A worker has started or ended meanwhile; the message about it leads here again. */
	if (status < 0)
		c->worker[request->stand_in.worker].asked = false;
}

void control_stand_ins_ask(struct control *c)
{
	for (unsigned i = 0; i < c->workers; i++) {
		struct control_worker *w = &c->worker[i];
		const struct ipc_msg msg = {.type = IPC_STAND_IN,
					    .stand_in = {.worker = i, .by = w->stand_in - 1}};

		if (!w->stand_in || w->asked || w->stand_in_until_ns)
			continue;
		w->asked = true;
		control_super_request(&c->super, &msg, -1, stand_in_answered, c);
	}
}
