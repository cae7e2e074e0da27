// SPDX-License-Identifier: MIT
/*
 * method.c - one function per method of the control protocol
 *
 * A method either answers at once, with finish() or refuse(), or leaves a wait behind
 * (wait.h).  Each of these takes the answer; exactly one must be called.
 */
#include "daemon/control/method.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/rules/ruleset.h"
#include "core/text/request.h"
#include "daemon/common/log.h"
#include "daemon/common/version.h"
#include "daemon/control/client_output.h"
#include "daemon/control/client_upload.h"
#include "daemon/control/load.h"
#include "daemon/control/output.h"
#include "daemon/control/reconcile.h"
#include "daemon/control/result.h"
#include "daemon/control/show.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"
#include "daemon/control/upgrade.h"
#include "daemon/control/wait.h"
#include "daemon/control/wiring.h"

/* One request on its way through its method. */
struct call {
	struct control *c;
	struct client *client;
	struct client_answer *answer;
	struct request req;
	uint64_t now_ns;
};

static void refuse_as(struct call *call, int code, const struct complaint *cpl)
{
	char *text = response_error(call->req.id, code, cpl);

	client_answer_finish(&call->c->clients, call->answer, text, call->now_ns);
}

/* @result: taken */
static void finish(struct call *call, cJSON *result)
{
	char *text = NULL;

	if (call->req.id)
		text = control_result_line(call->req.id, result);
	else
		cJSON_Delete(result); /* a notification: nobody asked */
	client_answer_finish(&call->c->clients, call->answer, text, call->now_ns);
}

/* @result: taken; NULL with an @error. */
static void finish_or_refuse(struct call *call, cJSON *result, int error,
			     const struct complaint *cpl)
{
	if (error)
		refuse_as(call, error, cpl);
	else
		finish(call, result);
}

static void refuse(struct call *call, int code, const char *field, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void refuse(struct call *call, int code, const char *field, const char *fmt, ...)
{
	char reason[COMPLAINT_REASON_MAX];
	struct complaint cpl = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	complain(&cpl, field, "%s", reason);
	refuse_as(call, code, &cpl);
}

/* A refusal by the rule set; its fields are relative to @prefix. */
static void refuse_rule(struct call *call, int ret, const char *prefix, struct complaint *cpl)
{
	char field[COMPLAINT_FIELD_MAX];
	int code = RPC_INVALID_PARAMS;

	if (ret == -ENOMEM)
		code = RPC_INTERNAL_ERROR;
	else if (ret == -EEXIST || ret == -ENOTUNIQ || ret == -ELOOP)
		code = RPC_CONFLICT;
	else if (ret == -ENOSPC || ret == -E2BIG || ret == -EBUSY)
		code = RPC_LIMIT;
	complain(cpl, "", "%s", strerror(-ret));
	snprintf(field, sizeof(field), "%s%s%.110s", prefix, *prefix && cpl->field[0] ? "." : "",
		 cpl->field);
	memcpy(cpl->field, field, sizeof(field));
	refuse_as(call, code, cpl);
}

/* The answer comes when the workers have it.  Out of memory: refused, NULL. */
static struct control_wait *wait_for_workers(struct call *call)
{
	struct control_wait *w = control_wait_new(call->c, call->answer, &call->req, call->now_ns);

	if (!w)
		refuse(call, RPC_INTERNAL_ERROR, "", "out of memory");
	return w;
}

static void changed(struct control *c)
{
	c->rec.publish = true;
	c->dirty = true;
}

static void method_version_check(struct call *call)
{
	const char *theirs = call->req.version_check.version;
	cJSON *result;

	if (strcmp(theirs, PROTOCOL_VERSION) != 0) {
		refuse(call, RPC_VERSION_MISMATCH, "params.version",
		       "the client speaks version %s, this mcrd speaks version %s", theirs,
		       PROTOCOL_VERSION);
		client_end(call->client);
		return;
	}
	client_greeted(call->client);
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "version", PROTOCOL_VERSION);
	cJSON_AddStringToObject(result, "server", mcr_version);
	finish(call, result);
}

static void method_get_version(struct call *call)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "version", mcr_version);
	cJSON_AddStringToObject(result, "protocol", PROTOCOL_VERSION);
	finish(call, result);
}

static void method_ping(struct call *call)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddTrueToObject(result, "pong");
	control_result_u64(result, "uptime_ms", (call->now_ns - call->c->started_ns) / NS_PER_MS);
	finish(call, result);
}

/* The refusal of a rule that stands in the way of another: what replace would do about it. */
static void offer_to_replace(struct complaint *cpl, const char *what)
{
	const size_t len = strlen(cpl->reason);

	snprintf(cpl->reason + len, sizeof(cpl->reason) - len,
		 "; \"replace\" (mcrctl: --replace) %s", what);
}

