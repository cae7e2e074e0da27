/* SPDX-License-Identifier: MIT */
/* refused_fixture.h - sends that the fake kernel refuses */
#ifndef TESTS_UNIT_CORE_REFUSED_FIXTURE_H
#define TESTS_UNIT_CORE_REFUSED_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/relay/egress_socket.h"
#include "tests/unit/core/egress_batch_fixture.h"

static int error, error_calls;

static int refuse_segments(struct fake_kernel *k, const struct fake_send *s)
{
	return s->port == PORT && s->segment ? error : 0;
}

/* The first @error_calls sends fail, whatever they are. */
static int refuse_first(struct fake_kernel *k, const struct fake_send *s)
{
	if (s->port != PORT || error_calls == 0)
		return 0;
	error_calls--;
	return error;
}

/* Three GSO batches of one flow: 46 datagrams, 46 and 8. */
static void offer_three_runs(void)
{
	add_many(100, 1400);
	flush();
}

#define MANY EGRESS_SOCKET_RETRIES

/* Number of UDP_SEGMENT sends of output 0 in the last batch. */
static uint32_t segment_sends(void)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < env->k->n_log; i++)
		n += env->k->log[i].port == PORT && env->k->log[i].segment;
	env->k->n_log = 0;
	return n;
}

#endif
