// SPDX-License-Identifier: MIT
/* loop.c - the rules in a circle by slot; counts of the storm guards in the log */
#include "daemon/control/loop.h"

#include <stdio.h>
#include <string.h>

#include "core/base/bitset.h"
#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_cycle.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/change.h"
#include "daemon/control/kernel_watch.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "daemon/control/wiring.h"

static void mark(void *ctx, const struct ruleset_entry *e)
{
	uint64_t *circles = ctx;

	bitset_add(circles, e->slot);
}

static void log_circle(struct control *c, const struct ruleset_entry *e, bool closes)
{
	static struct log_limit limit;
	struct complaint cpl = {0};

	if (closes)
		ruleset_name_circle(c->rules, e, &cpl);
	log_limited(&limit, monotonic_ns(), closes ? SEV_WARNING : SEV_NOTICE, FAC_RULE_DISPATCH,
		    "rule %s %s %s", e->rule.id,
		    closes ? "is held: with the present wiring of this host it"
			   : "closes no circle any more",
		    cpl.reason);
}

void control_loop_update(struct control *c)
{
	uint64_t circles[MCR_MAX_RULES / 64] = {0};
	struct control_loop *l = &c->loop;

	if (control_wiring_update(c, NULL, 0) < 0)
		return; /* out of memory: the last result stays */
	if (!c->wiring.remade && !(l->n_circles && c->rec.publish))
		return;
	c->wiring.remade = false;
	l->n_circles = ruleset_circles(c->rules, mark, circles);
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, i);

		if (bitset_has(circles, e->slot) == bitset_has(l->circles, e->slot))
			continue;
		control_publish_due(c);
		log_circle(c, e, bitset_has(circles, e->slot));
	}
	memcpy(l->circles, circles, sizeof(l->circles));
}

static void log_held_rule(const struct ruleset_entry *e, uint64_t until_ns, uint64_t now_ns)
{
	static struct log_limit limit;

	log_limited(&limit, now_ns, SEV_WARNING, FAC_RULE_DISPATCH,
		    "rule %s%s%s: its datagrams come back, so another relay sends them "
		    "the other way: held as looping for %llu ms",
		    e->rule.id, e->rule.name[0] ? " " : "", e->rule.name,
		    (unsigned long long)((until_ns - now_ns) / NS_PER_MS));
}

static void find_held_rules(struct control *c, uint64_t now_ns)
{
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, i);
		struct rule_counters n;

		control_stats_rule(c, e, &n);
		if (n.held_until_ns <= now_ns)
			continue;
		log_held_rule(e, n.held_until_ns, now_ns);
		control_kernel_watch_held(c, e, n.held_until_ns);
	}
}

void control_loop_check(struct control *c, uint64_t now_ns)
{
	uint64_t guarded = 0;
	struct worker_summary s;

	for (unsigned w = 0; w < c->workers; w++)
		if (control_stats_worker(c, w, &s) == 0)
			guarded += s.loops;
	if (guarded != c->loop.guarded)
		find_held_rules(c, now_ns);
	c->loop.guarded = guarded;
}

bool control_loop_closes(const struct control *c, uint32_t slot)
{
	return bitset_has(c->loop.circles, slot);
}

enum rule_state control_entry_state(const struct control *c, const struct ruleset_entry *e,
				    uint64_t now_ns, char *reason)
{
	struct complaint cpl = {0};
	struct rule_counters n;

	if (bitset_has(c->loop.circles, e->slot)) {
		ruleset_name_circle(c->rules, e, &cpl);
		if (reason)
			snprintf(reason, REASON_MAX, "%.200s", cpl.reason);
		return RULE_LOOPING;
	}
	if (now_ns) {
		control_stats_rule(c, e, &n);
		if (n.held_until_ns > now_ns) {
			if (reason)
				snprintf(reason, REASON_MAX,
					 "what it sends comes back to it: held for %llu ms",
					 (unsigned long long)((n.held_until_ns - now_ns) /
							      NS_PER_MS));
			return RULE_LOOPING;
		}
	}
	return control_rule_state(c, &e->rule, reason);
}
