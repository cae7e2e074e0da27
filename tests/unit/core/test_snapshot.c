// SPDX-License-Identifier: MIT
/*
 * test_snapshot.c - what is written is read back, and nothing else is accepted
 *
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/ipc.h"
#include "core/rules/rule.h"
#include "core/rules/snapshot.h"
#include "core/rules/snapshot_parse.h"

#define GROUP addr_from_ipv4_be(htonl(0xef010101))
#define HOST  addr_from_ipv4_be(htonl(0x0a000001))

/* Two interfaces, two rules, three outputs; every test breaks one thing in it. */
struct sample {
	struct snapshot_header h;
	struct snapshot_iface ifaces[2];
	struct snapshot_rule rules[2];
	struct snapshot_output outputs[3];
};

static void write_sample(struct sample *s)
{
	struct snapshot_writer w;

	memset(s, 0, sizeof(*s));
	assert_int_equal(snapshot_size(2, 2, 3), sizeof(*s));
	snapshot_begin(&w, s, 2, 2, 3);
	assert_int_equal(snapshot_add_output(&w, &(struct snapshot_output){0}), -EINVAL);
	for (uint32_t i = 0; i < 2; i++) {
		struct snapshot_iface f = {.slot = 5 + i, .ifindex = 2 + i, .mtu = 1500};

		snprintf(f.name, sizeof(f.name), "eth%u", i);
		assert_int_equal(snapshot_add_iface(&w, &f), 0);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct snapshot_rule r = {
			.incarnation = 1 + i,
			.worker_mask = 1 + i,
			.slot = i,
			.in_iface = i == 0 ? 5 : MCR_NO_SLOT,
			.first_output = 99, /* the writer knows better */
			.n_outputs = 99,
			.group = i == 0 ? GROUP : HOST,
			.port = (uint16_t)(5000 + i),
			.priority = RULE_PRIORITY_NORMAL,
			.state = i == 0 ? RULE_ACTIVE : RULE_UNRESOLVED,
			.in_name = "eth0",
			.name = "camera",
		};

		if (i == 0)
			r.source = HOST;
		snprintf(r.id, sizeof(r.id), "rule-%u", i);
		assert_int_equal(snapshot_add_rule(&w, &r), 0);
		for (uint32_t k = 0; k <= i; k++) {
			struct snapshot_output o = {.slot = 10 * i + k,
						    .iface = 6,
						    .group = GROUP,
						    .port = (uint16_t)(6000 + k),
						    .ttl = 1,
						    .if_name = "eth1"};

			assert_int_equal(snapshot_add_output(&w, &o), 0);
		}
	}
	assert_int_equal(snapshot_finish(&w, 42), 0);
}

static void rehash(struct sample *s)
{
	s->h.hash = 0;
	for (int i = 0; i < 2; i++) {
		uint32_t first = s->rules[i].first_output;

		/* A bad range cannot be followed; the parser must not try either. */
		if (first < 3 && s->rules[i].n_outputs <= 3 - first)
			s->h.hash += snapshot_hash_rule(&s->rules[i], &s->outputs[first]);
	}
}

static void round_trip(void **state)
{
	struct snapshot_view v;
	struct sample s;

	write_sample(&s);
	assert_int_equal(snapshot_parse(&s, sizeof(s), &v), 0);
	assert_int_equal(v.generation, 42);
	assert_true(v.hash == s.h.hash);
	assert_int_equal(v.n_ifaces, 2);
	assert_int_equal(v.n_rules, 2);
	assert_int_equal(v.n_outputs, 3);
	assert_ptr_equal(v.ifaces, s.ifaces);
	assert_ptr_equal(v.rules, s.rules);
	assert_ptr_equal(v.outputs, s.outputs);
	assert_string_equal(v.rules[1].id, "rule-1");
	assert_int_equal(v.rules[1].first_output, 1);
	assert_int_equal(v.rules[1].n_outputs, 2);
	assert_int_equal(v.outputs[2].port, 6001);
	assert_true(snapshot_hash_worker(&v, 0) + snapshot_hash_worker(&v, 1) == v.hash);
	assert_true(snapshot_hash_worker(&v, 0) == snapshot_hash_rule(&s.rules[0], s.outputs));
	assert_int_equal(snapshot_hash_worker(&v, 63), 0);
}

