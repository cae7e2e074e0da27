/* SPDX-License-Identifier: MIT */
/*
 * join_table.h - memberships and bound addresses by their keys
 *
 * Control counts the rules that need each of them, and the supervisor holds them.  Both embed
 * struct join_entry as the first member of what they know of one.
 */
#ifndef CORE_BASE_JOIN_TABLE_H
#define CORE_BASE_JOIN_TABLE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/hash.h"
#include "core/base/ipc.h"

#define JOIN_BUCKETS 4096

/**
 * struct join_entry - a membership
 * @next: in its bucket
 * @key:  made by join_key()
 * @bind: it is a bound address instead
 */
struct join_entry {
	struct join_entry *next;
	struct ipc_join key;
	bool bind;
};

struct join_table {
	struct join_entry *bucket[JOIN_BUCKETS];
	unsigned n;
};

/**
 * join_key() - of a membership, or of a bound socket
 * @ifindex: its interface
 * @group:   to be joined, or the address to be bound
 * @source:  of a source-specific join (RFC 4607); unset for any source
 * @port:    of a bound socket; 0 for a membership, which has none
 *
 * Return: a key that is compared as bytes.
 */
static inline struct ipc_join join_key(uint32_t ifindex, const struct addr *group,
				       const struct addr *source, uint16_t port)
{
	struct ipc_join key;

	memset(&key, 0, sizeof(key));
	key.ifindex = ifindex;
	key.group = *group;
	key.source = *source;
	key.port = port;
	return key;
}

/* Control chooses the keys.  At worst all are in one bucket, and that list is short enough. */
static inline unsigned join_bucket(const struct ipc_join *key)
{
	return (unsigned)(hash_final(hash_bytes(HASH_SEED, key, sizeof(*key))) % JOIN_BUCKETS);
}

/* The link to the entry; if there is none, the link at which it is to be added. */
static inline struct join_entry **join_find(const struct join_table *t, const struct ipc_join *key,
					    bool bind)
{
	struct join_entry **at = (struct join_entry **)&t->bucket[join_bucket(key)];

	while (*at && ((*at)->bind != bind || memcmp(&(*at)->key, key, sizeof(*key)) != 0))
		at = &(*at)->next;
	return at;
}

/* @at: of join_find(), which found none; @e: with its key */
static inline void join_add(struct join_table *t, struct join_entry **at, struct join_entry *e)
{
	e->next = NULL;
	*at = e;
	t->n++;
}

/* Takes out the entry at @at, which stays the caller's.  Return: the entry. */
static inline struct join_entry *join_take(struct join_table *t, struct join_entry **at)
{
	struct join_entry *e = *at;

	*at = e->next;
	t->n--;
	return e;
}

/* The entry after @e, in any order; the first for NULL; NULL after the last. */
static inline struct join_entry *join_next(const struct join_table *t, const struct join_entry *e)
{
	unsigned b;

	if (e && e->next)
		return e->next;
	for (b = e ? join_bucket(&e->key) + 1 : 0; b < JOIN_BUCKETS; b++)
		if (t->bucket[b])
			return t->bucket[b];
	return NULL;
}

/**
 * join_each() - call a function for every entry
 * @fn: returns whether the entry stays; one that does not has been taken out by then, and is @fn's
 *      to free; @fn changes the table in no other way
 *
 * Return: how many entries have been taken out.
 */
static inline unsigned join_each(struct join_table *t, bool (*fn)(void *ctx, struct join_entry *e),
				 void *ctx)
{
	unsigned taken = 0;

	for (unsigned b = 0; b < JOIN_BUCKETS; b++) {
		struct join_entry **at = &t->bucket[b];

		while (*at) {
			struct join_entry *e = *at, *next = e->next;

			if (fn(ctx, e)) {
				at = &e->next;
				continue;
			}
			*at = next;
			t->n--;
			taken++;
		}
	}
	return taken;
}

#endif
