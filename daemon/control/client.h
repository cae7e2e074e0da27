/* SPDX-License-Identifier: MIT */
/*
 * client.h - who is connected: places, events, time limits
 *
 *   client.c        connections; calls the others
 *   client_input.c  bytes to lines
 *   client_output.c answers in order, as far as the socket takes them
 *   client_upload.c a configuration in pieces
 */
#ifndef DAEMON_CONTROL_CLIENT_H
#define DAEMON_CONTROL_CLIENT_H

#include "daemon/control/client_state.h"
#include "daemon/control/epoll_key.h"

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

/* @key: of SOURCE_CLIENT */
void control_clients_event(struct control_clients *cs, union epoll_key key, uint32_t events,
			   uint64_t now_ns);

/**
 * control_clients_work() - handle buffered lines, a bounded number of each client
 *
 * No line is begun after CLIENTS_TURN_NS; the next turn begins with the next client.
 *
 * Return: whether there are lines that could be handled at once.
 */
bool control_clients_work(struct control_clients *cs, uint64_t now_ns);

/* Close the clients that exceed a time limit; to be called a few times a second. */
void control_clients_sweep(struct control_clients *cs, uint64_t now_ns);

#endif
