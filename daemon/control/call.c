// SPDX-License-Identifier: MIT
/* call.c - refuse with the code that fits, finish, wait */
#include "daemon/control/call.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/response.h"
#include "daemon/control/client_output.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"
#include "daemon/control/wait.h"

void call_refuse_as(struct call *call, int code, const struct complaint *cpl)
{
	char *text = response_error(call->req.id, code, cpl);

	client_answer_finish(&call->c->clients, call->answer, text, call->now_ns);
}

void call_finish(struct call *call, cJSON *result)
{
	char *text = NULL;

	if (call->req.id)
		text = control_result_line(call->req.id, result);
	else
		cJSON_Delete(result); /* a notification: nobody asked */
	client_answer_finish(&call->c->clients, call->answer, text, call->now_ns);
}

void call_finish_or_refuse(struct call *call, cJSON *result, int error, const struct complaint *cpl)
{
	if (!error) {
		call_finish(call, result);
		return;
	}
	cJSON_Delete(result);
	call_refuse_as(call, error, cpl);
}

void call_refuse(struct call *call, int code, const char *field, const char *fmt, ...)
{
	char reason[COMPLAINT_REASON_MAX];
	struct complaint cpl = {0};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	va_end(ap);
	complain(&cpl, field, "%s", reason);
	call_refuse_as(call, code, &cpl);
}

void call_refuse_rule(struct call *call, int ret, const char *prefix, struct complaint *cpl)
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
	call_refuse_as(call, code, cpl);
}

struct control_wait *call_wait(struct call *call, const struct wait_method *method)
{
	struct control_wait *w =
		control_wait_new(call->c, method, call->answer, &call->req, call->now_ns);

	if (!w)
		call_refuse(call, RPC_INTERNAL_ERROR, "", "out of memory");
	return w;
}

void call_offer_replace(struct complaint *cpl, const char *what)
{
	const size_t len = strlen(cpl->reason);

	snprintf(cpl->reason + len, sizeof(cpl->reason) - len,
		 "; \"replace\" (mcrctl: --replace) %s", what);
}
