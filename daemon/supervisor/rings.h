/* SPDX-License-Identifier: MIT */
/* rings.h - the rings of the workers */
#ifndef DAEMON_SUPERVISOR_RINGS_H
#define DAEMON_SUPERVISOR_RINGS_H

struct supervisor;
struct worker_record;

/* Begins without rings. */
void rings_init(struct worker_record *w);
/*
 * Makes a ring for each worker, as large as the memory allows that the user may lock, and logs
 * it where that is less than the full size.  Return: 0 or a negative errno, -ENOMEM when
 * even the smallest are too large: a line has been logged.
 */
int rings_make_all(struct supervisor *s, unsigned workers);
/* Makes a fresh ring at w->ring, unless there is one.  Return: 0 or a negative errno. */
int rings_prepare(struct supervisor *s, unsigned worker);
/* Makes a memfd with struct ring_file of the rings that the worker inherits.  Return: descriptor or
 * -errno. */
int rings_describe(const struct worker_record *w);
/* The worker is ready: its ring is the last in use, and the one before is closed. */
void rings_in_use(struct worker_record *w);
/* Closes both rings. */
void rings_close(struct worker_record *w);

#endif
