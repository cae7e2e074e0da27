/* SPDX-License-Identifier: MIT */
/*
 * guard.h - finds a rule whose datagrams come back to it, and holds it
 *
 * Two relays that carry one group in opposite directions make a storm of one datagram, and
 * neither can see the other.  From inside it looks like this: the rule has received nearly all
 * of its payloads before, from the same sender.  A generator of equal payloads and
 * a capture that is replayed look alike, so that is a suspicion only:
 *
 *   watched -> suspected -> paused: nothing is sent for some milliseconds
 *      ^                      |  what comes back stops when nothing is sent: held
 *      |                      '- it goes on: not a loop, left alone for a while
 *      '--- time is up ------ held: every datagram is dropped as looping
 *
 * A pause loses nothing: what arrives is gathered, or waits in its socket, and is sent
 * afterwards.  Six pauses in a row must stop the input: a sender that shares a busy machine stops
 * by itself now and then.  One is enough for echoes: payloads
 * that came from one sender first and have come again and again from another one since.
 * Echoes that do not stop fill the way to the brim, and are held as well.  A rule that was
 * held and whose input went on all the same was no loop, and is left alone.
 *
 * One storm is not found: its way is full to the brim, and all copies come from one sender, of
 * which the guard has seen nothing else (it began before the worker did, or its sender sent the
 * first copy as well).  A pause would have to last until all queues on the way are empty,
 * which is longer than this worker's own socket can hold the input.  Dropping to find out is no
 * way, because a generator that repeats its payload would lose datagrams.  The "decrement" TTL of
 * an output ends such a storm without the guard.
 *
 * Cost: for each frame a hash over 96 bytes of its payload, the first 64 of them, and one entry of
 * a table, about 13 nanoseconds (tests/unit/core/test_guard prints it); of a super-datagram the
 * first one counts.
 */
#ifndef CORE_RELAY_GUARD_H
#define CORE_RELAY_GUARD_H

#include <stdbool.h>
#include <stdint.h>

struct frame_view;

#define GUARD_ENTRIES 1024u /* payloads that are remembered, of all rules of a worker */

/* A payload and who has sent it. */
struct guard_entry {
	uint64_t hash;
	uint64_t seen_ns;
	uint32_t sender_be[2]; /* the first, and the next one that differs; 0: none */
};

/**
 * struct guard_rule - what is known of one rule
 * @window_ns: when the current window began; 0: there is none
 * @last_ns:   when the last frame came; @gap_ns: longest time between two in the window
 * @tracked:   frames whose payload has an entry; @same: of them, those that had come before
 *             from the same sender; @echoes: of those, from another than the first sender
 * @rate:      repeats a second when it was suspected
 * @late:      repeats in the last quarter of a hold
 * @stops:     pauses in a row in which the input stopped
 * @held_ns, @held_until_ns: 0 when it is not held
 * @free_until_ns: not suspected before
 */
struct guard_rule {
	uint64_t window_ns, last_ns, gap_ns;
	uint32_t tracked, same, echoes;
	uint32_t late;
	uint64_t rate;
	uint32_t stops;
	uint32_t hold_ms, free_ms;
	uint64_t held_ns, held_until_ns, released_ns;
	uint64_t free_until_ns;
};

/**
 * struct guard - of one worker; zeroed is ready for use
 * @suspect: whose pause it is; NULL: there is none
 * @arrived, @arrived_late: its repeats during the pause, and in the second half of it
 * @echoes:  what made it suspect
 */
struct guard {
	struct guard_rule *suspect;
	uint64_t pause_ns, pause_until_ns, next_pause_ns;
	uint32_t arrived, arrived_late;
	bool echoes;
	struct guard_entry entries[GUARD_ENTRIES];
};

/**
 * guard_admits() - a frame has come for a rule
 * @r:           zeroed before the first
 * @incarnation: of the rule
 * @now_ns:      monotonic
 *
 * Return: false while the rule is held: the frame is to be dropped.
 */
bool guard_admits(struct guard *g, struct guard_rule *r, uint64_t incarnation,
		  const struct frame_view *view, uint64_t now_ns);

/**
 * guard_pauses() - is nothing to be sent now?
 * @full: no more can be gathered
 *
 * Called at the end of a pass, until it says no; then everything is sent.
 */
bool guard_pauses(struct guard *g, uint64_t now_ns, bool full);

/* Ends a pause at once: rules are about to change their place, or the worker ends. */
void guard_end_pause(struct guard *g);

#endif
