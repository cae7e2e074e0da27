// SPDX-License-Identifier: MIT
/* method.c - the methods of the control protocol, and those about the connection itself */
#include "daemon/control/method.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "daemon/common/version.h"
#include "daemon/control/call.h"
#include "daemon/control/client_output.h"
#include "daemon/control/method_change.h"
#include "daemon/control/method_config.h"
#include "daemon/control/method_rule.h"
#include "daemon/control/method_stats.h"
#include "daemon/control/method_upgrade.h"
#include "daemon/control/method_worker.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"

static void method_version_check(struct call *call)
{
	const char *theirs = call->req.version_check.version;
	cJSON *result;

	if (strcmp(theirs, PROTOCOL_VERSION) != 0) {
		call_refuse(call, RPC_VERSION_MISMATCH, "params.version",
			    "the client speaks version %s, this mcrd speaks version %s", theirs,
			    PROTOCOL_VERSION);
		client_end(call->client);
		return;
	}
	client_greeted(call->client);
	result = cJSON_CreateObject();
	cJSON_AddStringToObject(result, "version", PROTOCOL_VERSION);
	cJSON_AddStringToObject(result, "server", mcr_version);
	call_finish(call, result);
}

static void method_get_version(struct call *call)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "version", mcr_version);
	cJSON_AddStringToObject(result, "protocol", PROTOCOL_VERSION);
	call_finish(call, result);
}

static void method_ping(struct call *call)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddTrueToObject(result, "pong");
	control_result_u64(result, "uptime_ms", (call->now_ns - call->c->started_ns) / NS_PER_MS);
	call_finish(call, result);
}

static void (*const methods[])(struct call *call) = {
	[METHOD_VERSION_CHECK] = method_version_check,
	[METHOD_GET_VERSION] = method_get_version,
	[METHOD_PING] = method_ping,
	[METHOD_ADD_RULE] = method_add_rule,
	[METHOD_REMOVE_RULE] = method_remove_rule,
	[METHOD_REMOVE_RULE_BY_NAME] = method_remove_rule_by_name,
	[METHOD_ADD_OUTPUT] = method_add_output,
	[METHOD_REMOVE_OUTPUT] = method_remove_output,
	[METHOD_SET_OUTPUT] = method_set_output,
	[METHOD_RENAME_RULE] = method_rename_rule,
	[METHOD_ENABLE_RULE] = method_enable_rule,
	[METHOD_DISABLE_RULE] = method_disable_rule,
	[METHOD_LIST_RULES] = method_list_rules,
	[METHOD_GET_STATS] = method_get_stats,
	[METHOD_LIST_WORKERS] = method_list_workers,
	[METHOD_SYNC_RULES] = method_sync_rules,
	[METHOD_GET_CONFIG] = method_get_config,
	[METHOD_UPLOAD_CONFIG] = method_upload_config,
	[METHOD_CHECK_CONFIG] = method_check_config,
	[METHOD_DIFF_CONFIG] = method_diff_config,
	[METHOD_LOAD_CONFIG] = method_load_config,
	[METHOD_UPGRADE] = method_upgrade,
};
static_assert(sizeof(methods) / sizeof(methods[0]) == METHODS, "a function each");

static void dispatch(struct call *call, int error, const struct complaint *cpl)
{
	const bool first = call->client->state == CLIENT_GREETING;

	if (error) {
		call_refuse_as(call, error, cpl);
	} else if (first && call->req.method != METHOD_VERSION_CHECK) {
		call_refuse(call, RPC_VERSION_MISMATCH, "method", "VersionCheck must come first");
	} else if (call->client->read_only && !method_read_only(call->req.method)) {
		call_refuse(call, RPC_READ_ONLY, "method",
			    "%s changes something: the control socket serves it, the status socket "
			    "does "
			    "not",
			    method_name(call->req.method));
	} else if (call->client->hup && !first && method_read_only(call->req.method)) {
		/* Nobody reads the answer, and making it would keep others waiting. */
		client_answer_finish(&call->c->clients, call->answer, NULL, call->now_ns);
	} else {
		methods[call->req.method](call);
		return;
	}
	/* A client that does not begin with VersionCheck is closed. */
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
