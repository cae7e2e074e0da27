// SPDX-License-Identifier: MIT
/* method_config.c - GetConfig, UploadConfig, CheckConfig, DiffConfig, LoadConfig */
#include "daemon/control/method_config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/text/config.h"
#include "daemon/common/log.h"
#include "daemon/control/assign.h"
#include "daemon/control/call.h"
#include "daemon/control/client_upload.h"
#include "daemon/control/config_diff.h"
#include "daemon/control/load.h"
#include "daemon/control/page.h"
#include "daemon/control/reach.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"
#include "daemon/control/wait.h"

/* --- GetConfig --- */

/* Return: 0, or an enum rpc_error. */
static int config_result(const struct control *c, const struct request_page *page, cJSON *result,
			 struct complaint *cpl)
{
	const size_t bytes = page->paged ? PAGE_BYTES : CLIENT_OUTPUT_MAX;
	char cursor[REQUEST_CURSOR_MAX];
	size_t next = 0;
	char *text;
	int error = control_page_check(c, page, cpl);

	if (error)
		return error;
	text = control_config_part(c, page->first, bytes, &next);
	if (!text) {
		complain(cpl, "", "out of memory");
		return RPC_INTERNAL_ERROR;
	}
	cJSON_AddStringToObject(result, "text", text);
	free(text);
	if (next > ruleset_count(c->rules))
		return 0;
	if (!page->paged)
		return control_result_too_long(cpl);
	cJSON_AddStringToObject(result, "next",
				request_cursor(ruleset_revision(c->rules), (uint32_t)next, cursor));
	return 0;
}

void method_get_config(struct call *call)
{
	cJSON *result = cJSON_CreateObject();
	struct complaint cpl = {0};
	int error = config_result(call->c, &call->req.page, result, &cpl);

	call_finish_or_refuse(call, result, error, &cpl);
}

/* --- UploadConfig, CheckConfig --- */

void method_upload_config(struct call *call)
{
	const char *text = call->req.upload.text;
	struct complaint cpl = {0};
	cJSON *result;
	int ret = client_upload_put(&call->c->clients, call->client, call->req.upload.offset, text,
				    strlen(text), call->now_ns, &cpl);

	if (ret < 0) {
		call_refuse_rule(call, ret, "", &cpl);
		return;
	}
	result = cJSON_CreateObject();
	control_result_u64(result, "bytes", client_upload_bytes(call->client));
	call_finish(call, result);
}

/* The configuration of an uploaded text into the request.  Return: false, and it was refused. */
static bool take_uploaded(struct call *call)
{
	struct complaint cpl = {0};
	size_t len;
	char *text;
	int ret;

	if (!call->req.config.uploaded)
		return true;
	text = client_upload_take(&call->c->clients, call->client, &len);
	if (!text) {
		call_refuse(call, RPC_INVALID_PARAMS, "params.uploaded",
			    "nothing was uploaded on this connection within the last %llu seconds",
			    CLIENT_UPLOAD_NS / NS_PER_S);
		return false;
	}
	ret = config_parse(text, len, &call->req.config.config, &cpl);
	free(text);
	if (ret < 0)
		call_refuse_rule(call, ret, "", &cpl);
	return ret == 0;
}

void method_check_config(struct call *call)
{
	const struct config *cfg = &call->req.config.config;
	struct complaint cpl = {0};
	cJSON *result;
	int ret;

	if (!take_uploaded(call))
		return;
	ret = control_load_check(call->c, cfg, &cpl);
	if (ret < 0) {
		call_refuse_rule(call, ret, "", &cpl);
		return;
	}
	result = cJSON_CreateObject();
	control_result_u64(result, "rules", cfg->n_rules);
	control_result_u64(result, "workers", cfg->workers ? cfg->workers : call->c->workers);
	call_finish(call, result);
}

/* --- DiffConfig --- */

static const char *const count_names[LOAD_COUNTS] = {"added", "replaced", "unchanged", "removed"};

static bool same_iface_settings(const struct config_iface *a, const struct config_iface *b)
{
	static const struct config_iface none;

	a = a ? a : &none;
	b = b ? b : &none;
	return a->steering == b->steering && a->gro == b->gro && a->defrag == b->defrag &&
	       a->n_cpus == b->n_cpus &&
	       memcmp(a->cpus, b->cpus, a->n_cpus * sizeof(a->cpus[0])) == 0;
}

/* Names of interfaces whose inputs would be opened anew. */
static void diff_settings(const struct control *c, const struct config *cfg, bool replace,
			  cJSON *list)
{
	for (size_t i = 0; i < cfg->n_ifaces; i++) {
		const struct config_iface *f = &cfg->ifaces[i];

		if (!same_iface_settings(f, config_find_iface(&c->settings, f->name)))
			cJSON_AddItemToArray(list, cJSON_CreateString(f->name));
	}
	for (size_t i = 0; replace && i < c->settings.n_ifaces; i++) {
		const struct config_iface *f = &c->settings.ifaces[i];

		if (!config_find_iface(cfg, f->name) && !same_iface_settings(f, NULL))
			cJSON_AddItemToArray(list, cJSON_CreateString(f->name));
	}
}

