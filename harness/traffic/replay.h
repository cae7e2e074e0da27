/* SPDX-License-Identifier: MIT */
/*
 * replay.h - replay: the datagrams of a capture, sent again with the timing of the capture
 *
 * Every packet has a due time, start + (loop * period + its time in the file) / speed.  The sender
 * sleeps until shortly before it, spins the rest, and notes how late the send began: that lateness
 * is the timing error which the report shows.  Packets that are due together go out together.
 * The payload is sent from a socket of this machine, so source address, TTL and DSCP are those of
 * the command line; raw frames go out as they were captured, checksums and addresses included.
 */
#ifndef HARNESS_TRAFFIC_REPLAY_H
#define HARNESS_TRAFFIC_REPLAY_H

#include <signal.h>

#include "harness/traffic/gen.h"
#include "harness/traffic/histogram.h"
#include "harness/traffic/replay_file.h"

#define REPLAY_MAX_DESTINATIONS 65536u

struct replay_config {
	struct ifspec iface;
	struct in_addr group; /* INADDR_ANY: as in the file */
	uint16_t port;        /* 0: as in the file */
	struct in_addr source;
	uint16_t source_port;
	uint8_t ttl;
	uint8_t dscp;
	uint64_t speed_milli; /* thousandths of the original speed; 0: flat out */
	uint64_t loops;       /* 0: until stopped */
	bool raw;
};

/* A destination and its count. */
struct replay_destination {
	struct sockaddr_in to;
	uint64_t sent;
};

struct replay {
	struct replay_config config;
	struct replay_file file;
	struct replay_destination *destinations; /* owned */
	uint32_t n_destinations;
	uint32_t *destination_of; /* owned, one for each packet of the file */
	struct gen_report report;
	struct histogram error; /* lateness of each send, ns; empty when flat out */
	uint64_t loops_done;
	int fd;
};

/**
 * replay_init() - read the capture and open the socket
 * @replay: filled; replay_fini() is due even after an error
 * @config: copied
 * @path:   of the capture
 * @error:  filled on failure, one line
 *
 * Return: 0 or negative errno.
 */
int replay_init(struct replay *replay, const struct replay_config *config, const char *path,
		struct replay_error *error);

/**
 * replay_run() - send until the loops are done or @stop is set
 * @replay: its report is filled
 * @stop:   set from a signal handler to end early
 *
 * Return: 0, or the negative errno of the first send when nothing at all could be sent.
 */
int replay_run(struct replay *replay, const volatile sig_atomic_t *stop);

/**
 * replay_fini() - close and free
 * @replay: a half-built object is allowed
 */
void replay_fini(struct replay *replay);

/**
 * replay_due_ns() - when a packet is due
 * @period_ns:   of a loop
 * @loop:        from 0
 * @at_ns:       of the packet in the file
 * @speed_milli: thousandths of the original speed; 0: flat out
 *
 * Return: nanoseconds since the start of the replay; 0 when flat out.
 */
uint64_t replay_due_ns(uint64_t period_ns, uint64_t loop, uint64_t at_ns, uint64_t speed_milli);

#endif
