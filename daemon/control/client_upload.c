// SPDX-License-Identifier: MIT
/*
 * client_upload.c - one growing buffer for each client
 *
 * The pieces are only put together here.  LoadConfig and CheckConfig parse the whole text,
 * so that errors have the lines of the whole and no part of it is applied alone.  All
 * uploads together may be as long as one configuration.
 */
#include "daemon/control/client_upload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/text/config.h"

void client_upload_drop(struct control_clients *cs, struct client *cl)
{
	cs->upload_total -= cl->upload.len;
	free(cl->upload.text);
	cl->upload = (struct client_upload){0};
}

static int check_piece(const struct control_clients *cs, const struct client *cl, uint64_t offset,
		       size_t len, struct complaint *c)
{
	if (offset != cl->upload.len) {
		complain(c, "params.offset", "%zu bytes have come, the next piece must begin there",
			 cl->upload.len);
		return -ERANGE;
	}
	if (cl->upload.len + len > CONFIG_TEXT_MAX) {
		complain(c, "params.text", "a configuration may be %u bytes long", CONFIG_TEXT_MAX);
		return -E2BIG;
	}
	if (cs->upload_total + len > CONFIG_TEXT_MAX) {
		complain(c, "params.text",
			 "other clients are uploading configurations; try again later");
		return -EBUSY;
	}
	return 0;
}

int client_upload_put(struct control_clients *cs, struct client *cl, uint64_t offset,
		      const char *text, size_t len, uint64_t now_ns, struct complaint *c)
{
	struct client_upload *u = &cl->upload;
	int ret;

	if (!offset)
		client_upload_drop(cs, cl);
	ret = check_piece(cs, cl, offset, len, c);
	if (ret < 0)
		return ret;
	if (u->len + len + 1 > u->cap) {
		size_t cap = 2 * (u->len + len + 1);
		char *p = realloc(u->text, cap);

		if (!p)
			return -ENOMEM;
		u->text = p;
		u->cap = cap;
	}
	memcpy(u->text + u->len, text, len);
	u->len += len;
	u->text[u->len] = '\0';
	u->at_ns = now_ns;
	cs->upload_total += len;
	return 0;
}

char *client_upload_take(struct control_clients *cs, struct client *cl, size_t *len)
{
	char *text = cl->upload.text;

	*len = cl->upload.len;
	cl->upload.text = NULL;
	client_upload_drop(cs, cl);
	return text;
}

size_t client_upload_bytes(const struct client *cl)
{
	return cl->upload.len;
}
