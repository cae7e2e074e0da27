// SPDX-License-Identifier: MIT
/* trial.c - start generator and sink, let them go, and collect their reports */
#include "harness/bench/trial.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/bench/cpu.h"
#include "harness/bench/program.h"

#define TOOL_MS      30000
#define IDLE_MS      200
#define RCVBUF_BYTES (128u << 20)
#define MAX_WORDS    48
#define BURST_S      0.001
#define SETTLE_MS    20
#define LEAST_IDLE   0.02 /* of all CPUs: without idle time all that is measured is the clock */
#define MOST_OTHERS  0.05 /* of all CPUs: more is work that is not for the stream */
/* Datagrams that arrive after the generator has ended stood in a queue. */
#define PILE_UP   1.03
#define PILE_UP_S 0.010

/* A command line under construction. */
struct words {
	const char *argv[MAX_WORDS];
	char text[MAX_WORDS][24];
	unsigned n;
};

static void word(struct words *w, const char *text)
{
	w->argv[w->n++] = text;
	w->argv[w->n] = NULL;
}

static void option(struct words *w, const char *name, const char *value)
{
	word(w, name);
	word(w, value);
}

static void number(struct words *w, const char *name, double value)
{
	snprintf(w->text[w->n], sizeof(w->text[0]), "%.0f", value);
	option(w, name, w->text[w->n]);
}

static int spawn(const struct bench_run *run, const char *node, const struct words *w, bool go,
		 struct proc *proc, struct lab_error *error)
{
	struct proc_spec spec = PROC_SPEC_INIT;
	char log[96];
	int status;
	int ret;

	bench_run_path(run, "log", log);
	spec.argv = w->argv;
	spec.userns_fd = run->lab.userns_fd;
	spec.netns_fd = bench_run_node(run, node);
	spec.ready = true;
	spec.go = go;
	spec.capture = true;
	spec.stderr_path = log; /* that a rate is out of reach is what a search looks for */
	ret = proc_spawn(proc, &spec);
	if (ret == 0)
		ret = proc_wait_ready(proc, deadline_in_ms(TOOL_MS));
	if (ret == 0)
		return 0;
	if (proc->pid)
		proc_stop(proc, SIGKILL, deadline_in_ms(TOOL_MS), &status);
	return bench_fail(error, -ret, go ? "mcrgen" : "mcrsink");
}

int bench_start_sink(const struct bench_run *run, uint64_t expect, uint32_t streams,
		     struct proc *sink, struct lab_error *error)
{
	const uint32_t n = bench_interfaces(run);
	char interfaces[512];
	int used = 0;
	struct words w = {0};
	char path[512];

	bench_program("mcrsink", path);
	for (uint32_t i = 0; i < n; i++)
		used += snprintf(interfaces + used, sizeof(interfaces) - (size_t)used, "%seth%u",
				 i ? "," : "", i);
	word(&w, path);
	option(&w, "--interface", interfaces);
	option(&w, "--group", bench_out_group(run));
	number(&w, "--port", bench_out_port(run));
	number(&w, "--flows", streams / n);
	if (expect) {
		number(&w, "--count", (double)expect);
		number(&w, "--idle-ms", IDLE_MS);
	}
	/* For when nothing at all arrives. */
	number(&w, "--timeout-ms", TOOL_MS / 3);
	number(&w, "--rcvbuf", RCVBUF_BYTES);
	number(&w, "--ready-fd", PROC_READY_FD);
	if (run->settings->sink_cpu >= 0)
		number(&w, "--cpu", run->settings->sink_cpu);
	word(&w, "--gro");
	/*
	 * A receiver takes every byte out of the kernel.  Judging them all would be the tester's,
	 * and with a fan-out so would taking them: those are many receivers, on other machines.
	 */
	word(&w, run->scenario->fanout > 1 ? "--first" : "--headers");
	word(&w, "--json");
	return spawn(run, "sink", &w, false, sink, error);
}

int bench_start_gen(const struct bench_run *run, const struct bench_traffic *traffic,
		    struct proc *gen, struct lab_error *error)
{
	struct words w = {0};
	char path[512];

