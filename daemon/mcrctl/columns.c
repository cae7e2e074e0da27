// SPDX-License-Identifier: MIT
/* columns.c - tables of JSON objects */
#include "daemon/mcrctl/columns.h"

#include <assert.h>
#include <cjson/cJSON.h>

#include "daemon/mcrctl/result.h"
#include "daemon/mcrctl/table.h"

void cell_number(struct table *t, const cJSON *object, const char *member)
{
	table_cell(t, "%.0f", ctl_number(object, member));
}

void cell_text(struct table *t, const cJSON *object, const char *member)
{
	table_cell(t, "%s", ctl_text(object, member));
}

void cell_nonzero(struct table *t, const cJSON *object, const char *member)
{
	char list[CTL_LIST_MAX];

	table_cell(t, "%s", ctl_nonzero(ctl_member(object, member), list));
}

/* Return: headings so far. */
static unsigned add_headings(const char *headings[static TABLE_COLUMNS_MAX], unsigned n,
			     const struct ctl_column *columns)
{
	for (; columns->heading; columns++) {
		assert(n < TABLE_COLUMNS_MAX);
		headings[n++] = columns->heading;
	}
	return n;
}

/* @object: NULL for empty cells. */
static void add_cells(struct table *t, const cJSON *object, const struct ctl_column *columns)
{
	for (; columns->heading; columns++)
		if (object)
			columns->cell(t, object, columns->member);
		else
			table_cell(t, "%s", "");
}

void columns_print(const cJSON *objects, const struct ctl_column *columns, unsigned width,
		   const char *if_empty)
{
	const char *headings[TABLE_COLUMNS_MAX];
	const cJSON *object;
	struct table t;

	table_init(&t, headings, add_headings(headings, 0, columns));
	cJSON_ArrayForEach(object, objects) {
		add_cells(&t, object, columns);
		table_end_row(&t);
	}
	table_print(&t, width, if_empty);
}

void columns_print_outputs(const cJSON *rules, const struct ctl_column *of_rule,
			   const struct ctl_column *of_output, unsigned width)
{
	const char *headings[TABLE_COLUMNS_MAX];
	const cJSON *rule, *output;
	struct table t;
	unsigned n = add_headings(headings, 0, of_rule);

	table_init(&t, headings, add_headings(headings, n, of_output));
	cJSON_ArrayForEach(rule, rules) {
		const cJSON *first = rule;

		cJSON_ArrayForEach(output, ctl_member(rule, "outputs")) {
			add_cells(&t, first, of_rule);
			add_cells(&t, output, of_output);
			table_end_row(&t);
			first = NULL;
		}
	}
	table_print(&t, width, "no rules");
}
