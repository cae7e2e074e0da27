// SPDX-License-Identifier: MIT
/* filter.c - the prefilter of each input, made from what its rules want */
#include "daemon/control/filter.h"

#include <errno.h>
#include <linux/bpf_common.h>
#include <stdlib.h>
#include <string.h>

#include "core/rules/ruleset.h"
#include "core/rules/steer.h"
#include "daemon/common/log.h"
#include "daemon/common/memfd.h"
#include "daemon/control/iface.h"
#include "daemon/control/state.h"
#include "daemon/control/supervisor_channel.h"

/* The wants of all inputs, by slot: a counting sort of the rules. */
struct want_lists {
	struct steer_want *all;
	size_t first[MCR_MAX_IFACES + 1];
};

static int collect(const struct control *c, struct want_lists *w)
{
	size_t n = ruleset_count(c->rules);
	size_t at[MCR_MAX_IFACES + 1] = {0};
	uint32_t *slot = malloc((n + 1) * sizeof(*slot));

	w->all = calloc(n + 1, sizeof(*w->all));
	if (!slot || !w->all) {
		free(slot);
		free(w->all);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		slot[i] = control_iface_slot(c, ruleset_at(c->rules, i)->rule.input.interface);
		if (slot[i] != MCR_NO_SLOT)
			at[slot[i] + 1]++;
	}
	for (unsigned s = 0; s < MCR_MAX_IFACES; s++)
		at[s + 1] += at[s];
	memcpy(w->first, at, sizeof(at));
	for (size_t i = 0; i < n; i++) {
		const struct rule_input *in = &ruleset_at(c->rules, i)->rule.input;

		if (slot[i] == MCR_NO_SLOT)
			continue;
		w->all[at[slot[i]]].group = ntohl(addr_ipv4_be(&in->group));
		w->all[at[slot[i]]++].port = in->port;
	}
	free(slot);
	return 0;
}

static int by_want(const void *a, const void *b)
{
	const struct steer_want *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return (int)x->port - (int)y->port;
}

/* Sort, and drop duplicates (rules that differ in source only).  Return: how many are left. */
static size_t tidy(struct steer_want *w, size_t n)
{
	size_t kept = 0;

	qsort(w, n, sizeof(*w), by_want);
	for (size_t i = 0; i < n; i++) {
		if (!kept || by_want(&w[kept - 1], &w[i]) != 0)
			w[kept++] = w[i];
	}
	return kept;
}

static bool same_wants(const struct rec_iface *f, const struct steer_want *w, size_t n)
{
	if (f->n_wants != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (by_want(&f->wants[i], &w[i]) != 0)
			return false;
	}
	return true;
}

static void filter_set(void *ctx, const struct ipc_msg *request, int status, uint64_t value)
{
	struct control *c = ctx;
	struct rec_iface *f = &c->rec.iface[request->iface.slot];

	if (!f->used || f->gone || f->ifindex != request->iface.ifindex || !f->in_open)
		return;
	if (status == 0) {
		if (value && !f->coarse)
			log_msg(SEV_NOTICE, FAC_INGRESS,
				"a filter for %zu inputs is too long for the kernel: all UDP on %s "
				"reaches the workers",
				f->n_wants, f->name);
		f->coarse = value != 0;
		f->filter_error = 0;
		return;
	}
	f->filter_set = false;
	if (f->filter_error != status)
		log_msg(SEV_WARNING, FAC_INGRESS, "cannot set the filter of %s: %s", f->name,
			strerror(-status));
	f->filter_error = status;
	c->rec.failed = true;
}

/*
 * The prefilter into a memfd.  @wants may be reordered.  Where the kernel reassembles, all
 * IPv4 UDP is let through, so that nothing is left to count which no worker sees: the
 * counting sockets would see fragments.
 */
static int filter_file(const struct control *c, const struct rec_iface *f, struct steer_want *wants,
		       size_t n)
{
	const uint32_t mark = f->in_as.kernel_path ? c->kernel_path.mark : 0;
	static struct {
		struct filter_file head;
		struct sock_filter prog[BPF_MAXINSNS];
	} file;
	bool exact;

	if (f->in_as.defrag)
		file.head.n = steer_filter_ipv4_udp(f->link, mark, file.prog);
	else
		file.head.n =
			steer_filter(f->link, mark, wants, n, file.prog, BPF_MAXINSNS, &exact);
	return memfd_sealed("mcr-filter", &file,
			    sizeof(file.head) + file.head.n * sizeof(file.prog[0]));
}

static int send_filter(struct control *c, uint32_t slot, const struct steer_want *wants, size_t n)
{
	struct rec_iface *f = &c->rec.iface[slot];
	struct steer_want *copy = malloc((n + 1) * sizeof(*copy));
	struct steer_want *scratch = malloc((n + 1) * sizeof(*scratch));
	struct ipc_msg msg = {.type = IPC_SET_FILTER};
	int fd = -ENOMEM;

	if (copy && scratch) {
		memcpy(copy, wants, n * sizeof(*copy));
		memcpy(scratch, wants, n * sizeof(*copy));
		fd = filter_file(c, f, scratch, n);
	}
	free(scratch);
	if (fd < 0) {
		free(copy);
		return fd;
	}
	free(f->wants);
	f->wants = copy;
	f->n_wants = n;
	f->filter_set = true;
	msg.iface.slot = slot;
	msg.iface.ifindex = f->ifindex;
	control_super_request(&c->super, &msg, fd, filter_set, c);
	return 0;
}

int control_filter_update(struct control *c)
{
	struct want_lists lists;
	int ret = collect(c, &lists);

	for (uint32_t s = 0; s < MCR_MAX_IFACES && ret == 0; s++) {
		struct rec_iface *f = &c->rec.iface[s];
		struct steer_want *w = lists.all + lists.first[s];
		size_t n;

		if (!f->used || f->gone || !f->in_open)
			continue;
		n = tidy(w, lists.first[s + 1] - lists.first[s]);
		if (!f->filter_set || !same_wants(f, w, n))
			ret = send_filter(c, s, w, n);
	}
	if (ret != -ENOMEM)
		free(lists.all);
	return ret;
}
