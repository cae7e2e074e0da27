// SPDX-License-Identifier: MIT
/*
 * test_relay_bpf_fuzz.c - both paths of the relay judge the same frames
 *
 *                 .--> relay.bpf.c --> copies
 *   random frame -+                                 the same rule, the same bytes
 *                 '--> frame.c, match.c --> rule, payload
 *
 * Of what the user path relays the program leaves IP options, payload behind the datagram and
 * packets above the MTU, and rules that are the user path's.  It relays nothing that the user
 * path drops, but for a wrong UDP checksum, which stays as wrong.  MCR_FUZZ_SEED chooses other
 * frames.
 *
 * Links: daemon/priv/bpf.c core/relay/frame.c core/relay/match.c core/relay/match_build.c
 * Links: core/relay/limiter.c core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c
 */
#include "tests/unit/daemon/relay_bpf_fixture.h"

#ifdef MCR_HAVE_BPF

#include <stdlib.h>

#include "core/relay/frame.h"
#include "tests/unit/core/table_fixture.h"

#define FRAMES   1000
#define MTU      1200
#define GROUP    0xef010101u /* and those that follow */
#define SOURCE   0x0a090909u
#define VNET     FRAME_VNET_BYTES
#define MAX_BODY 1300

static const struct table_output outputs[] = {
	{.iface = 1, .group = 0xef020202, .source = 0xc0000201, .port = 6000, .ttl = 8, .dscp = 34},
	{.iface = 2, .group = 0xef020203, .source = 0xc0000202, .port = 5000, .ttl = 1},
	{.iface = 1, .group = 0xefffffff, .source = 0xc0000201, .port = 1, .ttl = 255, .dscp = 63},
};

/* Rule i is of the kernel path, but for the last. */
static const struct table_rule rules[] = {
	{.group = GROUP, .port = 5000, .n_outputs = 1, .outputs = outputs},
	{.group = GROUP, .source = SOURCE, .port = 5000, .n_outputs = 3, .outputs = outputs},
	{.group = GROUP, .port = 5001, .n_outputs = 2, .outputs = outputs + 1},
	{.group = GROUP + 1,
	 .source = SOURCE + 1,
	 .port = 5000,
	 .n_outputs = 2,
	 .outputs = outputs},
	{.group = GROUP + 2, .port = 5000, .n_outputs = 1, .outputs = outputs},
};
#define RULES     (sizeof(rules) / sizeof(rules[0]))
#define USER_RULE (RULES - 1)

static struct match_table *table;
static struct worker_page *page;
static uint64_t seed = 1;

/* xorshift64* (Marsaglia, Vigna). */
static unsigned random_below(unsigned n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned)((seed * 0x2545f4914f6cdd1du) >> 33) % n;
}

/* --- rules --- */

static struct kernel_path_output encoded(const struct table_output *o, unsigned slot)
{
	struct kernel_path_output out = output_to(o->iface - 1, slot, "0.0.0.0");

	out.source = htonl(o->source);
	out.group = htonl(o->group);
	out.port = htons(o->port);
	out.ttl = o->ttl;
	out.tos = (uint8_t)(o->dscp << 2);
	return out;
}

static void put_in_map(unsigned i)
{
	const struct table_rule *r = &rules[i];
	struct kernel_path_key key = {.ifindex = IN_IFINDEX,
				      .group = htonl(r->group),
				      .source = htonl(r->source),
				      .port = htons(r->port)};
	uint64_t ref = i == USER_RULE ? KERNEL_PATH_REF_USER : KERNEL_PATH_REF_RELAY | (1 + i);

	blocks[1 + i].key = key;
	blocks[1 + i].slot = i;
	blocks[1 + i].iface = 0;
	blocks[1 + i].n_outputs = r->n_outputs;
	blocks[1 + i].mtu = MTU;
	for (unsigned k = 0; k < r->n_outputs; k++)
		blocks[1 + i].output[k] = encoded(&r->outputs[k], 10 * i + k);
	if (!r->source) {
		set_ref(&key, ref | KERNEL_PATH_REF_SOURCES);
		return;
	}
	set_ref(&key, ref);
	key.source = 0;
	/* That its group has sources. */
	if (bpf_map_lookup_elem(bpf.rules, &key, &ref) < 0)
		set_ref(&key, KERNEL_PATH_REF_SOURCES);
}

