// SPDX-License-Identifier: MIT
/* What the sequence numbers of one flow say. */
#include "harness/seqtrack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SPAN   (1ull << 33)
#define FIRST_SIZE 64 /* words: 4096 sequence numbers */

static int grow_up(struct seqtrack *track, uint64_t seq)
{
	size_t need = (size_t)((seq - track->base) / 64 + 1);
	size_t size = track->n_words * 2 > need ? track->n_words * 2 : need;
	uint64_t *words;

	if (seq - track->base >= MAX_SPAN)
		return -ERANGE;
	words = realloc(track->words, size * sizeof(*words));
	if (!words)
		return -ENOMEM;
	memset(words + track->n_words, 0, (size - track->n_words) * sizeof(*words));
	track->words = words;
	track->n_words = size;
	return 0;
}

static int grow_down(struct seqtrack *track, uint64_t seq)
{
	uint64_t base = seq / 64 * 64;
	size_t more = (size_t)((track->base - base) / 64);
	uint64_t *words;

	if (track->last - base >= MAX_SPAN)
		return -ERANGE;
	words = realloc(track->words, (track->n_words + more) * sizeof(*words));
	if (!words)
		return -ENOMEM;
	memmove(words + more, words, track->n_words * sizeof(*words));
	memset(words, 0, more * sizeof(*words));
	track->words = words;
	track->n_words += more;
	track->base = base;
	return 0;
}

static int make_room(struct seqtrack *track, uint64_t seq)
{
	if (!track->words) {
		track->words = calloc(FIRST_SIZE, sizeof(*track->words));
		if (!track->words)
			return -ENOMEM;
		track->n_words = FIRST_SIZE;
		track->base = seq / 64 * 64;
		track->first = seq;
		track->last = seq;
		return 0;
	}
	if (seq < track->base)
		return grow_down(track, seq);
	if ((seq - track->base) / 64 >= track->n_words)
		return grow_up(track, seq);
	return 0;
}

int seqtrack_add(struct seqtrack *track, uint64_t seq)
{
	int ret = make_room(track, seq);
	uint64_t *word;
	uint64_t bit;

	if (ret)
		return ret;
	word = &track->words[(seq - track->base) / 64];
	bit = 1ull << (seq % 64);
	if (*word & bit) {
		track->duplicated++;
		return 0;
	}
	*word |= bit;
	track->unique++;
	if (seq < track->last)
		track->reordered++;
	if (seq > track->last)
		track->last = seq;
	if (seq < track->first)
		track->first = seq;
	return 0;
}

uint64_t seqtrack_lost(const struct seqtrack *track)
{
	return track->unique ? track->last - track->first + 1 - track->unique : 0;
}

void seqtrack_fini(struct seqtrack *track)
{
	free(track->words);
	*track = (struct seqtrack){0};
}
