/* SPDX-License-Identifier: MIT */
/* rule_words.h - rules written as words, for the tests of the rule set */
#ifndef TESTS_UNIT_CORE_RULE_WORDS_H
#define TESTS_UNIT_CORE_RULE_WORDS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/complaint.h"
#include "core/rules/ruleset.h"

#define OUT_A "eth1 239.2.2.1:6000"
#define OUT_B "eth2 239.2.2.2:6000"

/* Where something comes from or goes to: "eth0 239.1.1.1:5000". */
static inline void parse_end(const char *text, char iface[static MCR_IFNAME_MAX],
			     struct addr *group, uint16_t *port)
{
	char ip[ADDR_TEXT_MAX];
	unsigned p;

	assert_int_equal(sscanf(text, "%15s %45[0-9.]:%u", iface, ip, &p), 3);
	assert_int_equal(addr_parse(ip, group), 0);
	*port = (uint16_t)p;
}

/* A rule in words, with its outputs in static storage until the next call. */
static inline struct rule rule(const char *id, const char *name, const char *input,
			       const char *out0, const char *out1)
{
	static struct rule_output outputs[2];
	const char *texts[2] = {out0, out1};
	struct rule r = {.priority = RULE_PRIORITY_NORMAL, .outputs = outputs};

	memset(outputs, 0, sizeof(outputs));
	snprintf(r.id, sizeof(r.id), "%s", id);
	snprintf(r.name, sizeof(r.name), "%s", name);
	parse_end(input, r.input.interface, &r.input.group, &r.input.port);
	for (; r.n_outputs < 2 && texts[r.n_outputs]; r.n_outputs++) {
		struct rule_output *o = &outputs[r.n_outputs];

		parse_end(texts[r.n_outputs], o->interface, &o->group, &o->port);
	}
	return r;
}

static inline int add(struct ruleset *s, struct rule r, bool replace,
		      const struct ruleset_entry **out)
{
	struct complaint c = {0};
	int ret = ruleset_add(s, &r, replace, out, &c);

	if ((ret < 0) != (c.reason[0] != '\0'))
		fail_msg("%d with reason \"%s\"", ret, c.reason);
	return ret;
}

/* Rule number @i of many, each with its own group. */
static inline struct rule nth_rule(unsigned i, const char *out)
{
	char in[40];

	snprintf(in, sizeof(in), "eth%u 239.7.%u.%u:5000", i % 4, i >> 8, i & 0xff);
	return rule("", "", in, out, NULL);
}

#endif
