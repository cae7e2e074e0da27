// SPDX-License-Identifier: MIT
/* standin.c - the next worker that runs is the stand-in */
#include "daemon/control/standin.h"

#include "daemon/common/log.h"
#include "daemon/control/change.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

static uint64_t bit_of(unsigned stand_in)
{
	return stand_in ? 1ull << (stand_in - 1) : 0;
}

/* Workers that have its rules and do not stand in for it any more. */
static uint64_t former(const struct control_worker *w)
{
	return w->lent_to & ~bit_of(w->stand_in);
}

static bool all_run(const struct control *c, uint64_t mask)
{
	for (; mask; mask &= mask - 1)
		if (!c->worker[__builtin_ctzll(mask)].running)
			return false;
	return true;
}

bool control_stand_ins_due(const struct control *c, uint64_t now_ns)
{
	for (unsigned w = 0; w < c->workers; w++) {
		const uint64_t until_ns = c->worker[w].lent_until_ns;

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

	if (by == w->stand_in)
		return;
	w->stand_in = by;
	w->asked = false;
	if (!by)
		return;
	if (!(w->lent_to & bit_of(by)))
		control_publish_due(c);
	w->lent_to |= bit_of(by);
	log_msg(SEV_WARNING, FAC_RULE_DISPATCH, "worker %u cannot run: worker %u serves its rules",
		worker, by - 1);
}

/* It asks for its sockets back itself: see supervisor/stand_in.c. */
static void end_stand_in(struct control *c, unsigned worker)
{
	struct control_worker *w = &c->worker[worker];

	w->stand_in = 0;
	w->asked = false;
	log_msg(SEV_NOTICE, FAC_RULE_DISPATCH, "worker %u serves its rules again", worker);
}

/*
 * A worker that stood in relays what it had received, in its next process if it was killed.
 * Its time begins when all of them run.
 */
static void take_back(struct control *c, struct control_worker *w, uint64_t now_ns)
{
	if (!former(w) || !all_run(c, former(w))) {
		w->lent_until_ns = 0;
	} else if (!w->lent_until_ns) {
		w->lent_until_ns = now_ns + HANDOVER_NS;
	} else if (now_ns >= w->lent_until_ns) {
		w->lent_to = bit_of(w->stand_in);
		w->lent_until_ns = 0;
		control_publish_due(c);
	}
}

void control_stand_ins_choose(struct control *c, uint64_t now_ns)
{
	for (unsigned i = 0; i < c->workers; i++) {
		struct control_worker *w = &c->worker[i];

		if (w->out && !w->running)
			need_stand_in(c, i);
		else if (w->stand_in && w->running)
			end_stand_in(c, i);
		take_back(c, w, now_ns);
	}
}

void control_stand_ins_restore(struct control *c, uint64_t workers, uint64_t had)
{
	const uint64_t lent_to = had & ~workers & worker_mask_all(c->workers);

	for (; workers; workers &= workers - 1)
		c->worker[__builtin_ctzll(workers)].lent_to |= lent_to;
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

		if (!w->stand_in || w->asked)
			continue;
		w->asked = true;
		control_supervisor_request(&c->supervisor, &msg, -1, stand_in_answered, c);
	}
}
