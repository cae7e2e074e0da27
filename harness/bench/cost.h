/* SPDX-License-Identifier: MIT */
/*
 * cost.h - the CPU time that a relay adds to a machine
 *
 * It is the CPU time per datagram sent, less that of the same traffic without the relay: then the
 * kernel drops the datagrams at the relay's interface.  No program receives in the sink's node in
 * either case, so delivery to that node is in the difference and reading there is not.
 *
 * The rate of one stream is often limited by the generator, and says little about the relay then.
 * This figure does not depend on how fast the generator is.
 *
 * It is measured twice: as time in which the CPUs of the machine were not idle, and as time that
 * the scheduler charged to the tasks that work for the stream.  The first has everything in it,
 * and is of use only while the machine does nothing else.
 */
#ifndef HARNESS_BENCH_COST_H
#define HARNESS_BENCH_COST_H

#include "harness/bench/trial.h"

/**
 * bench_cost_measure() - measure it, and stop the relay
 * @run:      started; its relay is stopped afterwards
 * @rate_pps: highest rate without loss; the measurement is at half of it, or at the half of that
 *            when bursts of 1 ms are lost
 * @trial_ms: length of a trial
 * @ms:       length of each of the two runs; the clock of idle time has steps of 10 ms
 * @added:    filled on success; a figure that there is not is 0: bursts were lost at every rate, or
 *            the machine did something else
 * @error:    filled on failure
 *
 * Return: 0; negative errno of bench_trial_run().
 */
int bench_cost_measure(struct bench_run *run, double rate_pps, uint32_t trial_ms, uint32_t ms,
		       struct bench_spent *added, struct lab_error *error);

/**
 * bench_cost_unwanted() - the same of frames that no rule wants
 * @run:      started, of the kind BENCH_UNWANTED; its relay is stopped afterwards
 * @rate_pps: offered
 * @ms:       length of each of the two runs
 * @added:    filled on success, per frame; a cost near zero may come out below it
 * @error:    filled on failure
 *
 * Return: 0; negative errno of bench_trial_run().
 */
int bench_cost_unwanted(struct bench_run *run, double rate_pps, uint32_t ms,
			struct bench_spent *added, struct lab_error *error);

#endif
