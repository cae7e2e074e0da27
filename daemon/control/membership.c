// SPDX-License-Identifier: MIT
/* membership.c - requests for the entries of join.c, and their answers */
#include "daemon/control/membership.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/clock.h"
#include "core/base/join_table.h"
#include "daemon/common/log.h"
#include "daemon/control/change.h"
#include "daemon/control/join.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

/* A limit strikes hundreds at once, for one cause: those lines are bounded. */
static void log_refused(const struct control_join *e, int status)
{
	static struct log_limit many;
	const char *what = e->entry.bind ? "cannot bind" : "cannot join";
	char text[ADDR_TEXT_MAX];

	addr_format(&e->entry.key.group, text);
	if (status == -EMFILE || status == -EBUSY)
		log_limited(&many, monotonic_ns(), SEV_WARNING, FAC_NETWORK, "%s %s: %s", what,
			    text, strerror(-status));
	else
		log_msg(SEV_WARNING, FAC_NETWORK, "%s %s: %s", what, text, strerror(-status));
}

static void joined(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct control_join *e = control_join_find(&c->rec.joins, &request->join);

	if (!e)
		return; /* left in the meantime */
	if (status == 0) {
		e->error = 0;
		return;
	}
	e->held = false;
	/* A refusal is logged once, not every time it is tried again. */
	if (e->error != status)
		log_refused(e, status);
	e->error = status;
	control_retry_later(c);
}

static void join(struct control *c, struct control_join *e)
{
	struct ipc_msg msg = {.type = e->entry.bind ? IPC_BIND : IPC_JOIN};

	if (!e->users || e->held)
		return;
	e->held = true;
	msg.join = e->entry.key;
	control_supervisor_request(&c->supervisor, &msg, -1, joined, c);
}

void control_memberships_join(struct control *c)
{
	for (struct join_entry *e = NULL; (e = join_next(&c->rec.joins, e));)
		join(c, (struct control_join *)e);
}

/* Ask the supervisor to leave or unbind; the answer changes nothing. */
static void leave(struct control *c, const struct control_join *e)
{
	struct ipc_msg msg = {.type = e->entry.bind ? IPC_UNBIND : IPC_LEAVE, .join = e->entry.key};

	if (e->held)
		control_supervisor_request(&c->supervisor, &msg, -1, NULL, NULL);
}

void control_membership_join(struct control *c, uint32_t ifindex, const struct rule_input *in)
{
	const struct ipc_join key = control_join_key(ifindex, in);
	struct control_join *e = control_join_find(&c->rec.joins, &key);

	if (e)
		join(c, e);
}

static bool leave_unwanted(void *ctx, struct join_entry *entry)
{
	struct control_join *e = (struct control_join *)entry;

	if (e->users)
		return true;
	leave(ctx, e);
	free(e);
	return false;
}

void control_memberships_leave(struct control *c)
{
	join_each(&c->rec.joins, leave_unwanted, c);
}

void control_membership_leave(struct control *c, const struct ipc_join *key)
{
	struct control_join *e = control_join_find(&c->rec.joins, key);

	if (!e || e->users)
		return;
	leave(c, e);
	control_join_drop(&c->rec.joins, e);
}

struct leaving {
	struct control *c;
	uint32_t ifindex;
};

static bool leave_on_link(void *ctx, struct join_entry *e)
{
	const struct leaving *l = ctx;

	if (e->key.ifindex != l->ifindex)
		return true;
	leave(l->c, (struct control_join *)e);
	free(e);
	return false;
}

void control_memberships_leave_link(struct control *c, uint32_t ifindex)
{
	join_each(&c->rec.joins, leave_on_link, &(struct leaving){c, ifindex});
}

void control_memberships_recheck(struct control *c)
{
	for (struct join_entry *e = NULL; (e = join_next(&c->rec.joins, e));)
		((struct control_join *)e)->held = false;
}
