// SPDX-License-Identifier: MIT
/* rule.c - checks of a rule, its identity and its texts */
#include "core/rules/rule.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/complaint.h"
#include "core/base/hash.h"

static const char *const state_names[] = {
	[RULE_ACTIVE] = "active",           [RULE_DEGRADED] = "degraded",
	[RULE_UNREACHABLE] = "unreachable", [RULE_FAILED] = "failed",
	[RULE_PAUSED] = "paused",           [RULE_UNRESOLVED] = "unresolved",
	[RULE_LOOPING] = "looping",         [RULE_DISABLED] = "disabled",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == RULE_STATES, "a name each");

static const char *const priority_names[] = {
	[RULE_PRIORITY_HIGH] = "high",
	[RULE_PRIORITY_NORMAL] = "normal",
	[RULE_PRIORITY_LOW] = "low",
};
static_assert(sizeof(priority_names) / sizeof(priority_names[0]) == RULE_PRIORITIES, "a name each");

static const char *const path_names[] = {
	[RULE_PATH_UNSET] = "",
	[RULE_PATH_AUTO] = "auto",
	[RULE_PATH_KERNEL] = "kernel",
	[RULE_PATH_USER] = "user",
};
static_assert(sizeof(path_names) / sizeof(path_names[0]) == RULE_PATHS, "a name each");

void rule_fini(struct rule *r)
{
	free(r->outputs);
	r->outputs = NULL;
	r->n_outputs = 0;
}

int rule_copy(struct rule *to, const struct rule *from)
{
	struct rule_output *outputs = NULL;

	if (from->n_outputs > 0) {
		outputs = calloc(from->n_outputs, sizeof(*outputs));
		if (!outputs)
			return -ENOMEM;
		memcpy(outputs, from->outputs, from->n_outputs * sizeof(*outputs));
	}
	*to = *from;
	to->outputs = outputs;
	return 0;
}

void rule_make_id(struct rule *r)
{
	const struct rule_input *in = &r->input;
	uint64_t h = HASH_SEED;

	h = hash_bytes(h, in->interface, strnlen(in->interface, sizeof(in->interface)));
	h = hash_word(h, in->group.family);
	h = hash_bytes(h, in->group.bytes, sizeof(in->group.bytes));
	h = hash_word(h, in->port);
	h = hash_word(h, in->source.family);
	h = hash_bytes(h, in->source.bytes, sizeof(in->source.bytes));
	snprintf(r->id, sizeof(r->id), "%016" PRIx64, hash_final(h));
}

/* The names that the kernel takes (dev_valid_name()), if they are printable ASCII. */
static bool interface_name_valid(const char name[static MCR_IFNAME_MAX])
{
	size_t len = strnlen(name, MCR_IFNAME_MAX);

	if (len == 0 || len == MCR_IFNAME_MAX)
		return false;
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' || name[i] == ':')
			return false;
	}
	return true;
}

static int check_interface(const char name[static MCR_IFNAME_MAX], const char *field,
			   struct complaint *c)
{
	if (interface_name_valid(name))
		return 0;
	if (name[0] == '\0')
		complain(c, field, "an interface name is needed");
	else
		complain(c, field,
			 "not an interface name: 1 to %d printable characters without "
			 "spaces, '/' and ':'",
			 MCR_IFNAME_MAX - 1);
	return -EINVAL;
}

static int check_text(const char *text, size_t max, const char *forbidden, const char *field,
		      struct complaint *c)
{
	size_t len = strnlen(text, max);

	if (len == max) {
		complain(c, field, "longer than %zu characters", max - 1);
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~') {
			complain(c, field, "only printable ASCII characters are allowed");
			return -EINVAL;
		}
		if (strchr(forbidden, text[i])) {
			complain(c, field, "spaces and quotes are not allowed");
			return -EINVAL;
		}
	}
	return 0;
}

/* Names are ASCII because tables align them; a description may be UTF-8. */
static int check_description(const char text[static MCR_DESCRIPTION_MAX], struct complaint *c)
{
	const size_t len = strnlen(text, MCR_DESCRIPTION_MAX);

	if (len == MCR_DESCRIPTION_MAX) {
		complain(c, "description", "longer than %d bytes", MCR_DESCRIPTION_MAX - 1);
		return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
			complain(c, "description", "control characters are not allowed");
			return -EINVAL;
		}
	}
	return 0;
}

