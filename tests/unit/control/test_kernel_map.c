// SPDX-License-Identifier: MIT
/*
 * test_kernel_map.c - rules in the maps of the kernel path, one by one and all
 *
 * The kernel's map of references is a table here (bpf_map.h has a stand-in), in which each
 * command is written down; blocks and counters are memory files.
 *
 * Links: daemon/control/kernel_map.c daemon/control/kernel_check.c daemon/control/kernel_entry.c
 * Links: daemon/control/kernel_rest.c daemon/control/kernel_chain.c
 * Links: daemon/control/kernel_counters.c core/rules/kernel_path.c core/rules/rule.c
 * Links: core/base/addr.c core/base/complaint.c core/base/counters.c core/base/decimal.c
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
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "daemon/control/kernel_check.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/kernel_map.h"
#include "daemon/control/kernel_rest.h"
#include "daemon/priv/bpf_map.h"

#define NOW  (100 * NS_PER_S)
#define REST KERNEL_REST_NS
#define TICK (100 * NS_PER_MS)
#define IF   7

/* --- the kernel's map --- */

struct element {
	struct kernel_path_key key;
	uint64_t ref;
};

static struct {
	struct element at[KERNEL_PATH_KEYS + 16];
	uint32_t n;
	unsigned commands;
	char log[256];
	unsigned fail_puts; /* so many to come */
} kernel;

static struct element *find(const struct kernel_path_key *key)
{
	for (uint32_t i = kernel.n; i-- > 0;)
		if (memcmp(&kernel.at[i].key, key, sizeof(*key)) == 0)
			return &kernel.at[i];
	return NULL;
}

static void note(const char *what, const struct kernel_path_key *key)
{
	const size_t len = strlen(kernel.log);

	kernel.commands++;
	snprintf(kernel.log + len, sizeof(kernel.log) - len, "%s%s:%u", len ? " " : "", what,
		 key->source);
}

int bpf_map_put(int map, const struct kernel_path_key *key, uint64_t ref)
{
	struct element *e;

	note("put", key);
	if (kernel.fail_puts && kernel.fail_puts--)
		return -E2BIG;
	e = kernel.commands > 1000 ? NULL : find(key); /* a new one; many would take too long */
	if (!e)
		e = &kernel.at[kernel.n++];
	*e = (struct element){*key, ref};
	return 0;
}

int bpf_map_remove(int map, const struct kernel_path_key *key)
{
	struct element *e = find(key);

	note("remove", key);
	if (!e)
		return -ENOENT;
	*e = kernel.at[--kernel.n];
	return 0;
}

int bpf_map_read(int map, struct bpf_map_cursor *cursor, struct kernel_path_key *keys,
		 uint64_t *refs, uint32_t max)
{
	uint32_t n = 0;

	for (; cursor->at < kernel.n && n < max; cursor->at++, n++) {
		keys[n] = kernel.at[cursor->at].key;
		refs[n] = kernel.at[cursor->at].ref;
	}
	cursor->begun = true;
	cursor->ended = cursor->at == kernel.n;
	return (int)n;
}

static void forget_commands(void)
{
	kernel.commands = 0;
	kernel.log[0] = '\0';
}

/* --- one control --- */

struct fixture {
	struct kernel_map *m;
	int fd[2];
	struct kernel_path_block *blocks;
	struct kernel_path_record *records;
};

static void *map_file(int fd, size_t bytes)
{
	void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	assert_ptr_not_equal(mem, MAP_FAILED);
	return mem;
}

#define BLOCKS_BYTES  (KERNEL_PATH_BLOCKS * sizeof(struct kernel_path_block))
#define RECORDS_BYTES (KERNEL_PATH_LANE(2) * sizeof(struct kernel_path_record))

