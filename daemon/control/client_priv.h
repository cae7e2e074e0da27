/* SPDX-License-Identifier: MIT */
/*
 * client_priv.h - inside of the connections, for control_client*.c only
 *
 *   client.c        who is connected: places, events, time limits
 *   client_input.c  bytes to lines
 *   client_output.c answers in order, and what the socket takes of them
 *   client_upload.c a configuration in pieces
 */
#ifndef DAEMON_CONTROL_CLIENT_PRIV_H
#define DAEMON_CONTROL_CLIENT_PRIV_H

#include "daemon/control/client.h"

#define CLIENT_CHUNK 65536u /* bytes read at a time */

/* Watch for what can be done now (client.c). */
void client_watch(struct control_clients *cs, struct client *cl);

/* Bytes that wait for the client to take them. */
size_t client_out_pending(const struct client *cl);

/* Give the kernel what it takes of the finished answers.  Return: false when the client is lost. */
bool client_flush(struct control_clients *cs, struct client *cl, uint64_t now_ns);

/* An error line that answers no request, malloc()ed; NULL: out of memory. */
char *client_refusal(int code, const char *field, const char *reason);

/* Give up what was uploaded. */
void client_upload_drop(struct control_clients *cs, struct client *cl);

/* Read once.  Return: false when the client is lost. */
bool client_read(struct control_clients *cs, struct client *cl, uint64_t now_ns);

/* Read once and forget.  Return: false when the client is lost, or has no more to say. */
bool client_discard(struct client *cl);

/*
 * Handle a bounded number of lines, none after @end_ns by the clock.  Return: whether some
 * are left that can be handled now.
 */
bool client_lines(struct control_clients *cs, struct client *cl, uint64_t now_ns, uint64_t end_ns);

#endif
