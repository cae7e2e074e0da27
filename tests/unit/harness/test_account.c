// SPDX-License-Identifier: MIT
/*
 * test_account.c - the sink counts each datagram, and a receive by its first header
 *
 * Links: harness/traffic/account.c harness/traffic/payload.c harness/traffic/seqtrack.c
 * Links: harness/traffic/histogram.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <string.h>

#include "harness/traffic/account.h"

#define STREAM  1u
#define SEGMENT 100u /* bytes of each datagram */
#define FLOW    7u
#define NOW_NS  5000u
#define AGE_NS  1200u /* of what arrives */
#define NOWHERE UINT32_MAX
#define FAR     (1ull << 40) /* from the sequence numbers before: cannot be */

enum how { DATAGRAM, HEADER_ONLY, FIRST };

static const struct {
	const char *name;
	enum how how;
	uint32_t length;  /* of what is received, which may be several datagrams */
	uint32_t damaged; /* byte, or NOWHERE */
	uint64_t seq;
	uint64_t received, too_short, corrupt, in_flow;
} cases[] = {
	{"a datagram", DATAGRAM, SEGMENT, NOWHERE, 3, 1, 0, 0, 1},
	{"damaged header", DATAGRAM, SEGMENT, 4, 3, 1, 0, 1, 0},
	{"damaged body", DATAGRAM, SEGMENT, SEGMENT - 1, 3, 1, 0, 1, 0},
	{"no room for a header", DATAGRAM, PAYLOAD_HEADER_BYTES - 1, NOWHERE, 3, 1, 1, 0, 0},
	{"empty", DATAGRAM, 0, NOWHERE, 3, 1, 1, 0, 0},
	{"impossible sequence", DATAGRAM, SEGMENT, NOWHERE, FAR, 1, 0, 1, 0},
	{"header only", HEADER_ONLY, SEGMENT, NOWHERE, 3, 1, 0, 0, 1},
	{"header only, damaged", HEADER_ONLY, SEGMENT, 4, 3, 1, 0, 1, 0},
	{"header only, the body is not looked at", HEADER_ONLY, SEGMENT, 99, 3, 1, 0, 0, 1},
	{"first of one", FIRST, SEGMENT, NOWHERE, 3, 1, 0, 0, 1},
	{"first of five", FIRST, 5 * SEGMENT, NOWHERE, 3, 5, 0, 0, 5},
	{"first of five, the last shorter", FIRST, 4 * SEGMENT + 1, NOWHERE, 3, 5, 0, 0, 5},
	{"first of five, damaged", FIRST, 5 * SEGMENT, 4, 3, 5, 0, 5, 0},
	{"first of one, no room", FIRST, PAYLOAD_HEADER_BYTES - 1, NOWHERE, 3, 1, 1, 0, 0},
	{"first of two, impossible sequences", FIRST, 2 * SEGMENT, NOWHERE, FAR, 2, 0, 2, 2},
};

static void make_datagram(const struct account *account, uint8_t *bytes, uint64_t seq)
{
	const struct payload_info info = {.flow = FLOW, .seq = seq, .sent_ns = NOW_NS - AGE_NS};
	struct payload_header header;

	payload_header_fill(&header, &info, SEGMENT);
	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), payload_body(&account->pattern, FLOW, seq),
	       SEGMENT - sizeof(header));
}

static int receive(struct account *account, enum how how, const uint8_t *bytes, uint32_t length)
{
	account->headers_only = how == HEADER_ONLY;
	if (how == FIRST)
		return account_first(account, STREAM, bytes, length,
				     length < SEGMENT ? length : SEGMENT, NOW_NS);
	return account_datagram(account, STREAM, bytes, length, NOW_NS);
}

