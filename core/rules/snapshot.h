/* SPDX-License-Identifier: MIT */
/*
 * snapshot.h - every rule at one generation, as immutable blocks of memory
 *
 * Control writes a snapshot, seals it in a memfd and hands it to the supervisor,
 * which keeps the last one and passes it to the workers.  It is the only way to
 * change what a worker does.  The reader treats it as untrusted: snapshot_parse()
 * checks every length, index, enum and terminator once, and later code uses only
 * the view that it fills.
 *
 *   header | iface[n_ifaces] | rule[n_rules] | output[n_outputs] | removed[n_removed]
 *
 * A whole snapshot has every rule.  A snapshot of changes has a base, the generation of a
 * whole snapshot, and every rule that differs from it: those that are new or other in
 * rule[], and the slots of those that are no more in removed[].  A slot that is in both has
 * another rule now, which follows all others in order.  Its changes are counted from the base, not
 * from the generation before it, so the base and the last changes are the whole set, and what lies
 * between them need not be known.  Its interfaces are all.
 *
 * Host byte order (it never leaves the machine), except addresses.
 */
#ifndef CORE_RULES_SNAPSHOT_H
#define CORE_RULES_SNAPSHOT_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/limits.h"

#define SNAPSHOT_MAGIC   0x3150414e5352434dull /* "MCRSNAP1" */
#define SNAPSHOT_VERSION 4

#define SNAPSHOT_DIVISIONS 2 /* that a rule knows: of now, and the one before */

/**
 * struct snapshot_header
 * @hash: snapshot_hash_rule() summed over the rules of this snapshot
 * @base: generation of the whole snapshot that this one changes; 0: this one is whole
 */
struct snapshot_header {
	uint64_t magic;
	uint32_t version;
	uint32_t n_ifaces;
	uint32_t n_rules;
	uint32_t n_outputs;
	uint64_t generation;
	uint64_t hash;
	uint64_t size_bytes;
	uint64_t base;
	uint32_t n_removed;
	uint32_t reserved;
};
static_assert(sizeof(struct snapshot_header) == MCR_SNAPSHOT_HEAD_BYTES, "snapshot format");

/**
 * struct snapshot_iface - an interface that some rule names and that exists
 * @worker_mask: the workers that serve it as an input; with @steering, @gro and @defrag kept
 *           for a restarted control, workers do not look at them
 * @slot:    0..MCR_MAX_IFACES-1, the key by which workers know its sockets
 * @ifindex: the kernel's index, > 0
 * @mtu:     bytes of IP datagram that leave unfragmented, 68..65536
 */
struct snapshot_iface {
	uint64_t worker_mask;
	uint32_t slot;
	uint32_t ifindex;
	uint32_t mtu;
	uint8_t steering; /* enum steering */
	uint8_t gro;      /* enum gro_setting */
	uint8_t defrag;
	uint8_t reserved;
	char name[MCR_IFNAME_MAX];
};
static_assert(sizeof(struct snapshot_iface) == 40, "snapshot format");

/**
 * struct snapshot_rule - one rule
 * @worker_mask:  bit w set: worker w serves the rule
 * @slot:         rule slot (counters)
 * @in_iface:     slot of the input interface, MCR_NO_SLOT when it does not exist
 * @first_output: index into the output array; its outputs follow one another
 * @state:        an enum rule_state, for readers; workers match all that have in_iface
 * @division:     frames with this number were sent by the kernel path to the outputs that have
 *                the bit of its place here in @divided; 0: none.  A worker
 *                leaves these out (core/relay/relay.c)
 */
struct snapshot_rule {
	uint64_t incarnation;
	uint64_t worker_mask;
	uint64_t limit_pps;
	uint64_t limit_bps;
	uint32_t slot;
	uint32_t in_iface;
	uint32_t first_output;
	uint32_t n_outputs;
	uint32_t division[SNAPSHOT_DIVISIONS];
	struct addr group;
	struct addr source;
	uint16_t port;
	uint8_t priority; /* enum rule_priority */
	uint8_t state;    /* enum rule_state */
	uint8_t path;     /* enum rule_path, for a restarted control */
	uint8_t consume;  /* for a restarted control */
	uint8_t reserved[2];
	char in_name[MCR_IFNAME_MAX];
	char id[MCR_ID_MAX];
	char name[MCR_NAME_MAX];
	char description[MCR_DESCRIPTION_MAX]; /* for a restarted control */
};
static_assert(sizeof(struct snapshot_rule) == 376, "snapshot format");

/* Why workers do not send to an output; each counts as the send drop of its name. */
enum output_hold {
	OUTPUT_HOLD_NONE,        /* they send */
	OUTPUT_HOLD_UNREACHABLE, /* no route, or its next hop has no neighbour entry that works */
	OUTPUT_HOLD_NO_SOURCE,   /* there is no source address for it on this host */
	OUTPUT_HOLD_REFUSED,     /* the kernel would refuse: a broadcast address */
	OUTPUT_HOLDS
};

/* TTL_DECREMENT: the TTL to use is one less than that of what came. */
enum ttl_setting { TTL_DEFAULT, TTL_GIVEN, TTL_DECREMENT, TTL_SETTINGS };

