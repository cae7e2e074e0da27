// SPDX-License-Identifier: MIT
/*
 * test_steer.c - the generated programs, run by an interpreter of classic BPF
 *
 * The reference predicate below reads the same frame in plain C.  As root every kind of
 * program is also loaded, so that the kernel's checker has seen it.
 *
 * Links: core/rules/steer.c
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/rules/steer.h"
#include "tests/unit/core/bpf_fixture.h"
#include "tests/unit/core/steer_fixture.h"

/* --- reference --- */

enum verdict { WANTED, UNWANTED, FOREIGN, TAGGED };

static uint32_t word(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static enum verdict reference(const struct sample *s, const struct steer_want *wants, size_t n)
{
	const uint32_t link = s->link == LINK_ETHERNET ? ETHER : 0;
	const uint8_t *ip = s->bytes + link;
	uint32_t port_at, port = 0;

	if ((s->vlan && (s->tci & 0xfff)) || s->protocol == ETH_P_8021Q ||
	    s->protocol == ETH_P_8021AD)
		return TAGGED;
	if (s->protocol != ETH_P_IP || s->len < link + 20 || ip[9] != 17)
		return FOREIGN;
	port_at = (ip[0] & 0xfu) * 4 + 2;
	if (((ip[6] << 8 | ip[7]) & 0x3fff) == 0 && link + port_at + 2 <= s->len)
		port = (uint32_t)(ip[port_at] << 8 | ip[port_at + 1]);
	for (size_t i = 0; i < n; i++)
		if (wants[i].group == word(ip + 16) && (port == 0 || wants[i].port == port))
			return WANTED;
	return UNWANTED;
}

/* --- programs --- */

#define ROOM 8 /* instructions beyond the end, which stay as they were */

struct programs {
	struct sock_filter wanted[BPF_MAXINSNS + ROOM], ipv4_udp[STEER_SMALL_MAX],
		foreign[STEER_SMALL_MAX], vlan[STEER_SMALL_MAX], counting[STEER_SMALL_MAX];
	unsigned n_wanted, n_ipv4_udp, n_foreign, n_vlan, n_counting;
	bool exact;
};

static struct programs p;

static void make_programs(enum link_layer link, const struct steer_want *wants, size_t n,
			  unsigned max)
{
	struct steer_want *copy = calloc(n + 1, sizeof(*copy));
	static const struct sock_filter untouched[ROOM];

	assert_non_null(copy);
	memset(&p.wanted[max], 0, sizeof(untouched));
	memcpy(copy, wants, n * sizeof(*copy));
	p.n_wanted = steer_filter(link, 0, copy, n, p.wanted, max, &p.exact);
	assert_memory_equal(&p.wanted[max], untouched, sizeof(untouched));
	p.n_ipv4_udp = steer_filter_ipv4_udp(link, 0, p.ipv4_udp);
	p.n_foreign = steer_filter_foreign(link, p.foreign);
	p.n_vlan = steer_filter_vlan(p.vlan);
	p.n_counting = steer_counting(p.counting);
	assert_true(p.n_wanted <= max && p.n_ipv4_udp <= STEER_SMALL_MAX &&
		    p.n_foreign <= STEER_SMALL_MAX && p.n_vlan <= STEER_SMALL_MAX &&
		    p.n_counting <= STEER_SMALL_MAX);
	free(copy);
}

/* The frame as a fan-out program sees it: without its link layer. */
static struct sample inside(const struct sample *s)
{
	struct sample in = *s;

	if (s->link == LINK_ETHERNET) {
		in.link = LINK_RAW_IP;
		in.len -= ETHER;
		memmove(in.bytes, in.bytes + ETHER, sizeof(in.bytes) - ETHER);
	}
	return in;
}

/* Which of the counting programs passes the frame; exactly one does, as the group's says. */
static enum steer_count counted_as(const struct sample *s)
{
	const bool passes[STEER_COUNTS] = {
		[COUNT_IPV4_UDP] = bpf_run(p.ipv4_udp, p.n_ipv4_udp, s) != 0,
		[COUNT_VLAN] = bpf_run(p.vlan, p.n_vlan, s) != 0,
		[COUNT_FOREIGN] = bpf_run(p.foreign, p.n_foreign, s) != 0,
	};
	enum steer_count as = STEER_COUNTS;

	for (enum steer_count i = COUNT_VLAN; i < STEER_COUNTS; i++) {
		if (passes[i] && as != STEER_COUNTS)
			fail_msg("two counting programs pass a frame of %u bytes", s->len);
		if (passes[i])
			as = i;
	}
	if (as == STEER_COUNTS)
		fail_msg("no counting program passes a frame of %u bytes", s->len);
	if (s->link != LINK_ETHERNET || s->len >= ETHER) {
		const struct sample in = inside(s);

		assert_int_equal(bpf_run(p.counting, p.n_counting, &in), as);
	}
	return as;
}

/* One counting program passes the frame; the prefilter passes what the reference says. */
static void check(const struct sample *s, const struct steer_want *wants, size_t n)
{
	const enum verdict want = reference(s, wants, n);
	const bool wanted = bpf_run(p.wanted, p.n_wanted, s) != 0;
	const enum steer_count as = counted_as(s);
	const bool ipv4_udp = as == COUNT_IPV4_UDP;

	if ((as == COUNT_FOREIGN) != (want == FOREIGN) || (as == COUNT_VLAN) != (want == TAGGED))
		fail_msg("frame of %u bytes: counted as %d, reference says %d", s->len, as, want);
	if (wanted && !ipv4_udp)
		fail_msg("a wanted frame of %u bytes is not counted", s->len);
	if (p.exact ? wanted != (want == WANTED) : wanted != ipv4_udp)
		fail_msg("frame of %u bytes: wanted %d, reference says %d", s->len, wanted, want);
}

/* Groups a few apart, so that neighbours of each are unwanted; ports 1000.. of each. */
static size_t make_wants(struct steer_want *wants, unsigned groups, unsigned ports)
{
	size_t n = 0;

	for (unsigned g = 0; g < groups; g++)
		for (unsigned i = 0; i < ports; i++)
			wants[n++] =
				(struct steer_want){0xefff0000u + g * 3, (uint16_t)(1000 + i * 2)};
	for (size_t i = n; i > 1; i--) { /* any order will do */
		const size_t j = rng() % i;
		const struct steer_want t = wants[i - 1];

		wants[i - 1] = wants[j];
		wants[j] = t;
	}
	return n;
}

/* Every wanted pair and its neighbours in group and port. */
static void check_neighbours(enum link_layer link, const struct steer_want *wants, size_t n)
{
	const size_t stride = n > 400 ? n / 400 : 1;

	for (size_t i = 0; i < n; i += stride) {
		for (int g = -1; g <= 1; g++) {
			for (int d = -1; d <= 1; d++) {
				const struct sample s =
					sample_of(link, wants[i].group + (uint32_t)g,
						  (uint16_t)(wants[i].port + d), 5, 60);

				check(&s, wants, n);
			}
		}
	}
}

static void exact_programs(void **state)
{
	static const struct {
		unsigned groups, ports;
		bool exact;
	} sizes[] = {
		{0, 0, true},    {1, 1, true},     {2, 1, true},     {3, 1, true},
		{50, 1, true},   {300, 1, true},   {450, 1, true},   {780, 1, true},
		{1, 199, true},  {1, 200, true},   {1, 201, true},   {1, 400, true},
		{1, 401, true},  {1, 450, true},   {2, 450, true},   {3, 201, true},
		{50, 3, true},   {1, 3900, true},  {1, 4090, false}, {50, 450, false},
		{850, 1, false}, {5000, 1, false}, {40, 80, true},   {51, 1, true},
		{52, 1, true},   {1, 251, true},   {1, 252, true},   {2, 124, true},
		{2, 123, true},  {150, 20, true},
	};
	static struct steer_want wants[50 * 450];

	for (enum link_layer link = LINK_ETHERNET; link < LINK_LAYERS; link++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			const size_t n = make_wants(wants, sizes[i].groups, sizes[i].ports);

			make_programs(link, wants, n, BPF_MAXINSNS);
			if (p.exact != sizes[i].exact)
				fail_msg("%u groups, %u ports: exact %d (%u instructions)",
					 sizes[i].groups, sizes[i].ports, p.exact, p.n_wanted);
			check_neighbours(link, wants, n);
		}
	}
}

