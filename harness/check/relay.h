/* SPDX-License-Identifier: MIT */
/* relay.h - the answers of a running relay, for the checks */
#ifndef HARNESS_CHECK_RELAY_H
#define HARNESS_CHECK_RELAY_H

#include "harness/check/check.h"

/**
 * check_relay_ask() - ask a relay for its workers, rules and statistics
 * @path:  of the control socket
 * @relay: filled on success; check_relay_free() is due
 * @error: CHECK_TEXT_SIZE bytes, filled on failure, one line
 *
 * Return: 0 or -1.
 */
int check_relay_ask(const char *path, struct check_relay *relay, char *error);

/**
 * check_relay_free() - free the answers
 * @relay: empty afterwards; an empty one is allowed
 */
void check_relay_free(struct check_relay *relay);

#endif