	bench_program("mcrgen", path);
	word(&w, path);
	option(&w, "--interface", "eth0");
	option(&w, "--group", traffic->group);
	number(&w, "--port", traffic->port);
	number(&w, "--size", run->scenario->payload_bytes);
	number(&w, "--flows", traffic->flows);
	number(&w, "--rate", traffic->rate_pps);
	number(&w, "--count", (double)traffic->count);
	number(&w, "--segment", traffic->segment);
	if (traffic->burst > 1)
		number(&w, "--burst", (double)traffic->burst);
	number(&w, "--ready-fd", PROC_READY_FD);
	number(&w, "--go-fd", PROC_GO_FD);
	if (run->settings->gen_cpu >= 0)
		number(&w, "--cpu", run->settings->gen_cpu);
	if (traffic->flow_groups)
		word(&w, "--flow-groups");
	word(&w, "--json");
	return spawn(run, "gen", &w, true, gen, error);
}

char *bench_collect(struct proc *proc)
{
	char *text = NULL;
	int status;
	int ret;

	if (!proc->pid)
		return NULL;
	ret = proc_collect(proc, deadline_in_ms(TOOL_MS), &text);
	proc_stop(proc, ret ? SIGKILL : 0, deadline_in_ms(TOOL_MS), &status);
	return text;
}

void bench_abandon(struct proc *proc)
{
	int status;

	if (proc->pid)
		proc_stop(proc, SIGKILL, deadline_in_ms(TOOL_MS), &status);
}

static int fill(struct bench_trial *t, const char *gen_text, const char *sink_text)
{
	struct report_gen gen;
	struct report_sink sink;

	if (!gen_text || !sink_text || report_read_gen(&gen, gen_text) ||
	    report_read_sink(&sink, sink_text))
		return -EPROTO;
	t->offered_pps = gen.pps;
	t->sent = gen.sent;
	t->received = sink.unique;
	t->sink_drops = sink.sink_drops;
	t->sent_s = gen.elapsed_s;
	t->received_s = sink.elapsed_s;
	t->latency = sink.latency;
	return 0;
}

static int start_noise(const struct bench_run *run, uint32_t ms, struct proc *noise,
		       struct lab_error *error)
{
	const struct bench_traffic traffic = {
		.rate_pps = run->scenario->noise_pps,
		.count = (uint64_t)run->scenario->noise_pps * ms / 1000,
		.flows = 1,
		.group = BENCH_NOISE_GROUP,
		.port = BENCH_IN_PORT,
		.segment = 1,
	};

	return run->scenario->noise_pps ? bench_start_gen(run, &traffic, noise, error) : 0;
}

static struct bench_traffic make_traffic(const struct bench_run *run, double rate_pps, uint32_t ms)
{
	return (struct bench_traffic){
		.rate_pps = rate_pps,
		.count = (uint64_t)(rate_pps * ms / 1000 + 1),
		.flows = run->scenario->flows,
		.group = run->scenario->kind == BENCH_UNWANTED ? BENCH_NOISE_GROUP : BENCH_IN_GROUP,
		.port = BENCH_IN_PORT,
		.segment = bench_scenario_burst(run->scenario, rate_pps),
	};
}

/* Between two bursts the generator sleeps: spinning would hide work done on its CPU. */
static struct bench_traffic make_bursts(const struct bench_run *run, double rate_pps, uint32_t ms)
{
	struct bench_traffic traffic = make_traffic(run, rate_pps, ms);

	traffic.burst = (uint64_t)(rate_pps * BURST_S / traffic.segment + 1) * traffic.segment;
	return traffic;
}

static int run_trial(const struct bench_run *run, const struct bench_traffic *traffic, uint32_t ms,
		     struct bench_trial *trial, struct lab_error *error)
{
	const struct bench_scenario *s = run->scenario;
	struct proc sink = {0}, gen = {0}, noise = {0};
	double relay_ns, machine_ns;
	char *gen_text, *sink_text;
	int ret;

	if (*run->settings->stop)
		return bench_fail(error, EINTR, "stopped");
	memset(trial, 0, sizeof(*trial));
	trial->asked_pps = traffic->rate_pps;
	ret = bench_start_sink(run, traffic->count * s->fanout, s->flows * s->fanout, &sink, error);
	if (ret == 0)
		ret = bench_start_gen(run, traffic, &gen, error);
	if (ret == 0)
		ret = start_noise(run, ms, &noise, error);
	if (ret < 0) {
		/* A program that still waits for its start or for datagrams would wait long. */
		bench_abandon(&noise);
		bench_abandon(&gen);
		bench_abandon(&sink);
		return ret;
	}
	relay_ns = bench_cpu_tree_ns(run->relay.pid);
	machine_ns = bench_cpu_machine_ns();
	if (noise.pid)
		proc_go(&noise);
	proc_go(&gen);
	gen_text = bench_collect(&gen);
	sink_text = bench_collect(&sink);
	relay_ns = bench_cpu_tree_ns(run->relay.pid) - relay_ns;
	machine_ns = bench_cpu_machine_ns() - machine_ns;
	free(bench_collect(&noise));
	ret = fill(trial, gen_text, sink_text);
	if (ret < 0)
		bench_fail(error, EPROTO, "generator or sink gave no report");
	if (trial->sent) {
		/* smcrouted's own time is not that of the kernel which forwards. */
		trial->relay_ns = run->kind->user_space ? relay_ns / (double)trial->sent : 0;
		trial->machine_ns = machine_ns / (double)trial->sent;
	}
	free(gen_text);
	free(sink_text);
	return ret;
}

