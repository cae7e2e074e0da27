// SPDX-License-Identifier: MIT
/*
 * mcrgen.c - send test datagrams to a group or a host, or replay a capture, and say what was truly
 * sent
 *
 * The payload is described in harness/traffic/payload.h, the report in mcrgen(1).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/base/cli.h"
#include "harness/base/wait.h"
#include "harness/traffic/gen.h"
#include "harness/traffic/gen_report.h"
#include "harness/traffic/replay.h"

struct options {
	struct gen_config config;
	const char *interface;
	const char *size;
	const char *replay;
	uint64_t speed_milli;
	uint64_t loops;
	bool raw;
	bool payload_min;
	bool json;
	uint64_t duration_ms;
	int ready_fd;
	int go_fd;
};

static const char usage[] =
	"mcrgen --interface ADDR|NAME --group A --port P [options]\n"
	"       mcrgen --interface ADDR|NAME --replay FILE [--speed F] [--loops N] [options]";
static const char notes[] =
	"Without --count and --duration it sends until SIGINT or SIGTERM, then reports.\n"
	"Exit status 1: nothing could be sent.  3: the rate asked for could not be reached.";

#define STATUS_TOO_FAST 3

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	stop = 1;
}

/* A capture determines datagrams and times. */
static void check_replay(const struct options *opt)
{
	const struct gen_config *config = &opt->config;

	if (config->rate_mpps || config->count || opt->duration_ms || config->flows > 1 ||
	    config->burst > 1 || config->segment > 1 || config->flow_groups || opt->payload_min ||
	    config->first_flow || opt->size)
		die("--replay takes what to send, and when, from the file: only --group, --port, "
		    "--ttl, --dscp, --source-address and --source-port change it");
	if (opt->raw &&
	    (config->group.s_addr || config->port || config->source.s_addr || config->source_port))
		die("--raw sends frames as they were captured, with their own addresses");
}

static void check_synthetic(struct options *opt)
{
	if (opt->raw || opt->loops != 1 || opt->speed_milli != 1000)
		die("--speed, --loops and --raw need --replay");
	if (!opt->config.group.s_addr || !opt->config.port)
		die("--interface, --group and --port are needed; see --help");
	if (opt->payload_min)
		opt->size = "32";
	if (!opt->size)
		opt->size = "1400";
	if (sizespec_parse(&opt->config.sizes, opt->size))
		die("--size: '%s' is not a list of sizes from 0 to %u", opt->size,
		    PAYLOAD_MAX_BYTES);
	opt->config.duration_ns = opt->duration_ms * NS_PER_MS;
}

static void check_options(struct options *opt)
{
	char error[GEN_ERROR_SIZE];

	if (!opt->interface)
		die("--interface is needed; see --help");
	if (opt->replay)
		check_replay(opt);
	else
		check_synthetic(opt);
	if (!opt->replay && gen_check(&opt->config, error))
		die("%s", error);
	if (ifspec_resolve(&opt->config.iface, opt->interface))
		die("--interface: no interface has the name or address '%s'", opt->interface);
}

