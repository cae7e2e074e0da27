// SPDX-License-Identifier: MIT
/*
 * budget.c - the numbers
 *
 * A rule takes one request and an interface some more, so the most that an honest control has
 * to say at once is a fraction of this.  A control that floods has spent it within seconds.
 */
#include "daemon/supervisor/budget.h"

const struct control_budget control_budget = {.most = 200000, .per_s = 20000};
