// SPDX-License-Identifier: MIT
/*
 * bench_trial.c - one rate for a while, and the search over rates
 *
 * The generator and the sink are the harness's own programs, in their nodes; the sink
 * is a plain kernel UDP socket, and its own drops end a trial as failed, never as the
 * relay's loss.
 */
#include "harness/bench.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cJSON.h>

#define TOOL_MS	 20000
#define IDLE_MS	 "400"
#define MAX_ARGS 40

struct words {
	const char *argv[MAX_ARGS];
	char text[MAX_ARGS][24];
	unsigned int n;
};

static void word(struct words *w, const char *text)
{
	w->argv[w->n++] = text;
	w->argv[w->n] = NULL;
}

static void number(struct words *w, const char *option, uint64_t value)
{
	word(w, option);
	snprintf(w->text[w->n], sizeof(w->text[0]), "%llu", (unsigned long long)value);
	word(w, w->text[w->n]);
}

static int spawn(const struct bench_run *run, const char *node, const struct words *w, bool go,
		 struct proc *proc)
{
	struct proc_spec spec = PROC_SPEC_INIT;

	spec.argv = w->argv;
	spec.userns_fd = run->lab.userns_fd;
	spec.netns_fd = run->lab.netns_fds[topology_node(run->topo, node)];
	spec.ready = true;
	spec.go = go;
	spec.capture = true;
	return proc_spawn(proc, &spec);
}

static void tool_path(const char *name, char path[static 512])
{
	ssize_t n = readlink("/proc/self/exe", path, 400);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	snprintf(slash ? slash + 1 : path, 100, "%s", name);
}

static int start_sink(const struct bench_run *run, uint64_t expect, struct proc *sink)
{
	const struct bench_scenario *s = run->scenario;
	struct words w = {0};
	char path[512];
	int ret;

	tool_path("mcrsink", path);
	word(&w, path);
	word(&w, "--interface");
	word(&w, "eth0");
	word(&w, "--group");
	word(&w, bench_out_group(run->backend));
	number(&w, "--port", bench_out_port(run->backend));
	number(&w, "--flows", s->flows * s->fanout);
	number(&w, "--count", expect);
	word(&w, "--idle-ms");
	word(&w, IDLE_MS);
	word(&w, "--gro");
	word(&w, "--json");
	number(&w, "--rcvbuf", 128u << 20);
	number(&w, "--ready-fd", PROC_READY_FD);
	ret = spawn(run, "sink", &w, false, sink);
	if (ret == 0)
		ret = proc_wait_ready(sink, deadline_in_ms(TOOL_MS));
	return ret;
}

/* Datagrams per UDP_SEGMENT send of the generator, so that it is not the limit. */
static uint32_t gen_segment(const struct bench_scenario *s, uint64_t rate_pps)
{
	uint32_t most = 60000 / s->payload_bytes;

	if (s->kind == BENCH_LATENCY || (rate_pps && rate_pps < 20000))
		return 1;
	if (s->flows > 1)
		return 1; /* streams interleave datagram by datagram */
	return most > 32 ? 32 : most;
}

static int start_gen(const struct bench_run *run, uint64_t rate_pps, uint64_t count,
		     struct proc *gen)
{
	const struct bench_scenario *s = run->scenario;
	struct words w = {0};
	char path[512];
	int ret;

	tool_path("mcrgen", path);
	word(&w, path);
	word(&w, "--interface");
	word(&w, "eth0");
	word(&w, "--group");
	word(&w, BENCH_IN_GROUP);
	number(&w, "--port", BENCH_IN_PORT);
	number(&w, "--size", s->payload_bytes);
	number(&w, "--flows", s->flows);
	number(&w, "--rate", rate_pps);
	number(&w, "--count", count);
	number(&w, "--segment", gen_segment(s, rate_pps));
	word(&w, "--json");
	number(&w, "--ready-fd", PROC_READY_FD);
	number(&w, "--go-fd", PROC_GO_FD);
	ret = spawn(run, "gen", &w, true, gen);
	if (ret == 0)
		ret = proc_wait_ready(gen, deadline_in_ms(TOOL_MS));
	return ret;
}

/* CPU time of the machine that was not idle, in nanoseconds. */
static double busy_ns(void)
{
	unsigned long long v[8] = {0};
	FILE *f = fopen("/proc/stat", "re");
	double ticks = 0;

	if (!f)
		return 0;
	if (fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &v[0], &v[1], &v[2], &v[3],
		   &v[4], &v[5], &v[6], &v[7]) == 8)
		ticks = (double)(v[0] + v[1] + v[2] + v[5] + v[6]);
	fclose(f);
	return ticks * 1e9 / (double)sysconf(_SC_CLK_TCK);
}

/* Reads the report of a tool: its last line of standard output. */
static cJSON *report(struct proc *proc)
{
	cJSON *json = NULL;
	char *text = NULL;
	int status;

	if (proc_collect(proc, deadline_in_ms(TOOL_MS), &text) == 0)
		json = cJSON_Parse(text);
	free(text);
	proc_stop(proc, 0, deadline_in_ms(TOOL_MS), &status);
	return json;
}

static double field(const cJSON *json, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static void fill(struct bench_trial *t, const cJSON *gen, const cJSON *sink)
{
	const cJSON *latency = cJSON_GetObjectItemCaseSensitive(sink, "latency_us");

	t->offered_pps = field(gen, "pps");
	t->sent = (uint64_t)field(gen, "sent");
	t->received = (uint64_t)field(sink, "received");
	t->sink_drops = (uint64_t)field(sink, "sink_drops");
	t->sent_s = field(gen, "elapsed_s");
	t->received_s = field(sink, "elapsed_s");
	t->p50_us = field(latency, "p50");
	t->p99_us = field(latency, "p99");
}

int bench_trial_run(const struct bench_run *run, uint64_t rate_pps, uint32_t ms,
		    struct bench_trial *trial, struct lab_error *error)
{
	const uint64_t count = (rate_pps * ms + 999) / 1000;
	cJSON *gen_report = NULL, *sink_report = NULL;
	struct proc sink = {0}, gen = {0};
	double before_ns;
	int ret;

	memset(trial, 0, sizeof(*trial));
	ret = start_sink(run, count * run->scenario->fanout, &sink);
	if (ret == 0)
		ret = start_gen(run, rate_pps, count, &gen);
	if (ret < 0) {
		int status;

		if (sink.pid)
			proc_stop(&sink, SIGKILL, deadline_in_ms(TOOL_MS), &status);
		snprintf(error->text, sizeof(error->text), "generator or sink: %s", strerror(-ret));
		return ret;
	}
	before_ns = busy_ns();
	proc_go(&gen);
	gen_report = report(&gen);
	sink_report = report(&sink);
	if (!gen_report || !sink_report) {
		snprintf(error->text, sizeof(error->text), "generator or sink gave no report");
		ret = -EPROTO;
	} else {
		fill(trial, gen_report, sink_report);
		trial->cpu_ns = trial->sent ? (busy_ns() - before_ns) / (double)trial->sent : 0;
	}
	cJSON_Delete(gen_report);
	cJSON_Delete(sink_report);
	return ret;
}
