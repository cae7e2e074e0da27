// SPDX-License-Identifier: MIT
/*
 * fuzz_statpage.c - no page content makes a reader fail in any way but its errno
 *
 * The page is too large to be fuzzed whole, so the input is a list of changes to a
 * valid page, at its head and in the slots, followed by reads of slots it names.
 *
 * Links: core/base/statpage.c
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/statpage.h"
#include "tests/fuzz/fuzz.h"

static void must(int promise)
{
	if (!promise)
		abort();
}

static void read_all(const void *mem, size_t len, uint32_t slot, uint64_t incarnation)
{
	struct worker_summary sum;
	struct rule_counters rule;
	struct egress_counters out;
	struct iface_slot_stats iface;
	struct iface_queue queue;
	int ret;

	ret = statpage_read_worker(mem, len, &sum);
	must(ret == 0 || ret == -EBADMSG);
	if (ret == 0)
		must((unsigned)sum.state < WORKER_STATES);
	ret = statpage_read_rule(mem, len, slot, incarnation, &rule);
	must(ret == 0 || ret == -EBADMSG || (ret == -ERANGE && slot >= MCR_MAX_RULES));
	must(ret != 0 || slot < MCR_MAX_RULES);
	ret = statpage_read_output(mem, len, slot, incarnation, &out);
	must(ret == 0 || ret == -EBADMSG || (ret == -ERANGE && slot >= MCR_MAX_OUTPUTS));
	must(ret != 0 || slot < MCR_MAX_OUTPUTS);
	ret = statpage_read_iface(mem, len, slot, &iface);
	must(ret == 0 || ret == -EBADMSG || (ret == -ERANGE && slot >= MCR_MAX_IFACES));
	must(ret != 0 || slot < MCR_MAX_IFACES);
	must(statpage_read_queue(mem, len, slot, &queue) == ret);
	for (unsigned w = 0; ret == 0 && w < MCR_MAX_WORKERS; w++)
		must(queue.before[w] <= queue.all[w]);
}

/* Undone after the read, because a fresh page for every input would be slow. */
static void with_changes(uint8_t *mem, size_t len, const uint8_t *data, size_t size)
{
	uint8_t head[sizeof(struct worker_page) - sizeof(((struct worker_page *)0)->rule) -
		     sizeof(((struct worker_page *)0)->output)];
	uint64_t incarnation;
	uint32_t slot;

	if (size < 12)
		return;
	memcpy(&slot, data, sizeof(slot));
	memcpy(&incarnation, data + 4, sizeof(incarnation));
	memcpy(head, mem, sizeof(head));
	for (size_t i = 12; i + 3 <= size; i += 3)
		mem[(data[i] | (size_t)data[i + 1] << 8) % sizeof(head)] = data[i + 2];
	read_all(mem, len, slot, incarnation);
	read_all(mem, len, slot % MCR_MAX_OUTPUTS, incarnation);
	memcpy(mem, head, sizeof(head));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct worker_page *worker;
	static struct iface_page *iface;
	uint64_t *exact;

	if (worker == NULL) {
		worker = calloc(1, sizeof(*worker));
		iface = calloc(1, sizeof(*iface));
		must(worker != NULL && iface != NULL);
		worker_page_init(worker);
		iface_page_init(iface);
	}
	with_changes((uint8_t *)worker, sizeof(*worker), data, size);
	with_changes((uint8_t *)iface, sizeof(*iface), data, size);
	/* A mapping that is too short: no more of it than there is may be read. */
	exact = malloc(size > 0 ? size : 1);
	memcpy(exact, data, size);
	read_all(exact, size, 0, 1);
	free(exact);
	return 0;
}