static int prepare(void **state)
{
	const char *chosen = getenv("MCR_FUZZ_SEED");

	if (chosen)
		seed = strtoull(chosen, NULL, 10) * 2 + 1;
	page = calloc(1, sizeof(*page));
	table = page ? table_build(rules, RULES, 1, page, NULL) : NULL;
	return table ? 0 : -1;
}

/* --- random frames --- */

static void sum_again(struct frame *f, bool ip, bool udp)
{
	uint8_t *at = f->bytes + ETH_HLEN;

	if (ip)
		put16(at + 10, ip_checksum(at));
	if (udp && get16(at + 24) >= 8 && f->len >= ETH_HLEN + 20u + get16(at + 24))
		put16(at + 26, udp_checksum(at));
}

static unsigned random_payload(void)
{
	switch (random_below(4)) {
	case 0:
		return random_below(MAX_BODY);
	case 1: /* around the MTU */
		return MTU - 28 - 1 + random_below(3);
	default: /* with padding */
		return random_below(40);
	}
}

static struct frame likely_frame(void)
{
	struct frame f = stream_frame(random_payload());
	uint8_t *ip = f.bytes + ETH_HLEN;

	ip[8] = (uint8_t)random_below(256);
	put16(ip + 14, (SOURCE & 0xffff) + random_below(3));
	put16(ip + 18, (GROUP & 0xffff) + random_below(2) * random_below(4));
	put16(ip + 22, 5000 + random_below(2) * random_below(3));
	sum_again(&f, true, true);
	if (random_below(10) == 0)
		put16(ip + 26, 0);
	return f;
}

static void damage(struct frame *f)
{
	/* The destination address decides for whom the kernel takes it to be. */
	const unsigned from = ETH_ALEN, headers = ETH_HLEN + 28 - from;

	switch (random_below(8)) {
	case 0:
		f->bytes[from + random_below(headers)] = (uint8_t)random_below(256);
		break;
	case 1:
		f->bytes[from + random_below(headers)] ^= (uint8_t)(1 << random_below(8));
		break;
	case 2:
		f->len -= random_below(f->len - ETH_HLEN - 20);
		break;
	case 3:
		f->len += random_below(60);
		break;
	case 4:
		put16(f->bytes + ETH_HLEN + 2, 20 + random_below(f->len));
		break;
	case 5:
		put16(f->bytes + ETH_HLEN + 24, random_below(f->len));
		break;
	case 6:
		with_options(f);
		break;
	case 7:
		*f = divided(f, random_below(4));
		break;
	}
}

static struct frame random_frame(void)
{
	struct frame f = likely_frame();

	for (unsigned n = random_below(3); n > 0; n--)
		damage(&f);
	sum_again(&f, random_below(4) != 0, random_below(4) != 0);
	return f;
}

/* --- what the user path says --- */

struct verdict {
	const struct match_rule *rule; /* NULL: it relays nothing */
	struct frame_view view;
	enum drop_reason why;
};

/* @trusting: the UDP checksum is not looked at (virtio 1.2, 5.1.6: VIRTIO_NET_HDR_F_DATA_VALID). */
static struct verdict judge(const struct frame *f, bool trusting)
{
	static uint8_t bytes[VNET + FRAME_MAX];
	struct verdict v = {0};

	memset(bytes, 0, VNET);
	bytes[0] = trusting ? 2 : 0;
	memcpy(bytes + VNET, f->bytes, f->len);
	if (frame_parse(bytes, VNET + f->len, LINK_ETHERNET, &v.view, &v.why))
		v.rule = match_lookup(table, 0, v.view.source_be, v.view.group_be, v.view.port);
	return v;
}