static void test_counts(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t bytes[SEGMENT];
		struct account account;
		const struct account_stream *stream;
		const struct account_flow *flow;

		print_message("  %s\n", cases[i].name);
		assert_int_equal(account_init(&account, STREAM + 1), 0);
		stream = &account.streams[STREAM];
		/* One before, so that there is a flow and a sequence number to be far from. */
		make_datagram(&account, bytes, 0);
		assert_int_equal(receive(&account, DATAGRAM, bytes, SEGMENT), 0);
		flow = account.flows[0];

		make_datagram(&account, bytes, cases[i].seq);
		if (cases[i].damaged != NOWHERE)
			bytes[cases[i].damaged] ^= 1;
		assert_int_equal(receive(&account, cases[i].how, bytes, cases[i].length), 0);
		assert_int_equal(stream->received, 1 + cases[i].received);
		assert_int_equal(stream->too_short, cases[i].too_short);
		assert_int_equal(stream->corrupt, cases[i].corrupt);
		assert_int_equal(account.arrivals.count, 1 + cases[i].received);
		assert_int_equal(account.arrivals.bytes, SEGMENT + cases[i].length);
		assert_int_equal(account.n_flows, 1);
		assert_int_equal(flow->arrivals.count, 1 + cases[i].in_flow);
		assert_int_equal(flow->seqs.unique,
				 1 + (cases[i].seq == FAR ? 0 : cases[i].in_flow));
		account_fini(&account);
	}
}

static void test_flows_of_a_stream(void **state)
{
	uint8_t bytes[SEGMENT];
	struct account account;

	assert_int_equal(account_init(&account, 2), 0);
	make_datagram(&account, bytes, 0);
	/* The same flow number in another stream is another flow. */
	assert_int_equal(account_datagram(&account, 0, bytes, SEGMENT, 100), 0);
	assert_int_equal(account_datagram(&account, 1, bytes, SEGMENT, 130), 0);
	assert_int_equal(account_datagram(&account, 0, bytes, SEGMENT, 200), 0);
	assert_int_equal(account.n_flows, 2);
	assert_int_equal(account.flows[0]->stream, 0);
	assert_int_equal(account.flows[0]->seqs.duplicated, 1);
	assert_int_equal(account.flows[0]->arrivals.gap_ns, 100);
	assert_int_equal(account.flows[1]->seqs.duplicated, 0);
	assert_int_equal(account.arrivals.gap_ns, 70);
	assert_int_equal(account.arrivals.first_ns, 100);
	assert_int_equal(account.arrivals.last_ns, 200);
	account_fini(&account);
}

/* Numbers out of range with a valid header: their memory is bounded, and they count as corrupt. */
static void test_numbers_out_of_range(void **state)
{
	const uint64_t far_apart = (1ull << 33) - (1u << 20);
	struct payload_info info = {.sent_ns = NOW_NS};
	struct payload_header header;
	struct account account;

	assert_int_equal(account_init(&account, 1), 0);
	account.headers_only = true;
	account.seq_room_bytes = 1u << 20;
	for (info.flow = 0; info.flow < 100; info.flow++)
		for (unsigned i = 0; i < 2; i++) {
			info.seq = i * far_apart;
			payload_header_fill(&header, &info, sizeof(header));
			assert_int_equal(account_datagram(&account, 0, (const uint8_t *)&header,
							  sizeof(header), NOW_NS),
					 0);
		}
	assert_int_equal(account.streams[0].received, 200);
	assert_int_equal(account.streams[0].corrupt, 100);
	assert_in_range(account.seq_room_bytes, 1, 1u << 20);
	account_fini(&account);
}

static void test_too_many_flows(void **state)
{
	struct account account;
	struct payload_info info = {.sent_ns = NOW_NS};
	struct payload_header header;

	assert_int_equal(account_init(&account, 1), 0);
	account.headers_only = true;
	account.max_flows = 5;
	for (info.flow = 0; info.flow < 10; info.flow++) {
		payload_header_fill(&header, &info, sizeof(header));
		assert_int_equal(account_datagram(&account, 0, (const uint8_t *)&header,
						  sizeof(header), NOW_NS),
				 0);
	}
	assert_int_equal(account.n_flows, 5);
	assert_int_equal(account.streams[0].corrupt, 5);
	info.flow = 4;
	payload_header_fill(&header, &info, sizeof(header));
	assert_int_equal(
		account_datagram(&account, 0, (const uint8_t *)&header, sizeof(header), NOW_NS), 0);
	assert_int_equal(account.flows[4]->arrivals.count, 2);
	account_fini(&account);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_flows_of_a_stream),
		cmocka_unit_test(test_numbers_out_of_range),
		cmocka_unit_test(test_too_many_flows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
