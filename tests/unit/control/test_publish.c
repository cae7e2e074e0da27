// SPDX-License-Identifier: MIT
/*
 * test_publish.c - snapshots, restarts, and configurations as a whole
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
 * Links: core/base/decimal.c
 * Links: daemon/control/kernel_counters.c daemon/control/kernel_path.c
 * Links: daemon/control/kernel_output.c
 * Links: core/rules/kernel_path.c daemon/control/kernel_map.c
 * Links: daemon/control/kernel_watch.c
 * Links: daemon/control/kernel_check.c daemon/control/kernel_entry.c daemon/control/kernel_rest.c
 * Links: daemon/control/kernel_chain.c
 * Links: daemon/priv/bpf_map.c
 */
#include "core/rules/ruleset_index.h"
#include "daemon/common/memfd.h"
#include "daemon/control/assign.h"
#include "daemon/control/change.h"
#include "daemon/control/load.h"
#include "daemon/control/publish.h"
#include "daemon/control/snapshot.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"
#include "tests/unit/control/control_fixture.h"

/* The hash that each worker must report is the one that it computes from the snapshot. */
static void test_expected_hashes(void **state)
{
	struct fixture *b = *state;
	struct snapshot_view v;

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	for (uint16_t i = 0; i < 40; i++)
		add_rule(b, "in0", "239.1.1.1", 5000 + i, "out0");
	run(b);
	v = view_of(b);
	assert_int_equal(v.generation, b->c->pub.generation);
	assert_int_equal(v.n_rules, 40);
	for (unsigned w = 0; w < 4; w++) {
		uint64_t want = snapshot_hash_worker(&v, w);

		assert_true(want != 0);
		assert_true(b->c->pub.history[1].hash[w] == want);
	}
	assert_true((fcntl(b->snapshot, F_GET_SEALS) & F_SEAL_WRITE) != 0);
}

/* A control that is started again repeats its predecessor's requests and changes nothing. */
static void test_restore(void **state)
{
	struct fixture *b = *state;
	struct snapshot_view before, after;
	int fd;

	add_one_rule(b);
	add_rule(b, "in0", "239.1.1.2", 5000, "out0");
	add_rule(b, "in0", "239.1.1.3", 5000, "out0");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 0)->rule.id);
	use_settings(b, "{\"steering\":{\"in0\":\"cpu\"},\"pinning\":{\"in0\":[1,3]}}");
	run(b);
	before = view_of(b);
	fd = dup(b->snapshot);

	teardown(state);
	setup(state);
	b = *state;
	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	assert_int_equal(control_restore(b->c, fd, -1, 999999999), 0);
	close(fd);
	assert_int_equal(b->c->pub.generation, before.generation);
	assert_string_equal(run(b), "open-in open-out publish filter join join");
	assert_string_equal(run(b), "");
	after = view_of(b);
	assert_int_equal(after.n_rules, 2);
	assert_int_equal(after.generation, before.generation + 1);
	assert_true(after.hash == before.hash);
	assert_memory_equal(after.rules, before.rules, 2 * sizeof(*after.rules));
	assert_memory_equal(after.outputs, before.outputs, 2 * sizeof(*after.outputs));
	assert_memory_equal(after.ifaces, before.ifaces, 2 * sizeof(*after.ifaces));

	/* A new rule gets a free slot, and an incarnation that was never used. */
	add_rule(b, "in0", "239.1.1.4", 5000, "out0");
	assert_true(ruleset_at(b->c->rules, 2)->incarnation > 999999999);
	assert_int_not_equal(ruleset_at(b->c->rules, 2)->slot, ruleset_at(b->c->rules, 0)->slot);
	assert_int_not_equal(ruleset_at(b->c->rules, 2)->slot, ruleset_at(b->c->rules, 1)->slot);
}

