// SPDX-License-Identifier: MIT
/*
 * mcr.c - MCR as a measured relay: configured by a file, ready by sd_notify, rules by JSON-RPC
 *
 * Only the outside of MCR is used, as an operator would.
 */
#include "harness/bench/mcr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "harness/base/rpc.h"
#include "harness/bench/program.h"

#define RULES_A_LOAD 5000u /* a message to the daemon may be 1 MiB long */
#define ASK_AGAIN_MS 20

static cJSON *endpoint(const char *interface, const char *group, uint32_t port)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "interface", interface);
	cJSON_AddStringToObject(json, "group", group);
	cJSON_AddNumberToObject(json, "port", port);
	return json;
}

/* A rule whose outputs are consecutive ports on one interface, or one port on several. */
static cJSON *make_rule(const struct bench_run *run, const char *group, uint32_t port,
			uint32_t first_out, uint32_t fanout)
{
	const bool spread = fanout > 1 && bench_interfaces(run) > 1;
	cJSON *rule = cJSON_CreateObject();
	cJSON *outputs;

	cJSON_AddItemToObject(rule, "input", endpoint("eth0", group, port));
	if (run->scenario->consume)
		cJSON_AddTrueToObject(rule, "consume");
	/* The program that consumes is there with --path auto only. */
	if (run->scenario->consume && !run->kind->kernel_path)
		cJSON_AddStringToObject(rule, "path", "user");
	outputs = cJSON_AddArrayToObject(rule, "outputs");
	for (uint32_t i = 0; i < fanout; i++) {
		char interface[16];
		cJSON *out;

		snprintf(interface, sizeof(interface), "eth%u", spread ? 1 + i : 1);
		out = endpoint(interface, bench_out_group(run), spread ? first_out : first_out + i);
		cJSON_AddNumberToObject(out, "ttl", 8);
		cJSON_AddItemToArray(outputs, out);
	}
	return rule;
}

static const char *idle_group(uint32_t index, char text[static INET_ADDRSTRLEN])
{
	struct in_addr group = {.s_addr = htonl(BENCH_IDLE_GROUP + index)};

	return inet_ntop(AF_INET, &group, text, INET_ADDRSTRLEN);
}

static void add_streams(const struct bench_run *run, cJSON *rules)
{
	const struct bench_scenario *s = run->scenario;

	for (uint32_t i = 0; i < s->flows && !run->no_rule && run->groups <= 1; i++)
		cJSON_AddItemToArray(rules, make_rule(run, BENCH_IN_GROUP, BENCH_IN_PORT + i,
						      BENCH_OUT_PORT + i * s->fanout, s->fanout));
}

/* Members given on the command line stand over our own. */
static void put_extra(cJSON *config, const cJSON *extra)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, extra) {
		cJSON_DeleteItemFromObjectCaseSensitive(config, member->string);
		cJSON_AddItemToObject(config, member->string, cJSON_Duplicate(member, true));
	}
}

static cJSON *make_config(const struct bench_run *run)
{
	bool per_packet = run->kind->per_packet;
	cJSON *config = cJSON_CreateObject();

	cJSON_AddNumberToObject(config, "workers", run->scenario->workers);
	cJSON_AddBoolToObject(config, "per_packet", per_packet);
	cJSON_AddBoolToObject(cJSON_AddObjectToObject(config, "gro"), "eth0",
			      run->scenario->gro && !per_packet);
	add_streams(run, cJSON_AddArrayToObject(config, "rules"));
	if (!per_packet && run->settings->mcr_extra)
		put_extra(config, run->settings->mcr_extra);
	return config;
}

static int write_config(const struct bench_run *run)
{
	cJSON *config = make_config(run);
	char *text = cJSON_Print(config);
	char path[96];
	FILE *file;
	int ret = 0;

	bench_run_path(run, "config.json", path);
	file = fopen(path, "we");
	if (!file || !text || fputs(text, file) < 0)
		ret = -EIO;
	if (file && fclose(file) && ret == 0)
		ret = -errno;
	cJSON_free(text);
	cJSON_Delete(config);
	return ret;
}

