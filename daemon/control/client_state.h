/* SPDX-License-Identifier: MIT */
/*
 * client_state.h - connections of clients: types and limits
 *
 * Clients are not trusted: they may flood, stall, send half a line or never read.  So
 * everything is bounded, per client and in total, in memory and in time, and a client gets
 * a bounded share of each turn of the loop.  A client that exceeds a bound gets an error,
 * as far as it reads, and is closed; other clients do not notice.
 *
 * Requests of a connection are answered in order although some answers take a
 * while: each request gets a struct client_answer in the client's queue, and a finished
 * answer is sent after all earlier ones.  While a client does not take its output, its
 * input is not read.
 */
#ifndef DAEMON_CONTROL_CLIENT_STATE_H
#define DAEMON_CONTROL_CLIENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"

#define CLIENTS_PER_LISTENER     64
#define CLIENTS_MAX              (2 * CLIENTS_PER_LISTENER)
#define CLIENTS_INPUT_MAX        (16u << 20) /* bytes, over all clients */
#define CLIENT_OUTPUT_MAX        (8u << 20)  /* bytes, of one answer */
#define CLIENT_HELD_MAX          65536u      /* bytes of answers that wait for an earlier one */
#define CLIENTS_LONG_MAX         (32u << 20) /* bytes that wait when one more long answer is made */
#define CLIENTS_OUTPUT_MAX       (96u << 20) /* bytes, over all clients: those, and a page for each */
#define CLIENT_LINES_PER_TURN    16
#define CLIENT_ANSWERS_MAX       64 /* not yet finished, of one client */
#define CLIENT_GREETING_NS       (5 * NS_PER_S)
#define CLIENT_HALF_LINE_NS      (30 * NS_PER_S)
#define CLIENT_STALL_NS          (10 * NS_PER_S)
#define CLIENT_IDLE_EVICT_NS     (60 * NS_PER_S) /* closed then when its place is needed */
#define CLIENT_GREETING_EVICT_NS (1 * NS_PER_S)  /* the same before VersionCheck */
#define CLIENT_DRAIN_NS          (2 * NS_PER_S)
#define CLIENT_UPLOAD_NS         (30 * NS_PER_S)  /* from one piece to the next, or to its use */
#define CLIENTS_TURN_NS          (20 * NS_PER_MS) /* no line is begun after that */

struct client;
struct complaint;
struct control_clients;

/**
 * struct client_answer - the place of one answer in its client's queue
 * @client: NULL after the client was closed
 */
struct client_answer {
	struct client_answer *next;
	struct client *client;
	char *text;
	bool done;
};

/**
 * struct client_upload - a configuration that comes in pieces
 * @at_ns: when the last piece came
 */
struct client_upload {
	char *text;
	size_t len, cap;
	uint64_t at_ns;
};

/*
 *   GREETING -- VersionCheck --> OPEN
 *       |                         |
 *       '------------+------------'
 *                    |--- refused while it sends ------------> DRAINING
 *                    |                                             | CLIENT_DRAIN_NS
 *                    '--- refused, told to end, end of file --> CLOSING
 *
 * Lines are handled in GREETING and OPEN only.  Input that comes in DRAINING is discarded: a
 * client whose write fails would not read why it was refused.  In CLOSING nothing is read;
 * the connection is closed when all answers are out.
 */
enum client_state { CLIENT_GREETING, CLIENT_OPEN, CLIENT_DRAINING, CLIENT_CLOSING };

/**
 * struct client - one connection
 * @serial:    tells two users of the same place apart
 * @hup:       nobody reads our answers; requests that were sent are still carried out
 * @in:        bytes not yet handled; no line ends before @scanned, which is @in_len when no
 *             complete line is buffered
 * @half_ns:   since when @in holds an incomplete line and nothing else; 0: it does not
 * @out:       the answer that is being sent, or NULL
 * @held:      bytes of finished answers behind it
 * @stall_ns:  when it last took a byte of its output
 */
struct client {
	int fd;
	unsigned place;
	uint32_t serial;
	enum client_state state;
	bool read_only;
	bool hup;
	uint32_t events;
	char *in;
	size_t in_len, in_cap, scanned;
	char *out;
	size_t out_off, out_len, held;
	struct client_upload upload;
	struct client_answer *first, **last;
	unsigned n_answers;
	uint64_t connected_ns, active_ns, half_ns, stall_ns, drain_ns;
};

/* Are its lines handled? */
static inline bool client_listens(const struct client *cl)
{
	return cl->state == CLIENT_GREETING || cl->state == CLIENT_OPEN;
}

/* Is a complete line buffered?  Nothing more is read before it is handled. */
static inline bool client_has_line(const struct client *cl)
{
	return cl->scanned < cl->in_len;
}

/* CLOCK_MONOTONIC; read anew before each line. */
typedef uint64_t client_clock_fn(void);

/* One line of a client, without its newline; @line is valid during the call. */
typedef void client_line_fn(void *ctx, struct client *cl, const char *line, size_t len);

/**
 * struct control_clients - all connections
 * @epoll:    where they are watched, with a union epoll_key as data
 * @in_total: bytes buffered; @out_total likewise
 * @upload_total: bytes of all uploads
 * @next_place: where the next turn begins, so that every client gets its share
 * @closed:   clients that were closed because they exceeded a bound
 */
struct control_clients {
	int epoll;
	client_line_fn *line;
	client_clock_fn *clock;
	void *ctx;
	struct client *place[CLIENTS_MAX];
	unsigned n_clients[2]; /* by read_only */
	uint32_t serial;
	size_t in_total, out_total, upload_total;
	unsigned next_place;
	uint64_t closed;
};

#endif