static void empty_snapshot(void **state)
{
	struct snapshot_header h = {0};
	struct snapshot_writer w;
	struct snapshot_view v;

	assert_int_equal(snapshot_parse(&h, sizeof(h), &v), -EBADMSG);
	snapshot_begin(&w, &h, 0, 0, 0);
	assert_int_equal(snapshot_parse(&h, sizeof(h), &v), -EBADMSG); /* not finished */
	assert_int_equal(snapshot_finish(&w, 1), 0);
	assert_int_equal(snapshot_parse(&h, sizeof(h), &v), 0);
	assert_int_equal(v.n_rules, 0);
	assert_int_equal(v.hash, 0);
	assert_int_equal(snapshot_parse(&h, sizeof(h) - 1, &v), -EBADMSG);
	assert_int_equal(snapshot_parse(NULL, sizeof(h), &v), -EBADMSG);
}

static void writer_keeps_to_its_counts(void **state)
{
	struct snapshot_iface f = {0};
	struct snapshot_rule r = {0};
	struct snapshot_output o = {0};
	struct snapshot_writer w;
	struct sample s = {0};

	snapshot_begin(&w, &s, 1, 1, 1);
	assert_int_equal(snapshot_finish(&w, 1), -EINVAL);
	assert_int_equal(snapshot_add_iface(&w, &f), 0);
	assert_int_equal(snapshot_add_iface(&w, &f), -ENOSPC);
	assert_int_equal(snapshot_add_rule(&w, &r), 0);
	assert_int_equal(snapshot_add_rule(&w, &r), -ENOSPC);
	assert_int_equal(snapshot_finish(&w, 1), -EINVAL);
	assert_int_equal(snapshot_add_output(&w, &o), 0);
	assert_int_equal(snapshot_add_output(&w, &o), -ENOSPC);
	assert_int_equal(snapshot_finish(&w, 1), 0);
}

#define CHANGE(name, statement)            \
	static void name(struct sample *s) \
	{                                  \
		statement;                 \
	}
CHANGE(magic, s->h.magic ^= 1)
CHANGE(version, s->h.version++)
CHANGE(many_ifaces, s->h.n_ifaces = MCR_MAX_IFACES + 1)
CHANGE(many_rules, s->h.n_rules = UINT32_MAX)
CHANGE(many_outputs, s->h.n_outputs = MCR_MAX_OUTPUTS + 1)
CHANGE(one_rule_more, s->h.n_rules++)
CHANGE(one_output_less, s->h.n_outputs--)
CHANGE(stated_size, s->h.size_bytes++)
CHANGE(iface_slot, s->ifaces[0].slot = MCR_MAX_IFACES)
CHANGE(iface_no_slot, s->ifaces[0].slot = MCR_NO_SLOT)
CHANGE(iface_slot_twice, s->ifaces[0].slot = 6)
CHANGE(ifindex_zero, s->ifaces[0].ifindex = 0)
CHANGE(ifindex_negative, s->ifaces[0].ifindex = 0x80000000)
CHANGE(mtu_small, s->ifaces[1].mtu = 67)
CHANGE(mtu_large, s->ifaces[1].mtu = 65537)
CHANGE(steering, s->ifaces[1].steering = STEERINGS)
CHANGE(gro, s->ifaces[1].gro = GRO_SETTINGS)
CHANGE(iface_name, memset(s->ifaces[1].name, 'x', 16))
CHANGE(rule_slot, s->rules[0].slot = MCR_MAX_RULES)
CHANGE(rule_slot_twice, s->rules[1].slot = 0)
CHANGE(in_iface_unlisted, s->rules[0].in_iface = 7)
CHANGE(in_iface_range, s->rules[0].in_iface = MCR_MAX_IFACES)
CHANGE(range_gap, s->rules[1].first_output = 2)
CHANGE(range_overlap, s->rules[1].first_output = 0)
CHANGE(range_wraps, s->rules[1].first_output = UINT32_MAX)
CHANGE(range_short, s->rules[1].n_outputs = 1)
CHANGE(range_long, s->rules[1].n_outputs = 3)
CHANGE(no_outputs, s->rules[0].n_outputs = 0; s->rules[1].first_output = 0;
       s->rules[1].n_outputs = 3)
