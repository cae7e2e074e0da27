/* SPDX-License-Identifier: MIT */
/* sampler_state.h - the series of all rules, outputs and workers */
#ifndef DAEMON_CONTROL_SAMPLER_STATE_H
#define DAEMON_CONTROL_SAMPLER_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/limits.h"
#include "daemon/control/traffic.h"

/**
 * struct control_sampler - all series
 * @next_ns:  when the next round, or the next part of a round, is due
 * @due_ns:   when the next round is
 * @at:       rules that were looked at in this round
 * @cpu_ns:   CPU time of each worker's process in this round, and before; 0: not known
 * @cpu_pid:  of which process
 */
struct control_sampler {
	struct traffic_clock clock;
	uint64_t next_ns, due_ns;
	size_t at;
	uint64_t cpu_ns[MCR_MAX_WORKERS], cpu_before_ns[MCR_MAX_WORKERS];
	int32_t cpu_pid[MCR_MAX_WORKERS];
	struct traffic_series rule[MCR_MAX_RULES];
	struct traffic_series output[MCR_MAX_OUTPUTS];
};

#endif
