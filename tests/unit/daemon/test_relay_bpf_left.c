// SPDX-License-Identifier: MIT
/*
 * test_relay_bpf_left.c - the program of the kernel path: what workers get, and damaged maps
 *
 * Links: daemon/priv/bpf.c
 */
#include "tests/unit/daemon/relay_bpf_fixture.h"

#ifdef MCR_HAVE_BPF

/* --- what is left to the user path --- */

static void last_fragment(struct frame *f)
{
	set_ip16(f, 6, 185);
}

static void cut_in_udp(struct frame *f)
{
	f->len = ETH_HLEN + 27;
}

static void cut_in_payload(struct frame *f)
{
	f->len -= 1;
}

static void other_port(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 22, 5001);
}

static void other_group(struct frame *f)
{
	set_ip16(f, 18, 0x0102);
}

static void wrong_ip_checksum(struct frame *f)
{
	f->bytes[ETH_HLEN + 10] ^= 1;
}

static void udp_longer_than_ip(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 24, 109);
}

static void udp_shorter_than_ip(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 24, 107);
}

static void no_room_for_udp(struct frame *f)
{
	put16(f->bytes + ETH_HLEN + 24, 7);
	set_ip16(f, 2, 27);
}

static void ip_length_zero(struct frame *f)
{
	set_ip16(f, 2, 0);
}

static void version_six(struct frame *f)
{
	f->bytes[ETH_HLEN] = 0x65;
}

static void protocol_tcp(struct frame *f)
{
	f->bytes[ETH_HLEN + 9] = 6;
	set_ip16(f, 4, 1);
}

static void not_ip(struct frame *f)
{
	put16(f->bytes + 12, 0x88f7);
}

static void above_the_mtu(struct frame *f)
{
	*f = stream_frame(1473);
}

static const struct {
	const char *name;
	void (*change)(struct frame *f);
	bool other_protocol; /* a test run leaves tags in the frame */
} others[] = {
	{"VLAN tag", tagged, .other_protocol = true},
	{"priority tag", priority_tagged, .other_protocol = true},
	{"first fragment", first_fragment},
	{"last fragment", last_fragment},
	{"IP options", with_options},
	{"cut in the UDP header", cut_in_udp},
	{"cut in the payload", cut_in_payload},
	{"other port", other_port},
	{"other group", other_group},
	{"wrong IP checksum", wrong_ip_checksum},
	{"UDP longer than IP", udp_longer_than_ip},
	{"UDP shorter than IP", udp_shorter_than_ip},
	{"no room for UDP", no_room_for_udp},
	{"IP length 0", ip_length_zero},
	{"IP version 6", version_six},
	{"TCP", protocol_tcp},
	{"not IP", not_ip, .other_protocol = true},
	{"above the MTU", above_the_mtu},
};

static void the_rest_is_left_to_the_user_path(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);

	put_rule(&key, 1, 5, 1, 1500, one_output);
	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct frame in = stream_frame(100);
		struct run r;

		others[i].change(&in);
		/* Another interface's program may have marked it. */
		r = run(&in, OTHER_MARKS | MARK);
		if (r.mark != OTHER_MARKS)
			print_error("%s: mark %#x\n", others[i].name, r.mark);
		assert_int_equal(PASS, r.verdict);
		assert_int_equal(OTHER_MARKS, r.mark);
		assert_same_frame(&in, &r.after);
		assert_nothing_sent();
	}
	assert_int_equal(0, lane_sum(KERNEL_PATH_TOTAL_IN, false));
}

/* --- sources --- */

static struct kernel_path_output second_output(unsigned i)
{
	return output_to(1, 78, "239.2.2.2");
}

