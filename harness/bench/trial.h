/* SPDX-License-Identifier: MIT */
/*
 * trial.h - one rate offered to a running relay for a while, and the outcome
 *
 * Generator and sink are the harness's own programs, in their nodes; the sink is a plain kernel UDP
 * socket, and its own drops end a trial as failed, never as the relay's loss.
 */
#ifndef HARNESS_BENCH_TRIAL_H
#define HARNESS_BENCH_TRIAL_H

#include "harness/bench/run.h"
#include "harness/traffic/report_read.h"

/**
 * struct bench_trial - the outcome
 * @asked_pps, @offered_pps: rate asked of the generator, and the one it truly sent at
 * @sent, @received: datagrams; received counts all outputs
 * @sink_drops: datagrams that arrived and found the sink's queue full
 * @sent_s, @received_s: from the first to the last
 * @relay_ns:   CPU time of the relay's processes, per datagram sent; 0: has no process of its own
 * @machine_ns: CPU time of the machine that was not idle, per datagram sent
 */
struct bench_trial {
	double asked_pps;
	double offered_pps;
	uint64_t sent;
	uint64_t received;
	uint64_t sink_drops;
	double sent_s;
	double received_s;
	double relay_ns;
	double machine_ns;
	struct report_latency latency;
};

/**
 * bench_trial_run() - one trial.
 * @rate_pps: over all streams
 * @ms: how long
 * @trial: filled on success
 *
 * Return: 0; -EINTR when stopped; -EPROTO when a tool gave no report; other negative errno of what
 * could not be started; @error is filled with each.
 */
int bench_trial_run(const struct bench_run *run, double rate_pps, uint32_t ms,
		    struct bench_trial *trial, struct lab_error *error);

/** bench_trial_carried() - nothing was lost, by relay or sink, and nothing piled up. */
bool bench_trial_carried(const struct bench_run *run, const struct bench_trial *trial);

/** bench_trial_loss() - the share of datagrams that did not arrive, 0 to 1. */
double bench_trial_loss(const struct bench_run *run, const struct bench_trial *trial);

/**
 * struct bench_traffic - what the generator sends, in trials and in measurements that are none
 * @rate_pps, @count: over all flows
 * @flow_groups:      every flow goes to a group of its own, from @group on; else to a port
 * @segment:          datagrams a send, 1 to 64
 */
struct bench_traffic {
	double rate_pps;
	uint64_t count;
	uint32_t flows;
	const char *group;
	uint16_t port;
	bool flow_groups;
	uint32_t segment;
};

/**
 * bench_start_gen() - start the generator, up to where it waits for proc_go().
 * @gen: filled; bench_collect() or bench_abandon() is due after success
 *
 * Return: 0; negative errno with @error filled.
 */
int bench_start_gen(const struct bench_run *run, const struct bench_traffic *traffic,
		    struct proc *gen, struct lab_error *error);

/**
 * bench_start_sink() - start the sink, until it has joined.
 * @expect: datagrams after which it ends by itself; 0: it ends on SIGTERM or silence
 * @streams: told apart by their flow numbers, 1 or more
 * @sink: as @gen of bench_start_gen()
 *
 * Return: 0; negative errno with @error filled.
 */
int bench_start_sink(const struct bench_run *run, uint64_t expect, uint32_t streams,
		     struct proc *sink, struct lab_error *error);

/** bench_collect() - its standard output, to be freed; NULL when it did not end in time. */
char *bench_collect(struct proc *proc);

/** bench_abandon() - kill one whose output nobody needs; nothing when it was not started. */
void bench_abandon(struct proc *proc);

#endif