CHANGE(huge_outputs, s->rules[1].n_outputs = UINT32_MAX)
CHANGE(group_none, s->rules[0].group.family = ADDR_NONE)
CHANGE(group_six, s->rules[0].group.family = ADDR_IPV6)
CHANGE(group_tail, s->rules[0].group.bytes[15] = 1)
CHANGE(source_six, s->rules[0].source.family = ADDR_IPV6)
CHANGE(source_tail, s->rules[0].source.bytes[4] = 1)
CHANGE(source_none_bytes, s->rules[1].source.bytes[0] = 1)
CHANGE(in_port, s->rules[0].port = 0)
CHANGE(priority, s->rules[0].priority = RULE_PRIORITIES)
CHANGE(rule_state, s->rules[0].state = RULE_STATES)
CHANGE(in_name, memset(s->rules[0].in_name, 'x', MCR_IFNAME_MAX))
CHANGE(rule_id, memset(s->rules[0].id, 'x', MCR_ID_MAX))
CHANGE(rule_name, memset(s->rules[0].name, 'x', MCR_NAME_MAX))
CHANGE(output_slot, s->outputs[2].slot = MCR_MAX_OUTPUTS)
CHANGE(output_slot_twice, s->outputs[2].slot = 0)
CHANGE(output_iface, s->outputs[2].iface = 4)
CHANGE(output_group, s->outputs[2].group.family = ADDR_NONE)
CHANGE(output_group_tail, s->outputs[2].group.bytes[4] = 1)
CHANGE(output_source, s->outputs[2].source.family = 77)
CHANGE(output_port, s->outputs[2].port = 0)
CHANGE(ttl, s->outputs[2].ttl = 0)
CHANGE(dscp, s->outputs[2].dscp = 64)
CHANGE(ttl_set, s->outputs[2].ttl_set = TTL_SETTINGS)
CHANGE(hold, s->outputs[2].hold = OUTPUT_HOLDS)
CHANGE(largest_hold, s->outputs[2].hold = OUTPUT_HOLDS - 1)
CHANGE(output_name, memset(s->outputs[2].if_name, 'x', MCR_IFNAME_MAX))
CHANGE(largest_mtu, s->ifaces[0].mtu = 65536; s->ifaces[1].mtu = 68)
CHANGE(largest_slots, s->rules[0].slot = MCR_MAX_RULES - 1;
       s->outputs[0].slot = MCR_MAX_OUTPUTS - 1)
CHANGE(output_unresolved, s->outputs[0].iface = MCR_NO_SLOT)
CHANGE(largest_values, s->outputs[0].ttl = 255; s->outputs[0].dscp = 63; s->outputs[0].ttl_set = 1)
CHANGE(path, s->rules[0].path = RULE_PATHS)
CHANGE(consume, s->rules[0].consume = 2)
CHANGE(division_twice, s->rules[1].division[0] = s->rules[1].division[1] = 7)
CHANGE(divided_by_none, s->outputs[2].divided = 1)
CHANGE(divided_by_another, s->rules[1].division[1] = 7; s->outputs[2].divided = 1)
CHANGE(divided_by_another_rules, s->rules[0].division[0] = 7; s->outputs[1].divided = 1)
CHANGE(divided_by_more, s->rules[1].division[0] = 7; s->rules[1].division[1] = 6;
       s->outputs[1].divided = 4)
CHANGE(divisions, s->rules[1].division[0] = UINT32_MAX; s->rules[1].division[1] = 1;
       s->outputs[1].divided = 1; s->outputs[2].divided = 3)
CHANGE(reserved, s->rules[0].reserved[0] = 1; s->outputs[0].reserved[1] = 1)

