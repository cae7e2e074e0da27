// SPDX-License-Identifier: MIT
/*
 * test_statpage.c - pages are read whole and checked, whatever the writer does
 *
 * Links: core/base/statpage.c
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/statpage.h"

static struct worker_page *new_worker_page(void)
{
	struct worker_page *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	worker_page_init(p);
	return p;
}

static void fresh_page(void **state)
{
	struct worker_page *p = new_worker_page();
	struct worker_summary zero = {.state = WORKER_STARTING}, got;
	struct rule_counters rule;

	memset(&got, 0xaa, sizeof(got));
	assert_int_equal(statpage_read_worker(p, sizeof(*p), &got), 0);
	assert_int_equal(got.generation, zero.generation);
	assert_int_equal(got.ingress.received, 0);
	assert_int_equal(got.pool_low[2], 0);
	assert_int_equal(statpage_read_rule(p, sizeof(*p), 0, 1, &rule), 0);
	assert_int_equal(rule.matched, 0);
	free(p);
}

static void summary_takes_every_field(void **state)
{
	struct worker_page *p = new_worker_page();
	struct worker_summary got;

	p->generation = 1;
	p->hash = 2;
	p->rules = 3;
	p->heartbeat_ns = 4;
	p->state = WORKER_DRAINING;
	p->pid = 5;
	p->gso_fallbacks = 6;
	p->send_retries = 7;
	memset(&p->ingress, 8, sizeof(p->ingress));
	memset(&p->egress, 9, sizeof(p->egress));
	memset(p->pool_buffers, 10, sizeof(p->pool_buffers));
	memset(p->pool_low, 11, sizeof(p->pool_low));
	assert_int_equal(statpage_read_worker(p, sizeof(*p), &got), 0);
	assert_int_equal(got.generation, 1);
	assert_int_equal(got.hash, 2);
	assert_int_equal(got.rules, 3);
	assert_int_equal(got.heartbeat_ns, 4);
	assert_int_equal(got.state, WORKER_DRAINING);
	assert_int_equal(got.pid, 5);
	assert_int_equal(got.gso_fallbacks, 6);
	assert_int_equal(got.send_retries, 7);
	assert_memory_equal(&got.ingress, &p->ingress, sizeof(p->ingress));
	assert_memory_equal(&got.egress, &p->egress, sizeof(p->egress));
	assert_memory_equal(got.pool_buffers, p->pool_buffers, sizeof(p->pool_buffers));
	assert_memory_equal(got.pool_low, p->pool_low, sizeof(p->pool_low));
	free(p);
}

static void bad_pages(void **state)
{
	struct worker_page *p = new_worker_page();
	struct worker_summary sum, before;
	struct rule_counters rule;
	struct egress_counters out;

	memset(&sum, 0x55, sizeof(sum));
	before = sum;
	assert_int_equal(statpage_read_worker(NULL, sizeof(*p), &sum), -EBADMSG);
	assert_int_equal(statpage_read_worker(p, sizeof(*p) - 1, &sum), -EBADMSG);
	assert_int_equal(statpage_read_worker(p, 0, &sum), -EBADMSG);
	assert_int_equal(statpage_read_worker((char *)p + 4, sizeof(*p), &sum), -EBADMSG);
	p->state = WORKER_STATES;
	assert_int_equal(statpage_read_worker(p, sizeof(*p), &sum), -EBADMSG);
	p->state = 1ull << 32; /* low half alone would be valid */
	assert_int_equal(statpage_read_worker(p, sizeof(*p), &sum), -EBADMSG);
	p->state = WORKER_RUNNING;
	p->size_bytes++;
	assert_int_equal(statpage_read_worker(p, sizeof(*p), &sum), -EBADMSG);
	assert_int_equal(statpage_read_rule(p, sizeof(*p), 0, 1, &rule), -EBADMSG);
	assert_int_equal(statpage_read_output(p, sizeof(*p), 0, 1, &out), -EBADMSG);
	p->size_bytes--;
	p->magic = STATPAGE_IFACE_MAGIC;
	assert_int_equal(statpage_read_worker(p, sizeof(*p), &sum), -EBADMSG);
	assert_memory_equal(&sum, &before, sizeof(sum));
	p->magic = STATPAGE_WORKER_MAGIC;
	/* A mapping is rounded up to whole pages. */
	assert_int_equal(statpage_read_worker(p, sizeof(*p) + 4095, &sum), 0);
	free(p);
}

