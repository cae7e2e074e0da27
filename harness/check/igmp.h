/* SPDX-License-Identifier: MIT */
/* igmp.h - the kernel's memberships against the rules */
#ifndef HARNESS_CHECK_IGMP_H
#define HARNESS_CHECK_IGMP_H

#include "harness/check/check.h"

/**
 * check_memberships() - has the kernel joined the groups and sources of the active rules?
 * @relay:  all answers; the caller is in its network namespace
 * @alone:  no other program there has joined groups, so a membership without a rule is a fault
 * @faults: every difference is added
 */
void check_memberships(const struct check_relay *relay, bool alone, struct check_faults *faults);

#endif
