// SPDX-License-Identifier: MIT
/*
 * test_control_reconcile.c - what is asked of the supervisor, in which order, and how often
 *
 * The test is the supervisor: it reads requests from the other end of the channel,
 * writes them down as words and answers them.  Links are put into the table directly.
 *
 * Links: daemon/control_reconcile.c daemon/control_assign.c daemon/control_filter.c
 * Links: daemon/control_join.c daemon/control_publish.c daemon/control_snapshot.c
 * Links: daemon/control_stats.c daemon/control_super.c daemon/control_netif.c
 * Links: daemon/control_netif_parse.c daemon/control_load.c
 * Links: core/ruleset.c core/ruleset_index.c core/ruleset_ifaces.c core/ruleset_cycle.c
 * Links: core/ruleset_restore.c core/slot_pool.c core/rule.c core/addr.c core/complaint.c
 * Links: core/snapshot.c core/snapshot_parse.c core/steer.c core/ipc.c core/statpage.c
 * Links: core/counters.c core/config.c core/config_write.c core/rule_json.c
 * Links: core/json_field.c core/json_text.c core/json_scan.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <net/if_arp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/complaint.h"
#include "core/ruleset.h"
#include "core/snapshot.h"
#include "daemon/control.h"
#include "daemon/control_load.h"
#include "daemon/log.h"

void log_msg(enum log_severity s, enum log_facility f, const char *fmt, ...)
{
}

void log_raw(const char *fmt, ...)
{
}

void log_limited(struct log_limit *l, uint64_t now_ns, enum log_severity s, enum log_facility f,
		 const char *fmt, ...)
{
}

/* The supervisor's side. */
struct bench {
	struct control *c;
	int sock;
	enum ipc_type refuse; /* this type is refused ... */
	int with;             /* ... with this errno */
	int snapshot;         /* the last one published */
	struct filter_file filter;
	struct ipc_iface input;
};

static const char *const words[IPC_TYPES] = {
	[IPC_OPEN_INPUT] = "open-in",   [IPC_CLOSE_INPUT] = "close-in",
	[IPC_OPEN_OUTPUT] = "open-out", [IPC_CLOSE_OUTPUT] = "close-out",
	[IPC_SET_FILTER] = "filter",    [IPC_JOIN] = "join",
	[IPC_LEAVE] = "leave",          [IPC_BIND] = "bind",
	[IPC_UNBIND] = "unbind",        [IPC_PUBLISH] = "publish",
};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	b->c = calloc(1, sizeof(*b->c));
	b->sock = pair[1];
	b->snapshot = -1;
	control_super_init(&b->c->super, pair[0]);
	control_netif_init(&b->c->netif, -1);
	b->c->rules = ruleset_new();
	b->c->workers = 4;
	for (int w = 0; w < 4; w++)
		b->c->worker[w] = (struct control_worker){.running = true, .cpu = w};
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	close(b->c->super.sock);
	close(b->sock);
	if (b->snapshot >= 0)
		close(b->snapshot);
	control_super_fini(&b->c->super);
	control_netif_fini(&b->c->netif);
	control_reconcile_fini(&b->c->rec);
	config_fini(&b->c->settings);
	ruleset_free(b->c->rules);
	free(b->c);
	free(b);
	return 0;
}

static void set_link(struct bench *b, uint32_t ifindex, const char *name, bool up)
{
	struct control_netif *n = &b->c->netif;
	struct netif_link *l = (struct netif_link *)control_netif_by_index(n, ifindex);

	if (!l) {
		n->links = realloc(n->links, (n->n_links + 1) * sizeof(*l));
		l = &n->links[n->n_links++];
	}
	*l = (struct netif_link){.ifindex = ifindex, .mtu = 1500, .type = ARPHRD_ETHER, .up = up};
	strcpy(l->name, name);
}

static void delete_link(struct bench *b, uint32_t ifindex)
{
	struct control_netif *n = &b->c->netif;

	for (size_t i = 0; i < n->n_links; i++) {
		if (n->links[i].ifindex == ifindex)
			n->links[i--] = n->links[--n->n_links];
	}
}

static void add_rule(struct bench *b, const char *in, const char *group, uint16_t port,
		     const char *out)
{
	struct rule_output o = {.port = 6000};
	struct rule r = {.n_outputs = 1, .outputs = &o, .priority = RULE_PRIORITY_NORMAL};
	struct complaint cpl = {0};

	strcpy(r.input.interface, in);
	strcpy(o.interface, out);
	assert_int_equal(addr_parse(group, &r.input.group), 0);
	assert_int_equal(addr_parse("239.99.0.1", &o.group), 0);
	r.input.port = port;
	if (ruleset_add(b->c->rules, &r, false, NULL, &cpl) != RULESET_ADDED)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	b->c->rec.publish = true;
}

