/* SPDX-License-Identifier: MIT */
/* rings.h - the rings of the workers */
#ifndef DAEMON_SUPERVISOR_RINGS_H
#define DAEMON_SUPERVISOR_RINGS_H

struct supervisor;
struct worker_record;

/* Neither ring, and no number yet. */
void rings_init(struct worker_record *w);
/*
 * A ring for each worker, as large as the memory lets them be that the user may lock; says
 * it where that is less than the full size.  Return: 0 or a negative errno, -ENOMEM when
 * even the smallest are too much: a line has been logged.
 */
int rings_make_all(struct supervisor *s, unsigned workers);
/* A fresh ring at w->ring, unless there is one.  Return: 0 or a negative errno. */
int rings_prepare(struct supervisor *s, unsigned worker);
/* A memfd with struct ring_file of what the worker inherits.  Return: descriptor or -errno. */
int rings_describe(const struct worker_record *w);
/* The worker is ready: its ring is the last in use, the one before is not needed any more. */
void rings_in_use(struct worker_record *w);
/* Both go. */
void rings_close(struct worker_record *w);

#endif