static void parse_options(struct options *opt, int argc, char **argv)
{
	struct gen_config *config = &opt->config;
	const struct cli_option table[] = {
		{"interface", "IF", CLI_TEXT, &opt->interface,
		 .help = "name, or one of its addresses"},
		{"group", "A", CLI_IPV4, &config->group, .help = "group or host to send to"},
		{"port", "P", CLI_U16, &config->port, 1, UINT16_MAX, "port of the first flow"},
		{"rate", "PPS", CLI_MILLI, &config->rate_mpps,
		 .help = "datagrams a second over all flows; 0, the default: flat out"},
		{"size", "SIZES", CLI_TEXT, &opt->size,
		 .help = "payload bytes: 1400 (default), a list 100,200, a range 64-1400, or imix"},
		{"payload-min", NULL, CLI_FLAG, &opt->payload_min,
		 .help = "32 bytes: the smallest payload with a sequence number"},
		{"count", "N", CLI_U64, &config->count, 1, UINT64_MAX, "stop after N datagrams"},
		{"duration", "S", CLI_MILLI, &opt->duration_ms,
		 .help = "stop after S seconds; with --rate, after S * PPS datagrams, "
			 "and at S seconds if it is far behind"},
		{"flows", "N", CLI_U32, &config->flows, 1, GEN_MAX_FLOWS,
		 "N flows, to ports P to P+N-1, in turn"},
		{"flow-groups", NULL, CLI_FLAG, &config->flow_groups,
		 .help = "flows differ in group instead of port"},
		{"first-flow", "N", CLI_U32, &config->first_flow, 0, UINT32_MAX,
		 "number of the first flow in the payload (0)"},
		{"burst", "N", CLI_U64, &config->burst, 1, 1000000,
		 "send N datagrams together, at the same average rate"},
		{"ttl", "N", CLI_U8, &config->ttl, 1, UINT8_MAX, "16 unless given"},
		{"dscp", "N", CLI_U8, &config->dscp, 0, 63, "0 unless given"},
		{"segment", "N", CLI_U32, &config->segment, 1, GEN_MAX_SEGMENT,
		 "N datagrams of one size a send, cut up by UDP_SEGMENT"},
		{"source-address", "A", CLI_IPV4, &config->source,
		 .help = "an address of the interface unless given; any one as root"},
		{"source-port", "P", CLI_U16, &config->source_port, 1, UINT16_MAX,
		 "the kernel's choice unless given"},
		{"replay", "FILE", CLI_TEXT, &opt->replay,
		 .help = "send the UDP datagrams of a pcap or pcapng file; - is standard input"},
		{"speed", "FACTOR", CLI_MILLI, &opt->speed_milli,
		 .help = "of a replay: 1, the default, is the timing of the file; 0: flat out"},
		{"loops", "N", CLI_U64, &opt->loops, 0, UINT64_MAX,
		 "replay N times (1); 0: until stopped"},
		{"raw", NULL, CLI_FLAG, &opt->raw,
		 .help = "replay whole Ethernet frames as they are, whatever is in them"},
		{"cpu", "N", CLI_CPU, NULL, .help = "stay on this CPU"},
		{"json", NULL, CLI_FLAG, &opt->json, .help = "report as JSON"},
		{"ready-fd", "N", CLI_FD, &opt->ready_fd, .help = "write a byte there when ready"},
		{"go-fd", "N", CLI_FD, &opt->go_fd,
		 .help = "start when a byte or the end of file arrives there"},
	};
	int rest;

	*opt = (struct options){
		.config = {.flows = 1, .burst = 1, .segment = 1, .ttl = 16},
		.speed_milli = 1000,
		.loops = 1,
		.ready_fd = -1,
		.go_fd = -1,
	};
	rest = cli_parse(table, sizeof(table) / sizeof(*table), usage, notes, argc, argv);
	if (rest < argc)
		die("unexpected argument '%s'", argv[rest]);
	check_options(opt);
}

static void wait_for_go(int fd)
{
	char byte;

	if (fd < 0)
		return;
	while (!stop && read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

static int send_synthetic(const struct options *opt)
{
	static struct gen gen; /* holds the pattern table: too large for the stack */
	int ret = gen_init(&gen, &opt->config);

	if (ret < 0)
		die("cannot prepare to send: %s", strerror(-ret));
	cli_signal_ready(opt->ready_fd);
	wait_for_go(opt->go_fd);
	ret = gen_run(&gen, &stop);
	gen_report_print(&gen, opt->json);
	if (gen.report.too_fast)
		fprintf(stderr,
			"mcrgen: --rate: %.0f pps could not be reached, %.0f were sent: it ended "
			"%.3f s behind, with %" PRIu64 " of %" PRIu64 " datagrams\n",
			(double)opt->config.rate_mpps / 1000, gen.report.pps,
			(double)gen.report.behind_ns / 1e9, gen.report.sent, gen.report.due);
	if (ret == 0 && gen.report.too_fast)
		ret = STATUS_TOO_FAST;
	gen_fini(&gen);
	return ret < 0 ? 1 : ret;
}

static int send_replay(const struct options *opt)
{
	const struct replay_config config = {
		.iface = opt->config.iface,
		.group = opt->config.group,
		.port = opt->config.port,
		.source = opt->config.source,
		.source_port = opt->config.source_port,
		.ttl = opt->config.ttl,
		.dscp = opt->config.dscp,
		.speed_milli = opt->speed_milli,
		.loops = opt->loops,
		.raw = opt->raw,
	};
	static struct replay replay; /* holds a histogram: too large for the stack */
	struct replay_error error;
	int ret = replay_init(&replay, &config, opt->replay, &error);

	if (ret < 0)
		die("--replay: %s", error.text);
	cli_signal_ready(opt->ready_fd);
	wait_for_go(opt->go_fd);
	ret = replay_run(&replay, &stop);
	gen_report_replay(&replay, opt->json);
	if (replay.file.backwards)
		fprintf(stderr,
			"mcrgen: --replay: %" PRIu64
			" packets bear an earlier time than one before "
			"them: they were sent right behind it\n",
			replay.file.backwards);
	replay_fini(&replay);
	return ret < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct options opt;

	parse_options(&opt, argc, argv);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);
	return opt.replay ? send_replay(&opt) : send_synthetic(&opt);
}