static int connect_to(struct rpc *rpc, const struct bench_run *run, struct lab_error *error)
{
	char path[96];
	int ret;

	bench_run_path(run, "control.sock", path);
	ret = rpc_open(rpc, path, deadline_in_ms(BENCH_READY_MS));
	if (ret < 0)
		snprintf(error->text, sizeof(error->text), "mcrd: %.200s", rpc->error);
	return ret;
}

/* Takes @params.  Return: 0 with @result, which is to be deleted; negative errno. */
static int call(struct rpc *rpc, const char *method, cJSON *params, cJSON **result,
		struct lab_error *error)
{
	int ret = rpc_call(rpc, method, params, deadline_in_ms(BENCH_READY_MS), result);

	if (ret < 0)
		snprintf(error->text, sizeof(error->text), "mcrd: %.200s", rpc->error);
	return ret;
}

static int load_rules(const struct bench_run *run, struct rpc *rpc, uint32_t first, uint32_t n,
		      struct lab_error *error)
{
	cJSON *config = cJSON_CreateObject(), *params = cJSON_CreateObject();
	cJSON *rules = cJSON_AddArrayToObject(config, "rules");
	char group[INET_ADDRSTRLEN];
	cJSON *result;
	char *text;
	int ret;

	for (uint32_t i = first; i < first + n; i++)
		cJSON_AddItemToArray(rules, make_rule(run, idle_group(i, group), BENCH_IN_PORT,
						      BENCH_OUT_PORT, 1));
	text = cJSON_PrintUnformatted(config);
	cJSON_AddStringToObject(params, "text", text);
	cJSON_free(text);
	cJSON_Delete(config);
	ret = call(rpc, "LoadConfig", params, &result, error);
	cJSON_Delete(result);
	return ret;
}

/* Return: 1 when every worker has the published rules, 0 when not, negative errno. */
static int is_applied(struct rpc *rpc, struct lab_error *error)
{
	const cJSON *worker;
	cJSON *result;
	int ret = call(rpc, "ListWorkers", NULL, &result, error);

	if (ret < 0)
		return ret;
	ret = 1;
	cJSON_ArrayForEach(worker, cJSON_GetObjectItemCaseSensitive(result, "workers")) {
		if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(worker, "in_sync")))
			ret = 0;
	}
	cJSON_Delete(result);
	return ret;
}

/* Thousands of rules may take the workers longer than control waits with its answer. */
static int wait_applied(const struct bench_run *run, struct rpc *rpc, struct lab_error *error)
{
	struct deadline deadline = deadline_in_ms(BENCH_READY_MS);
	int ret;

	while ((ret = is_applied(rpc, error)) == 0) {
		if (deadline_passed(deadline))
			return bench_fail(error, ETIMEDOUT, "workers have not taken the rules");
		if (wait_readable(run->relay.pidfd, deadline_after_ms(ASK_AGAIN_MS)) == 0)
			return bench_fail(error, ECHILD, "mcrd");
	}
	return ret < 0 ? ret : 0;
}

/* Rules without traffic, or one for each group of a capacity run. */
static int load_groups(const struct bench_run *run, struct lab_error *error)
{
	uint32_t n = run->groups > 1 ? run->groups : run->scenario->idle_rules;
	struct rpc rpc;
	int ret;

	if (!n)
		return 0;
	ret = connect_to(&rpc, run, error);
	for (uint32_t first = 0; first < n && ret == 0; first += RULES_A_LOAD)
		ret = load_rules(run, &rpc, first,
				 n - first < RULES_A_LOAD ? n - first : RULES_A_LOAD, error);
	if (ret == 0)
		ret = wait_applied(run, &rpc, error);
	rpc_close(&rpc);
	return ret;
}

