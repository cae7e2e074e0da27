/* SPDX-License-Identifier: MIT */
/*
 * join.h - group join and leave delay, and group capacity (RFC 3918, 6.1, 6.2 and 7.1)
 *
 * The RFC measures a multicast router, which hosts ask by IGMP.  A relay is asked by a rule, so the
 * delays begin with the request for the rule: to its first datagram at the sink, to its
 * last after it was taken away, and to the membership of the input interface.
 */
#ifndef HARNESS_BENCH_JOIN_H
#define HARNESS_BENCH_JOIN_H

#include "harness/bench/trial.h"

/**
 * struct bench_delays - in milliseconds
 * @member_ms: negative when the relay joins nothing by itself
 */
struct bench_delays {
	double join_ms;
	double leave_ms;
	double member_ms;
};

/**
 * bench_join_run() - add and remove the rule of a run once, under traffic
 * @run:    started with no_rule
 * @delays: filled on success
 * @error:  filled on failure, but for -EOPNOTSUPP
 *
 * Return: 0; -EOPNOTSUPP when rules of this relay cannot be changed; -EPROTO when nothing arrived,
 * or before there was a rule; other negative errno.
 */
int bench_join_run(struct bench_run *run, struct bench_delays *delays, struct lab_error *error);

/**
 * bench_capacity_try() - is every datagram of every group of a run forwarded?
 * @run:   started with groups
 * @error: filled on failure
 *
 * Return: 1 for yes, 0 for no; negative errno.
 */
int bench_capacity_try(const struct bench_run *run, struct lab_error *error);

#endif
