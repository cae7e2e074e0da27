// SPDX-License-Identifier: MIT
/*
 * guard.c - remembered payloads, windows, pauses and holds
 *
 * Payloads are remembered in a table with one place for each hash.  A payload keeps its place
 * for as long as it is seen once a second; others with the same place are ignored
 * meanwhile.  So of many payloads that circulate some are followed, however many there are,
 * and a stream of ever new payloads takes each place once a second.
 */
#include "core/relay/guard.h"

#include <string.h>

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/relay/frame.h"

#define STALE_NS       NS_PER_S
#define WINDOW_LEAST   64u /* frames to judge by */
#define WINDOW_NS      (20 * NS_PER_MS)
#define WINDOW_MAX_NS  (200 * NS_PER_MS)
#define SUSPECT_RATE   1000u /* repeats a second; below, no storm */
#define PAUSE_LEAST_NS (8 * NS_PER_MS)
#define PAUSE_MOST_NS  (40 * NS_PER_MS)
#define PAUSE_GAPS     4 /* times the longest gap: a sender's own pause is no stop */
#define PAUSE_APART_NS (5 * NS_PER_MS)
#define STOPS_NEEDED   6u
#define HOLD_LEAST_MS  1000u
#define HOLD_MOST_MS   60000u
#define HOLD_SOON_NS   (10 * NS_PER_S) /* sooner after the last one, the next is longer */
#define FREE_LEAST_MS  60000u
#define FREE_MOST_MS   3600000u

/* Of eight bytes: all of the beginning, where protocols number what they send, and some spread over
 * the rest. */
#define WORDS_FIRST 8u
#define WORDS       12u

/* Sums of products, because multiplications that do not wait for one another take no time. */
static uint64_t hash_payload(uint64_t incarnation, const struct frame_view *view)
{
	static const uint64_t odd[WORDS] = {
		0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f, 0x165667b19e3779f9, 0x85ebca77c2b2ae63,
		0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53, 0x2545f4914f6cdd1d, 0xd6e8feb86659fd93,
		0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3,
	};
	const uint32_t len = view->segment_bytes;
	uint64_t h = hash_word(HASH_SEED ^ incarnation, len), word;
	uint32_t step;

	if (len < WORDS * sizeof(word))
		return hash_final(hash_bytes(h, view->payload, len));
	step = (uint32_t)(len - (WORDS_FIRST + 1) * sizeof(word)) / (WORDS - WORDS_FIRST - 1);
	for (unsigned i = 0; i < WORDS_FIRST; i++) {
		memcpy(&word, view->payload + i * sizeof(word), sizeof(word));
		h += word * odd[i];
	}
	for (unsigned i = 0; i < WORDS - WORDS_FIRST; i++) {
		memcpy(&word, view->payload + WORDS_FIRST * sizeof(word) + i * step, sizeof(word));
		h += word * odd[WORDS_FIRST + i];
	}
	return hash_final(h);
}

static void begin_window(struct guard_rule *r, uint64_t now_ns)
{
	r->window_ns = now_ns;
	r->gap_ns = 0;
	r->tracked = r->same = r->echoes = 0;
}

/* Did @source_be send it before?  Two senders are told apart, further ones are not kept. */
static bool known_sender(struct guard_entry *e, uint32_t source_be)
{
	if (e->sender_be[0] == source_be || e->sender_be[1] == source_be)
		return true;
	if (!e->sender_be[1])
		e->sender_be[1] = source_be;
	return false;
}

/* Return: it has come before, from the same sender. */
static bool track(struct guard *g, struct guard_rule *r, uint64_t incarnation,
		  const struct frame_view *view, uint64_t now_ns)
{
	const uint64_t hash = hash_payload(incarnation, view);
	struct guard_entry *e = &g->entries[hash % GUARD_ENTRIES];
	bool same = false;

	if (e->hash != hash) {
		if (e->seen_ns && now_ns - e->seen_ns < STALE_NS)
			return false;
		*e = (struct guard_entry){.hash = hash, .sender_be = {view->source_be, 0}};
	} else {
		same = known_sender(e, view->source_be);
	}
	e->seen_ns = now_ns;
	r->tracked++;
	r->same += same;
	r->echoes += same && view->source_be == e->sender_be[1];
	return same;
}

static void hold(struct guard_rule *r, uint64_t now_ns)
{
	const bool soon_after = r->released_ns && now_ns - r->released_ns < HOLD_SOON_NS;

	r->hold_ms = soon_after ? r->hold_ms * 2 : HOLD_LEAST_MS;
	if (r->hold_ms > HOLD_MOST_MS)
		r->hold_ms = HOLD_MOST_MS;
	r->held_ns = now_ns;
	r->held_until_ns = now_ns + r->hold_ms * NS_PER_MS;
	r->late = 0;
	r->stops = 0;
}

