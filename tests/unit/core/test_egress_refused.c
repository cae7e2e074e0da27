// SPDX-License-Identifier: MIT
/*
 * test_egress_refused.c - what becomes of a send that the kernel refuses
 *
 * Links: core/relay/egress.c core/relay/egress_send.c core/relay/egress_done.c core/relay/match.c
 * Links: core/relay/match_build.c
 * Links: core/relay/limiter.c core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 * Links: core/relay/bufpool.c core/base/arena.c core/base/counters.c core/relay/finished.c
 * Links: core/relay/refusal.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/egress_socket.h"
#include "tests/unit/core/egress_batch_fixture.h"
#include "tests/unit/core/refused_fixture.h"

static int refuse_all(struct fake_kernel *k, const struct fake_send *s)
{
	return s->port == PORT ? error : 0;
}

/*
 * Attempts for three GSO batches of 46, 46 and 8: what ICMP can cause is tried again, and that
 * often only until it is known to stay; what UDP_SEGMENT can cause goes singly then.
 */
static const struct {
	const char *name;
	int error;
	enum send_drop drop;
	uint32_t attempts;
} errors[] = {
	{"EAGAIN", EAGAIN, SEND_DROP_WOULD_BLOCK, 3},
	{"ENOBUFS", ENOBUFS, SEND_DROP_QUEUE_FULL, 3},
	{"ENODEV", ENODEV, SEND_DROP_NO_INTERFACE, 3},
	{"ENETDOWN", ENETDOWN, SEND_DROP_NO_INTERFACE, 3},
	{"EPERM", EPERM, SEND_DROP_REFUSED, 3},
	{"EADDRNOTAVAIL", EADDRNOTAVAIL, SEND_DROP_NO_SOURCE, 3},
	{"ENOMEM", ENOMEM, SEND_DROP_OTHER, 3},
	{"ECONNREFUSED", ECONNREFUSED, SEND_DROP_PORT_UNREACHABLE, MANY + 5},
	{"EACCES", EACCES, SEND_DROP_REFUSED, MANY + 5},
	{"EHOSTUNREACH", EHOSTUNREACH, SEND_DROP_UNREACHABLE, MANY + 5},
	{"ENETUNREACH", ENETUNREACH, SEND_DROP_UNREACHABLE, MANY + 5},
	{"EHOSTDOWN", EHOSTDOWN, SEND_DROP_OTHER, MANY + 5},
	{"ENONET", ENONET, SEND_DROP_OTHER, MANY + 5},
	{"ENOPROTOOPT", ENOPROTOOPT, SEND_DROP_OTHER, MANY + 5},
	{"EPROTO", EPROTO, SEND_DROP_OTHER, MANY + 5},
	{"EINVAL", EINVAL, SEND_DROP_NO_SOURCE, 3 + 100},
	{"EMSGSIZE", EMSGSIZE, SEND_DROP_TOO_BIG, MANY + 5 + 2 * 100},
	{"EIO", EIO, SEND_DROP_OTHER, 1 + 100},
	{"EOPNOTSUPP", EOPNOTSUPP, SEND_DROP_OTHER, MANY + 1 + 2 * 100},
};

/* An error that stays: every datagram is counted under its reason, the other output goes on. */
static void lasting_errors(void **state)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		const bool gso = errors[i].error == EIO || errors[i].error == EOPNOTSUPP;
		uint32_t attempts = 0;

		start(errors[i].name, 2, false);
		error = errors[i].error;
		env->k->refuse = refuse_all;
		offer_three_runs();
		check_complete(1);
		if (env->rule->outputs[0].counters->drops[errors[i].drop] != 100)
			fail_msg("%s: %lu counted", name,
				 (unsigned long)env->rule->outputs[0]
					 .counters->drops[errors[i].drop]);
		for (uint32_t s = 0; s < env->k->n_log; s++)
			attempts += env->k->log[s].port == PORT;
		if (attempts != errors[i].attempts)
			fail_msg("%s: %u attempts, not %u", name, attempts, errors[i].attempts);
		assert_int_equal(env->page->gso_fallbacks, gso);
		assert_int_equal(env->page->egress.calls, env->k->n_log);
		/* It is over: the output recovers by itself. */
		env->k->refuse = NULL;
		env->k->n_log = 0;
		add_many(10, 1400);
		flush();
		assert_int_equal(env->rule->outputs[0].counters->sent, 10);
		assert_int_equal(env->k->n_log, gso ? 11 : 2);
		stop();
	}
}

