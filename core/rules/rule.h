/* SPDX-License-Identifier: MIT */
/*
 * rule.h - one relay rule: an input and the outputs that get a copy
 *
 * A rule is what the operator wrote, checked.  Nothing here depends on whether
 * the interfaces exist; that is a state, kept by the daemon, not an error.
 */
#ifndef CORE_RULES_RULE_H
#define CORE_RULES_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/addr.h"
#include "core/base/limits.h"

struct complaint;

enum rule_priority { RULE_PRIORITY_HIGH, RULE_PRIORITY_NORMAL, RULE_PRIORITY_LOW, RULE_PRIORITIES };

/* The path of a rule's datagrams: through a worker, or through a tc program in the kernel. */
enum rule_path {
	RULE_PATH_UNSET,  /* the kernel where it can, else a worker */
	RULE_PATH_AUTO,   /* the same, given by the operator */
	RULE_PATH_KERNEL, /* the same, and refused where the kernel never can */
	RULE_PATH_USER,   /* a worker */
	RULE_PATHS
};

enum rule_state {
	RULE_ACTIVE,      /* the input and every output work, as far as this host can know */
	RULE_DEGRADED,    /* some outputs work and some do not */
	RULE_UNREACHABLE, /* no output can be reached: no route, or the next hop does not answer */
	RULE_FAILED,      /* the input or every output was refused by the kernel */
	RULE_PAUSED,      /* an interface it needs is down */
	RULE_UNRESOLVED,  /* an interface or a source address it needs does not exist */
	RULE_LOOPING,     /* held: what it sends comes back to it */
	RULE_DISABLED,    /* the operator has switched it off */
	RULE_STATES
};

/**
 * struct rule_input - what the rule takes off the wire
 * @interface: name; rules name their interface even when it does not exist yet
 * @group:     multicast group, or an address of this host (unicast input)
 * @port:      UDP destination port, host order, 1..65535
 * @source:    ADDR_NONE for any source, else a source-specific (S,G) rule (RFC 4607)
 */
struct rule_input {
	char interface[MCR_IFNAME_MAX];
	struct addr group;
	uint16_t port;
	struct addr source;
};

/**
 * struct rule_output - where one copy goes
 * @interface: name of the output interface
 * @group:     multicast group or unicast host
 * @port:      UDP destination port, host order, 1..65535
 * @ttl:       1..255, or 0 when unset; see rule_output_ttl()
 * @ttl_decrement: instead of @ttl, which is 0: one less than what came
 * @dscp:      0..63 (RFC 2474)
 * @source:    source address of what is sent; ADDR_NONE: the interface's own
 * @source_port: UDP source port of what is sent, host order; 0: the kernel path keeps that of
 *             what came, a worker uses that of its socket
 */
struct rule_output {
	char interface[MCR_IFNAME_MAX];
	struct addr group;
	uint16_t port;
	uint8_t ttl;
	bool ttl_decrement;
	uint8_t dscp;
	uint16_t source_port;
	struct addr source;
};

/**
 * struct rule - one rule
 * @id:         unique; rule_make_id() when the operator gave none
 * @name:       unique unless ""
 * @description: for people, UTF-8
 * @disabled:   it takes nothing; its id, name, input and counters stay its own
 * @limit_pps:  datagrams per second, 0 for no limit
 * @limit_bps:  payload bits per second, 0 for no limit
 * @consume:    frames that it takes do not reach the IP stack of this host
 * @n_outputs:  1..MCR_MAX_RULE_OUTPUTS
 * @outputs:    owned by the rule, freed by rule_fini()
 */
struct rule {
	char id[MCR_ID_MAX];
	char name[MCR_NAME_MAX];
	char description[MCR_DESCRIPTION_MAX];
	bool disabled;
	struct rule_input input;
	uint64_t limit_pps;
	uint64_t limit_bps;
	enum rule_priority priority;
	enum rule_path path;
	bool consume;
	unsigned n_outputs;
	struct rule_output *outputs;
};

void rule_fini(struct rule *r);

/* Deep copy.  Return: 0 or -ENOMEM. */
int rule_copy(struct rule *to, const struct rule *from);

/*
 * Fills r->id with a stable hash of (interface, group, port, source): sixteen
 * lower-case hexadecimal digits, the same on every machine and in every run.
 */
void rule_make_id(struct rule *r);

/**
 * rule_check() - is the rule one that the relay can serve?
 * @r: borrowed; id may be "" (rule_make_id() comes after)
 * @c: filled when it is not; fields are relative to the rule ("input.port", "outputs[0].ttl")
 *
 * Return: 0; -EINVAL for a bad value; -ELOOP when an output equals the rule's own input.
 */
int rule_check(const struct rule *r, struct complaint *c);

/* Same input (interface, group, port, source)? */
bool rule_same_input(const struct rule_input *a, const struct rule_input *b);

/* Same outputs in the same order, and all else but id, name and input? */
bool rule_same_action(const struct rule *a, const struct rule *b);

/* Which output of @r goes to the interface, group and port of @o.  Return: -1: none. */
int rule_find_output(const struct rule *r, const struct rule_output *o);

/*
 * The TTL that is used: output->ttl, or when unset the Linux default for its
 * kind of destination: 1 for a multicast group, 64 for a unicast host (ip(7)).
 */
uint8_t rule_output_ttl(const struct rule_output *output);

const char *rule_state_name(enum rule_state s);       /* "active" ... */
const char *rule_priority_name(enum rule_priority p); /* "high" ... */
int rule_priority_parse(const char *text);            /* enum rule_priority, or -EINVAL */
const char *rule_path_name(enum rule_path p);         /* "auto" ..., "" for RULE_PATH_UNSET */
int rule_path_parse(const char *text); /* enum rule_path but RULE_PATH_UNSET, or -EINVAL */

#endif
