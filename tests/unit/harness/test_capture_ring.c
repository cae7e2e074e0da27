// SPDX-License-Identifier: MIT
/*
 * test_capture_ring.c - the last packets of an interface: which are held, in which order, and which
 * are saved
 *
 * Packets come from a libpcap of this test's own, which needs no interface.
 *
 * Links: harness/capture/capture_ring.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <pcap/pcap.h>
#include <stdlib.h>
#include <string.h>

#include "harness/capture/capture.h"
#include "harness/capture/capture_ring.h"

#define RECORD(caplen) (sizeof(struct pcap_pkthdr) + (caplen))
#define MAX_SAVED      (2 * CAPTURE_RING_HALF / RECORD(8))

/* The packets that pcap_dispatch() delivers next, and those passed to pcap_dump(). */
static struct {
	uint32_t next;   /* number of the next packet, which stands in its first bytes */
	uint32_t amount; /* packets that the next dispatch delivers */
	uint32_t caplen;
	bool refuse_open;
	bool refuse_flush;
	unsigned closed;
	uint32_t n_saved;
	uint32_t saved[MAX_SAVED];
} fake;

static int some_pcap;
static int some_dumper;

struct pcap *capture_open(const char *interface, int snaplen_bytes, int buffer_bytes,
			  const char *filter, char *error)
{
	strcpy(error, "no such interface");
	return fake.refuse_open ? NULL : (struct pcap *)&some_pcap;
}

void pcap_close(pcap_t *pcap)
{
	assert_ptr_equal(pcap, &some_pcap);
	fake.closed++;
}

int pcap_get_selectable_fd(pcap_t *pcap)
{
	return 77;
}

int pcap_dispatch(pcap_t *pcap, int limit, pcap_handler handler, u_char *user)
{
	static unsigned char bytes[65536];

	for (uint32_t i = 0; i < fake.amount; i++) {
		struct pcap_pkthdr header = {.caplen = fake.caplen, .len = fake.caplen + 1};

		memcpy(bytes, &fake.next, sizeof(fake.next));
		/* The end of the packet must come through, too. */
		memcpy(bytes + fake.caplen - sizeof(fake.next), &fake.next, sizeof(fake.next));
		header.ts.tv_sec = fake.next++;
		handler(user, &header, bytes);
	}
	return (int)fake.amount;
}

pcap_dumper_t *pcap_dump_open(pcap_t *pcap, const char *path)
{
	fake.n_saved = 0;
	return strcmp(path, "/nonesuch") ? (pcap_dumper_t *)&some_dumper : NULL;
}

void pcap_dump(u_char *user, const struct pcap_pkthdr *header, const u_char *bytes)
{
	uint32_t first;
	uint32_t last;

	assert_ptr_equal(user, &some_dumper);
	memcpy(&first, bytes, sizeof(first));
	memcpy(&last, bytes + header->caplen - sizeof(last), sizeof(last));
	assert_int_equal(first, last);
	assert_int_equal(header->ts.tv_sec, first);
	assert_int_equal(header->len, header->caplen + 1);
	assert_true(fake.n_saved < MAX_SAVED);
	fake.saved[fake.n_saved++] = first;
}

int pcap_dump_flush(pcap_dumper_t *dumper)
{
	return fake.refuse_flush ? -1 : 0;
}

void pcap_dump_close(pcap_dumper_t *dumper)
{
	assert_ptr_equal(dumper, &some_dumper);
}

static void begin(struct capture_ring *ring, uint32_t caplen)
{
	char error[CAPTURE_ERROR_SIZE];

	memset(&fake, 0, sizeof(fake));
	fake.caplen = caplen;
	assert_int_equal(capture_ring_open(ring, "eth0", 128, error), 0);
	assert_int_equal(capture_ring_fd(ring), 77);
}

static void take(struct capture_ring *ring, uint32_t amount)
{
	fake.amount = amount;
	assert_int_equal(capture_ring_take(ring), amount);
}

/* The most recent packets without a hole; @least: how many at least. */
static void saved_is_the_end(struct capture_ring *ring, uint32_t least)
{
	assert_int_equal(capture_ring_save(ring, "file"), 0);
	assert_true(fake.n_saved >= least);
	for (uint32_t i = 0; i < fake.n_saved; i++)
		assert_int_equal(fake.saved[i], fake.next - fake.n_saved + i);
}

static void test_few(void **state)
{
	struct capture_ring ring;

	begin(&ring, 60);
	saved_is_the_end(&ring, 0);
	assert_int_equal(fake.n_saved, 0);
	take(&ring, 3);
	take(&ring, 4);
	saved_is_the_end(&ring, 7);
	/* Saving takes nothing away. */
	saved_is_the_end(&ring, 7);
	capture_ring_close(&ring);
	assert_int_equal(fake.closed, 1);
	assert_null(ring.pcap);
}

/* Around every edge of a half, over several rounds: one half at least is always kept. */
static void test_many(void **state)
{
	static const uint32_t caplens[] = {8, 60, 128, 1500, 65535};

	for (size_t i = 0; i < sizeof(caplens) / sizeof(*caplens); i++) {
		const uint32_t half = CAPTURE_RING_HALF / RECORD(caplens[i]);
		struct capture_ring ring;

		begin(&ring, caplens[i]);
		take(&ring, half);
		saved_is_the_end(&ring, half);
		assert_int_equal(fake.n_saved, half);
		take(&ring, 1);
		saved_is_the_end(&ring, half + 1);
		take(&ring, half - 1);
		saved_is_the_end(&ring, 2 * half);
		assert_int_equal(fake.n_saved, 2 * half);
		/* The oldest half makes room. */
		take(&ring, 1);
		saved_is_the_end(&ring, half + 1);
		assert_int_equal(fake.n_saved, half + 1);
		take(&ring, 5 * half);
		saved_is_the_end(&ring, half);
		assert_true(fake.n_saved <= 2 * half);
		capture_ring_close(&ring);
	}
}

static void test_failures(void **state)
{
	char error[CAPTURE_ERROR_SIZE];
	struct capture_ring ring;

	begin(&ring, 60);
	take(&ring, 1);
	assert_int_equal(capture_ring_save(&ring, "/nonesuch"), -1);
	fake.refuse_flush = true;
	assert_int_equal(capture_ring_save(&ring, "file"), -1);
	capture_ring_close(&ring);
	/* Closing an input that is closed, or was never open, is harmless. */
	capture_ring_close(&ring);
	assert_int_equal(fake.closed, 1);
	fake.refuse_open = true;
	assert_int_equal(capture_ring_open(&ring, "eth9", 128, error), -1);
	assert_string_equal(error, "no such interface");
	capture_ring_close(&ring);
	assert_int_equal(fake.closed, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_few),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_failures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