static void rule_and_output_slots(void **state)
{
	const uint32_t last_rule = MCR_MAX_RULES - 1, last_output = MCR_MAX_OUTPUTS - 1;
	struct worker_page *p = new_worker_page();
	struct rule_counters rule;
	struct egress_counters out;

	p->rule[last_rule].incarnation = 7;
	memset(&p->rule[last_rule].c, 1, sizeof(rule));
	p->output[last_output].incarnation = 7;
	memset(&p->output[last_output].c, 2, sizeof(out));
	assert_int_equal(statpage_read_rule(p, sizeof(*p), last_rule, 7, &rule), 0);
	assert_memory_equal(&rule, &p->rule[last_rule].c, sizeof(rule));
	assert_int_equal(statpage_read_output(p, sizeof(*p), last_output, 7, &out), 0);
	assert_memory_equal(&out, &p->output[last_output].c, sizeof(out));

	/* Counters of another incarnation read as zero. */
	assert_int_equal(statpage_read_rule(p, sizeof(*p), last_rule, 8, &rule), 0);
	assert_int_equal(rule.matched | rule.bytes | rule.drops_rate_limited | rule.drops_shed, 0);
	assert_int_equal(statpage_read_output(p, sizeof(*p), last_output, 6, &out), 0);
	assert_int_equal(out.matched | out.sent | out.bytes | out.calls, 0);
	/* Incarnation 0 has no counters, even if the slot has it, too. */
	p->rule[0].c.matched = 5;
	assert_int_equal(statpage_read_rule(p, sizeof(*p), 0, 0, &rule), 0);
	assert_int_equal(rule.matched, 0);

	assert_int_equal(statpage_read_rule(p, sizeof(*p), MCR_MAX_RULES, 7, &rule), -ERANGE);
	assert_int_equal(statpage_read_rule(p, sizeof(*p), MCR_NO_SLOT, 7, &rule), -ERANGE);
	assert_int_equal(statpage_read_output(p, sizeof(*p), MCR_MAX_OUTPUTS, 7, &out), -ERANGE);
	free(p);
}

static const struct iface_counts some = {4, 3, 2, 1};

static void iface_slots(void **state)
{
	struct iface_page *p = calloc(1, sizeof(*p));
	struct iface_slot_stats *last, got;

	assert_non_null(p);
	assert_int_equal(statpage_read_iface(p, sizeof(*p), 0, &got), -EBADMSG);
	iface_page_init(p);
	last = &p->slot[MCR_MAX_IFACES - 1];
	last->ifindex = 7;
	last->all = (struct iface_counts){9, 8, 7, 6};
	last->before = some;
	assert_int_equal(statpage_read_iface(p, sizeof(*p), MCR_MAX_IFACES - 1, &got), 0);
	assert_memory_equal(&got, last, sizeof(got));
	assert_int_equal(statpage_read_iface(p, sizeof(*p), MCR_MAX_IFACES, &got), -ERANGE);
	assert_int_equal(statpage_read_iface(p, sizeof(*p) - 8, 0, &got), -EBADMSG);
	free(p);
}

static void slot_changes_hands(void **state)
{
	struct iface_page *p = calloc(1, sizeof(*p));
	struct iface_slot_stats got;
	struct iface_counts own, sum = some;

	assert_non_null(p);
	iface_page_init(p);
	iface_page_take(p, 5, 7);
	p->slot[5].all = some;
	iface_page_take(p, 5, 7); /* the same device: it goes on */
	assert_int_equal(statpage_read_iface(p, sizeof(*p), 5, &got), 0);
	own = iface_counts_own(&got);
	assert_int_equal(got.ifindex, 7);
	assert_memory_equal(&own, &some, sizeof(own));

	iface_page_take(p, 5, 8);
	assert_int_equal(statpage_read_iface(p, sizeof(*p), 5, &got), 0);
	own = iface_counts_own(&got);
	assert_int_equal(got.ifindex, 8);
	assert_int_equal(own.delivered | own.socket_queue | own.not_matched | own.not_ipv4_udp, 0);
	assert_memory_equal(&got.all, &some, sizeof(some)); /* totals do not go backwards */
	iface_counts_add(&sum, &some);
	p->slot[5].all = sum;
	assert_int_equal(statpage_read_iface(p, sizeof(*p), 5, &got), 0);
	own = iface_counts_own(&got);
	assert_memory_equal(&own, &some, sizeof(own));
	free(p);
}

