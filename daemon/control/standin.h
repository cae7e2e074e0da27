/* SPDX-License-Identifier: MIT */
/*
 * standin.h - which worker serves the rules of one that cannot run
 *
 * The next worker that runs stands in for one that is out: it has its rules as well
 * (control_rule_workers()), and then its sockets (supervisor/stand_in.c).  When the worker
 * runs again the supervisor gives it its sockets back.
 *
 * A worker that stood in keeps the rules for HANDOVER_NS after that, or after another one took
 * its place, in which it sends what it has received.  If it was killed, that time begins when it
 * runs again.  The next control takes from the last snapshot who has whose rules.
 */
#ifndef DAEMON_CONTROL_STANDIN_H
#define DAEMON_CONTROL_STANDIN_H

#include <stdbool.h>
#include <stdint.h>

struct control;

/* Before a publication: a worker that is out gets a stand-in; former ones lose the rules. */
void control_stand_ins_choose(struct control *c, uint64_t now_ns);

/* After a publication: ask for sockets, so that a stand-in has the rules before them. */
void control_stand_ins_ask(struct control *c);

/*
 * A rule that @workers are to have, and that the last control had given to @had: the others of
 * these keep it as if they had stood in.
 */
void control_stand_ins_restore(struct control *c, uint64_t workers, uint64_t had);

/* Must a stand-in lose the rules, so that reconcile() is due? */
bool control_stand_ins_due(const struct control *c, uint64_t now_ns);

#endif
