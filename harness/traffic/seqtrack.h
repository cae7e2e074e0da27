/* SPDX-License-Identifier: MIT */
/*
 * seqtrack.h - sequence numbers of one flow: lost, duplicated, reordered
 *
 * Reordered is the Type-P-Reordered singleton of RFC 4737, section 3.3: a datagram whose sequence
 * is below the highest that has arrived before it.  Only its first arrival counts, the others are
 * duplicates (RFC 5560), and lost is what never arrived (RFC 7680).
 *
 * One bit per sequence number between the lowest and the highest seen, so the counts are exact
 * however late a datagram comes: 12 MB for a hundred million datagrams.  Arbitrary numbers could
 * make it as large as they like, so the caller limits the memory of all its tracks together.
 */
#ifndef HARNESS_TRAFFIC_SEQTRACK_H
#define HARNESS_TRAFFIC_SEQTRACK_H

#include <stddef.h>
#include <stdint.h>

struct seqtrack {
	uint64_t *words; /* owned; bit 0 of words[0] stands for base */
	size_t n_words;
	uint64_t base;  /* multiple of 64 */
	uint64_t first; /* lowest sequence seen */
	uint64_t last;  /* highest sequence seen */
	uint64_t unique;
	uint64_t duplicated;
	uint64_t reordered; /* arrived after a higher sequence, for the first time */
};

/**
 * seqtrack_add() - count one arrival
 * @track:      to be added to; zeroed at first
 * @seq:        its sequence number
 * @room_bytes: what all tracks together may still take; what this one takes now is deducted
 *
 * Return: 0; -ERANGE when @seq is more than 2^33 away from the others, or too far for the room
 * that is left; -ENOMEM.  On an error nothing is counted and nothing deducted.
 */
int seqtrack_add(struct seqtrack *track, uint64_t seq, uint64_t *room_bytes);

/**
 * seqtrack_lost() - count the sequence numbers between first and last that never came
 * @track: borrowed
 *
 * Return: how many.
 */
uint64_t seqtrack_lost(const struct seqtrack *track);

/**
 * seqtrack_fini() - free
 * @track: a zeroed struct is allowed
 */
void seqtrack_fini(struct seqtrack *track);

#endif
