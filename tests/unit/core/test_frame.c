// SPDX-License-Identifier: MIT
/*
 * test_frame.c - every way in which a frame can be wrong, and exact views of good ones
 *
 * Each frame is copied into an allocation of exactly its length before it is parsed, so
 * that the sanitizers see a read beyond it.
 *
 * Links: core/relay/frame.c core/base/counters.c
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/relay/frame.h"
#include "tests/unit/core/frame_fixture.h"

#define GOOD DROP_REASONS /* no drop expected */

struct edit {
	uint8_t *frame, *ip, *udp;
	uint32_t len;
};

struct frame_case {
	const char *name;
	struct frame_spec spec;
	void (*edit)(struct edit *e);
	enum drop_reason why;
	uint32_t bytes, segment, datagrams; /* of a good view; datagrams also when dropped */
};

static void ether_vlan(struct edit *e)
{
	fixture_put16(e->ip - 2, 0x8100);
}
static void ether_ipv6(struct edit *e)
{
	fixture_put16(e->ip - 2, 0x86dd);
}
static void version_6(struct edit *e)
{
	e->ip[0] = 0x65;
	fixture_fix_ip(e->ip);
}
static void tcp(struct edit *e)
{
	e->ip[9] = 6;
	fixture_fix_ip(e->ip);
}
static void ihl_4(struct edit *e)
{
	e->ip[0] = 0x44;
	fixture_fix_ip(e->ip);
}
static void ihl_15(struct edit *e) /* 60 bytes of header, longer than the whole packet */
{
	e->ip[0] = 0x4f;
}
static void total_below_header(struct edit *e)
{
	fixture_put16(e->ip + 2, 19);
	fixture_fix_ip(e->ip);
}
static void total_beyond_frame(struct edit *e)
{
	fixture_put16(e->ip + 2, e->len - (uint32_t)(e->ip - e->frame) + 1);
	fixture_fix_ip(e->ip);
}
static void total_without_udp(struct edit *e)
{
	fixture_put16(e->ip + 2, 27);
	fixture_fix_ip(e->ip);
}
static void bad_ip_sum(struct edit *e)
{
	e->ip[8]++;
}
static void bad_ip_sum_of_tcp(struct edit *e) /* the header cannot be believed at all */
{
	e->ip[9] = 6;
}
static void bad_ip_sum_in_options(struct edit *e)
{
	e->ip[23] ^= 1;
}
static void fragment(struct edit *e, uint32_t field)
{
	fixture_put16(e->ip + 6, field);
	fixture_fix_ip(e->ip);
}
static void fragment_first(struct edit *e)
{
	fragment(e, 0x2000);
}
static void fragment_middle(struct edit *e)
{
	fragment(e, 0x2000 | 185);
}
static void fragment_last(struct edit *e)
{
	fragment(e, 370);
}
static void dont_fragment(struct edit *e)
{
	fragment(e, 0x4000);
}
static void fragment_of_tcp(struct edit *e)
{
	e->ip[9] = 6;
	fragment(e, 0x2000);
}
static void bad_udp_sum(struct edit *e)
{
	e->udp[8] ^= 0x10;
}
static void bad_udp_sum_last_byte(struct edit *e) /* odd length: the byte without a partner */
{
	e->frame[e->len - 1] ^= 0x80;
}
static void bad_udp_pseudo(struct edit *e) /* an address changed on the way, IP sum kept good */
{
	e->ip[15]++;
	fixture_fix_ip(e->ip);
}
static void needs_csum(struct edit *e)
{
	e->frame[0] = 1;
	fixture_put16(e->udp + 6, 0x1234);
}
static void data_valid(struct edit *e)
{
	e->frame[0] = 2;
	fixture_put16(e->udp + 6, 0x1234);
}
static void other_flag(struct edit *e) /* RSC_INFO says nothing about the checksum */
{
	e->frame[0] = 4;
	e->udp[8] ^= 1;
}
static void data_valid_bad_ip(struct edit *e) /* the flags speak of UDP only */
{
	e->frame[0] = 2;
	e->ip[8]++;
}
static void udp_length_7(struct edit *e)
{
	fixture_put16(e->udp + 4, 7);
}
static void udp_length_0(struct edit *e)
{
	fixture_put16(e->udp + 4, 0);
}
static void udp_beyond_ip(struct edit *e) /* within the frame's padding, beyond the packet */
{
	fixture_put16(e->udp + 4, 8 + 10 + 1);
	e->len += 20;
}
static void udp_shorter_than_ip(struct edit *e)
{
	fixture_put16(e->udp + 4, 8 + 6);
	fixture_fix_udp(e->ip, 8 + 6);
}
static void padding(struct edit *e)
{
	memset(e->frame + e->len, 0xa5, 18);
	e->len += 18;
}
static void udp_sum_ffff(struct edit *e) /* computed zero is sent as ffff (RFC 768) */
{
	uint32_t sum;

	fixture_put16(e->udp + 8, 0);
	fixture_put16(e->udp + 6, 0);
	sum = fixture_sum(e->ip + 12, 8, 17 + 18);
	sum = fixture_sum(e->udp, 18, sum);
	fixture_put16(e->udp + 8, ~sum & 0xffff); /* now the sum of all is zero */
	fixture_put16(e->udp + 6, 0xffff);
}
static void ecn(struct edit *e)
{
	e->frame[1] |= 0x80;
}
static void gso_tcp(struct edit *e)
{
	e->frame[1] = 1;
}
static void gso_size_0(struct edit *e)
{
	e->frame[1] = 5;
}
static void gso_size_1(struct edit *e)
{
	e->frame[1] = 5;
	memcpy(e->frame + 4, &(uint16_t){1}, 2);
}

