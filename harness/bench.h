/* SPDX-License-Identifier: MIT */
/*
 * bench.h - relays measured side by side, in turn, in one run
 *
 * A scenario says what traffic is offered; a backend is a relay that can carry it.  A
 * trial offers one rate for a short time and compares what was sent with what the sink
 * got.  The search finds the highest rate of which nothing is lost (RFC 2544, 26.1) and
 * nothing piles up: large socket queues would otherwise carry a short trial through.
 * Backends take turns within a round, so that whatever else the machine does meets them
 * alike; figures are medians over rounds, and only their ratios mean anything.
 */
#ifndef HARNESS_BENCH_H
#define HARNESS_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/lab.h"
#include "harness/proc.h"

/* Outputs and streams go to consecutive ports of one group. */
#define BENCH_IN_GROUP	"239.1.1.1"
#define BENCH_IN_PORT	5000
#define BENCH_OUT_GROUP "239.2.2.2"
#define BENCH_OUT_PORT	6000

enum bench_backend_id {
	BENCH_MCR,	  /* the relay as it comes */
	BENCH_PER_PACKET, /* the relay without GRO, GSO and gathering */
	BENCH_RECV_SEND,  /* one io_uring receive and one send per packet (experiments/) */
	BENCH_SOCAT,
	BENCH_KERNEL, /* multicast forwarding by smcroute: cannot translate, has no fan-out 1:N */
	BENCH_BACKENDS
};

enum bench_kind { BENCH_RATE, BENCH_LATENCY };

/**
 * struct bench_scenario - what is offered
 * @payload_bytes: of each datagram
 * @flows:         streams, each to its own port
 * @fanout:        outputs of each stream
 * @gro:           UDP GRO on the relay's input
 * @backends:      bit mask of enum bench_backend_id
 */
struct bench_scenario {
	const char *name;
	const char *what;
	enum bench_kind kind;
	uint32_t payload_bytes;
	uint32_t flows;
	uint32_t fanout;
	bool gro;
	unsigned int backends;
};

/* A lab with one backend running in it. */
struct bench_run {
	const struct bench_scenario *scenario;
	enum bench_backend_id backend;
	struct topology *topo;
	struct lab lab;
	struct proc relay;
	char dir[64]; /* of its own; removed by bench_run_stop() */
	bool lab_is_up;
};

const char *bench_backend_name(enum bench_backend_id id);

/**
 * bench_run_start() - build the lab, start the backend and wait until it is ready
 * @error: filled on failure, one line
 * Return: 0; -ENOENT when the backend is not installed; other negative errno.
 */
int bench_run_start(struct bench_run *run, const struct bench_scenario *scenario,
		    enum bench_backend_id backend, struct lab_error *error);
void bench_run_stop(struct bench_run *run);

/* Group and port that the sink listens to: the kernel cannot translate them. */
const char *bench_out_group(enum bench_backend_id id);
uint16_t bench_out_port(enum bench_backend_id id);

/**
 * struct bench_trial - one rate offered for a while
 * @offered_pps: what the generator truly sent
 * @sent, @received: datagrams; received counts all outputs
 * @sink_drops: lost in the sink itself
 * @sent_s, @received_s: from the first to the last datagram, at either end
 * @cpu_ns:     CPU time of the whole machine that was not idle, per datagram sent
 * @p50_us..:   one-way latency
 */
struct bench_trial {
	double offered_pps;
	uint64_t sent;
	uint64_t received;
	uint64_t sink_drops;
	double sent_s, received_s;
	double cpu_ns;
	double p50_us, p99_us;
};

/**
 * bench_trial_run() - one trial
 * @rate_pps: 0 for as fast as the generator can
 * @ms:       how long
 * Return: 0 or negative errno with @error filled.
 */
int bench_trial_run(const struct bench_run *run, uint64_t rate_pps, uint32_t ms,
		    struct bench_trial *trial, struct lab_error *error);

/**
 * struct bench_result - outcome of a search
 * @pps:     highest loss-free rate, in datagrams that arrived at the sink per second
 * @limited: the generator could not offer more: the relay may be faster
 */
struct bench_result {
	double pps;
	double cpu_ns;
	double p50_us, p99_us;
	bool limited;
};

/**
 * bench_search() - highest loss-free rate to about 3 %
 * @ms: length of a trial
 */
int bench_search(const struct bench_run *run, uint32_t ms, struct bench_result *result,
		 struct lab_error *error);

#endif
