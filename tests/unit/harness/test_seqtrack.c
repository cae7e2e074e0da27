// SPDX-License-Identifier: MIT
/*
 * test_seqtrack.c - sequence numbers: lost, duplicated, reordered, whatever the order of arrival
 *
 * Links: harness/traffic/seqtrack.c
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "harness/traffic/seqtrack.h"

#define END         UINT64_MAX
#define ROOM        (1ull << 20) /* bytes of bitmap */
#define FIRST_BYTES 512u         /* what a track takes for its first number */

static const struct {
	const char *name;
	uint64_t arrivals[16]; /* END at the end */
	uint64_t first, last, unique, lost, duplicated, reordered;
} cases[] = {
	{"one", {5, END}, 5, 5, 1, 0, 0, 0},
	{"in order", {0, 1, 2, 3, END}, 0, 3, 4, 0, 0, 0},
	{"a hole", {0, 1, 3, END}, 0, 3, 3, 1, 0, 0},
	{"a duplicate", {0, 1, 1, 2, END}, 0, 2, 3, 0, 1, 0},
	{"a late duplicate", {0, 1, 2, 0, END}, 0, 2, 3, 0, 1, 0},
	{"two swapped", {0, 2, 1, 3, END}, 0, 3, 4, 0, 0, 1},
	{"backwards", {9, 8, 7, END}, 7, 9, 3, 0, 0, 2},
	{"below the first word", {1000, 3, 64, 63, END}, 3, 1000, 4, 994, 0, 3},
	{"far ahead", {0, 1000000, END}, 0, 1000000, 2, 999999, 0, 0},
	{"far behind", {1000000, 0, 1000000, 0, END}, 0, 1000000, 2, 999999, 2, 1},
	{"word borders", {63, 64, 127, 128, 64, END}, 63, 128, 4, 62, 1, 0},
};

static void test_table(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct seqtrack track = {0};
		uint64_t room = ROOM;

		for (const uint64_t *seq = cases[i].arrivals; *seq != END; seq++)
			assert_int_equal(seqtrack_add(&track, *seq, &room), 0);
		if (track.first != cases[i].first || track.last != cases[i].last ||
		    track.unique != cases[i].unique || seqtrack_lost(&track) != cases[i].lost ||
		    track.duplicated != cases[i].duplicated ||
		    track.reordered != cases[i].reordered)
			fail_msg("%s: first %zu last %zu unique %zu lost %zu dup %zu reordered %zu",
				 cases[i].name, (size_t)track.first, (size_t)track.last,
				 (size_t)track.unique, (size_t)seqtrack_lost(&track),
				 (size_t)track.duplicated, (size_t)track.reordered);
		seqtrack_fini(&track);
	}
}

static void test_nothing_arrived(void **state)
{
	struct seqtrack track = {0};

	assert_int_equal(seqtrack_lost(&track), 0);
	seqtrack_fini(&track);
}

static void test_absurd_distance_is_refused_and_not_counted(void **state)
{
	struct seqtrack track = {0};
	struct seqtrack before;
	uint64_t room = UINT64_MAX;
	uint64_t room_before;

	assert_int_equal(seqtrack_add(&track, 1ull << 40, &room), 0);
	room_before = room;
	before = track;
	assert_int_equal(seqtrack_add(&track, 1ull << 50, &room), -ERANGE);
	assert_int_equal(seqtrack_add(&track, 7, &room), -ERANGE);
	assert_int_equal(seqtrack_add(&track, UINT64_MAX, &room), -ERANGE);
	assert_memory_equal(&track, &before, sizeof(track));
	assert_int_equal(room, room_before);
	seqtrack_fini(&track);
}

/* Numbers within the room, the last one that fits, the first that does not; up and down. */
static const struct {
	const char *name;
	uint64_t start, fits, too_far;
} rooms[] = {
	{"upwards", 0, ROOM * 8 - 1, ROOM * 8},
	{"downwards", ROOM * 8, ROOM * 8 - (ROOM - FIRST_BYTES) * 8, 0},
};

static void test_room(void **state)
{
	for (size_t i = 0; i < sizeof(rooms) / sizeof(*rooms); i++) {
		struct seqtrack track = {0};
		struct seqtrack other = {0};
		uint64_t room = ROOM;

		print_message("  %s\n", rooms[i].name);
		assert_int_equal(seqtrack_add(&track, rooms[i].start, &room), 0);
		assert_int_equal(room, ROOM - FIRST_BYTES);
		assert_int_equal(seqtrack_add(&track, rooms[i].too_far, &room), -ERANGE);
		assert_int_equal(room, ROOM - FIRST_BYTES);
		assert_int_equal(seqtrack_add(&track, rooms[i].fits, &room), 0);
		assert_int_equal(room, 0);
		/* No room is left for another one, and those that are there still count. */
		assert_int_equal(seqtrack_add(&other, 0, &room), -ERANGE);
		assert_int_equal(seqtrack_add(&track, rooms[i].start, &room), 0);
		assert_int_equal(track.duplicated, 1);
		assert_int_equal(track.unique, 2);
		seqtrack_fini(&track);
		seqtrack_fini(&other);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_nothing_arrived),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_absurd_distance_is_refused_and_not_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
