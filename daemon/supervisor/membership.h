/* SPDX-License-Identifier: MIT */
/* membership.h - memberships, held by sockets that nobody reads */
#ifndef DAEMON_SUPERVISOR_MEMBERSHIP_H
#define DAEMON_SUPERVISOR_MEMBERSHIP_H

#include <stdbool.h>

struct igmp_list;
struct ipc_join;
struct join_table;
struct state_reader;
struct state_writer;

/* Is there a membership like this, or (@bind) such a bound socket? */
bool join_has(struct join_table *t, const struct ipc_join *j, bool bind);
/*
 * 0 also when it is joined already; -EDQUOT beyond JOINS_MAX; -EMFILE when only the reserve
 * of descriptors is left; errno of the calls.
 */
int join_add(struct join_table *t, const struct ipc_join *j, bool bind);
/* -ENOENT when it is not joined. */
int join_remove(struct join_table *t, const struct ipc_join *j, bool bind);
/* Leave what an earlier control asked for and this one did not.  Return: how many. */
unsigned join_drop_others(struct join_table *t);
/* How many memberships the kernel does not have, as @have says. */
unsigned join_count_lost(const struct join_table *t, const struct igmp_list *have);
/* Forgets those that are in neither list, and gives up their place.  Return: how many. */
unsigned join_drop_lost(struct join_table *t, const struct igmp_list *first,
			const struct igmp_list *second);
/* Closes everything, which leaves every group.  @t: may be zeroed. */
void join_fini(struct join_table *t);
/* The part of the state that is the memberships; errors stick to @w and @r. */
void join_save(const struct join_table *t, struct state_writer *w);
void join_restore(struct join_table *t, struct state_reader *r);

#endif
