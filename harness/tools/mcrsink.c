// SPDX-License-Identifier: MIT
/*
 * mcrsink.c - receive test datagrams and say exactly what arrived
 *
 * The payload is described in harness/traffic/payload.h, the report in mcrsink(1).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "harness/base/cli.h"
#include "harness/base/slow.h"
#include "harness/traffic/ifspec.h"
#include "harness/traffic/sink.h"
#include "harness/traffic/sink_ceiling.h"
#include "harness/traffic/sink_control.h"
#include "harness/traffic/sink_report.h"

#define MAX_GROUPS     4096u
#define MAX_INTERFACES 64u

struct options {
	struct sink_config config;
	const char *interfaces;
	const char *groups;
	const char *ports;
	const char *dump;
	uint32_t flows;
	bool flow_groups;
	bool per_second;
	bool ceiling;
	uint32_t ceiling_bytes;
	uint64_t idle_ms;
	uint64_t timeout_ms;
	int ready_fd;
};

static const char usage[] =
	"mcrsink --interface ADDR|NAME[,...] --group A[,A...] --port P[-P2] [options]\n"
	"       mcrsink --ceiling [--size B] [--gro] [--json]";
static const char notes[] =
	"Without --count, --idle-ms and --timeout-ms it receives until SIGINT or SIGTERM, counts "
	"what\n"
	"is queued, and reports.  Exit status 1: --count was asked for and not reached.";

static void parse_options(struct options *opt, int argc, char **argv)
{
	struct sink_config *config = &opt->config;
	const struct cli_option table[] = {
		{"interface", "IF[,IF...]", CLI_TEXT, &opt->interfaces,
		 .help = "name, or one of its addresses; with several each is a stream"},
		{"group", "A[,A...]", CLI_TEXT, &opt->groups,
		 .help = "groups to join, or an own address for unicast"},
		{"port", "P[-P2]", CLI_TEXT, &opt->ports, .help = "port or range of ports"},
		{"flows", "N", CLI_U32, &opt->flows, 1, SINK_MAX_STREAMS,
		 "N ports from P on, as mcrgen --flows"},
		{"flow-groups", NULL, CLI_FLAG, &opt->flow_groups,
		 .help = "N groups from A on instead, as mcrgen --flow-groups"},
		{"source", "A", CLI_IPV4, &config->source, .help = "source-specific joins"},
		{"count", "N", CLI_U64, &config->count, 1, UINT64_MAX, "end once N have arrived"},
		{"idle-ms", "N", CLI_U64, &opt->idle_ms, 1, UINT32_MAX,
		 "end after N ms of silence after the first arrival"},
		{"timeout-ms", "N", CLI_U64, &opt->timeout_ms, 1, UINT32_MAX, "end after N ms"},
		{"per-second", NULL, CLI_FLAG, &opt->per_second, .help = "a line every second"},
		{"interval-ms", "N", CLI_U64, &config->interval_ms, 1, UINT32_MAX,
		 "a line of rate and losses every N ms"},
		{"ceiling", NULL, CLI_FLAG, &opt->ceiling,
		 .help = "measure how fast this sink can be, over loopback, and end"},
		{"size", "B", CLI_U32, &opt->ceiling_bytes, 32, 1472,
		 "payload for --ceiling (1400)"},
		{"json", NULL, CLI_FLAG, &config->json, .help = "report as JSON"},
		{"dump", "FILE", CLI_TEXT, &opt->dump,
		 .help = "write every payload behind its length (4 bytes, network order)"},
		{"rcvbuf", "B", CLI_U32, &config->rcvbuf_bytes, 1, INT32_MAX / 2,
		 "receive buffer of each stream (16777216)"},
		{"headers", NULL, CLI_FLAG, &config->headers,
		 .help = "judge the header of each datagram only, not its body: cheaper"},
		{"first", NULL, CLI_FLAG, &config->first,
		 .help = "take the first header of each receive only, the rest is not read"},
		{"gro", NULL, CLI_FLAG, &config->gro,
		 .help = "take super-datagrams (UDP_GRO); sink drops count these"},
		{"cpu", "N", CLI_CPU, NULL, .help = "stay on this CPU"},
		{"ready-fd", "N", CLI_FD, &opt->ready_fd, .help = "write a byte there when joined"},
		{"control-fd", "N", CLI_FD, &config->control_fd,
		 .help = "answer 'progress' and 'report', obey 'finish N QUIET_MS'"},
	};
	int rest = cli_parse(table, sizeof(table) / sizeof(*table), usage, notes, argc, argv);

	if (rest < argc)
		die("unexpected argument '%s'", argv[rest]);
}

/* Options that depend on each other. */
static void check_options(struct options *opt)
{
	struct sink_config *config = &opt->config;

	if (opt->per_second)
		config->interval_ms = 1000;
	if (opt->ceiling)
		return;
	if (!opt->interfaces || !opt->groups || !opt->ports)
		die("--interface, --group and --port are needed; see --help");
	if (opt->idle_ms)
		config->idle_ms = (int64_t)opt->idle_ms * slow_factor();
	if (opt->timeout_ms)
		config->timeout_ms = (int64_t)opt->timeout_ms * slow_factor();
}

