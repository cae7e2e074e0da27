// SPDX-License-Identifier: MIT
/* kernel_watch.c - choose rules to watch, judge what the program noted, call in the workers */
#include "daemon/control/kernel_watch.h"

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/state.h"

#define RATE_LEAST     1000u /* datagrams a second; below, no storm (core/relay/guard.c) */
#define LOOK_NS        (500 * NS_PER_MS)
#define WATCH_NS       (200 * NS_PER_MS)
#define AGAIN_NS       (10 * NS_PER_S) /* a rule that goes on as before is watched again */
#define REPEATS_LEAST  3u              /* of a payload, or it does not circulate */
#define WITH_WORKER_NS (5 * NS_PER_S)  /* their guard needs less than one on an idle machine */
#define AFTER_HOLD_NS  (10 * NS_PER_S)
#define FREE_LEAST_MS  60000u
#define FREE_MOST_MS   3600000u

static void set_again(struct control_kernel_watch *w, uint32_t slot)
{
	if (w->n_changed < sizeof(w->changed) / sizeof(w->changed[0]))
		w->changed[w->n_changed++] = slot;
}

static struct kernel_watch_rule *rule_of(struct control_kernel_watch *w,
					 const struct ruleset_entry *e)
{
	struct kernel_watch_rule *r = &w->rule[e->slot];

	if (r->incarnation != e->incarnation)
		*r = (struct kernel_watch_rule){.incarnation = e->incarnation};
	return r;
}

/* --- suspects --- */

static struct kernel_suspect *find_suspect(const struct control_kernel_watch *w, uint32_t slot,
					   uint64_t incarnation)
{
	for (unsigned i = 0; i < w->n_suspects; i++) {
		const struct kernel_suspect *s = &w->suspect[i];

		if (s->slot == slot && s->incarnation == incarnation)
			return (struct kernel_suspect *)s;
	}
	return NULL;
}

static struct kernel_suspect *suspect(struct control_kernel_watch *w, uint32_t slot,
				      uint64_t incarnation, uint64_t until_ns)
{
	struct kernel_suspect *s = find_suspect(w, slot, incarnation);

	if (!s && w->n_suspects < KERNEL_SUSPECTS_MAX) {
		s = &w->suspect[w->n_suspects++];
		*s = (struct kernel_suspect){.slot = slot, .incarnation = incarnation};
		set_again(w, slot);
	}
	if (s)
		s->until_ns = until_ns;
	return s;
}

void control_kernel_watch_held(struct control *c, const struct ruleset_entry *e, uint64_t until_ns)
{
	struct control_kernel_watch *w = &c->kernel_path.watch;
	struct kernel_suspect *s;

	if (!c->kernel_path.map)
		return;
	s = suspect(w, e->slot, e->incarnation, until_ns + AFTER_HOLD_NS);
	if (s)
		s->held = true;
}

bool control_kernel_watch_suspects(const struct control *c, const struct ruleset_entry *e)
{
	return find_suspect(&c->kernel_path.watch, e->slot, e->incarnation);
}

/* Its payloads repeat, and it is no storm: such a sender is not disturbed again soon. */
static void leave_alone(struct kernel_watch_rule *r, uint64_t now_ns)
{
	r->free_ms = r->free_ms ? r->free_ms * 2 : FREE_LEAST_MS;
	if (r->free_ms > FREE_MOST_MS)
		r->free_ms = FREE_MOST_MS;
	r->free_until_ns = now_ns + r->free_ms * NS_PER_MS;
}

static void end_suspicions(struct control_kernel_watch *w, uint64_t now_ns)
{
	for (unsigned i = 0; i < w->n_suspects;) {
		const struct kernel_suspect *s = &w->suspect[i];
		struct kernel_watch_rule *r = &w->rule[s->slot];

		if (now_ns < s->until_ns) {
			i++;
			continue;
		}
		if (!s->held && r->incarnation == s->incarnation)
			leave_alone(r, now_ns);
		r->watched_ns = 0;
		set_again(w, s->slot);
		w->suspect[i] = w->suspect[--w->n_suspects];
	}
}

/* --- watches --- */

uint32_t control_kernel_watch_of(const struct control *c, const struct ruleset_entry *e)
{
	for (unsigned i = 0; i < KERNEL_WATCHES_AT_ONCE; i++) {
		const struct kernel_watch *at = &c->kernel_path.watch.at[i];

		if (at->used && at->slot == e->slot && at->incarnation == e->incarnation)
			return at->number + 1;
	}
	return 0;
}

/* Do nearly all payloads that were noted come again and again? */
static bool repeats(const struct kernel_map *m, uint32_t number)
{
	unsigned n = 0, same = 0;

	for (unsigned i = 0; i < KERNEL_PATH_WATCH_PAYLOADS; i++) {
		const struct kernel_path_record seen = kernel_map_watched(m, number, i);

		n += seen.a != 0;
		same += seen.b >= REPEATS_LEAST;
	}
	return n && same >= n - n / 8;
}

