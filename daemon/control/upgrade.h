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

#include "core/base/ipc.h"

struct client_answer;
struct control;
struct request;

/**
 * struct control_upgrade - who asked
 * @answer:   to be given, owned; NULL: nobody of ours waits
 * @id:       of the request, owned
 * @begun_ns: when it was asked for
 */
struct control_upgrade {
	struct client_answer *answer;
	struct cJSON *id;
	uint64_t begun_ns;
};

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