/* Refused: memory that its sender could change after the check, and bytes that are no snapshot. */
static void test_restore_refuses(void **state)
{
	struct fixture *b = *state;
	const char zeroes[64] = {0};
	const int unsealed = memfd_create("unsealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const void *published;
	off_t bytes;
	const int zeroed = memfd_sealed("zeroes", zeroes, sizeof(zeroes));
	const int short_of_a_head = memfd_sealed("short", zeroes, 8);
	const int foreign = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	add_one_rule(b);
	run(b);
	bytes = lseek(b->snapshot, 0, SEEK_END);
	assert_int_equal(memfd_map(b->snapshot, (size_t)bytes, &published), 0);
	/* Right in every byte, but for that it may change. */
	assert_int_equal(write(unsealed, published, (size_t)bytes), bytes);
	munmap((void *)(uintptr_t)published, (size_t)bytes);
	assert_int_equal(control_restore(b->c, unsealed, -1, 1), -EPERM);
	assert_int_equal(control_restore(b->c, foreign, -1, 1), -EPERM);
	assert_int_equal(control_restore(b->c, -1, -1, 1), -EPERM);
	assert_int_equal(control_restore(b->c, short_of_a_head, -1, 1), -EBADMSG);
	assert_true(control_restore(b->c, zeroed, -1, 1) < 0);
	close(unsealed);
	close(zeroed);
	close(short_of_a_head);
	close(foreign);
}

/* A page whose size could change would end its reader (SIGBUS). */
static void test_stats_refused(void **state)
{
	struct stats_page page = {0};
	int fd = memfd_create("page", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(control_stats_map(&page, fd, 4096), -EPERM);
	assert_int_equal(control_stats_map(&page, memfd_zeroed("short", 4095), 4096), -EBADMSG);
	assert_int_equal(control_stats_map(&page, memfd_zeroed("long", 4097), 4096), -EBADMSG);
	assert_null(page.mem);
	assert_int_equal(control_stats_map(&page, memfd_zeroed("page", 4096), 4096), 0);
	assert_int_equal(page.size_bytes, 4096);
	munmap((void *)(uintptr_t)page.mem, 4096);
}

/* The link went away while no control was there: its sockets are not asked for. */
static void test_restore_without_link(void **state)
{
	struct fixture *b = *state;
	int fd;

	add_one_rule(b);
	run(b);
	fd = dup(b->snapshot);
	teardown(state);
	setup(state);
	b = *state;
	set_link(b, 3, "out0", true);
	assert_int_equal(control_restore(b->c, fd, -1, 1), 0);
	close(fd);
	assert_string_equal(run(b), "open-out publish");
	assert_string_equal(run(b), "");
}

/*
 * A worker is out, and both its stand-in and control are killed: the next control leaves the
 * rules with the stand-in until that has run for a while.
 */
static void test_restore_stand_in(void **state)
{
	struct fixture *b = *state;
	const struct rule *r;
	unsigned owner, by;
	uint64_t both;
	int fd, changes;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "in0");
	r = &ruleset_at(b->c->rules, 0)->rule;
	owner = (unsigned)__builtin_ctzll(control_rule_workers(b->c, r));
	by = (owner + 1) % 4;
	both = 1ull << owner | 1ull << by;
	b->c->worker[owner].running = false;
	b->c->worker[owner].out = true;
	run(b);
	assert_int_equal(view_of(b).rules[0].worker_mask, both);
	fd = dup(b->snapshot);
	changes = dup(b->changes);

	teardown(state);
	setup(state);
	b = *state;
	set_link(b, 2, "in0", true);
	b->c->worker[by].running = false;
	assert_int_equal(control_restore(b->c, fd, changes, 1), 0);
	close(fd);
	close(changes);
	run(b);
	assert_int_equal(view_of(b).rules[0].worker_mask, both);
	b->c->worker[by].running = true;
	assert_string_equal(run(b), "");
	assert_string_equal(run_at(b, 1000 + HANDOVER_NS), "publish");
	assert_int_equal(view_of(b).rules[0].worker_mask, 1ull << owner);
}

/* A worker with a later generation than the answer waits for has applied the change, too. */
static void test_confirmed(void **state)
{
	struct fixture *b = *state;
	struct worker_page *page = make_page(b, 0);

	b->c->workers = 1;
	for (uint16_t i = 0; i < 3; i++) {
		add_rule(b, "in0", "239.1.1.1", 5000 + i, "out0");
		run(b);
	}
	page->generation = 2;
	page->hash = b->c->pub.history[2].hash[0];
	assert_true(control_publish_confirmed(b->c, 0, 1));
	assert_true(control_publish_confirmed(b->c, 0, 2));
	assert_false(control_publish_confirmed(b->c, 0, 3));
	page->hash++;
	assert_false(control_publish_confirmed(b->c, 0, 1));
	free(page);
	b->c->stats.worker[0].mem = NULL;
}

/*
 * Nobody may get a frame of a division that it does not know: every worker that runs has the
 * generation, and one that starts will have it.
 */
static void test_everywhere(void **state)
{
	static const struct {
		const char *name;
		uint64_t generation[2];
		bool running[2], taken;
		bool two, three;
	} rows[] = {
		{"both are behind", {1, 1}, {true, true}, true, false, false},
		{"one hangs", {3, 1}, {true, true}, true, false, false},
		{"one is behind", {3, 2}, {true, true}, true, true, false},
		{"both have it", {3, 3}, {true, true}, true, true, true},
		{"one is dead", {3, 1}, {true, false}, true, true, true},
		{"one has just started", {3, 0}, {true, true}, true, false, false},
		{"the last was refused", {2, 2}, {true, true}, false, true, false},
	};
	struct fixture *b = *state;
	struct worker_page *page[2] = {make_page(b, 0), make_page(b, 1)};

	b->c->workers = 2;
	for (uint16_t i = 0; i < 3; i++) {
		add_rule(b, "in0", "239.1.1.1", 5000 + i, "out0");
		run(b);
	}
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (unsigned w = 0; w < 2; w++) {
			const uint64_t g = rows[i].generation[w];

			page[w]->generation = g;
			page[w]->hash = b->c->pub.history[g].hash[w];
			b->c->worker[w].running = rows[i].running[w];
		}
		b->c->pub.history[3].taken_ns = rows[i].taken;
		if (control_publish_everywhere(b->c, 2) != rows[i].two ||
		    control_publish_everywhere(b->c, 3) != rows[i].three)
			fail_msg("%s", rows[i].name);
		assert_false(control_publish_everywhere(b->c, 4));
	}
	for (unsigned w = 0; w < 2; w++) {
		free(page[w]);
		b->c->stats.worker[w].mem = NULL;
	}
}

