/* SPDX-License-Identifier: MIT */
/*
 * reach_netlink.h - questions to the kernel about routes and neighbours, and its answers
 */
#ifndef DAEMON_CONTROL_REACH_NETLINK_H
#define DAEMON_CONTROL_REACH_NETLINK_H

#include "daemon/control/reach_state.h"

#define REACH_QUESTIONS_BYTES (REACH_WINDOW * 96) /* a question is shorter */

/* Up to REACH_WINDOW of what is due as netlink messages; from then on answers are taken. */
size_t reach_put_questions(struct control_reach *r, char buf[static REACH_QUESTIONS_BYTES]);

/**
 * reach_ask() - ask what is due, up to REACH_BUDGET questions, and take the answers
 *
 * The kernel answers while it takes the question, so this waits for nothing.
 * Return: 0; a negative errno that is not about to go away.
 */
int reach_ask(struct control_reach *r, uint64_t now_ns);

/* Take what the socket holds, a bounded amount of it.  Return: as reach_ask(). */
int reach_read(struct control_reach *r, uint64_t now_ns);

/**
 * reach_consume() - take one datagram of netlink messages
 * @buf: untrusted, aligned to four bytes
 * @len: bytes
 */
void reach_consume(struct control_reach *r, const void *buf, size_t len, uint64_t now_ns);

#endif
