// SPDX-License-Identifier: MIT
/*
 * statpage.c - prepare pages, and read pages that somebody else may be writing
 *
 * Readers never keep a pointer into a page and never read a value twice: what was
 * checked is a private copy, which the writer cannot change afterwards.
 */
#include "core/base/statpage.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static_assert(sizeof(struct worker_page) % sizeof(uint64_t) == 0, "pages hold 64-bit words only");
static_assert(sizeof(struct iface_page) % sizeof(uint64_t) == 0, "pages hold 64-bit words only");
static_assert(sizeof(struct rule_counters) == 8 * sizeof(uint64_t), "64-bit words only");
static_assert(sizeof(struct egress_counters) == (6 + SEND_DROPS) * sizeof(uint64_t),
	      "64-bit words only");
static_assert(sizeof(struct ingress_counters) == (5 + DROP_REASONS) * sizeof(uint64_t),
	      "64-bit words only");

static_assert(offsetof(struct rule_counters, bytes) == 8, "matched, bytes");
static_assert(offsetof(struct egress_counters, sent) == 8 &&
		      offsetof(struct egress_counters, bytes) == 16,
	      "matched, sent, bytes");

static const char *const state_names[] = {
	[WORKER_STARTING] = "starting",
	[WORKER_RUNNING] = "running",
	[WORKER_DRAINING] = "draining",
};
static_assert(sizeof(state_names) / sizeof(state_names[0]) == WORKER_STATES, "a name each");

const char *worker_state_name(enum worker_state s)
{
	return (unsigned)s < WORKER_STATES ? state_names[s] : "?";
}

void worker_page_init(struct worker_page *p)
{
	p->size_bytes = sizeof(*p);
	p->state = WORKER_STARTING;
	/* The magic last: a reader that sees it sees a page that is ready. */
	__atomic_store_n(&p->magic, STATPAGE_WORKER_MAGIC, __ATOMIC_RELEASE);
}

void iface_page_init(struct iface_page *p)
{
	p->size_bytes = sizeof(*p);
	__atomic_store_n(&p->magic, STATPAGE_IFACE_MAGIC, __ATOMIC_RELEASE);
}