static void keep(struct bench *b, const struct ipc_msg *m, int fd)
{
	if (m->type == IPC_OPEN_INPUT)
		b->input = m->iface;
	if (m->type == IPC_SET_FILTER)
		assert_int_equal(pread(fd, &b->filter, sizeof(b->filter), 0), sizeof(b->filter));
	if (m->type == IPC_PUBLISH) {
		if (b->snapshot >= 0)
			close(b->snapshot);
		b->snapshot = fd;
	} else if (fd >= 0) {
		close(fd);
	}
}

/* Serve everything that was sent.  Return: the requests in words. */
static const char *serve(struct bench *b)
{
	static char text[4096];
	struct ipc_msg m;
	int fd;

	text[0] = '\0';
	while (ipc_recv(b->sock, IPC_FROM_CONTROL, &m, &fd) == 1) {
		struct ipc_msg reply = {.type = IPC_REPLY, .seq = m.seq};

		assert_non_null(words[m.type]);
		if (strlen(text) < sizeof(text) - 64)
			sprintf(text + strlen(text), "%s%s", *text ? " " : "", words[m.type]);
		keep(b, &m, fd);
		reply.reply.request = m.type;
		if (m.type == b->refuse)
			reply.reply.status = -b->with;
		assert_int_equal(ipc_send(b->sock, &reply, -1), 0);
		assert_int_equal(control_super_recv(&b->c->super, &m, &fd), 1);
	}
	return text;
}

static const char *run(struct bench *b)
{
	assert_int_equal(control_reconcile(b->c, 1000), 0);
	return serve(b);
}

static struct snapshot_view view_of(struct bench *b)
{
	struct snapshot_view v;
	off_t size = lseek(b->snapshot, 0, SEEK_END);
	void *mem = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, b->snapshot, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	assert_int_equal(snapshot_parse(mem, (size_t)size, &v), 0);
	return v; /* stays mapped until the test ends */
}

static void test_life_of_a_rule(void **state)
{
	struct bench *b = *state;

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	assert_string_equal(run(b), "open-in open-out publish filter join");
	assert_int_equal(b->c->pub.generation, 1);
	assert_string_equal(run(b), ""); /* idempotent */
	assert_int_equal(b->c->pub.generation, 1);

	/* The same group on another port: no second join. */
	add_rule(b, "in0", "239.1.1.1", 5001, "out0");
	assert_string_equal(run(b), "publish filter");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 1)->rule.id);
	b->c->rec.publish = true;
	assert_string_equal(run(b), "publish filter");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 0)->rule.id);
	b->c->rec.publish = true;
	assert_string_equal(run(b), "publish filter leave close-in close-out");
	assert_string_equal(run(b), "");
}

static void test_unicast_input(void **state)
{
	struct bench *b = *state;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "10.1.0.1", 5000, "in0");
	assert_string_equal(run(b), "open-in open-out publish filter bind");
	ruleset_remove(b->c->rules, ruleset_at(b->c->rules, 0)->rule.id);
	b->c->rec.publish = true;
	assert_string_equal(run(b), "publish filter unbind close-in close-out");
}

static void test_missing_interface_comes_and_goes(void **state)
{
	struct bench *b = *state;
	const struct rule *r;

	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	r = &ruleset_at(b->c->rules, 0)->rule;
	assert_string_equal(run(b), "open-out publish");
	assert_int_equal(control_rule_state(b->c, r), RULE_UNRESOLVED);
	assert_int_equal(view_of(b).rules[0].in_iface, MCR_NO_SLOT);
	assert_int_equal(view_of(b).rules[0].worker_mask, 0xf);

	set_link(b, 2, "in0", true);
	assert_string_equal(run(b), "open-in publish filter join");
	assert_int_equal(control_rule_state(b->c, r), RULE_ACTIVE);
	set_link(b, 2, "in0", false);
	assert_string_equal(run(b), "publish");
	assert_int_equal(control_rule_state(b->c, r), RULE_PAUSED);
	set_link(b, 2, "in0", true);
	assert_string_equal(run(b), "publish");

	delete_link(b, 2);
	assert_string_equal(run(b), "publish leave close-in");
	assert_int_equal(control_rule_state(b->c, r), RULE_UNRESOLVED);
}

/* Deleted and created again between two runs: the new one is there before the old one goes. */
static void test_recreated_interface(void **state)
{
	struct bench *b = *state;
	uint32_t slot;

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	run(b);
	slot = control_iface_slot(b->c, "in0");
	delete_link(b, 2);
	set_link(b, 7, "in0", true);
	assert_string_equal(run(b), "open-in publish filter join leave close-in");
	assert_int_not_equal(control_iface_slot(b->c, "in0"), slot);
	assert_string_equal(run(b), "");
}

