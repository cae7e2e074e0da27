/* SPDX-License-Identifier: MIT */
/* membership.h - memberships, held by sockets that nobody reads */
#ifndef DAEMON_SUPERVISOR_MEMBERSHIP_H
#define DAEMON_SUPERVISOR_MEMBERSHIP_H

#include <stdbool.h>

struct igmp_list;
struct ipc_join;
struct membership_table;
struct handover_reader;
struct handover_writer;

/* Is there a membership like this, or (@bind) such a bound socket? */
bool membership_has(struct membership_table *t, const struct ipc_join *j, bool bind);
/*
 * 0 also when it is joined already; -EDQUOT beyond MEMBERSHIPS_MAX; -EMFILE when only the reserve
 * of descriptors is left; errno of the calls.
 */
int membership_add(struct membership_table *t, const struct ipc_join *j, bool bind);
/* -ENOENT when it is not joined. */
int membership_remove(struct membership_table *t, const struct ipc_join *j, bool bind);
/* Leave what an earlier control asked for and this one did not.  Return: how many. */
unsigned membership_drop_others(struct membership_table *t);
/* How many memberships the kernel does not have, as @have says. */
unsigned membership_count_lost(const struct membership_table *t, const struct igmp_list *have);
/* Forgets those that are in neither list, and gives up their place.  Return: how many. */
unsigned membership_drop_lost(struct membership_table *t, const struct igmp_list *first,
			      const struct igmp_list *second);
/* Closes everything, which leaves every group.  @t: may be zeroed. */
void membership_fini(struct membership_table *t);
/* The part of the state that is the memberships; errors stick to @w and @r. */
void membership_save(const struct membership_table *t, struct handover_writer *w);
void membership_restore(struct membership_table *t, struct handover_reader *r);

#endif