static void start(struct fixture *f, bool same_rules, uint64_t now_ns)
{
	f->m = kernel_map_new();
	assert_non_null(f->m);
	assert_int_equal(kernel_map_take_rules(f->m, dup(0)), 0);
	assert_int_equal(kernel_map_take_blocks(f->m, dup(f->fd[0])), 0);
	assert_int_equal(kernel_map_take_counters(f->m, dup(f->fd[1]), 2), 0);
	assert_true(kernel_map_is_whole(f->m));
	assert_int_equal(kernel_map_load(f->m, same_rules, now_ns), 0);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	memset(&kernel, 0, sizeof(kernel));
	for (unsigned i = 0; i < 2; i++) {
		f->fd[i] = memfd_create("map", 0);
		assert_int_equal(ftruncate(f->fd[i], i ? RECORDS_BYTES : BLOCKS_BYTES), 0);
	}
	f->blocks = map_file(f->fd[0], BLOCKS_BYTES);
	f->records = map_file(f->fd[1], RECORDS_BYTES);
	start(f, false, NOW);
	kernel_map_begin(f->m);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	kernel_map_free(f->m);
	munmap(f->blocks, BLOCKS_BYTES);
	munmap(f->records, RECORDS_BYTES);
	close(f->fd[0]);
	close(f->fd[1]);
	free(f);
	return 0;
}

/* A rule with its outputs; the n-th goes to group 1000 * outs + n. */
struct made {
	struct kernel_map_rule r;
	struct kernel_path_output out[KERNEL_PATH_RULE_OUTPUTS];
	uint64_t incarnation[KERNEL_PATH_RULE_OUTPUTS];
};

static struct made make(uint32_t slot, uint32_t group, uint32_t source, unsigned n)
{
	struct made t = {.r = {.key = {.ifindex = IF, .group = group, .source = source, .port = 5},
			       .incarnation = 10 + slot,
			       .slot = slot,
			       .iface = 1,
			       .mtu = 1500,
			       .n_outputs = n}};

	for (unsigned i = 0; i < n; i++) {
		t.out[i] = (struct kernel_path_output){
			.ifindex = 9, .slot = slot * 4 + i, .group = 1000 + i, .port = 6, .ttl = 1};
		t.incarnation[i] = t.r.incarnation;
	}
	return t;
}

static int set(struct fixture *f, struct made t, uint64_t now_ns)
{
	t.r.output = t.out;
	t.r.output_incarnation = t.incarnation;
	return kernel_map_set(f->m, &t.r, now_ns);
}

static int set_user(struct fixture *f, struct made t, uint64_t now_ns)
{
	t.r.n_outputs = 0;
	return kernel_map_set_user(f->m, &t.r, now_ns);
}

/* The reference for a group and source; 0: no element. */
static uint64_t ref_of(uint32_t group, uint32_t source)
{
	const struct kernel_path_key key = {
		.ifindex = IF, .group = group, .source = source, .port = 5};
	const struct element *e = find(&key);

	return e ? e->ref : 0;
}

static const struct kernel_path_block *block_of(struct fixture *f, uint64_t ref)
{
	assert_true(ref & KERNEL_PATH_REF_RELAY);
	return &f->blocks[(uint32_t)ref];
}

/* The program has taken @n datagrams and sent them to the first output. */
static void count(struct fixture *f, uint64_t ref, uint64_t n)
{
	const struct kernel_path_block *b = block_of(f, ref);

	f->records[KERNEL_PATH_LANE(1) + KERNEL_PATH_RULE_IN + b->slot].a += n;
	f->records[KERNEL_PATH_LANE(0) + KERNEL_PATH_OUTPUT_SENT + b->output[0].slot].a += n;
}

static void assert_counted(struct fixture *f, const struct made *t, uint64_t n)
{
	struct egress_counters out = {0};
	uint64_t matched = 0, bytes = 0;

	kernel_map_count_rule(f->m, t->r.slot, t->r.incarnation, &matched, &bytes);
	kernel_map_count_output(f->m, t->out[0].slot, t->incarnation[0], &out);
	assert_int_equal(matched, n);
	assert_int_equal(out.sent, n);
	assert_int_equal(out.matched, n);
}

/* --- one rule --- */

