// SPDX-License-Identifier: MIT
/* account.c - count datagrams by flow and stream */
#include "harness/traffic/account.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 256u /* power of two */

int account_init(struct account *account, uint32_t n_streams)
{
	*account = (struct account){.n_streams = n_streams,
				    .n_slots = FIRST_SLOTS,
				    .max_flows = ACCOUNT_MAX_FLOWS,
				    .seq_room_bytes = ACCOUNT_SEQ_BYTES};
	payload_pattern_init(&account->pattern);
	account->streams = calloc(n_streams, sizeof(*account->streams));
	account->slots = calloc(FIRST_SLOTS, sizeof(*account->slots));
	account->flows = calloc(FIRST_SLOTS, sizeof(*account->flows));
	return account->streams && account->slots && account->flows ? 0 : -ENOMEM;
}

void account_fini(struct account *account)
{
	for (uint32_t i = 0; i < account->n_flows; i++) {
		seqtrack_fini(&account->flows[i]->seqs);
		free(account->flows[i]);
	}
	free(account->flows);
	free(account->slots);
	free(account->streams);
	account->flows = NULL;
	account->slots = NULL;
	account->streams = NULL;
	account->n_flows = 0;
}

static uint32_t *find_slot(const struct account *account, uint32_t *slots, uint32_t n_slots,
			   uint32_t stream, uint32_t flow)
{
	uint64_t hash = ((uint64_t)stream << 32 | flow) * 0x9E3779B97F4A7C15ull;
	uint32_t i = (uint32_t)(hash >> 32);

	for (;; i++) {
		uint32_t *slot = &slots[i & (n_slots - 1)];

		if (!*slot || (account->flows[*slot - 1]->stream == stream &&
			       account->flows[*slot - 1]->flow == flow))
			return slot;
	}
}

static int grow(struct account *account)
{
	uint32_t n_slots = account->n_slots * 2;
	uint32_t *slots = calloc(n_slots, sizeof(*slots));
	struct account_flow **flows =
		realloc(account->flows, n_slots * sizeof(struct account_flow *));

	if (flows)
		account->flows = flows;
	if (!slots || !flows) {
		free(slots);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < account->n_flows; i++)
		*find_slot(account, slots, n_slots, flows[i]->stream, flows[i]->flow) = i + 1;
	free(account->slots);
	account->slots = slots;
	account->n_slots = n_slots;
	return 0;
}

/* Return: 0 with the flow; -ERANGE when there are too many; -ENOMEM. */
static int find_flow(struct account *account, uint32_t stream, uint32_t number,
		     struct account_flow **found)
{
	uint32_t *slot = find_slot(account, account->slots, account->n_slots, stream, number);
	struct account_flow *flow;

	if (*slot) {
		*found = account->flows[*slot - 1];
		return 0;
	}
	if (account->n_flows >= account->max_flows)
		return -ERANGE;
	if (account->n_flows >= account->n_slots / 2) {
		if (grow(account))
			return -ENOMEM;
		slot = find_slot(account, account->slots, account->n_slots, stream, number);
	}
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return -ENOMEM;
	flow->stream = stream;
	flow->flow = number;
	account->flows[account->n_flows++] = flow;
	*slot = account->n_flows;
	*found = flow;
	return 0;
}

/* @n datagrams of @bytes together. */
static void note_arrivals(struct account_arrivals *arrivals, uint64_t n, size_t bytes,
			  uint64_t now_ns)
{
	if (arrivals->count == 0)
		arrivals->first_ns = now_ns;
	else if (now_ns - arrivals->last_ns > arrivals->gap_ns)
		arrivals->gap_ns = now_ns - arrivals->last_ns;
	arrivals->last_ns = now_ns;
	arrivals->count += n;
	arrivals->bytes += bytes;
}

static void note_flow(struct account_flow *flow, uint64_t n, size_t bytes, uint64_t sent_ns,
		      uint64_t now_ns)
{
	note_arrivals(&flow->arrivals, n, bytes, now_ns);
	histogram_add(&flow->latency, now_ns > sent_ns ? now_ns - sent_ns : 0);
}

/*
 * Counts @n datagrams of a stream by the verdict on the first; @info holds when it is good.
 * Return: 0 with their flow, NULL when they tell none; or -ENOMEM.
 */
static int classify(struct account *account, uint32_t stream, uint64_t n,
		    enum payload_verdict verdict, const struct payload_info *info,
		    struct account_flow **flow)
{
	struct account_stream *per_stream = &account->streams[stream];
	int ret;

	*flow = NULL;
	per_stream->received += n;
	switch (verdict) {
	case PAYLOAD_SHORT:
		per_stream->too_short += n;
		return 0;
	case PAYLOAD_CORRUPT:
		per_stream->corrupt += n;
		return 0;
	case PAYLOAD_GOOD:
		break;
	}
	ret = find_flow(account, stream, info->flow, flow);
	if (ret != -ERANGE)
		return ret;
	per_stream->corrupt += n;
	return 0;
}

int account_first(struct account *account, uint32_t stream, const uint8_t *header, size_t length,
		  size_t segment, uint64_t now_ns)
{
	const uint64_t n = (length + segment - 1) / segment;
	struct account_flow *flow;
	struct payload_info info;
	enum payload_verdict verdict;
	int ret;

	note_arrivals(&account->arrivals, n, length, now_ns);
	verdict = payload_read_header(header, length < segment ? length : segment, &info);
	ret = classify(account, stream, n, verdict, &info, &flow);
	if (!flow)
		return ret;
	for (uint64_t i = 0; i < n; i++) {
		ret = seqtrack_add(&flow->seqs, info.seq + i, &account->seq_room_bytes);
		if (ret == -ERANGE)
			account->streams[stream].corrupt++;
		else if (ret < 0)
			return ret;
	}
	note_flow(flow, n, length, info.sent_ns, now_ns);
	return 0;
}

int account_datagram(struct account *account, uint32_t stream, const uint8_t *bytes, size_t length,
		     uint64_t now_ns)
{
	struct account_flow *flow;
	struct payload_info info;
	enum payload_verdict verdict;
	int ret;

	note_arrivals(&account->arrivals, 1, length, now_ns);
	verdict = account->headers_only ? payload_read_header(bytes, length, &info)
					: payload_read(&account->pattern, bytes, length, &info);
	ret = classify(account, stream, 1, verdict, &info, &flow);
	if (!flow)
		return ret;
	ret = seqtrack_add(&flow->seqs, info.seq, &account->seq_room_bytes);
	if (ret == -ERANGE) {
		account->streams[stream].corrupt++;
		return 0;
	}
	if (ret < 0)
		return ret;
	note_flow(flow, 1, length, info.sent_ns, now_ns);
	return 0;
}

double account_arrivals_pps(const struct account_arrivals *arrivals)
{
	if (arrivals->count < 2 || arrivals->last_ns == arrivals->first_ns)
		return 0;
	return (double)(arrivals->count - 1) * 1e9 /
	       (double)(arrivals->last_ns - arrivals->first_ns);
}
