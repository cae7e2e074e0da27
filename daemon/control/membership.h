/* SPDX-License-Identifier: MIT */
/*
 * membership.h - asks the supervisor for memberships and bound addresses
 *
 * join.h has the table of them: what is wanted, and what has been asked for.
 */
#ifndef DAEMON_CONTROL_MEMBERSHIP_H
#define DAEMON_CONTROL_MEMBERSHIP_H

#include <stdint.h>

struct control;
struct ipc_join;
struct rule_input;

/* Ask for every membership that is wanted and not held. */
void control_memberships_join(struct control *c);

/* Give back every membership that is not wanted. */
void control_memberships_leave(struct control *c);

/* The same for the input of one rule, and for one membership. */
void control_membership_join(struct control *c, uint32_t ifindex, const struct rule_input *in);
void control_membership_leave(struct control *c, const struct ipc_join *key);

/* Give back what was joined on a link, wanted or not: it is another link by now. */
void control_memberships_leave_link(struct control *c, uint32_t ifindex);

/* The kernel may have lost some: the next control_memberships_join() asks for all of them. */
void control_memberships_recheck(struct control *c);

#endif