void method_diff_config(struct call *call)
{
	const struct config *cfg = &call->req.config.config;
	const bool replace = call->req.config.replace;
	size_t counts[LOAD_COUNTS];
	struct ruleset *set = NULL;
	struct complaint cpl = {0};
	cJSON *result;
	int ret;

	if (!take_uploaded(call))
		return;
	ret = control_load_check_paths(call->c, cfg, &cpl);
	if (ret == 0)
		ret = control_load_try(call->c, cfg, replace, counts, &set, &cpl);
	if ((ret == -EEXIST || ret == -ENOTUNIQ) && !replace)
		call_offer_replace(&cpl, "makes the rules exactly those of the configuration");
	if (ret < 0) {
		call_refuse_rule(call, ret, "", &cpl);
		return;
	}
	result = cJSON_CreateObject();
	for (unsigned i = 0; i < LOAD_COUNTS; i++)
		control_result_u64(result, count_names[i], counts[i]);
	config_diff_rules(call->c->rules, set, result);
	diff_settings(call->c, cfg, replace, cJSON_AddArrayToObject(result, "settings"));
	ruleset_free(set);
	call_finish(call, result);
}

/* --- LoadConfig --- */

static bool load_is_settling(const struct control *c, const struct control_wait *w, uint64_t now_ns)
{
	return reach_settling_any(&c->reach, now_ns);
}

/* Warnings about many rules in one list: each one names its rule. */
struct rule_warner {
	cJSON *list;
	const struct rule *rule;
};

static bool warn_of_rule(void *ctx, const char *text)
{
	const struct rule_warner *w = ctx;
	const struct rule *r = w->rule;
	char line[MCR_ID_MAX + MCR_NAME_MAX + REASON_MAX];

	if (r->name[0])
		snprintf(line, sizeof(line), "rule %s (%s): %s", r->id, r->name, text);
	else
		snprintf(line, sizeof(line), "rule %s: %s", r->id, text);
	return control_result_warning(w->list, line);
}

static int load_result(const struct control *c, struct control_wait *w, uint64_t now_ns,
		       cJSON *result, struct complaint *cpl)
{
	struct rule_warner warner = {.list = w->load.warnings};

	for (unsigned i = 0; i < LOAD_COUNTS; i++)
		control_result_u64(result, count_names[i], w->load.counts[i]);
	control_wait_add_workers(c, w, result);
	for (size_t i = 0; i < ruleset_count(c->rules); i++) {
		if (cJSON_GetArraySize(w->load.warnings) >= RESULT_WARNINGS_MAX)
			break;
		warner.rule = &ruleset_at(c->rules, i)->rule;
		control_rule_warnings(c, warner.rule, true, warn_of_rule, &warner);
	}
	cJSON_AddItemToObject(result, "warnings", w->load.warnings);
	w->load.warnings = NULL;
	return 0;
}

static void load_fini(struct control_wait *w)
{
	cJSON_Delete(w->load.warnings);
}

static const struct wait_method wait_for_load = {
	.publishes = true,
	.is_settling = load_is_settling,
	.result = load_result,
	.fini = load_fini,
};

static void warn_start_settings(const struct control *c, const struct config *cfg, cJSON *warnings)
{
	char text[128];

	if (cfg->workers && cfg->workers != c->workers) {
		snprintf(text, sizeof(text),
			 "workers: %u run, %u counts from the next start of mcrd", c->workers,
			 cfg->workers);
		cJSON_AddItemToArray(warnings, cJSON_CreateString(text));
	}
	if (cfg->per_packet != c->per_packet)
		cJSON_AddItemToArray(warnings,
				     cJSON_CreateString("per_packet: counts from the next start "
							"of mcrd"));
	if (cfg->busy_poll_us != c->busy_poll_us)
		cJSON_AddItemToArray(warnings,
				     cJSON_CreateString("busy_poll_us: counts from the next start "
							"of mcrd"));
}

void method_load_config(struct call *call)
{
	const struct config *cfg = &call->req.config.config;
	size_t counts[LOAD_COUNTS];
	struct complaint cpl = {0};
	struct control_wait *w;
	int ret;

	if (!take_uploaded(call))
		return;
	ret = control_load_check_paths(call->c, cfg, &cpl);
	if (ret == 0)
		ret = control_load(call->c, cfg, call->req.config.replace, counts, &cpl);
	if ((ret == -EEXIST || ret == -ENOTUNIQ) && !call->req.config.replace)
		call_offer_replace(&cpl, "makes the rules exactly those of the configuration");
	if (ret < 0) {
		call_refuse_rule(call, ret, "", &cpl);
		return;
	}
	log_burst(&call->c->log_changes, call->now_ns, SEV_INFO, FAC_RULE_DISPATCH,
		  "configuration loaded: %zu added, %zu replaced, %zu unchanged, %zu removed",
		  counts[LOAD_ADDED], counts[LOAD_REPLACED], counts[LOAD_UNCHANGED],
		  counts[LOAD_REMOVED]);
	w = call_wait(call, &wait_for_load);
	if (!w)
		return;
	memcpy(w->load.counts, counts, sizeof(w->load.counts));
	w->load.warnings = cJSON_CreateArray();
	warn_start_settings(call->c, cfg, w->load.warnings);
}
