// SPDX-License-Identifier: MIT
/*
 * limit.c - the generic cell rate algorithm, a row for each kind
 *
 * A message costs the supervisor little, and request.c bounds how many it takes.
 * Some requests cost more: a membership is announced to the network, an input takes
 * milliseconds of the kernel, a restarted worker and an upgrade cost processes and lines in
 * the log.  Each kind has a burst that no honest control can need at once, and a rate.
 * Faster requests are refused; an honest control tries again a second later.
 *
 * The state of a kind is one time: when the burst would be whole again (the generic cell
 * rate algorithm, ITU-T I.371).
 */
#include "daemon/supervisor/limit.h"

#include "core/base/clock.h"
#include "daemon/supervisor/state.h"

static const struct {
	uint64_t burst, per_s;
} kinds[] = {
	/* A rule set, the one that it replaces, and once more. */
	[LIMIT_MEMBERSHIPS] = {3 * MCR_MAX_RULES, MCR_MAX_RULES / 16},
	/* Every interface, opened and opened anew. */
	[LIMIT_INPUTS] = {2 * MCR_MAX_IFACES, 4},
	/* All that there may be, opened anew three times, one socket each. */
	[LIMIT_EGRESS_SOCKETS] = {4 * MCR_MAX_EGRESS_SOCKETS, MCR_MAX_EGRESS_SOCKETS / 8},
	[LIMIT_RESTARTS] = {MCR_MAX_WORKERS, 1},
	[LIMIT_UPGRADES] = {16, 1},
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == LIMITS, "a row each");

bool limit_take(struct supervisor *s, enum limit_kind kind)
{
	const uint64_t interval_ns = NS_PER_S / kinds[kind].per_s;
	const uint64_t now_ns = monotonic_ns();
	uint64_t whole_ns = s->limit_whole_ns[kind];

	if (whole_ns < now_ns)
		whole_ns = now_ns;
	if (whole_ns - now_ns > (kinds[kind].burst - 1) * interval_ns)
		return false;
	s->limit_whole_ns[kind] = whole_ns + interval_ns;
	return true;
}