static void method_add_rule(struct call *call)
{
	static const char *const words[] = {
		[RULESET_UNCHANGED] = "unchanged",
		[RULESET_ADDED] = "added",
		[RULESET_REPLACED] = "replaced",
	};
	const struct ruleset_entry *e;
	struct complaint cpl = {0};
	struct control_wait *w;
	int ret;

	ret = control_wiring_update(call->c, &call->req.add_rule.rule, 1);
	if (ret == 0)
		ret = control_check_outputs(call->c, &call->req.add_rule.rule, &cpl);
	if (ret < 0) {
		refuse_rule(call, ret, "params", &cpl);
		return;
	}
	ret = ruleset_add(call->c->rules, &call->req.add_rule.rule, call->req.add_rule.replace, &e,
			  &cpl);
	if (ret == -EEXIST)
		offer_to_replace(&cpl, "puts the new rule in its place");
	if (ret < 0) {
		refuse_rule(call, ret, "params", &cpl);
		return;
	}
	if (ret != RULESET_UNCHANGED) {
		log_burst(&call->c->log_changes, call->now_ns, SEV_INFO, FAC_RULE_DISPATCH,
			  "rule %s %s", e->rule.id, words[ret]);
		changed(call->c);
	}
	w = wait_for_workers(call);
	if (!w)
		return;
	w->result = words[ret];
	memcpy(w->rule_id, e->rule.id, sizeof(w->rule_id));
}

static void remove_rule(struct call *call, const char *id)
{
	struct control_wait *w;
	char copy[MCR_ID_MAX];

	snprintf(copy, sizeof(copy), "%s", id);
	ruleset_remove(call->c->rules, copy);
	log_burst(&call->c->log_changes, call->now_ns, SEV_INFO, FAC_RULE_DISPATCH,
		  "rule %s removed", copy);
	changed(call->c);
	w = wait_for_workers(call);
	if (w)
		memcpy(w->rule_id, copy, sizeof(w->rule_id));
}

static void method_remove_rule(struct call *call)
{
	const char *id = call->req.remove_rule.rule_id;

	if (!ruleset_find_id(call->c->rules, id))
		refuse(call, RPC_NOT_FOUND, "params.rule_id", "there is no rule %s", id);
	else
		remove_rule(call, id);
}

static void method_remove_rule_by_name(struct call *call)
{
	const char *name = call->req.remove_rule_by_name.name;
	const struct ruleset_entry *e = ruleset_find_name(call->c->rules, name);

	if (!e)
		refuse(call, RPC_NOT_FOUND, "params.name", "there is no rule named \"%s\"", name);
	else
		remove_rule(call, e->rule.id);
}

static void method_sync_rules(struct call *call)
{
	control_verify(call->c);
	changed(call->c);
	wait_for_workers(call);
}

static void method_list_rules(struct call *call)
{
	struct complaint cpl = {0};
	int error;
	cJSON *result = control_show_rules(call->c, &call->req.page, &error, &cpl);

	finish_or_refuse(call, result, error, &cpl);
}

static void method_get_stats(struct call *call)
{
	struct ipc_msg msg = {.type = IPC_REFRESH_STATS};
	struct control_wait *w = wait_for_workers(call);

	if (!w)
		return;
	w->page = call->req.page;
	control_super_request(&call->c->super, &msg, -1, NULL, NULL);
	w->armed = true;
	w->seq = call->c->super.last_seq;
}

static void method_list_workers(struct call *call)
{
	finish(call, control_show_workers(call->c, call->now_ns));
}

static void method_get_config(struct call *call)
{
	struct complaint cpl = {0};
	int error;
	cJSON *result = control_show_config(call->c, &call->req.page, &error, &cpl);

	finish_or_refuse(call, result, error, &cpl);
}

static void method_upload_config(struct call *call)
{
	const char *text = call->req.upload.text;
	struct complaint cpl = {0};
	cJSON *result;
	int ret = client_upload_put(&call->c->clients, call->client, call->req.upload.offset, text,
				    strlen(text), call->now_ns, &cpl);

	if (ret < 0) {
		refuse_rule(call, ret, "", &cpl);
		return;
	}
	result = cJSON_CreateObject();
	control_result_u64(result, "bytes", client_upload_bytes(call->client));
	finish(call, result);
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
		refuse(call, RPC_INVALID_PARAMS, "params.uploaded",
		       "nothing was uploaded on this connection within the last %llu seconds",
		       CLIENT_UPLOAD_NS / NS_PER_S);
		return false;
	}
	ret = config_parse(text, len, &call->req.config.config, &cpl);
	free(text);
	if (ret < 0)
		refuse_rule(call, ret, "", &cpl);
	return ret == 0;
}