/*
 * Sockets behind the kernel path get the frames that it has left, whatever other bits are set:
 * those with the mark if they are for others, those without it if they are not.
 */
static void mark_and_packet_type_decide(void **state)
{
	enum { MARK = 0x400 };
	static const struct {
		uint32_t mark;
		bool for_others, passes;
	} frames[] = {
		{0, false, true},
		{MARK, false, false},
		{~(uint32_t)MARK, false, true},
		{0, true, false},
		{UINT32_MAX, false, false},
		{MARK, true, true},
		{~(uint32_t)MARK, true, false},
		{UINT32_MAX, true, true},
	};
	struct steer_want want = {0xefff0000u, 1000};
	struct sock_filter exact[100], coarse[STEER_SMALL_MAX];
	bool is_exact;

	for (enum link_layer link = LINK_ETHERNET; link < LINK_LAYERS; link++) {
		const unsigned n = steer_filter(link, MARK, &want, 1, exact, 100, &is_exact),
			       m = steer_filter_ipv4_udp(link, MARK, coarse);

		assert_true(is_exact);
		for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
			struct sample s = sample_of(link, want.group, want.port, 5, 60);

			s.mark = frames[i].mark;
			s.for_others = frames[i].for_others;
			assert_int_equal(bpf_run(exact, n, &s) != 0, frames[i].passes);
			assert_int_equal(bpf_run(coarse, m, &s) != 0, frames[i].passes);
		}
	}
}