/**
 * struct snapshot_output - one output
 * @incarnation: whose counters the slot has; in a record to be added 0: that of the rule
 * @slot:  output slot (counters)
 * @iface: slot of the output interface, MCR_NO_SLOT when it does not exist
 * @egress_socket: id of the egress socket to use, + 1; 0 for that of the interface
 * @egress_socket_kind: enum egress_socket_kind of it, for readers
 * @ttl:   the TTL to use, 1..255: defaults are resolved by the writer
 * @ttl_set: enum ttl_setting: what the operator gave
 * @hold:  enum output_hold: what control knows of the way to it
 * @source_port: 0, or the port that its egress socket is bound to; no other one serves it
 * @divided: bit i: the kernel path has it under division i of the rule
 */
struct snapshot_output {
	uint64_t incarnation;
	uint32_t slot;
	uint32_t iface;
	uint32_t egress_socket;
	struct addr group;
	struct addr source;
	uint16_t port;
	uint16_t source_port;
	uint8_t ttl;
	uint8_t dscp;
	uint8_t ttl_set;
	uint8_t hold; /* enum output_hold */
	uint8_t egress_socket_kind;
	uint8_t divided;
	uint8_t reserved[2];
	char if_name[MCR_IFNAME_MAX];
};
static_assert(sizeof(struct snapshot_output) == 88, "snapshot format");

/**
 * struct snapshot_view - a snapshot that has been checked
 *
 * The arrays point into the memory given to snapshot_parse(), which must stay
 * mapped and unchanged (sealed) while the view is used.
 */
struct snapshot_view {
	uint64_t generation;
	uint64_t base;
	uint64_t hash;
	uint32_t n_ifaces;
	uint32_t n_rules;
	uint32_t n_outputs;
	uint32_t n_removed;
	const struct snapshot_iface *ifaces;
	const struct snapshot_rule *rules;
	const struct snapshot_output *outputs;
	const uint32_t *removed; /* rule slots */
};

/* The largest snapshot there can be. */
#define SNAPSHOT_MAX_BYTES                                                                 \
	(sizeof(struct snapshot_header) + MCR_MAX_IFACES * sizeof(struct snapshot_iface) + \
	 MCR_MAX_RULES * sizeof(struct snapshot_rule) +                                    \
	 MCR_MAX_OUTPUTS * sizeof(struct snapshot_output))
static_assert(SNAPSHOT_MAX_BYTES == MCR_SNAPSHOT_MAX_BYTES, "messages have the same bound");

/* Bytes that a whole snapshot of these counts takes. */
size_t snapshot_size(uint32_t n_ifaces, uint32_t n_rules, uint32_t n_outputs);
/* The same of one with changes: @n_rules are new or other, @n_removed are no more. */
size_t snapshot_changes_size(uint32_t n_ifaces, uint32_t n_rules, uint32_t n_outputs,
			     uint32_t n_removed);

/**
 * struct snapshot_writer - fills a block of memory with a snapshot
 *
 * Usage: snapshot_begin(), then snapshot_add_iface() for each interface, then for
 * each rule snapshot_add_rule() followed by its snapshot_add_output()s, then
 * snapshot_finish(), which computes the hash.  Changes begin with snapshot_begin_changes(), and
 * have a snapshot_add_removed() for each rule that is no more.
 */
struct snapshot_writer {
	struct snapshot_header *header;
	struct snapshot_iface *ifaces;
	struct snapshot_rule *rules;
	struct snapshot_output *outputs;
	uint32_t *removed;
	uint32_t max_ifaces, max_rules, max_outputs, max_removed;
	size_t size_bytes;
};

/* @mem must be at least snapshot_size() bytes, zeroed, 8-byte aligned. */
void snapshot_begin(struct snapshot_writer *w, void *mem, uint32_t n_ifaces, uint32_t n_rules,
		    uint32_t n_outputs);
/* @mem: at least snapshot_changes_size() bytes; @base: 1.. */
void snapshot_begin_changes(struct snapshot_writer *w, void *mem, uint64_t base, uint32_t n_ifaces,
			    uint32_t n_rules, uint32_t n_outputs, uint32_t n_removed);
/* Return: 0; -ENOSPC when as many interfaces as announced are there. */
int snapshot_add_iface(struct snapshot_writer *w, const struct snapshot_iface *iface);
/*
 * @rule: first_output and n_outputs are overwritten by the writer.
 * Return: 0; -ENOSPC when as many rules as announced are there.
 */
int snapshot_add_rule(struct snapshot_writer *w, const struct snapshot_rule *rule);
/* Of the rule added last.  Return: 0; -ENOSPC when as many outputs as announced are there. */
int snapshot_add_output(struct snapshot_writer *w, const struct snapshot_output *output);
/* Return: 0; -ENOSPC when as many removed rules as announced are there. */
int snapshot_add_removed(struct snapshot_writer *w, uint32_t slot);
/* Return: 0, or -EINVAL when fewer were added than announced. */
int snapshot_finish(struct snapshot_writer *w, uint64_t generation);

/**
 * snapshot_hash_rule() - hash of one rule and its outputs
 *
 * Independent of where the rule stands (first_output is left out), so that sums
 * over any subset can be compared: sum over the rules of worker w is what worker w
 * must report.
 */
uint64_t snapshot_hash_rule(const struct snapshot_rule *rule,
			    const struct snapshot_output *outputs);

/* Sum of snapshot_hash_rule() over the rules whose worker_mask has bit @worker. */
uint64_t snapshot_hash_worker(const struct snapshot_view *view, unsigned worker);

#endif