static int spawn_and_wait(struct bench_run *run, struct lab_error *error)
{
	char mcrd[512], config[96], control[96], workers[12];
	struct sockaddr_un ready = {.sun_family = AF_UNIX};
	const char *argv[] = {mcrd,
			      "--config",
			      config,
			      "--control-socket-path",
			      control,
			      "--num-workers",
			      workers,
			      "--path",
			      run->kind->kernel_path || run->scenario->consume ? "auto" : "user",
			      "--pin",
			      "none",
			      NULL};
	int sock, ret;

	bench_program("mcrd", mcrd);
	bench_run_path(run, "config.json", config);
	bench_run_path(run, "control.sock", control);
	bench_run_path(run, "notify", ready.sun_path);
	snprintf(workers, sizeof(workers), "%u", run->scenario->workers);
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0 || bind(sock, (const struct sockaddr *)&ready, sizeof(ready)) < 0) {
		ret = bench_fail(error, errno, "readiness socket");
		goto out;
	}
	setenv("NOTIFY_SOCKET", ready.sun_path, 1);
	ret = bench_run_spawn(run, argv, false);
	unsetenv("NOTIFY_SOCKET");
	if (ret < 0) {
		bench_fail(error, -ret, "mcrd");
		goto out;
	}
	ret = wait_readable(sock, deadline_in_ms(BENCH_READY_MS));
	if (ret < 0)
		bench_fail(error, -ret, "mcrd does not get ready");
out:
	if (sock >= 0)
		close(sock);
	return ret;
}

/* Return: 1 when the kernel has the rules, 0 when not, and then *why; negative errno. */
static int is_in_kernel(struct rpc *rpc, char why[static 128], struct lab_error *error)
{
	const cJSON *rule, *output;
	cJSON *result;
	int ret = call(rpc, "ListRules", NULL, &result, error);

	if (ret < 0)
		return ret;
	ret = 1;
	cJSON_ArrayForEach(rule, cJSON_GetObjectItemCaseSensitive(result, "rules")) {
		cJSON_ArrayForEach(output, cJSON_GetObjectItemCaseSensitive(rule, "outputs")) {
			const cJSON *path = cJSON_GetObjectItemCaseSensitive(output, "path");
			const cJSON *reason =
				cJSON_GetObjectItemCaseSensitive(output, "path_reason");

			if (cJSON_IsString(path) && !strcmp(path->valuestring, "kernel"))
				continue;
			ret = 0;
			snprintf(why, 128, "%s",
				 cJSON_IsString(reason) ? reason->valuestring : "unknown");
		}
	}
	cJSON_Delete(result);
	return ret;
}

static int wait_in_kernel(const struct bench_run *run, struct lab_error *error)
{
	struct deadline deadline = deadline_in_ms(BENCH_READY_MS);
	char why[128] = "";
	struct rpc rpc;
	int ret;

	if (!run->kind->kernel_path)
		return 0;
	ret = connect_to(&rpc, run, error);
	while (ret == 0 && (ret = is_in_kernel(&rpc, why, error)) == 0) {
		if (deadline_passed(deadline)) {
			ret = -ETIMEDOUT;
			snprintf(error->text, sizeof(error->text), "the kernel does not relay: %s",
				 why);
		} else if (wait_readable(run->relay.pidfd, deadline_after_ms(ASK_AGAIN_MS)) == 0) {
			ret = bench_fail(error, ECHILD, "mcrd");
		}
	}
	rpc_close(&rpc);
	return ret < 0 ? ret : 0;
}

int bench_mcr_start(struct bench_run *run, struct lab_error *error)
{
	int ret = write_config(run);

	if (ret < 0)
		return bench_fail(error, -ret, "configuration of mcrd");
	ret = spawn_and_wait(run, error);
	if (ret == 0)
		ret = load_groups(run, error);
	return ret < 0 ? ret : wait_in_kernel(run, error);
}

static int change_rule(struct bench_run *run, const char *method, cJSON *params,
		       struct lab_error *error)
{
	cJSON *result = NULL;
	struct rpc rpc;
	int ret = connect_to(&rpc, run, error);

	if (ret < 0)
		cJSON_Delete(params);
	else
		ret = call(&rpc, method, params, &result, error);
	cJSON_Delete(result);
	rpc_close(&rpc);
	return ret;
}

int bench_mcr_rule_add(struct bench_run *run, struct lab_error *error)
{
	cJSON *rule = make_rule(run, BENCH_IN_GROUP, BENCH_IN_PORT, BENCH_OUT_PORT, 1);

	cJSON_AddStringToObject(rule, "name", "bench");
	return change_rule(run, "AddRule", rule, error);
}

int bench_mcr_rule_remove(struct bench_run *run, struct lab_error *error)
{
	cJSON *name = cJSON_CreateObject();

	cJSON_AddStringToObject(name, "name", "bench");
	return change_rule(run, "RemoveRuleByName", name, error);
}