static void a_source_goes_before_any_source(void **state)
{
	const struct kernel_path_key any = stream_key(NULL), one = stream_key("10.9.9.9"),
				     two = stream_key("10.9.9.8");
	const struct frame in = stream_frame(100);
	uint64_t ref = KERNEL_PATH_REF_RELAY | KERNEL_PATH_REF_SOURCES | 1;

	put_rule(&any, 1, 5, 1, 1500, one_output);
	put_rule(&one, 2, 6, 1, 1500, second_output);
	/* Not looked up before the flag is there. */
	run(&in, 0);
	assert_true(taken(0).len && !taken(1).len);
	set_ref(&any, ref);
	run(&in, 0);
	assert_true(!taken(0).len && taken(1).len);
	/* The user path has this source. */
	set_ref(&one, KERNEL_PATH_REF_USER);
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
	/* Another source than the rule's falls to the rule for any. */
	assert_int_equal(0, bpf_map_delete_elem(bpf.rules, &one));
	put_rule(&two, 2, 6, 1, 1500, second_output);
	run(&in, 0);
	assert_true(taken(0).len && !taken(1).len);
	/* There is no rule for any source. */
	set_ref(&any, KERNEL_PATH_REF_SOURCES);
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
}

/* --- divided rules --- */

/* The worker counts the frame as received and matched; the program counts its outputs. */
static void a_divided_frame_goes_on_to_a_worker(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100), handed_on = divided(&in, DIVISION);
	struct run r;

	put_rule(&key, 1, 5, 2, 1500, many_outputs);
	blocks[1].division = DIVISION;
	r = run(&in, OTHER_MARKS | MARK);
	assert_int_equal(PASS, r.verdict);
	assert_int_equal(OTHER_MARKS, r.mark);
	assert_same_frame(&handed_on, &r.after);
	for (unsigned i = 0; i < 2; i++) {
		const struct frame want = translated(&in, i ? "239.2.0.1" : "239.2.0.0", 8);
		const struct frame got = taken(i);

		assert_sent_as(want, &got);
		assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + i, false));
	}
	assert_nothing_sent();
	assert_int_equal(0, lane_sum(KERNEL_PATH_RULE_IN + 5, false));
	assert_int_equal(0, lane_sum(KERNEL_PATH_TOTAL_IN, false));
	assert_int_equal(0, lane_sum(KERNEL_PATH_TOTAL_FRAMES, false));
	assert_int_equal(0, lane_sum(KERNEL_PATH_IFACE_FRAMES + 3, false));
	assert_int_equal(2, lane_sum(KERNEL_PATH_TOTAL_FRAMES, true));
	assert_int_equal(2, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
}

/* Only the program says what it has served. */
static void a_division_is_not_taken_from_the_wire(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	struct frame plain = stream_frame(100), in, harmless;
	struct run r;

	for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		in = stream_frame(100);
		others[i].change(&in);
		in = divided(&in, DIVISION);
		harmless = in;
		if (!others[i].other_protocol)
			harmless.bytes[ETH_ALEN + 1] = 0;
		r = run(&in, MARK);
		assert_int_equal(0, r.mark);
		assert_same_frame(&harmless, &r.after);
	}
	/* All outputs are in the kernel: nothing reads it, and it stays. */
	in = divided(&plain, DIVISION);
	put_rule(&key, 1, 5, 1, 1500, one_output);
	r = run(&in, 0);
	assert_int_equal(MARK, r.mark);
	assert_same_frame(&in, &r.after);
	/* It is that of the block. */
	blocks[1].division = 7;
	plain = divided(&plain, 7);
	r = run(&in, 0);
	assert_same_frame(&plain, &r.after);
}

/* --- rules that consume --- */

#define CONSUMED 2 /* TC_ACT_SHOT */

static void a_frame_ends_behind_its_copies(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);
	struct frame got;
	struct run r;

	put_rule(&key, 1, 5, 1, 1500, one_output);
	blocks[1].flags = KERNEL_PATH_BLOCK_CONSUME;
	r = run(&in, 0);
	got = taken(0);
	assert_int_equal(CONSUMED, r.verdict);
	assert_sent_as(translated(&in, "239.2.2.2", 8), &got);
	assert_int_equal(1, lane_sum(KERNEL_PATH_RULE_IN + 5, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 77, false));
	/* Also when no device takes a copy. */
	blocks[1].output[0].ifindex = 4000;
	assert_int_equal(CONSUMED, run(&in, 0).verdict);
	assert_int_equal(1, drops(77, SEND_DROP_NO_INTERFACE));
}

