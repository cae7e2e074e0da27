/* SPDX-License-Identifier: MIT */
/* upgrade_outcome.h - how an upgrade ended, in words */
#ifndef DAEMON_COMMON_UPGRADE_OUTCOME_H
#define DAEMON_COMMON_UPGRADE_OUTCOME_H

#include <stddef.h>

#include "core/base/ipc.h"

/* Time in which a new binary must pass its check. */
#define UPGRADE_CHECK_S 2

/* Room for every outcome, beside the name of the binary. */
#define UPGRADE_OUTCOME_MAX 160

/**
 * upgrade_outcome_text() - a sentence without its full stop, for the log and the answer to Upgrade
 * @binary: what to call it, its path or "the binary on disk"
 * @buf:    filled, and cut off at @size
 *
 * Return: @buf.
 */
const char *upgrade_outcome_text(const struct ipc_upgraded *how, const char *binary, char *buf,
				 size_t size);

#endif