static const struct frame_case cases[] = {
	{"plain", {.payload_bytes = 10}, NULL, GOOD, 10, 10, 1},
	{"odd payload", {.payload_bytes = 1401}, NULL, GOOD, 1401, 1401, 1},
	{"empty payload", {.payload_bytes = 0}, NULL, GOOD, 0, 0, 1},
	{"largest", {.payload_bytes = 65507}, NULL, GOOD, 65507, 65507, 1},
	{"raw IP", {.raw_ip = true, .payload_bytes = 10}, NULL, GOOD, 10, 10, 1},
	{"4 bytes of options", {.payload_bytes = 10, .options = 4}, NULL, GOOD, 10, 10, 1},
	{"40 bytes of options", {.payload_bytes = 10, .options = 40}, NULL, GOOD, 10, 10, 1},
	{"do not fragment", {.payload_bytes = 10}, dont_fragment, GOOD, 10, 10, 1},
	{"Ethernet padding", {.payload_bytes = 10}, padding, GOOD, 10, 10, 1},
	{"UDP length ends before IP's", {.payload_bytes = 10}, udp_shorter_than_ip, GOOD, 6, 6, 1},
	{"zero UDP checksum", {.payload_bytes = 10, .no_udp_sum = true}, NULL, GOOD, 10, 10, 1},
	{"zero UDP checksum, changed payload",
	 {.payload_bytes = 10, .no_udp_sum = true},
	 bad_udp_sum,
	 GOOD,
	 10,
	 10,
	 1},
	{"UDP checksum ffff", {.payload_bytes = 10}, udp_sum_ffff, GOOD, 10, 10, 1},
	{"NEEDS_CSUM skips the check", {.payload_bytes = 10}, needs_csum, GOOD, 10, 10, 1},
	{"DATA_VALID skips the check", {.payload_bytes = 10}, data_valid, GOOD, 10, 10, 1},

	{"VLAN ethertype", {.payload_bytes = 10}, ether_vlan, DROP_NOT_IPV4_UDP, .datagrams = 1},
	{"IPv6 ethertype", {.payload_bytes = 10}, ether_ipv6, DROP_NOT_IPV4_UDP, .datagrams = 1},
	{"version 6", {.payload_bytes = 10}, version_6, DROP_NOT_IPV4_UDP, .datagrams = 1},
	{"TCP", {.payload_bytes = 10}, tcp, DROP_NOT_IPV4_UDP, .datagrams = 1},
	{"fragment of TCP",
	 {.payload_bytes = 10},
	 fragment_of_tcp,
	 DROP_NOT_IPV4_UDP,
	 .datagrams = 1},
	{"header of 16 bytes", {.payload_bytes = 10}, ihl_4, DROP_BAD_LENGTH, .datagrams = 1},
	{"header longer than packet",
	 {.payload_bytes = 10},
	 ihl_15,
	 DROP_BAD_LENGTH,
	 .datagrams = 1},
	{"total below header",
	 {.payload_bytes = 10},
	 total_below_header,
	 DROP_BAD_LENGTH,
	 .datagrams = 1},
	{"total beyond frame",
	 {.payload_bytes = 10},
	 total_beyond_frame,
	 DROP_TRUNCATED,
	 .datagrams = 1},
	{"total ends in the UDP header",
	 {.payload_bytes = 10},
	 total_without_udp,
	 DROP_TRUNCATED,
	 .datagrams = 1},
	{"IP checksum", {.payload_bytes = 10}, bad_ip_sum, DROP_BAD_IP_CHECKSUM, .datagrams = 1},
	{"IP checksum comes before protocol",
	 {.payload_bytes = 10},
	 bad_ip_sum_of_tcp,
	 DROP_BAD_IP_CHECKSUM,
	 .datagrams = 1},
	{"IP checksum covers options",
	 {.payload_bytes = 10, .options = 8},
	 bad_ip_sum_in_options,
	 DROP_BAD_IP_CHECKSUM,
	 .datagrams = 1},
	{"IP checksum in spite of DATA_VALID",
	 {.payload_bytes = 10},
	 data_valid_bad_ip,
	 DROP_BAD_IP_CHECKSUM,
	 .datagrams = 1},
	{"first fragment", {.payload_bytes = 10}, fragment_first, DROP_FRAGMENT, .datagrams = 1},
	{"middle fragment", {.payload_bytes = 10}, fragment_middle, DROP_FRAGMENT, .datagrams = 1},
	{"last fragment", {.payload_bytes = 10}, fragment_last, DROP_FRAGMENT, .datagrams = 1},
	{"UDP length 7", {.payload_bytes = 10}, udp_length_7, DROP_BAD_LENGTH, .datagrams = 1},
	{"UDP length 0", {.payload_bytes = 10}, udp_length_0, DROP_BAD_LENGTH, .datagrams = 1},
	{"UDP length beyond IP",
	 {.payload_bytes = 10},
	 udp_beyond_ip,
	 DROP_BAD_LENGTH,
	 .datagrams = 1},
	{"UDP checksum", {.payload_bytes = 10}, bad_udp_sum, DROP_BAD_UDP_CHECKSUM, .datagrams = 1},
	{"UDP checksum, odd last byte",
	 {.payload_bytes = 11},
	 bad_udp_sum_last_byte,
	 DROP_BAD_UDP_CHECKSUM,
	 .datagrams = 1},
	{"UDP checksum covers addresses",
	 {.payload_bytes = 10},
	 bad_udp_pseudo,
	 DROP_BAD_UDP_CHECKSUM,
	 .datagrams = 1},
	{"UDP checksum with an unrelated flag",
	 {.payload_bytes = 10},
	 other_flag,
	 DROP_BAD_UDP_CHECKSUM,
	 .datagrams = 1},

	{"super, exact", {.payload_bytes = 3000, .gso_size = 1000}, NULL, GOOD, 3000, 1000, 3},
	{"super, shorter last",
	 {.payload_bytes = 2001, .gso_size = 1000},
	 NULL,
	 GOOD,
	 2001,
	 1000,
	 3},
	{"super, ECN bit", {.payload_bytes = 3000, .gso_size = 1000}, ecn, GOOD, 3000, 1000, 3},
	{"super of 65507", {.payload_bytes = 65507, .gso_size = 1400}, NULL, GOOD, 65507, 1400, 47},
	{"super on raw IP",
	 {.raw_ip = true, .payload_bytes = 3000, .gso_size = 1500},
	 NULL,
	 GOOD,
	 3000,
	 1500,
	 2},
	{"segment equals payload",
	 {.payload_bytes = 1000, .gso_size = 1000},
	 NULL,
	 GOOD,
	 1000,
	 1000,
	 1},
	{"segment larger than payload",
	 {.payload_bytes = 999, .gso_size = 1000},
	 NULL,
	 GOOD,
	 999,
	 999,
	 1},
	{"segment size 0", {.payload_bytes = 999}, gso_size_0, GOOD, 999, 999, 1},
	{"segment size 1", {.payload_bytes = 128}, gso_size_1, GOOD, 128, 1, 128},
	{"more datagrams than a kernel makes",
	 {.payload_bytes = 129},
	 gso_size_1,
	 DROP_BAD_LENGTH,
	 .datagrams = 1},
	{"a datagram in every byte",
	 {.payload_bytes = 65507},
	 gso_size_1,
	 DROP_BAD_LENGTH,
	 .datagrams = 1},
	{"GSO of TCP is no super-datagram",
	 {.payload_bytes = 3000, .gso_size = 1000},
	 gso_tcp,
	 GOOD,
	 3000,
	 3000,
	 1},
	{"empty super", {.payload_bytes = 0, .gso_size = 1000}, NULL, GOOD, 0, 0, 1},
	{"bad checksum drops all of a super",
	 {.payload_bytes = 2500, .gso_size = 1000},
	 bad_udp_sum,
	 DROP_BAD_UDP_CHECKSUM,
	 .datagrams = 3},
};

