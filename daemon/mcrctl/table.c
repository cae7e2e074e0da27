// SPDX-License-Identifier: MIT
/* table.c - a table for people */
#include "daemon/mcrctl/table.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/decimal.h"

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

/* The text of a header, without the characters that say how to print it. */
static const char *title(const char *header, bool *right, bool *optional)
{
	*optional = *header == '+';
	header += *optional;
	*right = *header == '>';
	return header + *right;
}

unsigned table_width(bool wide)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = {0};
	uint64_t n;

	if (wide)
		return 0;
	if (columns && decimal_parse(columns, 1, 10000, &n) == 0)
		return (unsigned)n;
	if (!isatty(STDOUT_FILENO))
		return 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col)
		return size.ws_col;
	return TABLE_NARROW + 1;
}

/* How wide each column is, and the lines are. */
static unsigned measure(const struct table *t, int width[static TABLE_COLUMNS_MAX])
{
	bool right, optional;
	unsigned sum = 0;

	for (unsigned c = 0; c < t->columns; c++) {
		width[c] = (int)strlen(title(t->headers[c], &right, &optional));
		for (size_t i = c; i < t->n; i += t->columns)
			if (t->cells[i] && (int)strlen(t->cells[i]) > width[c])
				width[c] = (int)strlen(t->cells[i]);
		sum += (unsigned)width[c] + 2;
	}
	return sum ? sum - 2 : 0;
}

/* Leaves columns out, from the right; their width is -1 then.  Return: how many. */
static unsigned leave_out(const struct table *t, int width[static TABLE_COLUMNS_MAX], unsigned is,
			  unsigned most)
{
	unsigned left_out = 0;
	bool right, optional;

	for (unsigned c = t->columns; c-- > 0 && most && is >= most;) {
		title(t->headers[c], &right, &optional);
		if (!optional)
			continue;
		is -= (unsigned)width[c] + 2;
		width[c] = -1;
		left_out++;
	}
	return left_out;
}

static void print_row(const struct table *t, const int width[static TABLE_COLUMNS_MAX], size_t row)
{
	unsigned last = t->columns;
	bool right, optional;

	while (last && width[last - 1] < 0)
		last--;
	for (unsigned c = 0; c < last; c++) {
		const char *text = title(t->headers[c], &right, &optional);

		if (row)
			text = t->cells[(row - 1) * t->columns + c];
		if (width[c] >= 0)
			print_cell(text ? text : "", width[c], right, c + 1 == last);
	}
}

static void say_left_out(const struct table *t, const int width[static TABLE_COLUMNS_MAX])
{
	const char *between = "no room for ";
	bool right, optional;

	for (unsigned c = 0; c < t->columns; c++) {
		if (width[c] >= 0)
			continue;
		printf("%s%s", between, title(t->headers[c], &right, &optional));
		between = ", ";
	}
	puts(": --wide shows them");
}

void table_print(struct table *t, unsigned width, const char *if_empty)
{
	int widths[TABLE_COLUMNS_MAX];
	const unsigned left_out = leave_out(t, widths, measure(t, widths), width);

	for (size_t row = 0; t->n && row <= t->n / t->columns; row++)
		print_row(t, widths, row);
	if (!t->n)
		puts(if_empty);
	else if (left_out)
		say_left_out(t, widths);
	for (size_t i = 0; i < t->n; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
	t->n = t->room = 0;
}
