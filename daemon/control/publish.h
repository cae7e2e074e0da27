/* SPDX-License-Identifier: MIT */
/*
 * publish.h - hand the rules to the workers, and know who has them
 *
 * There is one way to change what a worker does: a snapshot under the next generation.  It
 * has the whole set, or what has changed since the last one with the whole set, so that the
 * cost of a change does not depend on the number of rules (core/rules/snapshot.h).  Of the last
 * PUBLISH_HISTORY publications the hash that each worker must report is remembered, so that an
 * answer which waits for generation g is confirmed by a worker that is already further.
 */
#ifndef DAEMON_CONTROL_PUBLISH_H
#define DAEMON_CONTROL_PUBLISH_H

#include <stdbool.h>
#include <stdint.h>

struct control;

#define PUBLISH_RESYNC_NS 300000000000ull /* publish again, whatever the pages say */

/* Publish the rules as they are now; all are resolved.  Return: 0 or negative errno. */
int control_publish(struct control *c, uint64_t now_ns);

/* The same when only the rules in these slots can have changed, or have gone. */
int control_publish_slots(struct control *c, const uint32_t *slots, unsigned n, uint64_t now_ns);

/*
 * Has every worker the rules of @generation or later ones, or will it start with them?  A worker
 * that hangs is killed by the supervisor, and is one that starts.
 */
bool control_publish_everywhere(const struct control *c, uint64_t generation);

/* Does worker @w have the rules of @generation, or later ones? */
bool control_publish_confirmed(const struct control *c, unsigned w, uint64_t generation);

#endif
