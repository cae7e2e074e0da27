// SPDX-License-Identifier: MIT
/*
 * mcrgen - send test datagrams to a group or a host, and say what was truly sent.
 *
 * The payload is described in harness/payload.h, the report in harness/README.md.
 */
#include <arpa/inet.h>
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "harness/cli.h"
#include "harness/gen.h"
#include "harness/wait.h"

struct options {
	struct gen_config config;
	const char *interface;
	const char *size;
	bool payload_min;
	bool json;
	uint64_t duration_ms;
	int ready_fd;
	int go_fd;
};

static const char usage[] = "mcrgen --interface ADDR|NAME --group A --port P [options]";
static const char notes[] =
	"Without --count and --duration it sends until SIGINT or SIGTERM, then reports.";

static volatile sig_atomic_t stop;

static void on_signal(int signo)
{
	stop = 1;
}

static void check_options(struct options *opt)
{
	if (!opt->interface || !opt->config.group.s_addr || !opt->config.port)
		die("--interface, --group and --port are needed; see --help");
	if (opt->payload_min)
		opt->size = "32";
	if (sizespec_parse(&opt->config.sizes, opt->size))
		die("--size: '%s' is not a list of sizes from 0 to %u", opt->size,
		    PAYLOAD_MAX_BYTES);
	if (ifspec_resolve(&opt->config.iface, opt->interface))
		die("--interface: no interface has the name or address '%s'", opt->interface);
	opt->config.duration_ns = opt->duration_ms * NS_PER_MS;
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
		 .help = "payload bytes: 1400 (default), a list 100,200 or a range 64-1400"},
		{"payload-min", NULL, CLI_FLAG, &opt->payload_min,
		 .help = "32 bytes: the smallest payload with a sequence number"},
		{"count", "N", CLI_U64, &config->count, 1, UINT64_MAX, "stop after N datagrams"},
		{"duration", "S", CLI_MILLI, &opt->duration_ms,
		 .help = "stop after S seconds; with --rate, after S * PPS datagrams"},
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
		{"source-port", "P", CLI_U16, &config->source_port, 1, UINT16_MAX,
		 "the kernel's choice unless given"},
		{"cpu", "N", CLI_CPU, NULL, .help = "stay on this CPU"},
		{"json", NULL, CLI_FLAG, &opt->json, .help = "report as JSON"},
		{"ready-fd", "N", CLI_FD, &opt->ready_fd, .help = "write a byte there when ready"},
		{"go-fd", "N", CLI_FD, &opt->go_fd,
		 .help = "start when a byte or the end of file arrives there"},
	};
	int rest;

	*opt = (struct options){
		.config = {.flows = 1, .burst = 1, .segment = 1, .ttl = 16},
		.size = "1400",
		.ready_fd = -1,
		.go_fd = -1,
	};
	rest = cli_parse(table, sizeof(table) / sizeof(*table), usage, notes, argc, argv);
	if (rest < argc)
		die("unexpected argument '%s'", argv[rest]);
	check_options(opt);
}

static cJSON *flow_json(const struct gen *gen, uint32_t i)
{
	const struct gen_flow *flow = &gen->flows[i];
	char text[INET_ADDRSTRLEN];
	cJSON *json = cJSON_CreateObject();

	inet_ntop(AF_INET, &flow->to.sin_addr, text, sizeof(text));
	cJSON_AddNumberToObject(json, "flow", (double)gen->config.first_flow + i);
	cJSON_AddStringToObject(json, "group", text);
	cJSON_AddNumberToObject(json, "port", ntohs(flow->to.sin_port));
	cJSON_AddNumberToObject(json, "sent", (double)flow->sent);
	return json;
}

static void print_json(const struct gen *gen)
{
	const struct gen_report *report = &gen->report;
	cJSON *json = cJSON_CreateObject();
	cJSON *flows;
	char *text;

	cJSON_AddStringToObject(json, "tool", "mcrgen");
	cJSON_AddNumberToObject(json, "sent", (double)report->sent);
	cJSON_AddNumberToObject(json, "send_errors", (double)report->send_errors);
	if (report->first_error)
		cJSON_AddStringToObject(json, "first_error", strerror(report->first_error));
	else
		cJSON_AddNullToObject(json, "first_error");
	cJSON_AddNumberToObject(json, "bytes", (double)report->bytes);
	cJSON_AddNumberToObject(json, "elapsed_s", (double)report->elapsed_ns / 1e9);
	cJSON_AddNumberToObject(json, "pps", report->pps);
	cJSON_AddNumberToObject(json, "offered_pps", (double)gen->config.rate_mpps / 1000);
	flows = cJSON_AddArrayToObject(json, "flows");
	for (uint32_t i = 0; i < gen->config.flows; i++)
		cJSON_AddItemToArray(flows, flow_json(gen, i));
	text = cJSON_PrintUnformatted(json);
	puts(text);
	cJSON_free(text);
	cJSON_Delete(json);
}

static void print_line(const struct gen *gen)
{
	const struct gen_report *report = &gen->report;

	printf("sent %" PRIu64 " datagrams in %.3f s: %.0f pps, %.1f Mb/s payload, %" PRIu64
	       " send errors%s%s\n",
	       report->sent, (double)report->elapsed_ns / 1e9, report->pps,
	       report->sent ? report->pps * (double)report->bytes / (double)report->sent * 8 / 1e6
			    : 0.0,
	       report->send_errors, report->first_error ? ", first: " : "",
	       report->first_error ? strerror(report->first_error) : "");
}

static void wait_for_go(int fd)
{
	char byte;

	if (fd < 0)
		return;
	while (!stop && read(fd, &byte, 1) < 0 && errno == EINTR)
		;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal};
	static struct gen gen; /* holds the pattern table: too large for the stack */
	struct options opt;
	int ret;

	parse_options(&opt, argc, argv);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);

	ret = gen_init(&gen, &opt.config);
	if (ret)
		die("cannot prepare to send: %s", strerror(-ret));
	cli_signal_ready(opt.ready_fd);
	wait_for_go(opt.go_fd);
	ret = gen_run(&gen, &stop);
	if (opt.json)
		print_json(&gen);
	else
		print_line(&gen);
	gen_fini(&gen);
	return ret ? 1 : 0;
}
