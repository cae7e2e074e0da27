/* SPDX-License-Identifier: MIT */
/*
 * client.h - connections of clients: lines in, answers out, bounded
 *
 * A client is a stranger: it may flood, stall, send half a line or never read.  So
 * everything is bounded, per client and in total, in memory and in time, and a
 * client gets a bounded share of each turn of the loop.  One that goes beyond a
 * bound is told, as far as it listens, and closed; nobody else notices.
 *
 * Requests of a connection are answered in order although some answers take a
 * while: each request gets a struct client_answer in the client's queue, and a
 * finished answer is sent when all before it are.  While a client has output that
 * it does not take, nothing of its input is read.
 */
#ifndef DAEMON_CONTROL_CLIENT_H
#define DAEMON_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"

#define CLIENTS_PER_LISTENER  64
#define CLIENTS_MAX           (2 * CLIENTS_PER_LISTENER)
#define CLIENTS_INPUT_MAX     (16u << 20) /* bytes, over all clients */
#define CLIENT_OUTPUT_MAX     (8u << 20)  /* bytes, of one answer */
#define CLIENT_HELD_MAX       65536u      /* bytes of answers that wait for an earlier one */
#define CLIENTS_LONG_MAX      (32u << 20) /* bytes that wait when one more long answer is made */
#define CLIENTS_OUTPUT_MAX    (96u << 20) /* bytes, over all clients: those, and a page for each */
#define CLIENT_LINES_PER_TURN 16
#define CLIENT_ANSWERS_MAX    64 /* not yet finished, of one client */
#define CLIENT_HELLO_NS       (5 * NS_PER_S)
#define CLIENT_HALF_LINE_NS   (30 * NS_PER_S)
#define CLIENT_STALL_NS       (10 * NS_PER_S)
#define CLIENT_IDLE_EVICT_NS  (60 * NS_PER_S) /* gives way when the place is needed */
#define CLIENT_MUTE_EVICT_NS  (1 * NS_PER_S)  /* the same, before VersionCheck */
#define CLIENT_DRAIN_NS       (2 * NS_PER_S)
#define CLIENT_UPLOAD_NS      (30 * NS_PER_S)  /* from one piece to the next, or to its use */
#define CLIENTS_TURN_NS       (20 * NS_PER_MS) /* after that no other line is begun */

struct client;
struct complaint;
struct control_clients;

/**
 * struct client_answer - the place of one answer in its client's queue
 * @client: NULL once the client is gone
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

/**
 * struct client - one connection
 * @serial:    tells two users of the same place apart
 * @hello:     VersionCheck has succeeded
 * @closing:   no more input; closed when the answers are out
 * @draining:  it was told to stop in the middle of sending; what still comes is thrown
 *             away for a while, so that its write does not fail before it reads why
 * @eof:       the client sends no more
 * @hup:       nobody reads our answers; changes that were sent are still carried out
 * @lines_left: complete lines are buffered; nothing more is read before they are handled
 * @in:        bytes not yet handled; no line ends before @scanned
 * @half_ns:   since when an incomplete line is all there is, 0: it is not so
 * @out:       the answer that is on its way, or NULL
 * @held:      bytes of finished answers behind it
 * @stall_ns:  since when it has taken no byte of its output
 */
struct client {
	int fd;
	unsigned place;
	uint32_t serial;
	bool read_only;
	bool hello;
	bool closing;
	bool draining;
	bool eof;
	bool hup;
	bool lines_left;
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

/* CLOCK_MONOTONIC, while a turn lasts. */
typedef uint64_t client_clock_fn(void);

/* One line of a client, without its newline; @line is valid during the call. */
typedef void client_line_fn(void *ctx, struct client *cl, const char *line, size_t len);

/**
 * struct control_clients - all connections
 * @epoll:    where they are watched, with client_event_data() as data
 * @in_total: bytes buffered; @out_total likewise
 * @upload_total: bytes of all uploads
 * @next_place: where the next turn begins, so that a turn cut short disadvantages nobody
 * @closed:   how many were closed for going beyond a bound
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

void control_clients_init(struct control_clients *cs, int epoll, client_line_fn *line,
			  client_clock_fn *clock, void *ctx);
void control_clients_fini(struct control_clients *cs);

/**
 * control_clients_add() - take a connection
 * @fd: non-blocking stream socket, taken also on failure
 *
 * Return: 0; -EBUSY when there are too many: the client has been told and closed;
 * -ENOMEM or the errno of epoll_ctl(2).
 */
int control_clients_add(struct control_clients *cs, int fd, bool read_only, uint64_t now_ns);

/* The upper half of epoll data is the caller's; clients use the lower: place and serial. */
#define CLIENT_EVENT_FLAG (1ull << 63)
void control_clients_event(struct control_clients *cs, uint64_t data, uint32_t events,
			   uint64_t now_ns);

/**
 * control_clients_work() - handle buffered lines, a bounded number of each client
 *
 * When CLIENTS_TURN_NS have passed no other line is begun; the next turn goes on with the
 * next client.
 *
 * Return: whether lines are left that can be handled at once.
 */
bool control_clients_work(struct control_clients *cs, uint64_t now_ns);

/* Close those that are beyond a bound in time; to be called a few times a second. */
void control_clients_sweep(struct control_clients *cs, uint64_t now_ns);

/* A place in the queue for the answer to a request.  NULL: out of memory. */
struct client_answer *client_answer_new(struct client *cl);

/**
 * client_answer_finish() - the answer is known
 * @a:    taken
 * @text: a line with its newline, taken; NULL: nothing is to be sent
 */
void client_answer_finish(struct control_clients *cs, struct client_answer *a, char *text,
			  uint64_t now_ns);

/*
 * Has its client still to take what there is for it?  A long answer is made only when it
 * has, so that answers which wait for a slow client take no memory.
 */
bool client_answer_held(const struct client_answer *a);

/**
 * client_upload_put() - a piece of a configuration
 * @offset: bytes that came before; 0 begins anew
 * @text:   borrowed
 * @c:      filled when refused
 *
 * Return: 0; -ERANGE when @offset is not where the last piece ended; -E2BIG beyond
 * CONFIG_TEXT_MAX; -EBUSY while uploads of other clients take the room; -ENOMEM.
 */
int client_upload_put(struct control_clients *cs, struct client *cl, uint64_t offset,
		      const char *text, size_t len, uint64_t now_ns, struct complaint *c);

/* The whole text, the caller's to free; NULL when there is none, or it was given up. */
char *client_upload_take(struct control_clients *cs, struct client *cl, size_t *len);

size_t client_upload_bytes(const struct client *cl);

/*
 * An error without a request, then the end: no byte of its input counts any more.
 */
void control_clients_refuse(struct control_clients *cs, struct client *cl, int code,
			    const char *field, const char *reason, uint64_t now_ns);

/* Close as soon as the answers so far are out. */
void control_clients_end(struct client *cl);

#endif
