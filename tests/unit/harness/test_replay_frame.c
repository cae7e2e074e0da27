// SPDX-License-Identifier: MIT
/*
 * test_replay_frame.c - finding the UDP datagram in a captured frame
 *
 * Links: harness/traffic/replay_frame.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <arpa/inet.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "harness/traffic/replay_frame.h"

#define ETHER "\x01\x00\x5e\x01\x01\x01\x02\x00\x00\x00\x00\x01"
#define VLAN  "\x81\x00\x00\x05"
#define QINQ  "\x88\xa8\x00\x06"
#define IPV4  "\x08\x00"
/* 33 bytes, 10.1.0.2 to 239.1.1.1, UDP */
#define IP "\x45\x00\x00\x21\x00\x01\x00\x00\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01"
/* the same with four bytes of options: 37 bytes */
#define IP_OPT                                                                             \
	"\x46\x00\x00\x25\x00\x01\x00\x00\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01" \
	"\x01\x01\x01\x00"
/* 4660 to 5000, 13 bytes */
#define UDP     "\x12\x34\x13\x88\x00\x0d\x00\x00"
#define PAYLOAD "hello"
#define COOKED  "\x00\x01\x00\x01\x00\x06\x02\x00\x00\x00\x00\x01\x00\x00"
#define COOKED2 "\x08\x00\x00\x00\x00\x00\x00\x02\x00\x01\x01\x06\x02\x00\x00\x00\x00\x01\x00\x00"

static const struct {
	const char *name;
	enum replay_link link;
	const char *bytes;
	uint32_t length;
	enum replay_verdict verdict;
	uint32_t offset;
} cases[] = {
#define CASE(name, link, bytes, verdict, offset)                      \
	{                                                             \
		name, link, bytes, sizeof(bytes) - 1, verdict, offset \
	}
	CASE("Ethernet", REPLAY_ETHERNET, ETHER IPV4 IP UDP PAYLOAD, REPLAY_DATAGRAM, 42),
	CASE("padded to the least Ethernet length", REPLAY_ETHERNET,
	     ETHER IPV4 IP UDP PAYLOAD "\0\0\0\0\0\0\0\0\0\0\0\0\0", REPLAY_DATAGRAM, 42),
	CASE("IP options", REPLAY_ETHERNET, ETHER IPV4 IP_OPT UDP PAYLOAD, REPLAY_DATAGRAM, 46),
	CASE("a VLAN tag", REPLAY_ETHERNET, ETHER VLAN IPV4 IP UDP PAYLOAD, REPLAY_DATAGRAM, 46),
	CASE("two tags", REPLAY_ETHERNET, ETHER QINQ VLAN IPV4 IP UDP PAYLOAD, REPLAY_DATAGRAM, 50),
	CASE("raw IP", REPLAY_IPV4, IP UDP PAYLOAD, REPLAY_DATAGRAM, 28),
	CASE("cooked", REPLAY_COOKED, COOKED IPV4 IP UDP PAYLOAD, REPLAY_DATAGRAM, 44),
	CASE("cooked 2", REPLAY_COOKED2, COOKED2 IP UDP PAYLOAD, REPLAY_DATAGRAM, 48),
	CASE("ARP", REPLAY_ETHERNET, ETHER "\x08\x06" IP UDP PAYLOAD, REPLAY_OTHER, 0),
	CASE("IPv6", REPLAY_ETHERNET, ETHER "\x86\xdd" IP UDP PAYLOAD, REPLAY_OTHER, 0),
	CASE("IPv6 behind the type of IPv4", REPLAY_ETHERNET,
	     ETHER IPV4 "\x65\x00\x00\x21\x00\x01\x00\x00\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01"
			"\x01\x01" UDP PAYLOAD,
	     REPLAY_OTHER, 0),
	CASE("TCP", REPLAY_IPV4,
	     "\x45\x00\x00\x21\x00\x01\x00\x00\x10\x06\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01" UDP
		     PAYLOAD,
	     REPLAY_OTHER, 0),
	CASE("a first fragment", REPLAY_IPV4,
	     "\x45\x00\x00\x21\x00\x01\x20\x00\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01" UDP
		     PAYLOAD,
	     REPLAY_FRAGMENT, 0),
	CASE("a later fragment", REPLAY_IPV4,
	     "\x45\x00\x00\x21\x00\x01\x00\x01\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01" UDP
		     PAYLOAD,
	     REPLAY_FRAGMENT, 0),
	CASE("do not fragment is no fragment", REPLAY_IPV4,
	     "\x45\x00\x00\x21\x00\x01\x40\x00\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01" UDP
		     PAYLOAD,
	     REPLAY_DATAGRAM, 28),
	CASE("header length below 20", REPLAY_IPV4,
	     "\x44\x00\x00\x21\x00\x01\x00\x00\x10\x11\x00\x00\x0a\x01\x00\x02\xef\x01\x01\x01" UDP
		     PAYLOAD,
	     REPLAY_CUT, 0),
	CASE("UDP length above the packet", REPLAY_IPV4,
	     IP "\x12\x34\x13\x88\x00\x0e\x00\x00" PAYLOAD, REPLAY_CUT, 0),
	CASE("UDP length below its header", REPLAY_IPV4,
	     IP "\x12\x34\x13\x88\x00\x07\x00\x00" PAYLOAD, REPLAY_CUT, 0),
	CASE("no type", REPLAY_ETHERNET, ETHER, REPLAY_OTHER, 0),
	CASE("nothing", REPLAY_IPV4, "", REPLAY_CUT, 0),
};

/* A copy of exact size, so that the sanitizer sees a read beyond it. */
static enum replay_verdict read_copy(struct replay_view *view, enum replay_link link,
				     const char *bytes, uint32_t length)
{
	uint8_t *copy = malloc(length ? length : 1);
	enum replay_verdict verdict;

	memcpy(copy, bytes, length);
	verdict = replay_frame_read(view, link, copy, length);
	free(copy);
	return verdict;
}

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct replay_view view = {0};
		enum replay_verdict verdict =
			read_copy(&view, cases[i].link, cases[i].bytes, cases[i].length);

		if (verdict != cases[i].verdict)
			fail_msg("%s: verdict %d", cases[i].name, verdict);
		if (verdict != REPLAY_DATAGRAM)
			continue;
		if (view.offset != cases[i].offset || view.bytes != 5)
			fail_msg("%s: %u bytes at %u", cases[i].name, view.bytes, view.offset);
		assert_int_equal(view.source.s_addr, inet_addr("10.1.0.2"));
		assert_int_equal(view.group.s_addr, inet_addr("239.1.1.1"));
		assert_int_equal(view.source_port, 4660);
		assert_int_equal(view.port, 5000);
	}
}

/* However short a capture is cut, nothing but the whole is a datagram. */
static void test_every_prefix(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		for (uint32_t length = 0; length < cases[i].length; length++) {
			struct replay_view view;

			if (read_copy(&view, cases[i].link, cases[i].bytes, length) ==
				    REPLAY_DATAGRAM &&
			    length < cases[i].offset + 5)
				fail_msg("%s: a datagram in %u bytes", cases[i].name, length);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_every_prefix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