static void clear_suspicion(struct guard_rule *r, uint64_t now_ns)
{
	r->free_ms = r->free_ms ? r->free_ms * 2 : FREE_LEAST_MS;
	if (r->free_ms > FREE_MOST_MS)
		r->free_ms = FREE_MOST_MS;
	r->free_until_ns = now_ns + r->free_ms * NS_PER_MS;
	r->stops = 0;
}

/* Datagrams that came while nothing was sent are no copies of ours. */
static void release(struct guard_rule *r, uint64_t now_ns)
{
	const uint64_t expected = r->rate * r->hold_ms / 1000 / 4;

	if (r->late >= expected / 2)
		clear_suspicion(r, now_ns);
	r->held_ns = r->held_until_ns = 0;
	r->released_ns = now_ns;
	r->last_ns = 0; /* the time it was held is no gap of its sender */
	begin_window(r, now_ns);
}

static bool is_suspicious(const struct guard_rule *r, uint64_t now_ns)
{
	const uint64_t elapsed_ns = now_ns - r->window_ns;

	return r->tracked >= WINDOW_LEAST && r->same >= r->tracked - r->tracked / 8 &&
	       r->same * NS_PER_S >= SUSPECT_RATE * elapsed_ns && now_ns >= r->free_until_ns;
}

static void begin_pause(struct guard *g, struct guard_rule *r, uint64_t now_ns)
{
	uint64_t ns = r->gap_ns * PAUSE_GAPS;

	if (g->suspect || now_ns < g->next_pause_ns || ns > PAUSE_MOST_NS)
		return;
	r->rate = r->same * NS_PER_S / (now_ns - r->window_ns);
	g->suspect = r;
	g->echoes = r->echoes >= r->same - r->same / 8;
	g->arrived = g->arrived_late = 0;
	g->pause_ns = now_ns;
	g->pause_until_ns = now_ns + (ns > PAUSE_LEAST_NS ? ns : PAUSE_LEAST_NS);
}

static void count_arrival(struct guard *g, uint64_t now_ns)
{
	g->arrived++;
	g->arrived_late += now_ns - g->pause_ns >= (g->pause_until_ns - g->pause_ns) / 2;
}

bool guard_admits(struct guard *g, struct guard_rule *r, uint64_t incarnation,
		  const struct frame_view *view, uint64_t now_ns)
{
	uint64_t gap_ns;
	bool same;

	if (!r->window_ns)
		begin_window(r, now_ns);
	if (r->held_until_ns && now_ns >= r->held_until_ns)
		release(r, now_ns);
	gap_ns = r->last_ns ? now_ns - r->last_ns : 0;
	if (gap_ns > r->gap_ns)
		r->gap_ns = gap_ns;
	r->last_ns = now_ns;
	same = track(g, r, incarnation, view, now_ns);
	if (r->held_until_ns) {
		if (same && r->held_until_ns - now_ns <= (r->held_until_ns - r->held_ns) / 4)
			r->late++;
		return false;
	}
	if (g->suspect == r) {
		if (same)
			count_arrival(g, now_ns);
		return true;
	}
	if ((r->tracked >= WINDOW_LEAST && now_ns - r->window_ns >= WINDOW_NS) ||
	    now_ns - r->window_ns >= WINDOW_MAX_NS) {
		if (is_suspicious(r, now_ns))
			begin_pause(g, r, now_ns);
		else
			r->stops = 0;
		if (g->suspect != r)
			begin_window(r, now_ns);
	}
	return true;
}

/* The pause is over: @elapsed_ns of it, as much as was wanted unless @full. */
static void judge(struct guard *g, struct guard_rule *r, uint64_t now_ns, bool full)
{
	const uint64_t elapsed_ns = now_ns - g->pause_ns;
	const uint64_t expected = r->rate * elapsed_ns / NS_PER_S;
	const bool goes_on =
		g->arrived >= expected / 2 && (full || g->arrived_late >= expected / 4);

	if (goes_on && g->echoes)
		hold(r, now_ns);
	else if (goes_on)
		clear_suspicion(r, now_ns);
	else if (!full && expected >= 8 && g->arrived_late <= expected / 16 &&
		 (++r->stops >= STOPS_NEEDED || g->echoes))
		hold(r, now_ns);
	r->last_ns = 0; /* and the pause is none */
	begin_window(r, now_ns);
}

bool guard_pauses(struct guard *g, uint64_t now_ns, bool full)
{
	struct guard_rule *r = g->suspect;

	if (!r)
		return false;
	if (now_ns < g->pause_until_ns && !full)
		return true;
	judge(g, r, now_ns, full && now_ns < g->pause_until_ns);
	guard_end_pause(g);
	g->next_pause_ns = now_ns + PAUSE_APART_NS;
	return false;
}

void guard_end_pause(struct guard *g)
{
	g->suspect = NULL;
}
