/* SPDX-License-Identifier: MIT */
/*
 * table.h - a table for people: columns as wide as their widest cell
 *
 * If memory runs out, cells stay empty.
 */
#ifndef DAEMON_MCRCTL_TABLE_H
#define DAEMON_MCRCTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#define TABLE_COLUMNS_MAX 28
#define TABLE_NARROW      79 /* of a terminal that does not say */

/**
 * struct table - rows that are being collected
 * @columns: how many
 * @headers: one per column; '+' in front says that it may be left out where there is no room,
 *           then '>' aligns it to the right; neither is printed
 * @n:       cells so far, row by row
 */
struct table {
	unsigned columns;
	const char *const *headers;
	size_t n, room;
	char **cells;
};

/**
 * table_init() - begin a table
 * @headers: borrowed until table_print(), one per column
 * @columns: 1..TABLE_COLUMNS_MAX
 */
void table_init(struct table *t, const char *const *headers, unsigned columns);

/* Adds the next cell. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Fills the rest of the row with empty cells. */
void table_end_row(struct table *t);

/*
 * Columns that a line may have: 0, no limit, with @wide or where stdout is no terminal; else as
 * COLUMNS or the terminal says.
 */
unsigned table_width(bool wide);

/*
 * Prints the table on stdout and releases it; prints @if_empty when it has no rows.  Where it is
 * wider than @width some columns are left out, and a line says which; 0: never.
 */
void table_print(struct table *t, unsigned width, const char *if_empty);

#endif
