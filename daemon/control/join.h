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
struct control_joins;
struct rule_input;
/* The key of a rule's input on a link. */
struct ipc_join control_join_key(uint32_t ifindex, const struct rule_input *in);

struct control_join *control_join_find(const struct control_joins *t, const struct ipc_join *key);
struct control_join *control_join_get(struct control_joins *t,
				      const struct ipc_join *key); /* NULL: no memory */

/* @e: freed */
void control_join_drop(struct control_joins *t, struct control_join *e);

/* Before marking. */
void control_joins_unmark(struct control_joins *t);

/*
 * Calls @fn for each entry; it may set members, and returns false for an entry that
 * is to be forgotten.
 */
void control_joins_each(struct control_joins *t, bool (*fn)(void *ctx, struct control_join *e),
			void *ctx);

void control_joins_fini(struct control_joins *t);

#endif
