/* SPDX-License-Identifier: MIT */
/*
 * client_input.h - bytes to lines; for client.c
 */
#ifndef DAEMON_CONTROL_CLIENT_INPUT_H
#define DAEMON_CONTROL_CLIENT_INPUT_H

#include "daemon/control/client_state.h"

#define CLIENT_CHUNK 65536u /* bytes read at a time */

/* Read once.  Return: false when the connection is lost. */
bool client_read(struct control_clients *cs, struct client *cl, uint64_t now_ns);

/* Read once and discard.  Return: false when the connection is lost or at its end. */
bool client_discard(struct client *cl);

/*
 * Handle a bounded number of lines, none after @end_ns by the clock.
 * Return: whether there are lines that could be handled at once.
 */
bool client_lines(struct control_clients *cs, struct client *cl, uint64_t now_ns, uint64_t end_ns);

#endif
