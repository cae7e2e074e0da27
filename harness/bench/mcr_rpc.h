/* SPDX-License-Identifier: MIT */
/* mcr_rpc.h - the control socket of a running mcrd: JSON-RPC, a line for each request and answer */
#ifndef HARNESS_BENCH_MCR_RPC_H
#define HARNESS_BENCH_MCR_RPC_H

#include "harness/bench/run.h"

/**
 * bench_control_open() - connect, and agree on the version.
 *
 * Return: a descriptor, to be closed; negative errno with @error filled.
 */
int bench_control_open(const struct bench_run *run, struct lab_error *error);

/**
 * bench_control_call() - ask, and wait for the answer.
 * @params: taken
 *
 * Return: 0 for a result; 1 for one that says that a worker has yet to take the rules; -EPROTO when
 * mcrd refuses; other negative errno; @error is filled with any.
 */
int bench_control_call(int fd, const char *method, cJSON *params, struct lab_error *error);

#endif