/* Divisions are in the records, and a control that is started again has them. */
static void test_divisions(void **state)
{
	static const bool set[] = {true};
	struct fixture *b = *state;
	struct snapshot_view before, after;
	const struct divided_input *in;
	const struct rule *r;
	int fd;

	add_one_rule(b);
	r = &ruleset_at(b->c->rules, 0)->rule;
	run(b);
	assert_int_equal(
		divisions_make(&b->c->kernel_path.divisions, r, set, b->c->pub.generation, 1), 0);
	control_rules_republish(b->c);
	run(b);
	before = view_of(b);
	assert_int_equal(before.rules[0].division[0], 1);
	assert_int_equal(before.outputs[0].divided, 1);
	divisions_fini(&b->c->kernel_path.divisions);
	fd = dup(b->snapshot);

	teardown(state);
	setup(state);
	b = *state;
	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	assert_int_equal(control_restore(b->c, fd, -1, 999999999), 0);
	close(fd);
	run(b);
	after = view_of(b);
	assert_memory_equal(after.rules, before.rules, sizeof(*after.rules));
	assert_memory_equal(after.outputs, before.outputs, sizeof(*after.outputs));
	r = &ruleset_at(b->c->rules, 0)->rule;
	in = divisions_find(&b->c->kernel_path.divisions, &r->input);
	assert_non_null(in);
	/* Frames may have it, and who has the snapshot is not known. */
	assert_true(in->division[0].used);
	assert_int_equal(in->division[0].after, before.generation);
	divisions_fini(&b->c->kernel_path.divisions);
}

/* All or nothing: a circle made by the second rule leaves the first out, too. */
static void test_load_all_or_nothing(void **state)
{
	static const char text[] =
		"{\"rules\":[{\"input\":{\"interface\":\"lo\",\"group\":\"239.1.1.1\",\"port\":1},"
		"\"outputs\":[{\"interface\":\"lo\",\"group\":\"239.1.1.2\",\"port\":2}]},"
		"{\"input\":{\"interface\":\"lo\",\"group\":\"239.1.1.2\",\"port\":2},"
		"\"outputs\":[{\"interface\":\"lo\",\"group\":\"239.1.1.1\",\"port\":1}]}]}";
	struct fixture *b = *state;
	struct complaint cpl = {0};
	struct config cfg = {0};
	size_t counts[LOAD_COUNTS];
	int ret;

	ret = config_parse(text, sizeof(text) - 1, &cfg, &cpl);
	if (ret == 0) {
		assert_int_equal(control_load(b->c, &cfg, true, counts, &cpl), -ELOOP);
		assert_non_null(strstr(cpl.field, "rules[1]"));
		config_fini(&cfg);
	}
	assert_int_equal(ruleset_count(b->c->rules), 0);
	assert_false(b->c->dirty);
}

/* Two rules exchange their names: no order of single changes does that. */
static void test_load_exchanges_names(void **state)
{
	static const char form[] =
		"{\"rules\":[{\"id\":\"x\",\"name\":\"%s\",\"input\":{\"interface\":\"a\","
		"\"group\":\"239.1.1.1\",\"port\":1},"
		"\"outputs\":[{\"interface\":\"b\",\"group\":\"239.1.1.9\",\"port\":2}]},"
		"{\"id\":\"y\",\"name\":\"%s\",\"input\":{\"interface\":\"a\","
		"\"group\":\"239.1.1.2\",\"port\":1},"
		"\"outputs\":[{\"interface\":\"b\",\"group\":\"239.1.1.9\",\"port\":2}]}]}";
	static const char *const names[2][2] = {{"left", "right"}, {"right", "left"}};
	static const size_t want[2][LOAD_COUNTS] = {{2, 0, 0, 0}, {0, 2, 0, 0}};
	struct fixture *b = *state;

	for (int i = 0; i < 2; i++) {
		struct complaint cpl = {0};
		struct config cfg = {0};
		size_t counts[LOAD_COUNTS];
		char text[1024];

		snprintf(text, sizeof(text), form, names[i][0], names[i][1]);
		assert_int_equal(config_parse(text, strlen(text), &cfg, &cpl), 0);
		assert_int_equal(control_load(b->c, &cfg, true, counts, &cpl), 0);
		assert_memory_equal(counts, want[i], sizeof(counts));
		config_fini(&cfg);
	}
	assert_string_equal(ruleset_find_id(b->c->rules, "x")->rule.name, "right");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_expected_hashes),      T(test_restore),
		T(test_restore_refuses),      T(test_stats_refused),
		T(test_restore_without_link), T(test_confirmed),
		T(test_everywhere),           T(test_divisions),
		T(test_restore_stand_in),     T(test_load_all_or_nothing),
		T(test_load_exchanges_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
