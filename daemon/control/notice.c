// SPDX-License-Identifier: MIT
/* notice.c - compare counters and states with those of the last check, and group the lines */
#include "daemon/control/notice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/closed_port.h"
#include "daemon/control/output.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"

#define CHECK_NS    NS_PER_S
#define SLICE_NS    (100 * NS_PER_MS)
#define SLICE_RULES 1024
#define QUIET_S     60 /* a loss after that is a new one */
#define GROUPS_MAX  32

/* A counter as it was, and the second in which it grew last, 0: never. */
struct seen {
	uint64_t count;
	uint32_t grew_s;
};

struct seen_rule {
	uint64_t incarnation;
	uint64_t cause; /* hash of state and reason; when @restored, the state alone */
	bool restored;
	struct seen limited, shed;
};

struct seen_output {
	uint64_t incarnation;
	struct seen drops[SEND_DROPS];
};

/**
 * struct group - what is one line
 * @reason: of a loss, or NULL
 * @where:  of a loss: the interface; of a change: why
 * @state:  of a change
 * @who:    the first that it concerns
 */
struct group {
	const char *reason;
	enum rule_state state;
	char where[REASON_MAX];
	char who[MCR_ID_MAX + ADDR_TEXT_MAX + 32];
	unsigned others;
	uint64_t lost, others_lost;
};

/**
 * struct control_notice
 * @quiet:      losses that the first check finds are not logged
 * @generation: for which states were looked at
 * @at:         the next rule, while @checking
 * @ungrouped:    changes of a look that are in no group
 */
struct control_notice {
	bool quiet;
	bool checking;
	uint64_t next_ns;
	uint64_t generation;
	uint64_t sums[MCR_MAX_WORKERS];
	size_t at;
	unsigned n_groups, ungrouped;
	struct group groups[GROUPS_MAX];
	struct log_limit losses, states;
	struct seen drops[MCR_MAX_WORKERS][DROP_REASONS];
	struct seen queue[MCR_MAX_IFACES][MCR_MAX_WORKERS];
	struct seen_rule rule[MCR_MAX_RULES];
	struct seen_output output[MCR_MAX_OUTPUTS];
};

struct control_notice *control_notice_new(bool quiet)
{
	struct control_notice *n = calloc(1, sizeof(*n));

	if (n) {
		n->quiet = quiet;
		n->checking = true;
	}
	return n;
}

void control_notice_free(struct control_notice *n)
{
	free(n);
}

void control_notice_restore(struct control_notice *n, uint32_t slot, uint64_t incarnation,
			    unsigned state)
{
	if (n && slot < MCR_MAX_RULES)
		n->rule[slot] = (struct seen_rule){
			.incarnation = incarnation, .cause = state, .restored = true};
}

/* How much was lost, if a loss begins; 0 if it goes on, or there is none. */
static uint64_t newly_lost(struct seen *s, uint64_t count, uint64_t now_ns)
{
	const uint32_t now_s = (uint32_t)(now_ns / NS_PER_S) + 1;
	const uint64_t grown = count > s->count ? count - s->count : 0;
	const bool begins = !s->grew_s || now_s - s->grew_s > QUIET_S;

	/* A worker's counters go back to its last commit when it dies. */
	s->count = count;
	if (!grown)
		return 0;
	s->grew_s = now_s;
	return begins ? grown : 0;
}

/* --- lines --- */

/* The kernel counts frames there. */
static bool is_queue(const char *reason)
{
	return reason == drop_reason_name(DROP_SOCKET_QUEUE);
}

static void flush_groups(struct control_notice *n, uint64_t now_ns)
{
	for (unsigned i = 0; i < n->n_groups; i++) {
		const struct group *g = &n->groups[i];
		char others[80] = "";

		if (g->reason && n->quiet)
			continue;
		if (g->reason && g->others)
			snprintf(others, sizeof(others), "; %u others there lost %" PRIu64,
				 g->others, g->others_lost);
		else if (g->others)
			snprintf(others, sizeof(others), " and %u others", g->others);
		if (g->reason)
			log_burst(&n->losses, now_ns, SEV_WARNING, FAC_DATA_PLANE,
				  "%s on %s: %s lost %" PRIu64 " %s%s", g->reason, g->where, g->who,
				  g->lost, is_queue(g->reason) ? "frames" : "datagrams", others);
		else
			log_burst(&n->states, now_ns,
				  g->state == RULE_ACTIVE ? SEV_NOTICE : SEV_WARNING,
				  FAC_RULE_DISPATCH, "rule %s%s: %s%s%s", g->who, others,
				  rule_state_name(g->state), g->where[0] ? ": " : "", g->where);
	}
	if (n->ungrouped)
		log_burst(&n->states, now_ns, SEV_WARNING, FAC_RULE_DISPATCH,
			  "%u other rules and outputs: losses or changes of state", n->ungrouped);
	n->n_groups = 0;
	n->ungrouped = 0;
}

