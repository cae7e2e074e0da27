/* SPDX-License-Identifier: MIT */
/*
 * method.h - the methods of the control protocol
 */
#ifndef DAEMON_CONTROL_METHOD_H
#define DAEMON_CONTROL_METHOD_H

#include "daemon/control/client.h"

/* Handle a client's line.  @ctx: the struct control */
client_line_fn control_method_line;

#endif
