/* SPDX-License-Identifier: MIT */
/*
 * sink.h - traffic sink: plain kernel UDP sockets, independent of everything it judges
 *
 * One socket for each (group, port, interface), bound to group and port and joined on the
 * interface, with IP_MULTICAST_ALL off: the socket says which stream a datagram belongs to, joins
 * stay below every per-socket limit, and groups that other programs joined do not leak in.  Drops
 * of the sink's own sockets are read from the kernel (SO_MEMINFO: the same counter as SO_RXQ_OVFL,
 * but readable after the last datagram), so they are never counted as the relay's.
 *
 * Arrival time is taken once for each recvmmsg(), as soon as it returns.
 */
#ifndef HARNESS_TRAFFIC_SINK_H
#define HARNESS_TRAFFIC_SINK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "harness/traffic/account.h"

#define SINK_MAX_STREAMS    65536u
#define SINK_MOST_PER_SUPER 128u /* UDP_MAX_SEGMENTS */

/**
 * struct sink_target - one stream
 * @group:     a multicast group, or an address of this host
 * @port:      1 to 65535
 * @ifindex:   where the group is joined
 * @interface: its name, in the report; NULL: the report names none
 */
struct sink_target {
	struct in_addr group;
	uint16_t port;
	unsigned ifindex;
	const char *interface;
};

struct sink;

/**
 * struct sink_config - what to receive, when to end, and whom to tell
 * @targets:  borrowed until sink_init() returns
 * @source:   source-specific joins; INADDR_ANY: any source
 * @headers:  judge the header of each datagram only, not its body
 * @first:    take the first header of each receive only
 * @interval_ms: call @interval that often; 0: never
 * @json:     reports as JSON
 * @count:    end after so many; 0: no limit
 * @idle_ms, @timeout_ms: end after so much silence, or time; -1: never
 * @control_fd: watched for reading; -1: none
 * @control:  @control_fd is readable.  Return: false when it was closed by the other side
 * @dump:     every payload behind its length, 4 bytes in network order; or NULL
 */
struct sink_config {
	const struct sink_target *targets;
	uint32_t n_targets;
	struct in_addr source;
	uint32_t rcvbuf_bytes;
	bool gro;
	bool headers;
	bool first;
	uint64_t interval_ms;
	void (*interval)(struct sink *sink);
	bool json;
	uint64_t count;
	int64_t idle_ms;
	int64_t timeout_ms;
	int control_fd;
	bool (*control)(struct sink *sink);
	FILE *dump;
};

enum sink_end {
	SINK_RUNNING,
	SINK_COUNT,
	SINK_IDLE,
	SINK_TIMEOUT,
	SINK_SIGNAL,
	SINK_N_ENDS,
};

struct sink_stream {
	struct sink_target target;
	int fd;
};

struct sink_buffers;

struct sink {
	struct sink_config config;
	struct sink_stream *streams; /* owned */
	uint32_t n_streams;
	struct sink_buffers *buffers; /* owned */
	struct account account;
	uint64_t started_ns;
	uint64_t quiet_ms;       /* silence asked for after count was reached */
	uint64_t quiet_since_ns; /* silence counts from here if nothing has come since */
	bool finishing;          /* count was set by the control channel and may be 0 */
	uint64_t next_interval_ns;
	uint64_t interval_count;    /* received when the last interval's line was printed */
	uint64_t interval_began_ns; /* when that was */
	char control_line[64];
	unsigned control_length;
	int epoll_fd;
	enum sink_end end;
};

/**
 * sink_init() - open, join and bind every stream
 * @sink:   filled; sink_fini() is due even after an error
 * @config: copied
 *
 * Return: 0; -ENOMEM; what the socket calls fail with.
 */
int sink_init(struct sink *sink, const struct sink_config *config);

/**
 * sink_run() - receive until the count, silence, time or a signal ends it
 * @sink:      initialised
 * @signal_fd: signalfd for the signals that end it; datagrams queued by then are still counted
 *
 * Return: 0 (sink->end says why it ended) or negative errno.
 */
int sink_run(struct sink *sink, int signal_fd);

/**
 * sink_drain() - read and count the queued datagrams
 * @sink: initialised
 *
 * Return: 0 or negative errno.
 */
int sink_drain(struct sink *sink);

/**
 * sink_stream_drops() - how much the kernel dropped because a socket's buffer was full
 * @stream: open
 *
 * Return: datagrams; with gro super-datagrams of up to SINK_MOST_PER_SUPER each.
 */
uint64_t sink_stream_drops(const struct sink_stream *stream);

/**
 * sink_fini() - close and free
 * @sink: a half-built object is allowed
 */
void sink_fini(struct sink *sink);

#endif
