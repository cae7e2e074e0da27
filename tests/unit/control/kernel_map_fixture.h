/* SPDX-License-Identifier: MIT */
/* kernel_map_fixture.h - a map of the kernel path whose elements the test keeps */
#ifndef TESTS_UNIT_CONTROL_KERNEL_MAP_FIXTURE_H
#define TESTS_UNIT_CONTROL_KERNEL_MAP_FIXTURE_H

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

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

static struct fixture *full(void **state)
{
	struct fixture *f = *state;

	kernel_map_begin(f->m);
	for (uint32_t i = 0; i < KERNEL_PATH_RULES; i++)
		assert_int_equal(set(f, make(i, 1 + i, 0, 4), NOW), 0);
	assert_int_equal(kernel_map_end(f->m, NOW), 0);
	return f;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
