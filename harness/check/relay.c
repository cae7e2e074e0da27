// SPDX-License-Identifier: MIT
/* relay.c - ask a relay for its workers, rules and statistics */
#include "harness/check/relay.h"

#include <stdio.h>

#include "harness/base/rpc.h"

#define ANSWER_MS 5000

static cJSON *ask(struct rpc *rpc, const char *method)
{
	cJSON *result;

	rpc_call(rpc, method, NULL, deadline_in_ms(ANSWER_MS), &result);
	return result;
}

int check_relay_ask(const char *path, struct check_relay *relay, char *error)
{
	struct rpc rpc;
	int ret = rpc_open(&rpc, path, deadline_in_ms(ANSWER_MS));

	*relay = (struct check_relay){.pid = rpc.peer_pid};
	if (ret == 0)
		relay->workers = ask(&rpc, "ListWorkers");
	if (relay->workers)
		relay->rules = ask(&rpc, "ListRules");
	if (relay->rules)
		relay->stats = ask(&rpc, "GetStats");
	if (!relay->stats) {
		snprintf(error, CHECK_TEXT_SIZE, "%s", rpc.error);
		check_relay_free(relay);
		ret = -1;
	}
	rpc_close(&rpc);
	return ret;
}

void check_relay_free(struct check_relay *relay)
{
	cJSON_Delete(relay->stats);
	cJSON_Delete(relay->rules);
	cJSON_Delete(relay->workers);
	*relay = (struct check_relay){0};
}
