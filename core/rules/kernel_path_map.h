/* SPDX-License-Identifier: MIT */
/*
 * kernel_path_map.h - keys and values of the maps that control and the tc program share
 *
 * Compiled into both: by clang for BPF (daemon/bpf/relay.bpf.c) and into core.  Addresses
 * and ports are in network order, as the program reads them in a frame.
 *
 *   rules      hash: struct kernel_path_key --> a reference, see KERNEL_PATH_REF_*
 *   blocks     array of struct kernel_path_block: a rule and its outputs, in a chain
 *   counters   array of struct kernel_path_record: drops, then one lane for each CPU
 *
 * A reference is one word, so the program reads it at once.  A block does not change while
 * a reference leads to it: a change of a rule fills other blocks, and then exchanges the
 * reference.  The kernel may reuse an element of a hash map at once, so the program compares
 * the block's key with that of the frame.
 */
#ifndef CORE_RULES_KERNEL_PATH_MAP_H
#define CORE_RULES_KERNEL_PATH_MAP_H

#include <linux/types.h>

/* Of all that follows: pinned maps of another version are not taken over. */
#ifndef KERNEL_PATH_VERSION
#define KERNEL_PATH_VERSION 2
#endif

#define KERNEL_PATH_RULES         16384 /* MCR_MAX_RULES */
#define KERNEL_PATH_OUTPUTS       65536 /* MCR_MAX_OUTPUTS */
#define KERNEL_PATH_IFACES        128   /* MCR_MAX_IFACES */
#define KERNEL_PATH_RULE_OUTPUTS  256   /* MCR_MAX_RULE_OUTPUTS */
#define KERNEL_PATH_SEND_DROPS    11    /* SEND_DROPS */
#define KERNEL_PATH_BLOCK_OUTPUTS 5
/* More than there can be rules and outputs, so that those of before can rest. */
#define KERNEL_PATH_RULE_COUNTERS   (KERNEL_PATH_RULES + KERNEL_PATH_RULES / 4)
#define KERNEL_PATH_OUTPUT_COUNTERS (KERNEL_PATH_OUTPUTS + KERNEL_PATH_OUTPUTS / 4)
/* Twice what all rules and outputs can need, so that those of before can rest. */
#define KERNEL_PATH_BLOCKS (2 * (KERNEL_PATH_RULES + KERNEL_PATH_OUTPUTS / 4))
/* With a rule each and an entry that says that its group has sources. */
#define KERNEL_PATH_KEYS (2 * KERNEL_PATH_RULES)

/**
 * struct kernel_path_key - which frames a rule takes
 * @source: 0: any
 */
struct kernel_path_key {
	__u32 ifindex;
	__u32 group;
	__u32 source;
	__u16 port;
	__u16 reserved;
};

/* A reference: the first block in the lower half, these flags above. */
#define KERNEL_PATH_REF_RELAY   (1ull << 32) /* there is a block */
#define KERNEL_PATH_REF_SOURCES (1ull << 33) /* of a key without source: others have one */
#define KERNEL_PATH_REF_USER    (1ull << 34) /* the user path has this source */
#define KERNEL_PATH_REF_CONSUME (1ull << 35) /* with _USER: the IP stack is not to have it */

enum kernel_path_ttl { KERNEL_PATH_TTL_GIVEN, KERNEL_PATH_TTL_DECREMENT };

/* Of an output. */
#define KERNEL_PATH_OUTPUT_NO_MAC 1 /* its device has no MAC header (tun) */

/**
 * struct kernel_path_output - where one copy goes, and as what
 * @slot:        its counters, below KERNEL_PATH_OUTPUT_COUNTERS
 * @group:       destination, a group or a host
 * @source_port: 0: that of the frame
 * @hold:        0; else no copy is made, and each datagram counts as send drop hold - 1
 * @mac:         destination and source address of the frame; unused without a MAC header
 */
struct kernel_path_output {
	__u32 ifindex;
	__u32 slot;
	__u32 source;
	__u32 group;
	__u16 port;
	__u16 source_port;
	__u8 ttl;
	__u8 ttl_set; /* enum kernel_path_ttl */
	__u8 tos;
	__u8 hold;
	__u8 mac[12];
	__u32 flags; /* KERNEL_PATH_OUTPUT_* */
};

/*
 * A frame of which the program has served some outputs comes to a worker with this source
 * address: these two bytes, then the division in network order.  It is a local address
 * (IEEE 802); a frame that arrives with such a one gets another second byte.
 */
#define KERNEL_PATH_DIVISION_MAC_0 0x02
#define KERNEL_PATH_DIVISION_MAC_1 0x4d

