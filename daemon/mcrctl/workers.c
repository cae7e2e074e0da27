// SPDX-License-Identifier: MIT
/* workers.c - mcrctl list-workers, ping, upgrade and version */
#include "daemon/mcrctl/workers.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/common/version.h"
#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/columns.h"
#include "daemon/mcrctl/connect.h"
#include "daemon/mcrctl/result.h"
#include "daemon/mcrctl/table.h"

#define UPGRADE_MS 180000

const struct ctl_option ctl_list_workers_options[] = {
	{"--wide", NULL, false, "all columns, whatever the terminal's width"},
	{NULL},
};

static void cell_cpu(struct table *t, const cJSON *worker, const char *member)
{
	const cJSON *cpu = ctl_member(worker, member);

	if (cJSON_IsNumber(cpu) && cpu->valueint >= 0)
		table_cell(t, "%d", cpu->valueint);
	else
		table_cell(t, "any");
}

/* State of a worker, with its stand-in while it cannot run. */
static void cell_state(struct table *t, const cJSON *worker, const char *member)
{
	const cJSON *stand_in = ctl_member(worker, "stand_in");

	if (cJSON_IsNumber(stand_in))
		table_cell(t, "%s (worker %d serves)", ctl_text(worker, member),
			   stand_in->valueint);
	else
		table_cell(t, "%s", ctl_text(worker, member));
}

static void cell_share(struct table *t, const cJSON *worker, const char *member)
{
	const cJSON *share = ctl_member(worker, member);

	if (cJSON_IsNumber(share))
		table_cell(t, "%.1f", share->valuedouble);
	else
		table_cell(t, "-");
}

static void cell_yes_no(struct table *t, const cJSON *worker, const char *member)
{
	table_cell(t, "%s", cJSON_IsTrue(ctl_member(worker, member)) ? "yes" : "no");
}

static void cell_age(struct table *t, const cJSON *worker, const char *member)
{
	table_cell(t, "%.0f ms ago", ctl_number(worker, member));
}

static void cell_exit(struct table *t, const cJSON *worker, const char *member)
{
	const char *last = ctl_text(worker, member);

	table_cell(t, "%s", last[0] ? last : "-");
}

static void print_kernel_path(const cJSON *path)
{
	if (!cJSON_IsObject(path))
		return;
	printf("\nkernel path: generation %.0f, %s; %.0f references, %.0f blocks, hash %s; drift "
	       "detected %.0f times\n",
	       ctl_number(path, "generation"),
	       cJSON_IsTrue(ctl_member(path, "in_sync")) ? "in sync" : "not in sync",
	       ctl_number(path, "references"), ctl_number(path, "blocks"), ctl_text(path, "hash"),
	       ctl_number(path, "drift_detected"));
}

static void print_workers(const struct ctl *ctl, const cJSON *result)
{
	static const struct ctl_column columns[] = {
		{">WORKER", "worker", cell_number},
		{"+>PID", "pid", cell_number},
		{">CPU", "cpu", cell_cpu},
		{"STATE", "state", cell_state},
		{">RULES", "rules", cell_number},
		{">CPU %", "cpu_percent", cell_share},
		{"+IN SYNC", "in_sync", cell_yes_no},
		{"+>GENERATION", "generation", cell_number},
		{"+HASH", "hash", cell_text},
		{">HEARTBEAT", "heartbeat_age_ms", cell_age},
		{">RESTARTS", "worker_restarts", cell_number},
		{"+>HUNG", "health_check_failures", cell_number},
		{"+>DRIFT", "drift_detected", cell_number},
		{"+>REPAIRED", "drift_repaired", cell_number},
		{"+>SOCKET QUEUE", "socket_queue", cell_number},
		{"+LAST EXIT", "last_exit", cell_exit},
		{NULL},
	};

	columns_print(ctl_member(result, "workers"), columns, table_width(ctl_value(ctl, "--wide")),
		      "no workers");
	print_kernel_path(ctl_member(result, "kernel_path"));
}

enum ctl_status ctl_list_workers(const struct ctl *ctl)
{
	return ctl_run(ctl, "ListWorkers", NULL, print_workers);
}

static void print_pong(const struct ctl *ctl, const cJSON *result)
{
	printf("mcrd answers, up %.0f s\n", ctl_number(result, "uptime_ms") / 1000);
}

enum ctl_status ctl_ping(const struct ctl *ctl)
{
	return ctl_run(ctl, "Ping", NULL, print_pong);
}

static void print_upgraded(const struct ctl *ctl, const cJSON *result)
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
	struct ctl longer_wait = *ctl;

	longer_wait.answer_ms = UPGRADE_MS;
	return ctl_run(&longer_wait, "Upgrade", NULL, print_upgraded);
}

static void print_version(const struct ctl *ctl, const cJSON *result)
{
	printf("mcrd %s, protocol %s\n", ctl_text(result, "version"), ctl_text(result, "protocol"));
}

enum ctl_status ctl_version(const struct ctl *ctl)
{
	if (!ctl->json)
		printf("mcrctl %s\n", mcr_version);
	return ctl_run(ctl, "GetVersion", NULL, print_version);
}
