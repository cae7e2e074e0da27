/* SPDX-License-Identifier: MIT */
/*
 * kernel_path.h - which rules the kernel path can relay, and how its maps say it
 *
 * The kernel path has those outputs of a rule that it can serve, and a worker the others, each
 * of which is told the reason.  A rule is divided so (division.h) where its frames have a MAC
 * header; else one output that only a worker can serve keeps the others of its rule there.
 */
#ifndef CORE_RULES_KERNEL_PATH_H
#define CORE_RULES_KERNEL_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "core/rules/kernel_path_map.h"
#include "core/rules/rule.h"

/* Why a rule or an output is on the user path. */
enum kernel_path_reason {
	KERNEL_PATH_FITS, /* it need not be */
	/* of this daemon and host */
	KERNEL_PATH_NOT_STARTED,
	KERNEL_PATH_NOT_BUILT,
	KERNEL_PATH_TOO_OLD,
	KERNEL_PATH_NO_RIGHT,
	KERNEL_PATH_REFUSED,
	/* of the rule */
	KERNEL_PATH_NOT_ASKED,
	KERNEL_PATH_LIMIT,
	KERNEL_PATH_PRIORITY,
	KERNEL_PATH_UNICAST_INPUT,
	/* of the input interface */
	KERNEL_PATH_INPUT_LINK,
	KERNEL_PATH_INPUT_PORT,
	KERNEL_PATH_INPUT_FRAGLIST,
	KERNEL_PATH_INPUT_OPEN,
	/* of an output */
	KERNEL_PATH_LOCAL_OUTPUT,
	KERNEL_PATH_OUTPUT_LINK,
	KERNEL_PATH_OUTPUT_NEIGHBOUR,
	KERNEL_PATH_OUTPUT_HEADER,
	KERNEL_PATH_OTHER_OUTPUT,
	/* for now */
	KERNEL_PATH_INACTIVE,
	KERNEL_PATH_SOURCE_UNKNOWN,
	KERNEL_PATH_NEIGHBOUR_UNKNOWN,
	KERNEL_PATH_SUSPECTED,
	KERNEL_PATH_RESTING,
	KERNEL_PATH_DIVIDING,
	KERNEL_PATH_OTHER_RULE,
	KERNEL_PATH_UNWRITTEN,
	KERNEL_PATH_REASONS
};

/* "a rate limit needs a worker" ...; "" for KERNEL_PATH_FITS. */
const char *kernel_path_reason_text(enum kernel_path_reason r);

/* Does it stay as long as nobody changes the rule or the host?  Then "kernel" is an error. */
bool kernel_path_is_lasting(enum kernel_path_reason r);

/* Of the rule alone. */
enum kernel_path_reason kernel_path_of_rule(const struct rule *r);

/* Is the user path what was asked for, so that the reason is no news? */
bool kernel_path_is_no_news(const struct rule *r, enum kernel_path_reason reason);

/* The MAC header of an interface's frames. */
enum kernel_path_header {
	KERNEL_PATH_HEADER_OTHER, /* one that the program cannot write */
	KERNEL_PATH_HEADER_ETHERNET,
	KERNEL_PATH_HEADER_NONE,
};

/* Is the MAC address of a host's next hop known to control? */
enum kernel_path_hop {
	KERNEL_PATH_HOP_UNKNOWN, /* not yet, or not any more */
	KERNEL_PATH_HOP_KNOWN,
	KERNEL_PATH_HOP_NEVER, /* the link resolves no neighbours */
};

/**
 * struct kernel_path_link - what control knows of an output
 * @slot:      output slot
 * @ifindex:   0: the interface does not exist
 * @header:    enum kernel_path_header of its frames
 * @no_header: the frame has no MAC header, and is to be without one behind its copies
 * @local:     the destination is an address of this host
 * @hold:      0; else nothing can be sent there now, and that is enum send_drop hold - 1
 * @hop:       enum kernel_path_hop, of a host behind an Ethernet interface
 * @hop_mac:   with KERNEL_PATH_HOP_KNOWN
 * @mac:       the interface's own address
 * @source_be: that the kernel would take, or the output's; 0: not known
 */
struct kernel_path_link {
	uint32_t slot;
	uint32_t ifindex;
	enum kernel_path_header header;
	bool no_header;
	bool local;
	uint8_t hold;
	enum kernel_path_hop hop;
	uint8_t hop_mac[6];
	uint8_t mac[6];
	uint32_t source_be;
};

/**
 * kernel_path_encode() - an output as the program reads it
 * @out: filled with KERNEL_PATH_FITS; one that is held has its slot, why, and how the TTL is set,
 *       because a TTL that has expired is told first
 *
 * Return: KERNEL_PATH_FITS, or why it needs a worker.
 */
enum kernel_path_reason kernel_path_encode(const struct rule_output *o,
					   const struct kernel_path_link *link,
					   struct kernel_path_output *out);

/* Which frames of that interface the input takes. */
struct kernel_path_key kernel_path_key_of(const struct rule_input *in, uint32_t ifindex);

/* The order of keys: those of a group and port follow one another, any source first. */
int kernel_path_compare(const struct kernel_path_key *a, const struct kernel_path_key *b);
bool kernel_path_same_stream(const struct kernel_path_key *a, const struct kernel_path_key *b);

#endif
