// SPDX-License-Identifier: MIT
/* table.c - a table for people */
#include "daemon/mcrctl/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void table_init(struct table *t, const char *const *headers, unsigned columns)
{
	memset(t, 0, sizeof(*t));
	t->headers = headers;
	t->columns = columns;
}

static void add(struct table *t, char *taken)
{
	size_t room = t->room ? t->room * 2 : 64;
	char **cells;

	if (t->n == t->room) {
		cells = realloc(t->cells, room * sizeof(*cells));
		if (!cells) {
			free(taken);
			return;
		}
		t->cells = cells;
		t->room = room;
	}
	t->cells[t->n++] = taken;
}

void table_cell(struct table *t, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	/* Names come from other users: no control character of theirs may reach the terminal. */
	for (char *p = text; p && *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	add(t, text);
}

void table_end_row(struct table *t)
{
	while (t->n % t->columns)
		add(t, NULL);
}

static void print_cell(const char *text, int width, bool right, bool last)
{
	if (right)
		printf("%*s", width, text);
	else if (last)
		fputs(text, stdout);
	else
		printf("%-*s", width, text);
	fputs(last ? "\n" : "  ", stdout);
}

void table_print(struct table *t, const char *if_empty)
{
	int width[TABLE_COLUMNS_MAX];

	for (unsigned c = 0; c < t->columns; c++) {
		width[c] = (int)strlen(t->headers[c]) - (t->headers[c][0] == '>');
		for (size_t i = c; i < t->n; i += t->columns)
			if (t->cells[i] && (int)strlen(t->cells[i]) > width[c])
				width[c] = (int)strlen(t->cells[i]);
	}
	for (unsigned c = 0; t->n && c < t->columns; c++)
		print_cell(t->headers[c] + (t->headers[c][0] == '>'), width[c],
			   t->headers[c][0] == '>', c + 1 == t->columns);
	for (size_t i = 0; i < t->n; i++) {
		unsigned c = (unsigned)(i % t->columns);

		print_cell(t->cells[i] ? t->cells[i] : "", width[c], t->headers[c][0] == '>',
			   c + 1 == t->columns);
		free(t->cells[i]);
	}
	if (!t->n)
		puts(if_empty);
	free(t->cells);
	t->cells = NULL;
	t->n = t->room = 0;
}
