// SPDX-License-Identifier: MIT
/*
 * list.c - mcrctl list: rules and outputs, their states, and why they are so
 *
 *   RULE                                   TTL          STATE        MATCHED, SENT
 *   cam camera-1                                        degraded
 *     in   239.1.1.1:5000 eth0                                                1000
 *     out  239.2.2.2:6000:eth1             1 (default)  active               1000
 *     out  192.0.2.7:6000:eth1             64 (default) unreachable             0
 *          192.0.2.7 does not answer on eth1
 *          not sent: unreachable 1000
 *
 * Outputs are written as `mcrctl add` takes them.  Lines stay within 80 columns, but for names and
 * outputs that are longer.
 */
#include "daemon/mcrctl/list.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/mcrctl/output_text.h"
#include "daemon/mcrctl/result.h"
#include "daemon/mcrctl/select.h"

#define WIDTH      79
#define WHAT_WIDTH 38
#define NOTE       7 /* columns before a note */
#define TEXT_MAX   600

const struct ctl_option ctl_list_options[] = {
	{"--rule", "RULE", false, "only the rule with this id or name"},
	{"--state", "STATE", false, "only rules that are so, or have an output that is"},
	{"--interface", "IF", false, "only rules with this input or output interface"},
	{"--group", "A", false, "only rules that take or send to this address"},
	{"--sort", "KEY", false, "id, name, state or matched"},
	{NULL},
};

/* Names come from others: none of them may steer the terminal. */
static void make_plain(char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
}

/* One line of the four columns; an empty text and a negative number leave theirs blank. */
static void print_row(const char *what, const char *ttl, const char *state, double count)
{
	char line[TEXT_MAX];
	int n;

	if (strlen(what) > WHAT_WIDTH && (ttl[0] || state[0] || count >= 0)) {
		print_row(what, "", "", -1);
		what = "";
	}
	n = snprintf(line, sizeof(line), "%-*s %-12s %-11s ", WHAT_WIDTH, what, ttl, state);
	if (count >= 0 && n >= 0 && (size_t)n < sizeof(line))
		snprintf(line + n, sizeof(line) - (size_t)n, "%*.0f", WIDTH - n > 0 ? WIDTH - n : 0,
			 count);
	make_plain(line);
	n = (int)strlen(line);
	while (n > 0 && line[n - 1] == ' ')
		n--;
	printf("%.*s\n", n, line);
}

/* Cut between words; a longer word has a line of its own. */
static void print_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static void print_note(const char *fmt, ...)
{
	char text[TEXT_MAX];
	const char *at = text;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	make_plain(text);
	while (*at) {
		int n = (int)strlen(at);

		if (n > WIDTH - NOTE) {
			n = WIDTH - NOTE;
			while (n > 0 && at[n] != ' ')
				n--;
			if (!n)
				n = (int)strcspn(at, " ");
		}
		printf("%*s%.*s\n", NOTE, "", n, at);
		at += n;
		at += strspn(at, " ");
	}
}

/* "  in   ADDRESS:PORT INTERFACE" */
static const char *place_text(const char *prefix, const cJSON *o, char buf[static TEXT_MAX])
{
	snprintf(buf, TEXT_MAX, "  %-4s %s:%.0f %s", prefix, ctl_text(o, "group"),
		 ctl_number(o, "port"), ctl_text(o, "interface"));
	return buf;
}

static void print_output(const cJSON *output)
{
	const char *reason = ctl_text(output, "reason");
	char text[TEXT_MAX], as_added[OUTPUT_TEXT_MAX], ttl[32], drops[CTL_LIST_MAX];

	if (ctl_text(output, "ttl")[0])
		snprintf(ttl, sizeof(ttl), "%.20s", ctl_text(output, "ttl"));
	else
		snprintf(ttl, sizeof(ttl), "%.0f%s", ctl_number(output, "ttl"),
			 cJSON_IsTrue(ctl_member(output, "ttl_default")) ? " (default)" : "");
	snprintf(text, sizeof(text), "  out  %s", output_to_text(output, as_added));
	print_row(text, ttl, ctl_text(output, "state"), ctl_number(output, "sent"));
	if (strcmp(ctl_text(output, "path"), "kernel") == 0)
		print_note("relayed in the kernel");
	if (reason[0])
		print_note("%s", reason);
	if (ctl_text(output, "path_reason")[0])
		print_note("relayed by a worker: %s", ctl_text(output, "path_reason"));
	ctl_nonzero(ctl_member(output, "send_drops"), drops);
	if (strcmp(drops, "-") != 0)
		print_note("not sent: %s", drops);
}

