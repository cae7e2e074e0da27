/* SPDX-License-Identifier: MIT */
/* rivals.h - the relays that MCR is compared with: members of struct bench_relay */
#ifndef HARNESS_BENCH_RIVALS_H
#define HARNESS_BENCH_RIVALS_H

#include "harness/bench/run.h"

int bench_recv_send_start(struct bench_run *run, struct lab_error *error);
int bench_socat_start(struct bench_run *run, struct lab_error *error);

/* The kernel's multicast routing, by smcroute. */
int bench_kernel_start(struct bench_run *run, struct lab_error *error);
int bench_kernel_rule_add(struct bench_run *run, struct lab_error *error);
int bench_kernel_rule_remove(struct bench_run *run, struct lab_error *error);

/* A rule of nftables at the ingress of eth0, which sends to the sink's address. */
int bench_nftables_start(struct bench_run *run, struct lab_error *error);

#endif
