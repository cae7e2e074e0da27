/* SPDX-License-Identifier: MIT */
/*
 * sampler.h - looks at the counters of all rules once a second, some at a time
 *
 * It reads the sums of control_stats_rule() and control_stats_output(), of workers and kernel
 * path together, and keeps the rates of each rule and output.
 */
#ifndef DAEMON_CONTROL_SAMPLER_H
#define DAEMON_CONTROL_SAMPLER_H

#include <stdint.h>

#include "daemon/control/traffic.h"

struct control;
struct ruleset_entry;

/* Rates and times of one rule or output; times are CLOCK_MONOTONIC, 0: never. */
struct sampled {
	struct traffic_rates rates;
	uint64_t first_ns, last_ns, gap_ns;
};

void control_sampler_start(struct control *c, uint64_t now_ns);

/* When c->sampler.next_ns has come: a bounded part of a round. */
void control_sampler_tick(struct control *c, uint64_t now_ns);

void control_sampled_rule(const struct control *c, const struct ruleset_entry *e,
			  struct sampled *out);
void control_sampled_output(const struct control *c, const struct ruleset_entry *e, unsigned i,
			    struct sampled *out);

/* Share of one CPU that a worker's process had between the last rounds, per mille; -1: not known.
 */
int control_sampled_cpu(const struct control *c, unsigned worker);

#endif