/* Receive buffers are chosen by the MTU: for larger frames the sockets are made anew. */
static void test_mtu(void **state)
{
	struct bench *b = *state;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "in0");
	run(b);
	b->c->netif.links[0].mtu = 9000;
	assert_string_equal(run(b), "close-in open-in publish filter");
	assert_int_equal(b->input.mtu, 9000);
	b->c->netif.links[0].mtu = 1400;
	assert_string_equal(run(b), "publish");
	assert_int_equal(view_of(b).ifaces[0].mtu, 1400);
}

static void test_slot_follows_ifindex(void **state)
{
	struct bench *b = *state;
	uint32_t slot;

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	add_rule(b, "in1", "239.1.1.2", 5000, "out0");
	run(b);
	slot = control_iface_slot(b->c, "in0");
	set_link(b, 2, "in1", true); /* renamed: now the other rule's interface */
	assert_string_equal(run(b), "publish filter join leave");
	assert_int_equal(control_iface_slot(b->c, "in1"), slot);
	assert_int_equal(control_iface_slot(b->c, "in0"), MCR_NO_SLOT);
}

static const struct {
	const char *name;
	enum ipc_type refuse;
	int with;
	const char *first, *again, *warning;
} refusals[] = {
	{"input", IPC_OPEN_INPUT, EPERM, "open-in open-out publish filter join", "open-in filter",
	 "input interface in0 cannot be opened: Operation not permitted"},
	{"output", IPC_OPEN_OUTPUT, ENODEV, "open-in open-out publish filter join", "open-out",
	 "output interface out0 cannot be opened: No such device"},
	{"filter", IPC_SET_FILTER, EINVAL, "open-in open-out publish filter join", "filter",
	 "the filter of in0 cannot be set: Invalid argument"},
	{"join", IPC_JOIN, ENOBUFS, "open-in open-out publish filter join", "join",
	 "cannot join 239.1.1.1 on in0: No buffer space available"},
};

static void test_refusal_is_retried(void **state)
{
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char text[WARNING_MAX] = "";
		const struct rule *r;

		teardown(state);
		setup(state);
		b = *state;
		set_link(b, 2, "in0", true);
		set_link(b, 3, "out0", true);
		add_rule(b, "in0", "239.1.1.1", 5000, "out0");
		r = &ruleset_at(b->c->rules, 0)->rule;
		b->refuse = refusals[i].refuse;
		b->with = refusals[i].with;
		if (strcmp(run(b), refusals[i].first) != 0)
			fail_msg("%s: first", refusals[i].name);
		assert_true(b->c->rec.failed);
		control_rule_warning(b->c, r, 0, text);
		if (strcmp(text, refusals[i].warning) != 0)
			fail_msg("%s: warning \"%s\"", refusals[i].name, text);
		assert_null(control_rule_warning(b->c, r, 1, text));
		b->refuse = 0;
		if (strcmp(run(b), refusals[i].again) != 0)
			fail_msg("%s: again", refusals[i].name);
		assert_null(control_rule_warning(b->c, r, 0, text));
		assert_string_equal(run(b), "");
		assert_false(b->c->rec.failed);
	}
}

static void use_settings(struct bench *b, const char *text)
{
	struct config cfg = {0};
	struct complaint cpl = {0};

	if (config_parse(text, strlen(text), &cfg, &cpl) < 0)
		fail_msg("%s: %s", cpl.field, cpl.reason);
	assert_int_equal(control_settings_merge(b->c, &cfg, true), 0);
	config_fini(&cfg);
}