/* Errors that only UDP_SEGMENT meets, or that strike once, lose nothing and keep the order. */
static void harmless_errors(void **state)
{
	static const struct {
		const char *name;
		int error, calls; /* calls 0: every UDP_SEGMENT send */
	} cases[] = {
		{"EIO", EIO, 0},
		{"EOPNOTSUPP", EOPNOTSUPP, 0},
		{"EMSGSIZE", EMSGSIZE, 0},
		{"EINVAL", EINVAL, 0},
		{"one ECONNREFUSED on the last GSO batch", ECONNREFUSED, 1},
		{"three EHOSTUNREACH", EHOSTUNREACH, 3},
		{"fifty EMSGSIZE", EMSGSIZE, 50},
		{"fifty EOPNOTSUPP", EOPNOTSUPP, 50},
		{"fifty ENONET", ENONET, 50},
		{"fifty EPROTO", EPROTO, 50},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].name, 2, false);
		add_many(100, 1400);
		flush();
		error = cases[i].error;
		error_calls = cases[i].calls;
		env->k->refuse = error_calls ? refuse_first : refuse_segments;
		if (cases[i].calls == 1 || cases[i].calls == 50)
			add_many(40, 1400); /* one GSO batch, which a later send could overtake */
		else
			add_many(100, 1400);
		flush();
		check_all_complete();
		if (!(env->page->send_retries > 0))
			fail_msg("%s: nothing was sent again", name);
		/* An error that ICMP can cause changes no lasting state. */
		if (error_calls == 0 && cases[i].calls)
			assert_int_equal(env->page->gso_fallbacks, 0);
		stop();
	}
}

/* Errors of one output's socket, and the memory of them, touch no other output. */
static void errors_stay_with_their_socket(void **state)
{
	start("own sockets", 3, false);
	for (uint32_t o = 0; o < 3; o++)
		give_egress_socket(o, EGRESS_SOCKET_OWN, o != 1);
	error = EIO;
	env->k->refuse = refuse_segments;
	offer_three_runs();
	check_all_complete();
	for (uint32_t i = 0; i < env->k->n_log; i++) {
		const struct fake_send *s = &env->k->log[i];

		assert_int_equal(s->sock, OWN_SOCK + s->port - PORT);
		/* TTL and DSCP are the socket's, the source address may change. */
		assert_int_equal(s->other_control, s->port == PORT + 1 ? 2 * CMSG_SPACE(sizeof(int))
								       : MATCH_SOURCE_BYTES);
	}
	segment_sends();
	/* A new socket: nothing is known of it. */
	give_egress_socket(0, EGRESS_SOCKET_OWN, true);
	env->k->refuse = NULL;
	offer_three_runs();
	assert_int_equal(segment_sends(), 3);
	check_all_complete();
	stop();
}

