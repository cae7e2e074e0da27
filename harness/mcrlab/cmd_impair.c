// SPDX-License-Identifier: MIT
/* cmd_impair.c - mcrlab impair: loss, duplication, a rate cap and flaps of one link */
#include "harness/mcrlab/cmd_impair.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "harness/base/cli.h"
#include "harness/base/wait.h"
#include "harness/lab/call.h"
#include "harness/lab/state.h"
#include "harness/link/impair.h"
#include "harness/link/rtnl.h"
#include "harness/mcrlab/cmd.h"
#include "harness/mcrlab/impair_text.h"

#define USAGE                                                                                  \
	"usage: mcrlab impair LAB NODE IF loss P%% | every N | dup P%% | rate R[k|m|g]bit |\n" \
	"                                 flap DOWN [COUNT [UP]] | show | clear\n"             \
	"for what arrives at NODE's interface; 0 takes one away; DOWN and UP as 100ms or 2s"

/* The request; in memory shared with the child that carries it out. */
struct job {
	unsigned link;
	unsigned end;
	const char *interface;
	const char *kind;
	uint64_t amount;
	unsigned down_ms;
	unsigned count;
	unsigned up_ms;
	struct impair_counts counts;
};

static uint64_t read_percent(const char *text)
{
	uint32_t millionths = 0;
	int ret = impair_parse_percent(text, &millionths);

	if (ret == -ERANGE)
		die("'%s' is less than one in a million", text);
	if (ret < 0)
		die("'%s' is not a percentage from 0%% to 100%%", text);
	return millionths;
}

static uint64_t read_rate(const char *text)
{
	uint64_t bytes_per_s = 0;

	if (impair_parse_rate(text, &bytes_per_s))
		die("'%s' is not a rate from 8kbit to 34gbit", text);
	return bytes_per_s;
}

static int set(void *arg)
{
	const struct job *job = arg;

	if (!strcmp(job->kind, "loss"))
		return impair_set(job->link, job->end, IMPAIR_LOSS, (uint32_t)job->amount);
	if (!strcmp(job->kind, "every"))
		return impair_set(job->link, job->end, IMPAIR_EVERY, (uint32_t)job->amount);
	if (!strcmp(job->kind, "dup"))
		return impair_set(job->link, job->end, IMPAIR_DUP, (uint32_t)job->amount);
	return impair_rate(job->link, job->end, job->amount);
}

static int clear(void *arg)
{
	const struct job *job = arg;
	int ret = impair_rate(job->link, job->end, 0);

	for (int kind = 0; kind < IMPAIR_KINDS && ret == 0; kind++)
		ret = impair_set(job->link, job->end, (enum impair_kind)kind, 0);
	return ret;
}

static int show(void *arg)
{
	struct job *job = arg;

	return impair_counts(job->link, job->end, &job->counts);
}

static int flap(void *arg)
{
	const struct job *job = arg;
	int index = (int)if_nametoindex(job->interface);
	struct rtnl rtnl;
	int ret = index ? rtnl_open(&rtnl) : -ENODEV;

	if (ret < 0)
		return ret;
	for (unsigned i = 0; i < job->count && ret == 0; i++) {
		if (i)
			wait_ms(job->up_ms);
		ret = rtnl_set_down(&rtnl, index);
		if (ret == 0)
			wait_ms(job->down_ms);
		if (ret == 0)
			ret = rtnl_set_up(&rtnl, index);
		if (ret == 0)
			ret = rtnl_wait_running(&rtnl, index, deadline_in_ms(5000));
	}
	rtnl_close(&rtnl);
	return ret;
}

static void read_amount(struct job *job, int argc, char **argv)
{
	bool is_flap = !strcmp(job->kind, "flap");

	if (!is_flap && strcmp(job->kind, "loss") && strcmp(job->kind, "every") &&
	    strcmp(job->kind, "dup") && strcmp(job->kind, "rate"))
		die("there is no impairment '%s'; mcrlab impair lists them", job->kind);
	if (argc < 6 || (argc > 6 && !is_flap) || argc > 8)
		die(USAGE);
	if (!strcmp(job->kind, "loss") || !strcmp(job->kind, "dup"))
		job->amount = read_percent(argv[5]);
	else if (!strcmp(job->kind, "every"))
		job->amount = cli_number("every", argv[5], 0, UINT32_MAX);
	else if (!strcmp(job->kind, "rate"))
		job->amount = read_rate(argv[5]);
	else
		job->down_ms = cli_ms(argv[5]);
	job->count = argc > 6 ? (unsigned)cli_number("flap", argv[6], 1, 100000) : 1;
	job->up_ms = argc > 7 ? cli_ms(argv[7]) : job->down_ms;
}

static void run(const struct lab *lab, const char *node, struct job *job)
{
	int ret;

	if (!strcmp(job->kind, "flap")) {
		ret = lab_call(lab, lab->netns_fds[cmd_node(lab, node)], flap, job);
	} else {
		if (!lab->topo->links[job->link].wire)
			die("the link of %s:%s has no wire: give it \"wire\": true in the "
			    "topology, "
			    "or all links with mcrlab up --wires",
			    node, job->interface);
		ret = lab_call(lab, lab->wires_fd,
			       !strcmp(job->kind, "show")    ? show
			       : !strcmp(job->kind, "clear") ? clear
							     : set,
			       job);
	}
	if (ret < 0)
		die("%s of %s:%s: %s", job->kind, node, job->interface, strerror(-ret));
}

int cmd_impair(int argc, char **argv)
{
	struct job *job =
		/* cppcheck-suppress invalidFunctionArg */
		mmap(NULL, sizeof(*job), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const struct lab *lab;

	if (argc < 5)
		die(USAGE);
	if (job == MAP_FAILED)
		die("memory: %s", strerror(errno));
	*job = (struct job){.interface = argv[3], .kind = argv[4]};
	if (strcmp(job->kind, "show") && strcmp(job->kind, "clear"))
		read_amount(job, argc, argv);
	lab = cmd_attach(argv[1]);
	job->link = cmd_end(lab, argv[2], argv[3], &job->end);
	run(lab, argv[2], job);
	if (!strcmp(job->kind, "show"))
		printf("{\"lost\":%" PRIu64 ",\"every_lost\":%" PRIu64 ",\"duplicated\":%" PRIu64
		       ",\"over_rate\":%" PRIu64 "}\n",
		       job->counts.lost, job->counts.every_lost, job->counts.duplicated,
		       job->counts.over_rate);
	return 0;
}
