/* SPDX-License-Identifier: MIT */
/*
 * kernel_watch.h - datagrams that come back to a rule that the kernel relays
 *
 * The storm guard of a worker (core/relay/guard.h) sees nothing of such a rule.  So the busiest
 * rules are watched in turn: for a fifth of a second the program notes some payloads, and how
 * often each comes again.  When nearly all do, the rule goes to the workers for some seconds,
 * so that their guard finds out:
 *
 *   kernel -> busy, watched -> payloads repeat: with the workers -> held: with them until
 *                                  |                                 10 s after the last hold
 *                                  '-> not held: kernel, and not watched again for a while
 *
 * So only a rule whose payloads repeat changes path, and the guard's pauses lose nothing.
 *
 * The guard sees such a storm when it is under way.  One datagram that circulates is found; a
 * stream whose datagrams have filled the way to the brim before is the storm that the guard
 * does not find.
 */
#ifndef DAEMON_CONTROL_KERNEL_WATCH_H
#define DAEMON_CONTROL_KERNEL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct control;
struct ruleset_entry;

/* Sets the rules in so many slots again: control_kernel_path_update_slots(). */
typedef void kernel_watch_set_fn(struct control *c, const uint32_t *slots, unsigned n,
				 uint64_t now_ns);

/* Every 100 ms.  @set: called with the rules that change path, or begin or end to be watched */
void control_kernel_watch_tick(struct control *c, uint64_t now_ns, kernel_watch_set_fn *set);

/* A worker's guard holds the rule until @until_ns: all of its outputs are to be the worker's. */
void control_kernel_watch_held(struct control *c, const struct ruleset_entry *e, uint64_t until_ns);

/* For struct kernel_path_block. */
uint32_t control_kernel_watch_of(const struct control *c, const struct ruleset_entry *e);

/* Is the rule to be with the workers, so that their guard sees it? */
bool control_kernel_watch_suspects(const struct control *c, const struct ruleset_entry *e);

#endif