/* Of a datagram that the user path relays: is it the kernel path's? */
static bool is_for_kernel(const struct verdict *v, const struct frame *f)
{
	const uint8_t *ip = f->bytes + ETH_HLEN;

	return v->rule->slot != USER_RULE && ip[0] == 0x45 &&
	       get16(ip + 2) == 28 + v->view.payload_bytes && get16(ip + 2) <= MTU;
}

/* By how much the checksum misses, as a sum of RFC 1071: 0xffff when it is good. */
static unsigned udp_residue(const struct frame *f)
{
	const uint8_t *ip = f->bytes + ETH_HLEN;
	const unsigned len = get16(ip + 24);

	return sum_words(sum_words(17 + len, ip + 12, 8), ip + 20, len);
}

static struct frame copy_of(const struct frame *in, const struct verdict *v, unsigned output)
{
	const struct snapshot_output *o = &v->rule->outputs[output].rec;
	struct frame f = stream_frame(v->view.payload_bytes);
	uint8_t *ip = f.bytes + ETH_HLEN;
	const uint32_t source = addr_ipv4_be(&o->source), group = addr_ipv4_be(&o->group);

	f = translated(&f, "0.0.0.0", o->ttl);
	ip[1] = (uint8_t)(o->dscp << 2);
	memcpy(ip + 12, &source, 4);
	memcpy(ip + 16, &group, 4);
	memcpy(ip + 20, in->bytes + ETH_HLEN + 20, 2);
	put16(ip + 22, o->port);
	memcpy(ip + 28, v->view.payload, v->view.payload_bytes);
	return f;
}

static void check_copy(const struct frame *in, const struct verdict *v, unsigned output)
{
	const struct frame got = taken(v->rule->outputs[output].rec.iface - 1);
	struct frame want = copy_of(in, v, output);
	uint8_t *sum = want.bytes + ETH_HLEN + 26;
	const unsigned sum_in = get16(in->bytes + ETH_HLEN + 26);

	assert_int_equal(want.len, got.len);
	memcpy(sum, got.bytes + ETH_HLEN + 26, 2);
	assert_sent_as(want, &got);
	if (sum_in == 0)
		assert_int_equal(0, get16(sum));
	else
		assert_int_equal(udp_residue(in), udp_residue(&got));
}

/* Return: whether the program relays it. */
static bool check_frame(const struct frame *in)
{
	const struct run r = run(in, OTHER_MARKS);
	const bool relayed = r.mark & MARK;
	const struct verdict strict = judge(in, false), v = relayed ? judge(in, true) : strict;
	struct frame after = *in;

	assert_int_equal(PASS, r.verdict);
	if (relayed) {
		assert_non_null(v.rule);
		assert_true(is_for_kernel(&v, in));
		assert_true(strict.rule || strict.why == DROP_BAD_UDP_CHECKSUM);
		for (unsigned i = 0; i < v.rule->n_outputs; i++)
			check_copy(in, &v, i);
	} else {
		assert_true(!v.rule || !is_for_kernel(&v, in));
		if (get16(in->bytes + ETH_ALEN) == 0x024d && get16(in->bytes + 12) == ETH_P_IP)
			after.bytes[ETH_ALEN + 1] = 0;
	}
	assert_nothing_sent();
	if (relayed && after.len > ETH_HLEN + 28 + v.view.payload_bytes)
		after.len = ETH_HLEN + 28 + v.view.payload_bytes;
	assert_same_frame(&after, &r.after);
	return relayed;
}

static void both_paths_judge_the_same(void **state)
{
	unsigned relayed = 0;

	print_message("seed %llu\n", (unsigned long long)seed / 2);
	for (unsigned i = 0; i < RULES; i++)
		put_in_map(i);
	for (unsigned i = 0; i < FRAMES; i++) {
		const struct frame in = random_frame();

		relayed += check_frame(&in);
	}
	/* Neither all nor none, or it was no test. */
	assert_true(relayed > FRAMES / 5 && relayed < FRAMES * 4 / 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(both_paths_judge_the_same, clear),
	};

	RELAY_BPF_MAIN(tests, prepare);
}

#else

int main(void)
{
	puts("1..0 # SKIP built without clang or libbpf");
	return 0;
}

#endif