/* One group with many ports among many with one: an uneven search tree. */
static void uneven_tree(void **state)
{
	static struct steer_want wants[1000];

	for (unsigned where = 0; where < 3; where++) {
		size_t n = make_wants(wants, 100, 1);
		const uint32_t group = 0xefff0000u + 3 * (where * 99 / 2);

		for (unsigned i = 0; i < 500; i++)
			wants[n++] = (struct steer_want){group, (uint16_t)(2000 + i)};
		memcpy(&wants[n], wants, 100 * sizeof(*wants)); /* and duplicates */
		n += 100;
		make_programs(LINK_ETHERNET, wants, n, BPF_MAXINSNS);
		assert_true(p.exact);
		check_neighbours(LINK_ETHERNET, wants, n);
	}
}

/* Every room from nothing to enough gives a program that runs. */
static void room(void **state)
{
	struct steer_want wants[40 * 3];
	const size_t n = make_wants(wants, 40, 3);
	unsigned needed;

	make_programs(LINK_ETHERNET, wants, n, BPF_MAXINSNS);
	needed = p.n_wanted;
	assert_true(p.exact);
	for (unsigned max = p.n_ipv4_udp; max <= needed + 2; max++) {
		make_programs(LINK_ETHERNET, wants, n, max);
		assert_int_equal(p.exact, max >= needed);
		check_neighbours(LINK_ETHERNET, wants, n);
	}
}

