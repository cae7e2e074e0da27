// SPDX-License-Identifier: MIT
// bench_scenario.c - the tables of scenarios and gates
#include "harness/bench_scenario.h"

#include <stddef.h>
#include <string.h>

#define B(id) (1u << BENCH_##id)

const struct bench_scenario bench_scenarios[] = {
	{"gro", "one stream, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 1, true,
	 B(MCR) | B(PER_PACKET) | B(KERNEL)},
	{"plain", "one stream, GRO off, 1400 bytes", BENCH_RATE, 1400, 1, 1, false,
	 B(MCR) | B(PER_PACKET) | B(RECV_SEND) | B(SOCAT) | B(KERNEL)},
	{"flows", "64 interleaved streams, GRO off, 200 bytes", BENCH_RATE, 200, 64, 1, false,
	 B(MCR) | B(PER_PACKET)},
	{"fanout", "one stream to 5 outputs, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 5, true,
	 B(MCR) | B(PER_PACKET)},
	{"latency", "one datagram every millisecond, 1400 bytes", BENCH_LATENCY, 1400, 1, 1, false,
	 B(MCR) | B(KERNEL)},
};

const unsigned int bench_n_scenarios = sizeof(bench_scenarios) / sizeof(*bench_scenarios);

const struct bench_gate bench_gates[] = {
	{"gro", BENCH_MCR, BENCH_KERNEL, 1.1, 0.8},
	{"gro", BENCH_MCR, BENCH_PER_PACKET, 4, 2.5},
	{"plain", BENCH_MCR, BENCH_PER_PACKET, 1.4, 1.1},
	{"plain", BENCH_MCR, BENCH_SOCAT, 4, 2.5},
	{"flows", BENCH_MCR, BENCH_PER_PACKET, 1.4, 1.1},
	{"fanout", BENCH_MCR, BENCH_PER_PACKET, 8, 4},
	{"latency", BENCH_MCR, BENCH_KERNEL, 1.5, 2.5},
};

const unsigned int bench_n_gates = sizeof(bench_gates) / sizeof(*bench_gates);

const struct bench_scenario *bench_scenario_find(const char *name)
{
	for (unsigned int i = 0; i < bench_n_scenarios; i++)
		if (strcmp(bench_scenarios[i].name, name) == 0)
			return &bench_scenarios[i];
	return NULL;
}