/* Parses a copy without a byte to spare; the view's payload becomes an offset. */
static bool parse_exact(const uint8_t *frame, uint32_t len, enum link_layer link,
			struct frame_view *view, enum drop_reason *why, size_t *offset)
{
	uint8_t *copy = malloc(len ? len : 1);
	bool good;

	assert_non_null(copy);
	memcpy(copy, frame, len);
	memset(view, 0xee, sizeof(*view));
	good = frame_parse(copy, len, link, view, why);
	*offset = good ? (size_t)(view->payload - copy) : 0;
	free(copy);
	return good;
}

static void check_good(const struct frame_case *c, const struct frame_view *view, size_t offset)
{
	const size_t want_offset = (c->spec.raw_ip ? FIXTURE_VNET : FIXTURE_VNET + FIXTURE_ETHER) +
				   20 + c->spec.options + 8;

	if (offset != want_offset)
		fail_msg("%s: payload at %zu, not %zu", c->name, offset, want_offset);
	if (view->payload_bytes != c->bytes || view->segment_bytes != c->segment)
		fail_msg("%s: %u bytes in segments of %u", c->name, view->payload_bytes,
			 view->segment_bytes);
	if (view->source_be != htonl(FIXTURE_SOURCE) || view->group_be != htonl(FIXTURE_GROUP) ||
	    view->port != FIXTURE_PORT)
		fail_msg("%s: addresses", c->name);
}

