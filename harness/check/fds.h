/* SPDX-License-Identifier: MIT */
/* fds.h - the supervisor's descriptors against its rules and workers */
#ifndef HARNESS_CHECK_FDS_H
#define HARNESS_CHECK_FDS_H

#include "harness/check/check.h"

/**
 * check_descriptors() - does the supervisor hold what its rules and workers need, and no more?
 * @relay:  all answers; the caller may read its /proc/PID/fd
 * @faults: every difference is added
 */
void check_descriptors(const struct check_relay *relay, struct check_faults *faults);

#endif
