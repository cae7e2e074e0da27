// SPDX-License-Identifier: MIT
/* ruleset_index.c - find entries by id, name, input and target in O(1) */
#include "core/rules/ruleset_index.h"

#include <string.h>

#include "core/base/hash.h"
#include "core/rules/ruleset_state.h"
#include "core/rules/wiring.h"

static uint64_t hash_text(const char *text)
{
	return hash_final(hash_bytes(HASH_SEED, text, strlen(text)));
}

static uint64_t hash_target(const char *interface, const struct addr *group, uint16_t port)
{
	uint64_t h = hash_bytes(HASH_SEED, interface, strlen(interface));

	return hash_final(hash_word(hash_bytes(h, group, sizeof(*group)), port));
}

static uint64_t hash_input(const struct rule_input *in)
{
	uint64_t h = hash_target(in->interface, &in->group, in->port);

	return hash_final(hash_bytes(h, &in->source, sizeof(in->source)));
}

static uint64_t hash_of(const struct rule *r, enum ruleset_key key)
{
	switch (key) {
	case KEY_ID:
		return hash_text(r->id);
	case KEY_NAME:
		return hash_text(r->name);
	case KEY_INPUT:
		return hash_input(&r->input);
	case KEY_TARGET:
		return hash_target(r->input.interface, &r->input.group, r->input.port);
	case RULESET_KEYS:
		break;
	}
	return 0;
}

static struct ruleset_node *bucket(const struct ruleset *s, enum ruleset_key key, uint64_t hash)
{
	return s->bucket[key][hash % RULESET_BUCKETS];
}

static struct ruleset_node **bucket_of(struct ruleset *s, const struct ruleset_node *node,
				       enum ruleset_key key)
{
	return &s->bucket[key][hash_of(&node->entry.rule, key) % RULESET_BUCKETS];
}

static bool has_key(const struct ruleset_node *node, enum ruleset_key key)
{
	return key != KEY_NAME || node->entry.rule.name[0] != '\0';
}

void ruleset_link(struct ruleset *s, struct ruleset_node *node)
{
	for (enum ruleset_key key = 0; key < RULESET_KEYS; key++) {
		struct ruleset_node **head = bucket_of(s, node, key);

		if (!has_key(node, key))
			continue;
		node->chain[key] = *head;
		*head = node;
	}
}

void ruleset_unlink(struct ruleset *s, struct ruleset_node *node)
{
	for (enum ruleset_key key = 0; key < RULESET_KEYS; key++) {
		struct ruleset_node **link = bucket_of(s, node, key);

		if (!has_key(node, key))
			continue;
		while (*link != node)
			link = &(*link)->chain[key];
		*link = node->chain[key];
		node->chain[key] = NULL;
	}
}

struct ruleset_node *ruleset_by_id(const struct ruleset *s, const char *id)
{
	struct ruleset_node *node = bucket(s, KEY_ID, hash_text(id));

	while (node && strcmp(node->entry.rule.id, id) != 0)
		node = node->chain[KEY_ID];
	return node;
}

struct ruleset_node *ruleset_by_name(const struct ruleset *s, const char *name)
{
	struct ruleset_node *node = bucket(s, KEY_NAME, hash_text(name));

	while (node && strcmp(node->entry.rule.name, name) != 0)
		node = node->chain[KEY_NAME];
	return node;
}

struct ruleset_node *ruleset_by_input(const struct ruleset *s, const struct rule_input *in)
{
	struct ruleset_node *node = bucket(s, KEY_INPUT, hash_input(in));

	while (node && !rule_same_input(&node->entry.rule.input, in))
		node = node->chain[KEY_INPUT];
	return node;
}

bool ruleset_feeds(const struct ruleset *s, const struct rule_output *out,
		   const struct rule_input *in)
{
	const char *name;

	if (out->port != in->port || !addr_equal(&out->group, &in->group))
		return false;
	for (size_t i = 0; (name = wiring_arrival(s->wiring, out, i)); i++) {
		if (strcmp(name, in->interface) == 0)
			return true;
	}
	return false;
}

/* The first from @node on whose target is this one. */
static struct ruleset_node *first_fed(struct ruleset_node *node, const char *interface,
				      const struct addr *group, uint16_t port)
{
	for (; node; node = node->chain[KEY_TARGET]) {
		const struct rule_input *in = &node->entry.rule.input;

		/* A disabled rule takes nothing, so no circle goes through it. */
		if (!node->entry.rule.disabled && in->port == port &&
		    addr_equal(&in->group, group) && strcmp(in->interface, interface) == 0)
			return node;
	}
	return NULL;
}

struct ruleset_node *ruleset_by_target(const struct ruleset *s, const struct rule_input *in)
{
	uint64_t hash = hash_target(in->interface, &in->group, in->port);

	return first_fed(bucket(s, KEY_TARGET, hash), in->interface, &in->group, in->port);
}

struct ruleset_node *ruleset_fed_by(const struct ruleset *s, const char *interface,
				    const struct rule_output *out)
{
	uint64_t hash = hash_target(interface, &out->group, out->port);

	return first_fed(bucket(s, KEY_TARGET, hash), interface, &out->group, out->port);
}

struct ruleset_node *ruleset_fed_next(const struct ruleset_node *node)
{
	const struct rule_input *in = &node->entry.rule.input;

	return first_fed(node->chain[KEY_TARGET], in->interface, &in->group, in->port);
}

const struct ruleset_entry *ruleset_find_id(const struct ruleset *s, const char *id)
{
	const struct ruleset_node *node = ruleset_by_id(s, id);

	return node ? &node->entry : NULL;
}

const struct ruleset_entry *ruleset_find(const struct ruleset *s, const char *text)
{
	const struct ruleset_entry *e = ruleset_find_id(s, text);

	return e ? e : ruleset_find_name(s, text);
}

const struct ruleset_entry *ruleset_find_input(const struct ruleset *s, const struct rule_input *in)
{
	const struct ruleset_node *node = ruleset_by_input(s, in);

	return node ? &node->entry : NULL;
}

const struct ruleset_entry *ruleset_find_name(const struct ruleset *s, const char *name)
{
	const struct ruleset_node *node = ruleset_by_name(s, name);

	return node ? &node->entry : NULL;
}
