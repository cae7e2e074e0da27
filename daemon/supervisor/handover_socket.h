/* SPDX-License-Identifier: MIT */
/* handover_socket.h - sockets of interfaces and outputs, over an exec */
#ifndef DAEMON_SUPERVISOR_HANDOVER_SOCKET_H
#define DAEMON_SUPERVISOR_HANDOVER_SOCKET_H

struct handover_reader;
struct handover_writer;
struct supervisor;

/* Errors stick to @w and @r.  s->workers and s->next_incarnation are restored first. */
void handover_socket_save(const struct supervisor *s, struct handover_writer *w);
void handover_socket_restore(struct supervisor *s, struct handover_reader *r);

#endif
