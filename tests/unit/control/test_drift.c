// SPDX-License-Identifier: MIT
/*
 * test_drift.c - late, wrong and persistently wrong workers, and the steps of repair
 *
 * Links: daemon/control/division.c core/rules/division.c daemon/control/kernel_fit.c
 * Links: daemon/control/loop.c
 * Links: daemon/control/wiring.c
 * Links: core/rules/wiring.c
 * Links: daemon/control/standin.c
 * Links: daemon/control/resolve.c daemon/control/rule_change.c
 * Links: daemon/control/reconcile.c daemon/control/iface.c daemon/control/assign.c
 * Links: daemon/control/output.c daemon/control/closed_port.c
 * Links: daemon/control/filter.c
 * Links: daemon/control/reach.c daemon/control/reach_netlink.c
 * Links: daemon/control/reach_keep.c
 * Links: daemon/control/join.c daemon/control/membership.c daemon/control/publish.c
 * Links: daemon/control/snapshot.c
 * Links: daemon/control/stats.c daemon/control/supervisor_channel.c daemon/control/netif.c
 * Links: daemon/control/netif_parse.c daemon/control/load.c daemon/control/drift.c
 * Links: core/rules/ruleset.c core/rules/ruleset_index.c core/rules/ruleset_ifaces.c
 * Links: core/rules/ruleset_cycle.c
 * Links: core/rules/ruleset_restore.c core/rules/slot_pool.c core/rules/rule.c core/base/addr.c
 * Links: core/base/complaint.c
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/rules/steer.c core/base/ipc.c
 * Links: core/base/statpage.c
 * Links: core/base/counters.c core/text/config.c core/text/config_write.c core/text/rule_json.c
 * Links: core/text/json_field.c core/text/json_text.c core/text/json_scan.c
 * Links: daemon/control/egress_socket.c
 * Links: core/base/clock.c
 * Links: daemon/common/memfd.c
 * Links: core/base/decimal.c
 * Links: daemon/control/kernel_counters.c daemon/control/kernel_path.c
 * Links: daemon/control/kernel_output.c
 * Links: core/rules/kernel_path.c daemon/control/kernel_map.c
 * Links: daemon/control/kernel_watch.c
 * Links: daemon/control/kernel_check.c daemon/control/kernel_entry.c daemon/control/kernel_rest.c
 * Links: daemon/control/kernel_chain.c
 * Links: daemon/priv/bpf_map.c
 */
#include "daemon/control/drift.h"
#include "daemon/control/publish.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/state.h"
#include "tests/unit/control/control_fixture.h"

#define MS NS_PER_MS

/* A worker that runs, a rule, and its publication, which the supervisor took at @taken_ns. */
static struct worker_page *begin(struct fixture *b, uint64_t *taken_ns)
{
	struct worker_page *page = make_page(b, 0);

	b->c->workers = 1;
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	run(b);
	page->generation = b->c->pub.generation;
	page->hash = b->c->pub.history[page->generation % PUBLISH_HISTORY].hash[0];
	assert_true(page->hash != 0);
	*taken_ns = b->c->pub.history[page->generation % PUBLISH_HISTORY].taken_ns;
	assert_true(*taken_ns != 0);
	b->c->pub.at_ns = *taken_ns;
	return page;
}

static void end(struct fixture *b, struct worker_page *page)
{
	free(page);
	b->c->stats.worker[0].mem = NULL;
}