/* Where it goes is known all the same; the port only of the first. */
static void check_fragment(const struct frame_case *c, const struct frame_view *view, int offset)
{
	if (view->source_be != htonl(FIXTURE_SOURCE) || view->group_be != htonl(FIXTURE_GROUP) ||
	    view->port != (offset ? 0 : FIXTURE_PORT))
		fail_msg("%s: addresses", c->name);
}

static void table(void **state)
{
	static uint8_t frame[FIXTURE_MAX + 64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct frame_case *c = &cases[i];
		const enum link_layer link = c->spec.raw_ip ? LINK_RAW_IP : LINK_ETHERNET;
		struct edit e = {.frame = frame};
		struct frame_view view;
		enum drop_reason why = DROP_REASONS;
		size_t offset;
		bool good;

		e.len = fixture_frame(frame, &c->spec);
		e.ip = fixture_ip(frame, c->spec.raw_ip);
		e.udp = e.ip + 20 + c->spec.options;
		if (c->edit)
			c->edit(&e);
		good = parse_exact(frame, e.len, link, &view, &why, &offset);
		if (good != (c->why == GOOD))
			fail_msg("%s: %s", c->name, good ? "accepted" : drop_reason_name(why));
		if (!good && why != c->why)
			fail_msg("%s: dropped as %s", c->name, drop_reason_name(why));
		if (why == DROP_FRAGMENT && !good)
			check_fragment(c, &view, (e.ip[6] << 8 | e.ip[7]) & 0x1fff);
		if (view.datagrams != c->datagrams)
			fail_msg("%s: %u datagrams", c->name, view.datagrams);
		if (good)
			check_good(c, &view, offset);
	}
}

