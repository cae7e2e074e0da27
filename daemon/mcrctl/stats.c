// SPDX-License-Identifier: MIT
/* stats.c - mcrctl stats */
#include "daemon/mcrctl/stats.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include "daemon/mcrctl/columns.h"
#include "daemon/mcrctl/pages.h"
#include "daemon/mcrctl/result.h"
#include "daemon/mcrctl/table.h"

static void print_drops(const char *title, const cJSON *drops)
{
	const cJSON *item;
	bool any = false;

	printf("%s:", title);
	cJSON_ArrayForEach(item, drops) {
		if (!item->string || ctl_number(drops, item->string) == 0)
			continue;
		printf("%s  %-18s %20.0f", any ? "" : "\n", item->string,
		       ctl_number(drops, item->string));
		putchar('\n');
		any = true;
	}
	if (!any)
		puts(" none");
}

static void print_total(const char *name, double value)
{
	printf("%-20s %20.0f\n", name, value);
}

static void print_totals(const cJSON *result)
{
	const cJSON *totals = ctl_member(result, "totals");
	double s = ctl_number(result, "uptime_ms") / 1000;

	printf("up %.0f s, generation %.0f\n\n", s, ctl_number(result, "generation"));
	print_total("received", ctl_number(totals, "received"));
	print_total("  in frames", ctl_number(totals, "frames"));
	print_total("matched", ctl_number(totals, "matched"));
	print_total("  bytes", ctl_number(totals, "bytes"));
	print_drops("dropped", ctl_member(totals, "drops"));
	print_total("buffers ran out", ctl_number(totals, "buf_exhaust"));
	print_total("copies to send", ctl_number(ctl_member(totals, "egress"), "matched"));
	print_total("sent", ctl_number(totals, "sent"));
	print_total("  bytes", ctl_number(totals, "bytes_sent"));
	print_total("  as fragments", ctl_number(totals, "fragmented"));
	print_total("  in send calls", ctl_number(totals, "send_calls"));
	print_drops("not sent", ctl_member(totals, "send_drops"));
}

static void print_workers(const cJSON *workers)
{
	static const struct ctl_column columns[] = {
		{">WORKER", "worker", cell_number},
		{">RECEIVED", "received", cell_number},
		{">FRAMES", "frames", cell_number},
		{">MATCHED", "matched", cell_number},
		{">COPIES", "egress_matched", cell_number},
		{">SENT", "sent", cell_number},
		{">CALLS", "send_calls", cell_number},
		{">EXHAUSTED", "buf_exhaust", cell_number},
		{"DROPS", "drops", cell_nonzero},
		{"SEND DROPS", "send_drops", cell_nonzero},
		{NULL},
	};

	putchar('\n');
	columns_print(workers, columns, "no workers");
}

static void print_vlan_advice(const cJSON *interfaces)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, interfaces) {
		const char *name = ctl_text(one, "name");

		if (ctl_number(one, "vlan") != 0)
			printf("frames with a VLAN tag arrive on %s: a rule takes them when its "
			       "input names the VLAN's own interface (as %s.100)\n",
			       name, name);
	}
}

static void print_interfaces(const cJSON *interfaces)
{
	static const struct ctl_column columns[] = {
		{"INPUT INTERFACE", "name", cell_text},
		{">DELIVERED", "delivered", cell_number},
		{">SOCKET QUEUE", "socket_queue", cell_number},
		{">NOT MATCHED", "not_matched", cell_number},
		{">NOT IPV4 UDP", "not_ipv4_udp", cell_number},
		{">VLAN", "vlan", cell_number},
		{NULL},
	};

	putchar('\n');
	columns_print(interfaces, columns, "no input interfaces");
	print_vlan_advice(interfaces);
}

static void print_closed(const cJSON *counts)
{
	char list[CTL_LIST_MAX];

	ctl_nonzero(counts, list);
	if (strcmp(list, "-") != 0)
		printf("input interfaces that are closed: %s\n", list);
}

static void cell_address(struct table *t, const cJSON *output, const char *member)
{
	table_cell(t, "%s:%.0f %s", ctl_text(output, member), ctl_number(output, "port"),
		   ctl_text(output, "interface"));
}

/* A socket that serves several rules does not know whose frames it lost. */
static void cell_queue(struct table *t, const cJSON *rule, const char *member)
{
	if (ctl_number(rule, "socket_rules") > 1)
		table_cell(t, "shared");
	else
		cell_number(t, rule, member);
}

static void print_rules(const cJSON *rules)
{
	static const struct ctl_column of_rule[] = {
		{"RULE", "rule_id", cell_text},
		{"NAME", "name", cell_text},
		{">MATCHED", "matched", cell_number},
		{">LIMITED", "rate_limited", cell_number},
		{">SHED", "shed", cell_number},
		{">LOOPING", "looping", cell_number},
		{">FRAGMENTS", "fragments", cell_number},
		{">QUEUE", "socket_queue", cell_queue},
		{NULL},
	};
	static const struct ctl_column of_output[] = {
		{"OUTPUT", "group", cell_address},
		{">COPIES", "matched", cell_number},
		{">SENT", "sent", cell_number},
		{">BYTES", "bytes", cell_number},
		{">FRAGMENTED", "fragmented", cell_number},
		{"SEND DROPS", "send_drops", cell_nonzero},
		{NULL},
	};

	putchar('\n');
	columns_print_outputs(rules, of_rule, of_output);
}

static void print_stats(const cJSON *result)
{
	print_totals(result);
	print_workers(ctl_member(result, "workers"));
	print_interfaces(ctl_member(result, "interfaces"));
	print_closed(ctl_member(result, "closed_interfaces"));
	print_rules(ctl_member(result, "rules"));
}

enum ctl_status ctl_stats(const struct ctl *ctl)
{
	return ctl_run_pages(ctl, "GetStats", print_stats);
}
