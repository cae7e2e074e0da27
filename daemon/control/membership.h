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

/* Ask for every membership that is wanted and not held. */
void control_memberships_join(struct control *c);

/* Give back every membership that is not wanted. */
void control_memberships_leave(struct control *c);

/* Give back what was joined on a link, wanted or not: it is another link by now. */
void control_memberships_leave_link(struct control *c, uint32_t ifindex);

/* The kernel may have lost some: the next control_memberships_join() asks for all of them. */
void control_memberships_recheck(struct control *c);

#endif