/* A good frame cut short anywhere is truncated, whatever header the cut is in. */
static void truncated_everywhere(void **state)
{
	static const struct frame_spec specs[] = {
		{.payload_bytes = 9},
		{.payload_bytes = 9, .options = 12},
		{.payload_bytes = 9, .raw_ip = true},
		{.payload_bytes = 900, .gso_size = 300},
	};
	static uint8_t frame[FIXTURE_MAX];

	for (size_t i = 0; i < sizeof(specs) / sizeof(specs[0]); i++) {
		const enum link_layer link = specs[i].raw_ip ? LINK_RAW_IP : LINK_ETHERNET;
		const uint32_t len = fixture_frame(frame, &specs[i]);

		for (uint32_t cut = 0; cut < len; cut++) {
			struct frame_view view;
			enum drop_reason why = DROP_REASONS;
			size_t offset;

			if (parse_exact(frame, cut, link, &view, &why, &offset))
				fail_msg("spec %zu: accepted when cut to %u of %u", i, cut, len);
			if (why != DROP_TRUNCATED || view.datagrams != 1)
				fail_msg("spec %zu cut to %u: %s", i, cut, drop_reason_name(why));
		}
	}
}

/* One changed bit anywhere in IP or UDP header or payload never goes unnoticed. */
static void every_bit_is_covered(void **state)
{
	static uint8_t frame[FIXTURE_MAX];
	const struct frame_spec spec = {.payload_bytes = 37};
	const uint32_t len = fixture_frame(frame, &spec);

	for (uint32_t bit = (FIXTURE_VNET + FIXTURE_ETHER) * 8; bit < len * 8; bit++) {
		struct frame_view view;
		enum drop_reason why;
		size_t offset;

		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (parse_exact(frame, len, LINK_ETHERNET, &view, &why, &offset))
			fail_msg("byte %u, bit %u changed and accepted", bit / 8, bit % 8);
		frame[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

/* The number in a source address of 02:4d; no other address has one, nor has a device without. */
static void divisions(void **state)
{
	static const struct {
		const char *name;
		struct frame_spec spec;
		uint8_t first; /* byte of the source address, 0: as made */
		uint32_t division;
	} rows[] = {
		{"none", {.payload_bytes = 9}, 0, 0},
		{"one", {.payload_bytes = 9, .division = 1}, 0, 1},
		{"every byte", {.payload_bytes = 9, .division = 0x01020304}, 0, 0x01020304},
		{"largest", {.payload_bytes = 9, .division = UINT32_MAX}, 0, UINT32_MAX},
		{"super-datagram", {.payload_bytes = 90, .gso_size = 9, .division = 7}, 0, 7},
		{"another first byte", {.payload_bytes = 9, .division = 1}, 0x06, 0},
		{"no MAC header", {.payload_bytes = 9, .raw_ip = true, .division = 1}, 0, 0},
	};
	static uint8_t frame[FIXTURE_MAX];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint32_t len = fixture_frame(frame, &rows[i].spec);
		struct frame_view view = {.division = 99};
		enum drop_reason why;
		size_t offset;

		if (rows[i].first)
			frame[FIXTURE_VNET + 6] = rows[i].first;
		if (!parse_exact(frame, len, rows[i].spec.raw_ip ? LINK_RAW_IP : LINK_ETHERNET,
				 &view, &why, &offset))
			fail_msg("%s: %s", rows[i].name, drop_reason_name(why));
		if (view.division != rows[i].division)
			fail_msg("%s: division %#x", rows[i].name, view.division);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(truncated_everywhere),
		cmocka_unit_test(every_bit_is_covered),
		cmocka_unit_test(divisions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
