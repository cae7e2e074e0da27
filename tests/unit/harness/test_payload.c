// SPDX-License-Identifier: MIT
/*
 * test_payload.c - a written test payload is read, and any other is not
 *
 * Links: harness/traffic/payload.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/traffic/payload.h"

static struct payload_pattern pattern;

static void compose(uint8_t *out, const struct payload_info *info, uint32_t length)
{
	struct payload_header header;

	payload_header_fill(&header, info, length);
	memcpy(out, &header, length < sizeof(header) ? length : sizeof(header));
	if (length > sizeof(header))
		memcpy(out + sizeof(header), payload_body(&pattern, info->flow, info->seq),
		       length - sizeof(header));
}

/* Made by hand from the description of the format, not by the code under test. */
static void test_known_bytes(void **state)
{
	static const uint8_t expected[40] = {
		0x4d, 0x43, 0x52, 0x31, 0,    0,    0,    3,    0,    0,    0,    0,   0, 0,
		0,    5,    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0,    0,   0, 40,
		0x34, 0xf6, 0x46, 0x39, 0x03, 0xa1, 0x3f, 0xde, 0x7c, 0x1a, 0xb8, 0x56};
	const struct payload_info info = {.flow = 3, .seq = 5, .sent_ns = 0x1122334455667788};
	uint8_t bytes[40];

	compose(bytes, &info, sizeof(bytes));
	assert_memory_equal(bytes, expected, sizeof(expected));
}

static void test_round_trip(void **state)
{
	static const struct {
		const char *name;
		uint32_t length;
		struct payload_info info;
		enum payload_verdict verdict;
	} cases[] = {
		{"empty", 0, {1, 2, 3}, PAYLOAD_SHORT},
		{"one byte", 1, {1, 2, 3}, PAYLOAD_SHORT},
		{"a byte too short", 31, {1, 2, 3}, PAYLOAD_SHORT},
		{"header alone", 32, {1, 2, 3}, PAYLOAD_GOOD},
		{"one byte of body", 33, {0, 0, 0}, PAYLOAD_GOOD},
		{"ordinary", 1400, {7, 123456789, 42}, PAYLOAD_GOOD},
		{"largest", PAYLOAD_MAX_BYTES, {UINT32_MAX, UINT64_MAX, UINT64_MAX}, PAYLOAD_GOOD},
	};
	static uint8_t bytes[PAYLOAD_MAX_BYTES];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct payload_info info = {0};

		compose(bytes, &cases[i].info, cases[i].length);
		if (payload_read(&pattern, bytes, cases[i].length, &info) != cases[i].verdict)
			fail_msg("%s: wrong verdict", cases[i].name);
		if (cases[i].verdict == PAYLOAD_GOOD && memcmp(&info, &cases[i].info, sizeof(info)))
			fail_msg("%s: other values read", cases[i].name);
	}
}

static void test_any_flipped_bit_is_corrupt(void **state)
{
	const struct payload_info sent = {.flow = 9, .seq = 1000, .sent_ns = 77};
	struct payload_info info;
	uint8_t bytes[100];

	compose(bytes, &sent, sizeof(bytes));
	for (size_t bit = 0; bit < 8 * sizeof(bytes); bit++) {
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
		if (payload_read(&pattern, bytes, sizeof(bytes), &info) != PAYLOAD_CORRUPT)
			fail_msg("bit %zu flipped goes unnoticed", bit);
		bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void test_other_lengths_are_corrupt(void **state)
{
	const struct payload_info sent = {.flow = 1, .seq = 1, .sent_ns = 1};
	struct payload_info info;
	uint8_t bytes[101];

	compose(bytes, &sent, 100);
	bytes[100] = payload_body(&pattern, 1, 1)[100 - PAYLOAD_HEADER_BYTES];
	for (size_t length = PAYLOAD_HEADER_BYTES; length <= sizeof(bytes); length++)
		assert_int_equal(payload_read(&pattern, bytes, length, &info),
				 length == 100 ? PAYLOAD_GOOD : PAYLOAD_CORRUPT);
}

/* A stretch of a neighbour's body in the right place of the wrong datagram. */
static void test_neighbours_bodies_differ(void **state)
{
	for (uint64_t distance = 1; distance < PAYLOAD_PHASES; distance++)
		for (size_t at = 0; at + 16 < 1400; at += 16)
			if (!memcmp(payload_body(&pattern, 0, 0) + at,
				    payload_body(&pattern, 0, distance) + at, 16))
				fail_msg("sequence 0 and %zu agree at %zu", (size_t)distance, at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_any_flipped_bit_is_corrupt),
		cmocka_unit_test(test_other_lengths_are_corrupt),
		cmocka_unit_test(test_neighbours_bodies_differ),
	};

	payload_pattern_init(&pattern);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
