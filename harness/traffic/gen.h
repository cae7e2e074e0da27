/* SPDX-License-Identifier: MIT */
/*
 * gen.h - traffic generator: test datagrams at a rate, or as fast as the kernel takes them
 *
 * Flows take turns, datagram by datagram (send by send with UDP_SEGMENT).  A body is sent straight
 * out of the pattern table, so a datagram costs one 32-byte header to write.  A failed send is
 * counted and its sequence number stays used: a gap at the sink is a failed send in the report.
 */
#ifndef HARNESS_TRAFFIC_GEN_H
#define HARNESS_TRAFFIC_GEN_H

#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "harness/traffic/ifspec.h"
#include "harness/traffic/payload.h"
#include "harness/traffic/sizespec.h"

#define GEN_MAX_SEGMENT 64u /* UDP_MAX_SEGMENTS of the oldest kernels that have it */
#define GEN_MAX_FLOWS   65536u
#define GEN_ERROR_SIZE  160u

struct gen_config {
	struct ifspec iface;
	struct in_addr group;  /* of the first flow; a unicast address is as good */
	uint16_t port;         /* of the first flow */
	struct in_addr source; /* INADDR_ANY: the kernel's choice */
	uint16_t source_port;  /* 0: the kernel's choice */
	struct sizespec sizes;
	uint64_t rate_mpps;   /* thousandths of a datagram a second over all flows; 0: flat out */
	uint64_t count;       /* 0: no limit */
	uint64_t duration_ns; /* 0: no limit; see gen_run() */
	uint64_t burst;       /* datagrams sent together, at least 1 */
	uint32_t flows;       /* 1 to GEN_MAX_FLOWS */
	uint32_t first_flow;  /* flow number in the payload of the first flow */
	bool flow_groups;     /* flows differ in group instead of port */
	uint32_t segment;     /* datagrams per send with UDP_SEGMENT; 1: without */
	uint8_t ttl;
	uint8_t dscp;
};

struct gen_report {
	uint64_t sent;
	uint64_t send_errors;
	uint64_t bytes;      /* payload */
	uint64_t elapsed_ns; /* from the first send to the last */
	uint64_t behind_ns;  /* how far it was behind the schedule when it ended */
	uint64_t due;    /* datagrams that the schedule had released by then; 0 without a rate */
	bool too_fast;   /* the rate asked for could not be reached */
	int first_error; /* errno, 0 when none */
	double pps;
};

struct gen_flow {
	struct sockaddr_in to;
	uint64_t next_seq;
	uint64_t sent;
};

struct gen_batch;

struct gen {
	struct gen_config config;
	struct gen_flow *flows;  /* owned, config.flows of them */
	struct gen_batch *batch; /* owned */
	struct payload_pattern pattern;
	struct gen_report report;
	uint32_t next_flow;
	bool connected;
	int fd;
};

/**
 * gen_check() - can flows and segments be as configured?
 * @config: borrowed
 * @text:   filled with what is wrong: one line that begins with the option
 *
 * Return: 0; -EINVAL when the last flow's port or group is beyond the range, or the segments of one
 * send do not fit a datagram of 65507 bytes.
 */
int gen_check(const struct gen_config *config, char text[static GEN_ERROR_SIZE]);

/**
 * gen_init() - open the socket and prepare the flows
 * @gen:    filled; gen_fini() is due even after an error
 * @config: copied
 *
 * Return: 0; -EINVAL when gen_check() refuses; -ENOMEM; what the socket calls fail with.
 */
int gen_init(struct gen *gen, const struct gen_config *config);

/**
 * gen_run() - send until count, duration or @stop
 * @gen:  gen->report is filled
 * @stop: set from a signal handler to end early
 *
 * At a rate a duration is a number of datagrams, so that it does not depend on the machine.  The
 * run still ends at its time when it is so far behind that the rate cannot be reached.
 *
 * Return: 0, or the negative errno of the first send when nothing at all could be sent.
 */
int gen_run(struct gen *gen, const volatile sig_atomic_t *stop);

/**
 * gen_fini() - close and free
 * @gen: a half-built object is allowed
 */
void gen_fini(struct gen *gen);

#endif
