/* SPDX-License-Identifier: MIT */
/* columns.h - tables of JSON objects: what each column is called and shows, in one list */
#ifndef DAEMON_MCRCTL_COLUMNS_H
#define DAEMON_MCRCTL_COLUMNS_H

struct cJSON;
struct table;

/**
 * struct ctl_column - a column; a list of them ends with a NULL heading
 * @heading: as the headers of struct table
 * @member:  of the object in the row
 * @cell:    adds one cell for @member of @object
 */
struct ctl_column {
	const char *heading;
	const char *member;
	void (*cell)(struct table *t, const struct cJSON *object, const char *member);
};

/* Cells that several tables have; a member that is missing reads as 0 or "". */
void cell_number(struct table *t, const struct cJSON *object, const char *member);
void cell_text(struct table *t, const struct cJSON *object, const char *member);

/* As ctl_nonzero(). */
void cell_nonzero(struct table *t, const struct cJSON *object, const char *member);

/**
 * columns_print() - a table of an array's objects on stdout, one row each
 * @columns: up to TABLE_COLUMNS_MAX
 * @width:   of a line, as table_print()
 * @if_empty: printed instead when there are none
 */
void columns_print(const struct cJSON *objects, const struct ctl_column *columns, unsigned width,
		   const char *if_empty);

/**
 * columns_print_outputs() - a table of rules on stdout, one row per output
 * @of_rule:   columns of the rule, filled in its first row only
 * @of_output: columns of each output, to the right of them; both up to TABLE_COLUMNS_MAX
 */
void columns_print_outputs(const struct cJSON *rules, const struct ctl_column *of_rule,
			   const struct ctl_column *of_output, unsigned width);

#endif
