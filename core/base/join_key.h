/* SPDX-License-Identifier: MIT */
/*
 * join_key.h - the key of a membership, and where it stands in a table
 *
 * Control counts the rules that need a membership, and the supervisor holds it.  Both have
 * a table of them, by the same key.
 */
#ifndef CORE_BASE_JOIN_KEY_H
#define CORE_BASE_JOIN_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/base/addr.h"
#include "core/base/hash.h"
#include "core/base/ipc.h"

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

static inline bool join_key_equal(const struct ipc_join *a, const struct ipc_join *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/*
 * Control chooses the keys.  At worst all of its memberships are in one bucket, and that list is
 * short enough.
 */
static inline unsigned join_key_bucket(const struct ipc_join *key, unsigned buckets)
{
	return (unsigned)(hash_final(hash_bytes(HASH_SEED, key, sizeof(*key))) % buckets);
}

#endif
