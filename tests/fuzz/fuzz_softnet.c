// SPDX-License-Identifier: MIT
/*
 * fuzz_softnet.c - any text gives sums or none
 *
 * Links: daemon/supervisor/softnet.c
 */
#include <stdint.h>
#include <stdlib.h>

#include "core/base/statpage.h"
#include "daemon/supervisor/softnet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct softnet_counts n = {1, 2};

	if (softnet_parse((const char *)data, size, &n) < 0 && (n.dropped != 1 || n.squeezed != 2))
		abort();
	return 0;
}
