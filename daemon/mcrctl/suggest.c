// SPDX-License-Identifier: MIT
/* suggest.c - the distance between two words, by Damerau and Levenshtein */
#include "daemon/mcrctl/suggest.h"

#include <stdio.h>
#include <string.h>

#define FAR 3u /* a third of a word may be wrong, and less than this many letters */

struct suggestion suggest_for(const char *word, size_t len)
{
	struct suggestion s = {.distance = FAR};

	if (len < sizeof(s.word))
		memcpy(s.word, word, len);
	return s;
}

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(const char *a, const char *b)
{
	/* Row i: from the first i letters of @a to each beginning of @b. */
	unsigned row[SUGGEST_WORD_MAX + 1][SUGGEST_WORD_MAX + 1];
	const size_t n = strlen(a), m = strlen(b);

	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			if (!i || !j) {
				row[i][j] = (unsigned)(i + j);
				continue;
			}
			row[i][j] = least(row[i - 1][j], row[i][j - 1]) + 1;
			row[i][j] = least(row[i][j], row[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[i][j] = least(row[i][j], row[i - 2][j - 2] + 1);
		}
	}
	return row[n][m];
}

void suggest_consider(struct suggestion *s, const char *known)
{
	unsigned d;

	if (!s->word[0] || strlen(known) >= SUGGEST_WORD_MAX)
		return;
	d = distance(s->word, known);
	if (d >= s->distance || 3 * d > strlen(known))
		return;
	s->distance = d;
	s->best = known;
}

const char *suggest_text(const struct suggestion *s, char buf[static SUGGEST_MAX])
{
	buf[0] = '\0';
	if (s->best)
		snprintf(buf, SUGGEST_MAX, "; did you mean '%s'?", s->best);
	return buf;
}
