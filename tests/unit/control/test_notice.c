// SPDX-License-Identifier: MIT
/*
 * test_notice.c - which losses and changes of state become lines of the log
 *
 * Links: daemon/control/closed_port.c
 * Links: daemon/control/notice.c core/base/counters.c core/base/complaint.c core/rules/rule.c
 * Links: core/base/addr.c
 * Links: core/rules/ruleset.c core/rules/ruleset_cycle.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_index.c
 * Links: core/rules/slot_pool.c core/rules/wiring.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/notice.h"
#include "daemon/control/output.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"

#define S     1000000000ull
#define RULES 3

/* Counters and states as control would find them, and the lines that were logged. */
static struct {
	struct control *c;
	uint64_t now;
	struct worker_summary worker;
	struct iface_queue queue;
	struct rule_counters rule[RULES];
	struct egress_counters out[RULES];
	enum rule_state state[RULES];
	const char *why[RULES];
	bool settling;
	char lines[4096];
} world;

void log_burst(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
	       const char *fmt, ...)
{
	const size_t len = strlen(world.lines);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(world.lines + len, sizeof(world.lines) - len, fmt, ap);
	va_end(ap);
	strcat(world.lines, "\n");
}

static unsigned number(const struct rule *r)
{
	return (unsigned)(r->id[0] - 'a');
}

int control_stats_worker(const struct control *c, unsigned w, struct worker_summary *out)
{
	*out = world.worker;
	return 0;
}

int control_stats_iface(const struct control *c, uint32_t slot, struct iface_slot_stats *out,
			struct iface_queue *queue)
{
	memset(out, 0, sizeof(*out));
	*queue = world.queue;
	return 0;
}

void control_stats_rule(const struct control *c, const struct ruleset_entry *e,
			struct rule_counters *out)
{
	*out = world.rule[number(&e->rule)];
}

void control_stats_output(const struct control *c, const struct ruleset_entry *e, unsigned i,
			  struct egress_counters *out)
{
	*out = world.out[number(&e->rule)];
}

enum rule_state control_rule_state(const struct control *c, const struct rule *r, char *reason)
{
	const unsigned n = number(r);

	if (reason)
		strcpy(reason, world.why[n] ? world.why[n] : "");
	return world.state[n];
}

bool control_outputs_settling(const struct control *c, const struct ruleset_entry *e,
			      uint64_t now_ns)
{
	return world.settling;
}

/* The lines of the next second. */
static const char *second(void)
{
	world.lines[0] = '\0';
	for (unsigned i = 0; i < 10; i++) {
		world.now += S / 10;
		control_notice_tick(world.c, world.now);
	}
	return world.lines;
}

static void add_rule(const char *id, const char *out_if)
{
	struct rule_output o = {.port = 6000};
	struct rule r = {.outputs = &o, .n_outputs = 1};

	strcpy(r.id, id);
	strcpy(r.input.interface, "eth0");
	addr_parse("239.1.1.1", &r.input.group);
	r.input.port = (uint16_t)(5000 + id[0]);
	strcpy(o.interface, out_if);
	addr_parse("239.2.2.2", &o.group);
	assert_true(ruleset_add(world.c->rules, &r, true, NULL, NULL) > 0);
	world.c->pub.generation++;
}

static int setup_as(bool quiet)
{
	struct control *c = calloc(1, sizeof(*c));

	memset(&world, 0, sizeof(world));
	world.c = c;
	world.now = 100 * S;
	c->rules = ruleset_new();
	c->workers = 1;
	c->notice = control_notice_new(quiet);
	c->rec.iface[0] = (struct rec_iface){.used = true, .in_open = true, .name = "eth0"};
	add_rule("a", "eth1");
	add_rule("b", "eth1");
	add_rule("c", "eth2");
	return 0;
}

static int setup(void **state)
{
	return setup_as(false);
}

static int teardown(void **state)
{
	control_notice_free(world.c->notice);
	ruleset_free(world.c->rules);
	free(world.c);
	return 0;
}

/* As the worker counts: the output's own and the worker's sum. */
static void lose(unsigned rule, enum send_drop why, uint64_t n)
{
	world.out[rule].drops[why] += n;
	world.worker.egress.drops[why] += n;
}

