// SPDX-License-Identifier: MIT
/*
 * fuzz_recover.c - a worker takes over from one that left anything in its arena
 *
 * The arena of a worker that died in the midst of a batch is patched by the input: eight
 * bytes a patch, which name a place and what to write there.  The next worker must come
 * up, send what it makes of it, relay what arrives, and have every buffer back.
 *
 * Links: core/relay/guard.c daemon/worker/io.c daemon/worker/takeover.c core/relay/recover.c
 * Links: core/relay/journal.c core/relay/finished.c core/relay/refusal.c core/relay/relay.c
 * Links: core/relay/egress.c core/relay/egress_send.c core/relay/egress_done.c core/relay/match.c
 * Links: core/relay/match_build.c
 * Links: core/rules/snapshot.c core/rules/snapshot_parse.c core/base/addr.c core/relay/bufpool.c
 * Links: core/base/arena.c core/base/counters.c core/relay/frame.c core/relay/limiter.c
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/core/worker_fixture.h"

#define PATCH_BYTES 8
#define PATCHES_MAX 60
#define RULES       2
#define FRAMES      40u
#define FLUSHED     20u

static const struct table_output outs[] = {
	{.iface = 0, .group = FIXTURE_GROUP + 9, .port = 6000},
	{.iface = 1, .group = FIXTURE_GROUP + 9, .port = 6001, .divided = 2},
};

static const struct table_rule rules[RULES] = {
	{.group = FIXTURE_GROUP, .port = 5000, .division = {0, 9}, .n_outputs = 2, .outputs = outs},
	{.group = FIXTURE_GROUP,
	 .port = 5001,
	 .priority = RULE_PRIORITY_HIGH,
	 .n_outputs = 1,
	 .outputs = outs},
};

static const struct {
	size_t offset, bytes;
	bool ring; /* of the completion queue, not of the arena */
} places[] = {
	{0, sizeof(struct arena_header)},
	{ARENA_COMMIT_OFFSET(0), offsetof(struct arena_commit, finished)},
	{ARENA_COMMIT_OFFSET(0) + offsetof(struct arena_commit, finished), 256},
	{ARENA_COMMIT_OFFSET(0) + offsetof(struct arena_commit, saved), 1024},
	{ARENA_EVENTS_OFFSET, FRAMES * sizeof(struct arena_event)},
	{ARENA_BUFFERS_OFFSET, 256},
	{0, FAKE_CQES + 2 * FRAMES * sizeof(struct io_uring_cqe), true},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

static uint64_t recv_tag(void)
{
	const union ring_tag tag = {.kind = RING_RECV, .class = BUF_SUPER, .serial = 1};

	return tag.u64;
}

/* A receive of two datagrams into the super buffer of that number. */
static void fill(uint32_t bid, int32_t *res, uint32_t *flags)
{
	const struct fake_frame f = {.port = (uint16_t)(5000 + bid % 3),
				     .segment = 20,
				     .bytes = 40,
				     .division = bid % 4 ? 0 : 9};

	*res = (int32_t)make_frame(&f, (uint8_t *)arena + arena_buffers_offset(BUF_SUPER) +
					       bid * (size_t)BUF_SUPER_BYTES);
	*flags = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE | bid << IORING_CQE_BUFFER_SHIFT;
}

/* Twenty events are being sent, some of them are; twenty receives were not looked at. */
static void leave_a_batch(void)
{
	struct arena_header *h = arena;
	struct arena_commit *c = arena_commit(arena, ARENA_FIRST_EPOCH);
	struct io_uring_cqe *cqes = (void *)(ring_memory(0) + FAKE_CQES);
	uint32_t tail = FLUSHED;

	world->rings = 1;
	world->last = world->rings << 1;
	h->magic = ARENA_MAGIC;
	h->version = ARENA_VERSION;
	h->size_bytes = WORKER_ARENA_BYTES;
	h->epoch = ARENA_FIRST_EPOCH;
	c->ring = world->rings;
	c->segments_max = GSO_SEGMENTS_MAX;
	c->flush = FLUSHED;
	c->seen = (uint64_t)FLUSHED << 32 | FLUSHED;
	for (uint32_t i = 0; i < FLUSHED; i++) {
		struct arena_event *e = &arena_events(arena)[i];

		e->tag = recv_tag();
		fill(i, &e->res, &e->flags);
		if (i % 3 < RULES)
			e->outcome = (struct arena_outcome){.action = 1,
							    .admitted = 2,
							    .head = i % 3,
							    .n_outputs = 2 - i % 3 - (i % 12 == 0),
							    .priority = RULE_PRIORITY_HIGH};
	}
	for (uint32_t i = 0; i < 5; i++) {
		const union ring_tag tag = {.send_kind = RING_SEND, .datagrams = 4, .unit = i * 4};

		cqes[tail].user_data = tag.u64;
		cqes[tail++].res = i == 3 ? -EAGAIN : 80;
	}
	for (uint32_t i = FLUSHED; i < FRAMES; i++, tail++) {
		cqes[tail].user_data = recv_tag();
		fill(i, &cqes[tail].res, &cqes[tail].flags);
	}
	*(uint32_t *)(ring_memory(0) + FAKE_TAIL) = tail;
}

static void patch(const uint8_t p[PATCH_BYTES])
{
	const size_t place = p[0] % PLACES, bytes = 1u << (p[0] >> 6 & 1 ? 2 : 0);
	const size_t offset =
		((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]) % (places[place].bytes - bytes + 1);

	memcpy((places[place].ring ? rings : (uint8_t *)arena) + places[place].offset + offset,
	       p + 4, bytes);
}

/*
 * As before the first worker.  The memory that the last input left is large, so only the parts
 * that matter are cleared.
 */
static void reset(void)
{
	memset(&kernel, 0, sizeof(kernel));
	world_reset();
	memset(arena, 0, ARENA_BUFRING_OFFSET(2));
	memset(rings, 0, 2 * FAKE_RING);
	for (uint32_t i = 0; i < 8; i++)
		world->frames[i] =
			(struct fake_frame){.port = 5000, .segment = 20, .bytes = 40, .first = i};
	world->n_frames = 8;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct worker *w;
	uint32_t sent;

	if (!arena)
		world_make();
	if (size > PATCHES_MAX * PATCH_BYTES)
		return 0;
	reset();
	leave_a_batch();
	for (size_t at = 0; at + PATCH_BYTES <= size; at += PATCH_BYTES)
		patch(data + at);
	w = calloc(1, sizeof(*w));
	MUST(w);
	worker_start(w, rules, RULES);
	sent = world->n_sent;
	worker_run(w);
	/* Later datagrams go to both outputs, beside those that were left. */
	MUST(world->n_sent - sent >= 8 * 2 * 2);
	MUST(world->taken == world->n_frames && egress_settled(w->egress));
	for (enum buf_class c = BUF_SMALL; c < BUF_CLASSES; c++)
		MUST(w->pool.class[c].offered == w->pool.class[c].buffers);
	MUST(w->journal.header->attempts == 0 && !w->recovery);
	relay_free(w->relay);
	egress_free(w->egress);
	match_free(w->table);
	free(w);
	return 0;
}
