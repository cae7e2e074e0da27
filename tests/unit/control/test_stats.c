// SPDX-License-Identifier: MIT
/*
 * test_stats.c - counters of workers are read between two of their datagrams
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
 * Links: daemon/control/netif_parse.c daemon/control/load.c
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
 * Links: daemon/control/kernel_counters.c daemon/control/kernel_path.c
 * Links: daemon/control/kernel_output.c
 * Links: core/rules/kernel_path.c daemon/control/kernel_map.c
 * Links: daemon/control/kernel_watch.c
 * Links: daemon/control/kernel_check.c daemon/control/kernel_entry.c daemon/control/kernel_rest.c
 * Links: daemon/control/kernel_chain.c
 * Links: daemon/priv/bpf_map.c
 */
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "tests/unit/control/control_fixture.h"

#define WORKERS 4u
#define NOW     (1000 * NS_PER_MS)

static void make_pages(struct fixture *b, struct worker_page *page[static WORKERS])
{
	for (unsigned w = 0; w < WORKERS; w++)
		page[w] = make_page(b, w);
}

static void free_pages(struct worker_page *page[static WORKERS])
{
	for (unsigned w = 0; w < WORKERS; w++)
		free(page[w]);
}

/* One worker is in the midst of a datagram: only that one is read again. */
static void test_worker_finishes_its_datagram(void **state)
{
	struct worker_page *page[WORKERS];
	struct fixture *b = *state;
	struct stats_reading r = {0};

	make_pages(b, page);
	page[0]->ingress.received = page[0]->ingress.matched = 3;
	page[2]->ingress.received = 8;
	page[2]->ingress.matched = 7;
	assert_false(control_stats_read(b->c, &r, NOW));
	assert_int_equal(r.settled, 0xb);

	page[0]->ingress.received = 99; /* its copy is made already */
	page[2]->ingress.matched = 8;
	assert_true(control_stats_read(b->c, &r, NOW + NS_PER_MS));
	assert_int_equal(r.worker[0].ingress.received, 3);
	assert_int_equal(r.worker[2].ingress.matched, 8);
	free_pages(page);
}

/* A copy that loses nothing on the way in may still be ahead on the way out. */
static void test_egress_counts_too(void **state)
{
	struct worker_page *page[WORKERS];
	struct fixture *b = *state;
	struct stats_reading r = {0};

	make_pages(b, page);
	page[1]->egress.matched = 1;
	assert_false(control_stats_read(b->c, &r, NOW));
	page[1]->egress.sent = 1;
	assert_true(control_stats_read(b->c, &r, NOW));
	free_pages(page);
}

/* Nonsense delays a reading for STATS_SETTLE_NS from its first call, and is taken then. */
static void test_unsettled_counts_are_taken_at_last(void **state)
{
	struct worker_page *page[WORKERS];
	struct fixture *b = *state;
	struct stats_reading r = {0};

	make_pages(b, page);
	page[3]->ingress.received = 5;
	assert_false(control_stats_read(b->c, &r, NOW));
	assert_false(control_stats_read(b->c, &r, NOW + STATS_SETTLE_NS - 1));
	assert_true(control_stats_read(b->c, &r, NOW + STATS_SETTLE_NS));
	assert_int_equal(r.worker[3].ingress.received, 5);
	free_pages(page);
}

/* A worker without a page counts nothing, and answers do not wait for it. */
static void test_missing_page(void **state)
{
	struct fixture *b = *state;
	struct stats_reading r = {0};
	struct stats_totals t;

	assert_true(control_stats_read(b->c, &r, NOW));
	control_stats_totals(b->c, &r, &t);
	assert_int_equal(t.ingress.received, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_worker_finishes_its_datagram, setup, teardown),
		cmocka_unit_test_setup_teardown(test_egress_counts_too, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unsettled_counts_are_taken_at_last, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_missing_page, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
