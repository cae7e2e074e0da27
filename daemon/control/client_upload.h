/* SPDX-License-Identifier: MIT */
/*
 * client_upload.h - a configuration that is longer than a line, in pieces
 */
#ifndef DAEMON_CONTROL_CLIENT_UPLOAD_H
#define DAEMON_CONTROL_CLIENT_UPLOAD_H

#include "daemon/control/client_state.h"

/**
 * client_upload_put() - a piece of a configuration
 * @offset: bytes that came before; 0 begins anew
 * @text:   borrowed
 * @c:      filled when refused
 *
 * Return: 0; -ERANGE when @offset is not where the last piece ended; -E2BIG beyond
 * CONFIG_TEXT_MAX; -EBUSY while uploads of other clients take the room; -ENOMEM.
 */
int client_upload_put(struct control_clients *cs, struct client *cl, uint64_t offset,
		      const char *text, size_t len, uint64_t now_ns, struct complaint *c);

/* The whole text, to be freed by the caller; NULL when there is none, or it was dropped. */
char *client_upload_take(struct control_clients *cs, struct client *cl, size_t *len);

size_t client_upload_bytes(const struct client *cl);

/* Free the upload. */
void client_upload_drop(struct control_clients *cs, struct client *cl);

#endif
