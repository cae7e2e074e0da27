/* SPDX-License-Identifier: MIT */
/*
 * stats.h - read the shared pages; sums over workers and interfaces
 *
 * Workers write their pages at any time and may be compromised: everything read here is
 * copied and checked by core/base/statpage.h.  A page that is missing or invalid counts as
 * zeroes.
 */
#ifndef DAEMON_CONTROL_STATS_H
#define DAEMON_CONTROL_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "core/base/statpage.h"

struct control;
struct rule;
struct ruleset_entry;
struct stats_page;
struct stats_reading;

/**
 * struct stats_totals - over all workers and interfaces
 * @ingress: what the kernel threw away is included: received = matched + drops
 * @iface_not_ipv4_udp: part of drops[DROP_NOT_MATCHED]
 */
struct stats_totals {
	struct ingress_counters ingress;
	struct egress_counters egress;
	uint64_t iface_not_ipv4_udp;
};

/*
 * Map a page of @size_bytes.  @fd: taken.  Return: 0; -EPERM: its size is not sealed;
 * -EBADMSG: it has another; a negative errno of mmap(2).
 */
int control_stats_map(struct stats_page *p, int fd, size_t size_bytes);

/*
 * Return: 0 or -EBADMSG; @out is zeroed then.  The socket_queue of an interface is the sum
 * of @queue, which is filled, too: both are of one reading.
 */
int control_stats_worker(const struct control *c, unsigned w, struct worker_summary *out);
int control_stats_iface(const struct control *c, uint32_t slot, struct iface_slot_stats *out,
			struct iface_queue *queue);

/* Return: 0 or -EBADMSG. */
int control_stats_softnet(const struct control *c, struct softnet_counts *out);

#define STATS_SETTLE_NS (5 * NS_PER_MS)

/**
 * control_stats_read() - counters of all workers, each between two of its datagrams
 * @r: zeroed before the first call
 *
 * Reads those again that were in the midst of a datagram.  A worker that was stopped there,
 * or writes nonsense, is taken as it is STATS_SETTLE_NS after the first call.
 *
 * Return: whether all are read; when not the caller is to call again a millisecond later.
 */
bool control_stats_read(const struct control *c, struct stats_reading *r, uint64_t now_ns);

/**
 * struct rule_queue - what the packet sockets that serve a rule have lost
 * @frames: since the input interface was opened
 * @rules:  how many rules those sockets serve; only with 1 the frames were this rule's
 */
struct rule_queue {
	uint64_t frames;
	unsigned rules;
};

void control_stats_queue(const struct control *c, const struct rule *r, struct rule_queue *out);

/* Sums over all workers. */
void control_stats_rule(const struct control *c, const struct ruleset_entry *e,
			struct rule_counters *out);
void control_stats_output(const struct control *c, const struct ruleset_entry *e, unsigned i,
			  struct egress_counters *out);

/*
 * Totals are sums of one reading each: of every worker, of the kernel path, and of every slot
 * of interfaces.
 */
void stats_totals_add_worker(struct stats_totals *t, const struct worker_summary *s);
void stats_totals_add_kernel_path(struct stats_totals *t, const struct control *c);
void stats_totals_add_iface(struct stats_totals *t, const struct iface_slot_stats *s);
void control_stats_totals(const struct control *c, const struct stats_reading *r,
			  struct stats_totals *t);

#endif