static int check_group(const struct addr *group, const char *field, struct complaint *c)
{
	char text[ADDR_TEXT_MAX];

	if (addr_is_multicast(group) || addr_is_host(group))
		return 0;
	if (addr_ipv4_be(group) == INADDR_BROADCAST)
		complain(c, field, "%s is the broadcast address, which no rule can have",
			 addr_format(group, text));
	else if (!addr_is_set(group))
		complain(c, field, "an IPv4 multicast group or host address is needed");
	else
		complain(c, field, "%s is neither an IPv4 multicast group nor a host address",
			 addr_format(group, text));
	return -EINVAL;
}

static int check_port(uint16_t port, const char *field, struct complaint *c)
{
	if (port != 0)
		return 0;
	complain(c, field, "a UDP port from 1 to 65535 is needed");
	return -EINVAL;
}

static int check_source(const struct addr *source, const char *field, struct complaint *c)
{
	char text[ADDR_TEXT_MAX];

	if (!addr_is_set(source) || addr_is_host(source))
		return 0;
	complain(c, field, "%s is not an IPv4 host address", addr_format(source, text));
	return -EINVAL;
}

/* Addresses of 127.0.0.0/8 never leave a host, and the kernel discards those that arrive. */
static int check_loopback(const struct addr *a, const char *interface, const char *field,
			  struct complaint *c)
{
	char text[ADDR_TEXT_MAX];

	if (!addr_is_loopback(a) || strcmp(interface, "lo") == 0)
		return 0;
	complain(c, field, "%s is an address of this host alone: it is good on lo, not on %s",
		 addr_format(a, text), interface);
	return -EINVAL;
}

static int check_input(const struct rule_input *in, struct complaint *c)
{
	int ret;

	ret = check_interface(in->interface, "input.interface", c);
	if (ret == 0)
		ret = check_group(&in->group, "input.group", c);
	if (ret == 0)
		ret = check_loopback(&in->group, in->interface, "input.group", c);
	if (ret == 0)
		ret = check_port(in->port, "input.port", c);
	if (ret == 0)
		ret = check_source(&in->source, "input.source", c);
	if (ret == 0 && addr_is_set(&in->source) && !addr_is_multicast(&in->group)) {
		complain(c, "input.source", "a source can be named only for a multicast group");
		ret = -EINVAL;
	}
	return ret;
}

/* Names the field @member of output @i; the buffer is the caller's. */
static const char *output_field(char buf[static COMPLAINT_FIELD_MAX], unsigned i,
				const char *member)
{
	snprintf(buf, COMPLAINT_FIELD_MAX, "outputs[%u]%s%s", i, *member ? "." : "", member);
	return buf;
}

static int check_output(const struct rule_output *o, unsigned i, struct complaint *c)
{
	char field[COMPLAINT_FIELD_MAX];
	int ret;

	ret = check_interface(o->interface, output_field(field, i, "interface"), c);
	if (ret == 0)
		ret = check_group(&o->group, output_field(field, i, "group"), c);
	if (ret == 0)
		ret = check_loopback(&o->group, o->interface, output_field(field, i, "group"), c);
	if (ret == 0)
		ret = check_port(o->port, output_field(field, i, "port"), c);
	if (ret == 0)
		ret = check_source(&o->source, output_field(field, i, "source_ip"), c);
	if (ret == 0)
		ret = check_loopback(&o->source, o->interface, output_field(field, i, "source_ip"),
				     c);
	if (ret == 0 && o->dscp > 63) {
		complain(c, output_field(field, i, "dscp"), "%u is not a DSCP from 0 to 63",
			 o->dscp);
		ret = -EINVAL;
	}
	return ret;
}

static bool same_destination(const struct rule_output *a, const struct rule_output *b)
{
	return a->port == b->port && addr_equal(&a->group, &b->group) &&
	       strcmp(a->interface, b->interface) == 0;
}

int rule_find_output(const struct rule *r, const struct rule_output *o)
{
	for (unsigned i = 0; i < r->n_outputs; i++)
		if (same_destination(&r->outputs[i], o))
			return (int)i;
	return -1;
}