static const struct {
	const char *name;
	void (*change)(struct sample *s);
	int ret;
} changes[] = {
#define BAD(change)                       \
	{                                 \
#change, change, -EBADMSG \
	}
	BAD(magic),
	{"version", version, -EPROTO},
	BAD(many_ifaces),
	BAD(many_rules),
	BAD(many_outputs),
	BAD(one_rule_more),
	BAD(one_output_less),
	BAD(stated_size),
	BAD(iface_slot),
	BAD(iface_no_slot),
	BAD(iface_slot_twice),
	BAD(ifindex_zero),
	BAD(ifindex_negative),
	BAD(mtu_small),
	BAD(mtu_large),
	BAD(steering),
	BAD(gro),
	BAD(iface_name),
	BAD(rule_slot),
	BAD(rule_slot_twice),
	BAD(in_iface_unlisted),
	BAD(in_iface_range),
	BAD(range_gap),
	BAD(range_overlap),
	BAD(range_wraps),
	BAD(range_short),
	BAD(range_long),
	BAD(no_outputs),
	BAD(huge_outputs),
	BAD(group_none),
	BAD(group_six),
	BAD(group_tail),
	BAD(source_six),
	BAD(source_tail),
	BAD(source_none_bytes),
	BAD(in_port),
	BAD(priority),
	BAD(path),
	BAD(consume),
	BAD(rule_state),
	BAD(in_name),
	BAD(rule_id),
	BAD(rule_name),
	BAD(output_slot),
	BAD(output_slot_twice),
	BAD(output_iface),
	BAD(output_group),
	BAD(output_group_tail),
	BAD(output_source),
	BAD(output_port),
	BAD(ttl),
	BAD(dscp),
	BAD(ttl_set),
	BAD(hold),
	BAD(output_name),
	BAD(division_twice),
	BAD(divided_by_none),
	BAD(divided_by_another),
	BAD(divided_by_another_rules),
	BAD(divided_by_more),
#undef BAD
	{"divisions", divisions, 0},
	{"largest MTU", largest_mtu, 0},
	{"largest slots", largest_slots, 0},
	{"output without interface", output_unresolved, 0},
	{"largest values", largest_values, 0},
	{"largest hold", largest_hold, 0},
	{"reserved", reserved, 0},
};

static void one_thing_changed(void **state)
{
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct snapshot_view v = {.generation = 7};
		struct sample s;
		int ret;

		write_sample(&s);
		changes[i].change(&s);
		rehash(&s); /* so that it is not the hash that gives it away */
		ret = snapshot_parse(&s, sizeof(s), &v);
		if (ret != changes[i].ret)
			fail_msg("%s: %d", changes[i].name, ret);
		if (ret < 0 && v.generation != 7)
			fail_msg("%s: the view was touched", changes[i].name);
	}
}

static void length_alignment_and_hash(void **state)
{
	struct {
		uint64_t align;
		char bytes[sizeof(struct sample) + 8];
	} room = {0};
	struct snapshot_view v;
	struct sample s;

	write_sample(&s);
	memcpy(room.bytes, &s, sizeof(s));
	assert_int_equal(snapshot_parse(room.bytes, sizeof(s), &v), 0);
	assert_int_equal(snapshot_parse(room.bytes, sizeof(s) + 1, &v), -EBADMSG);
	assert_int_equal(snapshot_parse(room.bytes, sizeof(s) - 1, &v), -EBADMSG);
	assert_int_equal(snapshot_parse(room.bytes, 0, &v), -EBADMSG);
	memcpy(room.bytes + 4, &s, sizeof(s));
	assert_int_equal(snapshot_parse(room.bytes + 4, sizeof(s), &v), -EBADMSG);
	s.h.hash++;
	assert_int_equal(snapshot_parse(&s, sizeof(s), &v), -EBADMSG);
}

/* Byte by byte over a rule and its outputs: everything but the two exceptions counts. */
static void hash_depends_on_every_field(void **state)
{
	struct sample s;
	uint64_t before;

	write_sample(&s);
	before = snapshot_hash_rule(&s.rules[1], &s.outputs[1]);
	for (size_t i = 0; i < sizeof(struct snapshot_rule); i++) {
		struct snapshot_rule r = s.rules[1];
		bool left_out = (i >= offsetof(struct snapshot_rule, first_output) &&
				 i < offsetof(struct snapshot_rule, n_outputs)) ||
				(i >= offsetof(struct snapshot_rule, reserved) &&
				 i < offsetof(struct snapshot_rule, in_name));

		if (i >= offsetof(struct snapshot_rule, n_outputs) &&
		    i < offsetof(struct snapshot_rule, n_outputs) + 4)
			continue; /* below: the hash follows it */
		((unsigned char *)&r)[i] ^= 0x10;
		if ((snapshot_hash_rule(&r, &s.outputs[1]) == before) != left_out)
			fail_msg("byte %zu of the rule", i);
	}
	for (size_t i = 0; i < 2 * sizeof(struct snapshot_output); i++) {
		struct snapshot_output o[2] = {s.outputs[1], s.outputs[2]};
		size_t at = i % sizeof(struct snapshot_output);
		bool left_out = at >= offsetof(struct snapshot_output, reserved) &&
				at < offsetof(struct snapshot_output, if_name);

		((unsigned char *)o)[i] ^= 0x10;
		if ((snapshot_hash_rule(&s.rules[1], o) == before) != left_out)
			fail_msg("byte %zu of the outputs", i);
	}
	s.rules[1].n_outputs = 1;
	assert_true(snapshot_hash_rule(&s.rules[1], &s.outputs[1]) != before);
}

