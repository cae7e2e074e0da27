/* SPDX-License-Identifier: MIT */
/* ruleset_ifaces.h - the interfaces that rules name */
#ifndef CORE_RULES_RULESET_IFACES_H
#define CORE_RULES_RULESET_IFACES_H

struct rule;
struct ruleset;

/* The interfaces that rules name: @i is 0..MCR_MAX_IFACES-1.  NULL: not in use. */
const char *ruleset_interface(const struct ruleset *s, unsigned i);

/* --- for ruleset.c --- */

int ruleset_use_ifaces(struct ruleset *s, const struct rule *r); /* 0, or -ENOSPC: none used */
void ruleset_leave_ifaces(struct ruleset *s, const struct rule *r);

#endif
