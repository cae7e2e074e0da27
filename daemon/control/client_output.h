/* SPDX-License-Identifier: MIT */
/*
 * client_output.h - answers in order, as far as the socket takes them
 */
#ifndef DAEMON_CONTROL_CLIENT_OUTPUT_H
#define DAEMON_CONTROL_CLIENT_OUTPUT_H

#include "daemon/control/client_state.h"

/* A place in the queue for the answer to a request.  NULL: out of memory. */
struct client_answer *client_answer_new(struct client *cl);

/**
 * client_answer_finish() - the answer is known
 * @a:    taken
 * @text: a line with its newline, taken; NULL: no answer is sent
 */
void client_answer_finish(struct control_clients *cs, struct client_answer *a, char *text,
			  uint64_t now_ns);

/*
 * Must its client take other output first?  A long answer is not made before that, so that
 * answers which wait for a slow client take no memory.
 */
bool client_answer_held(const struct client_answer *a);

/* Send an error that answers no request, discard the input, and close. */
void client_refuse(struct control_clients *cs, struct client *cl, int code, const char *field,
		   const char *reason, uint64_t now_ns);

/* VersionCheck has succeeded. */
void client_greeted(struct client *cl);

/* Read nothing more, and close when the answers so far are sent. */
void client_end(struct client *cl);

/* --- for client.c and client_input.c --- */

/* Bytes that wait for the client to take them. */
size_t client_out_pending(const struct client *cl);

/* Send finished answers as far as the socket takes them.  Return: false when the connection is
 * lost. */
bool client_flush(struct control_clients *cs, struct client *cl, uint64_t now_ns);

/* Tell epoll for what the client waits now. */
void client_watch(struct control_clients *cs, struct client *cl);

/* An error line that answers no request, malloc()ed; NULL: out of memory. */
char *client_refusal(int code, const char *field, const char *reason);

#endif
