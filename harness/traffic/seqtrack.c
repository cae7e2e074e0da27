// SPDX-License-Identifier: MIT
/* seqtrack.c - a window of bits behind the highest number */
#include "harness/traffic/seqtrack.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SPAN   (1ull << 33)
#define FIRST_SIZE 64 /* words: 4096 sequence numbers */

/* Makes the bitmap @size words long, at the expense of @room_bytes. */
static int resize(struct seqtrack *track, size_t size, uint64_t *room_bytes)
{
	const uint64_t more_bytes = (size - track->n_words) * sizeof(*track->words);
	uint64_t *words;

	if (more_bytes > *room_bytes)
		return -ERANGE;
	words = realloc(track->words, size * sizeof(*words));
	if (!words)
		return -ENOMEM;
	*room_bytes -= more_bytes;
	track->words = words;
	return 0;
}

static int grow_up(struct seqtrack *track, uint64_t seq, uint64_t *room_bytes)
{
	size_t need, size;
	int ret;

	if (seq - track->base >= MAX_SPAN)
		return -ERANGE;
	need = (size_t)((seq - track->base) / 64 + 1);
	size = track->n_words * 2 > need ? track->n_words * 2 : need;
	/* Twice as much saves many small steps, and is not worth a refusal. */
	if ((size - track->n_words) * sizeof(*track->words) > *room_bytes)
		size = need;
	ret = resize(track, size, room_bytes);
	if (ret < 0)
		return ret;
	memset(track->words + track->n_words, 0, (size - track->n_words) * sizeof(*track->words));
	track->n_words = size;
	return 0;
}

static int grow_down(struct seqtrack *track, uint64_t seq, uint64_t *room_bytes)
{
	uint64_t base = seq / 64 * 64;
	size_t more;
	int ret;

	if (track->last - base >= MAX_SPAN)
		return -ERANGE;
	more = (size_t)((track->base - base) / 64);
	ret = resize(track, track->n_words + more, room_bytes);
	if (ret < 0)
		return ret;
	memmove(track->words + more, track->words, track->n_words * sizeof(*track->words));
	memset(track->words, 0, more * sizeof(*track->words));
	track->n_words += more;
	track->base = base;
	return 0;
}

static int make_room(struct seqtrack *track, uint64_t seq, uint64_t *room_bytes)
{
	if (!track->words) {
		int ret = resize(track, FIRST_SIZE, room_bytes);

		if (ret < 0)
			return ret;
		memset(track->words, 0, FIRST_SIZE * sizeof(*track->words));
		track->n_words = FIRST_SIZE;
		track->base = seq / 64 * 64;
		track->first = seq;
		track->last = seq;
		return 0;
	}
	if (seq < track->base)
		return grow_down(track, seq, room_bytes);
	if ((seq - track->base) / 64 >= track->n_words)
		return grow_up(track, seq, room_bytes);
	return 0;
}

int seqtrack_add(struct seqtrack *track, uint64_t seq, uint64_t *room_bytes)
{
	int ret = make_room(track, seq, room_bytes);
	uint64_t *word;
	uint64_t bit;

	if (ret < 0)
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
