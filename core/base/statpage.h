/* SPDX-License-Identifier: MIT */
/*
 * statpage.h - counters in shared memory: one writer, readers that do not trust it
 *
 * A worker page (struct worker_page) is a memfd that the supervisor creates and
 * keeps, one worker writes and control reads: statistics cost the data path no
 * system call and survive the worker.  The interface page (struct iface_page) is
 * written by the supervisor alone, from PACKET_STATISTICS of the sockets it owns.
 *
 * Values are 64-bit, each written whole by one writer and read with relaxed
 * loads: never a torn one.  A worker writes them one after the other, so a copy may have
 * a datagram received and not yet matched; the law tells such a copy, and control then reads
 * again (control_stats_settled()).  Writers pay nothing for it.
 *
 * Reading a page: statpage_read_worker() and friends copy the wanted part out and check it,
 * because a compromised worker may write anything at any time.
 */
#ifndef CORE_BASE_STATPAGE_H
#define CORE_BASE_STATPAGE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/counters.h"
#include "core/base/limits.h"

#define STATPAGE_WORKER_MAGIC 0x314b524f5752434dull /* "MCRWORK1" */
#define STATPAGE_IFACE_MAGIC  0x314341464952434dull /* "MCRIFAC1" */

/* The worker's activity, for people: no process decides by it. */
enum worker_state { WORKER_STARTING, WORKER_RUNNING, WORKER_DRAINING, WORKER_STATES };

const char *worker_state_name(enum worker_state s);

struct rule_slot {
	uint64_t incarnation; /* whose counters these are; 0: nobody's */
	struct rule_counters c;
};

struct output_slot {
	uint64_t incarnation; /* whose counters these are */
	uint64_t before;      /* datagrams that its rule had matched when it came; for the worker */
	struct egress_counters c;
};

struct worker_page {
	uint64_t magic;
	uint64_t size_bytes;
	/* Control compares these with what it published (drift). */
	uint64_t generation;   /* of the snapshot in use, written after the swap */
	uint64_t hash;         /* recomputed over the live table, once a second and after a swap */
	uint64_t rules;        /* rules in the live table */
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, at least every 100 ms */
	uint64_t state;        /* enum worker_state */
	uint64_t pid;
	uint64_t gso_fallbacks; /* outputs for which the kernel refused UDP_SEGMENT */
	uint64_t send_retries;
	uint64_t commands; /* messages of the supervisor handled by this process */
	uint64_t loops;    /* times that the storm guard has held a rule */
	uint64_t reserved[4];
	struct ingress_counters ingress;
	struct egress_counters egress;
	uint64_t pool_buffers[3]; /* small, jumbo, super */
	uint64_t pool_low[3];     /* least free buffers seen */
	struct rule_slot rule[MCR_MAX_RULES];
	struct output_slot output[MCR_MAX_OUTPUTS];
};

/**
 * struct iface_counts - what the kernel says about the frames of an input interface
 * @delivered:     put into the workers' packet sockets
 * @socket_queue:  lost because that queue was full
 * @not_matched:   turned away by the prefilter, not_ipv4_udp included
 * @not_ipv4_udp:  those of them that were not untagged IPv4 UDP
 * @vlan:          had a VLAN tag other than VID 0, and no socket takes those
 */
struct iface_counts {
	uint64_t delivered;
	uint64_t socket_queue;
	uint64_t not_matched;
	uint64_t not_ipv4_udp;
	uint64_t vlan;
};

/**
 * struct iface_slot_stats - a slot of input interfaces, one device after the other
 * @ifindex: of the last device; 0 when the slot was never used
 * @all:     of all devices that had the slot; only grows, so the sum over slots does
 * @before:  what @all was when the last device got the slot; the rest is its own
 *
 * A device that is closed and opened again in its slot goes on counting.
 */
struct iface_slot_stats {
	uint64_t ifindex;
	struct iface_counts all;
	struct iface_counts before;
};

/**
 * struct iface_queue - frames that the packet sockets of a slot lost, by worker
 * @all:    of all devices that had the slot; the sum is socket_queue of the slot's @all
 * @before: what @all was when the last device got it
 */
struct iface_queue {
	uint64_t all[MCR_MAX_WORKERS];
	uint64_t before[MCR_MAX_WORKERS];
};

/**
 * struct softnet_counts - what the kernel counts by CPU for all devices of the host
 * @dropped:  frames that found a CPU's backlog full
 * @squeezed: times that a CPU had to leave frames for later
 */
struct softnet_counts {
	uint64_t dropped;
	uint64_t squeezed;
};

struct iface_page {
	uint64_t magic;
	uint64_t size_bytes;
	struct softnet_counts softnet;
	struct iface_slot_stats slot[MCR_MAX_IFACES];
	struct iface_queue queue[MCR_MAX_IFACES];
};

/**
 * struct traffic_seen - what control has seen of a rule or an output, once a second
 * @owner:    its incarnation
 * @packets:  its counter when it was looked at last
 * @first_ns, @last_ns: when the counter was first and last seen to have grown; 0: never
 * @gap_ns:   the longest time between two of these during which it is known to have stood still
 */
struct traffic_seen {
	uint64_t owner;
	uint64_t packets;
	uint64_t first_ns, last_ns;
	uint64_t gap_ns;
};

