// SPDX-License-Identifier: MIT
/* ctl_workers.c - mcrctl list-workers, ping, upgrade and version */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/ctl.h"
#include "daemon/ctl_table.h"
#include "daemon/version.h"

#define UPGRADE_MS 180000

static void worker_cells(struct table *t, const cJSON *w)
{
	const cJSON *cpu = ctl_member(w, "cpu");
	const char *last = ctl_text(w, "last_exit");

	table_cell(t, "%.0f", ctl_number(w, "worker"));
	table_cell(t, "%.0f", ctl_number(w, "pid"));
	if (cJSON_IsNumber(cpu) && cpu->valueint >= 0)
		table_cell(t, "%d", cpu->valueint);
	else
		table_cell(t, "any");
	table_cell(t, "%s", ctl_text(w, "state"));
	table_cell(t, "%.0f", ctl_number(w, "rules"));
	table_cell(t, "%s", cJSON_IsTrue(ctl_member(w, "in_sync")) ? "yes" : "no");
	table_cell(t, "%.0f", ctl_number(w, "generation"));
	table_cell(t, "%s", ctl_text(w, "hash"));
	table_cell(t, "%.0f ms ago", ctl_number(w, "heartbeat_age_ms"));
	table_cell(t, "%.0f", ctl_number(w, "worker_restarts"));
	table_cell(t, "%.0f", ctl_number(w, "health_check_failures"));
	table_cell(t, "%.0f", ctl_number(w, "drift_detected"));
	table_cell(t, "%.0f", ctl_number(w, "drift_repaired"));
	table_cell(t, "%s", last[0] ? last : "-");
}

static void print_workers(const cJSON *result)
{
	static const char *const headers[] = {
		">WORKER", ">PID",       ">CPU",      "STATE", ">RULES", "IN SYNC",   ">GENERATION",
		"HASH",    ">HEARTBEAT", ">RESTARTS", ">HUNG", ">DRIFT", ">REPAIRED", "LAST EXIT"};
	const cJSON *w;
	struct table t;

	table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
	cJSON_ArrayForEach(w, ctl_member(result, "workers"))
		worker_cells(&t, w);
	table_print(&t, "no workers");
}

enum ctl_status ctl_list_workers(const struct ctl *ctl)
{
	return ctl_run(ctl, "ListWorkers", NULL, print_workers);
}

static void print_pong(const cJSON *result)
{
	printf("mcrd answers, up %.0f s\n", ctl_number(result, "uptime_ms") / 1000);
}

enum ctl_status ctl_ping(const struct ctl *ctl)
{
	return ctl_run(ctl, "Ping", NULL, print_pong);
}

static void print_upgraded(const cJSON *result)
{
	printf("mcrd %s runs, was %s: %.0f of %.0f workers rolled in %.0f ms\n",
	       ctl_text(result, "version"), ctl_text(result, "was"), ctl_number(result, "rolled"),
	       ctl_number(result, "workers"), ctl_number(result, "elapsed_ms"));
}

/*
 * The answer comes when every worker has been rolled, one after the other, with at most a
 * second for each to finish and some to start.
 */
enum ctl_status ctl_upgrade(const struct ctl *ctl)
{
	struct ctl patient = *ctl;

	patient.answer_ms = UPGRADE_MS;
	return ctl_run(&patient, "Upgrade", NULL, print_upgraded);
}

static void print_version(const cJSON *result)
{
	printf("mcrd %s, protocol %s\n", ctl_text(result, "version"), ctl_text(result, "protocol"));
}

enum ctl_status ctl_version(const struct ctl *ctl)
{
	if (!ctl->json)
		printf("mcrctl %s\n", mcr_version);
	return ctl_run(ctl, "GetVersion", NULL, print_version);
}