static void test_loss_begins(void **state)
{
	assert_string_equal(second(), "");
	lose(0, SEND_DROP_REFUSED, 7);
	assert_string_equal(second(),
			    "refused on eth1: rule a to 239.2.2.2:6000 lost 7 datagrams\n");
	/* It goes on. */
	for (unsigned i = 0; i < 100; i++) {
		lose(0, SEND_DROP_REFUSED, 1);
		assert_string_equal(second(), "");
	}
	/* Another reason there, and the same one elsewhere, are other losses. */
	lose(0, SEND_DROP_QUEUE_FULL, 2);
	lose(2, SEND_DROP_REFUSED, 3);
	assert_string_equal(second(),
			    "queue_full on eth1: rule a to 239.2.2.2:6000 lost 2 datagrams\n"
			    "refused on eth2: rule c to 239.2.2.2:6000 lost 3 datagrams\n");
	/* Quiet for a minute, and it begins again. */
	for (unsigned i = 0; i < 59; i++)
		assert_string_equal(second(), "");
	lose(2, SEND_DROP_REFUSED, 4);
	assert_string_equal(second(), "");
	for (unsigned i = 0; i < 62; i++)
		assert_string_equal(second(), "");
	lose(2, SEND_DROP_REFUSED, 5);
	assert_string_equal(second(),
			    "refused on eth2: rule c to 239.2.2.2:6000 lost 5 datagrams\n");
}

static void test_one_line_for_many(void **state)
{
	second();
	lose(0, SEND_DROP_QUEUE_FULL, 10);
	lose(1, SEND_DROP_QUEUE_FULL, 32);
	world.rule[1].drops_rate_limited = 3;
	world.worker.ingress.drops[DROP_RATE_LIMITED] = 3;
	assert_string_equal(second(),
			    "queue_full on eth1: rule a to 239.2.2.2:6000 lost 10 datagrams; "
			    "1 others there lost 32\n"
			    "rate_limited on eth0: rule b lost 3 datagrams\n");
}

static void test_before_the_rules(void **state)
{
	second();
	world.worker.ingress.drops[DROP_FRAGMENT] = 4;
	world.worker.ingress.drops[DROP_NOT_MATCHED] = 1000; /* is no loss of anybody's */
	world.queue.all[0] = 5;
	assert_string_equal(second(), "fragment on eth0: worker 0 lost 4 datagrams\n"
				      "socket_queue on eth0: worker 0 lost 5 frames\n");
	/* A new worker goes on at the last commit of the old one. */
	world.worker.ingress.drops[DROP_FRAGMENT] = 2;
	assert_string_equal(second(), "");
}

static void test_states(void **state)
{
	assert_string_equal(second(), "");
	world.state[0] = world.state[1] = RULE_PAUSED;
	world.why[0] = world.why[1] = "eth1 is down";
	assert_string_equal(second(), ""); /* looked at when it is published */
	world.c->pub.generation++;
	assert_string_equal(second(), "rule a and 1 others: paused: eth1 is down\n");
	world.why[0] = "eth9 is down";
	world.state[1] = RULE_ACTIVE;
	world.why[1] = NULL;
	world.c->pub.generation++;
	assert_string_equal(second(), "rule a: paused: eth9 is down\nrule b: active\n");
	/* A rule in its place is another one: active needs no line, anything else does. */
	world.state[0] = RULE_ACTIVE;
	world.why[0] = NULL;
	ruleset_remove(world.c->rules, "a");
	add_rule("a", "eth1");
	assert_string_equal(second(), "");
	world.state[0] = RULE_UNRESOLVED;
	world.why[0] = "eth7 does not exist";
	ruleset_remove(world.c->rules, "a");
	add_rule("a", "eth7");
	assert_string_equal(second(), "rule a: unresolved: eth7 does not exist\n");
}

static void test_not_known_yet(void **state)
{
	world.state[2] = RULE_UNREACHABLE;
	world.why[2] = "10.0.0.1 has not answered yet";
	world.settling = true;
	assert_string_equal(second(), "");
	world.settling = false;
	world.why[2] = "10.0.0.1 does not answer";
	assert_string_equal(second(), "rule c: unreachable: 10.0.0.1 does not answer\n");
	world.state[2] = RULE_ACTIVE;
	world.why[2] = NULL;
	world.c->pub.generation++;
	assert_string_equal(second(), "rule c: active\n");
}

/* Losses from before a restart are not logged; changes of state since then are. */
static void test_restarted(void **state)
{
	teardown(state);
	setup_as(true);
	for (unsigned i = 0; i < RULES; i++) {
		const struct ruleset_entry *e = ruleset_at(world.c->rules, i);

		control_notice_restore(world.c->notice, e->slot, e->incarnation,
				       i == 1 ? RULE_PAUSED : RULE_ACTIVE);
	}
	lose(0, SEND_DROP_REFUSED, 7);
	world.worker.ingress.drops[DROP_OVERSIZE] = 1;
	world.state[1] = world.state[2] = RULE_PAUSED;
	world.why[1] = world.why[2] = "eth1 is down";
	assert_string_equal(second(), "rule c: paused: eth1 is down\n");
	lose(1, SEND_DROP_REFUSED, 1);
	assert_string_equal(second(),
			    "refused on eth1: rule b to 239.2.2.2:6000 lost 1 datagrams\n");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_loss_begins), T(test_one_line_for_many), T(test_before_the_rules),
		T(test_states),      T(test_not_known_yet),     T(test_restarted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
