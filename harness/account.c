// SPDX-License-Identifier: MIT
/* What arrived, flow by flow. */
#include "harness/account.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 256u /* power of two */

int account_init(struct account *account, uint32_t n_streams)
{
	*account = (struct account){.n_streams = n_streams, .n_slots = FIRST_SLOTS};
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

static struct account_flow *find_flow(struct account *account, uint32_t stream, uint32_t number)
{
	uint32_t *slot = find_slot(account, account->slots, account->n_slots, stream, number);
	struct account_flow *flow;

	if (*slot)
		return account->flows[*slot - 1];
	if (account->n_flows >= account->n_slots / 2) {
		if (grow(account))
			return NULL;
		slot = find_slot(account, account->slots, account->n_slots, stream, number);
	}
	flow = calloc(1, sizeof(*flow));
	if (!flow)
		return NULL;
	flow->stream = stream;
	flow->flow = number;
	account->flows[account->n_flows++] = flow;
	*slot = account->n_flows;
	return flow;
}

static void note_arrival(struct arrivals *arrivals, size_t bytes, uint64_t now_ns)
{
	if (arrivals->count++ == 0)
		arrivals->first_ns = now_ns;
	else if (now_ns - arrivals->last_ns > arrivals->gap_ns)
		arrivals->gap_ns = now_ns - arrivals->last_ns;
	arrivals->last_ns = now_ns;
	arrivals->bytes += bytes;
}

static void note_arrivals(struct arrivals *arrivals, uint64_t n, size_t bytes, uint64_t now_ns)
{
	note_arrival(arrivals, bytes, now_ns);
	arrivals->count += n - 1;
}

int account_first(struct account *account, uint32_t stream, const uint8_t *header, size_t length,
		  size_t segment, uint64_t now_ns)
{
	const uint64_t n = (length + segment - 1) / segment;
	struct account_stream *per_stream = &account->streams[stream];
	struct account_flow *flow;
	struct payload_info info;

	note_arrivals(&account->arrivals, n, length, now_ns);
	per_stream->received += n;
	switch (payload_read_header(header, length < segment ? length : segment, &info)) {
	case PAYLOAD_SHORT:
		per_stream->too_short += n;
		return 0;
	case PAYLOAD_CORRUPT:
		per_stream->corrupt += n;
		return 0;
	case PAYLOAD_GOOD:
		break;
	}
	flow = find_flow(account, stream, info.flow);
	if (!flow)
		return -ENOMEM;
	for (uint64_t i = 0; i < n; i++) {
		int ret = seqtrack_add(&flow->seqs, info.seq + i);

		if (ret == -ERANGE)
			per_stream->corrupt++;
		else if (ret)
			return ret;
	}
	note_arrivals(&flow->arrivals, n, length, now_ns);
	hist_add(&flow->latency, now_ns > info.sent_ns ? now_ns - info.sent_ns : 0);
	return 0;
}

static enum payload_verdict judge(const struct account *account, const uint8_t *bytes,
				  size_t length, struct payload_info *info)
{
	return account->headers_only ? payload_read_header(bytes, length, info)
				     : payload_read(&account->pattern, bytes, length, info);
}

int account_datagram(struct account *account, uint32_t stream, const uint8_t *bytes, size_t length,
		     uint64_t now_ns)
{
	struct account_stream *per_stream = &account->streams[stream];
	struct account_flow *flow;
	struct payload_info info;
	int ret;

	note_arrival(&account->arrivals, length, now_ns);
	per_stream->received++;
	switch (judge(account, bytes, length, &info)) {
	case PAYLOAD_SHORT:
		per_stream->too_short++;
		return 0;
	case PAYLOAD_CORRUPT:
		per_stream->corrupt++;
		return 0;
	case PAYLOAD_GOOD:
		break;
	}
	flow = find_flow(account, stream, info.flow);
	if (!flow)
		return -ENOMEM;
	ret = seqtrack_add(&flow->seqs, info.seq);
	if (ret == -ERANGE)
		per_stream->corrupt++;
	if (ret)
		return ret == -ERANGE ? 0 : ret;
	note_arrival(&flow->arrivals, length, now_ns);
	hist_add(&flow->latency, now_ns > info.sent_ns ? now_ns - info.sent_ns : 0);
	return 0;
}

double arrivals_pps(const struct arrivals *arrivals)
{
	if (arrivals->count < 2 || arrivals->last_ns == arrivals->first_ns)
		return 0;
	return (double)(arrivals->count - 1) * 1e9 /
	       (double)(arrivals->last_ns - arrivals->first_ns);
}