/* The reason of a rule is often that of an output, which is printed with it. */
static bool is_of_output(const cJSON *rule, const char *reason)
{
	const cJSON *output;

	cJSON_ArrayForEach(output, ctl_member(rule, "outputs")) {
		const char *theirs = ctl_text(output, "reason");

		if (theirs[0] && strstr(reason, theirs))
			return true;
	}
	return false;
}

static void print_notes_of_rule(const cJSON *rule)
{
	const char *reason = ctl_text(rule, "reason");
	const cJSON *item;

	if (reason[0] && !is_of_output(rule, reason))
		print_note("%s", reason);
	cJSON_ArrayForEach(item, ctl_member(rule, "pending"))
		print_note("worker %.0f away: %s", ctl_number(item, "worker"),
			   ctl_text(item, "reason"));
	cJSON_ArrayForEach(item, ctl_member(rule, "warnings"))
		if (cJSON_IsString(item))
			print_note("warning: %s", item->valuestring);
}

static void print_rule(const cJSON *rule)
{
	const cJSON *input = ctl_member(rule, "input"), *output;
	const char *id = ctl_text(rule, "rule_id"), *name = ctl_text(rule, "name");
	char text[TEXT_MAX];

	snprintf(text, sizeof(text), "%s%s%s", id, name[0] ? " " : "", name);
	print_row(text, "", ctl_text(rule, "state"), -1);
	print_row(place_text("in", input, text), "", "", ctl_number(rule, "matched"));
	if (ctl_text(rule, "description")[0])
		print_note("%s", ctl_text(rule, "description"));
	if (ctl_text(input, "source")[0])
		print_note("from source %s", ctl_text(input, "source"));
	if (cJSON_IsTrue(ctl_member(rule, "consume")) && ctl_text(rule, "consume_reason")[0])
		print_note("not consumed: %s", ctl_text(rule, "consume_reason"));
	else if (cJSON_IsTrue(ctl_member(rule, "consume")))
		print_note("consumed: programs on this host do not receive it");
	print_notes_of_rule(rule);
	cJSON_ArrayForEach(output, ctl_member(rule, "outputs"))
		print_output(output);
}

/* With one rule there is nothing to sum up. */
static void print_totals(const cJSON *rules)
{
	double matched = 0, sent = 0, lost = 0;
	const cJSON *rule, *output, *drop;
	int n_outputs = 0;

	if (cJSON_GetArraySize(rules) < 2)
		return;
	cJSON_ArrayForEach(rule, rules) {
		matched += ctl_number(rule, "matched");
		cJSON_ArrayForEach(output, ctl_member(rule, "outputs")) {
			n_outputs++;
			sent += ctl_number(output, "sent");
			cJSON_ArrayForEach(drop, ctl_member(output, "send_drops"))
				lost += drop->valuedouble;
		}
	}
	printf("%d rules, %d outputs: matched %.0f, sent %.0f, not sent %.0f\n",
	       cJSON_GetArraySize(rules), n_outputs, matched, sent, lost);
}

static void print_list(const struct ctl *ctl, const cJSON *result)
{
	const cJSON *rules = ctl_member(result, "rules"), *rule;

	if (cJSON_GetArraySize(rules) == 0) {
		puts("no rules");
		return;
	}
	printf("%-*s %-12s %-11s %*s\n", WHAT_WIDTH, "RULE", "TTL", "STATE",
	       WIDTH - WHAT_WIDTH - 26, "MATCHED, SENT");
	cJSON_ArrayForEach(rule, rules)
		print_rule(rule);
	print_totals(rules);
}

enum ctl_status ctl_list(const struct ctl *ctl)
{
	return select_run(ctl, "ListRules", print_list);
}