static void test_rule(void **state)
{
	struct fixture *f = *state;
	const struct kernel_path_block *b;
	uint64_t ref;

	assert_int_equal(set(f, make(3, 1, 0, 7), NOW), 0);
	ref = ref_of(1, 0);
	b = block_of(f, ref);
	assert_int_equal(b->n_outputs, 7);
	assert_int_equal(b->mtu, 1500);
	assert_int_equal(b->output[4].group, 1004);
	assert_int_equal(f->blocks[b->next].output[1].group, 1006);
	assert_true(kernel_map_relays(f->m, 3));
	assert_false(kernel_map_relays(f->m, 4));
	assert_string_equal(kernel.log, "put:0");

	forget_commands();
	assert_int_equal(set(f, make(3, 1, 0, 7), NOW), 0);
	assert_string_equal(kernel.log, "");
	assert_int_equal(set(f, make(3, 1, 0, 2), NOW), 0);
	assert_string_equal(kernel.log, "put:0");
	assert_int_not_equal((uint32_t)ref_of(1, 0), (uint32_t)ref);
	assert_int_equal(b->n_outputs, 7); /* the program may be reading it */

	assert_int_equal(kernel_map_clear(f->m, 3, NOW), 0);
	assert_true(kernel_map_is_empty(f->m));
	assert_int_equal(kernel.n, 0);
}