/* The mark goes with the packet type of others, which a test run does not show. */
static void a_frame_for_workers_alone_is_marked(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100), large = stream_frame(1473);
	struct frame handed_on = divided(&in, DIVISION), forged = divided(&in, 1);
	struct run r;

	/* The user path has the rule. */
	set_ref(&key, KERNEL_PATH_REF_USER | KERNEL_PATH_REF_CONSUME);
	r = run(&in, OTHER_MARKS);
	assert_int_equal(PASS, r.verdict);
	assert_int_equal(OTHER_MARKS | MARK, r.mark);
	assert_same_frame(&in, &r.after);
	/* It is as untrue of such a frame that the kernel path has served outputs. */
	r = run(&forged, 0);
	assert_int_equal(MARK, r.mark);
	forged.bytes[ETH_ALEN + 1] = 0;
	assert_same_frame(&forged, &r.after);
	assert_nothing_sent();
	/* It has some outputs. */
	put_rule(&key, 1, 5, 1, 1500, one_output);
	blocks[1].flags = KERNEL_PATH_BLOCK_CONSUME;
	blocks[1].division = DIVISION;
	r = run(&in, 0);
	assert_int_equal(PASS, r.verdict);
	assert_int_equal(MARK, r.mark);
	assert_same_frame(&handed_on, &r.after);
	assert_true(taken(0).len);
	/* It gets a frame that is too large for the kernel path. */
	blocks[1].division = 0;
	r = run(&large, 0);
	assert_int_equal(PASS, r.verdict);
	assert_int_equal(MARK, r.mark);
	assert_same_frame(&large, &r.after);
	assert_nothing_sent();
}

/* Each rule consumes for itself: that for the source, or that for any. */
static void consuming_follows_the_match(void **state)
{
	const uint64_t user = KERNEL_PATH_REF_USER, consume = user | KERNEL_PATH_REF_CONSUME,
		       sources = KERNEL_PATH_REF_SOURCES;
	const struct {
		uint64_t any, of_source, of_other;
		uint32_t mark;
	} rows[] = {
		{consume, 0, 0, MARK},
		{user, 0, 0, 0},
		{consume | sources, 0, user, MARK},
		{consume | sources, user, consume, 0},
		{user | sources, consume, 0, MARK},
		{user | sources, 0, consume, 0},
		{sources, consume, user, MARK},
		{sources, user, consume, 0},
		{sources, 0, consume, 0},
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct kernel_path_key any = stream_key(NULL), one = stream_key("10.9.9.9"),
					     two = stream_key("10.9.9.8");
		const struct frame in = stream_frame(100);

		clear(NULL);
		set_ref(&any, rows[i].any);
		if (rows[i].of_source)
			set_ref(&one, rows[i].of_source);
		if (rows[i].of_other)
			set_ref(&two, rows[i].of_other);
		assert_int_equal(rows[i].mark, run(&in, OTHER_MARKS).mark & ~OTHER_MARKS);
	}
}

/* --- cost --- */

#define MANY_RULES 10000

/* The least of some means: nanoseconds that the program takes for a frame. */
static unsigned cost_ns(const struct frame *f)
{
	unsigned least = UINT32_MAX;

	for (unsigned i = 0; i < 15; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = f->bytes, .data_size_in = f->len,
			    .repeat = 10000);

		assert_int_equal(0, bpf_prog_test_run_opts(bpf.program, &opts));
		if (opts.duration < least)
			least = opts.duration;
	}
	return least;
}

/* It is looked up once, however many rules there are. */
static void an_unwanted_frame_costs_the_same_among_many_rules(void **state)
{
	struct kernel_path_key key = stream_key(NULL);
	struct frame in = stream_frame(100);
	unsigned one, many;

	other_port(&in);
	put_rule(&key, 1, 5, 1, 1500, one_output);
	one = cost_ns(&in);
	key.port = htons(6000);
	for (unsigned i = 0; i < MANY_RULES; i++) {
		key.group = htonl(0xef400000u + i);
		set_ref(&key, KERNEL_PATH_REF_RELAY | 1);
	}
	many = cost_ns(&in);
	for (unsigned i = 0; i < MANY_RULES; i++) {
		key.group = htonl(0xef400000u + i);
		assert_int_equal(0, bpf_map_delete_elem(bpf.rules, &key));
	}
	print_message("an unwanted frame: %u ns, among %u rules %u ns\n", one, MANY_RULES, many);
	assert_true(many < 2 * one);
}

