/* SPDX-License-Identifier: MIT */
/*
 * drift.h - do the workers have the rules that were published?
 *
 * A worker writes generation and hash into its status page; the hash is computed
 * anew over the live table, so it shows the rules that the worker follows, not those that it
 * was sent.  There are two kinds of drift:
 *
 *   late   an older generation, and a heartbeat DRIFT_LATE_NS after the supervisor
 *          took a newer one
 *   wrong  a hash that its generation does not have, or a generation that never was
 *
 * Both are repaired by steps, each logged once:
 *
 *   seen twice -> publish -> publish -> restart the worker, every DRIFT_STEP_NS
 *
 * Only heartbeats count: a worker that is stopped or gets no CPU is not late.  The
 * supervisor finds workers that hang.
 *
 * A worker that is in order for DRIFT_CALM_NS begins with the first step again.  If it
 * drifts again sooner, the next step follows: publishing does not repair a table that
 * does not stay right.
 */
#ifndef DAEMON_CONTROL_DRIFT_H
#define DAEMON_CONTROL_DRIFT_H

#include <stdint.h>

#include "core/base/clock.h"

struct control;

#define DRIFT_CHECK_NS (100 * NS_PER_MS)
#define DRIFT_LATE_NS  (300 * NS_PER_MS)
#define DRIFT_GRACE_NS (150 * NS_PER_MS) /* hash and generation are not written together */
#define DRIFT_STEP_NS  (200 * NS_PER_MS)
#define DRIFT_CALM_NS  (10 * NS_PER_S)

enum drift_kind { DRIFT_NONE, DRIFT_LATE, DRIFT_WRONG };

/**
 * control_drift_look() - what the page of worker @w says, against what was published
 * @heartbeat_ns: filled with the worker's heartbeat
 */
enum drift_kind control_drift_look(const struct control *c, unsigned w, uint64_t *heartbeat_ns);

/* Every DRIFT_CHECK_NS, and when a worker says that it has applied something. */
void control_drift_check(struct control *c, uint64_t now_ns);

#endif