static void test_other_input(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	forget_commands();
	assert_int_equal(set(f, make(0, 2, 0, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:0 remove:0");
	assert_int_equal(ref_of(1, 0), 0);
	assert_int_not_equal(ref_of(2, 0), 0);
}

static void test_changed_rule_stays(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1), next = make(0, 1, 0, 1);

	assert_int_equal(set(f, t, NOW), 0);
	count(f, ref_of(1, 0), 5);
	t.r.mtu = 1400;
	assert_int_equal(set(f, t, NOW), 0);
	count(f, ref_of(1, 0), 2);
	assert_counted(f, &t, 7);

	/* Another rule in the slot begins with zeroes, in the kernel and at once. */
	next.r.incarnation = next.incarnation[0] = 999;
	assert_int_equal(set(f, next, NOW), 0);
	assert_true(kernel_map_relays(f->m, 0));
	assert_counted(f, &next, 0);
	assert_counted(f, &t, 0);
	count(f, ref_of(1, 0), 3);
	assert_counted(f, &next, 3);
}

static void test_counters_of_user_path(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1);

	assert_int_equal(set(f, t, NOW), 0);
	count(f, ref_of(1, 0), 5);
	t.r.key.ifindex = 0; /* the interface has gone */
	assert_int_equal(set_user(f, t, NOW), 0);
	assert_int_equal(kernel.n, 0);
	assert_counted(f, &t, 5);
	t.r.key.ifindex = IF;
	assert_int_equal(set(f, t, NOW), 0);
	assert_counted(f, &t, 5);
}

/* --- streams --- */

static void test_sources(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, make(0, 1, 11, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:11 put:0");
	assert_int_equal(ref_of(1, 0), KERNEL_PATH_REF_SOURCES);

	/* Workers' need an element only beside a rule for any source in the kernel. */
	forget_commands();
	assert_int_equal(set_user(f, make(1, 1, 12, 1), NOW), 0);
	assert_string_equal(kernel.log, "");
	assert_int_equal(set(f, make(2, 1, 0, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:12 put:0");
	assert_int_equal(ref_of(1, 12), KERNEL_PATH_REF_USER);
	assert_true(ref_of(1, 0) & KERNEL_PATH_REF_SOURCES);
	assert_true(kernel_map_relays(f->m, 2));

	forget_commands();
	assert_int_equal(set_user(f, make(2, 1, 0, 1), NOW), 0);
	assert_string_equal(kernel.log, "put:0 remove:12");
	assert_int_equal(ref_of(1, 0), KERNEL_PATH_REF_SOURCES);

	forget_commands();
	assert_int_equal(kernel_map_clear(f->m, 0, NOW), 0);
	assert_string_equal(kernel.log, "remove:0 remove:11");
}

static void test_consuming_user(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1);

	t.r.flags = KERNEL_PATH_BLOCK_CONSUME;
	assert_int_equal(set_user(f, t, NOW), 0);
	assert_int_equal(ref_of(1, 0), KERNEL_PATH_REF_USER | KERNEL_PATH_REF_CONSUME);
	assert_int_equal(set_user(f, make(1, 1, 12, 1), NOW), 0);
	assert_int_equal(ref_of(1, 12), KERNEL_PATH_REF_USER);
	t.r.flags = 0;
	assert_int_equal(set_user(f, t, NOW), 0);
	assert_int_equal(kernel.n, 0);
}

static void test_one_interface_by_two_names(void **state)
{
	struct fixture *f = *state;
	uint64_t first;

	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	first = ref_of(1, 0);
	assert_int_equal(set(f, make(1, 1, 0, 2), NOW), 0);
	assert_int_equal(ref_of(1, 0), first);
	assert_false(kernel_map_relays(f->m, 1));
	/* Workers have the frames of the first: the second is not to take them in the kernel. */
	assert_int_equal(set_user(f, make(0, 1, 0, 1), NOW), 0);
	assert_int_equal(ref_of(1, 0), 0);
	assert_int_equal(kernel_map_clear(f->m, 0, NOW), 0);
	assert_int_equal(block_of(f, ref_of(1, 0))->n_outputs, 2);
	assert_true(kernel_map_relays(f->m, 1));
}

/* --- all rules --- */

static void test_rules_that_went(void **state)
{
	struct fixture *f = *state;

	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(set(f, make(i, 1 + i, 0, 1), NOW), 0);
	forget_commands();
	kernel_map_begin(f->m);
	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	assert_int_equal(set_user(f, make(2, 3, 0, 1), NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	assert_int_equal(kernel.commands, 2);
	assert_int_equal(kernel.n, 1);
	assert_int_not_equal(ref_of(1, 0), 0);
}

static struct fixture *full(void **state)
{
	struct fixture *f = *state;

	kernel_map_begin(f->m);
	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		assert_int_equal(set(f, make(i, 1 + i, 0, 4), NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	return f;
}

static void test_full(void **state)
{
	struct fixture *f = full(state);
	struct kernel_map_summary s = kernel_map_summary(f->m);
	uint32_t refused = 0;

	assert_int_equal(s.references, KERNEL_PATH_RULES);
	assert_int_equal(s.blocks, KERNEL_PATH_RULES);
	forget_commands();
	/* One more than can rest is refused, until a second is over. */
	for (uint32_t i = 0; i < KERNEL_PATH_RULES && !refused; i++) {
		struct made t = make(i, 1 + i, 0, 4);

		t.r.incarnation += 100000;
		for (unsigned k = 0; k < 4; k++)
			t.incarnation[k] = t.r.incarnation;
		if (set(f, t, NOW) < 0)
			refused = i;
	}
	assert_int_equal(refused, KERNEL_PATH_RULE_COUNTERS - KERNEL_PATH_RULES);
	assert_int_equal(kernel.commands, refused);
	assert_int_equal(kernel_map_due_ns(f->m), NOW + REST);
	assert_int_equal(set(f, make(refused, 1 + refused, 0, 4), NOW + REST), 0);
}

static void test_cost(void **state)
{
	struct fixture *f = full(state);
	struct made t = make(8000, 8001, 0, 4);

	forget_commands();
	t.r.mtu = 1400;
	assert_int_equal(set(f, t, NOW), 0);
	assert_int_equal(kernel_map_clear(f->m, 8000, NOW), 0);
	assert_int_equal(set(f, t, NOW), 0);
	assert_string_equal(kernel.log, "put:0 remove:0 put:0");
}

/* --- a fresh control --- */

static void test_restart(void **state)
{
	struct fixture *f = *state;
	struct made a = make(0, 1, 0, 1), b = make(1, 2, 0, 1);

	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set(f, b, NOW), 0);
	count(f, ref_of(1, 0), 5);
	count(f, ref_of(2, 0), 6);
	assert_int_equal(set_user(f, b, NOW), 0);
	kernel_map_free(f->m);
	forget_commands();
	start(f, true, NOW);
	kernel_map_begin(f->m);
	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set_user(f, b, NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	assert_string_equal(kernel.log, "");
	assert_counted(f, &a, 5);
	assert_counted(f, &b, 6);
}

/* The next daemon numbers slots anew: a rule that is the same goes on counting all the same. */
static void test_next_daemon(void **state)
{
	struct fixture *f = *state;
	struct made a = make(0, 1, 0, 1), b = make(1, 2, 0, 1), c = make(2, 3, 0, 1), d;

	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set(f, b, NOW), 0);
	assert_int_equal(set(f, c, NOW), 0);
	for (uint32_t group = 1; group <= 3; group++)
		count(f, ref_of(group, 0), 10 * group);
	kernel_map_free(f->m);
	start(f, false, NOW);
	assert_false(kernel_map_is_empty(f->m));
	kernel_map_begin(f->m);
	/* b is in a's slot, a in b's with another MAC address, c has another output, d is new. */
	b = make(0, 2, 0, 1);
	a = make(1, 1, 0, 1);
	a.out[0].mac[3] = 1;
	c.out[0].port = 66;
	d = make(3, 4, 0, 1);
	b.r.incarnation = b.incarnation[0] = 1001;
	a.r.incarnation = a.incarnation[0] = 1002;
	c.r.incarnation = c.incarnation[0] = 1003;
	d.r.incarnation = d.incarnation[0] = 1004;
	assert_int_equal(set(f, b, NOW), 0);
	assert_int_equal(set(f, a, NOW), 0);
	assert_int_equal(set(f, c, NOW), 0);
	assert_int_equal(set(f, d, NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	count(f, ref_of(2, 0), 1);
	assert_counted(f, &b, 21);
	assert_counted(f, &a, 10);
	assert_counted(f, &c, 0);
	assert_counted(f, &d, 0);
}

static void test_left_over(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(set(f, make(0, 1, 11, 1), NOW), 0);
	assert_int_equal(set(f, make(1, 2, 0, 1), NOW), 0);
	kernel_map_free(f->m);
	start(f, false, NOW);
	forget_commands();
	kernel_map_begin(f->m);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	assert_int_equal(kernel.n, 0);
	assert_non_null(strstr(kernel.log, "remove:0 remove:11"));
}

/* --- damage --- */

/* Calls as often as the loop does, until rules are to be set again. */
static int check_for(struct fixture *f, uint64_t *now_ns, uint64_t ns, unsigned *changes)
{
	int again = 0;

	for (const uint64_t end = *now_ns + ns; *now_ns < end && !again; *now_ns += TICK) {
		bool changed;
		const int ret = kernel_map_check(f->m, *now_ns, &changed);

		assert_true(ret >= 0);
		again += ret;
		*changes += changed;
	}
	return again;
}

static void damage(struct fixture *f, unsigned kind, uint32_t slot)
{
	const struct kernel_path_key key = {.ifindex = IF, .group = 1 + slot, .port = 5};
	struct kernel_path_key foreign = key;
	struct element *e = find(&key);

	assert_non_null(e);
	foreign.group = 77777;
	if (kind == 0)
		e->ref++;
	else if (kind == 1)
		*e = kernel.at[--kernel.n];
	else if (kind == 2)
		kernel.at[kernel.n++] = (struct element){foreign, e->ref};
	else
		f->blocks[(uint32_t)e->ref].output[2].port = 99;
}

static void test_damage(void **state)
{
	struct fixture *f = full(state);
	uint64_t now = NOW;

	for (unsigned kind = 0; kind < 4; kind++) {
		const uint32_t slot = 500 + kind;
		unsigned changes = 0;

		assert_int_equal(check_for(f, &now, 3 * NS_PER_S, &changes), 0);
		assert_int_equal(changes, 0);
		damage(f, kind, slot);
		assert_int_equal(check_for(f, &now, 17 * TICK, &changes), 1);
		assert_int_equal(changes, 1);
		forget_commands();
		assert_int_equal(set(f, make(slot, 1 + slot, 0, 4), now), 0);
		assert_int_equal(kernel.commands, kind == 2 ? 0 : 1);
		assert_int_equal(block_of(f, ref_of(1 + slot, 0))->output[2].port, 6);
		assert_int_equal(ref_of(77777, 0), 0);
	}
}

static void test_much_damage_is_one(void **state)
{
	struct fixture *f = full(state);
	unsigned changes = 0;
	uint64_t now = NOW;

	assert_int_equal(check_for(f, &now, 2 * TICK, &changes), 0);
	for (uint32_t i = 0; i < kernel.n; i += 100)
		kernel.at[i].ref++;
	kernel.n -= 500;
	forget_commands();
	assert_int_equal(check_for(f, &now, TICK, &changes), 1);
	kernel_map_begin(f->m);
	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		assert_int_equal(set(f, make(i, 1 + i, 0, 4), now), 0);
	assert_int_equal(kernel_map_end(f->m, now), 0);
	assert_int_equal(check_for(f, &now, 3 * NS_PER_S, &changes), 0);
	assert_int_equal(changes, 1);
	assert_int_equal(kernel.n, KERNEL_PATH_RULES);
}

static void test_full_map(void **state)
{
	struct fixture *f = *state;
	unsigned changes = 0;
	uint64_t now = NOW;

	assert_int_equal(set(f, make(0, 1, 0, 1), NOW), 0);
	assert_int_equal(set(f, make(2, 1, 13, 1), NOW), 0);
	/* A source of the workers that cannot be kept from the rule for any: workers have all. */
	kernel.fail_puts = 1;
	assert_int_equal(set_user(f, make(1, 1, 12, 1), NOW), -E2BIG);
	assert_int_equal(ref_of(1, 0), 0);
	assert_false(kernel_map_relays(f->m, 0));
	assert_false(kernel_map_summary(f->m).as_written);
	assert_int_equal(check_for(f, &now, TICK, &changes), 1);
	assert_int_equal(changes, 0);
	assert_int_equal(set_user(f, make(1, 1, 12, 1), now), 0);
	assert_true(kernel_map_relays(f->m, 0));
	assert_int_equal(ref_of(1, 12), KERNEL_PATH_REF_USER);
	assert_true(kernel_map_summary(f->m).as_written);
}

/* The same rules give the same hash, and each difference another one. */
static void test_hash(void **state)
{
	struct fixture *f = *state;
	struct made t = make(0, 1, 0, 1);
	uint64_t one, two;

	assert_int_equal(kernel_map_summary(f->m).hash, 0);
	assert_int_equal(set(f, t, NOW), 0);
	one = kernel_map_summary(f->m).hash;
	assert_int_not_equal(one, 0);
	assert_int_equal(set(f, make(1, 2, 0, 1), NOW), 0);
	two = kernel_map_summary(f->m).hash;
	assert_int_not_equal(one, two);
	assert_int_equal(kernel_map_clear(f->m, 1, NOW), 0);
	assert_int_equal(kernel_map_summary(f->m).hash, one);
	t.out[0].ttl = 9;
	assert_int_equal(set(f, t, NOW), 0);
	assert_int_not_equal(kernel_map_summary(f->m).hash, one);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_rule),
		TEST(test_other_input),
		TEST(test_changed_rule_stays),
		TEST(test_counters_of_user_path),
		TEST(test_sources),
		TEST(test_consuming_user),
		TEST(test_one_interface_by_two_names),
		TEST(test_rules_that_went),
		TEST(test_full),
		TEST(test_cost),
		TEST(test_restart),
		TEST(test_next_daemon),
		TEST(test_left_over),
		TEST(test_damage),
		TEST(test_much_damage_is_one),
		TEST(test_full_map),
		TEST(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
