/* SPDX-License-Identifier: MIT */
/* mcr.h - MCR as a relay of the benchmark: members of struct bench_relay */
#ifndef HARNESS_BENCH_MCR_H
#define HARNESS_BENCH_MCR_H

#include "harness/bench/run.h"

int bench_mcr_start(struct bench_run *run, struct lab_error *error);
int bench_mcr_rule_add(struct bench_run *run, struct lab_error *error);
int bench_mcr_rule_remove(struct bench_run *run, struct lab_error *error);

#endif
