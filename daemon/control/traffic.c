// SPDX-License-Identifier: MIT
/* traffic.c - differences of counters, over a second and a minute */
#include "daemon/control/traffic.h"

#include <stdbool.h>

#include "core/base/clock.h"

static uint64_t time_of(const struct traffic_clock *k, uint32_t round)
{
	return k->at_ns[round % TRAFFIC_ROUNDS_KEPT];
}

void traffic_clock_init(struct traffic_clock *k, uint64_t now_ns)
{
	*k = (struct traffic_clock){0};
	k->at_ns[0] = now_ns;
}

void traffic_round(struct traffic_clock *k, uint64_t now_ns)
{
	k->round++;
	k->at_ns[k->round % TRAFFIC_ROUNDS_KEPT] = now_ns;
}

/*
 * A series that was not known in the round before had counted nothing then, unless it has an owner
 * in @seen: then another process has looked at it, and the counters go on from where they are.
 */
static void begin(struct traffic_series *s, const struct traffic_clock *k,
		  struct traffic_seen *seen, uint64_t owner, const struct traffic_count *count)
{
	const struct traffic_count zero = {0};
	const struct traffic_count base = seen->owner == owner ? *count : zero;

	*s = (struct traffic_series){
		.owner = owner,
		.first = k->round - 1,
		.now = k->round - 1,
		.before = k->round - 1,
		.at_now = base,
		.at_before = base,
	};
	for (unsigned i = 0; i < TRAFFIC_BLOCKS; i++)
		s->block[i] = base;
	if (seen->owner != owner)
		*seen = (struct traffic_seen){.owner = owner};
}

/* @known_ns: until when nothing is known to have come since @seen->last_ns; 0: not known */
static void note(struct traffic_seen *seen, uint64_t packets, uint64_t known_ns, uint64_t now_ns)
{
	/* A worker's counters go back to its last commit when it dies. */
	const bool grown = packets > seen->packets;

	if (packets != seen->packets)
		seen->packets = packets;
	if (!grown)
		return;
	if (!seen->first_ns)
		seen->first_ns = now_ns;
	else if (known_ns > seen->last_ns && known_ns - seen->last_ns > seen->gap_ns)
		seen->gap_ns = known_ns - seen->last_ns;
	seen->last_ns = now_ns;
}

void traffic_take(struct traffic_series *s, const struct traffic_clock *k,
		  struct traffic_seen *seen, uint64_t owner, const struct traffic_count *count)
{
	const uint32_t block = k->round / TRAFFIC_BLOCK_ROUNDS;

	if (s->owner != owner)
		begin(s, k, seen, owner, count);
	if (s->now == k->round)
		return;
	/* Also those of rounds in which it was not looked at. */
	for (uint32_t b = s->now / TRAFFIC_BLOCK_ROUNDS + 1; b <= block; b++)
		s->block[b % TRAFFIC_BLOCKS] = *count;
	s->before = s->now;
	s->at_before = s->at_now;
	s->now = k->round;
	s->at_now = *count;
	note(seen, count->packets, s->before == s->first ? 0 : time_of(k, s->before),
	     time_of(k, s->now));
}

static uint64_t less(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static struct traffic_window window(const struct traffic_series *s, const struct traffic_clock *k,
				    uint32_t from, const struct traffic_count *then)
{
	return (struct traffic_window){
		.ms = (time_of(k, s->now) - time_of(k, from)) / NS_PER_MS,
		.packets = less(s->at_now.packets, then->packets),
		.bytes = less(s->at_now.bytes, then->bytes),
	};
}

void traffic_rates(const struct traffic_series *s, const struct traffic_clock *k, uint64_t owner,
		   struct traffic_rates *out)
{
	const uint32_t block = s->now / TRAFFIC_BLOCK_ROUNDS;
	uint32_t from = s->first;

	*out = (struct traffic_rates){0};
	if (s->owner != owner)
		return;
	/* The block behind the newest in the ring is the oldest; at first it is how all began. */
	if (block >= TRAFFIC_BLOCKS - 1 &&
	    (block - (TRAFFIC_BLOCKS - 1)) * TRAFFIC_BLOCK_ROUNDS > from)
		from = (block - (TRAFFIC_BLOCKS - 1)) * TRAFFIC_BLOCK_ROUNDS;
	out->second = window(s, k, s->before, &s->at_before);
	out->minute = window(s, k, from, &s->block[(block + 1) % TRAFFIC_BLOCKS]);
}