/* Frames of every length, with any header length, any fragment field, any bytes. */
static void random_frames(void **state)
{
	static struct steer_want wants[30];
	size_t n = make_wants(wants, 10, 3);

	for (enum link_layer link = LINK_ETHERNET; link < LINK_LAYERS; link++) {
		make_programs(link, wants, n, BPF_MAXINSNS);
		for (uint32_t i = 0; i < 300000; i++) {
			const struct steer_want *w = &wants[rng() % n];
			const unsigned ihl = rng() % 4 ? 5 : rng() % 16;
			struct sample s = sample_of(link, w->group, w->port, ihl, i % 101);
			const unsigned kind = rng() % 16;
			uint8_t *ip = s.bytes + (link == LINK_ETHERNET ? ETHER : 0);

			s.tci = (uint16_t)(rng() % 2 ? rng() : rng() << 12);
			if (kind == 0 || kind == 15)
				s.vlan = true;
			if (kind == 15 && rng() % 4 == 0)
				s.protocol = rng() % 2 ? ETH_P_8021Q : ETH_P_8021AD;
			else if (kind == 1)
				s.protocol = (uint16_t)rng();
			else if (kind == 2)
				ip[9] = (uint8_t)rng();
			else if (kind < 5)
				ip[6] = (uint8_t)rng();
			else if (kind < 8)
				ip[rng() % 64] ^= (uint8_t)(1 << rng() % 8);
			else if (kind == 8)
				for (unsigned b = 0; b < sizeof(s.bytes); b++)
					s.bytes[b] = (uint8_t)rng();
			check(&s, wants, n);
		}
	}
}

/* Kinds of frames that the random ones hardly reach: each once, with the expected verdict. */
static void kinds(void **state)
{
	static const struct steer_want wants[] = {{0xef010101, 5000}};
	struct sample s;

	make_programs(LINK_ETHERNET, wants, 1, BPF_MAXINSNS);
	s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 5, 60);
	assert_int_equal(reference(&s, wants, 1), WANTED);
	check(&s, wants, 1);
	s = sample_of(LINK_ETHERNET, 0xef010101, 5001, 5, 60);
	assert_int_equal(reference(&s, wants, 1), UNWANTED);
	check(&s, wants, 1);
	s.bytes[ETHER + 6] = 0x20; /* a fragment passes whatever its "port" */
	assert_int_equal(reference(&s, wants, 1), WANTED);
	check(&s, wants, 1);
	s = sample_of(LINK_ETHERNET, 0xef010102, 5000, 5, 60);
	s.bytes[ETHER + 6] = 0x20; /* but not of another group */
	assert_int_equal(reference(&s, wants, 1), UNWANTED);
	check(&s, wants, 1);
	s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 15, ETHER + 60 + 4);
	assert_int_equal(reference(&s, wants, 1), WANTED);
	check(&s, wants, 1);
	s = sample_of(LINK_ETHERNET, 0xef010101, 5001, 15, ETHER + 60 + 3); /* no port to be seen */
	assert_int_equal(reference(&s, wants, 1), WANTED);
	check(&s, wants, 1);
	s.vlan = true; /* a priority tag is no VLAN tag */
	s.tci = 0xf000;
	assert_int_equal(reference(&s, wants, 1), WANTED);
	check(&s, wants, 1);
	s.tci = 0x0001;
	assert_int_equal(reference(&s, wants, 1), TAGGED);
	check(&s, wants, 1);
	s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 5, 60);
	s.vlan = true; /* with another tag inside */
	s.protocol = ETH_P_8021Q;
	assert_int_equal(reference(&s, wants, 1), TAGGED);
	check(&s, wants, 1);
	s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 5, ETHER + 19);
	assert_int_equal(reference(&s, wants, 1), FOREIGN);
	check(&s, wants, 1);
}

/* A frame that the interface sends passes no program, whatever it is. */
static void leaving(void **state)
{
	static const struct steer_want wants[] = {{0xef010101, 5000}};

	for (enum link_layer link = LINK_ETHERNET; link < LINK_LAYERS; link++) {
		struct sample s[] = {
			sample_of(link, 0xef010101, 5000, 5, 60), /* wanted */
			sample_of(link, 0xef010102, 5000, 5, 60),
			sample_of(link, 0xef010101, 5000, 5, 60), /* tagged, see below */
			sample_of(link, 0xe0000016, 0, 6, 54),    /* an IGMP report, see below */
		};

		s[2].vlan = true;
		s[2].tci = 1;
		s[3].bytes[(link == LINK_ETHERNET ? ETHER : 0) + 9] = IPPROTO_IGMP;
		make_programs(link, wants, 1, BPF_MAXINSNS);
		for (size_t i = 0; i < sizeof(s) / sizeof(s[0]); i++) {
			check(&s[i], wants, 1);
			s[i].leaves = true;
			assert_int_equal(bpf_run(p.wanted, p.n_wanted, &s[i]), 0);
			assert_int_equal(bpf_run(p.ipv4_udp, p.n_ipv4_udp, &s[i]), 0);
			assert_int_equal(bpf_run(p.vlan, p.n_vlan, &s[i]), 0);
			assert_int_equal(bpf_run(p.foreign, p.n_foreign, &s[i]), 0);
		}
	}
}