static uint32_t read_interfaces(const struct options *opt,
				struct ifspec list[static MAX_INTERFACES])
{
	char *copy = strdup(opt->interfaces);
	char *rest = copy;
	char *text;
	uint32_t n = 0;

	while ((text = strsep(&rest, ","))) {
		if (n == MAX_INTERFACES)
			die("--interface: more than %u interfaces", MAX_INTERFACES);
		if (ifspec_resolve(&list[n++], text) < 0)
			die("--interface: no interface has the name or address '%s'", text);
	}
	free(copy);
	return n;
}

static uint32_t read_groups(const struct options *opt, struct in_addr groups[static MAX_GROUPS])
{
	char *list = strdup(opt->groups);
	char *rest = list;
	char *text;
	uint32_t n = 0;

	while ((text = strsep(&rest, ","))) {
		if (n == MAX_GROUPS)
			die("--group: more than %u groups", MAX_GROUPS);
		if (inet_pton(AF_INET, text, &groups[n++]) != 1)
			die("--group: '%s' is not an IPv4 address", text);
	}
	free(list);
	if (!opt->flow_groups)
		return n;
	if (n > 1 || opt->flows > MAX_GROUPS)
		die("--flow-groups: one group to start from, and at most %u flows", MAX_GROUPS);
	for (uint32_t i = 1; i < opt->flows; i++)
		groups[i].s_addr = htonl(ntohl(groups[0].s_addr) + i);
	return opt->flows;
}

static void read_ports(const struct options *opt, uint16_t *first, uint32_t *n)
{
	char text[16];
	char *dash;

	snprintf(text, sizeof(text), "%s", opt->ports);
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	*first = (uint16_t)cli_u64("port", text, 1, UINT16_MAX);
	*n = opt->flow_groups ? 1 : opt->flows;
	if (dash)
		*n = (uint32_t)cli_u64("port", dash + 1, *first, UINT16_MAX) - *first + 1;
	if (*first + *n - 1 > UINT16_MAX)
		die("--flows: port %u and %u more are beyond 65535", *first, *n - 1);
}

/* Stream @i of a list in which interfaces change fastest, then ports, then groups. */
static struct sink_target make_target(const struct in_addr *groups, uint16_t port, uint32_t n_ports,
				      const struct ifspec *interfaces, uint32_t n_interfaces,
				      uint32_t i)
{
	const struct ifspec *interface = &interfaces[i % n_interfaces];
	const uint32_t pair = i / n_interfaces;

	return (struct sink_target){
		.group = groups[pair / n_ports],
		.port = (uint16_t)(port + pair % n_ports),
		.ifindex = interface->ifindex,
		.interface = n_interfaces > 1 ? interface->name : NULL,
	};
}

static struct sink_target *make_targets(const struct options *opt, uint32_t *n_targets)
{
	static struct in_addr groups[MAX_GROUPS];
	static struct ifspec interfaces[MAX_INTERFACES];
	uint32_t n_interfaces = read_interfaces(opt, interfaces);
	uint32_t n_groups = read_groups(opt, groups);
	struct sink_target *targets;
	uint32_t n_ports;
	uint16_t port;