/* The group of a line; NULL when there is no room for another group. */
static struct group *find_group(struct control_notice *n, const char *reason, enum rule_state state,
				const char *where)
{
	struct group *g;

	for (unsigned i = 0; i < n->n_groups; i++) {
		g = &n->groups[i];
		if (g->reason == reason && g->state == state && !strcmp(g->where, where))
			return g;
	}
	if (n->n_groups == GROUPS_MAX) {
		n->ungrouped++;
		return NULL;
	}
	g = &n->groups[n->n_groups++];
	*g = (struct group){.reason = reason, .state = state};
	snprintf(g->where, sizeof(g->where), "%s", where);
	return g;
}

static void add_loss(struct control_notice *n, const char *reason, const char *iface,
		     const char *who, uint64_t lost)
{
	struct group *g = lost ? find_group(n, reason, RULE_STATES, iface) : NULL;

	if (!g)
		return;
	if (!g->who[0]) {
		snprintf(g->who, sizeof(g->who), "%s", who);
		g->lost = lost;
	} else {
		g->others++;
		g->others_lost += lost;
	}
}

static void add_change(struct control_notice *n, enum rule_state state, const char *why,
		       const char *rule)
{
	struct group *g = find_group(n, NULL, state, why);

	if (!g)
		return;
	if (!g->who[0])
		snprintf(g->who, sizeof(g->who), "%s", rule);
	else
		g->others++;
}

/* --- rules --- */

static uint64_t hash_text(uint64_t h, const char *text)
{
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * 0x100000001b3ull; /* FNV-1a */
	return h;
}

/*
 * A new rule that is active gets no line: the answer to AddRule said so.
 * Return: false while the state is not known yet.
 */
static bool check_state(const struct control *c, const struct ruleset_entry *e, struct seen_rule *s,
			bool is_new, uint64_t now_ns)
{
	char why[REASON_MAX] = "";
	const enum rule_state state = control_rule_state(c, &e->rule, why);
	uint64_t cause;

	if (state != RULE_ACTIVE && control_outputs_settling(c, e, now_ns)) {
		c->notice->generation = 0; /* its state is not known yet: check again */
		return false;
	}
	cause = hash_text(0xcbf29ce484222325ull + (uint64_t)state, why);

	if (is_new        ? state != RULE_ACTIVE
	    : s->restored ? s->cause != (uint64_t)state
			  : s->cause != cause)
		add_change(c->notice, state, why, e->rule.id);
	s->cause = cause;
	s->restored = false;
	return true;
}

static void check_output(struct control *c, const struct ruleset_entry *e, unsigned i,
			 uint64_t now_ns)
{
	struct seen_output *s = &c->notice->output[e->output_slots[i]];
	const struct rule_output *o = &e->rule.outputs[i];
	char who[sizeof(((struct group *)0)->who)], text[ADDR_TEXT_MAX];
	struct egress_counters now;
	uint64_t sum = 0;

	control_stats_output(c, e, i, &now);
	for (unsigned r = 0; r < SEND_DROPS; r++)
		sum += now.drops[r];
	/* Most outputs lose nothing: their memory is never touched. */
	if (!sum)
		return;
	if (s->incarnation != e->output_incarnations[i])
		*s = (struct seen_output){.incarnation = e->output_incarnations[i]};
	/* A restarted control may find a refusal of long ago. */
	if (now.drops[SEND_DROP_PORT_UNREACHABLE] > s->drops[SEND_DROP_PORT_UNREACHABLE].count &&
	    !c->notice->quiet && control_port_refused(c, e, i, &now, now_ns))
		c->notice->generation = 0; /* the state of its rule is another one: check again */
	snprintf(who, sizeof(who), "rule %s to %s:%u", e->rule.id, addr_format(&o->group, text),
		 o->port);
	for (unsigned r = 0; r < SEND_DROPS; r++)
		add_loss(c->notice, send_drop_name((enum send_drop)r), o->interface, who,
			 newly_lost(&s->drops[r], now.drops[r], now_ns));
}

