// SPDX-License-Identifier: MIT
/* sink_report.c - the final JSON, the final line and the line of an interval */
#include "harness/traffic/sink_report.h"

#include <arpa/inet.h>
#include <assert.h>
#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness/base/wait.h"
#include "harness/traffic/sink.h"

static const char *const end_names[] = {"running", "count", "idle", "timeout", "signal"};
static_assert(sizeof(end_names) / sizeof(*end_names) == SINK_N_ENDS, "a name for every end");

struct totals {
	uint64_t lost;
	uint64_t unique;
	uint64_t duplicated;
	uint64_t reordered;
	uint64_t corrupt;
	uint64_t too_short;
	uint64_t sink_drops;
};

static struct totals sum_up(const struct sink *sink)
{
	const struct account *account = &sink->account;
	struct totals totals = {0};

	for (uint32_t i = 0; i < account->n_flows; i++) {
		const struct seqtrack *seqs = &account->flows[i]->seqs;

		totals.lost += seqtrack_lost(seqs);
		totals.unique += seqs->unique;
		totals.duplicated += seqs->duplicated;
		totals.reordered += seqs->reordered;
	}
	for (uint32_t i = 0; i < sink->n_streams; i++) {
		totals.corrupt += account->streams[i].corrupt;
		totals.too_short += account->streams[i].too_short;
		totals.sink_drops += sink_stream_drops(&sink->streams[i]);
	}
	return totals;
}

static void add(cJSON *json, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(json, name, (double)value);
}

static void add_target(cJSON *json, const struct sink_target *target)
{
	char text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &target->group, text, sizeof(text));
	cJSON_AddStringToObject(json, "group", text);
	add(json, "port", target->port);
	if (target->interface)
		cJSON_AddStringToObject(json, "interface", target->interface);
}

static void add_arrivals(cJSON *json, const struct account_arrivals *arrivals)
{
	add(json, "received", arrivals->count);
	add(json, "bytes", arrivals->bytes);
	add(json, "first_ns", arrivals->first_ns);
	add(json, "last_ns", arrivals->last_ns);
	cJSON_AddNumberToObject(json, "elapsed_s",
				(double)(arrivals->last_ns - arrivals->first_ns) / 1e9);
	cJSON_AddNumberToObject(json, "pps", account_arrivals_pps(arrivals));
	cJSON_AddNumberToObject(json, "longest_gap_ms", (double)arrivals->gap_ns / 1e6);
}

static void add_latency(cJSON *json, const struct histogram *latency)
{
	static const struct {
		const char *name;
		unsigned per_mille;
	} points[] = {{"p50", 500}, {"p90", 900}, {"p99", 990}, {"p99.9", 999}, {"max", 1000}};
	cJSON *object = cJSON_AddObjectToObject(json, "latency_us");

	for (size_t i = 0; i < sizeof(points) / sizeof(*points); i++)
		cJSON_AddNumberToObject(object, points[i].name,
					(double)histogram_percentile(latency, points[i].per_mille) /
						1e3);
}

static cJSON *flow_json(const struct sink *sink, const struct account_flow *flow)
{
	cJSON *json = cJSON_CreateObject();

	add(json, "flow", flow->flow);
	add_target(json, &sink->streams[flow->stream].target);
	add_arrivals(json, &flow->arrivals);
	add(json, "unique", flow->seqs.unique);
	add(json, "lost", seqtrack_lost(&flow->seqs));
	add(json, "duplicated", flow->seqs.duplicated);
	add(json, "reordered", flow->seqs.reordered);
	add(json, "first_seq", flow->seqs.first);
	add(json, "last_seq", flow->seqs.last);
	add_latency(json, &flow->latency);
	return json;
}

static cJSON *stream_json(const struct sink *sink, uint32_t i)
{
	const struct account_stream *stream = &sink->account.streams[i];
	cJSON *json = cJSON_CreateObject();

	add_target(json, &sink->streams[i].target);
	add(json, "received", stream->received);
	add(json, "short", stream->too_short);
	add(json, "corrupt", stream->corrupt);
	add(json, "sink_drops", sink_stream_drops(&sink->streams[i]));
	return json;
}

static struct histogram *merged_latency(const struct sink *sink)
{
	struct histogram *all = calloc(1, sizeof(*all));

