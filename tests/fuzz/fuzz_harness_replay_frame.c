// SPDX-License-Identifier: MIT
/*
 * fuzz_harness_replay_frame.c - a datagram of captured bytes lies inside its frame, or there is
 * none
 *
 * Links: harness/traffic/replay_frame.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "harness/traffic/replay_frame.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct replay_view view;

	if (!size || size > 65536)
		return 0;
	if (replay_frame_read(&view, data[0] % REPLAY_N_LINKS, data + 1, (uint32_t)size - 1) ==
		    REPLAY_DATAGRAM &&
	    ((uint64_t)view.offset + view.bytes > size - 1 || view.offset < 28))
		abort();
	return 0;
}
