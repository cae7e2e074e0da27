// SPDX-License-Identifier: MIT
/* scenario.c - the table of scenarios */
#include "harness/bench/scenario.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define SINGLE_BELOW 20000.0 /* pps that datagram-at-a-time sending reaches with ease */
#define SUPER_BYTES  60000u  /* of one send: UDP takes less than 64 KiB */
#define USUAL_BURST  24u

#define B(id)  (1u << BENCH_##id)
#define RELAYS (OURS | B(RECV_SEND) | B(SOCAT) | B(KERNEL))
#define USER   (B(MCR) | B(PER_PACKET))
#define OURS   (USER | B(MCR_KERNEL))
#define WHOLE  (B(MCR) | B(MCR_KERNEL) | B(KERNEL)) /* those that take super-datagrams */

const struct bench_scenario bench_scenarios[] = {
	{"gro", "one stream, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 1, 1, 0, 0, true, true,
	 OURS | B(KERNEL), .of_table = true},
	{"plain", "one stream, GRO off, 1400 bytes", BENCH_RATE, 1400, 1, 1, 1, 0, 0, false, true,
	 RELAYS, .of_table = true},
	{"flows", "64 interleaved streams, GRO off, 200 bytes", BENCH_RATE, 200, 64, 1, 1, 0, 0,
	 false, true, OURS | B(KERNEL)},
	{"fanout", "one stream to 5 outputs, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 5, 1, 0, 0,
	 true, true, OURS | B(RECV_SEND), .of_table = true},
	{"latency", "one datagram every millisecond, 1400 bytes", BENCH_LATENCY, 1400, 1, 1, 1, 0,
	 0, false, true, WHOLE, .of_table = true},
	{"size-64", "one stream, GRO off, 64 bytes", BENCH_RATE, 64, 1, 1, 1, 0, 0, false, false,
	 RELAYS, .of_table = true},
	{"size-512", "one stream, GRO off, 512 bytes", BENCH_RATE, 512, 1, 1, 1, 0, 0, false, false,
	 RELAYS},
	{"size-8900", "one stream, GRO off, 8900 bytes, MTU 9000", BENCH_RATE, 8900, 1, 1, 1, 0, 0,
	 false, false, RELAYS, .of_table = true},
	{"gro-64", "one stream, GRO on, 64 bytes", BENCH_RATE, 64, 1, 1, 1, 0, 0, true, false,
	 OURS | B(KERNEL)},
	{"flows-1", "one stream, GRO off, 200 bytes", BENCH_RATE, 200, 1, 1, 1, 0, 0, false, false,
	 OURS | B(KERNEL)},
	{"flows-1000", "1000 interleaved streams, GRO off, 200 bytes", BENCH_RATE, 200, 1000, 1, 1,
	 0, 0, false, false, OURS | B(KERNEL), .of_table = true},
	{"workers-2", "as flows, 2 workers", BENCH_RATE, 200, 64, 1, 2, 0, 0, false, false, USER},
	{"rules-100", "as plain, 100 rules installed", BENCH_RATE, 1400, 1, 1, 1, 99, 0, false,
	 false, OURS},
	{"rules-10000", "as plain, 10,000 rules installed", BENCH_RATE, 1400, 1, 1, 1, 9999, 0,
	 false, false, OURS, .of_table = true},
	{"noise", "as plain, beside 50,000 pps that no rule wants", BENCH_RATE, 1400, 1, 1, 1, 0,
	 50000, false, false, RELAYS, .of_table = true},
	{"unwanted", "frames that no rule wants, GRO off, 1400 bytes", BENCH_UNWANTED, 1400, 1, 1,
	 1, 0, 0, false, false, OURS | B(KERNEL), .of_table = true},
	{"consume", "as plain, the rule consumes its frames", BENCH_RATE, 1400, 1, 1, 1, 0, 0,
	 false, false, WHOLE, .consume = true, .of_table = true},
	{"gro-consume", "as gro, the rule consumes its frames", BENCH_RATE, 1400, 1, 1, 1, 0, 0,
	 true, false, WHOLE, .consume = true},
	{"burst-4", "one stream, GRO on, 1400 bytes, 4 at a time", BENCH_RATE, 1400, 1, 1, 1, 0, 0,
	 true, false, OURS | B(KERNEL), .burst = 4, .of_table = true},
	{"burst-42", "one stream, GRO on, 1400 bytes, 42 at a time", BENCH_RATE, 1400, 1, 1, 1, 0,
	 0, true, false, OURS | B(KERNEL), .burst = 42, .of_table = true},
	{"super", "one stream of whole super-datagrams, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 1,
	 1, 0, 0, true, false, WHOLE, .super = true, .of_table = true},
	{"fanout-50", "one stream to 50 outputs, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 50, 1, 0,
	 0, true, false, OURS | B(RECV_SEND), .of_table = true},
	{"fanout-off", "one stream to 5 outputs, GRO off, 1400 bytes", BENCH_RATE, 1400, 1, 5, 1, 0,
	 0, false, false, OURS | B(RECV_SEND)},
	{"fanout-50-off", "one stream to 50 outputs, GRO off, 1400 bytes", BENCH_RATE, 1400, 1, 50,
	 1, 0, 0, false, false, OURS | B(RECV_SEND)},
	{"fanout-if", "one stream to 5 interfaces, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 5, 1,
	 0, 0, true, false, OURS | B(KERNEL), .interfaces = 5, .of_table = true},
	{"fanout-if-off", "one stream to 5 interfaces, GRO off, 1400 bytes", BENCH_RATE, 1400, 1, 5,
	 1, 0, 0, false, false, OURS | B(KERNEL), .interfaces = 5, .of_table = true},
	/* The kernel routes multicast to 31 interfaces at most (MAXVIFS). */
	{"fanout-30-if", "one stream to 30 interfaces, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 30,
	 1, 0, 0, true, false, OURS | B(KERNEL), .interfaces = 30, .of_table = true},
	{"fanout-50-if", "one stream to 50 interfaces, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 50,
	 1, 0, 0, true, false, OURS, .interfaces = 50, .of_table = true},
	{"fanout-50-if-off", "one stream to 50 interfaces, GRO off, 1400 bytes", BENCH_RATE, 1400,
	 1, 50, 1, 0, 0, false, false, OURS, .interfaces = 50},
	{"unicast", "one stream to a unicast host, GRO on, 1400 bytes", BENCH_RATE, 1400, 1, 1, 1,
	 0, 0, true, false, OURS | B(SOCAT) | B(NFTABLES), .unicast = true, .of_table = true},
	{"join", "rule added and removed under 20,000 pps", BENCH_JOIN, 200, 1, 1, 1, 0, 0, false,
	 false, B(MCR) | B(KERNEL)},
	{"capacity", "groups forwarded at once, 3 datagrams each", BENCH_CAPACITY, 200, 1, 1, 1, 0,
	 0, false, false, B(MCR)},
};

