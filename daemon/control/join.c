// SPDX-License-Identifier: MIT
/* join.c - entries of a join_table that count their users */
#include "daemon/control/join.h"

#include <stdlib.h>

#include "core/base/join_table.h"
#include "daemon/control/state.h"

struct ipc_join control_join_key(uint32_t ifindex, const struct rule_input *in)
{
	static const struct addr any;

	if (addr_is_multicast(&in->group))
		return join_key(ifindex, &in->group, &in->source, 0);
	return join_key(ifindex, &in->group, &any, in->port);
}

static struct join_entry **find(const struct join_table *t, const struct ipc_join *key)
{
	return join_find(t, key, !addr_is_multicast(&key->group));
}

struct control_join *control_join_find(const struct join_table *t, const struct ipc_join *key)
{
	return (struct control_join *)*find(t, key);
}

struct control_join *control_join_get(struct join_table *t, const struct ipc_join *key)
{
	struct join_entry **at = find(t, key);
	struct control_join *j;

	if (*at)
		return (struct control_join *)*at;
	j = calloc(1, sizeof(*j));
	if (!j)
		return NULL;
	j->entry.key = *key;
	j->entry.bind = !addr_is_multicast(&key->group);
	join_add(t, at, &j->entry);
	return j;
}

void control_joins_unmark(struct join_table *t)
{
	for (struct join_entry *e = NULL; (e = join_next(t, e));)
		((struct control_join *)e)->users = 0;
}

void control_join_drop(struct join_table *t, struct control_join *j)
{
	free(join_take(t, find(t, &j->entry.key)));
}

static bool forget(void *ctx, struct join_entry *e)
{
	free(e);
	return false;
}

void control_joins_fini(struct join_table *t)
{
	join_each(t, forget, NULL);
}