static void check_rule(struct control *c, const struct ruleset_entry *e, uint64_t now_ns)
{
	struct seen_rule *s = &c->notice->rule[e->slot];
	const bool is_new = s->incarnation != e->incarnation;
	const char *in = e->rule.input.interface;
	struct rule_counters now;
	char who[MCR_ID_MAX + 8];

	if (is_new)
		*s = (struct seen_rule){0};
	if (check_state(c, e, s, is_new, now_ns))
		s->incarnation = e->incarnation;
	control_stats_rule(c, e, &now);
	snprintf(who, sizeof(who), "rule %s", e->rule.id);
	add_loss(c->notice, drop_reason_name(DROP_RATE_LIMITED), in, who,
		 newly_lost(&s->limited, now.drops_rate_limited, now_ns));
	add_loss(c->notice, drop_reason_name(DROP_SHED), in, who,
		 newly_lost(&s->shed, now.drops_shed, now_ns));
	for (unsigned i = 0; i < e->rule.n_outputs; i++)
		check_output(c, e, i, now_ns);
}

static void check_some_rules(struct control *c, uint64_t now_ns)
{
	struct control_notice *n = c->notice;
	const size_t count = ruleset_count(c->rules);

	for (unsigned i = 0; i < SLICE_RULES && n->at < count; i++)
		check_rule(c, ruleset_at(c->rules, n->at++), now_ns);
	if (n->at < count)
		return;
	flush_groups(n, now_ns);
	n->checking = false;
	n->quiet = false;
}

/* --- workers and sockets --- */

/* The inputs that are open, for what only a worker counts: "eth0", or "eth0, eth1, ...". */
static void name_inputs(const struct control *c, char buf[static REASON_MAX])
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < MCR_MAX_IFACES; i++) {
		const struct rec_iface *f = &c->rec.iface[i];

		if (!f->used || !f->in_open)
			continue;
		if (used > REASON_MAX / 2) {
			snprintf(buf + used, REASON_MAX - used, ", ...");
			return;
		}
		used += (size_t)snprintf(buf + used, REASON_MAX - used, "%s%s", used ? ", " : "",
					 f->name);
	}
}

/* Losses that the worker counts for no rule.  Return: all its losses. */
static uint64_t check_worker(struct control *c, unsigned w, const char *inputs, uint64_t now_ns)
{
	struct worker_summary s;
	uint64_t sum = 0;
	char who[32];

	if (control_stats_worker(c, w, &s) < 0)
		return 0;
	snprintf(who, sizeof(who), "worker %u", w);
	for (unsigned r = 0; r < DROP_REASONS; r++) {
		sum += s.ingress.drops[r];
		if (r != DROP_NOT_MATCHED && r != DROP_RATE_LIMITED && r != DROP_SHED)
			add_loss(c->notice, drop_reason_name((enum drop_reason)r), inputs, who,
				 newly_lost(&c->notice->drops[w][r], s.ingress.drops[r], now_ns));
	}
	for (unsigned r = 0; r < SEND_DROPS; r++)
		sum += s.egress.drops[r];
	return sum;
}

static void check_queues(struct control *c, unsigned slot, uint64_t now_ns)
{
	struct iface_slot_stats s;
	struct iface_queue q;
	char who[32];

	if (!c->rec.iface[slot].used || control_stats_iface(c, slot, &s, &q) < 0)
		return;
	for (unsigned w = 0; w < c->workers; w++) {
		snprintf(who, sizeof(who), "worker %u", w);
		add_loss(c->notice, drop_reason_name(DROP_SOCKET_QUEUE), c->rec.iface[slot].name,
			 who, newly_lost(&c->notice->queue[slot][w], q.all[w], now_ns));
	}
}

/* Return: must the rules be checked? */
static bool check_pages(struct control *c, uint64_t now_ns)
{
	struct control_notice *n = c->notice;
	bool grown = n->generation != c->pub.generation;
	char inputs[REASON_MAX];

	grown |= control_ports_check(c, control_stats_output, now_ns);
	name_inputs(c, inputs);
	for (unsigned w = 0; w < c->workers; w++) {
		const uint64_t sum = check_worker(c, w, inputs, now_ns);

		grown |= sum > n->sums[w];
		n->sums[w] = sum;
	}
	for (unsigned slot = 0; slot < MCR_MAX_IFACES; slot++)
		check_queues(c, slot, now_ns);
	n->generation = c->pub.generation;
	return grown;
}

void control_notice_tick(struct control *c, uint64_t now_ns)
{
	struct control_notice *n = c->notice;

	if (!n || now_ns < n->next_ns)
		return;
	if (!n->checking || !n->at) {
		n->checking |= check_pages(c, now_ns);
		n->at = 0;
	}
	if (n->checking)
		check_some_rules(c, now_ns);
	else
		flush_groups(n, now_ns);
	n->next_ns = now_ns + (n->checking ? SLICE_NS : CHECK_NS);
	if (!n->checking)
		n->at = 0;
}