static void test_settings(void **state)
{
	struct bench *b = *state;
	const struct rule *r;
	uint64_t one;

	set_link(b, 2, "in0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "in0");
	r = &ruleset_at(b->c->rules, 0)->rule;
	run(b);
	assert_int_equal(b->input.steering, STEER_RULE);
	assert_int_equal(b->input.worker_mask, 0xf);
	one = control_rule_workers(b->c, r);
	assert_int_equal(__builtin_popcountll(one), 1);
	assert_int_equal(1u << steer_worker(0xef010101, 5000, 4), one);

	use_settings(b, "{\"steering\":{\"in0\":\"cpu\"},\"pinning\":{\"in0\":[1,3]},"
			"\"gro\":{\"in0\":true}}");
	assert_string_equal(run(b), "close-in open-in publish filter");
	assert_int_equal(b->input.steering, STEER_CPU);
	assert_int_equal(b->input.worker_mask, 0xa);
	assert_int_equal(b->input.gro, GRO_ON);
	assert_int_equal(control_rule_workers(b->c, r), 0xa);
	assert_int_equal(view_of(b).rules[0].worker_mask, 0xa);
	assert_string_equal(run(b), "");

	use_settings(b, "{\"pinning\":{\"in0\":[1,3]}}");
	run(b);
	one = control_rule_workers(b->c, r);
	assert_int_equal(__builtin_popcountll(one), 1);
	assert_int_equal(one & ~0xaull, 0);
}

/* The hash that each worker must report is the one that it computes from the snapshot. */
static void test_expected_hashes(void **state)
{
	struct bench *b = *state;
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
	struct bench *b = *state;
	struct snapshot_view before, after;
	int fd;

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
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
	assert_int_equal(control_restore(b->c, fd, 999999999), 0);
	close(fd);
	assert_int_equal(b->c->pub.generation, before.generation);
	/* The closes are for what the predecessor may have opened and nobody needs. */
	assert_string_equal(run(b), "open-in open-out publish filter join join close-out close-in");
	assert_string_equal(run(b), "");
	after = view_of(b);
	assert_int_equal(after.n_rules, 2);
	assert_int_equal(after.generation, before.generation + 1);
	assert_true(after.hash == before.hash);
	assert_memory_equal(after.rules, before.rules, 2 * sizeof(*after.rules));
	assert_memory_equal(after.outputs, before.outputs, 2 * sizeof(*after.outputs));
	assert_memory_equal(after.ifaces, before.ifaces, 2 * sizeof(*after.ifaces));

	/* A new rule takes nobody's slot, and an incarnation that was never used. */
	add_rule(b, "in0", "239.1.1.4", 5000, "out0");
	assert_true(ruleset_at(b->c->rules, 2)->incarnation > 999999999);
	assert_int_not_equal(ruleset_at(b->c->rules, 2)->slot, ruleset_at(b->c->rules, 0)->slot);
	assert_int_not_equal(ruleset_at(b->c->rules, 2)->slot, ruleset_at(b->c->rules, 1)->slot);
}

/* The link went away while no control was there: what its predecessor opened is closed. */
static void test_restore_without_link(void **state)
{
	struct bench *b = *state;
	int fd;

	set_link(b, 2, "in0", true);
	set_link(b, 3, "out0", true);
	add_rule(b, "in0", "239.1.1.1", 5000, "out0");
	run(b);
	fd = dup(b->snapshot);
	teardown(state);
	setup(state);
	b = *state;
	set_link(b, 3, "out0", true);
	assert_int_equal(control_restore(b->c, fd, 1), 0);
	close(fd);
	assert_string_equal(run(b), "open-out publish close-in close-out close-in");
	assert_string_equal(run(b), "");
}

static void test_many_requests_use_a_window(void **state)
{
	struct bench *b = *state;
	char group[32];

	set_link(b, 2, "in0", true);
	for (int i = 0; i < 300; i++) {
		snprintf(group, sizeof(group), "239.1.%d.%d", i / 200, i % 200 + 1);
		add_rule(b, "in0", group, 5000, "in0");
	}
	assert_int_equal(control_reconcile(b->c, 1), 0);
	assert_int_equal(b->c->super.sent, SUPER_WINDOW);
	serve(b);
	assert_int_equal(b->c->super.sent + b->c->super.queued, 0);
	assert_true(control_super_acked(&b->c->super, b->c->super.last_seq));
	assert_int_equal(b->c->rec.joins.n, 300);
}

static void test_wrong_reply(void **state)
{
	struct bench *b = *state;
	struct ipc_msg m = {.type = IPC_REPLY, .seq = 77};
	int fd;

	m.reply.request = IPC_JOIN;
	assert_int_equal(ipc_send(b->sock, &m, -1), 0);
	assert_int_equal(control_super_recv(&b->c->super, &m, &fd), -EPROTO);
}

/* All or nothing: a circle made by the second rule leaves the first out, too. */
static void test_load_all_or_nothing(void **state)
{
	static const char text[] =
		"{\"rules\":[{\"input\":{\"interface\":\"a\",\"group\":\"239.1.1.1\",\"port\":1},"
		"\"outputs\":[{\"interface\":\"b\",\"group\":\"239.1.1.2\",\"port\":2}]},"
		"{\"input\":{\"interface\":\"b\",\"group\":\"239.1.1.2\",\"port\":2},"
		"\"outputs\":[{\"interface\":\"a\",\"group\":\"239.1.1.1\",\"port\":1}]}]}";
	struct bench *b = *state;
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
	struct bench *b = *state;

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
		T(test_life_of_a_rule),
		T(test_unicast_input),
		T(test_missing_interface_comes_and_goes),
		T(test_recreated_interface),
		T(test_mtu),
		T(test_slot_follows_ifindex),
		T(test_refusal_is_retried),
		T(test_settings),
		T(test_expected_hashes),
		T(test_restore),
		T(test_restore_without_link),
		T(test_many_requests_use_a_window),
		T(test_wrong_reply),
		T(test_load_all_or_nothing),
		T(test_load_exchanges_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