int bench_trial_run(const struct bench_run *run, double rate_pps, uint32_t ms,
		    struct bench_trial *trial, struct lab_error *error)
{
	const struct bench_traffic traffic = make_traffic(run, rate_pps, ms);

	return run_trial(run, &traffic, ms, trial, error);
}

int bench_trial_in_bursts(const struct bench_run *run, double rate_pps, uint32_t ms,
			  struct bench_trial *trial, struct lab_error *error)
{
	const struct bench_traffic traffic = make_bursts(run, rate_pps, ms);

	return run_trial(run, &traffic, ms, trial, error);
}

/* Clocks of everything that may work for a stream. */
struct clocks {
	double at_ns;
	double idle_ns;
	double tasks_ns;
};

static struct clocks read_clocks(const struct bench_run *run)
{
	return (struct clocks){
		.at_ns = (double)monotonic_ns(),
		.idle_ns = bench_cpu_idle_ns(),
		.tasks_ns = bench_cpu_children_ns() + bench_cpu_softirq_ns() +
			    (run->relay.pid ? bench_cpu_tree_ns(run->relay.pid) : 0),
	};
}

/* Between the clocks of @before and now. */
static struct bench_spent spent_since(const struct bench_run *run, const struct clocks *before,
				      uint64_t sent)
{
	const struct clocks now = read_clocks(run);
	const double cpus = (double)sysconf(_SC_NPROCESSORS_ONLN);
	const double all_ns = cpus * (now.at_ns - before->at_ns);
	const double idle_ns = now.idle_ns - before->idle_ns;
	const double tasks_ns = now.tasks_ns - before->tasks_ns;
	const double others_ns = all_ns - idle_ns - tasks_ns;
	struct bench_spent spent = {0};

	if (idle_ns > all_ns * LEAST_IDLE && others_ns < all_ns * MOST_OTHERS)
		spent.machine_ns = (all_ns - idle_ns) / (double)sent;
	if (bench_cpu_softirq_is_charged())
		spent.tasks_ns = tasks_ns / (double)sent;
	return spent;
}

int bench_trial_send(const struct bench_run *run, double rate_pps, uint32_t ms,
		     struct bench_spent *spent, struct lab_error *error)
{
	const struct bench_traffic traffic = make_bursts(run, rate_pps, ms);
	struct proc gen = {0}, noise = {0};
	struct report_gen report;
	struct clocks before;
	char *text;
	int ret;

	if (*run->settings->stop)
		return bench_fail(error, EINTR, "stopped");
	before = read_clocks(run);
	ret = bench_start_gen(run, &traffic, &gen, error);
	if (ret == 0)
		ret = start_noise(run, ms, &noise, error);
	if (ret < 0) {
		bench_abandon(&gen);
		return ret;
	}
	if (noise.pid)
		proc_go(&noise);
	proc_go(&gen);
	text = bench_collect(&gen);
	free(bench_collect(&noise));
	wait_ms(SETTLE_MS); /* the relay sends its last batch */
	ret = text && report_read_gen(&report, text) == 0 && report.sent ? 0 : -EPROTO;
	if (ret < 0)
		bench_fail(error, EPROTO, "generator gave no report");
	else
		*spent = spent_since(run, &before, report.sent);
	free(text);
	return ret;
}

bool bench_trial_carried(const struct bench_run *run, const struct bench_trial *trial)
{
	return trial->received >= trial->sent * run->scenario->fanout && !trial->sink_drops &&
	       trial->received_s <= trial->sent_s * PILE_UP + PILE_UP_S;
}

double bench_trial_loss(const struct bench_run *run, const struct bench_trial *trial)
{
	double wanted = (double)trial->sent * run->scenario->fanout;

	return wanted > 0 && wanted > (double)trial->received ? 1 - (double)trial->received / wanted
							      : 0;
}
