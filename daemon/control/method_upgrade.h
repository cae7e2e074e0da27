/* SPDX-License-Identifier: MIT */
/*
 * method_upgrade.h - Upgrade
 *
 * The answer is given when it is known how the upgrade ended: refused, stopped half-way, or
 * done.  When it is done this control is the last process of the old program, and exits.
 */
#ifndef DAEMON_CONTROL_METHOD_UPGRADE_H
#define DAEMON_CONTROL_METHOD_UPGRADE_H

#include <stdint.h>

struct call;
struct control;
struct ipc_upgraded;

void method_upgrade(struct call *call);

/* The supervisor says how it ended. */
void control_upgrade_ended(struct control *c, const struct ipc_upgraded *how, uint64_t now_ns);

#endif