static void end_watches(struct control *c, uint64_t now_ns)
{
	static struct log_limit limit;
	struct control_kernel_watch *w = &c->kernel_path.watch;

	for (unsigned i = 0; i < KERNEL_WATCHES_AT_ONCE; i++) {
		struct kernel_watch *at = &w->at[i];

		if (!at->used || now_ns < at->since_ns + WATCH_NS)
			continue;
		at->used = false;
		set_again(w, at->slot);
		if (!repeats(c->kernel_path.map, at->number))
			continue;
		suspect(w, at->slot, at->incarnation, now_ns + WITH_WORKER_NS);
		log_limited(&limit, now_ns, SEV_INFO, FAC_RULE_DISPATCH,
			    "payloads of a rule come again and again: a worker relays it for now");
	}
}

static void begin_watch(struct control *c, struct kernel_watch *at, const struct ruleset_entry *e,
			uint64_t rate, uint64_t now_ns)
{
	struct control_kernel_watch *w = &c->kernel_path.watch;
	struct kernel_watch_rule *r = rule_of(w, e);

	*at = (struct kernel_watch){.used = true,
				    .number = w->next,
				    .slot = e->slot,
				    .incarnation = e->incarnation,
				    .since_ns = now_ns};
	w->next = (w->next + 1) % KERNEL_PATH_WATCHES;
	r->rate = rate;
	r->watched_ns = now_ns;
	kernel_map_watch_begin(c->kernel_path.map, at->number);
	set_again(w, e->slot);
}

/* --- rates --- */

struct candidate {
	const struct ruleset_entry *e;
	uint64_t rate;
};

/* Return: datagrams a second since the last look. */
static uint64_t rate_of(struct control *c, const struct ruleset_entry *e, uint64_t elapsed_ns)
{
	struct kernel_watch_rule *r = rule_of(&c->kernel_path.watch, e);
	uint64_t matched = 0, bytes = 0, more;

	kernel_map_count_rule(c->kernel_path.map, e->slot, e->incarnation, &matched, &bytes);
	more = matched - r->matched;
	r->matched = matched;
	return more * NS_PER_S / elapsed_ns;
}

static bool is_due(const struct control *c, const struct ruleset_entry *e, uint64_t rate,
		   uint64_t now_ns)
{
	const struct kernel_watch_rule *r = &c->kernel_path.watch.rule[e->slot];

	return rate >= RATE_LEAST && now_ns >= r->free_until_ns &&
	       (!r->watched_ns || now_ns >= r->watched_ns + AGAIN_NS || rate >= 2 * r->rate) &&
	       kernel_map_relays(c->kernel_path.map, e->slot) && !control_kernel_watch_of(c, e);
}

/* The busiest ones, in their order; @n of @max so far.  Return: how many. */
static unsigned keep_busiest(struct candidate *best, unsigned n, unsigned max, struct candidate one)
{
	unsigned i = n < max ? n++ : n;

	if (i == max && (!max || best[max - 1].rate >= one.rate))
		return n;
	if (i == max)
		i--;
	for (; i > 0 && best[i - 1].rate < one.rate; i--)
		best[i] = best[i - 1];
	best[i] = one;
	return n;
}

static void look_at_rates(struct control *c, uint64_t now_ns)
{
	struct candidate best[KERNEL_WATCHES_AT_ONCE];
	struct kernel_watch *free_at[KERNEL_WATCHES_AT_ONCE];
	struct control_kernel_watch *w = &c->kernel_path.watch;
	const uint64_t elapsed_ns = now_ns - w->looked_ns;
	struct ingress_counters in = {0};
	struct egress_counters out = {0};
	unsigned n = 0, max = 0;
	bool busy;

	kernel_map_count_all(c->kernel_path.map, &in, &out);
	busy = (in.matched - w->matched) * NS_PER_S >= RATE_LEAST * elapsed_ns;
	w->matched = in.matched;
	w->looked_ns = now_ns;
	if (!busy)
		return;
	for (unsigned i = 0; i < KERNEL_WATCHES_AT_ONCE; i++)
		if (!w->at[i].used)
			free_at[max++] = &w->at[i];
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, i);
		const uint64_t rate = rate_of(c, e, elapsed_ns);

		if (is_due(c, e, rate, now_ns))
			n = keep_busiest(best, n, max, (struct candidate){e, rate});
	}
	for (unsigned i = 0; i < n; i++)
		begin_watch(c, free_at[i], best[i].e, best[i].rate, now_ns);
}

void control_kernel_watch_tick(struct control *c, uint64_t now_ns, kernel_watch_set_fn *set)
{
	struct control_kernel_watch *w = &c->kernel_path.watch;

	if (!c->kernel_path.map || c->kernel_path.deferred)
		return;
	end_watches(c, now_ns);
	end_suspicions(w, now_ns);
	if (now_ns >= w->looked_ns + LOOK_NS)
		look_at_rates(c, now_ns);
	set(c, w->changed, w->n_changed, now_ns);
	w->n_changed = 0;
}
