// SPDX-License-Identifier: MIT
/* method_upgrade.c - one upgrade at a time, and its end as an answer */
#include "daemon/control/method_upgrade.h"

#include <cjson/cJSON.h>

#include "core/base/clock.h"
#include "core/base/complaint.h"
#include "core/text/response.h"
#include "daemon/common/upgrade_outcome.h"
#include "daemon/common/version.h"
#include "daemon/control/call.h"
#include "daemon/control/client_output.h"
#include "daemon/control/result.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

/* @text: taken */
static void give_answer(struct control *c, char *text, uint64_t now_ns)
{
	struct control_upgrade *u = &c->upgrade;

	client_answer_finish(&c->clients, u->answer, text, now_ns);
	cJSON_Delete(u->id);
	*u = (struct control_upgrade){0};
}

static void refuse(struct control *c, const struct ipc_upgraded *how, uint64_t now_ns)
{
	char text[COMPLAINT_REASON_MAX];
	struct complaint cpl = {0};

	complain(&cpl, "", "%s",
		 upgrade_outcome_text(how, "the binary on disk", text, sizeof(text)));
	give_answer(c, response_error(c->upgrade.id, RPC_REFUSED, &cpl), now_ns);
}

static void confirm(struct control *c, const struct ipc_upgraded *how, uint64_t now_ns)
{
	cJSON *result = cJSON_CreateObject();
	char *text = NULL;

	cJSON_AddStringToObject(result, "version", how->theirs);
	cJSON_AddStringToObject(result, "was", mcr_version);
	cJSON_AddNumberToObject(result, "workers", c->workers);
	cJSON_AddNumberToObject(result, "rolled", how->rolled);
	control_result_u64(result, "elapsed_ms", (now_ns - c->upgrade.begun_ns) / NS_PER_MS);
	if (c->upgrade.id)
		text = response_result(c->upgrade.id, result);
	else
		cJSON_Delete(result); /* a notification: nobody asked */
	give_answer(c, text, now_ns);
}

/* The reply says only whether the upgrade begins; its end is a message of its own. */
static void asked(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	const struct ipc_upgraded busy = {.outcome = UPGRADE_RUNNING};
	struct control *c = ctx;

	if (status < 0 && c->upgrade.answer)
		refuse(c, &busy, monotonic_ns());
}

void method_upgrade(struct call *call)
{
	struct ipc_msg msg = {.type = IPC_UPGRADE};
	struct control *c = call->c;

	if (c->upgrade.answer) {
		call_refuse(call, RPC_REFUSED, "", "another upgrade is under way");
		return;
	}
	c->upgrade = (struct control_upgrade){call->answer, call->req.id, call->now_ns};
	call->req.id = NULL;
	control_supervisor_request(&c->supervisor, &msg, -1, asked, c);
}

void control_upgrade_ended(struct control *c, const struct ipc_upgraded *how, uint64_t now_ns)
{
	if (c->upgrade.answer && how->outcome == UPGRADE_DONE)
		confirm(c, how, now_ns);
	else if (c->upgrade.answer)
		refuse(c, how, now_ns);
	if (how->outcome == UPGRADE_DONE)
		c->shutdown = true;
}
