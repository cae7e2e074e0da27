// SPDX-License-Identifier: MIT
/* sampler.c - rounds in parts, so that no client waits for one */
#include "daemon/control/sampler.h"

#include <time.h>

#include "core/base/clock.h"
#include "core/base/counters.h"
#include "core/rules/ruleset.h"
#include "daemon/control/kernel_counters.h"
#include "daemon/control/netif.h"
#include "daemon/control/state.h"

#define ROUND_NS    NS_PER_S
#define PART_SERIES 4096 /* under a millisecond */

/* Of a process by its id, as clock_getcpuclockid(3) makes it, without the system call. */
static clockid_t cpu_clock_of(int32_t pid)
{
	return (clockid_t)(~(uint32_t)pid << 3 | 2);
}

static uint64_t cpu_time_of(int32_t pid)
{
	struct timespec t;

	if (pid <= 0 || clock_gettime(cpu_clock_of(pid), &t) < 0)
		return 0;
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static void sample_cpus(struct control *c)
{
	struct control_sampler *s = &c->sampler;

	for (unsigned w = 0; w < c->workers; w++) {
		const int32_t pid = c->worker[w].running ? c->worker[w].pid : 0;

		s->cpu_before_ns[w] = pid == s->cpu_pid[w] ? s->cpu_ns[w] : 0;
		s->cpu_ns[w] = cpu_time_of(pid);
		s->cpu_pid[w] = pid;
	}
}

int control_sampled_cpu(const struct control *c, unsigned worker)
{
	const struct control_sampler *s = &c->sampler;
	const struct traffic_clock *k = &s->clock;
	const uint64_t ns = k->at_ns[k->round % TRAFFIC_ROUNDS_KEPT] -
			    k->at_ns[(k->round - 1) % TRAFFIC_ROUNDS_KEPT];

	if (!s->cpu_before_ns[worker] || s->cpu_ns[worker] < s->cpu_before_ns[worker] || !ns)
		return -1;
	return (int)((s->cpu_ns[worker] - s->cpu_before_ns[worker]) * 1000 / ns);
}

static struct traffic_count count_rule(const struct control *c, const struct ruleset_entry *e)
{
	struct traffic_count sum = {0};

	for (unsigned w = 0; w < c->workers; w++) {
		const struct stats_page *p = &c->stats.worker[w];
		uint64_t packets, bytes;

		if (!p->mem || statpage_sample_rule(p->mem, p->size_bytes, e->slot, e->incarnation,
						    &packets, &bytes) < 0)
			continue;
		sum.packets += packets;
		sum.bytes += bytes;
	}
	if (c->kernel_path.map)
		kernel_map_count_rule(c->kernel_path.map, e->slot, e->incarnation, &sum.packets,
				      &sum.bytes);
	return sum;
}

static struct traffic_count count_output(const struct control *c, const struct ruleset_entry *e,
					 unsigned i)
{
	struct traffic_count sum = {0};
	struct egress_counters kernel = {0};

	for (unsigned w = 0; w < c->workers; w++) {
		const struct stats_page *p = &c->stats.worker[w];
		uint64_t packets, bytes;

		if (!p->mem ||
		    statpage_sample_output(p->mem, p->size_bytes, e->output_slots[i],
					   e->output_incarnations[i], &packets, &bytes) < 0)
			continue;
		sum.packets += packets;
		sum.bytes += bytes;
	}
	if (c->kernel_path.map)
		kernel_map_count_output(c->kernel_path.map, e->output_slots[i],
					e->output_incarnations[i], &kernel);
	sum.packets += kernel.sent;
	sum.bytes += kernel.bytes;
	return sum;
}

static void sample_rule(struct control *c, const struct ruleset_entry *e)
{
	struct control_sampler *s = &c->sampler;
	struct traffic_count n = count_rule(c, e);

	traffic_take(&s->rule[e->slot], &s->clock, &c->heartbeat->rule[e->slot], e->incarnation,
		     &n);
	for (unsigned i = 0; i < e->rule.n_outputs; i++) {
		const uint32_t slot = e->output_slots[i];

		n = count_output(c, e, i);
		traffic_take(&s->output[slot], &s->clock, &c->heartbeat->output[slot],
			     e->output_incarnations[i], &n);
	}
}

void control_sampler_start(struct control *c, uint64_t now_ns)
{
	traffic_clock_init(&c->sampler.clock, now_ns);
	c->sampler.next_ns = c->sampler.due_ns = now_ns + ROUND_NS;
	c->sampler.at = SIZE_MAX;
}

/* From when it was due, so that rounds do not drift; those that are missed are left out. */
static void begin_round(struct control *c, uint64_t now_ns)
{
	struct control_sampler *s = &c->sampler;

	traffic_round(&s->clock, now_ns);
	s->at = 0;
	s->due_ns += ROUND_NS;
	if (s->due_ns <= now_ns)
		s->due_ns = now_ns + ROUND_NS;
	sample_cpus(c);
	for (uint32_t i = 0; i < MCR_MAX_IFACES; i++) {
		const struct rec_iface *f = &c->rec.iface[i];

		if (f->used && !f->deleted && f->inputs)
			control_netif_ask_stats(&c->netif, f->ifindex);
	}
}

/* Rules that are added or removed between two parts may be missed in this round. */
void control_sampler_tick(struct control *c, uint64_t now_ns)
{
	struct control_sampler *s = &c->sampler;
	const size_t count = ruleset_count(c->rules);
	unsigned series = 0;

	if (now_ns < s->next_ns)
		return;
	if (now_ns >= s->due_ns)
		begin_round(c, now_ns);
	for (; s->at < count && series < PART_SERIES; s->at++) {
		const struct ruleset_entry *e = ruleset_at(c->rules, s->at);

		sample_rule(c, e);
		series += 1 + e->rule.n_outputs;
	}
	s->next_ns = s->at < count ? 0 : s->due_ns;
}

void control_sampled_rule(const struct control *c, const struct ruleset_entry *e,
			  struct sampled *out)
{
	const struct traffic_seen *seen = &c->heartbeat->rule[e->slot];

	*out = (struct sampled){0};
	traffic_rates(&c->sampler.rule[e->slot], &c->sampler.clock, e->incarnation, &out->rates);
	if (seen->owner != e->incarnation)
		return;
	out->first_ns = seen->first_ns;
	out->last_ns = seen->last_ns;
	out->gap_ns = seen->gap_ns;
}

void control_sampled_output(const struct control *c, const struct ruleset_entry *e, unsigned i,
			    struct sampled *out)
{
	const uint32_t slot = e->output_slots[i];
	const struct traffic_seen *seen = &c->heartbeat->output[slot];

	*out = (struct sampled){0};
	traffic_rates(&c->sampler.output[slot], &c->sampler.clock, e->output_incarnations[i],
		      &out->rates);
	if (seen->owner != e->output_incarnations[i])
		return;
	out->first_ns = seen->first_ns;
	out->last_ns = seen->last_ns;
	out->gap_ns = seen->gap_ns;
}
