/* SPDX-License-Identifier: MIT */
/*
 * division.h - numbers for the outputs that the kernel path has of a rule, while a worker has
 * others
 *
 * The kernel path writes the number into a frame that it has sent to its outputs, and the worker
 * that receives the frame leaves these outputs out.  So a worker must know a number before the
 * first frame has it, and as long as frames wait that have it.  An input has two:
 *
 *   made -----> published -----> in the maps -----> the one before -----> forgotten
 *         snapshot     all workers     another one is made       another one is made, at least
 *                      have that                                 DIVISION_REST_NS later
 *
 * Numbers belong to the input, not to a rule: a rule that is replaced, or removed and added again,
 * takes what waits of the one before it.  The outputs of a number never change, and no number
 * comes twice.  An output is known by its destination.
 */
#ifndef CORE_RULES_DIVISION_H
#define CORE_RULES_DIVISION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/clock.h"
#include "core/rules/rule.h"
#include "core/rules/snapshot.h"

/* After it a frame that got the number last has left all queues of a worker that keeps up. */
#define DIVISION_REST_NS NS_PER_S

/* The numbers of an input that has had no rule for this time are forgotten. */
#define DIVISION_KEEP_NS (10 * NS_PER_S)

struct division_output {
	char interface[MCR_IFNAME_MAX];
	struct addr group;
	uint16_t port;
};

/**
 * struct division - a number and the outputs for which it stands
 * @number:    0: none
 * @after:     generations after this one have it
 * @used:      the maps had it, so frames may have it
 * @used_ns:   of the one before: when the maps were last seen with it
 * @n_outputs: of @outputs
 */
struct division {
	uint32_t number;
	bool used;
	uint64_t after;
	uint64_t used_ns;
	unsigned n_outputs;
	struct division_output *outputs;
};

/**
 * struct divided_input - the numbers of an input, the one of now first
 * @seen_ns: when it was last seen with a rule
 */
struct divided_input {
	struct rule_input input;
	struct division division[SNAPSHOT_DIVISIONS];
	uint64_t seen_ns;
	struct divided_input *next; /* in its bucket */
};

#define DIVISION_BUCKETS 1024u

/**
 * struct divisions - of all inputs; zeroed is ready
 * @last: greatest number that was made or seen
 * @n:    inputs
 */
struct divisions {
	uint32_t last;
	unsigned n;
	struct divided_input *bucket[DIVISION_BUCKETS];
};

void divisions_fini(struct divisions *d);

/* NULL: the input has no numbers. */
struct divided_input *divisions_find(const struct divisions *d, const struct rule_input *in);

/* Later numbers are greater than this one. */
void divisions_seen(struct divisions *d, uint32_t number);

/* For the snapshot: bit i: the output is one of those of division i. */
uint8_t division_bits(const struct divided_input *in, const struct rule_output *o);

bool division_has(const struct division *v, const struct rule_output *o);

/*
 * Does the number stand for the outputs of the rule that are in @set, and no other?  Outputs that
 * the rule has no more do not count: nobody sends to them.
 */
bool division_is(const struct division *v, const struct rule *r, const bool *set);

/* Are its outputs, as far as the rule has them, in @set, and is there one? */
bool division_fits(const struct division *v, const struct rule *r, const bool *set);

/**
 * divisions_make() - another number for an input
 * @r:     rule of the input
 * @set:   by output: whether the kernel path is to have it
 * @after: the last generation, which does not have it
 *
 * Return: 0; -EBUSY: the one before may still be in frames that wait, see
 * divisions_free_ns(); -ENOMEM.
 */
int divisions_make(struct divisions *d, const struct rule *r, const bool *set, uint64_t after,
		   uint64_t now_ns);

/* From when on divisions_make() gives an input another number. */
uint64_t divisions_free_ns(const struct divided_input *in);

/**
 * divisions_restore() - a number that was in use before
 * @which: 0: it is the one of now
 * @set:   by output of the rule
 * @after: the last generation, of which it is not known who has it
 *
 * Return: 0; -ENOMEM.
 */
int divisions_restore(struct divisions *d, const struct rule *r, unsigned which, uint32_t number,
		      const bool *set, uint64_t after, uint64_t now_ns);

typedef bool divisions_has_rule_fn(const void *ctx, const struct rule_input *in);

/* Once a second.  @has_rule: is there a rule with the input? */
void divisions_forget(struct divisions *d, divisions_has_rule_fn *has_rule, const void *ctx,
		      uint64_t now_ns);

#endif