/* --- damage and faults --- */

static struct kernel_path_output missing_device(unsigned i)
{
	struct kernel_path_output o = output_to(0, 70 + i, "239.2.2.2");

	if (i == 0)
		o.ifindex = 4000;
	return o;
}

static void a_copy_that_fails_is_counted(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);

	put_rule(&key, 1, 5, 2, 1500, missing_device);
	assert_int_equal(MARK, run(&in, 0).mark);
	assert_true(taken(0).len);
	assert_int_equal(1, drops(70, SEND_DROP_NO_INTERFACE));
	assert_int_equal(0, lane_sum(KERNEL_PATH_OUTPUT_SENT + 70, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_OUTPUT_SENT + 71, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_SENT, false));
	assert_int_equal(1, lane_sum(KERNEL_PATH_TOTAL_DROPS + SEND_DROP_NO_INTERFACE / 2, false));
}

/* An element of the hash map may be another key's by the time it is read. */
static void a_block_of_another_key_relays_nothing(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);

	put_rule(&key, 1, 5, 1, 1500, one_output);
	blocks[1].key.port = htons(5001);
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
}

static void nonsense_in_the_maps_is_bounded(void **state)
{
	const struct kernel_path_key key = stream_key(NULL);
	const struct frame in = stream_frame(100);

	put_rule(&key, 1, 5, 1, 1500, one_output);
	set_ref(&key, KERNEL_PATH_REF_RELAY | UINT32_MAX);
	assert_int_equal(0, run(&in, 0).mark);
	set_ref(&key, KERNEL_PATH_REF_RELAY | 1);
	blocks[1].n_outputs = UINT32_MAX;
	assert_int_equal(0, run(&in, 0).mark);
	blocks[1].n_outputs = 1;
	blocks[1].slot = UINT32_MAX;
	assert_int_equal(0, run(&in, 0).mark);
	blocks[1].slot = 5;
	blocks[1].iface = UINT32_MAX;
	assert_int_equal(0, run(&in, 0).mark);
	assert_nothing_sent();
	/* A chain that ends in itself, and one that leaves the array. */
	blocks[1].iface = 3;
	blocks[1].n_outputs = KERNEL_PATH_RULE_OUTPUTS;
	blocks[1].next = 1;
	assert_int_equal(MARK, run(&in, 0).mark);
	blocks[1].next = UINT32_MAX;
	assert_int_equal(MARK, run(&in, 0).mark);
	blocks[1].output[0].slot = UINT32_MAX;
	assert_int_equal(MARK, run(&in, 0).mark);
	/* A reason that there is not counts at the output, too. */
	clear(NULL);
	put_rule(&key, 1, 5, 1, 1500, one_output);
	blocks[1].output[0].hold = UINT8_MAX;
	assert_int_equal(MARK, run(&in, 0).mark);
	assert_int_equal(1, drops(77, SEND_DROP_OTHER));
	assert_nothing_sent();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_rest_is_left_to_the_user_path, clear),
		cmocka_unit_test_setup(a_source_goes_before_any_source, clear),
		cmocka_unit_test_setup(a_divided_frame_goes_on_to_a_worker, clear),
		cmocka_unit_test_setup(a_division_is_not_taken_from_the_wire, clear),
		cmocka_unit_test_setup(a_frame_ends_behind_its_copies, clear),
		cmocka_unit_test_setup(a_frame_for_workers_alone_is_marked, clear),
		cmocka_unit_test_setup(consuming_follows_the_match, clear),
		cmocka_unit_test_setup(an_unwanted_frame_costs_the_same_among_many_rules, clear),
		cmocka_unit_test_setup(a_copy_that_fails_is_counted, clear),
		cmocka_unit_test_setup(a_block_of_another_key_relays_nothing, clear),
		cmocka_unit_test_setup(nonsense_in_the_maps_is_bounded, clear),
	};

	RELAY_BPF_MAIN(tests, NULL);
}

#else

int main(void)
{
	puts("1..0 # SKIP built without clang or libbpf");
	return 0;
}

#endif
