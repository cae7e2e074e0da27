// SPDX-License-Identifier: MIT
/*
 * test_journal.c - what a commit carries on, and what it forgets
 *
 * Links: core/relay/journal.c core/base/arena.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/statpage.h"
#include "core/relay/journal.h"

static struct journal j;
static uint8_t *arena;

static int setup(void **state)
{
	struct arena_header *h;

	arena = calloc(1, WORKER_ARENA_BYTES);
	h = (struct arena_header *)arena;
	h->epoch = ARENA_FIRST_EPOCH;
	journal_open(&j, arena, calloc(1, sizeof(struct worker_page)));
	return 0;
}

static int teardown(void **state)
{
	free(j.page);
	free(arena);
	return 0;
}

/* A batch that a predecessor had begun, of which it had finished two stretches. */
static void begin_in_the_midst(void)
{
	j.c->first = 5;
	j.c->flush = 40;
	j.c->n_finished = 2;
	j.c->finished[0] = (struct arena_finished){.unit = 7, .n = 3, .res = 100};
	j.c->finished[1] = (struct arena_finished){.unit = 20, .n = 1, .res = -1};
}

/* A commit in parts keeps the list of what earlier workers had finished. */
static void part_keeps_what_is_finished(void **state)
{
	const struct arena_commit *was = j.c;

	begin_in_the_midst();
	journal_commit_part(&j, 900, 64, 6);
	assert_ptr_not_equal(j.c, was);
	assert_ptr_equal(j.c, arena_commit(j.header, j.header->epoch));
	assert_int_equal(j.c->first, 5);
	assert_int_equal(j.c->flush, 40);
	assert_int_equal(j.c->cq, 900);
	assert_int_equal(j.c->units, 6);
	assert_int_equal(j.c->counted, 1);
	assert_int_equal(j.c->n_finished, 2);
	assert_memory_equal(j.c->finished, was->finished, 2 * sizeof(j.c->finished[0]));
}

static void commit_of_a_whole_batch_forgets_parts(void **state)
{
	begin_in_the_midst();
	j.in = j.tail = 40;
	journal_commit(&j, 901, 64);
	assert_int_equal(j.c->n_finished, 0);
	assert_int_equal(j.c->units, 0);
	assert_int_equal(j.c->counted, 0);
	assert_int_equal(j.c->flush, 0);
	assert_int_equal(j.c->cq, 901);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(part_keeps_what_is_finished, setup, teardown),
		cmocka_unit_test_setup_teardown(commit_of_a_whole_batch_forgets_parts, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