static int check_against_others(const struct rule *r, unsigned i, struct complaint *c)
{
	const struct rule_output *o = &r->outputs[i];
	const struct rule_input *in = &r->input;
	char field[COMPLAINT_FIELD_MAX];
	char text[ADDR_TEXT_MAX];

	for (unsigned j = 0; j < i; j++) {
		if (!same_destination(o, &r->outputs[j]))
			continue;
		complain(c, output_field(field, i, ""),
			 "the same as outputs[%u]: %s %s:%u would get every datagram twice", j,
			 o->interface, addr_format(&o->group, text), o->port);
		return -EINVAL;
	}
	if (o->port == in->port && addr_equal(&o->group, &in->group) &&
	    strcmp(o->interface, in->interface) == 0) {
		complain(
			c, output_field(field, i, ""),
			"relays in a circle: %s %s:%u is the rule's own input, its receivers would "
			"get every datagram twice",
			o->interface, addr_format(&o->group, text), o->port);
		return -ELOOP;
	}
	return 0;
}

static int check_outputs(const struct rule *r, struct complaint *c)
{
	int ret;

	if (r->n_outputs == 0 || r->n_outputs > MCR_MAX_RULE_OUTPUTS) {
		complain(c, "outputs", "%u outputs; a rule has 1 to %d", r->n_outputs,
			 MCR_MAX_RULE_OUTPUTS);
		return -EINVAL;
	}
	for (unsigned i = 0; i < r->n_outputs; i++) {
		ret = check_output(&r->outputs[i], i, c);
		if (ret == 0)
			ret = check_against_others(r, i, c);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int rule_check(const struct rule *r, struct complaint *c)
{
	int ret;

	/* An id is a word on command lines and in logs. */
	ret = check_text(r->id, sizeof(r->id), " \"'`", "id", c);
	if (ret == 0)
		ret = check_text(r->name, sizeof(r->name), "", "name", c);
	if (ret == 0)
		ret = check_description(r->description, c);
	if (ret == 0)
		ret = check_input(&r->input, c);
	if (ret == 0 && (unsigned)r->priority >= RULE_PRIORITIES) {
		complain(c, "priority", "not one of high, normal, low");
		ret = -EINVAL;
	}
	return ret < 0 ? ret : check_outputs(r, c);
}

bool rule_same_input(const struct rule_input *a, const struct rule_input *b)
{
	return a->port == b->port && addr_equal(&a->group, &b->group) &&
	       addr_equal(&a->source, &b->source) && strcmp(a->interface, b->interface) == 0;
}

bool rule_same_action(const struct rule *a, const struct rule *b)
{
	if (a->limit_pps != b->limit_pps || a->limit_bps != b->limit_bps ||
	    a->priority != b->priority || a->path != b->path || a->consume != b->consume ||
	    a->disabled != b->disabled || strcmp(a->description, b->description) != 0 ||
	    a->n_outputs != b->n_outputs)
		return false;
	for (unsigned i = 0; i < a->n_outputs; i++) {
		const struct rule_output *x = &a->outputs[i], *y = &b->outputs[i];

		if (!same_destination(x, y) || x->ttl != y->ttl ||
		    x->ttl_decrement != y->ttl_decrement || x->dscp != y->dscp ||
		    x->source_port != y->source_port || !addr_equal(&x->source, &y->source))
			return false;
	}
	return true;
}

uint8_t rule_output_ttl(const struct rule_output *output)
{
	if (output->ttl != 0)
		return output->ttl;
	return addr_is_multicast(&output->group) ? 1 : 64;
}

const char *rule_state_name(enum rule_state s)
{
	return (unsigned)s < RULE_STATES ? state_names[s] : "?";
}

const char *rule_priority_name(enum rule_priority p)
{
	return (unsigned)p < RULE_PRIORITIES ? priority_names[p] : "?";
}

int rule_priority_parse(const char *text)
{
	for (int p = 0; p < RULE_PRIORITIES; p++) {
		if (strcmp(text, priority_names[p]) == 0)
			return p;
	}
	return -EINVAL;
}

const char *rule_path_name(enum rule_path p)
{
	return (unsigned)p < RULE_PATHS ? path_names[p] : "?";
}

int rule_path_parse(const char *text)
{
	for (int p = RULE_PATH_AUTO; p < RULE_PATHS; p++) {
		if (strcmp(text, path_names[p]) == 0)
			return p;
	}
	return -EINVAL;
}
