/* SPDX-License-Identifier: MIT */
/* relays.h - one row for each relay that is measured */
#ifndef HARNESS_BENCH_RELAYS_H
#define HARNESS_BENCH_RELAYS_H

#include "harness/bench/run.h"

/**
 * bench_relay() - the row of a relay
 * @id: not BENCH_BACKENDS
 */
const struct bench_relay *bench_relay(enum bench_backend id);

#endif
