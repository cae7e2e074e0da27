/* SPDX-License-Identifier: MIT */
/* kernel_watch_state.h - what is known of rules whose datagrams may come back */
#ifndef DAEMON_CONTROL_KERNEL_WATCH_STATE_H
#define DAEMON_CONTROL_KERNEL_WATCH_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/limits.h"

#define KERNEL_WATCHES_AT_ONCE 16
#define KERNEL_SUSPECTS_MAX    64

/**
 * struct kernel_watch_rule - a rule, by its slot
 * @matched:    by the kernel, when it was looked at last
 * @rate:       datagrams a second when it was watched last, at @watched_ns
 * @free_until_ns: it is not watched before, @free_ms long
 */
struct kernel_watch_rule {
	uint64_t incarnation;
	uint64_t matched;
	uint64_t rate, watched_ns;
	uint64_t free_until_ns;
	uint32_t free_ms;
};

/* @number: of the watch in the maps; @used: there is one */
struct kernel_watch {
	bool used;
	uint32_t number;
	uint32_t slot;
	uint64_t incarnation;
	uint64_t since_ns;
};

/* @until_ns: with the workers; @held: their guard has held it */
struct kernel_suspect {
	uint32_t slot;
	bool held;
	uint64_t incarnation;
	uint64_t until_ns;
};

/**
 * struct control_kernel_watch
 * @looked_ns: when rates were looked at last; @matched: by all rules then
 * @next:      number of the next watch
 * @changed:   slots of rules that are to be set again
 */
struct control_kernel_watch {
	uint64_t looked_ns;
	uint64_t matched;
	uint32_t next;
	unsigned n_suspects, n_changed;
	struct kernel_watch at[KERNEL_WATCHES_AT_ONCE];
	struct kernel_suspect suspect[KERNEL_SUSPECTS_MAX];
	uint32_t changed[2 * KERNEL_WATCHES_AT_ONCE + 2 * KERNEL_SUSPECTS_MAX];
	struct kernel_watch_rule rule[MCR_MAX_RULES];
};

#endif
