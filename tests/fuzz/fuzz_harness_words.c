// SPDX-License-Identifier: MIT
/*
 * fuzz_harness_words.c - sizes, percentages, rates, addresses and names of labs from any text are
 * refused, or within their bounds
 *
 * Links: harness/traffic/sizespec.c harness/mcrlab/impair_text.c harness/lab/name.c
 * Links: harness/topology/topology.c
 * Links: harness/topology/find.c harness/base/jsonread.c harness/base/jsonpath.c
 * Links: harness/base/decimal.c
 */
#include <string.h>

#include "harness/lab/name.h"
#include "harness/link/impair.h"
#include "harness/mcrlab/impair_text.h"
#include "harness/topology/topology.h"
#include "harness/traffic/payload.h"
#include "harness/traffic/sizespec.h"

#include "tests/fuzz/fuzz.h"

static void check_sizes(const char *text)
{
	struct sizespec spec;

	if (sizespec_parse(&spec, text))
		return;
	MUST(spec.n_ranges >= 1 && spec.n_ranges <= SIZESPEC_MAX_ITEMS);
	MUST(spec.period >= spec.n_ranges);
	MUST(spec.min_bytes <= spec.max_bytes && spec.max_bytes <= PAYLOAD_MAX_BYTES);
	for (uint64_t i = 0; i < 100; i++) {
		uint32_t size = sizespec_at(&spec, i);

		MUST(size >= spec.min_bytes && size <= spec.max_bytes);
		MUST(size == sizespec_at(&spec, i + spec.period));
	}
}

static void check_impairments(const char *text)
{
	uint32_t millionths;
	uint64_t bytes_per_s;

	if (impair_parse_percent(text, &millionths) == 0)
		MUST(millionths <= IMPAIR_MILLION);
	if (impair_parse_rate(text, &bytes_per_s) == 0)
		MUST(bytes_per_s == 0 || (bytes_per_s >= 1000 && bytes_per_s <= UINT32_MAX));
}

static void check_address(const char *text, bool with_prefix)
{
	struct topo_address address;

	if (topology_parse_address(&address, text, with_prefix))
		return;
	MUST(address.family == AF_INET || address.family == AF_INET6);
	MUST(address.prefix_bits <= (address.family == AF_INET ? 32 : 128));
	MUST(!strcmp(address.text, text));
	MUST(!strchr(text, '/') == !with_prefix);
}

static void check_name(const char *text)
{
	struct lab_name_address address;

	if (lab_name_address(&address, text))
		return;
	MUST(address.length <= sizeof(address.sun));
	MUST(address.sun.sun_path[0] == '\0' && !strpbrk(text, "/ \n"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_sizes(text);
	check_impairments(text);
	check_address(text, false);
	check_address(text, true);
	check_name(text);
	free(text);
	return 0;
}
