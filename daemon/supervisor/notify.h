/* SPDX-License-Identifier: MIT */
/*
 * notify.h - tell the service manager how far we are (sd_notify(3))
 *
 * Our own few lines, because the protocol is one datagram to a Unix socket and
 * libsystemd would bring its own event loop, bus and journal into the privileged
 * process.
 */
#ifndef DAEMON_SUPERVISOR_NOTIFY_H
#define DAEMON_SUPERVISOR_NOTIFY_H

/**
 * notify_open() - connect to the socket that NOTIFY_SOCKET names
 *
 * Removes NOTIFY_SOCKET from the environment, so that children cannot speak for
 * the service.  Called while every right is still there: the socket may lie where
 * only root gets.
 *
 * Return: descriptor; -1 when the variable is not set; -EINVAL for a name that is
 * neither absolute nor abstract ('@'), or too long; negative errno of socket(2) and connect(2).
 */
int notify_open(void);

/* @state: "READY=1", "STOPPING=1".  Does nothing when @sock is negative. */
void notify_send(int sock, const char *state);

#endif