/* A frame passes whole: the longest super-datagram is 65,535 bytes of IP behind Ethernet. */
static void passes_whole(void **state)
{
	static const struct steer_want wants[] = {{0xef010101, 5000}};
	const struct sample s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 5, 60);

	make_programs(LINK_ETHERNET, wants, 1, BPF_MAXINSNS);
	assert_true(bpf_run(p.wanted, p.n_wanted, &s) >= ETHER + 65535);
}

static void refuse_all_refuses(void **state)
{
	struct sock_filter prog[STEER_SMALL_MAX];
	const unsigned n = steer_filter_refuse_all(prog);
	const struct sample s = sample_of(LINK_ETHERNET, 0xef010101, 5000, 5, 60);

	assert_int_equal(bpf_run(prog, n, &s), 0);
}

static void attach(int sock, struct sock_filter *prog, unsigned n, const char *what)
{
	const struct sock_fprog f = {.len = (unsigned short)n, .filter = prog};
	int ret = setsockopt(sock, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof(f));

	/* ENOMEM: above net.core.optmem_max, for which the coarse program is there. */
	if (ret < 0 && errno == ENOMEM && n > STEER_SMALL_MAX)
		print_message("%s: %u instructions exceed optmem_max here\n", what, n);
	else if (ret < 0)
		fail_msg("%s, %u instructions: %s", what, n, strerror(errno));
}

static void kernel_accepts(void **state)
{
	static const unsigned sizes[][2] = {{0, 0},   {1, 1},   {3, 1},   {50, 1},
					    {1, 450}, {300, 1}, {450, 1}, {780, 1}};
	static struct steer_want wants[1000];
	static const uint8_t others[] = {1, 3, 0};
	struct sock_filter small[STEER_SMALL_MAX], fanout[STEER_FANOUT_MAX];
	int sock = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (sock < 0 && (errno == EPERM || errno == EACCES || errno == EAFNOSUPPORT)) {
		print_message("skipped: no packet socket: %s\n", strerror(errno));
		skip();
	}
	assert_true(sock >= 0);
	for (enum link_layer link = LINK_ETHERNET; link < LINK_LAYERS; link++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			const size_t n = make_wants(wants, sizes[i][0], sizes[i][1]);

			make_programs(link, wants, n, BPF_MAXINSNS);
			attach(sock, p.wanted, p.n_wanted, "wanted");
		}
		attach(sock, p.ipv4_udp, p.n_ipv4_udp, "ipv4_udp");
		attach(sock, p.foreign, p.n_foreign, "foreign");
		attach(sock, p.vlan, p.n_vlan, "vlan");
		attach(sock, p.counting, p.n_counting, "counting");
		attach(sock, small, steer_filter_refuse_all(small), "nothing");
		attach(sock, fanout, steer_fanout(STEER_RULE, others, 3, fanout), "fanout");
		attach(sock, fanout, steer_fanout(STEER_CPU, others, 3, fanout), "fanout by CPU");
	}
	close(sock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_programs),
		cmocka_unit_test(mark_and_packet_type_decide),
		cmocka_unit_test(uneven_tree),
		cmocka_unit_test(room),
		cmocka_unit_test(random_frames),
		cmocka_unit_test(kinds),
		cmocka_unit_test(leaving),
		cmocka_unit_test(passes_whole),
		cmocka_unit_test(refuse_all_refuses),
		cmocka_unit_test(kernel_accepts),
	};

	rng_state = 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