/* --- changes --- */

static void write_changes(struct sample *s, uint32_t *removed, uint64_t base)
{
	struct snapshot_writer w;
	struct sample whole;
	uint32_t output = 0;

	write_sample(&whole);
	memset(s, 0, sizeof(*s));
	memset(removed, 0, 2 * sizeof(*removed));
	snapshot_begin_changes(&w, s, base, 2, 2, 3, 2);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(snapshot_add_iface(&w, &whole.ifaces[i]), 0);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(snapshot_add_rule(&w, &whole.rules[i]), 0);
		for (uint32_t k = 0; k < whole.rules[i].n_outputs; k++)
			assert_int_equal(snapshot_add_output(&w, &whole.outputs[output++]), 0);
	}
	assert_int_equal(snapshot_finish(&w, 42), -EINVAL);
	assert_int_equal(snapshot_add_removed(&w, 7), 0);
	assert_int_equal(snapshot_add_removed(&w, MCR_MAX_RULES - 1), 0);
	assert_int_equal(snapshot_add_removed(&w, 9), -ENOSPC);
	assert_int_equal(snapshot_finish(&w, 42), 0);
}

static void changes_have_a_base(void **state)
{
	static const struct {
		const char *name;
		uint64_t base;
		uint32_t removed;
		int ret;
	} cases[] = {
		{"changes", 41, 8, 0},
		{"an older base", 1, 8, 0},
		{"the base is itself", 42, 8, -EBADMSG},
		{"the base is newer", 43, 8, -EBADMSG},
		{"removed, but whole", 0, 8, -EBADMSG},
		{"removed twice", 41, MCR_MAX_RULES - 1, -EBADMSG},
		{"removed and there", 41, 1, 0},
		{"removed is no slot", 41, MCR_MAX_RULES, -EBADMSG},
		{"removed is none", 41, MCR_NO_SLOT, -EBADMSG},
	};
	struct {
		struct sample s;
		uint32_t removed[2];
	} file;

	assert_int_equal(snapshot_changes_size(2, 2, 3, 2), sizeof(file));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct snapshot_view v;
		int ret;

		write_changes(&file.s, file.removed, 41);
		file.s.h.base = cases[i].base;
		file.removed[0] = cases[i].removed;
		ret = snapshot_parse(&file, sizeof(file), &v);
		if (ret != cases[i].ret)
			fail_msg("%s: %d", cases[i].name, ret);
		if (ret < 0)
			continue;
		assert_int_equal(v.base, cases[i].base);
		assert_int_equal(v.n_removed, 2);
		assert_ptr_equal(v.removed, file.removed);
		assert_int_equal(snapshot_parse(&file, sizeof(file) - 4, &v), -EBADMSG);
	}
}

static void size_has_room_for_the_largest(void **state)
{
	assert_int_equal(snapshot_size(MCR_MAX_IFACES, MCR_MAX_RULES, MCR_MAX_OUTPUTS),
			 SNAPSHOT_MAX_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(empty_snapshot),
		cmocka_unit_test(writer_keeps_to_its_counts),
		cmocka_unit_test(one_thing_changed),
		cmocka_unit_test(length_alignment_and_hash),
		cmocka_unit_test(hash_depends_on_every_field),
		cmocka_unit_test(changes_have_a_base),
		cmocka_unit_test(size_has_room_for_the_largest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
