/* SPDX-License-Identifier: MIT */
/*
 * method.h - one function per method of the control protocol
 */
#ifndef DAEMON_CONTROL_METHOD_H
#define DAEMON_CONTROL_METHOD_H

#include "daemon/control/client.h"

/* A client's line; @ctx is the struct control. */
client_line_fn control_method_line;

#endif
