// SPDX-License-Identifier: MIT
/* ctl_workers.c - mcrctl list-workers, ping, upgrade and version */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/ctl.h"
#include "daemon/ctl_table.h"
#include "daemon/version.h"

#define UPGRADE_MS 180000

enum ctl_status ctl_list_workers(const struct ctl *ctl)
{
	static const char *const headers[] = {
		">WORKER", ">PID",       ">CPU",      "STATE", ">RULES", "IN SYNC",   ">GENERATION",
		"HASH",    ">HEARTBEAT", ">RESTARTS", ">HUNG", ">DRIFT", ">REPAIRED", "LAST EXIT"};
	struct ctl_reply reply;
	const cJSON *w, *cpu;
	enum ctl_status ret;
	struct table t;
	bool done;

	ret = ctl_simple_call(ctl, "ListWorkers", NULL, &reply, &done);
	if (!done) {
		table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
		cJSON_ArrayForEach(w, ctl_member(reply.result, "workers")) {
			cpu = ctl_member(w, "cpu");
			table_cell(&t, "%.0f", ctl_number(w, "worker"));
			table_cell(&t, "%.0f", ctl_number(w, "pid"));
			if (cJSON_IsNumber(cpu) && cpu->valueint >= 0)
				table_cell(&t, "%d", cpu->valueint);
			else
				table_cell(&t, "any");
			table_cell(&t, "%s", ctl_text(w, "state"));
			table_cell(&t, "%.0f", ctl_number(w, "rules"));
			table_cell(&t, "%s", cJSON_IsTrue(ctl_member(w, "in_sync")) ? "yes" : "no");
			table_cell(&t, "%.0f", ctl_number(w, "generation"));
			table_cell(&t, "%s", ctl_text(w, "hash"));
			table_cell(&t, "%.0f ms ago", ctl_number(w, "heartbeat_age_ms"));
			table_cell(&t, "%.0f", ctl_number(w, "restarts"));
			table_cell(&t, "%.0f", ctl_number(w, "health_check_failures"));
			table_cell(&t, "%.0f", ctl_number(w, "drift_detected"));
			table_cell(&t, "%.0f", ctl_number(w, "drift_repaired"));
			table_cell(&t, "%s", ctl_text(w, "last_exit"));
		}
		table_print(&t, "no workers");
	}
	ctl_reply_fini(&reply);
	return ret;
}

enum ctl_status ctl_ping(const struct ctl *ctl)
{
	struct ctl_reply reply;
	enum ctl_status ret;
	bool done;

	ret = ctl_simple_call(ctl, "Ping", NULL, &reply, &done);
	if (!done)
		printf("mcrd answers, up %.0f s\n", ctl_number(reply.result, "uptime_ms") / 1000);
	ctl_reply_fini(&reply);
	return ret;
}

/*
 * The answer comes when every worker has been rolled, one after the other, with at most a
 * second for each to finish and some to start.
 */
enum ctl_status ctl_upgrade(const struct ctl *ctl)
{
	struct ctl patient = *ctl;
	struct ctl_reply reply;
	enum ctl_status ret;
	bool done;

	patient.answer_ms = UPGRADE_MS;
	ret = ctl_simple_call(&patient, "Upgrade", NULL, &reply, &done);
	if (!done)
		printf("mcrd %s runs, was %s: %.0f of %.0f workers rolled in %.0f ms\n",
		       ctl_text(reply.result, "version"), ctl_text(reply.result, "was"),
		       ctl_number(reply.result, "rolled"), ctl_number(reply.result, "workers"),
		       ctl_number(reply.result, "elapsed_ms"));
	ctl_reply_fini(&reply);
	return ret;
}

enum ctl_status ctl_version(const struct ctl *ctl)
{
	struct ctl_reply reply;
	enum ctl_status ret;
	bool done;

	if (!ctl->json)
		printf("mcrctl %s\n", mcr_version);
	ret = ctl_simple_call(ctl, "GetVersion", NULL, &reply, &done);
	if (!done)
		printf("mcrd %s, protocol %s\n", ctl_text(reply.result, "version"),
		       ctl_text(reply.result, "protocol"));
	ctl_reply_fini(&reply);
	return ret;
}
