/* SPDX-License-Identifier: MIT */
/* limit.h - how fast control may ask for what costs much */
#ifndef DAEMON_SUPERVISOR_LIMIT_H
#define DAEMON_SUPERVISOR_LIMIT_H

#include <stdbool.h>

#include "daemon/supervisor/state.h"

/* One more of that kind now?  false: control asks for them faster than it may. */
bool limit_take(struct supervisor *s, enum limit_kind kind);

#endif
