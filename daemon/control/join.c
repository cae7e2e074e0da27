// SPDX-License-Identifier: MIT
/* join.c - a chained hash table that counts users */
#include "daemon/control/join.h"

#include <stdlib.h>

#include "core/base/join_key.h"
#include "daemon/control/state.h"

struct ipc_join control_join_key(uint32_t ifindex, const struct rule_input *in)
{
	static const struct addr any;

	if (addr_is_multicast(&in->group))
		return join_key(ifindex, &in->group, &in->source, 0);
	return join_key(ifindex, &in->group, &any, in->port);
}

static unsigned bucket_of(const struct ipc_join *key)
{
	return join_key_bucket(key, CONTROL_JOIN_BUCKETS);
}

struct control_join *control_join_find(const struct control_joins *t, const struct ipc_join *key)
{
	struct control_join *e = t->bucket[bucket_of(key)];

	while (e && !join_key_equal(&e->key, key))
		e = e->next;
	return e;
}

struct control_join *control_join_get(struct control_joins *t, const struct ipc_join *key)
{
	struct control_join *e = control_join_find(t, key);
	unsigned b = bucket_of(key);

	if (e)
		return e;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->key = *key;
	e->bind = !addr_is_multicast(&key->group);
	e->next = t->bucket[b];
	t->bucket[b] = e;
	t->n++;
	return e;
}

void control_joins_unmark(struct control_joins *t)
{
	for (unsigned b = 0; b < CONTROL_JOIN_BUCKETS; b++) {
		for (struct control_join *e = t->bucket[b]; e; e = e->next)
			e->users = 0;
	}
}

void control_joins_each(struct control_joins *t, bool (*fn)(void *ctx, struct control_join *e),
			void *ctx)
{
	for (unsigned b = 0; b < CONTROL_JOIN_BUCKETS; b++) {
		struct control_join **at = &t->bucket[b];

		while (*at) {
			struct control_join *e = *at;

			if (fn(ctx, e)) {
				at = &e->next;
				continue;
			}
			*at = e->next;
			free(e);
			t->n--;
		}
	}
}

void control_join_drop(struct control_joins *t, struct control_join *e)
{
	struct control_join **at = &t->bucket[bucket_of(&e->key)];

	while (*at != e)
		at = &(*at)->next;
	*at = e->next;
	free(e);
	t->n--;
}

static bool forget(void *ctx, struct control_join *e)
{
	return false;
}

void control_joins_fini(struct control_joins *t)
{
	control_joins_each(t, forget, NULL);
}
