/* SPDX-License-Identifier: MIT */
/*
 * cost.h - the CPU time that a relay adds to a machine
 *
 * It is the CPU time of the whole machine per datagram sent, less that of the same traffic without
 * the relay: then the kernel drops the datagrams at the relay's interface.  No program receives in
 * the sink's node in either case, so delivery to that node is in the difference and reading there
 * is not.
 *
 * The rate of one stream is often limited by the generator, and says little about the relay then.
 * This figure does not depend on how fast the generator is.
 */
#ifndef HARNESS_BENCH_COST_H
#define HARNESS_BENCH_COST_H

#include "harness/bench/run.h"

/**
 * bench_cost_measure() - measure it, and stop the relay
 * @run:      started; its relay is stopped afterwards
 * @rate_pps: highest rate without loss; the measurement is at half of it, or at the half of that
 *            when bursts of 1 ms are lost
 * @trial_ms: length of a trial
 * @ms:       length of each of the two runs; the clock of idle time has steps of 10 ms
 * @added_ns: filled on success: nanoseconds per datagram sent
 * @error:    filled on failure
 *
 * Return: 1; 0 when there is no figure: bursts were lost at every rate, the machine had no idle
 * time, or the difference is too small to be measured; negative errno of bench_trial_run().
 */
int bench_cost_measure(struct bench_run *run, double rate_pps, uint32_t trial_ms, uint32_t ms,
		       double *added_ns, struct lab_error *error);

/**
 * bench_cost_unwanted() - the same of frames that no rule wants
 * @run:      started, of the kind BENCH_UNWANTED; its relay is stopped afterwards
 * @rate_pps: offered
 * @ms:       length of each of the two runs
 * @added_ns: filled on success: nanoseconds per frame; a cost near zero may come out below it
 * @error:    filled on failure
 *
 * Return: 1; 0 when the machine had no idle time; negative errno of bench_trial_run().
 */
int bench_cost_unwanted(struct bench_run *run, double rate_pps, uint32_t ms, double *added_ns,
			struct lab_error *error);

#endif