/* By worker; impossible counts read as 0. */
static void queues(void **state)
{
	struct iface_page *p = calloc(1, sizeof(*p));
	struct iface_queue got;

	assert_non_null(p);
	assert_int_equal(statpage_read_queue(p, sizeof(*p), 0, &got), -EBADMSG);
	iface_page_init(p);
	iface_page_take(p, 5, 7);
	p->queue[5].all[0] = 3;
	p->queue[5].all[MCR_MAX_WORKERS - 1] = 4;
	iface_page_take(p, 5, 8);
	p->queue[5].all[0] = 10;
	p->queue[5].before[1] = 1;
	assert_int_equal(statpage_read_queue(p, sizeof(*p), 5, &got), 0);
	assert_int_equal(got.all[0], 10);
	assert_int_equal(got.before[0], 3);
	assert_int_equal(got.before[1], 0);
	assert_int_equal(got.all[MCR_MAX_WORKERS - 1], 4);
	assert_int_equal(got.before[MCR_MAX_WORKERS - 1], 4);
	assert_int_equal(statpage_read_queue(p, sizeof(*p), MCR_MAX_IFACES, &got), -ERANGE);
	assert_int_equal(statpage_read_queue(p, sizeof(*p) - 8, 0, &got), -EBADMSG);
	free(p);
}

/* A worker that had more before than it has in all counts for no rule, but in the totals. */
static void slot_that_cannot_be(void **state)
{
	struct iface_page *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	iface_page_init(p);
	for (unsigned i = 0; i < 4; i++) {
		struct iface_slot_stats got;

		p->slot[0] = (struct iface_slot_stats){.ifindex = 7, .all = some, .before = some};
		((uint64_t *)&p->slot[0].before)[i]++;
		assert_int_equal(statpage_read_iface(p, sizeof(*p), 0, &got), 0);
		assert_int_equal(got.ifindex, 0);
		assert_memory_equal(&got.all, &some, sizeof(some));
		assert_memory_equal(&got.before, &some, sizeof(some));
	}
	free(p);
}

/* Every word of the counters names the owner of the slot; an earlier owner never comes back. */
static void *keep_changing_hands(void *arg)
{
	struct worker_page *p = arg;
	struct rule_slot *slot = &p->rule[7];
	uint64_t *words = (uint64_t *)&slot->c;

	for (uint64_t owner = 1; !__atomic_load_n(&p->reserved[0], __ATOMIC_RELAXED); owner++) {
		__atomic_store_n(&slot->incarnation, 0, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		for (size_t i = 0; i < sizeof(slot->c) / sizeof(*words); i++)
			__atomic_store_n(&words[i], owner, __ATOMIC_RELAXED);
		__atomic_store_n(&slot->incarnation, owner, __ATOMIC_RELEASE);
		for (unsigned i = 0; i < 50; i++)
			__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return NULL;
}

/* All of the counters are the owner's that was asked for, or there are none. */
static void counters_of_one_owner(void **state)
{
	struct worker_page *p = new_worker_page();
	unsigned torn = 0, whole = 0;
	pthread_t writer;

	assert_int_equal(pthread_create(&writer, NULL, keep_changing_hands, p), 0);
	for (unsigned i = 0; i < 3000000 || whole < 1000; i++) {
		uint64_t owner = __atomic_load_n(&p->rule[7].incarnation, __ATOMIC_RELAXED);
		uint64_t words[sizeof(struct rule_counters) / sizeof(uint64_t)];
		struct rule_counters got;

		if (!owner)
			continue;
		statpage_read_rule(p, sizeof(*p), 7, owner, &got);
		memcpy(words, &got, sizeof(words));
		for (size_t w = 1; w < sizeof(words) / sizeof(*words); w++)
			torn += words[w] != words[0];
		torn += words[0] != 0 && words[0] != owner;
		whole += words[0] == owner;
	}
	__atomic_store_n(&p->reserved[0], 1, __ATOMIC_RELAXED);
	pthread_join(writer, NULL);
	assert_int_equal(torn, 0);
	free(p);
}

static void state_names(void **state)
{
	assert_string_equal(worker_state_name(WORKER_STARTING), "starting");
	assert_string_equal(worker_state_name(WORKER_RUNNING), "running");
	assert_string_equal(worker_state_name(WORKER_DRAINING), "draining");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fresh_page),
		cmocka_unit_test(summary_takes_every_field),
		cmocka_unit_test(bad_pages),
		cmocka_unit_test(rule_and_output_slots),
		cmocka_unit_test(iface_slots),
		cmocka_unit_test(queues),
		cmocka_unit_test(slot_changes_hands),
		cmocka_unit_test(slot_that_cannot_be),
		cmocka_unit_test(counters_of_one_owner),
		cmocka_unit_test(state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
