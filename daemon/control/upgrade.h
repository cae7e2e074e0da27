/* SPDX-License-Identifier: MIT */
/*
 * upgrade.h - the answer to an Upgrade
 *
 * It is given when it is known how the upgrade ended: refused, stopped half-way, or done.
 * When it is done this control is the last of the old program, and exits.
 */
#ifndef DAEMON_CONTROL_UPGRADE_H
#define DAEMON_CONTROL_UPGRADE_H

#include <stdint.h>

struct client_answer;
struct control;
struct ipc_upgraded;
struct request;

/**
 * control_upgrade_ask() - hand the wish to the supervisor
 * @answer: taken, on success
 * @req:    its id is taken, on success
 *
 * Return: 0; -EBUSY: another client has asked and waits.
 */
int control_upgrade_ask(struct control *c, struct client_answer *answer, struct request *req,
			uint64_t now_ns);

/* The supervisor says how it ended. */
void control_upgrade_ended(struct control *c, const struct ipc_upgraded *how, uint64_t now_ns);

#endif