static void method_check_config(struct call *call)
{
	const struct config *cfg = &call->req.config.config;
	struct complaint cpl = {0};
	cJSON *result;
	int ret;

	if (!take_uploaded(call))
		return;
	ret = control_load_check(call->c, cfg, &cpl);
	if (ret < 0) {
		refuse_rule(call, ret, "", &cpl);
		return;
	}
	result = cJSON_CreateObject();
	control_result_u64(result, "rules", cfg->n_rules);
	control_result_u64(result, "workers", cfg->workers ? cfg->workers : call->c->workers);
	finish(call, result);
}

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

static void method_load_config(struct call *call)
{
	const struct config *cfg = &call->req.config.config;
	size_t counts[LOAD_COUNTS];
	struct complaint cpl = {0};
	struct control_wait *w;
	int ret;

	if (!take_uploaded(call))
		return;
	ret = control_load(call->c, cfg, call->req.config.replace, counts, &cpl);
	if ((ret == -EEXIST || ret == -ENOTUNIQ) && !call->req.config.replace)
		offer_to_replace(&cpl, "makes the rules exactly those of the configuration");
	if (ret < 0) {
		refuse_rule(call, ret, "", &cpl);
		return;
	}
	log_burst(&call->c->log_changes, call->now_ns, SEV_INFO, FAC_RULE_DISPATCH,
		  "configuration loaded: %zu added, %zu replaced, %zu unchanged, %zu removed",
		  counts[LOAD_ADDED], counts[LOAD_REPLACED], counts[LOAD_UNCHANGED],
		  counts[LOAD_REMOVED]);
	w = wait_for_workers(call);
	if (!w)
		return;
	memcpy(w->counts, counts, sizeof(w->counts));
	warn_start_settings(call->c, cfg, w->warnings);
}

static void method_upgrade(struct call *call)
{
	/* Answered when it has ended. */
	if (control_upgrade_ask(call->c, call->answer, &call->req, call->now_ns) < 0)
		refuse(call, RPC_REFUSED, "", "another upgrade is under way");
}

static void (*const methods[])(struct call *call) = {
	[METHOD_VERSION_CHECK] = method_version_check,
	[METHOD_GET_VERSION] = method_get_version,
	[METHOD_PING] = method_ping,
	[METHOD_ADD_RULE] = method_add_rule,
	[METHOD_REMOVE_RULE] = method_remove_rule,
	[METHOD_REMOVE_RULE_BY_NAME] = method_remove_rule_by_name,
	[METHOD_LIST_RULES] = method_list_rules,
	[METHOD_GET_STATS] = method_get_stats,
	[METHOD_LIST_WORKERS] = method_list_workers,
	[METHOD_SYNC_RULES] = method_sync_rules,
	[METHOD_GET_CONFIG] = method_get_config,
	[METHOD_UPLOAD_CONFIG] = method_upload_config,
	[METHOD_CHECK_CONFIG] = method_check_config,
	[METHOD_LOAD_CONFIG] = method_load_config,
	[METHOD_UPGRADE] = method_upgrade,
};
static_assert(sizeof(methods) / sizeof(methods[0]) == METHODS, "a function each");

static void dispatch(struct call *call, int error, const struct complaint *cpl)
{
	const bool first = call->client->state == CLIENT_GREETING;

	if (error) {
		refuse_as(call, error, cpl);
	} else if (first && call->req.method != METHOD_VERSION_CHECK) {
		refuse(call, RPC_VERSION_MISMATCH, "method", "VersionCheck must come first");
	} else if (call->client->read_only && !method_read_only(call->req.method)) {
		refuse(call, RPC_READ_ONLY, "method",
		       "%s changes something: the control socket serves it, the status socket does "
		       "not",
		       method_name(call->req.method));
	} else if (call->client->hup && !first && method_read_only(call->req.method)) {
		/* Nobody is there to read it, and making it would keep others waiting. */
		client_answer_finish(&call->c->clients, call->answer, NULL, call->now_ns);
	} else {
		methods[call->req.method](call);
		return;
	}
	/* One that does not begin as the protocol says is not listened to any longer. */
	if (first)
		client_end(call->client);
}

void control_method_line(void *ctx, struct client *cl, const char *line, size_t len)
{
	struct call call = {.c = ctx, .client = cl, .now_ns = monotonic_ns()};
	struct complaint cpl = {0};
	int error;

	call.answer = client_answer_new(cl);
	if (!call.answer) {
		client_end(cl);
		return;
	}
	error = request_parse(line, len, &call.req, &cpl);
	dispatch(&call, error, &cpl);
	request_fini(&call.req);
}
