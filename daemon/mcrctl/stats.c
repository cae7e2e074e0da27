// SPDX-License-Identifier: MIT
/* stats.c - mcrctl stats */
#include "daemon/mcrctl/stats.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "daemon/mcrctl/args.h"
#include "daemon/mcrctl/columns.h"
#include "daemon/mcrctl/result.h"
#include "daemon/mcrctl/select.h"
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

static void print_workers(const struct ctl *ctl, const cJSON *workers)
{
	static const struct ctl_column columns[] = {
		{">WORKER", "worker", cell_number},
		{">RECEIVED", "received", cell_number},
		{"+>FRAMES", "frames", cell_number},
		{">MATCHED", "matched", cell_number},
		{"+>COPIES", "egress_matched", cell_number},
		{">SENT", "sent", cell_number},
		{"+>CALLS", "send_calls", cell_number},
		{"+>EXHAUSTED", "buf_exhaust", cell_number},
		{"DROPS", "drops", cell_nonzero},
		{"+SEND DROPS", "send_drops", cell_nonzero},
		{NULL},
	};

	putchar('\n');
	columns_print(workers, columns, table_width(ctl_value(ctl, "--wide")), "no workers");
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

static void print_interfaces(const struct ctl *ctl, const cJSON *interfaces)
{
	static const struct ctl_column columns[] = {
		{"INPUT INTERFACE", "name", cell_text},
		{">DELIVERED", "delivered", cell_number},
		{">SOCKET QUEUE", "socket_queue", cell_number},
		{">NOT MATCHED", "not_matched", cell_number},
		{"+>NOT IPV4 UDP", "not_ipv4_udp", cell_number},
		{">VLAN", "vlan", cell_number},
		{"LINK", "link", cell_text},
		{"+>KERNEL DROPS", "rx_dropped", cell_number},
		{"+>MISSED", "rx_missed", cell_number},
		{"+>ERRORS", "rx_errors", cell_number},
		{NULL},
	};

	putchar('\n');
	columns_print(interfaces, columns, table_width(ctl_value(ctl, "--wide")),
		      "no input interfaces");
	print_vlan_advice(interfaces);
}

/* Of all devices of the host, so it may be somebody else's traffic. */
static void print_softnet(const cJSON *result)
{
	if (ctl_number(result, "softnet_dropped") > 0)
		printf("frames of any device that found a CPU's backlog full: %.0f\n",
		       ctl_number(result, "softnet_dropped"));
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

/* "12 s ago", "-": never */
static void cell_ago(struct table *t, const cJSON *object, const char *member)
{
	const double at_ms = ctl_number(object, member);
	struct timespec now;
	double s;

	clock_gettime(CLOCK_REALTIME, &now);
	s = (double)now.tv_sec - at_ms / 1000;
	if (at_ms == 0)
		table_cell(t, "-");
	else if (s < 2)
		table_cell(t, "now");
	else if (s < 600)
		table_cell(t, "%.0f s ago", s);
	else if (s < 86400)
		table_cell(t, "%.0f min ago", s / 60);
	else
		table_cell(t, "%.0f d ago", s / 86400);
}

static void cell_seconds(struct table *t, const cJSON *object, const char *member)
{
	table_cell(t, "%.1f s", ctl_number(object, member) / 1000);
}

static void cell_rate(struct table *t, const cJSON *object, const char *member)
{
	const double n = ctl_number(object, member);

	table_cell(t, n > 0 && n < 100 ? "%.1f" : "%.0f", n);
}

/* With the letters that --limit-bps takes. */
static void cell_bits(struct table *t, const cJSON *object, const char *member)
{
	static const char *const units[] = {"", "k", "M", "G", "T"};
	double n = ctl_number(object, member);
	unsigned u = 0;

	while (n >= 10000 && u < 4) {
		n /= 1000;
		u++;
	}
	table_cell(t, "%.0f%s", n, units[u]);
}

/* Workers by their numbers, "kernel" while these have nothing to do, or both. */
static void cell_path(struct table *t, const cJSON *rule, const char *member)
{
	const cJSON *worker;
	const char *path = ctl_text(rule, "path");
	const char *before = strcmp(path, "both") == 0 ? "kernel, worker " : "worker ";
	char list[CTL_LIST_MAX] = "";
	size_t used = 0;

	if (strcmp(path, "kernel") == 0) {
		table_cell(t, "kernel");
		return;
	}
	cJSON_ArrayForEach(worker, ctl_member(rule, member))
		if (used < sizeof(list) - 24)
			used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d",
						 used ? "," : before, worker->valueint);
	table_cell(t, "%s", list);
}

static void print_rules(const struct ctl *ctl, const cJSON *rules)
{
	static const struct ctl_column of_rule[] = {
		{"RULE", "rule_id", cell_text},
		{"+NAME", "name", cell_text},
		{">MATCHED", "matched", cell_number},
		{"+>LIMITED", "rate_limited", cell_number},
		{"+>SHED", "shed", cell_number},
		{"+>LOOPING", "looping", cell_number},
		{"+>FRAGMENTS", "fragments", cell_number},
		{"+>QUEUE", "socket_queue", cell_queue},
		{"+PATH", "workers", cell_path},
		{NULL},
	};
	static const struct ctl_column of_output[] = {
		{"OUTPUT", "group", cell_address},
		{"+>COPIES", "matched", cell_number},
		{">SENT", "sent", cell_number},
		{"+>BYTES", "bytes", cell_number},
		{"+>FRAGMENTED", "fragmented", cell_number},
		{"+SEND DROPS", "send_drops", cell_nonzero},
		{">PPS", "pps", cell_rate},
		{"+>BIT/S", "bps", cell_bits},
		{"+>PPS, MINUTE", "pps_minute", cell_rate},
		{"+>BIT/S, MINUTE", "bps_minute", cell_bits},
		{"+FIRST", "first_at", cell_ago},
		{"LAST", "last_at", cell_ago},
		{"+>LONGEST GAP", "longest_gap_ms", cell_seconds},
		{NULL},
	};

	columns_print_outputs(rules, of_rule, of_output, table_width(ctl_value(ctl, "--wide")));
}

/* Sums over the rules that are shown. */
static void print_sums(const cJSON *rules)
{
	double matched = 0, in = 0, sent = 0, out = 0, bits = 0;
	const cJSON *rule, *output;
	int n_outputs = 0;

	cJSON_ArrayForEach(rule, rules) {
		matched += ctl_number(rule, "matched");
		in += ctl_number(rule, "pps");
		cJSON_ArrayForEach(output, ctl_member(rule, "outputs")) {
			n_outputs++;
			sent += ctl_number(output, "sent");
			out += ctl_number(output, "pps");
			bits += ctl_number(output, "bps");
		}
	}
	if (n_outputs > 1)
		printf("%d rules, %d outputs: matched %.0f, %.0f/s; sent %.0f, %.0f/s, %.0f "
		       "bit/s\n",
		       cJSON_GetArraySize(rules), n_outputs, matched, in, sent, out, bits);
}

static void print_stats(const struct ctl *ctl, const cJSON *result)
{
	if (!ctl_value(ctl, "--rule")) {
		print_totals(result);
		print_workers(ctl, ctl_member(result, "workers"));
		print_interfaces(ctl, ctl_member(result, "interfaces"));
		print_closed(ctl_member(result, "closed_interfaces"));
		print_softnet(result);
		putchar('\n');
	}
	print_rules(ctl, ctl_member(result, "rules"));
	print_sums(ctl_member(result, "rules"));
}

const struct ctl_option ctl_stats_options[] = {
	{"--rule", "RULE", false, "only the rule with this id or name"},
	{"--interface", "IF", false, "only rules with this output interface"},
	{"--group", "A", false, "only rules that send to this address"},
	{"--sort", "KEY", false, "id, name, matched, pps, or last: those silent for longest first"},
	{"--wide", NULL, false, "all columns, whatever the terminal's width"},
	{NULL},
};

enum ctl_status ctl_stats(const struct ctl *ctl)
{
	return select_run(ctl, "GetStats", print_stats);
}
