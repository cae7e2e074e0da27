// SPDX-License-Identifier: MIT
/*
 * fuzz_igmp.c - the text of /proc/net/igmp
 *
 * A first byte that is odd puts a heading and an interface before the input, because
 * guessing them takes a fuzzer too long.
 *
 * Links: daemon/supervisor/igmp_list.c
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/supervisor/igmp_list.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char before[] = "Idx\n7\teth0 :\n";
	size_t head = size && data[0] & 1 ? sizeof(before) - 1 : 0;
	struct igmp_list list = {0};
	char *text;

	if (!size)
		return 0;
	text = malloc(head + size);
	MUST(text);
	memcpy(text, before, head);
	memcpy(text + head, data + 1, size - 1);
	if (igmp_list_parse(text, head + size - 1, &list) == 0) {
		for (size_t i = 0; i < list.n; i++) {
			MUST(list.entries[i].ifindex);
			MUST(igmp_list_has(&list, list.entries[i].ifindex,
					   list.entries[i].group_be));
		}
	} else {
		MUST(!list.entries && !list.n);
	}
	igmp_list_fini(&list);
	free(text);
	return 0;
}