/* Of control and of its successors. */
struct heartbeat_page {
	uint64_t heartbeat_ns; /* CLOCK_MONOTONIC, at least every 100 ms; 0: not yet */
	uint64_t reloads;      /* how often an IPC_RELOAD was carried out, with success or not */
	/* Control's own counters, which outlive it here; no other process reads them. */
	uint64_t drift_detected[MCR_MAX_WORKERS];
	uint64_t drift_repaired[MCR_MAX_WORKERS];
	uint64_t kernel_path_drift; /* times that somebody else had changed the maps */
	struct traffic_seen rule[MCR_MAX_RULES];
	struct traffic_seen output[MCR_MAX_OUTPUTS];
};

/* For the writer: prepare a fresh, zeroed page; or make one valid again, counters as they are. */
void worker_page_init(struct worker_page *p);
void iface_page_init(struct iface_page *p);

/*
 * iface_page_take() - the slot goes to the device @ifindex; no change when it has it already
 *
 * A reader that sees the new ifindex sees the new @before.  The counters themselves go on:
 * were they set to zero, a total read meanwhile would go backwards.
 */
static inline void iface_page_take(struct iface_page *p, uint32_t slot, uint32_t ifindex)
{
	struct iface_slot_stats *s = &p->slot[slot];
	const uint64_t *all = (const uint64_t *)&s->all;
	uint64_t *before = (uint64_t *)&s->before;
	struct iface_queue *q = &p->queue[slot];

	if (s->ifindex == ifindex)
		return;
	__atomic_store_n(&s->ifindex, 0, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* nobody's while @before changes */
	for (size_t i = 0; i < sizeof(s->all) / sizeof(*all); i++)
		__atomic_store_n(&before[i], all[i], __ATOMIC_RELAXED);
	for (size_t i = 0; i < MCR_MAX_WORKERS; i++)
		__atomic_store_n(&q->before[i], q->all[i], __ATOMIC_RELAXED);
	__atomic_store_n(&s->ifindex, ifindex, __ATOMIC_RELEASE);
}

/**
 * struct worker_summary - the fixed part of a worker page, copied out and checked
 */
struct worker_summary {
	uint64_t generation;
	uint64_t hash;
	uint64_t rules;
	uint64_t heartbeat_ns;
	enum worker_state state;
	uint64_t pid;
	uint64_t gso_fallbacks;
	uint64_t send_retries;
	uint64_t loops;
	struct ingress_counters ingress;
	struct egress_counters egress;
	uint64_t pool_buffers[3];
	uint64_t pool_low[3];
};

/**
 * statpage_read_worker() - copy the fixed part of a worker page
 * @page:       the mapping, untrusted
 * @size_bytes: length of the mapping
 * @out:        filled on success
 *
 * Return: 0; -EBADMSG when magic, size or state cannot be.
 */
int statpage_read_worker(const volatile void *page, size_t size_bytes, struct worker_summary *out);

/**
 * statpage_read_rule() - copy one rule's counters
 * @slot:        rule slot
 * @incarnation: the rule's or output's; counters of another incarnation read as zero
 *
 * Return: 0; -EBADMSG as above; -ERANGE when @slot is out of range.
 */
int statpage_read_rule(const volatile void *page, size_t size_bytes, uint32_t slot,
		       uint64_t incarnation, struct rule_counters *out);
int statpage_read_output(const volatile void *page, size_t size_bytes, uint32_t slot,
			 uint64_t incarnation, struct egress_counters *out);

/*
 * statpage_sample_rule() - the first two of the counters of a rule, its matched and bytes: less
 * memory is touched than by statpage_read_rule().  The same for an output, its sent and bytes.
 */
int statpage_sample_rule(const volatile void *page, size_t size_bytes, uint32_t slot,
			 uint64_t incarnation, uint64_t *matched, uint64_t *bytes);
int statpage_sample_output(const volatile void *page, size_t size_bytes, uint32_t slot,
			   uint64_t incarnation, uint64_t *sent, uint64_t *bytes);

/**
 * statpage_read_iface() - copy one slot of the interface page
 * @slot: slot of the interface
 *
 * @out->before is never more than @out->all, and belongs to @out->ifindex.
 *
 * Return: 0; -EBADMSG as above; -ERANGE when @slot is out of range.
 */
int statpage_read_iface(const volatile void *page, size_t size_bytes, uint32_t slot,
			struct iface_slot_stats *out);

/* Return: 0; -EBADMSG as above. */
int statpage_read_softnet(const volatile void *page, size_t size_bytes, struct softnet_counts *out);

/**
 * statpage_read_queue() - copy what the sockets of one slot lost, by worker
 *
 * @out->before is never more than @out->all.  Return: as statpage_read_iface().
 */
int statpage_read_queue(const volatile void *page, size_t size_bytes, uint32_t slot,
			struct iface_queue *out);

/* Counts of the device that has the slot now, without those of earlier devices. */
static inline struct iface_counts iface_counts_own(const struct iface_slot_stats *s)
{
	return (struct iface_counts){
		.delivered = s->all.delivered - s->before.delivered,
		.socket_queue = s->all.socket_queue - s->before.socket_queue,
		.not_matched = s->all.not_matched - s->before.not_matched,
		.not_ipv4_udp = s->all.not_ipv4_udp - s->before.not_ipv4_udp,
		.vlan = s->all.vlan - s->before.vlan,
	};
}

static inline void iface_counts_add(struct iface_counts *to, const struct iface_counts *from)
{
	to->delivered += from->delivered;
	to->socket_queue += from->socket_queue;
	to->not_matched += from->not_matched;
	to->not_ipv4_udp += from->not_ipv4_udp;
	to->vlan += from->vlan;
}

#endif
