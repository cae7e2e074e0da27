/* SPDX-License-Identifier: MIT */
/* config_fixture.h - a configuration with every member, and its rules */
#ifndef TESTS_UNIT_CORE_CONFIG_FIXTURE_H
#define TESTS_UNIT_CORE_CONFIG_FIXTURE_H

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/text/config.h"
#include "core/text/config_write.h"
#include "core/text/rule_json.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static const char full[] =
	"{ // everything\n"
	"  \"workers\": 2, \"per_packet\": true, \"busy_poll_us\": 250,\n"
	"  \"steering\": {\"eth0\": \"rule\", \"eth1.5\": \"cpu\"},\n"
	"  \"gro\": {\"eth0\": true, \"eth2\": false},\n"
	"  \"defrag\": {\"eth0\": true, \"eth2\": false},\n"
	"  \"pinning\": {\"eth0\": [0, 1], \"eth3\": []},\n"
	"  \"rules\": [\n"
	"    {\"name\": \"camera-1\",\n"
	"     \"input\": {\"interface\": \"eth0\", \"group\": \"239.1.1.1\", \"port\": 5000,\n"
	"               \"source\": \"10.10.1.100\"},\n"
	"     \"outputs\": [{\"interface\": \"eth1\", \"group\": \"239.2.2.2\", \"port\": 6000,\n"
	"       \"ttl\": 8, \"source_ip\": \"10.90.1.1\", \"dscp\": 34,\n"
	"       \"source_port\": 7000},\n"
	"       {\"interface\": \"eth2\", \"group\": \"192.0.2.7\", \"port\": 65535}],\n"
	"     \"rate_limit\": {\"pps\": 1000, \"bps\": 4503599627370495}, \"priority\": \"low\",\n"
	"     \"path\": \"user\", \"consume\": true},\n"
	"    {\"id\": \"mine\",\n"
	"     \"input\": {\"interface\": \"eth0\", \"group\": \"239.1.1.2\", \"port\": 1},\n"
	"     \"outputs\": [{\"interface\": \"eth1\", \"group\": \"239.2.2.3\", \"port\": 1,"
	"                  \"ttl\": \"decrement\"}]},\n"
	"  ],\n"
	"}\n";

static void check_full(const struct config *c)
{
	const struct rule *r = &c->rules[0];
	const struct config_iface *i;
	char text[ADDR_TEXT_MAX];

	assert_int_equal(c->workers, 2);
	assert_true(c->per_packet);
	assert_int_equal(c->busy_poll_us, 250);
	assert_int_equal(c->n_ifaces, 4);
	i = config_find_iface(c, "eth0");
	assert_non_null(i);
	assert_int_equal(i->steering, STEER_RULE);
	assert_int_equal(i->gro, GRO_ON);
	assert_true(i->defrag);
	assert_false(config_find_iface(c, "eth2")->defrag);
	assert_int_equal(i->n_cpus, 2);
	assert_int_equal(i->cpus[1], 1);
	i = config_find_iface(c, "eth1.5");
	assert_non_null(i);
	assert_int_equal(i->steering, STEER_CPU);
	assert_int_equal(i->gro, GRO_LEAVE);
	assert_int_equal(config_find_iface(c, "eth2")->gro, GRO_OFF);
	assert_int_equal(config_find_iface(c, "eth3")->n_cpus, 0);
	assert_null(config_find_iface(c, "eth9"));

	assert_int_equal(c->n_rules, 2);
	assert_string_equal(r->name, "camera-1");
	assert_int_equal(strlen(r->id), 16);
	assert_string_equal(r->input.interface, "eth0");
	assert_string_equal(addr_format(&r->input.group, text), "239.1.1.1");
	assert_int_equal(r->input.port, 5000);
	assert_string_equal(addr_format(&r->input.source, text), "10.10.1.100");
	assert_int_equal(r->n_outputs, 2);
	assert_string_equal(r->outputs[0].interface, "eth1");
	assert_string_equal(addr_format(&r->outputs[0].group, text), "239.2.2.2");
	assert_int_equal(r->outputs[0].port, 6000);
	assert_int_equal(r->outputs[0].ttl, 8);
	assert_int_equal(r->outputs[0].dscp, 34);
	assert_int_equal(r->outputs[0].source_port, 7000);
	assert_int_equal(r->outputs[1].source_port, 0);
	assert_string_equal(addr_format(&r->outputs[0].source, text), "10.90.1.1");
	assert_int_equal(r->outputs[1].ttl, 0);
	assert_false(r->outputs[1].ttl_decrement);
	assert_true(c->rules[1].outputs[0].ttl_decrement);
	assert_int_equal(c->rules[1].outputs[0].ttl, 0);
	assert_int_equal(r->outputs[1].port, 65535);
	assert_false(addr_is_set(&r->outputs[1].source));
	assert_int_equal(r->limit_pps, 1000);
	assert_true(r->limit_bps == 4503599627370495);
	assert_int_equal(r->priority, RULE_PRIORITY_LOW);
	assert_int_equal(r->path, RULE_PATH_USER);
	assert_true(r->consume);
	assert_false(c->rules[1].consume);
	assert_string_equal(c->rules[1].id, "mine");
	assert_string_equal(c->rules[1].name, "");
	assert_false(addr_is_set(&c->rules[1].input.source));
	assert_int_equal(c->rules[1].priority, RULE_PRIORITY_NORMAL);
	assert_int_equal(c->rules[1].path, RULE_PATH_UNSET);
}

#define IN                   "\"input\":{\"interface\":\"eth0\",\"group\":\"239.1.1.1\",\"port\":5000}"
#define OUT                  "{\"interface\":\"eth1\",\"group\":\"239.2.2.2\",\"port\":6000}"
#define RULE(input, outputs) "{\"rules\":[\n{" input ",\n\"outputs\":[\n" outputs "]}]}"
#define RULE2(rule)          "{\"rules\":[\n{" IN ",\"outputs\":[" OUT "]},\n" rule "]}"

#endif