/* Of a block. */
#define KERNEL_PATH_BLOCK_CONSUME 1 /* the frame goes no further than to the outputs */

/**
 * struct kernel_path_block - a rule, or its next outputs
 * @key:         the rule's
 * @slot:        its counters, below KERNEL_PATH_RULE_COUNTERS
 * @iface:       slot of the input interface; for counters
 * @next:        block of the next outputs, when there are more; the head alone has the rest
 * @n_outputs:   of the rule, 1..KERNEL_PATH_RULE_OUTPUTS
 * @mtu:         the smallest of all outputs: a larger IP packet goes to the user path
 * @division:    0: the block has all outputs of the rule; else a worker has the others, and
 *               finds this number in the source address of the frame's MAC header
 * @watch:       0; else 1 + the watch that looks for payloads that come again
 * @incarnation: of the rule
 */
struct kernel_path_block {
	struct kernel_path_key key;
	__u32 slot;
	__u32 iface;
	__u32 next;
	__u32 n_outputs;
	__u32 mtu;
	__u32 division;
	__u32 flags; /* KERNEL_PATH_BLOCK_* */
	__u32 watch;
	__u64 incarnation;
	struct kernel_path_output output[KERNEL_PATH_BLOCK_OUTPUTS];
};

struct kernel_path_record {
	__u64 a, b;
};

/*
 * Counters belong to a rule or output as long as it is the same; which ones control decides.
 *
 * Drops of outputs are rare and count with an atomic addition, for all CPUs together: reason
 * r of output s is word r % 2 of record KERNEL_PATH_DROPS(s) + r / 2.
 */
#define KERNEL_PATH_DROPS(slot)  ((slot) * ((KERNEL_PATH_SEND_DROPS + 1) / 2))
#define KERNEL_PATH_DROP_RECORDS (KERNEL_PATH_OUTPUT_COUNTERS * ((KERNEL_PATH_SEND_DROPS + 1) / 2))

/*
 * Owner of the counters of a rule or output: a = incarnation of the rule, b = its rule slot or
 * output slot; a = 0: nobody's, b = 0: and never were.  The program reads none.
 */
#define KERNEL_PATH_RULE_OWNER(slot)   (KERNEL_PATH_DROP_RECORDS + (slot))
#define KERNEL_PATH_OUTPUT_OWNER(slot) (KERNEL_PATH_RULE_OWNER(KERNEL_PATH_RULE_COUNTERS) + (slot))

/*
 * The notes of a watch: payloads (a = a hash of payload and sender, b = how often it came again),
 * of which each hash has its place.  The first to come there is looked for from then on.
 */
#define KERNEL_PATH_WATCHES        64
#define KERNEL_PATH_WATCH_PAYLOADS 8 /* a power of two */
#define KERNEL_PATH_WATCH(watch) \
	(KERNEL_PATH_OUTPUT_OWNER(KERNEL_PATH_OUTPUT_COUNTERS) + (watch)*KERNEL_PATH_WATCH_PAYLOADS)

/* A lane, which one CPU alone adds to: offsets from KERNEL_PATH_LANE(). */
enum kernel_path_lane {
	KERNEL_PATH_TOTAL_IN,     /* a: datagrams matched, b: bytes of payload in them */
	KERNEL_PATH_TOTAL_FRAMES, /* a: frames relayed, b: calls of outputs' devices */
	KERNEL_PATH_TOTAL_SENT,   /* a: datagrams sent, b: bytes of payload in them */
	KERNEL_PATH_TOTAL_DROPS,  /* reason r: word r % 2 of record r / 2 from here */
	KERNEL_PATH_IFACE_FRAMES = KERNEL_PATH_TOTAL_DROPS + (KERNEL_PATH_SEND_DROPS + 1) / 2,
	/* by interface slot; a: frames relayed */
	KERNEL_PATH_RULE_IN = KERNEL_PATH_IFACE_FRAMES + KERNEL_PATH_IFACES,
	/* by rule; a: datagrams, b: bytes of payload */
	KERNEL_PATH_OUTPUT_SENT = KERNEL_PATH_RULE_IN + KERNEL_PATH_RULE_COUNTERS,
	/* by output; a: datagrams, b: bytes of payload */
	KERNEL_PATH_LANE_RECORDS = KERNEL_PATH_OUTPUT_SENT + KERNEL_PATH_OUTPUT_COUNTERS
};
#define KERNEL_PATH_LANE(lane) \
	(KERNEL_PATH_WATCH(KERNEL_PATH_WATCHES) + (lane) * (unsigned)KERNEL_PATH_LANE_RECORDS)

/* More CPUs than lanes share them, and add atomically. */
#define KERNEL_PATH_LANES_MAX 64

#endif