const unsigned bench_n_scenarios = sizeof(bench_scenarios) / sizeof(*bench_scenarios);
static_assert(sizeof(bench_scenarios) / sizeof(*bench_scenarios) <= BENCH_MAX_SCENARIOS,
	      "room for the results of every scenario");

static const char *const names[] = {"mcr",    "mcr-per-packet", "recv-send", "socat",
				    "kernel", "mcr-kernel",     "nftables"};
static_assert(sizeof(names) / sizeof(*names) == BENCH_BACKENDS, "a name for every backend");

int bench_scenario_find(const char *name)
{
	for (unsigned i = 0; i < bench_n_scenarios; i++)
		if (!strcmp(bench_scenarios[i].name, name))
			return (int)i;
	return -ENOENT;
}

bool bench_scenario_has_bursts(const struct bench_scenario *scenario)
{
	/* Several streams interleave datagram by datagram; a trickle has one at a time. */
	return scenario->kind == BENCH_RATE && scenario->flows == 1;
}

uint32_t bench_scenario_burst(const struct bench_scenario *scenario, double rate_pps)
{
	const uint32_t wanted = scenario->burst ? scenario->burst : USUAL_BURST;
	const uint32_t most = SUPER_BYTES / scenario->payload_bytes;

	if (!bench_scenario_has_bursts(scenario) || (!scenario->burst && rate_pps < SINGLE_BELOW))
		return 1;
	return wanted < most ? wanted : most;
}

const char *bench_backend_name(enum bench_backend id)
{
	return names[id];
}

int bench_backend_find(const char *name)
{
	for (int i = 0; i < BENCH_BACKENDS; i++)
		if (!strcmp(names[i], name))
			return i;
	return -ENOENT;
}
