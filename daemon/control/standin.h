/* SPDX-License-Identifier: MIT */
/*
 * standin.h - which worker serves the rules of one that cannot run
 *
 * The next worker that runs stands in for one that is out: it has its rules as well
 * (control_rule_workers()), and then its sockets (supervisor/standin.c).  When the worker
 * runs again the supervisor gives it its sockets back; the stand-in keeps the rules for
 * HANDOVER_NS, in which it sends what it has received.
 */
#ifndef DAEMON_CONTROL_STANDIN_H
#define DAEMON_CONTROL_STANDIN_H

#include <stdbool.h>
#include <stdint.h>

struct control;

/* Before a publication: choose stand-ins, and end those whose worker runs again. */
void control_stand_ins_choose(struct control *c, uint64_t now_ns);

/* After a publication: ask for sockets, so that a stand-in has the rules before them. */
void control_stand_ins_ask(struct control *c);

/* Must a stand-in lose the rules, so that reconcile() is due? */
bool control_stand_ins_due(const struct control *c, uint64_t now_ns);

#endif
