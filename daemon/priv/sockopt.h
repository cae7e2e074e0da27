/* SPDX-License-Identifier: MIT */
/* sockopt.h - options that several kinds of sockets take */
#ifndef DAEMON_PRIV_SOCKOPT_H
#define DAEMON_PRIV_SOCKOPT_H

struct sock_fprog;

/* Return: 0 or negative errno, as all here. */
int priv_set_int(int sock, int level, int option, int value);

/* @forced, @plain: SO_RCVBUFFORCE and SO_RCVBUF, or those of sending; tried, not insisted upon. */
void priv_set_buffer(int sock, int forced, int plain, int bytes);

int priv_set_filter(int sock, const struct sock_fprog *prog);

/* A filter that lets nothing in. */
int priv_refuse_all(int sock);

/* Closes a socket that could not be completed.  Return: @ret. */
int priv_close_failed(int sock, int ret);

#endif
