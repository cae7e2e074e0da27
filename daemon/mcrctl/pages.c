// SPDX-License-Identifier: MIT
/*
 * pages.c - answers in pages, put together again
 *
 * A page names the cursor of the next one.  The daemon refuses a cursor when the rules have
 * changed since, so the pages together are one state of the rules, never a mixture.  For --json
 * the texts are joined and not printed anew from the trees, because cJSON reads numbers as
 * doubles.
 */
#include "daemon/mcrctl/pages.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/text/json_text.h"
#include "core/text/request.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/connect.h"
#include "daemon/mcrctl/result.h"

#define ATTEMPTS   20 /* while the rules keep changing */
#define PAGE_RULES 2048

/**
 * struct gathered - the pages so far
 * @first: the first page, which gets the rules of the others
 * @rules: its list; NULL for a configuration
 * @file:  writes @text: the result without its end, or the configuration
 */
struct gathered {
	struct ctl_reply first;
	cJSON *rules;
	FILE *file;
	char *text;
	size_t size;
	unsigned pages;
};

static cJSON *page_params(const char *rule, const char *cursor)
{
	cJSON *params = cJSON_CreateObject();

	if (rule)
		cJSON_AddStringToObject(params, "rule", rule);
	else
		cJSON_AddNumberToObject(params, "limit", PAGE_RULES);
	if (cursor[0])
		cJSON_AddStringToObject(params, "cursor", cursor);
	return params;
}

/* The text of a page's list, without its brackets; of the first page also the text before it. */
static bool add_text(struct gathered *g, const char *text)
{
	struct json_place rules;
	size_t len;

	if (!text || !json_text_find(text, strlen(text), "rules", &rules) ||
	    text[rules.value] != '[')
		return false;
	rules.value++;
	len = rules.end - 1 - rules.value;
	if (!g->pages)
		fwrite(text, 1, rules.value, g->file);
	else if (len)
		putc(',', g->file);
	fwrite(text + rules.value, 1, len, g->file);
	return true;
}

/* Moves the rules of @page behind those of the first page; @page may become the first. */
static void add_rules(struct gathered *g, struct ctl_reply *page)
{
	cJSON *rules = (cJSON *)ctl_member(page->result, "rules");

	if (!g->pages) {
		g->first = *page;
		g->rules = rules;
		memset(page, 0, sizeof(*page));
		return;
	}
	while (rules->child)
		cJSON_AddItemToArray(g->rules, cJSON_DetachItemViaPointer(rules, rules->child));
}

/* Return: false when it is no page. */
static bool add_page(struct gathered *g, struct ctl_reply *page, bool json)
{
	const cJSON *text = ctl_member(page->result, "text");

	if (cJSON_IsString(text)) {
		fputs(text->valuestring, g->file);
	} else {
		if (!cJSON_IsArray(ctl_member(page->result, "rules")) ||
		    (json && !add_text(g, page->text)))
			return false;
		add_rules(g, page);
	}
	g->pages++;
	return true;
}

/* Reads all pages, from the first.  @reply is filled on an error. */
static enum ctl_status gather(const struct ctl *ctl, struct ctl_session *c, const char *method,
			      const char *rule, struct gathered *g, struct ctl_reply *reply)
{
	char cursor[REQUEST_CURSOR_MAX] = "";
	enum ctl_status ret;

	do {
		ret = ctl_session_call(c, method, page_params(rule, cursor), reply);
		if (ret != CTL_OK)
			return ret;
		snprintf(cursor, sizeof(cursor), "%s", ctl_text(reply->result, "next"));
		if (!add_page(g, reply, ctl->json)) {
			ctl_say("mcrd at %s sent something that is no page of rules", c->path);
			return CTL_UNREACHABLE;
		}
		ctl_reply_fini(reply);
	} while (cursor[0]);
	return CTL_OK;
}

/* A configuration as if it had come in one answer. */
static bool reply_config(const char *text, struct ctl_reply *reply)
{
	cJSON *result;

	reply->json = cJSON_CreateObject();
	result = cJSON_AddObjectToObject(reply->json, "result");
	reply->result = result;
	if (!cJSON_AddStringToObject(result, "text", text))
		return false;
	reply->text = cJSON_PrintUnformatted(result);
	return reply->text != NULL;
}

/* Takes the members of @g. */
static enum ctl_status put_together(struct gathered *g, struct ctl_reply *reply)
{
	bool ok;

	if (g->rules)
		fputs("]}", g->file);
	ok = fclose(g->file) == 0 && g->text;
	if (ok && g->rules) {
		*reply = g->first;
		free(reply->text);
		reply->text = g->text;
		return CTL_OK;
	}
	ok = ok && reply_config(g->text, reply);
	free(g->text);
	if (ok)
		return CTL_OK;
	ctl_say("out of memory");
	return CTL_UNREACHABLE;
}

static enum ctl_status attempt(const struct ctl *ctl, struct ctl_session *c, const char *method,
			       const char *rule, struct ctl_reply *reply)
{
	struct gathered g = {0};
	enum ctl_status ret;

	g.file = open_memstream(&g.text, &g.size);
	if (!g.file) {
		ctl_say("out of memory");
		return CTL_UNREACHABLE;
	}
	ret = gather(ctl, c, method, rule, &g, reply);
	if (ret == CTL_OK)
		return put_together(&g, reply);
	fclose(g.file);
	free(g.text);
	ctl_reply_fini(&g.first);
	return ret;
}

enum ctl_status ctl_call_pages(const struct ctl *ctl, const char *method, const char *rule,
			       struct ctl_reply *reply)
{
	struct ctl_session c;
	enum ctl_status ret = ctl_session_open(ctl, &c, reply);

	for (int i = 1; ret == CTL_OK; i++) {
		ret = attempt(ctl, &c, method, rule, reply);
		if (ret != CTL_REFUSED || reply->code != RPC_CONFLICT || i == ATTEMPTS)
			break;
		ctl_reply_fini(reply);
		ret = CTL_OK;
	}
	ctl_session_close(&c);
	return ret;
}

enum ctl_status ctl_run_pages(const struct ctl *ctl, const char *method, ctl_print_fn *print)
{
	struct ctl_reply reply;
	enum ctl_status ret = ctl_call_pages(ctl, method, NULL, &reply);

	ctl_report(ctl, ret, &reply, print);
	ctl_reply_fini(&reply);
	return ret;
}