/* A socket that is not, or no more, for this output is not used for it. */
static void socket_of_another_output_is_not_used(void **state)
{
	static const struct {
		const char *name;
		uint32_t iface, to;
		uint16_t port;
		enum egress_socket_kind kind;
		bool used;
	} rows[] = {
		{"its own", 0, GROUP + 1, PORT, EGRESS_SOCKET_OWN, true},
		{"other port", 0, GROUP + 1, PORT + 1, EGRESS_SOCKET_OWN, false},
		{"other host", 0, GROUP + 2, PORT, EGRESS_SOCKET_OWN, false},
		{"other interface", 1, GROUP + 1, PORT, EGRESS_SOCKET_OWN, false},
		{"of its host", 0, GROUP + 1, 0, EGRESS_SOCKET_HOST, true},
		{"of another host", 0, GROUP + 2, 0, EGRESS_SOCKET_HOST, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct egress_target to = {.kind = rows[i].kind,
						 .iface = rows[i].iface,
						 .to_be = htonl(rows[i].to),
						 .port = rows[i].port};

		start(rows[i].name, 1, false);
		give_egress_socket(0, EGRESS_SOCKET_OWN, false);
		egress_set_own_socket(env->k->egress, 40, &to, OWN_SOCK);
		add_many(1, 100);
		flush();
		if (env->k->log[0].sock != (rows[i].used ? OWN_SOCK : 100))
			fail_msg("%s: sent by %d", name, env->k->log[0].sock);
		egress_set_own_socket(env->k->egress, 40, &to, -1);
		add_many(1, 100);
		flush();
		assert_int_equal(env->k->log[1].sock, 100);
		check_all_complete();
		stop();
	}
}

/* The interface's socket sends from another port: without its own nothing is sent. */
static void source_port_needs_its_own_socket(void **state)
{
	struct egress_target to = {.kind = EGRESS_SOCKET_OWN,
				   .to_be = htonl(GROUP + 1),
				   .port = PORT,
				   .source_port = 7000};
	const struct egress_counters *n;

	start("source port", 1, false);
	give_egress_socket(0, EGRESS_SOCKET_OWN, false);
	env->rule->outputs[0].rec.source_port = 7001;
	n = env->rule->outputs[0].counters;
	for (int i = 0; i < 2; i++) {
		egress_set_own_socket(env->k->egress, 40, &to, i ? OWN_SOCK : -1);
		add_many(1, 100);
		flush();
		assert_int_equal(env->k->n_log, 0);
		assert_int_equal(n->drops[SEND_DROP_NO_SOURCE], i + 1);
	}
	to.source_port = 7001;
	egress_set_own_socket(env->k->egress, 40, &to, OWN_SOCK);
	add_many(1, 100);
	flush();
	assert_int_equal(env->k->log[0].sock, OWN_SOCK);
	assert_int_equal(n->sent, 1);
	stop();
}

/* A destination that was damaged in memory is not where a connected socket sends. */
static void damaged_destination(void **state)
{
	start("damaged destination", 1, false);
	give_egress_socket(0, EGRESS_SOCKET_OWN, true);
	env->rule->outputs[0].to.sin_port = htons(PORT + 7);
	add_many(3, 100);
	flush();
	check_all_complete();
	stop();
}

#define HOST 0x0a020304u

static int closed_port_pending, closed_port_error;

/* Each datagram that is taken is answered with an error, which the next send meets. */
static int refuse_closed_port(struct fake_kernel *k, const struct fake_send *s)
{
	const bool pending = closed_port_pending;

	if (s->port != PORT)
		return 0;
	closed_port_pending = !pending;
	return pending ? closed_port_error : 0;
}

/* A closed port: each error means that one datagram was not delivered after all. */
static void closed_port(void **state)
{
	static const struct {
		const char *name;
		enum egress_socket_kind kind;
		uint32_t group;
		uint64_t counted; /* of 100 single datagrams */
		int error;
		enum send_drop drop;
	} rows[] = {
		{"unicast, own", EGRESS_SOCKET_OWN, HOST, 99, ECONNREFUSED,
		 SEND_DROP_PORT_UNREACHABLE},
		{"host, own", EGRESS_SOCKET_OWN, HOST, 99, EHOSTUNREACH, SEND_DROP_UNREACHABLE},
		{"net, own", EGRESS_SOCKET_OWN, HOST, 99, ENETUNREACH, SEND_DROP_UNREACHABLE},
		{"no delivery, own", EGRESS_SOCKET_OWN, HOST, 0, EPROTO, SEND_DROP_OTHER},
		{"unicast, host", EGRESS_SOCKET_HOST, HOST, 0, ECONNREFUSED,
		 SEND_DROP_PORT_UNREACHABLE},
		{"unicast, interface", EGRESS_SOCKET_INTERFACE, HOST, 0, ECONNREFUSED,
		 SEND_DROP_PORT_UNREACHABLE},
		/* Nobody answers a multicast: they are forged. */
		{"multicast", EGRESS_SOCKET_OWN, GROUP + 1, 0, ECONNREFUSED,
		 SEND_DROP_PORT_UNREACHABLE},
		{"multicast, host", EGRESS_SOCKET_OWN, GROUP + 1, 0, EHOSTUNREACH,
		 SEND_DROP_UNREACHABLE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct egress_counters *c;

		start(rows[i].name, 2, false);
		env->rule->outputs[0].rec.group = table_addr(rows[i].group);
		if (rows[i].kind != EGRESS_SOCKET_INTERFACE)
			give_egress_socket(0, rows[i].kind, rows[i].kind == EGRESS_SOCKET_OWN);
		closed_port_pending = 0;
		closed_port_error = rows[i].error;
		env->k->refuse = refuse_closed_port;
		for (unsigned n = 0; n < 100; n++) {
			add_many(1, 100);
			flush();
		}
		c = env->rule->outputs[0].counters;
		if (c->drops[rows[i].drop] != rows[i].counted || c->sent != 100 - rows[i].counted ||
		    c->bytes != 100 * c->sent)
			fail_msg("%s: %lu counted, %lu sent", name,
				 (unsigned long)c->drops[rows[i].drop], (unsigned long)c->sent);
		check_complete(1);
		/* All were sent, each once. */
		assert_int_equal(env->k->n_got, 2 * env->n_sent);
		/* Of a GSO batch, one for each error. */
		add_many(40, 100);
		flush();
		assert_int_equal(c->drops[rows[i].drop], rows[i].counted + (rows[i].counted > 0));
		stop();
	}
}

/* Larger than the MTU: sent as fragments, counted, and said once. */
static void fragmented(void **state)
{
	struct snapshot_output o;

	start("fragmented", 3, false);
	add_many(4, 2000);
	add_many(4, 1472);
	flush();
	check_all_complete();
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(env->rule->outputs[i].counters->fragmented, i < 2 ? 4 : 0);
	assert_int_equal(env->page->egress.fragmented, 8);
	for (unsigned n = 0; n < 2; n++) {
		assert_true(egress_next_fragmented(env->k->egress, &o));
		assert_in_range(o.port, PORT, PORT + 1);
	}
	assert_false(egress_next_fragmented(env->k->egress, &o));
	add_many(4, 2000);
	flush();
	assert_false(egress_next_fragmented(env->k->egress, &o));
	assert_int_equal(env->page->egress.fragmented, 16);
	stop();
}

/* Every send fails at once and has to be sent again, while none is free. */
static void out_of_sends_while_refused(void **state)
{
	static const int codes[] = {EIO, EMSGSIZE, ECONNREFUSED};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		start("refused when full", 3, false);
		error = codes[i];
		error_calls = 4096;
		env->k->refuse = codes[i] == ECONNREFUSED ? refuse_first : refuse_segments;
		for (uint32_t n = 0; n < 1300; n++) { /* a GSO batch of three each */
			add(3000, 1000);
			env->items[env->n_items - 1].segment_bytes = 1000;
			if (n % 50 == 49)
				flush();
		}
		flush();
		check_complete(1);
		check_complete(2);
		if (codes[i] != ECONNREFUSED)
			check_complete(0);
		stop();
	}
}

/* Slots come back after every kind of end: many more sends than slots, refused in turn. */
static int refuse_in_turn(struct fake_kernel *k, const struct fake_send *s)
{
	static const int codes[] = {0, EAGAIN, EMSGSIZE, ECONNREFUSED, 0, ENOBUFS, EINVAL, EPERM};

	return codes[k->n_log % 8];
}

static void every_slot_comes_back(void **state)
{
	start("refused in turn", 3, false);
	env->k->refuse = refuse_in_turn;
	for (unsigned round = 0; round < 60; round++) {
		add_many(30, 1000);
		add(2500, 1000);
		add_many(3, 0);
		add(3000, 1500);
		add_many(70, 1);
		flush();
		check_law();
		check_back();
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lasting_errors),
		cmocka_unit_test(harmless_errors),
		cmocka_unit_test(errors_stay_with_their_socket),
		cmocka_unit_test(socket_of_another_output_is_not_used),
		cmocka_unit_test(source_port_needs_its_own_socket),
		cmocka_unit_test(damaged_destination),
		cmocka_unit_test(closed_port),
		cmocka_unit_test(fragmented),
		cmocka_unit_test(out_of_sends_while_refused),
		cmocka_unit_test(every_slot_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
