// SPDX-License-Identifier: MIT
/* ctl_stats.c - mcrctl stats */
#include <cjson/cJSON.h>
#include <stdio.h>

#include "daemon/ctl.h"
#include "daemon/ctl_table.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

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
	print_total("  in send calls", ctl_number(totals, "send_calls"));
	print_drops("not sent", ctl_member(totals, "send_drops"));
}

static void print_workers(const cJSON *workers)
{
	static const char *const headers[] = {">WORKER", ">RECEIVED", ">FRAMES", ">MATCHED",
					      ">COPIES", ">SENT",     ">CALLS",  ">EXHAUSTED",
					      "DROPS",   "SEND DROPS"};
	static const char *const numbers[] = {"worker",     "received",       "frames",
					      "matched",    "egress_matched", "sent",
					      "send_calls", "buf_exhaust"};
	char list[CTL_LIST_MAX];
	const cJSON *worker;
	struct table t;

	table_init(&t, headers, N(headers));
	cJSON_ArrayForEach(worker, workers) {
		for (size_t i = 0; i < N(numbers); i++)
			table_cell(&t, "%.0f", ctl_number(worker, numbers[i]));
		table_cell(&t, "%s", ctl_nonzero(ctl_member(worker, "drops"), list));
		table_cell(&t, "%s", ctl_nonzero(ctl_member(worker, "send_drops"), list));
	}
	putchar('\n');
	table_print(&t, "no workers");
}

static void print_interfaces(const cJSON *interfaces)
{
	static const char *const headers[] = {"INPUT INTERFACE", ">DELIVERED", ">SOCKET QUEUE",
					      ">NOT MATCHED", ">NOT IPV4 UDP"};
	const cJSON *i;
	struct table t;

	table_init(&t, headers, N(headers));
	cJSON_ArrayForEach(i, interfaces) {
		table_cell(&t, "%s", ctl_text(i, "name"));
		table_cell(&t, "%.0f", ctl_number(i, "delivered"));
		table_cell(&t, "%.0f", ctl_number(i, "socket_queue"));
		table_cell(&t, "%.0f", ctl_number(i, "not_matched"));
		table_cell(&t, "%.0f", ctl_number(i, "not_ipv4_udp"));
	}
	putchar('\n');
	table_print(&t, "no input interfaces");
}

/* One row per output; the rule's own columns only in the first. */
static void rule_rows(struct table *t, const cJSON *rule)
{
	char list[CTL_LIST_MAX];
	const cJSON *output;
	bool first = true;

	cJSON_ArrayForEach(output, ctl_member(rule, "outputs")) {
		table_cell(t, "%s", first ? ctl_text(rule, "rule_id") : "");
		table_cell(t, "%s", first ? ctl_text(rule, "name") : "");
		if (first) {
			table_cell(t, "%.0f", ctl_number(rule, "matched"));
			table_cell(t, "%.0f", ctl_number(rule, "rate_limited"));
			table_cell(t, "%.0f", ctl_number(rule, "shed"));
		} else {
			for (int i = 0; i < 3; i++)
				table_cell(t, "%s", "");
		}
		table_cell(t, "%s:%.0f %s", ctl_text(output, "group"), ctl_number(output, "port"),
			   ctl_text(output, "interface"));
		table_cell(t, "%.0f", ctl_number(output, "matched"));
		table_cell(t, "%.0f", ctl_number(output, "sent"));
		table_cell(t, "%.0f", ctl_number(output, "bytes"));
		table_cell(t, "%s", ctl_nonzero(ctl_member(output, "send_drops"), list));
		first = false;
	}
}

static void print_rules(const cJSON *rules)
{
	static const char *const headers[] = {"RULE",   "NAME",      ">MATCHED", ">LIMITED",
					      ">SHED",  "OUTPUT",    ">COPIES",  ">SENT",
					      ">BYTES", "SEND DROPS"};
	const cJSON *rule;
	struct table t;

	table_init(&t, headers, N(headers));
	cJSON_ArrayForEach(rule, rules)
		rule_rows(&t, rule);
	putchar('\n');
	table_print(&t, "no rules");
}

static void print_stats(const cJSON *result)
{
	print_totals(result);
	print_workers(ctl_member(result, "workers"));
	print_interfaces(ctl_member(result, "interfaces"));
	print_rules(ctl_member(result, "rules"));
}

enum ctl_status ctl_stats(const struct ctl *ctl)
{
	return ctl_run(ctl, "GetStats", NULL, print_stats);
}