static uint64_t load(const volatile uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* @len_bytes: a multiple of eight; @to and @from are aligned to eight. */
static void copy_words(void *to, const volatile void *from, size_t len_bytes)
{
	const volatile uint64_t *words = from;
	uint64_t *out = to;

	for (size_t i = 0; i < len_bytes / sizeof(*out); i++)
		out[i] = load(&words[i]);
}

/* Both kinds of page begin with magic and size. */
static int check_page(const volatile void *page, size_t mapped_bytes, uint64_t magic,
		      size_t size_bytes)
{
	const volatile uint64_t *words = page;

	if (!page || (uintptr_t)page % sizeof(uint64_t) != 0 || mapped_bytes < size_bytes)
		return -EBADMSG;
	if (__atomic_load_n(&words[0], __ATOMIC_ACQUIRE) != magic || load(&words[1]) != size_bytes)
		return -EBADMSG;
	return 0;
}

static int check_worker_page(const volatile void *page, size_t mapped_bytes)
{
	return check_page(page, mapped_bytes, STATPAGE_WORKER_MAGIC, sizeof(struct worker_page));
}

int statpage_read_worker(const volatile void *page, size_t size_bytes, struct worker_summary *out)
{
	const volatile struct worker_page *p = page;
	struct worker_summary sum;
	uint64_t state;
	int ret;

	ret = check_worker_page(page, size_bytes);
	if (ret < 0)
		return ret;
	state = load(&p->state);
	if (state >= WORKER_STATES)
		return -EBADMSG;

	memset(&sum, 0, sizeof(sum));
	sum.state = (enum worker_state)state;
	sum.generation = load(&p->generation);
	sum.hash = load(&p->hash);
	sum.rules = load(&p->rules);
	sum.heartbeat_ns = load(&p->heartbeat_ns);
	sum.pid = load(&p->pid);
	sum.gso_fallbacks = load(&p->gso_fallbacks);
	sum.send_retries = load(&p->send_retries);
	sum.loops = load(&p->loops);
	copy_words(&sum.ingress, &p->ingress, sizeof(sum.ingress));
	copy_words(&sum.egress, &p->egress, sizeof(sum.egress));
	copy_words(sum.pool_buffers, p->pool_buffers, sizeof(sum.pool_buffers));
	copy_words(sum.pool_low, p->pool_low, sizeof(sum.pool_low));
	*out = sum;
	return 0;
}

/*
 * A slot changes hands while it is read: its counters count for @incarnation only
 * when that was written there before and after they were copied.
 */
static void copy_owned(void *to, const volatile void *from, size_t len_bytes,
		       const volatile uint64_t *owner, uint64_t incarnation)
{
	if (incarnation != 0 && __atomic_load_n(owner, __ATOMIC_ACQUIRE) == incarnation) {
		copy_words(to, from, len_bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (load(owner) == incarnation)
			return;
	}
	memset(to, 0, len_bytes);
}

static int check_slot(const volatile void *page, size_t mapped_bytes, uint32_t slot, uint32_t slots)
{
	const int ret = check_worker_page(page, mapped_bytes);

	if (ret < 0)
		return ret;
	return slot < slots ? 0 : -ERANGE;
}

int statpage_read_rule(const volatile void *page, size_t size_bytes, uint32_t slot,
		       uint64_t incarnation, struct rule_counters *out)
{
	const int ret = check_slot(page, size_bytes, slot, MCR_MAX_RULES);
	const volatile struct rule_slot *from;

	if (ret < 0)
		return ret;
	from = &((const volatile struct worker_page *)page)->rule[slot];
	copy_owned(out, &from->c, sizeof(*out), &from->incarnation, incarnation);
	return 0;
}

int statpage_read_output(const volatile void *page, size_t size_bytes, uint32_t slot,
			 uint64_t incarnation, struct egress_counters *out)
{
	const int ret = check_slot(page, size_bytes, slot, MCR_MAX_OUTPUTS);
	const volatile struct output_slot *from;

	if (ret < 0)
		return ret;
	from = &((const volatile struct worker_page *)page)->output[slot];
	copy_owned(out, &from->c, sizeof(*out), &from->incarnation, incarnation);
	return 0;
}

int statpage_sample_rule(const volatile void *page, size_t size_bytes, uint32_t slot,
			 uint64_t incarnation, uint64_t *matched, uint64_t *bytes)
{
	const int ret = check_slot(page, size_bytes, slot, MCR_MAX_RULES);
	const volatile struct rule_slot *from;
	uint64_t c[2]; /* matched, bytes */

	if (ret < 0)
		return ret;
	from = &((const volatile struct worker_page *)page)->rule[slot];
	copy_owned(c, &from->c, sizeof(c), &from->incarnation, incarnation);
	*matched = c[0];
	*bytes = c[1];
	return 0;
}

int statpage_sample_output(const volatile void *page, size_t size_bytes, uint32_t slot,
			   uint64_t incarnation, uint64_t *sent, uint64_t *bytes)
{
	const int ret = check_slot(page, size_bytes, slot, MCR_MAX_OUTPUTS);
	const volatile struct output_slot *from;
	uint64_t c[3]; /* matched, sent, bytes */

	if (ret < 0)
		return ret;
	from = &((const volatile struct worker_page *)page)->output[slot];
	copy_owned(c, &from->c, sizeof(c), &from->incarnation, incarnation);
	*sent = c[1];
	*bytes = c[2];
	return 0;
}

static bool before_is_possible(const struct iface_slot_stats *s)
{
	return s->before.delivered <= s->all.delivered &&
	       s->before.socket_queue <= s->all.socket_queue &&
	       s->before.not_matched <= s->all.not_matched &&
	       s->before.not_ipv4_udp <= s->all.not_ipv4_udp && s->before.vlan <= s->all.vlan;
}

static int check_iface(const volatile void *page, size_t size_bytes, uint32_t slot)
{
	const int ret =
		check_page(page, size_bytes, STATPAGE_IFACE_MAGIC, sizeof(struct iface_page));

	if (ret < 0)
		return ret;
	return slot < MCR_MAX_IFACES ? 0 : -ERANGE;
}

int statpage_read_softnet(const volatile void *page, size_t size_bytes, struct softnet_counts *out)
{
	const int ret = check_iface(page, size_bytes, 0);

	if (ret == 0)
		copy_words(out, &((const volatile struct iface_page *)page)->softnet, sizeof(*out));
	return ret;
}

int statpage_read_queue(const volatile void *page, size_t size_bytes, uint32_t slot,
			struct iface_queue *out)
{
	const int ret = check_iface(page, size_bytes, slot);
	const volatile struct iface_queue *from;

	if (ret < 0)
		return ret;
	from = &((const volatile struct iface_page *)page)->queue[slot];
	copy_words(out->before, from->before, sizeof(out->before));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	copy_words(out->all, from->all, sizeof(out->all));
	for (unsigned i = 0; i < MCR_MAX_WORKERS; i++)
		if (out->before[i] > out->all[i])
			out->before[i] = out->all[i];
	return 0;
}

int statpage_read_iface(const volatile void *page, size_t size_bytes, uint32_t slot,
			struct iface_slot_stats *out)
{
	const volatile struct iface_page *p = page;
	const volatile struct iface_slot_stats *from;
	int ret;

	ret = check_iface(page, size_bytes, slot);
	if (ret < 0)
		return ret;
	from = &p->slot[slot];
	out->ifindex = __atomic_load_n(&from->ifindex, __ATOMIC_ACQUIRE);
	copy_words(&out->before, &from->before, sizeof(out->before));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	copy_words(&out->all, &from->all, sizeof(out->all));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	/* Its owner is just changing, or the page is damaged: the counts belong to no device. */
	if (load(&from->ifindex) != out->ifindex || !before_is_possible(out))
		out->ifindex = 0;
	if (!out->ifindex)
		out->before = out->all;
	return 0;
}