static const struct {
	const char *name;
	unsigned published;        /* further generations */
	uint64_t generation, hash; /* of the page, added to what is right */
	uint64_t age_ns;           /* of the last publication */
	enum drift_kind kind;
} looks[] = {
	{"in order", 0, 0, 0, 10 * NS_PER_S, DRIFT_NONE},
	{"another hash", 0, 0, 1, 0, DRIFT_WRONG},
	{"a generation that was never published", 0, 1, 0, 0, DRIFT_WRONG},
	{"far in the future", 0, PUBLISH_HISTORY, 0, 0, DRIFT_WRONG},
	{"one behind, for a moment", 1, -1ull, 0, DRIFT_LATE_NS, DRIFT_NONE},
	{"one behind, too long", 1, -1ull, 0, DRIFT_LATE_NS + 1, DRIFT_LATE},
	{"behind, and wrong even so", 1, -1ull, 1, 0, DRIFT_WRONG},
	{"no table at all, for a moment", 1, -2ull, 0, DRIFT_LATE_NS, DRIFT_NONE},
	{"no table at all", 1, -2ull, 0, DRIFT_LATE_NS + 1, DRIFT_LATE},
	{"beyond what is remembered", PUBLISH_HISTORY + 5, -(PUBLISH_HISTORY + 5ull), 0, 0,
	 DRIFT_NONE},
	{"beyond what is remembered, too long", PUBLISH_HISTORY + 5, -(PUBLISH_HISTORY + 5ull), 0,
	 DRIFT_LATE_NS + MS, DRIFT_LATE},
};

static enum drift_kind look(struct fixture *b, struct worker_page *page, uint64_t heartbeat_ns)
{
	uint64_t seen_ns;
	enum drift_kind kind;

	page->heartbeat_ns = heartbeat_ns;
	kind = control_drift_look(b->c, 0, &seen_ns);
	assert_true(seen_ns == heartbeat_ns);
	return kind;
}

static void test_look(void **state)
{
	for (size_t i = 0; i < sizeof(looks) / sizeof(looks[0]); i++) {
		struct worker_page *page;
		struct fixture *b;
		uint64_t now;

		if (i) {
			teardown(state);
			setup(state);
		}
		b = *state;
		page = begin(b, &now);
		for (unsigned k = 0; k < looks[i].published; k++) {
			b->c->rec.publish = true;
			run(b);
			/* As if all had been taken at once. */
			b->c->pub.history[b->c->pub.generation % PUBLISH_HISTORY].taken_ns = now;
		}
		page->generation = b->c->pub.generation + looks[i].generation;
		page->hash += looks[i].hash;
		if (look(b, page, now + looks[i].age_ns) != looks[i].kind)
			fail_msg("%s", looks[i].name);
		end(b, page);
	}
}

/* A generation that the supervisor has not taken is not the worker's fault. */
static void test_not_taken(void **state)
{
	struct fixture *b = *state;
	uint64_t now;
	struct worker_page *page = begin(b, &now);

	b->refuse = IPC_PUBLISH;
	b->with = ENOMEM;
	b->c->rec.publish = true;
	run(b);
	assert_int_equal(b->c->pub.generation, 2);
	assert_int_equal(look(b, page, now + 60 * NS_PER_S), DRIFT_NONE);
	/* But it is published again. */
	assert_true(b->c->rec.failed);
	b->refuse = 0;
	assert_string_equal(run(b), "publish");
	assert_int_equal(look(b, page, now + 60 * NS_PER_S), DRIFT_LATE);
	/* A worker that has just been started gets its time. */
	b->c->worker[0].running_ns = now + 60 * NS_PER_S - DRIFT_LATE_NS;
	assert_int_equal(look(b, page, now + 60 * NS_PER_S), DRIFT_NONE);
	assert_int_equal(look(b, page, now + 60 * NS_PER_S + 1), DRIFT_LATE);
	end(b, page);
}

/* Return: the requests that a check makes control send. */
static const char *check(struct fixture *b, uint64_t now_ns)
{
	control_drift_check(b->c, now_ns);
	if (!b->c->dirty)
		return serve(b);
	b->c->dirty = false;
	assert_int_equal(control_reconcile(b->c, now_ns), 0);
	return serve(b);
}

static const char *step(struct fixture *b, uint64_t now_ns)
{
	struct worker_page *page = (void *)(uintptr_t)b->c->stats.worker[0].mem;

	page->heartbeat_ns = now_ns;
	return check(b, now_ns);
}

/* A worker that does not run is not late. */
static void test_no_heartbeat(void **state)
{
	struct fixture *b = *state;
	uint64_t now;
	struct worker_page *page = begin(b, &now);

	page->heartbeat_ns = now;
	b->c->rec.publish = true;
	run(b);
	b->c->pub.at_ns = now;
	assert_string_equal(check(b, now + NS_PER_S), "");
	assert_string_equal(check(b, now + 2 * NS_PER_S), "");
	page->hash++;
	now += 3 * NS_PER_S;
	assert_string_equal(step(b, now), "");
	now += DRIFT_GRACE_NS;
	assert_string_equal(step(b, now), "publish");
	assert_string_equal(check(b, now + NS_PER_S), "");
	assert_string_equal(step(b, now + NS_PER_S), "publish");
	end(b, page);
}

