/* SPDX-License-Identifier: MIT */
/* suggest.h - the known word that somebody may have meant */
#ifndef DAEMON_MCRCTL_SUGGEST_H
#define DAEMON_MCRCTL_SUGGEST_H

#include <stddef.h>

#define SUGGEST_WORD_MAX 40
#define SUGGEST_MAX      64

/**
 * struct suggestion - the nearest word so far
 * @word:     that was given; longer ones are like none
 * @best:     borrowed, NULL: none is near
 * @distance: letters to insert, remove, replace or exchange with the next
 */
struct suggestion {
	char word[SUGGEST_WORD_MAX];
	const char *best;
	unsigned distance;
};

/* The first @len bytes of @word. */
struct suggestion suggest_for(const char *word, size_t len);

void suggest_consider(struct suggestion *s, const char *known);

/* "; did you mean 'list'?", or "". */
const char *suggest_text(const struct suggestion *s, char buf[static SUGGEST_MAX]);

#endif
