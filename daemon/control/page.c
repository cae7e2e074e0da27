// SPDX-License-Identifier: MIT
/* page.c - entries are written one after the other into a stream */
#include "daemon/control/page.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/rules/ruleset_index.h"
#include "core/text/request.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"

#define HEAD_BYTES (256u << 10) /* of an answer, beside its rules */

int control_page_check(const struct control *c, const struct request_page *page,
		       struct complaint *cpl)
{
	if (!page->paged && c->clients.out_total > CLIENTS_LONG_MAX - CLIENT_OUTPUT_MAX) {
		complain(cpl, "",
			 "too much output waits for other clients: ask for pages, with \"limit\" "
			 "and \"cursor\"");
		return RPC_LIMIT;
	}
	if (page->rule[0] && !ruleset_find(c->rules, page->rule)) {
		complain(cpl, "params.rule", "no rule has the id or name %s", page->rule);
		return RPC_NOT_FOUND;
	}
	if (!page->revision)
		return 0;
	if (page->revision != ruleset_revision(c->rules)) {
		complain(cpl, "params.cursor",
			 "the rules have changed since: begin again without a cursor");
		return RPC_CONFLICT;
	}
	if (page->first <= ruleset_count(c->rules))
		return 0;
	complain(cpl, "params.cursor", "is beyond the last rule");
	return RPC_INVALID_PARAMS;
}

/* Return: false when out of memory. */
static bool write_entry(FILE *f, const struct control *c, control_show_fn *show,
			const struct ruleset_entry *e)
{
	cJSON *o = show(c, e);
	char *text = o ? cJSON_PrintUnformatted(o) : NULL;
	bool ok = text != NULL;

	if (ok)
		fputs(text, f);
	cJSON_free(text);
	cJSON_Delete(o);
	return ok;
}

static int write_one(FILE *f, const struct control *c, const char *rule, control_show_fn *show)
{
	const struct ruleset_entry *e = ruleset_find(c->rules, rule);
	bool ok;

	putc('[', f);
	ok = e && write_entry(f, c, show, e);
	putc(']', f);
	return ok ? 0 : RPC_INTERNAL_ERROR;
}

/* Return: 0, or an enum rpc_error; @next: the first entry that is not written. */
static int write_entries(FILE *f, const struct control *c, const struct request_page *page,
			 control_show_fn *show, size_t *next)
{
	const size_t count = ruleset_count(c->rules);
	size_t i = page->first;

	putc('[', f);
	for (; i < count; i++) {
		const size_t len = (size_t)ftell(f);

		if (page->paged && (i == page->first + page->limit || len >= PAGE_BYTES))
			break;
		if (!page->paged && len >= CLIENT_OUTPUT_MAX - HEAD_BYTES)
			return RPC_LIMIT;
		if (i > page->first)
			putc(',', f);
		if (!write_entry(f, c, show, ruleset_at(c->rules, i)))
			return RPC_INTERNAL_ERROR;
	}
	putc(']', f);
	*next = i;
	return 0;
}

static int entries(const struct control *c, const struct request_page *page, control_show_fn *show,
		   char **text, size_t *next)
{
	size_t size = 0;
	FILE *f;
	int ret;

	*text = NULL;
	f = open_memstream(text, &size);
	if (!f)
		return RPC_INTERNAL_ERROR;
	*next = ruleset_count(c->rules);
	ret = page->rule[0] ? write_one(f, c, page->rule, show)
			    : write_entries(f, c, page, show, next);
	if (ferror(f))
		ret = RPC_INTERNAL_ERROR;
	if (fclose(f) != 0)
		ret = RPC_INTERNAL_ERROR;
	return ret;
}

int control_page_add(const struct control *c, const struct request_page *page,
		     control_show_fn *show, cJSON *json, struct complaint *cpl)
{
	char cursor[REQUEST_CURSOR_MAX];
	size_t next = 0;
	char *text;
	int ret = control_page_check(c, page, cpl);

	if (ret)
		return ret;
	ret = entries(c, page, show, &text, &next);
	if (ret == 0 && !cJSON_AddRawToObject(json, "rules", text))
		ret = RPC_INTERNAL_ERROR;
	free(text);
	if (ret == RPC_LIMIT)
		return control_result_too_long(cpl);
	if (ret == 0 && next < ruleset_count(c->rules))
		cJSON_AddStringToObject(
			json, "next",
			request_cursor(ruleset_revision(c->rules), (uint32_t)next, cursor));
	if (ret)
		complain(cpl, "", "out of memory");
	return ret;
}
