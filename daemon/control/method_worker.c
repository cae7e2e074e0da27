// SPDX-License-Identifier: MIT
/* method_worker.c - ListWorkers */
#include "daemon/control/method_worker.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/common/ending.h"
#include "daemon/control/call.h"
#include "daemon/control/kernel_path.h"
#include "daemon/control/publish.h"
#include "daemon/control/result.h"
#include "daemon/control/sampler.h"
#include "daemon/control/state.h"
#include "daemon/control/stats.h"

static cJSON *show_worker(const struct control *c, unsigned w, uint64_t queue, uint64_t now_ns)
{
	const struct control_worker *worker = &c->worker[w];
	cJSON *o = cJSON_CreateObject();
	const int cpu = control_sampled_cpu(c, w);
	struct worker_summary s;
	char hash[24], last[ENDING_TEXT_MAX];

	control_stats_worker(c, w, &s);
	snprintf(hash, sizeof(hash), "%016" PRIx64, s.hash);
	cJSON_AddNumberToObject(o, "worker", w);
	cJSON_AddNumberToObject(o, "pid", worker->pid ? worker->pid : (double)s.pid);
	cJSON_AddNumberToObject(o, "cpu", worker->cpu);
	cJSON_AddStringToObject(o, "state",
				worker->running ? worker_state_name(s.state) : "not running");
	if (worker->stand_in && !worker->running)
		cJSON_AddNumberToObject(o, "stand_in", worker->stand_in - 1);
	else
		cJSON_AddNullToObject(o, "stand_in");
	control_result_u64(o, "generation", s.generation);
	cJSON_AddStringToObject(o, "hash", hash);
	cJSON_AddBoolToObject(o, "in_sync",
			      worker->running &&
				      control_publish_confirmed(c, w, c->pub.generation));
	if (cpu >= 0)
		cJSON_AddNumberToObject(o, "cpu_percent", cpu / 10.0);
	else
		cJSON_AddNullToObject(o, "cpu_percent");
	control_result_u64(o, "rules", s.rules);
	control_result_u64(o, "heartbeat_age_ms",
			   now_ns > s.heartbeat_ns ? (now_ns - s.heartbeat_ns) / NS_PER_MS : 0);
	cJSON_AddStringToObject(
		o, "last_exit",
		ending_text(worker->ending, worker->exit_status, worker->ending_ms, last));
	control_result_u64(o, "drift_detected", c->heartbeat->drift_detected[w]);
	control_result_u64(o, "drift_repaired", c->heartbeat->drift_repaired[w]);
	control_result_u64(o, "worker_restarts", worker->restarts);
	control_result_u64(o, "health_check_failures", worker->health_check_failures);
	control_result_u64(o, "socket_queue", queue);
	return o;
}

static void add_queues(const struct control *c, uint64_t queues[static MCR_MAX_WORKERS])
{
	struct iface_slot_stats s;
	struct iface_queue q;

	for (uint32_t slot = 0; slot < MCR_MAX_IFACES; slot++) {
		if (control_stats_iface(c, slot, &s, &q) < 0)
			continue;
		for (unsigned w = 0; w < MCR_MAX_WORKERS; w++)
			queues[w] += q.all[w];
	}
}

static void show_kernel_path(const struct control *c, cJSON *json)
{
	struct kernel_path_state s;
	char hash[24];
	cJSON *o;

	if (!control_kernel_path_state(c, &s)) {
		cJSON_AddNullToObject(json, "kernel_path");
		return;
	}
	o = cJSON_AddObjectToObject(json, "kernel_path");
	snprintf(hash, sizeof(hash), "%016" PRIx64, s.hash);
	control_result_u64(o, "generation", s.generation);
	cJSON_AddStringToObject(o, "hash", hash);
	cJSON_AddBoolToObject(o, "in_sync", s.in_sync);
	cJSON_AddNumberToObject(o, "references", s.references);
	cJSON_AddNumberToObject(o, "blocks", s.blocks);
	control_result_u64(o, "drift_detected", c->heartbeat->kernel_path_drift);
}

void method_list_workers(struct call *call)
{
	const struct control *c = call->c;
	cJSON *json = cJSON_CreateObject();
	uint64_t queues[MCR_MAX_WORKERS] = {0};
	cJSON *list;

	control_result_u64(json, "generation", c->pub.generation);
	list = cJSON_AddArrayToObject(json, "workers");
	add_queues(c, queues);
	for (unsigned w = 0; w < c->workers; w++)
		cJSON_AddItemToArray(list, show_worker(c, w, queues[w], call->now_ns));
	show_kernel_path(c, json);
	call_finish(call, json);
}
