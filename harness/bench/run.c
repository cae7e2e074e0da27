// SPDX-License-Identifier: MIT
/* run.c - bring the lab up, start the relay, and end both */
#include "harness/bench/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/jsonread.h"
#include "harness/lab/lab.h"
#include "harness/topology/find.h"
#include "harness/topology/topology.h"

#define STOP_MS      5000
#define JUMBO_ABOVE  1472
#define TOPOLOGY_MAX 16384
#define BASE_MAX     40

int bench_fail(struct lab_error *error, int err, const char *what)
{
	snprintf(error->text, sizeof(error->text), "%.200s: %s", what, strerror(err));
	return -err;
}

uint32_t bench_interfaces(const struct bench_run *run)
{
	return run->scenario->interfaces ? run->scenario->interfaces : 1;
}

const char *bench_out_group(const struct bench_run *run)
{
	if (run->scenario->unicast)
		return BENCH_SINK_ADDRESS;
	return run->kind->translates ? BENCH_OUT_GROUP : BENCH_IN_GROUP;
}

uint16_t bench_out_port(const struct bench_run *run)
{
	return run->kind->translates ? BENCH_OUT_PORT : BENCH_IN_PORT;
}

int bench_run_node(const struct bench_run *run, const char *node)
{
	return run->lab.netns_fds[topology_node(run->topo, node)];
}

void bench_run_path(const struct bench_run *run, const char *name, char path[static 96])
{
	snprintf(path, 96, "%s/%s", run->dir, name);
}

int bench_run_spawn(struct bench_run *run, const char *const *argv, bool capture)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	char log[96];

	bench_run_path(run, "log", log);
	spec.argv = argv;
	spec.userns_fd = run->lab.userns_fd;
	spec.netns_fd = bench_run_node(run, "relay");
	spec.capture = capture;
	spec.stderr_path = log;
	return proc_spawn(&run->relay, &spec);
}

/* Writes the topology as JSON. */
static void describe(const struct bench_run *run, char text[static TOPOLOGY_MAX])
{
	bool gro = run->scenario->gro && run->kind->takes_super;
	const char *mtu = run->scenario->payload_bytes > JUMBO_ABOVE ? "\"mtu\": 9000, " : "";
	int used;

	used = snprintf(
		text, TOPOLOGY_MAX,
		"{\"name\": \"bench\", \"nodes\": {\"gen\": {}, \"relay\": {\"rp_filter\": 0, "
		"\"forwarding\": true}, \"sink\": {\"rp_filter\": 0}}, \"links\": [{%s"
		"\"ends\": [{\"at\": \"gen:eth0\", \"addresses\": [\"" BENCH_SOURCE
		"/24\"], \"uso\": "
		"%s},"
		"{\"at\": \"relay:eth0\", \"addresses\": [\"10.20.0.1/24\"], \"gro\": %s}]}",
		mtu, run->scenario->super ? "true" : "false", gro ? "true" : "false");
	for (uint32_t i = 1; i <= bench_interfaces(run); i++)
		used += snprintf(text + used, TOPOLOGY_MAX - (size_t)used,
				 ",{%s\"ends\": [{\"at\": \"relay:eth%u\", \"addresses\": "
				 "[\"10.90.%u.1/24\"], \"uso\": true}, {\"at\": \"sink:eth%u\", "
				 "\"addresses\": [\"10.90.%u.2/24\"]}]}",
				 mtu, i, i, i - 1, i);
	snprintf(text + used, TOPOLOGY_MAX - (size_t)used, "]}");
}

static int make_topology(struct bench_run *run, struct lab_error *error)
{
	struct json_error json;
	char text[TOPOLOGY_MAX];

	describe(run, text);
	run->topo = malloc(sizeof(*run->topo));
	if (!run->topo)
		return bench_fail(error, ENOMEM, "topology");
	if (topology_parse(run->topo, text, "bench", &json) < 0) {
		snprintf(error->text, sizeof(error->text), "%.200s", json.text);
		return -EINVAL;
	}
	return 0;
}

int bench_run_start(struct bench_run *run, struct lab_error *error)
{
	const char *base = getenv("TMPDIR");
	int ret;

	if (*run->settings->stop)
		return bench_fail(error, EINTR, "stopped");
	/* Sockets lie in it, and their paths must be short. */
	if (!base || strlen(base) > BASE_MAX)
		base = "/tmp";
	snprintf(run->dir, sizeof(run->dir), "%s/mcrbench.XXXXXX", base);
	if (!mkdtemp(run->dir)) {
		run->dir[0] = '\0';
		return bench_fail(error, errno, "temporary directory");
	}
	ret = make_topology(run, error);
	if (ret < 0)
		return ret;
	ret = lab_up(&run->lab, run->topo, error);
	if (ret < 0)
		return ret;
	run->lab_is_up = true;
	return run->kind->start(run, error);
}

static void remove_files(const struct bench_run *run)
{
	static const char *const files[] = {"config.json",   "control.sock", "control.sock.status",
					    "status.sock",   "notify",       "log",
					    "smcroute.conf", "smcroute.pid", "smcroute.sock",
					    "relay.nft"};
	char path[96];

	for (unsigned i = 0; i < sizeof(files) / sizeof(*files); i++) {
		bench_run_path(run, files[i], path);
		unlink(path);
	}
	rmdir(run->dir);
}

void bench_run_stop(struct bench_run *run)
{
	int status;

	if (run->relay.pid)
		proc_stop(&run->relay, SIGTERM, deadline_in_ms(STOP_MS), &status);
	if (run->lab_is_up)
		lab_down(&run->lab);
	free(run->topo);
	if (run->dir[0])
		remove_files(run);
	memset(run, 0, sizeof(*run));
}