	for (uint32_t i = 0; all && i < sink->account.n_flows; i++)
		histogram_merge(all, &sink->account.flows[i]->latency);
	return all;
}

static void add_totals(cJSON *json, const struct sink *sink)
{
	struct totals totals = sum_up(sink);

	add(json, "unique", totals.unique);
	add(json, "lost", totals.lost);
	add(json, "duplicated", totals.duplicated);
	add(json, "reordered", totals.reordered);
	add(json, "corrupt", totals.corrupt);
	add(json, "short", totals.too_short);
	add(json, "sink_drops", totals.sink_drops);
	add(json, "sink_drops_most",
	    totals.sink_drops * (sink->config.gro ? SINK_MOST_PER_SUPER : 1));
}

char *sink_report_json(const struct sink *sink)
{
	struct histogram *latency = merged_latency(sink);
	cJSON *json = cJSON_CreateObject();
	cJSON *list;
	char *text;

	cJSON_AddStringToObject(json, "tool", "mcrsink");
	cJSON_AddStringToObject(json, "end", end_names[sink->end]);
	add_arrivals(json, &sink->account.arrivals);
	add_totals(json, sink);
	if (latency)
		add_latency(json, latency);
	list = cJSON_AddArrayToObject(json, "flows");
	for (uint32_t i = 0; i < sink->account.n_flows; i++)
		cJSON_AddItemToArray(list, flow_json(sink, sink->account.flows[i]));
	list = cJSON_AddArrayToObject(json, "streams");
	for (uint32_t i = 0; i < sink->n_streams; i++)
		cJSON_AddItemToArray(list, stream_json(sink, i));
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	free(latency);
	return text;
}

void sink_report_free(char *text)
{
	cJSON_free(text);
}

void sink_report_line(const struct sink *sink)
{
	const struct account_arrivals *arrivals = &sink->account.arrivals;
	struct totals totals = sum_up(sink);
	struct histogram *latency = merged_latency(sink);

	printf("received %" PRIu64 " in %.3f s (%.0f pps) in %" PRIu32 " flows: lost %" PRIu64
	       ", duplicated %" PRIu64 ", reordered %" PRIu64 ", corrupt %" PRIu64
	       ", short %" PRIu64 ", sink drops %" PRIu64 "; longest gap %.3f ms",
	       arrivals->count, (double)(arrivals->last_ns - arrivals->first_ns) / 1e9,
	       account_arrivals_pps(arrivals), sink->account.n_flows, totals.lost,
	       totals.duplicated, totals.reordered, totals.corrupt, totals.too_short,
	       totals.sink_drops, (double)arrivals->gap_ns / 1e6);
	if (latency && !latency->count)
		printf("; latency us -");
	else if (latency)
		printf("; latency us p50 %.1f p90 %.1f p99 %.1f p99.9 %.1f max %.1f",
		       (double)histogram_percentile(latency, 500) / 1e3,
		       (double)histogram_percentile(latency, 900) / 1e3,
		       (double)histogram_percentile(latency, 990) / 1e3,
		       (double)histogram_percentile(latency, 999) / 1e3,
		       (double)histogram_percentile(latency, 1000) / 1e3);
	putchar('\n');
	free(latency);
}

void sink_report_interval(struct sink *sink)
{
	uint64_t received = sink->account.arrivals.count;
	uint64_t now_ns = monotonic_ns();
	uint64_t began_ns = sink->interval_began_ns ? sink->interval_began_ns : sink->started_ns;
	double pps = (double)(received - sink->interval_count) * 1e9 / (double)(now_ns - began_ns);
	double at_s = (double)(now_ns - sink->started_ns) / 1e9;
	struct totals totals = sum_up(sink);

	printf(sink->config.json ? "{\"t_s\": %.3f, \"received\": %" PRIu64
				   ", \"pps\": %.0f, \"lost\": %" PRIu64
				   ", \"sink_drops\": %" PRIu64 "}\n"
				 : "%8.3f s: received %" PRIu64 ", %.0f pps, lost %" PRIu64
				   ", sink drops %" PRIu64 "\n",
	       at_s, received, pps, totals.lost, totals.sink_drops);
	fflush(stdout);
	sink->interval_count = received;
	sink->interval_began_ns = now_ns;
}
