/* SPDX-License-Identifier: MIT */
/* handover_child.h - children and what belongs to the workers, over an exec */
#ifndef DAEMON_SUPERVISOR_HANDOVER_CHILD_H
#define DAEMON_SUPERVISOR_HANDOVER_CHILD_H

struct handover_reader;
struct handover_writer;
struct supervisor;

/* Errors stick to @w and @r.  s->workers and s->next_incarnation are restored first. */
void handover_child_save(const struct supervisor *s, struct handover_writer *w);
void handover_child_restore(struct supervisor *s, struct handover_reader *r);

#endif
