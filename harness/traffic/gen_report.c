// SPDX-License-Identifier: MIT
/* gen_report.c - a line, JSON, or the outcome of a replay */
#include "harness/traffic/gen_report.h"

#include <arpa/inet.h>
#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "harness/traffic/gen.h"
#include "harness/traffic/replay.h"

static const char *const verdict_names[] = {"datagrams", "not_udp_ipv4", "fragments", "cut_short"};
static_assert(sizeof(verdict_names) / sizeof(*verdict_names) == REPLAY_N_VERDICTS,
	      "a name for every verdict");

static cJSON *totals_json(const struct gen_report *report)
{
	cJSON *json = cJSON_CreateObject();

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
	return json;
}

static void add_flow(cJSON *list, double flow, const struct sockaddr_in *to, uint64_t sent)
{
	char text[INET_ADDRSTRLEN];
	cJSON *json = cJSON_CreateObject();

	inet_ntop(AF_INET, &to->sin_addr, text, sizeof(text));
	cJSON_AddNumberToObject(json, "flow", flow);
	cJSON_AddStringToObject(json, "group", text);
	cJSON_AddNumberToObject(json, "port", ntohs(to->sin_port));
	cJSON_AddNumberToObject(json, "sent", (double)sent);
	cJSON_AddItemToArray(list, json);
}

static void print_and_free(cJSON *json)
{
	char *text = cJSON_PrintUnformatted(json);

	puts(text ? text : "{\"error\": \"out of memory\"}");
	cJSON_free(text);
	cJSON_Delete(json);
}

static void print_totals(const struct gen_report *report)
{
	double bits = report->sent ? 8.0 * (double)report->bytes / (double)report->sent : 0;

	printf("sent %" PRIu64 " datagrams in %.3f s: %.0f pps, %.1f Mb/s payload, %" PRIu64
	       " send errors%s%s",
	       report->sent, (double)report->elapsed_ns / 1e9, report->pps,
	       report->pps * bits / 1e6, report->send_errors,
	       report->first_error ? ", first: " : "",
	       report->first_error ? strerror(report->first_error) : "");
}

void gen_report_print(const struct gen *gen, bool json)
{
	const struct gen_report *report = &gen->report;
	cJSON *object, *flows;

	if (!json) {
		print_totals(report);
		putchar('\n');
		return;
	}
	object = totals_json(report);
	cJSON_AddNumberToObject(object, "offered_pps", (double)gen->config.rate_mpps / 1000);
	cJSON_AddNumberToObject(object, "behind_ms", (double)report->behind_ns / 1e6);
	cJSON_AddBoolToObject(object, "rate_reached", !report->too_fast);
	flows = cJSON_AddArrayToObject(object, "flows");
	for (uint32_t i = 0; i < gen->config.flows; i++)
		add_flow(flows, (double)gen->config.first_flow + i, &gen->flows[i].to,
			 gen->flows[i].sent);
	print_and_free(object);
}

static void add_error(cJSON *json, const struct histogram *error)
{
	static const struct {
		const char *name;
		unsigned per_mille;
	} points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p99.9", 999}, {"max", 1000}};
	cJSON *object = cJSON_AddObjectToObject(json, "timing_error_us");

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		cJSON_AddNumberToObject(object, points[i].name,
					(double)histogram_percentile(error, points[i].per_mille) /
						1e3);
}

static void replay_json(const struct replay *replay)
{
	cJSON *object = totals_json(&replay->report);
	cJSON *json = cJSON_AddObjectToObject(object, "replay");
	cJSON *flows = cJSON_AddArrayToObject(object, "flows");

	cJSON_AddNumberToObject(json, "packets", (double)replay->file.in_file);
	for (unsigned i = 0; i < REPLAY_N_VERDICTS; i++)
		cJSON_AddNumberToObject(json, verdict_names[i], (double)replay->file.verdicts[i]);
	cJSON_AddNumberToObject(json, "backwards", (double)replay->file.backwards);
	cJSON_AddNumberToObject(json, "loops", (double)replay->loops_done);
	cJSON_AddNumberToObject(json, "speed", (double)replay->config.speed_milli / 1000);
	if (replay->config.speed_milli)
		add_error(json, &replay->error);
	for (uint32_t i = 0; i < replay->n_destinations; i++)
		add_flow(flows, i, &replay->destinations[i].to, replay->destinations[i].sent);
	print_and_free(object);
}

void gen_report_replay(const struct replay *replay, bool json)
{
	const struct replay_file *file = &replay->file;

	if (json) {
		replay_json(replay);
		return;
	}
	print_totals(&replay->report);
	printf("; %" PRIu64 " loops of %zu out of %" PRIu64 " packets", replay->loops_done,
	       file->n_packets, file->in_file);
	if (replay->config.speed_milli)
		printf("; timing error us p50 %.1f p99 %.1f max %.1f",
		       (double)histogram_percentile(&replay->error, 500) / 1e3,
		       (double)histogram_percentile(&replay->error, 990) / 1e3,
		       (double)histogram_percentile(&replay->error, 1000) / 1e3);
	putchar('\n');
}
