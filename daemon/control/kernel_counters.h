/* SPDX-License-Identifier: MIT */
/*
 * kernel_counters.h - the counters of the kernel path, and which rule's they are
 */
#ifndef DAEMON_CONTROL_KERNEL_COUNTERS_H
#define DAEMON_CONTROL_KERNEL_COUNTERS_H

#include <stdint.h>

struct egress_counters;
struct ingress_counters;
struct kernel_map;
struct kernel_map_rule;

/* --- for readers; each function adds to @to and its like --- */

/* Of an incarnation that the slot's counters belong to; else nothing is added. */
void kernel_map_count_rule(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			   uint64_t *matched, uint64_t *bytes);
void kernel_map_count_output(const struct kernel_map *m, uint32_t slot, uint64_t incarnation,
			     struct egress_counters *to);
/* Both halves of the law hold. */
void kernel_map_count_all(const struct kernel_map *m, struct ingress_counters *in,
			  struct egress_counters *out);

/* --- for kernel_map.c --- */

/*
 * The counters of the slots are the rule's from here on, and begin at zero unless they were.
 * Return: 0; -EBUSY: those of another one rest.
 */
int kernel_counters_own(struct kernel_map *m, const struct kernel_map_rule *r, uint64_t now_ns);

/* No block of the chain from @first names its slots any more. */
void kernel_counters_leave(struct kernel_map *m, uint32_t first, uint64_t now_ns);

/* A fresh control: all rest but those of @have. */
void kernel_counters_reload(struct kernel_map *m, uint64_t now_ns);

#endif