static void test_steps(void **state)
{
	struct fixture *b = *state;
	uint64_t now;
	struct worker_page *page = begin(b, &now);
	const struct control_drift *d = &b->c->worker[0].drift;

	page->hash++;
	assert_string_equal(step(b, now), "");
	assert_string_equal(step(b, now + DRIFT_GRACE_NS - 1), "");
	assert_int_equal(b->c->heartbeat->drift_detected[0], 0);
	now += DRIFT_GRACE_NS;
	assert_string_equal(step(b, now), "publish");
	assert_int_equal(b->c->heartbeat->drift_detected[0], 1);
	assert_string_equal(step(b, now + DRIFT_STEP_NS - 1), "");
	now += DRIFT_STEP_NS;
	assert_string_equal(step(b, now), "publish");
	assert_string_equal(step(b, now + DRIFT_STEP_NS - 1), "");
	now += DRIFT_STEP_NS;
	assert_string_equal(step(b, now), "restart");

	/* While it is away nothing is asked of it. */
	b->c->worker[0].running = false;
	assert_string_equal(step(b, now + 10 * DRIFT_STEP_NS), "");
	b->c->worker[0].running = true;
	page->generation = b->c->pub.generation;
	page->hash--;
	now += DRIFT_STEP_NS / 2;
	assert_string_equal(step(b, now), "");
	assert_int_equal(b->c->heartbeat->drift_detected[0], 1);
	assert_int_equal(b->c->heartbeat->drift_repaired[0], 1);
	assert_int_equal(d->steps, 3);
	/* In order for long enough: the next fault is a new one. */
	step(b, now + DRIFT_CALM_NS + 1);
	assert_int_equal(d->steps, 0);
	assert_int_equal(b->c->heartbeat->drift_repaired[0], 1);
	end(b, page);
}

/* Right after each publication and wrong again soon: the steps go on where they were. */
static void test_flapping(void **state)
{
	static const char *const expected[] = {"publish", "publish", "restart", "restart"};
	struct fixture *b = *state;
	uint64_t now;
	struct worker_page *page = begin(b, &now);

	for (unsigned i = 0; i < 4; i++) {
		page->generation = b->c->pub.generation;
		page->hash++;
		now += DRIFT_CALM_NS / 2;
		assert_string_equal(step(b, now), "");
		now += DRIFT_GRACE_NS;
		assert_string_equal(step(b, now), expected[i]);
		page->generation = b->c->pub.generation;
		page->hash--;
		step(b, now);
		assert_int_equal(b->c->heartbeat->drift_detected[0], i + 1);
		assert_int_equal(b->c->heartbeat->drift_repaired[0], i + 1);
	}
	end(b, page);
}

/* A page whose hash and generation do not belong together for a moment is no drift. */
static void test_moment(void **state)
{
	struct fixture *b = *state;
	uint64_t now;
	struct worker_page *page = begin(b, &now);

	for (unsigned i = 0; i < 20; i++) {
		page->hash ^= 1;
		assert_string_equal(step(b, now += DRIFT_GRACE_NS - 1), "");
	}
	assert_int_equal(b->c->heartbeat->drift_detected[0], 0);
	end(b, page);
}

static void test_resync(void **state)
{
	struct fixture *b = *state;
	uint64_t now;
	struct worker_page *page = begin(b, &now);

	b->c->pub.at_ns = now;
	assert_string_equal(step(b, now + PUBLISH_RESYNC_NS), "");
	assert_string_equal(step(b, now + PUBLISH_RESYNC_NS + 1), "publish");
	assert_int_equal(b->c->heartbeat->drift_detected[0], 0);
	end(b, page);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_look),     T(test_not_taken), T(test_steps),  T(test_no_heartbeat),
		T(test_flapping), T(test_moment),    T(test_resync),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