	read_ports(opt, &port, &n_ports);
	for (uint32_t i = 0; i < n_groups && n_interfaces > 1; i++)
		if (!IN_MULTICAST(ntohl(groups[i].s_addr)))
			die("--interface: only a multicast group can be received on several");
	if ((uint64_t)n_groups * n_ports * n_interfaces > SINK_MAX_STREAMS)
		die("more than %u pairs of group and port", SINK_MAX_STREAMS);
	*n_targets = n_groups * n_ports * n_interfaces;
	targets = calloc(*n_targets, sizeof(*targets));
	if (!targets)
		die("out of memory");
	for (uint32_t i = 0; i < *n_targets; i++)
		targets[i] = make_target(groups, port, n_ports, interfaces, n_interfaces, i);
	return targets;
}

static void open_dump(struct options *opt)
{
	if (opt->dump && opt->config.first)
		die("--dump: not with --first, which does not read what it would write");
	if (!opt->dump)
		return;
	opt->config.dump = fopen(opt->dump, "wbe");
	if (!opt->config.dump)
		die("--dump: %s: %s", opt->dump, strerror(errno));
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int catch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void print_report(const struct sink *sink)
{
	char *text;

	if (!sink->config.json) {
		sink_report_line(sink);
		return;
	}
	text = sink_report_json(sink);
	puts(text ? text : "{\"error\": \"out of memory\"}");
	sink_report_free(text);
}

static int print_ceiling(const struct options *opt)
{
	struct sink_ceiling c;
	int ret = sink_ceiling_measure(&c, opt->ceiling_bytes, opt->config.gro,
				       opt->config.rcvbuf_bytes);

	if (ret < 0)
		die("--ceiling: %s", strerror(-ret));
	printf(opt->config.json
		       ? "{\"tool\": \"mcrsink\", \"ceiling_pps\": {\"median\": %.0f, \"min\": "
			 "%.0f, "
			 "\"max\": %.0f}, \"size\": %u, \"per_round\": %u, \"rounds\": %u, "
			 "\"sink_drops\": %" PRIu64 "}\n"
		       : "ceiling %.0f pps (%.0f to %.0f) with payloads of %u bytes: %u datagrams "
			 "in each of %u rounds, sink drops %" PRIu64 "\n",
	       c.median_pps, c.low_pps, c.high_pps, c.size_bytes, c.per_round, SINK_CEILING_ROUNDS,
	       c.drops);
	return 0;
}

/* n_streams counts the streams that were opened, so it is the index of the one that failed. */
static void refuse(const struct options *opt, const struct sink *sink, int ret)
{
	const struct sink_target *target;
	char text[INET_ADDRSTRLEN];

	if (sink->n_streams == opt->config.n_targets)
		die("cannot receive on %s: %s", opt->interfaces, strerror(-ret));
	target = &opt->config.targets[sink->n_streams];
	inet_ntop(AF_INET, &target->group, text, sizeof(text));
	if (ret == -EADDRNOTAVAIL && !IN_MULTICAST(ntohl(target->group.s_addr)))
		die("--group: %s is neither a multicast group nor an address of this host", text);
	die("cannot receive %s:%u on %s: %s", text, target->port, opt->interfaces, strerror(-ret));
}

int main(int argc, char **argv)
{
	static struct sink sink; /* holds the pattern table: too large for the stack */
	struct sink_target *targets;
	struct options opt = {
		.config = {.rcvbuf_bytes = 16 << 20,
			   .idle_ms = -1,
			   .timeout_ms = -1,
			   .control_fd = -1,
			   .control = sink_control_input,
			   .interval = sink_report_interval},
		.flows = 1,
		.ceiling_bytes = 1400,
		.ready_fd = -1,
	};
	int signal_fd;
	int ret;

	parse_options(&opt, argc, argv);
	check_options(&opt);
	if (opt.ceiling)
		return print_ceiling(&opt);
	raise_fd_limit();
	signal_fd = catch_signals();
	targets = make_targets(&opt, &opt.config.n_targets);
	opt.config.targets = targets;
	open_dump(&opt);
	ret = sink_init(&sink, &opt.config);
	if (ret < 0)
		refuse(&opt, &sink, ret);
	cli_signal_ready(opt.ready_fd);
	ret = sink_run(&sink, signal_fd);
	if (ret < 0)
		die("receiving failed: %s", strerror(-ret));
	if (opt.config.dump && fclose(opt.config.dump))
		die("--dump: %s: %s", opt.dump, strerror(errno));
	print_report(&sink);
	ret = sink.end == SINK_TIMEOUT && sink.account.arrivals.count < sink.config.count;
	sink_fini(&sink);
	free(targets);
	return ret;
}
