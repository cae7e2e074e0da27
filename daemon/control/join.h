/* SPDX-License-Identifier: MIT */
/*
 * join.h - the memberships and bound addresses that inputs need
 *
 * One entry per distinct (ifindex, group, source) of multicast inputs and per
 * (ifindex, address, port) of unicast inputs, however many rules share it.  Each
 * reconcile marks what is needed; what is new is asked for, what is no longer
 * marked is given back.
 */
#ifndef DAEMON_CONTROL_JOIN_H
#define DAEMON_CONTROL_JOIN_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ipc.h"

struct control_join;
struct join_table;
struct rule_input;
/* The key of a rule's input on a link. */
struct ipc_join control_join_key(uint32_t ifindex, const struct rule_input *in);

struct control_join *control_join_find(const struct join_table *t, const struct ipc_join *key);
struct control_join *control_join_get(struct join_table *t,
				      const struct ipc_join *key); /* NULL: no memory */

/* @j: freed */
void control_join_drop(struct join_table *t, struct control_join *j);

/* Before marking. */
void control_joins_unmark(struct join_table *t);

void control_joins_fini(struct join_table *t);

#endif
