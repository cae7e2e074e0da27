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
 * struct bench_spent - CPU time per datagram sent
 * @machine_ns: of the whole machine; 0: unknown, because it was busy with something else
 * @tasks_ns:   of the generator, the relay's processes and the softirq threads, with the softirqs
 *              that ran on top of them; 0: the kernel accounts these apart
 */
struct bench_spent {
	double machine_ns;
	double tasks_ns;
};

/**
 * bench_trial_run() - one trial at a steady rate
 * @run:      started
 * @rate_pps: over all streams
 * @ms:       how long
 * @trial:    filled on success
 * @error:    filled on failure
 *
 * Return: 0; -EINTR when stopped; -EPROTO when a tool gave no report; other negative errno
 * of a start that failed.
 */
int bench_trial_run(const struct bench_run *run, double rate_pps, uint32_t ms,
		    struct bench_trial *trial, struct lab_error *error);

/**
 * bench_trial_in_bursts() - one trial whose datagrams leave the generator in bursts of about 1 ms
 * @run:      started
 * @rate_pps: over all streams, on average
 * @ms:       how long
 * @trial:    filled on success
 * @error:    filled on failure
 *
 * Return: as bench_trial_run().
 */
int bench_trial_in_bursts(const struct bench_run *run, double rate_pps, uint32_t ms,
			  struct bench_trial *trial, struct lab_error *error);

/**
 * bench_trial_send() - the traffic of bench_trial_in_bursts() without a sink, for the CPU time
 * @run:      started; its relay may have been stopped
 * @rate_pps: over all streams, on average
 * @ms:       how long
 * @spent:    filled on success
 * @error:    filled on failure
 *
 * Return: as bench_trial_run().
 */
int bench_trial_send(const struct bench_run *run, double rate_pps, uint32_t ms,
		     struct bench_spent *spent, struct lab_error *error);

/**
 * bench_trial_carried() - was nothing lost, by relay or sink, and did nothing pile up?
 * @run:   of the trial
 * @trial: borrowed
 */
bool bench_trial_carried(const struct bench_run *run, const struct bench_trial *trial);

/**
 * bench_trial_loss() - the share of datagrams that did not arrive
 * @run:   of the trial
 * @trial: borrowed
 *
 * Return: 0 to 1.
 */
double bench_trial_loss(const struct bench_run *run, const struct bench_trial *trial);

/**
 * struct bench_traffic - what the generator sends, in trials and in measurements that are none
 * @rate_pps, @count: over all flows
 * @flow_groups:      every flow goes to a group of its own, from @group on; else to a port
 * @segment:          datagrams a send, 1 to 64
 * @burst:            datagrams sent together; 0 or 1: each by itself on schedule
 */
struct bench_traffic {
	double rate_pps;
	uint64_t count;
	uint32_t flows;
	const char *group;
	uint16_t port;
	bool flow_groups;
	uint32_t segment;
	uint64_t burst;
};

/**
 * bench_start_gen() - start the generator, up to where it waits for proc_go()
 * @run:     started
 * @traffic: borrowed
 * @gen:     filled; bench_collect() or bench_abandon() is due after success
 * @error:   filled on failure
 *
 * Return: 0; negative errno with @error filled.
 */
int bench_start_gen(const struct bench_run *run, const struct bench_traffic *traffic,
		    struct proc *gen, struct lab_error *error);

/**
 * bench_start_sink() - start the sink, until it has joined
 * @run:     started
 * @expect:  datagrams after which it ends by itself; 0: it ends on SIGTERM or silence
 * @streams: over all output interfaces, 1 or more on each
 * @sink:    as @gen of bench_start_gen()
 * @error:   filled on failure
 *
 * Return: 0; negative errno with @error filled.
 */
int bench_start_sink(const struct bench_run *run, uint64_t expect, uint32_t streams,
		     struct proc *sink, struct lab_error *error);

/**
 * bench_collect() - wait for the end of a tool, and take its standard output
 * @proc: ended afterwards; one that was not started is allowed
 *
 * Return: its output, to be freed; NULL when it did not end in time, or was not started.
 */
char *bench_collect(struct proc *proc);

/**
 * bench_abandon() - kill a tool whose output is not needed
 * @proc: ended afterwards; one that was not started is allowed
 */
void bench_abandon(struct proc *proc);

#endif
