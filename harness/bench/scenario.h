/* SPDX-License-Identifier: MIT */
/* scenario.h - the scenarios of mcrbench: relays, and the traffic that each is offered */
#ifndef HARNESS_BENCH_SCENARIO_H
#define HARNESS_BENCH_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bench_backend {
	BENCH_MCR,        /* the relay as it comes */
	BENCH_PER_PACKET, /* the relay without GRO, GSO and gathering */
	BENCH_RECV_SEND,  /* one io_uring receive and one send per packet (experiments/) */
	BENCH_SOCAT,
	BENCH_KERNEL, /* multicast forwarding by smcroute: cannot translate, has no fan-out 1:N */
	BENCH_MCR_KERNEL, /* the relay with --path auto: the kernel relays, and no worker */
	BENCH_NFTABLES, /* one nftables rule at ingress: to one host, and the frame goes no further
			 */
	BENCH_BACKENDS
};

enum bench_kind {
	BENCH_RATE,     /* highest loss-free rate: RFC 2544, 26.1 */
	BENCH_LATENCY,  /* latency of a trickle */
	BENCH_JOIN,     /* group join and leave delay: RFC 3918, 6.1 and 6.2 */
	BENCH_CAPACITY, /* multicast group capacity: RFC 3918, 7.1 */
	BENCH_UNWANTED, /* cost of a frame that no rule wants */
};

/**
 * struct bench_scenario - what is offered
 * @name:          unique; a scenario of a sweep is its origin's, "@" and the burst asked for
 * @what:          one line for people
 * @payload_bytes: of each datagram
 * @flows:         streams, each to its own port
 * @fanout:        outputs of each stream
 * @workers:       of the relay
 * @idle_rules:    rules installed beside those in use
 * @noise_pps:     traffic that no rule wants, at the same time
 * @gro:           UDP GRO on the relay's input
 * @claimed:       one of those that carry the project's claims
 * @backends:      bit mask of enum bench_backend
 * @burst:         datagrams that the generator hands over at a time, as asked for; 0: the usual
 * @interfaces:    more than 1: the outputs of a stream are on as many interfaces, one on each, so
 *                 that it equals @fanout; 0 or 1: all on one
 * @unicast:       outputs go to a host instead of a group
 * @super:         the generator's super-datagrams reach the relay whole, as from a device that
 * merges
 * @consume:       the frames of the rule do not reach the IP stack of the relay's host
 * @of_table:      a row of the table that compares the kernel path with the kernel's own forwarding
 */
struct bench_scenario {
	char name[24];
	char what[104];
	enum bench_kind kind;
	uint32_t payload_bytes;
	uint32_t flows;
	uint32_t fanout;
	uint32_t workers;
	uint32_t idle_rules;
	uint32_t noise_pps;
	bool gro;
	bool claimed;
	unsigned backends;
	uint32_t burst;
	uint32_t interfaces;
	bool unicast;
	bool super;
	bool consume;
	bool of_table;
};

#define BENCH_MAX_SCENARIOS 48
#define BENCH_FULL_PPS      1e6 /* a rate at which every scenario uses its burst */

extern const struct bench_scenario bench_scenarios[];
extern const unsigned bench_n_scenarios;

/**
 * bench_scenario_find() - find a scenario
 * @name: of the scenario
 *
 * Return: its index in bench_scenarios, or -ENOENT.
 */
int bench_scenario_find(const char *name);

/**
 * bench_scenario_has_bursts() - can its datagrams be handed over several at a time?
 * @scenario: borrowed
 */
bool bench_scenario_has_bursts(const struct bench_scenario *scenario);

/**
 * bench_scenario_burst() - datagrams that the generator hands over at a time (UDP_SEGMENT)
 * @scenario: borrowed
 * @rate_pps: offered; the usual burst is for rates that need it, one that was asked for is not
 *
 * Return: 1 or more; as many as asked for, or as 60,000 bytes hold.
 */
uint32_t bench_scenario_burst(const struct bench_scenario *scenario, double rate_pps);

/**
 * bench_backend_name() - the name of a relay in the table, the JSON and the reference
 * @id: not BENCH_BACKENDS
 *
 * Return: the name.
 */
const char *bench_backend_name(enum bench_backend id);

/**
 * bench_backend_find() - find a relay
 * @name: of the relay
 *
 * Return: an enum bench_backend, or -ENOENT.
 */
int bench_backend_find(const char *name);

#endif
